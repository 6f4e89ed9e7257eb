//! How entries lie in the file.
//!
//! | table | key | value |
//! |---|---|---|
//! | `entries` | namespace, zero byte, key | expiry (8), version (8), value |
//! | `expiries` | expiry (8), namespace, zero byte, key | – |
//! | `usage` | namespace | number of keys (8), bytes of keys and values (8) |
//! | `meta` | `format`, `version`, `removed` | 8 bytes |
//!
//! Numbers are big endian, so that byte order is their order. Namespaces have
//! no zero byte, so the first one ends the namespace. Keys and values are plain
//! bytes to the database, and are decoded here: decoding never panics, however
//! damaged the file.

use redb::TableDefinition;

/// A table of bytes.
pub(crate) type Table = TableDefinition<'static, &'static [u8], &'static [u8]>;

/// The values.
pub(crate) const ENTRIES: Table = TableDefinition::new("entries");
/// Which entry expires when, soonest first.
pub(crate) const EXPIRIES: Table = TableDefinition::new("expiries");
/// How much each namespace holds.
pub(crate) const USAGE: Table = TableDefinition::new("usage");
/// The format, the last version that was given out, and the highest version of
/// an entry that was removed.
pub(crate) const META: Table = TableDefinition::new("meta");

/// Key in [`META`].
pub(crate) const META_FORMAT: &[u8] = b"format";
/// Key in [`META`].
pub(crate) const META_VERSION: &[u8] = b"version";
/// Key in [`META`]; absent until something is removed.
pub(crate) const META_REMOVED: &[u8] = b"removed";
/// The layout above.
pub(crate) const FORMAT: u64 = 1;

/// What is wrong with a file without [`META_VERSION`].
pub(crate) const NO_VERSION: &str = "it has no version counter";

/// Expiry of an entry that never expires.
pub(crate) const NEVER: u64 = u64::MAX;

const HEADER_BYTES: usize = 16;

/// A decoded value of [`ENTRIES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record<'a> {
    /// Milliseconds since 1970 at which it becomes invisible; [`NEVER`].
    pub(crate) expires_ms: u64,
    /// Which write it comes from.
    pub(crate) version: u64,
    /// What the caller stored.
    pub(crate) value: &'a [u8],
}

impl<'a> Record<'a> {
    /// Reads a record; `None` if it is too short to be one.
    pub(crate) fn decode(bytes: &'a [u8]) -> Option<Self> {
        let (expires_ms, rest) = split_u64(bytes)?;
        let (version, value) = split_u64(rest)?;
        Some(Record { expires_ms, version, value })
    }

    /// Writes the record.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_BYTES + self.value.len());
        bytes.extend_from_slice(&self.expires_ms.to_be_bytes());
        bytes.extend_from_slice(&self.version.to_be_bytes());
        bytes.extend_from_slice(self.value);
        bytes
    }

    /// Whether it is still to be seen at this time.
    pub(crate) fn is_live(&self, now_ms: u64) -> bool {
        self.expires_ms == NEVER || now_ms < self.expires_ms
    }
}

/// How much a namespace holds, including what has expired but was not swept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) keys: u64,
    pub(crate) bytes: u64,
}

impl Usage {
    /// Reads a value of [`USAGE`].
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (keys, rest) = split_u64(bytes)?;
        let (bytes, rest) = split_u64(rest)?;
        rest.is_empty().then_some(Usage { keys, bytes })
    }

    /// Writes a value of [`USAGE`].
    pub(crate) fn encode(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.keys.to_be_bytes());
        bytes[8..].copy_from_slice(&self.bytes.to_be_bytes());
        bytes
    }
}

/// The key of an entry in [`ENTRIES`].
pub(crate) fn entry_key(namespace: &str, key: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(namespace.len() + 1 + key.len());
    bytes.extend_from_slice(namespace.as_bytes());
    bytes.push(0);
    bytes.extend_from_slice(key.as_bytes());
    bytes
}

/// The first key after all of a namespace's in [`ENTRIES`].
pub(crate) fn namespace_end(namespace: &str) -> Vec<u8> {
    let mut bytes = namespace.as_bytes().to_vec();
    bytes.push(1);
    bytes
}

/// Namespace and key of an [`ENTRIES`] key.
pub(crate) fn split_entry_key(bytes: &[u8]) -> Option<(&str, &str)> {
    let zero = bytes.iter().position(|&byte| byte == 0)?;
    let namespace = std::str::from_utf8(&bytes[..zero]).ok()?;
    let key = std::str::from_utf8(&bytes[zero + 1..]).ok()?;
    Some((namespace, key))
}

/// The key in [`EXPIRIES`] of an entry.
pub(crate) fn expiry_key(expires_ms: u64, entry_key: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(8 + entry_key.len());
    bytes.extend_from_slice(&expires_ms.to_be_bytes());
    bytes.extend_from_slice(entry_key);
    bytes
}

/// The number at the front, and what follows it.
pub(crate) fn split_u64(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<8>()?;
    Some((u64::from_be_bytes(*head), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_or_foreign_bytes_are_no_record() {
        for length in 0..HEADER_BYTES {
            assert_eq!(Record::decode(&vec![0xff; length]), None);
        }
        assert_eq!(Usage::decode(&[0; 15]), None);
        assert_eq!(Usage::decode(&[0; 17]), None);
        assert_eq!(split_entry_key(b"no zero byte"), None);
        assert_eq!(split_entry_key(b"ns\0\xff"), None);
    }

    #[test]
    fn round_trips() {
        let record = Record { expires_ms: 7, version: 9, value: b"value" };
        assert_eq!(Record::decode(&record.encode()), Some(record));
        let usage = Usage { keys: 3, bytes: u64::MAX };
        assert_eq!(Usage::decode(&usage.encode()), Some(usage));
        assert_eq!(split_entry_key(&entry_key("a/b", "k\0x")), Some(("a/b", "k\0x")));
    }

    #[test]
    fn byte_order_keeps_namespaces_together() {
        let keys =
            [entry_key("a", "z"), namespace_end("a"), entry_key("a-b", ""), entry_key("a/b", "")];
        assert!(keys.is_sorted(), "{keys:?}");
    }
}
