//! Purges: what is stored and has to go, or is stale from now on.

use super::Cache;
use super::object::hash;
use crate::purge::Purge;
use crate::rules::{Policy, Tag, TagKind, Target};
use futures_channel::oneshot;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use thiserror::Error;

/// Brings the table of purges to where it outlives the process. May block.
pub type KeepPurges = Arc<dyn Fn(Vec<u8>) -> io::Result<()> + Send + Sync>;

/// What an operator purges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purging {
    /// Responses with this name in `Surrogate-Key` or `Cache-Tag`, of all origins.
    Tag(String),
    /// The responses to this address, `host/path?query`, in all their variants.
    Url(String),
    /// Responses whose address begins with these whole segments, `host/path`.
    Prefix(String),
    /// Everything.
    All,
}

/// A purge was made, and would be forgotten if the node stopped now.
#[derive(Clone, Debug, Error)]
#[error("what was purged could not be written to the disk: {0}")]
pub struct NotKept(Arc<io::Error>);

impl NotKept {
    pub(super) fn new(error: io::Error) -> Self {
        NotKept(Arc::new(error))
    }
}

/// How often the clock is asked whether it has gone on.
const TICKS_MAX: u32 = 20;

/// Whether the table has changed since it was kept, whether somebody keeps it, and who
/// waits for that.
#[derive(Default)]
pub(super) struct Keeping {
    is_changed: AtomicBool,
    is_under_way: AtomicBool,
    waiters: Mutex<Vec<oneshot::Sender<Result<(), NotKept>>>>,
}

impl Keeping {
    fn take_waiters(&self) -> Vec<oneshot::Sender<Result<(), NotKept>>> {
        std::mem::take(&mut *self.waiters.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn wait(&self) -> oneshot::Receiver<Result<(), NotKept>> {
        let (tell, told) = oneshot::channel();
        self.waiters.lock().unwrap_or_else(PoisonError::into_inner).push(tell);
        told
    }
}

impl Cache {
    /// Purges, and ends once that outlives the process, where responses do. What is asked
    /// for after that is not concerned.
    ///
    /// # Errors
    ///
    /// If it could not be kept; then the purge holds until the process ends.
    pub async fn purge(self: &Arc<Self>, what: &Purging, purge: Purge) -> Result<(), NotKept> {
        match what {
            Purging::Tag(name) => self.purge_tag(name, purge),
            Purging::Url(url) => self.purge_url(url, purge),
            Purging::Prefix(prefix) => self.purge_prefix(prefix, purge),
            Purging::All => self.purge_all(purge),
        }
        self.purge_kept().await
    }

    /// Waits until what was purged is kept, and until what is asked for is newer than it.
    pub(super) async fn purge_kept(self: &Arc<Self>) -> Result<(), NotKept> {
        let purged_ms = self.runtime.now_ms();
        let kept = match &self.keep {
            None => Ok(()),
            Some(_) => {
                let told = self.keeping.wait();
                self.keep_purges();
                let gone = || NotKept::new(io::Error::other("who writes it has ended"));
                told.await.unwrap_or_else(|_| Err(gone()))
            }
        };
        // A purge is of a whole millisecond. A clock that is set back is not waited for.
        for _ in 0..TICKS_MAX {
            if self.runtime.now_ms() != purged_ms {
                break;
            }
            (self.runtime.sleep)(Duration::from_millis(1)).await;
        }
        kept
    }

    pub(super) fn purge_tag(self: &Arc<Self>, name: &str, purge: Purge) {
        let tag = Tag { kind: TagKind::Surrogate, name: name.into() };
        // Such a tag has no origin: any target will do.
        let target = Target::new("http", "", "/", &Policy::default());
        self.purge_hash(hash(&tag, &target), purge);
    }

    pub(super) fn purge_url(self: &Arc<Self>, url: &str, purge: Purge) {
        self.purges.purge_url(url, purge, self.runtime.now_ms());
        self.keep_purges();
    }

    pub(super) fn purge_prefix(self: &Arc<Self>, prefix: &str, purge: Purge) {
        self.purges.purge_prefix(prefix, purge, self.runtime.now_ms());
        self.keep_purges();
    }

    pub(super) fn purge_all(self: &Arc<Self>, purge: Purge) {
        self.purges.purge_all(purge, self.runtime.now_ms());
        self.keep_purges();
    }

    /// Purges responses with a tag of this hash.
    pub(super) fn purge_hash(self: &Arc<Self>, tag: u64, purge: Purge) {
        self.purges.purge_tag(tag, purge, self.runtime.now_ms());
        self.keep_purges();
    }

    /// Keeps the table, if responses outlive the process: else a purged one would come
    /// back with it. Of several changes at a time the last is kept.
    fn keep_purges(self: &Arc<Self>) {
        let Some(keep) = self.keep.clone() else { return };
        self.keeping.is_changed.store(true, SeqCst);
        if self.keeping.is_under_way.swap(true, SeqCst) {
            return;
        }
        let cache = Arc::clone(self);
        self.runtime.spawn(async move {
            loop {
                while cache.keeping.is_changed.swap(false, SeqCst) {
                    cache.keep_now(Arc::clone(&keep)).await;
                }
                cache.keeping.is_under_way.store(false, SeqCst);
                // Somebody may have come between the two.
                let is_left = !cache.keeping.is_changed.load(SeqCst)
                    || cache.keeping.is_under_way.swap(true, SeqCst);
                if is_left {
                    return;
                }
            }
        });
    }

    async fn keep_now(&self, keep: KeepPurges) {
        // Who waits by now has purged by now.
        let waiters = self.keeping.take_waiters();
        let table = self.purges.encode();
        let kept = self.runtime.block(move || keep(table)).await;
        let kept = kept.unwrap_or_else(|| Err(io::Error::other("who writes it has ended")));
        let kept = kept.map_err(NotKept::new);
        if let Err(error) = &kept {
            tracing::warn!(%error, "a purge is not kept");
        }
        for waiter in waiters {
            let _ = waiter.send(kept.clone());
        }
    }
}
