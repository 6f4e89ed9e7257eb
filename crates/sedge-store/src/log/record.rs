//! What goes into the log, and what comes out of it.

use super::format::{Hash, RecordHeader, RecordKind, digest};
use super::seen::Number;
use bytes::Bytes;

/// What a device, or a function, has said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The stream, or topic, that it belongs to: 1 to 1,024 bytes.
    pub stream: String,
    /// Who said it: 1 to 256 bytes. A function that emits records is a device, too: it has
    /// a name, and numbers what it emits by what it has read.
    pub device: String,
    /// Its number: by device, epoch and sequence it is recognized when it comes again.
    pub number: Number,
    /// When it was said, by the device's clock, milliseconds since 1970. Nothing in the
    /// log depends on it.
    pub time_ms: u64,
    /// What it is about, at most 1,024 bytes; may be empty.
    pub key: Bytes,
    /// What was said.
    pub payload: Bytes,
}

/// Records, and how far a reader has come: all of it is committed as one, or nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// In the order in which they will lie.
    pub records: Vec<Record>,
    /// What becomes of a cursor.
    pub cursor: Option<CursorChange>,
}

/// What becomes of a cursor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CursorChange {
    /// It is at this place now; it is made if there was none of this name.
    Commit {
        /// The reader's name: 1 to 256 bytes.
        name: String,
        /// The position of the next record that it needs.
        position: u64,
        /// What else the reader has to remember, to go on from there.
        state: Bytes,
    },
    /// It is no more, and keeps nothing from being removed.
    Remove {
        /// The reader's name.
        name: String,
    },
}

/// Where a reader goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The position of the next record that it needs.
    pub position: u64,
    /// What it had committed with that.
    pub state: Bytes,
}

/// What became of a record of a batch that was committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It lies at this position.
    Stored(u64),
    /// It had been stored before.
    Duplicate,
}

/// What a reader finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A record.
    Record {
        /// Where it lies.
        position: u64,
        /// The chain's link after it.
        link: [u8; 32],
        /// What it is.
        record: Record,
    },
    /// A record of the log itself: something was removed that not every reader had read.
    Gap {
        /// Where the gap record lies.
        position: u64,
        /// What it says.
        gap: Gap,
    },
    /// There is nothing to be read at these positions.
    Lost(Lost),
}

/// What was removed before its time: how many records, and which. It tells what earlier
/// gap records told that were removed with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The first position that was removed.
    pub from: u64,
    /// The position after the last one.
    pub to: u64,
    /// Why.
    pub cause: RemovalCause,
    /// Records of devices among them.
    pub records: u64,
    /// Whose, in the order of their names; what is too much to be told is under an empty
    /// name.
    pub devices: Vec<GapDevice>,
}

/// What was removed of one device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GapDevice {
    /// Its name.
    pub device: String,
    /// How many records.
    pub records: u64,
    /// The lowest number.
    pub lowest: Number,
    /// The highest number.
    pub highest: Number,
}

/// Why records were removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum RemovalCause {
    /// They were older than the log keeps records.
    Age = 1,
    /// The log would have become larger than it may.
    Size = 2,
    /// The disk was full.
    DiskFull = 3,
}

/// Positions at which nothing can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost {
    /// The first.
    pub from: u64,
    /// The position after the last.
    pub to: u64,
    /// Why.
    pub cause: LostCause,
}

/// Why nothing can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LostCause {
    /// It was removed; if somebody still needed it, a gap record says what it was.
    Removed,
    /// What lies there is not what was written.
    Damaged,
    /// A whole file is not there.
    Missing,
}

impl Record {
    /// The header of the record at a place that is yet to be said.
    pub(crate) fn header(&self) -> RecordHeader {
        // The lengths were checked against limits that fit.
        RecordHeader {
            kind: RecordKind::Data,
            stream_bytes: self.stream.len() as u16,
            device_bytes: self.device.len() as u16,
            key_bytes: self.key.len() as u16,
            payload_bytes: self.payload.len() as u32,
            position: 0,
            epoch: self.number.epoch,
            sequence: self.number.sequence,
            time_ms: self.time_ms,
            link: Hash::default(),
        }
    }

    pub(crate) fn parts(&self) -> [&[u8]; 4] {
        [self.stream.as_bytes(), self.device.as_bytes(), &self.key, &self.payload]
    }

    /// The hash that goes into the device's chain: of all that the record says. Whoever
    /// has the link before a record and the record can compute the link after it, as the
    /// BLAKE3 hash of both, one behind the other. The first record of a device follows a
    /// link of zeros.
    pub fn digest(&self) -> [u8; 32] {
        digest(&self.header(), &self.parts())
    }

    /// Bytes in memory that are not of fixed size.
    pub(crate) fn bytes(&self) -> usize {
        self.stream.len() + self.device.len() + self.key.len() + self.payload.len()
    }
}

impl Item {
    /// The position after it.
    pub fn next(&self) -> u64 {
        match self {
            Item::Record { position, .. } | Item::Gap { position, .. } => position + 1,
            Item::Lost(lost) => lost.to,
        }
    }
}
