//! `trace-player ADDRESS TRACE SECONDS CONNECTIONS COLD [ORIGIN by-path]`: asks for the
//! paths of a file, one in a line, again and again for so many seconds, or for each once
//! if `SECONDS` is 0; prints one line of JSON. With an origin, it serves there what the
//! cache at `ADDRESS` has not got, and counts apart what it served until `COLD` answers.

use anyhow::{Context, Result, bail};
use sedge_benches::closed_loop::{self, Load};
use sedge_benches::origin::Origin;
use std::time::Duration;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [to, trace, seconds, connections, cold, origin @ ..] = arguments.as_slice() else {
        bail!("usage: trace-player ADDRESS TRACE SECONDS CONNECTIONS COLD [ORIGIN by-path]");
    };
    let mut origin = Origin::from_arguments(origin)?;
    let text = std::fs::read_to_string(trace).with_context(|| format!("reading {trace}"))?;
    let paths: Vec<String> = text.lines().map(str::to_owned).collect();
    let duration = Duration::from_secs_f64(seconds.parse().context("reading the seconds")?);
    let load = Load {
        to: to.parse().context("reading the address")?,
        paths: &paths,
        fields: "",
        duration: (!duration.is_zero()).then_some(duration),
        connections: connections.parse().context("reading the connections")?,
        cold: cold.parse().context("reading how many answers are cold")?,
    };
    if load.connections == 0 || paths.is_empty() {
        bail!("a trace has a path, and is played over a connection");
    }
    let outcome = closed_loop::run(&load, origin.as_mut())?;
    println!("{}", outcome.to_json(origin.as_ref()));
    Ok(())
}
