//! A server that speaks HTTP/2 frame by frame, and as badly as it is told.

use crate::world::PATIENCE;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

/// Types of frames (RFC 9113 §6).
pub(super) mod kind {
    pub(in super::super) const DATA: u8 = 0;
    pub(in super::super) const HEADERS: u8 = 1;
    pub(in super::super) const RST_STREAM: u8 = 3;
    pub(in super::super) const SETTINGS: u8 = 4;
    pub(in super::super) const PING: u8 = 6;
    pub(in super::super) const GOAWAY: u8 = 7;
    pub(in super::super) const CONTINUATION: u8 = 9;
}

/// Error codes (RFC 9113 §7).
pub(super) mod code {
    pub(in super::super) const NO_ERROR: u32 = 0;
    pub(in super::super) const INTERNAL_ERROR: u32 = 2;
    pub(in super::super) const REFUSED_STREAM: u32 = 7;
    pub(in super::super) const CANCEL: u32 = 8;
}

pub(super) const END_STREAM: u8 = 1;
const ACK: u8 = 1;
pub(super) const END_HEADERS: u8 = 4;

/// `:status: 200` (RFC 7541, appendix A).
pub(super) const OK: &[u8] = &[0x88];

pub(super) struct Frame {
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) stream: u32,
    pub(super) payload: Vec<u8>,
}

/// The gateway's side of a connection.
pub(super) struct Peer(pub(super) TcpStream);

/// Serves each connection like this, which is counted from 0.
pub(super) fn listen(
    serve: impl Fn(Peer, usize) -> io::Result<()> + Send + Sync + 'static,
) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    let (count, serve) = (Arc::<AtomicUsize>::default(), Arc::new(serve));
    let counted = Arc::clone(&count);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
            let number = counted.fetch_add(1, SeqCst);
            let serve = Arc::clone(&serve);
            std::thread::spawn(move || drop(serve(Peer(stream), number)));
        }
    });
    (address, count)
}

impl Peer {
    /// Reads the preface, and greets with these settings.
    pub(super) fn greet(&mut self, settings: &[(u16, u32)]) -> io::Result<()> {
        let mut preface = [0; 24];
        self.0.read_exact(&mut preface)?;
        if !preface.starts_with(b"PRI * HTTP/2.0") {
            return Err(ErrorKind::InvalidData.into());
        }
        let mut payload = Vec::new();
        for (name, value) in settings {
            payload.extend(name.to_be_bytes());
            payload.extend(value.to_be_bytes());
        }
        self.write(kind::SETTINGS, 0, 0, &payload)
    }

    pub(super) fn write(
        &mut self,
        kind: u8,
        flags: u8,
        stream: u32,
        payload: &[u8],
    ) -> io::Result<()> {
        let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
        let mut frame = vec![length[1], length[2], length[3], kind, flags];
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        self.0.write_all(&frame)
    }

    fn read(&mut self) -> io::Result<Frame> {
        let mut head = [0; 9];
        self.0.read_exact(&mut head)?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        self.0.read_exact(&mut payload)?;
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        Ok(Frame { kind: head[3], flags: head[4], stream, payload })
    }

    /// The next frame that is about a request, or that ends one; settings and
    /// pings are acknowledged.
    pub(super) fn next(&mut self) -> io::Result<Frame> {
        loop {
            let frame = self.read()?;
            match frame.kind {
                kind::SETTINGS if frame.flags & ACK == 0 => {
                    self.write(kind::SETTINGS, ACK, 0, &[])?
                }
                kind::PING if frame.flags & ACK == 0 => {
                    self.write(kind::PING, ACK, 0, &frame.payload)?;
                }
                kind::HEADERS | kind::DATA | kind::RST_STREAM => return Ok(frame),
                _ => {}
            }
        }
    }

    /// The stream of the next request, whose body is not looked at.
    pub(super) fn request(&mut self) -> io::Result<u32> {
        loop {
            let frame = self.next()?;
            if frame.kind == kind::HEADERS {
                return Ok(frame.stream);
            }
        }
    }

    pub(super) fn head(&mut self, stream: u32, flags: u8, fields: &[u8]) -> io::Result<()> {
        self.write(kind::HEADERS, END_HEADERS | flags, stream, fields)
    }

    /// A whole answer.
    pub(super) fn answer(&mut self, stream: u32, body: &str) -> io::Result<()> {
        self.head(stream, 0, OK)?;
        self.write(kind::DATA, END_STREAM, stream, body.as_bytes())
    }

    pub(super) fn reset(&mut self, stream: u32, code: u32) -> io::Result<()> {
        self.write(kind::RST_STREAM, 0, stream, &code.to_be_bytes())
    }

    pub(super) fn go_away(&mut self, last: u32, code: u32) -> io::Result<()> {
        let payload = [last.to_be_bytes(), code.to_be_bytes()].concat();
        self.write(kind::GOAWAY, 0, 0, &payload)
    }

    /// Answers every request with this text.
    pub(super) fn answer_all(&mut self, body: &str) -> io::Result<()> {
        loop {
            let stream = self.request()?;
            self.answer(stream, body)?;
        }
    }

    /// Answers no request, and lives.
    pub(super) fn ignore_all_but_pings(&mut self) -> io::Result<()> {
        loop {
            self.next()?;
        }
    }

    /// Reads, and says nothing, until the other side closes.
    pub(super) fn ignore_all(&mut self) -> io::Result<()> {
        loop {
            self.read()?;
        }
    }
}

/// A header field, as it is (RFC 7541 §6.2.2).
pub(super) fn field(name: &str, value: &str) -> Vec<u8> {
    let text = |text: &str| {
        let mut bytes = vec![u8::try_from(text.len()).expect("short")];
        bytes.extend(text.as_bytes());
        bytes
    };
    [vec![0], text(name), text(value)].concat()
}
