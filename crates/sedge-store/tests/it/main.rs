//! The store from outside: what it keeps, what it refuses, and what it does
//! when the process is killed, the file is damaged, or the disk is full.

mod clock;
mod concurrency;
mod crash;
mod damage;
mod full_disk;
mod limits;
mod log;
mod model;
mod segments;
mod threads;

use sedge_store::{Namespace, Options, Store};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;
use tempfile::TempDir;

/// A scratch folder and the store file in it.
fn scratch() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("scratch folder");
    let path = folder.path().join("state").join("sedge.redb");
    (folder, path)
}

fn namespace(name: &str) -> Namespace {
    Namespace::new(name).expect(name)
}

/// Options with a clock that stands still until it is set, and no sweeping.
fn frozen(now_ms: u64) -> (Options, Arc<AtomicU64>) {
    let clock = Arc::new(AtomicU64::new(now_ms));
    let reading = clock.clone();
    let options = Options {
        clock: Arc::new(move || reading.load(SeqCst)),
        sweep_interval: Duration::from_secs(3_600),
        ..Options::default()
    };
    (options, clock)
}

/// All keys of a namespace, page by page.
fn all_keys(store: &Store, namespace: &Namespace, limit: usize) -> Vec<String> {
    let (mut keys, mut cursor) = (Vec::new(), None);
    for _ in 0..10_000 {
        let page = store.keys(namespace, cursor.as_deref(), limit).expect("page");
        keys.extend(page.keys);
        cursor = page.cursor;
        if cursor.is_none() {
            return keys;
        }
    }
    panic!("the pages do not end");
}
