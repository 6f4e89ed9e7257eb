//! How the series of a topic are watched: lines of `FILTER name=value …`. All lines whose
//! filter matches count, and of two that say the same the later one.

use sedge_kit::alert::Thresholds;

use super::filter::Filter;
use super::payload::Fields;
use super::template::Template;
use super::words::{duration_ms, lines, words};
use crate::settings::Settings;

/// Every setting, in the order of the documentation.
const NAMES: [&str; 25] = [
    "field",
    "by",
    "unit",
    "critical_high",
    "critical_low",
    "warning_high",
    "warning_low",
    "critical_score",
    "warning_score",
    "band",
    "raise_after",
    "clear_after",
    "critical_at_once",
    "learn",
    "stuck",
    "gaps",
    "silent",
    "drift",
    "change",
    "forecast",
    "cycle",
    "coverage",
    "snapshot_every",
    "alerts",
    "assessed",
];
/// Those that the settings of the HTTP side have, too.
const SHARED: [&str; 8] = [
    "unit",
    "critical_high",
    "critical_low",
    "warning_high",
    "warning_low",
    "critical_score",
    "warning_score",
    "coverage",
];

const FIELDS_MAX: usize = 16;
/// The shortest and the longest silence that can be set.
const SILENT_MS_MIN: u64 = 1_000;
const SILENT_MS_MAX: u64 = 8760 * 3_600_000;

/// How far behind a threshold a value must be for the level to be cleared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Band {
    /// By as much as the readings wobble.
    Auto,
    /// By this, in their unit.
    Fixed(f64),
}

/// When a value that does not change is a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StuckAfter {
    /// When it has not changed for longer than ever.
    Auto,
    /// Never.
    Off,
    /// After so many equal readings.
    Readings(u64),
}

/// When a sensor that says nothing is a fault; somebody has to look, by a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SilentAfter {
    /// When it has been silent for far longer than it usually is.
    Auto,
    /// Never.
    Off,
    /// After so many milliseconds.
    Ms(u64),
}

/// What is set for a series.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Which fields of an object are series.
    pub fields: Fields,
    /// Whether all that is said on a topic is one series, whoever says it.
    pub by_topic: bool,
    /// Where the levels begin.
    pub thresholds: Thresholds,
    /// See [`Band`].
    pub band: Band,
    /// Readings in a row that raise a level, and that clear it.
    pub raise_after: u32,
    /// See [`Options::raise_after`].
    pub clear_after: u32,
    /// Whether one reading beyond a critical threshold is enough.
    pub critical_at_once: bool,
    /// Readings before anomaly scores count.
    pub learn: u64,
    /// See [`StuckAfter`].
    pub stuck: StuckAfter,
    /// Readings without a value in a row that are a fault.
    pub gaps: Option<u32>,
    /// See [`SilentAfter`].
    pub silent: SilentAfter,
    /// Whether drift is a warning, and a change of the level, and a forecast beyond a critical
    /// threshold.
    pub drift: bool,
    /// See [`Options::drift`].
    pub change: bool,
    /// See [`Options::drift`].
    pub forecast: bool,
    /// Seconds of a cycle that there may be.
    pub cycle_s: Option<f64>,
    /// Share of the readings to come that the intervals hold.
    pub coverage: f64,
    /// Readings between two snapshots of a series.
    pub snapshot_every: u32,
    /// Where a change of the level is told; `None`: nowhere.
    pub alerts: Option<Template>,
    /// Where every reading is told.
    pub assessed: Option<Template>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            fields: Fields::Usual,
            by_topic: false,
            // Nobody's unit is known, so no value is too high or too low unless told so; and a
            // surprise alone is no emergency.
            thresholds: Thresholds {
                critical_high: f64::INFINITY,
                critical_low: f64::NEG_INFINITY,
                warning_high: f64::INFINITY,
                warning_low: f64::NEG_INFINITY,
                critical_score: f64::INFINITY,
                warning_score: WARNING_SCORE,
            },
            band: Band::Auto,
            raise_after: 2,
            clear_after: 5,
            critical_at_once: true,
            learn: 300,
            stuck: StuckAfter::Auto,
            gaps: Some(3),
            silent: SilentAfter::Auto,
            drift: false,
            change: false,
            forecast: false,
            cycle_s: Some(86_400.0),
            coverage: 0.9,
            snapshot_every: 32,
            alerts: Template::parse_topic("alerts/{device}/{name}").ok(),
            assessed: None,
        }
    }
}

/// Chance alone exceeds this one to three times in ten thousand readings.
const WARNING_SCORE: f64 = 0.65;

/// A line: which topics, and what is set for them.
#[derive(Clone, Debug, PartialEq)]
struct Line {
    number: usize,
    filter: Filter,
    pairs: Vec<(String, String)>,
}

/// All lines.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Watched {
    lines: Vec<Line>,
}

impl Watched {
    /// Reads and checks all lines; fails with all mistakes, each with its line.
    pub fn parse(text: &str) -> Result<Self, Vec<String>> {
        let mut watched = Watched::default();
        let mut mistakes = Vec::new();
        for (number, line) in lines(text).map_err(|mistake| vec![mistake])? {
            match Line::parse(number, line) {
                Ok(line) => watched.lines.push(line),
                Err(mistake) => mistakes.push(format!("line {number}: {mistake}")),
            }
        }
        if mistakes.is_empty() { Ok(watched) } else { Err(mistakes) }
    }

    /// What is set for the series of a topic. Fails if lines contradict each other.
    pub fn options(&self, topic: &str) -> Result<Options, String> {
        let of_topic = || self.lines.iter().filter(|line| line.filter.matches(topic));
        options(of_topic().flat_map(|line| &line.pairs)).map_err(|mistake| {
            let numbers: Vec<_> = of_topic().map(|line| line.number.to_string()).collect();
            format!("lines {} together: {mistake}", numbers.join(", "))
        })
    }
}

impl Line {
    fn parse(number: usize, line: &str) -> Result<Self, String> {
        let words = words(line)?;
        let (filter, settings) = words.split_first().ok_or("it is empty")?;
        let filter = Filter::parse(filter)?;
        let pairs = settings
            .iter()
            .map(|setting| {
                let (name, value) = setting
                    .split_once('=')
                    .ok_or_else(|| format!("{setting:?} must be `name=value`"))?;
                Ok((name.to_owned(), value.to_owned()))
            })
            .collect::<Result<Vec<_>, String>>()?;
        options(&pairs)?;
        Ok(Line { number, filter, pairs })
    }
}

fn options<'a>(pairs: impl IntoIterator<Item = &'a (String, String)>) -> Result<Options, String> {
    let mut options = Options::default();
    let mut shared =
        vec![("warning_score", WARNING_SCORE.to_string()), ("critical_score", "off".to_owned())];
    for (name, value) in pairs {
        if let Some(name) = SHARED.into_iter().find(|known| known == name) {
            shared.retain(|(known, _)| *known != name);
            shared.push((name, value.clone()));
        } else {
            options.set(name, value).map_err(|detail| format!("{name} {detail}"))?;
        }
    }
    let given = shared.iter().map(|(name, value)| (*name, value.as_str()));
    let settings = Settings::read(given).map_err(|problem| problem.detail)?;
    options.thresholds = settings.thresholds(false).map_err(|problem| problem.detail)?;
    options.coverage = settings.coverage;
    if let Band::Fixed(band) = options.band {
        let all = &options.thresholds;
        let room = (all.warning_high - all.warning_low).min(all.critical_high - all.critical_low);
        if 2.0 * band >= room {
            return Err(format!(
                "band must be less than half of what lies between the thresholds, {room}"
            ));
        }
    }
    Ok(options)
}

impl Options {
    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "field" => self.fields = fields(value)?,
            "by" => {
                self.by_topic = match value {
                    "device" => false,
                    "topic" => true,
                    _ => return Err("must be device or topic".to_owned()),
                }
            }
            "band" if value == "auto" => self.band = Band::Auto,
            "band" => self.band = Band::Fixed(number(value, 0.0, 1e150, "or auto")?),
            "raise_after" => self.raise_after = whole(value, 1, 1000, "")? as u32,
            "clear_after" => self.clear_after = whole(value, 1, 1000, "")? as u32,
            "critical_at_once" => self.critical_at_once = switch(value)?,
            "learn" => self.learn = whole(value, 0, 1_000_000, "")?,
            "stuck" => {
                self.stuck = match value {
                    "auto" => StuckAfter::Auto,
                    "off" => StuckAfter::Off,
                    _ => StuckAfter::Readings(whole(value, 2, 1_000_000, "or auto or off")?),
                }
            }
            "gaps" if value == "off" => self.gaps = None,
            "gaps" => self.gaps = Some(whole(value, 1, 1000, "or off")? as u32),
            "silent" => {
                self.silent = match value {
                    "auto" => SilentAfter::Auto,
                    "off" => SilentAfter::Off,
                    _ => SilentAfter::Ms(silence_ms(value)?),
                }
            }
            "drift" => self.drift = switch(value)?,
            "change" => self.change = switch(value)?,
            "forecast" => self.forecast = switch(value)?,
            "cycle" => {
                self.cycle_s = match value {
                    "none" => None,
                    "hour" => Some(3600.0),
                    "day" => Some(86_400.0),
                    "week" => Some(604_800.0),
                    _ => Some(number(value, 1.0, 1e9, "of seconds, or hour, day, week or none")?),
                }
            }
            "snapshot_every" => self.snapshot_every = whole(value, 1, 1024, "")? as u32,
            "alerts" => self.alerts = topic(value, self.alerts.take())?,
            "assessed" => {
                let usual = Template::parse_topic("assessed/{device}/{name}").ok();
                self.assessed = topic(value, usual)?;
            }
            _ => return Err(format!("is no setting; there are {}", NAMES.join(", "))),
        }
        Ok(())
    }
}

fn fields(value: &str) -> Result<Fields, String> {
    if value == "*" {
        return Ok(Fields::All);
    }
    let names: Vec<String> = value.split(',').map(str::to_owned).collect();
    if names.len() > FIELDS_MAX || names.iter().any(String::is_empty) {
        return Err(format!("must be * or up to {FIELDS_MAX} names with commas in between"));
    }
    Ok(Fields::Named(names))
}

fn topic(value: &str, usual: Option<Template>) -> Result<Option<Template>, String> {
    match value {
        "off" => Ok(None),
        "on" => Ok(usual),
        _ => Template::parse_topic(value).map(Some),
    }
}

fn switch(value: &str) -> Result<bool, String> {
    match value {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("must be on or off".to_owned()),
    }
}

fn number(value: &str, min: f64, max: f64, or: &str) -> Result<f64, String> {
    let wanted = || format!("must be a number from {min} to {max} {or}").trim_end().to_owned();
    value.parse().ok().filter(|number| (min..=max).contains(number)).ok_or_else(wanted)
}

fn whole(value: &str, min: u64, max: u64, or: &str) -> Result<u64, String> {
    let wanted =
        || format!("must be a whole number from {min} to {max} {or}").trim_end().to_owned();
    value.parse().ok().filter(|number| (min..=max).contains(number)).ok_or_else(wanted)
}

fn silence_ms(value: &str) -> Result<u64, String> {
    let ms = duration_ms(value).filter(|ms| (SILENT_MS_MIN..=SILENT_MS_MAX).contains(ms));
    ms.ok_or_else(|| "must be a duration from 1s to 8760h, such as 5m, or auto or off".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_mistakes_are_told_with_their_lines() {
        let text = "a/# colour=red\n; fine\nb/# band=-1\na+ x=1\nc critical_high\n'd\n";
        let mistakes = Watched::parse(text).unwrap_err();
        for (mistake, words) in mistakes.iter().zip([
            "line 1: colour is no setting",
            "line 3: band must be a number",
            "line 4: the filter",
            "line 5: \"critical_high\" must be `name=value`",
            "line 6: the quote",
        ]) {
            assert!(mistake.starts_with(words), "{mistake}");
        }
        assert_eq!(mistakes.len(), 5);
        for (line, words) in [
            ("# warning_high=9 critical_high=8", "critical_high must not be below warning_high"),
            ("# warning_high=9 warning_low=7 band=1", "band must be less than half"),
            ("# field=a,,b", "names with commas"),
            ("# by=name", "must be device or topic"),
            ("# raise_after=0", "whole number from 1 to 1000"),
            ("# stuck=1", "or auto or off"),
            ("# cycle=0", "of seconds, or hour"),
            ("# silent=5", "a duration from 1s"),
            ("# silent=10ms", "a duration from 1s"),
            ("# silent=9999h", "a duration from 1s"),
            ("# drift=yes", "must be on or off"),
            ("# alerts=a/#", "no topic to write to"),
            ("# alerts={who}", "is not known"),
            ("# warning_score=2", "from 0 to 1"),
        ] {
            let mistakes = Watched::parse(line).unwrap_err();
            assert!(mistakes[0].contains(words), "{line}: {mistakes:?}");
        }
        let fine_alone = Watched::parse("a/# warning_high=9\na/b critical_high=8").unwrap();
        let together = fine_alone.options("a/b").unwrap_err();
        assert!(together.starts_with("lines 1, 2 together: critical_high"), "{together}");
        assert!(fine_alone.options("a/c").is_ok());
    }

    #[test]
    fn every_name_is_a_setting() {
        for name in NAMES {
            let value = match name {
                "field" => "a",
                "by" => "topic",
                "unit" => "C",
                "silent" => "26h",
                "critical_at_once" | "drift" | "change" | "forecast" | "alerts" | "assessed" => {
                    "on"
                }
                name if name.ends_with("score") || name == "coverage" => "0.7",
                _ => "4",
            };
            let line = format!("# {name}={value}");
            assert!(Watched::parse(&line).is_ok(), "{line}: {:?}", Watched::parse(&line));
        }
    }

    #[test]
    fn later_lines_count_for_what_they_match() {
        let text =
            "# unit=C cycle=none assessed=on\nplant/+/t critical_high=80 unit=none alerts=off";
        let watched = Watched::parse(text).unwrap();
        let (all, plant) = (watched.options("x").unwrap(), watched.options("plant/7/t").unwrap());
        assert_eq!((all.thresholds.critical_high, all.thresholds.warning_low), (50.0, 0.0));
        assert_eq!(plant.thresholds.critical_high, 80.0);
        assert_eq!(plant.thresholds.warning_low, f64::NEG_INFINITY);
        assert_eq!((plant.cycle_s, plant.alerts.is_some()), (None, false));
        assert!(plant.assessed.is_some());
        let nothing = Watched::parse("").unwrap().options("x").unwrap();
        assert_eq!(nothing, Options::default());
    }
}
