//! From a message to the sessions that get it.

use super::{Broker, count};
use crate::mqtt::journal::{Change, Delivery, JournalError, Subscription, Will};
use crate::mqtt::message::{Message, after_s};
use crate::mqtt::metrics::Drop;
use crate::mqtt::session::Session;
use crate::mqtt::trie::{Found, Group, Subscriber};
use bytes::Bytes;
use std::sync::{Arc, PoisonError};

/// A message and the sessions that are owed it.
struct Plan {
    message: Arc<Message>,
    to: Vec<Target>,
}

struct Target {
    session: Arc<Session>,
    /// Of its own subscriptions, or as one of a group: the two do not become one delivery.
    is_shared: bool,
    /// Whether the session outlives its connection.
    is_durable: bool,
    delivery: Delivery,
}

/// What became of a message at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Published {
    /// Somebody gets it, or will once it is durable.
    Matched,
    /// Nobody has subscribed to it (0x10).
    Unmatched,
}

impl Broker {
    /// Whether a message that is to be retained has room.
    pub(crate) fn can_retain(&self, message: &Message) -> bool {
        let retained = self.retained.read().unwrap_or_else(PoisonError::into_inner);
        !message.retain || retained.check(message, &self.options).is_ok()
    }

    /// Publishes a message of QoS 0: whoever is there gets it, and nobody waits.
    pub(crate) fn publish_at_most_once(self: &Arc<Self>, message: Message) {
        let plan = self.plan(Arc::new(message));
        if plan.message.retain {
            self.commit(vec![plan.change(None)]);
        } else {
            self.journal.notice(&plan.message);
        }
        self.hand_over(plan);
    }

    /// Publishes a message of QoS 1 or 2. It goes to sessions when it is durable, whether the
    /// connection that has sent it is still there or not; `settled` is told first.
    /// `received`: with QoS 2, the session and the identifier by which it is recognized.
    pub(crate) fn publish(
        self: &Arc<Self>,
        message: Message,
        received: Option<(&Arc<Session>, u16)>,
        settled: impl FnOnce(Result<(), JournalError>) + Send + 'static,
    ) -> Published {
        let plan = self.plan(Arc::new(message));
        let kept = received.filter(|(session, _)| session.is_durable());
        let kept = kept.map(|(session, packet_id)| (Arc::clone(&session.client), packet_id));
        let changes = vec![plan.change(kept)];
        let is_matched = !plan.to.is_empty() || self.journal.is_read(&plan.message);
        let published = if is_matched { Published::Matched } else { Published::Unmatched };
        self.when_durable(changes, plan, settled, |_| {});
        published
    }

    /// Publishes what a function of the node has to say, with QoS 1; `settled` is told when it
    /// is durable and whoever is there gets it, or why not.
    pub fn publish_of_node(
        self: &Arc<Self>,
        topic: &str,
        payload: Bytes,
        retain: bool,
        settled: impl FnOnce(Result<(), JournalError>) + Send + 'static,
    ) {
        let plan = self.plan(Arc::new(self.of_node(topic, payload, retain, 1)));
        let changes = vec![plan.change(None)];
        self.when_durable(changes, plan, |_| {}, settled);
    }

    /// The same with QoS 0: whoever is there gets it at once.
    pub fn publish_of_node_at_once(self: &Arc<Self>, topic: &str, payload: Bytes, retain: bool) {
        let message = self.of_node(topic, payload, retain, 0);
        self.publish_at_most_once(message);
    }

    fn of_node(&self, topic: &str, payload: Bytes, retain: bool, qos: u8) -> Message {
        let mut message = Message {
            topic: topic.into(),
            payload,
            qos,
            retain,
            received_ms: self.now_ms(),
            expires_ms: None,
            publisher: "".into(),
            properties: None,
        };
        if !self.can_retain(&message) {
            message.retain = false;
            self.counters.dropped(Drop::QueueFull, 1);
        }
        message
    }

    /// Publishes what the server itself has to say.
    pub(super) fn publish_own(self: &Arc<Self>, will: Will, mut changes: Vec<Change>) {
        let now_ms = self.now_ms();
        let mut message = (*will.message).clone();
        message.received_ms = now_ms;
        message.expires_ms = will.expiry_s.map(|expiry| after_s(now_ms, expiry));
        if !self.can_retain(&message) {
            message.retain = false;
            self.counters.dropped(Drop::QueueFull, 1);
        }
        let plan = self.plan(Arc::new(message));
        changes.push(plan.change(None));
        self.when_durable(changes, plan, |_| {}, |_| {});
    }

    /// `settled` is told before anybody gets the message, `handed_over` after that.
    fn when_durable(
        self: &Arc<Self>,
        changes: Vec<Change>,
        plan: Plan,
        settled: impl FnOnce(Result<(), JournalError>) + Send + 'static,
        handed_over: impl FnOnce(Result<(), JournalError>) + Send + 'static,
    ) {
        let broker = Arc::clone(self);
        let reply = move |result: Result<(), JournalError>| {
            count(&broker.counters, &result);
            let is_kept = result.is_ok();
            settled(result.clone());
            if is_kept {
                broker.hand_over(plan)
            } else {
                broker.give_up(&plan)
            }
            handed_over(result);
        };
        self.journal.commit(changes, Box::new(reply));
    }

    /// Who gets it. A place is kept for it where it is owed.
    fn plan(&self, message: Arc<Message>) -> Plan {
        let mut to = Vec::new();
        let subscriptions = self.subscriptions.read().unwrap_or_else(PoisonError::into_inner);
        subscriptions.find(&message.topic, |found| match found {
            Found::One(session, options) => {
                let is_own = options.no_local && session.client == message.publisher;
                if !is_own {
                    to.push(target(session, options, &message, false));
                }
            }
            Found::Group(group) => {
                if let Some((session, options)) = choose(group) {
                    to.push(target(session, options, &message, true));
                }
            }
        });
        drop(subscriptions);
        merge(&mut to);
        to.retain_mut(|target| self.reserve(target, &message));
        Plan { message, to }
    }

    fn reserve(&self, target: &mut Target, message: &Message) -> bool {
        if target.delivery.qos == 0 {
            return true;
        }
        match target.session.reserve(message) {
            Some((sequence, is_durable)) => {
                (target.delivery.sequence, target.is_durable) = (sequence, is_durable);
                true
            }
            None => {
                self.counters.dropped(Drop::QueueFull, 1);
                false
            }
        }
    }

    fn hand_over(&self, plan: Plan) {
        let Plan { message, to } = plan;
        if message.retain {
            self.retained.write().unwrap_or_else(PoisonError::into_inner).set(&message);
        }
        for target in to {
            let is_owed = target.delivery.qos > 0;
            // Who is not there misses what has QoS 0; who is and does not read loses it.
            if !target.session.deliver(target.delivery, &message)
                && !is_owed
                && target.session.is_connected()
            {
                self.counters.dropped(Drop::QueueFull, 1);
            }
        }
    }

    fn give_up(&self, plan: &Plan) {
        let owed = plan.to.iter().filter(|target| target.delivery.qos > 0);
        self.counters.dropped(Drop::Journal, owed.clone().count() as u64);
        owed.for_each(|target| target.session.unreserve(target.delivery.sequence));
    }
}

impl Plan {
    fn change(&self, received: Option<(Arc<str>, u16)>) -> Change {
        let durable = self.to.iter().filter(|target| target.is_durable);
        let to =
            durable.map(|target| (Arc::clone(&target.session.client), target.delivery.clone()));
        Change::Published { message: Arc::clone(&self.message), received, to: to.collect() }
    }
}

fn target(
    session: &Arc<Session>,
    options: &Subscription,
    message: &Message,
    is_shared: bool,
) -> Target {
    let delivery = Delivery {
        sequence: 0,
        qos: message.qos.min(options.qos),
        retain: message.retain && options.retain_as_published,
        subscriptions: options.identifier.into_iter().collect(),
    };
    Target { session: Arc::clone(session), is_shared, is_durable: false, delivery }
}

/// Whoever's turn it is, if it is there; else the next who is, else whose session waits.
fn choose(group: &Group<Arc<Session>>) -> Option<&(Arc<Session>, Subscription)> {
    let mut waiting = None;
    for member in group.in_turn() {
        if member.0.is_connected() {
            return Some(member);
        }
        waiting = waiting.or(Some(member));
    }
    waiting
}

/// One delivery for each session, with the highest QoS of its subscriptions and the identifiers
/// of all of them (MQTT 5.0 §3.3.4).
fn merge(to: &mut Vec<Target>) {
    if to.len() < 2 {
        return;
    }
    to.sort_by_key(|target| (target.session.id(), target.is_shared));
    to.dedup_by(|later, first| {
        let are_one =
            !later.is_shared && !first.is_shared && later.session.id() == first.session.id();
        if are_one {
            first.delivery.qos = first.delivery.qos.max(later.delivery.qos);
            first.delivery.retain |= later.delivery.retain;
            first.delivery.subscriptions.append(&mut later.delivery.subscriptions);
        }
        are_one
    });
}
