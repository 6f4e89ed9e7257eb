//! Everything that one function was granted.

use crate::cache::Caches;
use crate::codec::{Codec, CodecPool};
use crate::config::Config;
use crate::kv::{Kv, KvNameError};
use crate::logging::LogSink;
use crate::outbound::{Policy, PolicyError};
use crate::secrets::{SecretError, Secrets};
use sedge_model::manifest::Function;
use sedge_store::Store;
use std::collections::BTreeMap;
use std::sync::Arc;
use thiserror::Error;

/// The services of one function, resolved when it is deployed. What is not in
/// here, the function cannot reach. Cheap to clone.
#[derive(Clone)]
pub struct Services {
    /// The namespaces it may open.
    pub kv: Kv,
    /// The scopes of the cache that it may open.
    pub cache: Caches,
    /// The encoders, if it may use them.
    pub codec: Codec,
    /// Its configuration.
    pub config: Config,
    /// Its secrets.
    pub secrets: Secrets,
    /// Where its outbound requests may go.
    pub outbound: Arc<Policy>,
    /// Its environment variables.
    pub environment: Arc<BTreeMap<String, String>>,
    /// Where its log goes.
    pub log: LogSink,
}

impl Services {
    /// Resolves the grants of a function of an app; `cache` has the scopes among them, and
    /// `encoders` are the node's.
    ///
    /// # Errors
    /// [`GrantError`] with every problem that was found.
    pub fn grant(
        store: &Store,
        cache: Caches,
        encoders: &Arc<CodecPool>,
        app: &str,
        function: &Function,
    ) -> Result<Services, GrantError> {
        let granted = &function.capabilities;
        let mut problems = Vec::new();
        let kv = keep(Kv::new(store, app, &granted.kv), &mut problems);
        let secrets = keep(Secrets::resolve(&granted.secrets), &mut problems);
        let outbound = keep(Policy::new(&granted.outbound), &mut problems);
        match (kv, secrets, outbound) {
            (Some(kv), Some(secrets), Some(outbound)) => Ok(Services {
                kv,
                cache,
                codec: if granted.codec { Codec::new(encoders) } else { Codec::default() },
                config: Config::new(granted.config.clone()),
                secrets,
                outbound: Arc::new(outbound),
                environment: Arc::new(function.environment.clone()),
                log: LogSink::new(app, &function.name, function.limits.log_bytes_max),
            }),
            _ => Err(GrantError { function: function.name.clone(), problems }),
        }
    }
}

fn keep<T, E: Into<GrantProblem>>(
    result: Result<T, Vec<E>>,
    problems: &mut Vec<GrantProblem>,
) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(errors) => {
            problems.extend(errors.into_iter().map(Into::into));
            None
        }
    }
}

/// Why a function's grants cannot be resolved on this node.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("function `{function}` cannot be granted what it asks for: {}", list(problems))]
pub struct GrantError {
    /// The function.
    pub function: String,
    /// All problems, at least one.
    pub problems: Vec<GrantProblem>,
}

/// One problem with a function's grants.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum GrantProblem {
    /// A key-value namespace.
    #[error(transparent)]
    Kv(#[from] KvNameError),
    /// A secret.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// An entry of the outbound allow list.
    #[error(transparent)]
    Outbound(#[from] PolicyError),
}

fn list(problems: &[GrantProblem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests;
