//! Flipped bits, wherever they are: what is lost is told exactly, and nothing else is.

use super::disk::{Disk, Flaw};
use super::ledger::record;
use crate::log::commit::{Core, Pending};
use crate::log::record::{Batch, Item, Lost, Outcome};
use crate::log::seen::Number;
use crate::log::verify::verify;
use crate::log::{LogOptions, Reader, Recovered, Shared, recovery};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

fn number(sequence: u64) -> Number {
    Number { epoch: 1, sequence }
}

fn open(disk: &Disk) -> (Core, Recovered) {
    let options =
        LogOptions { segment_bytes: 16 << 10, bytes_max: 1 << 20, ..LogOptions::default() };
    let shared = Arc::new(Shared::new(Arc::new(disk.clone()), options));
    recovery::open(&shared).expect("open")
}

fn append(core: &mut Core, device: u8, sequence: u64) -> Outcome {
    let record = record(device, number(sequence));
    let digests = vec![record.digest()];
    let outcome = Arc::new(Mutex::new(None));
    let place = outcome.clone();
    let reply = Box::new(move |result| *place.lock().expect("whole") = Some(result));
    let batch = Batch { records: vec![record], cursor: None };
    core.commit(vec![Pending { batch, digests, reply }]);
    let outcomes = outcome.lock().expect("whole").take().expect("answered").expect("committed");
    outcomes[0]
}

/// A log that has just been killed, and what lies where.
fn killed_log() -> (Disk, BTreeMap<u64, (u8, u64)>) {
    let disk = Disk::new(1, 1 << 30, Flaw::None);
    let (mut core, _) = open(&disk);
    let mut told = BTreeMap::new();
    for sequence in 0..45 {
        for device in 0..3 {
            let Outcome::Stored(position) = append(&mut core, device, sequence) else {
                panic!("{device} {sequence} is new");
            };
            told.insert(position, (device, sequence));
        }
    }
    core.mark();
    assert!(core.shared.files.usage().0 >= 3, "it has some segments");
    (disk, told)
}

/// What can be read, and what is told to be lost.
fn read(core: &Core) -> (BTreeMap<u64, (u8, u64)>, Vec<Lost>) {
    let mut reader = Reader::new(core.shared.clone(), 0);
    let (mut found, mut lost) = (BTreeMap::new(), Vec::new());
    loop {
        let items = reader.read(10_000).expect("files are there");
        if items.is_empty() {
            return (found, lost);
        }
        for item in items {
            match item {
                Item::Record { position, record: found_record, .. } => {
                    let device = found_record.device.trim_start_matches("device-").parse();
                    let device: u8 = device.expect("ours");
                    assert_eq!(found_record, record(device, found_record.number));
                    found.insert(position, (device, found_record.number.sequence));
                }
                Item::Lost(one) => lost.push(one),
                Item::Gap { gap, .. } => panic!("{gap:?}"),
            }
        }
    }
}

#[test]
fn any_flipped_bit_costs_one_record_at_most_and_is_told() {
    let (disk, told) = killed_log();
    let (mut with_loss, mut without) = (0, 0);
    for (name, length) in disk.files() {
        // Each byte of frames would take minutes; a prime meets every kind of field.
        for at in (0..length).step_by(if length > 12_000 { 37 } else { 11 }) {
            let copy = disk.copy();
            copy.damage(&name, |bytes| bytes[at] ^= 1 << (at % 8));
            let (mut core, recovered) = open(&copy);
            let (found, lost) = read(&core);
            let missing: Vec<u64> =
                told.keys().filter(|position| !found.contains_key(position)).copied().collect();
            let told_missing: Vec<u64> = lost.iter().flat_map(|one| one.from..one.to).collect();
            assert_eq!(missing, told_missing, "{name} {at}: {recovered:?}");
            assert!(missing.len() <= 1, "{name} {at}: {missing:?} {recovered:?}");
            assert!(found.iter().all(|(position, id)| told.get(position) == Some(id)));
            assert!(!recovered.is_state_lost && recovered.torn.is_none(), "{name} {at}");
            let verified = verify(&core.shared).expect("files are there");
            assert_eq!(verified.lost, lost, "{name} {at}");
            assert!(verified.breaks.len() <= missing.len(), "{name} {at}: {verified:?}");
            // It goes on, and knows what it has.
            let (position, (device, sequence)) = found.last_key_value().expect("some");
            assert_eq!(append(&mut core, *device, *sequence), Outcome::Duplicate, "{position}");
            assert!(matches!(append(&mut core, 0, 45), Outcome::Stored(_)));
            match missing.is_empty() {
                true => without += 1,
                false => with_loss += 1,
            }
        }
    }
    assert!(with_loss > 100 && without > 100, "{with_loss} {without}");
}

#[test]
fn a_torn_end_is_cut_off_and_its_positions_are_used_again() {
    let (disk, told) = killed_log();
    let (name, _) = disk.files().pop().expect("files");
    let end = disk.content_end(&name);
    for cut in 1..300 {
        let copy = disk.copy();
        copy.damage(&name, |bytes| bytes[end - cut..].fill(0));
        let (mut core, recovered) = open(&copy);
        let (found, lost) = read(&core);
        assert_eq!(lost, [], "{cut}");
        let next = core.next_position;
        assert_eq!(found.len() as u64, next, "{cut}");
        assert!(found.iter().all(|(position, id)| told.get(position) == Some(id)));
        if let Some(torn) = recovered.torn {
            assert_eq!(torn.from, next, "{cut}");
        }
        assert!(matches!(append(&mut core, 9, 0), Outcome::Stored(position) if position == next));
    }
}

#[test]
fn a_file_that_is_gone_is_missed() {
    let (disk, told) = killed_log();
    let (name, _) = disk.files().swap_remove(1);
    crate::log::media::Media::remove(&disk, &name).expect("remove");
    let (core, recovered) = open(&disk);
    let (found, lost) = read(&core);
    assert_eq!(recovered.lost, lost);
    assert_eq!(lost.len(), 1);
    assert_eq!(found.len() as u64 + (lost[0].to - lost[0].from), told.len() as u64);
}

#[test]
fn sectors_that_cannot_be_read_cost_what_lies_in_them() {
    let (disk, told) = killed_log();
    let (name, _) = disk.files().swap_remove(0);
    disk.break_sectors(&name, 6_000..6_100);
    let (core, _) = open(&disk);
    let (found, lost) = read(&core);
    assert_eq!(lost.len(), 1, "{lost:?}");
    let missing = told.keys().filter(|position| !found.contains_key(position)).count() as u64;
    assert_eq!(missing, lost[0].to - lost[0].from);
    assert!(missing > 0 && missing < 60, "{missing}");
}

#[test]
fn a_record_that_was_changed_with_its_check_breaks_the_chain() {
    let (disk, _) = killed_log();
    let (mut core, _) = open(&disk);
    core.close();
    let (name, _) = disk.files().swap_remove(0);
    disk.damage(&name, |bytes| super::forge::change_payload(bytes));
    let (core, _) = open(&disk);
    let verified = verify(&core.shared).expect("files are there");
    assert_eq!(verified.lost, []);
    assert_eq!(verified.breaks.len(), 1, "{verified:?}");
}
