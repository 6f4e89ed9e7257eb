//! Applying writes inside one transaction.

use crate::database::Failed;
use crate::error::StoreError;
use crate::options::Options;
use crate::record::{
    ENTRIES, EXPIRIES, META, META_REMOVED, META_VERSION, NEVER, NO_VERSION, Record, USAGE, Usage,
    entry_key, expiry_key, split_u64,
};
use crate::write::{Applied, Change, Seen, Swap, Version, Write};
use redb::{ReadableTable, Table, WriteTransaction};
use std::collections::BTreeMap;
use std::time::Duration;

/// An open table of bytes.
type Bytes<'t> = Table<'t, &'static [u8], &'static [u8]>;

/// The open tables of one write transaction, with the counters that are
/// written back once at its end.
pub(crate) struct Applier<'t, 'o> {
    entries: Bytes<'t>,
    expiries: Bytes<'t>,
    usage_table: Bytes<'t>,
    meta: Bytes<'t>,
    usage: BTreeMap<String, Usage>,
    version: u64,
    /// The highest version of an entry that was removed and not replaced.
    removed: u64,
    now_ms: u64,
    options: &'o Options,
}

/// What is known of an entry without its value.
#[derive(Clone, Copy)]
struct Present {
    expires_ms: u64,
    version: u64,
    value_bytes: usize,
    is_live: bool,
}

impl<'t, 'o> Applier<'t, 'o> {
    /// Opens the tables.
    pub(crate) fn new(
        transaction: &'t WriteTransaction,
        options: &'o Options,
    ) -> Result<Self, Failed> {
        let meta = transaction.open_table(META)?;
        let number = |key| -> Result<Option<u64>, Failed> {
            Ok(meta.get(key)?.and_then(|value| Some(split_u64(value.value())?.0)))
        };
        let version = number(META_VERSION)?.ok_or(Failed::Corrupt(NO_VERSION))?;
        let removed = number(META_REMOVED)?.unwrap_or(0);
        Ok(Applier {
            entries: transaction.open_table(ENTRIES)?,
            expiries: transaction.open_table(EXPIRIES)?,
            usage_table: transaction.open_table(USAGE)?,
            meta,
            usage: BTreeMap::new(),
            version,
            removed,
            now_ms: (options.clock)(),
            options,
        })
    }

    /// Applies one write as a whole, or refuses it with the inner error and
    /// changes nothing. The outer error fails the transaction.
    pub(crate) fn apply(&mut self, write: &Write) -> Result<Result<Applied, StoreError>, Failed> {
        let namespace = write.namespace.as_str();
        match &write.change {
            Change::Set { entries, ttl } => {
                let expires_ms = self.expiry(*ttl);
                let entries: BTreeMap<&str, &[u8]> =
                    entries.iter().map(|(key, value)| (key.as_str(), value.as_slice())).collect();
                if let Err(error) = self.check_quota(namespace, &entries)? {
                    return Ok(Err(error));
                }
                for (key, value) in entries {
                    self.put(namespace, key, value, expires_ms)?;
                }
                Ok(Ok(Applied::Done))
            }
            Change::Delete { keys } => {
                for key in keys {
                    self.remove_noting(namespace, key)?;
                }
                Ok(Ok(Applied::Done))
            }
            Change::Increment { key, delta } => self.increment(namespace, key, *delta),
            Change::Swap { key, expected, value, ttl } => {
                if !self.is_as_seen(namespace, key, *expected)? {
                    let (version, current) = self.current(namespace, key)?;
                    return Ok(Ok(Applied::Swap(Swap::Stale { version, value: current })));
                }
                let expires_ms = self.expiry(*ttl);
                let result = self.put_checked(namespace, key, value, expires_ms)?;
                Ok(result.map(|()| Applied::Swap(Swap::Swapped)))
            }
        }
    }

    /// Removes up to `entries_max` expired entries and says how many it was.
    pub(crate) fn sweep(&mut self, entries_max: usize) -> Result<usize, Failed> {
        let first_live = self.now_ms.saturating_add(1).to_be_bytes();
        let mut expired = Vec::new();
        for row in self.expiries.range(..first_live.as_slice())?.take(entries_max) {
            expired.push(row?.0.value().to_vec());
        }
        for row in &expired {
            let (_, entry) = split_u64(row).ok_or(Failed::Corrupt("an expiry is too short"))?;
            let (namespace, key) = crate::record::split_entry_key(entry)
                .ok_or(Failed::Corrupt("an expiry names no entry"))?;
            self.remove_noting(namespace, key)?;
            // Normally gone with the entry; a stray row must not stay first.
            self.expiries.remove(row.as_slice())?;
        }
        Ok(expired.len())
    }

    /// Writes the counters back.
    pub(crate) fn finish(mut self) -> Result<(), Failed> {
        for (namespace, usage) in &self.usage {
            if usage.keys == 0 {
                self.usage_table.remove(namespace.as_bytes())?;
            } else {
                self.usage_table.insert(namespace.as_bytes(), usage.encode().as_slice())?;
            }
        }
        self.meta.insert(META_VERSION, self.version.to_be_bytes().as_slice())?;
        if self.removed > 0 {
            self.meta.insert(META_REMOVED, self.removed.to_be_bytes().as_slice())?;
        }
        Ok(())
    }

    fn increment(
        &mut self,
        namespace: &str,
        key: &str,
        delta: i64,
    ) -> Result<Result<Applied, StoreError>, Failed> {
        let (_, current) = self.current(namespace, key)?;
        let number = match current.as_deref().map(parse_number) {
            None => 0,
            Some(Some(number)) => number,
            Some(None) => return Ok(Err(StoreError::NotANumber)),
        };
        let Some(sum) = number.checked_add(delta) else {
            return Ok(Err(StoreError::Overflow));
        };
        let expires_ms = match self.present(&entry_key(namespace, key))? {
            Some(present) if present.is_live => present.expires_ms,
            _ => NEVER,
        };
        let result = self.put_checked(namespace, key, sum.to_string().as_bytes(), expires_ms)?;
        Ok(result.map(|()| Applied::Sum(sum)))
    }

    /// The absolute expiry of a time to live that begins now.
    fn expiry(&self, ttl: Option<Duration>) -> u64 {
        let Some(ttl) = ttl else { return NEVER };
        let ttl_ms = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX);
        self.now_ms.saturating_add(ttl_ms)
    }

    /// Version and value of a key as a reader would see it.
    fn current(&self, namespace: &str, key: &str) -> Result<(Version, Option<Vec<u8>>), Failed> {
        let absent = (Version(Seen::AbsentAfter(self.version)), None);
        let Some(row) = self.entries.get(entry_key(namespace, key).as_slice())? else {
            return Ok(absent);
        };
        let record = Record::decode(row.value()).ok_or(Failed::Corrupt("a record is too short"))?;
        if !record.is_live(self.now_ms) {
            return Ok(absent);
        }
        Ok((Version(Seen::Written(record.version)), Some(record.value.to_vec())))
    }

    /// Whether nobody has written the key since it was seen. Of a key that was
    /// absent then and is now, this is known only if no entry that was written
    /// since, of whatever key, has been removed: when in doubt, it was written.
    fn is_as_seen(&self, namespace: &str, key: &str, seen: Version) -> Result<bool, Failed> {
        let present = self.present(&entry_key(namespace, key))?;
        Ok(match (seen.0, present) {
            (Seen::Written(version), Some(now)) => now.is_live && now.version == version,
            (Seen::Written(_), None) => false,
            (Seen::AbsentAfter(newest), Some(now)) => !now.is_live && now.version <= newest,
            (Seen::AbsentAfter(newest), None) => self.removed <= newest,
        })
    }

    fn present(&self, entry: &[u8]) -> Result<Option<Present>, Failed> {
        let Some(row) = self.entries.get(entry)? else { return Ok(None) };
        let record = Record::decode(row.value()).ok_or(Failed::Corrupt("a record is too short"))?;
        Ok(Some(Present {
            expires_ms: record.expires_ms,
            version: record.version,
            value_bytes: record.value.len(),
            is_live: record.is_live(self.now_ms),
        }))
    }

    fn put_checked(
        &mut self,
        namespace: &str,
        key: &str,
        value: &[u8],
        expires_ms: u64,
    ) -> Result<Result<(), StoreError>, Failed> {
        if let Err(error) = self.check_quota(namespace, &BTreeMap::from([(key, value)]))? {
            return Ok(Err(error));
        }
        self.put(namespace, key, value, expires_ms).map(Ok)
    }

    /// Whether the namespace may hold these entries besides what it has. A
    /// write that does not make it larger always may.
    fn check_quota(
        &mut self,
        namespace: &str,
        entries: &BTreeMap<&str, &[u8]>,
    ) -> Result<Result<(), StoreError>, Failed> {
        let Some(bytes_max) = self.options.namespace_bytes_max else { return Ok(Ok(())) };
        let (mut added, mut freed) = (0u64, 0u64);
        for (key, value) in entries {
            added += (key.len() + value.len()) as u64;
            if let Some(old) = self.present(&entry_key(namespace, key))? {
                freed += (key.len() + old.value_bytes) as u64;
            }
        }
        let bytes = self.usage(namespace)?.bytes.saturating_add(added).saturating_sub(freed);
        if bytes > bytes_max && added > freed {
            let namespace = namespace.to_owned();
            return Ok(Err(StoreError::QuotaExceeded { namespace, bytes, bytes_max }));
        }
        Ok(Ok(()))
    }

    fn put(
        &mut self,
        namespace: &str,
        key: &str,
        value: &[u8],
        expires_ms: u64,
    ) -> Result<(), Failed> {
        self.remove(namespace, key)?;
        self.version += 1;
        let entry = entry_key(namespace, key);
        let record = Record { expires_ms, version: self.version, value };
        self.entries.insert(entry.as_slice(), record.encode().as_slice())?;
        if expires_ms != NEVER {
            self.expiries.insert(expiry_key(expires_ms, &entry).as_slice(), [].as_slice())?;
        }
        let usage = self.usage(namespace)?;
        usage.keys += 1;
        usage.bytes = usage.bytes.saturating_add((key.len() + value.len()) as u64);
        Ok(())
    }

    /// Removes an entry for good, and notes which write it came from.
    fn remove_noting(&mut self, namespace: &str, key: &str) -> Result<(), Failed> {
        let version = self.remove(namespace, key)?;
        self.removed = self.removed.max(version.unwrap_or(0));
        Ok(())
    }

    /// Removes an entry; its version, if there was one.
    fn remove(&mut self, namespace: &str, key: &str) -> Result<Option<u64>, Failed> {
        let entry = entry_key(namespace, key);
        let Some(old) = self.present(&entry)? else { return Ok(None) };
        self.entries.remove(entry.as_slice())?;
        if old.expires_ms != NEVER {
            self.expiries.remove(expiry_key(old.expires_ms, &entry).as_slice())?;
        }
        let usage = self.usage(namespace)?;
        usage.keys = usage.keys.saturating_sub(1);
        usage.bytes = usage.bytes.saturating_sub((key.len() + old.value_bytes) as u64);
        Ok(Some(old.version))
    }

    fn usage(&mut self, namespace: &str) -> Result<&mut Usage, Failed> {
        if !self.usage.contains_key(namespace) {
            let usage = match self.usage_table.get(namespace.as_bytes())? {
                None => Usage::default(),
                Some(row) => Usage::decode(row.value())
                    .ok_or(Failed::Corrupt("a namespace's usage has the wrong length"))?,
            };
            self.usage.insert(namespace.to_owned(), usage);
        }
        self.usage.get_mut(namespace).ok_or(Failed::Corrupt("a namespace's usage is gone"))
    }
}

/// A decimal number as `increment` writes it.
fn parse_number(value: &[u8]) -> Option<i64> {
    std::str::from_utf8(value).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_decimal_numbers_are_numbers() {
        for bad in ["", " 1", "1 ", "0x1", "1.0", "9223372036854775808", "ä"] {
            assert_eq!(parse_number(bad.as_bytes()), None, "{bad:?}");
        }
        assert_eq!(parse_number(b"\xff"), None);
        for (good, number) in [("0", 0), ("-7", -7), ("+7", 7), ("9223372036854775807", i64::MAX)] {
            assert_eq!(parse_number(good.as_bytes()), Some(number));
        }
    }
}
