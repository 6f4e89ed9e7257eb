//! What the parts of a node share of its log of messages, before anything is opened: a node
//! that needs none makes no file.

use super::{FOLDER, Sparkplug, Streams};
use anyhow::Result;
use sedge_ingress::ingest::EdgeNodes;
use sedge_model::node_config::NodeConfig;
use sedge_model::topic::TopicFilter;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// The log of messages, opened when something first needs it.
pub(crate) struct StreamsHandle {
    config: NodeConfig,
    opened: Mutex<Option<Arc<Streams>>>,
    /// Of the configuration, and of functions' triggers.
    filters: RwLock<Arc<[TopicFilter]>>,
    sparkplug: Option<Sparkplug>,
}

impl StreamsHandle {
    /// Nothing is opened yet.
    pub(crate) fn new(config: &NodeConfig) -> Arc<Self> {
        Arc::new(StreamsHandle {
            config: config.clone(),
            opened: Mutex::default(),
            filters: RwLock::new(configured(config).collect()),
            sparkplug: config.streams.sparkplug.as_ref().map(Sparkplug::new),
        })
    }

    /// Opens the log if the configuration needs it, or if an earlier life has left one.
    ///
    /// # Errors
    /// As [`Streams::open`].
    pub(crate) fn start(&self) -> Result<()> {
        let is_needed = !self.config.streams.topics.is_empty()
            || self.sparkplug.is_some()
            || self.config.ingest.is_some()
            || self.config.data.join(FOLDER).is_dir();
        if is_needed { self.get_or_open().map(drop) } else { Ok(()) }
    }

    /// The log, if it is open.
    pub(crate) fn get(&self) -> Option<Arc<Streams>> {
        self.lock().clone()
    }

    /// The log; it is opened if it is not yet.
    ///
    /// # Errors
    /// As [`Streams::open`].
    pub(crate) fn get_or_open(&self) -> Result<Arc<Streams>> {
        let mut opened = self.lock();
        if let Some(streams) = &*opened {
            return Ok(Arc::clone(streams));
        }
        let streams = Streams::open(&self.config)?;
        *opened = Some(Arc::clone(&streams));
        Ok(streams)
    }

    /// Replaces the filters of functions' triggers: MQTT messages that one of them matches
    /// are kept from now on, beside those that the configuration names. What is no filter
    /// matches nothing.
    pub(crate) fn set_filters(&self, of_triggers: Vec<String>) {
        let parsed = of_triggers.iter().filter_map(|filter| TopicFilter::parse(filter).ok());
        let filters = configured(&self.config).chain(parsed).collect();
        *self.filters.write().unwrap_or_else(PoisonError::into_inner) = filters;
    }

    /// Whether an MQTT message of this topic is kept.
    pub(crate) fn keeps(&self, topic: &str) -> bool {
        let filters = Arc::clone(&self.filters.read().unwrap_or_else(PoisonError::into_inner));
        filters.iter().any(|filter| filter.matches(topic))
    }

    /// Who reads messages of Sparkplug B, if they are read.
    pub(crate) fn sparkplug(&self) -> Option<&Sparkplug> {
        self.sparkplug.as_ref()
    }

    /// Who reads messages of this topic, if they are of Sparkplug B and read.
    pub(super) fn reader_of(&self, topic: &str) -> Option<&Sparkplug> {
        self.sparkplug().filter(|_| EdgeNodes::reads(topic))
    }

    /// Lets go of the log: it ends when nobody else holds it.
    pub(crate) fn close(&self) {
        // Ending it may wait for the disk.
        let streams = self.lock().take();
        drop(streams);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Arc<Streams>>> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Those of a configuration; it was checked that they are filters.
fn configured(config: &NodeConfig) -> impl Iterator<Item = TopicFilter> {
    config.streams.topics.iter().filter_map(|filter| TopicFilter::parse(filter).ok())
}
