use proptest::prelude::*;

use super::*;

#[test]
fn nothing_to_go_by_gives_nothing() {
    assert_eq!(forecast(&[], None, 0.9), None);
    assert_eq!(forecast(&[f64::NAN, f64::INFINITY], Some(24), 0.9), None);
}

#[test]
fn short_histories_are_sane() {
    for (series, values, has_interval) in [
        (&[7.0][..], [7.0; 3], false),
        (&[7.0, 9.0][..], [8.0; 3], false),
        (&[7.0, 7.0, 7.0][..], [7.0; 3], true),
        (&[7.0, f64::NAN, 9.0, 8.0][..], [8.5; 3], true),
    ] {
        let got = forecast(series, Some(24), 0.9).unwrap();
        for (prediction, value) in got.next.iter().zip(values) {
            assert!((prediction.value - value).abs() < 1.0, "{series:?}: {got:?}");
            assert_eq!(prediction.interval.is_some(), has_interval, "{series:?}");
        }
    }
}

#[test]
fn a_constant_goes_on_without_doubt() {
    let got = forecast(&[20.0; 50], None, 0.9).unwrap();
    assert!(got.next.iter().all(|p| p.value == 20.0 && p.interval == Some((20.0, 20.0))));
}

#[test]
fn a_line_and_a_cycle_go_on() {
    let line: Vec<f64> = (0..60).map(|i| 3.0 * f64::from(i)).collect();
    let day = |i: usize| 10.0 * libm::sin(i as f64 / 24.0 * core::f64::consts::TAU);
    let cycle: Vec<f64> = (0..120).map(day).collect();
    for (series, period, want) in
        [(line, None, [180.0, 183.0, 186.0]), (cycle, Some(24), [day(120), day(121), day(122)])]
    {
        let got = forecast(&series, period, 0.9).unwrap();
        for (prediction, want) in got.next.iter().zip(want) {
            assert!((prediction.value - want).abs() < 0.3, "{got:?}");
        }
    }
}

#[test]
fn a_spike_in_the_past_neither_chooses_the_model_nor_widens_the_interval() {
    let mut series: Vec<f64> = (0..150).map(|i| f64::from(i % 7) * 0.1).collect();
    let calm = forecast(&series, Some(7), 0.9).unwrap();
    series[70] = 1e6;
    let spiked = forecast(&series, Some(7), 0.9).unwrap();
    assert_eq!(calm.model, spiked.model);
    for (calm, spiked) in calm.next.iter().zip(&spiked.next) {
        assert!((calm.value - spiked.value).abs() < 0.5);
        let (low, high) = spiked.interval.unwrap();
        assert!(high - low < 2.0, "{spiked:?}");
    }
}

#[test]
fn intervals_hold_what_they_promise() {
    // White noise: whatever the model, nine in ten must fall inside.
    let mut state = 11u64;
    let series: Vec<f64> = (0..1500)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 11) as f64 / (1u64 << 53) as f64
        })
        .collect();
    let (mut held, mut asked) = (0, 0);
    for now in (300..1497).step_by(15) {
        let got = forecast(&series[..now], None, 0.9).unwrap();
        for (step, prediction) in got.next.iter().enumerate() {
            let (low, high) = prediction.interval.unwrap();
            held += usize::from((low..=high).contains(&series[now + step]));
            asked += 1;
        }
    }
    let share = held as f64 / asked as f64;
    assert!((0.86..=0.94).contains(&share), "{held} of {asked}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn finite_ordered_widening_and_the_same_every_time(
        series in prop::collection::vec(
            prop_oneof![4 => -50.0..60.0, 1 => Just(3.0), 1 => prop::num::f64::ANY], 0..90),
        period in prop::option::of(0usize..30),
        coverage in prop_oneof![4 => 0.0..1.2, 1 => prop::num::f64::ANY],
    ) {
        let got = forecast(&series, period, coverage);
        prop_assert_eq!(got, forecast(&series, period, coverage));
        prop_assert_eq!(got.is_some(), series.iter().any(|value| value.is_finite()));
        let mut width = 0.0;
        for prediction in got.iter().flat_map(|forecast| forecast.next) {
            prop_assert!(prediction.value.is_finite());
            let Some((low, high)) = prediction.interval else { continue };
            prop_assert!(low.is_finite() && high.is_finite());
            prop_assert!(low <= prediction.value && prediction.value <= high);
            let half_range = high / 2.0 - low / 2.0;
            // Adding the half width to another value may round it.
            prop_assert!(half_range >= width * (1.0 - 1e-9) - 1e-9 * prediction.value.abs());
            width = half_range;
        }
    }

    #[test]
    fn more_coverage_is_never_narrower(
        series in prop::collection::vec(-50.0..60.0, 4..90), less in 0.5..0.9, more in 0.0..0.09,
    ) {
        let widths = |coverage| {
            let next = forecast(&series, None, coverage).unwrap().next;
            next.map(|prediction| prediction.interval.map_or(0.0, |(low, high)| high - low))
        };
        // The normal stand-in for small samples is an approximation to 4.5e-4.
        for (narrow, wide) in widths(less).into_iter().zip(widths(less + more)) {
            prop_assert!(wide >= narrow * 0.99 || series.len() < 24, "{narrow} {wide}");
        }
    }

    #[test]
    fn shift_and_scale_move_the_forecast_along(
        series in prop::collection::vec(-50.0..60.0, 3..60), shift in -100.0..100.0,
        power in -8i32..8,
    ) {
        let scale = libm::scalbn(1.0, power);
        let moved: Vec<f64> = series.iter().map(|value| value * scale).collect();
        let before = forecast(&series, Some(6), 0.9).unwrap();
        let after = forecast(&moved, Some(6), 0.9).unwrap();
        for (before, after) in before.next.iter().zip(&after.next) {
            prop_assert_eq!(before.value * scale, after.value);
        }
        let shifted = forecast(&[shift; 12], None, 0.9).unwrap();
        prop_assert!((shifted.next[2].value - shift).abs() <= 1e-9 * shift.abs());
    }
}
