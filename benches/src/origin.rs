//! The server behind a proxy that is measured, in the generator's own thread.
//!
//! A server of its own would need a third core, or take turns with the generator,
//! which never sleeps. Here one thread asks the proxy and answers it: each turn of
//! its loop serves what has arrived. All proxies meet the same server.

use crate::open_loop::Companion;
use anyhow::{Context, Result, bail};
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

/// Connections that a proxy may open.
const CONNECTIONS_MAX: usize = 1_024;
/// The listener's token; a connection's is its place.
const LISTENER: Token = Token(usize::MAX);
/// Bytes of a request's head that are looked at before the connection is closed.
const HEAD_BYTES_MAX: usize = 64 << 10;

/// Answers every `GET` with the same body. It has no thread: [`Origin::turn`] is
/// to be called again and again.
pub struct Origin {
    poll: Poll,
    events: Events,
    listener: TcpListener,
    connections: Vec<Option<Connection>>,
    answer: Vec<u8>,
    chunk: Vec<u8>,
    served: u64,
}

struct Connection {
    stream: TcpStream,
    /// Of the end of a head (CR LF CR LF), bytes that have arrived.
    matched: usize,
    head_bytes: usize,
    /// Answers, and bytes of the first of them, that wait for room.
    owed: usize,
    written: usize,
}

impl Origin {
    /// Listens on `address` and answers with a body of `body_bytes`.
    ///
    /// # Errors
    ///
    /// When the address cannot be bound.
    pub fn bind(address: SocketAddr, body_bytes: usize) -> Result<Self> {
        let poll = Poll::new().context("opening the origin's poller")?;
        let mut listener =
            TcpListener::bind(address).with_context(|| format!("listening on {address}"))?;
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        let mut answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {body_bytes}\r\n\r\n"
        )
        .into_bytes();
        answer.resize(answer.len() + body_bytes, b'x');
        Ok(Origin {
            poll,
            events: Events::with_capacity(CONNECTIONS_MAX),
            listener,
            connections: Vec::new(),
            answer,
            chunk: vec![0; 16 << 10],
            served: 0,
        })
    }

    /// The origin that a command line asks for: an address and the bytes of a body;
    /// `None` if it asks for none.
    ///
    /// # Errors
    ///
    /// When the words are not these two, or the address cannot be bound.
    pub fn from_arguments(words: &[String]) -> Result<Option<Self>> {
        match words {
            [] => Ok(None),
            [address, bytes] => {
                let address = address.parse().context("reading the origin's address")?;
                let bytes = bytes.parse().context("reading the bytes of a body")?;
                Origin::bind(address, bytes).map(Some)
            }
            _ => bail!("an origin is an address and the bytes of a body"),
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
            match connection.serve(&self.answer, &mut self.chunk) {
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
            let connection = Connection { stream, matched: 0, head_bytes: 0, owed: 0, written: 0 };
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
    /// How many answers have left; `None` when the connection is over.
    fn serve(&mut self, answer: &[u8], chunk: &mut [u8]) -> Option<u64> {
        let mut served = self.write(answer)?;
        loop {
            match self.stream.read(chunk) {
                Ok(0) => return None,
                Ok(read) => self.take(&chunk[..read])?,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Some(served),
                Err(_) => return None,
            }
            served += self.write(answer)?;
        }
    }

    /// Counts the heads that end in these bytes. `None`: one has no end.
    fn take(&mut self, bytes: &[u8]) -> Option<()> {
        const END: &[u8; 4] = b"\r\n\r\n";
        for &byte in bytes {
            self.matched = match byte {
                _ if byte == END[self.matched] => self.matched + 1,
                b'\r' => 1,
                _ => 0,
            };
            self.head_bytes += 1;
            if self.matched == END.len() {
                (self.matched, self.head_bytes) = (0, 0);
                self.owed += 1;
            }
        }
        (self.head_bytes <= HEAD_BYTES_MAX).then_some(())
    }

    fn write(&mut self, answer: &[u8]) -> Option<u64> {
        let mut served = 0;
        while self.owed > 0 {
            match self.stream.write(&answer[self.written..]) {
                Ok(0) => return None,
                Ok(written) => self.written += written,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => return None,
            }
            if self.written == answer.len() {
                self.written = 0;
                self.owed -= 1;
                served += 1;
            }
        }
        Some(served)
    }
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

    fn origin(body_bytes: usize) -> Origin {
        Origin::bind(SocketAddr::from(([127, 0, 0, 1], 0)), body_bytes).expect("a free port")
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
        let mut origin = origin(10);
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
            let mut origin = origin(100_000);
            let whole = 2 * origin.answer.len();
            assert_eq!(ask(&mut origin, request, piece, whole).len(), whole, "{piece}");
            assert_eq!(origin.served(), 2);
        }
    }
}
