//! Everything that the function `sensors` reads.

use super::texts;
use sedge_kit::sensors::{SensorOptions, assess};
use sensors::readings::Readings;

/// Words of both kinds of body.
pub(super) const WORDS: &[&str] = &[
    "value",
    "time",
    "temp",
    "date",
    "history",
    "readings",
    "null",
    "true",
    "2010/01/01 00:00",
    "2010-01-01T00:00:00Z",
    "1262304000",
    "-273.15",
    "\"",
    "\"\"",
    "\r\n",
    "[[",
    "{\"",
    "\u{feff}",
];

pub(super) fn tables() -> Vec<Vec<u8>> {
    texts(&[
        "",
        "date,temp\n2010/01/01 00:00,39.4\n2010/01/01 01:00,39.2\n2010/01/01 02:00,\n",
        "temp;date\r\n47,8;2010/01/01 00:00:00\r\n\"1,5\";x\r\n",
        "1\n2\n3\n2\n1\n999\n",
        "\u{feff}\"a\"\"b\",value\n\"multi\nline\",3\n",
    ])
}

/// A table.
pub(super) fn csv(data: &[u8]) {
    for field in [None, Some("temp")] {
        if let Ok(readings) = sensors::csv::parse_csv(data, field) {
            judge(&readings);
        }
    }
}

pub(super) fn documents() -> Vec<Vec<u8>> {
    texts(&[
        "[]",
        "[1, 2, 3.5, null, 2]",
        "{\"readings\": [{\"time\": 1262304000, \"value\": 39.4}, {\"value\": \"x\"}], \"history\": [1, 2, 3]}",
        "{\"readings\": [1, 2], \"period\": 24, \"thresholds\": {\"warn\": 3}}",
        "[[1262304000, 39.4], [1262307600, 39.2]]",
    ])
}

/// A document.
pub(super) fn json(data: &[u8]) {
    for field in [None, Some("value")] {
        if let Ok(readings) = sensors::json::parse_json(data, field) {
            judge(&readings);
        }
    }
}

/// Whatever was read gives a score that is a number.
fn judge(readings: &Readings) {
    let values: Vec<f64> = readings.values().collect();
    if values.len() + readings.history.len() > 2_000 {
        return;
    }
    let assessment = assess(&readings.history, &values, &SensorOptions::default());
    assert!(!assessment.score.score.is_nan(), "{values:?}");
    assert!(assessment.latest.is_none_or(f64::is_finite));
}

pub(super) fn timestamps() -> Vec<Vec<u8>> {
    texts(&[
        "2010-01-01T00:00:00Z",
        "2010/02/29 23:59",
        "1262304000",
        "2010-12-31 23:59:60.123+05:30",
    ])
}

/// A time: what is printed is read as the same second again.
pub(super) fn timestamp(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Some(time_s) = sensors::timestamp::parse(text) else { return };
    assert!(time_s.is_finite(), "{text:?}");
    if let Some(printed) = sensors::timestamp::format(time_s) {
        let again = sensors::timestamp::parse(&printed);
        assert!(again.is_some_and(|again| (again - time_s).abs() <= 1.0), "{text:?} → {printed:?}");
    }
}
