//! What is counted of links that are no functions.

use super::super::metrics::family;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The counters of one link, over all revisions of its chain.
#[derive(Default)]
pub struct LinkMetrics {
    /// Requests that what stands behind has answered, or failed to.
    pub(super) passed: AtomicU64,
    /// Requests that the link answered in its place.
    pub(super) refused: AtomicU64,
    /// Requests whose time was over before what stands behind had answered.
    pub(super) timed_out: AtomicU64,
}

/// A link as it is told: its app, its chain, its place in it from 1, and its kind.
pub type LinkName<'a> = (&'a str, &'a str, usize, &'a str);

impl LinkMetrics {
    /// How many requests passed, were refused, and timed out.
    pub fn counts(&self) -> [u64; 3] {
        [&self.passed, &self.refused, &self.timed_out].map(|counter| counter.load(Relaxed))
    }

    /// Appends the counters of all links in Prometheus' text format. Names of apps
    /// and chains are of an alphabet that needs no escapes.
    pub fn render_prometheus(links: &[(LinkName<'_>, Arc<LinkMetrics>)], out: &mut String) {
        if links.is_empty() {
            return;
        }
        let values = links.iter().flat_map(|((app, chain, place, kind), metrics)| {
            let outcomes = ["passed", "refused", "timed_out"].into_iter().zip(metrics.counts());
            outcomes.map(move |(outcome, count)| {
                let of =
                    format!("app=\"{app}\",chain=\"{chain}\",link=\"{place}\",kind=\"{kind}\"");
                (format!("{{{of},outcome=\"{outcome}\"}}"), count)
            })
        });
        let help = "Requests that came to a built-in link of a chain, by what it did.";
        family(out, "sedge_chain_link_requests_total", "counter", help, values);
    }
}
