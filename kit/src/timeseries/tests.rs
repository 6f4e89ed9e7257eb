use super::*;
use crate::online::noise::Noise;
use alloc::vec;
use proptest::prelude::*;

fn options(horizon: usize) -> Options {
    Options { horizon, periods: None, coverages: vec![0.8, 0.95], model: None }
}

fn wave(x: usize, period: usize) -> f64 {
    libm::sin(core::f64::consts::TAU * x as f64 / period as f64)
}

#[test]
fn what_cannot_be_answered_is_an_error() {
    use ForecastError::{Coverage, Empty, Horizon, Model as NoModel, Periods, TooLong};
    let values = [1.0, 2.0, 3.0];
    let asked = |change: &dyn Fn(&mut Options)| {
        let mut options = options(3);
        change(&mut options);
        forecast(&values, &options).map(drop)
    };
    assert_eq!(forecast(&[], &options(3)), Err(Empty));
    assert_eq!(forecast(&[f64::NAN, f64::INFINITY], &options(3)), Err(Empty));
    assert_eq!(forecast(&vec![1.0; VALUES_MAX + 1], &options(3)), Err(TooLong));
    assert_eq!(asked(&|options| options.horizon = 0), Err(Horizon));
    assert_eq!(asked(&|options| options.horizon = HORIZON_MAX + 1), Err(Horizon));
    assert_eq!(asked(&|options| options.horizon = usize::MAX), Err(Horizon));
    assert_eq!(asked(&|options| options.periods = Some(vec![1])), Err(Periods));
    assert_eq!(asked(&|options| options.periods = Some(vec![2; 4])), Err(Periods));
    assert_eq!(asked(&|options| options.coverages = vec![0.999]), Err(Coverage));
    assert_eq!(asked(&|options| options.coverages = vec![f64::NAN]), Err(Coverage));
    assert_eq!(asked(&|options| options.coverages = vec![0.9; 5]), Err(Coverage));
    assert_eq!(asked(&|options| options.model = Some(Model::SeasonalNaive)), Err(NoModel));
    let mut ended = vec![1.0];
    ended.resize(HORIZON_MAX, f64::NAN);
    assert_eq!(forecast(&ended, &options(2)), Err(Horizon));
}

#[test]
fn one_value_goes_on_without_a_width() {
    let got = forecast(&[5.0], &options(4)).expect("a forecast");
    assert_eq!(got.steps.len(), 4);
    assert!(got.steps.iter().all(|step| step.intervals.is_none()), "{got:?}");
    assert!(got.steps.iter().all(|step| (step.value - 5.0).abs() < 1e-9));
    let three = forecast(&[5.0, 6.0, 5.0], &options(1)).expect("a forecast");
    assert!(three.steps[0].intervals.is_some());
}

#[test]
fn a_constant_has_no_width() {
    let got = forecast(&[7.25; 100], &options(10)).expect("a forecast");
    for step in &got.steps {
        assert!((step.value - 7.25).abs() < 1e-9);
        let (low, high) = step.intervals.as_ref().expect("a width")[1];
        assert!(high - low < 1e-6, "{low} {high}");
    }
    assert!(got.periods.is_empty());
}

#[test]
fn gaps_at_the_end_are_steps() {
    let mut values: Vec<f64> = (0..60).map(|x| 100.0 + 2.0 * f64::from(x)).collect();
    values[20] = f64::NAN;
    values.extend([f64::NAN; 5]);
    let got = forecast(&values, &options(3)).expect("a forecast");
    for (step, one) in got.steps.iter().enumerate() {
        let want = 100.0 + 2.0 * (65 + step) as f64;
        assert!((one.value - want).abs() < 6.0, "{step}: {} {want}", one.value);
    }
}

#[test]
fn days_and_weeks_are_found_and_go_on() {
    let mut noise = Noise::new(6);
    let value = |x: usize| 50.0 + 10.0 * wave(x, 24) - if (x / 24) % 7 >= 5 { 12.0 } else { 0.0 };
    let values: Vec<f64> = (0..24 * 7 * 5).map(|x| value(x) + noise.normal()).collect();
    let got = forecast(&values, &options(24 * 7)).expect("a forecast");
    let lengths: Vec<usize> = got.periods.iter().map(|period| period.length).collect();
    assert_eq!(lengths, [24, 168]);
    let errors = got.steps.iter().enumerate();
    let mean =
        errors.map(|(step, one)| (one.value - value(values.len() + step)).abs()).sum::<f64>()
            / got.steps.len() as f64;
    assert!(mean < 1.5, "{mean}");
    assert!(got.error.is_some_and(|error| error < 2.0), "{:?}", got.error);
}

#[test]
fn intervals_hold_about_their_share() {
    let (mut inside, mut all) = ([0, 0], 0);
    for seed in 0..60 {
        let mut noise = Noise::new(seed);
        let mut level = 100.0;
        let values: Vec<f64> = (0..112)
            .map(|x| {
                level += 0.3 * noise.normal();
                level + 4.0 * wave(x, 12) + noise.normal()
            })
            .collect();
        let asked = Options { periods: Some(vec![12]), ..options(12) };
        let got = forecast(&values[..100], &asked).expect("a forecast");
        for (value, step) in values[100..].iter().zip(&got.steps) {
            let intervals = step.intervals.as_ref().expect("a width");
            for (count, (low, high)) in inside.iter_mut().zip(intervals) {
                *count += i32::from((*low..=*high).contains(value));
            }
            all += 1;
        }
    }
    let shares = inside.map(|count| f64::from(count) / f64::from(all));
    assert!((0.74..0.92).contains(&shares[0]), "{shares:?}");
    assert!((0.91..0.995).contains(&shares[1]), "{shares:?}");
}

/// Values of all sizes, and gaps.
fn any_value() -> impl Strategy<Value = f64> {
    prop_oneof![
        6 => -1e3..1e3_f64,
        1 => Just(0.0),
        1 => proptest::num::f64::ANY,
        1 => Just(f64::MAX),
        1 => Just(f64::NAN),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn whatever_comes_the_answer_is_finite_and_in_order(
        values in proptest::collection::vec(any_value(), 0..120),
        horizon in 1..30_usize,
        periods in proptest::option::of(proptest::collection::vec(2..40_usize, 0..3)),
        model in proptest::option::of(0..Model::ALL.len()),
    ) {
        let model = model.map(|index| Model::ALL[index]);
        let asked = Options { periods, model, ..options(horizon) };
        if let Ok(got) = forecast(&values, &asked) {
            prop_assert_eq!(got.steps.len(), horizon);
            let mut before = 0.0;
            for step in &got.steps {
                prop_assert!(step.value.is_finite());
                let Some(intervals) = &step.intervals else { continue };
                for (low, high) in intervals {
                    prop_assert!(low.is_finite() && high.is_finite());
                    prop_assert!(*low <= step.value && step.value <= *high);
                }
                let (near, far) = (intervals[0], intervals[1]);
                prop_assert!(far.0 <= near.0 && near.1 <= far.1);
                // Never narrower than the step before, but for rounding and the ends of numbers.
                let width = near.1 / 2.0 - near.0 / 2.0;
                let is_whole = near.0 > f64::MIN && near.1 < f64::MAX;
                prop_assert!(!is_whole || width >= before - 1e-6 * step.value.abs().max(before));
                before = if is_whole { width } else { 0.0 };
            }
        }
    }
}
