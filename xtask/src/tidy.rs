//! `cargo xtask tidy`: taste as a failing test.
//!
//! Rules that rustc and clippy cannot check: which crate may know which
//! ([`layers`]), how large a file and a function may grow ([`sizes`]), words
//! and names that are not to be found ([`words`]), and whether what the prose
//! names exists ([`prose`]). [`source`] reads Rust well enough for that.

mod layers;
mod prose;
mod sizes;
mod source;
mod words;

use crate::shell;
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use std::fs;
use std::process::Command;

/// A file of the checkout.
struct Tracked {
    /// Path from the root, with `/`.
    path: String,
    /// Its text; empty if it is not text.
    text: String,
}

/// Runs every check; prints figures, then each problem on a line of its own.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let files = read_all(workspace)?;
    let mut problems = layers::check(workspace)?;
    problems.extend(layers::check_words(&files));
    let (figures, too_large) = sizes::check(&files);
    problems.extend(too_large);
    problems.extend(words::check(workspace, &files));
    problems.extend(prose::check(workspace, &files));
    for figure in &figures {
        println!("{figure}");
    }
    for problem in &problems {
        println!("problem: {problem}");
    }
    if !problems.is_empty() {
        bail!("tidy found {} problems", problems.len());
    }
    println!("tidy: {} files, no problems", files.len());
    Ok(())
}

/// Paths, from the root, of all files that are or would be under version
/// control and exist.
pub(crate) fn tracked_files(workspace: &Workspace) -> Result<Vec<String>> {
    let listed = shell::output(
        Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(&workspace.root),
    )
    .context("listing the checkout's files")?;
    let mut files: Vec<String> = listed
        .split('\0')
        .filter(|path| !path.is_empty() && workspace.root.join(path).is_file())
        .map(str::to_owned)
        .collect();
    files.sort();
    files.dedup();
    Ok(files)
}

fn read_all(workspace: &Workspace) -> Result<Vec<Tracked>> {
    tracked_files(workspace)?
        .into_iter()
        .map(|path| {
            let bytes =
                fs::read(workspace.root.join(&path)).with_context(|| format!("reading {path}"))?;
            Ok(Tracked { path, text: String::from_utf8(bytes).unwrap_or_default() })
        })
        .collect()
}
