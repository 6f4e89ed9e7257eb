//! Sessions are opened, taken over, left and ended.

use super::Broker;
use crate::mqtt::journal::{Change, Will};
use crate::mqtt::metrics::add;
use crate::mqtt::session::{Attach, Inbox, Session};
use std::sync::Arc;

/// A connection that wants a session.
pub(crate) struct Opening {
    pub(crate) client: Arc<str>,
    pub(crate) inbox: Arc<Inbox>,
    /// What was there before is forgotten.
    pub(crate) clean: bool,
    /// How long the session outlives the connection, seconds.
    pub(crate) expiry_s: u32,
    pub(crate) will: Option<Will>,
}

/// A session, and what to commit before the client is told.
pub(crate) struct Opened {
    pub(crate) session: Arc<Session>,
    /// Whether it was there before.
    pub(crate) is_present: bool,
    pub(crate) changes: Vec<Change>,
}

/// As many sessions are there as may be.
#[derive(Debug)]
pub(crate) struct TooManySessions;

impl Broker {
    /// Gives a connection its session. Another connection that has it is told to end.
    pub(crate) fn open(self: &Arc<Self>, opening: Opening) -> Result<Opened, TooManySessions> {
        let Opening { client, inbox, clean, expiry_s, will } = opening;
        let mut sessions = self.sessions();
        let old = sessions.get(&client).cloned();
        if old.is_none() && sessions.len() >= self.options.sessions_max {
            return Err(TooManySessions);
        }
        let was_durable = old.as_ref().is_some_and(|old| old.is_durable());
        let resumed = old.clone().filter(|_| was_durable && !clean);
        let is_present = resumed.is_some();
        // It is owed nothing more from here on, so that its last sequence is known.
        let ended = old.as_ref().filter(|_| !is_present).and_then(|old| self.end(old));
        let session = resumed.unwrap_or_else(|| {
            // What the earlier one was owed may still be on its way to the journal.
            let first = old.as_ref().map_or(1, |old| old.next_sequence());
            let (id, shared) = (self.next_id(), Arc::clone(&self.shared));
            let session = Arc::new(Session::new(Arc::clone(&client), id, shared, first));
            sessions.insert(Arc::clone(&client), Arc::clone(&session));
            session
        });
        let left = session.attach(Attach { inbox, expiry_s, will: will.clone() });
        drop(sessions);
        let first_sequence = session.next_sequence();
        let change = match (expiry_s, was_durable) {
            (0, true) => Some(Change::Ended { client }),
            (0, false) => None,
            _ => {
                let is_new = !is_present;
                Some(Change::Connected { client, is_new, expiry_s, first_sequence, will })
            }
        };
        for will in left.into_iter().chain(ended.flatten()) {
            self.publish_will(will, Vec::new());
        }
        Ok(Opened { session, is_present, changes: change.into_iter().collect() })
    }

    /// A connection has ended. `keeps_will`: it did not say that all is well.
    pub(crate) fn leave(
        self: &Arc<Self>,
        session: &Arc<Session>,
        inbox: &Arc<Inbox>,
        keeps_will: bool,
        expiry_s: Option<u32>,
    ) {
        let now_ms = self.now_ms();
        let was_durable = session.is_durable();
        // Another connection may have the session by now.
        let Some(left) = session.detach(inbox, keeps_will, expiry_s, now_ms) else { return };
        let client = Arc::clone(&session.client);
        if !left.stays {
            let told = was_durable.then_some(Change::Ended { client });
            return self.remove(session, told);
        }
        self.commit(vec![Change::Left {
            client,
            at_ms: now_ms,
            expiry_s: left.expiry_s,
            has_will: left.has_will,
        }]);
        // A will without delay is due at once.
        self.look_at(session, now_ms);
    }

    /// Ends a session, and publishes the will that it leaves.
    pub(super) fn remove(self: &Arc<Self>, session: &Arc<Session>, told: Option<Change>) {
        let mut sessions = self.sessions();
        if sessions.get(&session.client).is_some_and(|one| Arc::ptr_eq(one, session)) {
            sessions.remove(&session.client);
        }
        drop(sessions);
        let told: Vec<Change> = told.into_iter().collect();
        match self.end(session) {
            Some(Some(will)) => self.publish_will(will, told),
            _ => self.commit(told),
        }
    }

    /// Ends a session that is in the map no more. Gives the will that is left; `None`: it had
    /// ended before.
    fn end(&self, session: &Arc<Session>) -> Option<Option<Will>> {
        let (filters, will) = session.end()?;
        filters.iter().for_each(|filter| self.withdraw(session, filter));
        Some(will)
    }

    /// Publishes a will; `changes` are committed with it.
    pub(super) fn publish_will(self: &Arc<Self>, will: Will, changes: Vec<Change>) {
        add(&self.counters.wills, 1);
        self.publish_own(will, changes);
    }
}
