//! The cache that the caching links of all chains share: what it may store, where it
//! stores, and what it is handed of this runtime.

use anyhow::{Context, Result};
use sedge_cache::flow::{
    Cache, CacheHandler, CacheMetrics, CacheOptions, KeepPurges, LinkSettings, Runtime, Scope,
};
use sedge_cache::pages::Pages;
use sedge_cache::purge::PurgeTable;
use sedge_cache::rules::{Policy, SetCookie, ShortParts};
use sedge_model::handler::Handler;
use sedge_model::manifest::Function;
use sedge_model::node_config::CacheConfig;
use sedge_model::routing::cache::{CacheSettings, CookieRule};
use sedge_model::routing::rule::{Chain, Link};
use sedge_services::cache::Caches;
use sedge_store::segments::{Segments, SegmentsOptions};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The share of the cache's memory that may wait for the disk: a quarter.
const QUEUE_SHARE: u64 = 4;

/// Opens the cache of a node. What lies on the disk is in the folder `cache` of the data
/// folder.
///
/// # Errors
///
/// If there is to be something on the disk, and its folder cannot be used.
pub(crate) fn open(config: &CacheConfig, data: &Path) -> Result<Arc<Cache>> {
    let (mut disk, mut purges, mut keep_purges) = (None, PurgeTable::new(), None);
    if config.disk_bytes_max > 0 {
        let folder = data.join("cache");
        let open = || format!("open the cache in {}", folder.display());
        fs::create_dir_all(&folder).with_context(open)?;
        let file = folder.join("purges");
        let segments = Segments::open(folder.join("segments"), segments(config))?;
        purges = match read(&file).with_context(open)? {
            Some(purges) => purges,
            None => {
                // Without the purges, what is there may be what was taken out.
                segments.remove_all_wait().with_context(open)?;
                PurgeTable::new()
            }
        };
        write(&file, &purges.encode()).with_context(open)?;
        (disk, keep_purges) = (Some(segments), Some(keep(file)));
    }
    let runtime = runtime();
    let memory_bytes_max = config.memory_bytes_max;
    let pages = Pages::new(memory_bytes_max)
        .inspect_err(|error| {
            tracing::warn!(%error, "the cache's large bodies are sent by copying them");
        })
        .ok();
    let options = CacheOptions { memory_bytes_max, pages, disk, purges, keep_purges, runtime };
    Ok(Cache::new(options))
}

fn segments(config: &CacheConfig) -> SegmentsOptions {
    let queue = usize::try_from(config.memory_bytes_max / QUEUE_SHARE).unwrap_or(usize::MAX);
    let defaults = SegmentsOptions::default();
    SegmentsOptions {
        bytes_max: config.disk_bytes_max,
        queue_bytes_max: queue.min(defaults.queue_bytes_max),
        ..defaults
    }
}

/// The table of purges; `None` if it is not there, no file, or cannot be understood.
fn read(file: &Path) -> io::Result<Option<PurgeTable>> {
    if fs::symlink_metadata(file).is_ok_and(|metadata| !metadata.is_file()) {
        // Neither a link is followed nor a pipe waited for; the new table takes its place.
        return Ok(None);
    }
    match fs::read(file) {
        Ok(bytes) => Ok(PurgeTable::decode(&bytes).ok()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// In the place of the table that is there, whole or not at all.
fn write(file: &Path, table: &[u8]) -> io::Result<()> {
    let new = file.with_extension("new");
    fs::write(&new, table)?;
    fs::File::open(&new)?.sync_all()?;
    fs::rename(&new, file)?;
    // The name, too, has to survive the loss of power.
    file.parent().map_or(Ok(()), |folder| fs::File::open(folder)?.sync_all())
}

fn keep(file: PathBuf) -> KeepPurges {
    Arc::new(move |table| write(&file, &table))
}

/// Tasks run on the thread of whoever calls: connections to upstreams belong to it.
fn runtime() -> Runtime {
    Runtime {
        spawn: Arc::new(|task| drop(tokio::spawn(task))),
        blocking: Arc::new(|work| drop(tokio::task::spawn_blocking(work))),
        sleep: Arc::new(|time| Box::pin(tokio::time::sleep(time))),
        now_ms: Arc::new(now_ms),
    }
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    milliseconds(since)
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// The scopes that apps have shared since the node was started, by name.
#[derive(Default)]
pub(crate) struct Scopes(Mutex<BTreeMap<String, (Scope, Arc<CacheMetrics>)>>);

/// One of them, as it is shown.
pub(crate) struct ShownScope {
    /// `<app>/<scope>`.
    pub(crate) name: String,
    pub(crate) scope: Scope,
    /// What functions did with it.
    pub(crate) metrics: Arc<CacheMetrics>,
}

impl Scopes {
    /// What a function of an app is granted. Where links have the same scope, what they
    /// say of what is stored counts; the first of them, as they agree in what matters.
    pub(crate) fn grant(
        &self,
        cache: &Arc<Cache>,
        app: &str,
        function: &Function,
        chains: &[Chain],
    ) -> Caches {
        let grant = |name: &String| {
            let (policy, settings) = match settings_of(chains, name) {
                Some(settings) => (policy(settings), waits(settings)),
                None => (Policy::default(), LinkSettings::default()),
            };
            let full = shared_scope(app, name);
            let mut scopes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let known = scopes.get(&full).map(|(_, metrics)| Arc::clone(metrics));
            let metrics = known.unwrap_or_default();
            let counted = Arc::clone(&metrics);
            let scope = Scope::new(Arc::clone(cache), &full, policy, settings, metrics);
            scopes.insert(full, (scope.clone(), counted));
            (name.clone(), scope)
        };
        Caches::new(function.capabilities.cache.iter().map(grant))
    }

    /// All of them.
    pub(crate) fn all(&self) -> Vec<ShownScope> {
        let scopes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let shown = |(name, (scope, metrics)): (&String, &(Scope, Arc<CacheMetrics>))| ShownScope {
            name: name.clone(),
            scope: scope.clone(),
            metrics: Arc::clone(metrics),
        };
        scopes.iter().map(shown).collect()
    }
}

/// What the first link of a scope says.
pub(crate) fn settings_of<'c>(
    chains: impl IntoIterator<Item = &'c Chain>,
    scope: &str,
) -> Option<&'c CacheSettings> {
    chains.into_iter().flat_map(|chain| &chain.links).find_map(|link| match link {
        Link::Cache(settings) if settings.scope.as_deref() == Some(scope) => Some(&**settings),
        _ => None,
    })
}

/// The scope that links and functions of an app share. Neither name has a `/`.
pub(crate) fn shared_scope(app: &str, scope: &str) -> String {
    format!("{app}/{scope}")
}

fn waits(settings: &CacheSettings) -> LinkSettings {
    LinkSettings { collapse_wait: settings.wait, uncollapsed: settings.uncollapsed }
}

/// A caching link. `scope` sets what it stores apart from what others store.
pub(crate) fn link(
    cache: &Arc<Cache>,
    scope: &str,
    settings: &CacheSettings,
    metrics: Arc<CacheMetrics>,
    next: Arc<dyn Handler>,
) -> CacheHandler {
    CacheHandler::new(Arc::clone(cache), scope, policy(settings), waits(settings), metrics, next)
}

fn policy(settings: &CacheSettings) -> Policy {
    let texts = |texts: &[String]| texts.iter().map(|text| text.as_str().into()).collect();
    let status_ttl = settings.status_ttl.iter();
    Policy {
        name: settings.name.as_str().into(),
        cache_status: settings.cache_status,
        honor_request: settings.honor_request,
        targeted: settings.targeted.clone(),
        heuristic_percent: settings.heuristic_percent.into(),
        heuristic_max_ms: milliseconds(settings.heuristic_max),
        status_ttl_ms: status_ttl.map(|(status, ttl)| (*status, milliseconds(*ttl))).collect(),
        default_ttl_ms: milliseconds(settings.default_ttl),
        forced_ttl_ms: settings.forced_ttl.map(milliseconds),
        stale_while_revalidate_ms: milliseconds(settings.stale_while_revalidate),
        stale_if_error_ms: milliseconds(settings.stale_if_error),
        stale_on_5xx: settings.stale_on_5xx,
        query_ignored: texts(&settings.query_ignored),
        query_sorted: settings.query_sorted,
        key_fields: settings.key_headers.clone(),
        codings: texts(&settings.codings),
        select_language: settings.select_language,
        unkeyed_removed: settings.unkeyed_headers.clone(),
        set_cookie: match settings.cookies {
            CookieRule::Store => SetCookie::Store,
            CookieRule::IfShared => SetCookie::IfShared,
            CookieRule::Refuse => SetCookie::Refuse,
        },
        all_errors: settings.all_errors,
        short_parts: match settings.short_parts {
            true => ShortParts::Serve,
            false => ShortParts::Refuse,
        },
        complete_unvalidated: settings.complete_unvalidated,
        object_bytes_max: settings.object_bytes_max,
        variants_max: settings.variants_max as usize,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sedge_model::manifest;

    #[test]
    fn purges_that_are_gone_or_damaged_take_what_is_on_the_disk_with_them() {
        let folder = tempfile::tempdir().expect("a folder");
        let config = CacheConfig { disk_bytes_max: 64 << 20, ..CacheConfig::default() };
        let segments = || {
            let cache = folder.path().join("cache/segments");
            Segments::open(cache, segments(&config)).expect("opens")
        };
        drop(open(&config, folder.path()).expect("opens"));
        let put = |key| {
            let segments = segments();
            segments.put([key; 16], bytes::Bytes::from_static(b"head"), Vec::new());
            segments.sync_wait().expect("writes");
        };
        put(1);
        drop(open(&config, folder.path()).expect("opens"));
        assert!(segments().contains(&[1; 16]));
        fs::write(folder.path().join("cache/purges"), "nonsense").expect("writes");
        drop(open(&config, folder.path()).expect("opens"));
        assert!(!segments().contains(&[1; 16]));
        put(2);
        fs::remove_file(folder.path().join("cache/purges")).expect("was there");
        drop(open(&config, folder.path()).expect("opens"));
        assert!(!segments().contains(&[2; 16]));
        // Neither a link is followed, nor a pipe waited for.
        put(3);
        let [purges, other] = ["cache/purges", "purges"].map(|name| folder.path().join(name));
        fs::rename(&purges, &other).expect("was there");
        std::os::unix::fs::symlink(&other, &purges).expect("a link");
        drop(open(&config, folder.path()).expect("opens"));
        assert!(!segments().contains(&[3; 16]));
        fs::remove_file(&purges).expect("was there");
        fs::create_dir(&purges).expect("made");
        assert!(open(&config, folder.path()).is_err());
    }

    fn manifest(text: &str) -> manifest::Manifest {
        let text = format!(
            "[app]\nname = \"a\"\n\
             [[function]]\nname = \"f\"\nsource = \"f.wasm\"\nroutes = [\"/f\"]\n\
             capabilities.cache = [\"pages\", \"own\"]\n\
             [[upstream]]\nname = \"u\"\nendpoints = [\"127.0.0.1:1\"]\n\
             [[chain]]\nname = \"c\"\nlinks = [{text}]\nupstream = \"u\"\n\
             [[route]]\nname = \"r\"\nchain = \"c\"\n"
        );
        manifest::read(&text, Path::new("sedge.toml")).expect("is right")
    }

    #[tokio::test]
    async fn functions_tell_requests_apart_as_the_links_of_their_scope_do() {
        use sedge_services::cache::{Given, Lifetime, Wanted};
        let manifest = manifest("{ cache = { scope = \"pages\", query_sorted = true } }");
        let cache = open(&CacheConfig::default(), Path::new("")).expect("in memory only");
        let scopes = Scopes::default();
        let granted = scopes.grant(&cache, "a", &manifest.functions[0], &manifest.chains);
        assert!(granted.open("other").is_err());
        let wanted = |url: &str| Wanted { url: url.to_owned(), fields: Vec::new() };
        for (scope, is_sorted) in [("pages", true), ("own", false)] {
            let scope = granted.open(scope).expect("is granted");
            let given = Given { status: 200, fields: Vec::new(), body: b"body".to_vec() };
            let minute = Some(Duration::from_secs(60));
            let lifetime = Lifetime { fresh: minute, ..Lifetime::default() };
            scope.put(wanted("http://x/?b=1&a=2"), given, &lifetime).expect("is stored");
            let found = scope.get(wanted("http://x/?a=2&b=1")).await.expect("a request");
            assert_eq!(found.is_some(), is_sorted);
        }
        let names: Vec<String> = scopes.all().into_iter().map(|shown| shown.name).collect();
        assert_eq!(names, ["a/own", "a/pages"]);
        assert_eq!(settings_of(&manifest.chains, "own"), None);
    }

    #[test]
    fn the_defaults_of_a_manifest_are_those_of_the_rules() {
        let manifest = manifest("{ cache = {} }");
        let [Link::Cache(settings)] = &manifest.chains[0].links[..] else {
            panic!("one caching link");
        };
        assert_eq!(format!("{:?}", policy(settings)), format!("{:?}", Policy::default()));
        let waits = LinkSettings::default();
        assert_eq!((settings.wait, settings.uncollapsed), (waits.collapse_wait, waits.uncollapsed));
    }
}
