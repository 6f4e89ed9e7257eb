//! What opening makes of the files that an earlier life has left.
//!
//! The newest snapshot that is whole, and then the log from its position on. What is damaged
//! costs what it held, and is told: a snapshot what came between it and the one before, if the
//! log has that no more; a record of the log its changes. A file of a newer version is not
//! passed over: the node does not start.

use super::mirror::{self, Figures};
use super::snapshot::{self, Snapshot, Unusable, Writer};
use super::{JournalOptions, NAME};
use crate::hint::WithHint;
use anyhow::{Context, Result, anyhow};
use sedge_ingress::mqtt::journal::{Change, Kept};
use sedge_store::log::{Files, Item, Log, LogOptions, Lost, Media, WhenFull};
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// Bytes of the log that are read at once.
const READ_BYTES: usize = 4 << 20;

/// What opening has made of it.
pub(super) struct Opened {
    pub(super) log: Log,
    pub(super) kept: Kept,
    pub(super) writer: Writer,
    pub(super) figures: Arc<Figures>,
}

/// Opens the log and the snapshots in a folder, or makes them.
pub(super) fn open(options: &JournalOptions) -> Result<Opened> {
    let files = Files::open(options.folder.join("log")).map_err(of_log)?;
    // The log sees to the names of the folders that it makes; the node has made those above,
    // and may have done so just now.
    for folder in options.folder.ancestors().skip(1).take(2) {
        let folder = if folder == Path::new("") { Path::new(".") } else { folder };
        let synced = File::open(folder).and_then(|folder| folder.sync_all());
        synced.with_context(|| format!("sync {}", folder.display()))?;
    }
    open_on(Arc::new(files), options)
}

/// The same on some media; snapshots are files in any case.
pub(super) fn open_on(media: Arc<dyn Media>, options: &JournalOptions) -> Result<Opened> {
    let log = Log::open_on(media, log_options(options)).map_err(of_log)?;
    let figures = Arc::<Figures>::default();
    tell_of_log(&log, &figures);
    let (newest, next_generation, damaged) = newest(&options.folder)?;
    let mut writer = Writer::new(&options.folder, newest.as_ref(), next_generation);
    figures.lost.fetch_add(damaged, Relaxed);
    figures.snapshot_bytes.store(writer.newest_bytes(), Relaxed);
    let (mut kept, from) = match newest {
        Some(newest) => (newest.kept, newest.position),
        None => (Kept::default(), 0),
    };
    let end = log.usage().end;
    let is_ahead = from > end;
    if is_ahead {
        tracing::error!(
            snapshot = from,
            log = end,
            "the log of the MQTT front ends before its snapshot: what came between may be lost"
        );
        figures.lost.fetch_add(1, Relaxed);
    }
    let read = replay(&log, from, &mut kept)?;
    figures.lost.fetch_add(read.lost, Relaxed);
    writer.replayed_bytes = read.bytes;
    if is_ahead || damaged > 0 || read.lost > 0 {
        // From here on nothing of it is needed any more, and it is told once.
        writer.write_alone(&kept, end).context("write a snapshot of the MQTT sessions")?;
    }
    if log.usage().bytes + 2 * options.segment_bytes() > options.bytes_max {
        make_room(&log, &mut writer, &kept, end);
    }
    Ok(Opened { log, kept, writer, figures })
}

/// A log that was full when the node ended should not refuse who comes first. If it still is,
/// they are, and what can be done is done again then.
fn make_room(log: &Log, writer: &mut Writer, kept: &Kept, end: u64) {
    if writer.replayed_bytes > 0
        && let Err(error) = writer.write(kept, end)
    {
        tracing::warn!(%error, "a snapshot of the MQTT sessions could not be written");
    }
    if let Some(position) = writer.newest_position() {
        mirror::release(log, position);
    }
}

fn log_options(options: &JournalOptions) -> LogOptions {
    let segment_bytes = options.segment_bytes();
    LogOptions {
        bytes_max: options.bytes_max,
        segment_bytes,
        age_max: None,
        when_full: WhenFull::Refuse,
        cursors_max: 4,
        payload_bytes_max: (segment_bytes / 8) as usize,
        queue_bytes_max: (segment_bytes / 8) as usize,
        on_thread_start: sedge_engine::priority::prompt,
        ..LogOptions::default()
    }
}

/// The newest snapshot that is whole, the generation of the next one, and how many are damaged.
fn newest(folder: &Path) -> Result<(Option<Snapshot>, u64, u64)> {
    let read = || format!("read {}", folder.display());
    let files = snapshot::list(folder).with_context(read)?;
    let next = files.first().map_or(1, |(generation, _)| generation.saturating_add(1));
    let mut damaged = 0;
    for (_, path) in files {
        match snapshot::read(&path) {
            Ok(snapshot) => return Ok((Some(snapshot), next, damaged)),
            Err(Unusable::Damaged) => {
                damaged += 1;
                tracing::error!(path = %path.display(), "a snapshot of the MQTT sessions is damaged");
            }
            Err(error @ Unusable::Newer) => {
                let error = anyhow!("{}: {error}", path.display());
                let hint = "start that version again, or move the folder away to begin anew";
                return Err(WithHint::new(error, hint));
            }
            // Better to try again than to go on without what may be read another time.
            Err(error) => return Err(error).with_context(|| format!("read {}", path.display())),
        }
    }
    Ok((None, next, damaged))
}

/// What reading the log has found.
struct Replayed {
    bytes: u64,
    /// Positions.
    lost: u64,
}

/// Applies what the log has from a position on.
fn replay(log: &Log, from: u64, kept: &mut Kept) -> Result<Replayed> {
    let mut replayed = Replayed { bytes: 0, lost: 0 };
    let mut reader = log.reader(from);
    loop {
        let items = reader.read(READ_BYTES).map_err(of_log)?;
        if items.is_empty() {
            return Ok(replayed);
        }
        for item in items {
            match item {
                Item::Record { position, record, .. } if record.stream == NAME => {
                    replayed.bytes += record.payload.len() as u64;
                    let changes = Change::decode(&record.payload).map_err(|error| {
                        let error = anyhow!("the log of the MQTT front, at {position}: {error}");
                        let hint = "it was written by a newer version of sedge: start that one";
                        WithHint::new(error, hint)
                    })?;
                    changes.into_iter().for_each(|change| kept.apply(change));
                }
                Item::Record { .. } => {}
                Item::Gap { gap, .. } => {
                    replayed.lost += gap.records;
                    tell_lost(Lost {
                        from: gap.from,
                        to: gap.to,
                        cause: sedge_store::log::LostCause::Removed,
                    });
                }
                Item::Lost(lost) => {
                    replayed.lost += lost.to - lost.from;
                    tell_lost(lost);
                }
            }
        }
    }
}

/// Says what opening the log itself has found.
fn tell_of_log(log: &Log, figures: &Figures) {
    let recovered = log.recovered();
    if let Some(torn) = recovered.torn {
        tracing::info!(
            from = torn.from,
            to = torn.to,
            "changes of MQTT sessions that nobody was told of were cut off"
        );
    }
    if recovered.is_state_lost {
        figures.lost.fetch_add(1, Relaxed);
        tracing::error!("every snapshot in the log of the MQTT front is damaged");
    }
    for name in &recovered.foreign {
        tracing::warn!(name, "a file in the log of the MQTT front is of another log");
    }
}

fn tell_lost(lost: Lost) {
    tracing::error!(
        from = lost.from,
        to = lost.to,
        cause = ?lost.cause,
        "changes of MQTT sessions are lost: what they said is as if it had not happened"
    );
}

fn of_log(error: sedge_store::log::LogError) -> anyhow::Error {
    let hint = error.hint();
    let error = anyhow::Error::new(error).context("open the log of the MQTT front");
    match hint {
        Some(hint) => WithHint::new(error, hint),
        None => error,
    }
}
