//! A revision: one immutable version of an app, ready to answer.

use crate::app::AppSource;
use crate::chains::DeployedChain;
use crate::claims::{self, Claimed};
use crate::rules::DeployedRule;
use sedge_engine::Artifact;
use sedge_flavors::wasi_http::WasiHttpFunction;
use sedge_ingress::http::RouteTable;
use sedge_ingress::http::routes::Target;
use sedge_ingress::http::upstream::Upstreams;
use sedge_model::handler::Handler;
use sedge_model::manifest;
use sedge_model::metrics::FunctionMetrics;
use sedge_model::window::Window;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

/// One immutable version of an app. Requests that began in it end in it, also
/// after a newer revision has taken its routes.
pub struct Revision {
    /// Where it was read.
    pub source: AppSource,
    /// Name of the app.
    pub app: String,
    /// Counts the revisions of this app on this node since it started, from 1.
    pub number: u64,
    /// Digest of the manifest and of all artifacts, hexadecimal.
    pub digest: String,
    /// The functions, in the order of the manifest.
    pub functions: Vec<Arc<DeployedFunction>>,
    /// The rules, in the order of the manifest.
    pub rules: Vec<Arc<DeployedRule>>,
    /// The chains that its rules may lead to, in the order of the manifest.
    pub chains: Vec<Arc<DeployedChain>>,
    /// The windows, in the order of the manifest.
    pub windows: Vec<Arc<Window>>,
    /// The upstreams that its rules pass requests on to.
    pub upstreams: Arc<Upstreams>,
    /// When it was made.
    pub deployed: SystemTime,
}

/// One function of a revision.
pub struct DeployedFunction {
    /// What the manifest says of it.
    pub declared: manifest::Function,
    /// Its artifact, compiled.
    pub artifact: Artifact,
    /// What answers.
    pub function: WasiHttpFunction,
    /// What is counted, over all revisions.
    pub metrics: Arc<FunctionMetrics>,
}

impl DeployedFunction {
    /// What the gateway calls.
    pub(crate) fn handler(&self) -> Arc<dyn Handler> {
        Arc::new(self.function.clone())
    }
}

impl fmt::Debug for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} revision {} ({:.12})", self.app, self.number, self.digest)
    }
}

impl Revision {
    /// The function of this name.
    pub fn function(&self, name: &str) -> Option<&Arc<DeployedFunction>> {
        self.functions.iter().find(|function| function.declared.name == name)
    }

    /// Adds what this revision answers to the gateway's table.
    pub(crate) fn add_to(&self, table: &mut RouteTable) {
        for deployed in &self.functions {
            let label: Arc<str> = format!("{}/{}", self.app, deployed.declared.name).into();
            let mut target = Target::new(deployed.handler(), label);
            target.revision = self.number;
            for route in &deployed.declared.routes {
                table.add_route(route, target.clone());
            }
        }
        for deployed in &self.rules {
            let label: Arc<str> = format!("{}/{}", self.app, deployed.declared.name).into();
            table.add_rule(&deployed.declared, |matched| {
                deployed.target(matched, &label, self.number)
            });
        }
    }

    /// What this revision takes of the node's requests, and by what.
    pub(crate) fn claims(&self) -> Vec<Claimed> {
        let functions = self.functions.iter().map(|deployed| &deployed.declared);
        claims::of(functions, self.rules.iter().map(|deployed| &deployed.declared))
    }
}

/// The digest of a revision: of the manifest's text and of every artifact, in
/// order. Lengths separate the parts.
pub(crate) fn digest(manifest: &str, artifacts: impl Iterator<Item = String>) -> String {
    let mut hasher = blake3::Hasher::new();
    let mut part = |text: &str| {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    };
    part(manifest);
    for artifact in artifacts {
        part(&artifact);
    }
    hasher.finalize().to_hex().to_string()
}

/// What is counted for the functions of one app, by name; kept while a
/// function is in the current or the previous revision.
pub(crate) type Counters = BTreeMap<String, Arc<FunctionMetrics>>;

#[cfg(test)]
mod tests {
    use super::digest;

    #[test]
    fn a_digest_tells_apart_what_is_joined_differently() {
        let of = |manifest: &str, artifacts: &[&str]| {
            digest(manifest, artifacts.iter().map(ToString::to_string))
        };
        assert_eq!(of("a", &["b"]), of("a", &["b"]));
        assert_ne!(of("a", &["b"]), of("ab", &[]));
        assert_ne!(of("a", &["bc"]), of("a", &["b", "c"]));
        assert_ne!(of("a", &["b", "c"]), of("a", &["c", "b"]));
    }
}
