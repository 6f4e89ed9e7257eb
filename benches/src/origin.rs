//! The server behind a proxy that is measured, in the generator's own thread.
//!
//! A server of its own would need a third core, or take turns with the generator,
//! which never sleeps. Here one thread asks the proxy and answers it: each turn of
//! its loop serves what has arrived. All proxies meet the same server.

use crate::open_loop::Companion;
use anyhow::{Context, Result, bail};
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

/// Connections that a proxy may open.
const CONNECTIONS_MAX: usize = 1_024;
/// The listener's token; a connection's is its place.
const LISTENER: Token = Token(usize::MAX);
/// Bytes of a request's head that are looked at before the connection is closed.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// Bytes of a request's head in which its path must tell the size.
const LINE_BYTES: usize = 32;
/// Answers that a connection may be owed.
const OWED_MAX: usize = 64;
/// Bytes of the largest body.
const BODY_BYTES_MAX: usize = 64 << 20;

/// What an origin answers with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// A body of so many bytes, whatever the path.
    Same(usize),
    /// A body of as many bytes as the path says, `/BYTES/NAME`, that is fresh for an
    /// hour: for caches.
    ByPath,
}

/// Answers every `GET`. It has no thread: [`Origin::turn`] is
/// to be called again and again.
pub struct Origin {
    poll: Poll,
    events: Events,
    listener: TcpListener,
    connections: Vec<Option<Connection>>,
    content: Content,
    chunk: Vec<u8>,
    served: u64,
}

struct Connection {
    stream: TcpStream,
    /// Of the end of a head (CR LF CR LF), bytes that have arrived.
    matched: usize,
    head_bytes: usize,
    /// How the head begins.
    line: Vec<u8>,
    /// Bytes of the bodies of answers that wait for room.
    owed: VecDeque<usize>,
    /// The first of them, and how much of it is written; kept for the next of its size.
    answer: Vec<u8>,
    answer_of: Option<usize>,
    written: usize,
}

impl Origin {
    /// Listens on `address`.
    ///
    /// # Errors
    ///
    /// When the address cannot be bound.
    pub fn bind(address: SocketAddr, content: Content) -> Result<Self> {
        let poll = Poll::new().context("opening the origin's poller")?;
        let mut listener =
            TcpListener::bind(address).with_context(|| format!("listening on {address}"))?;
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        Ok(Origin {
            poll,
            events: Events::with_capacity(CONNECTIONS_MAX),
            listener,
            connections: Vec::new(),
            content,
            chunk: vec![0; 16 << 10],
            served: 0,
        })
    }

    /// The origin that a command line asks for: an address, and the bytes of a body or
    /// `by-path`; `None` if it asks for none.
    ///
    /// # Errors
    ///
    /// When the words are not these two, or the address cannot be bound.
    pub fn from_arguments(words: &[String]) -> Result<Option<Self>> {
        match words {
            [] => Ok(None),
            [address, content] => {
                let address = address.parse().context("reading the origin's address")?;
                let content = match content.as_str() {
                    "by-path" => Content::ByPath,
                    bytes => Content::Same(bytes.parse().context("reading the bytes of a body")?),
                };
                Origin::bind(address, content).map(Some)
            }
            _ => bail!("an origin is an address, and the bytes of a body or `by-path`"),
        }
    }

    /// Where it listens.
    ///
    /// # Errors
    ///
    /// When the system does not tell.
    pub fn address(&self) -> Result<SocketAddr> {
        self.listener.local_addr().context("asking where the origin listens")
    }

    /// Requests answered so far.
    pub fn served(&self) -> u64 {
        self.served
    }

    /// Serves what has arrived, without waiting.
    ///
    /// # Errors
    ///
    /// When the poller fails. A connection that breaks is closed.
    pub fn turn(&mut self) -> Result<()> {
        self.poll.poll(&mut self.events, Some(Duration::ZERO)).context("polling the origin")?;
        let mut is_asked = false;
        for event in &self.events {
            if event.token() == LISTENER {
                is_asked = true;
                continue;
            }
            let Some(slot) = self.connections.get_mut(event.token().0) else { continue };
            let Some(connection) = slot else { continue };
            match connection.serve(self.content, &mut self.chunk) {
                Some(served) => self.served += served,
                None => *slot = None,
            }
        }
        if is_asked {
            self.accept()?;
        }
        Ok(())
    }

    fn accept(&mut self) -> Result<()> {
        loop {
            let mut stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(_) => continue,
            };
            let free = self.connections.iter().position(Option::is_none);
            let place = free.unwrap_or(self.connections.len());
            if place >= CONNECTIONS_MAX || stream.set_nodelay(true).is_err() {
                continue;
            }
            let interest = Interest::READABLE | Interest::WRITABLE;
            self.poll.registry().register(&mut stream, Token(place), interest)?;
            let connection = Connection::new(stream);
            match self.connections.get_mut(place) {
                Some(slot) => *slot = Some(connection),
                None => self.connections.push(Some(connection)),
            }
        }
    }
}

impl Companion for Origin {
    fn turn(&mut self) -> Result<()> {
        Origin::turn(self)
    }
}

impl Connection {
    fn new(stream: TcpStream) -> Self {
        Connection {
            stream,
            matched: 0,
            head_bytes: 0,
            line: Vec::with_capacity(LINE_BYTES),
            owed: VecDeque::new(),
            answer: Vec::new(),
            answer_of: None,
            written: 0,
        }
    }

    /// How many answers have left; `None` when the connection is over.
    fn serve(&mut self, content: Content, chunk: &mut [u8]) -> Option<u64> {
        let mut served = self.write(content)?;
        loop {
            match self.stream.read(chunk) {
                Ok(0) => return None,
                Ok(read) => self.take(&chunk[..read], content)?,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Some(served),
                Err(_) => return None,
            }
            served += self.write(content)?;
        }
    }

    /// Notes what the heads ask for that end in these bytes. `None`: one has no end, or
    /// asks for what there is not.
    fn take(&mut self, bytes: &[u8], content: Content) -> Option<()> {
        const END: &[u8; 4] = b"\r\n\r\n";
        for &byte in bytes {
            self.matched = match byte {
                _ if byte == END[self.matched] => self.matched + 1,
                b'\r' => 1,
                _ => 0,
            };
            self.head_bytes += 1;
            if self.line.len() < LINE_BYTES {
                self.line.push(byte);
            }
            if self.matched == END.len() {
                self.owed.push_back(match content {
                    Content::Same(bytes) => bytes,
                    Content::ByPath => bytes_asked(&self.line)?,
                });
                (self.matched, self.head_bytes) = (0, 0);
                self.line.clear();
            }
        }
        (self.head_bytes <= HEAD_BYTES_MAX && self.owed.len() <= OWED_MAX).then_some(())
    }

    fn write(&mut self, content: Content) -> Option<u64> {
        let mut served = 0;
        while let Some(&bytes) = self.owed.front() {
            if self.answer_of != Some(bytes) {
                self.answer = answer(content, bytes);
                self.answer_of = Some(bytes);
            }
            match self.stream.write(&self.answer[self.written..]) {
                Ok(0) => return None,
                Ok(written) => self.written += written,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => return None,
            }
            if self.written == self.answer.len() {
                self.written = 0;
                self.owed.pop_front();
                served += 1;
            }
        }
        Some(served)
    }
}

/// The bytes that the path of a request `GET /BYTES/NAME` asks for.
fn bytes_asked(line: &[u8]) -> Option<usize> {
    let path = std::str::from_utf8(line).ok()?.strip_prefix("GET /")?;
    let bytes = path.split_once('/')?.0.parse().ok()?;
    (bytes <= BODY_BYTES_MAX).then_some(bytes)
}

fn answer(content: Content, bytes: usize) -> Vec<u8> {
    let freshness = match content {
        Content::Same(_) => "",
        Content::ByPath => "cache-control: max-age=3600\r\n",
    };
    let mut answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n{freshness}content-length: {bytes}\r\n\r\n"
    )
    .into_bytes();
    answer.resize(answer.len() + bytes, b'x');
    answer
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    /// Sends `request` in pieces; what came back until `bytes` were there or the
    /// origin closed.
    fn ask(origin: &mut Origin, request: &[u8], piece: usize, bytes: usize) -> Vec<u8> {
        let address = origin.address().expect("bound");
        let mut client = std::net::TcpStream::connect(address).expect("it listens");
        client.set_nonblocking(true).expect("a TCP stream");
        let (mut answer, mut chunk) = (Vec::new(), [0; 4096]);
        let mut pieces = request.chunks(piece);
        let deadline = Instant::now() + Duration::from_secs(10);
        while answer.len() < bytes && Instant::now() < deadline {
            if let Some(piece) = pieces.next()
                && client.write_all(piece).is_err()
            {
                break;
            }
            origin.turn().expect("it goes on");
            match client.read(&mut chunk) {
                Ok(0) => break,
                Ok(read) => answer.extend_from_slice(&chunk[..read]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => break,
            }
        }
        answer
    }

    fn origin(content: Content) -> Origin {
        Origin::bind(SocketAddr::from(([127, 0, 0, 1], 0)), content).expect("a free port")
    }

    #[test]
    fn words_that_are_no_origin_are_errors() {
        for bad in [&["127.0.0.1:0"][..], &["here", "1"], &["127.0.0.1:0", "-1"], &["a", "b", "c"]]
        {
            let words: Vec<String> = bad.iter().map(|word| word.to_string()).collect();
            assert!(Origin::from_arguments(&words).is_err(), "{bad:?}");
        }
        assert!(Origin::from_arguments(&[]).is_ok_and(|origin| origin.is_none()));
    }

    #[test]
    fn a_head_without_end_is_closed_and_the_next_connection_served() {
        let mut origin = origin(Content::Same(10));
        let endless = vec![b'a'; HEAD_BYTES_MAX + 20_000];
        assert_eq!(ask(&mut origin, &endless, 16 << 10, 1), b"");
        let answer = ask(&mut origin, b"GET / HTTP/1.1\r\n\r\n", 100, 80);
        assert!(answer.ends_with(b"\r\n\r\nxxxxxxxxxx"), "{answer:?}");
        assert_eq!(origin.served(), 1);
    }

    #[test]
    fn every_head_is_answered_however_it_arrives() {
        let request = b"GET / HTTP/1.1\r\nhost: a\r\n\r\nGET /2 HTTP/1.1\r\n\r\r\n\r\n";
        for piece in [1, 3, request.len()] {
            let mut origin = origin(Content::Same(100_000));
            let whole = 2 * answer(Content::Same(100_000), 100_000).len();
            assert_eq!(ask(&mut origin, request, piece, whole).len(), whole, "{piece}");
            assert_eq!(origin.served(), 2);
        }
    }

    #[test]
    fn a_path_that_tells_no_size_is_closed_and_one_that_does_is_answered() {
        let mut origin = origin(Content::ByPath);
        for bad in ["/", "/7", "/many/a", "/-1/a", "/99999999999/a", "/99999999999999999999/a"] {
            let request = format!("GET {bad} HTTP/1.1\r\n\r\n");
            assert_eq!(ask(&mut origin, request.as_bytes(), 100, 1), b"", "{bad}");
        }
        let many = b"GET /1/a HTTP/1.1\r\n\r\n".repeat(OWED_MAX + 1);
        assert_eq!(ask(&mut origin, &many, many.len(), 1), b"");
        assert_eq!(origin.served(), 0);
        let asked = b"GET /3/a HTTP/1.1\r\n\r\nGET /5/b HTTP/1.1\r\nhost: a\r\n\r\n";
        let expected = [3, 5].map(|bytes| answer(Content::ByPath, bytes)).concat();
        assert_eq!(ask(&mut origin, asked, 7, expected.len()), expected);
        let text = String::from_utf8(expected).expect("ASCII");
        assert!(text.ends_with("\r\n\r\nxxxxx") && text.contains("max-age=3600"), "{text}");
    }
}
