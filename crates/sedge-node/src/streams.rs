//! The node's log of messages: what HTTP ingest, MQTT clients and functions hand to functions.
//!
//! In the order in which a message travels: [`envelope`] is what it says beside its payload,
//! `numbering` numbers what came without a number, [`Streams::submit`] appends it, `committed`
//! tells readers. `capture` brings what MQTT clients publish, and `sparkplug` reads what edge nodes do. `unsynced` are files for nodes
//! that need not survive a power cut, `figures` are counted, and `handle` is what the parts of
//! a node share before anything is opened.

mod capture;
mod committed;
pub(crate) mod envelope;
mod figures;
mod handle;
mod numbering;
mod replies;
mod sparkplug;
#[cfg(test)]
mod tests;
mod unsynced;

pub(crate) use capture::Capture;
pub(crate) use envelope::{Envelope, Kind};
pub(crate) use figures::{Figures, REFUSALS};
pub(crate) use handle::StreamsHandle;
pub(crate) use sparkplug::{OUTCOMES as SPARKPLUG_OUTCOMES, Sparkplug};

use crate::hint::WithHint;
use anyhow::{Context, Result};
use bytes::Bytes;
use committed::Watcher;
use numbering::Numbering;
use replies::Replies;
use sedge_model::node_config::{NodeConfig, StreamsConfig, StreamsSync, WhenStreamsFull};
use sedge_store::log::{
    Batch, CursorChange, Files, Log, LogError, LogOptions, Media, Number, Record, Recovered, Reply,
    WhenFull,
};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use unsynced::Unsynced;

/// The folder of the log in the data folder.
const FOLDER: &str = "streams";
/// Bytes of a segment, if records need no larger ones.
const SEGMENT_BYTES: u64 = 64 << 20;
/// Names of cursors: two for each function with a trigger, one for each schedule.
const CURSORS_MAX: usize = 4_096;

/// How the log is bounded, and where it is.
#[derive(Clone, Debug)]
pub(crate) struct StreamsOptions {
    /// It is made if it is not there.
    pub(crate) folder: PathBuf,
    /// Bytes of all files.
    pub(crate) bytes_max: u64,
    /// How long records are kept; `None`: age alone removes nothing.
    pub(crate) age_max: Option<Duration>,
    /// What happens when there is no room.
    pub(crate) when_full: WhenFull,
    /// Whether a record is brought to the disk before it is acknowledged.
    pub(crate) sync: bool,
    /// Bytes of a segment.
    pub(crate) segment_bytes: u64,
    /// Bytes of a payload.
    pub(crate) record_bytes_max: u64,
}

impl StreamsOptions {
    /// What a node's configuration says.
    pub(crate) fn of(config: &NodeConfig) -> Self {
        let streams: &StreamsConfig = &config.streams;
        let wanted = SEGMENT_BYTES.min(streams.bytes_max / 8).max(streams.segment_bytes_min());
        StreamsOptions {
            folder: config.data.join(FOLDER),
            bytes_max: streams.bytes_max,
            age_max: streams.age_s_max.map(|age| Duration::from_secs(age.into())),
            when_full: match streams.when_full {
                WhenStreamsFull::Refuse => WhenFull::Refuse,
                WhenStreamsFull::DropOldest => WhenFull::DropOldest,
            },
            sync: streams.sync == StreamsSync::Always,
            segment_bytes: wanted.min(streams.bytes_max / 4),
            record_bytes_max: streams.record_bytes_max,
        }
    }

    fn log(&self) -> LogOptions {
        let waiting = usize::try_from(self.segment_bytes / 8).unwrap_or(usize::MAX);
        LogOptions {
            bytes_max: self.bytes_max,
            segment_bytes: self.segment_bytes,
            age_max: self.age_max,
            when_full: self.when_full,
            cursors_max: CURSORS_MAX,
            payload_bytes_max: usize::try_from(self.record_bytes_max).unwrap_or(usize::MAX),
            queue_bytes_max: waiting,
            on_thread_start: sedge_engine::priority::prompt,
            ..LogOptions::default()
        }
    }
}

/// A message on its way into the log.
#[derive(Clone, Debug)]
pub(crate) struct Incoming {
    /// The stream: an MQTT topic, 1 to 1,024 bytes.
    pub(crate) topic: String,
    /// Who says it, 1 to 256 bytes.
    pub(crate) device: String,
    /// By what it is recognized when it comes again; `None`: the node numbers it.
    pub(crate) number: Option<Number>,
    /// When it was said, milliseconds since 1970.
    pub(crate) time_ms: u64,
    /// What it is.
    pub(crate) envelope: Envelope,
    /// What is said.
    pub(crate) payload: Bytes,
}

/// The open log. Dropping it commits what waits, and ends the log if nobody else holds it.
pub(crate) struct Streams {
    // Ends before the log does.
    watcher: Watcher,
    log: Arc<Log>,
    numbering: Mutex<Numbering>,
    figures: Arc<Figures>,
    batch_bytes_max: usize,
    payload_bytes_max: usize,
}

impl Streams {
    /// Opens the log in the node's data folder, or makes it. What was lost is told to the
    /// node's log.
    ///
    /// # Errors
    /// It is in use, corrupt, or the disk has no room or has failed.
    pub(crate) fn open(config: &NodeConfig) -> Result<Arc<Self>> {
        Self::open_with(&StreamsOptions::of(config))
    }

    pub(crate) fn open_with(options: &StreamsOptions) -> Result<Arc<Self>> {
        let what = || format!("open the log of messages {}", options.folder.display());
        let files = Files::open(&options.folder).map_err(of_log).with_context(what)?;
        let media: Arc<dyn Media> = if options.sync {
            // The log sees to the names of the folders that it makes; the node has made those
            // above, and may have done so just now.
            for folder in options.folder.ancestors().skip(1).take(2) {
                let folder = if folder == Path::new("") { Path::new(".") } else { folder };
                let synced = File::open(folder).and_then(|folder| folder.sync_all());
                synced.with_context(|| format!("sync {}", folder.display()))?;
            }
            Arc::new(files)
        } else {
            Arc::new(Unsynced(files))
        };
        let log = Log::open_on(media, options.log()).map_err(of_log).with_context(what)?;
        tell_of(log.recovered());
        let (opened_at, log) = (log.usage().end, Arc::new(log));
        Ok(Arc::new(Streams {
            watcher: Watcher::start(Arc::clone(&log))?,
            numbering: Mutex::new(Numbering::new(opened_at)),
            log,
            figures: Arc::default(),
            batch_bytes_max: usize::try_from(options.segment_bytes / 8).unwrap_or(usize::MAX),
            payload_bytes_max: usize::try_from(options.record_bytes_max).unwrap_or(usize::MAX),
        }))
    }

    /// The log itself, for readers and for those who number what they say.
    pub(crate) fn log(&self) -> &Arc<Log> {
        &self.log
    }

    /// Numbers what has no number and appends all as one batch, with what becomes of a cursor;
    /// `reply` is told once it is durable, or why it is not. Does not block. Messages of one
    /// device lie in the order in which this is called with them.
    pub(crate) fn submit(
        &self,
        messages: Vec<Incoming>,
        cursor: Option<CursorChange>,
        reply: Reply,
    ) {
        let reply = self.figures.counting(&messages, reply);
        let mut records = Vec::with_capacity(messages.len());
        let mut unnumbered = Vec::new();
        for (index, message) in messages.into_iter().enumerate() {
            let key = match message.envelope.encode() {
                Ok(key) => key,
                Err(error) => return reply(Err(error)),
            };
            if message.number.is_none() {
                unnumbered.push(index);
            }
            records.push(Record {
                stream: message.topic,
                device: message.device,
                number: message.number.unwrap_or_default(),
                time_ms: message.time_ms,
                key,
                payload: message.payload,
            });
        }
        // What is answered at once is told when the lock is free again: who is told may come
        // back with more.
        let replies = Replies::hold();
        {
            let mut numbering = self.numbering.lock().unwrap_or_else(PoisonError::into_inner);
            for index in unnumbered {
                let record = &mut records[index];
                match numbering.next(&record.device) {
                    Ok(number) => record.number = number,
                    Err(error) => {
                        drop(numbering);
                        return reply(Err(error));
                    }
                }
            }
            self.log.submit(Batch { records, cursor }, replies.later(reply));
        }
        replies.tell();
    }

    /// The position of the next record that will be committed; changes whenever something was.
    pub(crate) fn committed(&self) -> watch::Receiver<u64> {
        self.watcher.receiver()
    }

    /// Bytes of one batch, at most.
    pub(crate) fn batch_bytes_max(&self) -> usize {
        self.batch_bytes_max
    }

    /// Bytes of one payload, at most.
    pub(crate) fn payload_bytes_max(&self) -> usize {
        self.payload_bytes_max
    }

    /// What was counted of what was submitted.
    pub(crate) fn figures(&self) -> &Figures {
        &self.figures
    }
}

fn tell_of(recovered: &Recovered) {
    if let Some(torn) = recovered.torn {
        let (from, to) = (torn.from, torn.to);
        tracing::info!(from, to, "messages that nobody was told of were cut off");
    }
    for lost in &recovered.lost {
        let (from, to, cause) = (lost.from, lost.to, lost.cause);
        tracing::error!(from, to, ?cause, "records of the log of messages are lost");
    }
    if recovered.is_state_lost {
        tracing::error!("every snapshot in the log of messages is damaged: cursors are lost");
    }
    for name in &recovered.foreign {
        tracing::warn!(name, "a file in the log of messages is of another log");
    }
}

fn of_log(error: LogError) -> anyhow::Error {
    match error.hint() {
        Some(hint) => WithHint::new(error, hint),
        None => error.into(),
    }
}
