//! Folders of files as they are written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// A folder as text or as a table.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum RawFiles {
    /// The folder.
    Text(#[schemars(length(min = 1, max = 4_096), example = &"public")] PathBuf),
    /// With more to say.
    Table(RawFilesTable),
}

/// Files that are served as they are.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["folder"]))]
pub(super) struct RawFilesTable {
    /// The folder, relative to the manifest's.
    #[schemars(length(min = 1, max = 4_096), example = &"public")]
    pub(super) folder: PathBuf,
    /// The file that is served for a folder; none, if empty.
    #[schemars(length(max = 255))]
    pub(super) index: String,
    /// The file that is served for what is not there, with status 200.
    #[schemars(length(min = 1, max = 1_024), example = &"index.html")]
    pub(super) fallback: Option<String>,
    /// `Cache-Control` of the answers.
    #[schemars(length(min = 1, max = 256), example = &"max-age=3600")]
    pub(super) cache_control: Option<String>,
}

impl Default for RawFilesTable {
    fn default() -> Self {
        RawFilesTable {
            folder: PathBuf::new(),
            index: "index.html".to_owned(),
            fallback: None,
            cache_control: None,
        }
    }
}
