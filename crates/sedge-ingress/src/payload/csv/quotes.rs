//! What the `csv` library passes over in silence: quotes that do not fit. And lines.

use crate::payload::{PayloadError, Place, Problem};

/// Where in a row a byte stands.
enum State {
    /// At the beginning of a cell.
    Begin,
    /// In a cell without quotes.
    Bare,
    /// Within quotes, which began at this byte.
    Quoted(usize),
    /// After a quote within quotes: the end, or the first of two that stand for one.
    Closing(usize),
}

/// Checks that a quote begins and ends a cell, and that each that begins also ends
/// (RFC 4180 §2, rules 5 to 7).
pub(super) fn check(text: &str) -> Result<(), PayloadError> {
    let bytes = text.as_bytes();
    let fail = |what: &'static str, at: usize| {
        let place = Place::line(Lines::default().line_of(bytes, at), None).offset(at);
        let hint = "a cell with quotes begins and ends with one, and has two for each in it";
        Err(Problem::malformed(what).at(place).hint(hint))
    };
    let mut state = State::Begin;
    for (at, &byte) in bytes.iter().enumerate() {
        state = match (state, byte) {
            (State::Quoted(from), b'"') => State::Closing(from),
            (State::Quoted(from), _) => State::Quoted(from),
            (State::Closing(from), b'"') => State::Quoted(from),
            (_, b',' | b'\r' | b'\n') => State::Begin,
            (State::Begin, b'"') => State::Quoted(at),
            (State::Bare, b'"') => return fail("a quote within a cell that has none", at),
            (State::Closing(_), _) => return fail("more in a cell after its quotes", at),
            (State::Begin | State::Bare, _) => State::Bare,
        };
    }
    match state {
        State::Quoted(from) => fail("a quote that does not end", from),
        _ => Ok(()),
    }
}

/// Counts lines, from the beginning to places that come one after the other.
#[derive(Default)]
pub(super) struct Lines {
    at: usize,
    before: usize,
}

impl Lines {
    /// The line of a byte, from 1. Ends of lines that begin there are passed over, because
    /// empty lines are no rows. `\n`, `\r\n` and `\r` end a line.
    pub(super) fn line_of(&mut self, bytes: &[u8], byte: usize) -> usize {
        let is_end = |byte: Option<&u8>| matches!(byte, Some(b'\n' | b'\r'));
        while self.at < byte.min(bytes.len()) || is_end(bytes.get(self.at)) {
            let ends = match bytes.get(self.at) {
                Some(b'\n') => true,
                Some(b'\r') => bytes.get(self.at + 1) != Some(&b'\n'),
                _ => false,
            };
            self.before += usize::from(ends);
            self.at += 1;
        }
        self.before + 1
    }
}
