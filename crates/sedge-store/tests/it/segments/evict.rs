use super::{get, has, open, put, small};
use sedge_store::segments::{ReadError, SegmentsOptions};

#[test]
fn the_oldest_go_and_the_files_keep_within_their_bound() {
    let folder = tempfile::tempdir().expect("folder");
    let segments = open(folder.path(), small());
    for i in 0..500 {
        put(&segments, i, 1, 500);
        assert!(segments.counters().file_bytes <= 64 << 10);
    }
    let on_disk: u64 = std::fs::read_dir(folder.path())
        .expect("list")
        .map(|entry| entry.expect("entry").metadata().expect("metadata").len())
        .sum();
    assert!(on_disk <= (64 << 10) + 48, "{on_disk}");
    let counters = segments.counters();
    assert_eq!(counters.records + counters.evicted, 500);
    assert!((0..500 - counters.records).all(|i| get(&segments, i).is_none()));
    assert!((500 - counters.records..500).all(|i| has(&segments, i, 1, 500)));
    assert!(counters.records > 60, "{} of 100 that would fit", counters.records);
}

#[test]
fn what_is_asked_for_gets_a_second_chance() {
    let folder = tempfile::tempdir().expect("folder");
    let segments = open(folder.path(), small());
    // Together half a segment: all of them may be written again at once.
    (0..4).for_each(|i| put(&segments, i, 1, 300));
    for i in 100..2_000 {
        put(&segments, i, 1, 300);
        assert!(has(&segments, i % 4, 1, 300), "{} at {i}", i % 4);
    }
    assert!(segments.counters().rewritten >= 40);
    drop(segments);
    let segments = open(folder.path(), small());
    assert!((0..4).all(|i| has(&segments, i, 1, 300)));
}

#[test]
fn a_second_chance_is_not_for_what_was_replaced_or_removed() {
    let folder = tempfile::tempdir().expect("folder");
    let segments = open(folder.path(), small());
    (0..4).for_each(|i| put(&segments, i, 1, 300));
    (0..4).for_each(|i| assert!(has(&segments, i, 1, 300)));
    put(&segments, 0, 2, 300);
    segments.remove_wait(super::key(1)).expect("removed");
    for i in 100..1_000 {
        put(&segments, i, 1, 300);
        assert!(get(&segments, 1).is_none());
        assert!(get(&segments, 0).is_none() || has(&segments, 0, 2, 300));
    }
}

#[test]
fn everything_being_asked_for_does_not_stop_the_log() {
    let folder = tempfile::tempdir().expect("folder");
    let segments = open(folder.path(), SegmentsOptions { second_chance_percent: 100, ..small() });
    for i in 0..1_000 {
        put(&segments, i, 1, 700);
        assert!(has(&segments, i, 1, 700));
        assert!(segments.counters().file_bytes <= 64 << 10);
    }
}

#[test]
fn a_reader_goes_on_while_its_segment_is_evicted_within_a_bound() {
    let folder = tempfile::tempdir().expect("folder");
    let options = SegmentsOptions {
        bytes_max: 4 << 20,
        segment_bytes: 512 << 10,
        pinned_bytes_max: 600 << 10,
        ..small()
    };
    let segments = open(folder.path(), options);
    let readers: Vec<_> = (0..2)
        .map(|i| {
            // Each in a segment of its own.
            put(&segments, i, 1, 400 << 10);
            segments.get(&super::key(i)).expect("there")
        })
        .collect();
    (10..20).for_each(|i| put(&segments, i, 1, 400 << 10));
    assert_eq!(readers[0].block(0), Err(ReadError::CutOff));
    assert_eq!(readers[1].block(5).expect("held"), super::body(1, 1, 400 << 10)[5 << 16..6 << 16]);
    assert_eq!(segments.counters().cut_off, 1);
}

#[test]
fn less_room_than_before_is_less_kept() {
    let folder = tempfile::tempdir().expect("folder");
    let segments = open(folder.path(), small());
    (0..200).for_each(|i| put(&segments, i, 1, 500));
    drop(segments);
    let segments = open(folder.path(), SegmentsOptions { bytes_max: 24 << 10, ..small() });
    put(&segments, 200, 1, 500);
    assert!(segments.counters().file_bytes <= 24 << 10);
    assert!(has(&segments, 200, 1, 500));
}
