//! How what was counted survives instances that come and go, nodes that are killed, and batches
//! that are tried again.
//!
//! All of it may have some 4 MB, more than a call may keep, and far too much to be written for
//! each batch. So each call keeps its batch, as a *tail*, and a small *head*; now and then a
//! *snapshot* is begun, of which each call writes a part. What was counted is the last whole
//! snapshot and the tails since. An instance that lives on remembers it, and needs neither as
//! long as the head's fingerprint says that it has seen all of them: a batch that was undone
//! leaves another fingerprint in the head than in the instance.
//!
//! A snapshot that is being written is that of a certain tail; an instance that has not begun it
//! comes to the same bytes by itself. Tails are kept in a ring of keys and overwritten, and a
//! snapshot is kept in one of two places, so that nothing is to be deleted.

use sedge_kit::analytics::AnalyticsOptions;
use sedge_kit::primitives::crc32::crc32;
use sedge_kit::sketch::hash::xxh64;
use serde::{Deserialize, Serialize};

use crate::counted::Counted;
use crate::host::{Host, HostError};
use crate::record::{RECORD_BYTES_MAX, Reader, varint};
use crate::routes::Routes;

/// Keys of tails. More than a snapshot ever waits for.
const TAILS: u64 = 256;
/// After so many tails, or bytes of them, a snapshot is begun.
const TAILS_MAX: u64 = 128;
const TAIL_BYTES_MAX: u64 = 512 << 10;
/// Bytes of a part of a snapshot: with a tail of the largest batch, less than a call may keep.
const PART_BYTES: usize = 900 << 10;
/// Parts of a snapshot.
const PARTS_MAX: u32 = 64;
const VERSION: u32 = 1;

/// What is written with each batch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Head {
    version: u32,
    /// The number of the first tail of all.
    begun: u64,
    /// The number of the next tail.
    pub next: u64,
    /// Of all tails so far, in their order.
    pub fingerprint: u64,
    /// Bytes of tails since the last snapshot was begun.
    bytes: u64,
    /// The last one that is whole.
    snapshot: Option<Snapshot>,
    /// The one that is being written.
    writing: Option<Snapshot>,
    /// When others were shown last what was counted, by the node's clock.
    pub shown_ms: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Snapshot {
    /// The number of the first tail that is not in it.
    next: u64,
    /// Which of the two places it is in.
    place: u8,
    parts: u32,
    /// How many of them are written.
    written: u32,
    crc: u32,
}

impl Snapshot {
    fn key(self, part: u32) -> String {
        format!("snapshot/{}/{part}", self.place)
    }
}

impl Head {
    /// The head, or a new one if there is none that is understood.
    ///
    /// # Errors
    /// The node does not give it.
    pub fn load(host: &mut dyn Host) -> Result<Head, HostError> {
        let Some(bytes) = host.get("head")? else { return Ok(Head::new()) };
        match serde_json::from_slice::<Head>(&bytes) {
            Ok(head) if head.version == VERSION => Ok(head),
            _ => {
                host.log("what was counted is not understood; it begins anew");
                Ok(Head::new())
            }
        }
    }

    fn new() -> Head {
        Head { version: VERSION, ..Head::default() }
    }

    /// Writes it.
    ///
    /// # Errors
    /// The node does not keep it.
    pub fn store(&self, host: &mut dyn Host) -> Result<(), HostError> {
        // Numbers always can be written.
        host.set("head", &serde_json::to_vec(self).unwrap_or_default())
    }
}

/// A batch as it is kept: the node's clock, and what came.
fn tail(number: u64, wall_ms: i64, payloads: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend(number.to_le_bytes());
    out.extend(wall_ms.to_le_bytes());
    for payload in payloads {
        // What is too long is no record, and so is nothing.
        let payload = if payload.len() > RECORD_BYTES_MAX { &[][..] } else { payload };
        varint(&mut out, payload.len() as u64);
        out.extend(payload);
    }
    out
}

/// The clock of a tail and what came; `None`: it is not the tail of this number.
fn read_tail(bytes: &[u8], number: u64) -> Option<(i64, Vec<&[u8]>)> {
    let mut input = Reader(bytes);
    if u64::from_le_bytes(input.fixed()?) != number {
        return None;
    }
    let wall_ms = i64::from_le_bytes(input.fixed()?);
    let mut payloads = Vec::new();
    while !input.0.is_empty() {
        let count = usize::try_from(input.varint()?).ok()?;
        payloads.push(input.bytes(count)?);
    }
    Some((wall_ms, payloads))
}

fn tail_key(number: u64) -> String {
    format!("tail/{}", number % TAILS)
}

/// What an instance knows.
#[derive(Debug)]
pub struct Kept {
    /// What was counted.
    pub counted: Counted,
    fingerprint: u64,
    /// The snapshot that is being written.
    writing: Option<Vec<u8>>,
}

impl Kept {
    /// Nothing was counted yet.
    fn new(options: AnalyticsOptions) -> Self {
        Kept { counted: Counted::new(options), fingerprint: 0, writing: None }
    }

    /// Whether this is what the head speaks of.
    pub fn is_of(&self, head: &Head) -> bool {
        self.fingerprint == head.fingerprint && self.writing.is_some() == head.writing.is_some()
    }

    /// Reads what the head speaks of. If it is not there any longer or cannot be read, all
    /// begins anew, and the head with it.
    ///
    /// # Errors
    /// The node does not give it.
    pub fn load(
        host: &mut dyn Host,
        head: &mut Head,
        options: AnalyticsOptions,
        routes: &Routes,
    ) -> Result<Self, HostError> {
        if let Some(kept) = Kept::read(host, head, options, routes)? {
            return Ok(kept);
        }
        host.log("what was counted cannot be used; it begins anew");
        *head = Head { begun: head.next, next: head.next, ..Head::new() };
        Ok(Kept::new(options))
    }

    fn read(
        host: &mut dyn Host,
        head: &mut Head,
        options: AnalyticsOptions,
        routes: &Routes,
    ) -> Result<Option<Self>, HostError> {
        let mut kept = Kept::new(options);
        let mut first = head.begun;
        if let Some(snapshot) = head.snapshot {
            let mut bytes = Vec::new();
            for part in 0..snapshot.parts.min(PARTS_MAX) {
                bytes.extend(host.get(&snapshot.key(part))?.unwrap_or_default());
            }
            let counted = Counted::from_bytes(&bytes, options, routes);
            match counted {
                Ok(counted) if crc32(&bytes) == snapshot.crc => kept.counted = counted,
                _ => return Ok(None),
            }
            first = snapshot.next;
        }
        if head.next.checked_sub(first).is_none_or(|count| count > TAILS) {
            return Ok(None);
        }
        for number in first..head.next {
            if head.writing.is_some_and(|snapshot| snapshot.next == number) {
                kept.writing = Some(kept.counted.to_bytes());
            }
            let bytes = host.get(&tail_key(number))?.unwrap_or_default();
            let Some((wall_ms, payloads)) = read_tail(&bytes, number) else { return Ok(None) };
            kept.counted.take(wall_ms, payloads, routes);
        }
        if let Some(snapshot) = head.writing {
            if snapshot.next == head.next {
                kept.writing = Some(kept.counted.to_bytes());
            }
            // Another version of this program comes to other bytes; then it is begun again.
            let bytes = kept.writing.as_deref().unwrap_or_default();
            if crc32(bytes) != snapshot.crc {
                (head.writing, kept.writing) = (None, None);
            }
        }
        kept.fingerprint = head.fingerprint;
        Ok(Some(kept))
    }

    /// Keeps a batch that was taken, and goes on with the snapshot.
    ///
    /// # Errors
    /// The node does not keep it.
    pub fn keep(
        &mut self,
        host: &mut dyn Host,
        head: &mut Head,
        wall_ms: i64,
        payloads: &[&[u8]],
    ) -> Result<(), HostError> {
        let bytes = tail(head.next, wall_ms, payloads);
        host.set(&tail_key(head.next), &bytes)?;
        // 0 says that there is none.
        head.fingerprint = xxh64(&bytes, head.fingerprint).max(1);
        head.next += 1;
        head.bytes = head.bytes.saturating_add(bytes.len() as u64);
        self.fingerprint = head.fingerprint;
        self.go_on(host, head)
    }

    fn go_on(&mut self, host: &mut dyn Host, head: &mut Head) -> Result<(), HostError> {
        let since = head.snapshot.map_or(head.begun, |snapshot| snapshot.next);
        let is_due = head.next - since >= TAILS_MAX || head.bytes >= TAIL_BYTES_MAX;
        if head.writing.is_none() && is_due {
            let bytes = self.counted.to_bytes();
            head.writing = Some(Snapshot {
                next: head.next,
                place: head.snapshot.map_or(0, |snapshot| 1 - snapshot.place.min(1)),
                // Some megabytes: see `kit/tests/analytics_room.rs`.
                parts: bytes.len().div_ceil(PART_BYTES) as u32,
                written: 0,
                crc: crc32(&bytes),
            });
            head.bytes = 0;
            self.writing = Some(bytes);
        }
        let (Some(snapshot), Some(bytes)) = (&mut head.writing, &self.writing) else {
            return Ok(());
        };
        if let Some(part) = bytes.chunks(PART_BYTES).nth(snapshot.written as usize) {
            host.set(&snapshot.key(snapshot.written), part)?;
            snapshot.written += 1;
        }
        if snapshot.written >= snapshot.parts {
            head.snapshot = head.writing.take();
            self.writing = None;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
