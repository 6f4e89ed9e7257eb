//! The public suite for HTTP caches (github.com/http-tests/cache-tests) against a
//! node whose only link is a cache.

mod suite;
mod tally;

use super::options::Options;
use crate::bench::{Bar, Report, table};
use crate::node::{self, Node};
use crate::workspace::Workspace;
use crate::{build, install};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::Path;
use std::time::Duration;
use suite::{Server, Suite};
use tally::{Tally, Test};

/// What the project has promised itself of the suite's 160 required and 105 optimal
/// tests. Out of reach are two, and one of them of what stands around a cache: the gateway
/// refuses a server's `Transfer-Encoding` that it does not know
/// (headers-store-Transfer-Encoding). The other, conditional-lm-fresh-no-lm, wants a 304
/// where RFC 9111 §4.3.2 has a 200.
const REQUIRED_WANTED: f64 = 158.0;
const OPTIMAL_WANTED: f64 = 101.0;

/// The suite whose tests are for caches before an origin only.
const CDN: &str = "cdn-cache-control";

/// Runs the suite, prints what was missed, and writes
/// `target/results/cache-tests.json`.
pub(super) fn run(workspace: &Workspace, words: &[String]) -> Result<()> {
    let options = Options::read(words, &["--suite DIR", "--only ID", "--no-build"])?;
    let only = options.value("--only");
    let checkout = match options.value("--suite") {
        Some(folder) => folder.into(),
        None => install::cache_tests(workspace)?,
    };
    let modules = install::undici(workspace)?;
    let binary = match options.has("--no-build") {
        true => workspace.release_binary("sedge"),
        false => build::node(workspace)?,
    };
    let folder = workspace.target.join("eval/cache-tests");
    let suite = Suite::prepare(&checkout, &modules, &folder)?;
    let tests = suite.tests()?;
    let server = Server::start(&suite)?;
    let node = start_node(&binary, &folder, server.port)?;
    println!("running {} tests; this takes some minutes", tests.len());
    let results = suite.run(node.listen, only)?;
    if let Some(only) = only {
        println!("{results}");
        let known = tests.iter().any(|test| test.id == only);
        return if known { Ok(()) } else { bail!("the suite has no test `{only}`") };
    }
    let results = serde_json::from_str(&results).context("reading the suite's results")?;
    if !node.stop()? {
        bail!("the node did not end well after the suite");
    }
    report(workspace, &checkout, &tests, &Tally::of(&tests, &results))
}

/// A node whose every request goes through a cache to the suite's server.
fn start_node(binary: &Path, folder: &Path, port: u16) -> Result<Node> {
    let app = folder.join("node");
    fs::create_dir_all(&app).context("making the folder of the node")?;
    let manifest = app.join("sedge.toml");
    // The suite holds RFC 9111 §7.3 to the letter: a cookie does not keep a response out.
    let text = format!(
        "[app]\nname = \"cache-tests\"\n\n\
         [[upstream]]\nname = \"suite\"\nendpoints = [\"127.0.0.1:{port}\"]\n\n\
         [[chain]]\nname = \"cached\"\nlinks = [{{ early_hints = {{ http1 = true, learn = false }} }}, {{ cache = {{ cookies = \"store\", all_errors = true, short_parts = true, complete_unvalidated = true }} }}]\n\
         upstream = \"suite\"\n\n\
         [[route]]\nname = \"all\"\nchain = \"cached\"\n"
    );
    fs::write(&manifest, text).context("writing the node's manifest")?;
    Node::start(&node::Options {
        binary,
        manifest: Some(&manifest),
        data: &app.join("data"),
        config: None,
        listen: None,
        core: None,
        patience: Duration::from_secs(60),
    })
}

fn report(workspace: &Workspace, checkout: &Path, tests: &[Test], tally: &Tally) -> Result<()> {
    print_misses(tally);
    let mut report = Report::of_eval("cache-tests");
    let mut rows = Vec::new();
    let mut others = suite::published(checkout, tests)?;
    others.insert(0, ("Sedge".to_owned(), tally.clone()));
    for (subject, tally) in &others {
        let mut cells = vec![subject.clone()];
        for (case, kind, part) in CASES {
            let (passed, of) = tally.count(kind, part);
            report.row(subject, case, "passed", passed as f64, &format!("of {of}"));
            cells.push(format!("{passed} of {of}"));
        }
        rows.push(cells);
    }
    println!("\nothers as the suite publishes them, in versions of its choice:\n");
    let heading: Vec<&str> =
        ["cache"].into_iter().chain(CASES.iter().map(|(case, ..)| *case)).collect();
    println!("{}", table(&heading, &rows));
    let got = |kind, part| Some(tally.count(kind, part).0 as f64);
    let bar = |name: &str, want, got| Bar::at_least(name, want, "", got);
    report.bar(bar("required tests of the public suite", REQUIRED_WANTED, got("required", None)));
    report.bar(bar("optimal tests of the public suite", OPTIMAL_WANTED, got("optimal", None)));
    report.finish_part(workspace, false)
}

/// What is counted: its name, a kind of tests, and a part of the suite.
const CASES: [(&str, &str, Option<&str>); 5] = [
    ("required", "required", None),
    ("optimal", "optimal", None),
    ("check", "check", None),
    ("CDN-Cache-Control, required", "required", Some(CDN)),
    ("CDN-Cache-Control, optimal", "optimal", Some(CDN)),
];

fn print_misses(tally: &Tally) {
    for (kind, title) in [
        ("required", "required, and missed"),
        ("optimal", "optimal, and missed"),
        ("check", "behavior that is only looked at, answered with no"),
    ] {
        let misses: Vec<_> = tally.misses(kind).collect();
        println!("\n{title}: {}", misses.len());
        for (test, why) in misses {
            println!("  {}: {}\n      {why}", test.id, test.name);
        }
    }
}
