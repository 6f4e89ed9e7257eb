//! What the consumer asks of the node, as a trait: the node behind it in `wasi`, a fake one in
//! tests.

/// Why the node did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostError {
    /// For people.
    pub reason: String,
    /// Whether trying again makes no sense.
    pub permanent: bool,
}

/// The node.
pub trait Host {
    /// What was kept under a key.
    fn get(&mut self, key: &str) -> Result<Option<Vec<u8>>, HostError>;
    /// Keeps it.
    fn set(&mut self, key: &str, value: &[u8]) -> Result<(), HostError>;
    /// Appends to a topic of the log.
    fn emit(&mut self, topic: &str, content_type: &str, payload: &[u8]) -> Result<(), HostError>;
    /// Publishes to clients of MQTT, when all is well and on the disk.
    fn publish(&mut self, topic: &str, payload: &[u8]) -> Result<(), HostError>;
    /// Shows a value to those who ask for what was counted: a key of the vault.
    fn show(&mut self, key: &str, value: &[u8]) -> Result<(), HostError>;
    /// Milliseconds since 1970 by the node's clock.
    fn now_ms(&mut self) -> i64;
    /// A line for the operator.
    fn log(&mut self, line: &str);
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// A node that commits what a call has done, or does not.
    #[derive(Default)]
    pub(crate) struct Fake {
        pub(crate) committed: BTreeMap<String, Vec<u8>>,
        pub(crate) changes: BTreeMap<String, Vec<u8>>,
        pub(crate) shown: BTreeMap<String, Vec<u8>>,
        pub(crate) emitted: Vec<(String, Vec<u8>)>,
        pub(crate) published: Vec<(String, Vec<u8>)>,
        pub(crate) said: Vec<(bool, String, Vec<u8>)>,
        pub(crate) lines: Vec<String>,
        pub(crate) now_ms: i64,
        /// Bytes and things of this call.
        pub(crate) bytes: usize,
        pub(crate) count: usize,
        /// Fails when asked for so many more things.
        pub(crate) fails_after: Option<usize>,
    }

    impl Fake {
        fn charge(&mut self, bytes: usize) -> Result<(), HostError> {
            let error = |reason: &str| HostError { reason: reason.to_owned(), permanent: false };
            if let Some(left) = &mut self.fails_after {
                *left = left.checked_sub(1).ok_or_else(|| error("it shall fail"))?;
            }
            self.bytes += bytes;
            self.count += 1;
            // What the node lets one call bring about.
            if bytes > 1 << 20 || self.bytes > 2 << 20 || self.count > 1_000 {
                return Err(error("too much for one call"));
            }
            Ok(())
        }

        /// Ends a call.
        pub(crate) fn end(&mut self, is_well: bool) {
            let (changes, said) =
                (std::mem::take(&mut self.changes), std::mem::take(&mut self.said));
            (self.bytes, self.count) = (0, 0);
            if is_well {
                self.committed.extend(changes);
                for (is_emitted, topic, payload) in said {
                    let to = if is_emitted { &mut self.emitted } else { &mut self.published };
                    to.push((topic, payload));
                }
            }
        }
    }

    impl Host for Fake {
        fn get(&mut self, key: &str) -> Result<Option<Vec<u8>>, HostError> {
            self.charge(key.len())?;
            Ok(self.changes.get(key).or_else(|| self.committed.get(key)).cloned())
        }

        fn set(&mut self, key: &str, value: &[u8]) -> Result<(), HostError> {
            self.charge(key.len() + value.len())?;
            self.changes.insert(key.to_owned(), value.to_vec());
            Ok(())
        }

        fn emit(&mut self, topic: &str, _: &str, payload: &[u8]) -> Result<(), HostError> {
            self.charge(topic.len() + payload.len())?;
            self.said.push((true, topic.to_owned(), payload.to_vec()));
            Ok(())
        }

        fn publish(&mut self, topic: &str, payload: &[u8]) -> Result<(), HostError> {
            self.charge(topic.len() + payload.len())?;
            self.said.push((false, topic.to_owned(), payload.to_vec()));
            Ok(())
        }

        fn show(&mut self, key: &str, value: &[u8]) -> Result<(), HostError> {
            self.shown.insert(key.to_owned(), value.to_vec());
            Ok(())
        }

        fn now_ms(&mut self) -> i64 {
            self.now_ms
        }

        fn log(&mut self, line: &str) {
            self.lines.push(line.to_owned());
        }
    }
}
