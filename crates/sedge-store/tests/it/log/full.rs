use super::{number, one, open, read, records, small};
use sedge_store::log::{
    Batch, CursorChange, Item, Log, LogError, LogOptions, Lost, LostCause, RemovalCause, WhenFull,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

/// Appends until it is refused; how many were not.
fn fill(log: &Log, from: u64) -> u64 {
    for sequence in from..from + 10_000 {
        match log.append(one("a", 1, sequence)) {
            Ok(_) => {}
            Err(LogError::Full) => return sequence,
            Err(error) => panic!("{error}"),
        }
    }
    panic!("it is never full");
}

fn pass(log: &Log, name: &str, position: u64) -> Result<(), LogError> {
    let state = Default::default();
    let change = CursorChange::Commit { name: name.to_owned(), position, state };
    log.append(Batch { records: Vec::new(), cursor: Some(change) }).map(drop)
}

#[test]
fn a_full_log_refuses_and_goes_on_when_its_readers_do() {
    let folder = tempfile::tempdir().expect("folder");
    let log = open(folder.path(), small());
    pass(&log, "slow", 0).expect("commit");
    let stored = fill(&log, 0);
    assert!(stored > 100, "{stored}");
    // What is refused is what does not fit: a small record may still go into the last segment.
    let mut large = one("b", 1, 0);
    large.records[0].payload = vec![b'b'; 1 << 10].into();
    assert_eq!(log.append(large), Err(LogError::Full));
    assert!(log.usage().bytes <= 64 << 10);
    assert_eq!(records(&read(&log, 0)).len() as u64, stored, "nothing was dropped");
    // Readers can commit, however full it is; what all have passed makes room.
    pass(&log, "fast", log.usage().end).expect("commit");
    assert_eq!(log.append(one("a", 1, stored)), Err(LogError::Full));
    pass(&log, "slow", stored / 2).expect("commit");
    let more = fill(&log, stored);
    assert!(more > stored);
    assert!(!read(&log, 0).iter().any(|item| matches!(item, Item::Gap { .. })));
    // After a restart, too.
    drop(log);
    let log = open(folder.path(), small());
    pass(&log, "slow", more).expect("commit");
    assert!(fill(&log, more) > more);
}

#[test]
fn readers_that_commit_every_record_of_a_full_log_do_not_shut_it() {
    let folder = tempfile::tempdir().expect("folder");
    let log = open(folder.path(), small());
    let stored = fill(&log, 0);
    let mut refused = 0;
    for position in 0..log.usage().end {
        // One that is refused is tried again with the next.
        refused += u64::from(pass(&log, "reader", position).is_err());
    }
    assert!(refused > 0, "the reserve is bounded");
    log.append(one("a", 1, stored)).expect("room");
}

#[test]
fn a_full_log_may_drop_its_oldest_and_says_what() {
    let folder = tempfile::tempdir().expect("folder");
    let log = open(folder.path(), LogOptions { when_full: WhenFull::DropOldest, ..small() });
    let mut sequence = 0;
    while log.usage().gap_records < 100 {
        for device in ["a", "b"] {
            log.append(one(device, 1, sequence)).expect("append");
        }
        sequence += 1;
        assert!(sequence < 10_000, "nothing is dropped");
    }
    let usage = log.usage();
    let items = read(&log, 0);
    let lost = Lost { from: 0, to: usage.oldest, cause: LostCause::Removed };
    assert_eq!(items[0], Item::Lost(lost), "who reads from the begin is told at once");
    let gaps = items.iter().filter_map(|item| match item {
        Item::Gap { gap, .. } => Some(gap),
        _ => None,
    });
    let gap = gaps.last().expect("a gap record");
    assert_eq!(gap.cause, RemovalCause::Size);
    let there = records(&items);
    for device in ["a", "b"] {
        let first = there.iter().find(|(name, _)| name == device).expect("some are there").1;
        let told = gap.devices.iter().find(|told| told.device == device).expect("told");
        assert_eq!(told.highest, number(1, first.sequence - 1));
    }
    // All gap records that are still there tell of all that is gone.
    let told: u64 = items
        .iter()
        .filter_map(|item| match item {
            Item::Gap { gap, .. } => Some(gap.records),
            _ => None,
        })
        .sum();
    assert_eq!(told, 2 * sequence - there.len() as u64);
}

#[test]
fn what_is_too_old_goes_and_is_told_to_who_has_not_read_it() {
    let folder = tempfile::tempdir().expect("folder");
    let clock = Arc::new(AtomicU64::new(1_000));
    let reading = clock.clone();
    let options = LogOptions {
        age_max: Some(Duration::from_secs(10)),
        retain_interval: Duration::from_millis(1),
        clock: Arc::new(move || reading.load(SeqCst)),
        ..small()
    };
    let log = open(folder.path(), options);
    let mut sequence = 0;
    while log.usage().segments < 3 {
        log.append(one("a", 1, sequence)).expect("append");
        sequence += 1;
    }
    clock.store(1_000_000, SeqCst);
    for _ in 0..10_000 {
        if log.usage().segments == 1 {
            break;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    let (items, usage) = (read(&log, 0), log.usage());
    assert_eq!((usage.segments, usage.removed_segments), (1, 2), "the last one stays");
    let gone = sequence - records(&items).len() as u64;
    assert_eq!(usage.gap_records, gone);
    assert!(items.iter().any(|item| matches!(item,
        Item::Gap { gap, .. } if gap.cause == RemovalCause::Age)));
}
