//! The most frequent names of a stream, in room for a few: Space-Saving (Metwally, Agrawal & El
//! Abbadi, *Efficient Computation of Frequent and Top-k Elements in Data Streams*, ICDT 2005).
//!
//! **Error.** With room for k names and n events, a count that is told is never too low, and too
//! high by at most the error that is told beside it, which is at most n / k. Every name with more
//! than n / k events is among those that are told. What a name that is not there may have had at
//! most is [`Frequent::missed_max`].
//!
//! **Hostile input.** Who sends many different names pushes out rare ones; frequent ones stay.
//! Names are cut to [`NAME_BYTES_MAX`] bytes.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use crate::state::{Reader, StateError, Writer, seal, unseal};

/// What a written summary begins with, and its version.
const KIND: [u8; 4] = *b"skfr";
const VERSION: u8 = 1;

/// Longer names are cut, at the border of a character.
pub const NAME_BYTES_MAX: usize = 64;
/// The range of the number of names.
pub const NAMES_MAX: usize = 4096;

/// How often a name came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// Never fewer than there were.
    pub count: u64,
    /// By how much `count` may be too high.
    pub error: u64,
}

/// Names and how often they came, about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frequent {
    names_max: usize,
    counts: BTreeMap<String, Count>,
    total: u64,
    /// What names that were dropped in a merge may have had.
    dropped: u64,
}

/// As much of a name as is kept.
pub fn cut(name: &str) -> &str {
    &name[..name.floor_char_boundary(NAME_BYTES_MAX)]
}

impl Frequent {
    /// Nothing yet. `names_max`, k, is clamped to 1 and [`NAMES_MAX`].
    pub fn new(names_max: usize) -> Self {
        let names_max = names_max.clamp(1, NAMES_MAX);
        Frequent { names_max, counts: BTreeMap::new(), total: 0, dropped: 0 }
    }

    /// Counts one more event of this name. Takes time in proportion to k where the name is new.
    pub fn insert(&mut self, name: &str) {
        let name = cut(name);
        self.total = self.total.saturating_add(1);
        if let Some(known) = self.counts.get_mut(name) {
            known.count = known.count.saturating_add(1);
            return;
        }
        // A name that is new may have been here before: as often as any that was pushed out.
        let mut error = self.dropped;
        if self.counts.len() >= self.names_max
            && let Some((least, count)) = self.least()
        {
            self.counts.remove(&least);
            error = error.max(count);
        }
        self.dropped = self.dropped.max(error);
        self.counts.insert(name.into(), Count { count: error.saturating_add(1), error });
    }

    /// The name with the lowest count; of several the last, so that it is always the same.
    fn least(&self) -> Option<(String, u64)> {
        let least = self.counts.iter().rev().min_by_key(|(_, count)| count.count)?;
        Some((least.0.clone(), least.1.count))
    }

    /// Adds all that `other` has seen. The smaller k is the k then. The errors add up, and stay
    /// within n / k (Agarwal et al., *Mergeable Summaries*, PODS 2012).
    pub fn merge(&mut self, other: &Frequent) {
        let (ours, theirs) = (self.missed_max(), other.missed_max());
        for (name, count) in &mut self.counts {
            let more = other.counts.get(name).copied();
            let more = more.unwrap_or(Count { count: theirs, error: theirs });
            count.count = count.count.saturating_add(more.count);
            count.error = count.error.saturating_add(more.error);
        }
        for (name, more) in &other.counts {
            self.counts.entry(name.clone()).or_insert(Count {
                count: more.count.saturating_add(ours),
                error: more.error.saturating_add(ours),
            });
        }
        self.total = self.total.saturating_add(other.total);
        self.dropped = ours.saturating_add(theirs);
        self.names_max = self.names_max.min(other.names_max);
        while self.counts.len() > self.names_max
            && let Some((least, count)) = self.least()
        {
            self.counts.remove(&least);
            self.dropped = self.dropped.max(count);
        }
    }

    /// How many events there were.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// How often a name that is not among those told may have come at most.
    pub fn missed_max(&self) -> u64 {
        self.dropped
    }

    /// The names, the most frequent first.
    pub fn top(&self) -> Vec<(&str, Count)> {
        let mut names: Vec<(&str, Count)> =
            self.counts.iter().map(|(name, count)| (name.as_str(), *count)).collect();
        names.sort_by_key(|(_, count)| core::cmp::Reverse(count.count));
        names
    }

    /// The summary as bytes, for [`Frequent::from_bytes`].
    pub fn to_bytes(&self) -> Vec<u8> {
        seal(KIND, VERSION, |out| self.write(out))
    }

    /// What [`Frequent::to_bytes`] gave.
    ///
    /// # Errors
    ///
    /// If the bytes are not such a summary.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StateError> {
        unseal(bytes, KIND, VERSION, Frequent::read)
    }

    pub(crate) fn write(&self, out: &mut Writer) {
        [self.names_max as u64, self.total, self.dropped, self.counts.len() as u64]
            .iter()
            .for_each(|number| out.varint(*number));
        for (name, count) in &self.counts {
            out.blob(name.as_bytes());
            out.varint(count.count);
            out.varint(count.error);
        }
    }

    pub(crate) fn read(input: &mut Reader) -> Result<Self, StateError> {
        let names_max = input.varcount(NAMES_MAX)?;
        let (total, dropped) = (input.varint()?, input.varint()?);
        let mut frequent = Frequent { total, dropped, ..Frequent::new(names_max) };
        let length = input.varcount(names_max)?;
        if names_max == 0 || dropped > total || (length == 0) != (total == 0) {
            return Err(StateError::Value);
        }
        for _ in 0..length {
            let name = input.blob(NAME_BYTES_MAX)?;
            let name = core::str::from_utf8(name).map_err(|_| StateError::Value)?;
            let (count, error) = (input.varint()?, input.varint()?);
            let ordered = frequent.counts.last_key_value().is_none_or(|(last, _)| &**last < name);
            if !ordered || count == 0 || error >= count || count > total {
                return Err(StateError::Value);
            }
            frequent.counts.insert(name.into(), Count { count, error });
        }
        Ok(frequent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::primitives::crc32::crc32;
    use alloc::format;
    use proptest::prelude::*;

    fn of(names_max: usize, stream: &[u16]) -> Frequent {
        let mut frequent = Frequent::new(names_max);
        stream.iter().for_each(|name| frequent.insert(&format!("n{name}")));
        frequent
    }

    /// Whether what is told brackets what is true.
    fn check(frequent: &Frequent, stream: &[u16]) -> Result<(), TestCaseError> {
        let mut exact = BTreeMap::new();
        stream.iter().for_each(|name| *exact.entry(format!("n{name}")).or_insert(0_u64) += 1);
        let share = stream.len() as u64 / frequent.names_max as u64;
        let top = frequent.top();
        prop_assert!(top.len() <= frequent.names_max);
        prop_assert!(frequent.missed_max() <= share);
        for (name, Count { count, error }) in &top {
            let exact = exact.get(*name).copied().unwrap_or(0);
            prop_assert!(exact <= *count && count - error <= exact, "{name} {count} {error}");
            prop_assert!(*error <= share, "{error} of {share}");
        }
        for (name, exact) in exact {
            let told = top.iter().any(|(one, _)| *one == name);
            prop_assert!(told || exact <= frequent.missed_max(), "{name} {exact}");
        }
        Ok(())
    }

    #[test]
    fn many_rare_names_do_not_push_out_a_frequent_one() {
        let stream: Vec<u16> =
            (0..10_000).map(|at| if at % 5 == 0 { 9 } else { 10 + at }).collect();
        let frequent = of(16, &stream);
        assert_eq!(frequent.top()[0].0, "n9");
        check(&frequent, &stream).unwrap();
    }

    #[test]
    fn long_names_are_cut_between_characters() {
        let mut frequent = Frequent::new(0);
        let long = "ä".repeat(100);
        frequent.insert(&format!("x{long}"));
        frequent.insert(&format!("x{long}z"));
        let (name, count) = frequent.top()[0];
        assert_eq!((name.len(), count), (63, Count { count: 2, error: 0 }));
        assert_eq!(Frequent::from_bytes(&frequent.to_bytes()), Ok(frequent));
    }

    #[test]
    fn what_is_no_summary_is_an_error() {
        for (body, wrong) in [
            (&b"\0\0\0\0"[..], StateError::Value),
            (b"\x02\x01\0\0", StateError::Value),
            (b"\x02\x01\0\x03", StateError::Length),
            (b"\x02\x01\x02\x01\x01a\x01\0", StateError::Value),
            (b"\x02\x01\0\x01\x01a\x02\0", StateError::Value),
            (b"\x02\x01\0\x01\x01a\x01\x01", StateError::Value),
            (b"\x02\x01\0\x01\x01\xFF\x01\0", StateError::Value),
            (b"\x02\x02\0\x02\x01b\x01\0\x01a\x01\0", StateError::Value),
            (b"\x02\x01\0\x01\x41", StateError::Length),
            (b"\x02\0\0\0\0", StateError::Long),
        ] {
            let bytes = [b"skfr\x01", body].concat();
            let bytes = [&bytes[..], &crc32(&bytes).to_le_bytes()].concat();
            assert_eq!(Frequent::from_bytes(&bytes).err(), Some(wrong), "{body:?}");
        }
    }

    proptest! {
        #[test]
        fn counts_are_within_their_error(
            stream in proptest::collection::vec(prop_oneof![0_u16..4, 0_u16..40], 0..400),
            names_max in 1_usize..20, cut in 0_usize..400,
        ) {
            let whole = of(names_max, &stream);
            check(&whole, &stream)?;
            let (left, right) = stream.split_at(cut.min(stream.len()));
            let mut merged = of(names_max, left);
            merged.merge(&of(names_max, right));
            check(&merged, &stream)?;
            // One that was merged goes on counting.
            let mut more = merged.clone();
            right.iter().for_each(|name| more.insert(&format!("n{name}")));
            check(&more, &[&stream[..], right].concat())?;
            for frequent in [whole, merged, more] {
                let again = Frequent::from_bytes(&frequent.to_bytes());
                prop_assert_eq!(again, Ok(frequent));
            }
        }
    }
}
