//! A batch of messages, from the first byte to the last effect.
//!
//! All messages are read before anything is done, since one that fails undoes the batch. Then
//! the readings are taken series by series, so that what is kept of a series is read and
//! written once.

use std::collections::HashMap;

use sedge_kit::online::monitor::Monitor;

use super::act::Act;
use super::call::{self, CALL_MEDIA_TYPE};
use super::config::Config;
use super::due::{Now, due};
use super::host::{Host, HostError, Message};
use super::options::Options;
use super::payload::{self, RECORD_MEDIA_TYPE, Sample};
use super::record::{Judged, Origin, Record};
use super::rules::Rule;
use super::series::{Head, JOURNAL_MAX, Listening, Monitors, admit, identity};
use super::silence::{self, Heard};
use super::template::{Facts, Template};

/// Bytes of snapshots in one batch: half of what the node lets one call bring about.
const SNAPSHOTS_BYTES_MAX: usize = 1 << 20;
/// The cycle that times are shifted by where there is none.
const DAY_S: f64 = 86_400.0;
/// A name of a series in messages of failures.
const MISTAKES_MAX: usize = 5;

/// Why a message was not handled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Its place in the batch, from 0.
    pub index: usize,
    /// For people.
    pub reason: String,
    /// Whether trying again makes no sense.
    pub permanent: bool,
}

impl Failure {
    fn of(index: usize, error: HostError) -> Self {
        Failure { index, reason: error.reason, permanent: error.permanent }
    }
}

/// One number of one message.
struct Taken {
    /// The message's place in the batch.
    index: usize,
    sample: Sample,
}

/// What a batch says about one series.
struct Series<'b> {
    device: &'b str,
    topic: &'b str,
    /// What the payload calls it; empty if it does not.
    said: String,
    identity: String,
    options: &'b Options,
    taken: Vec<Taken>,
}

impl<'b> Series<'b> {
    /// Where one of its readings comes from.
    fn origin(&'b self, message: &'b Message, sample: &Sample) -> Origin<'b> {
        let said_s = sample.time_s.unwrap_or(message.time_ms as f64 / 1000.0);
        Origin {
            // Where a topic is one series, each reading has a device of its own.
            device: &message.device,
            topic: self.topic,
            name: name_of(self.topic, &self.said),
            position: Some(message.position),
            // The cast saturates, and makes 0 of what is before 1970.
            time_ms: (said_s * 1000.0).round() as u64,
        }
    }
}

/// What an instance is: its settings, and what it remembers between batches.
pub struct Watch {
    config: Result<Config, Vec<String>>,
    monitors: Monitors,
}

impl Watch {
    /// With the settings as [`Config::parse`] reads them. Wrong ones fail every message.
    pub fn new(config: Result<Config, Vec<String>>) -> Self {
        Watch { config, monitors: Monitors::default() }
    }

    /// Handles a batch. Either all of it is handled, or some failures say why nothing is.
    pub fn handle(&mut self, host: &mut dyn Host, batch: &[Message]) -> Vec<Failure> {
        let config = match &self.config {
            Ok(config) => config,
            Err(mistakes) => return refuse(batch, mistakes),
        };
        let mut options = HashMap::new();
        for message in batch {
            options
                .entry(&*message.topic)
                .or_insert_with(|| config.watched.options(&message.topic));
        }
        let (all, failures) = gather(batch, &options);
        if !failures.is_empty() {
            return failures;
        }
        let (mut snapshots, mut new) = (SNAPSHOTS_BYTES_MAX, Vec::new());
        for series in all {
            let rules: Vec<_> =
                config.rules.iter().filter(|rule| rule.filter.matches(series.topic)).collect();
            let first = series.taken.first().map_or(0, |taken| taken.index);
            let snapshots = &mut snapshots;
            let mut work = Work { host, batch, series: &series, rules: &rules, snapshots };
            match work.run(&mut self.monitors) {
                Ok(heard) => new.extend(heard),
                Err(error) => return vec![Failure::of(first, error)],
            }
        }
        if let Err(error) = silence::enlist(host, config, new) {
            return vec![Failure::of(0, error)];
        }
        let calls = batch.iter().enumerate().filter(|(_, message)| is(message, CALL_MEDIA_TYPE));
        for (index, message) in calls {
            if let Err(error) = call::perform(host, &config.rules, &message.payload) {
                return vec![Failure::of(index, error)];
            }
        }
        Vec::new()
    }

    /// Looks after the series that say nothing. `missed`: whether calls before were missed.
    pub fn look(&mut self, host: &mut dyn Host, missed: bool) -> Result<(), String> {
        match &self.config {
            Ok(config) => silence::look(host, config, missed).map_err(|error| error.reason),
            Err(mistakes) => Err(mistaken(mistakes)),
        }
    }
}

fn mistaken(mistakes: &[String]) -> String {
    let more = mistakes.len().saturating_sub(MISTAKES_MAX);
    let mut reason = mistakes[..mistakes.len() - more].join("; ");
    if more > 0 {
        reason += &format!("; and {more} more");
    }
    format!("the settings are wrong: {reason}")
}

fn refuse(batch: &[Message], mistakes: &[String]) -> Vec<Failure> {
    let reason = mistaken(mistakes);
    // The operator may set them right before the last try.
    let failure = |index| Failure { index, reason: reason.clone(), permanent: false };
    (0..batch.len()).map(failure).collect()
}

/// What a series is called.
pub(super) fn name_of<'a>(topic: &'a str, said: &'a str) -> &'a str {
    if said.is_empty() { topic.rsplit('/').next().unwrap_or_default() } else { said }
}

fn is(message: &Message, media_type: &str) -> bool {
    message.content_type.as_deref() == Some(media_type)
}

/// The readings of a batch by their series, in their order.
fn gather<'b>(
    batch: &'b [Message],
    options: &'b HashMap<&str, Result<Options, String>>,
) -> (Vec<Series<'b>>, Vec<Failure>) {
    let mut all: Vec<Series<'b>> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut failures = Vec::new();
    for (index, message) in batch.iter().enumerate() {
        if is(message, RECORD_MEDIA_TYPE) || is(message, CALL_MEDIA_TYPE) {
            continue;
        }
        let options = match options.get(&*message.topic) {
            Some(Ok(options)) => options,
            Some(Err(mistake)) => {
                let reason = format!("the settings are wrong: SENSORS_WATCH, {mistake}");
                failures.push(Failure { index, reason, permanent: false });
                continue;
            }
            None => continue,
        };
        let media = message.content_type.as_deref();
        let now_s = message.time_ms as f64 / 1000.0;
        match payload::read(&message.payload, media, &options.fields, now_s) {
            Err(reason) => failures.push(Failure { index, reason, permanent: true }),
            Ok(samples) => {
                for sample in samples {
                    let said = sample.name.as_deref().unwrap_or_default();
                    let owner = if options.by_topic { "" } else { &*message.device };
                    let identity = identity(owner, &message.topic, said);
                    let place = *places.entry(identity.clone()).or_insert_with(|| {
                        let (device, topic) = (&*message.device, &*message.topic);
                        let said = said.to_owned();
                        all.push(Series { device, topic, said, identity, options, taken: vec![] });
                        all.len() - 1
                    });
                    all[place].taken.push(Taken { index, sample });
                }
            }
        }
    }
    (all, failures)
}

/// One series of a batch at work.
struct Work<'w> {
    host: &'w mut dyn Host,
    batch: &'w [Message],
    series: &'w Series<'w>,
    rules: &'w [&'w Rule],
    /// Bytes of snapshots that the batch may still have.
    snapshots: &'w mut usize,
}

impl Work<'_> {
    /// Takes the readings; the series, if it is to be put on a list of those that must be
    /// heard.
    fn run(&mut self, monitors: &mut Monitors) -> Result<Option<Heard>, HostError> {
        let (series, options) = (self.series, self.series.options);
        let head = Head::load(self.host, &series.identity)?;
        let mut head = match head {
            Some(head) => head,
            None => {
                let topic = options.by_topic.then_some(series.topic);
                admit(self.host, series.device, topic, &series.identity)?;
                Head::default()
            }
        };
        let mut monitor = match monitors.take(&series.identity, &head, options) {
            Some(monitor) => monitor,
            None => head.monitor(self.host, &series.identity, options)?,
        };
        let new = self.hear(&mut head)?;
        for taken in &series.taken {
            self.one(&mut head, &mut monitor, taken)?;
        }
        // A journal that is too long is written even where the node may find it too much.
        if head.wants_snapshot(options, &series.identity) {
            let snapshot = head.snapshot(&monitor);
            if snapshot.len() <= *self.snapshots || head.journal.len() * 2 > JOURNAL_MAX {
                *self.snapshots = self.snapshots.saturating_sub(snapshot.len());
                head.store_snapshot(self.host, &series.identity, &snapshot)?;
            }
        }
        head.store(self.host, &series.identity)?;
        monitors.put(series.identity.clone(), &head, options, monitor);
        Ok(new.map(|heard| Heard { observed: head.observed, ..heard }))
    }

    /// Takes note that something is said again, and tells it if that was missed.
    fn hear(&mut self, head: &mut Head) -> Result<Option<Heard>, HostError> {
        let (series, options, before) = (self.series, self.series.options, head.listening);
        let indices = series.taken.iter().map(|taken| taken.index);
        let mut last = None;
        for index in indices.filter(|index| last.replace(*index) != Some(*index)) {
            head.hear(self.batch[index].time_ms);
        }
        let (silent_ms, now_ms) = (head.heard_ms, self.host.now_ms());
        (head.heard_ms, head.listening) = (now_ms, Listening::Yes);
        if before == Listening::Yes {
            return Ok(None);
        }
        if let (Listening::Silent, Some(topic), Some(first)) =
            (before, &options.alerts, series.taken.first())
        {
            let change = head.decision.speak_again(silent_ms);
            let origin = series.origin(&self.batch[first.index], &first.sample);
            let origin = Origin { time_ms: now_ms, ..origin };
            let record = Record::without_reading(origin, &change, head.observed).to_json();
            let topic = topic.topic(&change.facts(&origin));
            self.host.emit(&topic, &series.identity, RECORD_MEDIA_TYPE, &record)?;
        }
        let (device, topic) = (series.device.to_owned(), series.topic.to_owned());
        let due_ms = silence::due_ms(options, head, now_ms);
        let said = series.said.clone();
        Ok(Some(Heard { device, topic, said, observed: 0, heard_ms: now_ms, due_ms }))
    }

    fn one(
        &mut self,
        head: &mut Head,
        monitor: &mut Monitor,
        taken: &Taken,
    ) -> Result<(), HostError> {
        let (series, options) = (self.series, self.series.options);
        let message = &self.batch[taken.index];
        let value = taken.sample.value;
        let said_s = taken.sample.time_s.unwrap_or(message.time_ms as f64 / 1000.0);
        let time_s = head.clock.take(Some(said_s), options.cycle_s.unwrap_or(DAY_S));
        let origin = series.origin(message, &taken.sample);
        let Origin { device, topic, name, time_ms, .. } = origin;
        head.push(time_s, value);
        let seen = monitor.observe(time_s, value);
        let (before, width) = (head.decision.level(), head.decision.width());
        let change = head.decision.take(options, head.observed, time_ms, value, &seen);
        let level = head.decision.level();
        let why = head.decision.why();
        let judged = Judged { origin, value, width, seen: &seen, level, why, count: head.observed };
        let facts = Facts {
            device,
            topic,
            name,
            value,
            expected: seen.expected,
            score: seen.verdict.score,
            level: level.name(),
            cause: why,
            time_ms,
        };
        // What acts goes first.
        if !self.rules.is_empty() {
            let band = head.decision.band(options, f64::INFINITY);
            let (clear_after, now_ms) = (options.clear_after, self.host.now_ms());
            let now = Now { before, level, value, band, clear_after, now_ms };
            let occasion = format!("{}-{}", message.position, head.observed);
            let act = Act { facts, identity: &series.identity, occasion };
            for rule in due(self.rules, &mut head.rules, &now) {
                act.carry_out(self.host, rule, || judged.record(None).to_json())?;
            }
        }
        let mut tell = |topic: &Template, record: Vec<u8>| {
            let topic = topic.topic(&facts);
            self.host.emit(&topic, &series.identity, RECORD_MEDIA_TYPE, &record)
        };
        if let (Some(change), Some(topic)) = (&change, &options.alerts) {
            tell(topic, judged.record(Some(change)).to_json())?;
        }
        if let Some(topic) = &options.assessed {
            tell(topic, judged.record(None).to_json())?;
        }
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests;
