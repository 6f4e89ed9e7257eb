//! Which number meets a score, in few encodings.
//!
//! Pictures differ in how well they look at a number, but much less in how that changes
//! with it. So the number of a picture is looked for on the curve of a typical one,
//! moved by what the last encoding was off; once there are encodings on both sides of the
//! score, between them.

use super::curve;

/// The most encodings of one search.
pub(super) const ENCODINGS_MAX: usize = 5;

/// How far above the wanted score is as good as met: what a number more or less comes
/// to, and half of what people can tell apart.
const ABOVE: f64 = 1.0;

/// The numbers that are tried. Below there is nothing to be saved, above nothing to be
/// seen.
const NUMBERS: std::ops::RangeInclusive<u8> = 5..=98;

/// The typical scores of numbers: (number, score).
pub(super) type Typical = [(f64, f64)];

/// Of JPEG with effort 5, the mean over five photographs of 0.14 to 0.87 megapixels. From
/// 95 on colors have their full resolution.
pub(super) const JPEG: [(f64, f64); 14] = [
    (5.0, -55.0),
    (15.0, 3.0),
    (25.0, 30.0),
    (35.0, 43.0),
    (45.0, 51.0),
    (55.0, 56.5),
    (65.0, 62.0),
    (75.0, 68.0),
    (85.0, 74.7),
    (90.0, 78.5),
    (94.0, 82.5),
    (95.0, 88.0),
    (98.0, 92.0),
    (100.0, 95.0),
];

/// Of the other formats, which are scaled to look the same, without that step.
pub(super) const OTHERS: [(f64, f64); 12] = [
    (5.0, -55.0),
    (15.0, 3.0),
    (25.0, 30.0),
    (35.0, 43.0),
    (45.0, 51.0),
    (55.0, 56.5),
    (65.0, 62.0),
    (75.0, 68.0),
    (85.0, 74.5),
    (90.0, 79.5),
    (95.0, 84.5),
    (100.0, 89.0),
];

/// How far above the wanted score a try aims, so as to end on its right side; and where it
/// is the last one and none was on that side.
const AIM: f64 = 0.4;
const LAST_AIM: f64 = 2.0;

/// How much steeper or flatter than the typical curve a picture's may be taken for.
const STEEPNESS: std::ops::RangeInclusive<f64> = 0.4..=2.5;

/// One encoding of a search.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Tried {
    number: u8,
    score: f64,
}

/// What a search has found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Found {
    /// The number.
    pub(super) number: u8,
    /// What it scores.
    pub(super) score: f64,
    /// Encodings that it took.
    pub(super) encodings: usize,
}

/// Looks for the least number whose score is `wanted` or more. `score_of` encodes with a
/// number, 5 to 98; `typical` says what it typically scores. Where no number that was tried reaches `wanted`, the best is taken.
///
/// # Errors
/// What `score_of` gives.
pub(super) fn search<E>(
    wanted: f64,
    typical: &Typical,
    mut score_of: impl FnMut(u8) -> Result<f64, E>,
) -> Result<Found, E> {
    let mut tried: Vec<Tried> = Vec::new();
    let mut number = number_of(typical, wanted + AIM);
    loop {
        let score = score_of(number)?;
        tried.push(Tried { number, score });
        match next(wanted, typical, &tried) {
            Some(other) if tried.len() < ENCODINGS_MAX => number = other,
            _ => break,
        }
    }
    let reached = tried.iter().filter(|tried| tried.score >= wanted);
    let least = reached.min_by_key(|tried| tried.number);
    let best = || tried.iter().max_by(|one, other| one.score.total_cmp(&other.score));
    let encodings = tried.len();
    let found = least.or_else(best).copied().unwrap_or(Tried { number, score: wanted });
    Ok(Found { number: found.number, score: found.score, encodings })
}

/// The number to try next; `None` if there is no better one.
fn next(wanted: f64, typical: &Typical, tried: &[Tried]) -> Option<u8> {
    let last = tried.last()?;
    if last.score >= wanted && last.score <= wanted + ABOVE {
        return None;
    }
    let below = tried.iter().filter(|tried| tried.score < wanted).max_by_key(|tried| tried.number);
    let above = tried.iter().filter(|tried| tried.score >= wanted).min_by_key(|tried| tried.number);
    let guess = match (below, above) {
        // Encoders are not quite monotonous; there is nothing between.
        (Some(below), Some(above)) if below.number + 1 >= above.number => return None,
        (Some(below), Some(above)) => between(wanted + AIM, typical, (*below, *above), tried),
        (None, None) => return None,
        (_, Some(_)) => along(wanted + AIM, typical, tried),
        (Some(_), None) if tried.len() + 1 == ENCODINGS_MAX => {
            along(wanted + LAST_AIM, typical, tried)
        }
        (Some(_), None) => along(wanted + AIM, typical, tried),
    };
    let least = below.map_or(*NUMBERS.start(), |below| below.number.saturating_add(1));
    let most = above.map_or(*NUMBERS.end(), |above| above.number.saturating_sub(1));
    (least <= most).then(|| guess.clamp(least, most))
}

/// All tries are on one side: along the typical curve from the nearest one, as steep as
/// the nearest two say.
fn along(aim: f64, typical: &Typical, tried: &[Tried]) -> u8 {
    let mut nearest = tried.to_vec();
    nearest.sort_by(|one, other| (one.score - aim).abs().total_cmp(&(other.score - aim).abs()));
    let at = |tried: &Tried| curve::at(typical, f64::from(tried.number));
    let steepness = match nearest.as_slice() {
        [one, other, ..] => (one.score - other.score) / (at(one) - at(other)),
        _ => 1.0,
    };
    let steepness = steepness.clamp(*STEEPNESS.start(), *STEEPNESS.end());
    nearest
        .first()
        .map_or(*NUMBERS.end(), |one| number_of(typical, at(one) + (aim - one.score) / steepness))
}

/// Between two, in terms of the typical curve, in which a picture's is nearly straight. The
/// end that has stayed while others came nearer counts for less, or a bent curve would be
/// walked along in small steps (the Illinois method).
fn between(aim: f64, typical: &Typical, ends: (Tried, Tried), tried: &[Tried]) -> u8 {
    let (below, above) = ends;
    let is_above = |tried: &Tried| tried.score >= aim - AIM;
    let side = tried.last().is_some_and(is_above);
    let repeats = tried.iter().rev().take_while(|tried| is_above(tried) == side).count();
    // A power of two below 2 to the most encodings.
    let halved = (1 << repeats.saturating_sub(1).min(ENCODINGS_MAX)) as f64;
    let (mut up, mut down) = ((above.score - aim).max(0.0), (aim - below.score).max(0.0));
    *if side { &mut down } else { &mut up } /= halved;
    let share = down / (up + down).max(f64::EPSILON);
    let at = |tried: Tried| curve::at(typical, f64::from(tried.number));
    number_of(typical, at(below) + share * (at(above) - at(below)))
}

/// The number of a typical score, the nearest that is tried.
fn number_of(typical: &Typical, score: f64) -> u8 {
    let numbers: Vec<(f64, f64)> = typical.iter().map(|&(number, score)| (score, number)).collect();
    let number = curve::at(&numbers, score).round();
    // In a range of whole numbers below 100.
    number.clamp(f64::from(*NUMBERS.start()), f64::from(*NUMBERS.end())) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::convert::Infallible;

    fn score_at(number: f64) -> f64 {
        curve::at(&JPEG, number)
    }

    fn found(wanted: f64, score: impl Fn(f64) -> f64) -> Found {
        let score = |number: u8| Ok::<f64, Infallible>(score(f64::from(number)));
        search(wanted, &JPEG, score).expect("cannot fail")
    }

    #[test]
    fn an_error_ends_the_search() {
        let mut calls = 0;
        let failing = search(70.0, &JPEG, |_| {
            calls += 1;
            if calls == 2 { Err("gone") } else { Ok(0.0) }
        });
        assert_eq!((failing, calls), (Err("gone"), 2));
    }

    #[test]
    fn what_cannot_be_reached_gives_the_best_there_is() {
        let flat = found(90.0, |_| 40.0);
        assert!(flat.encodings <= ENCODINGS_MAX && flat.score == 40.0);
        let capped = found(90.0, |number| score_at(number) * 0.8);
        assert_eq!(capped.number, *NUMBERS.end());
    }

    #[test]
    fn what_is_always_reached_takes_the_least() {
        assert_eq!(found(50.0, |_| 99.0).number, *NUMBERS.start());
    }

    #[test]
    fn a_typical_picture_needs_few_encodings() {
        for wanted in [30.0, 50.0, 60.0, 70.0, 80.0] {
            let found = found(wanted, score_at);
            assert!(found.encodings <= 2 && found.score >= wanted, "{wanted}: {found:?}");
        }
    }

    proptest! {
        /// Curves of all shapes: moved, steeper or flatter, with noise.
        #[test]
        fn the_score_is_met_and_hardly_more(
            wanted in 40.0f64..85.0, offset in -15.0f64..15.0, slope in 0.7f64..1.4, seed in 0u64..1000,
        ) {
            let noise = |number: f64| ((number * 12.9898 + seed as f64).sin() * 43_758.5).fract() * 0.2;
            let curve = |number: f64| 65.0 + (score_at(number) - 65.0) * slope + offset + noise(number);
            let found = found(wanted, curve);
            prop_assert!(found.encodings <= ENCODINGS_MAX);
            if curve(98.0) >= wanted + 1.0 && curve(5.0) < wanted {
                prop_assert!(found.score >= wanted, "{found:?}");
                let least = (5..=98).find(|number| curve(f64::from(*number)) >= wanted);
                prop_assert!(found.number <= least.unwrap_or(98) + 4, "{found:?}, {least:?}");
            }
        }

        #[test]
        fn no_curve_leads_astray(wanted in 10.0f64..95.0, scores in prop::collection::vec(-100.0f64..100.0, 101)) {
            let found = found(wanted, |number| scores[number as usize]);
            prop_assert!(NUMBERS.contains(&found.number) && found.encodings <= ENCODINGS_MAX);
            prop_assert_eq!(found.score, scores[usize::from(found.number)]);
        }
    }
}
