//! Subscriptions begin and end.

use super::{Broker, count};
use crate::mqtt::journal::{Change, Delivery, JournalError, Subscription};
use crate::mqtt::message::Message;
use crate::mqtt::metrics::Drop;
use crate::mqtt::session::Session;
use crate::mqtt::topic::{self, TopicError};
use std::sync::{Arc, PoisonError};

/// What a SUBSCRIBE with one or more filters comes to.
#[derive(Default)]
pub(crate) struct Subscribing {
    changes: Vec<Change>,
    retained: Vec<(Delivery, Arc<Message>)>,
}

/// Why a filter is not subscribed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// It is none.
    Invalid(TopicError),
    /// The session has as many as it may.
    TooMany,
}

impl Broker {
    /// Enters a subscription, and collects the retained messages that it asks for.
    pub(crate) fn subscribe(
        &self,
        session: &Arc<Session>,
        filter: &str,
        options: Subscription,
        subscribing: &mut Subscribing,
    ) -> Result<(), Refused> {
        let parsed = topic::parse_filter(filter, &self.options).map_err(Refused::Invalid)?;
        let filter: Arc<str> = filter.into();
        let is_new = session.subscribe(&filter, options).ok_or(Refused::TooMany)?;
        self.enter(session, &filter, options);
        let wants_retained = match options.retain_handling {
            0 => true,
            1 => is_new,
            _ => false,
        };
        let before = subscribing.retained.len();
        if wants_retained && parsed.group.is_none() {
            self.collect(session, parsed.filter, options, subscribing);
        }
        if session.is_durable() {
            let client = || Arc::clone(&session.client);
            let subscribed = Change::Subscribed { client: client(), filter, options };
            subscribing.changes.push(subscribed);
            let owed = subscribing.retained[before..].iter().filter(|(one, _)| one.qos > 0);
            subscribing.changes.extend(owed.map(|(delivery, message)| Change::Owed {
                client: client(),
                delivery: delivery.clone(),
                message: Arc::clone(message),
            }));
        }
        Ok(())
    }

    fn collect(
        &self,
        session: &Arc<Session>,
        filter: &str,
        options: Subscription,
        subscribing: &mut Subscribing,
    ) {
        let now_ms = self.now_ms();
        let mut found = Vec::new();
        let retained = self.retained.read().unwrap_or_else(PoisonError::into_inner);
        retained.find(filter, |message| {
            let is_own = options.no_local && session.client == message.publisher;
            if !message.is_expired(now_ms) && !is_own {
                found.push(Arc::clone(message));
            }
            // More would not fit into its queue.
            found.len() <= self.options.queue_messages_max
        });
        drop(retained);
        for message in found {
            let qos = message.qos.min(options.qos);
            let reserved = if qos == 0 { Some((0, false)) } else { session.reserve(&message) };
            let Some((sequence, _)) = reserved else {
                self.counters.dropped(Drop::QueueFull, 1);
                continue;
            };
            let subscriptions = options.identifier.into_iter().collect();
            let delivery = Delivery { sequence, qos, retain: true, subscriptions };
            subscribing.retained.push((delivery, message));
        }
    }

    /// Ends a subscription. Whether it was there.
    pub(crate) fn unsubscribe(
        &self,
        session: &Arc<Session>,
        filter: &str,
        subscribing: &mut Subscribing,
    ) -> bool {
        let was_there = session.unsubscribe(filter);
        if was_there {
            self.withdraw(session, filter);
            if session.is_durable() {
                let client = Arc::clone(&session.client);
                let filter = filter.into();
                subscribing.changes.push(Change::Unsubscribed { client, filter });
            }
        }
        was_there
    }

    /// Commits what has come together. Then `settled` is told, and retained messages go to the
    /// session.
    pub(crate) fn commit_subscriptions(
        self: &Arc<Self>,
        session: &Arc<Session>,
        subscribing: Subscribing,
        settled: impl FnOnce(Result<(), JournalError>) + Send + 'static,
    ) {
        let Subscribing { changes, retained } = subscribing;
        let (broker, session) = (Arc::clone(self), Arc::clone(session));
        let reply = move |result: Result<(), JournalError>| {
            count(&broker.counters, &result);
            let is_kept = result.is_ok();
            settled(result);
            for (delivery, message) in retained {
                if is_kept {
                    session.deliver(delivery, &message);
                } else if delivery.qos > 0 {
                    session.unreserve(delivery.sequence);
                }
            }
        };
        if changes.is_empty() {
            reply(Ok(()))
        } else {
            self.journal.commit(changes, Box::new(reply))
        }
    }

    /// Lets topics find a session.
    pub(super) fn enter(&self, session: &Arc<Session>, filter: &str, options: Subscription) {
        // What was subscribed was parsed then.
        if let Ok(parsed) = topic::parse_filter(filter, &self.options) {
            let mut all = self.subscriptions.write().unwrap_or_else(PoisonError::into_inner);
            all.insert(parsed.group, parsed.filter, Arc::clone(session), options);
        }
    }

    /// Lets topics find it no more.
    pub(super) fn withdraw(&self, session: &Arc<Session>, filter: &str) {
        if let Ok(parsed) = topic::parse_filter(filter, &self.options) {
            let mut all = self.subscriptions.write().unwrap_or_else(PoisonError::into_inner);
            all.remove(parsed.group, parsed.filter, session.id());
        }
    }
}
