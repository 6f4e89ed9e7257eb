//! `cargo xtask dist`: what is shipped, optimized as a whole and for what it does.
//!
//! A first build counts its branches while it answers what nodes are asked for
//! ([`training`]); the build that is shipped is compiled with these counts
//! (profile-guided optimization): `docs/adr/0009-trained-on-requests.md`.

mod training;

use crate::shell::{self, cargo};
use crate::workspace::Workspace;
use crate::{build, install};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What is shipped, and what it is measured with and against: together, so that
/// features agree, nothing is built twice, and all are trained alike.
const PACKAGES: [&str; 4] = ["-p", "sedge", "-p", "sedge-benches"];
const BINARIES: [&str; 6] =
    ["sedge", "hyper-hello", "closed-loop", "open-loop", "trace-player", "cache-trace"];

/// What the build may be told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Training {
    /// With the counts of an earlier training if there are any, else after one.
    #[default]
    Kept,
    /// After a training.
    Again,
    /// Without, in half of the time.
    Without,
}

impl Training {
    /// Reads the command's options.
    pub(crate) fn parse(words: &[String]) -> Result<Self> {
        match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            [] => Ok(Training::Kept),
            ["--train"] => Ok(Training::Again),
            ["--untrained"] => Ok(Training::Without),
            _ => bail!("`{}` is no option\nhint: --train or --untrained", words.join(" ")),
        }
    }
}

/// Builds what is shipped, with the functions beside it, and what it is measured
/// with. Returns the binary.
pub(crate) fn build(workspace: &Workspace, training: Training) -> Result<PathBuf> {
    install::c_compiler()?;
    install::assembler()?;
    build::guests(workspace)?;
    let toolchain = Toolchain::find()?;
    let kept = match training {
        Training::Kept => training::kept(workspace, &toolchain)?,
        Training::Again | Training::Without => None,
    };
    let counts = match training {
        Training::Without => None,
        Training::Kept | Training::Again => {
            Some(kept.map_or_else(|| training::run(workspace, &toolchain), Ok)?)
        }
    };
    // Functions that have changed since the training are compiled without counts, and
    // need not be listed.
    let flags = counts.map(|file| {
        vec![
            format!("-Cprofile-use={}", file.display()),
            "-Cllvm-args=-no-pgo-warn-mismatch".to_owned(),
        ]
    });
    let flags = flags.unwrap_or_default();
    println!("building what is shipped: up to ten minutes on two cores");
    let folder = workspace.target.join("dist");
    compile(workspace, &toolchain, &flags, &folder).context("building what is shipped")?;
    Ok(workspace.dist_binary("sedge"))
}

/// Compiles for this machine with more flags, and copies what came of it to a folder.
///
/// The target is named, because flags would else reach build scripts and procedural
/// macros, which would count their branches, too.
fn compile(
    workspace: &Workspace,
    toolchain: &Toolchain,
    more: &[String],
    folder: &Path,
) -> Result<()> {
    let given = std::env::var("RUSTFLAGS").unwrap_or_default();
    let flags: Vec<&str> =
        given.split_whitespace().chain(more.iter().map(String::as_str)).collect();
    shell::run(
        cargo(workspace)
            .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"))
            .args(["build", "--profile", "dist", "--locked", "--target", &toolchain.host])
            .args(PACKAGES),
    )?;
    fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    let built = workspace.target.join(&toolchain.host).join("dist");
    for name in BINARIES {
        // Renamed into place, because a program that runs cannot be written to.
        let (from, part) = (built.join(name), folder.join(format!("{name}.part")));
        fs::copy(&from, &part)
            .and_then(|_| fs::rename(&part, folder.join(name)))
            .with_context(|| format!("copying {}", from.display()))?;
    }
    Ok(())
}

/// The compiler that builds.
struct Toolchain {
    /// The triple of this machine, such as `x86_64-unknown-linux-gnu`.
    host: String,
    /// Its version: counts of one compiler mean nothing to another.
    release: String,
    /// Where its own programs lie.
    programs: PathBuf,
}

impl Toolchain {
    fn find() -> Result<Self> {
        let asked = |arguments: &[&str]| {
            shell::output(Command::new("rustc").args(arguments))
                .context("asking rustc about itself")
        };
        let version = asked(&["--version", "--verbose"])?;
        let field = |name: &str| {
            let line = version.lines().find_map(|line| line.strip_prefix(name));
            line.map(|value| value.trim().to_owned())
                .with_context(|| format!("rustc names no {name}"))
        };
        let host = field("host:")?;
        let sysroot = asked(&["--print", "sysroot"])?;
        let programs = Path::new(sysroot.trim()).join("lib/rustlib").join(&host).join("bin");
        Ok(Toolchain { host, release: field("release:")?, programs })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_options_that_it_does_not_know() {
        let parse = |words: &str| {
            Training::parse(&words.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        };
        for bad in ["--fast", "train", "--train --untrained"] {
            parse(bad).expect_err(bad);
        }
        for (good, expected) in
            [("", Training::Kept), ("--train", Training::Again), ("--untrained", Training::Without)]
        {
            assert_eq!(parse(good).expect(good), expected);
        }
    }
}
