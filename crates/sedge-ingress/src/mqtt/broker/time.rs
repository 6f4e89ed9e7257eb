//! What time does: delays and sessions end, retained messages grow too old.

use super::Broker;
use crate::mqtt::journal::Change;
use crate::mqtt::metrics::{Drop, add};
use crate::mqtt::session::Session;
use std::sync::{Arc, PoisonError};

/// How often retained messages are looked through.
const RETAINED_EVERY: u64 = 60;

impl Broker {
    /// Looks at what is due. Called about once a second; `turn` counts the calls.
    pub(crate) fn tick(self: &Arc<Self>, turn: u64) {
        let now_ms = self.now_ms();
        loop {
            let mut timers = self.shared.timers.lock().unwrap_or_else(PoisonError::into_inner);
            let Some((due, client)) = timers.first().cloned() else { break };
            if due > now_ms {
                break;
            }
            // The session enters its next one.
            timers.pop_first();
            drop(timers);
            let session = self.sessions().get(&client).cloned();
            if let Some(session) = session {
                self.look_at(&session, now_ms);
            }
        }
        if turn.is_multiple_of(RETAINED_EVERY) {
            let mut retained = self.retained.write().unwrap_or_else(PoisonError::into_inner);
            let expired = retained.expire(now_ms);
            drop(retained);
            self.counters.dropped(Drop::Expired, expired as u64);
        }
    }

    /// Publishes a will whose delay is over, and ends a session whose time is.
    pub(super) fn look_at(self: &Arc<Self>, session: &Arc<Session>, now_ms: u64) {
        let is_durable = session.is_durable();
        let (will, is_over) = session.tick(now_ms);
        let client = || Arc::clone(&session.client);
        if let Some(will) = will {
            let done = is_durable.then(|| Change::WillDone { client: client() });
            self.publish_will(will, done.into_iter().collect());
        }
        if is_over {
            add(&self.counters.sessions_expired, 1);
            self.remove(session, is_durable.then(|| Change::Ended { client: client() }));
        }
    }
}
