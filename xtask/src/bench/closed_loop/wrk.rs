//! wrk, the second opinion: a well-known generator, which sleeps between the
//! answers of a slow server.

use super::{CLIENT_CORE, Run};
use crate::shell;
use anyhow::{Context, Result, bail};
use std::net::SocketAddr;
use std::process::Command;

/// Runs wrk on a core of its own.
pub(super) fn run(to: SocketAddr, seconds: u64) -> Result<Run> {
    let printed = shell::output(Command::new("taskset").args([
        "--cpu-list",
        &CLIENT_CORE.to_string(),
        "wrk",
        "--threads=1",
        "--connections=16",
        &format!("--duration={seconds}s"),
        "--latency",
        &format!("http://{to}/"),
    ]))?;
    parse(&printed)
}

/// Reads what wrk prints; an answer that is an error, or a broken connection,
/// makes the run worthless.
fn parse(printed: &str) -> Result<Run> {
    let after = |label: &str| {
        let line = printed.lines().map(str::trim).find(|line| line.starts_with(label));
        line.and_then(|line| line[label.len()..].split_whitespace().next())
    };
    for trouble in ["Non-2xx or 3xx responses:", "Socket errors:"] {
        if after(trouble).is_some() {
            bail!("wrk saw errors:\n{printed}");
        }
    }
    let requests = after("Requests/sec:").context("reading wrk: no Requests/sec")?;
    let total = printed.lines().find_map(|line| line.split_once(" requests in "));
    let answered = total.and_then(|(count, _)| count.trim().parse().ok());
    let latency = |label| {
        let value = after(label).with_context(|| format!("reading wrk: no {label}"))?;
        milliseconds(value).with_context(|| format!("reading wrk: {value}"))
    };
    Ok(Run {
        answered: answered.context("reading wrk: no count of requests")?,
        requests_per_s: requests.parse().context("reading wrk's Requests/sec")?,
        p50_ms: latency("50%")?,
        p99_ms: latency("99%")?,
    })
}

/// `512.00us`, `1.20ms`, `2.00s`, `1.5m` in milliseconds.
fn milliseconds(text: &str) -> Option<f64> {
    let unit = text.find(|c: char| c.is_ascii_alphabetic())?;
    let value: f64 = text[..unit].parse().ok()?;
    match &text[unit..] {
        "us" => Some(value / 1_000.0),
        "ms" => Some(value),
        "s" => Some(value * 1_000.0),
        "m" => Some(value * 60_000.0),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = "\
Running 5s test @ http://127.0.0.1:3000/
  1 threads and 16 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   150.11us   50.42us   2.53ms   91.02%
    Req/Sec   108.46k     2.11k  110.52k    90.00%
  Latency Distribution
     50%  143.00us
     75%  160.00us
     90%  181.00us
     99%    1.31ms
  539571 requests in 5.00s, 72.04MB read
Requests/sec: 107911.05
Transfer/sec:     14.41MB
";

    #[test]
    fn a_run_with_errors_is_worthless() {
        for trouble in [
            "  Non-2xx or 3xx responses: 12\n",
            "  Socket errors: connect 0, read 3, write 0, timeout 0\n",
        ] {
            assert!(parse(&format!("{PRINTED}{trouble}")).is_err(), "{trouble}");
        }
        for cut in ["", "Requests/sec: many", "unable to connect to 127.0.0.1:3000"] {
            assert!(parse(cut).is_err(), "{cut}");
        }
    }

    #[test]
    fn reads_rate_and_latencies() {
        let expected =
            Run { answered: 539_571.0, requests_per_s: 107_911.05, p50_ms: 0.143, p99_ms: 1.31 };
        assert_eq!(parse(PRINTED).expect("valid"), expected);
    }

    #[test]
    fn units() {
        for (text, expected) in [
            ("2.50us", Some(0.0025)),
            ("3.00s", Some(3000.0)),
            ("1.00m", Some(60_000.0)),
            ("5", None),
            ("5h", None),
        ] {
            assert_eq!(milliseconds(text), expected, "{text}");
        }
    }
}
