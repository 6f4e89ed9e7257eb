use super::*;
use crate::segments::format::{Kind, SegmentHeader};
use proptest::prelude::*;

const HEADER: SegmentHeader = SegmentHeader { log: 5, number: 7, first_sequence: 20 };

/// A record without head and body.
fn record(sequence: u64) -> [u8; 64] {
    let home = crate::segments::format::Home { log: 5, segment: 7 };
    let (kind, key) = (Kind::Removed, [sequence as u8; 16]);
    let (written_at_ms, head_bytes, body_bytes) = (0, 0, 0);
    Header { kind, key, sequence, written_at_ms, head_bytes, body_bytes }.encode(home, &[])
}

/// What a segment of these bytes holds.
fn contents_of(bytes: &[u8]) -> Contents {
    let folder = tempfile::tempdir().expect("folder");
    let segment = Segment::create(folder.path(), HEADER).expect("create");
    segment.write(64, bytes).expect("write");
    contents(&segment).expect("read")
}

fn sequences(contents: &Contents) -> Vec<u8> {
    contents.entries.iter().map(|entry| entry.key[0]).collect()
}

#[test]
fn an_empty_segment_holds_nothing() {
    let found = contents_of(&[]);
    assert_eq!((found.end, found.next_sequence, found.has_gap), (64, 20, false));
    assert_eq!(found.entries, []);
}

#[test]
fn a_torn_end_is_left_out() {
    let torn = record(22);
    let found = contents_of(&[&record(20)[..], &record(21), &torn[..63]].concat());
    assert_eq!(sequences(&found), [20, 21]);
    assert_eq!((found.end, found.next_sequence, found.has_gap), (192, 22, false));
}

#[test]
fn what_lies_before_a_gap_is_forgotten() {
    let mut damaged = record(21);
    damaged[30] ^= 1;
    let found = contents_of(&[record(20), damaged, record(22), record(23)].concat());
    assert_eq!(sequences(&found), [22, 23]);
    assert_eq!((found.end, found.next_sequence, found.has_gap), (320, 24, true));
    let missing = contents_of(&[record(20), record(22)].concat());
    assert_eq!(sequences(&missing), [22]);
    assert!(missing.has_gap);
}

#[test]
fn an_older_record_is_none() {
    let found = contents_of(&[record(20), record(19), record(20), record(21)].concat());
    assert_eq!(sequences(&found), [20, 21]);
    assert!(!found.has_gap);
}

#[test]
fn the_window_moves_over_what_is_larger() {
    let noise = vec![0xA5; 3 * WINDOW_BYTES + 16];
    let found = contents_of(&[&record(20)[..], &noise, &record(21)].concat());
    assert_eq!(sequences(&found), [20, 21]);
}

proptest! {
    #[test]
    fn anything_may_be_walked_through(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        prop_assert_eq!(contents_of(&bytes).entries.len(), 0);
    }
}
