//! The figures of a run, for a person and for a program.

use super::load::Outcome;
use crate::show;
use serde_json::{Value, json};
use std::fmt::Write;
use std::time::Duration;

/// Quantiles that are shown; 1.0 is the slowest.
const QUANTILES: [(&str, f64); 4] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1.0)];

pub(super) fn json(outcome: &Outcome) -> Value {
    let mut latency = serde_json::Map::new();
    for (name, q) in QUANTILES {
        latency.insert(format!("{name}_us"), quantile(&outcome.latencies_us, q).into());
    }
    let statuses: serde_json::Map<String, Value> =
        outcome.statuses.iter().map(|(s, count)| (s.to_string(), (*count).into())).collect();
    json!({
        "seconds": outcome.elapsed.as_secs_f64(),
        "requests": outcome.answered(),
        "requests_per_second": per_second(outcome),
        "latency": latency,
        "statuses": statuses,
        "errors": outcome.errors,
        "body_bytes": outcome.body_bytes,
    })
}

pub(super) fn text(outcome: &Outcome) -> String {
    let mut text = format!(
        "{:.0} requests per second ({} in {:.1} s, {} of bodies)\n",
        per_second(outcome),
        outcome.answered(),
        outcome.elapsed.as_secs_f64(),
        show::bytes(outcome.body_bytes)
    );
    let quantiles = QUANTILES.map(|(name, q)| {
        let micros = quantile(&outcome.latencies_us, q);
        format!("{name} {}", show::duration(Duration::from_micros(micros.into())))
    });
    let _ = writeln!(text, "latency   {}", quantiles.join("   "));
    for (status, count) in &outcome.statuses {
        let _ = writeln!(text, "status    {status}   {count}");
    }
    for (reason, count) in &outcome.errors {
        let _ = writeln!(text, "no answer {count}   {reason}");
    }
    text
}

fn per_second(outcome: &Outcome) -> f64 {
    outcome.answered() as f64 / outcome.elapsed.as_secs_f64().max(f64::MIN_POSITIVE)
}

/// The latency that a share `q` of all did not exceed (nearest rank); 0 of none.
fn quantile(sorted_us: &[u32], q: f64) -> u32 {
    let rank = (q * sorted_us.len() as f64).ceil() as usize;
    sorted_us.get(rank.max(1) - 1).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_nearest_ranks() {
        assert_eq!(quantile(&[], 0.5), 0);
        assert_eq!(quantile(&[7], 0.0), 7);
        let sorted: Vec<u32> = (1..=100).collect();
        for (q, want) in [(0.5, 50), (0.9, 90), (0.99, 99), (1.0, 100)] {
            assert_eq!(quantile(&sorted, q), want);
        }
    }

    #[test]
    fn a_report_names_rate_quantiles_and_errors() {
        let outcome = Outcome {
            latencies_us: vec![100; 2000],
            statuses: [(200, 1999), (503, 1)].into(),
            errors: [("connection reset".to_owned(), 2)].into(),
            body_bytes: 26_000,
            elapsed: Duration::from_secs(2),
        };
        let expected = "\
1000 requests per second (2000 in 2.0 s, 26.0 kB of bodies)
latency   p50 100 µs   p90 100 µs   p99 100 µs   max 100 µs
status    200   1999
status    503   1
no answer 2   connection reset
";
        assert_eq!(text(&outcome), expected);
        assert_eq!(json(&outcome)["latency"]["p99_us"], 100);
        assert_eq!(json(&outcome)["requests_per_second"], 1000.0);
    }
}
