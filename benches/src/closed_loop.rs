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
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

/// A server that is silent for this long is stuck: the run fails.
const PATIENCE: Duration = Duration::from_secs(5);

/// What to send.
pub struct Load<'a> {
    /// The server.
    pub to: SocketAddr,
    /// Paths and queries, asked for in turn over all connections; not empty.
    pub paths: &'a [String],
    /// More fields of each request, as lines with their ends.
    pub fields: &'a str,
    /// How long to ask, again from the first path after the last; `None`: for each path
    /// once.
    pub duration: Option<Duration>,
    /// Connections, each with one request at a time.
    pub connections: usize,
    /// Answers after which [`Outcome::served_cold`] is noted.
    pub cold: usize,
}

/// What came of it. Any other status than 200 and any broken connection is an
/// error of the whole run: a figure with errors in it is worthless.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Latencies of all answers.
    pub latencies: Latencies,
    /// Time from the first request to the last answer.
    pub elapsed: Duration,
    /// Time of turns in which no answer had arrived: if there is none left, this program
    /// is the limit, not the server.
    pub idle: Duration,
    /// What the origin had served when the first answers were there that do not count.
    pub served_cold: u64,
}

impl Outcome {
    /// What a generator prints, with what its origin has served.
    pub fn to_json(mut self, origin: Option<&Origin>) -> serde_json::Value {
        let answered = self.latencies.count();
        let [p50, p99, max] = self.latencies.quantiles([0.5, 0.99, 1.0]);
        let seconds = self.elapsed.as_secs_f64();
        serde_json::json!({
            "answered": answered, "per_s": answered as f64 / seconds,
            "p50_us": p50, "p99_us": p99, "max_us": max,
            "busy": 1.0 - self.idle.as_secs_f64() / seconds,
            "served": origin.map(Origin::served), "served_cold": self.served_cold,
        })
    }
}

struct Connection {
    stream: TcpStream,
    request: Vec<u8>,
    sent: usize,
    asked: Instant,
    /// What has arrived of an answer's head, and of its body if that has chunks.
    received: Vec<u8>,
    /// Bytes of the body that are still to come, if the head is there.
    left: Option<usize>,
}

/// Bytes that are read at once: a head, and the body of a small answer.
const CHUNK_BYTES: usize = 4 << 10;

/// What is left of a body from here on is counted and not read: a generator that copied
/// each byte would be slower than servers of large answers.
const COUNTED_BYTES_MIN: usize = 4 << 10;

/// Runs a load to its end, and the server behind a proxy with it.
///
/// # Errors
///
/// When the server cannot be reached, closes a connection, answers with
/// anything but 200, or is silent for five seconds.
pub fn run(load: &Load<'_>, mut origin: Option<&mut Origin>) -> Result<Outcome> {
    let mut poll = Poll::new().context("opening the poller")?;
    let mut connections = Vec::new();
    for index in 0..load.connections {
        let mut connection = Connection::open(load.to)?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        poll.registry().register(&mut connection.stream, Token(index), interest)?;
        connections.push(connection);
    }
    let mut requests = Requests { load, next: 0 };
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut events = Events::with_capacity(load.connections.max(1));
    let mut outcome = Outcome::default();
    let begin = Instant::now();
    let mut last_answer = begin;
    for connection in &mut connections {
        requests.send(connection, begin)?;
    }
    let (mut last_turn, mut was_idle) = (begin, false);
    loop {
        let now = Instant::now();
        if was_idle {
            outcome.idle += now - last_turn;
        }
        last_turn = now;
        if load.duration.map_or(outcome.latencies.count() >= load.paths.len(), |duration| {
            now - begin >= duration
        }) {
            break;
        }
        if now - last_answer > PATIENCE {
            bail!("no answer for {} s", PATIENCE.as_secs());
        }
        if let Some(origin) = &mut origin {
            origin.turn()?;
        }
        poll.poll(&mut events, Some(Duration::ZERO)).context("polling")?;
        was_idle = events.is_empty();
        for event in &events {
            let connection = &mut connections[event.token().0];
            if event.is_writable() {
                connection.write()?;
            }
            // One answer at a time, so there is nothing after a whole one.
            if connection.read(&mut chunk)? {
                last_answer = Instant::now();
                outcome.latencies.record(last_answer - connection.asked);
                if outcome.latencies.count() == load.cold {
                    outcome.served_cold = origin.as_ref().map_or(0, |origin| origin.served());
                }
                requests.send(connection, last_answer)?;
            }
        }
    }
    outcome.elapsed = last_answer - begin;
    Ok(outcome)
}

/// The requests that are still to be sent.
struct Requests<'a> {
    load: &'a Load<'a>,
    next: usize,
}

impl Requests<'_> {
    /// Sends the next one, if there is one.
    fn send(&mut self, connection: &mut Connection, now: Instant) -> Result<()> {
        let Load { paths, to, duration, fields, .. } = self.load;
        if self.next >= paths.len() && duration.is_some() {
            self.next = 0;
        }
        let Some(path) = paths.get(self.next) else { return Ok(()) };
        self.next += 1;
        connection.request.clear();
        write!(connection.request, "GET {path} HTTP/1.1\r\nhost: {to}\r\n{fields}\r\n")?;
        (connection.sent, connection.asked) = (0, now);
        connection.write()
    }
}

impl Connection {
    fn open(to: SocketAddr) -> Result<Self> {
        let stream =
            std::net::TcpStream::connect(to).with_context(|| format!("connecting to {to}"))?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Connection {
            stream: TcpStream::from_std(stream),
            request: Vec::new(),
            sent: 0,
            asked: Instant::now(),
            received: Vec::new(),
            left: None,
        })
    }

    /// Sends what is left of the request.
    fn write(&mut self) -> Result<()> {
        while self.sent < self.request.len() {
            match self.stream.write(&self.request[self.sent..]) {
                Ok(written) => self.sent += written,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error).context("sending a request"),
            }
        }
        Ok(())
    }

    /// Takes what has arrived; whether the answer is whole now.
    fn read(&mut self, chunk: &mut [u8]) -> Result<bool> {
        loop {
            let is_counted = self.left.filter(|left| *left >= COUNTED_BYTES_MIN);
            let read = match is_counted {
                Some(left) => discard(&self.stream, left),
                None => self.stream.read(chunk),
            };
            match read {
                Ok(0) => bail!("the server closed a connection"),
                Ok(read) if is_counted.is_some() => {
                    if self.count(read)? {
                        return Ok(true);
                    }
                }
                Ok(read) => {
                    if self.take(&chunk[..read])? {
                        return Ok(true);
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error).context("receiving an answer"),
            }
        }
    }

    /// Takes some bytes of an answer; whether they are its last.
    fn take(&mut self, bytes: &[u8]) -> Result<bool> {
        match self.left {
            Some(_) => self.count(bytes.len()),
            None => {
                let is_whole = self.take_head(bytes)?;
                Ok(self.ends(is_whole))
            }
        }
    }

    /// Takes some bytes of a body; whether they are its last.
    fn count(&mut self, bytes: usize) -> Result<bool> {
        let left = self.left.unwrap_or_default();
        let Some(rest) = left.checked_sub(bytes) else { bail!("more bytes than the answer has") };
        self.left = Some(rest);
        Ok(self.ends(rest == 0))
    }

    fn ends(&mut self, is_whole: bool) -> bool {
        if is_whole {
            self.received.clear();
            self.left = None;
        }
        is_whole
    }

    fn take_head(&mut self, bytes: &[u8]) -> Result<bool> {
        self.received.extend_from_slice(bytes);
        let Some(head) = framing::head(&self.received)? else { return Ok(false) };
        let after = self.received.len() - head.bytes;
        let (is_whole, fits) = match head.body_bytes {
            Some(length) => (after == length, after <= length),
            None => {
                let answer = framing::answer(&self.received)?;
                let fits = answer.as_ref().is_none_or(|one| one.length == self.received.len());
                (answer.is_some(), fits)
            }
        };
        if head.status != 200 || head.close || !fits {
            bail!("an unexpected answer: {}", String::from_utf8_lossy(&self.received));
        }
        self.left = head.body_bytes.map(|length| length - after);
        Ok(is_whole)
    }
}

/// Lets the kernel drop bytes that have arrived (tcp(7): `MSG_TRUNC`), and gives how many
/// they were.
fn discard(stream: &TcpStream, bytes_max: usize) -> std::io::Result<usize> {
    let (nowhere, flags) = (std::ptr::null_mut(), libc::MSG_TRUNC | libc::MSG_DONTWAIT);
    // SAFETY: the descriptor is open, and with this flag nothing is written anywhere.
    let count = unsafe { libc::recv(stream.as_raw_fd(), nowhere, bytes_max, flags) };
    usize::try_from(count).map_err(|_| std::io::Error::last_os_error())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::origin::Content;
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

    fn load(to: SocketAddr, paths: &[String]) -> Load<'_> {
        let duration = Some(Duration::from_millis(300));
        Load { to, paths, fields: "", duration, connections: 3, cold: 0 }
    }

    fn root() -> [String; 1] {
        ["/".to_owned()]
    }

    #[test]
    fn a_run_with_errors_is_worthless() {
        for bad in [
            &b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n"[..],
            b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nhi",
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nhi",
            b"HTTP/1.1 200 OK\r\n\r\n",
            b"hello",
        ] {
            let paths = root();
            let mut load = load(server(bad, 1000), &paths);
            load.duration = Some(Duration::from_secs(20));
            assert!(run(&load, None).is_err(), "{}", String::from_utf8_lossy(bad));
        }
    }

    #[test]
    fn every_connection_asks_again_and_again() {
        for answer in [
            &b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"[..],
            b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
        ] {
            for piece in [answer.len(), 7] {
                let outcome = run(&load(server(answer, piece), &root()), None).expect("answers");
                // More than one for each of the three.
                assert!(outcome.latencies.count() > 3, "{}", outcome.latencies.count());
                assert!(outcome.elapsed <= Duration::from_secs(5));
            }
        }
    }

    #[test]
    fn a_trace_is_played_once_in_its_order() {
        let mut origin = Origin::bind(([127, 0, 0, 1], 0).into(), Content::ByPath).expect("free");
        let to = origin.address().expect("bound");
        for connections in [1, 4, 20] {
            let before = origin.served();
            let paths: Vec<String> = (0..10).map(|i| format!("/{}/{i}", i * 40_000)).collect();
            let mut load = load(to, &paths);
            (load.duration, load.connections, load.cold) = (None, connections, 4);
            let outcome = run(&load, Some(&mut origin)).expect("answers");
            assert_eq!((outcome.latencies.count(), origin.served() - before), (10, 10));
            assert!((4..=10).contains(&(outcome.served_cold - before)), "{outcome:?}");
        }
    }
}
