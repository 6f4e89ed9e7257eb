//! What functions have published, on its way to clients of MQTT.
//!
//! It lies in the log with all else that a call has brought about. This reader of the log
//! publishes it, in its order; its cursor follows when the front has it durably. After a crash
//! some of it is published again: QoS 1.

use crate::streams::envelope::Kind;
use crate::streams::{Envelope, Streams};
use sedge_ingress::mqtt::Broker;
use sedge_store::log::{CursorChange, Item, Reader};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use std::time::Duration;
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::{Instant, sleep, sleep_until};

/// The cursor's name.
const CURSOR: &str = "$outbox";
const PAGE_BYTES: usize = 256 << 10;
/// Messages that the front has not settled.
const IN_FLIGHT_MAX: usize = 1_024;
const COMMIT_EVERY: Duration = Duration::from_secs(1);
const AGAIN_AFTER: Duration = Duration::from_millis(200);

pub(super) struct Outbox {
    streams: Arc<Streams>,
    broker: Arc<Broker>,
    reader: Reader,
    /// In their order, with the position behind each.
    in_flight: VecDeque<(u64, Arc<Sent>)>,
    settled: Arc<Notify>,
    /// Below this, all is published.
    done: u64,
    committed: u64,
}

/// A message that was handed to the front.
struct Sent {
    state: AtomicU8,
    message: Published,
}

const WAITS: u8 = 0;
const KEPT: u8 = 1;
const REFUSED: u8 = 2;

struct Published {
    topic: String,
    payload: bytes::Bytes,
    retain: bool,
}

impl Outbox {
    pub(super) fn new(streams: Arc<Streams>, broker: Arc<Broker>) -> Self {
        let log = streams.log();
        // The first time, nothing was published yet by this node.
        let begin = log.cursor(CURSOR).map_or_else(|| log.usage().end, |cursor| cursor.position);
        let reader = log.reader(begin);
        let (in_flight, settled) = (VecDeque::new(), Arc::default());
        Outbox { streams, broker, reader, in_flight, settled, done: begin, committed: 0 }
    }

    /// Runs until it is told to stop, and then until all is published that there is.
    pub(super) async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut grown = self.streams.committed();
        let mut next_commit = Instant::now();
        loop {
            let is_stopping = *stop.borrow_and_update();
            if let Err(error) = self.send() {
                tracing::error!(%error, "what functions publish cannot be read from the log");
                sleep(COMMIT_EVERY).await;
            }
            self.settle();
            let is_idle = self.in_flight.is_empty();
            if self.done > self.committed
                && (Instant::now() >= next_commit || is_stopping && is_idle)
            {
                self.commit().await;
                next_commit = Instant::now() + COMMIT_EVERY;
            }
            if is_stopping && is_idle {
                return;
            }
            let is_refused = self.refused().is_some();
            tokio::select! {
                () = self.settled.notified() => {}
                Ok(()) = grown.changed(), if self.in_flight.len() < IN_FLIGHT_MAX => {}
                () = sleep_until(next_commit), if self.done > self.committed => {}
                () = sleep(AGAIN_AFTER), if is_refused => self.send_again(),
                _ = stop.changed(), if !is_stopping => {}
            }
        }
    }

    /// Hands over what is in the log. Cursors are no items: or noting where this one is would
    /// be a reason to note it again.
    fn send(&mut self) -> Result<(), sedge_store::log::LogError> {
        while self.in_flight.len() < IN_FLIGHT_MAX {
            let page = self.reader.read(PAGE_BYTES)?;
            if page.is_empty() {
                break;
            }
            for item in page {
                let next = item.next();
                match published(item) {
                    None if self.in_flight.is_empty() => self.done = next,
                    None => {}
                    Some(message) => {
                        let sent = Arc::new(Sent { state: AtomicU8::new(WAITS), message });
                        self.in_flight.push_back((next, Arc::clone(&sent)));
                        self.publish(sent);
                    }
                }
            }
        }
        Ok(())
    }

    fn publish(&self, sent: Arc<Sent>) {
        let settled = Arc::clone(&self.settled);
        let Published { topic, payload, retain } = &sent.message;
        let (topic, payload, retain) = (topic.clone(), payload.clone(), *retain);
        self.broker.publish_of_node(&topic, payload, retain, move |result| {
            sent.state.store(if result.is_ok() { KEPT } else { REFUSED }, Relaxed);
            settled.notify_one();
        });
    }

    fn settle(&mut self) {
        while let Some((next, sent)) = self.in_flight.front()
            && sent.state.load(Relaxed) == KEPT
        {
            self.done = *next;
            self.in_flight.pop_front();
        }
    }

    fn refused(&self) -> Option<&Arc<Sent>> {
        self.in_flight.iter().map(|(_, sent)| sent).find(|sent| sent.state.load(Relaxed) == REFUSED)
    }

    /// The journal had no room, say: it is handed over again.
    fn send_again(&self) {
        let refused = self.in_flight.iter().filter(|(_, sent)| sent.state.load(Relaxed) == REFUSED);
        for (_, sent) in refused {
            sent.state.store(WAITS, Relaxed);
            self.publish(Arc::clone(sent));
        }
    }

    async fn commit(&mut self) {
        let name = CURSOR.to_owned();
        let change = CursorChange::Commit { name, position: self.done, state: bytes::Bytes::new() };
        let (told, reply) = oneshot::channel();
        let reply_to = Box::new(move |result: Result<Vec<_>, _>| {
            let _ = told.send(result.is_ok());
        });
        self.streams.submit(Vec::new(), Some(change), reply_to);
        if reply.await == Ok(true) {
            self.committed = self.done;
        }
    }
}

fn published(item: Item) -> Option<Published> {
    let Item::Record { record, .. } = item else { return None };
    let envelope = Envelope::decode(&record.key).ok()?;
    let Kind::Publish { retain } = envelope.kind else { return None };
    Some(Published { topic: record.stream, payload: record.payload, retain })
}
