use super::{one, open, read, record, records, small};
use crate::namespace;
use sedge_store::Store;
use sedge_store::log::{Batch, Cursor, CursorChange, Item, Log, LogError, Outcome};

fn commit(name: &str, position: u64, state: &str) -> CursorChange {
    CursorChange::Commit { name: name.to_owned(), position, state: state.to_owned().into() }
}

fn cursor_only(change: CursorChange) -> Batch {
    Batch { records: Vec::new(), cursor: Some(change) }
}

#[test]
fn a_cursor_goes_forward_only_and_not_beyond_the_end() {
    let folder = tempfile::tempdir().expect("folder");
    let log = open(folder.path(), small());
    (0..4).for_each(|i| drop(log.append(one("a", 1, i)).expect("append")));
    assert!(matches!(
        log.append(cursor_only(commit("r", 5, ""))),
        Err(LogError::InvalidCursor { from: 0, to: 5, .. })
    ));
    assert_eq!(log.cursor("r"), None);
    log.append(cursor_only(commit("r", 3, "x"))).expect("commit");
    let back = log.append(cursor_only(commit("r", 2, "")));
    assert!(matches!(back, Err(LogError::InvalidCursor { from: 3, to: 2, .. })));
    drop(log);
    let log = open(folder.path(), small());
    assert_eq!(log.cursor("r"), Some(Cursor { position: 3, state: "x".into() }));
    assert_eq!(records(&read(&log, 3)).len(), 1);
    let remove = CursorChange::Remove { name: "r".to_owned() };
    log.append(cursor_only(remove)).expect("remove");
    assert_eq!((log.cursor("r"), log.cursors()), (None, Vec::new()));
}

/// Turns each reading into a doubled one: what is emitted, the state and the cursor are
/// one batch. `fails`: it ends just before it commits.
fn double(log: &Log, fails: bool) {
    let cursor = log.cursor("double").unwrap_or(Cursor { position: 0, state: "0".into() });
    let mut count: u64 = std::str::from_utf8(&cursor.state).expect("ours").parse().expect("ours");
    let mut reader = log.reader(cursor.position);
    let mut emitted = Vec::new();
    for item in reader.read(600).expect("files are there") {
        let Item::Record { position, record: read, .. } = item else { panic!("{item:?}") };
        if read.device != "double" {
            count += 1;
            // Numbered by what it was made of, so that it is the same when made again.
            emitted.push(record("double", 1, position));
        }
    }
    if !fails {
        let cursor = Some(commit("double", reader.position(), &count.to_string()));
        log.append(Batch { records: emitted, cursor }).expect("commit");
    }
}

#[test]
fn what_a_reader_emits_takes_effect_once() {
    let folder = tempfile::tempdir().expect("folder");
    let mut log = open(folder.path(), small());
    for i in 0..30 {
        log.append(one("a", 1, i)).expect("append");
        double(&log, i % 3 == 0);
        if i % 7 == 0 {
            drop(log);
            log = open(folder.path(), small());
        }
    }
    while log.cursor("double").is_none_or(|cursor| cursor.position + 1 < log.usage().end) {
        double(&log, false);
    }
    let all = records(&read(&log, 0));
    assert_eq!(all.iter().filter(|(device, _)| device == "double").count(), 30);
    assert_eq!(log.cursor("double").expect("committed").state, "30");
}

/// Sums up readings in the tables: sum and position are one transaction.
fn sum_up(log: &Log, store: &Store, fails_at: Option<&str>) {
    let n = namespace("sums");
    let number = |key: &str| -> u64 {
        let value = store.get(&n, key).expect("get").unwrap_or_else(|| b"0".to_vec());
        String::from_utf8(value).expect("ours").parse().expect("ours")
    };
    let (mut sum, position) = (number("sum"), number("position"));
    let mut reader = log.reader(position);
    for item in reader.read(500).expect("files are there") {
        if let Item::Record { record, .. } = item {
            sum += record.number.sequence;
        }
    }
    if fails_at == Some("state") {
        return;
    }
    let position = reader.position();
    let both = [("sum", sum), ("position", position)];
    let both = both.map(|(key, number)| (key.to_owned(), number.to_string().into_bytes()));
    store.set_many(&n, both.to_vec(), None).expect("set both");
    if fails_at == Some("cursor") {
        return;
    }
    // Only tells what may be removed.
    log.append(cursor_only(commit("sums", position, ""))).expect("commit");
}

#[test]
fn state_in_the_tables_and_its_position_are_one() {
    let folder = tempfile::tempdir().expect("folder");
    let store = Store::open(folder.path().join("state.redb")).expect("store");
    let log = open(&folder.path().join("log"), small());
    for i in 0..60u64 {
        assert!(matches!(log.append(one("a", 1, i)).expect("append")[..], [Outcome::Stored(_)]));
        sum_up(&log, &store, [None, Some("state"), Some("cursor")][i as usize % 3]);
    }
    // Its own cursors are records, too: a page may have no others.
    (0..60).for_each(|_| sum_up(&log, &store, None));
    let sum = store.get(&namespace("sums"), "sum").expect("get").expect("summed up");
    assert_eq!(sum, (0..60).sum::<u64>().to_string().into_bytes());
}
