//! Bytes from one side to the other.

use bytes::{Buf, Bytes};
use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Read at one time.
const BYTES_MAX: usize = 16 * 1024;

thread_local! {
    /// What is read and can be written at once never leaves this, so that a
    /// connection that is idle, as most are, holds no buffer.
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; BYTES_MAX].into());
}

/// One of the two ways. A side that does not read holds its other side up: nothing
/// is read before what was read is written.
pub(super) struct Way {
    /// Read and not written yet.
    rest: Bytes,
    /// That have been written.
    pub(super) bytes: u64,
    has_ended: bool,
    is_over: bool,
}

/// Which side has broken.
#[derive(Debug)]
pub(super) enum Broken {
    From(io::Error),
    To(io::Error),
}

impl Way {
    /// Begins with what was read already.
    pub(super) fn new(read: Bytes) -> Self {
        Way { rest: read, bytes: 0, has_ended: false, is_over: false }
    }

    /// Moves what can be moved. Ready when the one side has ended and the other was
    /// told so; the way back may go on (half-close).
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        mut from: Pin<&mut (impl AsyncRead + ?Sized)>,
        mut to: Pin<&mut (impl AsyncWrite + ?Sized)>,
    ) -> Poll<Result<(), Broken>> {
        if self.is_over {
            return Poll::Ready(Ok(()));
        }
        loop {
            while self.rest.has_remaining() {
                let written = ready!(to.as_mut().poll_write(cx, &self.rest));
                let written = some(written).map_err(Broken::To)?;
                self.rest.advance(written);
                self.bytes += written as u64;
            }
            if self.has_ended {
                // A side that has left already cannot be told.
                let _: io::Result<()> = ready!(to.poll_shutdown(cx));
                self.is_over = true;
                return Poll::Ready(Ok(()));
            }
            match self.poll_once(cx, from.as_mut(), to.as_mut())? {
                Poll::Ready(()) => {}
                Poll::Pending => {
                    // What an encrypted side has gathered must leave.
                    if let Poll::Ready(Err(error)) = to.poll_flush(cx) {
                        return Poll::Ready(Err(Broken::To(error)));
                    }
                    return Poll::Pending;
                }
            }
        }
    }

    /// Reads once, and writes what the other side takes at once.
    fn poll_once(
        &mut self,
        cx: &mut Context<'_>,
        from: Pin<&mut (impl AsyncRead + ?Sized)>,
        mut to: Pin<&mut (impl AsyncWrite + ?Sized)>,
    ) -> Result<Poll<()>, Broken> {
        SCRATCH.with_borrow_mut(|scratch| {
            let mut buffer = ReadBuf::new(scratch);
            match from.poll_read(cx, &mut buffer) {
                Poll::Pending => return Ok(Poll::Pending),
                Poll::Ready(read) => read.map_err(Broken::From)?,
            }
            let mut read = buffer.filled();
            self.has_ended = read.is_empty();
            while !read.is_empty() {
                match to.as_mut().poll_write(cx, read) {
                    Poll::Ready(written) => {
                        let written = some(written).map_err(Broken::To)?;
                        self.bytes += written as u64;
                        read = &read[written..];
                    }
                    Poll::Pending => {
                        self.rest = Bytes::copy_from_slice(read);
                        break;
                    }
                }
            }
            Ok(Poll::Ready(()))
        })
    }
}

fn some(written: io::Result<usize>) -> io::Result<usize> {
    match written? {
        0 => Err(io::ErrorKind::WriteZero.into()),
        bytes => Ok(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex, split};

    async fn pass(
        way: &mut Way,
        from: &mut DuplexStream,
        to: &mut DuplexStream,
    ) -> Result<(), Broken> {
        poll_fn(|cx| way.poll(cx, Pin::new(&mut *from), Pin::new(&mut *to))).await
    }

    #[tokio::test]
    async fn a_side_that_has_left_is_told_from_the_other() {
        let (near, mut from) = duplex(64);
        let (mut to, far) = duplex(64);
        drop(far);
        let mut way = Way::new(Bytes::from_static(b"early"));
        assert!(matches!(pass(&mut way, &mut from, &mut to).await, Err(Broken::To(_))));
        assert_eq!(way.bytes, 0);
        drop(near);
    }

    #[tokio::test]
    async fn a_side_that_does_not_read_holds_the_other_up() {
        let (mut near, mut from) = duplex(64);
        let (mut to, far) = duplex(64);
        let mut way = Way::new(Bytes::new());
        let passing = tokio::spawn(async move {
            let passed = pass(&mut way, &mut from, &mut to).await;
            (passed.is_ok(), way.bytes)
        });
        // The one in hand, and what the two pipes hold.
        let mut taken = 0;
        while let Ok(Ok(bytes)) =
            tokio::time::timeout(std::time::Duration::from_millis(50), near.write(&[b'x'; 64]))
                .await
        {
            taken += bytes;
            assert!(taken <= 64 * 3 + BYTES_MAX, "nothing holds it up");
        }
        let (mut reader, _writer) = split(far);
        let reading = tokio::spawn(async move {
            let mut all = Vec::new();
            reader.read_to_end(&mut all).await.map(|_| all.len())
        });
        near.write_all(&[b'y'; 100_000]).await.expect("it goes on");
        near.shutdown().await.expect("the end");
        let sent = taken + 100_000;
        assert_eq!(reading.await.expect("no panic").expect("read"), sent);
        assert_eq!(passing.await.expect("no panic"), (true, sent as u64));
    }
}
