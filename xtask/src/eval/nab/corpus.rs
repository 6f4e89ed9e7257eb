//! The files of the Numenta Anomaly Benchmark: series, labeled windows, profiles.

use crate::json;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// The costs of one application profile (Lavin & Ahmad 2015, table I).
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Profile {
    /// `standard`, `reward_low_FP_rate`, `reward_low_FN_rate`.
    pub name: String,
    /// What a window that is found counts.
    pub hit: f64,
    /// What a false alarm costs.
    pub false_alarm: f64,
    /// What a window that is missed costs.
    pub miss: f64,
}

/// One series and where its anomalies lie.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Series {
    /// `realTweets/Twitter_volume_AAPL.csv`
    pub name: String,
    /// Seconds since 1970, as if the times were in UTC.
    pub times_s: Vec<f64>,
    /// One value per time.
    pub values: Vec<f64>,
    /// First and last index of each labeled window, in order, without overlap.
    pub windows: Vec<(usize, usize)>,
}

impl Series {
    /// The folder that the series lies in: `realTweets`.
    pub(super) fn category(&self) -> &str {
        self.name.split('/').next().unwrap_or_default()
    }
}

/// All that the benchmark has.
#[derive(Clone, Debug)]
pub(super) struct Corpus {
    /// In the order of their names.
    pub series: Vec<Series>,
    /// The standard one first.
    pub profiles: Vec<Profile>,
}

impl Corpus {
    /// Reads `data/`, `labels/combined_windows.json` and `config/profiles.json`.
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let labels = read_json(&folder.join("labels/combined_windows.json"))?;
        let labels = labels.as_object().context("reading the windows: they are no object")?;
        let mut series = Vec::new();
        for (name, windows) in labels {
            let path = folder.join("data").join(name);
            let text =
                fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
            let read = parse_series(name, &text, windows);
            series.push(read.with_context(|| format!("reading {}", path.display()))?);
        }
        series.sort_by(|left, right| left.name.cmp(&right.name));
        let profiles = parse_profiles(&read_json(&folder.join("config/profiles.json"))?)?;
        Ok(Corpus { series, profiles })
    }
}

fn read_json(path: &Path) -> Result<Value> {
    let text = fs::read(path).with_context(|| format!("reading {}", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("reading {}", path.display()))
}

fn parse_profiles(value: &Value) -> Result<Vec<Profile>> {
    let mut profiles = Vec::new();
    for name in ["standard", "reward_low_FP_rate", "reward_low_FN_rate"] {
        let costs = &value[name]["CostMatrix"];
        profiles.push(Profile {
            name: name.to_owned(),
            hit: json::number(costs, "tpWeight")?,
            false_alarm: json::number(costs, "fpWeight")?,
            miss: json::number(costs, "fnWeight")?,
        });
    }
    Ok(profiles)
}

fn parse_series(name: &str, text: &str, windows: &Value) -> Result<Series> {
    let mut series = Series {
        name: name.to_owned(),
        times_s: Vec::new(),
        values: Vec::new(),
        windows: Vec::new(),
    };
    for (index, line) in text.lines().enumerate().skip(1) {
        let row = line.split_once(',').and_then(|(time, value)| {
            Some((seconds(time.trim())?, value.trim().parse::<f64>().ok()?))
        });
        let Some((time_s, value)) = row else { bail!("line {} is no reading", index + 1) };
        series.times_s.push(time_s);
        series.values.push(value);
    }
    let windows = windows.as_array().context("the windows are no list")?;
    for window in windows {
        let edge = |index: usize| {
            let time_s = seconds(window[index].as_str()?)?;
            series.times_s.iter().position(|known| *known == time_s)
        };
        let (Some(first), Some(last)) = (edge(0), edge(1)) else {
            bail!("a window begins or ends where no reading is: {window}")
        };
        let before = series.windows.last().map(|&(_, last)| last);
        if first > last || before.is_some_and(|before| before >= first) {
            bail!("windows are out of order at {window}");
        }
        series.windows.push((first, last));
    }
    Ok(series)
}

/// `2014-04-10 07:15:00` (a fraction may follow) in seconds since 1970.
fn seconds(text: &str) -> Option<f64> {
    let (date, time) = text.split_once(' ')?;
    let mut date = date.split('-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let mut time = time.split(':');
    let hour: i64 = time.next()?.parse().ok()?;
    let minute: i64 = time.next()?.parse().ok()?;
    let second: f64 = time.next()?.parse().ok()?;
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || !(0..=9999).contains(&year) {
        return None;
    }
    // Days since 1970 in the Gregorian calendar; the year is taken to begin in March, so
    // that the leap day is its last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    let days = 365 * year + leap_days + (153 * month + 2) / 5 + day - 1 - 719_468;
    Some((days * 86_400 + hour * 3_600 + minute * 60) as f64 + second)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_no_series_is_an_error() {
        let text = "timestamp,value\n2014-04-10 07:15:00,1\n2014-04-10 07:20:00,2\n";
        let window = |first: &str, last: &str| json!([[first, last]]);
        for (text, windows) in [
            ("timestamp,value\n2014-04-10 07:15:00\n", json!([])),
            ("timestamp,value\n2014-13-10 07:15:00,1\n", json!([])),
            ("timestamp,value\n2014-04-10 07:15:00,one\n", json!([])),
            (text, json!({})),
            (text, window("2014-04-10 07:15:00", "2014-04-10 07:21:00")),
            (text, window("2014-04-10 07:20:00", "2014-04-10 07:15:00")),
        ] {
            assert!(parse_series("a/b.csv", text, &windows).is_err(), "{text} {windows}");
        }
    }

    #[test]
    fn windows_become_indices() {
        let text = "timestamp,value\r\n2014-04-10 07:15:00,1\r\n2014-04-10 07:20:00,2.5\r\n";
        let windows = json!([["2014-04-10 07:15:00.000000", "2014-04-10 07:20:00.000000"]]);
        let series = parse_series("a/b.csv", text, &windows).expect("valid");
        assert_eq!((series.category(), series.windows.as_slice()), ("a", &[(0, 1)][..]));
        assert_eq!(series.values, [1.0, 2.5]);
    }

    #[test]
    fn times_are_those_of_the_calendar() {
        for (text, expected) in [
            ("1970-01-01 00:00:00", Some(0.0)),
            ("2000-02-29 00:00:01.5", Some(951_782_401.5)),
            ("2014-04-10 07:15:00.000000", Some(1_397_114_100.0)),
            ("2014-04-10", None),
            ("2014-04-10 07:15", None),
        ] {
            assert_eq!(seconds(text), expected, "{text}");
        }
    }
}
