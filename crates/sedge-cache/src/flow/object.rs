//! What a cache holds under a key.

use crate::key::Key;
use crate::pages::PAGED_BYTES_MIN;
use crate::rules::{StoredHead, Tag, TagKind, Target, Variants};
use bytes::Bytes;
use std::sync::Arc;

/// What an object takes in memory beside its head and its body.
const OBJECT_OVERHEAD: u64 = 256;

const PAGE_BYTES: u64 = 4 << 10;

/// A stored response.
pub(super) struct Object {
    pub(super) head: Arc<StoredHead>,
    pub(super) marks: Arc<Marks>,
    pub(super) body: Arc<[Bytes]>,
    pub(super) body_bytes: u64,
    /// Whether the disk has the very same.
    pub(super) is_on_disk: bool,
}

/// What purges know a stored response by.
pub(super) struct Marks {
    /// `host/path?query`.
    pub(super) url: Box<str>,
    /// The hashes of its tags, see [`hash`] and [`scoped_hash`].
    pub(super) tags: Box<[u64]>,
}

/// The hash of a tag at the origin of a target.
pub(super) fn hash(tag: &Tag, target: &Target) -> u64 {
    let key = tag.key(target).0;
    u64::from_le_bytes(std::array::from_fn(|index| key[index]))
}

/// The hash of a tag's name within a scope: by it, who has the scope purges nothing else.
pub(super) fn scoped_hash(scope: &Key, name: &str) -> u64 {
    let key = Key::of([&b"scope"[..], &scope.0, name.as_bytes()]).0;
    u64::from_le_bytes(std::array::from_fn(|index| key[index]))
}

impl Marks {
    pub(super) fn new(target: &Target, head: &StoredHead, scope: &Key) -> Arc<Self> {
        let named = head.tags.iter().filter(|tag| tag.kind == TagKind::Surrogate);
        let scoped = named.map(|tag| scoped_hash(scope, &tag.name));
        let tags = head.tags.iter().map(|tag| hash(tag, target)).chain(scoped).collect();
        Arc::new(Marks { url: target.url().into(), tags })
    }

    fn bytes(&self) -> u64 {
        self.url.len() as u64 + 8 * self.tags.len() as u64
    }
}

impl Object {
    /// The same response with a head that is newer.
    pub(super) fn freshened(&self, head: StoredHead, target: &Target, scope: &Key) -> Arc<Object> {
        let marks = Marks::new(target, &head, scope);
        let (body, body_bytes) = (Arc::clone(&self.body), self.body_bytes);
        Arc::new(Object { head: Arc::new(head), marks, body, body_bytes, is_on_disk: false })
    }

    /// What it takes in memory.
    pub(super) fn bytes(&self) -> u64 {
        let chunks = self.body.len() as u64 * size_of::<Bytes>() as u64;
        // Large ones take whole pages; smaller ones are rounded up by the allocator.
        let body = self.body.iter().map(|chunk| (chunk.len() as u64).next_multiple_of(PAGE_BYTES));
        let body_bytes = match self.body_bytes >= PAGED_BYTES_MIN {
            true => body.sum(),
            false => self.body_bytes,
        };
        body_bytes + self.head.bytes() + self.marks.bytes() + chunks + OBJECT_OVERHEAD
    }
}

/// What is found under a key.
pub(super) enum Entry {
    /// A response.
    Object(Arc<Object>),
    /// Responses that differ by what requests say, each under a key of its own.
    Variants(Arc<Variants>),
    /// Responses that are for one request each, until then; so nobody waits for
    /// another's.
    Uncollapsed {
        /// Milliseconds since the Unix epoch.
        until_ms: u64,
    },
}

impl Entry {
    /// What it takes in memory.
    pub(super) fn bytes(&self) -> u64 {
        match self {
            Entry::Object(object) => object.bytes(),
            Entry::Variants(variants) => {
                let mut encoded = Vec::new();
                variants.encode(&mut encoded);
                // It is held with an allocation for each of its parts.
                4 * encoded.len() as u64 + OBJECT_OVERHEAD
            }
            Entry::Uncollapsed { .. } => 64,
        }
    }
}
