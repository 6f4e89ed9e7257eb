//! The thread that sends spans away.

use super::answer::Verdict;
use super::client::Client;
use super::counters::Counters;
use super::encode;
use super::options::TraceOptions;
use bytes::Bytes;
use sedge_model::trace::queue::SpanReceiver;
use sedge_model::trace::random;
use sedge_model::trace::span::Span;
use std::io;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::sync::watch::Receiver;

/// Before the n-th retry, a random time below `BASE × 2^(n-1)`, if the collector
/// has not said how long.
const BACKOFF_BASE: Duration = Duration::from_millis(500);
const BACKOFF_MAX: Duration = Duration::from_secs(30);

pub(super) struct Exporter {
    options: TraceOptions,
    client: Client,
    counters: Arc<Counters>,
    queues: Arc<Mutex<Vec<SpanReceiver>>>,
    runtime: Runtime,
    /// Whether the last batch was lost, and somebody was told.
    is_failing: bool,
}

impl Exporter {
    pub(super) fn new(
        options: TraceOptions,
        client: Client,
        counters: Arc<Counters>,
        queues: Arc<Mutex<Vec<SpanReceiver>>>,
    ) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Exporter { options, client, counters, queues, runtime, is_failing: false })
    }

    /// Sends until told to stop, and then what is left.
    pub(super) fn run(mut self, stop: Receiver<Option<Instant>>) {
        loop {
            // Read before the queues: what ended before the order is sent.
            let deadline = *stop.borrow();
            let batch = self.collect();
            let is_full = batch.len() >= self.options.batch_spans_max;
            if !batch.is_empty() && !self.export(&batch, stop.clone()) && deadline.is_some() {
                return self.give_up();
            }
            if batch.is_empty() && deadline.is_some() {
                return;
            }
            if !is_full && deadline.is_none() {
                std::thread::park_timeout(self.options.delay);
            }
        }
    }

    /// A batch, from all threads in turn.
    #[expect(clippy::vec_box, reason = "queues hold pointers; spans stay where they were made")]
    fn collect(&self) -> Vec<Box<Span>> {
        let mut batch = Vec::new();
        let queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let before = batch.len();
            for queue in queues.iter() {
                if batch.len() < self.options.batch_spans_max {
                    batch.extend(queue.take());
                }
            }
            if batch.len() == before {
                return batch;
            }
        }
    }

    /// Counts what is left as lost.
    fn give_up(&self) {
        loop {
            let left = self.collect().len() as u64;
            if left == 0 {
                return;
            }
            self.counters.failed.fetch_add(left, Relaxed);
        }
    }

    /// Sends one batch; whether the collector took it.
    fn export(&mut self, batch: &[Box<Span>], stop: Receiver<Option<Instant>>) -> bool {
        let body = Bytes::from(encode::request(&self.options.resource, batch));
        let (client, counters) = (&mut self.client, &self.counters);
        let retry_max = self.options.retry_max;
        let verdict = self.runtime.block_on(deliver(client, counters, body, retry_max, stop));
        let (taken, lost, reason) = match verdict {
            Verdict::Accepted { rejected, message } => {
                let rejected = rejected.min(batch.len() as u64);
                (batch.len() as u64 - rejected, rejected, message)
            }
            Verdict::Later { reason, .. } | Verdict::Refused { reason } => {
                self.counters.failed.fetch_add(batch.len() as u64, Relaxed);
                self.tell(true, &reason, batch.len() as u64);
                return false;
            }
        };
        self.counters.exported.fetch_add(taken, Relaxed);
        self.counters.rejected.fetch_add(lost, Relaxed);
        self.tell(lost > 0, &reason, lost);
        true
    }

    /// Says so when spans begin to be lost, and when they are not any more:
    /// counters tell how many.
    fn tell(&mut self, is_failing: bool, reason: &str, spans: u64) {
        match (std::mem::replace(&mut self.is_failing, is_failing), is_failing) {
            (false, true) => tracing::warn!(reason, spans, "traces are lost"),
            (true, false) => tracing::info!("the collector takes traces again"),
            _ => {}
        }
    }
}

/// Tries until the collector has taken the batch or refused it, until the batch
/// is too old, or until the node's last moment. A node that stops tries once.
async fn deliver(
    client: &mut Client,
    counters: &Counters,
    body: Bytes,
    retry_max: Duration,
    mut stop: Receiver<Option<Instant>>,
) -> Verdict {
    let begin = Instant::now();
    let mut tries = 0;
    loop {
        let verdict = tokio::select! {
            verdict = client.send(body.clone()) => verdict,
            () = deadline(stop.clone()) => {
                Verdict::Refused { reason: "the node has stopped".into() }
            }
        };
        match &verdict {
            Verdict::Accepted { .. } => counters.accepted.fetch_add(1, Relaxed),
            Verdict::Refused { .. } => counters.refused.fetch_add(1, Relaxed),
            Verdict::Later { .. } => counters.retried.fetch_add(1, Relaxed),
        };
        let Verdict::Later { after, .. } = &verdict else { return verdict };
        tries += 1;
        let wait = after.unwrap_or_else(|| backoff(tries));
        if stop.borrow().is_some() || begin.elapsed() + wait > retry_max {
            return verdict;
        }
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            // The last try comes now.
            _ = stop.changed() => {}
        }
    }
}

/// Comes when the node may not wait any longer.
async fn deadline(mut stop: Receiver<Option<Instant>>) {
    let told = stop.wait_for(Option::is_some).await;
    let at = told.ok().and_then(|told| *told);
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        // Whoever could say so is gone, and the process with it.
        None => std::future::pending().await,
    }
}

fn backoff(tries: u32) -> Duration {
    let most = BACKOFF_BASE.saturating_mul(1 << tries.saturating_sub(1).min(16)).min(BACKOFF_MAX);
    let share = random::nonzero() % 1_000;
    most.mul_f64(share as f64 / 1_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_bound() {
        for tries in 0..40 {
            assert!(backoff(tries) < BACKOFF_MAX, "{tries}");
        }
        assert!((0..200).any(|_| backoff(10) > BACKOFF_BASE * 8));
        assert!((0..200).all(|_| backoff(1) < BACKOFF_BASE));
    }
}
