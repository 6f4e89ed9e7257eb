//! What a session has, and how it changes.

use super::inbox::{Inbox, Order};
use super::outgoing::Owed;
use super::{Shared, ids};
use crate::mqtt::journal::{Delivery, KeptSession, Subscription, Waiting, Will};
use crate::mqtt::message::{Message, after_s};
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

pub(super) struct State {
    /// The connection that has it.
    pub(super) holder: Option<Arc<Inbox>>,
    /// Nothing is delivered any more.
    pub(super) is_over: bool,
    /// How long it outlives a connection, seconds; `u32::MAX`: for ever.
    pub(super) expiry_s: u32,
    /// Since when it has no connection.
    pub(super) left_ms: Option<u64>,
    /// What stands in the timers.
    pub(super) timer: Option<u64>,
    pub(super) will: Option<Will>,
    pub(super) subscriptions: HashMap<Arc<str>, Subscription>,
    pub(super) next_sequence: u64,
    /// What the client is owed with QoS 1 and 2, by sequence.
    pub(super) owed: BTreeMap<u64, Owed>,
    /// What of it can be sent, in order, each with its arrival.
    pub(super) ready: VecDeque<(u64, u64)>,
    /// What waits with QoS 0, each with its arrival.
    pub(super) lossy: VecDeque<(u64, Delivery, Arc<Message>)>,
    /// Releases that have to be sent again.
    pub(super) releases: VecDeque<u64>,
    /// Counts what arrives.
    pub(super) arrivals: u64,
    /// What was sent and is not settled.
    pub(super) inflight: usize,
    /// Bytes that wait.
    pub(super) bytes: usize,
    /// Packet identifiers of messages of QoS 2 that the client may send again.
    pub(super) received: HashSet<u16>,
}

/// What a connection leaves behind.
pub(crate) struct Left {
    /// Whether the session goes on.
    pub(crate) stays: bool,
    /// How long, seconds.
    pub(crate) expiry_s: u32,
    /// Whether a will is to be published, now or later.
    pub(crate) has_will: bool,
}

impl State {
    pub(super) fn new(first_sequence: u64) -> Self {
        State {
            holder: None,
            is_over: false,
            expiry_s: 0,
            left_ms: None,
            timer: None,
            will: None,
            subscriptions: HashMap::new(),
            next_sequence: first_sequence.max(1),
            owed: BTreeMap::new(),
            ready: VecDeque::new(),
            lossy: VecDeque::new(),
            releases: VecDeque::new(),
            arrivals: 0,
            inflight: 0,
            bytes: 0,
            received: HashSet::new(),
        }
    }

    pub(super) fn restore(&mut self, kept: KeptSession, now_ms: u64, shared: &Shared) {
        self.expiry_s = kept.expiry_s;
        self.left_ms = Some(kept.left_ms.unwrap_or(now_ms));
        self.will = kept.will;
        self.subscriptions = kept.subscriptions.into_iter().collect();
        self.next_sequence = kept.next_sequence.max(1);
        self.received = kept.received.into_iter().collect();
        for (sequence, waiting) in kept.owed {
            let owed = match waiting {
                Waiting::Release => Owed::Released,
                // Nobody knows whether it was sent.
                Waiting::Message(delivery, message) => {
                    self.count_bytes(message.bytes(), shared);
                    Owed::Sent(delivery, message)
                }
            };
            self.owed.insert(sequence, owed);
        }
        self.send_again(shared);
    }

    pub(super) fn is_held_by(&self, inbox: &Arc<Inbox>) -> bool {
        self.holder.as_ref().is_some_and(|holder| Arc::ptr_eq(holder, inbox))
    }

    /// Takes the session from its connection and tells it so. Whether it had one.
    pub(super) fn take_holder(&mut self, order: Order) -> bool {
        let Some(holder) = self.holder.take() else { return false };
        holder.order(order);
        true
    }

    pub(super) fn leave(
        &mut self,
        keeps_will: bool,
        expiry_s: Option<u32>,
        now_ms: u64,
        shared: &Shared,
    ) -> Left {
        self.holder = None;
        self.expiry_s = expiry_s.unwrap_or(self.expiry_s);
        self.left_ms = Some(now_ms);
        if !keeps_will {
            self.will = None;
        }
        for (_, _, message) in std::mem::take(&mut self.lossy) {
            self.release_bytes(message.bytes(), shared);
        }
        let stays = self.expiry_s > 0;
        Left { stays, expiry_s: self.expiry_s, has_will: self.will.is_some() }
    }

    /// When the session is over, if it was left then.
    pub(super) fn ends_ms(&self, left_ms: u64) -> u64 {
        match self.expiry_s {
            u32::MAX => u64::MAX,
            expiry_s => after_s(left_ms, expiry_s),
        }
    }

    /// When its will is due, if it was left then.
    pub(super) fn will_ms(&self, left_ms: u64) -> Option<u64> {
        self.will.as_ref().map(|will| after_s(left_ms, will.delay_s))
    }

    /// What was sent is sent again, in its order, before all that was not (MQTT 5.0 §4.4).
    pub(super) fn send_again(&mut self, _: &Shared) {
        self.inflight = 0;
        self.releases.clear();
        let mut again = Vec::new();
        for (&sequence, owed) in &mut self.owed {
            match std::mem::replace(owed, Owed::Released) {
                Owed::Sent(delivery, message) => {
                    *owed = Owed::Ready { delivery, message, again: true };
                    again.push(sequence);
                }
                Owed::Released => {
                    self.releases.push_back(sequence);
                    self.inflight += 1;
                }
                other => *owed = other,
            }
        }
        for sequence in again.into_iter().rev() {
            // Older than all that has arrived.
            self.ready.push_front((0, sequence));
        }
    }

    pub(super) fn reserve(&mut self, message: &Message, shared: &Shared) -> Option<(u64, bool)> {
        let options = &shared.options;
        let oldest = self.owed.first_key_value().map_or(self.next_sequence, |(&first, _)| first);
        let is_full = self.owed.len() >= options.queue_messages_max
            || self.next_sequence - oldest >= ids::SPAN
            || !self.has_room(message.bytes(), shared);
        if self.is_over || is_full {
            return None;
        }
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        self.count_bytes(message.bytes(), shared);
        self.owed.insert(sequence, Owed::Reserved(message.bytes()));
        Some((sequence, self.expiry_s > 0))
    }

    fn has_room(&self, bytes: usize, shared: &Shared) -> bool {
        self.bytes + bytes <= shared.options.queue_bytes_max
            && shared.queued_bytes.load(Relaxed) + bytes <= shared.options.queues_bytes_max
    }

    pub(super) fn deliver(
        &mut self,
        delivery: Delivery,
        message: &Arc<Message>,
        shared: &Shared,
    ) -> bool {
        self.arrivals += 1;
        if delivery.qos > 0 {
            // It is not there any more if the session has ended meanwhile.
            let Some(owed) = self.owed.get_mut(&delivery.sequence) else { return false };
            self.ready.push_back((self.arrivals, delivery.sequence));
            *owed = Owed::Ready { delivery, message: Arc::clone(message), again: false };
            return true;
        }
        let is_refused = self.is_over
            || self.holder.is_none()
            || self.lossy.len() >= shared.options.queue_messages_max
            || !self.has_room(message.bytes(), shared);
        if is_refused {
            return false;
        }
        self.count_bytes(message.bytes(), shared);
        self.lossy.push_back((self.arrivals, delivery, Arc::clone(message)));
        true
    }

    pub(super) fn forget_all(&mut self, shared: &Shared) {
        self.owed.clear();
        self.ready.clear();
        self.lossy.clear();
        self.releases.clear();
        self.received.clear();
        self.inflight = 0;
        self.release_bytes(self.bytes, shared);
    }

    fn count_bytes(&mut self, bytes: usize, shared: &Shared) {
        self.bytes += bytes;
        shared.queued_bytes.fetch_add(bytes, Relaxed);
    }

    pub(super) fn release_bytes(&mut self, bytes: usize, shared: &Shared) {
        self.bytes -= bytes;
        shared.queued_bytes.fetch_sub(bytes, Relaxed);
    }

    /// Takes away what the client is not owed any more.
    pub(super) fn remove(&mut self, sequence: u64, shared: &Shared) {
        match self.owed.remove(&sequence) {
            Some(Owed::Reserved(bytes)) => self.release_bytes(bytes, shared),
            Some(Owed::Ready { message, .. } | Owed::Sent(_, message)) => {
                self.release_bytes(message.bytes(), shared);
            }
            Some(Owed::Released) | None => {}
        }
    }
}
