//! What somebody can do who knows the format and may write the files.

use crate::log::format::{
    RECORD_HEADER_BYTES, RecordHeader, SEGMENT_HEADER_BYTES, SegmentHeader, Stored,
};

/// Changes a record's payload and makes the record look intact, in the tenth record.
pub(super) fn change_payload(bytes: &mut [u8]) {
    let header = SegmentHeader::decode(&bytes[..SEGMENT_HEADER_BYTES]).expect("a segment");
    let intact = |at: &usize| Stored::decode(&bytes[*at..], header.home).is_some();
    let places = (0..bytes.len()).step_by(8).filter(intact);
    let at = places.skip(10).find(|at| {
        RecordHeader::peek(&bytes[*at..]).is_some_and(|header| header.payload_bytes > 0)
    });
    let at = at.expect("a record");
    let record = RecordHeader::peek(&bytes[at..]).expect("a record");
    let length = record.record_bytes() as usize;
    bytes[at + length - 1] ^= 1;
    let mut from = at + RECORD_HEADER_BYTES;
    let lengths = [record.stream_bytes, record.device_bytes, record.key_bytes].map(usize::from);
    let mut parts = Vec::new();
    for length in lengths.into_iter().chain([record.payload_bytes as usize]) {
        parts.push(bytes[from..from + length].to_vec());
        from += length;
    }
    let parts: [&[u8]; 4] = [&parts[0], &parts[1], &parts[2], &parts[3]];
    let digest = crate::log::format::digest(&record, &parts);
    let forged = record.encode(header.home, &digest);
    bytes[at..at + RECORD_HEADER_BYTES].copy_from_slice(&forged);
    assert!(Stored::decode(&bytes[at..], header.home).is_some());
}
