//! Which cycles a series has, found and not given.
//!
//! **Candidates.** A cycle is a peak of the periodogram. What a peak is, its surroundings
//! tell: the power at a frequency is compared with the median of an octave around it, so
//! that neither a walk (much power at low frequencies) nor its steps (much at high ones) has
//! any. For a series without cycles, that ratio is exponential, and the threshold is such
//! that one in a hundred series has a peak by chance.
//!
//! **Length.** Around each peak, and around its multiples (a cycle that is no sine has its
//! strongest peak at a harmonic), the period is taken whose places of the cycle explain most
//! of what a moving average over it leaves, corrected for their number. A second search on
//! what that cycle leaves finds the next.

use super::decompose;
use super::ets;
use super::fourier;
use alloc::vec::Vec;

/// How many periods are found at most.
pub const PERIODS_MAX: usize = 3;
/// How often a cycle must be there to be found.
const CYCLES_MIN: usize = 3;
/// Fewer values than this tell of no cycle.
const VALUES_MIN: usize = 12;
/// The chance of a peak in a series without cycles.
const CHANCE: f64 = 0.001;
/// The share of the variance that a cycle must explain.
const STRENGTH_MIN: f64 = 0.15;
/// A further cycle must have this share of the first one's power: what is left of a series
/// once that is removed is not quite noise, and little of it looks like a cycle by chance.
const SWING_MIN: f64 = 0.02;
/// How many of the latest values are looked at: the work grows with them.
const LATEST: usize = 8_192;
/// Lengths that are tried around a peak before the best of them is refined.
const NEIGHBORS: f64 = 48.0;
/// Peaks that are looked at in one search, and their multiples.
const PEAKS_MAX: usize = 4;
const MULTIPLES_MAX: usize = 8;
/// A longer period must explain so much more than a shorter one.
const ADVANTAGE: f64 = 0.03;

/// A cycle that was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Period {
    /// Values per cycle.
    pub length: usize,
    /// The share of the variance around the level that the cycle explains, from 0 to 1,
    /// corrected for the number of its places.
    pub strength: f64,
}

/// The cycles of `values`, all finite, shortest first.
pub(super) fn find(values: &[f64]) -> Vec<Period> {
    let mut found: Vec<Period> = Vec::new();
    let mut rest = values[values.len().saturating_sub(LATEST)..].to_vec();
    // A cycle that grows with the level is the same again and again in logarithms.
    if ets::is_clearly_positive(&rest) {
        rest.iter_mut().for_each(|value| *value = libm::log(*value));
    }
    let mut first_swing = 0.0;
    while found.len() < PERIODS_MAX {
        let Some(period) = strongest(&rest) else { break };
        let swing = swing(&rest, period.length);
        // A cycle whose swing changes leaves something just beside its own length.
        let near = |known: &Period| known.length.abs_diff(period.length) * 4 < known.length;
        let known = found.iter().any(near);
        if known || swing < SWING_MIN * first_swing {
            break;
        }
        if found.is_empty() {
            first_swing = swing;
        }
        if found.len() + 2 <= PERIODS_MAX
            && let Some(part) = part(&rest, period)
            && found.iter().all(|known| known.length != part.length)
        {
            found.push(part);
        }
        found.push(period);
        remove(&mut rest, period.length);
    }
    found.sort_by_key(|period| period.length);
    found
}

/// The cycles that were given, shortest first, with their strength: those that fit twice.
pub(super) fn measured(values: &[f64], given: &[usize]) -> Vec<Period> {
    let fits = |length: &usize| *length >= 2 && *length <= values.len() / 2;
    let mut lengths: Vec<usize> = given.iter().copied().filter(fits).collect();
    lengths.sort_unstable();
    lengths.dedup();
    let period = |length| Period { length, strength: strength(values, length) };
    lengths.into_iter().map(period).collect()
}

/// The cycle that explains most.
fn strongest(values: &[f64]) -> Option<Period> {
    let mut lengths: Vec<usize> = Vec::new();
    let mut apart = 1;
    for length in peaks(values) {
        for multiple in 1..=MULTIPLES_MAX {
            let middle = length * multiple as f64;
            // The period of a peak is known up to a part of its own frequency's distance.
            let blur = (0.6 * middle * middle / values.len() as f64).max(0.5);
            let (low, high) = (libm::ceil(middle - blur).max(2.0), libm::floor(middle + blur));
            let longest = values.len() / CYCLES_MIN;
            let step = (((high - low) / NEIGHBORS) as usize).max(1);
            apart = apart.max(step);
            lengths.extend((low as usize..=(high as usize).min(longest)).step_by(step));
        }
    }
    lengths.sort_unstable();
    lengths.dedup();
    let mut best: Option<Period> = None;
    for length in lengths {
        let strength = strength(values, length);
        let wanted = match best {
            // A neighbor needs no advantage.
            Some(best) if length <= best.length + best.length / 4 => best.strength,
            Some(best) => best.strength + ADVANTAGE.min((1.0 - best.strength) * 0.5),
            None => STRENGTH_MIN,
        };
        if strength > wanted {
            best = Some(Period { length, strength });
        }
    }
    // Between those that were tried lies perhaps a better one.
    let coarse = best?.length;
    let between = (coarse - apart.min(coarse - 2))..=(coarse + apart);
    between
        .map(|length| Period { length, strength: strength(values, length) })
        .max_by(|one, other| one.strength.total_cmp(&other.strength))
}

/// A shorter cycle within a longer one that explains most of it, as days do within weeks.
fn part(values: &[f64], whole: Period) -> Option<Period> {
    let divisors = (2..=whole.length / 2).filter(|length| whole.length.is_multiple_of(*length));
    let parts = divisors.map(|length| Period { length, strength: strength(values, length) });
    parts
        .filter(|part| part.strength > 0.6 * whole.strength)
        .max_by(|one, other| one.strength.total_cmp(&other.strength))
}

/// The periods of the peaks, the highest first.
fn peaks(values: &[f64]) -> Vec<f64> {
    if values.len() < VALUES_MIN {
        return Vec::new();
    }
    // Steps have no trend that would hide all else.
    let steps: Vec<f64> = values.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let (power, length) = fourier::periodogram(&steps);
    // How many of the frequencies there would be one without zeros behind the values.
    let fine = length as f64 / steps.len() as f64;
    let independent = steps.len() as f64 / 2.0;
    let threshold = libm::log(independent / CHANCE) / core::f64::consts::LN_2;
    let first = libm::ceil(fine * CYCLES_MIN as f64 * 0.9) as usize;
    let whole = power.iter().sum::<f64>();
    let mut peaks: Vec<(f64, usize)> = Vec::new();
    for at in first.max(1)..power.len() {
        let near = |other: usize| power.get(other).copied().unwrap_or(0.0);
        if power[at] < near(at - 1) || power[at] < near(at + 1) || power[at] <= 1e-12 * whole {
            continue;
        }
        if power[at] > threshold * around(&power, at, fine) {
            peaks.push((power[at], at));
        }
    }
    // By the power of the values, not of their steps, which is larger for short periods.
    let weight = |(power, at): &(f64, usize)| {
        let sine = libm::sin(core::f64::consts::PI * *at as f64 / length as f64);
        power / (sine * sine).max(f64::MIN_POSITIVE)
    };
    peaks.sort_by(|one, other| weight(other).total_cmp(&weight(one)));
    peaks.truncate(PEAKS_MAX);
    peaks.into_iter().map(|(_, at)| length as f64 / at as f64).collect()
}

/// The median power of an octave around a frequency, without its next neighbors. A window of
/// bounded size is looked at, in equal steps.
fn around(power: &[f64], at: usize, fine: f64) -> f64 {
    // Hann's window makes a line four frequencies wide.
    let near = libm::ceil(2.5 * fine) as usize;
    let wide = (at / 3).max(8 * near);
    let low = at.saturating_sub(wide).max(1);
    let high = (at + wide).min(power.len() - 1);
    let step = ((high - low) / 128).max(1);
    let places = (low..=high).step_by(step).filter(|other| other.abs_diff(at) > near);
    let mut sample: Vec<f64> = places.map(|other| power[other]).collect();
    crate::robust::median_in_place(&mut sample).unwrap_or(f64::MAX)
}

/// The means of each place of a cycle, of what a moving average over the cycle leaves.
fn means(values: &[f64], length: usize) -> Option<(Vec<f64>, Vec<f64>)> {
    let levels = decompose::centered_average(values, length);
    if levels.len() < length * (CYCLES_MIN - 1) {
        return None;
    }
    let offset = length / 2;
    let deviations: Vec<f64> =
        levels.iter().zip(&values[offset..]).map(|(level, value)| value - level).collect();
    let mut sums = alloc::vec![0.0; length];
    let mut counts = alloc::vec![0.0_f64; length];
    for (index, deviation) in deviations.iter().enumerate() {
        sums[(index + offset) % length] += deviation;
        counts[(index + offset) % length] += 1.0;
    }
    for (sum, count) in sums.iter_mut().zip(counts) {
        *sum /= count.max(1.0);
    }
    Some((sums, deviations))
}

/// The share of the variance that a cycle explains, corrected for its places.
fn strength(values: &[f64], length: usize) -> f64 {
    let Some((means, deviations)) = means(values, length) else { return 0.0 };
    let offset = length / 2;
    let (mut all, mut left) = (0.0, 0.0);
    for (index, deviation) in deviations.iter().enumerate() {
        let rest = deviation - means[(index + offset) % length];
        all += deviation * deviation;
        left += rest * rest;
    }
    let (count, places) = (deviations.len() as f64, length as f64);
    if all <= f64::MIN_POSITIVE || count <= places {
        return 0.0;
    }
    (1.0 - left / all * (count - 1.0) / (count - places)).max(0.0)
}

/// The mean square of what a cycle adds.
fn swing(values: &[f64], length: usize) -> f64 {
    let Some((means, _)) = means(values, length) else { return 0.0 };
    means.iter().map(|mean| mean * mean).sum::<f64>() / length as f64
}

fn remove(values: &mut [f64], length: usize) {
    if let Some((means, _)) = means(values, length) {
        for (index, value) in values.iter_mut().enumerate() {
            *value -= means[index % length];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::online::noise::Noise;

    fn wave(x: usize, period: f64) -> f64 {
        libm::sin(core::f64::consts::TAU * x as f64 / period)
    }

    fn lengths(values: &[f64]) -> Vec<usize> {
        find(values).iter().map(|period| period.length).collect()
    }

    #[test]
    fn little_and_constants_have_none() {
        assert!(find(&[]).is_empty());
        assert!(find(&[1.0, 2.0, 1.0, 2.0]).is_empty());
        assert!(find(&[5.0; 500]).is_empty());
        let line: Vec<f64> = (0..500).map(f64::from).collect();
        assert!(find(&line).is_empty());
    }

    #[test]
    fn chance_is_rarely_taken_for_a_cycle() {
        let mut taken = 0;
        for seed in 0..200 {
            let mut noise = Noise::new(seed);
            let walks = seed % 2 == 0;
            let mut level = 0.0;
            let values: Vec<f64> = (0..300)
                .map(|_| {
                    level = noise.normal() + if walks { level } else { 0.3 * level };
                    level
                })
                .collect();
            taken += usize::from(!find(&values).is_empty());
        }
        assert!(taken <= 8, "{taken} of 200");
    }

    #[test]
    fn a_cycle_is_found_in_noise_and_on_a_trend() {
        for period in [4_usize, 7, 12, 24, 60] {
            let mut noise = Noise::new(period as u64);
            let values: Vec<f64> = (0..10 * period.max(12))
                .map(|x| 0.05 * x as f64 + 1.5 * wave(x, period as f64) + 0.5 * noise.normal())
                .collect();
            let found = lengths(&values);
            assert!(
                found.iter().any(|length| length.abs_diff(period) * 20 <= period),
                "{period}: {found:?}"
            );
        }
    }

    #[test]
    fn a_cycle_that_is_no_sine_has_its_whole_length() {
        let mut noise = Noise::new(4);
        // One day of seven is unlike the others.
        let values: Vec<f64> =
            (0..210).map(|x| if x % 7 == 3 { 5.0 } else { 0.0 } + 0.3 * noise.normal()).collect();
        assert_eq!(lengths(&values), [7]);
    }

    #[test]
    fn what_a_cycle_leaves_is_no_further_one() {
        let shape = [20.0, 22.0, 27.0, 24.0];
        for seed in 0..20 {
            let mut noise = Noise::new(seed);
            let values: Vec<f64> = (0..60).map(|x| shape[x % 4] + 0.2 * noise.normal()).collect();
            assert_eq!(lengths(&values), [4], "{seed}");
        }
    }

    #[test]
    fn a_cycle_that_grows_with_the_level_is_one() {
        let mut noise = Noise::new(17);
        for years in [4, 8, 11] {
            let values: Vec<f64> = (0..12 * years)
                .map(|x| {
                    let level = 100.0 * libm::exp(0.01 * x as f64);
                    level * (1.0 + 0.25 * wave(x, 12.0)) * (1.0 + 0.03 * noise.normal())
                })
                .collect();
            assert_eq!(lengths(&values), [12], "{years}");
        }
    }

    #[test]
    fn a_long_cycle_in_a_long_series_has_its_exact_length() {
        let mut noise = Noise::new(12);
        let values: Vec<f64> = (0..12_000)
            .map(|x| 3.0 * wave(x, 288.0) + ((x / 288) % 7) as f64 + noise.normal())
            .collect();
        assert_eq!(lengths(&values), [288, 2_016]);
    }

    #[test]
    fn days_and_weeks_are_both_found() {
        let mut noise = Noise::new(8);
        let values: Vec<f64> = (0..24 * 7 * 6)
            .map(|x| {
                let weekend = if (x / 24) % 7 >= 5 { -3.0 } else { 0.0 };
                2.0 * wave(x, 24.0) + weekend + 0.5 * noise.normal()
            })
            .collect();
        assert_eq!(lengths(&values), [24, 168]);
    }
}
