//! A TCP stream as hyper reads and writes it, counting what passes.

use super::connection::Connection;
use hyper::rt::{Read, ReadBufCursor, Write};
use std::cell::RefCell;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

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

pub(crate) struct Socket {
    stream: TcpStream,
    connection: Arc<Connection>,
    /// Bytes read to tell the protocol, given to hyper first.
    seen: [u8; PREFACE.len()],
    seen_bytes: usize,
    given_bytes: usize,
}

impl Socket {
    pub(crate) fn new(stream: TcpStream, connection: Arc<Connection>) -> Self {
        Socket { stream, connection, seen: [0; PREFACE.len()], seen_bytes: 0, given_bytes: 0 }
    }

    /// Reads until the first bytes tell which protocol the client speaks.
    pub(crate) fn poll_protocol(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Protocol>> {
        loop {
            let seen = &self.seen[..self.seen_bytes];
            if !PREFACE.starts_with(seen) {
                return Poll::Ready(Ok(Protocol::Http1));
            }
            if seen.len() == PREFACE.len() {
                return Poll::Ready(Ok(Protocol::Http2));
            }
            let mut free = ReadBuf::new(&mut self.seen[self.seen_bytes..]);
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut free))?;
            let read = free.filled().len();
            if read == 0 {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
            self.seen_bytes += read;
            self.connection.read.add(read as u64);
        }
    }

    /// Says a last word before the socket is dropped, if the client takes it at
    /// once.
    pub(crate) fn last_word(&self, answer: &[u8]) {
        let _ = self.stream.try_write(answer);
    }
}

impl Drop for Socket {
    /// The descriptor is about to be closed and may be reused at once: nobody
    /// may ask about it any more.
    fn drop(&mut self) {
        self.connection.forget_descriptor();
    }
}

impl Read for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let me = &mut *self;
        if me.given_bytes < me.seen_bytes {
            let rest = &me.seen[me.given_bytes..me.seen_bytes];
            let count = rest.len().min(buffer.remaining());
            buffer.put_slice(&rest[..count]);
            me.given_bytes += count;
            return Poll::Ready(Ok(()));
        }
        // SAFETY: the slice is only handed to `ReadBuf::uninit`, which never
        // writes uninitialized bytes into it.
        let mut unfilled = ReadBuf::uninit(unsafe { buffer.as_mut() });
        ready!(Pin::new(&mut me.stream).poll_read(cx, &mut unfilled))?;
        let read = unfilled.filled().len();
        // SAFETY: `filled` says that this many bytes from the start of the
        // unfilled part have been initialized.
        unsafe { buffer.advance(read) };
        me.connection.read.add(read as u64);
        Poll::Ready(Ok(()))
    }
}

impl Socket {
    fn note(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        self.connection.set_write_blocked(written.is_pending());
        if let Poll::Ready(Ok(bytes)) = &written {
            self.connection.written.add(*bytes as u64);
        }
        written
    }
}

impl Write for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.note(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let total: usize = parts.iter().map(|part| part.len()).sum();
        let written = if total <= FLAT_BYTES_MAX {
            FLAT.with_borrow_mut(|flat| {
                flat.clear();
                parts.iter().for_each(|part| flat.extend_from_slice(part));
                Pin::new(&mut self.stream).poll_write(cx, flat)
            })
        } else {
            Pin::new(&mut self.stream).poll_write_vectored(cx, parts)
        };
        self.note(written)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Whether the other side has closed the connection, or its sending half,
/// even if bytes that arrived before are still unread. Linux only; elsewhere
/// the answer is no.
pub(crate) fn is_closed_by_peer(descriptor: RawFd) -> bool {
    #[cfg(target_os = "linux")]
    {
        // Numbers of `enum tcp_state` in the kernel's `include/net/tcp_states.h`.
        const TCP_CLOSE: u8 = 7;
        const TCP_CLOSE_WAIT: u8 = 8;
        // `tcp_info` begins with the state; the kernel fills as much as fits.
        let mut state = 0u8;
        let mut size: libc::socklen_t = 1;
        // SAFETY: the pointers are to live variables, and `size` tells the
        // kernel to write one byte at most. A descriptor that is no socket
        // only makes the call fail.
        let failed = unsafe {
            libc::getsockopt(
                descriptor,
                libc::IPPROTO_TCP,
                libc::TCP_INFO,
                (&raw mut state).cast(),
                &raw mut size,
            )
        };
        failed == 0 && matches!(state, TCP_CLOSE | TCP_CLOSE_WAIT)
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = descriptor;
        false
    }
}

/// The descriptor by which [`is_closed_by_peer`] asks.
pub(crate) fn descriptor(stream: &TcpStream) -> RawFd {
    stream.as_raw_fd()
}
