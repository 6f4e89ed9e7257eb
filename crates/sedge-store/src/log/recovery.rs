//! What opening makes of the files it finds.
//!
//! Sealed segments are believed their footers. The last one, which usually is not sealed,
//! is looked through: a frame that another follows was committed, whatever became of it
//! since; the last one counts if it is whole, and was torn otherwise. Then it is brought
//! to the disk, as it may so far be in memory alone, and sealed; what comes next goes into
//! a new segment. So nothing is ever written over what may have been acknowledged.

use super::Shared;
use super::commit::Core;
use super::error::{LogError, failed};
use super::format::{
    FRAME_HEADER_BYTES, FRAMES_AT, FrameHeader, FrameKind, HEADER_PLACES, RecordKind,
    SEGMENT_HEADER_BYTES, Stored, placed_check,
};
use super::gap::decode_cursor;
use super::media::{MediaFile, SyncPoint};
use super::record::{Gap, Lost, LostCause};
use super::roll::seal;
use super::scan::{Scan, scan};
use super::segment::{Segment, file_number, read_footer, read_header};
use super::state::State;
use super::walk::{Event, Walk};
use crate::segments::format::Home;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

/// Bytes that are read at once.
const WINDOW_BYTES: usize = 1 << 20;

/// What opening a log has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Files of the log.
    pub segments: usize,
    /// Files that were not sealed, and looked through.
    pub scanned: usize,
    /// Positions of a batch that was being written when the log ended, and that nobody was
    /// told of; the next records get them.
    pub torn: Option<Lost>,
    /// Positions at which something was lost, as far as files were looked through. A
    /// reader, or [`Log::verify`](super::Log::verify), finds it in the others.
    pub lost: Vec<Lost>,
    /// What was known of devices without records in the log, and of cursors, is lost: all
    /// snapshots are damaged.
    pub is_state_lost: bool,
    /// Files that bear a segment's name and are of another log. They were left alone.
    pub foreign: Vec<String>,
}

/// A file that has a segment's name.
struct Found {
    number: u64,
    file: Arc<dyn MediaFile>,
    segment: Segment,
    /// `None`: it is sealed.
    scan: Option<Scan>,
}

/// Opens the log, or makes a new one.
pub(crate) fn open(shared: &Arc<Shared>) -> Result<(Core, Recovered), LogError> {
    let mut recovered = Recovered::default();
    let names = shared.media.list().map_err(failed("listing the files"))?;
    let mut numbers: Vec<u64> = names.iter().filter_map(|name| file_number(name)).collect();
    numbers.sort_unstable();
    let next_number = numbers.last().map_or(1, |last| last.saturating_add(1));
    let log = log_number(shared, &numbers)?;
    let mut found = find(shared, log, &numbers, &mut recovered)?;
    settle(shared, &mut found, &mut recovered)?;
    let state = replay(shared, log, &found, &mut recovered)?;
    let next_position = found.last().map_or(state.floor, |last| last.segment.end());
    for one in found {
        if one.segment.end() <= state.floor {
            // Its removal was committed, but not carried out.
            drop(shared.media.remove(&one.segment.name()));
        } else {
            shared.files.push(Arc::new(one.segment));
        }
    }
    recovered.segments = shared.files.usage().0;
    shared.publish(next_position, &state);
    let shared = shared.clone();
    let core = Core { shared, log, state, active: None, next_position, next_number, poison: None };
    Ok((core, recovered))
}

/// The log's number, by the newest file that tells it.
fn log_number(shared: &Shared, numbers: &[u64]) -> Result<u64, LogError> {
    let mut is_damaged = false;
    for number in numbers.iter().rev() {
        let name = super::segment::file_name(*number);
        let file = shared.media.open(&name).map_err(failed("opening a segment"))?;
        let home = read_footer(&*file).ok().flatten().map(|footer| footer.home);
        let home = home.or_else(|| read_header(&*file).map(|header| header.home));
        if let Some(home) = home.filter(|home| home.segment == *number) {
            return Ok(home.log);
        }
        is_damaged |= !was_never_written(&*file);
    }
    if is_damaged {
        let detail = "no file tells which log it belongs to".to_owned();
        return Err(LogError::Corrupt { detail });
    }
    Ok(RandomState::new().hash_one(std::process::id()))
}

/// Whether a file's header never reached the disk as a whole: then nothing of it was
/// acknowledged. Both copies are there before anything is.
fn was_never_written(file: &dyn MediaFile) -> bool {
    HEADER_PLACES.into_iter().any(|at| {
        let mut copy = [0; SEGMENT_HEADER_BYTES];
        file.read_at(at, &mut copy).is_err() || copy == [0; SEGMENT_HEADER_BYTES]
    })
}

/// The log's files, in order; those that are not sealed are looked through.
fn find(
    shared: &Shared,
    log: u64,
    numbers: &[u64],
    recovered: &mut Recovered,
) -> Result<Vec<Found>, LogError> {
    let mut all = Vec::new();
    for number in numbers.iter().copied() {
        let home = Home { log, segment: number };
        let name = super::segment::file_name(number);
        let file = shared.media.open(&name).map_err(failed("opening a segment"))?;
        let bytes = file.bytes().map_err(failed("reading a segment"))?;
        let footer = read_footer(&*file).ok().flatten();
        let header = read_header(&*file);
        let told = footer.as_ref().map(|footer| footer.home).or(header.map(|header| header.home));
        if told.is_some_and(|told| told != home) {
            recovered.foreign.push(name);
            continue;
        }
        if let Some(footer) = footer {
            let segment = Segment::sealed(&footer, bytes);
            all.push(Found { number, file, segment, scan: None });
            continue;
        }
        let scan = scan(file.clone(), home, bytes).map_err(failed("reading a segment"))?;
        let first = header.map(|header| header.first).or(scan.first).unwrap_or(0);
        let segment = Segment::new(home, first, bytes);
        all.push(Found { number, file, segment, scan: Some(scan) });
    }
    Ok(all)
}

/// Decides what counts of segments that are not sealed, brings it to the disk, and seals
/// them.
fn settle(
    shared: &Shared,
    found: &mut Vec<Found>,
    recovered: &mut Recovered,
) -> Result<(), LogError> {
    // Segments in which nothing was committed, from the last one backwards: the one before
    // it is the last one then.
    for index in (0..found.len()).rev() {
        let is_last = index + 1 == found.len();
        let is_empty = |scan: &Scan| scan.unreadable == 0 && scan.is_empty(is_last);
        if found[index].scan.as_ref().is_some_and(is_empty) {
            let empty = found.remove(index);
            let torn = empty.scan.and_then(|scan| scan.torn(empty.segment.first));
            recovered.torn = recovered.torn.or(torn);
            shared.media.remove(&empty.segment.name()).map_err(failed("removing a segment"))?;
        }
    }
    if let Some(last) = found.last().filter(|last| last.scan.is_none()) {
        seal_again(&*last.file)?;
    }
    let count = found.len();
    for (index, one) in found.iter_mut().enumerate() {
        let Some(scan) = &one.scan else { continue };
        let is_last = index + 1 == count;
        if is_last && scan.unreadable > 0 {
            // Better to try again than to cut off what may be read another time.
            let detail = "its last segment cannot be read".to_owned();
            return Err(LogError::Io { action: "opening", detail });
        }
        recovered.scanned += 1;
        let end = scan.end(!is_last);
        one.segment.extend(end.position.max(one.segment.first), end.at, scan.written_at_ms);
        for (position, at) in scan.frames.iter().filter(|(position, _)| *position < end.position) {
            one.segment.note(*position, *at);
        }
        if is_last {
            recovered.torn = scan.torn(end.position);
            if let Some(from) = scan.rewrite_from(&end) {
                rewrite(&*one.file, from, end.at)?;
            }
        }
        // Only then a footer may say that it is there.
        one.file.sync(SyncPoint::Recovery).map_err(failed("syncing a segment"))?;
        if scan.unreadable == 0 {
            seal(&one.segment, &*one.file)?;
        }
    }
    Ok(())
}

/// Brings the footer of the last segment to the disk, as it may be in memory alone.
fn seal_again(file: &dyn MediaFile) -> Result<(), LogError> {
    let Some(footer) = read_footer(file).map_err(failed("reading a footer"))? else {
        return Ok(());
    };
    let bytes = footer.encode();
    let length = footer.end_at + bytes.len() as u64;
    file.write_at(footer.end_at, &bytes)
        .and_then(|()| file.set_bytes(length))
        .map_err(failed("writing a footer"))?;
    file.sync(SyncPoint::Seal).map_err(failed("syncing a segment"))
}

/// Writes again what was found. When a sync has failed, the system may take pages for
/// clean that the disk does not have; reading them tells nothing, syncing them does
/// nothing.
fn rewrite(file: &dyn MediaFile, from: u64, to: u64) -> Result<(), LogError> {
    let mut bytes = vec![0; (to - from) as usize];
    file.read_at(from, &mut bytes).map_err(failed("reading a segment"))?;
    file.write_at(from, &bytes).map_err(failed("writing a segment"))
}

/// The state: from the newest snapshot that is intact, and the records behind it.
fn replay(
    shared: &Shared,
    log: u64,
    found: &[Found],
    recovered: &mut Recovered,
) -> Result<State, LogError> {
    let begin = found.iter().enumerate().rev().find_map(|(index, one)| {
        let home = Home { log, segment: one.number };
        Some((index, snapshot(&one.file, home)?))
    });
    recovered.is_state_lost = begin.is_none() && !found.is_empty();
    let (begin, mut state) = begin.unwrap_or_default();
    let mut expected = found.first().map_or(0, |first| first.segment.first);
    for (index, one) in found.iter().enumerate() {
        let (first, end) = (one.segment.first, one.segment.end());
        if first < expected {
            let detail = format!("segment {:x} begins before another ends", one.number);
            return Err(LogError::Corrupt { detail });
        }
        lose(recovered, expected, first, LostCause::Missing);
        if index >= begin {
            replay_segment(log, one, &mut state, recovered)?;
        }
        expected = end;
    }
    let first = found.first().map_or(state.floor, |first| first.segment.first);
    if state.floor < first {
        recovered.lost.insert(0, Lost { from: state.floor, to: first, cause: LostCause::Missing });
    }
    // What was removed anyway is not lost.
    let floor = state.floor;
    recovered.lost.retain(|lost| lost.to > floor);
    shared.counters.lost(&recovered.lost);
    Ok(state)
}

fn replay_segment(
    log: u64,
    one: &Found,
    state: &mut State,
    recovered: &mut Recovered,
) -> Result<(), LogError> {
    let home = Home { log, segment: one.number };
    let (mut expected, end) = (one.segment.first, one.segment.end());
    let limit = one.segment.end_at();
    let mut walk = Walk::new(one.file.clone(), home, FRAMES_AT, limit, WINDOW_BYTES);
    while let Some(event) = walk.next().map_err(failed("reading a segment"))? {
        let Event::Record(stored) = event else { continue };
        let position = stored.header.position;
        if position < expected || position >= end {
            continue;
        }
        lose(recovered, expected, position, LostCause::Damaged);
        apply(state, &stored);
        expected = position + 1;
    }
    lose(recovered, expected, end, LostCause::Damaged);
    Ok(())
}

fn lose(recovered: &mut Recovered, from: u64, to: u64, cause: LostCause) {
    if from < to {
        recovered.lost.push(Lost { from, to, cause });
    }
}

/// Does to the state what a record says.
fn apply(state: &mut State, stored: &Stored<'_>) {
    let header = &stored.header;
    match header.kind {
        RecordKind::Data => {
            state.replay(stored.device, stored.number(), header.link, header.position);
        }
        RecordKind::Removal => {
            let to = Gap::decode(stored.payload).map_or(0, |gap| gap.to);
            state.floor = state.floor.max(to);
        }
        RecordKind::Cursor => {
            let name = std::str::from_utf8(stored.key);
            if let (Ok(name), Some(cursor)) = (name, decode_cursor(stored.payload)) {
                state.put_cursor(name, cursor);
            }
        }
    }
}

/// The snapshot with which a segment begins, if it is intact.
pub(crate) fn snapshot(file: &Arc<dyn MediaFile>, home: Home) -> Option<State> {
    let mut bytes = [0; FRAME_HEADER_BYTES];
    file.read_at(FRAMES_AT, &mut bytes).ok()?;
    let header = FrameHeader::decode(&bytes, home)
        .filter(|header| header.kind == FrameKind::Snapshot)
        // A damaged length has no check that fits, and a file has no less.
        .filter(|header| file.bytes().is_ok_and(|bytes| u64::from(header.bytes) <= bytes))?;
    let mut content = vec![0; header.bytes as usize];
    file.read_at(FRAMES_AT + FRAME_HEADER_BYTES as u64, &mut content).ok()?;
    if placed_check(home, &[&content]) != header.content {
        return None;
    }
    State::decode(&content)
}
