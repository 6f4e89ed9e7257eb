//! A batch of messages, from the first byte to the last effect.
//!
//! All messages are read before anything is done, since one that fails undoes the batch. Then
//! the readings are taken series by series, so that what is kept of a series is read and
//! written once.

use std::collections::HashMap;

use sedge_kit::online::monitor::Monitor;

use super::call::{self, CALL_MEDIA_TYPE, CALLS_TOPIC};
use super::config::Config;
use super::due::{Now, due};
use super::host::{Host, HostError, Message};
use super::options::Options;
use super::payload::{self, RECORD_MEDIA_TYPE, Sample};
use super::record::{Judged, Origin};
use super::rules::{Action, Rule};
use super::series::{Head, JOURNAL_MAX, Monitors, admit, identity};
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
    name: String,
    identity: String,
    options: &'b Options,
    taken: Vec<Taken>,
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
        let mut snapshots = SNAPSHOTS_BYTES_MAX;
        for series in all {
            let rules: Vec<_> =
                config.rules.iter().filter(|rule| rule.filter.matches(series.topic)).collect();
            let first = series.taken.first().map_or(0, |taken| taken.index);
            let mut work =
                Work { host, batch, series: &series, rules: &rules, snapshots: &mut snapshots };
            if let Err(error) = work.run(&mut self.monitors) {
                return vec![Failure::of(first, error)];
            }
        }
        let calls = batch.iter().enumerate().filter(|(_, message)| is(message, CALL_MEDIA_TYPE));
        for (index, message) in calls {
            if let Err(error) = call::perform(host, &config.rules, &message.payload) {
                return vec![Failure::of(index, error)];
            }
        }
        Vec::new()
    }
}

fn refuse(batch: &[Message], mistakes: &[String]) -> Vec<Failure> {
    let more = mistakes.len().saturating_sub(MISTAKES_MAX);
    let mut reason = mistakes[..mistakes.len() - more].join("; ");
    if more > 0 {
        reason += &format!("; and {more} more");
    }
    let reason = format!("the settings are wrong: {reason}");
    // The operator may set them right before the last try.
    let failure = |index| Failure { index, reason: reason.clone(), permanent: false };
    (0..batch.len()).map(failure).collect()
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
                        let last = message.topic.rsplit('/').next().unwrap_or_default();
                        let name = if said.is_empty() { last } else { said }.to_owned();
                        let (device, topic) = (&*message.device, &*message.topic);
                        all.push(Series { device, topic, name, identity, options, taken: vec![] });
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
    fn run(&mut self, monitors: &mut Monitors) -> Result<(), HostError> {
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
        Ok(())
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
        // The cast saturates, and makes 0 of what is before 1970.
        let time_ms = (said_s * 1000.0).round() as u64;
        head.push(time_s, value);
        let seen = monitor.observe(time_s, value);
        let (before, width) = (head.decision.level(), head.decision.width());
        let change = head.decision.take(options, head.observed, time_ms, value, &seen);
        let level = head.decision.level();
        let origin = Origin {
            device: series.device,
            topic: series.topic,
            name: &series.name,
            position: message.position,
            time_ms,
        };
        let why = head.decision.why();
        let judged = Judged { origin, value, width, seen: &seen, level, why, count: head.observed };
        let facts = Facts {
            device: series.device,
            topic: series.topic,
            name: &series.name,
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
            for rule in due(self.rules, &mut head.rules, &now) {
                self.act(rule, &facts, &judged)?;
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

    fn act(
        &mut self,
        rule: &Rule,
        facts: &Facts<'_>,
        judged: &Judged<'_>,
    ) -> Result<(), HostError> {
        match &rule.action {
            Action::Publish { topic, payload, delivery, retain } => {
                let payload = payload.payload(facts);
                self.host.publish(&topic.topic(facts), payload.as_bytes(), *delivery, *retain)
            }
            Action::Call { payload, .. } => {
                let identity = &self.series.identity;
                let position = judged.origin.position;
                let key = format!(
                    "{:016x}-{position}-{:016x}-{}",
                    rule.id,
                    super::series::hash(identity.as_bytes()),
                    judged.count
                );
                let body = match payload {
                    Some(payload) => payload.payload(facts),
                    None => String::from_utf8(judged.record(None).to_json()).unwrap_or_default(),
                };
                let topic = Template::parse_topic(CALLS_TOPIC)
                    .map_err(|reason| HostError { reason, permanent: true })?;
                let message = call::message(rule, key, body);
                self.host.emit(&topic.topic(facts), identity, CALL_MEDIA_TYPE, &message)
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
