//! Reading, one page after the other.

use super::Shared;
use super::error::{LogError, failed};
use super::format::{RecordKind, Stored};
use super::media::MediaFile;
use super::record::{Gap, Item, Lost, LostCause, Record};
use super::segment::Segment;
use super::walk::{Event, Walk};
use bytes::Bytes;
use std::io::ErrorKind;
use std::sync::Arc;

/// Bytes that are read at once.
const WINDOW_BYTES: usize = 256 << 10;

/// A way through the log, from one position on.
///
/// It sees what is committed, in its order, once; and where nothing can be read, which
/// positions those are. What is removed while it reads a page may or may not be in it.
pub struct Reader {
    shared: Arc<Shared>,
    position: u64,
    /// The segment that is read, and where in it.
    place: Option<Place>,
}

struct Place {
    segment: Arc<Segment>,
    file: Arc<dyn MediaFile>,
    at: u64,
}

impl Reader {
    pub(crate) fn new(shared: Arc<Shared>, position: u64) -> Self {
        Reader { shared, position, place: None }
    }

    /// The position of the next record that it will look for: what a cursor commits when
    /// everything was dealt with that was read.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The next items, until they have so many bytes; at least one, if there is one.
    ///
    /// # Errors
    /// [`LogError::Io`] if a file cannot be opened. What cannot be read in it is
    /// [`Item::Lost`].
    pub fn read(&mut self, bytes_max: usize) -> Result<Vec<Item>, LogError> {
        let (mut items, mut bytes) = (Vec::new(), 0);
        let committed = self.shared.end();
        while self.position < committed && bytes < bytes_max.max(1) {
            let Some(segment) = self.shared.files.find(self.position) else { break };
            if segment.first > self.position {
                // Removal moves the floor, and then takes the segment out.
                let is_removed = segment.first <= self.shared.floor();
                let cause = if is_removed { LostCause::Removed } else { LostCause::Missing };
                self.lose(segment.first, cause, &mut items);
                continue;
            }
            self.read_segment(segment, bytes_max.max(1), &mut bytes, &mut items)?;
        }
        Ok(items)
    }

    /// Reads on in a segment, until its end or until there is enough.
    fn read_segment(
        &mut self,
        segment: Arc<Segment>,
        bytes_max: usize,
        bytes: &mut usize,
        items: &mut Vec<Item>,
    ) -> Result<(), LogError> {
        let end = segment.end();
        let Some(place) = self.find_place(segment)? else { return Ok(()) };
        let Place { segment, file, at } = place;
        let limit = segment.end_at();
        let mut walk = Walk::new(file.clone(), segment.home, at, limit, WINDOW_BYTES);
        while *bytes < bytes_max {
            let event = walk.next().map_err(failed("reading a segment"))?;
            let Some(event) = event else {
                self.lose(end, LostCause::Damaged, items);
                break;
            };
            let Event::Record(stored) = event else { continue };
            let position = stored.header.position;
            if position < self.position {
                continue;
            }
            if position >= end {
                self.lose(end, LostCause::Damaged, items);
                break;
            }
            self.lose(position, LostCause::Damaged, items);
            *bytes += stored.header.record_bytes() as usize;
            items.extend(item(&stored));
            self.position = position + 1;
            if self.position == end {
                break;
            }
        }
        self.place = Some(Place { segment, file, at: walk.at() });
        Ok(())
    }

    /// Where to read on; `None`: the segment was removed just now.
    fn find_place(&mut self, segment: Arc<Segment>) -> Result<Option<Place>, LogError> {
        if let Some(place) = self.place.take().filter(|place| Arc::ptr_eq(&place.segment, &segment))
        {
            return Ok(Some(place));
        }
        match segment.open(&*self.shared.media) {
            Ok(file) => {
                let at = segment.place(self.position, &*file);
                Ok(Some(Place { segment, file, at }))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                // If nobody has removed it, then somebody who should not have.
                if self
                    .shared
                    .files
                    .find(self.position)
                    .is_some_and(|now| Arc::ptr_eq(&now, &segment))
                {
                    return Err(failed("opening a segment")(error));
                }
                Ok(None)
            }
            Err(error) => Err(failed("opening a segment")(error)),
        }
    }

    fn lose(&mut self, to: u64, cause: LostCause, items: &mut Vec<Item>) {
        if self.position < to {
            let lost = Lost { from: self.position, to, cause };
            if cause != LostCause::Removed {
                self.shared.counters.lost(&[lost]);
            }
            items.push(Item::Lost(lost));
            self.position = to;
        }
    }
}

/// What a reader is told of a record.
fn item(stored: &Stored<'_>) -> Option<Item> {
    let header = &stored.header;
    let position = header.position;
    match header.kind {
        RecordKind::Data => {
            let record = Record {
                stream: stored.stream.to_owned(),
                device: stored.device.to_owned(),
                number: stored.number(),
                time_ms: header.time_ms,
                key: Bytes::copy_from_slice(stored.key),
                payload: Bytes::copy_from_slice(stored.payload),
            };
            Some(Item::Record { position, link: header.link, record })
        }
        RecordKind::Removal => {
            let gap = Gap::decode(stored.payload).filter(|gap| gap.records > 0);
            gap.map(|gap| Item::Gap { position, gap })
        }
        RecordKind::Cursor => None,
    }
}
