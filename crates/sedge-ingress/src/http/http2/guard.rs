//! The socket of an HTTP/2 connection, as hyper reads and writes it: what passes is
//! looked at, and a client that floods, or whose frames have wrong sizes, is told to go.

use super::flood::{Fault, Traffic};
use crate::http::connection::{Connection, Order};
use crate::http::exchange;
use crate::http::socket::Socket;
use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};
use sedge_model::failure::Kind;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

/// How long what a client that was told to go still sends is read and thrown away:
/// closing a connection with unread bytes resets it, and the client would never read
/// why (RFC 9112 §9.6 says it of HTTP/1.1; it is TCP's way).
const LINGER: Duration = Duration::from_millis(500);

/// A socket with its traffic.
pub(super) struct Guard {
    socket: Socket,
    connection: Arc<Connection>,
    traffic: Traffic,
    is_over: bool,
}

impl Guard {
    pub(super) fn new(socket: Socket, connection: Arc<Connection>) -> Self {
        let traffic = Traffic::new(&connection.core.options);
        Guard { socket, connection, traffic, is_over: false }
    }

    /// Tells the client to go, if it is between two frames, and nothing more.
    fn end(&mut self, fault: Fault, cx: &mut Context<'_>) {
        self.is_over = true;
        if let Fault::Flood(flood) = fault {
            self.connection.core.shard.http2.floods[flood as usize].add(1);
        }
        exchange::refused(&self.connection, Kind::BadRequest, fault.detail());
        if self.traffic.is_between() {
            let mut frame = vec![0, 0, 8, super::heads::kind::GOAWAY, 0, 0, 0, 0, 0];
            frame.extend(self.traffic.last_stream.to_be_bytes());
            frame.extend(fault.code().to_be_bytes());
            if let Poll::Ready(Ok(count)) = Pin::new(&mut self.socket).poll_write(cx, &frame) {
                self.traffic.written(&frame[..count], &self.connection.core.shard.http2);
            }
            let _ = Pin::new(&mut self.socket).poll_shutdown(cx);
        }
        let connection = Arc::clone(&self.connection);
        tokio::spawn(async move {
            tokio::time::sleep(LINGER).await;
            connection.order(Order::Cut, None);
        });
    }

    /// Reads and throws away, until the client has closed.
    fn linger(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut bytes = [0; 4096];
        let mut buffer = ReadBuf::new(&mut bytes);
        ready!(Pin::new(&mut self.socket).poll_read(cx, buffer.unfilled()))?;
        if buffer.filled().is_empty() {
            return Poll::Ready(Ok(()));
        }
        // One piece at a time, so that others get their turn.
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn note_written(&mut self, bytes: &[u8]) {
        let had_error = self.traffic.has_error;
        self.traffic.written(bytes, &self.connection.core.shard.http2);
        if self.traffic.has_error && !had_error && !self.is_over {
            self.connection.note_error();
        }
    }
}

impl Read for Guard {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut cursor: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let me = &mut *self;
        if me.is_over {
            return me.linger(cx);
        }
        // SAFETY: the slice is only handed to `ReadBuf::uninit`, which never writes
        // uninitialized bytes into it.
        let mut buffer = ReadBuf::uninit(unsafe { cursor.as_mut() });
        ready!(Pin::new(&mut me.socket).poll_read(cx, buffer.unfilled()))?;
        let read = buffer.filled();
        let was_mid_head = me.traffic.is_mid_head;
        let fault = me.traffic.read(read, &me.connection.core.shard.http2);
        if me.traffic.is_mid_head != was_mid_head {
            me.connection.set_mid_head(me.traffic.is_mid_head);
        }
        if let Some(fault) = fault {
            me.end(fault, cx);
            return me.linger(cx);
        }
        let count = read.len();
        // SAFETY: `filled` says that this many bytes from the start of the unfilled
        // part have been initialized.
        unsafe { cursor.advance(count) };
        Poll::Ready(Ok(()))
    }
}

impl Write for Guard {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let count = ready!(Pin::new(&mut self.socket).poll_write(cx, bytes))?;
        self.note_written(&bytes[..count]);
        Poll::Ready(Ok(count))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let count = ready!(Pin::new(&mut self.socket).poll_write_vectored(cx, parts))?;
        let mut left = count;
        for part in parts {
            let taken = left.min(part.len());
            self.note_written(&part[..taken]);
            left -= taken;
        }
        Poll::Ready(Ok(count))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}
