//! A session: what a client has subscribed and is owed, with or without a connection
//! (MQTT 5.0 §4.1).
//!
//! Everything here is a change of memory under the session's own lock, which is held for no
//! more than that. What must survive is told by [`Change`]s, which the caller commits.

mod ids;
mod inbox;
mod outgoing;
mod state;

pub(crate) use inbox::{Inbox, Order};
pub(crate) use outgoing::{Outgoing, Received, Taken};
pub(crate) use state::Left;

use super::journal::{Change, Delivery, KeptSession, Subscription, Will};
use super::message::Message;
use super::options::MqttOptions;
use super::trie::Subscriber;
use state::State;
use std::collections::BTreeSet;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What all sessions share.
pub(crate) struct Shared {
    pub(crate) options: Arc<MqttOptions>,
    /// Bytes that wait in all sessions.
    pub(crate) queued_bytes: AtomicUsize,
    /// When to look at which session that has no connection: one entry for each.
    pub(crate) timers: Mutex<BTreeSet<(u64, Arc<str>)>>,
}

/// A client's session.
pub(crate) struct Session {
    /// The client identifier.
    pub(crate) client: Arc<str>,
    id: u64,
    shared: Arc<Shared>,
    state: Mutex<State>,
}

impl Subscriber for Arc<Session> {
    fn id(&self) -> u64 {
        self.id
    }
}

/// What a connection wants of its session.
pub(crate) struct Attach {
    /// The connection.
    pub(crate) inbox: Arc<Inbox>,
    /// How long the session outlives it, seconds.
    pub(crate) expiry_s: u32,
    /// What is published if it dies.
    pub(crate) will: Option<Will>,
}

impl Session {
    /// A new one, which is owed nothing below `first_sequence`.
    pub(crate) fn new(client: Arc<str>, id: u64, shared: Arc<Shared>, first_sequence: u64) -> Self {
        Session { client, id, shared, state: Mutex::new(State::new(first_sequence)) }
    }

    /// One of an earlier life. Its time, and that of its will, runs from when it was left, or
    /// from now.
    pub(crate) fn restore(
        client: Arc<str>,
        id: u64,
        shared: Arc<Shared>,
        kept: KeptSession,
        now_ms: u64,
    ) -> Self {
        let session = Session::new(client, id, shared, kept.first_sequence);
        session.lock().restore(kept, now_ms, &session.shared);
        session.set_timer(&mut session.lock());
        session
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Each change leaves the state whole; a panic elsewhere does not make it less so.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the session to a connection; another one that has it is told to end. What was
    /// sent before is sent again. Gives the will that the other one leaves.
    pub(crate) fn attach(&self, attach: Attach) -> Option<Will> {
        let mut state = self.lock();
        let had_connection = state.take_holder(Order::TakenOver);
        let left = std::mem::replace(&mut state.will, attach.will);
        (state.expiry_s, state.left_ms) = (attach.expiry_s, None);
        state.holder = Some(attach.inbox);
        state.send_again(&self.shared);
        self.set_timer(&mut state);
        // With a delay it is not sent, since the client is back before that is over
        // (MQTT 5.0 §3.1.2.5).
        left.filter(|will| had_connection && will.delay_s == 0)
    }

    /// Takes the session from a connection, if it still has it. `expiry_s`: as the client has
    /// said at last.
    pub(crate) fn detach(
        &self,
        inbox: &Arc<Inbox>,
        keeps_will: bool,
        expiry_s: Option<u32>,
        now_ms: u64,
    ) -> Option<Left> {
        let mut state = self.lock();
        if !state.is_held_by(inbox) {
            return None;
        }
        let left = state.leave(keeps_will, expiry_s, now_ms, &self.shared);
        self.set_timer(&mut state);
        Some(left)
    }

    /// Ends the session: nothing is delivered any more. Gives the filters that are subscribed
    /// and the will that is left; nothing if it had ended before.
    pub(crate) fn end(&self) -> Option<(Vec<Arc<str>>, Option<Will>)> {
        let mut state = self.lock();
        if std::mem::replace(&mut state.is_over, true) {
            return None;
        }
        state.take_holder(Order::TakenOver);
        state.left_ms = None;
        self.set_timer(&mut state);
        state.forget_all(&self.shared);
        Some((state.subscriptions.drain().map(|(filter, _)| filter).collect(), state.will.take()))
    }

    /// The sequence above all that it may have been told to owe.
    pub(crate) fn next_sequence(&self) -> u64 {
        self.lock().next_sequence
    }

    /// Looks at the time: gives the will whose delay is over, and whether the session is.
    pub(crate) fn tick(&self, now_ms: u64) -> (Option<Will>, bool) {
        let mut state = self.lock();
        let Some(left_ms) = state.left_ms else { return (None, false) };
        let is_over = state.ends_ms(left_ms) <= now_ms;
        let is_due = is_over || state.will_ms(left_ms).is_some_and(|due| due <= now_ms);
        let will = if is_due { state.will.take() } else { None };
        if state.timer.is_some_and(|timer| timer <= now_ms) {
            // It was taken out, or will be at the next look.
            state.timer = None;
        }
        self.set_timer(&mut state);
        (will, is_over)
    }

    /// Enters the next time to look at it, in place of the one before.
    fn set_timer(&self, state: &mut State) {
        let due = state.left_ms.filter(|_| !state.is_over).map(|left| {
            let ends = state.ends_ms(left);
            state.will_ms(left).map_or(ends, |will| will.min(ends))
        });
        let due = due.filter(|&due| due != u64::MAX);
        if due == state.timer {
            return;
        }
        let mut timers = self.shared.timers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(old) = state.timer {
            timers.remove(&(old, Arc::clone(&self.client)));
        }
        if let Some(due) = due {
            timers.insert((due, Arc::clone(&self.client)));
        }
        state.timer = due;
    }

    /// Whether it outlives its connection.
    pub(crate) fn is_durable(&self) -> bool {
        let state = self.lock();
        state.expiry_s > 0 && !state.is_over
    }

    /// Whether it has a connection.
    pub(crate) fn is_connected(&self) -> bool {
        self.lock().holder.is_some()
    }

    /// Tells its connection something, if it has one.
    pub(crate) fn order(&self, order: Order) -> bool {
        let state = self.lock();
        state.holder.as_ref().is_some_and(|holder| {
            holder.order(order);
            true
        })
    }

    /// Enters a subscription. `Some(true)`: it is new; `None`: there is no room for it.
    pub(crate) fn subscribe(&self, filter: &Arc<str>, options: Subscription) -> Option<bool> {
        let mut state = self.lock();
        let is_new = !state.subscriptions.contains_key(filter);
        if state.is_over
            || (is_new && state.subscriptions.len() >= self.shared.options.subscriptions_max)
        {
            return None;
        }
        state.subscriptions.insert(Arc::clone(filter), options);
        Some(is_new)
    }

    /// Takes a subscription away. Whether it was there.
    pub(crate) fn unsubscribe(&self, filter: &str) -> bool {
        self.lock().subscriptions.remove(filter).is_some()
    }

    /// All subscriptions.
    pub(crate) fn subscriptions(&self) -> Vec<(Arc<str>, Subscription)> {
        let state = self.lock();
        state.subscriptions.iter().map(|(filter, options)| (Arc::clone(filter), *options)).collect()
    }

    /// Keeps a place for a message of QoS 1 or 2, which is delivered once it is durable. Gives
    /// its sequence, and whether the session outlives its connection; `None`: the queue is full.
    pub(crate) fn reserve(&self, message: &Message) -> Option<(u64, bool)> {
        self.lock().reserve(message, &self.shared)
    }

    /// Gives a place back.
    pub(crate) fn unreserve(&self, sequence: u64) {
        self.lock().remove(sequence, &self.shared);
    }

    /// Lets a message go to the client, at its place if it has one. Whether it does: with QoS 0
    /// a client that is not there, or reads too slowly, misses it.
    pub(crate) fn deliver(&self, delivery: Delivery, message: &Arc<Message>) -> bool {
        let mut state = self.lock();
        let is_taken = state.deliver(delivery, message, &self.shared);
        if is_taken && let Some(holder) = &state.holder {
            holder.ring();
        }
        is_taken
    }

    /// What is to be sent now, `count` packets at most.
    pub(crate) fn take(
        &self,
        inbox: &Arc<Inbox>,
        inflight_max: usize,
        count: usize,
        now_ms: u64,
    ) -> Taken {
        let mut state = self.lock();
        if !state.is_held_by(inbox) {
            return Taken::default();
        }
        let mut taken = state.take(inflight_max, count, now_ms, &self.shared);
        taken.changes = self.changes(&state, std::mem::take(&mut taken.done));
        taken
    }

    fn changes(&self, state: &State, done: Vec<u64>) -> Vec<Change> {
        let client = || Arc::clone(&self.client);
        let done = done.into_iter().filter(|_| state.expiry_s > 0);
        done.map(|sequence| Change::Done { client: client(), sequence }).collect()
    }

    /// The client has acknowledged a message of QoS 1, or refuses one of QoS 2.
    pub(crate) fn acknowledged(&self, packet_id: u16, qos: u8) -> Received {
        let mut state = self.lock();
        let (received, sequence) = state.acknowledged(packet_id, qos, &self.shared);
        self.received(&state, received, sequence)
    }

    /// The client has a message of QoS 2.
    pub(crate) fn received_by_client(&self, packet_id: u16) -> Received {
        let mut state = self.lock();
        match state.release(packet_id, &self.shared) {
            Ok(sequence) => {
                let is_durable = state.expiry_s > 0;
                let client = Arc::clone(&self.client);
                let change = is_durable.then_some(Change::Released { client, sequence });
                Received::Fits(change)
            }
            Err(received) => received,
        }
    }

    /// The client has heard that it can forget a message of QoS 2.
    pub(crate) fn completed(&self, packet_id: u16) -> Received {
        let mut state = self.lock();
        let (received, sequence) = state.completed(packet_id, &self.shared);
        self.received(&state, received, sequence)
    }

    fn received(&self, state: &State, received: Received, sequence: Option<u64>) -> Received {
        match sequence {
            Some(sequence) => Received::Fits(self.changes(state, vec![sequence]).pop()),
            None => received,
        }
    }

    /// Remembers a message of QoS 2 that the client may send again. Whether it is new.
    pub(crate) fn remember(&self, packet_id: u16) -> bool {
        self.lock().received.insert(packet_id)
    }

    /// Forgets it; whether it was known, and the change if the session outlives its connection.
    pub(crate) fn forget(&self, packet_id: u16) -> (bool, Option<Change>) {
        let mut state = self.lock();
        let was_known = state.received.remove(&packet_id);
        let is_told = was_known && state.expiry_s > 0;
        let client = Arc::clone(&self.client);
        (was_known, is_told.then_some(Change::Forgotten { client, packet_id }))
    }
}

#[cfg(test)]
mod tests;
