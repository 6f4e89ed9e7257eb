//! What is decided by a body itself, or by its first bytes.

use crate::encoder::{Encoder, encode};
use crate::html::Document;
use crate::json;
use crate::pipeline::Pipeline;
use crate::plan::{Done, Work};
use sedge_kit::content::coding::Coding;
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
    if let Some(changed) = change(work, &body) {
        let (sent, coding) = compress(work, changed)?;
        if sent.len() < body.len() {
            let done = Done { coding, length: length(&sent), names: work.names.clone() };
            return Ok(Whole { body: sent, done });
        }
    }
    let (body, coding) = compress(work, body)?;
    let length = coding.and(length(&body));
    Ok(Whole { body, done: Done { coding, length, names: Vec::new() } })
}

fn length(body: &[u8]) -> Option<u64> {
    Some(body.len() as u64)
}

/// Compressed, if it is smaller so.
fn compress(work: &Work, body: Vec<u8>) -> io::Result<(Vec<u8>, Option<Coding>)> {
    if let Some(coding) = work.coding {
        let encoded = encode(coding, work.level, &body)?;
        if encoded.len() < body.len() {
            return Ok((encoded, Some(coding)));
        }
    }
    Ok((body, None))
}

/// The content after what is done to it, if anything was.
fn change(work: &Work, body: &[u8]) -> Option<Vec<u8>> {
    if work.shortens_json {
        return Some(json::without_blanks(str::from_utf8(body).ok()?)?.into_bytes());
    }
    let mut document = Document::new(work.html.as_ref()?, &work.target);
    let mut changed = document.push(body);
    changed.extend(document.finish());
    (changed != body).then_some(changed)
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
    if work.coding.is_none() && work.html.is_none() {
        return Ok(as_it_is(bytes));
    }
    let document = work.html.as_ref().map(|tasks| Document::new(tasks, &work.target));
    // What is done to the content makes another length.
    let length = work.length.filter(|_| document.is_none());
    let encoder = work.coding.map(|coding| Encoder::new(coding, work.level, length));
    let names = document.as_ref().map_or_else(Vec::new, |_| work.names.clone());
    let mut pipeline = Pipeline::new(document, encoder);
    let mut first = pipeline.push(&bytes)?;
    // The head, and what browsers look for in it, is not held until more comes.
    first.extend(pipeline.flush()?);
    // What cannot be compressed shows in enough of it, whatever its type says.
    let is_tried = work.coding.is_some() && bytes.len() >= LOOK_BYTES;
    if is_tried && !pipeline.is_worth_it() {
        return Ok(as_it_is(bytes));
    }
    let done = Done { coding: work.coding, length: None, names };
    Ok(Begun { pipeline: Some(pipeline), first, done })
}

#[cfg(test)]
mod tests;
