//! The files of a log, from the oldest to the one that is written.

use super::footer::{Footer, TRAILER_BYTES};
use super::format::{FRAMES_AT, HEADER_PLACES, SEGMENT_HEADER_BYTES, SegmentHeader};
use super::media::{Media, MediaFile};
use crate::segments::format::Home;
use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{
    AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// A file of records.
pub(crate) struct Segment {
    pub(crate) home: Home,
    /// The position of its first record.
    pub(crate) first: u64,
    /// The position after its last one that is committed.
    end: AtomicU64,
    /// Where the committed frames end, bytes.
    end_at: AtomicU64,
    /// Bytes of the file.
    bytes: AtomicU64,
    /// When the last frame was written, milliseconds since 1970.
    written_at_ms: AtomicU64,
    /// Positions, and where frames with them begin; `None`: it is in the footer.
    index: Mutex<Option<Vec<(u64, u64)>>>,
}

impl Segment {
    /// A segment without records.
    pub(crate) fn new(home: Home, first: u64, bytes: u64) -> Self {
        Segment {
            home,
            first,
            end: AtomicU64::new(first),
            end_at: AtomicU64::new(FRAMES_AT),
            bytes: AtomicU64::new(bytes),
            written_at_ms: AtomicU64::new(0),
            index: Mutex::new(Some(Vec::new())),
        }
    }

    /// A sealed one; its index stays where it is until it is asked for.
    pub(crate) fn sealed(footer: &Footer, bytes: u64) -> Self {
        let segment = Segment::new(footer.home, footer.first, bytes);
        segment.extend(footer.end, footer.end_at, footer.written_at_ms);
        *segment.index.lock().unwrap_or_else(PoisonError::into_inner) = None;
        segment
    }

    pub(crate) fn name(&self) -> String {
        file_name(self.home.segment)
    }

    pub(crate) fn end(&self) -> u64 {
        self.end.load(Acquire)
    }

    pub(crate) fn end_at(&self) -> u64 {
        self.end_at.load(Relaxed)
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Relaxed)
    }

    pub(crate) fn set_bytes(&self, bytes: u64) {
        self.bytes.store(bytes, Relaxed);
    }

    pub(crate) fn written_at_ms(&self) -> u64 {
        self.written_at_ms.load(Relaxed)
    }

    /// Says how far it is committed. Whoever sees the new end sees where it lies, too.
    pub(crate) fn extend(&self, end: u64, end_at: u64, written_at_ms: u64) {
        self.end_at.store(end_at, Relaxed);
        self.written_at_ms.fetch_max(written_at_ms, Relaxed);
        self.end.store(end, Release);
    }

    /// Notes where a frame begins.
    pub(crate) fn note(&self, position: u64, at: u64) {
        let mut index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(index) = index.as_mut() else { return };
        let last = index.last().map_or(0, |(_, at)| *at);
        if last == 0 || at >= last + super::footer::STRIDE_BYTES {
            index.push((position, at));
        }
    }

    /// Where to begin to find a position.
    pub(crate) fn place(&self, position: u64, file: &dyn MediaFile) -> u64 {
        let mut index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        // If the footer cannot be read, the way is longer.
        let index = index.get_or_insert_with(|| {
            let footer = read_footer(file).ok().flatten();
            footer.map(|footer| footer.index).unwrap_or_default()
        });
        let at = index.partition_point(|(first, _)| *first <= position);
        at.checked_sub(1).and_then(|at| index.get(at)).map_or(FRAMES_AT, |(_, at)| *at)
    }

    /// What its footer says.
    pub(crate) fn footer(&self) -> Footer {
        let index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        Footer {
            home: self.home,
            first: self.first,
            end: self.end(),
            end_at: self.end_at(),
            written_at_ms: self.written_at_ms(),
            index: index.clone().unwrap_or_default(),
        }
    }

    pub(crate) fn open(&self, media: &dyn Media) -> io::Result<Arc<dyn MediaFile>> {
        media.open(&self.name())
    }
}

/// Reads and checks the footer of a file; `None`: it has none, or a damaged one.
pub(crate) fn read_footer(file: &dyn MediaFile) -> io::Result<Option<Footer>> {
    let length = file.bytes()?;
    let Some(at) = length.checked_sub(TRAILER_BYTES as u64) else { return Ok(None) };
    let mut trailer = [0; TRAILER_BYTES];
    file.read_at(at, &mut trailer)?;
    let Some(bytes) = Footer::told_bytes(&trailer, length) else { return Ok(None) };
    // No longer than the file, as the trailer was found to fit.
    let mut footer = vec![0; bytes as usize];
    file.read_at(length - bytes, &mut footer)?;
    Ok(Footer::decode(&footer))
}

/// The header of a file: whichever copy is intact.
pub(crate) fn read_header(file: &dyn MediaFile) -> Option<SegmentHeader> {
    HEADER_PLACES.into_iter().find_map(|at| {
        let mut bytes = [0; SEGMENT_HEADER_BYTES];
        file.read_at(at, &mut bytes).ok()?;
        SegmentHeader::decode(&bytes)
    })
}

/// The file's name: the number in hexadecimal.
pub(crate) fn file_name(number: u64) -> String {
    format!("{number:016x}.log")
}

/// The number of a segment of this name.
pub(crate) fn file_number(name: &str) -> Option<u64> {
    let number = name.strip_suffix(".log").filter(|number| number.len() == 16)?;
    let number = u64::from_str_radix(number, 16).ok()?;
    (file_name(number) == name).then_some(number)
}

/// The segments there are, in the order of their numbers.
#[derive(Default)]
pub(crate) struct Files {
    all: RwLock<VecDeque<Arc<Segment>>>,
}

impl Files {
    /// The segment that holds this position, or the next one behind it.
    pub(crate) fn find(&self, position: u64) -> Option<Arc<Segment>> {
        let all = self.all.read().unwrap_or_else(PoisonError::into_inner);
        let at = all.partition_point(|segment| segment.end() <= position);
        all.get(at).cloned()
    }

    pub(crate) fn push(&self, segment: Arc<Segment>) {
        self.all.write().unwrap_or_else(PoisonError::into_inner).push_back(segment);
    }

    pub(crate) fn oldest(&self) -> Option<Arc<Segment>> {
        self.all.read().unwrap_or_else(PoisonError::into_inner).front().cloned()
    }

    pub(crate) fn pop_oldest(&self) -> Option<Arc<Segment>> {
        self.all.write().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    /// Files, and their bytes.
    pub(crate) fn usage(&self) -> (usize, u64) {
        let all = self.all.read().unwrap_or_else(PoisonError::into_inner);
        (all.len(), all.iter().map(|segment| segment.bytes()).sum())
    }

    /// All of them.
    pub(crate) fn all(&self) -> Vec<Arc<Segment>> {
        self.all.read().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_segment_only_if_it_is_one_of_ours() {
        assert_eq!(file_number("00000000000000ff.log"), Some(255));
        for name in ["ff.log", "00000000000000ff", "00000000000000FF.log", "+0000000000000ff.log"] {
            assert_eq!(file_number(name), None, "{name}");
        }
    }
}
