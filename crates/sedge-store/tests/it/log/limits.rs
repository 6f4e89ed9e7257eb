use super::{number, one, open, read, record, records, small};
use sedge_store::log::{Batch, CursorChange, Log, LogError, LogOptions, Outcome, Record};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

fn refusal(log: &Log, change: impl FnOnce(&mut Record)) -> LogError {
    let mut record = record("a", 1, 1);
    change(&mut record);
    log.append(Batch { records: vec![record], cursor: None }).expect_err("refused")
}

#[test]
fn names_keys_and_payloads_are_bounded() {
    let folder = tempfile::tempdir().expect("folder");
    let log = open(folder.path(), LogOptions { payload_bytes_max: 100, ..LogOptions::default() });
    let what = |error| match error {
        LogError::InvalidName { what, bytes, .. } | LogError::TooLarge { what, bytes, .. } => {
            (what, bytes)
        }
        other => panic!("{other}"),
    };
    assert_eq!(what(refusal(&log, |one| one.stream.clear())), ("stream's name", 0));
    assert_eq!(what(refusal(&log, |one| one.stream = "s".repeat(1_025))), ("stream's name", 1_025));
    assert_eq!(what(refusal(&log, |one| one.device.clear())), ("device's name", 0));
    assert_eq!(what(refusal(&log, |one| one.device = "d".repeat(257))), ("device's name", 257));
    assert_eq!(what(refusal(&log, |one| one.key = vec![0; 1_025].into())), ("key", 1_025));
    assert_eq!(what(refusal(&log, |one| one.payload = vec![0; 101].into())), ("payload", 101));
    assert_eq!(log.usage().end, 0);
    let most = Record {
        stream: "s".repeat(1_024),
        device: "d".repeat(256),
        key: vec![0; 1_024].into(),
        payload: vec![0; 100].into(),
        ..record("a", 1, 1)
    };
    let outcome = log.append(Batch { records: vec![most], cursor: None });
    assert_eq!(outcome, Ok(vec![Outcome::Stored(0)]));
}

#[test]
fn a_batch_is_bounded_with_all_that_belongs_to_it() {
    let folder = tempfile::tempdir().expect("folder");
    let log = open(folder.path(), small());
    let batch = |records: u64| Batch {
        records: (0..records).map(|i| record("a", 1, i * 20)).collect(),
        cursor: None,
    };
    // Their content alone would fit.
    assert!(matches!(log.append(batch(20)), Err(LogError::TooLarge { what: "batch", .. })));
    assert_eq!(log.append(batch(10)).expect("fits").len(), 10);
    let state = vec![0; 70_000].into();
    let change = CursorChange::Commit { name: "r".to_owned(), position: 0, state };
    let refused = log.append(Batch { records: Vec::new(), cursor: Some(change) });
    assert!(matches!(refused, Err(LogError::TooLarge { what: "cursor's state", .. })));
}

#[test]
fn devices_that_cannot_be_remembered_are_refused_and_others_go_on() {
    let folder = tempfile::tempdir().expect("folder");
    let log = open(folder.path(), LogOptions { devices_bytes_max: 1_100, ..small() });
    let results: Vec<_> = (0..12).map(|i| log.append(one(&format!("d{i}"), 1, 0))).collect();
    let refused = results.iter().filter(|one| **one == Err(LogError::TooManyDevices)).count();
    assert_eq!((results.len() - refused, refused), (10, 2));
    log.append(one("d0", 1, 1)).expect("a known one goes on");
}

#[test]
fn what_waits_is_bounded_and_everybody_is_answered() {
    let folder = tempfile::tempdir().expect("folder");
    let log = open(folder.path(), LogOptions { queue_batches_max: 8, ..LogOptions::default() });
    let (stored, busy) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    for sequence in 0..5_000 {
        let (stored, busy) = (stored.clone(), busy.clone());
        log.submit(
            one("a", 1, sequence),
            Box::new(move |result| match result {
                Ok(_) => drop(stored.fetch_add(1, SeqCst)),
                Err(LogError::Busy) => drop(busy.fetch_add(1, SeqCst)),
                Err(error) => panic!("{error}"),
            }),
        );
    }
    drop(log);
    assert_eq!(stored.load(SeqCst) + busy.load(SeqCst), 5_000);
    assert!(busy.load(SeqCst) > 0);
    let log = open(folder.path(), LogOptions::default());
    assert_eq!(records(&read(&log, 0)).len() as u64, stored.load(SeqCst));
}

#[test]
fn a_second_process_is_told_who_is_in_the_way() {
    let folder = tempfile::tempdir().expect("folder");
    let first = open(folder.path(), small());
    let error = Log::open(folder.path(), small()).err().expect("in use");
    assert_eq!(error, LogError::InUse { path: folder.path().to_owned() });
    assert!(error.hint().is_some_and(|hint| hint.contains("--data")));
    drop(first);
    let log = open(folder.path(), small());
    log.append(one("a", 1, 0)).expect("append");
    assert_eq!(records(&read(&log, 0)), [("a".to_owned(), number(1, 0))]);
}

#[test]
fn files_of_another_log_are_left_alone_and_named() {
    let (folder, other) =
        (tempfile::tempdir().expect("folder"), tempfile::tempdir().expect("other"));
    for (folder, count) in [(&folder, 1), (&other, 3)] {
        for i in 0..count {
            let log = open(folder.path(), small());
            log.append(one("a", 1, i)).expect("append");
        }
    }
    let name = "0000000000000001.log";
    let here = folder.path().join("0000000000000000.log");
    std::fs::copy(other.path().join(name), &here).expect("copy");
    std::fs::write(folder.path().join("notes.log"), "not a segment").expect("write");
    let log = open(folder.path(), small());
    assert_eq!(records(&read(&log, 0)).len(), 1);
    assert_eq!(log.recovered().foreign, ["0000000000000000.log"]);
    assert!(here.is_file());
}
