//! `closed-loop ADDRESS PATH SECONDS CONNECTIONS [ORIGIN BYTES] [-- FIELD…]`: prints one line
//! of JSON. With an origin, it serves there what the proxy at `ADDRESS` asks for. Fields of
//! each request are written `name: value`.

use anyhow::{Context, Result, bail};
use sedge_benches::closed_loop::{self, Load};
use sedge_benches::origin::Origin;
use std::time::Duration;

fn main() -> Result<()> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut fields = String::new();
    if let Some(at) = arguments.iter().position(|one| one == "--") {
        fields = arguments.drain(at..).skip(1).map(|field| field + "\r\n").collect();
    }
    let [to, path, seconds, connections, origin @ ..] = arguments.as_slice() else {
        bail!("usage: closed-loop ADDRESS PATH SECONDS CONNECTIONS [ORIGIN BYTES] [-- FIELD…]");
    };
    let mut origin = Origin::from_arguments(origin)?;
    let duration = Duration::from_secs_f64(seconds.parse().context("reading the seconds")?);
    let load = Load {
        to: to.parse().context("reading the address")?,
        paths: std::slice::from_ref(path),
        fields: &fields,
        duration: Some(duration),
        connections: connections.parse().context("reading the connections")?,
        cold: 0,
    };
    if load.connections == 0 || duration.is_zero() {
        bail!("seconds and connections must be above zero");
    }
    let outcome = closed_loop::run(&load, origin.as_mut())?;
    println!("{}", outcome.to_json(origin.as_ref()));
    Ok(())
}
