//! How what was removed, and how far readers have come, lie in records of the log's own.

use super::record::{Cursor, CursorChange, Gap, GapDevice, RemovalCause};
use super::seen::Number;
use super::state::{Rest, push};
use bytes::Bytes;
use std::collections::BTreeMap;

/// Bytes of a device in a gap record, beside its name.
const DEVICE_BYTES: u64 = 48;

/// Gathers what a gap record says.
pub(crate) struct GapCount {
    from: u64,
    records: u64,
    devices: BTreeMap<String, GapDevice>,
    bytes: u64,
    bytes_max: u64,
}

impl GapCount {
    /// Of positions from here on; so many bytes for the devices.
    pub(crate) fn new(from: u64, bytes_max: u64) -> Self {
        GapCount { from, records: 0, devices: BTreeMap::new(), bytes: 0, bytes_max }
    }

    /// Counts a record.
    pub(crate) fn add(&mut self, device: &str, number: Number) {
        self.add_many(GapDevice {
            device: device.to_owned(),
            records: 1,
            lowest: number,
            highest: number,
        });
    }

    /// Counts what an earlier gap record has counted, which goes now, too: or who has not
    /// read it would never learn of it.
    pub(crate) fn merge(&mut self, gap: Gap) {
        self.from = self.from.min(gap.from);
        gap.devices.into_iter().for_each(|device| self.add_many(device));
    }

    fn add_many(&mut self, mut one: GapDevice) {
        self.records += one.records;
        if !self.devices.contains_key(&one.device) {
            let bytes = one.device.len() as u64 + DEVICE_BYTES;
            if self.bytes + bytes > self.bytes_max {
                // There is room for the nameless one, as the bound is far below a segment.
                one.device.clear();
            } else {
                self.bytes += bytes;
            }
        }
        if let Some(known) = self.devices.get_mut(&one.device) {
            known.records += one.records;
            known.lowest = known.lowest.min(one.lowest);
            known.highest = known.highest.max(one.highest);
        } else {
            self.devices.insert(one.device.clone(), one);
        }
    }

    pub(crate) fn end(self, to: u64, cause: RemovalCause) -> Gap {
        let devices = self.devices.into_values().collect();
        Gap { from: self.from, to, cause, records: self.records, devices }
    }
}

impl Gap {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let fixed = [self.from, self.to, self.cause as u64, self.records];
        let devices = self.devices.len() as u64;
        for number in fixed.into_iter().chain([devices]) {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        for GapDevice { device, records, lowest, highest } in &self.devices {
            push(&mut bytes, device.as_bytes());
            let numbers =
                [*records, lowest.epoch, lowest.sequence, highest.epoch, highest.sequence];
            numbers.iter().for_each(|number| bytes.extend_from_slice(&number.to_le_bytes()));
        }
        bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut rest = Rest(bytes);
        let (from, to) = (rest.number()?, rest.number()?);
        let causes = [RemovalCause::Age, RemovalCause::Size, RemovalCause::DiskFull];
        let cause = rest.number()?;
        let cause = causes.into_iter().find(|one| *one as u64 == cause)?;
        let (records, mut devices) = (rest.number()?, Vec::new());
        for _ in 0..rest.number()? {
            devices.push(GapDevice {
                device: rest.text()?.to_owned(),
                records: rest.number()?,
                lowest: Number { epoch: rest.number()?, sequence: rest.number()? },
                highest: Number { epoch: rest.number()?, sequence: rest.number()? },
            });
        }
        rest.0.is_empty().then_some(Gap { from, to, cause, records, devices })
    }
}

/// The payload of a cursor's record.
pub(crate) fn encode_cursor(change: &CursorChange) -> Vec<u8> {
    match change {
        CursorChange::Remove { .. } => Vec::new(),
        CursorChange::Commit { position, state, .. } => {
            let mut bytes = position.to_le_bytes().to_vec();
            push(&mut bytes, state);
            bytes
        }
    }
}

/// Reads the payload of a cursor's record; the inner `None`: the cursor was removed.
pub(crate) fn decode_cursor(bytes: &[u8]) -> Option<Option<Cursor>> {
    if bytes.is_empty() {
        return Some(None);
    }
    let mut rest = Rest(bytes);
    let position = rest.number()?;
    let state = Bytes::copy_from_slice(rest.part()?);
    rest.0.is_empty().then_some(Some(Cursor { position, state }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_cut_is_refused_and_what_is_whole_comes_back() {
        let mut count = GapCount::new(3, 1_000);
        for (device, sequence) in [("b", 4), ("a", 9), ("b", 2)] {
            count.add(device, Number { epoch: 1, sequence });
        }
        let gap = count.end(6, RemovalCause::DiskFull);
        assert_eq!((gap.records, gap.devices.len()), (3, 2));
        assert_eq!(gap.devices[1].lowest.sequence, 2);
        let bytes = gap.encode();
        (0..bytes.len()).for_each(|cut| assert_eq!(Gap::decode(&bytes[..cut]), None, "{cut}"));
        assert_eq!(Gap::decode(&bytes), Some(gap));
        let name = "r".to_owned();
        let change = CursorChange::Commit { name, position: 7, state: "s".into() };
        let bytes = encode_cursor(&change);
        (1..bytes.len()).for_each(|cut| assert_eq!(decode_cursor(&bytes[..cut]), None, "{cut}"));
        let cursor = Cursor { position: 7, state: "s".into() };
        assert_eq!(decode_cursor(&bytes), Some(Some(cursor)));
    }

    #[test]
    fn devices_beyond_the_bound_are_counted_together_and_earlier_gaps_go_along() {
        let mut earlier = GapCount::new(0, 1_000);
        earlier.add("a", Number { epoch: 1, sequence: 1 });
        let earlier = earlier.end(5, RemovalCause::Size);
        let mut count = GapCount::new(5, 2 * (1 + DEVICE_BYTES));
        for device in ["b", "c", "d", "e"] {
            count.add(device, Number { epoch: 1, sequence: 7 });
        }
        count.merge(earlier);
        let gap = count.end(9, RemovalCause::Size);
        assert_eq!((gap.from, gap.to, gap.records), (0, 9, 5));
        let devices: Vec<_> = gap.devices.iter().map(|one| (&*one.device, one.records)).collect();
        assert_eq!(devices, [("", 3), ("b", 1), ("c", 1)]);
    }

    proptest! {
        #[test]
        fn anything_may_be_read(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Some(gap) = Gap::decode(&bytes) {
                prop_assert_eq!(gap.encode(), bytes.clone());
            }
            if let Some(Some(Cursor { position, state })) = decode_cursor(&bytes) {
                let change = CursorChange::Commit { name: String::new(), position, state };
                prop_assert_eq!(encode_cursor(&change), bytes);
            }
        }
    }
}
