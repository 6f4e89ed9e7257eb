//! What is decided by a body itself, or by its first bytes.

use crate::encoder::{Encoder, encode};
use crate::pipeline::Pipeline;
use crate::plan::{Done, Work};
use std::io;

/// Bytes that are looked at before a longer body begins to stream.
pub const LOOK_BYTES: usize = 16 << 10;
/// How long they are waited for, so that a slow origin's first bytes are not held.
pub const LOOK_MS: u64 = 10;

/// A body that is sent whole, and what was done to it.
#[derive(Debug, PartialEq, Eq)]
pub struct Whole {
    /// The bytes.
    pub body: Vec<u8>,
    /// What was done; nothing: they are the origin's.
    pub done: Done,
}

/// Makes the best of a body that is there as a whole: what came, where nothing is
/// smaller.
///
/// # Errors
/// As for [`Encoder::push`].
pub fn whole(work: &Work, body: Vec<u8>) -> io::Result<Whole> {
    let length = |body: &[u8]| Some(body.len() as u64);
    if let Some(coding) = work.coding {
        let encoded = encode(coding, work.level, &body)?;
        if encoded.len() < body.len() {
            let done = Done { coding: Some(coding), length: length(&encoded), names: Vec::new() };
            return Ok(Whole { body: encoded, done });
        }
    }
    Ok(Whole { body, done: Done::default() })
}

/// A body that streams.
pub struct Begun {
    /// What it passes through; `None`: it passes as it is.
    pub pipeline: Option<Pipeline>,
    /// What is sent of what came so far.
    pub first: Vec<u8>,
    /// What was done.
    pub done: Done,
}

/// Begins to stream a body of which `bytes` have come.
///
/// # Errors
/// As for [`Encoder::push`].
pub fn begin(work: &Work, bytes: Vec<u8>) -> io::Result<Begun> {
    let as_it_is = |first| Begun { pipeline: None, first, done: Done::default() };
    let Some(coding) = work.coding else { return Ok(as_it_is(bytes)) };
    let mut pipeline = Pipeline::new(Encoder::new(coding, work.level, work.length));
    let mut first = pipeline.push(&bytes)?;
    // The head, and what browsers look for in it, is not held until more comes.
    first.extend(pipeline.flush()?);
    // What cannot be compressed shows in enough of it, whatever its type says.
    if bytes.len() >= LOOK_BYTES && !pipeline.is_worth_it() {
        return Ok(as_it_is(bytes));
    }
    let done = Done { coding: Some(coding), ..Done::default() };
    Ok(Begun { pipeline: Some(pipeline), first, done })
}

#[cfg(test)]
mod tests;
