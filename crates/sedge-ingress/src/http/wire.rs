//! A TCP stream that counts what passes, and gives again what was read to learn
//! what the client speaks.

use super::connection::Connection;
use super::stable_pages;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;

pub(crate) struct Wire {
    stream: TcpStream,
    pub(crate) connection: Arc<Connection>,
    /// Read before anybody asked, given to the first who does.
    seen: Vec<u8>,
    given_bytes: usize,
}

impl Wire {
    pub(crate) fn new(stream: TcpStream, connection: Arc<Connection>) -> Self {
        Wire { stream, connection, seen: Vec::new(), given_bytes: 0 }
    }

    /// What was read ahead.
    pub(crate) fn seen(&self) -> &[u8] {
        &self.seen
    }

    /// Reads ahead, until `bytes_max` have been seen at most. The end of the
    /// stream is an error.
    pub(crate) fn poll_ahead(
        &mut self,
        cx: &mut Context<'_>,
        bytes_max: usize,
    ) -> Poll<io::Result<()>> {
        let before = self.seen.len();
        // In steps, so that a client that says little holds a small buffer.
        self.seen.resize(bytes_max.min(before + 2048), 0);
        let mut free = ReadBuf::new(&mut self.seen[before..]);
        let read = Pin::new(&mut self.stream).poll_read(cx, &mut free);
        let bytes = free.filled().len();
        self.seen.truncate(before + bytes);
        ready!(read)?;
        if bytes == 0 {
            return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
        }
        self.connection.read.add(bytes as u64);
        Poll::Ready(Ok(()))
    }

    /// Writes what the socket takes at once.
    pub(crate) fn try_write(&self, bytes: &[u8]) {
        let _ = self.stream.try_write(bytes);
    }

    fn note(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        self.connection.set_write_blocked(written.is_pending());
        if let Poll::Ready(Ok(bytes)) = &written {
            self.connection.written.add(*bytes as u64);
        }
        written
    }
}

impl Drop for Wire {
    /// The descriptor is about to be closed and may be reused at once: nobody
    /// may ask about it any more.
    fn drop(&mut self) {
        self.connection.forget_descriptor();
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let me = &mut *self;
        if me.given_bytes < me.seen.len() {
            let rest = &me.seen[me.given_bytes..];
            let count = rest.len().min(buffer.remaining());
            buffer.put_slice(&rest[..count]);
            me.given_bytes += count;
            if me.given_bytes == me.seen.len() {
                (me.seen, me.given_bytes) = (Vec::new(), 0);
            }
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut me.stream).poll_read(cx, buffer))?;
        me.connection.read.add((buffer.filled().len() - before) as u64);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
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
        let me = &mut *self;
        let pages = me.connection.core.options.stable_pages.as_ref();
        let written = match pages.and_then(|pages| pages.find(parts)) {
            Some(index) => {
                let (before, body) = (&parts[..index], &parts[index]);
                poll_send(&me.stream, cx, |socket| stable_pages::send(socket, before, body))
            }
            None => Pin::new(&mut me.stream).poll_write_vectored(cx, parts),
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

/// Sends by a system call that tokio does not know.
fn poll_send(
    stream: &TcpStream,
    cx: &mut Context<'_>,
    send: impl Fn(RawFd) -> io::Result<usize>,
) -> Poll<io::Result<usize>> {
    loop {
        ready!(stream.poll_write_ready(cx))?;
        match stream.try_io(Interest::WRITABLE, || send(stream.as_raw_fd())) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            sent => return Poll::Ready(sent),
        }
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
