//! `cargo xtask bench chain`: what a link of a chain adds to a request that it
//! passes on, with a fresh instance for each request and with reused ones; and what guard,
//! experiments and analytics do ([`decisions`]).
//!
//! One request at a time over one connection, the next as soon as the last is
//! answered: what is seen is the work of a link, and not a queue, nor how a core
//! wakes up. A node that rests between requests finds its caches cold: there a
//! link costs more, like everything else.

mod decisions;

use super::arguments::Arguments;
use super::report::{Bar, Report, figure, table};
use super::{SERVER_CORE, closed_loop, http, median};
use crate::node::{self, Node};
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Links of the chains that are measured; the first is the function alone.
const LINKS: [usize; 5] = [0, 1, 2, 4, 8];

/// How the links are isolated, and what one may add in µs.
const ISOLATIONS: [(&str, &str, f64); 2] =
    [("fresh", "request", 60.0), ("reused", "instance", 10.0)];

/// Builds, measures, prints, writes.
pub(super) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    http::prepare(workspace, arguments)?;
    let folder = workspace.root.join("target/bench/chain");
    let manifest = write_manifest(workspace, &folder)?;
    // For each isolation and each chain, the p50 of each round in µs.
    let mut p50 = vec![vec![Vec::new(); LINKS.len()]; ISOLATIONS.len()];
    for round in 1..=arguments.rounds {
        eprintln!("round {round} of {}", arguments.rounds);
        let node = start(workspace, &folder, &manifest)?;
        for (of_isolation, (name, ..)) in p50.iter_mut().zip(ISOLATIONS) {
            for (of_chain, links) in of_isolation.iter_mut().zip(LINKS) {
                let path = format!("/{name}/{links}");
                of_chain.push(once(workspace, &node, &path, arguments.seconds)?);
            }
        }
    }
    let mut report = Report::new("chain");
    let mut rows = Vec::new();
    for (of_isolation, (name, _, want)) in p50.iter().zip(ISOLATIONS) {
        let medians: Vec<f64> = of_isolation.iter().map(|all| median(all)).collect();
        let mut row = vec![format!("{name} links")];
        for (&p50_us, links) in medians.iter().zip(LINKS) {
            report.row(name, &format!("{links} links"), "p50", p50_us, "µs");
            row.push(figure(p50_us));
        }
        let per_link = slope(&LINKS.map(|links| links as f64), &medians);
        report.row(name, "each link", "p50", per_link, "µs");
        row.push(figure(per_link));
        rows.push(row);
        let promise = format!("p50 added by each {name} link");
        report.bar(Bar::below(&promise, want, " µs", Some(per_link)));
    }
    let heading = ["p50 in µs, one core", "0", "1", "2", "4", "8", "each link adds"];
    println!("\n{}", table(&heading, &rows));
    decisions::measure(workspace, arguments, &mut report)?;
    report.finish(workspace, arguments)
}

/// An app with a route to each chain; its end is a function that is reused.
fn write_manifest(workspace: &Workspace, folder: &Path) -> Result<PathBuf> {
    let guests = workspace.guests();
    let (hello, pass) = (guests.join("hello.wasm"), guests.join("pass.wasm"));
    let mut text = format!(
        "[app]\nname = \"chain\"\n\n[[function]]\nname = \"end\"\nsource = {hello:?}\n\
         isolation = \"instance\"\n"
    );
    for (name, isolation, _) in ISOLATIONS {
        text += &format!(
            "\n[[function]]\nname = {name:?}\nsource = {pass:?}\nisolation = {isolation:?}\n"
        );
        for links in LINKS {
            let to = match links {
                0 => "function = \"end\"".to_owned(),
                _ => format!("chain = \"{name}-{links}\""),
            };
            text += &format!(
                "\n[[route]]\nname = \"{name}-{links}\"\nmatch = [\"/{name}/{links}\"]\n{to}\n"
            );
            if links > 0 {
                let all = vec![format!("{name:?}"); links].join(", ");
                text += &format!(
                    "\n[[chain]]\nname = \"{name}-{links}\"\nlinks = [{all}]\nfunction = \"end\"\n"
                );
            }
        }
    }
    fs::create_dir_all(folder).context("making the bench's folder")?;
    let manifest = folder.join("sedge.toml");
    fs::write(&manifest, text).context("writing the bench's manifest")?;
    Ok(manifest)
}

fn start(workspace: &Workspace, folder: &Path, manifest: &Path) -> Result<Node> {
    Node::start(&node::Options {
        binary: &workspace.dist_binary("sedge"),
        manifest: Some(manifest),
        data: &folder.join("data"),
        config: None,
        listen: None,
        core: Some(SERVER_CORE),
        patience: Duration::from_secs(60),
    })
}

/// The p50 of one chain in µs, after a second to warm up.
fn once(workspace: &Workspace, node: &Node, path: &str, seconds: u64) -> Result<f64> {
    let (answer, _) = crate::http::get(node.listen, path)?;
    if answer.text() != "hello, world\n" {
        bail!("{path} answered {:?}", answer.text());
    }
    closed_loop::run_alone(workspace, node.listen, path, 1)?;
    let run = closed_loop::run_alone(workspace, node.listen, path, seconds)?;
    Ok(run.p50_ms * 1_000.0)
}

/// The slope of the line through these points that has the least squares of
/// distances; zero if all `x` are the same.
fn slope(x: &[f64], y: &[f64]) -> f64 {
    let n = x.len().min(y.len()) as f64;
    let mean = |all: &[f64]| all.iter().sum::<f64>() / n;
    let (x_mean, y_mean) = (mean(x), mean(y));
    let both: f64 = x.iter().zip(y).map(|(x, y)| (x - x_mean) * (y - y_mean)).sum();
    let squares: f64 = x.iter().map(|x| (x - x_mean).powi(2)).sum();
    if squares == 0.0 { 0.0 } else { both / squares }
}

#[cfg(test)]
mod tests {
    use super::slope;

    #[test]
    fn a_slope_is_what_each_step_adds() {
        for (x, y, expected) in [
            (&[][..], &[][..], 0.0),
            (&[1.0, 1.0], &[2.0, 9.0], 0.0),
            (&[0.0, 1.0, 2.0, 4.0, 8.0], &[10.0, 13.0, 16.0, 22.0, 34.0], 3.0),
            (&[0.0, 1.0, 2.0], &[0.0, 2.0, 1.0], 0.5),
        ] {
            assert_eq!(slope(x, y), expected, "{x:?} {y:?}");
        }
    }
}
