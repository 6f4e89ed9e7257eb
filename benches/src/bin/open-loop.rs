//! `open-loop ADDRESS PATH RATE SECONDS CONNECTIONS [ORIGIN BYTES | PATH PACE_MS]`:
//! prints one line of JSON. With an origin, it serves there what the proxy at `ADDRESS`
//! asks for; with another path, it asks for that too, at that pace.

use anyhow::{Context, Result, bail};
use sedge_benches::open_loop::{self, Companion, Load};
use sedge_benches::origin::Origin;
use sedge_benches::visitor::Visitor;
use std::time::Duration;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [to, path, rate, seconds, connections, beside @ ..] = arguments.as_slice() else {
        bail!(
            "usage: open-loop ADDRESS PATH RATE SECONDS CONNECTIONS [ORIGIN BYTES | PATH PACE_MS]"
        );
    };
    let load = Load {
        to: to.parse().context("reading the address")?,
        path: path.clone(),
        rate: rate.parse().context("reading the rate")?,
        duration: Duration::from_secs_f64(seconds.parse().context("reading the seconds")?),
        connections: connections.parse().context("reading the connections")?,
        pause_max: Duration::from_micros(200),
    };
    if !load.rate.is_finite() || load.rate <= 0.0 || load.connections == 0 {
        bail!("rate and connections must be above zero");
    }
    let (mut origin, mut visitor) = match beside {
        [path, pace] if path.starts_with('/') => {
            let pace = pace.parse().context("reading the pace")?;
            (None, Some(Visitor::new(load.to, path, Duration::from_millis(pace))))
        }
        beside => (Origin::from_arguments(beside)?, None),
    };
    let companion = match (&mut origin, &mut visitor) {
        (Some(origin), _) => Some(origin as &mut dyn Companion),
        (_, Some(visitor)) => Some(visitor as &mut dyn Companion),
        _ => None,
    };
    let mut outcome = open_loop::run(&load, companion)?;
    let [p50, p90, p99, p999, max] = outcome.latencies.quantiles([0.5, 0.9, 0.99, 0.999, 1.0]);
    let answered = outcome.latencies.count();
    println!(
        "{}",
        serde_json::json!({
            "answered": answered, "failed": outcome.failed, "disturbed": outcome.disturbed,
            "p50_us": p50, "p90_us": p90, "p99_us": p99, "p999_us": p999, "max_us": max,
            "served": origin.map(|origin| origin.served()),
            "visits": visitor.as_ref().map(Visitor::visits),
            "status": visitor.as_ref().and_then(Visitor::status),
        })
    );
    Ok(())
}
