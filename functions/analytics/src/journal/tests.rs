use super::*;
use crate::counted::tests::{NOON_MS, options, request, routes};
use crate::host::tests::Fake;

/// More than fits into a part: many users, in 60 minutes of each class.
fn large() -> Vec<Vec<u8>> {
    let names = ["shop", "api", "other"];
    (0..24_000_u64)
        .map(|at| {
            let time_ms = NOON_MS - (at % 600) as i64 * 6_000;
            let user = sedge_kit::sketch::hash::xxh64(&at.to_le_bytes(), 0);
            let mut record = request(time_ms, 1, names[at as usize % 3], 200);
            record[9..17].copy_from_slice(&user.to_le_bytes());
            record
        })
        .collect()
}

#[test]
fn tails_are_read_as_they_were_written_and_no_others() {
    let long = [1; RECORD_BYTES_MAX + 1];
    let bytes = tail(300, -5, &[b"a", b"", &long]);
    assert_eq!(read_tail(&bytes, 300), Some((-5, vec![&b"a"[..], b"", b""])));
    assert_eq!(read_tail(&bytes, 300 - TAILS), None);
    for length in (0..16).chain([17, bytes.len() - 3]) {
        let read = read_tail(&bytes[..length], 300);
        assert!(read.is_none_or(|(_, payloads)| payloads.len() < 3), "{length} bytes");
    }
    let largest = vec![&[1; RECORD_BYTES_MAX][..]; 4_096];
    assert!(tail(1, 1, &largest).len() + PART_BYTES < (2 << 20) - 300_000);
}

/// A snapshot of several parts, whose writing is gone on with by an instance that has not begun
/// it, and by one that comes to other bytes.
#[test]
fn a_snapshot_is_finished_by_whoever_comes_next() {
    let mut host = Fake { now_ms: NOON_MS, ..Fake::default() };
    let mut head = Head::load(&mut host).expect("a head");
    let mut kept = Kept::load(&mut host, &mut head, options(), &routes()).expect("kept");
    host.end(true);
    let all = large();
    let mut parts = 0;
    for batch in all.chunks(4_000) {
        let payloads: Vec<_> = batch.iter().map(|record| &record[..]).collect();
        let mut again = head.clone();
        kept.counted.take(NOON_MS, payloads.iter().copied(), &routes());
        kept.keep(&mut host, &mut head, NOON_MS, &payloads).expect("kept");
        parts = parts.max(head.writing.map_or(0, |snapshot| snapshot.parts));
        host.end(true);
        // Whoever has seen none of it comes to the same.
        let other = Kept::load(&mut host, &mut head, options(), &routes()).expect("kept");
        host.end(false);
        assert_eq!(other.counted, kept.counted);
        assert!(other.is_of(&head) && !other.is_of(&again));
        assert_eq!(other.writing, kept.writing);
        again.writing = Some(Snapshot { next: again.next, place: 1, parts: 9, written: 1, crc: 1 });
        let odd = Kept::load(&mut host, &mut again, options(), &routes()).expect("kept");
        assert!(again.writing.is_none() && odd.writing.is_none());
        host.end(false);
        kept = other;
    }
    assert!(parts > 1, "{parts} parts");
    assert_eq!(host.lines, Vec::<String>::new());
    assert_eq!(
        kept.counted.beside.totals.values().map(|total| total.requests()).sum::<u64>(),
        24_000
    );
    assert_eq!(head.snapshot.map(|snapshot| snapshot.next), Some(4));
}
