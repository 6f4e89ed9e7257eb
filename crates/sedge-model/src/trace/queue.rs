//! Where spans wait to be sent away. A request never waits for them: a span past
//! a full queue is dropped and counted.

use super::span::Span;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread::Thread;

/// What became of spans, over all queues of a node.
#[derive(Debug, Default)]
pub struct SpanCounters {
    /// Spans that have ended.
    pub ended: AtomicU64,
    /// Spans that found their queue full.
    pub dropped_queue_full: AtomicU64,
    /// Spans of requests that have had their share.
    pub dropped_request_limit: AtomicU64,
}

/// The way of one thread's spans. Written without locks; other threads may
/// write too, because a heavy guest ends in the background.
#[derive(Debug)]
pub struct SpanQueue {
    sender: SyncSender<Box<Span>>,
    waiting: Arc<AtomicUsize>,
    counters: Arc<SpanCounters>,
    wake: Arc<Wake>,
}

/// Whom to wake, and when.
#[derive(Debug)]
pub struct Wake {
    /// The thread that empties queues, once it runs.
    pub thread: OnceLock<Thread>,
    /// It is woken when so many spans wait in one queue.
    pub at: usize,
}

/// The other end of a [`SpanQueue`].
#[derive(Debug)]
pub struct SpanReceiver {
    receiver: Receiver<Box<Span>>,
    waiting: Arc<AtomicUsize>,
}

/// A queue for `spans_max` spans.
pub fn queue(
    spans_max: usize,
    counters: Arc<SpanCounters>,
    wake: Arc<Wake>,
) -> (SpanQueue, SpanReceiver) {
    let (sender, receiver) = sync_channel(spans_max.max(1));
    let waiting = Arc::new(AtomicUsize::new(0));
    let queue = SpanQueue { sender, waiting: waiting.clone(), counters, wake };
    (queue, SpanReceiver { receiver, waiting })
}

impl SpanQueue {
    /// Takes a span that has ended, if there is room.
    pub fn push(&self, span: Box<Span>) {
        self.counters.ended.fetch_add(1, Relaxed);
        // Counted before it is sent, so that the count never falls below zero.
        let before = self.waiting.fetch_add(1, Relaxed);
        if self.sender.try_send(span).is_err() {
            self.waiting.fetch_sub(1, Relaxed);
            self.counters.dropped_queue_full.fetch_add(1, Relaxed);
        } else if before + 1 == self.wake.at
            && let Some(thread) = self.wake.thread.get()
        {
            thread.unpark();
        }
    }

    /// What became of spans.
    pub fn counters(&self) -> &SpanCounters {
        &self.counters
    }
}

impl SpanReceiver {
    /// The span that has waited longest.
    pub fn take(&self) -> Option<Box<Span>> {
        let span = self.receiver.try_recv().ok()?;
        self.waiting.fetch_sub(1, Relaxed);
        Some(span)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::{SpanKind, Spans, TraceContext};

    #[test]
    fn a_full_queue_drops_and_counts_and_never_waits() {
        let counters = Arc::<SpanCounters>::default();
        let wake = Arc::new(Wake { thread: OnceLock::new(), at: 2 });
        let (queue, receiver) = queue(3, counters.clone(), wake);
        let spans = Spans::to(Arc::new(queue), "");
        for _ in 0..10 {
            drop(spans.begin(TraceContext::begin(), SpanKind::Internal, "x"));
        }
        assert_eq!(counters.ended.load(Relaxed), 10);
        assert_eq!(counters.dropped_queue_full.load(Relaxed), 7);
        assert_eq!(std::iter::from_fn(|| receiver.take()).count(), 3);
        drop(spans.begin(TraceContext::begin(), SpanKind::Internal, "x"));
        assert!(receiver.take().is_some(), "there is room again");
        // Nobody listens any more: dropped like past a full queue.
        drop(receiver);
        drop(spans.begin(TraceContext::begin(), SpanKind::Internal, "x"));
        assert_eq!(counters.dropped_queue_full.load(Relaxed), 8);
    }

    #[test]
    fn whoever_empties_the_queue_is_woken_once_for_a_batch() {
        let thread = OnceLock::from(std::thread::current());
        let wake = Arc::new(Wake { thread, at: 2 });
        let (queue, receiver) = queue(8, Arc::default(), wake);
        let spans = Spans::to(Arc::new(queue), "");
        let end = || drop(spans.begin(TraceContext::begin(), SpanKind::Internal, "x"));
        (0..2).for_each(|_| end());
        // Returns at once, because of the token that was left by the second span.
        std::thread::park();
        assert_eq!(std::iter::from_fn(|| receiver.take()).count(), 2);
    }
}
