//! How a table of purges lies on the disk.
//!
//! Magic and version, the latest time, the times of all, the numbers of tags, URLs,
//! prefixes and cells, these (hash, hard, soft; a cell: number, time), and the first 16
//! bytes of the BLAKE3 hash of all that. Numbers are little-endian.

use super::{KINDS, Kind, PurgeTable, Table, Tables, Times};
use arc_swap::ArcSwap;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use thiserror::Error;

const MAGIC: [u8; 8] = *b"sdgprg\0\x01";

/// Why bytes are not a table of purges. What was purged is unknown then: whoever keeps
/// objects that are older must purge all.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum PurgeError {
    /// They are cut off, damaged, or of another version.
    #[error("the table of purges is damaged or of another version")]
    Damaged,
}

impl PurgeTable {
    /// The table as bytes: 24 for each tag, URL and prefix, 12 for each cell of the
    /// residue, about 5 MB at most.
    pub fn encode(&self) -> Vec<u8> {
        // Nobody moves anything to the residue meanwhile.
        let _order = self.lock();
        let tables = self.tables.load();
        let cells: Vec<(u32, u64)> = self.residue.raised().collect();
        let mut bytes = MAGIC.to_vec();
        for time in [self.latest.load(Ordering::Relaxed), tables.all.hard, tables.all.soft] {
            bytes.extend_from_slice(&time.to_le_bytes());
        }
        let counts = [0, 1, 2].map(|kind: usize| tables.tables[kind].noted);
        for count in counts.into_iter().chain([cells.len()]) {
            // All are bounded.
            bytes.extend_from_slice(&(count as u32).to_le_bytes());
        }
        for (hash, times) in tables.tables.iter().flat_map(Table::iter) {
            for number in [hash, times.hard, times.soft] {
                bytes.extend_from_slice(&number.to_le_bytes());
            }
        }
        for (cell, time) in cells {
            bytes.extend_from_slice(&cell.to_le_bytes());
            bytes.extend_from_slice(&time.to_le_bytes());
        }
        let check = check(&bytes);
        bytes.extend_from_slice(&check);
        bytes
    }

    /// The table that was encoded.
    ///
    /// # Errors
    /// [`PurgeError::Damaged`].
    pub fn decode(bytes: &[u8]) -> Result<Self, PurgeError> {
        let (content, stored) = bytes.split_last_chunk::<16>().ok_or(PurgeError::Damaged)?;
        if check(content) != *stored {
            return Err(PurgeError::Damaged);
        }
        let mut rest = content.strip_prefix(&MAGIC).ok_or(PurgeError::Damaged)?;
        read(&mut rest).filter(|_| rest.is_empty()).ok_or(PurgeError::Damaged)
    }
}

/// Reads what lies between magic and check. Counts are no promise: each number is only
/// there if the bytes are.
fn read(rest: &mut &[u8]) -> Option<PurgeTable> {
    let latest = u64_of(rest)?;
    let mut tables = Tables::new();
    tables.all = Times { hard: u64_of(rest)?, soft: u64_of(rest)? };
    let counts = [u32_of(rest)?, u32_of(rest)?, u32_of(rest)?];
    let cells = u32_of(rest)?;
    let mut order: [VecDeque<(u64, u64)>; KINDS] = Default::default();
    for (kind, count) in Kind::ALL.into_iter().zip(counts) {
        if count as usize > kind.noted_max() {
            return None;
        }
        let mut noted = Vec::new();
        for _ in 0..count {
            let (hash, hard, soft) = (u64_of(rest)?, u64_of(rest)?, u64_of(rest)?);
            noted.push((hash, Times { hard, soft }));
        }
        tables.tables[kind as usize] = Table::of(&noted);
        let mut times: Vec<(u64, u64)> =
            noted.iter().map(|(hash, times)| (times.last(), *hash)).collect();
        times.sort_unstable();
        order[kind as usize] = times.into();
    }
    let table = PurgeTable {
        is_used: AtomicBool::new(true),
        tables: ArcSwap::from_pointee(tables),
        latest: AtomicU64::new(latest),
        order: Mutex::new(order),
        ..PurgeTable::new()
    };
    for _ in 0..cells {
        let (cell, time) = (u32_of(rest)?, u64_of(rest)?);
        table.residue.raise(cell, time).then_some(())?;
    }
    Some(table)
}

impl Table {
    fn of(noted: &[(u64, Times)]) -> Self {
        let mut parts: Vec<_> = (0..super::PARTS).map(|_| super::Part::default()).collect();
        for (hash, times) in noted {
            parts[super::part_of(*hash)].insert(*hash, *times);
        }
        let noted = parts.iter().map(|part| part.len()).sum();
        Table { parts: parts.into_iter().map(Arc::new).collect(), noted }
    }
}

fn check(bytes: &[u8]) -> [u8; 16] {
    let mut check = [0; 16];
    blake3::Hasher::new().update(bytes).finalize_xof().fill(&mut check);
    check
}

fn u64_of(rest: &mut &[u8]) -> Option<u64> {
    let (number, behind) = rest.split_first_chunk()?;
    *rest = behind;
    Some(u64::from_le_bytes(*number))
}

fn u32_of(rest: &mut &[u8]) -> Option<u32> {
    let (number, behind) = rest.split_first_chunk()?;
    *rest = behind;
    Some(u32::from_le_bytes(*number))
}
