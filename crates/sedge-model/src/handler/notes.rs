//! What the handlers on a request's way tell of it: for the access record, the
//! trace and the counters of its rule.
//!
//! A response could not carry this, because a request that fails, or whose client
//! leaves, has none. So the gateway gives the request a slot along with its
//! [`Context`](super::Context), and reads it when the request has ended, however
//! it ended.

use http::StatusCode;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A slot that handlers write to. Without a slot, which is the default and what
/// the plain route of a function has, writing does nothing and costs nothing.
/// Clones write to the same slot.
#[derive(Clone, Default)]
pub struct Notes(Option<Arc<Mutex<Noted>>>);

/// What was told of a request so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Noted {
    /// Which of the rule's ways was taken: the name of a function, an upstream
    /// or a chain.
    pub target: Option<Arc<str>>,
    /// The upstream that was called last, by its name.
    pub upstream: Option<Arc<str>>,
    /// The endpoint of it that was called last: host and port.
    pub endpoint: Option<Arc<str>>,
    /// How often an upstream was called for this request; 0 if it never was.
    pub tries: u32,
    /// How long the request was held up on purpose, all delays together.
    pub delay: Option<Duration>,
    /// The status that was answered on purpose.
    pub abort: Option<StatusCode>,
    /// Whether the last answer, or the lack of one, is an upstream's.
    pub from_upstream: bool,
    /// Copies that were sent.
    pub mirrored: u32,
    /// The protocol that the connection was switched to.
    pub upgrade: Option<Arc<str>>,
    /// Tries beside the first that a rule's policy has begun, whatever they called.
    pub retries: u32,
    /// Whether a retry was left out because the rule's budget was used up.
    pub retry_refused: bool,
    /// Tries that got no answer in the time of one.
    pub try_timeouts: u32,
    /// Interim responses that were sent before the answer.
    pub interims: u32,
}

impl Notes {
    /// A slot, empty.
    pub fn slot() -> Self {
        Notes(Some(Arc::default()))
    }

    /// No slot.
    pub fn none() -> Self {
        Notes(None)
    }

    /// Changes what is noted, if there is a slot. Never contended: one request
    /// is on one thread at a time.
    pub fn note(&self, change: impl FnOnce(&mut Noted)) {
        if let Some(slot) = &self.0 {
            change(&mut slot.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }

    /// An upstream is called, once more or for the first time.
    pub fn tried(&self, upstream: &Arc<str>, endpoint: &Arc<str>) {
        self.note(|noted| {
            noted.tries = noted.tries.saturating_add(1);
            noted.upstream = Some(Arc::clone(upstream));
            noted.endpoint = Some(Arc::clone(endpoint));
            noted.from_upstream = true;
        });
    }

    /// The request is held up on purpose.
    pub fn delayed(&self, time: Duration) {
        self.note(|noted| noted.delay = Some(noted.delay.unwrap_or_default() + time));
    }

    /// The request is answered on purpose.
    pub fn aborted(&self, status: StatusCode) {
        self.note(|noted| {
            noted.abort = Some(status);
            noted.from_upstream = false;
        });
    }

    /// What was noted so far; nothing without a slot.
    pub fn read(&self) -> Noted {
        let read =
            |slot: &Arc<Mutex<Noted>>| slot.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.0.as_ref().map(read).unwrap_or_default()
    }
}

impl fmt::Debug for Notes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            None => f.write_str("Notes(none)"),
            Some(_) => write!(f, "Notes({:?})", self.read()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_slot_nothing_is_kept() {
        let notes = Notes::none();
        notes.tried(&"a".into(), &"a:1".into());
        notes.delayed(Duration::from_secs(1));
        assert_eq!(notes.read(), Noted::default());
    }

    #[test]
    fn clones_write_to_one_slot_and_the_last_word_counts() {
        let notes = Notes::slot();
        let (clone, name) = (notes.clone(), Arc::from("shop"));
        clone.tried(&name, &"a:1".into());
        clone.tried(&name, &"b:1".into());
        clone.delayed(Duration::from_secs(1));
        clone.delayed(Duration::from_secs(2));
        let noted = notes.read();
        assert_eq!((noted.tries, noted.endpoint.as_deref()), (2, Some("b:1")));
        assert_eq!((noted.delay, noted.from_upstream), (Some(Duration::from_secs(3)), true));
        notes.aborted(StatusCode::IM_A_TEAPOT);
        assert!(!clone.read().from_upstream);
    }
}
