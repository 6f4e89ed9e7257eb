//! What is left of all changes.

use super::{Change, Delivery, Subscription, Will};
use crate::mqtt::message::Message;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Everything that survives a restart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// Sessions that outlive their connections, by client identifier.
    pub sessions: BTreeMap<Arc<str>, KeptSession>,
    /// Retained messages, by topic.
    pub retained: BTreeMap<Arc<str>, Arc<Message>>,
}

/// A session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeptSession {
    /// How long it outlives a connection, seconds; `u32::MAX`: for ever.
    pub expiry_s: u32,
    /// When its connection ended; `None`: it had one when the node ended.
    pub left_ms: Option<u64>,
    /// What is to be published.
    pub will: Option<Will>,
    /// By filter, as it was written.
    pub subscriptions: BTreeMap<Arc<str>, Subscription>,
    /// What the client is owed, by sequence.
    pub owed: BTreeMap<u64, Waiting>,
    /// The sequence of what it may be owed first; what is below was an earlier session's.
    pub first_sequence: u64,
    /// The sequence of what it is owed next, at least.
    pub next_sequence: u64,
    /// Packet identifiers of messages of QoS 2 that the client may send again.
    pub received: BTreeSet<u16>,
}

/// What a client is owed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// A message.
    Message(Delivery, Arc<Message>),
    /// The release of a message of QoS 2 that it has.
    Release,
}

impl Kept {
    /// What a change means. A change of what is not there means nothing: its session may have
    /// ended while it was under way.
    pub fn apply(&mut self, change: Change) {
        match change {
            Change::Published { message, received, to } => self.publish(message, received, to),
            Change::Connected { client, is_new, expiry_s, first_sequence, will } => {
                let session = self.sessions.entry(client).or_default();
                if is_new {
                    *session = KeptSession {
                        first_sequence,
                        next_sequence: first_sequence,
                        ..KeptSession::default()
                    };
                }
                (session.expiry_s, session.left_ms, session.will) = (expiry_s, None, will);
            }
            Change::Left { client, at_ms, expiry_s, has_will } => self.with(&client, |session| {
                (session.left_ms, session.expiry_s) = (Some(at_ms), expiry_s);
                if !has_will {
                    session.will = None;
                }
            }),
            Change::Ended { client } => drop(self.sessions.remove(&client)),
            Change::WillDone { client } => self.with(&client, |session| session.will = None),
            Change::Subscribed { client, filter, options } => {
                self.with(&client, |session| {
                    session.subscriptions.insert(filter, options);
                });
            }
            Change::Unsubscribed { client, filter } => self.with(&client, |session| {
                session.subscriptions.remove(&filter);
            }),
            Change::Owed { client, delivery, message } => {
                self.with(&client, |session| session.owe(delivery, message));
            }
            Change::Released { client, sequence } => self.with(&client, |session| {
                if let Some(waiting) = session.owed.get_mut(&sequence) {
                    *waiting = Waiting::Release;
                }
            }),
            Change::Done { client, sequence } => self.with(&client, |session| {
                session.owed.remove(&sequence);
            }),
            Change::Forgotten { client, packet_id } => self.with(&client, |session| {
                session.received.remove(&packet_id);
            }),
        }
    }

    fn publish(
        &mut self,
        message: Arc<Message>,
        received: Option<(Arc<str>, u16)>,
        to: Vec<(Arc<str>, Delivery)>,
    ) {
        if let Some((client, packet_id)) = received {
            self.with(&client, |session| {
                session.received.insert(packet_id);
            });
        }
        for (client, delivery) in to {
            self.with(&client, |session| session.owe(delivery, Arc::clone(&message)));
        }
        if message.retain && message.payload.is_empty() {
            self.retained.remove(&message.topic);
        } else if message.retain {
            self.retained.insert(Arc::clone(&message.topic), message);
        }
    }

    fn with(&mut self, client: &Arc<str>, change: impl FnOnce(&mut KeptSession)) {
        if let Some(session) = self.sessions.get_mut(client) {
            change(session);
        }
    }
}

impl KeptSession {
    fn owe(&mut self, delivery: Delivery, message: Arc<Message>) {
        if delivery.sequence < self.first_sequence {
            return;
        }
        self.next_sequence = self.next_sequence.max(delivery.sequence + 1);
        self.owed.insert(delivery.sequence, Waiting::Message(delivery, message));
    }
}
