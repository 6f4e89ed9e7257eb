use super::{body, get, has, head, key, open, put, small};
use bytes::Bytes;
use sedge_store::segments::{
    BLOCK_BYTES, Put, ReadError, Segments, SegmentsError, SegmentsOptions,
};
use std::collections::BTreeSet;
use std::sync::{Arc, Barrier};

#[test]
fn one_process_uses_a_folder_at_a_time() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("not").join("there");
    let first = open(&path, small());
    let error = Segments::open(&path, small()).err();
    assert_eq!(error, Some(SegmentsError::InUse { path: path.clone() }));
    drop(first);
    drop(open(&path, small()));
}

#[test]
fn a_folder_that_cannot_be_is_an_error() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("file");
    std::fs::write(&path, b"").expect("file");
    assert!(matches!(Segments::open(&path, small()), Err(SegmentsError::Io { .. })));
}

#[test]
fn what_does_not_fit_into_a_segment_is_refused_and_takes_the_older_one_with_it() {
    let folder = tempfile::tempdir().expect("folder");
    let segments = open(folder.path(), small());
    let largest = segments.record_bytes_max() as usize - head(1, 1).len();
    put(&segments, 1, 1, largest);
    assert!(has(&segments, 1, 1, largest));
    assert_eq!(segments.put(key(1), head(1, 2), vec![body(1, 2, 4_096)]), Put::TooLarge);
    assert_eq!(get(&segments, 1), None);
    drop(segments);
    let segments = open(folder.path(), small());
    assert_eq!(get(&segments, 1), None);
}

#[test]
fn empty_heads_and_bodies_are_records_too() {
    let folder = tempfile::tempdir().expect("folder");
    let segments = open(folder.path(), small());
    assert_eq!(segments.put(key(1), Bytes::new(), Vec::new()), Put::Queued);
    segments.sync_wait().expect("sync");
    let reader = segments.get(&key(1)).expect("there");
    assert_eq!((reader.head().len(), reader.body_bytes(), reader.blocks()), (0, 0, 0));
    assert_eq!(reader.block(0), Err(ReadError::OutOfRange));
    assert_eq!(reader.slice(0..10).count(), 0);
}

#[test]
fn ranges_are_read_by_blocks() {
    let folder = tempfile::tempdir().expect("folder");
    let options = SegmentsOptions { bytes_max: 64 << 20, segment_bytes: 4 << 20, ..small() };
    let segments = open(folder.path(), options);
    let block = u64::from(BLOCK_BYTES);
    for bytes in [1, block - 1, block, block + 1, 3 * block, 5 * block + 17] {
        put(&segments, bytes, 1, bytes as usize);
        let whole = body(bytes, 1, bytes as usize);
        let reader = segments.get(&key(bytes)).expect("there");
        assert_eq!(u64::from(reader.blocks()), bytes.div_ceil(block));
        assert_eq!(reader.is_whole(), bytes < 2 * block);
        for from in [0, 1, block - 1, block, bytes - 1, bytes, bytes + 5] {
            for to in [0, 1, block, block + 1, bytes, u64::MAX] {
                let read: Vec<u8> =
                    reader.slice(from..to).flat_map(|block| block.expect("intact")).collect();
                let (from, to) = (from.min(bytes) as usize, to.min(bytes) as usize);
                assert_eq!(read, whole[from..to.max(from)], "{from} to {to} of {bytes}");
            }
        }
    }
}

#[test]
fn a_large_head_is_read_whole() {
    let folder = tempfile::tempdir().expect("folder");
    let options = SegmentsOptions { bytes_max: 64 << 20, segment_bytes: 4 << 20, ..small() };
    let segments = open(folder.path(), options);
    let head = body(1, 1, 300_000);
    assert_eq!(segments.put(key(1), head.clone(), vec![body(1, 1, 500_000)]), Put::Queued);
    segments.sync_wait().expect("sync");
    let reader = segments.get(&key(1)).expect("there");
    assert_eq!(*reader.head(), head);
    assert_eq!(reader.block(7).expect("last"), body(1, 1, 500_000)[7 * 65_536..]);
}

/// A reply that holds the writer up shows what the queue takes meanwhile.
#[test]
fn a_full_queue_refuses_records_and_drops_the_older_one() {
    let folder = tempfile::tempdir().expect("folder");
    let options = SegmentsOptions { queue_records_max: 3, queue_removals_max: 2, ..small() };
    let segments = open(folder.path(), options.clone());
    put(&segments, 1, 1, 10);
    put(&segments, 2, 1, 10);
    let (held, go) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
    let (held_there, go_there) = (held.clone(), go.clone());
    segments.sync(move |result| {
        result.expect("sync");
        held_there.wait();
        go_there.wait();
    });
    held.wait();
    let version_two = |i| segments.put(key(i), head(i, 2), vec![body(i, 2, 10)]);
    assert_eq!([3, 4, 5].map(version_two), [Put::Queued; 3]);
    assert_eq!(version_two(1), Put::Full);
    assert!(!segments.contains(&key(1)), "it would be out of date");
    segments.remove(key(2), |result| result.expect("taken"));
    assert!(!segments.contains(&key(2)), "at once");
    let refused = segments.remove_wait(key(9));
    assert_eq!(refused, Err(SegmentsError::Busy));
    go.wait();
    // Until the writer has taken the removals, there is no room for this either.
    let is_busy = |result| result == Err(SegmentsError::Busy);
    for _ in 0..10_000 {
        if !is_busy(segments.sync_wait()) {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    assert_eq!(segments.counters().refused_full, 1);
    drop(segments);
    let segments = open(folder.path(), options);
    let there: Vec<u64> = (0..10).filter(|&i| get(&segments, i).is_some()).collect();
    assert_eq!(there, [3, 4, 5]);
}

#[test]
fn a_reply_that_panics_is_its_callers_defect() {
    let folder = tempfile::tempdir().expect("folder");
    let segments = open(folder.path(), small());
    segments.sync(|_| panic!("a caller's defect, as this test wants it"));
    put(&segments, 1, 1, 10);
    assert!(has(&segments, 1, 1, 10));
}

#[test]
fn pages_tell_every_key_once() {
    let folder = tempfile::tempdir().expect("folder");
    let segments = open(folder.path(), small());
    (0..100).for_each(|i| put(&segments, i, 1, 10));
    let (mut seen, mut cursor) = (BTreeSet::new(), None);
    for _ in 0..1_000 {
        let page = segments.page(cursor, 7);
        assert!(page.records.len() <= 7);
        page.records.iter().for_each(|record| assert!(seen.insert(record.0)));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen, (0..100).map(key).collect());
}

#[test]
fn everything_can_be_removed_at_once() {
    let folder = tempfile::tempdir().expect("folder");
    let segments = open(folder.path(), small());
    (0..100).for_each(|i| put(&segments, i, 1, 100));
    assert!(segments.counters().segments > 3);
    segments.remove_all_wait().expect("removed");
    put(&segments, 200, 1, 100);
    let counters = segments.counters();
    assert_eq!((counters.records, counters.segments), (1, 1));
    drop(segments);
    let segments = open(folder.path(), small());
    assert_eq!(segments.counters().records, 1);
    assert!(has(&segments, 200, 1, 100));
}
