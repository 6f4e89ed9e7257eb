//! The cache that the caching links of all chains share: what it may store, where it
//! stores, and what it is handed of this runtime.

use anyhow::{Context, Result};
use sedge_cache::flow::{
    Cache, CacheHandler, CacheMetrics, CacheOptions, KeepPurges, LinkSettings, Runtime,
};
use sedge_cache::purge::PurgeTable;
use sedge_cache::rules::{Policy, SetCookie, ShortParts};
use sedge_model::handler::Handler;
use sedge_model::node_config::CacheConfig;
use sedge_model::routing::cache::{CacheSettings, CookieRule};
use sedge_store::segments::{Segments, SegmentsOptions};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
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
    Ok(Cache::new(CacheOptions { memory_bytes_max, disk, purges, keep_purges, runtime }))
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

/// A caching link. `scope` sets what it stores apart from what others store.
pub(crate) fn link(
    cache: &Arc<Cache>,
    scope: &str,
    settings: &CacheSettings,
    metrics: Arc<CacheMetrics>,
    next: Arc<dyn Handler>,
) -> CacheHandler {
    let waits = LinkSettings { collapse_wait: settings.wait, uncollapsed: settings.uncollapsed };
    CacheHandler::new(Arc::clone(cache), scope, policy(settings), waits, metrics, next)
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

    #[test]
    fn the_defaults_of_a_manifest_are_those_of_the_rules() {
        let text = "[app]\nname = \"a\"\n\
                    [[upstream]]\nname = \"u\"\nendpoints = [\"127.0.0.1:1\"]\n\
                    [[chain]]\nname = \"c\"\nlinks = [{ cache = {} }]\nupstream = \"u\"\n\
                    [[route]]\nname = \"r\"\nchain = \"c\"\n";
        let manifest = manifest::read(text, Path::new("sedge.toml")).expect("is right");
        let [sedge_model::routing::rule::Link::Cache(settings)] = &manifest.chains[0].links[..]
        else {
            panic!("one caching link");
        };
        assert_eq!(format!("{:?}", policy(settings)), format!("{:?}", Policy::default()));
        let waits = LinkSettings::default();
        assert_eq!((settings.wait, settings.uncollapsed), (waits.collapse_wait, waits.uncollapsed));
    }
}
