//! The way of a deployment, in order: read, [`compile`], grant, warm,
//! [`probe`](mod@probe). What comes out is a revision that can answer at once;
//! swapping it in is [`crate::reconcile`]'s work. A failure at any step leaves
//! everything as it was.

mod compile;
mod probe;

use crate::app::{AppSource, Read};
use crate::caching;
use crate::callable;
use crate::chains;
use crate::folders;
use crate::hint::WithHint;
use crate::platform::Platform;
use crate::progress::Event;
use crate::revision::{self, Counters, DeployedFunction, Revision};
use crate::rules::{self, Ends};
use crate::watch::Stamp;
use anyhow::{Context, Result, anyhow};
use sedge_engine::Artifact;
use sedge_flavors::wasi_http::FunctionSpec;
use sedge_ingress::http::upstream::Upstreams;
use sedge_model::capability::ConfigSource;
use sedge_model::digest::Digest;
use sedge_model::limits::Limits;
use sedge_model::manifest::{Function, Manifest};
use sedge_model::routing::upstream::Tls;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// What was looked at in an attempt: if none of these stamps changes, another
/// attempt would end the same way.
pub(crate) type Stamps = BTreeMap<PathBuf, Option<Stamp>>;

/// What is served of an app when a deployment begins.
#[derive(Clone, Default)]
pub(crate) struct Live {
    /// The revision that answers.
    pub(crate) current: Option<Arc<Revision>>,
    /// The stamps of its files, as they were when it was made.
    pub(crate) stamps: Stamps,
    /// What is counted for its functions.
    pub(crate) counters: Counters,
    /// The number of the newest revision, also of one that was rolled back.
    pub(crate) number: u64,
}

impl Live {
    /// The functions that answer, by name.
    fn functions(&self) -> HashMap<&str, &Arc<DeployedFunction>> {
        let functions = self.current.iter().flat_map(|revision| &revision.functions);
        functions.map(|function| (function.declared.name.as_str(), function)).collect()
    }
}

/// What a deployment ends with.
pub(crate) enum Outcome {
    /// The files say what is served already.
    Unchanged(Arc<Revision>),
    /// A revision that may be swapped in.
    Ready(Arc<Revision>, Counters),
}

/// Makes a revision of what the files of an app say now. The stamps of all
/// files that were read are left in `stamps`, also on failure.
pub(crate) async fn prepare(
    platform: &Platform,
    source: &AppSource,
    live: &Live,
    stamps: &mut Stamps,
) -> Result<Outcome> {
    let Read { text, manifest, warnings } = read(platform, source, stamps)?;
    for problems in &warnings {
        platform.tell(&Event::Warned { problems });
    }
    let artifacts = compile::all(platform, &manifest, live, stamps).await?;
    let digests = artifacts.iter().map(|artifact| artifact.digest.to_string());
    let digest = revision::digest(&text, digests.chain(files(&manifest).map(contents)));
    if let Some(current) = live.current.as_ref().filter(|current| current.digest == digest)
        && !has_secrets(&manifest)
    {
        return Ok(Outcome::Unchanged(current.clone()));
    }
    let (functions, counters, fresh) = grant(platform, &manifest, artifacts, live)?;
    let before = live.current.as_ref().filter(|current| current.app == manifest.name);
    let upstreams = Arc::new(upstreams(&manifest, live)?);
    let ends = Ends {
        functions: &functions,
        upstreams: &upstreams,
        disk: &platform.disk,
        cache: &platform.cache,
    };
    let chains = rules::deploy_chains(&manifest, &ends, before.map_or(&[], |one| &one.chains))?;
    let rules = before.map_or(&[][..], |one| &one.rules);
    let rules = rules::deploy(&manifest, &ends, &chains, rules)?;
    try_out(platform, &manifest.name, &fresh).await?;
    let revision = Revision {
        source: source.clone(),
        app: manifest.name,
        number: live.number + 1,
        digest,
        functions,
        rules,
        chains,
        windows: manifest.windows.into_iter().map(|(_, window)| Arc::new(window)).collect(),
        upstreams,
        deployed: SystemTime::now(),
    };
    Ok(Outcome::Ready(Arc::new(revision), counters))
}

/// Step 1: the manifest. Stamps are taken before reading, so that a change
/// while it is read is seen as a change later.
fn read(platform: &Platform, source: &AppSource, stamps: &mut Stamps) -> Result<Read> {
    for file in source.files() {
        stamps.insert(file.clone(), Stamp::of(file));
    }
    let read = source.read_on(&platform.config);
    // What was missing may come later.
    let declared = read.is_err().then(|| source.declared_on(&platform.config).ok()).flatten();
    if let Some(Read { manifest, .. }) = &declared {
        for path in folders::paths(manifest) {
            stamps.insert(path.clone(), Stamp::of(&path));
        }
    }
    if let Some(Read { manifest, .. }) = read.as_ref().ok().or(declared.as_ref()) {
        let sources = manifest.functions.iter().map(|function| &*function.source);
        for file in sources.chain(files(manifest)) {
            stamps.insert(file.to_owned(), Stamp::of(file));
        }
    }
    read
}

/// The files that TLS with upstreams needs, and those with values of configurations.
fn files(manifest: &Manifest) -> impl Iterator<Item = &Path> {
    let tls = manifest.upstreams.iter().filter_map(|upstream| upstream.tls.as_ref());
    tls.flat_map(Tls::files).chain(manifest.functions.iter().flat_map(config_files))
}

/// The files with values of a function's configuration.
fn config_files(function: &Function) -> impl Iterator<Item = &Path> {
    function.capabilities.config.values().filter_map(|source| match source {
        ConfigSource::Text(_) => None,
        ConfigSource::File(path) => Some(path.as_path()),
    })
}

/// What tells that a file has changed. One that cannot be read is refused when
/// its upstream or function is made ready.
fn contents(file: &Path) -> String {
    std::fs::read(file).map_or_else(|_| String::new(), |read| blake3::hash(&read).to_string())
}

type Granted = (Vec<Arc<DeployedFunction>>, Counters, Vec<Arc<DeployedFunction>>);

/// Step 3: each function gets what the manifest grants and nothing else. A
/// function that has not changed is taken over with its warm instances. Returns
/// all functions, their counters, and those that are new.
fn grant(
    platform: &Platform,
    manifest: &Manifest,
    artifacts: Vec<Artifact>,
    live: &Live,
) -> Result<Granted> {
    let app = manifest.name.as_str();
    let same_app = live.current.as_ref().is_some_and(|current| current.app == app);
    let before = if same_app { live.functions() } else { HashMap::new() };
    let mut functions = Vec::with_capacity(artifacts.len());
    let mut counters = Counters::new();
    let mut fresh = Vec::new();
    for (declared, artifact) in manifest.functions.iter().zip(artifacts) {
        let name = declared.name.as_str();
        let metrics = live.counters.get(name).cloned().unwrap_or_default();
        counters.insert(name.to_owned(), metrics.clone());
        let same = before.get(name).filter(|same| {
            is_unchanged(declared, &artifact, same) && has_same_scopes(declared, manifest, live)
        });
        if let Some(same) = same {
            functions.push(Arc::clone(same));
            continue;
        }
        let services = platform.grant(app, declared, &manifest.chains)?;
        let spec = FunctionSpec {
            app: app.to_owned(),
            name: name.to_owned(),
            limits: declared.limits.clone(),
            isolation: declared.isolation,
            preinitialize: declared.preinitialize,
            services,
            metrics: metrics.clone(),
        };
        let function = platform
            .wasi_http
            .deploy(artifact.clone(), spec)
            .with_context(|| format!("deploy function {name} of app {app}"))?;
        if let Some((mistake, hint)) = callable::mistake(declared, function.exports()) {
            let error = WithHint::new(anyhow!(mistake), hint);
            return Err(error).with_context(|| format!("deploy function {name} of app {app}"));
        }
        let deployed =
            Arc::new(DeployedFunction { declared: declared.clone(), artifact, function, metrics });
        if !declared.routes.is_empty() {
            chains::refuse_middleware(&deployed)
                .with_context(|| format!("deploy function {name} of app {app}"))?;
        }
        functions.push(deployed.clone());
        fresh.push(deployed);
    }
    Ok((functions, counters, fresh))
}

/// The upstreams of an app; those that are as before keep their connections and
/// what is known of their endpoints.
fn upstreams(manifest: &Manifest, live: &Live) -> Result<Upstreams> {
    let before = live.current.as_ref().filter(|current| current.app == manifest.name);
    let made = Upstreams::new(&manifest.upstreams, before.map(|current| &*current.upstreams));
    let made = made.map_err(|error| match error.hint().map(ToOwned::to_owned) {
        Some(hint) => WithHint::new(error, hint),
        None => error.into(),
    });
    made.with_context(|| format!("prepare the upstreams of app {}", manifest.name))
}

/// Whether a function of the current revision can go on as it is. Secrets and files of its
/// configuration are read when a function is deployed, so one that has any is deployed again.
fn is_unchanged(declared: &Function, artifact: &Artifact, before: &DeployedFunction) -> bool {
    before.declared == *declared
        && before.artifact.digest == artifact.digest
        && declared.capabilities.secrets.is_empty()
        && config_files(declared).next().is_none()
}

/// Whether the links that share a function's scopes of the cache say what they said.
fn has_same_scopes(declared: &Function, manifest: &Manifest, live: &Live) -> bool {
    let chains = || live.current.iter().flat_map(|current| &current.chains);
    declared.capabilities.cache.iter().all(|scope| {
        let before = caching::settings_of(chains().map(|chain| &chain.declared), scope);
        before == caching::settings_of(&manifest.chains, scope)
    })
}

fn has_secrets(manifest: &Manifest) -> bool {
    manifest.functions.iter().any(|function| !function.capabilities.secrets.is_empty())
}

/// An app with more functions than this has their code in memory only when it
/// is called for.
const KEPT_WARM_MAX: usize = 64;

/// Steps 4 and 5: code is loaded and an instance made and dropped, so that a
/// revision that cannot start never takes a route; functions that share an
/// artifact and limits start alike, so one of them is tried. Then each function
/// that has a probe answers it.
async fn try_out(platform: &Platform, app: &str, fresh: &[Arc<DeployedFunction>]) -> Result<()> {
    let mut tried: HashSet<(Digest, LimitsKey)> = HashSet::new();
    for deployed in fresh {
        if deployed.declared.preinitialize {
            preinitialize(platform, app, deployed).await?;
        }
        let key = (deployed.artifact.digest, key(&deployed.declared.limits));
        let is_alone = deployed.declared.preinitialize || !deployed.declared.environment.is_empty();
        if is_alone || tried.insert(key) {
            let name = &deployed.declared.name;
            deployed
                .function
                .warm()
                .await
                .with_context(|| format!("start function {name} of app {app}"))?;
        }
        if platform.probing {
            probe::probe(app, deployed).await?;
        }
        if fresh.len() > KEPT_WARM_MAX {
            deployed.function.evict_if_idle(Duration::ZERO);
        }
    }
    Ok(())
}

/// Lets an instance prepare what fresh ones begin with.
async fn preinitialize(platform: &Platform, app: &str, deployed: &DeployedFunction) -> Result<()> {
    let name = &deployed.declared.name;
    let done = deployed
        .function
        .preinitialize()
        .await
        .with_context(|| format!("initialize function {name} of app {app}"))?;
    if done.is_new {
        platform.counters.compiled(done.took);
        platform.tell(&Event::Initialized {
            app,
            function: name,
            took: done.took,
            state_bytes: done.state_bytes,
        });
    }
    Ok(())
}

/// The limits that decide whether an instance can be made.
type LimitsKey = (u64, u64, u64, u32, u32);

fn key(limits: &Limits) -> LimitsKey {
    (
        limits.memory_bytes_max,
        limits.cpu_ms_max,
        limits.deadline_ms,
        limits.stack_bytes_max,
        limits.resources_max,
    )
}
