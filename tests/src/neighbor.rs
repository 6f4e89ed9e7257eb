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

/// The neighbor's latencies without and with an attack.
#[derive(Clone, Debug)]
pub struct Impact {
    /// Before the attack.
    pub calm: Report,
    /// During it.
    pub attacked: Report,
}

impl Impact {
    /// Measures the neighbor alone for `calm`, then while `attack` runs, which
    /// is repeated until it has taken at least as long.
    pub fn measure(
        address: SocketAddr,
        target: &str,
        calm: Duration,
        mut attack: impl FnMut(),
    ) -> Self {
        let neighbor = Neighbor::start(address, target);
        std::thread::sleep(calm);
        let before = neighbor.stop();
        let neighbor = Neighbor::start(address, target);
        let start = Instant::now();
        while start.elapsed() < calm {
            attack();
        }
        Impact { calm: before, attacked: neighbor.stop() }
    }

    /// 99th percentile during the attack over that before; the bar is 1.5.
    pub fn ratio(&self) -> f64 {
        let calm = self.calm.quantile(0.99).as_secs_f64();
        self.attacked.quantile(0.99).as_secs_f64() / calm.max(1e-6)
    }

    /// One line of a table.
    pub fn line(&self, name: &str) -> String {
        let millis = |report: &Report| report.quantile(0.99).as_secs_f64() * 1e3;
        format!(
            "{name:28} {:6} answered {:3} failed   p99 {:8.2} ms -> {:8.2} ms   x{:.2}",
            self.attacked.answered,
            self.attacked.failures.len(),
            millis(&self.calm),
            millis(&self.attacked),
            self.ratio()
        )
    }
}
