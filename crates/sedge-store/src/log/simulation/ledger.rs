//! Who knows what was acknowledged, apart from the log.

use crate::log::record::{Item, LostCause, Outcome};
use crate::log::seen::Number;
use crate::log::{Gap, Reader, Record, Shared};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A device and a number of it.
type Id = (u8, Number);

/// What was said to the log, and what it has answered.
#[derive(Default)]
pub(super) struct Ledger {
    submitted: BTreeSet<Id>,
    /// Acknowledged, and where it lies, if that was said.
    acknowledged: BTreeMap<Id, Option<u64>>,
    /// What a reader has seen: it must not vanish.
    seen: BTreeMap<u64, Id>,
    /// The cursor's last acknowledged position, and those that were tried since.
    cursor: u64,
    cursor_tried: Vec<u64>,
}

/// What the log says, read from its begin.
struct Told {
    records: BTreeMap<u64, Id>,
    gaps: Vec<Gap>,
    oldest: u64,
    end: u64,
}

/// The name of a device.
fn name(device: u8) -> String {
    format!("device-{device}")
}

/// What the device says under this number: it follows from it.
pub(super) fn record(device: u8, number: Number) -> Record {
    let word = format!("{device}/{}/{};", number.epoch, number.sequence);
    let times = (number.sequence * 7 + number.epoch * 3) % 90;
    Record {
        stream: format!("stream-{}", device % 2),
        device: name(device),
        number,
        time_ms: number.sequence * 1_000,
        key: Bytes::from(word.clone()),
        payload: Bytes::from(word.repeat(times as usize)),
    }
}

fn id(record: &Record) -> Result<Id, String> {
    let device = record.device.strip_prefix("device-").and_then(|text| text.parse().ok());
    let device = device.ok_or_else(|| format!("nobody is called {}", record.device))?;
    Ok((device, record.number))
}

impl Ledger {
    pub(super) fn submit(&mut self, device: u8, number: Number) {
        self.submitted.insert((device, number));
    }

    pub(super) fn acknowledge(&mut self, device: u8, number: Number, outcome: Outcome) {
        let position = match outcome {
            Outcome::Stored(position) => Some(position),
            Outcome::Duplicate => None,
        };
        let known = self.acknowledged.entry((device, number)).or_insert(position);
        *known = known.or(position);
    }

    pub(super) fn try_cursor(&mut self, position: u64) {
        self.cursor_tried.push(position);
    }

    pub(super) fn acknowledge_cursor(&mut self, position: u64) {
        self.cursor = position;
        self.cursor_tried.clear();
    }

    /// Reads everything, and compares.
    pub(super) fn check(&mut self, shared: &Arc<Shared>) -> Result<(), String> {
        let told = read(shared)?;
        let mut ids = BTreeSet::new();
        let mut last: BTreeMap<u8, Number> = BTreeMap::new();
        for (position, id) in &told.records {
            if !self.submitted.contains(id) {
                return Err(format!("{id:?} was never said"));
            }
            if !ids.insert(*id) {
                return Err(format!("{id:?} is stored twice"));
            }
            if last.insert(id.0, id.1).is_some_and(|last| last > id.1) {
                return Err(format!("{id:?} at {position} is out of order"));
            }
        }
        for (id, position) in &self.acknowledged {
            self.check_one(*id, *position, &ids, &told)?;
        }
        for (position, id) in self.seen.range(told.oldest..) {
            if told.records.get(position) != Some(id) {
                return Err(format!("{id:?} was seen at {position} and is gone"));
            }
        }
        if told.end < self.seen.last_key_value().map_or(0, |(position, _)| position + 1) {
            return Err("the log ends before what was seen".to_owned());
        }
        self.check_cursor(shared)?;
        self.seen.extend(told.records);
        Ok(())
    }

    /// Whether an acknowledged record is there, was read, or is told to be gone.
    fn check_one(
        &self,
        id: Id,
        position: Option<u64>,
        ids: &BTreeSet<Id>,
        told: &Told,
    ) -> Result<(), String> {
        if let Some(position) = position.filter(|position| *position >= told.oldest) {
            return match told.records.get(&position) == Some(&id) {
                true => Ok(()),
                false => Err(format!("{id:?} was acknowledged at {position} and is not there")),
            };
        }
        let read_to = self.cursor_tried.iter().fold(self.cursor, |most, at| most.max(*at));
        let was_read = position.map_or(read_to > 0, |position| position < read_to);
        let is_told = told.gaps.iter().flat_map(|gap| &gap.devices).any(|device| {
            device.device == name(id.0) && (device.lowest..=device.highest).contains_number(id.1)
        });
        match ids.contains(&id) || was_read || is_told {
            true => Ok(()),
            false => Err(format!("{id:?} was acknowledged at {position:?} and is gone in silence")),
        }
    }

    fn check_cursor(&mut self, shared: &Arc<Shared>) -> Result<(), String> {
        let found = shared.lock().cursors.get("reader").cloned();
        let position = found.as_ref().map_or(0, |cursor| cursor.position);
        if position != self.cursor && !self.cursor_tried.contains(&position) {
            return Err(format!("the cursor is at {position}, not at {}", self.cursor));
        }
        if found.is_some_and(|cursor| cursor.state != position.to_string()) {
            return Err("the cursor and its state do not fit".to_owned());
        }
        Ok(())
    }
}

/// A range of numbers, both ends included.
trait ContainsNumber {
    fn contains_number(&self, number: Number) -> bool;
}

impl ContainsNumber for std::ops::RangeInclusive<Number> {
    fn contains_number(&self, number: Number) -> bool {
        *self.start() <= number && number <= *self.end()
    }
}

fn read(shared: &Arc<Shared>) -> Result<Told, String> {
    let mut reader = Reader::new(shared.clone(), 0);
    let mut told = Told { records: BTreeMap::new(), gaps: Vec::new(), oldest: 0, end: 0 };
    let mut links = BTreeMap::new();
    loop {
        let items = reader.read(4_000).map_err(|error| error.to_string())?;
        if items.is_empty() {
            break;
        }
        for item in items {
            match item {
                Item::Record { position, link, record: found } => {
                    let id = id(&found)?;
                    if found != record(id.0, id.1) {
                        return Err(format!("{id:?} is not what was said"));
                    }
                    let before = links.insert(id.0, link);
                    let follows =
                        super::super::format::link(&before.unwrap_or(link), &found.digest());
                    if before.is_some() && follows != link {
                        return Err(format!("{id:?} does not follow in its chain"));
                    }
                    told.records.insert(position, id);
                }
                Item::Gap { gap, .. } => {
                    let sum: u64 = gap.devices.iter().map(|device| device.records).sum();
                    if sum != gap.records || gap.from >= gap.to {
                        return Err(format!("{gap:?} does not add up"));
                    }
                    told.gaps.push(gap);
                }
                Item::Lost(lost) if lost.cause == LostCause::Removed && lost.from == 0 => {
                    told.oldest = lost.to;
                }
                Item::Lost(lost) => return Err(format!("{lost:?}")),
            }
        }
    }
    told.end = reader.position();
    Ok(told)
}
