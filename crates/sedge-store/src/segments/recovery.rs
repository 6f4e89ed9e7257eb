//! What opening makes of the files it finds.
//!
//! Segments are taken in the order of their numbers, and their records in the order of
//! theirs, so that the newest of a key wins. Where records are missing, a removal may be
//! among them: all that is older is forgotten. They are missing where a segment begins
//! with a later record than the one before it ended with, where a walk found a gap, and
//! where the log ends before its [`Floor`].

use super::Shared;
use super::counters::count;
use super::error::{SegmentsError, failed};
use super::floor::{Floor, is_file};
use super::footer::Entry;
use super::format::Kind;
use super::index::Place;
use super::segment::{Segment, has_its_name, is_segment};
use super::walk::{self, Contents};
use crate::folder_lock;
use std::fs::{self, File, TryLockError};
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where the log goes on.
pub(crate) struct Recovered {
    /// The log's random number.
    pub(crate) log: u64,
    pub(crate) next_sequence: u64,
    pub(crate) next_number: u64,
    /// The last segment, if it can be continued.
    pub(crate) active: Option<Active>,
}

/// The segment that is written.
pub(crate) struct Active {
    pub(crate) segment: Arc<Segment>,
    /// Where the next record goes.
    pub(crate) end: u64,
    /// What lies before.
    pub(crate) entries: Vec<Entry>,
}

/// The floor's file.
pub(crate) fn floor_path(folder: &Path) -> PathBuf {
    folder.join("floor")
}

/// Creates the folder and takes it for this process.
pub(crate) fn lock(folder: &Path) -> Result<File, SegmentsError> {
    fs::create_dir_all(folder).map_err(failed("creating the folder", folder))?;
    let path = folder.join("lock");
    if fs::symlink_metadata(&path).is_ok() && !is_file(&path) {
        // A pipe could be waited for without end.
        fs::remove_file(&path).map_err(failed("removing", &path))?;
    }
    let file = File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(failed("opening", &path))?;
    match folder_lock::take(&file) {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(SegmentsError::InUse { path: folder.to_owned() }),
        Err(TryLockError::Error(error)) => Err(failed("locking", &path)(error)),
    }
}

/// Fills the index and the files.
pub(crate) fn recover(shared: &Shared) -> Result<Recovered, SegmentsError> {
    let mut segments = list(shared)?;
    let floor = Floor::read(&floor_path(&shared.folder));
    let newest = segments.last().map(|segment| segment.header.log);
    let log = floor.map(|floor| floor.log).or(newest).unwrap_or_else(random);
    segments.retain(|segment| segment.header.log == log || discard(shared, segment));
    let mut replay = Replay { shared, next_sequence: None, next_number: 1, last: None };
    shared.index.reserve(segments.iter().map(walk::entries_told).sum());
    for segment in segments {
        replay.add(segment);
    }
    shared.index.fit();
    let floor_sequence = floor.map_or(0, |floor| floor.sequence);
    let mut next_sequence = replay.next_sequence.unwrap_or(1);
    if next_sequence <= floor_sequence {
        replay.forget();
        next_sequence = floor_sequence.saturating_add(1);
        replay.last = None;
    }
    let (next_number, last) = (replay.next_number, replay.last);
    let active = last.and_then(|(segment, contents)| continued(shared, segment, contents));
    let floor = Floor { log, sequence: floor_sequence };
    let path = floor_path(&shared.folder);
    floor.write(&path).map_err(failed("writing", &path))?;
    Ok(Recovered { log, next_sequence, next_number, active })
}

/// The segments in the folder, in the order of their numbers.
fn list(shared: &Shared) -> Result<Vec<Segment>, SegmentsError> {
    let folder = &shared.folder;
    let listing = fs::read_dir(folder).map_err(failed("listing the folder", folder))?;
    let mut segments: Vec<Segment> = Vec::new();
    for path in listing.flatten().map(|entry| entry.path()).filter(|path| is_segment(path)) {
        match Segment::open(path.clone()) {
            Ok(Some(segment)) if has_its_name(&segment) => segments.push(segment),
            Ok(_) => {
                count(&shared.counters.foreign);
                remove(shared, &path);
            }
            Err(_) => {
                count(&shared.counters.read_errors);
                remove(shared, &path);
            }
        }
    }
    segments.sort_by_key(|segment| segment.header.number);
    Ok(segments)
}

/// Removes a segment that is not this log's; tells `retain` not to keep it.
fn discard(shared: &Shared, segment: &Segment) -> bool {
    count(&shared.counters.foreign);
    remove(shared, segment.path());
    false
}

fn remove(shared: &Shared, path: &Path) {
    if fs::remove_file(path).is_err() {
        count(&shared.counters.write_errors);
    }
}

struct Replay<'a> {
    shared: &'a Shared,
    /// `None`: no segment yet.
    next_sequence: Option<u64>,
    next_number: u64,
    /// The last segment, to be continued.
    last: Option<(Arc<Segment>, Contents)>,
}

impl Replay<'_> {
    /// Adds a segment behind those that were added before.
    fn add(&mut self, segment: Segment) {
        let header = segment.header;
        let expected = self.next_sequence.unwrap_or(header.first_sequence);
        // A segment that cannot have followed: somebody has put it here.
        if header.first_sequence < expected || header.number == u64::MAX {
            discard(self.shared, &segment);
            return;
        }
        let contents = match walk::contents(&segment) {
            Ok(contents) => contents,
            Err(_) => {
                // What it held is missing to the next segment, or to the floor.
                count(&self.shared.counters.read_errors);
                remove(self.shared, segment.path());
                self.last = None;
                return;
            }
        };
        if !contents.is_sealed {
            count(&self.shared.counters.scanned);
        }
        if header.first_sequence > expected || contents.has_gap {
            self.forget();
        }
        let segment = Arc::new(segment);
        self.shared.files.push(segment.clone());
        apply(self.shared, header.number, &contents.entries);
        self.next_sequence = Some(contents.next_sequence);
        self.next_number = header.number + 1;
        self.last = Some((segment, contents));
    }

    /// Forgets all that was added.
    fn forget(&mut self) {
        if self.shared.files.oldest().is_some() {
            count(&self.shared.counters.forgotten);
        }
        self.shared.index.clear();
        while let Some(segment) = self.shared.files.pop_oldest() {
            remove(self.shared, segment.path());
        }
    }
}

/// Does to the index what the records say.
fn apply(shared: &Shared, number: u64, entries: &[Entry]) {
    for entry in entries {
        match entry.kind {
            Kind::Stored => {
                shared.index.put(&entry.key, Place::new(number, entry.at, entry.bytes));
            }
            Kind::Removed => drop(shared.index.remove(&entry.key)),
            Kind::RemovedAll => shared.index.clear(),
        }
    }
}

/// The segment made ready for more records; `None`: a new one has to begin.
fn continued(shared: &Shared, segment: Arc<Segment>, contents: Contents) -> Option<Active> {
    let is_full = contents.end >= shared.options.segment_bytes;
    if contents.has_gap || is_full {
        return None;
    }
    // The footer, or a record that was torn. If it stays, a new segment begins.
    segment.cut(contents.end).ok()?;
    Some(Active { segment, end: contents.end, entries: contents.entries })
}

/// A number that nobody foresees.
fn random() -> u64 {
    RandomState::new().hash_one(std::process::id())
}
