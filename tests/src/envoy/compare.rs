//! Where two proxies differ.

use super::case::{Case, Placed, Probe};
use super::differences;
use super::process::Envoy;
use super::seen::{self, Seen};
use super::upstream::{Servers, group};
use super::{case, differences::Excuse};
use crate::pebble::free_port;
use crate::{Node, Scenario};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

/// Cases that are under way at once: most of their time they wait.
const AT_ONCE: usize = 6;
/// Cases that share two processes.
const BATCH: usize = 25;
/// How often a case that differs is sent again, alone and to new processes.
const CONFIRMATIONS: usize = 2;
/// By how much two times may differ and be of one class: half of the unit that
/// cases are made of.
const TIME: Duration = Duration::from_millis(110);

/// One difference, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Which probe of its case.
    pub probe: usize,
    /// What differs.
    pub field: &'static str,
    /// What Sedge did.
    pub sedge: String,
    /// What Envoy did.
    pub envoy: String,
}

/// What became of a case.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Its place in the list.
    pub case: usize,
    /// Those that were confirmed.
    pub differences: Vec<Difference>,
    /// Rules of [`differences`] that were needed.
    pub excused: Vec<Excuse>,
    /// Requests that were sent to each.
    pub requests: usize,
}

/// Both proxies with some cases.
struct Pair {
    sedge: Node,
    envoy: Envoy,
    _folder: tempfile::TempDir,
}

impl Pair {
    fn start(cases: &[Placed<'_>], servers: &Servers) -> Result<Self, String> {
        Self::start_apart(cases, cases, servers)
    }

    /// The second cases are Envoy's.
    fn start_apart(
        cases: &[Placed<'_>],
        others: &[Placed<'_>],
        servers: &Servers,
    ) -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let envoy = Envoy::start(others, servers, folder.path())?;
        let port = free_port();
        let mut manifest = case::gateway();
        let mut config = format!("[mesh]\nports = {{ \"{}\" = {port} }}\n\n", case::GATEWAY_PORT);
        for placed in cases {
            manifest.push_str(&placed.manifest());
            for service in placed.services() {
                config.push_str(&service_of_node(&placed.service(service), service, servers));
            }
        }
        let scenario = Scenario::new();
        let file = scenario.folder().join("cases.yaml").display().to_string();
        let scenario = scenario.file("cases.yaml", manifest).config(&config);
        let scenario = scenario.argument("-f").argument(&file);
        let scenario = scenario.argument(&format!("--listen=127.0.0.1:{port}"));
        // Upstreams that fail are what many cases are about.
        let sedge = scenario.allow("endpoint is ejected").allow("upstream").start();
        Ok(Pair { sedge, envoy, _folder: folder })
    }
}

/// A service as the node's configuration names it.
fn service_of_node(name: &str, service: &str, servers: &Servers) -> String {
    let found = case::SERVICES.iter().find(|(known, _)| *known == service);
    let endpoints = found.map_or(&[][..], |(_, endpoints)| endpoints).iter().map(|one| {
        let (address, version) = (servers.address(one.server), one.version);
        format!("  {{ address = \"{address}\", labels = {{ version = \"{version}\" }} }},\n")
    });
    format!("[services.\"{name}\"]\nendpoints = [\n{}]\n\n", endpoints.collect::<String>())
}

/// Sends all cases through both proxies; `tell` hears of each that is done.
///
/// # Errors
///
/// When Envoy does not start.
///
/// # Panics
///
/// When the node does not start.
pub fn run(
    cases: &[Case],
    servers: &Servers,
    tell: &(dyn Fn(&Outcome) + Sync),
) -> Result<Vec<Outcome>, String> {
    let mut outcomes = Vec::new();
    for (number, batch) in cases.chunks(BATCH).enumerate() {
        let places = batch.iter().enumerate();
        let placed: Vec<Placed<'_>> =
            places.map(|(index, case)| Placed { case, index: number * BATCH + index }).collect();
        let pair = Pair::start(&placed, servers)?;
        let first = in_parallel(&placed, |one| once(one, &pair, servers));
        drop(pair);
        for (one, mut outcome) in placed.iter().zip(first) {
            for _ in 0..CONFIRMATIONS {
                if outcome.differences.is_empty() {
                    break;
                }
                let alone = std::slice::from_ref(one);
                outcome = once(one, &Pair::start(alone, servers)?, servers);
            }
            tell(&outcome);
            outcomes.push(outcome);
        }
    }
    Ok(outcomes)
}

/// One case where Envoy is told another one: what a comparison must find.
///
/// # Errors
///
/// As [`run`].
pub fn apart(case: &Case, other: &Case, servers: &Servers) -> Result<Outcome, String> {
    let [placed, others] = [case, other].map(|case| Placed { case, index: 0 });
    let pair = Pair::start_apart(std::slice::from_ref(&placed), &[others], servers)?;
    Ok(once(&placed, &pair, servers))
}

fn in_parallel<'a, T: Send>(
    placed: &'a [Placed<'a>],
    work: impl Fn(&Placed<'a>) -> T + Sync,
) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(one) = placed.get(next.fetch_add(1, Relaxed)) {
                    let result = work(one);
                    done.lock().unwrap_or_else(|e| e.into_inner()).insert(one.index, result);
                }
            });
        }
    });
    done.into_inner().unwrap_or_else(|e| e.into_inner()).into_values().collect()
}

/// One case, once.
fn once(placed: &Placed<'_>, pair: &Pair, servers: &Servers) -> Outcome {
    let (mut differences, mut excused, mut requests) = (Vec::new(), Vec::new(), 0);
    for (number, probe) in placed.case.probes.iter().enumerate() {
        // Side by side, so that waiting costs half.
        let [sedge, envoy] = std::thread::scope(|scope| {
            let to = |name, address| {
                scope.spawn(move || seen::send(placed, number, probe, (name, address), servers))
            };
            let both = [to("sedge", pair.sedge.listen), to("envoy", pair.envoy.listen)];
            both.map(|thread| thread.join().unwrap_or_default())
        });
        requests += probe.times;
        let found = match probe.times {
            1 => sedge.iter().zip(&envoy).flat_map(|(s, e)| single(probe, s, e)).collect(),
            _ => many(probe, &sedge, &envoy),
        };
        for (field, said, wanted) in found {
            let difference = Difference { probe: number, field, sedge: said, envoy: wanted };
            let excuse = match (&sedge[..], &envoy[..]) {
                ([sedge], [envoy]) => differences::excuse(probe, &difference, sedge, envoy),
                _ => None,
            };
            match excuse {
                Some(excuse) => excused.push(excuse),
                None => differences.push(difference),
            }
        }
    }
    excused.sort_unstable();
    excused.dedup();
    Outcome { case: placed.index, differences, excused, requests }
}

type Found = (&'static str, String, String);

/// What two answers to one request differ in.
fn single(probe: &Probe, sedge: &Seen, envoy: &Seen) -> Vec<Found> {
    let mut found = Vec::new();
    let mut same = |field: &'static str, sedge: String, envoy: String| {
        if sedge != envoy {
            found.push((field, sedge, envoy));
        }
    };
    same("status", sedge.status.to_string(), envoy.status.to_string());
    same("whole", sedge.whole.to_string(), envoy.whole.to_string());
    same("body", sedge.body.clone(), envoy.body.clone());
    same("answer", fields(&sedge.headers), fields(&envoy.headers));
    same("tries", format!("{:?}", sedge.tries()), format!("{:?}", envoy.tries()));
    let services: Vec<&str> = envoy.tries().into_keys().collect();
    for service in services {
        let of = |seen: &Seen| {
            let hit = seen.hits.iter().find(|hit| group(&hit.server) == service).cloned();
            hit.unwrap_or_default()
        };
        let (sedge, envoy) = (of(sedge), of(envoy));
        if sedge.method.is_empty() {
            continue;
        }
        let line = |hit: &super::upstream::Hit| format!("{} {}", hit.method, hit.target);
        same("request line", line(&sedge), line(&envoy));
        same("request", fields(&sedge.headers), fields(&envoy.headers));
        same("request body", sedge.body, envoy.body);
    }
    let apart = sedge.elapsed.abs_diff(envoy.elapsed);
    if apart > TIME + jitter(probe) {
        let millis = |time: Duration| format!("{} ms", time.as_millis());
        found.push(("time", millis(sedge.elapsed), millis(envoy.elapsed)));
    }
    found
}

/// Waits before retries are random.
fn jitter(probe: &Probe) -> Duration {
    Duration::from_millis(15 * probe.script.len() as u64)
}

fn fields(headers: &[(String, String)]) -> String {
    headers.iter().map(|(name, value)| format!("{name}: {value}")).collect::<Vec<_>>().join(" | ")
}

/// Whether kinds of answers came equally often: for each kind, the two shares
/// differ by less than five standard deviations of their difference.
fn many(probe: &Probe, sedge: &[Seen], envoy: &[Seen]) -> Vec<Found> {
    let count = |all: &[Seen]| {
        let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
        for seen in all {
            *kinds.entry(seen.kind()).or_default() += 1;
        }
        kinds
    };
    let (left, right) = (count(sedge), count(envoy));
    let differs = left.keys().chain(right.keys()).any(|kind| {
        let of = |kinds: &BTreeMap<String, usize>| kinds.get(kind).copied().unwrap_or(0) as f64;
        let (one, other, all) = (of(&left), of(&right), probe.times as f64);
        if probe.at_once {
            return one != other;
        }
        let share = (one + other) / (2.0 * all);
        let deviation = (2.0 * all * share * (1.0 - share)).sqrt();
        (one - other).abs() > 5.0 * deviation
    });
    let shown = |kinds: &BTreeMap<String, usize>| {
        kinds.iter().map(|(kind, count)| format!("{count}: {kind}")).collect::<Vec<_>>().join(", ")
    };
    if differs { vec![("shares", shown(&left), shown(&right))] } else { Vec::new() }
}
