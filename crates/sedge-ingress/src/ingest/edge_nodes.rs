//! What edge nodes of Sparkplug B publish, as records that can be stored: readings with full
//! names, and whether who measures is there.
//!
//! A node that must be born again, because something of it is missing, is asked for that, but
//! not more often than it can answer.

use super::address::escape;
use crate::payload::sparkplug::{self, Host, Kind, NodeMessage, Received, Topic};
use crate::payload::{PayloadError, PayloadLimits, Problem, Reading, Value};
use bytes::Bytes;
use sedge_model::topic::check_name;
use std::collections::HashMap;

/// The first level of all topics of Sparkplug B.
const NAMESPACE: &str = "spBv1.0";
/// Bytes of the name of an edge node with its device, as the log takes it.
const DEVICE_BYTES_MAX: usize = 256;
/// How long an edge node has to answer before it is asked again.
const ASK_EVERY_MS: u64 = 10_000;
/// Edge nodes that are waited for at one time; others are asked later.
const ASKED_MAX: usize = 10_000;

/// What is known of edge nodes, and who was asked to be born again.
pub struct EdgeNodes {
    host: Host,
    /// When, by `group/node`, in milliseconds since 1970.
    asked_ms: HashMap<Box<str>, u64>,
}

/// What a message came to.
#[derive(Debug, Default)]
pub struct Understood {
    /// To be stored, in this order.
    pub records: Vec<EdgeRecord>,
    /// Metrics that are no readings, or whose names can be no topic.
    pub skipped: usize,
    /// What is to be asked of its edge node.
    pub rebirth: Option<Rebirth>,
    /// What it was.
    pub outcome: EdgeOutcome,
}

/// What a message was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum EdgeOutcome {
    /// Births, data and deaths that were read.
    Read,
    /// A death that changes nothing.
    Stale,
    /// A command, or the state of a host: not about measuring.
    #[default]
    Other,
    /// It means nothing without birth certificates, which are missing.
    Unborn(PayloadError),
    /// It is not of Sparkplug B, or too large.
    Malformed(PayloadError),
}

/// A record that is to be stored.
#[derive(Clone, Debug, PartialEq)]
pub struct EdgeRecord {
    /// `sparkplug/data/GROUP/NODE[/DEVICE]/METRIC`, or `sparkplug/state/GROUP/NODE[/DEVICE]`
    /// for whether it is there.
    pub topic: String,
    /// `spBv1.0/GROUP/NODE[/DEVICE]`, which no other kind of device has as its name.
    pub device: String,
    /// When it was measured, in nanoseconds since 1970: as the edge node says, or else when
    /// it arrived.
    pub time_unix_ns: i64,
    /// What was measured; a truth value for whether it is there.
    pub reading: Reading,
}

/// The command by which an edge node is asked for its birth certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rebirth {
    /// Where it is published.
    pub topic: String,
    /// What is published.
    pub payload: Bytes,
}

impl EdgeNodes {
    /// Knows nothing yet.
    pub fn new(limits: PayloadLimits) -> Self {
        EdgeNodes { host: Host::new(limits), asked_ms: HashMap::new() }
    }

    /// Whether messages of this topic are understood here.
    pub fn reads(topic: &str) -> bool {
        topic.strip_prefix(NAMESPACE).is_some_and(|rest| rest.starts_with('/'))
    }

    /// How many are alive.
    pub fn alive(&self) -> usize {
        self.host.nodes()
    }

    /// Takes a message in the order in which it came.
    pub fn receive(&mut self, topic: &str, payload: Bytes, received_ms: u64) -> Understood {
        let sender = match Topic::parse(topic) {
            Ok(Topic::Message { kind: Kind::NodeCommand | Kind::DeviceCommand, .. }) => {
                return Understood::default();
            }
            Ok(Topic::Message { kind, group, node, device }) => {
                Some(Sender { kind, group, node, device })
            }
            Ok(Topic::State { .. }) | Err(_) => None,
        };
        match (self.host.receive(topic, payload), sender) {
            (Ok(Received::Message(message)), Some(sender)) => {
                self.message(&sender, message, received_ms)
            }
            (Ok(_), _) => Understood::default(),
            (Err(error), sender) => {
                let is_unborn = matches!(error.problem, Problem::NotBorn(_));
                let sender = sender.filter(|_| is_unborn);
                let rebirth = sender.and_then(|sender| self.ask(&sender, received_ms));
                let outcome = match is_unborn {
                    true => EdgeOutcome::Unborn(error),
                    false => EdgeOutcome::Malformed(error),
                };
                Understood { outcome, rebirth, ..Understood::default() }
            }
        }
    }

    fn message(
        &mut self,
        sender: &Sender<'_>,
        message: NodeMessage,
        received_ms: u64,
    ) -> Understood {
        if message.stale {
            return Understood { outcome: EdgeOutcome::Stale, ..Understood::default() };
        }
        let node = sender.node_name();
        if sender.kind == Kind::NodeBirth {
            self.asked_ms.remove(node.as_str());
        }
        let mut read = Read { records: Vec::new(), skipped: message.skipped.len(), received_ms };
        let name = match sender.device {
            Some(device) => format!("{node}/{device}"),
            None => node.clone(),
        };
        match sender.kind {
            Kind::NodeBirth | Kind::DeviceBirth => read.state(&name, true),
            Kind::NodeDeath | Kind::DeviceDeath => {
                for device in &message.devices_ended {
                    read.state(&format!("{node}/{device}"), false);
                }
                read.state(&name, false);
            }
            _ => {}
        }
        // The metrics of a death say which session has ended, and nothing was measured.
        if !matches!(sender.kind, Kind::NodeDeath | Kind::DeviceDeath) {
            message.readings.into_iter().for_each(|reading| read.reading(&name, reading));
        }
        let rebirth = message.rebirth_needed.and_then(|_| self.ask(sender, received_ms));
        let Read { records, skipped, .. } = read;
        Understood { records, skipped, rebirth, outcome: EdgeOutcome::Read }
    }

    /// The command, unless the edge node was asked a moment ago.
    fn ask(&mut self, sender: &Sender<'_>, now_ms: u64) -> Option<Rebirth> {
        let name = sender.node_name();
        // A clock that was set back does not silence it for long.
        let is_recent = |asked: u64| now_ms.abs_diff(asked) < ASK_EVERY_MS;
        if self.asked_ms.get(name.as_str()).is_some_and(|asked| is_recent(*asked)) {
            return None;
        }
        if self.asked_ms.len() >= ASKED_MAX {
            self.asked_ms.retain(|_, asked| is_recent(*asked));
            if self.asked_ms.len() >= ASKED_MAX {
                return None;
            }
        }
        self.asked_ms.insert(name.into(), now_ms);
        let topic = format!("{NAMESPACE}/{}/NCMD/{}", sender.group, sender.node);
        Some(Rebirth { topic, payload: sparkplug::rebirth(now_ms) })
    }
}

/// Who speaks, and of what, by the topic.
struct Sender<'t> {
    kind: Kind,
    group: &'t str,
    node: &'t str,
    device: Option<&'t str>,
}

impl Sender<'_> {
    fn node_name(&self) -> String {
        format!("{}/{}", self.group, self.node)
    }
}

/// What has been read of a message so far.
struct Read {
    records: Vec<EdgeRecord>,
    skipped: usize,
    received_ms: u64,
}

impl Read {
    /// Whether `name` is there.
    fn state(&mut self, name: &str, is_there: bool) {
        self.push("sparkplug/state/", name, Reading::new(name, Some(Value::Bool(is_there))));
    }

    fn reading(&mut self, device: &str, reading: Reading) {
        self.push("sparkplug/data/", device, reading);
    }

    fn push(&mut self, under: &str, device: &str, reading: Reading) {
        let mut topic = under.to_owned();
        escape(&reading.base, &mut topic);
        escape(&reading.name, &mut topic);
        let device = format!("{NAMESPACE}/{device}");
        if check_name(&topic).is_err() || device.len() > DEVICE_BYTES_MAX {
            self.skipped += 1;
            return;
        }
        let received_ns = i64::try_from(self.received_ms).unwrap_or(i64::MAX);
        let received_ns = received_ns.saturating_mul(1_000_000);
        let time = reading.time.and_then(|time| time.unix_ns(received_ns));
        let time_unix_ns = time.unwrap_or(received_ns);
        self.records.push(EdgeRecord { topic, device, time_unix_ns, reading });
    }
}

#[cfg(test)]
mod tests;
