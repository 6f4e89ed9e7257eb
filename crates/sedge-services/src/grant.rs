//! Everything that one function was granted.

use crate::agents::{Agents, Client};
use crate::cache::Caches;
use crate::codec::{Codec, CodecPool};
use crate::config::{Config, ConfigError};
use crate::geo::{Geo, GeoDatabases};
use crate::kv::{Kv, KvNameError};
use crate::logging::LogSink;
use crate::outbound::{Policy, PolicyError};
use crate::secrets::{SecretError, Secrets};
use crate::streams::Output;
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
    /// The databases of addresses, if it may look them up.
    pub geo: Geo,
    /// Who its clients are, if it may know.
    pub client: Client,
    /// What it may say while it answers requests.
    pub output: Output,
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

/// What a node has, of which a function is granted what its manifest says.
pub struct Offer<'a> {
    /// The key-value store.
    pub store: &'a Store,
    /// The scopes of the cache that the function was granted.
    pub cache: Caches,
    /// What it may say while it answers requests.
    pub output: Output,
    /// The encoders.
    pub encoders: &'a Arc<CodecPool>,
    /// The databases of addresses.
    pub geo: &'a Arc<GeoDatabases>,
    /// What is known of user agents.
    pub agents: &'a Arc<Agents>,
}

impl Services {
    /// What a function says of itself (its configuration, its environment variables) and its
    /// log; nothing that is kept, secret, of others or elsewhere.
    pub fn of_itself(&self) -> Services {
        Services {
            kv: self.kv.without_grants(),
            cache: Caches::default(),
            codec: Codec::default(),
            geo: Geo::default(),
            client: Client::default(),
            output: Output::default(),
            config: self.config.clone(),
            secrets: Secrets::default(),
            outbound: Arc::default(),
            environment: self.environment.clone(),
            log: self.log.clone(),
        }
    }

    /// Resolves the grants of a function of an app.
    ///
    /// # Errors
    /// [`GrantError`] with every problem that was found.
    pub fn grant(offer: Offer<'_>, app: &str, function: &Function) -> Result<Services, GrantError> {
        let granted = &function.capabilities;
        let mut problems = Vec::new();
        let kv = keep(Kv::new(offer.store, app, &granted.kv), &mut problems);
        let secrets = keep(Secrets::resolve(&granted.secrets), &mut problems);
        let outbound = keep(Policy::new(&granted.outbound), &mut problems);
        let config = keep(Config::resolve(&granted.config), &mut problems);
        match (kv, secrets, outbound, config) {
            (Some(kv), Some(secrets), Some(outbound), Some(config)) => Ok(Services {
                kv,
                cache: offer.cache,
                codec: if granted.codec { Codec::new(offer.encoders) } else { Codec::default() },
                geo: if granted.geo { Geo::new(offer.geo) } else { Geo::default() },
                client: if granted.client { Client::new(offer.agents) } else { Client::default() },
                output: offer.output,
                config,
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
    /// A value of its configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
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
