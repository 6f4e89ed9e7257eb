//! Notices that files have changed.
//!
//! Folders are watched, not files: editors and compilers replace files, and a
//! watch on a file dies with it. The kernel's word is only a wake-up: what
//! counts is the [`Stamp`] of each file, which is also compared every few
//! seconds, for file systems that send no events and for links that are
//! switched elsewhere.

use anyhow::{Context, Result};
use notify::event::{AccessKind, EventKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use tokio::sync::mpsc::{Receiver, channel};
use tokio::time::{Duration, Instant};

/// Quiet time after which a burst of events is over.
const QUIET: Duration = Duration::from_millis(100);
/// Longest time for which a burst is gathered.
const BURST_MAX: Duration = Duration::from_secs(1);
/// Events that may wait; more are dropped, and everything is looked at.
const EVENTS_MAX: usize = 4_096;

/// What tells one content of a file from another without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    bytes: u64,
    inode: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    /// The stamp of a file; `None` if it cannot be read.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        Some(Stamp {
            bytes: metadata.len(),
            inode: metadata.ino(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    }
}

/// The folders that are watched, and the events that come from them.
pub(crate) struct Watch {
    watcher: RecommendedWatcher,
    folders: BTreeMap<PathBuf, Watched>,
    events: Receiver<PathBuf>,
    /// What has changed since it was last quiet, and when that is told at the
    /// latest.
    burst: BTreeSet<PathBuf>,
    latest: Instant,
    /// Folders that could not be watched at the last call of [`Watch::set`].
    refused: usize,
}

/// How a folder is watched. A folder that was replaced has another inode and
/// needs another watch.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Watched {
    recursive: bool,
    inode: u64,
}

impl Watch {
    /// A watch on nothing yet.
    pub(crate) fn start() -> Result<Self> {
        let (sender, events) = channel(EVENTS_MAX);
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let Ok(event) = event else { return };
            // Reading a file changes nothing, and the node reads them itself.
            let idle = matches!(event.kind, EventKind::Access(kind)
                if !matches!(kind, AccessKind::Close(notify::event::AccessMode::Write)));
            if !idle {
                for path in event.paths {
                    // A full queue loses nothing: stamps are compared anyway.
                    let _ = sender.try_send(path);
                }
            }
        })
        .context("watch files for changes")?;
        Ok(Watch {
            watcher,
            folders: BTreeMap::new(),
            events,
            burst: BTreeSet::new(),
            latest: Instant::now(),
            refused: 0,
        })
    }

    /// Watches these folders and no others; `true` means with all below. What
    /// cannot be watched is left to the regular comparison of stamps, which is
    /// told once.
    pub(crate) fn set(&mut self, wanted: &BTreeMap<PathBuf, bool>) {
        let gone: Vec<PathBuf> =
            self.folders.keys().filter(|folder| !wanted.contains_key(*folder)).cloned().collect();
        for folder in gone {
            self.folders.remove(&folder);
            let _ = self.watcher.unwatch(&folder);
        }
        let mut refused = 0;
        for (folder, &recursive) in wanted {
            let Ok(metadata) = fs::metadata(folder) else {
                self.folders.remove(folder);
                continue;
            };
            let watched = Watched { recursive, inode: metadata.ino() };
            if self.folders.get(folder) == Some(&watched) {
                continue;
            }
            let mode =
                if recursive { RecursiveMode::Recursive } else { RecursiveMode::NonRecursive };
            let _ = self.watcher.unwatch(folder);
            match self.watcher.watch(folder, mode) {
                Ok(()) => drop(self.folders.insert(folder.clone(), watched)),
                Err(_) => refused += 1,
            }
        }
        if refused > self.refused {
            tracing::warn!(
                refused,
                "some folders cannot be watched; their files are compared every few seconds"
            );
        }
        self.refused = refused;
    }

    /// Waits for a change, then until it is quiet; the paths that changed.
    /// Dropping the future loses nothing: the next call goes on with the burst.
    pub(crate) async fn changed(&mut self) -> BTreeSet<PathBuf> {
        if self.burst.is_empty() {
            match self.events.recv().await {
                Some(path) => drop(self.burst.insert(path)),
                // The watcher lives as long as `self`, so this is not reached;
                // and if it were, waiting is right.
                None => std::future::pending().await,
            }
            self.latest = Instant::now() + BURST_MAX;
        }
        while Instant::now() < self.latest {
            let until = self.latest.min(Instant::now() + QUIET);
            match tokio::time::timeout_at(until, self.events.recv()).await {
                Ok(Some(path)) => drop(self.burst.insert(path)),
                Ok(None) | Err(_) => break,
            }
        }
        std::mem::take(&mut self.burst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_changes_with_the_content_and_the_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a");
        assert_eq!(Stamp::of(&path), None);
        fs::write(&path, "one").expect("written");
        let first = Stamp::of(&path);
        assert!(first.is_some());
        fs::write(&path, "three").expect("written");
        assert_ne!(Stamp::of(&path), first);
        let second = Stamp::of(&path);
        fs::write(folder.path().join("b"), "three").expect("written");
        fs::rename(folder.path().join("b"), &path).expect("renamed");
        assert_ne!(Stamp::of(&path), second);
    }

    #[tokio::test]
    async fn a_burst_of_writes_is_one_change() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().canonicalize().expect("a path");
        let mut watch = Watch::start().expect("a watch");
        watch.set(&[(root.clone(), false)].into());
        assert_eq!(watch.refused, 0);
        for turn in 0..10 {
            fs::write(root.join("a"), format!("{turn}")).expect("written");
        }
        // Whoever stops waiting in the middle of a burst misses nothing.
        let impatient = tokio::time::timeout(QUIET / 2, watch.changed()).await;
        assert!(impatient.is_err(), "the burst is not over");
        let changed = tokio::time::timeout(Duration::from_secs(10), watch.changed());
        assert!(changed.await.expect("in time").contains(&root.join("a")));
    }

    #[test]
    fn a_missing_folder_is_no_error_and_is_watched_when_it_appears() {
        let folder = tempfile::tempdir().expect("a folder");
        let later = folder.path().join("later");
        let mut watch = Watch::start().expect("a watch");
        let wanted: BTreeMap<_, _> = [(later.clone(), true)].into();
        watch.set(&wanted);
        assert!(watch.folders.is_empty());
        fs::create_dir(&later).expect("made");
        watch.set(&wanted);
        assert!(watch.folders.contains_key(&later));
        watch.set(&BTreeMap::new());
        assert!(watch.folders.is_empty());
    }
}
