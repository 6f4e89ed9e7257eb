//! What edge nodes of Sparkplug B publish, read on its way into the log.

use super::{Envelope, Incoming};
use sedge_ingress::ingest::{EdgeNodes, EdgeOutcome, EdgeRecord, Rebirth, Understood};
use sedge_ingress::mqtt::{Broker, Message};
use sedge_ingress::payload::{PayloadLimits, senml_json};
use sedge_model::node_config::SparkplugConfig;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc;

/// What readings are, in the log.
const SENML: &str = "application/senml+json";
/// How long a node that stops waits for its last word to be durable.
const LAST_WORD_MAX: Duration = Duration::from_secs(1);
/// Commands that wait to be published; what comes on top is asked for again later.
const WAITING_MAX: usize = 1_024;

/// What became of messages, in the order in which [`SparkplugFigures`] counts them.
pub(crate) const OUTCOMES: [&str; 5] = ["read", "stale", "other", "unborn", "malformed"];

/// Edge nodes, as this node's configuration wants to know of them.
pub(crate) struct Sparkplug {
    config: SparkplugConfig,
    nodes: Mutex<EdgeNodes>,
    commands: mpsc::Sender<Rebirth>,
    waiting: Mutex<Option<mpsc::Receiver<Rebirth>>>,
    figures: SparkplugFigures,
}

/// Counted since the node has started.
#[derive(Debug, Default)]
pub(crate) struct SparkplugFigures {
    /// Messages, by [`OUTCOMES`].
    pub(crate) messages: [AtomicU64; OUTCOMES.len()],
    /// Readings and states that were made of them.
    pub(crate) records: AtomicU64,
    /// Metrics that are no readings.
    pub(crate) skipped: AtomicU64,
    /// Edge nodes that were asked to be born again.
    pub(crate) asked: AtomicU64,
}

impl Sparkplug {
    pub(crate) fn new(config: &SparkplugConfig) -> Self {
        let (commands, waiting) = mpsc::channel(WAITING_MAX);
        Sparkplug {
            config: config.clone(),
            nodes: Mutex::new(EdgeNodes::new(PayloadLimits::default())),
            commands,
            waiting: Mutex::new(Some(waiting)),
            figures: SparkplugFigures::default(),
        }
    }

    /// The readings of a message, in the order in which its publisher has sent them.
    pub(super) fn receive(&self, message: &Message) -> Vec<Incoming> {
        let payload = message.payload.clone();
        let mut nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        let read = nodes.receive(&message.topic, payload, message.received_ms);
        drop(nodes);
        self.note(&message.topic, &read);
        if let Some(rebirth) = read.rebirth.filter(|_| self.config.rebirth)
            && self.commands.try_send(rebirth).is_ok()
        {
            self.figures.asked.fetch_add(1, Relaxed);
        }
        read.records.into_iter().map(incoming).collect()
    }

    fn note(&self, topic: &str, read: &Understood) {
        let outcome = match &read.outcome {
            EdgeOutcome::Read => 0,
            EdgeOutcome::Stale => 1,
            EdgeOutcome::Other => 2,
            EdgeOutcome::Unborn(error) => {
                tracing::debug!(topic, %error, "a message of an edge node means nothing yet");
                3
            }
            EdgeOutcome::Malformed(error) => {
                tracing::debug!(topic, %error, "a message is not of Sparkplug B");
                4
            }
        };
        let figures = &self.figures;
        figures.messages[outcome].fetch_add(1, Relaxed);
        figures.records.fetch_add(read.records.len() as u64, Relaxed);
        figures.skipped.fetch_add(read.skipped as u64, Relaxed);
    }

    /// What is counted.
    pub(crate) fn figures(&self) -> &SparkplugFigures {
        &self.figures
    }

    /// Edge nodes that are alive.
    pub(crate) fn alive(&self) -> usize {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner).alive()
    }

    /// Publishes what there is to say to edge nodes, from now on, and that this host is there.
    /// Needs a runtime.
    pub(crate) fn begin(&self, broker: &Arc<Broker>) {
        self.tell_state(broker, true, |_| {});
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut waiting) = waiting else { return };
        let broker = Arc::downgrade(broker);
        // Not from within the journal's call, in which locks of the front may be held.
        tokio::spawn(async move {
            while let Some(Rebirth { topic, payload }) = waiting.recv().await {
                let Some(broker) = broker.upgrade() else { return };
                tracing::info!(topic, "an edge node is asked to be born again");
                broker.publish_of_node_at_once(&topic, payload, false);
            }
        });
    }

    /// Says that this host is no longer there; waits a little, until that is on its way.
    /// Blocks.
    pub(crate) fn end(&self, broker: &Arc<Broker>) {
        let (settled, wait) = std::sync::mpsc::channel();
        self.tell_state(broker, false, move |()| {
            let _ = settled.send(());
        });
        // If nothing was said, nobody is waited for.
        let _ = wait.recv_timeout(LAST_WORD_MAX);
    }

    /// As Sparkplug 3.0 §5.7 has it. A node that was killed says nothing: its edge nodes have
    /// lost their connection to it, too.
    fn tell_state(
        &self,
        broker: &Arc<Broker>,
        online: bool,
        settled: impl FnOnce(()) + Send + 'static,
    ) {
        let Some(host) = &self.config.host else { return };
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let timestamp = u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX);
        let state = serde_json::json!({ "online": online, "timestamp": timestamp });
        let topic = format!("spBv1.0/STATE/{host}");
        broker.publish_of_node(&topic, state.to_string().into(), true, move |result| {
            if let Err(error) = result {
                tracing::warn!(%error, "the state of the Sparkplug host could not be published");
            }
            settled(());
        });
    }
}

fn incoming(record: EdgeRecord) -> Incoming {
    Incoming {
        topic: record.topic,
        device: record.device,
        number: None,
        time_ms: u64::try_from(record.time_unix_ns / 1_000_000).unwrap_or(0),
        envelope: Envelope { content_type: Some(SENML.to_owned()), ..Envelope::default() },
        payload: senml_json(&record.reading, record.time_unix_ns).into(),
    }
}
