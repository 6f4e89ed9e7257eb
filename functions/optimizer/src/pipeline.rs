//! What a body passes through while it streams.

use crate::encoder::Encoder;
use crate::html::Document;
use std::io;

/// The steps of one body, in a row.
pub struct Pipeline {
    document: Option<Document>,
    encoder: Option<Encoder>,
    taken: u64,
    given: u64,
    /// Bytes that were taken since the last flush; they may come out as they are.
    pending: u64,
}

/// By how many bytes a streamed answer may be larger than what came so far, so that
/// a small first piece is not held back. What comes later makes up for it.
const DEFICIT_BYTES_MAX: u64 = 64;
/// What a flush costs at most, by the tests of [`Encoder`].
const FLUSH_BYTES: u64 = 16;

impl Pipeline {
    /// A row of steps.
    pub fn new(document: Option<Document>, encoder: Option<Encoder>) -> Self {
        Pipeline { document, encoder, taken: 0, given: 0, pending: 0 }
    }

    /// Takes bytes, and gives what has come out.
    ///
    /// # Errors
    /// As for [`Encoder::push`].
    pub fn push(&mut self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        self.taken += bytes.len() as u64;
        self.pending += bytes.len() as u64;
        match &mut self.document {
            Some(document) => {
                let bytes = document.push(bytes);
                self.encode(&bytes)
            }
            None => self.encode(bytes),
        }
    }

    /// Nothing comes for a while: gives all that was taken, unless the answer would be
    /// larger than it was by that.
    ///
    /// # Errors
    /// As for [`Encoder::push`].
    pub fn flush(&mut self) -> io::Result<Vec<u8>> {
        let worst = self.given + self.pending + FLUSH_BYTES;
        if self.pending == 0 || worst > self.taken + DEFICIT_BYTES_MAX {
            return Ok(Vec::new());
        }
        self.pending = 0;
        let Some(encoder) = &mut self.encoder else { return Ok(Vec::new()) };
        encoder.flush()?;
        Ok(self.give())
    }

    /// The end.
    ///
    /// # Errors
    /// As for [`Encoder::push`].
    pub fn finish(mut self) -> io::Result<Vec<u8>> {
        let mut last = match self.document.take() {
            Some(mut document) => self.encode(&document.finish())?,
            None => Vec::new(),
        };
        if let Some(encoder) = self.encoder {
            last.extend(encoder.finish()?);
        }
        Ok(last)
    }

    /// Whether there is less than came.
    pub fn is_worth_it(&self) -> bool {
        self.given < self.taken
    }

    fn encode(&mut self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        match &mut self.encoder {
            Some(encoder) => encoder.push(bytes)?,
            None => {
                self.given += bytes.len() as u64;
                return Ok(bytes.to_vec());
            }
        }
        Ok(self.give())
    }

    fn give(&mut self) -> Vec<u8> {
        let bytes = self.encoder.as_mut().map(Encoder::take).unwrap_or_default();
        self.given += bytes.len() as u64;
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoder::Level;
    use crate::encoder::tests::{CODINGS, decode};

    #[test]
    fn a_drop_at_a_time_does_not_swell() {
        for coding in CODINGS {
            let mut pipeline = Pipeline::new(None, Some(Encoder::new(coding, Level::Light, None)));
            let (mut sent, mut came) = (Vec::new(), Vec::new());
            for drop in 0..2_000u32 {
                let drop = drop.wrapping_mul(0x9e37_79b9).to_le_bytes();
                came.extend_from_slice(&drop);
                sent.extend(pipeline.push(&drop).expect("taken"));
                sent.extend(pipeline.flush().expect("flushed"));
                let most = came.len() as u64 + DEFICIT_BYTES_MAX + FLUSH_BYTES;
                assert!(sent.len() as u64 <= most, "{coding:?}: {} of {}", sent.len(), came.len());
            }
            sent.extend(pipeline.finish().expect("an end"));
            assert_eq!(decode(coding, &sent), came);
        }
    }
}
