//! Fetches under way that others may wait for.

use super::arriving::Arriving;
use super::object::Object;
use crate::key::Key;
use crate::transfer::Reader;
use futures_channel::oneshot;
use http::StatusCode;
use sedge_model::failure::Failure;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Shards of the table; a power of two.
const SHARDS: usize = 64;

/// Requests that may wait for one fetch; one more goes its own way.
const WAITERS_MAX: usize = 65_536;

/// What a fetch came to, for those who waited for it.
pub(super) enum Outcome {
    /// A response that is stored while it arrives, and a reader of it.
    Arriving(Arc<Arriving>, Reader),
    /// A stored response: validated, or loaded.
    Object(Arc<Object>),
    /// A response that is for one request only; its status.
    Apart(StatusCode),
    /// None at all.
    Failed(Failure),
}

/// The fetches under way, by what they are for.
pub(super) struct Flights {
    shards: Box<[Mutex<Shard>]>,
}

type Shard = HashMap<Key, Arc<Flight>>;

struct Flight {
    /// That of its primary key when it was begun: who comes after a change must not get
    /// what was asked for before it.
    epoch: u64,
    stage: Mutex<Stage>,
}

enum Stage {
    /// Nothing is known yet; these wait.
    Waiting(Vec<oneshot::Sender<Outcome>>),
    Arriving(Arc<Arriving>),
    Over,
}

/// How a request stands to the fetches under way.
pub(super) enum Entered {
    /// It begins one.
    Lead(Lead),
    /// It waits for one.
    Follow(oneshot::Receiver<Outcome>),
    /// It reads along.
    Arriving(Arc<Arriving>, Reader),
    /// There is one, but it cannot be waited for.
    Apart,
}

impl Flights {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Flights { shards: (0..SHARDS).map(|_| Mutex::default()).collect() })
    }

    /// Waits for the fetch of this key, or begins it. One that was begun at another epoch
    /// goes on for those who wait for it already.
    pub(super) fn enter(self: &Arc<Self>, key: Key, epoch: u64) -> Entered {
        let mut shard = self.shard(&key);
        if let Some(flight) = shard.get(&key).filter(|flight| flight.epoch == epoch) {
            let flight = Arc::clone(flight);
            drop(shard);
            return flight.join().unwrap_or(Entered::Apart);
        }
        let stage = Mutex::new(Stage::Waiting(Vec::new()));
        let flight = Arc::new(Flight { epoch, stage });
        shard.insert(key, Arc::clone(&flight));
        Entered::Lead(Lead { flights: Arc::clone(self), key, flight })
    }

    /// Begins the fetch of this key, unless it is under way.
    pub(super) fn lead(self: &Arc<Self>, key: Key, epoch: u64) -> Option<Lead> {
        if self.shard(&key).get(&key).is_some_and(|flight| flight.epoch == epoch) {
            return None;
        }
        match self.enter(key, epoch) {
            Entered::Lead(lead) => Some(lead),
            Entered::Follow(_) | Entered::Arriving(..) | Entered::Apart => None,
        }
    }

    /// Whether a response of this key arrives.
    pub(super) fn is_arriving(&self, key: &Key, epoch: u64) -> bool {
        let flight = self.shard(key).get(key).filter(|flight| flight.epoch == epoch).cloned();
        flight.is_some_and(|flight| matches!(*lock(&flight.stage), Stage::Arriving(_)))
    }

    /// Fetches under way.
    pub(super) fn count(&self) -> usize {
        let lengths = self.shards.iter().map(|shard| lock(shard).len());
        lengths.sum()
    }

    fn shard(&self, key: &Key) -> MutexGuard<'_, Shard> {
        lock(&self.shards[usize::from(key.0[0]) % SHARDS])
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Flight {
    fn join(&self) -> Option<Entered> {
        match &mut *lock(&self.stage) {
            Stage::Waiting(waiters) if waiters.len() < WAITERS_MAX => {
                let (tell, told) = oneshot::channel();
                waiters.push(tell);
                Some(Entered::Follow(told))
            }
            Stage::Arriving(arriving) => {
                let reader = arriving.transfer.reader()?;
                Some(Entered::Arriving(Arc::clone(arriving), reader))
            }
            Stage::Waiting(_) | Stage::Over => None,
        }
    }
}

/// Who fetches for all that wait. Dropping it ends the flight; those who still wait
/// find that nobody tells them anything.
pub(super) struct Lead {
    flights: Arc<Flights>,
    key: Key,
    flight: Arc<Flight>,
}

impl Lead {
    /// The response arrives: who waits gets a reader of it, and so does who comes
    /// later.
    pub(super) fn arrives(&self, arriving: &Arc<Arriving>) {
        for waiter in self.become_stage(Stage::Arriving(Arc::clone(arriving))) {
            if let Some(reader) = arriving.transfer.reader() {
                drop(waiter.send(Outcome::Arriving(Arc::clone(arriving), reader)));
            }
        }
    }

    /// The flight is over: this is told to who waits.
    pub(super) fn ends(self, outcome: impl Fn() -> Outcome) {
        for waiter in self.become_stage(Stage::Over) {
            drop(waiter.send(outcome()));
        }
    }

    fn become_stage(&self, stage: Stage) -> Vec<oneshot::Sender<Outcome>> {
        match std::mem::replace(&mut *lock(&self.flight.stage), stage) {
            Stage::Waiting(waiters) => waiters,
            Stage::Arriving(_) | Stage::Over => Vec::new(),
        }
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        drop(self.become_stage(Stage::Over));
        let mut shard = self.flights.shard(&self.key);
        if shard.get(&self.key).is_some_and(|flight| Arc::ptr_eq(flight, &self.flight)) {
            shard.remove(&self.key);
        }
    }
}
