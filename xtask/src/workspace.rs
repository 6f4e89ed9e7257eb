//! Where things lie.

use anyhow::{Context, Result};
use std::path::{Path, PathBuf};

/// The checkout, and the folder that builds go to.
#[derive(Debug)]
pub(crate) struct Workspace {
    /// The folder of the host workspace's `Cargo.toml`.
    pub root: PathBuf,
    /// Shared by host builds, guest builds and CI.
    pub target: PathBuf,
}

impl Workspace {
    /// Finds the checkout that this program was started from.
    pub(crate) fn find() -> Result<Self> {
        let start = match std::env::var_os("CARGO_MANIFEST_DIR") {
            Some(folder) => PathBuf::from(folder),
            None => std::env::current_dir().context("reading the current folder")?,
        };
        let root = start
            .ancestors()
            .find(|folder| folder.join("xtask/Cargo.toml").is_file())
            .context("finding the checkout: no folder above this one has xtask/Cargo.toml")?
            .to_path_buf();
        let target = target_folder(&root)?;
        Ok(Workspace { root, target })
    }

    /// The host binary of a release build.
    pub(crate) fn release_binary(&self, name: &str) -> PathBuf {
        self.target.join("release").join(name)
    }

    /// The host binary as it is shipped, and measured.
    pub(crate) fn dist_binary(&self, name: &str) -> PathBuf {
        self.target.join("dist").join(name)
    }

    /// Where built functions are collected.
    pub(crate) fn guests(&self) -> PathBuf {
        self.target.join("guests")
    }

    /// Where benches and evaluations write: inside the checkout, so that the
    /// figures of one checkout are never mistaken for another's.
    pub(crate) fn results(&self) -> PathBuf {
        self.root.join("target/results")
    }

    /// Programs and peers that commands install for themselves.
    pub(crate) fn cache(&self, name: &str) -> PathBuf {
        match cache_home() {
            Some(home) => home.join(name),
            None => self.root.join("target").join(name),
        }
    }
}

/// `$CARGO_TARGET_DIR`, else `~/.cache/sedge/target` if it can be made, else
/// `./target`.
fn target_folder(root: &Path) -> Result<PathBuf> {
    if let Some(chosen) = std::env::var_os("CARGO_TARGET_DIR").filter(|value| !value.is_empty()) {
        return std::path::absolute(chosen).context("resolving CARGO_TARGET_DIR");
    }
    if let Some(shared) = cache_home().map(|home| home.join("target"))
        && std::fs::create_dir_all(&shared).is_ok()
    {
        return Ok(shared);
    }
    Ok(root.join("target"))
}

fn cache_home() -> Option<PathBuf> {
    let home = std::env::var_os("HOME").filter(|value| !value.is_empty())?;
    let folder = PathBuf::from(home).join(".cache/sedge");
    std::fs::create_dir_all(&folder).ok().map(|()| folder)
}
