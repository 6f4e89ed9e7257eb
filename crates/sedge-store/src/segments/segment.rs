//! The files of a log, from the oldest to the one that is written.

use super::format::{Home, SEGMENT_HEADER_BYTES, SegmentHeader};
use std::collections::VecDeque;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock, Weak};

/// A file of records.
pub(crate) struct Segment {
    pub(crate) header: SegmentHeader,
    path: PathBuf,
    file: File,
    /// Bytes of the file.
    bytes: AtomicU64,
}

impl Segment {
    /// Creates the file, with its header.
    pub(crate) fn create(folder: &Path, header: SegmentHeader) -> io::Result<Self> {
        let path = folder.join(file_name(header.number));
        // What lies under the name belongs to no segment, or opening had found it.
        let file =
            File::options().read(true).write(true).create(true).truncate(true).open(&path)?;
        let written = file.write_all_at(&header.encode(), 0);
        if let Err(error) = written {
            drop(fs::remove_file(&path));
            return Err(error);
        }
        let bytes = AtomicU64::new(SEGMENT_HEADER_BYTES as u64);
        Ok(Segment { header, path, file, bytes })
    }

    /// Opens a file; `None`: it is no segment that this version reads.
    pub(crate) fn open(path: PathBuf) -> io::Result<Option<Self>> {
        let file = File::options().read(true).write(true).open(&path)?;
        let length = file.metadata()?.len();
        if length < SEGMENT_HEADER_BYTES as u64 {
            return Ok(None);
        }
        let mut bytes = [0; SEGMENT_HEADER_BYTES];
        file.read_exact_at(&mut bytes, 0)?;
        let header = SegmentHeader::decode(&bytes);
        Ok(header.map(|header| Segment { header, path, file, bytes: AtomicU64::new(length) }))
    }

    pub(crate) fn home(&self) -> Home {
        Home { log: self.header.log, segment: self.header.number }
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Relaxed)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads exactly so many bytes.
    pub(crate) fn read(&self, at: u64, bytes: usize) -> io::Result<Vec<u8>> {
        let mut buffer = vec![0; bytes];
        self.file.read_exact_at(&mut buffer, at)?;
        Ok(buffer)
    }

    /// Writes at a place, which is then the file's end; if it fails the file ends at the
    /// place again, as far as the disk obeys.
    pub(crate) fn write(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let written = self.file.write_all_at(bytes, at);
        match &written {
            Ok(()) => self.bytes.store(at + bytes.len() as u64, Relaxed),
            Err(_) => drop(self.cut(at)),
        }
        written
    }

    /// Cuts the file off.
    pub(crate) fn cut(&self, bytes: u64) -> io::Result<()> {
        self.file.set_len(bytes)?;
        self.bytes.store(bytes, Relaxed);
        Ok(())
    }

    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// Removes the file's name; who holds it may go on reading.
    pub(crate) fn unlink(&self) -> io::Result<()> {
        fs::remove_file(&self.path)
    }
}

/// The file's name: the number in hexadecimal.
fn file_name(number: u64) -> String {
    format!("{number:016x}.seg")
}

/// Whether a file has the name of the segment that it says it is.
pub(crate) fn has_its_name(segment: &Segment) -> bool {
    segment.path.file_name().is_some_and(|name| name == file_name(segment.header.number).as_str())
}

/// Whether a file has a segment's name.
pub(crate) fn is_segment(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    let number = name.and_then(|name| name.strip_suffix(".seg"));
    number.is_some_and(|number| {
        number.len() == 16 && number.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

/// The segments there are, in the order of their numbers.
#[derive(Default)]
pub(crate) struct Files {
    all: RwLock<VecDeque<Arc<Segment>>>,
}

impl Files {
    pub(crate) fn find(&self, number_of: impl FnOnce(u64) -> u64) -> Option<Arc<Segment>> {
        let all = self.all.read().unwrap_or_else(PoisonError::into_inner);
        let number = number_of(all.front()?.header.number);
        let at = all.binary_search_by_key(&number, |segment| segment.header.number).ok()?;
        all.get(at).cloned()
    }

    pub(crate) fn push(&self, segment: Arc<Segment>) {
        self.all.write().unwrap_or_else(PoisonError::into_inner).push_back(segment);
    }

    pub(crate) fn oldest(&self) -> Option<Arc<Segment>> {
        self.all.read().unwrap_or_else(PoisonError::into_inner).front().cloned()
    }

    /// Takes a segment out; whether it was there.
    pub(crate) fn remove(&self, number: u64) -> bool {
        let mut all = self.all.write().unwrap_or_else(PoisonError::into_inner);
        let at = all.binary_search_by_key(&number, |segment| segment.header.number);
        at.is_ok_and(|at| all.remove(at).is_some())
    }

    pub(crate) fn pop_oldest(&self) -> Option<Arc<Segment>> {
        self.all.write().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    /// Files, and their bytes.
    pub(crate) fn usage(&self) -> (u64, u64) {
        let all = self.all.read().unwrap_or_else(PoisonError::into_inner);
        (all.len() as u64, all.iter().map(|segment| segment.bytes()).sum())
    }
}

/// Evicted segments that readers may hold, the oldest first.
#[derive(Default)]
pub(crate) struct Pinned {
    all: VecDeque<Weak<Segment>>,
}

impl Pinned {
    /// Adds one, and cuts off the oldest while more than `bytes_max` are held; how many.
    pub(crate) fn add(&mut self, segment: &Arc<Segment>, bytes_max: u64) -> u64 {
        self.all.push_back(Arc::downgrade(segment));
        let own = Arc::as_ptr(segment);
        // One count is the caller's.
        let is_held = |held: &Weak<Segment>| {
            held.strong_count() > usize::from(std::ptr::eq(held.as_ptr(), own))
        };
        self.all.retain(is_held);
        let mut bytes: u64 =
            self.all.iter().filter_map(Weak::upgrade).map(|segment| segment.bytes()).sum();
        let mut cut_off = 0;
        while bytes > bytes_max {
            let Some(oldest) = self.all.pop_front() else { break };
            let Some(oldest) = oldest.upgrade() else { continue };
            bytes = bytes.saturating_sub(oldest.bytes());
            // A file that cannot be cut off is gone when its last reader is.
            drop(oldest.cut(0));
            cut_off += 1;
        }
        cut_off
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_segment_only_if_it_is_one_of_ours() {
        assert!(is_segment(Path::new("/x/00000000000000ff.seg")));
        for name in ["ff.seg", "00000000000000ff", "00000000000000fg.seg", "0000000000000ff.seg"] {
            assert!(!is_segment(Path::new(name)), "{name}");
        }
    }

    #[test]
    fn held_files_are_cut_off_beyond_the_bound_the_oldest_first() {
        let folder = tempfile::tempdir().expect("folder");
        let segment = |number| {
            let header = SegmentHeader { log: 1, number, first_sequence: 1 };
            let segment = Arc::new(Segment::create(folder.path(), header).expect("create"));
            segment.write(64, &[7; 36]).expect("write");
            segment
        };
        let mut pinned = Pinned::default();
        let (one, two) = (segment(1), segment(2));
        let (reader_one, reader_two) = (one.clone(), two.clone());
        assert_eq!(pinned.add(&one, 150), 0);
        assert_eq!(pinned.add(&segment(3), 150), 0, "held by nobody");
        drop(one);
        assert_eq!(pinned.add(&two, 150), 1);
        assert!(reader_one.read(64, 36).is_err());
        assert_eq!(reader_two.read(64, 36).expect("read"), [7; 36]);
    }
}
