//! Purges that are too many to be noted one by one.
//!
//! A count-min sketch of times (a Bloom filter whose bits are times): a purge raises two
//! cells, and the earlier of them is what is known of it. Others may share the cells, so
//! more may be purged than was asked for, never less; and of what was asked for later
//! than all of them nothing is.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Cells of each of the two rows: a MiB for both.
const CELLS: usize = 65_536;

pub(super) struct Residue {
    /// Made when it is needed first.
    cells: OnceLock<Box<[AtomicU64]>>,
}

impl Residue {
    pub(super) fn new() -> Self {
        Residue { cells: OnceLock::new() }
    }

    pub(super) fn is_used(&self) -> bool {
        self.cells.get().is_some()
    }

    /// Notes that something was purged.
    pub(super) fn note(&self, hash: u64, time: u64) {
        let cells = self.made();
        for cell in places(hash) {
            cells[cell].fetch_max(time, Ordering::Release);
        }
    }

    /// When it was purged last, or something that shares its cells; 0: never.
    pub(super) fn time(&self, hash: u64) -> u64 {
        let Some(cells) = self.cells.get() else { return 0 };
        let times = places(hash).map(|cell| cells[cell].load(Ordering::Acquire));
        times[0].min(times[1])
    }

    /// Cells that were raised, with their times.
    pub(super) fn raised(&self) -> impl Iterator<Item = (u32, u64)> + '_ {
        let cells = self.cells.get().map_or(&[][..], |cells| cells);
        let times = cells.iter().map(|cell| cell.load(Ordering::Acquire));
        // There are 2^17 of them.
        times.enumerate().filter(|(_, time)| *time > 0).map(|(cell, time)| (cell as u32, time))
    }

    /// Raises a cell; `false`: there is no such one.
    pub(super) fn raise(&self, cell: u32, time: u64) -> bool {
        let cell = self.made().get(cell as usize);
        cell.is_some_and(|cell| {
            cell.fetch_max(time, Ordering::Release);
            true
        })
    }

    fn made(&self) -> &[AtomicU64] {
        self.cells.get_or_init(|| (0..2 * CELLS).map(|_| AtomicU64::new(0)).collect())
    }
}

/// A cell in each row.
fn places(hash: u64) -> [usize; 2] {
    [hash as usize % CELLS, CELLS + (hash >> 32) as usize % CELLS]
}
