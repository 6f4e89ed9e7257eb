//! Folders of files that an app names: looked at before they are served.

use sedge_ingress::http::files::{FileServer, FolderError};
use sedge_model::manifest::{Invalid, Manifest};
use sedge_model::routing::rule::Files;
use std::path::PathBuf;

/// What is wrong with the folders that a manifest names, by the JSON pointer of the
/// value that is to blame; for [`sedge_model::manifest::read_and_look`].
pub(crate) fn look(manifest: &Manifest) -> Vec<(String, Invalid)> {
    let problem = |(at, files): &(String, Files)| {
        let error = FileServer::check(files).err()?;
        let (at, hint) = match &error {
            FolderError::Folder { .. } => {
                (at.clone(), "name a folder, relative to that of the manifest")
            }
            FolderError::File { key, .. } => {
                let table = at.strip_suffix("folder").unwrap_or(at);
                (format!("{table}{key}"), "the file lies in the folder that is served")
            }
        };
        Some((at, Invalid::new(error.to_string(), hint)))
    };
    manifest.folders.iter().filter_map(problem).collect()
}

/// What must be there before the folders can be served.
pub(crate) fn paths(manifest: &Manifest) -> impl Iterator<Item = PathBuf> {
    manifest.folders.iter().flat_map(|(_, files)| {
        let named = [&files.fallback, &files.not_found].into_iter().flatten();
        let named = named.map(|name| files.folder.join(name));
        std::iter::once(files.folder.clone()).chain(named)
    })
}
