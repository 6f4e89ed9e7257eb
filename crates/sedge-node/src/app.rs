//! Where an app lies on disk, and what its manifest says.

use crate::hint::WithHint;
use anyhow::{Context, Result, anyhow};
use sedge_model::manifest::{self, Manifest};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Name of the manifest in an app's folder.
pub const MANIFEST: &str = "sedge.toml";

/// Largest manifest that is read, bytes.
const MANIFEST_BYTES_MAX: u64 = 16 << 20;

/// The manifest of one app; the file may change, appear and vanish.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AppSource {
    /// Absolute path of the manifest.
    pub manifest: PathBuf,
}

impl AppSource {
    /// The app at `path`: a manifest, or a folder with a `sedge.toml`.
    ///
    /// # Errors
    ///
    /// If there is no such file.
    pub fn find(path: &Path) -> Result<Self> {
        let path = std::path::absolute(path).context("find the current folder")?;
        let manifest = if path.is_dir() { path.join(MANIFEST) } else { path };
        if manifest.is_file() {
            return Ok(AppSource { manifest });
        }
        Err(WithHint::new(
            anyhow!("{} does not exist", manifest.display()),
            "name a manifest or its folder with -f, or start one with: sedge new hello",
        ))
    }

    /// Reads the manifest: its text and what it says.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or with every problem of the manifest at
    /// once.
    pub fn read(&self) -> Result<(String, Manifest)> {
        let file = &self.manifest;
        let length = fs::metadata(file).map(|metadata| metadata.len());
        if length.is_ok_and(|length| length > MANIFEST_BYTES_MAX) {
            return Err(anyhow!("{} is larger than {MANIFEST_BYTES_MAX} bytes", file.display()));
        }
        let text = match fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(anyhow!("{} does not exist", file.display()));
            }
            Err(error) => return Err(error).with_context(|| format!("read {}", file.display())),
        };
        let manifest = manifest::read(&text, file)?;
        Ok((text, manifest))
    }

    /// The folder that the manifest lies in.
    pub fn folder(&self) -> &Path {
        self.manifest.parent().unwrap_or(Path::new("/"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_manifest_comes_with_advice() {
        let error = AppSource::find(Path::new("/nowhere/at/all")).expect_err("missing");
        assert_eq!(error.to_string(), "/nowhere/at/all does not exist");
        assert!(crate::hint::of(&error).is_some());
    }

    #[test]
    fn a_folder_stands_for_its_manifest() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(AppSource::find(folder.path()).is_err());
        fs::write(folder.path().join(MANIFEST), "").expect("written");
        let app = AppSource::find(folder.path()).expect("found");
        assert_eq!(app.manifest, folder.path().join(MANIFEST));
        assert_eq!(app.folder(), folder.path());
        assert!(app.read().is_err(), "an empty manifest is no app");
    }
}
