//! How long a sensor is usually silent between two messages.
//!
//! Pauses are counted by their size, in powers of two of milliseconds, and old ones fade. What
//! is allowed is a multiple of what nearly all of them stay below: sensors that speak by the
//! clock, by chance, or in bursts with a long pause behind each have one such number, and an
//! outage that has happened once does not become it.

use super::series::bytes::{Reader, Writer};

/// Sizes of pauses: the last one begins at 2^31 ms, some 25 days.
const CLASSES: usize = 32;
/// Pauses that must be known before there is something usual.
const PAUSES_MIN: u32 = 20;
/// One pause of so many may be longer than what is usual.
const RARE: u32 = 50;
/// How often as long as the upper end of the usual class a pause may be: a sensor that speaks
/// every 10 s, which is in the class up to 16.4 s, may be silent for 66 s.
const TIMES: u64 = 4;
/// A shorter silence is never told: nobody looks more often than every second.
const ALLOWED_MS_MIN: u64 = 1_000;

/// How often there were pauses of each size.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pace {
    counts: [u8; CLASSES],
}

impl Pace {
    /// Takes a pause; 0 is none.
    pub fn push(&mut self, pause_ms: u64) {
        let Some(class) = pause_ms.checked_ilog2() else { return };
        let class = (class as usize).min(CLASSES - 1);
        if self.counts[class] == u8::MAX {
            self.counts.iter_mut().for_each(|count| *count /= 2);
        }
        self.counts[class] += 1;
    }

    /// How long it may be silent, milliseconds; `None` while too little is known.
    pub fn allowed_ms(&self) -> Option<u64> {
        let all: u32 = self.counts.iter().copied().map(u32::from).sum();
        if all < PAUSES_MIN {
            return None;
        }
        let mut longer = all;
        let usual = self.counts.iter().position(|count| {
            longer -= u32::from(*count);
            longer * RARE <= all && all > longer
        });
        usual.map(|class| (TIMES << (class + 1)).max(ALLOWED_MS_MIN))
    }

    pub(super) fn write(&self, out: &mut Writer) {
        self.counts.into_iter().for_each(|count| out.u8(count));
    }

    pub(super) fn read(input: &mut Reader<'_>) -> Option<Self> {
        let mut pace = Pace::default();
        for count in &mut pace.counts {
            *count = input.u8()?;
        }
        Some(pace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(pauses: impl IntoIterator<Item = u64>) -> Option<u64> {
        let mut pace = Pace::default();
        pauses.into_iter().for_each(|pause| pace.push(pause));
        pace.allowed_ms()
    }

    #[test]
    fn nothing_is_usual_before_there_is_enough() {
        assert_eq!(of([]), None);
        assert_eq!(of([0; 1000]), None, "several in one moment are no pauses");
        assert_eq!(of([10_000; PAUSES_MIN as usize - 1]), None);
        assert_eq!(of([10_000; PAUSES_MIN as usize]), Some(65_536));
        assert_eq!(of([u64::MAX; 20]), Some(TIMES << 32));
        assert_eq!(of([1; 20]), Some(ALLOWED_MS_MIN));
    }

    #[test]
    fn one_outage_is_not_usual_and_a_pause_behind_each_burst_is() {
        let day = 86_400_000;
        let steady = std::iter::repeat_n(10_000, 500);
        assert_eq!(of(steady.clone().chain([day]).chain(steady.clone())), Some(65_536));
        // Twenty messages within a second, each hour.
        let burst = std::iter::repeat_n(50, 19).chain([3_600_000]);
        let allowed = of(std::iter::repeat_n(burst, 40).flatten()).expect("enough");
        assert!((3_600_000..24 * 3_600_000).contains(&allowed), "{allowed}");
        // A sensor that is set to speak less often is believed after some time.
        let slower = steady.chain(std::iter::repeat_n(600_000, 40));
        assert!(of(slower).expect("enough") > 600_000);
    }

    proptest! {
        /// Whatever nearly all pauses stay below is allowed, and at most eight times as much.
        #[test]
        fn what_is_allowed_fits_the_pauses(pauses in prop::collection::vec(1_u64..1 << 33, 20..200)) {
            let allowed = of(pauses.iter().copied()).expect("enough");
            let beyond = pauses.iter().filter(|pause| **pause >= allowed).count();
            prop_assert!(beyond * RARE as usize <= pauses.len(), "{beyond} beyond {allowed}");
            let longest = pauses.iter().copied().max().expect("some").max(ALLOWED_MS_MIN);
            prop_assert!(allowed <= longest * 2 * TIMES);
        }

        #[test]
        fn it_is_kept_as_it_is(pauses in prop::collection::vec(any::<u64>(), 0..600)) {
            let mut pace = Pace::default();
            pauses.into_iter().for_each(|pause| pace.push(pause));
            let mut out = Writer::default();
            pace.write(&mut out);
            let bytes = out.finish();
            prop_assert_eq!(Pace::read(&mut Reader::new(&bytes)), Some(pace));
            prop_assert_eq!(Pace::read(&mut Reader::new(&bytes[1..])), None);
        }
    }
}
