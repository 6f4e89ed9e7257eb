//! As many requests as a server answers: each connection asks again as soon as
//! it has its answer.
//!
//! One thread that never sleeps, on a core of its own. A generator that sleeps
//! between answers must be woken for each, and on a virtual machine that is the
//! server's work: an interrupt to a halted core, 5 to 20 µs of the server's CPU
//! time per answer, in `sock_def_readable` below its `send` (a third of what a
//! fresh instance cost under wrk). It hits slow servers only, because a fast one
//! keeps its client awake, so it distorts every ratio between the two; and it
//! measures the hypervisor. `wrk` stays at hand as a second opinion.

use crate::framing;
use crate::latency::Latencies;
use crate::origin::Origin;
use anyhow::{Context, Result, bail};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// A server that is silent for this long is stuck: the run fails.
const PATIENCE: Duration = Duration::from_secs(5);

/// What to send.
pub struct Load {
    /// The server.
    pub to: SocketAddr,
    /// Path and query of every request.
    pub path: String,
    /// How long to ask.
    pub duration: Duration,
    /// Connections, each with one request at a time.
    pub connections: usize,
}

/// What came of it. Any other status than 200 and any broken connection is an
/// error of the whole run: a figure with errors in it is worthless.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Latencies of all answers.
    pub latencies: Latencies,
    /// Time from the first request to the last answer.
    pub elapsed: Duration,
}

struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
    /// Bytes of the request that are not written yet.
    unsent: usize,
    asked: Instant,
}

/// Runs a load to its end, and the server behind a proxy with it.
///
/// # Errors
///
/// When the server cannot be reached, closes a connection, answers with
/// anything but 200, or is silent for five seconds.
pub fn run(load: &Load, mut origin: Option<&mut Origin>) -> Result<Outcome> {
    let request = format!("GET {} HTTP/1.1\r\nhost: {}\r\n\r\n", load.path, load.to);
    let mut poll = Poll::new().context("opening the poller")?;
    let mut connections = Vec::new();
    for index in 0..load.connections {
        let stream = std::net::TcpStream::connect(load.to)
            .with_context(|| format!("connecting to {}", load.to))?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(stream);
        let interest = Interest::READABLE | Interest::WRITABLE;
        poll.registry().register(&mut stream, Token(index), interest)?;
        let unsent = request.len();
        connections.push(Connection {
            stream,
            received: Vec::new(),
            unsent,
            asked: Instant::now(),
        });
    }
    let mut chunk = vec![0; 16 << 10];
    let mut events = Events::with_capacity(load.connections.max(1));
    let mut outcome = Outcome::default();
    let begin = Instant::now();
    let mut last_answer = begin;
    for connection in &mut connections {
        connection.write(request.as_bytes())?;
    }
    while begin.elapsed() < load.duration {
        if let Some(origin) = &mut origin {
            origin.turn()?;
        }
        poll.poll(&mut events, Some(Duration::ZERO)).context("polling")?;
        for event in &events {
            let connection = &mut connections[event.token().0];
            if event.is_writable() && connection.unsent > 0 {
                connection.write(request.as_bytes())?;
            }
            // One answer at a time, so there is nothing after a whole one.
            if let Some(asked) = connection.read(&mut chunk)? {
                last_answer = Instant::now();
                outcome.latencies.record(last_answer - asked);
                connection.unsent = request.len();
                connection.asked = last_answer;
                connection.write(request.as_bytes())?;
            }
        }
        if last_answer.elapsed() > PATIENCE {
            bail!("no answer for {} s", PATIENCE.as_secs());
        }
    }
    outcome.elapsed = last_answer - begin;
    Ok(outcome)
}

impl Connection {
    /// Sends what is left of the request.
    fn write(&mut self, request: &[u8]) -> Result<()> {
        while self.unsent > 0 {
            match self.stream.write(&request[request.len() - self.unsent..]) {
                Ok(written) => self.unsent -= written,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error).context("sending a request"),
            }
        }
        Ok(())
    }

    /// Takes what has arrived. When its request was sent, if the answer is
    /// whole now.
    fn read(&mut self, chunk: &mut [u8]) -> Result<Option<Instant>> {
        loop {
            match self.stream.read(chunk) {
                Ok(0) => bail!("the server closed a connection"),
                Ok(read) => self.received.extend_from_slice(&chunk[..read]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(error).context("receiving an answer"),
            }
            let Some(answer) = framing::answer(&self.received)? else { continue };
            if answer.status != 200 || answer.close || answer.length != self.received.len() {
                bail!("an unexpected answer: {}", String::from_utf8_lossy(&self.received));
            }
            self.received.clear();
            return Ok(Some(self.asked));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::thread;

    /// Answers every read of at least a request's end with `answer`, in pieces
    /// of `piece` bytes.
    fn server(answer: &'static [u8], piece: usize) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                stream.set_nodelay(true).expect("a TCP stream");
                thread::spawn(move || {
                    let mut buffer = [0; 1024];
                    while stream.read(&mut buffer).is_ok_and(|read| read > 0) {
                        for piece in answer.chunks(piece) {
                            if stream.write_all(piece).is_err() {
                                return;
                            }
                        }
                    }
                });
            }
        });
        address
    }

    fn load(to: SocketAddr) -> Load {
        let duration = Duration::from_millis(100);
        Load { to, path: "/".to_owned(), duration, connections: 3 }
    }

    #[test]
    fn a_run_with_errors_is_worthless() {
        for bad in [
            &b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n"[..],
            b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nhi",
            b"HTTP/1.1 200 OK\r\n\r\n",
            b"hello",
        ] {
            let mut load = load(server(bad, 1000));
            load.duration = Duration::from_secs(20);
            assert!(run(&load, None).is_err(), "{}", String::from_utf8_lossy(bad));
        }
    }

    #[test]
    fn every_connection_asks_again_and_again() {
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi";
        for piece in [answer.len(), 7] {
            let outcome = run(&load(server(answer, piece)), None).expect("answers");
            assert!(outcome.latencies.count() > 9, "{}", outcome.latencies.count());
            assert!(outcome.elapsed <= Duration::from_secs(5));
        }
    }
}
