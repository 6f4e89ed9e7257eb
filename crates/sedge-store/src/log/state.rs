//! What the log remembers beside its records: for each device what was seen of it and the
//! last link of its chain, the cursors, and up to where everything was removed.
//!
//! It follows from the records; each segment begins with a snapshot of it, so that
//! opening a log reads only the last one.

use super::error::LogError;
use super::format::{Hash, link};
use super::options::LogOptions;
use super::record::Cursor;
use super::seen::{Novelty, Number, Range, Seen};
use bytes::Bytes;
use std::collections::{BTreeMap, HashMap};

/// Bytes that are counted for a device beside its name and its ranges.
const DEVICE_BYTES: u64 = 80;
const RANGE_BYTES: u64 = 24;
/// Bytes that are counted for a cursor beside its name and its state.
const CURSOR_BYTES: u64 = 24;

/// What is known of a device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Device {
    pub(crate) seen: Seen,
    /// The chain's link after its last record.
    pub(crate) link: Hash,
    /// Where its last record lies.
    pub(crate) position: u64,
}

impl Device {
    fn bytes(&self, name: &str) -> u64 {
        name.len() as u64 + DEVICE_BYTES + RANGE_BYTES * self.seen.ranges.len() as u64
    }
}

/// All that is remembered, and how to undo what a frame that is not yet written has
/// changed.
#[derive(Default)]
pub(crate) struct State {
    devices: HashMap<Box<str>, Device>,
    devices_bytes: u64,
    pub(crate) cursors: BTreeMap<String, Cursor>,
    /// Grows with every change of a cursor.
    pub(crate) cursor_changes: u64,
    /// Everything before this position was removed.
    pub(crate) floor: u64,
    undo: Vec<Undo>,
}

/// What something was.
enum Undo {
    Device(Box<str>, Option<Device>),
    Cursor(String, Option<Cursor>),
}

impl State {
    pub(crate) fn device(&self, name: &str) -> Option<&Device> {
        self.devices.get(name)
    }

    /// The last link of every device.
    pub(crate) fn links(&self) -> impl Iterator<Item = (Box<str>, Hash)> {
        self.devices.iter().map(|(name, device)| (name.clone(), device.link))
    }

    /// Notes a record that is about to be written; its link, or `None` if it is one that
    /// was stored before.
    pub(crate) fn add(
        &mut self,
        name: &str,
        number: Number,
        digest: &Hash,
        position: u64,
        bytes_max: u64,
    ) -> Result<Option<Hash>, LogError> {
        let before = self.devices.get(name);
        match before.map_or(Novelty::New, |device| device.seen.look(number)) {
            Novelty::Duplicate => return Ok(None),
            Novelty::Unknown => return Err(LogError::TooOld { device: name.to_owned() }),
            Novelty::New => {}
        }
        let mut device = before.cloned().unwrap_or_default();
        device.seen.note(number);
        device.link = link(&device.link, digest);
        device.position = position;
        let bytes_before = before.map_or(0, |device| device.bytes(name));
        let grows_by = device.bytes(name).saturating_sub(bytes_before);
        if grows_by > 0 && self.devices_bytes + grows_by > bytes_max {
            return Err(LogError::TooManyDevices);
        }
        let link = device.link;
        let old = self.put(name, Some(device));
        self.undo.push(Undo::Device(name.into(), old));
        Ok(Some(link))
    }

    /// Notes a record that lies in the log already.
    pub(crate) fn replay(&mut self, name: &str, number: Number, link: Hash, position: u64) {
        let mut device = self.devices.get(name).cloned().unwrap_or_default();
        device.seen.note(number);
        device.link = link;
        device.position = position;
        self.put(name, Some(device));
    }

    fn put(&mut self, name: &str, device: Option<Device>) -> Option<Device> {
        let added = device.as_ref().map_or(0, |device| device.bytes(name));
        let old = match device {
            Some(device) => match self.devices.get_mut(name) {
                Some(place) => Some(std::mem::replace(place, device)),
                None => self.devices.insert(name.into(), device),
            },
            None => self.devices.remove(name),
        };
        let removed = old.as_ref().map_or(0, |device| device.bytes(name));
        self.devices_bytes = self.devices_bytes.saturating_sub(removed) + added;
        old
    }

    /// Moves a cursor that is about to be written, or removes it.
    pub(crate) fn set_cursor(
        &mut self,
        name: &str,
        cursor: Option<Cursor>,
        end: u64,
        options: &LogOptions,
    ) -> Result<(), LogError> {
        let before = self.cursors.get(name).map_or(0, |cursor| cursor.position);
        if let Some(cursor) = &cursor {
            let to = cursor.position;
            if to < before || to > end {
                let name = name.to_owned();
                return Err(LogError::InvalidCursor { name, from: before, to });
            }
        }
        let old = self.put_cursor(name, cursor);
        self.undo.push(Undo::Cursor(name.to_owned(), old));
        let bytes: u64 = self.cursors.iter().map(cursor_bytes).sum();
        if self.cursors.len() > options.cursors_max || bytes > options.cursors_bytes_max() {
            return Err(LogError::TooManyCursors);
        }
        Ok(())
    }

    pub(crate) fn put_cursor(&mut self, name: &str, cursor: Option<Cursor>) -> Option<Cursor> {
        self.cursor_changes += 1;
        match cursor {
            Some(cursor) => self.cursors.insert(name.to_owned(), cursor),
            None => self.cursors.remove(name),
        }
    }

    /// Up to where every reader has read; `None`: there is no reader.
    pub(crate) fn read_by_all(&self) -> Option<u64> {
        self.cursors.values().map(|cursor| cursor.position).min()
    }

    /// A moment to come back to.
    pub(crate) fn moment(&self) -> usize {
        self.undo.len()
    }

    /// Undoes everything since that moment.
    pub(crate) fn back_to(&mut self, moment: usize) {
        while self.undo.len() > moment {
            match self.undo.pop() {
                Some(Undo::Device(name, old)) => drop(self.put(&name, old)),
                Some(Undo::Cursor(name, old)) => drop(self.put_cursor(&name, old)),
                None => {}
            }
        }
    }

    /// What was done cannot be undone any more.
    pub(crate) fn settle(&mut self) {
        self.undo.clear();
    }

    /// Forgets devices that have no record in the log any more, if the others need room.
    /// Only where a snapshot follows, so that it need not be told otherwise.
    pub(crate) fn forget_devices(&mut self, oldest: u64, bytes_max: u64) {
        if self.devices_bytes > bytes_max / 4 * 3 {
            self.devices.retain(|_, device| device.position >= oldest);
            self.devices_bytes = self.devices.iter().map(|(name, one)| one.bytes(name)).sum();
        }
    }

    /// Bytes of the snapshot.
    pub(crate) fn encoded_bytes(&self) -> u64 {
        24 + self.devices_bytes + self.cursors.iter().map(cursor_bytes).sum::<u64>()
    }

    /// The snapshot: floor, devices and cursors in the order of their names.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut number = |number: u64| bytes.extend_from_slice(&number.to_le_bytes());
        number(self.floor);
        number(self.devices.len() as u64);
        let mut names: Vec<&str> = self.devices.keys().map(|name| &**name).collect();
        names.sort_unstable();
        for name in names {
            let Some(device) = self.devices.get(name) else { continue };
            push(&mut bytes, name.as_bytes());
            bytes.extend_from_slice(&device.link);
            let forgotten = device.seen.forgotten;
            let Number { epoch, sequence } = forgotten.unwrap_or_default();
            let ranges = device.seen.ranges.len() as u64;
            let fixed = [device.position, u64::from(forgotten.is_some()), epoch, sequence, ranges];
            let ranges = device.seen.ranges.iter().flat_map(|one| [one.epoch, one.from, one.to]);
            for number in fixed.into_iter().chain(ranges) {
                bytes.extend_from_slice(&number.to_le_bytes());
            }
        }
        bytes.extend_from_slice(&(self.cursors.len() as u64).to_le_bytes());
        for (name, cursor) in &self.cursors {
            push(&mut bytes, name.as_bytes());
            bytes.extend_from_slice(&cursor.position.to_le_bytes());
            push(&mut bytes, &cursor.state);
        }
        bytes
    }

    /// Reads a snapshot. `None`: it is none.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut rest = Rest(bytes);
        let mut state = State { floor: rest.number()?, ..State::default() };
        for _ in 0..rest.number()? {
            let name = rest.text()?;
            let link = *rest.take(32)?.first_chunk()?;
            let (position, is_forgotten) = (rest.number()?, rest.number()?);
            let number = Number { epoch: rest.number()?, sequence: rest.number()? };
            let forgotten = (is_forgotten != 0).then_some(number);
            let mut ranges = Vec::new();
            for _ in 0..rest.number()? {
                ranges.push(Range {
                    epoch: rest.number()?,
                    from: rest.number()?,
                    to: rest.number()?,
                });
            }
            state.put(name, Some(Device { seen: Seen { forgotten, ranges }, link, position }));
        }
        for _ in 0..rest.number()? {
            let name = rest.text()?.to_owned();
            let position = rest.number()?;
            let state_bytes = Bytes::copy_from_slice(rest.part()?);
            state.put_cursor(&name, Some(Cursor { position, state: state_bytes }));
        }
        rest.0.iter().all(|byte| *byte == 0).then_some(state)
    }
}

fn cursor_bytes((name, cursor): (&String, &Cursor)) -> u64 {
    name.len() as u64 + cursor.state.len() as u64 + CURSOR_BYTES
}

/// Adds a length and that many bytes.
pub(crate) fn push(bytes: &mut Vec<u8>, part: &[u8]) {
    bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
    bytes.extend_from_slice(part);
}

/// Bytes that are being read.
pub(crate) struct Rest<'a>(pub(crate) &'a [u8]);

impl<'a> Rest<'a> {
    pub(crate) fn take(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(bytes)?;
        self.0 = rest;
        Some(taken)
    }

    pub(crate) fn number(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(*self.take(8)?.first_chunk()?))
    }

    pub(crate) fn part(&mut self) -> Option<&'a [u8]> {
        let bytes = usize::try_from(self.number()?).ok()?;
        self.take(bytes)
    }

    pub(crate) fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.part()?).ok()
    }
}

#[cfg(test)]
mod tests;
