//! What a caller can set: by query, in the JSON body's `options`, or (for all
//! callers at once) in the variable `SENSORS_DEFAULTS` of the manifest.

use sedge_kit::alert::Thresholds;

use crate::problem::{Mistake, Problem};

/// The variable that holds defaults, written like a query: `unit=F&period=24`.
pub const DEFAULTS_VARIABLE: &str = "SENSORS_DEFAULTS";

/// At most this many readings are scanned for anomalies.
pub const SCAN_MAX: usize = 10_000;

/// Cycles longer than this are refused.
const PERIOD_MAX: usize = 50_000;

/// Every setting, in the order of the documentation.
pub const NAMES: [&str; 12] = [
    "field",
    "unit",
    "period",
    "resolution",
    "coverage",
    "scan",
    "critical_high",
    "critical_low",
    "warning_high",
    "warning_low",
    "critical_score",
    "warning_score",
];

/// How many readings make a cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    /// Told by the timestamps: a day, a week or a year.
    Auto,
    /// There is no cycle.
    None,
    /// This many.
    Readings(usize),
}

/// The unit of the readings, which only decides the default thresholds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Degrees Celsius.
    Celsius,
    /// Degrees Fahrenheit.
    Fahrenheit,
    /// Something else: no reading is too high or too low unless told so.
    Other,
}

/// What was set.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The field or column to judge.
    pub field: Option<String>,
    /// Readings per cycle.
    pub period: Period,
    /// The unit; by default Celsius if the field is a temperature.
    pub unit: Option<Unit>,
    /// The sensor's smallest step; by default what the readings look like.
    pub resolution: Option<f64>,
    /// Share of future readings that the intervals should hold.
    pub coverage: f64,
    /// How many of the latest readings are scanned for anomalies.
    pub scan: usize,
    /// Thresholds that differ from the unit's, by their name.
    pub thresholds: Vec<(&'static str, f64)>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            field: None,
            period: Period::Auto,
            unit: None,
            resolution: None,
            coverage: 0.9,
            scan: 1000,
            thresholds: Vec::new(),
        }
    }
}

impl Settings {
    /// Reads settings; of two with the same name the later one counts. Fails
    /// with *all* mistakes.
    pub fn read<'a>(
        given: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Settings, Problem> {
        let mut settings = Settings::default();
        let mut mistakes = Vec::new();
        for (name, value) in given {
            if let Err(detail) = settings.set(name, value) {
                let name = name.chars().take(40).collect();
                mistakes.push(Mistake { name, detail });
            }
        }
        if mistakes.is_empty() { Ok(settings) } else { Err(refuse(mistakes)) }
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        let value = value.trim();
        match name {
            "field" => self.field = Some(value.to_owned()).filter(|field| !field.is_empty()),
            "unit" => {
                self.unit = Some(match value.to_ascii_lowercase().as_str() {
                    "c" | "celsius" => Unit::Celsius,
                    "f" | "fahrenheit" => Unit::Fahrenheit,
                    "none" => Unit::Other,
                    _ => return Err("must be C, F or none".to_owned()),
                });
            }
            "period" => {
                self.period = match value {
                    "auto" => Period::Auto,
                    "none" => Period::None,
                    _ => Period::Readings(whole(value, 2, PERIOD_MAX).map_err(|detail| {
                        format!("{detail}, or auto (told by the timestamps), or none")
                    })?),
                }
            }
            "resolution" if value == "auto" => self.resolution = None,
            "resolution" => self.resolution = Some(number(value, 0.0, f64::MAX)?),
            "coverage" => self.coverage = number(value, 0.5, 0.99)?,
            "scan" => self.scan = whole(value, 0, SCAN_MAX)?,
            "critical_score" | "warning_score" => {
                let value = if value == "off" { f64::INFINITY } else { number(value, 0.0, 1.0)? };
                self.set_threshold(name, value);
            }
            _ if NAMES.contains(&name) => {
                let outside =
                    if name.ends_with("high") { f64::INFINITY } else { f64::NEG_INFINITY };
                let value =
                    if value == "off" { outside } else { number(value, -f64::MAX, f64::MAX)? };
                self.set_threshold(name, value);
            }
            _ => return Err(format!("there is no such setting; there are {}", NAMES.join(", "))),
        }
        Ok(())
    }

    fn set_threshold(&mut self, name: &str, value: f64) {
        if let Some(known) = NAMES.into_iter().find(|known| *known == name) {
            self.thresholds.push((known, value));
        }
    }

    /// The thresholds of the unit with what was set on top. A warning that was
    /// not set never lies beyond a critical threshold that was. Fails if they
    /// contradict each other.
    pub fn thresholds(&self, are_temperatures: bool) -> Result<Thresholds, Problem> {
        let unit = self.unit.unwrap_or(if are_temperatures { Unit::Celsius } else { Unit::Other });
        let mut thresholds = match unit {
            Unit::Celsius => Thresholds::default(),
            Unit::Fahrenheit => Thresholds::fahrenheit(),
            Unit::Other => Thresholds {
                critical_high: f64::INFINITY,
                critical_low: f64::NEG_INFINITY,
                warning_high: f64::INFINITY,
                warning_low: f64::NEG_INFINITY,
                ..Thresholds::default()
            },
        };
        for (name, value) in &self.thresholds {
            *slot(&mut thresholds, name) = *value;
        }
        let is_set = |wanted: &str| self.thresholds.iter().any(|(name, _)| *name == wanted);
        let Thresholds { critical_high, critical_low, critical_score, .. } = thresholds;
        for (warning, critical) in [
            ("warning_high", critical_high),
            ("warning_low", critical_low),
            ("warning_score", critical_score),
        ] {
            let threshold = slot(&mut thresholds, warning);
            if !is_set(warning) && is_set(&warning.replace("warning", "critical")) {
                let inside = if warning == "warning_low" { f64::max } else { f64::min };
                *threshold = inside(*threshold, critical);
            }
        }
        let Some((low, high)) = thresholds.contradiction() else { return Ok(thresholds) };
        let values = (*slot(&mut thresholds, low), *slot(&mut thresholds, high));
        let detail =
            format!("must not be below {low}: {high} is {}, {low} is {}", values.1, values.0);
        Err(refuse(vec![Mistake { name: high.to_owned(), detail }]))
    }
}

fn slot<'a>(thresholds: &'a mut Thresholds, name: &str) -> &'a mut f64 {
    match name {
        "critical_high" => &mut thresholds.critical_high,
        "critical_low" => &mut thresholds.critical_low,
        "warning_high" => &mut thresholds.warning_high,
        "warning_low" => &mut thresholds.warning_low,
        "critical_score" => &mut thresholds.critical_score,
        _ => &mut thresholds.warning_score,
    }
}

fn refuse(errors: Vec<Mistake>) -> Problem {
    let listed: Vec<_> = errors.iter().map(|e| format!("{} {}", e.name, e.detail)).collect();
    let mut problem = Problem::new(400, "a setting is wrong", listed.join("; "));
    problem.errors = errors;
    problem
}

fn number(text: &str, min: f64, max: f64) -> Result<f64, String> {
    let wanted = || match (min, max) {
        (f64::MIN, _) => "must be a number".to_owned(),
        (_, f64::MAX) => format!("must be a number of at least {min}"),
        _ => format!("must be a number from {min} to {max}"),
    };
    // A comparison with NaN is false, so NaN is refused with the rest.
    text.parse().ok().filter(|value| (min..=max).contains(value)).ok_or_else(wanted)
}

fn whole(text: &str, min: usize, max: usize) -> Result<usize, String> {
    let wanted = || format!("must be a whole number from {min} to {max}");
    text.parse().ok().filter(|value| (min..=max).contains(value)).ok_or_else(wanted)
}

/// Name and value of every part of a query (or of `SENSORS_DEFAULTS`), decoded
/// as `application/x-www-form-urlencoded`. A part without `=` has an empty
/// value; what is not UTF-8 is replaced.
pub fn decode_query(query: &str) -> Vec<(String, String)> {
    query
        .split('&')
        .filter(|part| !part.is_empty())
        .map(|part| part.split_once('=').unwrap_or((part, "")))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}

fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut index = 0;
    while let Some(&byte) = bytes.get(index) {
        let hex = bytes.get(index + 1..index + 3).filter(|_| byte == b'%');
        let escaped = hex.and_then(|hex| {
            let digit = |byte: u8| char::from(byte).to_digit(16);
            u8::try_from(digit(hex[0])? * 16 + digit(hex[1])?).ok()
        });
        decoded.push(escaped.unwrap_or(if byte == b'+' { b' ' } else { byte }));
        index += if escaped.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<Settings, Problem> {
        let given = decode_query(query);
        Settings::read(given.iter().map(|(name, value)| (name.as_str(), value.as_str())))
    }

    #[test]
    fn all_mistakes_are_told_at_once() {
        let problem =
            read("period=1&coverage=1&colour=red&unit=K&scan=-1&critical_high=NaN").unwrap_err();
        let names: Vec<_> = problem.errors.iter().map(|e| e.name.as_str()).collect();
        assert_eq!(names, ["period", "coverage", "colour", "unit", "scan", "critical_high"]);
        assert_eq!(problem.status, 400);
        for (query, expected) in [
            ("resolution=-1", "resolution must be a number of at least 0"),
            ("warning_low=inf", "warning_low must be a number"),
            ("critical_score=1.5", "critical_score must be a number from 0 to 1"),
            ("scan=10001", "scan must be a whole number from 0 to 10000"),
        ] {
            assert_eq!(read(query).unwrap_err().detail, expected);
        }
        assert!(read("colour=1").unwrap_err().detail.contains("there is no such setting"));
    }

    #[test]
    fn thresholds_that_contradict_are_refused() {
        for (query, name) in [
            ("warning_high=60", "critical_high"),
            ("critical_low=1&warning_low=0", "warning_low"),
            ("warning_score=0.9", "critical_score"),
        ] {
            let problem = read(query).unwrap().thresholds(true).unwrap_err();
            assert_eq!(problem.errors[0].name, name, "{query}: {problem:?}");
        }
        for query in ["critical_high=30", "critical_low=5", "critical_score=0.3"] {
            assert!(read(query).unwrap().thresholds(true).is_ok(), "{query}");
            assert!(read(query).unwrap().thresholds(false).is_ok(), "{query}");
        }
        assert!(read("warning_high=60").unwrap().thresholds(false).is_ok());
    }

    #[test]
    fn what_is_set_is_set() {
        let settings = read(
            "field=air+temp%C3%A9&unit=f&period=24&resolution=0.5&coverage=0.8&scan=5\
             &critical_high=130&critical_low=off&warning_score=0.4&&period=none",
        )
        .unwrap();
        assert_eq!(settings.field.as_deref(), Some("air tempé"));
        assert_eq!((settings.period, settings.scan), (Period::None, 5));
        assert_eq!((settings.resolution, settings.coverage), (Some(0.5), 0.8));
        let thresholds = settings.thresholds(false).unwrap();
        assert_eq!(thresholds.critical_high, 130.0);
        assert_eq!(thresholds.critical_low, f64::NEG_INFINITY);
        assert_eq!(thresholds.warning_high, 104.0);
        assert_eq!(thresholds.warning_score, 0.4);
    }

    #[test]
    fn the_defaults_follow_the_field() {
        let settings = read("").unwrap();
        assert_eq!(settings, Settings::default());
        assert_eq!(settings.thresholds(true).unwrap(), Thresholds::default());
        assert_eq!(settings.thresholds(false).unwrap().warning_high, f64::INFINITY);
    }

    #[test]
    fn broken_escapes_are_taken_as_they_stand() {
        for (query, name) in [("%", "%"), ("%4", "%4"), ("%zz", "%zz"), ("%ff", "\u{fffd}")] {
            assert_eq!(decode_query(query), [(name.to_owned(), String::new())]);
        }
    }
}
