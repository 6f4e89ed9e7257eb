//! The tier on the disk, below that in memory.

use super::content::laid;
use super::object::{Entry, Marks, Object};
use super::purging::NotKept;
use crate::key::Key;
use crate::pages::Pages;
use crate::rules::{StoredHead, Variants};
use bytes::{Buf, Bytes};
use futures_channel::oneshot;
use sedge_store::segments::{Cursor, Page, Reader, Segments, SegmentsCounters};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// What is asked for less often than this is not worth a write.
const FREQUENCY_MIN: u8 = 2;

/// Reads under way at one time; one more finds nothing.
const READS_MAX: usize = 64;

/// The first byte of a record: what it is.
const OBJECT: u8 = 1;
const VARIANTS: u8 = 2;

pub(super) struct Disk {
    segments: Arc<Segments>,
    /// Where large bodies are read to.
    pages: Option<Arc<Pages>>,
    reads: Arc<AtomicUsize>,
}

/// One read under way.
pub(super) struct Reading {
    segments: Arc<Segments>,
    pages: Option<Arc<Pages>>,
    reads: Arc<AtomicUsize>,
}

/// A record, read and understood.
pub(super) enum Record {
    /// A response, all of it.
    Object(Arc<Object>),
    /// A response whose body has yet to be read.
    Large(Arc<StoredHead>, Arc<Marks>, Reader),
    Variants(Arc<Variants>),
}

impl Disk {
    pub(super) fn new(segments: Segments, pages: Option<Arc<Pages>>) -> Self {
        Disk { segments: Arc::new(segments), pages, reads: Arc::default() }
    }

    pub(super) fn counters(&self) -> SegmentsCounters {
        self.segments.counters()
    }

    /// Takes in what left the memory, if it is worth it.
    pub(super) fn keep(&self, key: Key, entry: &Entry, frequency: u8) {
        match entry {
            Entry::Object(object) if frequency >= FREQUENCY_MIN => {
                if object.is_on_disk && self.segments.contains(&key.0) {
                    return;
                }
                let mut head = vec![OBJECT];
                let url = object.marks.url.as_bytes();
                head.extend_from_slice(&(url.len() as u32).to_le_bytes());
                head.extend_from_slice(url);
                head.extend_from_slice(&(object.marks.tags.len() as u32).to_le_bytes());
                object.marks.tags.iter().for_each(|tag| head.extend_from_slice(&tag.to_le_bytes()));
                object.head.encode(&mut head);
                // What is refused is counted there.
                let _ = self.segments.put(key.0, head.into(), object.body.to_vec());
            }
            // Without the list nothing on it is found.
            Entry::Variants(variants) => {
                let mut head = vec![VARIANTS];
                variants.encode(&mut head);
                let _ = self.segments.put(key.0, head.into(), Vec::new());
            }
            // An older record must not come back.
            Entry::Object(object) if !object.is_on_disk => self.remove(&key),
            Entry::Object(_) | Entry::Uncollapsed { .. } => {}
        }
    }

    pub(super) fn remove(&self, key: &Key) {
        if self.segments.contains(&key.0) {
            self.segments.remove(key.0, |removed| {
                if let Err(error) = removed {
                    tracing::warn!(%error, "a response could not be removed from the disk");
                }
            });
        }
    }

    /// Ends once what was removed under a key would not come back.
    pub(super) async fn removed(&self, key: &Key) -> Result<(), NotKept> {
        let (tell, told) = oneshot::channel();
        // The log does one after the other: this one is behind the removal itself.
        self.segments.remove(key.0, move |removed| drop(tell.send(removed)));
        match told.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(NotKept::new(io::Error::other(error.to_string()))),
            Err(_) => Err(NotKept::new(io::Error::other("the log has ended"))),
        }
    }

    /// Up to `max` keys, each with the bytes of its record.
    pub(super) fn page(&self, after: Option<Cursor>, max: usize) -> Page {
        self.segments.page(after, max)
    }

    /// Waits until all that was handed over has been written.
    #[cfg(test)]
    pub(super) fn settle(&self) {
        self.segments.sync_wait().expect("writes");
    }

    pub(super) fn clear(&self) {
        self.segments.remove_all(|removed| {
            if let Err(error) = removed {
                tracing::warn!(%error, "responses could not be removed from the disk");
            }
        });
    }

    /// Whether there is something under a key; looks in memory only.
    pub(super) fn contains(&self, key: &Key) -> bool {
        self.segments.contains(&key.0)
    }

    /// Begins a read, unless too many are under way; to be ended where a thread may
    /// wait.
    pub(super) fn begin_reading(&self) -> Option<Reading> {
        let (segments, reads) = (Arc::clone(&self.segments), Arc::clone(&self.reads));
        let reading = Reading { segments, pages: self.pages.clone(), reads };
        let before = self.reads.fetch_add(1, Relaxed);
        (before < READS_MAX).then_some(reading)
    }
}

impl Reading {
    /// Waits for the disk.
    pub(super) fn read(self, key: &Key) -> Option<Record> {
        let reader = self.segments.get(&key.0)?;
        let record = decode(reader, self.pages.as_ref());
        if record.is_none() {
            tracing::warn!("a record of the cache on the disk is not understood");
            self.segments.remove(key.0, |_| {});
        }
        record
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.reads.fetch_sub(1, Relaxed);
    }
}

fn decode(reader: Reader, pages: Option<&Arc<Pages>>) -> Option<Record> {
    let mut head = reader.head().clone();
    let kind = head.try_get_u8().ok()?;
    if kind == VARIANTS {
        return Some(Record::Variants(Arc::new(Variants::decode(&head).ok()?)));
    }
    if kind != OBJECT {
        return None;
    }
    let length = head.try_get_u32_le().ok()? as usize;
    if head.len() < length {
        return None;
    }
    let url = head.split_to(length);
    let url = std::str::from_utf8(&url).ok()?.into();
    let tags = head.try_get_u32_le().ok()? as usize;
    if head.len() / 8 < tags {
        return None;
    }
    let tags = (0..tags).map(|_| head.try_get_u64_le().ok()).collect::<Option<_>>()?;
    let marks = Arc::new(Marks { url, tags });
    let stored = Arc::new(StoredHead::decode(&head).ok()?);
    if !reader.is_whole() {
        return Some(Record::Large(stored, marks, reader));
    }
    // One that the writer has not written yet is here, however large it is.
    let blocks = (0..reader.blocks()).map(|block| reader.block(block).ok());
    let blocks = blocks.collect::<Option<Vec<Bytes>>>()?;
    let body_bytes = reader.body_bytes();
    let body = match laid(pages, &blocks, body_bytes) {
        Some(piece) => Arc::from([piece]),
        None => Arc::from(blocks),
    };
    Some(Record::Object(Arc::new(Object {
        head: stored,
        marks,
        body,
        body_bytes,
        is_on_disk: true,
    })))
}
