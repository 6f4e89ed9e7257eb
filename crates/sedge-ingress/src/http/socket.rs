//! A client's stream as hyper reads and writes it, encrypted or not.

use super::connection::Connection;
use super::wire::Wire;
use hyper::rt::{Read, ReadBufCursor, Write};
use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// What an HTTP/2 client with prior knowledge sends first (RFC 9113 §3.4). No
/// HTTP/1 method begins like it: `PRI` is reserved for this.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Up to here, copying a head and its body together is cheaper than the
/// kernel's work on a list of buffers.
const FLAT_BYTES_MAX: usize = 4096;

thread_local! {
    /// Where they are joined; nothing stays here between two calls.
    static FLAT: RefCell<Vec<u8>> = RefCell::new(Vec::with_capacity(FLAT_BYTES_MAX));
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

pub(crate) enum Socket {
    Plain(Wire),
    Tls(Box<TlsStream<Wire>>),
}

impl Socket {
    pub(crate) fn plain(stream: TcpStream, connection: Arc<Connection>) -> Self {
        Socket::Plain(Wire::new(stream, connection))
    }

    /// Reads until it is known which protocol the client speaks: without TLS by
    /// its first bytes, with TLS by what was negotiated (RFC 9113 §3.3 allows no
    /// other way).
    pub(crate) fn poll_protocol(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Protocol>> {
        let wire = match self {
            Socket::Plain(wire) => wire,
            Socket::Tls(tls) => {
                let is_h2 = tls.get_ref().1.alpn_protocol() == Some(b"h2");
                return Poll::Ready(Ok(if is_h2 { Protocol::Http2 } else { Protocol::Http1 }));
            }
        };
        loop {
            if !PREFACE.starts_with(wire.seen()) {
                return Poll::Ready(Ok(Protocol::Http1));
            }
            if wire.seen().len() == PREFACE.len() {
                return Poll::Ready(Ok(Protocol::Http2));
            }
            ready!(wire.poll_ahead(cx, PREFACE.len()))?;
        }
    }

    /// Says a last word before the socket is dropped, if the client takes it at
    /// once.
    pub(crate) fn last_word(&mut self, answer: &[u8]) {
        match self {
            Socket::Plain(wire) => wire.try_write(answer),
            Socket::Tls(tls) => {
                // Nobody waits for it, so nobody needs to be woken.
                let cx = &mut Context::from_waker(Waker::noop());
                if Pin::new(&mut *tls).poll_write(cx, answer).is_ready() {
                    let _ = Pin::new(tls).poll_shutdown(cx);
                }
            }
        }
    }
}

/// Calls a method of whichever stream it is.
macro_rules! delegate {
    ($self:expr, $method:ident($($argument:expr),*)) => {
        match &mut *$self {
            Socket::Plain(wire) => Pin::new(wire).$method($($argument),*),
            Socket::Tls(tls) => Pin::new(tls).$method($($argument),*),
        }
    };
}

impl Read for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        // SAFETY: the slice is only handed to `ReadBuf::uninit`, which never
        // writes uninitialized bytes into it.
        let mut unfilled = ReadBuf::uninit(unsafe { buffer.as_mut() });
        ready!(delegate!(self, poll_read(cx, &mut unfilled)))?;
        let read = unfilled.filled().len();
        // SAFETY: `filled` says that this many bytes from the start of the
        // unfilled part have been initialized.
        unsafe { buffer.advance(read) };
        Poll::Ready(Ok(()))
    }
}

impl Write for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        delegate!(self, poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let total: usize = parts.iter().map(|part| part.len()).sum();
        if total > FLAT_BYTES_MAX {
            return delegate!(self, poll_write_vectored(cx, parts));
        }
        FLAT.with_borrow_mut(|flat| {
            flat.clear();
            parts.iter().for_each(|part| flat.extend_from_slice(part));
            delegate!(self, poll_write(cx, flat))
        })
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate!(self, poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate!(self, poll_shutdown(cx))
    }
}
