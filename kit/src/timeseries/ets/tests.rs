use super::*;
use crate::online::noise::Noise;
use alloc::vec;

fn assert_near(got: &[f64], want: impl Fn(usize) -> f64, error: f64) {
    for (step, got) in got.iter().enumerate() {
        let want = want(step);
        assert!((got - want).abs() <= error, "step {step}: got {got}, want {want} ± {error}");
    }
}

#[test]
fn too_little_fits_nothing_or_a_level() {
    assert!(Fit::best(Family::Any, &[], 12).is_none());
    let one = Fit::best(Family::Any, &[4.0], 12).expect("a level");
    assert_eq!(one.form, LEVEL);
    assert_near(&one.forecast(3), |_| 4.0, 1e-9);
    assert!(Fit::best(Family::HoltWinters, &[1.0, 2.0], 0).is_none());
    assert!(Fit::new(ALL[6], &[1.0; 100], PERIOD_MAX + 1).is_none());
}

#[test]
fn what_multiplies_wants_positive_values() {
    let mut values = vec![5.0; 60];
    values[30] = 0.0;
    let fits = ALL.into_iter().filter_map(|form| Fit::new(form, &values, 4));
    assert!(fits.into_iter().all(|fit| !fit.form.is_multiplicative()));
    assert!(!is_clearly_positive(&[-1.0, -2.0]));
    assert!(!is_clearly_positive(&[0.0]));
}

#[test]
fn a_line_is_a_trend() {
    let line: Vec<f64> = (0..40).map(|x| 0.1 + 0.01 * f64::from(x)).collect();
    let fit = Fit::best(Family::Any, &line, 1).expect("a fit");
    assert_eq!(fit.form.trend, Trend::Additive, "{fit:?}");
    assert_near(&fit.forecast(10), |step| 0.5 + 0.01 * step as f64, 2e-3);
}

#[test]
fn noise_around_a_level_has_neither_trend_nor_cycle() {
    let mut noise = Noise::new(7);
    let values: Vec<f64> = (0..120).map(|_| 0.5 + 0.1 * noise.normal()).collect();
    let fit = Fit::best(Family::Any, &values, 12).expect("a fit");
    assert_eq!((fit.form.trend, fit.form.season), (Trend::None, Part::None), "{fit:?}");
    assert_near(&fit.forecast(12), |_| 0.5, 0.05);
}

#[test]
fn a_cycle_is_added_or_multiplied_as_it_was_made() {
    let mut noise = Noise::new(3);
    let cycle = |x: usize| libm::sin(core::f64::consts::TAU * x as f64 / 12.0);
    let sum: Vec<f64> = (0..96).map(|x| 0.5 + 0.2 * cycle(x) + 0.01 * noise.normal()).collect();
    let fit = Fit::best(Family::Any, &sum, 12).expect("a fit");
    assert_ne!(fit.form.season, Part::None);
    assert_near(&fit.forecast(24), |step| 0.5 + 0.2 * cycle(96 + step), 0.04);
    let product: Vec<f64> = (0..96)
        .map(|x| (0.1 + 0.008 * x as f64) * (1.0 + 0.5 * cycle(x)) * (1.0 + 0.02 * noise.normal()))
        .collect();
    let fit = Fit::best(Family::Any, &product, 12).expect("a fit");
    assert_eq!(fit.form.season, Part::Multiplicative, "{fit:?}");
    let want = |step: usize| (0.1 + 0.008 * (96 + step) as f64) * (1.0 + 0.5 * cycle(96 + step));
    assert_near(&fit.forecast(12), want, 0.06);
    let winters = Fit::best(Family::HoltWinters, &product, 12).expect("a fit");
    assert_eq!(winters.form.trend, Trend::Additive);
}

#[test]
fn constants_and_extremes_stay_finite() {
    for value in [0.0, 1.0, -1.0, 1e-300, f64::MIN_POSITIVE] {
        let fit = Fit::best(Family::Any, &[value; 50], 4).expect("a fit");
        assert_near(&fit.forecast(100), |_| value, 1e-9);
    }
    let wild: Vec<f64> = (0..60).map(|x| if x % 7 == 0 { 1.0 } else { 1e-308 }).collect();
    let fit = Fit::best(Family::Any, &wild, 7).expect("a fit");
    assert!(fit.forecast(50).iter().all(|value| value.is_finite()));
}

#[test]
fn forms_have_names() {
    assert_eq!(ALL[14].name(), "ETS(M,Ad,M)");
    assert_eq!(LEVEL.name(), "ETS(A,N,N)");
}
