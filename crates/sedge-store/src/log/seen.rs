//! What is known of the sequences that a device has sent, in bounded memory.

/// Separate ranges that are remembered for each device.
pub(crate) const RANGES_MAX: usize = 32;

/// Boot epoch and sequence: what numbers a device's records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Number {
    /// How often the device had booted, or anything else that grows when its sequence
    /// begins anew.
    pub epoch: u64,
    /// Its place in that epoch.
    pub sequence: u64,
}

/// What a number turns out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Novelty {
    New,
    Duplicate,
    /// So old that nobody can tell any more.
    Unknown,
}

/// Sequences from one to another, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) epoch: u64,
    pub(crate) from: u64,
    pub(crate) to: u64,
}

/// The numbers of one device. A device that counts without gaps has one range for each
/// epoch, however many records it sends; beyond [`RANGES_MAX`] the lowest is forgotten.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Up to here, it is unknown what was seen and what was not.
    pub(crate) forgotten: Option<Number>,
    /// Ascending, with a gap between any two.
    pub(crate) ranges: Vec<Range>,
}

impl Seen {
    /// What the number is, without noting it.
    pub(crate) fn look(&self, number: Number) -> Novelty {
        let at = self.first_beyond(number);
        if at.checked_sub(1).is_some_and(|before| self.ranges[before].holds(number)) {
            Novelty::Duplicate
        } else if self.forgotten.is_some_and(|forgotten| number <= forgotten) {
            Novelty::Unknown
        } else {
            Novelty::New
        }
    }

    /// Notes a number, which had better be new.
    pub(crate) fn note(&mut self, number: Number) {
        if self.look(number) != Novelty::New {
            return;
        }
        let Number { epoch, sequence } = number;
        let at = self.first_beyond(number);
        let joins_before = at.checked_sub(1).filter(|before| {
            let range = self.ranges[*before];
            range.epoch == epoch && range.to.checked_add(1) == Some(sequence)
        });
        let joins_behind = self.ranges.get(at).is_some_and(|range| {
            range.epoch == epoch && sequence.checked_add(1) == Some(range.from)
        });
        match (joins_before, joins_behind) {
            (Some(before), true) => {
                self.ranges[before].to = self.ranges[at].to;
                self.ranges.remove(at);
            }
            (Some(before), false) => self.ranges[before].to = sequence,
            (None, true) => self.ranges[at].from = sequence,
            (None, false) => {
                self.ranges.insert(at, Range { epoch, from: sequence, to: sequence });
                self.forget();
            }
        }
    }

    fn forget(&mut self) {
        if self.ranges.len() > RANGES_MAX {
            let lowest = self.ranges.remove(0);
            self.forgotten = Some(Number { epoch: lowest.epoch, sequence: lowest.to });
        }
    }

    /// The first range that begins behind the number.
    fn first_beyond(&self, number: Number) -> usize {
        self.ranges
            .partition_point(|range| Number { epoch: range.epoch, sequence: range.from } <= number)
    }
}

impl Range {
    fn holds(&self, number: Number) -> bool {
        self.epoch == number.epoch && (self.from..=self.to).contains(&number.sequence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn number(epoch: u64, sequence: u64) -> Number {
        Number { epoch, sequence }
    }

    #[test]
    fn what_is_too_old_to_tell_is_not_called_a_duplicate() {
        let mut seen = Seen::default();
        for i in 0..=RANGES_MAX as u64 {
            seen.note(number(1, 10 + 2 * i));
        }
        assert_eq!(seen.ranges.len(), RANGES_MAX);
        assert_eq!(seen.look(number(1, 10)), Novelty::Unknown);
        assert_eq!(seen.look(number(0, u64::MAX)), Novelty::Unknown);
        assert_eq!(seen.look(number(1, 11)), Novelty::New);
        assert_eq!(seen.look(number(1, 12)), Novelty::Duplicate);
    }

    #[test]
    fn counting_takes_one_range_and_epochs_do_not_join() {
        let mut seen = Seen::default();
        for sequence in (0..1_000).chain([u64::MAX]) {
            seen.note(number(7, sequence));
        }
        seen.note(number(8, 0));
        assert_eq!(seen.ranges.len(), 3);
        assert_eq!(seen.look(number(7, 999)), Novelty::Duplicate);
        assert_eq!(seen.look(number(7, 1_000)), Novelty::New);
        assert_eq!(seen.look(number(8, 1)), Novelty::New);
    }

    proptest! {
        #[test]
        fn agrees_with_a_set(numbers in prop::collection::vec((0u64..3, 0u64..80), 0..300)) {
            let (mut seen, mut set) = (Seen::default(), BTreeSet::new());
            for (epoch, sequence) in numbers {
                let number = number(epoch, sequence);
                match seen.look(number) {
                    Novelty::New => prop_assert!(!set.contains(&number)),
                    Novelty::Duplicate => prop_assert!(set.contains(&number)),
                    Novelty::Unknown => prop_assert!(Some(number) <= seen.forgotten),
                }
                if seen.look(number) == Novelty::New {
                    set.insert(number);
                }
                seen.note(number);
                prop_assert_ne!(seen.look(number), Novelty::New);
                prop_assert!(seen.ranges.len() <= RANGES_MAX);
                let apart = |two: &[Range]| {
                    two[0].epoch < two[1].epoch
                        || (two[0].epoch == two[1].epoch && two[0].to + 1 < two[1].from)
                };
                prop_assert!(seen.ranges.windows(2).all(apart), "{:?}", seen.ranges);
            }
        }
    }
}
