//! Runs the build commands of a manifest.

use crate::hint::WithHint;
use crate::progress::{Event, Observer};
use anyhow::{Context, Error, Result, anyhow};
use sedge_model::manifest::{Build, Function};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

/// Lines of a failed command that are looked at for advice.
const LINES_KEPT: usize = 200;

/// A function that was built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Built {
    /// Its name.
    pub function: String,
    /// How long the command took.
    pub took: Duration,
    /// Size of the artifact it left.
    pub bytes: u64,
}

/// Runs a function's build command, with its output on standard error; `None`
/// if it has none.
///
/// # Errors
///
/// If the command cannot be run or fails, or leaves no artifact where the
/// manifest says.
pub async fn run(function: &Function, observer: &Observer) -> Result<Option<Built>> {
    let Some(build) = &function.build else { return Ok(None) };
    let name = function.name.as_str();
    observer(&Event::Building { function: name, command: &build.command });
    let begin = Instant::now();
    shell(build, observer).await.with_context(|| format!("build {name}: {}", build.command))?;
    let took = begin.elapsed();
    let source = &function.source;
    let metadata = std::fs::metadata(source).map_err(|error| {
        WithHint::new(
            anyhow!(error).context(format!("build {name}: find {}", source.display())),
            "the command succeeded but left no artifact there; compare 'source' in the manifest \
             with where the command writes",
        )
    })?;
    observer(&Event::Built { function: name, took });
    Ok(Some(Built { function: name.to_owned(), took, bytes: metadata.len() }))
}

async fn shell(build: &Build, observer: &Observer) -> Result<()> {
    let mut child = Command::new("sh")
        .args(["-c", &build.command])
        .current_dir(&build.folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("run sh in {}", build.folder.display()))?;
    let mut said = Vec::new();
    if let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) {
        let mut stdout = BufReader::new(stdout).split(b'\n');
        let mut stderr = BufReader::new(stderr).split(b'\n');
        let (mut out_open, mut err_open) = (true, true);
        while out_open || err_open {
            let line = tokio::select! {
                line = stdout.next_segment(), if out_open => (line.unwrap_or(None), &mut out_open),
                line = stderr.next_segment(), if err_open => (line.unwrap_or(None), &mut err_open),
            };
            match line {
                (Some(line), _) => {
                    let line = String::from_utf8_lossy(&line).into_owned();
                    observer(&Event::Said { line: &line });
                    said.push(line);
                    if said.len() > LINES_KEPT {
                        said.remove(0);
                    }
                }
                (None, open) => *open = false,
            }
        }
    }
    let status = child.wait().await.context("wait for the command")?;
    if status.success() {
        return Ok(());
    }
    let error = anyhow!("the command failed ({status})");
    Err(match advice(status.code(), &said.join("\n")) {
        Some(hint) => WithHint::new(error, hint),
        None => error,
    })
}

/// What usually helps, by what the command said.
fn advice(code: Option<i32>, said: &str) -> Option<&'static str> {
    let missing_target = said.contains("target may not be installed")
        || said.contains("can't find crate for `core`")
        || said.contains("can't find crate for `std`");
    if missing_target && said.contains("wasm32-wasip2") {
        return Some("rustup target add wasm32-wasip2");
    }
    if missing_target {
        return Some("install the target that the command names with: rustup target add TARGET");
    }
    match code {
        // POSIX: the shell found no such command.
        Some(127) if said.contains("cargo") => Some("install Rust from https://rustup.rs"),
        Some(127) => Some("install the tool that the command names, or add its folder to PATH"),
        _ => None,
    }
}

/// Builds all functions of an app; goes on after a failure, so that every
/// failure is seen.
///
/// # Errors
///
/// The first failure; the others were printed.
pub async fn run_all<'a>(
    functions: impl Iterator<Item = &'a Function>,
    observer: &Observer,
) -> Result<Vec<Built>> {
    let mut built = Vec::new();
    let mut first: Option<Error> = None;
    for function in functions {
        match run(function, observer).await {
            Ok(done) => built.extend(done),
            Err(error) => drop(first.get_or_insert(error)),
        }
    }
    match first {
        Some(error) => Err(error),
        None => Ok(built),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hint;
    use sedge_model::capability::Capabilities;
    use sedge_model::limits::Limits;
    use sedge_model::manifest::Isolation;
    use std::path::Path;
    use std::sync::Arc;

    fn function(folder: &Path, command: &str) -> Function {
        Function {
            name: "f".to_owned(),
            source: folder.join("f.wasm"),
            flavor: None,
            build: Some(Build {
                command: command.to_owned(),
                folder: folder.to_owned(),
                watch: Vec::new(),
            }),
            routes: Vec::new(),
            trigger: Default::default(),
            probe: None,
            limits: Limits::default(),
            isolation: Isolation::default(),
            preinitialize: false,
            capabilities: Capabilities::default(),
            environment: Default::default(),
        }
    }

    #[tokio::test]
    async fn failures_name_the_command_and_what_helps() {
        let folder = tempfile::tempdir().expect("a folder");
        let quiet: Observer = Arc::new(|_| {});
        for (command, hint) in [
            ("exit 3", None),
            ("no-such-tool-here", Some("install the tool")),
            (
                "echo 'the `wasm32-wasip2` target may not be installed' >&2; exit 101",
                Some("rustup target add wasm32-wasip2"),
            ),
            ("true", Some("left no artifact")),
        ] {
            let error = run(&function(folder.path(), command), &quiet).await.expect_err(command);
            let found = hint::of(&error);
            assert_eq!(found.is_some(), hint.is_some(), "{command}: {error:#}");
            assert!(found.unwrap_or_default().contains(hint.unwrap_or_default()), "{command}");
        }
    }

    #[tokio::test]
    async fn a_build_leaves_an_artifact_and_reports_its_size() {
        let folder = tempfile::tempdir().expect("a folder");
        let quiet: Observer = Arc::new(|_| {});
        let function = function(folder.path(), "printf 12345 > f.wasm");
        let built = run_all([&function].into_iter(), &quiet).await.expect("built");
        assert_eq!(built.len(), 1);
        assert_eq!((built[0].function.as_str(), built[0].bytes), ("f", 5));
    }
}
