//! Interim responses (RFC 9110 §15.2) on their way to the client.
//!
//! Handlers say them into a line ([`Interims`]), and this takes them out where the
//! protocol has room for them. HTTP/2 has a frame for them; to HTTP/1.1 they are written
//! past hyper, which has no way to send them, by the [`Interject`] between it and the
//! socket.

use super::response::strip_connection_fields;
use http::header::{CONTENT_LENGTH, SET_COOKIE, TRAILER};
use hyper::rt::{Read, ReadBufCursor, Write};
use sedge_model::handler::{Interim, Interims};
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, Waker, ready};

/// Where the line of the request is that is being answered, if it has one: one for a
/// connection with HTTP/1.1, one for a stream of HTTP/2.
#[derive(Default)]
pub(crate) struct Early {
    is_on: AtomicBool,
    line: Mutex<Option<Interims>>,
}

impl Early {
    /// A line for the request that begins.
    pub(crate) fn begin(&self, is_http2: bool) -> Interims {
        let line = Interims::new(is_http2);
        *self.line.lock().unwrap_or_else(PoisonError::into_inner) = Some(line.clone());
        self.is_on.store(true, Relaxed);
        line
    }

    /// The answer begins.
    pub(crate) fn end(&self) {
        self.is_on.store(false, Relaxed);
        *self.line.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// What is to be sent now, fit to be.
    pub(crate) fn take(&self, writer: &Waker) -> Vec<Interim> {
        if !self.is_on.load(Relaxed) {
            return Vec::new();
        }
        let line = self.line.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut taken = line.map(|line| line.take(writer)).unwrap_or_default();
        taken.iter_mut().for_each(fit);
        taken
    }
}

/// Fields about the connection are the gateway's, and an interim response has neither
/// content nor trailers. A cookie is the answer's to set: who guards an answer's cookies
/// sees no interim response.
fn fit(interim: &mut Interim) {
    strip_connection_fields(&mut interim.fields);
    for name in [CONTENT_LENGTH, TRAILER, SET_COOKIE] {
        interim.fields.remove(name);
    }
}

/// The socket of an HTTP/1.1 connection as hyper reads and writes it. hyper flushes it
/// only when it has nothing left to write itself. So whatever comes before the answer
/// that is being waited for has been written then, and of the answer nothing has: the
/// line is closed before its head is made.
pub(crate) struct Interject<'a, S> {
    socket: S,
    early: &'a Early,
    /// Interim responses, or what the socket has not taken of them yet. Until it has,
    /// nothing else may be written.
    begun: Vec<u8>,
    /// How much of them has been written.
    written: usize,
}

impl<'a, S: Write + Unpin> Interject<'a, S> {
    pub(crate) fn new(socket: S, early: &'a Early) -> Self {
        Interject { socket, early, begun: Vec::new(), written: 0 }
    }

    /// The socket, unless it is in the middle of an interim response.
    pub(crate) fn into_socket(self) -> Option<S> {
        self.begun.is_empty().then_some(self.socket)
    }

    fn poll_begun(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.written < self.begun.len() {
            let rest = &self.begun[self.written..];
            match ready!(Pin::new(&mut self.socket).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => self.written += count,
            }
        }
        (self.begun, self.written) = (Vec::new(), 0);
        Poll::Ready(Ok(()))
    }
}

/// An interim response of HTTP/1.1. Values of fields have no line breaks: `HeaderValue`
/// allows none.
fn encode(interim: &Interim, out: &mut Vec<u8>) {
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(interim.status.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(interim.status.canonical_reason().unwrap_or_default().as_bytes());
    out.extend_from_slice(b"\r\n");
    for (name, value) in &interim.fields {
        out.extend_from_slice(name.as_str().as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
}

impl<S: Read + Unpin> Read for Interject<'_, S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(cx, buffer)
    }
}

impl<S: Write + Unpin> Write for Interject<'_, S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if !self.begun.is_empty() {
            ready!(self.poll_begun(cx))?;
        }
        Pin::new(&mut self.socket).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if !self.begun.is_empty() {
            ready!(self.poll_begun(cx))?;
        }
        Pin::new(&mut self.socket).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let me = &mut *self;
        if me.early.is_on.load(Relaxed) {
            for interim in me.early.take(cx.waker()) {
                encode(&interim, &mut me.begun);
            }
        }
        if !me.begun.is_empty() {
            ready!(me.poll_begun(cx))?;
        }
        Pin::new(&mut me.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.begun.is_empty() {
            ready!(self.poll_begun(cx))?;
        }
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests;
