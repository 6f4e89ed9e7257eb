//! The durable log from outside: what it keeps, what it refuses, who is told of what is
//! gone, and what it does when the process is killed or the disk fails.

mod commit;
mod crash;
mod cursors;
mod full;
mod limits;

use bytes::Bytes;
use sedge_store::log::{Batch, Item, Log, LogOptions, Number, Record};
use std::path::Path;

/// Options of a log of small segments.
fn small() -> LogOptions {
    LogOptions { segment_bytes: 16 << 10, bytes_max: 64 << 10, ..LogOptions::default() }
}

pub(crate) fn open(folder: &Path, options: LogOptions) -> Log {
    Log::open(folder, options).expect("open")
}

fn number(epoch: u64, sequence: u64) -> Number {
    Number { epoch, sequence }
}

/// A record that follows from its device and number.
fn record(device: &str, epoch: u64, sequence: u64) -> Record {
    let word = format!("{device} {epoch} {sequence};");
    Record {
        stream: "readings".to_owned(),
        device: device.to_owned(),
        number: number(epoch, sequence),
        time_ms: sequence,
        key: Bytes::from(device.to_owned()),
        payload: Bytes::from(word.repeat((sequence % 20) as usize)),
    }
}

pub(crate) fn one(device: &str, epoch: u64, sequence: u64) -> Batch {
    Batch { records: vec![record(device, epoch, sequence)], cursor: None }
}

/// Everything from a position on, page by page.
fn read(log: &Log, position: u64) -> Vec<Item> {
    let (mut reader, mut all) = (log.reader(position), Vec::new());
    loop {
        let items = reader.read(1_000).expect("files are there");
        if items.is_empty() {
            return all;
        }
        all.extend(items);
    }
}

/// The records among items, as device and number.
fn records(items: &[Item]) -> Vec<(String, Number)> {
    let id = |item: &Item| match item {
        Item::Record { record, .. } => Some((record.device.clone(), record.number)),
        Item::Gap { .. } | Item::Lost(_) => None,
    };
    items.iter().filter_map(id).collect()
}
