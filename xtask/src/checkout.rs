//! Which checkout a shared target folder was last used by.
//!
//! Cargo names what it builds from a workspace by paths relative to it, and
//! believes in time stamps. Two checkouts that share a target folder would take
//! each other's build of a file that is older than that build, whatever it says.
//! So when the checkout changes, what was built from the other one is forgotten;
//! dependencies, which are the same for both, stay.

use crate::json;
use crate::shell::{self, cargo};
use crate::workspace::Workspace;
use anyhow::{Context, Result};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// The workspaces of a checkout.
const WORKSPACES: [&str; 3] = [".", "functions", "fuzz"];

/// Makes sure that the target folder holds nothing of another checkout.
pub(crate) fn claim(workspace: &Workspace) -> Result<()> {
    let stamp = workspace.target.join("checkout");
    let root = workspace.root.display().to_string();
    let last = fs::read_to_string(&stamp).unwrap_or_default();
    if last == root {
        return Ok(());
    }
    fs::create_dir_all(&workspace.target).context("making the target folder")?;
    let mut forgotten = 0;
    let members = members(workspace)?;
    for profile in profiles(&workspace.target) {
        forgotten += forget(&profile.join(".fingerprint"), &members)?;
    }
    if forgotten > 0 {
        println!("the target folder was last used by another checkout: building our crates anew");
    }
    fs::write(&stamp, root).with_context(|| format!("writing {}", stamp.display()))
}

/// Names of all packages of the checkout.
fn members(workspace: &Workspace) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for folder in WORKSPACES {
        let folder = workspace.root.join(folder);
        let words = ["metadata", "--format-version", "1", "--no-deps"];
        let metadata = shell::output(cargo(workspace).args(words).current_dir(&folder))?;
        let metadata: Value = serde_json::from_str(&metadata).context("reading cargo metadata")?;
        for package in json::list(&metadata, "packages")? {
            names.push(json::text(package, "name")?.to_owned());
        }
    }
    Ok(names)
}

/// `<target>/<profile>` and `<target>/<triple>/<profile>`, also below `guests`.
fn profiles(target: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    let mut level = vec![target.to_path_buf()];
    for _ in 0..3 {
        let below = level.iter().filter_map(|folder| fs::read_dir(folder).ok());
        level = below.flatten().flatten().map(|entry| entry.path()).collect();
        let (profiles, others): (Vec<_>, Vec<_>) =
            level.into_iter().partition(|folder| folder.join(".fingerprint").is_dir());
        found.extend(profiles);
        level = others;
    }
    found
}

/// Removes the fingerprints `<package>-<hash>` of `members`; how many.
fn forget(fingerprints: &Path, members: &[String]) -> Result<usize> {
    let entries = fs::read_dir(fingerprints)
        .with_context(|| format!("reading {}", fingerprints.display()))?;
    let mut forgotten = 0;
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let package = name.rsplit_once('-').map(|(package, _)| package);
        if package.is_some_and(|package| members.iter().any(|member| member == package)) {
            fs::remove_dir_all(entry.path())
                .with_context(|| format!("removing {}", entry.path().display()))?;
            forgotten += 1;
        }
    }
    Ok(forgotten)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_checkouts_own_packages_are_forgotten() {
        let target = std::env::temp_dir().join(format!("sedge-checkout-{}", std::process::id()));
        let below = ["release", "dist", "wasm32-wasip2/release", "guests/wasm32-wasip2/release"];
        for profile in below {
            for name in ["sedge-0123", "sedge-model-0123", "sedge-other-0123", "serde-0123"] {
                let folder = target.join(profile).join(".fingerprint").join(name);
                fs::create_dir_all(folder).expect("a folder");
            }
        }
        let members = ["sedge".to_owned(), "sedge-model".to_owned()];
        let found = profiles(&target);
        assert_eq!(found.len(), below.len(), "{found:?}");
        for profile in found {
            let fingerprints = profile.join(".fingerprint");
            assert_eq!(forget(&fingerprints, &members).expect("removed"), 2);
            assert!(fingerprints.join("serde-0123").is_dir());
            assert!(fingerprints.join("sedge-other-0123").is_dir());
        }
        fs::remove_dir_all(target).expect("cleaned up");
    }
}
