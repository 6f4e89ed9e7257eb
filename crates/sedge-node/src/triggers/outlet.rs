//! What functions say while they answer requests, on its way into the log.
//!
//! Nobody waits for it. It is gathered for some milliseconds and appended together, so that a
//! request costs neither a wake-up of the log's thread nor a turn of the disk.

use super::{commit, unix_ms};
use crate::admin::exposition::{Exposition, Labels, Type};
use crate::streams::{Incoming, Streams, StreamsHandle};
use anyhow::{Context, Result};
use sedge_ingress::mqtt::Broker;
use sedge_model::capability::TopicGrants;
use sedge_services::streams::{AtOnce, Effects, Output, Topics};
use sedge_store::log::LogError;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long what is said is gathered.
const GATHER: Duration = Duration::from_millis(5);
/// Bytes that may be gathered, of all functions; what comes beyond is lost.
const GATHERED_BYTES_MAX: usize = 16 << 20;
/// When a log that has too much to do is asked again, and how often.
const AGAIN_AFTER: Duration = Duration::from_millis(20);
const AGAIN_MAX: u32 = 50;

/// The way out, of all functions of a node. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Outlet(Arc<Inner>);

struct Inner {
    streams: Arc<StreamsHandle>,
    at_once: Option<AtOnce>,
    gathered: Arc<Gathered>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Default)]
struct Gathered {
    waiting: Mutex<Waiting>,
    wake: Condvar,
    appended: AtomicU64,
    lost: AtomicU64,
}

#[derive(Default)]
struct Waiting {
    /// In the order in which calls have ended.
    messages: VecDeque<Incoming>,
    bytes: usize,
    is_ended: bool,
}

impl Outlet {
    /// Nothing runs yet.
    pub(super) fn new(streams: Arc<StreamsHandle>, broker: Option<&Arc<Broker>>) -> Self {
        let at_once = broker.map(Arc::clone).map(at_once);
        Outlet(Arc::new(Inner {
            streams,
            at_once,
            gathered: Arc::default(),
            thread: Mutex::default(),
        }))
    }

    /// How functions publish to whoever is there.
    pub(super) fn at_once(&self) -> Option<AtOnce> {
        self.0.at_once.clone()
    }

    /// What the function `app/name` may say while it answers requests.
    ///
    /// # Errors
    /// It may say something, and the log of messages cannot be opened.
    pub(crate) fn of(&self, app: &str, name: &str, granted: &TopicGrants) -> Result<Output> {
        if granted.emit.is_empty() && granted.publish.is_empty() {
            return Ok(Output::default());
        }
        let streams = self.0.streams.get_or_open().context("open what functions say")?;
        self.start(&streams)?;
        let (gathered, function) = (Arc::clone(&self.0.gathered), format!("{app}/{name}"));
        let (batch_bytes_max, payload_bytes_max) =
            (streams.batch_bytes_max(), streams.payload_bytes_max());
        let append = move |effects: Effects| {
            let messages = commit::messages(&function, &effects, unix_ms());
            let largest = messages.iter().map(|one| one.payload.len()).max().unwrap_or(0);
            let bytes = commit::bytes(&messages);
            if largest > payload_bytes_max || bytes > batch_bytes_max {
                gathered.lose(messages.len(), "it is larger than the log takes");
            } else {
                gathered.add(messages, bytes);
            }
        };
        Ok(Output::new(Topics::of(granted), self.at_once(), Arc::new(append)))
    }

    fn start(&self, streams: &Arc<Streams>) -> Result<()> {
        let mut thread = self.0.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if thread.is_none() {
            let (gathered, streams) = (Arc::clone(&self.0.gathered), Arc::clone(streams));
            let run = move || gathered.run(&streams);
            let started = std::thread::Builder::new().name("outlet".to_owned()).spawn(run);
            *thread = Some(started.context("start a thread for what functions say")?);
        }
        Ok(())
    }

    /// Appends what was gathered and ends; what is said from now on is lost. Blocks.
    pub(crate) fn end(&self) {
        self.0.gathered.end();
        let thread = self.0.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        // A thread that panicked has told so itself.
        drop(thread.map(JoinHandle::join));
    }

    /// Appends what is counted to the page of metrics; nothing, if no function says anything.
    pub(crate) fn render(&self, page: &mut Exposition) {
        if self.0.thread.lock().unwrap_or_else(PoisonError::into_inner).is_none() {
            return;
        }
        let name = "sedge_request_messages_total";
        let help = "Messages that functions have said while they answered requests, by what \
                    became of them.";
        page.metric(name, Type::Counter, help);
        let counts = [("appended", &self.0.gathered.appended), ("lost", &self.0.gathered.lost)];
        for (outcome, count) in counts {
            page.sample(name, &Labels::new(&[("outcome", outcome)]), count.load(Relaxed));
        }
    }
}

impl Drop for Inner {
    /// A node that is dropped and not stopped waits for nobody.
    fn drop(&mut self) {
        self.gathered.end();
    }
}

fn at_once(broker: Arc<Broker>) -> AtOnce {
    Arc::new(move |topic, payload, retain| {
        broker.publish_of_node_at_once(topic, payload, retain);
    })
}

impl Gathered {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the thread end when it has appended all.
    fn end(&self) {
        self.lock().is_ended = true;
        self.wake.notify_all();
    }

    /// All or nothing of what one call has said.
    fn add(&self, messages: Vec<Incoming>, bytes: usize) {
        let mut waiting = self.lock();
        if waiting.is_ended {
            drop(waiting);
            return self.lose(messages.len(), "the node is stopping");
        }
        if waiting.bytes + bytes > GATHERED_BYTES_MAX {
            drop(waiting);
            return self.lose(messages.len(), "the log does not keep up");
        }
        let is_first = waiting.messages.is_empty();
        waiting.bytes += bytes;
        waiting.messages.extend(messages);
        drop(waiting);
        if is_first {
            self.wake.notify_one();
        }
    }

    fn lose(&self, count: usize, reason: &str) {
        if self.lost.fetch_add(count as u64, Relaxed) == 0 {
            let hint = "further losses are only counted: sedge_request_messages_total";
            tracing::warn!(reason, hint, "what a function has said is lost");
        }
    }

    fn run(&self, streams: &Streams) {
        while let Some(batch) = self.take(streams.batch_bytes_max()) {
            let count = batch.len();
            match append(streams, &batch) {
                Ok(()) => {
                    self.appended.fetch_add(count as u64, Relaxed);
                }
                Err(error) => self.lose(count, &error.to_string()),
            }
        }
    }

    /// The next messages, of so many bytes at most; waits for some. `None`: it has ended, and
    /// there are no more.
    fn take(&self, bytes_max: usize) -> Option<Vec<Incoming>> {
        let mut waiting = self.lock();
        if waiting.messages.is_empty() {
            while waiting.messages.is_empty() {
                if waiting.is_ended {
                    return None;
                }
                waiting = self.wake.wait(waiting).unwrap_or_else(PoisonError::into_inner);
            }
            if !waiting.is_ended {
                drop(waiting);
                std::thread::sleep(GATHER);
                waiting = self.lock();
            }
        }
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while let Some(message) = waiting.messages.front() {
            let one = commit::bytes(std::slice::from_ref(message));
            if !batch.is_empty() && bytes + one > bytes_max {
                break;
            }
            bytes += one;
            batch.extend(waiting.messages.pop_front());
        }
        waiting.bytes = waiting.bytes.saturating_sub(bytes);
        Some(batch)
    }
}

/// Appends a batch and waits until it is durable.
fn append(streams: &Streams, batch: &[Incoming]) -> Result<(), LogError> {
    let mut tries = 0;
    loop {
        let (told, answer) = mpsc::channel();
        // Who waits is there: it blocks below.
        streams.submit(batch.to_vec(), None, Box::new(move |result| drop(told.send(result))));
        match answer.recv().unwrap_or(Err(LogError::Closed)) {
            Ok(_) => return Ok(()),
            Err(LogError::Busy) if tries < AGAIN_MAX => {
                tries += 1;
                std::thread::sleep(AGAIN_AFTER);
            }
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use sedge_model::node_config::{NodeConfig, StreamsConfig};
    use sedge_services::streams::Emitted;
    use sedge_store::log::Item;

    /// A way out into a log of a folder, and what a function may say by it.
    fn outlet(data: &std::path::Path) -> (Outlet, Output) {
        let streams = StreamsConfig { record_bytes_max: 100 << 10, ..StreamsConfig::default() };
        let config = NodeConfig { data: data.to_owned(), streams, ..NodeConfig::default() };
        let outlet = Outlet::new(StreamsHandle::new(&config), None);
        let granted = TopicGrants { emit: vec!["said/#".to_owned()], ..TopicGrants::default() };
        let output = outlet.of("shop", "counter", &granted).expect("the log opens");
        (outlet, output)
    }

    fn say(output: &Output, bytes: usize) {
        let mut call = output.begin().expect("it may say something");
        let payload = Bytes::from(vec![b'x'; bytes]);
        let emitted =
            Emitted { topic: "said/a".to_owned(), key: Bytes::new(), content_type: None, payload };
        call.emit(emitted).expect("is granted");
        output.end(call);
    }

    fn counts(outlet: &Outlet) -> (u64, u64) {
        let gathered = &outlet.0.gathered;
        (gathered.appended.load(Relaxed), gathered.lost.load(Relaxed))
    }

    fn logged(outlet: &Outlet) -> Vec<(String, usize)> {
        let streams = outlet.0.streams.get().expect("is open");
        let items = streams.log().reader(0).read(64 << 20).expect("is read");
        let of = |item| match item {
            Item::Record { record, .. } => (record.device, record.payload.len()),
            other => panic!("{other:?}"),
        };
        items.into_iter().map(of).collect()
    }

    #[test]
    fn what_is_said_is_in_the_log_when_the_way_out_has_ended_and_nothing_after_that() {
        let folder = tempfile::tempdir().expect("a folder");
        let (outlet, output) = outlet(folder.path());
        (1..=50).for_each(|bytes| say(&output, bytes));
        outlet.end();
        assert_eq!(counts(&outlet), (50, 0));
        let expected: Vec<_> = (1..=50).map(|bytes| ("shop/counter".to_owned(), bytes)).collect();
        assert_eq!(logged(&outlet), expected);
        say(&output, 1);
        assert_eq!(counts(&outlet), (50, 1));
        outlet.end();
    }

    #[test]
    fn what_the_log_can_never_take_is_lost_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let (outlet, output) = outlet(folder.path());
        say(&output, 10);
        say(&output, 200 << 10);
        say(&output, 20);
        outlet.end();
        assert_eq!(counts(&outlet), (2, 1));
    }

    #[test]
    fn so_much_waits_and_no_more() {
        let gathered = Gathered::default();
        let message = || commit::messages("a/b", &Effects::default(), 0);
        gathered.add(message(), GATHERED_BYTES_MAX - 10);
        gathered.add(message(), 10);
        assert_eq!(gathered.lock().bytes, GATHERED_BYTES_MAX);
        assert_eq!(gathered.lost.load(Relaxed), 0);
        let effects = Effects {
            emitted: vec![Emitted {
                topic: "t".to_owned(),
                key: Bytes::new(),
                content_type: None,
                payload: Bytes::new(),
            }],
            ..Effects::default()
        };
        gathered.add(commit::messages("a/b", &effects, 0), 1);
        assert_eq!(gathered.lost.load(Relaxed), 1);
        assert_eq!(gathered.lock().bytes, GATHERED_BYTES_MAX);
    }

    #[test]
    fn who_may_say_nothing_opens_no_log() {
        let folder = tempfile::tempdir().expect("a folder");
        let config = NodeConfig { data: folder.path().to_owned(), ..NodeConfig::default() };
        let outlet = Outlet::new(StreamsHandle::new(&config), None);
        let output = outlet.of("a", "b", &TopicGrants::default()).expect("nothing to open");
        assert!(output.begin().is_none());
        assert!(outlet.0.streams.get().is_none());
        outlet.end();
    }
}
