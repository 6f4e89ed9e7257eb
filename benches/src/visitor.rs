//! Another client of a server that is measured, in the generator's own thread.
//!
//! A client of its own would share the generator's core, and hold it up whenever it
//! wakes: 50 times a second is one in twenty requests at a thousand a second. Here one
//! thread does both; each turn of its loop does what can be done without waiting.

use crate::open_loop::Companion;
use anyhow::{Context, Result};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Asks for one thing again and again, each time over a connection of its own, and
/// not before the last answer has come to its end.
pub struct Visitor {
    to: SocketAddr,
    request: String,
    /// From one request to the next, unless an answer takes longer.
    pace: Duration,
    next: Instant,
    stream: Option<TcpStream>,
    head: Vec<u8>,
    chunk: Vec<u8>,
    visits: u64,
    status: Option<u16>,
}

/// As much of an answer as its status line needs.
const HEAD_BYTES: usize = 12;

impl Visitor {
    /// Will ask `to` for `path`.
    pub fn new(to: SocketAddr, path: &str, pace: Duration) -> Self {
        Visitor {
            to,
            request: format!("GET {path} HTTP/1.1\r\nhost: {to}\r\nconnection: close\r\n\r\n"),
            pace,
            next: Instant::now(),
            stream: None,
            head: Vec::new(),
            chunk: vec![0; 64 << 10],
            visits: 0,
            status: None,
        }
    }

    /// Requests that it has sent.
    pub fn visits(&self) -> u64 {
        self.visits
    }

    /// The status of the first answer that has begun.
    pub fn status(&self) -> Option<u16> {
        self.status
    }

    fn begin(&mut self) -> Result<()> {
        let mut stream = TcpStream::connect(self.to).context("the other client's connection")?;
        stream.set_nodelay(true)?;
        stream.write_all(self.request.as_bytes()).context("the other client's request")?;
        stream.set_nonblocking(true)?;
        self.stream = Some(stream);
        self.head.clear();
        self.visits += 1;
        Ok(())
    }

    fn note(&mut self, read: usize) {
        let room = HEAD_BYTES.saturating_sub(self.head.len()).min(read);
        self.head.extend_from_slice(&self.chunk[..room]);
        if self.status.is_none() && self.head.len() == HEAD_BYTES {
            self.status =
                std::str::from_utf8(&self.head[9..]).ok().and_then(|all| all.parse().ok());
        }
    }
}

impl Companion for Visitor {
    fn turn(&mut self) -> Result<()> {
        let Some(stream) = &mut self.stream else {
            let now = Instant::now();
            if now < self.next {
                return Ok(());
            }
            self.next = now + self.pace;
            return self.begin();
        };
        match stream.read(&mut self.chunk) {
            Ok(read @ 1..) => self.note(read),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            // The end, or a connection that was reset: the server may do so.
            Ok(_) | Err(_) => self.stream = None,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::thread;

    /// Answers every connection with this, and closes it.
    fn server(answer: &'static [u8]) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let mut request = [0; 1024];
                let _ = stream.read(&mut request);
                let _ = stream.write_all(answer);
            }
        });
        address
    }

    fn visit(visitor: &mut Visitor, duration: Duration) {
        let end = Instant::now() + duration;
        while Instant::now() < end {
            visitor.turn().expect("the server is there");
        }
    }

    #[test]
    fn it_comes_again_at_its_pace_whatever_it_is_told() {
        for (answer, status) in [
            (&b"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n"[..], Some(500)),
            (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf", Some(200)),
            (b"HTTP/1", None),
            (b"what is this?", None),
            (b"", None),
        ] {
            let mut visitor = Visitor::new(server(answer), "/", Duration::from_millis(20));
            visit(&mut visitor, Duration::from_millis(150));
            assert!((2..=8).contains(&visitor.visits()), "{}", visitor.visits());
            assert_eq!(visitor.status(), status);
        }
    }

    #[test]
    fn a_server_that_does_not_listen_is_an_error() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        drop(listener);
        let mut visitor = Visitor::new(address, "/", Duration::ZERO);
        visitor.turn().expect_err("nobody is there");
    }
}
