//! Makes room: the oldest segment goes, and what was read of it gets a second chance.
//!
//! As in CLOCK, a record that was asked for since it was written is written again, those
//! first that were asked for most (up to three times are counted, as in S3-FIFO: Yang et
//! al., "FIFO Queues Are All You Need for Cache Eviction", SOSP 2023), within a part of
//! the new segment.

use super::counters::count;
use super::footer::Entry;
use super::format::{ALIGNMENT, Header, Kind, align};
use super::index::Place;
use super::segment::Segment;
use super::walk;
use super::writer::Writer;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// Files of a log, of which each is held open: many small ones are left when a log is
/// damaged again and again.
const SEGMENTS_MAX: u64 = 2_048;

impl Writer {
    /// Evicts the oldest segments until a segment is free beside the one that is written,
    /// so that records can be written again before their segment goes.
    pub(crate) fn make_room(&mut self) {
        let options = &self.shared.options;
        let (bytes_max, segment_bytes) = (options.bytes_max, options.segment_bytes);
        let percent = u64::from(options.second_chance_percent);
        let mut budget = segment_bytes / 100 * percent + segment_bytes % 100 * percent / 100;
        while self.sealed_bytes() + 2 * segment_bytes > bytes_max
            || self.shared.files.usage().0 > SEGMENTS_MAX
        {
            let Some(segment) = self.oldest_sealed() else { return };
            self.evict(&segment, &mut budget);
        }
    }

    /// Removes the oldest segment without a second chance, because the disk is full.
    /// Whether there was one.
    pub(crate) fn drop_oldest(&mut self) -> bool {
        let Some(segment) = self.oldest_sealed() else { return false };
        let gone = self.shared.index.remove_segment(segment.header.number);
        self.shared.counters.evicted.fetch_add(gone, Relaxed);
        self.unlink(&segment);
        true
    }

    /// Removes all segments but the one that is written.
    pub(crate) fn drop_all(&mut self) {
        while let Some(segment) = self.oldest_sealed() {
            self.unlink(&segment);
        }
    }

    fn evict(&mut self, segment: &Arc<Segment>, budget: &mut u64) {
        let number = segment.header.number;
        let entries = match walk::footer(segment) {
            Ok(Some((entries, _))) => entries,
            // Without a table it goes as it is.
            Ok(None) => Vec::new(),
            Err(_) => {
                count(&self.shared.counters.read_errors);
                Vec::new()
            }
        };
        for entry in self.chosen(number, &entries, budget) {
            self.write_again(segment, &entry);
        }
        self.flush();
        let gone = if entries.is_empty() {
            self.shared.index.remove_segment(number)
        } else {
            // What was written again is in the index with another place.
            let is_gone = |entry: &&Entry| {
                self.shared.index.remove_at(&entry.key, Place::new(number, entry.at, entry.bytes))
            };
            entries.iter().filter(is_gone).count() as u64
        };
        self.shared.counters.evicted.fetch_add(gone, Relaxed);
        self.unlink(segment);
    }

    /// The records that get a second chance.
    fn chosen(&self, number: u64, entries: &[Entry], budget: &mut u64) -> Vec<Entry> {
        let hits = |entry: &Entry| {
            let place = Place::new(number, entry.at, entry.bytes);
            self.shared.index.hits(&entry.key, place)
        };
        let mut asked_for: Vec<(u8, Entry)> = entries
            .iter()
            .filter(|entry| entry.kind == Kind::Stored)
            .filter_map(|entry| hits(entry).filter(|&hits| hits > 0).map(|hits| (hits, *entry)))
            .collect();
        // Among equals the small ones: more records for the same bytes.
        asked_for.sort_unstable_by_key(|(hits, entry)| (u8::MAX - hits, entry.bytes));
        let mut chosen = Vec::new();
        for (_, entry) in asked_for {
            let bytes = align(u64::from(entry.bytes));
            if bytes <= *budget {
                *budget -= bytes;
                chosen.push(entry);
            }
        }
        chosen
    }

    /// Writes a record of an old segment to the one that is written now, if it is intact
    /// as far as its header goes: its head and blocks keep their checks.
    fn write_again(&mut self, segment: &Segment, entry: &Entry) {
        let bytes = match segment.read(u64::from(entry.at) * ALIGNMENT, entry.bytes as usize) {
            Ok(bytes) => bytes,
            Err(_) => return count(&self.shared.counters.read_errors),
        };
        let header = Header::decode(&bytes, segment.home());
        let Some(header) = header.filter(|header| {
            header.key == entry.key && header.record_bytes() == u64::from(entry.bytes)
        }) else {
            return count(&self.shared.counters.damaged);
        };
        let from = Place::new(segment.header.number, entry.at, entry.bytes);
        self.append_again(header, &bytes, from);
    }

    fn unlink(&mut self, segment: &Arc<Segment>) {
        // A full disk may have taken it while its records were written again.
        if !self.shared.files.remove(segment.header.number) {
            return;
        }
        if segment.unlink().is_err() {
            count(&self.shared.counters.write_errors);
        }
        let cut_off = self.pinned.add(segment, self.shared.options.pinned_bytes_max);
        self.shared.counters.cut_off.fetch_add(cut_off, Relaxed);
    }
}
