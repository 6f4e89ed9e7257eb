//! The log of segments from outside: what it keeps, what it refuses, what room it takes,
//! and what it does when the process is killed, files are damaged, or the disk is full.

mod crash;
mod damage;
mod evict;
mod full_disk;
mod limits;
mod model;

use bytes::Bytes;
use sedge_store::segments::{Key, Put, Segments, SegmentsOptions};
use std::path::Path;
use std::time::Duration;

/// Options of a log of 16 segments of 4 KiB that syncs only when told to.
fn small() -> SegmentsOptions {
    SegmentsOptions {
        bytes_max: 64 << 10,
        segment_bytes: 4 << 10,
        sync_interval: Duration::from_secs(3_600),
        ..SegmentsOptions::default()
    }
}

fn open(folder: &Path, options: SegmentsOptions) -> Segments {
    Segments::open(folder, options).expect("open")
}

fn key(i: u64) -> Key {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&i.to_le_bytes());
    key
}

/// A body that tells its key and version in every place.
fn body(i: u64, version: u64, bytes: usize) -> Bytes {
    let mixed = i.wrapping_mul(31).wrapping_add(version.wrapping_mul(0x9E37_79B9));
    (0..bytes as u64).map(|at| (mixed.wrapping_add(at * 7) >> (at % 3)) as u8).collect()
}

/// Puts a record of some chunks, and waits until it is written.
fn put(segments: &Segments, i: u64, version: u64, bytes: usize) {
    let body = body(i, version, bytes);
    let (one, two) = (body.slice(..bytes / 3), body.slice(bytes / 3..));
    assert_eq!(segments.put(key(i), head(i, version), vec![one, Bytes::new(), two]), Put::Queued);
    segments.sync_wait().expect("sync");
}

fn head(i: u64, version: u64) -> Bytes {
    format!("{i} in version {version}").into()
}

/// The head as text, and the body, read block by block; `None`: it is not there, or could
/// not be read.
fn get(segments: &Segments, i: u64) -> Option<(String, Vec<u8>)> {
    let reader = segments.get(&key(i))?;
    let mut body = Vec::new();
    for block in reader.slice(0..u64::MAX) {
        body.extend_from_slice(&block.ok()?);
    }
    assert_eq!(body.len() as u64, reader.body_bytes());
    Some((String::from_utf8(reader.head().to_vec()).expect("text"), body))
}

/// Whether the record is there in this version, whole.
fn has(segments: &Segments, i: u64, version: u64, bytes: usize) -> bool {
    get(segments, i) == Some((format!("{i} in version {version}"), body(i, version, bytes).into()))
}
