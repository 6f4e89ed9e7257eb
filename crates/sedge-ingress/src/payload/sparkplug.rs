//! Sparkplug B (Eclipse Sparkplug 3.0): topics, payloads, and what a host application must
//! remember of edge nodes to understand them.
//!
//! An edge node declares its metrics in birth certificates, each with a name, a type and
//! perhaps a number as its alias. What it says later names metrics by those, and is numbered
//! from 0 to 255, round and round. A [`Host`] remembers declarations and numbers, bounded.
//!
//! In reading order: [`Topic`]; what lies in a payload (`message`), perhaps compressed
//! (`expand`); what a metric's value is (`datatype`); what is remembered of a node
//! (`node`); and the host, which brings them together.

use super::record::Scalar;
use super::{PayloadError, PayloadLimits, Place, Problem, Reading, json};
use bytes::Bytes;
use std::collections::HashMap;

mod datatype;
mod expand;
mod message;
mod metric;
mod node;
mod topic;

pub use datatype::DataType;
pub use node::Gap;
pub use topic::{Kind, Topic};

pub use message::rebirth;

use message::Message;
use node::EdgeNode;

/// What was understood of a message.
#[derive(Clone, Debug, PartialEq)]
pub enum Received {
    /// A message of an edge node or device, or a command to one.
    Message(NodeMessage),
    /// Whether a host application is there.
    Host {
        /// Whether it is.
        online: bool,
        /// Since when, in milliseconds since 1970.
        timestamp_ms: i64,
    },
}

/// What was understood of a message of an edge node or device.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeMessage {
    /// What kind it is of.
    pub kind: Kind,
    /// Its metrics that are scalars, perhaps none.
    pub readings: Vec<Reading>,
    /// Its metrics that are no scalars, and so no readings.
    pub skipped: Vec<Skipped>,
    /// Whether it changed nothing: a death of a node that was not alive, or that of an
    /// earlier session, told by its `bdSeq`.
    pub stale: bool,
    /// The devices behind a node that has died: they have died with it (Sparkplug 3.0 §5.3).
    pub devices_ended: Vec<Box<str>>,
    /// The first gap between the node's messages since it was born: it should be asked for
    /// its birth certificates again. Readings are told nevertheless.
    pub rebirth_needed: Option<Gap>,
}

/// A metric that is no scalar: a data set, a template, an array, or of a type that
/// Sparkplug 3.0 does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Its name.
    pub name: Box<str>,
    /// The number of its type.
    pub datatype: u32,
}

/// What a host application knows of edge nodes.
pub struct Host {
    limits: PayloadLimits,
    /// By `group/node`; neither has a slash.
    nodes: HashMap<Box<str>, EdgeNode>,
    /// Of all nodes together.
    declared_bytes: usize,
}

impl Host {
    /// Knows nothing yet.
    pub fn new(limits: PayloadLimits) -> Self {
        Host { limits, nodes: HashMap::new(), declared_bytes: 0 }
    }

    /// How many edge nodes are alive.
    pub fn nodes(&self) -> usize {
        self.nodes.len()
    }

    /// Takes a message in the order in which it came.
    ///
    /// # Errors
    ///
    /// What is wrong with the topic or the payload; then nothing has changed.
    /// [`Problem::NotBorn`] says that birth certificates are missing, so that the node should
    /// be asked for them.
    pub fn receive(&mut self, topic: &str, payload: Bytes) -> Result<Received, PayloadError> {
        let topic = Topic::parse(topic)?;
        if payload.len() > self.limits.body_bytes_max {
            let problem = Problem::too_large("bytes of the message", self.limits.body_bytes_max);
            return Err(problem.at(Place::default()));
        }
        let Topic::Message { kind, group, node, device } = topic else {
            return self.host_state(&payload);
        };
        let message = Message::decode(payload, &self.limits)?;
        let id = format!("{group}/{node}");
        let result = match kind {
            Kind::NodeBirth => self.node_birth(&id, &message),
            Kind::NodeDeath => self.node_death(&id, &message),
            Kind::NodeCommand | Kind::DeviceCommand => {
                let unknown = EdgeNode::unknown(&id);
                let node = self.nodes.get(id.as_str()).unwrap_or(&unknown);
                node.readings(device.unwrap_or_default(), &message, &self.limits)
            }
            Kind::DeviceBirth => self.device_birth(&id, device.unwrap_or_default(), &message),
            Kind::NodeData | Kind::DeviceData | Kind::DeviceDeath => {
                let node = self.nodes.get_mut(id.as_str()).ok_or_else(|| not_born("edge node"))?;
                let device = device.unwrap_or_default();
                let freed = match kind {
                    Kind::DeviceDeath => node.device_death(device, &message)?,
                    _ => 0,
                };
                self.declared_bytes = self.declared_bytes.saturating_sub(freed);
                match kind {
                    Kind::DeviceDeath => Ok(node.nothing_read()),
                    _ => node.data(device, &message, &self.limits),
                }
            }
        };
        result.map(|read| Received::Message(NodeMessage { kind, ..read }))
    }

    fn node_birth(&mut self, id: &str, message: &Message) -> Result<NodeMessage, PayloadError> {
        let (node, read) = EdgeNode::birth(id, message, &self.limits)?;
        let before = self.nodes.get(id).map_or(0, EdgeNode::declared_bytes);
        self.reserve(before, node.declared_bytes())?;
        self.nodes.insert(id.into(), node);
        Ok(read)
    }

    fn device_birth(
        &mut self,
        id: &str,
        device: &str,
        message: &Message,
    ) -> Result<NodeMessage, PayloadError> {
        let Some(node) = self.nodes.get(id) else { return Err(not_born("edge node")) };
        let before = node.declared_bytes();
        // What fails leaves the node as it was.
        let mut changed = node.clone();
        let read = changed.device_birth(device, message, &self.limits)?;
        self.reserve(before, changed.declared_bytes())?;
        self.nodes.insert(id.into(), changed);
        Ok(read)
    }

    /// Replaces so many bytes of declarations by others.
    fn reserve(&mut self, before: usize, after: usize) -> Result<(), PayloadError> {
        let total = self.declared_bytes.saturating_sub(before).saturating_add(after);
        let limit = self.limits.declared_bytes_max;
        if total > limit {
            let problem = Problem::too_large("bytes of declarations of all nodes", limit);
            return Err(problem.at(Place::default()));
        }
        self.declared_bytes = total;
        Ok(())
    }

    fn node_death(&mut self, id: &str, message: &Message) -> Result<NodeMessage, PayloadError> {
        let unknown = EdgeNode::unknown(id);
        let known = self.nodes.get(id);
        let mut read = known.unwrap_or(&unknown).readings("", message, &self.limits)?;
        read.stale = known.is_none_or(|node| !node.dies_by(message.session()));
        if !read.stale
            && let Some(node) = self.nodes.remove(id)
        {
            self.declared_bytes = self.declared_bytes.saturating_sub(node.declared_bytes());
            read.devices_ended = node.devices();
        }
        read.rebirth_needed = None;
        Ok(read)
    }

    /// The payload of `STATE` is an object with `online` and `timestamp`.
    fn host_state(&self, payload: &[u8]) -> Result<Received, PayloadError> {
        let (mut online, mut timestamp_ms) = (None, None);
        json::records(payload, &self.limits, &mut |record| {
            for field in &record.fields {
                let at = |problem: Problem| problem.at(record.place_of(field));
                match (&*field.label.shown(), &field.value) {
                    ("online", Scalar::Bool(value)) => online = Some(*value),
                    ("online", other) => {
                        let found = other.kind();
                        return Err(at(Problem::Type { expected: "true or false", found }));
                    }
                    ("timestamp", value) => match value.number().map_err(at)? {
                        super::Number::Int(ms) => timestamp_ms = Some(ms),
                        _ => return Err(at(Problem::expected("milliseconds since 1970"))),
                    },
                    _ => {}
                }
            }
            Ok(())
        })?;
        match (online, timestamp_ms) {
            (Some(online), Some(timestamp_ms)) => Ok(Received::Host { online, timestamp_ms }),
            _ => {
                let problem = Problem::expected("an object with `online` and `timestamp`");
                Err(problem.at(Place::default()))
            }
        }
    }
}

fn not_born(who: &'static str) -> PayloadError {
    let problem = Problem::NotBorn(format!("there is no birth certificate of this {who}").into());
    problem.at(Place::default()).hint("ask the edge node to be born again")
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
