//! Frames of WebSocket (RFC 6455 §5) as a stream of the bytes in them.

use bytes::{Buf, BufMut, BytesMut};
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What is written as one message.
const MESSAGE_BYTES_MAX: usize = 16 << 10;
/// What may wait for the socket; a client that sends pings and reads nothing runs into it.
const OUT_BYTES_MAX: usize = 64 << 10;
/// A head has no more: two bytes, a length of eight, a mask of four.
const HEAD_BYTES_MAX: usize = 14;
const CONTROL_BYTES_MAX: u64 = 125;

const CONTINUATION: u8 = 0;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;
const FINAL: u8 = 0x80;

/// A server's side of a WebSocket.
pub(super) struct Frames<S> {
    inner: S,
    /// What was read and not looked at.
    input: BytesMut,
    out: BytesMut,
    /// What is left of the frame that is read.
    left: u64,
    mask: [u8; 4],
    /// How far into the mask the next byte is.
    at: usize,
    /// A message has begun that has not ended.
    is_open: bool,
    is_over: bool,
    has_closed: bool,
}

struct Head {
    bytes: usize,
    is_final: bool,
    opcode: u8,
    length: u64,
    mask: [u8; 4],
}

fn malformed(text: &'static str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, text)
}

/// The head of a frame; `None`: it is not all there.
fn head(input: &[u8]) -> io::Result<Option<Head>> {
    let [first, second, rest @ ..] = input else { return Ok(None) };
    if first & 0x70 != 0 {
        return Err(malformed("a frame uses an extension that was not agreed on"));
    }
    if second & 0x80 == 0 {
        return Err(malformed("a client's frame is not masked"));
    }
    let (length, rest, length_bytes) = match (second & 0x7f, rest) {
        (126, [a, b, rest @ ..]) => (u64::from(u16::from_be_bytes([*a, *b])), rest, 2),
        (127, [a, b, c, d, e, f, g, h, rest @ ..]) => {
            (u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]), rest, 8)
        }
        (126 | 127, _) => return Ok(None),
        (length, rest) => (length.into(), rest, 0),
    };
    if length >> 63 != 0 {
        return Err(malformed("a frame's length is negative"));
    }
    let [a, b, c, d, ..] = rest else { return Ok(None) };
    let (opcode, is_final) = (first & 0x0f, first & FINAL != 0);
    if opcode >= CLOSE && (length > CONTROL_BYTES_MAX || !is_final) {
        return Err(malformed("a control frame is short and whole"));
    }
    let mask = [*a, *b, *c, *d];
    Ok(Some(Head { bytes: 6 + length_bytes, is_final, opcode, length, mask }))
}

impl<S: AsyncRead + AsyncWrite + Unpin> Frames<S> {
    pub(super) fn new(inner: S) -> Self {
        Frames {
            inner,
            input: BytesMut::new(),
            out: BytesMut::new(),
            left: 0,
            mask: [0; 4],
            at: 0,
            is_open: false,
            is_over: false,
            has_closed: false,
        }
    }

    /// Reads more; `false`: there is none.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let mut chunk = [0; 4_096];
        let mut buffer = ReadBuf::new(&mut chunk);
        ready!(Pin::new(&mut self.inner).poll_read(cx, &mut buffer))?;
        self.input.extend_from_slice(buffer.filled());
        Poll::Ready(Ok(!buffer.filled().is_empty()))
    }

    /// Begins with the next frame, if its head is there, and its contents if it is a control
    /// frame.
    fn begin(&mut self) -> io::Result<bool> {
        let Some(head) = head(&self.input)? else { return Ok(false) };
        if head.opcode >= CLOSE {
            return self.control(&head);
        }
        match (head.opcode, self.is_open) {
            (BINARY, false) | (CONTINUATION, true) => {}
            (BINARY | CONTINUATION, _) => return Err(malformed("a message is within another")),
            _ => return Err(malformed("MQTT is in binary messages")),
        }
        self.input.advance(head.bytes);
        self.is_open = !head.is_final;
        (self.left, self.mask, self.at) = (head.length, head.mask, 0);
        Ok(true)
    }

    fn control(&mut self, head: &Head) -> io::Result<bool> {
        let length = head.length as usize;
        if self.input.len() < head.bytes + length {
            return Ok(false);
        }
        self.input.advance(head.bytes);
        let mut payload = self.input.split_to(length);
        payload.iter_mut().zip(head.mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
        match head.opcode {
            CLOSE => {
                self.is_over = true;
                self.close();
            }
            PING if self.out.len() > OUT_BYTES_MAX => {
                return Err(malformed("more pings than answers are read"));
            }
            PING => self.frame(PONG, &payload),
            PONG => {}
            _ => return Err(malformed("there is no such control frame")),
        }
        Ok(true)
    }

    fn close(&mut self) {
        if !self.has_closed {
            self.has_closed = true;
            // 1000: all is well.
            self.frame(CLOSE, &[0x03, 0xe8]);
        }
    }

    fn frame(&mut self, opcode: u8, payload: &[u8]) {
        self.out.reserve(HEAD_BYTES_MAX + payload.len());
        self.out.put_u8(FINAL | opcode);
        match payload.len() {
            length @ 0..=125 => self.out.put_u8(length as u8),
            length => {
                self.out.put_u8(126);
                self.out.put_u16(length as u16);
            }
        }
        self.out.put_slice(payload);
    }

    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.out.is_empty() {
            let written = ready!(Pin::new(&mut self.inner).poll_write(cx, &self.out))?;
            if written == 0 {
                return Poll::Ready(Err(ErrorKind::WriteZero.into()));
            }
            self.out.advance(written);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Frames<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            if this.is_over {
                return Poll::Ready(Ok(()));
            }
            if this.left > 0 && !this.input.is_empty() {
                let most = this.input.len().min(buffer.remaining());
                let count = usize::try_from(this.left).unwrap_or(usize::MAX).min(most);
                for byte in &mut this.input[..count] {
                    *byte ^= this.mask[this.at % 4];
                    this.at += 1;
                }
                this.at %= 4;
                buffer.put_slice(&this.input[..count]);
                this.input.advance(count);
                this.left -= count as u64;
                return Poll::Ready(Ok(()));
            }
            if this.left == 0 && this.begin()? {
                // An answer to a ping leaves when it can.
                if let Poll::Ready(Err(error)) = this.poll_drain(cx) {
                    return Poll::Ready(Err(error));
                }
                continue;
            }
            if !ready!(this.poll_fill(cx))? {
                this.is_over = true;
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Frames<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_drain(cx))?;
        let count = bytes.len().min(MESSAGE_BYTES_MAX);
        self.frame(BINARY, &bytes[..count]);
        if let Poll::Ready(Err(error)) = self.poll_drain(cx) {
            return Poll::Ready(Err(error));
        }
        Poll::Ready(Ok(count))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_drain(cx))?;
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.close();
        ready!(self.poll_drain(cx))?;
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests;
