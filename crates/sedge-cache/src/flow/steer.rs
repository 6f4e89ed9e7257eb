//! What an operator is shown of a cache: what is stored for one address, and page by
//! page all there is.
//!
//! Nothing of it counts as a request: the tiers keep what they would have kept.

use super::Cache;
use super::asked::within;
use super::disk::Record;
use super::handler::{CacheHandler, Link};
use super::object::{Entry, Marks, Object};
use super::scope::{BadUrl, Scope, asked};
use crate::key::Key;
use crate::memory;
use crate::purge::Purge;
use crate::rules::{StoredHead, Target, Variants};
use http::HeaderMap;
use sedge_store::segments;
use std::sync::Arc;

/// A stored response, as it is shown.
#[derive(Clone, Debug)]
pub struct Shown {
    /// What it lies under.
    pub key: Key,
    /// `host/path?query`.
    pub url: String,
    /// Its head.
    pub head: Arc<StoredHead>,
    /// Bytes of its content.
    pub body_bytes: u64,
    /// How old it is, in milliseconds.
    pub age_ms: u64,
    /// For how many milliseconds it is still fresh; not more than 0 if it is stale.
    pub ttl_ms: i64,
    /// Whether it lies in memory.
    pub is_in_memory: bool,
    /// Whether it lies on the disk.
    pub is_on_disk: bool,
}

/// Some of what is stored, in no order that means something.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The responses; fewer than were asked for if others are purged, or no responses.
    pub objects: Vec<Shown>,
    /// What the next page comes after; `None`: this is the last.
    pub next: Option<String>,
}

/// What lies under a key.
enum Found {
    One(Arc<StoredHead>, Arc<Marks>, u64),
    Many(Arc<Variants>),
}

impl Cache {
    /// Up to `max` of what is stored, after the page that gave `after`: first what lies in
    /// memory, then what lies on the disk alone. What was purged and still takes room is
    /// left out. `None`: `after` is not of a page.
    pub async fn list(&self, after: Option<&str>, max: usize) -> Option<Listed> {
        let (tier, cursor) = match after {
            None => ("m", None),
            Some(after) => {
                let (tier, cursor) = after.split_at_checked(1)?;
                (tier, Some(cursor).filter(|cursor| !cursor.is_empty()))
            }
        };
        match tier {
            "m" => {
                let cursor = match cursor {
                    None => None,
                    Some(text) => Some(memory::Cursor::parse(text)?),
                };
                Some(self.list_memory(cursor, max))
            }
            "d" => {
                let cursor = match cursor {
                    None => None,
                    Some(text) => Some(segments::Cursor::parse(text)?),
                };
                Some(self.list_disk(cursor, max).await)
            }
            _ => None,
        }
    }

    fn list_memory(&self, after: Option<memory::Cursor>, max: usize) -> Listed {
        let page = self.memory.page(after, max);
        let objects = page.objects.iter().filter_map(|(key, entry, _)| match &**entry {
            Entry::Object(object) => {
                let Object { head, marks, body_bytes, .. } = &**object;
                self.shown(*key, head, marks, *body_bytes)
            }
            Entry::Variants(_) | Entry::Uncollapsed { .. } => None,
        });
        let next = page.next.map(|next| format!("m{next}"));
        let next = next.or_else(|| self.disk.as_ref().map(|_| "d".to_owned()));
        Listed { objects: objects.collect(), next }
    }

    async fn list_disk(&self, after: Option<segments::Cursor>, max: usize) -> Listed {
        let Some(disk) = &self.disk else { return Listed { objects: Vec::new(), next: None } };
        let page = disk.page(after, max);
        let mut objects = Vec::new();
        for (key, _) in page.records {
            let key = Key(key);
            if self.memory.peek(&key).is_some() {
                continue;
            }
            if let Some(Found::One(head, marks, bytes)) = self.look_at_disk(key).await {
                objects.extend(self.shown(key, &head, &marks, bytes));
            }
        }
        Listed { objects, next: page.next.map(|next| format!("d{next}")) }
    }

    /// What lies under a key, in any tier.
    async fn look_at(&self, key: Key) -> Option<Found> {
        match self.memory.peek(&key).as_deref() {
            Some(Entry::Object(object)) => {
                let (head, marks) = (Arc::clone(&object.head), Arc::clone(&object.marks));
                Some(Found::One(head, marks, object.body_bytes))
            }
            Some(Entry::Variants(variants)) => Some(Found::Many(Arc::clone(variants))),
            Some(Entry::Uncollapsed { .. }) => None,
            None => self.look_at_disk(key).await,
        }
    }

    async fn look_at_disk(&self, key: Key) -> Option<Found> {
        let disk = self.disk.as_ref().filter(|disk| disk.contains(&key))?;
        let reading = disk.begin_reading()?;
        match self.runtime.block(move || reading.read(&key)).await.flatten()? {
            Record::Object(object) => {
                let (head, marks) = (Arc::clone(&object.head), Arc::clone(&object.marks));
                Some(Found::One(head, marks, object.body_bytes))
            }
            Record::Large(head, marks, reader) => {
                Some(Found::One(head, marks, reader.body_bytes()))
            }
            Record::Variants(variants) => Some(Found::Many(variants)),
        }
    }

    /// `None` if it is purged.
    fn shown(
        &self,
        key: Key,
        head: &Arc<StoredHead>,
        marks: &Marks,
        body_bytes: u64,
    ) -> Option<Shown> {
        let now_ms = self.runtime.now_ms();
        let purged = self.purges.is_purged(&marks.tags, &marks.url, head.times.request_ms);
        let ttl_ms = match purged {
            Some(Purge::Hard) => return None,
            Some(Purge::Soft) => head.ttl_ms(now_ms).min(0),
            None => head.ttl_ms(now_ms),
        };
        Some(Shown {
            key,
            url: marks.url.to_string(),
            head: Arc::clone(head),
            body_bytes,
            age_ms: head.age_ms(now_ms),
            ttl_ms,
            is_in_memory: self.memory.peek(&key).is_some(),
            is_on_disk: self.disk.as_ref().is_some_and(|disk| disk.contains(&key)),
        })
    }
}

impl Link {
    async fn show(&self, url: &str, fields: &HeaderMap) -> Result<Vec<Shown>, BadUrl> {
        let asked = asked(url, fields.clone(), &self.scope, &self.policy)?;
        let cache = &self.cache;
        let mut all = Vec::new();
        match cache.look_at(asked.primary).await {
            None => {}
            Some(Found::One(head, marks, bytes)) => {
                all.extend(cache.shown(asked.primary, &head, &marks, bytes));
            }
            Some(Found::Many(variants)) => {
                for key in variants.keys() {
                    if let Some(Found::One(head, marks, bytes)) = cache.look_at(key).await {
                        all.extend(cache.shown(key, &head, &marks, bytes));
                    }
                }
            }
        }
        Ok(all)
    }

    fn owns(&self, shown: &Shown) -> bool {
        let (url, path) = shown.url.split_at(shown.url.find('/').unwrap_or(shown.url.len()));
        self.policy.key_fields.is_empty()
            && ["http", "https"].iter().any(|scheme| {
                let target = Target::new(scheme, url, path, &self.policy);
                let primary = within(&self.scope, &target.key(&HeaderMap::new(), &self.policy));
                shown.head.key(primary) == shown.key
            })
    }
}

impl CacheHandler {
    /// What is stored for an address with a scheme, in all its variants. `fields` are
    /// those of a request; they count where the policy has them in the key.
    ///
    /// # Errors
    ///
    /// If it is no such address.
    pub async fn show(&self, url: &str, fields: &HeaderMap) -> Result<Vec<Shown>, BadUrl> {
        self.0.show(url, fields).await
    }

    /// Whether a response was stored in this link's scope. Not known, and so `false`,
    /// where request fields are in its keys.
    pub fn owns(&self, shown: &Shown) -> bool {
        self.0.owns(shown)
    }
}

impl Scope {
    /// As [`CacheHandler::show`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn show(&self, url: &str, fields: &HeaderMap) -> Result<Vec<Shown>, BadUrl> {
        self.0.show(url, fields).await
    }

    /// As [`CacheHandler::owns`].
    pub fn owns(&self, shown: &Shown) -> bool {
        self.0.owns(shown)
    }
}
