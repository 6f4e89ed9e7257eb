//! The app manifest `sedge.toml`, resolved, and its reader.

mod probe;
mod raw;
mod raw_cache;
mod raw_chain;
mod raw_cors;
mod raw_files;
mod raw_match;
mod raw_policy;
mod raw_route;
mod raw_trigger;
mod raw_upstream;
mod raw_window;
mod resolve;
mod resolve_cache;
mod resolve_chain;
mod resolve_changes;
mod resolve_cors;
mod resolve_files;
mod resolve_match;
mod resolve_policy;
mod resolve_rewrite;
mod resolve_route;
mod resolve_trigger;
mod resolve_window;
mod resolve_window_query;
#[cfg(test)]
mod tests;

pub use crate::document::{Invalid, Problem, Problems};
pub use probe::Probe;

use crate::capability::Capabilities;
use crate::document::{self, Other};
use crate::limits::Limits;
use crate::node_config;
use crate::route::Route;
use crate::routing::rule::{Chain, Files, Rule};
use crate::routing::upstream::Upstream;
use crate::trigger::Triggers;
use crate::window::Window;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

/// Reads a manifest. `file` is named in messages, and paths in the manifest are
/// resolved against its folder; nothing is read from disk. Fails with *all*
/// mistakes that the text has.
pub fn read(text: &str, file: &Path) -> Result<Manifest, Problems> {
    read_and_look(text, file, |_| Vec::new())
}

/// Like [`read`]; what `look` finds wrong with the files that the manifest names
/// is reported along with its other mistakes, each by the JSON pointer of the
/// value that is to blame (`/upstream/0/tls/key`).
pub fn read_and_look(
    text: &str,
    file: &Path,
    look: impl FnOnce(&Manifest) -> Vec<(String, Invalid)>,
) -> Result<Manifest, Problems> {
    let node = Other {
        schema: node_config::schema(),
        hint: "this looks like the configuration of a node: pass it with --config",
    };
    let (raw, draft) = document::decode(schema(), Some(&node), text, file)?;
    let folder = file.parent().unwrap_or(Path::new(""));
    let (manifest, mut draft) = resolve::resolve(raw, draft, text, folder);
    for (pointer, invalid) in look(&manifest) {
        draft.reject(&pointer, invalid);
    }
    draft.finish(text, file)?;
    Ok(manifest)
}

/// The JSON Schema (draft 2020-12) of `sedge.toml`, for editors; generated from
/// the types that the reader fills.
pub fn schema_json() -> String {
    format!("{:#}\n", schema())
}

/// The reference page of `sedge.toml`, generated from the same types.
pub fn reference_markdown() -> String {
    document::page::print(schema(), include_str!("manifest/intro.md"), EXAMPLE)
}

/// Derived once; reading is then only a walk.
pub(crate) fn schema() -> &'static Value {
    static SCHEMA: OnceLock<Value> = OnceLock::new();
    SCHEMA.get_or_init(document::schema::of::<raw::RawManifest>)
}

/// A manifest that uses every key.
const EXAMPLE: &str = include_str!("manifest/example.toml");

/// What one `sedge.toml` describes.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// Name of the app: lower-case letters, digits and `-`, 1 to 63.
    pub name: String,
    /// The functions, in the order of the file; names unique. May be empty if
    /// there are rules or windows.
    pub functions: Vec<Function>,
    /// The rules (`[[route]]`), in the order of the file; names unique, and every
    /// name that they refer to is below.
    pub rules: Vec<Rule>,
    /// The upstreams; names unique.
    pub upstreams: Vec<Upstream>,
    /// The chains; names unique.
    pub chains: Vec<Chain>,
    /// The windows, each with its JSON pointer; names unique, and none is fed by what follows
    /// from its own results.
    pub windows: Vec<(String, Window)>,
    /// Every folder of files that something leads to, with the JSON pointer of the
    /// value that names it.
    pub folders: Vec<(String, Files)>,
}

/// One function of an app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// Name, unique in its app; same alphabet as the app's.
    pub name: String,
    /// The artifact, absolute or relative to the manifest's folder as written;
    /// resolved against that folder by [`Manifest`]'s reader.
    pub source: PathBuf,
    /// The platform the function was written for; `None`: detect.
    pub flavor: Option<Flavor>,
    /// How `sedge build` and `sedge dev` make the artifact, if they do.
    pub build: Option<Build>,
    /// Which requests it answers.
    pub routes: Vec<Route>,
    /// What starts it besides requests.
    pub trigger: Triggers,
    /// What a new revision must answer before it takes its routes.
    pub probe: Option<Probe>,
    /// Its bounds.
    pub limits: Limits,
    /// Whether instances are reused.
    pub isolation: Isolation,
    /// Whether fresh instances begin with what one of them has prepared.
    pub preinitialize: bool,
    /// What it may reach.
    pub capabilities: Capabilities,
    /// Environment variables the guest sees.
    pub environment: BTreeMap<String, String>,
}

/// A shell command that makes an artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Build {
    /// Run by `sh -c` in `folder`.
    pub command: String,
    /// Resolved folder.
    pub folder: PathBuf,
    /// Files and folders to watch in `sedge dev`, resolved.
    pub watch: Vec<PathBuf>,
}

/// The platform a function was written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Flavor {
    /// A component that exports `wasi:http` 0.2 `incoming-handler` or 0.3
    /// `handler`.
    WasiHttp,
}

/// Whether an instance may answer more than one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Isolation {
    /// A fresh instance for every request.
    #[default]
    Request,
    /// An instance is reused, one request at a time.
    Instance {
        /// Requests after which it is thrown away.
        requests_max: u32,
        /// Idle time after which it is thrown away.
        idle_max: Duration,
    },
}
