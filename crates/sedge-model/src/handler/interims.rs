//! Interim responses (RFC 9110 §15.2): what may be said to a client before its answer,
//! such as early hints (RFC 8297).
//!
//! A handler's future becomes one answer. What comes before it goes through a line that
//! the gateway gives along with a request's [`Context`](super::Context): handlers say,
//! and the gateway writes it out where the protocol allows it. There is none where nothing
//! in a request's way could say anything, and saying then costs nothing.

use http::{HeaderMap, StatusCode};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// Interim responses to one request. A server that says more is not listened to.
pub const INTERIMS_MAX: u32 = 16;

/// Bytes of all their fields, names and values.
pub const INTERIM_BYTES_MAX: usize = 16 * 1024;

/// One interim response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interim {
    /// 102 to 199.
    pub status: StatusCode,
    /// Its fields.
    pub fields: HeaderMap,
}

/// What became of an interim response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// It will be sent, unless the client leaves.
    Taken,
    /// It was one too many, or too large, or none that may be sent.
    Refused,
    /// Nobody listens: there is no line, it is closed, or the answer has begun.
    Unheard,
}

/// The line of one request, as a handler has it. Clones are the same line.
#[derive(Clone, Default)]
pub struct Interims {
    line: Option<Arc<Line>>,
    /// What is counted of what is said by this; `None`: it is not open.
    open: Option<Arc<SaidCounts>>,
}

/// What became of the interim responses that came through a link.
#[derive(Debug, Default)]
pub struct SaidCounts([AtomicU64; 3]);

impl SaidCounts {
    /// How many became this.
    pub fn get(&self, said: Said) -> u64 {
        self.0[said as usize].load(Relaxed)
    }
}

struct Line {
    is_http2: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    waiting: Vec<Interim>,
    count: u32,
    bytes: usize,
    /// The answer has begun.
    is_over: bool,
    /// Who writes to the client.
    writer: Option<Waker>,
    /// Who waits until everything is written.
    waiter: Option<Waker>,
}

impl Interims {
    /// No line: nothing that is said is heard.
    pub fn none() -> Self {
        Interims::default()
    }

    /// A line to a client that speaks HTTP/2, or HTTP/1.1. What is said is heard only
    /// once a link has [opened](Self::opened) it, so that nothing goes out before those
    /// who stand before that link have let the request pass.
    pub fn new(is_http2: bool) -> Self {
        let line = Line { is_http2, state: Mutex::default() };
        Interims { line: Some(Arc::new(line)), open: None }
    }

    /// The same line, for who stands behind a link that lets it be used, and counts how.
    #[must_use]
    pub fn opened(&self, counts: &Arc<SaidCounts>) -> Self {
        let open = self.line.as_ref().map(|_| Arc::clone(counts));
        Interims { line: self.line.clone(), open }
    }

    /// Whether there is a client that could hear something.
    pub fn has_line(&self) -> bool {
        self.line.is_some()
    }

    /// Whether what is said may be heard.
    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Whether the client speaks HTTP/2.
    pub fn is_http2(&self) -> bool {
        self.line.as_ref().is_some_and(|line| line.is_http2)
    }

    /// Says something before the answer.
    pub fn say(&self, interim: Interim) -> Said {
        let (Some(line), Some(counts)) = (&self.line, &self.open) else {
            return Said::Unheard;
        };
        let said = line.say(interim);
        counts.0[said as usize].fetch_add(1, Relaxed);
        said
    }

    /// What is to be written now. `writer` is woken when more is said.
    pub fn take(&self, writer: &Waker) -> Vec<Interim> {
        let Some(line) = &self.line else { return Vec::new() };
        let mut state = line.lock();
        if !state.is_over {
            match &mut state.writer {
                Some(known) => known.clone_from(writer),
                none => *none = Some(writer.clone()),
            }
        }
        let waiting = std::mem::take(&mut state.waiting);
        let waiter = state.waiter.take();
        drop(state);
        if let Some(waiter) = waiter {
            waiter.wake();
        }
        waiting
    }

    /// Ready when everything that was said is written; from then on nobody listens.
    pub fn poll_end(&self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(line) = &self.line else { return Poll::Ready(()) };
        let mut state = line.lock();
        state.is_over = true;
        if state.waiting.is_empty() {
            return Poll::Ready(());
        }
        state.waiter = Some(cx.waker().clone());
        // Once is enough: whoever cannot write yet is woken when there is room, and may be
        // the same task as this.
        let writer = state.writer.take();
        drop(state);
        if let Some(writer) = writer {
            writer.wake();
        }
        Poll::Pending
    }

    /// How many interim responses were taken.
    pub fn count(&self) -> u32 {
        self.line.as_ref().map_or(0, |line| line.lock().count)
    }
}

impl Line {
    fn say(&self, interim: Interim) -> Said {
        let size = interim.fields.iter().map(|(name, value)| name.as_str().len() + value.len());
        let size: usize = size.sum();
        let mut state = self.lock();
        if state.is_over {
            return Said::Unheard;
        }
        let is_too_much =
            state.count >= INTERIMS_MAX || state.bytes.saturating_add(size) > INTERIM_BYTES_MAX;
        if is_too_much || !(102..=199).contains(&interim.status.as_u16()) {
            return Said::Refused;
        }
        state.count += 1;
        state.bytes += size;
        state.waiting.push(interim);
        let writer = state.writer.clone();
        drop(state);
        // Whoever says it may be polled by another than who writes.
        if let Some(writer) = writer {
            writer.wake();
        }
        Said::Taken
    }

    /// Hardly ever contended: one request is on one thread at a time.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Interims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interims")
            .field("has_line", &self.has_line())
            .field("is_open", &self.is_open())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderValue, header::LINK};

    fn interim(status: u16, bytes: usize) -> Interim {
        let mut fields = HeaderMap::new();
        let value = HeaderValue::from_bytes(&vec![b'a'; bytes]).expect("a value");
        fields.insert(LINK, value);
        Interim { status: StatusCode::from_u16(status).expect("a status"), fields }
    }

    #[test]
    fn nobody_hears_what_is_said_before_a_link_has_opened_the_line() {
        let counts = Arc::default();
        assert_eq!(Interims::none().opened(&counts).say(interim(103, 1)), Said::Unheard);
        let line = Interims::new(true);
        assert_eq!(line.say(interim(103, 1)), Said::Unheard);
        assert_eq!(line.opened(&counts).say(interim(103, 1)), Said::Taken);
        assert_eq!(line.take(Waker::noop()), [interim(103, 1)]);
        assert_eq!([Said::Taken, Said::Unheard].map(|said| counts.get(said)), [1, 0]);
    }

    #[test]
    fn what_is_no_interim_response_or_too_much_is_refused() {
        let line = Interims::new(false).opened(&Arc::default());
        for status in [100, 101, 200, 304, 599] {
            assert_eq!(line.say(interim(status, 1)), Said::Refused, "{status}");
        }
        // The name counts, too.
        assert_eq!(line.say(interim(103, INTERIM_BYTES_MAX - 3)), Said::Refused);
        assert_eq!(line.say(interim(103, INTERIM_BYTES_MAX - 4)), Said::Taken);
        assert_eq!(line.say(interim(103, 0)), Said::Refused);
        let line = Interims::new(false).opened(&Arc::default());
        for _ in 0..INTERIMS_MAX {
            assert_eq!(line.say(interim(102, 0)), Said::Taken);
        }
        assert_eq!(line.say(interim(102, 0)), Said::Refused);
        assert_eq!(line.count(), INTERIMS_MAX);
    }

    #[test]
    fn the_end_waits_for_what_was_said_and_nothing_is_said_after_it() {
        let mut cx = Context::from_waker(Waker::noop());
        let line = Interims::new(true).opened(&Arc::default());
        line.say(interim(103, 1));
        assert_eq!(line.poll_end(&mut cx), Poll::Pending);
        assert_eq!(line.say(interim(103, 1)), Said::Unheard);
        assert_eq!(line.take(Waker::noop()).len(), 1);
        assert_eq!(line.poll_end(&mut cx), Poll::Ready(()));
    }
}
