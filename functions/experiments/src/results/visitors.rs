//! The visitors of an experiment: who saw which variation first, and what each did since. They
//! lie in [`SHARDS`] parts by their names, so that an event changes little.
//!
//! A visitor has 15 bytes, and 9 more for each goal that it has reached:
//!
//! | bytes | |
//! |---|---|
//! | 12 | its name |
//! | 1 | the variation that it saw first |
//! | 1 | 1 if it saw another one, too |
//! | 1 | goals that follow |
//! | 9 each | the goal's number and the sum of its values (IEEE 754, little-endian) |

use crate::seal::NAME_BYTES;

/// Parts of an experiment's visitors.
pub const SHARDS: u16 = 4_096;
/// Visitors of one part; those beyond are not counted. By chance no part is full before a
/// million and a half in all.
pub const SHARD_VISITORS_MAX: usize = 512;
/// Goals of one experiment.
pub const GOALS_MAX: usize = 16;

const HEAD_BYTES: usize = NAME_BYTES + 3;
const GOAL_BYTES: usize = 9;

type Name = [u8; NAME_BYTES];

/// The part that a visitor lies in.
pub fn shard_of(name: &Name) -> u16 {
    u16::from_be_bytes([name[0], name[1]]) % SHARDS
}

/// The key of a part.
pub fn key(slot: u32, shard: u16) -> String {
    format!("visitors/{slot}/{shard}")
}

/// What became of an exposure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    /// A visitor who was not there.
    New,
    /// One who was.
    Known,
    /// One who was there with another variation, for the first time.
    Crossed,
    /// There is no more room.
    Full,
}

/// How the sum of what a visitor did has changed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change {
    /// The visitor's variation.
    pub variation: usize,
    /// It had not reached the goal before.
    pub is_first: bool,
    /// The sum before.
    pub before: f64,
    /// The sum now.
    pub after: f64,
}

/// One part of the visitors.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shard {
    bytes: Vec<u8>,
    count: usize,
    is_changed: bool,
}

impl Shard {
    /// Reads a part; what is damaged ends it.
    pub fn read(bytes: &[u8]) -> Self {
        let mut shard = Shard { bytes: bytes.to_vec(), ..Shard::default() };
        let mut at = 0;
        while let Some(end) = shard.end_of(at) {
            at = end;
            shard.count += 1;
        }
        shard.bytes.truncate(at);
        shard
    }

    /// As it is kept.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Bytes of it.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nobody is in it.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Whether it must be written.
    pub fn is_changed(&self) -> bool {
        self.is_changed
    }

    /// The variation of a visitor who is there.
    pub fn variation(&self, name: &Name) -> Option<usize> {
        self.find(name).map(|at| usize::from(self.bytes[at + NAME_BYTES]))
    }

    /// A visitor saw a variation.
    pub fn expose(&mut self, name: &Name, variation: u8) -> Added {
        if let Some(at) = self.find(name) {
            let at = at + NAME_BYTES;
            if self.bytes[at] == variation || self.bytes[at + 1] != 0 {
                return Added::Known;
            }
            self.bytes[at + 1] = 1;
            self.is_changed = true;
            return Added::Crossed;
        }
        if self.count >= SHARD_VISITORS_MAX {
            return Added::Full;
        }
        self.bytes.extend_from_slice(name);
        self.bytes.extend_from_slice(&[variation, 0, 0]);
        self.count += 1;
        self.is_changed = true;
        Added::New
    }

    /// A visitor did something; none if it is not there, or nothing changes by it.
    pub fn done(&mut self, name: &Name, goal: u8, value: f64) -> Option<Change> {
        let start = self.find(name)?;
        let variation = usize::from(self.bytes[start + NAME_BYTES]);
        let goals = start + HEAD_BYTES;
        let count = usize::from(self.bytes[start + HEAD_BYTES - 1]);
        let known = (0..count).map(|n| goals + n * GOAL_BYTES).find(|at| self.bytes[*at] == goal);
        let (before, at) = match known {
            Some(at) => (self.value_at(at + 1), at),
            None if count >= GOALS_MAX => return None,
            None => {
                let end = goals + count * GOAL_BYTES;
                self.bytes.splice(end..end, [goal, 0, 0, 0, 0, 0, 0, 0, 0]);
                self.bytes[start + HEAD_BYTES - 1] += 1;
                (0.0, end)
            }
        };
        let after = before + value;
        let is_first = known.is_none();
        if !after.is_finite() || (!is_first && after == before) {
            return None;
        }
        self.bytes[at + 1..at + GOAL_BYTES].copy_from_slice(&after.to_le_bytes());
        self.is_changed = true;
        Some(Change { variation, is_first, before, after })
    }

    fn value_at(&self, at: usize) -> f64 {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&self.bytes[at..at + 8]);
        let value = f64::from_le_bytes(bytes);
        if value.is_finite() { value } else { 0.0 }
    }

    fn find(&self, name: &Name) -> Option<usize> {
        let mut at = 0;
        while let Some(end) = self.end_of(at) {
            if self.bytes[at..].starts_with(name) {
                return Some(at);
            }
            at = end;
        }
        None
    }

    /// Where the visitor ends that begins here.
    fn end_of(&self, at: usize) -> Option<usize> {
        let goals = usize::from(*self.bytes.get(at + HEAD_BYTES - 1)?);
        let end = at + HEAD_BYTES + goals * GOAL_BYTES;
        (goals <= GOALS_MAX && end <= self.bytes.len()).then_some(end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn name(n: u16) -> Name {
        let mut name = [7; NAME_BYTES];
        name[..2].copy_from_slice(&n.to_be_bytes());
        name
    }

    #[test]
    fn the_first_variation_counts() {
        let mut shard = Shard::default();
        assert_eq!(shard.done(&name(1), 0, 1.0), None);
        assert_eq!(shard.expose(&name(1), 1), Added::New);
        assert_eq!(shard.expose(&name(1), 1), Added::Known);
        assert_eq!(shard.expose(&name(1), 0), Added::Crossed);
        assert_eq!(shard.expose(&name(1), 0), Added::Known);
        assert_eq!(shard.variation(&name(1)), Some(1));
        assert_eq!(Shard::read(shard.bytes()).bytes(), shard.bytes());
    }

    #[test]
    fn what_one_did_is_summed_up() {
        let mut shard = Shard::default();
        for n in 0..3 {
            shard.expose(&name(n), n as u8);
        }
        let change =
            |is_first, before, after| Some(Change { variation: 1, is_first, before, after });
        assert_eq!(shard.done(&name(1), 4, 2.5), change(true, 0.0, 2.5));
        assert_eq!(shard.done(&name(1), 4, -1.0), change(false, 2.5, 1.5));
        assert_eq!(shard.done(&name(1), 4, 0.0), None, "the same goal again, without a value");
        assert_eq!(shard.done(&name(1), 5, 0.0), change(true, 0.0, 0.0));
        assert_eq!(shard.done(&name(1), 4, f64::INFINITY), None);
        let read = Shard::read(shard.bytes());
        assert_eq!([0, 1, 2].map(|n| read.variation(&name(n))), [Some(0), Some(1), Some(2)]);
        for goal in 10..40 {
            shard.done(&name(1), goal, 1.0);
        }
        assert_eq!(shard.len(), 3 * HEAD_BYTES + GOALS_MAX * GOAL_BYTES);
    }

    #[test]
    fn a_full_part_takes_nobody_else() {
        let mut shard = Shard::default();
        for n in 0..SHARD_VISITORS_MAX as u16 {
            assert_eq!(shard.expose(&name(n), 0), Added::New);
        }
        assert_eq!(shard.expose(&name(9_999), 0), Added::Full);
        assert_eq!(shard.expose(&name(3), 0), Added::Known);
        assert_eq!(Shard::read(shard.bytes()).count, SHARD_VISITORS_MAX);
    }

    proptest! {
        #[test]
        fn damage_is_cut_off(bytes in prop::collection::vec(any::<u8>(), 0..200), goal: u8, value: f64) {
            let mut shard = Shard::read(&bytes);
            prop_assert!(bytes.starts_with(shard.bytes()));
            let first = shard.bytes().get(..NAME_BYTES).map(|name| name.try_into().expect("its size"));
            shard.done(&first.unwrap_or_default(), goal, value);
            shard.expose(&name(1), 0);
            let again = Shard::read(shard.bytes());
            prop_assert_eq!(again.bytes(), shard.bytes());
        }
    }
}
