//! When something is due: expressions of cron, in a time zone.
//!
//! The fields are ours; what a day is in Lord Howe is jiff's, with the IANA database inside the
//! binary, so that a node in an empty container knows it, and nothing here reads a file
//! (`docs/adr/0023-cron-and-time-zones.md`).

mod next;
mod parse;
#[cfg(test)]
mod tests;
mod zone;

pub use zone::Zone;

use crate::document::Invalid;
use std::fmt;

/// A text of an expression is not longer than this.
pub const CRON_BYTES_MAX: usize = 256;

/// Times that come again: seconds, minutes, hours, days and months that fit.
///
/// Bit *n* of a set stands for the number *n*.
#[derive(Clone, PartialEq, Eq)]
pub struct Cron {
    text: Box<str>,
    seconds: u64,
    minutes: u64,
    hours: u64,
    months: u64,
    days: Days,
    weekdays: Weekdays,
    /// Whether the minute or the hour begins with `*`: such an expression means "every so
    /// often", any other certain times of the clock, which matters when the clock is changed.
    often: bool,
}

/// Days of a month.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Days {
    set: u64,
    /// The last one, too.
    last: bool,
    /// The field begins with `*`.
    star: bool,
}

/// Days of a week; 0 is Sunday.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Weekdays {
    set: u64,
    /// Those that are meant as the first, second … fifth of a month.
    nth: [u64; 5],
    /// Those that are meant as the last of a month.
    last: u64,
    /// The field begins with `*`.
    star: bool,
}

impl Cron {
    /// Reads `minute hour day-of-month month day-of-week`, the same after a second, or a name
    /// such as `@daily`. Refuses what can never be, such as 30 February.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        parse::expression(text)
    }
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

/// The smallest number of a set that is at least `from`.
fn at_least(set: u64, from: u32) -> Option<u32> {
    let rest = set.checked_shr(from).unwrap_or(0);
    (rest != 0).then(|| from + rest.trailing_zeros())
}

/// Whether a number is in a set.
fn has(set: u64, number: u32) -> bool {
    set.checked_shr(number).unwrap_or(0) & 1 == 1
}
