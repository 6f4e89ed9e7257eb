//! `sedge bench`: a load generator for a node on this machine.

mod load;
mod report;

use crate::cli::DataFolder;
use crate::show;
use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use http::Uri;
use load::Load;
use sedge_node::Running;
use sedge_node::hint::WithHint;
use std::net::{SocketAddr, ToSocketAddrs};
use std::process::ExitCode;
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  sedge bench /                              the node of this folder
  sedge bench http://127.0.0.1:3000/img/ -c 64 -t 30
  sedge bench / --rate 5000                  latency at a fixed rate

Latency at a fixed rate is counted from the moment a request was due, so that
a server that stalls cannot hide it.";

/// Measure requests per second and latency
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct BenchArgs {
    /// What to ask for; a path goes to the node that runs on DIR, else to
    /// 127.0.0.1:3000
    #[arg(value_name = "URL|PATH")]
    target: String,

    /// Connections, each with one request at a time
    #[arg(short, long, value_name = "N", default_value_t = 16,
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    connections: u32,

    /// How long to measure, in seconds, after one second of warming up
    #[arg(short = 't', long, value_name = "SECONDS", default_value_t = 10.0,
          value_parser = seconds)]
    duration: f64,

    /// Requests per second over all connections [default: as many as go]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    rate: Option<u64>,

    /// Method of the requests
    #[arg(short = 'X', long, value_name = "METHOD", default_value = "GET")]
    method: http::Method,

    /// A header field, 'name: value'; may be given several times
    #[arg(short = 'H', long = "header", value_name = "FIELD",
          value_parser = super::header_field)]
    headers: Vec<(http::HeaderName, http::HeaderValue)>,

    /// A body, or @FILE
    #[arg(short = 'd', long = "body", value_name = "BODY")]
    body: Option<String>,

    /// Measure a server that is not on this machine; ask its owner first
    #[arg(long)]
    allow_remote: bool,

    /// Print the figures as JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    data: DataFolder,
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.1..=86_400.0).contains(&seconds) => Ok(seconds),
        _ => Err("a number of seconds between 0.1 and 86400".to_owned()),
    }
}

/// Runs the command.
pub(crate) fn run(args: BenchArgs) -> Result<ExitCode> {
    let (address, uri) = resolve(&args)?;
    let body = super::body(args.body.as_deref())?;
    let load = Load {
        address,
        uri,
        method: args.method.clone(),
        headers: args.headers.clone(),
        body,
        connections: args.connections,
        duration: Duration::from_secs_f64(args.duration),
        rate: args.rate,
    };
    let how = match args.rate {
        Some(rate) => format!("at {rate} requests per second"),
        None => "as fast as it goes".to_owned(),
    };
    eprintln!(
        "{} {} for {} s, {} connections, {how}",
        load.method, args.target, args.duration, args.connections
    );
    let runtime = super::runtime()?;
    let result = runtime.block_on(load.run())?;
    if args.json {
        show::line(report::json(&result));
    } else {
        show::data(report::text(&result).as_bytes());
    }
    if result.answered() == 0 {
        bail!("not one request was answered");
    }
    Ok(ExitCode::SUCCESS)
}

/// The address to connect to and the full URI.
fn resolve(args: &BenchArgs) -> Result<(SocketAddr, Uri)> {
    let uri: Uri = if args.target.starts_with('/') {
        let running = Running::find(&args.data.data);
        let address = running.map_or(([127, 0, 0, 1], 3000).into(), |running| running.listen);
        format!("http://{address}{}", args.target).parse()
    } else {
        args.target.parse()
    }
    .with_context(|| format!("read the address {:?}", args.target))?;
    if uri.scheme_str() != Some("http") {
        return Err(WithHint::new(
            anyhow!("{:?} is not an http:// address or a path", args.target),
            "for instance: sedge bench http://127.0.0.1:3000/",
        ));
    }
    let host = uri.host().context("find the host in the address")?;
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let address = (bare, uri.port_u16().unwrap_or(80))
        .to_socket_addrs()
        .with_context(|| format!("resolve {host}"))?
        .next()
        .with_context(|| format!("resolve {host}: it has no address"))?;
    if !address.ip().is_loopback() && !args.allow_remote {
        return Err(WithHint::new(
            anyhow!("{address} is not on this machine"),
            "add --allow-remote if its owner knows",
        ));
    }
    Ok((address, uri))
}
