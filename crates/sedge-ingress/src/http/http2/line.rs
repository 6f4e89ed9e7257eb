//! A stream whose bytes are another protocol's (RFC 8441).

use bytes::{Buf, Bytes};
use h2::{Reason, RecvStream, SendStream};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::oneshot;

/// The most that is written at once: what is copied waits in the stream's buffer.
const PIECE_BYTES_MAX: usize = 16 * 1024;

/// In the extensions of a `CONNECT`: where its stream will be once it is answered.
#[derive(Clone)]
pub(crate) struct Opening(Arc<Mutex<Option<oneshot::Receiver<StreamLine>>>>);

/// Who opens it.
pub(super) struct Opened(oneshot::Sender<StreamLine>);

impl Opening {
    pub(super) fn new() -> (Opened, Opening) {
        let (sender, receiver) = oneshot::channel();
        (Opened(sender), Opening(Arc::new(Mutex::new(Some(receiver)))))
    }

    /// What becomes of the stream, once; an error if it was answered in another way.
    pub(crate) fn take(&self) -> Option<oneshot::Receiver<StreamLine>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Opened {
    /// If nobody waits any longer, the stream is reset.
    pub(super) fn open(self, line: StreamLine) {
        let _ = self.0.send(line);
    }
}

/// The bytes of a stream. Dropped before both sides have ended, it resets the stream.
pub(crate) struct StreamLine {
    receiving: RecvStream,
    sending: SendStream<Bytes>,
    /// Received, and not yet read.
    rest: Bytes,
}

impl StreamLine {
    pub(super) fn new(receiving: RecvStream, sending: SendStream<Bytes>) -> Self {
        StreamLine { receiving, sending, rest: Bytes::new() }
    }
}

impl AsyncRead for StreamLine {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let me = &mut *self;
        while me.rest.is_empty() {
            match ready!(me.receiving.poll_data(cx)) {
                None => return Poll::Ready(Ok(())),
                Some(Ok(data)) => me.rest = data,
                // A client that has closed its side without another word.
                Some(Err(error))
                    if matches!(error.reason(), Some(Reason::NO_ERROR | Reason::CANCEL)) =>
                {
                    return Poll::Ready(Ok(()));
                }
                Some(Err(error)) => return Poll::Ready(Err(broken(error))),
            }
        }
        let count = me.rest.len().min(buffer.remaining());
        buffer.put_slice(&me.rest[..count]);
        me.rest.advance(count);
        // What was read makes room for more; of a stream that is over nobody needs it.
        let _ = me.receiving.flow_control().release_capacity(count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for StreamLine {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let sending = &mut self.sending;
        if let Poll::Ready(reset) = sending.poll_reset(cx) {
            return Poll::Ready(Err(reset.map_or_else(broken, |reason| broken(reason.into()))));
        }
        sending.reserve_capacity(bytes.len().min(PIECE_BYTES_MAX));
        let room = loop {
            match sending.capacity() {
                0 => match ready!(sending.poll_capacity(cx)) {
                    Some(Ok(_)) => {}
                    Some(Err(error)) => return Poll::Ready(Err(broken(error))),
                    None => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
                },
                room => break room,
            }
        };
        let count = room.min(bytes.len());
        let sent = sending.send_data(Bytes::copy_from_slice(&bytes[..count]), false);
        // Nothing is written that nobody has asked for, so nothing is held back either.
        sending.reserve_capacity(0);
        Poll::Ready(sent.map(|()| count).map_err(broken))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.sending.send_data(Bytes::new(), true).map_err(broken))
    }
}

fn broken(error: h2::Error) -> io::Error {
    match error.is_io() {
        true => error.into_io().unwrap_or_else(|| io::ErrorKind::BrokenPipe.into()),
        false => io::Error::other(error),
    }
}
