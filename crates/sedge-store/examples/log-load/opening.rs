//! How long a log takes to open that was not closed.

use crate::Outcome;
use crate::producers::{options, record};
use sedge_store::log::{Batch, Log, LogOptions};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::mpsc;
use std::time::Instant;

/// Records of a batch.
const BATCH: u64 = 4_000;

/// Appends until the log has so many bytes, and ends without closing it.
pub(crate) fn fill(folder: &Path, bytes: u64) -> Outcome<String> {
    // So that the last segment is nearly full, which is the longest to look through.
    let log = Log::open(folder, LogOptions { ..options() })?;
    let (sender, receiver) = mpsc::sync_channel(4);
    let mut records = 0u64;
    let (mut sent, mut answered) = (0u64, 0u64);
    while log.usage().bytes < bytes {
        let batch = (0..BATCH).map(|i| record((i % 1_000) as usize, sent * 4 + i / 1_000));
        let batch = Batch { records: batch.collect(), cursor: None };
        let sender = sender.clone();
        log.submit(batch, Box::new(move |result| drop(sender.send(result.map(|one| one.len())))));
        sent += 1;
        if sent - answered >= 4 {
            records += receiver.recv()?? as u64;
            answered += 1;
        }
    }
    while answered < sent {
        records += receiver.recv()?? as u64;
        answered += 1;
    }
    println!("{{\"records\":{records},\"bytes\":{}}}", log.usage().bytes);
    // As if the process was killed.
    std::process::exit(0)
}

/// Opens the log, whose files are taken out of the system's cache before.
pub(crate) fn open(folder: &Path) -> Outcome<String> {
    for entry in std::fs::read_dir(folder)? {
        let file = std::fs::File::open(entry?.path())?;
        file.sync_all()?;
        // SAFETY: the descriptor is open as long as `file`, and the call only advises.
        unsafe { libc::posix_fadvise(file.as_raw_fd(), 0, 0, libc::POSIX_FADV_DONTNEED) };
    }
    let begin = Instant::now();
    let log = Log::open(folder, options())?;
    let took = begin.elapsed().as_secs_f64();
    let (usage, recovered) = (log.usage(), log.recovered().clone());
    println!(
        "{{\"open_s\":{took},\"bytes\":{},\"records\":{},\"segments\":{},\"scanned\":{},\"lost\":{}}}",
        usage.bytes,
        usage.end,
        usage.segments,
        recovered.scanned,
        recovered.lost.len()
    );
    std::process::exit(0)
}
