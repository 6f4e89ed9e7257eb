//! How fast a log of segments opens, how fast it is written and read, and what a record
//! takes in memory.
//!
//! `cargo run --release -p sedge-store --example segments_open [FOLDER [RECORDS]]`

use bytes::Bytes;
use sedge_store::segments::{Key, Put, Segments, SegmentsOptions};
use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

const BODY_BYTES: usize = 1_000;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let folder = match arguments.next() {
        Some(folder) => tempfile::tempdir_in(folder)?,
        None => tempfile::tempdir()?,
    };
    let records = match arguments.next() {
        Some(records) => records.to_string_lossy().parse()?,
        None => 1_000_000,
    };
    let options = SegmentsOptions { bytes_max: 16 << 30, ..SegmentsOptions::default() };
    write(folder.path(), &options, records)?;
    let segments = open(folder.path(), &options, "with a footer in each segment")?;
    read(&segments, records);
    large(&segments)?;
    drop(segments);
    let cut = cut_footers(folder.path())?;
    let segments = open(folder.path(), &options, &format!("with {cut} segments walked through"))?;
    println!("walked through: {}", segments.counters().scanned);
    Ok(())
}

fn write(folder: &Path, options: &SegmentsOptions, records: u64) -> Result<(), Box<dyn Error>> {
    let segments = Segments::open(folder, options.clone())?;
    let (head, body) = (Bytes::from(vec![1; 200]), Bytes::from(vec![2; BODY_BYTES]));
    let begin = Instant::now();
    for i in 0..records {
        while segments.put(key(i), head.clone(), vec![body.clone()]) == Put::Full {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    segments.sync_wait()?;
    let rate = records as f64 / begin.elapsed().as_secs_f64();
    println!("write {records} records of 1,200 bytes   {rate:>12.0} records/s, synced");
    Ok(())
}

fn open(folder: &Path, options: &SegmentsOptions, what: &str) -> Result<Segments, Box<dyn Error>> {
    let begin = Instant::now();
    let segments = Segments::open(folder, options.clone())?;
    let elapsed = begin.elapsed();
    let counters = segments.counters();
    let each = counters.index_bytes as f64 / counters.records as f64;
    println!(
        "open {} records in {} segments, {what}   {:.0} ms; index {each:.1} bytes a record",
        counters.records,
        counters.segments,
        elapsed.as_secs_f64() * 1e3,
    );
    Ok(segments)
}

fn read(segments: &Segments, records: u64) {
    let begin = Instant::now();
    let (mut bytes, reads) = (0, 200_000);
    for i in 0..reads {
        let found = segments.get(&key(i * 7_919 % records));
        bytes += found.and_then(|found| found.block(0).ok()).map_or(0, |block| block.len());
    }
    let each = begin.elapsed().as_secs_f64() * 1e6 / reads as f64;
    println!("read {reads} records from the page cache   {each:.2} µs each, {bytes} bytes");
    let begin = Instant::now();
    let found = (0..1_000_000).filter(|i| segments.contains(&key(records + i))).count();
    let each = begin.elapsed().as_secs_f64() * 1e3;
    println!("ask for 1,000,000 absent ones   {each:.0} ns each, {found} found");
}

/// A body of 32 MiB, read block by block.
fn large(segments: &Segments) -> Result<(), Box<dyn Error>> {
    let body = Bytes::from(vec![3; 32 << 20]);
    let begin = Instant::now();
    segments.put(key(u64::MAX), Bytes::new(), vec![body]);
    segments.sync_wait()?;
    println!("write 32 MiB, synced   {:.0} ms", begin.elapsed().as_secs_f64() * 1e3);
    let reader = segments.get(&key(u64::MAX)).ok_or("the record is not there")?;
    let begin = Instant::now();
    let bytes = reader.slice(0..u64::MAX).try_fold(0, |sum, block| block.map(|b| sum + b.len()))?;
    let rate = bytes as f64 / begin.elapsed().as_secs_f64() / 1e9;
    println!("read 32 MiB from the page cache   {rate:.1} GB/s, checked");
    Ok(())
}

/// Damages every tenth segment's footer.
fn cut_footers(folder: &Path) -> Result<usize, Box<dyn Error>> {
    let mut cut = 0;
    for path in std::fs::read_dir(folder)?.flatten().map(|entry| entry.path()) {
        let is_segment = path.extension().is_some_and(|extension| extension == "seg");
        if is_segment && cut < 3 {
            let file = std::fs::File::options().write(true).open(&path)?;
            file.set_len(file.metadata()?.len() - 1)?;
            cut += 1;
        }
    }
    Ok(cut)
}

/// Mixed, as a digest would be.
fn key(i: u64) -> Key {
    let mixed = i.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mut key = [0; 16];
    key[..8].copy_from_slice(&mixed.to_le_bytes());
    key[8..].copy_from_slice(&i.to_le_bytes());
    key
}
