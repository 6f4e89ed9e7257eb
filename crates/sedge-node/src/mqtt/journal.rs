//! What the MQTT front must not forget, on the disk.
//!
//! Changes go into a log (`sedge_store::log`): whoever comes while the disk is busy shares the
//! next sync, as one record of the log. Beside it lies a *snapshot* of what is left of them,
//! so that opening reads what came since, and the log may let go of what came before.
//!
//! In the order in which a change travels: [`DiskJournal`] gathers and hands over, `settle`
//! answers, `mirror` keeps what is left of all changes and writes it down from time to time,
//! `snapshot` is the file, `opening` makes of both what was there before.

mod mirror;
mod opening;
mod settle;
mod snapshot;
#[cfg(test)]
mod tests;

pub(crate) use mirror::Figures;

use mirror::Mirror;
use sedge_ingress::mqtt::Message;
use sedge_ingress::mqtt::journal::{Change, Journal, JournalError, Kept, Reply, Will};
use sedge_store::log::{Batch, Log, LogError, Number, Outcome, Record};
use settle::Settled;
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The log's name for whoever says all this, and for what it is about.
const NAME: &str = "mqtt";
/// Bytes of changes that become one record, unless one commit alone has more.
const GROUP_BYTES: usize = 1 << 20;
/// Bytes that a record of the log may have beside its payload.
const RECORD_OVERHEAD_BYTES: usize = 4 << 10;
/// Bytes of a segment of the log, if packets need no larger ones.
const SEGMENT_BYTES: u64 = 64 << 20;
/// How long the log's writer may take to let go of a journal.
const LET_GO: Duration = Duration::from_secs(1);
/// What a packet may become with all that is said of who gets it.
const PACKET_MARGIN_BYTES: u64 = 1 << 20;

/// How a journal is bounded.
#[derive(Clone, Debug)]
pub(crate) struct JournalOptions {
    /// The folder in which log and snapshots lie; it is made if it is not there.
    pub(crate) folder: PathBuf,
    /// Bytes of the log.
    pub(crate) bytes_max: u64,
    /// Bytes of changes that wait for the disk or the mirror; one more is refused.
    pub(crate) waiting_bytes_max: usize,
    /// The largest packet that the front takes: one must fit into a record. The configuration
    /// sees to it that `bytes_max` is enough for that.
    pub(crate) packet_bytes_max: u64,
}

impl JournalOptions {
    fn segment_bytes(&self) -> u64 {
        let wanted = 8 * (self.packet_bytes_max + PACKET_MARGIN_BYTES);
        wanted.max(SEGMENT_BYTES.min(self.bytes_max / 8)).min(self.bytes_max / 4)
    }

    /// Bytes of one commit.
    fn record_bytes_max(&self) -> usize {
        (self.segment_bytes() / 8) as usize - RECORD_OVERHEAD_BYTES
    }

    /// Bytes of the log after which there is a new snapshot, at least.
    fn snapshot_every_bytes(&self) -> u64 {
        self.segment_bytes().min(self.bytes_max / 8)
    }
}

/// The journal of a node. Dropping it leaves what was committed on the disk.
pub(crate) struct DiskJournal {
    shared: Arc<Shared>,
    loaded: Mutex<Option<Kept>>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    log: Arc<Log>,
    record_bytes_max: usize,
    waiting_bytes_max: usize,
    gathered: Mutex<Gathered>,
    figures: Arc<Figures>,
    /// Bytes of changes that are committed, but not in the mirror yet.
    outstanding: Arc<AtomicUsize>,
    settled: mpsc::Sender<Settled>,
}

/// What waits for the record that is on its way to the disk.
struct Gathered {
    waiting: VecDeque<Commit>,
    is_under_way: bool,
    next: Number,
}

/// Changes, and who is to be told.
struct Commit {
    changes: Vec<Change>,
    bytes: usize,
    reply: Reply,
}

impl DiskJournal {
    /// Opens a journal, or makes one. What was lost of it is told to the node's log.
    pub(crate) fn open(options: &JournalOptions) -> anyhow::Result<Self> {
        Self::assemble(opening::open(options)?, options)
    }

    /// The same, with the log on some media.
    #[cfg(test)]
    fn open_on(
        media: Arc<dyn sedge_store::log::Media>,
        options: &JournalOptions,
    ) -> anyhow::Result<Self> {
        Self::assemble(opening::open_on(media, options)?, options)
    }

    fn assemble(opened: opening::Opened, options: &JournalOptions) -> anyhow::Result<Self> {
        let opening::Opened { log, kept, writer, figures } = opened;
        let log = Arc::new(log);
        let outstanding = Arc::new(AtomicUsize::new(0));
        // Grows with each life in which anything was stored.
        let next = Number { epoch: log.usage().end, sequence: 0 };
        let mirror = Mirror {
            kept: kept.clone(),
            log: Arc::clone(&log),
            writer,
            every_bytes: options.snapshot_every_bytes(),
            outstanding: Arc::clone(&outstanding),
            figures: Arc::clone(&figures),
        };
        let (settled, received) = mpsc::channel();
        let (applied, changes) = mpsc::channel();
        let answering = settle::Answering {
            applied,
            outstanding: Arc::clone(&outstanding),
            told: settle::Told::default(),
        };
        let spawn = |name: &str, run: Box<dyn FnOnce() + Send>| {
            std::thread::Builder::new().name(name.to_owned()).spawn(run)
        };
        let threads = vec![
            spawn(
                "mqtt-settle",
                Box::new(move || {
                    sedge_engine::priority::prompt();
                    answering.run(&received);
                }),
            )?,
            spawn("mqtt-snapshot", Box::new(move || mirror.run(&changes)))?,
        ];
        let shared = Arc::new(Shared {
            log,
            record_bytes_max: options.record_bytes_max(),
            waiting_bytes_max: options.waiting_bytes_max,
            gathered: Mutex::new(Gathered { waiting: VecDeque::new(), is_under_way: false, next }),
            figures,
            outstanding,
            settled,
        });
        Ok(DiskJournal { shared, loaded: Mutex::new(Some(kept)), threads })
    }

    /// What is known of it.
    pub(crate) fn figures(&self) -> &Figures {
        &self.shared.figures
    }

    /// How its log stands.
    pub(crate) fn log(&self) -> &Log {
        &self.shared.log
    }

    /// Bytes of changes that wait.
    pub(crate) fn waiting_bytes(&self) -> usize {
        self.shared.outstanding.load(Relaxed)
    }

    /// Waits until everything is durable, and writes it down, so that the next opening has
    /// nothing to read.
    pub(crate) fn close(&self) {
        let (sender, receiver) = mpsc::sync_channel(1);
        // The receiver waits below.
        self.commit(Vec::new(), Box::new(move |result| drop(sender.send(result))));
        if let Ok(Ok(())) = receiver.recv() {
            let (sender, receiver) = mpsc::sync_channel(1);
            drop(self.shared.settled.send(Settled::Write(sender)));
            // It is over when the snapshot is written, or cannot be.
            let _ = receiver.recv();
        }
    }
}

impl Drop for DiskJournal {
    fn drop(&mut self) {
        // Whoever waits is told first.
        let _ = self.shared.settled.send(Settled::End);
        // A reply that held the last handle runs on one of them, which must not wait for itself.
        let own = std::thread::current().id();
        let others = self.threads.drain(..).filter(|thread| thread.thread().id() != own);
        others.for_each(|thread| drop(thread.join()));
        // The log's writer holds it for a moment after its last answer; whoever opens the folder
        // next should find it free.
        let until = Instant::now() + LET_GO;
        while Arc::strong_count(&self.shared) > 1 && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Journal for DiskJournal {
    fn commit(&self, changes: Vec<Change>, reply: Reply) {
        self.shared.commit(changes, reply);
    }

    fn notice(&self, _: &Arc<Message>) {}

    fn load(&self) -> Result<Kept, JournalError> {
        let kept = self.loaded.lock().unwrap_or_else(PoisonError::into_inner).take();
        kept.ok_or_else(|| JournalError::Failed("it was loaded before".to_owned()))
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Gathered> {
        self.gathered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn commit(self: &Arc<Self>, changes: Vec<Change>, reply: Reply) {
        let bytes: usize = changes.iter().map(weight).sum();
        if bytes > self.record_bytes_max {
            let text = format!("{bytes} bytes at once are more than {}", self.record_bytes_max);
            return reply(Err(JournalError::Failed(text)));
        }
        let before = self.outstanding.fetch_add(bytes, Relaxed);
        if before > 0 && before + bytes > self.waiting_bytes_max {
            self.outstanding.fetch_sub(bytes, Relaxed);
            return reply(Err(JournalError::Busy));
        }
        let mut gathered = self.lock();
        gathered.waiting.push_back(Commit { changes, bytes, reply });
        if !std::mem::replace(&mut gathered.is_under_way, true) {
            drop(gathered);
            self.submit();
        }
    }

    /// Hands what was gathered to the log, as one record. Called by whoever finds nothing
    /// under way, and when something has arrived.
    fn submit(self: &Arc<Self>) {
        loop {
            let mut gathered = self.lock();
            let (mut group, mut bytes) = (Vec::new(), 0);
            while let Some(next) = gathered.waiting.front() {
                bytes += next.bytes;
                if !group.is_empty() && bytes > GROUP_BYTES.min(self.record_bytes_max) {
                    break;
                }
                group.extend(gathered.waiting.pop_front());
            }
            if group.is_empty() {
                gathered.is_under_way = false;
                return;
            }
            let number = gathered.next;
            gathered.next.sequence += 1;
            drop(gathered);
            if group.iter().all(|commit| commit.changes.is_empty()) {
                // All that came before is durable, or was refused.
                let failure = self.log.failure();
                self.settle(
                    group,
                    failure.map_or(Ok(None), |text| Err(JournalError::Failed(text))),
                );
                continue;
            }
            let payload = Change::encode(group.iter().flat_map(|commit| &commit.changes));
            let batch = Batch { records: vec![record(number, payload)], cursor: None };
            let shared = Arc::clone(self);
            let reply = move |result: Result<Vec<Outcome>, LogError>| {
                shared.settle(group, stored(result));
                shared.submit();
            };
            return self.log.submit(batch, Box::new(reply));
        }
    }

    /// Passes on what became of a group: at the position of its record, or nowhere.
    fn settle(&self, group: Vec<Commit>, result: Result<Option<u64>, JournalError>) {
        if let Err(mpsc::SendError(Settled::Group(group, _))) =
            self.settled.send(Settled::Group(group, result))
        {
            // The journal is being dropped.
            for commit in group {
                (commit.reply)(Err(JournalError::Failed("the journal is closed".to_owned())));
            }
        }
    }
}

fn record(number: Number, payload: Vec<u8>) -> Record {
    Record {
        stream: NAME.to_owned(),
        device: NAME.to_owned(),
        number,
        time_ms: 0,
        key: bytes::Bytes::new(),
        payload: payload.into(),
    }
}

fn stored(result: Result<Vec<Outcome>, LogError>) -> Result<Option<u64>, JournalError> {
    match result {
        Ok(outcomes) => match outcomes.first() {
            Some(Outcome::Stored(position)) => Ok(Some(*position)),
            _ => Err(JournalError::Failed("the log has taken it for another".to_owned())),
        },
        Err(LogError::Full) => Err(JournalError::Full),
        Err(LogError::Busy) => Err(JournalError::Busy),
        Err(error) => Err(JournalError::Failed(error.to_string())),
    }
}

/// At least as many bytes as a change has when it is written, and about as many as it has in
/// memory.
fn weight(change: &Change) -> usize {
    /// Of lengths, numbers and flags.
    const FIXED: usize = 64;
    let message = |message: &Message| {
        let properties = message.properties.as_ref();
        let user = properties.map_or(0, |properties| 16 * properties.user.len());
        FIXED + message.bytes() + message.publisher.len() + user
    };
    let of_will = |will: &Option<Will>| will.as_ref().map_or(0, |will| message(&will.message));
    let one = match change {
        Change::Published { message: published, received, to } => {
            let to = to
                .iter()
                .map(|(client, delivery)| FIXED + client.len() + 4 * delivery.subscriptions.len());
            let received = received.as_ref().map_or(0, |(client, _)| client.len());
            message(published) + received + to.sum::<usize>()
        }
        Change::Connected { client, will, .. } => client.len() + of_will(will),
        Change::Left { client, .. }
        | Change::Ended { client }
        | Change::WillDone { client }
        | Change::Released { client, .. }
        | Change::Done { client, .. }
        | Change::Forgotten { client, .. } => client.len(),
        Change::Subscribed { client, filter, .. } | Change::Unsubscribed { client, filter } => {
            client.len() + filter.len()
        }
        Change::Owed { client, delivery, message: owed } => {
            client.len() + message(owed) + 4 * delivery.subscriptions.len()
        }
    };
    FIXED + one
}
