//! Readings with timestamps, laid out at equal steps of time.
//!
//! Uplinks deliver out of order and lose messages, and the models of
//! [`crate::baseline`] need equal steps: one lost hour would shift the daily
//! cycle and make the days after it look odd. So readings are put in order and
//! a gap is inserted for every step that is missing.

use alloc::vec::Vec;

const DAY_S: f64 = 86_400.0;
const CYCLES_S: [f64; 3] = [DAY_S, 7.0 * DAY_S, 365.242_5 * DAY_S];

/// Fewer readings than this per cycle do not show one.
const PERIOD_MIN: f64 = 4.0;

/// Readings at equal steps of time.
#[derive(Clone, Debug, PartialEq)]
pub struct Timeline {
    /// The values, oldest first; NaN where a reading is missing or was no
    /// number.
    pub values: Vec<f64>,
    /// For each value the index of its reading in the input; `None` for an
    /// inserted gap.
    pub origins: Vec<Option<usize>>,
    /// Seconds between readings; `None` if the timestamps do not tell.
    pub step_s: Option<f64>,
}

impl Timeline {
    /// Lays out `values`, read at `times_s` (seconds from any epoch, NaN where
    /// unknown). Both slices have one entry per reading; a surplus is ignored.
    ///
    /// The step is the median of the differences. Readings stay as they came,
    /// without a step, if a number lacks its time or fewer than three have one.
    /// At most as many gaps are inserted as there are readings; a longer
    /// silence (a sensor that was switched off) is passed over.
    pub fn new(times_s: &[f64], values: &[f64]) -> Self {
        let count = times_s.len().min(values.len());
        let mut order: Vec<usize> =
            (0..count).filter(|&index| times_s[index].is_finite()).collect();
        let untimed = (0..count).any(|i| values[i].is_finite() && !times_s[i].is_finite());
        order.sort_by(|&left, &right| times_s[left].total_cmp(&times_s[right]));
        let mut steps: Vec<f64> = order
            .windows(2)
            .map(|pair| times_s[pair[1]] - times_s[pair[0]])
            .filter(|step| *step > 0.0)
            .collect();
        let step_s = crate::robust::quantile_in_place(&mut steps, 0.5);
        let (Some(step_s), false, true) = (step_s, untimed, order.len() >= 3) else {
            let values = values[..count].to_vec();
            return Timeline { values, origins: (0..count).map(Some).collect(), step_s: None };
        };

        let mut laid = Timeline { values: Vec::new(), origins: Vec::new(), step_s: Some(step_s) };
        let mut gaps_left = count;
        let mut before = None;
        for index in order {
            let time = times_s[index];
            let passed = before.map_or(1.0, |before: f64| libm::round((time - before) / step_s));
            // The cast saturates, so an absurd distance is only "too many".
            let missing = (passed - 1.0).max(0.0) as usize;
            if missing <= gaps_left {
                gaps_left -= missing;
                laid.values.extend(core::iter::repeat_n(f64::NAN, missing));
                laid.origins.extend(core::iter::repeat_n(None, missing));
            }
            laid.values.push(values[index]);
            laid.origins.push(Some(index));
            before = Some(time);
        }
        laid
    }

    /// Readings per cycle if there is a natural one: the shortest of a day, a
    /// week and a year that spans at least four steps, within 5 % of a whole
    /// number of them.
    pub fn natural_period(&self) -> Option<usize> {
        let step_s = self.step_s?;
        CYCLES_S
            .iter()
            .map(|cycle_s| cycle_s / step_s)
            .find(|readings| *readings >= PERIOD_MIN)
            .filter(|readings| (readings - libm::round(*readings)).abs() <= 0.05 * readings)
            .map(|readings| libm::round(readings) as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(times_s: &[f64], values: &[f64]) -> Vec<Option<usize>> {
        let laid = Timeline::new(times_s, values);
        assert_eq!(laid.values.len(), laid.origins.len());
        laid.origins
    }

    #[test]
    fn readings_without_times_stay_as_they_came() {
        for (times_s, values) in [
            (&[][..], &[][..]),
            (&[f64::NAN; 3][..], &[1.0, 2.0, 3.0][..]),
            (&[9.0, 1.0][..], &[1.0, 2.0][..]),
            (&[3.0, f64::NAN, 1.0, 0.0][..], &[1.0, 2.0, 3.0, 4.0][..]),
            (&[5.0; 4][..], &[1.0, 2.0, 3.0, 4.0][..]),
        ] {
            let laid = Timeline::new(times_s, values);
            assert_eq!(laid.values, values, "{times_s:?}");
            assert_eq!((laid.step_s, laid.natural_period()), (None, None));
        }
    }

    #[test]
    fn readings_are_ordered_and_gaps_inserted() {
        assert_eq!(shape(&[20.0, 0.0, 10.0], &[3.0, 1.0, 2.0]), [Some(1), Some(2), Some(0)]);
        assert_eq!(
            shape(&[0.0, 10.0, 20.0, 51.0, 60.0], &[1.0; 5]),
            [Some(0), Some(1), Some(2), None, None, Some(3), Some(4)]
        );
        // A row that is wholly bad is a missing step like any other.
        assert_eq!(
            shape(&[0.0, 10.0, f64::NAN, 30.0], &[1.0, 1.0, f64::NAN, 1.0]),
            [Some(0), Some(1), None, Some(3)]
        );
    }

    #[test]
    fn a_long_silence_does_not_become_a_million_gaps() {
        let laid = Timeline::new(&[0.0, 1.0, 2.0, 1e18, 1e18 + 256.0], &[1.0; 5]);
        assert!(laid.values.len() <= 10, "{}", laid.values.len());
        let far = Timeline::new(&[-f64::MAX, 0.0, f64::MAX, f64::MAX], &[1.0; 4]);
        assert!(far.values.len() <= 8);
    }

    #[test]
    fn natural_periods() {
        let period = |step_s: f64| {
            let times_s: Vec<f64> = (0..9).map(|i| f64::from(i) * step_s).collect();
            Timeline::new(&times_s, &[1.0; 9]).natural_period()
        };
        for (step_s, expected) in [
            (60.0, Some(1440)),
            (3600.0, Some(24)),
            (21_600.0, Some(4)),
            (DAY_S, Some(7)),
            (7.0 * DAY_S, Some(52)),
            (31.0 * DAY_S, Some(12)),
            (400.0 * DAY_S, None),
            (DAY_S / 4.5, None),
        ] {
            assert_eq!(period(step_s), expected, "{step_s}");
        }
    }
}
