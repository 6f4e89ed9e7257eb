//! The MQTT front of a node: what is joined, and how it starts and stops.
//!
//! `files` are passwords, rules and certificates, which are read again when they change;
//! `gate` says who clients are, and `doorman` has a function say it; `journal` is what must not be forgotten; `figures` are counted.

mod doorman;
mod figures;
mod files;
mod gate;
mod journal;

pub(crate) use doorman::look_for as look_for_doorman;
pub(crate) use figures::MqttFigures;
pub(crate) use files::{MqttFiles, all as all_wrong, look, passwords};
pub(crate) use gate::Gate;

use crate::board::Board;
use crate::node::bind_error;
use crate::streams::{Capture, StreamsHandle};
use anyhow::{Context, Result};
use doorman::Doorman;
use journal::{DiskJournal, JournalOptions};
use sedge_ingress::http::tls::TlsServer;
use sedge_ingress::mqtt::auth::{Authenticate, Certificates};
use sedge_ingress::mqtt::journal::{Journal, MemoryJournal};
use sedge_ingress::mqtt::{Broker, MqttGateway, MqttListener, MqttOptions, Transport};
use sedge_model::node_config::{BrokerConfig, JournalIn, NodeConfig};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The folder of sessions and retained messages in the data folder.
const FOLDER: &str = "mqtt";

/// A running front. Dropping it stops it at once; [`Mqtt::stop`] tells its clients.
pub(crate) struct Mqtt {
    gateway: MqttGateway,
    broker: Arc<Broker>,
    journal: Option<Arc<DiskJournal>>,
    streams: Arc<StreamsHandle>,
    figures: MqttFigures,
}

impl Mqtt {
    /// Opens what is kept, and listens; `None` if the configuration names no listener. What
    /// clients publish goes into the log of messages, too, if somebody wants it there.
    ///
    /// # Errors
    /// A file is wrong, the journal cannot be opened, or an address is taken.
    pub(crate) fn start(
        config: &NodeConfig,
        streams: &Arc<StreamsHandle>,
        board: &Arc<Board>,
    ) -> Result<Option<(Self, MqttFiles)>> {
        if config.mqtt.is_empty() {
            return Ok(None);
        }
        let loaded = files::load(config)?;
        let gate = Arc::new(Gate::new(loaded.passwords, config.broker.anonymous));
        let (journal, disk) = open_journal(config)?;
        let journal = Arc::new(Capture::new(journal, Arc::clone(streams)));
        let options = options(config);
        let authenticate: Arc<dyn Authenticate> = match Doorman::of(&config.broker, board) {
            Some(doorman) => Arc::new(doorman),
            None => Arc::new(Certificates { otherwise: Arc::clone(&gate) }),
        };
        let broker = Broker::new(options, journal, authenticate, loaded.acl)
            .context("take over what MQTT clients have left")?;
        let servers = loaded.certificates.servers();
        let gateway = bind(config, &servers, &broker)?;
        streams.sparkplug().iter().for_each(|sparkplug| sparkplug.begin(&broker));
        let figures = MqttFigures { front: gateway.metrics(), journal: disk.clone() };
        let files =
            MqttFiles::new(config, Arc::clone(&broker), gate, loaded.certificates, loaded.seen);
        let streams = Arc::clone(streams);
        Ok(Some((Mqtt { gateway, broker, journal: disk, streams, figures }, files)))
    }

    /// What functions publish by.
    pub(crate) fn broker(&self) -> &Arc<Broker> {
        &self.broker
    }

    /// Where clients arrive, in the order of the configuration.
    pub(crate) fn addresses(&self) -> &[SocketAddr] {
        self.gateway.addresses()
    }

    /// What is counted.
    pub(crate) fn figures(&self) -> MqttFigures {
        self.figures.clone()
    }

    /// Tells clients that the node stops, and writes down what they have left. Blocks. Gives
    /// how many connections were cut off.
    pub(crate) fn stop(self, drain: Duration) -> usize {
        let begin = Instant::now();
        self.streams.sparkplug().iter().for_each(|sparkplug| sparkplug.end(&self.broker));
        let cut = self.gateway.shutdown(drain);
        if let Some(journal) = &self.journal {
            journal.close();
        }
        tracing::debug!(cut, took = ?begin.elapsed(), "the MQTT front has stopped");
        cut
    }
}

/// What the broker tells its changes, and the same again if it is on the disk.
type Opened = (Arc<dyn Journal>, Option<Arc<DiskJournal>>);

fn open_journal(config: &NodeConfig) -> Result<Opened> {
    let broker = &config.broker;
    if broker.journal == JournalIn::Memory {
        return Ok((Arc::new(MemoryJournal::new()), None));
    }
    let journal = Arc::new(DiskJournal::open(&JournalOptions {
        folder: config.data.join(FOLDER),
        bytes_max: broker.journal_bytes_max,
        waiting_bytes_max: bytes(broker.waiting_bytes_max),
        packet_bytes_max: broker.packet_bytes_max.into(),
    })?);
    Ok((Arc::clone(&journal) as _, Some(journal)))
}

fn bind(
    config: &NodeConfig,
    servers: &[Arc<TlsServer>],
    broker: &Arc<Broker>,
) -> Result<MqttGateway> {
    let mut servers = servers.iter();
    let listeners = config.mqtt.iter().map(|settings| MqttListener {
        listen: settings.listen,
        transport: match &settings.websocket {
            None => Transport::Tcp,
            Some(path) => Transport::WebSocket { path: path.clone() },
        },
        // There is one for each listener that has TLS, in their order.
        tls: settings.tls.as_ref().and_then(|_| servers.next().cloned()),
    });
    MqttGateway::bind(listeners.collect(), Arc::clone(broker)).map_err(|error| {
        // Which of them it was, only the system knows.
        let addresses = config.mqtt.iter().map(|settings| settings.listen);
        let taken = addresses.clone().find(|address| std::net::TcpListener::bind(address).is_err());
        let address = taken.or(addresses.clone().next());
        match address {
            Some(address) => bind_error(error, address, "mqtt.listen in the node's configuration"),
            None => error.into(),
        }
    })
}

fn options(config: &NodeConfig) -> MqttOptions {
    let defaults = MqttOptions::default();
    let bounds: &BrokerConfig = &config.broker;
    MqttOptions {
        threads: config.threads.map_or(defaults.threads, |threads| threads as usize),
        connections_max: bounds.connections_max as usize,
        connect_timeout: Duration::from_millis(bounds.connect_timeout_ms),
        write_timeout: Duration::from_millis(bounds.write_timeout_ms),
        keep_alive_max_s: bounds.keep_alive_s_max,
        read_bytes_per_second_max: bounds.read_bytes_per_second_max,
        packet_bytes_max: bounds.packet_bytes_max as usize,
        topic_bytes_max: bounds.topic_bytes_max as usize,
        topic_levels_max: bounds.topic_levels_max as usize,
        client_id_bytes_max: bounds.client_id_bytes_max as usize,
        user_properties_max: bounds.user_properties_max as usize,
        topic_aliases_in_max: bounds.topic_aliases_max,
        topic_aliases_out_max: bounds.topic_aliases_max,
        receive_max: bounds.receive_max,
        inflight_max: bounds.inflight_max,
        queue_messages_max: bounds.queue_messages_max as usize,
        queue_bytes_max: bytes(bounds.queue_bytes_max),
        queues_bytes_max: bytes(bounds.queues_bytes_max),
        subscriptions_max: bounds.subscriptions_max as usize,
        sessions_max: bounds.sessions_max as usize,
        session_expiry_max_s: bounds.session_expiry_s_max,
        retained_messages_max: bounds.retained_messages_max as usize,
        retained_bytes_max: bytes(bounds.retained_bytes_max),
        password_checks_max: bounds.password_checks_max as usize,
        on_thread_start: sedge_engine::priority::prompt,
        ..defaults
    }
}

fn bytes(bound: u64) -> usize {
    usize::try_from(bound).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configurations_defaults_are_the_fronts() {
        let told = format!("{:?}", options(&NodeConfig::default()));
        let defaults = MqttOptions {
            on_thread_start: sedge_engine::priority::prompt,
            ..MqttOptions::default()
        };
        assert_eq!(told, format!("{defaults:?}"));
    }
}
