use super::*;
use proptest::prelude::*;

const HOME: Home = Home { log: 5, segment: 7 };

fn header() -> RecordHeader {
    RecordHeader {
        kind: RecordKind::Data,
        stream_bytes: 2,
        device_bytes: 1,
        key_bytes: 3,
        payload_bytes: 4,
        position: 11,
        epoch: 1,
        sequence: 2,
        time_ms: 3,
        link: [9; 32],
    }
}

fn record() -> Vec<u8> {
    let parts: [&[u8]; 4] = [b"st", b"d", b"key", b"load"];
    let mut bytes = header().encode(HOME, &digest(&header(), &parts)).to_vec();
    parts.iter().for_each(|part| bytes.extend_from_slice(part));
    bytes
}

#[test]
fn every_flipped_bit_of_a_record_and_every_cut_is_noticed() {
    let bytes = record();
    let stored = Stored::decode(&bytes, HOME).expect("whole");
    assert_eq!((stored.stream, stored.device, stored.key), ("st", "d", &b"key"[..]));
    assert_eq!((stored.payload, stored.header), (&b"load"[..], header()));
    for bit in 0..bytes.len() * 8 {
        let mut bytes = bytes.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(Stored::decode(&bytes, HOME), None, "bit {bit}");
    }
    (0..bytes.len()).for_each(|cut| assert_eq!(Stored::decode(&bytes[..cut], HOME), None));
}

#[test]
fn a_record_holds_in_its_place_alone() {
    let bytes = record();
    assert_eq!(Stored::decode(&bytes, Home { log: 6, ..HOME }), None);
    assert_eq!(Stored::decode(&bytes, Home { segment: 8, ..HOME }), None);
}

#[test]
fn names_that_are_no_text_are_refused() {
    let parts: [&[u8]; 4] = [b"\xff\xfe", b"d", b"key", b"load"];
    let mut bytes = header().encode(HOME, &digest(&header(), &parts)).to_vec();
    parts.iter().for_each(|part| bytes.extend_from_slice(part));
    assert_eq!(Stored::decode(&bytes, HOME), None);
}

#[test]
fn a_digest_tells_where_a_part_ends() {
    let digest_of = |parts: [&[u8]; 4]| digest(&header(), &parts);
    assert_ne!(digest_of([b"ab", b"c", b"", b""]), digest_of([b"a", b"bc", b"", b""]));
    assert_ne!(digest_of([b"a", b"b", b"c", b""]), digest_of([b"a", b"b", b"", b"c"]));
}

#[test]
fn every_flipped_bit_of_a_frame_or_a_segment_header_is_noticed() {
    let frame = FrameHeader {
        kind: FrameKind::Batch,
        bytes: 96,
        records: 1,
        first: 4,
        written_at_ms: 5,
        content: [3; 16],
    };
    let segment = SegmentHeader { home: HOME, first: 9 };
    let (frame_bytes, segment_bytes) = (frame.encode(HOME), segment.encode());
    assert_eq!(FrameHeader::decode(&frame_bytes, HOME), Some(frame));
    assert_eq!(FrameHeader::decode(&frame_bytes, Home { log: 1, ..HOME }), None);
    assert_eq!(SegmentHeader::decode(&segment_bytes), Some(segment));
    for bit in 0..FRAME_HEADER_BYTES * 8 {
        let (mut one, mut other) = (frame_bytes, segment_bytes);
        one[bit / 8] ^= 1 << (bit % 8);
        other[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(FrameHeader::decode(&one, HOME), None, "bit {bit}");
        assert_eq!(SegmentHeader::decode(&other), None, "bit {bit}");
    }
}

#[test]
fn a_frame_that_says_what_cannot_be_is_refused() {
    let frame = |kind, bytes, records, first| {
        let header =
            FrameHeader { kind, bytes, records, first, written_at_ms: 0, content: [0; 16] };
        FrameHeader::decode(&header.encode(HOME), HOME)
    };
    assert_eq!(frame(FrameKind::Batch, 97, 1, 0), None, "it is not aligned");
    assert_eq!(frame(FrameKind::Batch, 96, 0, 0), None, "it has no records");
    assert_eq!(frame(FrameKind::Mark, 0, 1, 0), None, "it has records");
    assert_eq!(frame(FrameKind::Batch, 96, 1, u64::MAX), None, "it ends behind all numbers");
}

proptest! {
    #[test]
    fn anything_may_be_read(mut bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert_eq!(Stored::decode(&bytes, HOME), None);
        prop_assert_eq!(FrameHeader::decode(&bytes, HOME), None);
        prop_assert_eq!(SegmentHeader::decode(&bytes), None);
        // Nearly right, so that more than the magic is looked at.
        if bytes.len() >= 8 {
            bytes[..6].copy_from_slice(b"sdlr\x01\x01");
            prop_assert_eq!(Stored::decode(&bytes, HOME), None);
            bytes[..8].copy_from_slice(b"sdlf\x01\x01\0\0");
            prop_assert_eq!(FrameHeader::decode(&bytes, HOME), None);
        }
    }
}
