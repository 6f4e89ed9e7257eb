//! Changes and what is left of them as bytes, for journals that write them somewhere.
//!
//! Numbers are little-endian; texts and bytes have their length before them. The first byte is
//! the form's version. What is read is checked, since it may come from a damaged disk.
//!
//! In a [`Kept`] a message that many are owed stands once, where it is needed first; later it
//! is named by its number, counted from 0.

mod read;
mod write;

use super::Change;
use super::kept::Kept;
use bytes::Bytes;
use read::In;
use std::io;
use std::sync::Arc;
use write::Out;

const VERSION: u8 = 1;

/// Bytes that are gathered before they are handed on.
const PART_BYTES: usize = 256 << 10;

/// What is read is not what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("these bytes are no changes of an MQTT broker")]
pub struct FormError;

impl Change {
    /// These changes, one behind the other.
    pub fn encode<'a>(changes: impl IntoIterator<Item = &'a Change>) -> Vec<u8> {
        let mut out = Out::new(VERSION);
        changes.into_iter().for_each(|change| out.change(change));
        out.bytes
    }

    /// What [`Change::encode`] has written. Payloads share the given bytes.
    ///
    /// # Errors
    /// They were not written by it.
    pub fn decode(bytes: &Bytes) -> Result<Vec<Change>, FormError> {
        let mut from = In::begin(bytes, VERSION)?;
        let mut changes = Vec::new();
        while !from.is_over() {
            changes.push(from.change()?);
        }
        Ok(changes)
    }
}

impl Kept {
    /// All of it.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        // Nothing that is appended to a vector fails.
        let _ = self.write_to(&mut bytes);
        bytes
    }

    /// All of it, in parts, so that it is not in memory as a whole.
    ///
    /// # Errors
    /// What the writer says.
    pub fn write_to(&self, writer: &mut dyn io::Write) -> io::Result<()> {
        let mut out = Out::new(VERSION);
        let mut pass_on = |out: &mut Out, bytes_min: usize| {
            if out.bytes.len() < bytes_min {
                return Ok(());
            }
            let written = writer.write_all(&out.bytes);
            out.bytes.clear();
            written
        };
        out.u32(self.sessions.len() as u32);
        for (client, session) in &self.sessions {
            out.text(client);
            out.session(session);
            pass_on(&mut out, PART_BYTES)?;
        }
        out.u32(self.retained.len() as u32);
        for message in self.retained.values() {
            out.shared_message(message);
            pass_on(&mut out, PART_BYTES)?;
        }
        pass_on(&mut out, 0)
    }

    /// What [`Kept::encode`] has written. Payloads are copied, so that one of them does not
    /// keep the whole in memory.
    ///
    /// # Errors
    /// They were not written by it.
    pub fn decode(bytes: &Bytes) -> Result<Kept, FormError> {
        let mut from = In::begin(bytes, VERSION)?;
        from.copies = true;
        let mut kept = Kept::default();
        for _ in 0..from.u32()? {
            let client = from.text()?.into();
            kept.sessions.insert(client, from.session()?);
        }
        for _ in 0..from.u32()? {
            let message = from.shared_message()?;
            kept.retained.insert(Arc::clone(&message.topic), message);
        }
        if from.is_over() { Ok(kept) } else { Err(FormError) }
    }
}

#[cfg(test)]
mod tests;
