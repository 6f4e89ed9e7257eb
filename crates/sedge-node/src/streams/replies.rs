//! Answers that come while a lock is held, and are told when it is free.

use sedge_store::log::{LogError, Outcome, Reply};
use std::cell::RefCell;

type Result = std::result::Result<Vec<Outcome>, LogError>;

thread_local! {
    /// What was answered on this thread while it was handing something over.
    static ANSWERED: RefCell<Option<Vec<(Reply, Result)>>> = const { RefCell::new(None) };
}

/// Holds back what is answered on this thread, until it is told or dropped. What is answered
/// on other threads goes on at once, so that answers keep their order.
pub(super) struct Replies(());

impl Replies {
    /// From now on.
    pub(super) fn hold() -> Self {
        ANSWERED.set(Some(Vec::new()));
        Replies(())
    }

    /// A reply that waits if it is called on this thread before the others are told.
    pub(super) fn later(&self, reply: Reply) -> Reply {
        Box::new(move |result| {
            let at_once = ANSWERED.with_borrow_mut(|answered| match answered {
                Some(answered) => {
                    answered.push((reply, result));
                    None
                }
                None => Some((reply, result)),
            });
            if let Some((reply, result)) = at_once {
                reply(result);
            }
        })
    }

    /// Calls what was held back.
    pub(super) fn tell(self) {
        for (reply, result) in ANSWERED.take().into_iter().flatten() {
            reply(result);
        }
    }
}

impl Drop for Replies {
    fn drop(&mut self) {
        ANSWERED.set(None);
    }
}
