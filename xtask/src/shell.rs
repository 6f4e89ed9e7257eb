//! Running other programs, and saying which stage runs and since when.

use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Prints a header for each stage, with the time since the start.
pub(crate) struct Stages {
    start: Instant,
}

impl Stages {
    /// Starts the clock.
    pub(crate) fn start() -> Self {
        Stages { start: Instant::now() }
    }

    /// Announces a stage.
    pub(crate) fn begin(&self, name: &str) {
        println!("\n==> {name} [{}]", minutes(self.start.elapsed()));
    }

    /// Time since the start.
    pub(crate) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }
}

/// `2:05` for 125 seconds.
pub(crate) fn minutes(duration: Duration) -> String {
    let seconds = duration.as_secs();
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

/// `cargo`, building into the workspace's target folder.
///
/// The variables that `cargo run` sets for this program are removed: a build
/// script that watches one of them would run again at every change of command.
pub(crate) fn cargo(workspace: &Workspace) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"]
            .iter()
            .any(|prefix| text.starts_with(prefix))
        {
            command.env_remove(&name);
        }
    }
    command.env("CARGO_TARGET_DIR", &workspace.target).current_dir(&workspace.root);
    command
}

/// Runs a program to its end; its output goes where ours goes.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("starting {}", shown(command)))?;
    if !status.success() {
        bail!("{} failed ({status})", shown(command));
    }
    Ok(())
}

/// Runs a program, prints its standard output line by line as it comes, and
/// hands each line to `see`.
pub(crate) fn run_seeing(command: &mut Command, mut see: impl FnMut(&str)) -> Result<ExitStatus> {
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("starting {}", shown(command)))?;
    let stdout = child.stdout.take().context("reading a program's output")?;
    for line in BufReader::new(stdout).split(b'\n') {
        let line = line.with_context(|| format!("reading the output of {}", shown(command)))?;
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        see(&line);
    }
    child.wait().with_context(|| format!("waiting for {}", shown(command)))
}

/// What a program writes to its standard output; its errors go where ours go.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("starting {}", shown(command)))?;
    if !output.status.success() {
        bail!("{} failed ({})", shown(command), output.status);
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Looks a program up in `PATH`.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

/// The command as a person would type it, shortened to its first words.
fn shown(command: &Command) -> String {
    let words: Vec<_> = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(OsStr::to_string_lossy)
        .collect();
    let program = words[0].rsplit('/').next().unwrap_or(&words[0]).to_owned();
    let mut text = std::iter::once(program)
        .chain(words[1..].iter().take(7).map(|word| word.to_string()))
        .collect::<Vec<_>>()
        .join(" ");
    if words.len() > 8 {
        text.push_str(" …");
    }
    format!("`{text}`")
}
