//! What is decided by a body itself, or by its first bytes.

use crate::encoder::{Encoder, encode};
use crate::html::Document;
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
        let (sent, coding) = compress(work, &changed)?;
        let sent = sent.unwrap_or_else(|| changed.clone());
        if sent.len() < body.len() {
            let content = work.is_shared.then_some(changed);
            let done = Done { coding, length: length(&sent), names: work.names.clone(), content };
            return Ok(Whole { body: sent, done });
        }
    }
    let (sent, coding) = compress(work, &body)?;
    let content = work.is_shared.then(|| body.clone());
    let body = sent.unwrap_or(body);
    let length = coding.and(length(&body));
    Ok(Whole { body, done: Done { coding, length, names: Vec::new(), content } })
}

fn length(body: &[u8]) -> Option<u64> {
    Some(body.len() as u64)
}

/// Compressed, if it is smaller so; with a dictionary, if that is smaller still.
fn compress(work: &Work, body: &[u8]) -> io::Result<(Option<Vec<u8>>, Option<Coding>)> {
    let mut best = (None, None);
    let mut bytes = body.len();
    if let Some(coding) = work.coding {
        let encoded = encode(coding, work.level, body)?;
        if encoded.len() < bytes {
            bytes = encoded.len();
            best = (Some(encoded), Some(coding));
        }
    }
    if let Some(dictionary) = &work.dictionary {
        let encoded = dictionary.encode(work.level, body)?;
        if encoded.len() < bytes {
            best = (Some(encoded), Some(Coding::DictionaryZstd));
        }
    }
    Ok(best)
}

/// The content after what is done to it, if anything was.
fn change(work: &Work, body: &[u8]) -> Option<Vec<u8>> {
    if let Some(minifier) = work.minifier {
        return minifier.shorter(body);
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
    // What cannot be compressed shows in enough of it, whatever its type says.
    let is_tried = work.coding.is_some() && bytes.len() >= LOOK_BYTES;
    // The head, and what browsers look for in it, is not held until more comes.
    first.extend(if is_tried { pipeline.flush_all()? } else { pipeline.flush()? });
    if is_tried && !pipeline.is_worth_it() {
        return Ok(as_it_is(bytes));
    }
    let done = Done { coding: work.coding, names, ..Done::default() };
    Ok(Begun { pipeline: Some(pipeline), first, done })
}

#[cfg(test)]
mod tests;
