//! Looking at every record, whether it is what was written.

use super::Shared;
use super::error::{LogError, failed};
use super::format::{FRAMES_AT, Hash, RecordKind, link};
use super::record::{Lost, LostCause};
use super::recovery::snapshot;
use super::segment::Segment;
use super::walk::{Event, Walk};
use std::collections::HashMap;
use std::io::ErrorKind;
use std::sync::Arc;

/// Bytes that are read at once.
const WINDOW_BYTES: usize = 1 << 20;

/// What looking at every record has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Records that are what was written.
    pub records: u64,
    /// Positions at which nothing can be read.
    pub lost: Vec<Lost>,
    /// Records that do not follow the one before of their device: one between them was
    /// lost, or something was changed by somebody who could make it look intact.
    pub breaks: Vec<ChainBreak>,
}

/// A place at which a device's chain does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainBreak {
    /// Whose chain.
    pub device: String,
    /// The position of the record that does not follow.
    pub position: u64,
}

/// Looks at all that is committed now.
pub(crate) fn verify(shared: &Shared) -> Result<Verified, LogError> {
    let mut verify = Verify { found: Verified::default(), links: HashMap::new(), expected: None };
    for segment in shared.files.all() {
        verify.segment(shared, &segment)?;
    }
    shared.counters.lost(&verify.found.lost);
    Ok(verify.found)
}

struct Verify {
    found: Verified,
    /// The last link of each device.
    links: HashMap<Box<str>, Hash>,
    expected: Option<u64>,
}

impl Verify {
    fn segment(&mut self, shared: &Shared, segment: &Arc<Segment>) -> Result<(), LogError> {
        let file = match segment.open(&*shared.media) {
            Ok(file) => file,
            // It was removed since.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(failed("opening a segment")(error)),
        };
        if let Some(expected) = self.expected {
            self.lose(expected, segment.first, LostCause::Missing);
        }
        let (end, limit) = (segment.end(), segment.end_at());
        // What is known of devices before the first record: of all of them at the begin;
        // later only those were forgotten that are not in it.
        let before = snapshot(&file, segment.home);
        if self.expected.is_none()
            && let Some(before) = &before
        {
            self.links = before.links().collect();
        } else if let Some(before) = &before {
            self.links.retain(|device, _| before.device(device).is_some());
        }
        let mut expected = segment.first;
        let mut walk = Walk::new(file, segment.home, FRAMES_AT, limit, WINDOW_BYTES);
        while let Some(event) = walk.next().map_err(failed("reading a segment"))? {
            let Event::Record(stored) = event else { continue };
            let header = stored.header;
            if header.position < expected || header.position >= end {
                continue;
            }
            self.lose(expected, header.position, LostCause::Damaged);
            expected = header.position + 1;
            self.found.records += 1;
            if header.kind == RecordKind::Data {
                self.follow(stored.device, header.position, &stored.digest, header.link);
            }
        }
        self.lose(expected, end, LostCause::Damaged);
        self.expected = Some(end);
        Ok(())
    }

    fn follow(&mut self, device: &str, position: u64, digest: &Hash, found: Hash) {
        let before = self.links.get(device).copied().unwrap_or_default();
        if link(&before, digest) != found {
            self.found.breaks.push(ChainBreak { device: device.to_owned(), position });
        }
        match self.links.get_mut(device) {
            Some(link) => *link = found,
            None => drop(self.links.insert(device.into(), found)),
        }
    }

    fn lose(&mut self, from: u64, to: u64, cause: LostCause) {
        if from < to {
            self.found.lost.push(Lost { from, to, cause });
        }
    }
}
