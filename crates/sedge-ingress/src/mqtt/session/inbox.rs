//! What others tell a connection.

use crate::mqtt::journal::JournalError;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

/// Why a connection has to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Another connection has its session.
    TakenOver,
    /// The node stops.
    ShuttingDown,
    /// An operator has said so.
    Administrative,
}

/// Where a connection hears of what others do; its task is woken.
#[derive(Default)]
pub(crate) struct Inbox {
    contents: Mutex<Contents>,
}

#[derive(Default)]
struct Contents {
    waker: Option<Waker>,
    order: Option<Order>,
    /// What became of commits, by the ticket that the connection gave them.
    settled: Vec<(u64, Result<(), JournalError>)>,
}

impl Inbox {
    fn lock(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what has come; whoever comes afterwards wakes the task.
    pub(crate) fn listen(
        &self,
        waker: &Waker,
        settled: &mut Vec<(u64, Result<(), JournalError>)>,
    ) -> Option<Order> {
        let mut contents = self.lock();
        if !contents.waker.as_ref().is_some_and(|old| old.will_wake(waker)) {
            contents.waker = Some(waker.clone());
        }
        settled.append(&mut contents.settled);
        contents.order
    }

    /// Something waits in the session.
    pub(crate) fn ring(&self) {
        wake(self.lock());
    }

    /// The connection has to end. The first one that says why is heard.
    pub(crate) fn order(&self, order: Order) {
        let mut contents = self.lock();
        contents.order.get_or_insert(order);
        wake(contents);
    }

    /// A commit is durable, or not.
    pub(crate) fn settle(self: &Arc<Self>, ticket: u64, result: Result<(), JournalError>) {
        let mut contents = self.lock();
        contents.settled.push((ticket, result));
        wake(contents);
    }
}

/// Wakes the task, once for all that comes until it looks.
fn wake(mut contents: MutexGuard<'_, Contents>) {
    let waker = contents.waker.take();
    drop(contents);
    if let Some(waker) = waker {
        waker.wake();
    }
}
