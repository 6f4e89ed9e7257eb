//! What a client and the upstreams have seen of a probe, by one proxy.

use super::case::{Placed, Probe};
use super::upstream::{self, Hit, Servers, group};
use crate::client::{Answer, Connection};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How long copies of a request may be behind it.
const COPIES: Duration = Duration::from_millis(60);

/// Fields of answers that each proxy sets by itself, or that say how a message is
/// framed.
const ANSWER_OWN: [&str; 7] =
    ["connection", "content-length", "date", "keep-alive", "server", "transfer-encoding", "via"];

/// Fields of requests likewise, and those of the harness.
const REQUEST_OWN: [&str; 10] = [
    "connection",
    "content-length",
    "forwarded",
    "via",
    "traceparent",
    "transfer-encoding",
    "x-id",
    "x-request-id",
    "x-script",
    "tracestate",
];

/// One answer, and what stands behind it.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// The status; 0 if the connection ended before there was one.
    pub status: u16,
    /// Without those that each proxy sets by itself; sorted by name.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
    /// Whether the body came to its end.
    pub whole: bool,
    /// What the upstreams saw, in order of arrival.
    pub hits: Vec<Hit>,
    /// To the answer's last byte.
    pub elapsed: Duration,
}

impl Seen {
    /// Whether an upstream made the answer.
    pub fn is_upstreams(&self) -> bool {
        self.header("x-upstream").is_some()
    }

    /// The first field of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// How often each service was asked.
    pub fn tries(&self) -> BTreeMap<&str, usize> {
        let mut tries = BTreeMap::new();
        for hit in &self.hits {
            *tries.entry(group(&hit.server)).or_insert(0) += 1;
        }
        tries
    }

    /// In few words: what kind of answer this is, where many are counted.
    pub fn kind(&self) -> String {
        let from = self.header("x-upstream").unwrap_or("proxy");
        // What becomes of the copies of a request that failed is a documented
        // difference.
        let failed = !self.is_upstreams() && self.status >= 400;
        let tries = self.tries();
        let tries = tries.iter().filter(|(name, _)| !(failed && **name == "c"));
        let tries: Vec<String> = tries.map(|(name, count)| format!("{name}×{count}")).collect();
        let slow = if self.elapsed > Duration::from_millis(150) { " slow" } else { "" };
        format!("{} of {from} [{}]{slow}", self.status, tries.join(" "))
    }
}

/// Sends a probe, and gives what was seen of each of its requests.
pub fn send(
    placed: &Placed<'_>,
    number: usize,
    probe: &Probe,
    proxy: (&str, SocketAddr),
    servers: &Servers,
) -> Vec<Seen> {
    let (name, address) = proxy;
    let id = |time: usize| format!("{name}-{}-{number}-{time}", placed.index);
    let one = |time: usize| {
        let begin = Instant::now();
        let answer = ask(placed, probe, &id(time), address);
        (answer, begin.elapsed())
    };
    let answers: Vec<(Answer, Duration)> = if probe.at_once {
        std::thread::scope(|scope| {
            let one = &one;
            let threads: Vec<_> = (0..probe.times)
                .map(|time| {
                    scope.spawn(move || {
                        // In a known order, so that the first has the connection.
                        std::thread::sleep(Duration::from_millis(20 * time as u64));
                        one(time)
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap_or_default()).collect()
        })
    } else {
        (0..probe.times).map(one).collect()
    };
    std::thread::sleep(COPIES);
    let all = answers.into_iter().enumerate();
    all.map(|(time, (answer, elapsed))| Seen {
        status: answer.status,
        headers: normal(&answer.headers, &ANSWER_OWN),
        body: answer.text(),
        whole: answer.whole,
        hits: servers.take(&id(time)).into_iter().map(normal_hit).collect(),
        elapsed,
    })
    .collect()
}

fn ask(placed: &Placed<'_>, probe: &Probe, id: &str, address: SocketAddr) -> Answer {
    let mut connection = Connection::open(address);
    let (host, script) = (placed.host(), upstream::script(&probe.script));
    let mut fields = vec![("x-id", id)];
    if !script.is_empty() {
        fields.push(("x-script", script.as_str()));
    }
    let named: Vec<(String, String)> = probe
        .headers
        .iter()
        .map(|(name, value)| (name.clone(), value.replace("{host}", &host)))
        .collect();
    if !named.iter().any(|(name, _)| name == "host") {
        fields.push(("host", host.as_str()));
    }
    fields.extend(named.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    connection.request(probe.method, &probe.target, &fields, probe.body.as_bytes());
    connection.read_answer(probe.method == "HEAD")
}

fn normal(headers: &[(String, String)], own: &[&str]) -> Vec<(String, String)> {
    let kept = |name: &str| {
        !own.contains(&name) && !name.starts_with("x-envoy-") && !name.starts_with("x-forwarded-")
    };
    let mut headers: Vec<_> = headers.iter().filter(|(name, _)| kept(name)).cloned().collect();
    // Stable: values of one name stay in their order.
    headers.sort_by(|(left, _), (right, _)| left.cmp(right));
    headers
}

fn normal_hit(hit: Hit) -> Hit {
    Hit { headers: normal(&hit.headers, &REQUEST_OWN), ..hit }
}
