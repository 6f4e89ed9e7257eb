use proptest::prelude::*;

use super::*;
use crate::csv::parse_csv;
use crate::json::parse_json;

fn csv(body: &str, query: &str) -> Report {
    let given = crate::settings::decode_query(query);
    let settings = Settings::read(given.iter().map(|(n, v)| (n.as_str(), v.as_str()))).unwrap();
    let readings = parse_csv(body.as_bytes(), settings.field.as_deref()).unwrap();
    report(&readings, &settings).unwrap()
}

fn seattle() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/sensors/seattle-temps.csv");
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn no_readings_are_normal() {
    let got = csv("date,temp\n", "");
    assert_eq!((got.alert_level, got.anomaly_score), ("normal", 0.0));
    assert_eq!((got.predictions.len(), got.latest), (0, None));
    assert_eq!(got.series.forecast_model, None);
}

#[test]
fn only_bad_readings_are_no_readings() {
    let got = csv("temp\nx\nNA\n", "");
    assert_eq!((got.readings_used, got.readings_dropped), (0, 2));
    assert_eq!((got.predictions.len(), got.dropped.len()), (0, 2));
}

#[test]
fn the_real_series_is_calm() {
    let got = csv(&seattle(), "unit=F&scan=3000");
    assert_eq!((got.readings_used, got.readings_dropped), (2159, 0));
    assert_eq!((got.alert_code, got.action_required), (0, false));
    assert!(got.anomaly_score < 0.2, "{}", got.anomaly_score);
    assert_eq!(got.series.period, Some(24));
    assert_eq!((got.series.step_s, got.series.missing), (Some(3600.0), 1));
    assert_eq!((got.series.score_model, got.series.resolution), ("seasonal", 0.1));
    assert_eq!((got.anomalies.scanned, got.anomalies.found), (2159, 0));
    let latest = got.latest.unwrap();
    assert_eq!((latest.row, latest.line, latest.value), (2159, Some(2160), 45.0));
    assert_eq!(latest.time.as_deref(), Some("2010-03-31T23:00:00"));
    for prediction in &got.predictions {
        assert!((42.0..46.0).contains(&prediction.value), "{prediction:?}");
        assert!(prediction.high.unwrap() - prediction.low.unwrap() < 2.0, "{prediction:?}");
    }
}

#[test]
fn a_spike_in_the_real_series_is_named() {
    let body = seattle().replace("2010/03/20 15:00,", "2010/03/20 15:00,1");
    let got = csv(&body, "unit=F&warning_high=off&critical_high=off");
    assert_eq!((got.anomalies.scanned, got.anomalies.found), (999, 1));
    let odd = &got.anomalies.list[0];
    assert_eq!(odd.time.as_deref(), Some("2010-03-20T15:00:00"));
    assert_eq!((odd.alert_level, odd.line), ("critical", Some(odd.row + 1)));
    assert!((odd.value - odd.expected.unwrap() - 100.0).abs() < 2.0, "{odd:?}");
    assert_eq!(got.alert_level, "normal");
}

#[test]
fn shuffled_rows_are_put_in_order() {
    let sorted = seattle();
    let mut lines: Vec<&str> = sorted.lines().collect();
    lines[1..].reverse();
    let (got, want) = (csv(&lines.join("\n"), "unit=F"), csv(&sorted, "unit=F"));
    assert_eq!(got.predictions, want.predictions);
    assert_eq!(got.latest.unwrap().row, 1);
}

#[test]
fn thresholds_of_the_unit_apply() {
    for (body, query, level) in [
        ("temp\n45\n", "", "warning"),
        ("temp\n45\n", "unit=F", "normal"),
        ("temp\n51\n", "", "critical"),
        ("ppm\n400\n", "", "normal"),
        ("ppm\n400\n", "critical_high=399", "critical"),
        ("ppm\n400\n", "warning_high=399", "warning"),
        ("temp\n20\n", "warning_low=20.5", "warning"),
    ] {
        let got = csv(body, query);
        assert_eq!(got.alert_level, level, "{body:?} {query}");
        assert_eq!(got.action_required, level == "critical");
    }
}

#[test]
fn history_comes_before_the_readings_and_is_not_scanned() {
    let body = br#"{"history": [20, 20.1, 20, null, 20.2, 20.1, 20, 20.1, 20.2, 20.1],
        "readings": [{"temperature": 20.1}, {"temperature": 35.5}]}"#;
    let readings = parse_json(body, None).unwrap();
    let got = report(&readings, &Settings::default()).unwrap();
    assert_eq!((got.readings_used, got.readings_dropped), (11, 1));
    assert_eq!(got.alert_level, "warning", "ten readings are not enough for more");
    assert_eq!((got.anomalies.scanned, got.anomalies.found), (2, 1));
    assert_eq!(got.anomalies.list[0].row, 2);
}

#[test]
fn the_json_has_the_keys_of_the_documentation() {
    let text = serde_json::to_string(&csv("time,temp\n1,20\n2,21\n3,20\n", "")).unwrap();
    let start = "{\"anomaly_score\":0.0,\"predictions\":[{\"value\":";
    assert!(text.starts_with(&start[..14]), "{text}");
    for key in ["\"low\":", "\"alert_level\":\"normal\"", "\"alert_code\":0", "\"readings_used\":3"]
    {
        assert!(text.contains(key), "{key} in {text}");
    }
}

#[test]
fn numbers_are_tidied() {
    for (value, expected) in
        [(45.699999999999996, 45.7), (0.1 + 0.2, 0.3), (0.0, 0.0), (f64::MAX, f64::MAX)]
    {
        assert_eq!(tidy(value), expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_number_in_an_answer_is_one(
        values in prop::collection::vec(prop::num::f64::ANY, 0..40),
        times in prop::collection::vec(prop::num::f64::ANY, 0..40),
        scan in 0usize..50,
    ) {
        let mut readings = Readings { field: "temp".to_owned(), ..Readings::default() };
        for (index, value) in values.iter().enumerate() {
            readings.push(times.get(index).copied(), Ok(*value), 0).unwrap();
        }
        let got = report(&readings, &Settings { scan, ..Settings::default() }).unwrap();
        // serde_json writes what is no number as null.
        let text = serde_json::to_string(&got.anomalies).unwrap();
        prop_assert!(!text.contains("\"score\":null") && !text.contains("\"value\":null"));
        prop_assert!((0.0..=1.0).contains(&got.anomaly_score));
        for prediction in &got.predictions {
            prop_assert!(prediction.value.is_finite());
            prop_assert!(prediction.low.is_none_or(|low| low <= prediction.value));
            prop_assert!(prediction.high.is_none_or(|high| high >= prediction.value));
        }
    }
}
