//! HTTP/2 frame by frame (RFC 9113): what no client library would send. Fields are
//! written as literals without Huffman (RFC 7541 §6.2.2), and of an answer's fields
//! only the status is read.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// How long a read or write may take before the scenario fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a client sends first.
pub const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Types of frames (RFC 9113 §6).
#[expect(missing_docs, reason = "they are named as there")]
pub mod kind {
    pub const DATA: u8 = 0;
    pub const HEADERS: u8 = 1;
    pub const PRIORITY: u8 = 2;
    pub const RST_STREAM: u8 = 3;
    pub const SETTINGS: u8 = 4;
    pub const PUSH_PROMISE: u8 = 5;
    pub const PING: u8 = 6;
    pub const GOAWAY: u8 = 7;
    pub const WINDOW_UPDATE: u8 = 8;
    pub const CONTINUATION: u8 = 9;
}

/// Flags: `ACK` is of SETTINGS and PING, the others of DATA and HEADERS.
#[expect(missing_docs, reason = "they are named as there")]
pub mod flag {
    pub const ACK: u8 = 1;
    pub const END_STREAM: u8 = 1;
    pub const END_HEADERS: u8 = 4;
    pub const PADDED: u8 = 8;
    /// A whole request without a body.
    pub const ALL: u8 = END_STREAM | END_HEADERS;
}

/// Error codes (RFC 9113 §7).
#[expect(missing_docs, reason = "they are named as there")]
pub mod code {
    pub const NO_ERROR: u32 = 0;
    pub const PROTOCOL_ERROR: u32 = 1;
    pub const FLOW_CONTROL_ERROR: u32 = 3;
    pub const STREAM_CLOSED: u32 = 5;
    pub const FRAME_SIZE_ERROR: u32 = 6;
    pub const REFUSED_STREAM: u32 = 7;
    pub const CANCEL: u32 = 8;
    pub const COMPRESSION_ERROR: u32 = 9;
    pub const ENHANCE_YOUR_CALM: u32 = 11;
}

/// A frame that was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its type.
    pub kind: u8,
    /// Its flags.
    pub flags: u8,
    /// Its stream.
    pub stream: u32,
    /// Its payload.
    pub payload: Vec<u8>,
}

impl Frame {
    /// The error code, of RST_STREAM and GOAWAY.
    pub fn code(&self) -> Option<u32> {
        let at = match self.kind {
            kind::RST_STREAM => 0,
            kind::GOAWAY => 4,
            _ => return None,
        };
        let bytes = self.payload.get(at..at + 4)?;
        Some(u32::from_be_bytes(bytes.try_into().ok()?))
    }
}

/// A frame as bytes.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    let length = (payload.len() as u32).to_be_bytes();
    let head = [&length[1..], &[kind, flags], &stream.to_be_bytes()].concat();
    [&head, payload].concat()
}

/// SETTINGS with these identifiers and values.
pub fn settings(values: &[(u16, u32)]) -> Vec<u8> {
    let bytes = values
        .iter()
        .flat_map(|(id, value)| id.to_be_bytes().into_iter().chain(value.to_be_bytes()));
    frame(kind::SETTINGS, 0, 0, bytes.collect::<Vec<u8>>())
}

/// A string without Huffman (RFC 7541 §5.2).
fn string(bytes: &[u8], out: &mut Vec<u8>) {
    let mut left = bytes.len();
    if left < 127 {
        out.push(left as u8);
    } else {
        out.push(127);
        left -= 127;
        while left >= 128 {
            out.push((left % 128) as u8 | 128);
            left /= 128;
        }
        out.push(left as u8);
    }
    out.extend_from_slice(bytes);
}

/// Fields as a block, in their order, names as they are.
pub fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in fields {
        out.push(0);
        string(name.as_bytes(), &mut out);
        string(value.as_bytes(), &mut out);
    }
    out
}

/// The pseudo-fields of a request, and behind them more.
pub fn request<'a>(
    method: &'a str,
    path: &'a str,
    more: &[(&'a str, &'a str)],
) -> Vec<(&'a str, &'a str)> {
    let mut fields =
        vec![(":method", method), (":scheme", "http"), (":authority", "test"), (":path", path)];
    fields.extend_from_slice(more);
    fields
}

/// HEADERS for a GET without a body.
pub fn get(stream: u32, path: &str) -> Vec<u8> {
    frame(kind::HEADERS, flag::ALL, stream, block(&request("GET", path, &[])))
}

/// How a stream ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Zero if there was none.
    pub status: u16,
    /// What came of the body.
    pub body: Vec<u8>,
    /// Whether the answer came to its end.
    pub whole: bool,
    /// Why the stream was reset, if it was.
    pub reset: Option<u32>,
    /// Why the connection is to end, if that was said.
    pub goaway: Option<u32>,
}

impl Answer {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A connection.
pub struct H2 {
    stream: TcpStream,
}

impl H2 {
    /// Connects, and says nothing.
    ///
    /// # Panics
    ///
    /// If nobody listens.
    pub fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect_timeout(&address, PATIENCE).expect("somebody listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_write_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_nodelay(true).expect("an option");
        H2 { stream }
    }

    /// Connects, and sends preface and settings. The other side may not index
    /// fields, so that they can be read without a table.
    pub fn open(address: SocketAddr) -> Self {
        Self::open_with(address, &[])
    }

    /// The same with further settings.
    pub fn open_with(address: SocketAddr, more: &[(u16, u32)]) -> Self {
        let mut connection = Self::connect(address);
        connection.send(PREFACE);
        connection.send(settings(&[&[(1, 0)], more].concat()));
        connection
    }

    /// Sends bytes; `false` if the other side has closed.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).is_ok()
    }

    /// Bounds how long a read may take, and a write.
    pub fn patience(&mut self, patience: Duration) {
        self.stream.set_read_timeout(Some(patience)).expect("a timeout");
        self.stream.set_write_timeout(Some(patience)).expect("a timeout");
    }

    /// The next frame; `None` if the other side has closed.
    ///
    /// # Panics
    ///
    /// If neither happens in time.
    pub fn read(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        self.fill(&mut head)?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        self.fill(&mut payload)?;
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]) & 0x7fff_ffff;
        Some(Frame { kind: head[3], flags: head[4], stream, payload })
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Option<()> {
        match self.stream.read_exact(bytes) {
            Ok(()) => Some(()),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                panic!("neither a frame nor the end came in time")
            }
            Err(_) => None,
        }
    }

    /// Reads until a stream has ended, or the connection; as a client that takes
    /// everything and acknowledges it.
    pub fn answer(&mut self, stream: u32) -> Answer {
        let mut answer = Answer::default();
        while let Some(frame) = self.read() {
            self.acknowledge(&frame);
            match frame.kind {
                kind::GOAWAY => answer.goaway = frame.code(),
                _ if frame.stream != stream => {}
                kind::RST_STREAM => answer.reset = frame.code(),
                kind::HEADERS if answer.status < 200 => {
                    answer.status = status(&frame.payload).unwrap_or(0);
                }
                kind::DATA => answer.body.extend_from_slice(&frame.payload),
                _ => {}
            }
            let has_end = matches!(frame.kind, kind::HEADERS | kind::DATA);
            answer.whole |=
                frame.stream == stream && has_end && frame.flags & flag::END_STREAM != 0;
            if answer.whole || answer.reset.is_some() {
                break;
            }
        }
        answer
    }

    /// The status of the next answer that begins, of whichever stream; `None` if the
    /// connection ends.
    pub fn next_status(&mut self) -> Option<u16> {
        loop {
            let frame = self.read()?;
            self.acknowledge(&frame);
            if frame.kind == kind::HEADERS {
                return status(&frame.payload);
            }
        }
    }

    /// Answers settings and pings, and widens windows for what was taken.
    fn acknowledge(&mut self, got: &Frame) {
        let is_ack = got.flags & flag::ACK != 0;
        match got.kind {
            kind::SETTINGS if !is_ack => self.send(frame(kind::SETTINGS, flag::ACK, 0, [])),
            kind::PING if !is_ack => self.send(frame(kind::PING, flag::ACK, 0, &got.payload)),
            kind::DATA if !got.payload.is_empty() => {
                let size = (got.payload.len() as u32).to_be_bytes();
                self.send(frame(kind::WINDOW_UPDATE, 0, 0, size))
                    && self.send(frame(kind::WINDOW_UPDATE, 0, got.stream, size))
            }
            _ => true,
        };
    }

    /// Reads until the other side says that the connection ends, and closes it; the
    /// code, or `None` if it closes without a word.
    ///
    /// # Panics
    ///
    /// If it does neither.
    pub fn goaway(&mut self) -> Option<u32> {
        let mut code = None;
        while let Some(frame) = self.read() {
            if frame.kind == kind::GOAWAY {
                code = frame.code();
            }
        }
        code
    }

    /// Sends a ping and reads until it is answered: everything before has been
    /// read. `false` if the connection has ended.
    pub fn is_alive(&mut self) -> bool {
        let mark = *b"is alive";
        if !self.send(frame(kind::PING, 0, 0, mark)) {
            return false;
        }
        while let Some(frame) = self.read() {
            if frame.kind == kind::PING && frame.flags & flag::ACK != 0 && frame.payload == mark {
                return true;
            }
        }
        false
    }

    /// What is there by now of the frames, without waiting for more than `pause`.
    pub fn read_for(&mut self, pause: Duration) -> Vec<Frame> {
        let deadline = Instant::now() + pause;
        let mut frames = Vec::new();
        while Instant::now() < deadline {
            let _ = self.stream.set_read_timeout(Some(Duration::from_millis(10)));
            let ready = self.stream.peek(&mut [0]);
            let _ = self.stream.set_read_timeout(Some(PATIENCE));
            match ready {
                Ok(0) => break,
                Ok(_) => match self.read() {
                    Some(frame) => frames.push(frame),
                    None => break,
                },
                Err(_) => {}
            }
        }
        frames
    }
}

/// The status at the beginning of a block, from a table of size zero.
fn status(block: &[u8]) -> Option<u16> {
    // A table's size may be told first.
    let rest = match block.first()? {
        0x20..=0x3f => &block[1..],
        _ => block,
    };
    let (first, rest) = rest.split_first()?;
    // Those of the static table (RFC 7541, appendix A).
    let known = [200, 204, 206, 304, 400, 404, 500];
    match first {
        0x88..=0x8e => Some(known[usize::from(first - 0x88)]),
        // A literal whose name is the eighth of the table.
        0x08 | 0x18 | 0x48 => {
            let (length, rest) = rest.split_first()?;
            let text = rest.get(..usize::from(length & 0x7f))?;
            let text = if length & 0x80 == 0 { text.to_vec() } else { digits(text) };
            std::str::from_utf8(&text).ok()?.parse().ok()
        }
        _ => None,
    }
}

/// Digits in the code of RFC 7541, appendix B: `0` to `2` have five bits, 0 to 2;
/// `3` to `9` have six, 25 to 31.
fn digits(bytes: &[u8]) -> Vec<u8> {
    let bits = bytes.iter().flat_map(|byte| (0..8).rev().map(move |at| byte >> at & 1));
    let (mut digits, mut value, mut length) = (Vec::new(), 0u8, 0);
    for bit in bits {
        (value, length) = (value << 1 | bit, length + 1);
        let digit = match (length, value) {
            (5, 0..=2) => value,
            (6, 25..=31) => value - 22,
            _ => continue,
        };
        digits.push(b'0' + digit);
        (value, length) = (0, 0);
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_read_in_each_form() {
        assert_eq!(status(&[]), None);
        assert_eq!(status(&[0x48, 0x82]), None);
        assert_eq!(status(&[0x88]), Some(200));
        assert_eq!(status(&[0x20, 0x8d, 1, 2]), Some(404));
        assert_eq!(status(&[0x08, 3, b'5', b'0', b'3']), Some(503));
        // 431: 4 is 26, 3 is 25, 1 is 1.
        let bits = 0b0110_1001_1001_0000_1111_1111u32.to_be_bytes();
        assert_eq!(status(&[&[0x48, 0x83], &bits[1..]].concat()), Some(431));
        // 302, as in RFC 7541 §C.6.1.
        assert_eq!(status(&[0x48, 0x82, 0x64, 0x02]), Some(302));
    }

    #[test]
    fn long_strings_have_long_lengths() {
        let long = "x".repeat(300);
        let block = block(&[("a", &long)]);
        assert_eq!(&block[..5], &[0, 1, b'a', 127, 173]);
        assert_eq!(block[5], 1);
        assert_eq!(block.len(), 6 + 300);
    }
}
