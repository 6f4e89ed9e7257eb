//! `cargo xtask eval site`: real sites in a real browser, before and behind Sedge.
//!
//! nginx serves the [`sites`] as they usually are ([`servers`]); Chromium visits them there,
//! and through nodes that have the whole chain before it: a cache, the optimizer as it is by
//! default and with everything that it can do, and the function that makes pictures. A
//! script that follows a [`plan`] leads the browser (`browser/*.mjs`, the Chrome DevTools
//! Protocol over a pipe); [`seen`] is what it saw, [`pixels`] are compared by
//! `benches/src/bin/page-score.rs`, and [`report`] says what became of bytes and times, and
//! that nothing else has changed: no box, no text, no pixel outside of pictures, no answer
//! to a click. Where two visits without Sedge differ from each other, being like either is
//! being the same. Shared dictionaries are tried with the newer version of files that the
//! browser has.
//!
//! Everything is asked for over TLS and HTTP/2, by a browser that has nothing of it, of
//! nodes whose caches have. Sites come from npm, the browser and nginx from Debian.

mod pixels;
mod plan;
mod report;
mod seen;
mod servers;
mod sites;

use super::options::Options;
use crate::build;
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use plan::Plan;
use seen::Seen;
use servers::{Certificate, MODES, Origin};
use std::fs;

/// The mode without Sedge.
const BEFORE: &str = "before";
/// The same once more, for what differs from one visit to the next; over the slow line, so that
/// what depends on which file comes first goes the other way: a chart that is drawn before its
/// font is there.
const AGAIN: &str = "again";

/// Visits all sites, prints what was seen, and writes `target/results/site.json`.
pub(super) fn run(workspace: &Workspace, words: &[String]) -> Result<()> {
    let options = Options::read(words, &["--only SITE", "--rounds N", "--no-build"])?;
    let only = options.value("--only");
    let sites = plan::sites(only)?;
    // How often each page is loaded over the slow line.
    let rounds = options.number("--rounds", 3, 1..=99)?;
    plan::build_scores(workspace)?;
    let (binary, guests) = match options.has("--no-build") {
        true => (workspace.release_binary("sedge"), workspace.guests()),
        false => (build::node(workspace)?, build::guests(workspace)?),
    };
    let folder = workspace.target.join("eval/site");
    if folder.exists() {
        fs::remove_dir_all(&folder).context("emptying the folder of the evaluation")?;
    }
    let documents = folder.join("sites");
    fs::create_dir_all(&documents).context("making the folder of the evaluation")?;
    sites::assemble(workspace, &documents)?;
    let certificate = Certificate::make(&folder)?;
    let preloads: Vec<_> =
        sites.iter().map(|site| (site.name.to_owned(), site.style.to_owned())).collect();
    let origin = Origin::start(&folder, &documents, &certificate, &preloads)?;
    let mut modes =
        [BEFORE, AGAIN].map(|name| (name, format!("https://{}", origin.secure))).to_vec();
    let mut nodes = Vec::new();
    for mode in &MODES {
        let (node, secure) =
            servers::start_node(&binary, &guests, &folder, mode, &certificate, origin.plain)?;
        modes.push((mode.name, format!("https://{secure}")));
        nodes.push(node);
    }
    let plan = Plan {
        folder: &folder,
        certificate: &certificate.file,
        modes: &modes,
        sites: &sites,
        rounds,
    };
    println!("visiting {} sites; this takes some minutes", sites.len());
    let result = plan.run(workspace)?;
    for node in nodes {
        if !node.stop()? {
            bail!("a node did not end well after the visits");
        }
    }
    let seen = Seen::all(&result)?;
    let compared = pixels::compare(workspace, &seen)?;
    println!("screenshots: {}", folder.display());
    report::write(workspace, &seen, &compared, &result, only.is_some())
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_site_that_is_not_there_is_an_error() {
        assert!(super::plan::sites(Some("nowhere")).is_err());
    }
}
