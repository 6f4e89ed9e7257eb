//! What a function feels while another one on the same node misbehaves.

use crate::client::Connection;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Requests per second that the neighbor is asked: far below what a node
/// bears, so that what is measured is disturbance and not saturation.
const REQUESTS_PER_SECOND: u32 = 200;

/// Load on a function, from the moment it is started until it is stopped.
pub struct Neighbor {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Report>,
}

/// What the neighbor saw.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Answers that were as expected.
    pub answered: usize,
    /// What was not, in words; at most ten are kept.
    pub failures: Vec<String>,
    latencies: Vec<Duration>,
}

impl Report {
    /// The latency that a share `q` (0 to 1) of requests did not exceed.
    pub fn quantile(&self, q: f64) -> Duration {
        let mut sorted = self.latencies.clone();
        sorted.sort_unstable();
        let rank = ((sorted.len() as f64 * q).ceil() as usize).clamp(1, sorted.len().max(1));
        sorted.get(rank - 1).copied().unwrap_or_default()
    }
}

impl Neighbor {
    /// Begins to ask for `target`, which must answer 200.
    pub fn start(address: SocketAddr, target: &str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (until, target) = (stop.clone(), target.to_string());
        let thread = std::thread::spawn(move || ask(address, &target, &until));
        Neighbor { stop, thread }
    }

    /// Stops asking.
    ///
    /// # Panics
    ///
    /// If the thread did.
    pub fn stop(self) -> Report {
        self.stop.store(true, Relaxed);
        self.thread.join().expect("the neighbor's thread")
    }
}

/// Asks at a fixed rate. Latency counts from when a request was due, so that a
/// stalled node is not flattered by the requests that were not sent meanwhile.
fn ask(address: SocketAddr, target: &str, stop: &AtomicBool) -> Report {
    let interval = Duration::from_secs(1) / REQUESTS_PER_SECOND;
    let mut report = Report::default();
    let mut connection = Connection::open(address);
    let mut due = Instant::now();
    while !stop.load(Relaxed) {
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        connection.request("GET", target, &[], &[]);
        let answer = connection.read_answer(false);
        report.latencies.push(due.elapsed());
        due += interval;
        if answer.status == 200 && answer.whole {
            report.answered += 1;
            continue;
        }
        if report.failures.len() < 10 {
            report.failures.push(format!("{}: {}", answer.status, answer.text()));
        }
        connection = Connection::open(address);
    }
    report
}
