//! `cargo xtask eval pictures`: the pictures with which others test their readers, read by
//! the function `images` and by sharp.
//!
//! Each is sent to a node, which answers with a PNG of the same size, and read by sharp
//! (libvips, libheif): turned upright, in sRGB. `pictures/compare.mjs` says for each how far
//! the pixels are apart; [`verdict`] judges, and knows of the pictures in [`SUITES`] why some
//! are read otherwise. What neither reads is as well read as it can be; what ends the
//! function, or is not answered, never is.

mod verdict;

use super::options::Options;
use crate::bench::{Bar, Report, table};
use crate::install;
use crate::node::{self, Node};
use crate::workspace::Workspace;
use crate::{build, shell};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use verdict::{Tally, Verdict};

/// Repositories, a commit of each, and where their pictures lie.
const SUITES: [(&str, &str, &str); 3] = [
    ("lovell/sharp", "ea5bef24c187b2c7ee3fe3cad3b45c8cb67a46fd", "test/fixtures"),
    ("image-rs/image", "2c5368b8de2f76ae9d18bc0bcf2cd16c3164cefe", "tests/images"),
    ("AOMediaCodec/libavif", "092276ce89098ead06db80975173191e5fee1826", "tests/data"),
];

/// Endings of what is read.
const ENDINGS: [&str; 6] = ["jpg", "jpeg", "png", "webp", "gif", "avif"];

/// Reads all pictures, prints what is read otherwise, and writes
/// `target/results/pictures.json`.
pub(super) fn run(workspace: &Workspace, words: &[String]) -> Result<()> {
    let options = Options::read(words, &["--pictures DIR", "--no-build"])?;
    let own = options.value("--pictures");
    let folders = match own {
        Some(folder) => vec![folder.into()],
        None => suites(workspace)?,
    };
    let mut files = Vec::new();
    for folder in &folders {
        find(folder, &mut files)
            .with_context(|| format!("looking for pictures in {}", folder.display()))?;
    }
    files.sort();
    if files.is_empty() {
        bail!("there are no pictures\nhint: files ending with {}", ENDINGS.join(", "));
    }
    let sharp = install::sharp(workspace)?;
    let (binary, guests) = match options.has("--no-build") {
        true => (workspace.release_binary("sedge"), workspace.guests()),
        false => (build::node(workspace)?, build::guests(workspace)?),
    };
    let folder = workspace.target.join("eval/pictures");
    fs::create_dir_all(&folder).context("making the folder of the evaluation")?;
    let node = start_node(&binary, &guests, &folder)?;
    println!("reading {} pictures", files.len());
    let seen = compare(&folder, &sharp, &node, &files)?;
    if !node.stop()? {
        bail!("the node did not end well after the pictures");
    }
    let verdicts = seen.iter().map(Verdict::read).collect::<Result<Vec<Verdict>>>()?;
    report(workspace, &verdicts, own.is_some())
}

fn suites(workspace: &Workspace) -> Result<Vec<PathBuf>> {
    let folder = |(repository, commit, below): &(&str, &str, &str)| {
        let checkout = install::from_github(workspace, repository, commit, below);
        checkout.map(|checkout| checkout.join(below)).context(
            "the pictures could not be fetched\nhint: say --pictures DIR, with any pictures below",
        )
    };
    SUITES.iter().map(folder).collect()
}

fn find(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            find(&path, files)?;
            continue;
        }
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        if ENDINGS.contains(&ending.to_ascii_lowercase().as_str()) {
            files.push(path);
        }
    }
    Ok(())
}

/// A node that answers with PNG, which loses nothing.
fn start_node(binary: &Path, guests: &Path, folder: &Path) -> Result<Node> {
    let manifest = folder.join("sedge.toml");
    let text = format!(
        "[app]\nname = \"pictures\"\n\n[[function]]\nname = \"images\"\nsource = {:?}\n\
         routes = [\"/img/*\"]\n\n[function.limits]\nmemory_bytes_max = \"512 MiB\"\n\
         cpu_ms_max = \"30 s\"\n",
        guests.join("images.wasm")
    );
    fs::write(&manifest, text).context("writing a manifest")?;
    Node::start(&node::Options {
        binary,
        manifest: Some(&manifest),
        data: &folder.join("data"),
        config: None,
        listen: None,
        core: None,
        patience: Duration::from_secs(120),
    })
}

/// What became of each file.
fn compare(folder: &Path, sharp: &Path, node: &Node, files: &[PathBuf]) -> Result<Vec<Value>> {
    let (script, plan) = (folder.join("compare.mjs"), folder.join("plan.json"));
    fs::write(&script, include_str!("pictures/compare.mjs")).context("writing a script")?;
    let result = folder.join("seen.json");
    let text = serde_json::json!({
        "modules": sharp, "base": format!("http://{}", node.listen), "files": files,
        "result": result,
    });
    fs::write(&plan, text.to_string()).context("writing the plan of a script")?;
    shell::run(Command::new(install::node()?).arg(&script).arg(&plan))
        .context("comparing pictures")?;
    let seen = fs::read(&result).context("reading how pictures were read")?;
    serde_json::from_slice(&seen).context("reading how pictures were read")
}

fn report(workspace: &Workspace, verdicts: &[Verdict], is_part: bool) -> Result<()> {
    let mut rows = Vec::new();
    for one in verdicts.iter().filter(|one| !one.is_alike()) {
        rows.push(vec![
            one.name().to_owned(),
            one.to_string(),
            one.why().unwrap_or("?").to_owned(),
        ]);
    }
    println!("{}", table(&["picture", "beside sharp", "why"], &rows));
    let tally = Tally::of(verdicts);
    let mut report = Report::of_eval("pictures");
    for (what, count) in tally.counts() {
        report.row("images", what, "pictures", count as f64, "");
        println!("{count:>5} {what}");
    }
    let mut at_most = |what: &str, got: usize| {
        report.bar(Bar::at_most(what, 0.0, "", Some(got as f64)));
    };
    at_most("pictures that end the function, or are not answered", tally.failed);
    at_most("pictures that are read otherwise than by sharp, without a reason", tally.unexplained);
    report.finish_part(workspace, is_part)
}
