//! Requests at a fixed rate.
//!
//! A closed loop, like wrk's, waits for an answer before it asks again, so a
//! server that stalls is asked less and looks better than it is ("coordinated
//! omission"). Here request *i* is due at `i / rate`, and its latency counts
//! from then, whether or not a connection was free to send it.
//!
//! One thread that never sleeps: give it a core of its own. A timer would be
//! late by more than the latencies that are measured.
//!
//! A hypervisor may still take that core away for milliseconds. Such a pause of
//! the generator is no fault of the server: requests that fall due in it are not
//! sent, those that were under way are not counted, and both are reported as
//! disturbed. A pause of the *server's* core counts in full.

use crate::framing;
use crate::latency::Latencies;
use anyhow::{Context, Result};
use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Answers that are not there by then are counted as failed.
const PATIENCE: Duration = Duration::from_secs(5);

/// What to send, and how fast.
pub struct Load {
    /// The server.
    pub to: SocketAddr,
    /// Path and query of every request.
    pub path: String,
    /// Requests per second.
    pub rate: f64,
    /// How long requests fall due.
    pub duration: Duration,
    /// Connections, each with one request at a time.
    pub connections: usize,
    /// A longer time between two looks at the clock is a pause of this program.
    pub pause_max: Duration,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Latencies of the answers with a status below 400, from when they were
    /// due.
    pub latencies: Latencies,
    /// Answers with another status, broken connections, and answers that did
    /// not come in time.
    pub failed: usize,
    /// Requests that a pause of this program kept from being sent or measured.
    pub disturbed: usize,
}

/// What the generator's thread does beside its own work. It may not wait.
pub trait Companion {
    /// Does what can be done at once.
    ///
    /// # Errors
    ///
    /// When the run cannot go on.
    fn turn(&mut self) -> Result<()>;
}

struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
    /// When the request was due whose answer is awaited.
    due: Option<Instant>,
}

/// Runs a load to its end, and its companion with it.
///
/// # Errors
///
/// When the server cannot be reached, or answers with what is no HTTP/1.1.
pub fn run(load: &Load, mut companion: Option<&mut dyn Companion>) -> Result<Outcome> {
    let request = format!("GET {} HTTP/1.1\r\nhost: {}\r\n\r\n", load.path, load.to);
    let mut connections = Vec::new();
    for _ in 0..load.connections {
        connections.push(connect(load.to)?);
    }
    let interval = Duration::from_secs_f64(1.0 / load.rate);
    let start = Instant::now();
    let end = start + load.duration;
    let mut outcome = Outcome::default();
    let mut waiting = VecDeque::new();
    let mut next_due = start;
    let (mut last, mut resumed) = (start, None);
    loop {
        let now = Instant::now();
        if now - last > load.pause_max {
            resumed = Some(now);
            outcome.disturbed += waiting.len();
            waiting.clear();
            while next_due <= now && next_due < end {
                outcome.disturbed += 1;
                next_due += interval;
            }
        }
        last = now;
        if let Some(companion) = &mut companion {
            companion.turn()?;
        }
        while next_due <= now && next_due < end {
            waiting.push_back(next_due);
            next_due += interval;
        }
        send_due(&mut connections, &mut waiting, request.as_bytes(), load, &mut outcome)?;
        let mut busy = 0;
        for connection in &mut connections {
            receive(connection, load, resumed, &mut outcome)?;
            busy += usize::from(connection.due.is_some());
        }
        if now >= end && busy == 0 && waiting.is_empty() {
            return Ok(outcome);
        }
        if now > end + PATIENCE {
            outcome.failed += busy + waiting.len();
            return Ok(outcome);
        }
        std::hint::spin_loop();
    }
}

fn connect(to: SocketAddr) -> Result<Connection> {
    let stream = TcpStream::connect(to).with_context(|| format!("connecting to {to}"))?;
    stream.set_nodelay(true)?;
    stream.set_nonblocking(true)?;
    Ok(Connection { stream, received: Vec::new(), due: None })
}

/// Sends requests that are due over connections that are idle.
fn send_due(
    connections: &mut [Connection],
    waiting: &mut VecDeque<Instant>,
    request: &[u8],
    load: &Load,
    outcome: &mut Outcome,
) -> Result<()> {
    let mut idle = connections.iter_mut().filter(|connection| connection.due.is_none());
    while let Some(due) = waiting.front().copied() {
        let Some(connection) = idle.next() else { return Ok(()) };
        waiting.pop_front();
        match connection.stream.write_all(request) {
            Ok(()) => connection.due = Some(due),
            Err(_) => {
                outcome.failed += 1;
                *connection = connect(load.to)?;
            }
        }
    }
    Ok(())
}

/// Takes what has arrived on a connection that awaits an answer.
fn receive(
    connection: &mut Connection,
    load: &Load,
    resumed: Option<Instant>,
    outcome: &mut Outcome,
) -> Result<()> {
    let Some(due) = connection.due else { return Ok(()) };
    let mut chunk = [0; 16 << 10];
    match connection.stream.read(&mut chunk) {
        Ok(read @ 1..) => connection.received.extend_from_slice(&chunk[..read]),
        Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
        Ok(_) | Err(_) => {
            outcome.failed += 1;
            *connection = connect(load.to)?;
            return Ok(());
        }
    }
    let Some(answer) = framing::answer(&connection.received)? else { return Ok(()) };
    match answer.status {
        400.. => outcome.failed += 1,
        _ if resumed.is_some_and(|resumed| due <= resumed) => outcome.disturbed += 1,
        _ => outcome.latencies.record(due.elapsed()),
    }
    connection.received.drain(..answer.length);
    connection.due = None;
    if answer.close {
        *connection = connect(load.to)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::thread;

    /// Serves every connection with `answer`, after `delay` each.
    fn server(answer: &'static str, delay: Duration) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                thread::spawn(move || {
                    let mut buffer = [0; 1024];
                    while stream.read(&mut buffer).is_ok_and(|read| read > 0) {
                        thread::sleep(delay);
                        if stream.write_all(answer.as_bytes()).is_err() {
                            return;
                        }
                    }
                });
            }
        });
        address
    }

    fn load(to: SocketAddr, rate: f64, connections: usize) -> Load {
        let duration = Duration::from_millis(200);
        // No pause is long enough: tests share their cores.
        let pause_max = Duration::from_secs(60);
        Load { to, path: "/".to_owned(), rate, duration, connections, pause_max }
    }

    const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi";

    #[test]
    fn errors_are_failures_and_not_latencies() {
        for answer in [
            "HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 404 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        ] {
            let to = server(answer, Duration::ZERO);
            let outcome = run(&load(to, 100.0, 2), None).expect("connected");
            assert_eq!((outcome.failed, outcome.latencies.count()), (20, 0), "{answer}");
        }
    }

    #[test]
    fn every_request_that_fell_due_is_answered() {
        let outcome = run(&load(server(OK, Duration::ZERO), 500.0, 4), None).expect("connected");
        assert_eq!((outcome.failed, outcome.latencies.count()), (0, 100));
    }

    #[test]
    fn what_a_pause_disturbs_is_neither_a_latency_nor_a_failure() {
        let to = server(OK, Duration::ZERO);
        // Every look at the clock comes after a pause, so all is disturbed.
        let always = Load { pause_max: Duration::ZERO, ..load(to, 500.0, 4) };
        let outcome = run(&always, None).expect("connected");
        assert_eq!((outcome.failed, outcome.latencies.count()), (0, 0));
        assert!((99..=100).contains(&outcome.disturbed), "{}", outcome.disturbed);
    }

    #[test]
    fn waiting_for_a_free_connection_counts_as_latency() {
        // 10 requests at 50 per second, but each takes 100 ms on one connection:
        // the last is due after 180 ms and answered after 1 s.
        let to = server(OK, Duration::from_millis(100));
        let mut outcome = run(&load(to, 50.0, 1), None).expect("connected");
        assert_eq!(outcome.latencies.count(), 10);
        let [longest] = outcome.latencies.quantiles([1.0]);
        assert!(longest >= 800_000, "{longest} µs");
    }
}
