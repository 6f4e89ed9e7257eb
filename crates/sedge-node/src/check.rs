//! Looks for mistakes in apps without a node and without compiling: everything that
//! a deployment would refuse and that can be known before. The manifest and the
//! files that it names are [`AppSource::read_on`]'s work; here follow artifacts,
//! functions in places where they cannot stand, and what two apps both claim.

mod artifact;
mod places;

use crate::app::AppSource;
use crate::claims::{self, Claims};
use crate::hint;
use anyhow::Result;
use sedge_model::manifest::{Manifest, Problems};
use sedge_model::node_config::NodeConfig;
use std::path::PathBuf;

/// What was found in an app whose manifest is right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The manifest.
    pub manifest: PathBuf,
    /// Name of the app.
    pub app: String,
    /// The functions, in the order of the manifest.
    pub functions: Vec<FunctionReport>,
    /// What keeps the app as a whole from being deployed.
    pub problems: Vec<Finding>,
    /// How many rules and upstreams mesh files have.
    pub mesh: Option<(usize, usize)>,
    /// What was left out of mesh files.
    pub warnings: Vec<Problems>,
}

/// What was found in a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionReport {
    /// Its name.
    pub name: String,
    /// Its artifact.
    pub source: PathBuf,
    /// Size of the artifact; `None` if it cannot be read.
    pub bytes: Option<u64>,
    /// What it can be called for: the worlds that it was written for.
    pub world: Option<String>,
    /// What keeps it from being deployed.
    pub problems: Vec<Finding>,
    /// What may be a mistake, and may be meant.
    pub notes: Vec<Finding>,
}

/// A problem or a note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was found.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Report {
    /// How many problems there are.
    pub fn count(&self) -> usize {
        let of_functions = self.functions.iter().map(|function| function.problems.len());
        self.problems.len() + of_functions.sum::<usize>()
    }
}

/// Apps that were checked, and will be served by one node.
#[derive(Default)]
pub struct Checked {
    claims: Claims,
}

impl Checked {
    /// Checks one more app. `node` says what the names in mesh files mean.
    ///
    /// # Errors
    ///
    /// If the manifest cannot be read, with all its problems at once. Problems of
    /// artifacts are in the report.
    pub fn app(&mut self, source: &AppSource, node: &NodeConfig) -> Result<Report> {
        let read = source.read_on(node)?;
        let manifest = &read.manifest;
        let (functions, inspections): (Vec<_>, Vec<_>) =
            manifest.functions.iter().map(|one| artifact::function(one, node)).unzip();
        let of_mesh = || (manifest.rules.len(), manifest.upstreams.len());
        let mut report = Report {
            manifest: source.manifest.clone(),
            app: manifest.name.clone(),
            functions,
            problems: Vec::new(),
            mesh: source.mesh.is_some().then(of_mesh),
            warnings: read.warnings,
        };
        places::check(manifest, &inspections, &mut report);
        self.claim(source, manifest, &mut report);
        Ok(report)
    }

    /// What an earlier app has is refused to a later one.
    fn claim(&mut self, source: &AppSource, manifest: &Manifest, report: &mut Report) {
        let claims = claims::of(manifest.functions.iter(), manifest.rules.iter());
        match self.claims.check(&manifest.name, &claims) {
            Ok(()) => self.claims.take(&manifest.name, &source.manifest, claims),
            Err(error) => {
                let hint = hint::of(&error).map(ToOwned::to_owned);
                report.problems.push(Finding { message: error.to_string(), hint });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn artifacts_that_cannot_run_are_problems() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("sedge.toml");
        let text = "[app]\nname = \"a\"\n[[function]]\nname = \"f\"\nsource = \"f.wasm\"\nroutes = [\"/*\"]\n";
        std::fs::write(&path, text).expect("written");
        let source = AppSource::find(folder.path()).expect("found");
        let app = |source: &AppSource, node: &NodeConfig| Checked::default().app(source, node);
        for (artifact, message) in [
            (None, "cannot be read"),
            (Some(b"".as_slice()), "not a WebAssembly binary"),
            (Some(b"\0asm\x01\0\0\0"), "a core module"),
            (Some(b"\0asm\x0d\0\x01\0"), "exports none of"),
            (Some(b"\0asm\x0d\0\x01\0\xff"), "malformed"),
        ] {
            if let Some(bytes) = artifact {
                std::fs::write(folder.path().join("f.wasm"), bytes).expect("written");
            }
            let report = app(&source, &NodeConfig::default()).expect("a manifest without mistakes");
            assert_eq!(report.count(), 1, "{message}: {report:?}");
            let found = &report.functions[0].problems[0].message;
            assert!(found.contains(message), "{message}: {found}");
        }
    }
}
