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
    /// The file that is served for what is not there, with status 404.
    #[schemars(length(min = 1, max = 1_024), example = &"404.html")]
    pub(super) not_found: Option<String>,
    /// `Cache-Control` of the answers.
    #[schemars(length(min = 1, max = 256), example = &"max-age=3600")]
    pub(super) cache_control: Option<String>,
    /// Whether `a.css.br`, `a.css.zst` or `a.css.gz` is sent for `a.css` to who
    /// takes it, if it is not older.
    pub(super) precompressed: bool,
    /// Whether files and folders whose names begin with a dot are served; without
    /// this, only `/.well-known` is (RFC 8615).
    pub(super) hidden: bool,
}

impl Default for RawFilesTable {
    fn default() -> Self {
        RawFilesTable {
            folder: PathBuf::new(),
            index: "index.html".to_owned(),
            fallback: None,
            not_found: None,
            cache_control: None,
            precompressed: false,
            hidden: false,
        }
    }
}
