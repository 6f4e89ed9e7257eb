//! `closed-loop ADDRESS PATH SECONDS CONNECTIONS [ORIGIN BYTES]`: prints one line of
//! JSON. With an origin, it serves there what the proxy at `ADDRESS` asks for.

use anyhow::{Context, Result, bail};
use sedge_benches::closed_loop::{self, Load};
use sedge_benches::origin::Origin;
use std::time::Duration;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [to, path, seconds, connections, origin @ ..] = arguments.as_slice() else {
        bail!("usage: closed-loop ADDRESS PATH SECONDS CONNECTIONS [ORIGIN BYTES]");
    };
    let mut origin = Origin::from_arguments(origin)?;
    let load = Load {
        to: to.parse().context("reading the address")?,
        path: path.clone(),
        duration: Duration::from_secs_f64(seconds.parse().context("reading the seconds")?),
        connections: connections.parse().context("reading the connections")?,
    };
    if load.connections == 0 || load.duration.is_zero() {
        bail!("seconds and connections must be above zero");
    }
    let mut outcome = closed_loop::run(&load, origin.as_mut())?;
    let answered = outcome.latencies.count();
    let [p50, p99, max] = outcome.latencies.quantiles([0.5, 0.99, 1.0]);
    println!(
        "{}",
        serde_json::json!({
            "answered": answered, "per_s": answered as f64 / outcome.elapsed.as_secs_f64(),
            "p50_us": p50, "p99_us": p99, "max_us": max,
            "served": origin.map(|origin| origin.served()),
        })
    );
    Ok(())
}
