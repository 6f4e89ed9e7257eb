use proptest::prelude::*;

use super::*;

#[test]
fn nothing_is_normal() {
    let nothing = assess(&[], &[], &SensorOptions::default());
    assert_eq!(nothing.latest, None);
    assert_eq!(nothing.level, AlertLevel::Normal);
    assert_eq!(nothing.score.score, 0.0);
    assert_eq!(nothing.forecast, None);
    assert_eq!((nothing.used, nothing.dropped), (0, 0));

    let lost = assess(&[], &[f64::NAN, f64::INFINITY], &SensorOptions::default());
    assert_eq!((lost.used, lost.dropped), (0, 2));
    assert_eq!(lost.forecast, None);
}

#[test]
fn a_history_without_readings_is_forecast_but_not_judged() {
    let got = assess(&[70.0; 12], &[], &SensorOptions::default());
    assert_eq!((got.latest, got.level), (None, AlertLevel::Normal));
    assert_eq!(got.forecast.unwrap().next[0].value, 70.0);
}

#[test]
fn the_latest_number_is_judged_by_its_value_and_its_surprise() {
    let history: Vec<f64> = (0..50).map(|i| 20.0 + f64::from(i % 5) * 0.2).collect();
    for (readings, level, latest) in [
        (&[20.4][..], AlertLevel::Normal, 20.4),
        (&[20.4, f64::NAN][..], AlertLevel::Normal, 20.4),
        (&[80.0, 20.4][..], AlertLevel::Normal, 20.4),
        (&[30.0][..], AlertLevel::Critical, 30.0),
        (&[51.0][..], AlertLevel::Critical, 51.0),
        (&[-11.0, f64::NAN][..], AlertLevel::Critical, -11.0),
    ] {
        let got = assess(&history, readings, &SensorOptions::default());
        assert_eq!((got.level, got.latest), (level, Some(latest)), "{readings:?}: {got:?}");
        assert_eq!(got.action_required, level == AlertLevel::Critical);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn where_the_history_ends_does_not_matter(
        series in prop::collection::vec(prop_oneof![9 => -50.0..60.0, 1 => Just(f64::NAN)], 2..80),
        cut in 0usize..78,
    ) {
        let cut = cut.min(series.len() - 1);
        let options = SensorOptions { period: Some(6), ..SensorOptions::default() };
        let whole = assess(&[], &series, &options);
        prop_assert_eq!(whole.used + whole.dropped, series.len());
        let split = assess(&series[..cut], &series[cut..], &options);
        if split.latest.is_some() {
            prop_assert_eq!(split, whole);
        }
    }

    #[test]
    fn always_an_answer(
        history in prop::collection::vec(prop::num::f64::ANY, 0..60),
        readings in prop::collection::vec(prop::num::f64::ANY, 0..60),
        period in prop::option::of(prop::num::usize::ANY),
        low in prop::num::f64::ANY, high in prop::num::f64::ANY,
    ) {
        let thresholds = Thresholds { critical_low: low, critical_high: high, ..Default::default() };
        let options = SensorOptions { period, thresholds, ..Default::default() };
        let got = assess(&history, &readings, &options);
        prop_assert!((0.0..=1.0).contains(&got.score.score));
        prop_assert_eq!(got.action_required, got.level == AlertLevel::Critical);
        prop_assert_eq!(&got, &assess(&history, &readings, &options));
    }
}

#[test]
fn a_period_longer_than_the_history_is_harmless() {
    for period in [0, 1, 5, usize::MAX] {
        let options = SensorOptions { period: Some(period), ..Default::default() };
        let got = assess(&[], &[1.0; 9], &options);
        assert_eq!(got.level, AlertLevel::Normal);
    }
}
