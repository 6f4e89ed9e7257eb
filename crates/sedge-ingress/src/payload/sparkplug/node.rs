//! What is remembered of an edge node.

use super::message::{Message, Metric};
use super::metric::{Metrics, declared_name, reading};
use super::{Kind, NodeMessage, PayloadError, PayloadLimits, Place, Problem, not_born};
use std::collections::HashMap;
use std::sync::Arc;

/// What an entry takes besides its name; not exact, but not too little.
const ENTRY_BYTES: usize = 192;

/// Messages that are missing before one that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The number that the message should have had.
    pub expected: u8,
    /// The number that it had.
    pub found: u8,
}

/// An edge node, and the devices behind it.
#[derive(Clone, Debug, Default)]
pub(super) struct EdgeNode {
    /// `group/node`
    id: Box<str>,
    /// Types of metrics by names, by devices; the node's own are under an empty name.
    scopes: HashMap<Box<str>, Scope>,
    /// Which metric an alias stands for. They are unique for the node with its devices.
    aliases: HashMap<u64, Alias>,
    /// The number that its next message should have.
    next: u8,
    /// By which its death is recognized.
    session: Option<u64>,
    gap: Option<Gap>,
}

#[derive(Clone, Debug)]
struct Scope {
    base: Arc<str>,
    types: HashMap<Arc<str>, u32>,
}

#[derive(Clone, Debug)]
struct Alias {
    device: Box<str>,
    name: Arc<str>,
}

impl EdgeNode {
    /// A node of which nothing is known.
    pub(super) fn unknown(id: &str) -> Self {
        EdgeNode { id: id.into(), ..EdgeNode::default() }
    }

    /// A node by its birth certificate.
    pub(super) fn birth(
        id: &str,
        message: &Message,
        limits: &PayloadLimits,
    ) -> Result<(Self, NodeMessage), PayloadError> {
        let mut node = EdgeNode::unknown(id);
        node.session = message.session();
        node.next = sequence(message)?.wrapping_add(1);
        node.declare("", message, limits)?;
        let read = node.readings("", message, limits)?;
        Ok((node, read))
    }

    /// What its declarations take, in bytes.
    pub(super) fn declared_bytes(&self) -> usize {
        let scopes = self.scopes.values().map(|scope| {
            let names: usize = scope.types.keys().map(|name| ENTRY_BYTES + name.len()).sum();
            ENTRY_BYTES + 2 * scope.base.len() + names
        });
        let aliases = self.aliases.values().map(|alias| ENTRY_BYTES + alias.device.len());
        ENTRY_BYTES + 2 * self.id.len() + scopes.sum::<usize>() + aliases.sum::<usize>()
    }

    /// The devices behind it, in the order of their names.
    pub(super) fn devices(&self) -> Vec<Box<str>> {
        let mut devices: Vec<Box<str>> =
            self.scopes.keys().filter(|device| !device.is_empty()).cloned().collect();
        devices.sort_unstable();
        devices
    }

    /// Whether it is this session of the node that a death certificate ends. One that does
    /// not say ends any.
    pub(super) fn dies_by(&self, session: Option<u64>) -> bool {
        session.is_none() || self.session.is_none() || session == self.session
    }

    /// A birth certificate of a device; if it fails, the node is not to be used any more.
    pub(super) fn device_birth(
        &mut self,
        device: &str,
        message: &Message,
        limits: &PayloadLimits,
    ) -> Result<NodeMessage, PayloadError> {
        let found = sequence(message)?;
        self.forget(device);
        self.declare(device, message, limits)?;
        self.arrive(found);
        self.readings(device, message, limits)
    }

    /// A death certificate of a device. Returns the bytes that its declarations took.
    pub(super) fn device_death(
        &mut self,
        device: &str,
        message: &Message,
    ) -> Result<usize, PayloadError> {
        let found = sequence(message)?;
        let before = self.declared_bytes();
        self.arrive(found);
        self.forget(device);
        Ok(before.saturating_sub(self.declared_bytes()))
    }

    /// Data of the node, or of a device behind it.
    pub(super) fn data(
        &mut self,
        device: &str,
        message: &Message,
        limits: &PayloadLimits,
    ) -> Result<NodeMessage, PayloadError> {
        let found = sequence(message)?;
        if !self.scopes.contains_key(device) {
            return Err(not_born("device"));
        }
        let mut read = self.readings(device, message, limits)?;
        self.arrive(found);
        read.rebirth_needed = self.gap;
        Ok(read)
    }

    /// The metrics of a message as readings.
    pub(super) fn readings(
        &self,
        device: &str,
        message: &Message,
        limits: &PayloadLimits,
    ) -> Result<NodeMessage, PayloadError> {
        let scope = self.scopes.get(device);
        let base = scope.map_or_else(|| self.base(device), |scope| scope.base.clone());
        let mut read = self.nothing_read();
        for (place, metric) in &message.metrics {
            let name = self.name(device, metric, &base, place, limits)?;
            let declared = || scope.and_then(|scope| scope.types.get(name).copied());
            let datatype = metric.datatype.or_else(declared).ok_or_else(|| {
                let problem = format!("no birth certificate says the type of {name:?}");
                Problem::NotBorn(problem.into()).at(place.clone().field(name))
            })?;
            let sent_ms = message.timestamp_ms;
            match reading(metric, name, datatype, &base, sent_ms, place, limits)? {
                Metrics::Read(reading) => read.readings.push(reading),
                Metrics::Skipped(skipped) => read.skipped.push(skipped),
            }
        }
        Ok(read)
    }

    /// A message without metrics.
    pub(super) fn nothing_read(&self) -> NodeMessage {
        NodeMessage {
            kind: Kind::NodeData,
            readings: Vec::new(),
            skipped: Vec::new(),
            stale: false,
            devices_ended: Vec::new(),
            rebirth_needed: self.gap,
        }
    }

    /// The name that a metric has, or that its alias stands for.
    fn name<'m>(
        &'m self,
        device: &str,
        metric: &'m Metric,
        base: &str,
        place: &Place,
        limits: &PayloadLimits,
    ) -> Result<&'m str, PayloadError> {
        let alias = match (&metric.name, metric.alias) {
            (None, Some(alias)) => alias,
            _ => return declared_name(metric, base, place, limits),
        };
        let known = self.aliases.get(&alias).filter(|known| &*known.device == device);
        match known {
            Some(known) => Ok(&known.name),
            None => {
                let problem = format!("no birth certificate declares the alias {alias}");
                let hint = "ask the edge node to be born again";
                Err(Problem::NotBorn(problem.into()).at(place.clone()).hint(hint))
            }
        }
    }

    fn base(&self, device: &str) -> Arc<str> {
        match device {
            "" => format!("{}/", self.id),
            device => format!("{}/{device}/", self.id),
        }
        .into()
    }

    /// Remembers what a birth certificate declares.
    fn declare(
        &mut self,
        device: &str,
        message: &Message,
        limits: &PayloadLimits,
    ) -> Result<(), PayloadError> {
        let base = self.base(device);
        let mut types: HashMap<Arc<str>, u32> = HashMap::new();
        let others: usize = self.scopes.values().map(|scope| scope.types.len()).sum();
        for (place, metric) in &message.metrics {
            let name = declared_name(metric, &base, place, limits)?;
            let at = |problem: Problem| problem.at(place.clone().field(name));
            let datatype = metric.datatype.ok_or_else(|| at(Problem::expected("a data type")))?;
            // A metric may be there more than once, with past values.
            let known = types.get_key_value(name).map(|(name, known)| (name.clone(), *known));
            let name = match known {
                Some((_, known)) if known != datatype => return Err(at(Problem::Duplicate)),
                Some((name, _)) => name,
                None if others + types.len() >= limits.metrics_max => {
                    return Err(at(Problem::too_large("metrics of a node", limits.metrics_max)));
                }
                None => {
                    let shared: Arc<str> = name.into();
                    types.insert(shared.clone(), datatype);
                    shared
                }
            };
            let Some(alias) = metric.alias else { continue };
            let entry = Alias { device: device.into(), name };
            if let Some(before) = self.aliases.insert(alias, entry.clone())
                && (before.device != entry.device || before.name != entry.name)
            {
                let problem = format!("an alias of its own, not {alias}, which is another's");
                return Err(at(Problem::expected(problem)));
            }
        }
        self.scopes.insert(device.into(), Scope { base, types });
        Ok(())
    }

    /// Forgets a device and its aliases.
    fn forget(&mut self, device: &str) {
        self.scopes.remove(device);
        self.aliases.retain(|_, alias| &*alias.device != device);
    }

    /// Notes the number of a message that has come.
    fn arrive(&mut self, found: u8) {
        if found != self.next {
            self.gap.get_or_insert(Gap { expected: self.next, found });
        }
        self.next = found.wrapping_add(1);
    }
}

/// The number that a message of this kind must have.
fn sequence(message: &Message) -> Result<u8, PayloadError> {
    message.sequence.and_then(|sequence| u8::try_from(sequence).ok()).ok_or_else(|| {
        let place = Place::default().field("seq");
        Problem::expected("a sequence number from 0 to 255").at(place)
    })
}
