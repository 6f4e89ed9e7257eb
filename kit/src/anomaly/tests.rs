use alloc::vec;

use proptest::prelude::*;

use super::*;

fn score(history: &[f64], value: f64) -> f64 {
    let mut series = history.to_vec();
    series.push(value);
    score_last(&series, None, 0.0).score
}

/// Noise in [-1, 1) that is the same on every run.
fn noise(seed: u64, count: usize) -> Vec<f64> {
    let mut state = seed;
    (0..count)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
        })
        .collect()
}

#[test]
fn too_little_history_says_nothing() {
    for (series, expected) in [
        (&[][..], 0.0),
        (&[5.0][..], 0.0),
        (&[5.0, 900.0][..], 0.0),
        (&[5.0, 5.0, 900.0][..], 0.0),
        (&[f64::NAN, f64::INFINITY, 900.0][..], 0.0),
        (&[1.0, 2.0, 3.0, f64::NAN][..], 0.0),
    ] {
        let got = score_last(series, Some(2), 0.0);
        assert_eq!(got.score, expected, "{series:?}");
    }
    assert!(score(&[20.0, 20.1], 31.0) < 0.5, "two readings are no ground for a warning");
    assert!(score(&[20.1, 20.3, 20.2, 20.1, 20.2], 31.0) > 0.5);
}

#[test]
fn a_constant_history_is_judged_by_its_length() {
    for (count, expected) in [(1, 0.0), (2, 0.0), (4, 0.5), (10, 0.8), (100, 0.98)] {
        assert_eq!(score(&vec![20.0; count], 20.0), 0.0);
        assert_eq!(score(&vec![20.0; count], 20.1), expected, "after {count}");
    }
}

#[test]
fn a_resolution_tells_small_changes_from_large() {
    let mut series = vec![20.0; 100];
    series.push(20.1);
    assert!(score_last(&series, None, 0.1).score < 0.2);
    series[100] = 25.0;
    assert!(score_last(&series, None, 0.1).score > 0.8);
    for nonsense in [f64::NAN, -1.0, f64::INFINITY] {
        assert_eq!(score_last(&series, None, nonsense).score, 0.98);
    }
}

#[test]
fn a_wild_value_in_a_constant_history_masks_nothing() {
    let mut history = vec![20.0; 100];
    history[40] = f64::MAX;
    history[60] = 80.0;
    assert_eq!(score(&history, 80.0), 0.78);
    history[40] = 20.0;
    assert_eq!(score(&history, 80.0), 0.88);
}

#[test]
fn a_switch_is_not_odd_for_being_on_now_and_then() {
    let history: Vec<f64> = (0..100).map(|i| if i % 8 == 0 { 1.0 } else { 0.0 }).collect();
    for resolution in [0.0, 1.0, 0.001] {
        let mut series = history.clone();
        series.push(1.0);
        assert_eq!(score_last(&series, None, resolution).score, 0.0);
        series[100] = 9.0;
        assert!(score_last(&series, None, resolution).score > 0.5);
    }
}

#[test]
fn the_level_the_trend_and_the_cycle_are_expected() {
    let wobble = noise(7, 400);
    let level: Vec<f64> = wobble.iter().map(|n| 20.0 + n).collect();
    let trend: Vec<f64> = wobble.iter().enumerate().map(|(i, n)| i as f64 + n).collect();
    let cycle = |i: usize| 10.0 * libm::sin(i as f64 / 24.0 * core::f64::consts::TAU);
    let day: Vec<f64> = wobble.iter().enumerate().map(|(i, n)| cycle(i) + n).collect();
    for (series, next) in [(&level, 20.0), (&trend, 400.0), (&day, cycle(400))] {
        let judge = |value: f64| {
            let mut series = series.clone();
            series.push(value);
            score_last(&series, Some(24), 0.0)
        };
        assert!(judge(next + 0.5).score < 0.3, "{:?}", judge(next + 0.5));
        assert!(judge(next + 15.0).score > 0.8, "{:?}", judge(next + 15.0));
        assert!(judge(next - 15.0).score > 0.8, "{:?}", judge(next - 15.0));
        let expected = judge(next + 15.0).expected.unwrap();
        assert!((expected - next).abs() < 3.0, "{expected} for {next}");
    }
}

#[test]
fn a_scan_says_what_each_single_call_would_have_said() {
    let mut series = noise(3, 700);
    series[500] = 60.0;
    let all = scan(&series, 0, Some(24), 0.01);
    for index in [0, 1, 2, 40, 300, 500, 501, 699] {
        // The overall scale differs by an exact power of two, so not one bit
        // of the score may differ.
        assert_eq!(all[index], score_last(&series[..=index], Some(24), 0.01), "at {index}");
    }
    assert_eq!(scan(&series, 600, Some(24), 0.01)[..], all[600..]);
    assert!(scan(&series, 9999, None, 0.0).is_empty());
}

#[test]
fn decimal_steps() {
    for (values, expected) in [
        (&[][..], 0.0),
        (&[f64::NAN][..], 0.0),
        (&[20.0, 0.0, -3.0][..], 1.0),
        (&[20.0, 20.1, f64::INFINITY][..], 0.1),
        (&[23.11, 24.2][..], 0.01),
        (&[0.1 + 0.2][..], 0.1),
        (&[core::f64::consts::PI][..], 0.0),
        (&[1e300][..], 1.0),
    ] {
        let got = decimal_resolution(values.iter().copied(), 1e-9);
        assert!((got - expected).abs() < 1e-12, "{values:?}: {got}");
    }
    let single = [f64::from(20.1_f32), f64::from(19.7_f32)];
    assert_eq!(decimal_resolution(single.into_iter(), 1e-9), 0.0);
    let coarse = decimal_resolution(single.into_iter(), f64::from(f32::EPSILON));
    assert!((coarse - 0.1).abs() < 1e-12);
}

fn any_series() -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec(
        prop_oneof![
            4 => -50.0..60.0,
            1 => Just(20.0),
            1 => prop::num::f64::ANY,
        ],
        0..120,
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn bounded_never_nan_and_the_same_every_time(
        series in any_series(),
        period in prop::option::of(0usize..40),
        resolution in prop::num::f64::ANY,
    ) {
        let first = scan(&series, 0, period, resolution);
        for verdict in &first {
            prop_assert!((0.0..=1.0).contains(&verdict.score), "{verdict:?}");
            prop_assert!(verdict.expected.is_none_or(f64::is_finite), "{verdict:?}");
        }
        prop_assert_eq!(first, scan(&series, 0, period, resolution));
    }

    #[test]
    fn shift_and_scale_change_nothing(
        series in prop::collection::vec(-50.0..60.0, 1..150),
        shift in -1000.0..1000.0,
        scale in prop_oneof![0.001..1000.0, -1000.0..-0.001],
        resolution in 0.0..0.5,
    ) {
        let before = score_last(&series, Some(12), resolution);
        let moved: Vec<f64> = series.iter().map(|value| value * scale + shift * scale).collect();
        let after = score_last(&moved, Some(12), resolution * f64::abs(scale));
        prop_assert!((before.score - after.score).abs() < 1e-6, "{before:?} {after:?}");
    }

    #[test]
    fn further_off_is_never_less_surprising(
        history in prop::collection::vec(-50.0..60.0, 3..60), near in 0.0..50.0, more in 0.0..50.0,
    ) {
        let mut series = history.clone();
        series.push(0.0);
        let expected = score_last(&series, None, 0.0).expected.unwrap();
        let closer = score(&history, expected + near);
        let further = score(&history, expected + near + more);
        prop_assert!(further + 1e-9 >= closer, "{closer} then {further}");
    }

    #[test]
    fn outliers_in_the_history_do_not_mask(
        seed in 1u64..1000,
        places in prop::collection::vec(0usize..115, 0..12),
        size in 20.0..1e9,
    ) {
        let mut history = noise(seed, 120);
        for place in places {
            history[place] += size;
        }
        prop_assert!(score(&history, 20.0) > 0.8);
        prop_assert!(score(&history, 0.0) < 0.5);
    }
}
