//! Purges: what is stored and has to go, or is stale from now on.

use super::Cache;
use super::object::hash;
use crate::purge::Purge;
use crate::rules::{Policy, Tag, TagKind, Target};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

/// Brings the table of purges to where it outlives the process. May block.
pub type KeepPurges = Arc<dyn Fn(Vec<u8>) + Send + Sync>;

/// Whether the table has changed since it was kept, and whether somebody keeps it.
#[derive(Default)]
pub(super) struct Keeping {
    is_changed: AtomicBool,
    is_under_way: AtomicBool,
}

impl Cache {
    /// Purges responses with this name in `Surrogate-Key` or `Cache-Tag`, of all
    /// origins. What is asked for from now on is not concerned.
    pub fn purge_tag(self: &Arc<Self>, name: &str, purge: Purge) {
        let tag = Tag { kind: TagKind::Surrogate, name: name.into() };
        // Such a tag has no origin: any target will do.
        let target = Target::new("http", "", "/", &Policy::default());
        self.purge_hash(hash(&tag, &target), purge);
    }

    /// Purges the responses to this address, `host/path?query`, and all variants of
    /// them.
    pub fn purge_url(self: &Arc<Self>, url: &str, purge: Purge) {
        self.purges.purge_url(url, purge, self.runtime.now_ms());
        self.keep_purges();
    }

    /// Purges responses whose address begins with these whole segments, `host/path`.
    pub fn purge_prefix(self: &Arc<Self>, prefix: &str, purge: Purge) {
        self.purges.purge_prefix(prefix, purge, self.runtime.now_ms());
        self.keep_purges();
    }

    /// Purges everything.
    pub fn purge_all(self: &Arc<Self>, purge: Purge) {
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
                    let (table, keep) = (cache.purges.encode(), Arc::clone(&keep));
                    cache.runtime.block(move || keep(table)).await;
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
}
