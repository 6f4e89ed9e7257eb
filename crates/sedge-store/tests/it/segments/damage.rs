use super::{body, get, has, key, open, put, small};
use sedge_store::segments::{Segments, SegmentsOptions};
use std::fs;
use std::path::{Path, PathBuf};

/// Bytes of each record's body.
const BYTES: usize = 40;

/// Segments so small that the log has three of them.
fn tiny() -> SegmentsOptions {
    SegmentsOptions { segment_bytes: 1 << 10, ..small() }
}

/// A log of three segments: 1 and 2 replaced, 3 removed, 4 removed and put again, then
/// some more, and at last 9 removed; all synced.
fn fill(segments: &Segments) {
    (0..5).for_each(|i| put(segments, i, 1, BYTES));
    put(segments, 1, 2, BYTES);
    put(segments, 9, 1, BYTES);
    segments.remove_wait(key(3)).expect("removed");
    segments.remove_wait(key(4)).expect("removed");
    put(segments, 2, 2, BYTES);
    put(segments, 4, 2, BYTES);
    segments.remove_wait(key(9)).expect("removed");
    segments.sync_wait().expect("sync");
}

/// The version of each that may be found; the others may not.
const LAST: [(u64, u64); 4] = [(0, 1), (1, 2), (2, 2), (4, 2)];

/// Opens a damaged log: what is found is right, what was removed is not found, and the
/// log goes on.
fn check(folder: &Path, what: &str) {
    let segments = open(folder, tiny());
    for (i, version) in LAST {
        let found = get(&segments, i);
        assert!(found.is_none() || has(&segments, i, version, BYTES), "{what}: {i}");
    }
    for i in [3, 9] {
        assert_eq!(get(&segments, i), None, "{what}: {i} was removed");
    }
    put(&segments, 3, 7, BYTES);
    segments.remove_wait(key(0)).expect("removed");
    drop(segments);
    let segments = open(folder, tiny());
    assert!(has(&segments, 3, 7, BYTES), "{what}: the log does not go on");
    assert_eq!(get(&segments, 0), None, "{what}");
    let counters = segments.counters();
    assert_eq!(counters.forgotten, 0, "{what}: the damage is there again");
}

/// Names and contents of a folder's files.
type Files = Vec<(PathBuf, Vec<u8>)>;

fn snapshot(folder: &Path) -> Files {
    let mut files: Vec<_> = fs::read_dir(folder)
        .expect("list")
        .map(|entry| entry.expect("entry").path())
        .map(|path| (path.clone(), fs::read(&path).expect("read")))
        .collect();
    files.sort();
    files
}

fn restore(folder: &Path, files: &[(PathBuf, Vec<u8>)]) {
    for path in fs::read_dir(folder).expect("list").map(|entry| entry.expect("entry").path()) {
        fs::remove_file(path).expect("remove");
    }
    files.iter().for_each(|(path, bytes)| fs::write(path, bytes).expect("write"));
}

/// A log that was closed, and one as it is while it is open: without the last footer.
fn logs() -> [(&'static str, tempfile::TempDir, Files); 2] {
    ["closed", "open"].map(|state| {
        let folder = tempfile::tempdir().expect("folder");
        let segments = open(folder.path(), tiny());
        fill(&segments);
        let while_open = snapshot(folder.path());
        drop(segments);
        let files = if state == "open" { while_open } else { snapshot(folder.path()) };
        assert_eq!(files.iter().filter(|file| file.0.extension().is_some()).count(), 3);
        (state, folder, files)
    })
}

#[test]
fn an_undamaged_log_is_whole() {
    for (state, folder, files) in logs() {
        restore(folder.path(), &files);
        let segments = open(folder.path(), tiny());
        for (i, version) in LAST {
            assert!(has(&segments, i, version, BYTES), "{state}: {i}");
        }
        let counters = segments.counters();
        assert_eq!(counters.scanned, u64::from(state == "open"));
        assert_eq!((counters.records, counters.forgotten, counters.foreign), (4, 0, 0));
    }
}

#[test]
fn every_flipped_byte_is_a_miss_at_worst() {
    for (state, folder, files) in logs() {
        for (path, bytes) in &files {
            for at in 0..bytes.len() {
                restore(folder.path(), &files);
                let mut damaged = bytes.clone();
                damaged[at] ^= 1 << (at % 8);
                fs::write(path, damaged).expect("damage");
                check(folder.path(), &format!("{state}, byte {at} of {}", path.display()));
            }
        }
    }
}

#[test]
fn every_cut_is_a_miss_at_worst() {
    for (state, folder, files) in logs() {
        for (path, bytes) in &files {
            for length in 0..bytes.len() {
                restore(folder.path(), &files);
                fs::write(path, &bytes[..length]).expect("cut");
                check(folder.path(), &format!("{state}, {} cut at {length}", path.display()));
            }
        }
    }
}

#[test]
fn damage_under_an_open_log_is_a_miss_at_worst() {
    let folder = tempfile::tempdir().expect("folder");
    let segments = open(folder.path(), tiny());
    fill(&segments);
    for (path, bytes) in snapshot(folder.path()) {
        if path.extension().is_some() {
            fs::write(path, vec![0xA5; bytes.len()]).expect("damage");
        }
    }
    assert!((0..10).all(|i| get(&segments, i).is_none()));
    assert_eq!(segments.counters().damaged, 4);
    put(&segments, 1, 9, BYTES);
    assert!(has(&segments, 1, 9, BYTES));
}

#[test]
fn a_missing_foreign_exchanged_or_newer_segment_is_a_miss_at_worst() {
    for (state, folder, files) in logs() {
        let segments: Vec<_> = files.iter().filter(|file| file.0.extension().is_some()).collect();
        for (i, (path, bytes)) in segments.iter().enumerate() {
            let mut newer = bytes.clone();
            newer[8] = 2;
            let foreign = foreign_segment();
            for (what, bytes) in [
                ("newer", newer),
                ("foreign", foreign),
                ("exchanged", segments[(i + 1) % 3].1.clone()),
                ("empty", Vec::new()),
                ("zero", vec![0; bytes.len()]),
            ] {
                restore(folder.path(), &files);
                fs::write(path, bytes).expect("write");
                check(folder.path(), &format!("{state}, {what} {i}"));
            }
            restore(folder.path(), &files);
            fs::remove_file(path).expect("remove");
            check(folder.path(), &format!("{state}, missing {i}"));
        }
        restore(folder.path(), &files);
        fs::write(&segments[0].0, &segments[1].1).expect("exchange");
        fs::write(&segments[1].0, &segments[0].1).expect("exchange");
        check(folder.path(), &format!("{state}, two exchanged"));
    }
}

/// The first segment of another log, whose records have other bodies.
fn foreign_segment() -> Vec<u8> {
    let folder = tempfile::tempdir().expect("folder");
    let segments = open(folder.path(), tiny());
    (0..5).for_each(|i| put(&segments, i, 99, BYTES));
    drop(segments);
    fs::read(folder.path().join("0000000000000001.seg")).expect("read")
}

#[test]
fn other_files_are_left_alone() {
    let folder = tempfile::tempdir().expect("folder");
    let others =
        ["notes.txt", "1.seg", "000000000000000g.seg"].map(|name| folder.path().join(name));
    others.iter().for_each(|path| fs::write(path, b"mine").expect("write"));
    let segments = open(folder.path(), small());
    (0..300).for_each(|i| put(&segments, i, 1, 700));
    assert!(others.iter().all(|path| fs::read(path).expect("read") == b"mine"));
}

/// A body that holds what looks like a record's header is no record, even where the real
/// one before it is damaged.
#[test]
fn a_record_in_a_body_is_not_taken_for_one() {
    let folder = tempfile::tempdir().expect("folder");
    let segments = open(folder.path(), small());
    put(&segments, 1, 1, 200);
    drop(segments);
    let path = folder.path().join("0000000000000001.seg");
    let record = fs::read(&path).expect("read")[64..].to_vec();
    let inside = tempfile::tempdir().expect("folder");
    let segments = open(inside.path(), small());
    segments.put(key(2), vec![0; 16].into(), vec![record.into()]);
    segments.sync_wait().expect("sync");
    drop(segments);
    let path = inside.path().join("0000000000000001.seg");
    let mut bytes = fs::read(&path).expect("read");
    bytes[70] ^= 1;
    bytes.truncate(bytes.len() - 1);
    fs::write(&path, bytes).expect("damage");
    let segments = open(inside.path(), small());
    assert_eq!(segments.counters().records, 0);
}

#[test]
fn a_large_body_is_checked_block_by_block() {
    let folder = tempfile::tempdir().expect("folder");
    let options = SegmentsOptions { bytes_max: 64 << 20, segment_bytes: 4 << 20, ..small() };
    let segments = open(folder.path(), options);
    put(&segments, 1, 1, 1 << 20);
    let path = folder.path().join("0000000000000001.seg");
    let mut bytes = fs::read(&path).expect("read");
    let at = bytes.len() - (1 << 20) + (5 << 16) + 77;
    bytes[at] ^= 1;
    fs::write(&path, bytes).expect("damage");
    let reader = segments.get(&key(1)).expect("its head is intact");
    let blocks: Vec<_> = reader.slice(0..u64::MAX).collect();
    assert_eq!(blocks.len(), 6);
    assert!(blocks[5].is_err());
    let intact: Vec<u8> = blocks.into_iter().flatten().flatten().collect();
    assert_eq!(intact, body(1, 1, 1 << 20)[..5 << 16]);
    assert!(!segments.contains(&key(1)), "it will not get better");
}
