//! `open-loop ADDRESS PATH RATE SECONDS CONNECTIONS [ORIGIN BYTES]`: prints one line
//! of JSON. With an origin, it serves there what the proxy at `ADDRESS` asks for.

use anyhow::{Context, Result, bail};
use sedge_benches::open_loop::{self, Load};
use sedge_benches::origin::Origin;
use std::time::Duration;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [to, path, rate, seconds, connections, origin @ ..] = arguments.as_slice() else {
        bail!("usage: open-loop ADDRESS PATH RATE SECONDS CONNECTIONS [ORIGIN BYTES]");
    };
    let mut origin = Origin::from_arguments(origin)?;
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
    let mut outcome = open_loop::run(&load, origin.as_mut())?;
    let [p50, p90, p99, p999, max] = outcome.latencies.quantiles([0.5, 0.9, 0.99, 0.999, 1.0]);
    let answered = outcome.latencies.count();
    println!(
        "{}",
        serde_json::json!({
            "answered": answered, "failed": outcome.failed, "disturbed": outcome.disturbed,
            "p50_us": p50, "p90_us": p90, "p99_us": p99, "p999_us": p999, "max_us": max,
            "served": origin.map(|origin| origin.served()),
        })
    );
    Ok(())
}
