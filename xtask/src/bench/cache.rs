//! `cargo xtask bench cache`: what a caching link is worth on one core, beside nginx and
//! Varnish.
//!
//! Four parts: answers per second that come from the cache ([`hits`]), how many of a
//! trace's requests do with room for 1 % of its objects ([`ratio`]), what an object takes
//! in memory ([`memory`]), and how long a node takes to start with a million of them on
//! its disk ([`start`]). [`servers`] are started anew for each, [`player`] asks them. The
//! origin is in the generator, because there are only two cores.

mod hits;
mod memory;
mod player;
mod ratio;
mod servers;
mod start;

use super::arguments::Arguments;
use super::http;
use super::report::{Bar, Report};
use crate::workspace::Workspace;
use anyhow::Result;
use servers::{NGINX, SEDGE, VARNISH};
use std::path::PathBuf;

/// How far a hit ratio may lie below its reference, points of percent: what the order of
/// requests over several connections makes of it.
const RATIO_NOISE: f64 = 0.2;

/// Builds, measures, prints, writes.
pub(super) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    http::prepare(workspace, arguments)?;
    let mut report = Report::new("cache");
    let (mut caches, absent) = servers::all(workspace);
    caches.retain(|cache| arguments.wants_of(cache.name, &[SEDGE, NGINX, VARNISH]));
    let wants = |part| arguments.wants_of(part, &["hits", "ratio", "memory", "start"]);
    let hits = match wants("hits") {
        true => hits::measure(workspace, arguments, &caches, &mut report)?,
        false => Vec::new(),
    };
    let beyond = match wants("ratio") {
        true => ratio::measure(workspace, arguments, &caches, &mut report)?,
        false => None,
    };
    if wants("memory") {
        memory::measure(workspace, &caches, &mut report)?;
    }
    let start_s = match wants("start") {
        true => Some(start::measure(workspace, arguments, &mut report)?),
        false => None,
    };
    for (name, why) in &absent {
        println!("{name}: absent ({why})");
        report.absent(name, why);
    }
    for bar in bars(&hits, beyond, start_s) {
        report.bar(bar);
    }
    report.finish(workspace, arguments)
}

/// Where all of it lies.
fn folder(workspace: &Workspace) -> PathBuf {
    workspace.root.join("target/bench/cache")
}

/// The promises; `beyond`: by how many points the hit ratio is above the reference's.
fn bars(hits: &[hits::Figures], beyond: Option<f64>, start_s: Option<f64>) -> Vec<Bar> {
    let per_s = |name: &str, case: &str| {
        hits.iter().find(|one| one.name == name && one.case == case).map(|one| one.per_s)
    };
    let mut bars = Vec::new();
    for (case, ..) in hits::CASES {
        for other in [NGINX, VARNISH] {
            let ratio = per_s(SEDGE, case).zip(per_s(other, case)).map(|(one, other)| one / other);
            bars.push(Bar::at_least(
                &format!("hits per second, {case}, of {other}'s"),
                1.0,
                "×",
                ratio,
            ));
        }
    }
    let name = "hit ratio at 1 %, above W-TinyLFU's for objects as large";
    bars.push(Bar::at_least(name, -RATIO_NOISE, " points", beyond));
    bars.push(Bar::at_most("start with 1,000,000 objects on disk", 1.0, " s", start_s));
    bars
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_promise_about_an_absent_cache_is_missed_but_named() {
        let one = |case| hits::Figures { name: SEDGE, case, per_s: 1.0 };
        let bars = bars(&[one("1 kB"), one("100 kB")], None, None);
        assert_eq!(bars.len(), 6);
        assert!(bars.iter().all(|bar| !bar.holds && bar.got == "not measured"));
    }

    #[test]
    fn each_size_and_each_cache_is_compared() {
        let mut hits = Vec::new();
        for (name, small, large) in [(SEDGE, 10.0, 5.0), (NGINX, 9.0, 6.0), (VARNISH, 11.0, 5.0)] {
            hits.push(hits::Figures { name, case: "1 kB", per_s: small });
            hits.push(hits::Figures { name, case: "100 kB", per_s: large });
        }
        for (beyond, holds) in [(-0.3, false), (-0.2, true), (4.0, true)] {
            let bars = bars(&hits, Some(beyond), Some(0.5));
            let got: Vec<bool> = bars.iter().map(|bar| bar.holds).collect();
            assert_eq!(got, [true, false, false, true, holds, true]);
        }
    }
}
