//! `cargo xtask eval site`: real sites in a real browser, before and behind Sedge.
//!
//! nginx serves the [`sites`] as they usually are ([`servers`]); Chromium visits them there,
//! and through nodes that have the whole chain before it: a cache, the optimizer as it is by
//! default and with everything that it can do, and the function that makes pictures. A
//! script that follows a [`plan`] leads the browser (`browser/*.mjs`, the Chrome DevTools
//! Protocol over a pipe); [`seen`] is what it saw, [`pixels`] are compared by
//! `benches/src/bin/page-score.rs`, and [`report`] says what became of bytes and times, and
//! that nothing else has changed: no box, no text, no pixel outside of pictures, no answer
//! to a click. Shared dictionaries are tried with the newer version of files that the
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

use crate::build;
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use plan::Plan;
use seen::Seen;
use servers::{Certificate, MODES, Origin};
use std::fs;

/// The mode without Sedge.
const BEFORE: &str = "before";

/// What the evaluation may be told.
#[derive(Debug, PartialEq, Eq)]
struct Arguments {
    /// One site, by its name.
    only: Option<String>,
    /// How often each page is loaded over the slow line.
    rounds: u32,
    /// Whether the node and the functions are built first.
    no_build: bool,
}

impl Arguments {
    fn parse(words: &[String]) -> Result<Self> {
        let mut arguments = Arguments { only: None, rounds: 3, no_build: false };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let mut value =
                || words.next().with_context(|| format!("reading `{word}`: it needs a value"));
            match word.as_str() {
                "--only" => arguments.only = Some(value()?.clone()),
                "--rounds" => {
                    let rounds = value()?.parse().ok().filter(|rounds| (1..=99).contains(rounds));
                    arguments.rounds = rounds.context("reading `--rounds`: 1 to 99")?;
                }
                "--no-build" => arguments.no_build = true,
                unknown => bail!(
                    "there is no option `{unknown}`\nhint: --only SITE, --rounds N, --no-build"
                ),
            }
        }
        Ok(arguments)
    }
}

/// Visits all sites, prints what was seen, and writes `target/results/site.json`.
pub(super) fn run(workspace: &Workspace, words: &[String]) -> Result<()> {
    let arguments = Arguments::parse(words)?;
    let sites = plan::sites(arguments.only.as_deref())?;
    plan::build_scores(workspace)?;
    let (binary, guests) = match arguments.no_build {
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
    let mut modes = vec![(BEFORE, format!("https://{}", origin.secure))];
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
        rounds: arguments.rounds,
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
    report::write(workspace, &seen, &compared, &result, arguments.only.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &str) -> Result<Arguments> {
        let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
        Arguments::parse(&words)
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        for bad in ["--fast", "--only", "agency", "--rounds", "--rounds 0", "--rounds -1"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert!(plan::sites(Some("nowhere")).is_err());
    }

    #[test]
    fn takes_options() {
        let default = Arguments { only: None, rounds: 3, no_build: false };
        assert_eq!(parse("").expect("valid"), default);
        let all = parse("--only agency --rounds 1 --no-build").expect("valid");
        let only = Some("agency".to_owned());
        assert_eq!(all, Arguments { only, rounds: 1, no_build: true });
    }
}
