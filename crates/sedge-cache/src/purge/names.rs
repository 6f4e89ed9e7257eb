//! Hashes of what is purged by name.

/// FNV-1a: it is taken byte by byte, so that all prefixes of a URL are hashed in one
/// walk. Who makes two names meet only has the one purged with the other.
const BASIS: u64 = 0xCBF2_9CE4_8422_2325;
const PRIME: u64 = 0x0100_0000_01B3;

fn fold(hash: u64, byte: u8) -> u64 {
    (hash ^ u64::from(byte)).wrapping_mul(PRIME)
}

/// The 64 bits under which a tag is kept with an object.
pub fn tag_hash(tag: &str) -> u64 {
    let digest = blake3::hash(tag.as_bytes());
    digest.as_bytes().first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// The hash of a whole URL.
pub(super) fn url_hash(url: &str) -> u64 {
    url.bytes().fold(BASIS, fold)
}

/// The hash of a prefix, without its query and the slashes at its end.
pub(super) fn prefix_hash(prefix: &str) -> u64 {
    let path = prefix.split(['?', '#']).next().unwrap_or_default();
    let cut = path.match_indices('/').nth(DEPTH_MAX - 1).map_or(path, |(at, _)| &path[..at]);
    url_hash(cut.trim_end_matches('/'))
}

/// Segments of a path that are looked at. A deeper prefix is cut off here too, so that it
/// purges more.
const DEPTH_MAX: usize = 64;

/// Tells the hash of each prefix of a URL by whole segments.
pub(super) fn prefixes(url: &str, mut tell: impl FnMut(u64)) {
    let (mut hash, mut depth) = (BASIS, 0);
    for byte in url.bytes() {
        if matches!(byte, b'/' | b'?' | b'#') {
            tell(hash);
            depth += 1;
            if byte != b'/' || depth == DEPTH_MAX {
                return;
            }
        }
        hash = fold(hash, byte);
    }
    tell(hash);
}
