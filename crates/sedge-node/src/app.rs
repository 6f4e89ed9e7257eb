//! Where an app lies on disk, and what its manifest says; or the files of a mesh
//! that stand in its place.

use crate::folders;
use crate::hint::WithHint;
use crate::triggers;
use anyhow::{Context, Result, anyhow};
use sedge_ingress::http::upstream;
use sedge_model::manifest::{self, Manifest, Problems};
use sedge_model::mesh::{self, SourceText, Strictness};
use sedge_model::node_config::NodeConfig;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Name of the manifest in an app's folder.
pub const MANIFEST: &str = "sedge.toml";

/// Largest manifest that is read, bytes.
const MANIFEST_BYTES_MAX: u64 = 16 << 20;

/// The files of one app; they may change, appear and vanish.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AppSource {
    /// Absolute path of the manifest, or of the first of the mesh files.
    pub manifest: PathBuf,
    /// What stands in the place of a manifest.
    pub mesh: Option<MeshFiles>,
}

/// Files of Istio and the Gateway API that are one app together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MeshFiles {
    /// Name of the app.
    pub name: String,
    /// Absolute paths; at least one.
    pub files: Vec<PathBuf>,
    /// Whether what is not supported is left out with a warning.
    pub lenient: bool,
}

/// What the files of an app say.
#[derive(Debug)]
pub struct Read {
    /// The text of all files.
    pub text: String,
    /// What it means.
    pub manifest: Manifest,
    /// What was left out of mesh files.
    pub warnings: Vec<Problems>,
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
            return Ok(AppSource { manifest, mesh: None });
        }
        Err(WithHint::new(
            anyhow!("{} does not exist", manifest.display()),
            "name a manifest or its folder with -f, or start one with: sedge new hello",
        ))
    }

    /// Mesh files as one app, named `name` or after the first file.
    ///
    /// # Errors
    ///
    /// If there is no file, one does not exist, or there is no name in the
    /// first file's.
    pub fn mesh(paths: &[PathBuf], name: Option<&str>, lenient: bool) -> Result<Self> {
        let mut files = Vec::with_capacity(paths.len());
        for path in paths {
            let path = std::path::absolute(path).context("find the current folder")?;
            if !path.is_file() {
                return Err(anyhow!("{} does not exist", path.display()));
            }
            if !files.contains(&path) {
                files.push(path);
            }
        }
        let first = files.first().context("there is no mesh file")?.clone();
        let stem = first.file_stem().map(|stem| stem.to_string_lossy().to_ascii_lowercase());
        let name = name.map(str::to_owned).or(stem).unwrap_or_default();
        let known = |c: char| if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '-' };
        let name: String = name.chars().map(known).take(63).collect();
        let name = name.trim_matches('-').to_owned();
        if name.is_empty() {
            let error = anyhow!("{} gives the app no name", first.display());
            return Err(WithHint::new(error, "name the app with --name"));
        }
        Ok(AppSource { manifest: first, mesh: Some(MeshFiles { name, files, lenient }) })
    }

    /// Whether a path is that of a mesh file, not of a manifest: by its ending.
    pub fn is_mesh_file(path: &Path) -> bool {
        path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml")
    }

    /// Every file that says what the app is.
    pub fn files(&self) -> &[PathBuf] {
        match &self.mesh {
            Some(mesh) => &mesh.files,
            None => std::slice::from_ref(&self.manifest),
        }
    }

    /// Reads the files of the app, as they are meant on a node.
    ///
    /// # Errors
    ///
    /// If a file cannot be read, or with every problem of all files, and of what
    /// they name, at once.
    pub fn read_on(&self, node: &NodeConfig) -> Result<Read> {
        if self.mesh.is_none() {
            let text = text(&self.manifest)?;
            let look = |manifest: &Manifest| {
                let mut found = folders::look(manifest);
                found.extend(upstream::look(&manifest.upstreams));
                found.extend(triggers::look(manifest));
                found
            };
            let manifest = manifest::read_and_look(&text, &self.manifest, look)?;
            return Ok(Read { text, manifest, warnings: Vec::new() });
        }
        let read = self.declared_on(node)?;
        let wrong = upstream::look(&read.manifest.upstreams);
        if wrong.is_empty() {
            return Ok(read);
        }
        let messages: Vec<&str> = wrong.iter().map(|(_, one)| one.message.as_str()).collect();
        let error = anyhow!("files that a DestinationRule names: {}", messages.join("; "));
        Err(match wrong.iter().find_map(|(_, one)| one.hint.as_deref()) {
            Some(hint) => WithHint::new(error, hint),
            None => error,
        })
    }

    /// Like [`AppSource::read_on`], but looks at no file that the app's files
    /// name.
    pub(crate) fn declared_on(&self, node: &NodeConfig) -> Result<Read> {
        let Some(mesh) = &self.mesh else {
            let text = text(&self.manifest)?;
            let manifest = manifest::read(&text, &self.manifest)?;
            return Ok(Read { text, manifest, warnings: Vec::new() });
        };
        let mut sources = Vec::with_capacity(mesh.files.len());
        for file in &mesh.files {
            sources.push(SourceText { file: file.clone(), text: text(file)? });
        }
        let strictness = if mesh.lenient { Strictness::Lenient } else { Strictness::Strict };
        let read = mesh::read(&sources, node, strictness)?;
        let manifest = Manifest {
            name: mesh.name.clone(),
            functions: Vec::new(),
            rules: read.rules,
            upstreams: read.upstreams,
            chains: Vec::new(),
            windows: Vec::new(),
            folders: Vec::new(),
        };
        // What names mean is part of what is served.
        let mut text: String = sources.into_iter().map(|source| source.text).collect();
        text += &format!("{:?}{:?}", manifest.rules, manifest.upstreams);
        Ok(Read { text, manifest, warnings: read.warnings })
    }

    /// Reads the manifest: its text and what it says. What it names need not be
    /// there yet.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or with every problem of the manifest at
    /// once.
    pub fn read(&self) -> Result<(String, Manifest)> {
        if self.mesh.is_some() {
            return Err(anyhow!(
                "{} is no manifest of an app with functions",
                self.manifest.display()
            ));
        }
        let text = text(&self.manifest)?;
        let manifest = manifest::read(&text, &self.manifest)?;
        Ok((text, manifest))
    }

    /// The folder that the manifest lies in.
    pub fn folder(&self) -> &Path {
        self.manifest.parent().unwrap_or(Path::new("/"))
    }
}

/// The text of a file that is not too large.
fn text(file: &Path) -> Result<String> {
    let length = fs::metadata(file).map(|metadata| metadata.len());
    if length.is_ok_and(|length| length > MANIFEST_BYTES_MAX) {
        return Err(anyhow!("{} is larger than {MANIFEST_BYTES_MAX} bytes", file.display()));
    }
    match fs::read_to_string(file) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Err(anyhow!("{} does not exist", file.display()))
        }
        Err(error) => Err(error).with_context(|| format!("read {}", file.display())),
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
    fn mesh_files_are_one_app_named_after_the_first() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        assert!(AppSource::mesh(&[path("absent.yaml")], None, false).is_err());
        for name in ["Edge_Routing.yaml", "-.yml"] {
            fs::write(path(name), "kind: Nothing\n").expect("written");
        }
        assert!(AppSource::mesh(&[path("-.yml")], None, false).is_err(), "no name");
        let files = [path("Edge_Routing.yaml"), path("-.yml"), path("-.yml")];
        let app = AppSource::mesh(&files, None, false).expect("found");
        let mesh = app.mesh.as_ref().expect("mesh files");
        assert_eq!((mesh.name.as_str(), app.files().len()), ("edge-routing", 2));
        let error = app.read_on(&NodeConfig::default()).expect_err("no objects");
        assert_eq!(error.to_string().matches("missing field `apiVersion`").count(), 2, "{error}");
        let named = AppSource::mesh(&files, Some("shop"), false).expect("found");
        assert_eq!(named.mesh.expect("mesh files").name, "shop");
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
