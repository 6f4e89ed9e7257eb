//! What the node's configuration says of requests that functions send out.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Requests that functions send out. Which hosts a function may call is a
/// matter of its manifest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OutboundConfig {
    /// PEM files with certificate authorities that are trusted besides
    /// Mozilla's, relative to this file; read when the node starts.
    #[schemars(length(max = 64), inner(length(min = 1, max = 4_096)))]
    pub trusted_roots: Vec<PathBuf>,
}

impl OutboundConfig {
    /// Paths as seen from the folder of the file that names them.
    pub(super) fn in_folder(self, folder: &Path) -> Self {
        let resolved = self.trusted_roots.iter().map(|path| folder.join(path));
        OutboundConfig { trusted_roots: resolved.collect() }
    }
}
