//! What all connections share: sessions, subscriptions, retained messages.
//!
//! There is no thread of its own. A connection that publishes finds the subscriptions under a
//! lock that readers share, and hands the message to each session under that session's lock.
//! Locks are taken in one order, if more than one: the map of sessions, in which a session is
//! opened; subscriptions; a session; timers. What must be durable first is handed over by
//! whoever says that it is.

mod open;
mod publish;
mod subscribe;
mod time;

pub(crate) use open::Opening;
pub(crate) use publish::Published;
pub(crate) use subscribe::{Refused as SubscribeRefused, Subscribing};

use super::auth::{Acl, Authenticate, Identity};
use super::journal::{Change, Journal, JournalError, Kept};
use super::metrics::{Counters, MqttMetrics, MqttUsage, add};
use super::options::MqttOptions;
use super::retained::Retained;
use super::session::{Order, Session, Shared};
use super::trie::Trie;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Sessions, subscriptions and retained messages of one node.
pub struct Broker {
    pub(crate) options: Arc<MqttOptions>,
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) authenticate: Arc<dyn Authenticate>,
    pub(crate) counters: Arc<Counters>,
    acl: RwLock<Arc<Acl>>,
    shared: Arc<Shared>,
    sessions: Mutex<HashMap<Arc<str>, Arc<Session>>>,
    subscriptions: RwLock<Trie<Arc<Session>>>,
    retained: RwLock<Retained>,
    next_id: AtomicU64,
    stopping: AtomicBool,
    /// The clock's time when this began; time goes on from there, whatever the clock does.
    began: (Instant, u64),
}

impl Broker {
    /// Takes over what a journal has kept.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn new(
        options: MqttOptions,
        journal: Arc<dyn Journal>,
        authenticate: Arc<dyn Authenticate>,
        acl: Acl,
    ) -> Result<Arc<Self>, JournalError> {
        let kept = journal.load()?;
        let mut options = options;
        options.queue_messages_max = options.queue_messages_max.clamp(1, 60_000);
        options.receive_max = options.receive_max.max(1);
        options.inflight_max = options.inflight_max.max(1);
        let options = Arc::new(options);
        let shared = Arc::new(Shared {
            options: Arc::clone(&options),
            queued_bytes: AtomicUsize::new(0),
            timers: Mutex::default(),
        });
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let broker = Broker {
            options,
            journal,
            authenticate,
            counters: Arc::default(),
            acl: RwLock::new(Arc::new(acl)),
            shared,
            sessions: Mutex::default(),
            subscriptions: RwLock::default(),
            retained: RwLock::default(),
            next_id: AtomicU64::new(1),
            stopping: AtomicBool::new(false),
            began: (Instant::now(), since_1970.as_millis() as u64),
        };
        broker.restore(kept);
        Ok(Arc::new(broker))
    }

    fn restore(&self, kept: Kept) {
        let now_ms = self.now_ms();
        let mut changes = Vec::new();
        for (client, kept) in kept.sessions {
            if kept.left_ms.is_none() {
                // It had a connection when the node ended; from now on its time runs.
                changes.push(Change::Left {
                    client: Arc::clone(&client),
                    at_ms: now_ms,
                    expiry_s: kept.expiry_s,
                    has_will: kept.will.is_some(),
                });
            }
            let id = self.next_id.fetch_add(1, Relaxed);
            let shared = Arc::clone(&self.shared);
            let session = Session::restore(Arc::clone(&client), id, shared, kept, now_ms);
            let session = Arc::new(session);
            for (filter, options) in session.subscriptions() {
                self.enter(&session, &filter, options);
            }
            self.sessions().insert(client, session);
        }
        let mut retained = self.retained.write().unwrap_or_else(PoisonError::into_inner);
        kept.retained.values().for_each(|message| retained.set(message));
        drop(retained);
        self.commit(changes);
    }

    /// Milliseconds since 1970.
    pub(crate) fn now_ms(&self) -> u64 {
        self.began.1 + self.began.0.elapsed().as_millis() as u64
    }

    /// A number that nothing else has.
    pub(crate) fn next_id(&self) -> u64 {
        self.next_id.fetch_add(1, Relaxed)
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<Arc<str>, Arc<Session>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the journal of changes that nobody waits for. If they are lost, some things are
    /// sent again after a restart.
    pub(crate) fn commit(&self, changes: Vec<Change>) {
        if !changes.is_empty() {
            let counters = Arc::clone(&self.counters);
            self.journal.commit(changes, Box::new(move |result| count(&counters, &result)));
        }
    }

    /// The rules that hold for those who have none of their own.
    pub(crate) fn acl(&self, identity: &Identity) -> Arc<Acl> {
        match &identity.acl {
            Some(acl) => Arc::clone(acl),
            None => Arc::clone(&self.acl.read().unwrap_or_else(PoisonError::into_inner)),
        }
    }

    /// Replaces the rules, for what clients publish and subscribe from now on.
    pub fn set_acl(&self, acl: Acl) {
        *self.acl.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(acl);
    }

    /// Ends the connection of a client (0x98). Whether it has one.
    pub fn disconnect(&self, client: &str) -> bool {
        let session = self.sessions().get(client).cloned();
        session.is_some_and(|session| session.order(Order::Administrative))
    }

    /// Tells all connections that the node stops (0x8B).
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Relaxed);
        let sessions: Vec<_> = self.sessions().values().cloned().collect();
        for session in sessions {
            session.order(Order::ShuttingDown);
        }
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Relaxed)
    }

    /// The counters.
    pub fn metrics(self: &Arc<Self>) -> MqttMetrics {
        let broker = Arc::downgrade(self);
        let usage = move || broker.upgrade().map(|broker| broker.usage()).unwrap_or_default();
        MqttMetrics { counters: Arc::clone(&self.counters), usage: Arc::new(usage) }
    }

    fn usage(&self) -> MqttUsage {
        let retained = self.retained.read().unwrap_or_else(PoisonError::into_inner);
        let (retained_messages, retained_bytes) = (retained.len(), retained.bytes());
        drop(retained);
        MqttUsage {
            sessions: self.sessions().len(),
            subscriptions: self.subscriptions.read().unwrap_or_else(PoisonError::into_inner).len(),
            retained_messages,
            retained_bytes,
            queued_bytes: self.shared.queued_bytes.load(Relaxed),
        }
    }
}

/// Counts and tells what could not be kept.
pub(crate) fn count(counters: &Counters, result: &Result<(), JournalError>) {
    if let Err(error) = result {
        add(&counters.journal_errors, 1);
        tracing::debug!(%error, "a change of an MQTT session is not kept");
    }
}
