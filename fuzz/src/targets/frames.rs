//! Frames of HTTP/2.

use sedge_ingress::http::http2::heads::{Head, Heads, PREFACE_BYTES};

pub(super) fn frames() -> Vec<Vec<u8>> {
    let settings = b"\0\0\0\x04\0\0\0\0\0".to_vec();
    let ping = b"\0\0\x08\x06\0\0\0\0\0\x01\x02\x03\x04\x05\x06\x07\x08".to_vec();
    let reset = b"\0\0\x04\x03\0\0\0\0\x01\0\0\0\x08".to_vec();
    let goaway = b"\0\0\x08\x07\0\0\0\0\0\0\0\0\x01\0\0\0\x0b".to_vec();
    let all = [&settings[..], &ping, &reset, &goaway].concat();
    vec![settings, ping, reset, goaway, all]
}

/// The heads of a connection's frames: however the bytes are cut, they are the same,
/// and they account for every byte.
pub(super) fn heads(data: &[u8]) {
    let Some((&cut, bytes)) = data.split_first() else { return };
    let whole = read(&[bytes]);
    let pieces: Vec<&[u8]> = bytes.chunks(usize::from(cut).max(1)).collect();
    assert_eq!(read(&pieces), whole, "cut every {cut} bytes");
    let told: usize = whole.iter().map(|head| 9 + head.length as usize).sum();
    let last = whole.last().map_or(0, |head| head.length as usize);
    // Of the last frame, nothing but the head need be there yet; a frame that has a
    // code is told of a little later.
    assert!(told <= bytes.len() + last && bytes.len() < told + 9 + 8, "{told} of {}", bytes.len());
    // The same behind a preface.
    let mut behind = vec![0; PREFACE_BYTES];
    behind.extend_from_slice(bytes);
    let (mut heads, mut found) = (Heads::new(PREFACE_BYTES), Vec::new());
    heads.feed(&behind, |head| found.push(head));
    assert_eq!(found, whole);
}

fn read(pieces: &[&[u8]]) -> Vec<Head> {
    let (mut heads, mut found) = (Heads::new(0), Vec::new());
    for piece in pieces {
        heads.feed(piece, |head| {
            assert!(head.length < 1 << 24 && head.stream < 1 << 31);
            found.push(head);
        });
    }
    found
}
