//! What a window keeps, and how all that follows from some events is committed as one.
//!
//! State lies in the log and goes on to the tables, as that of functions does. What a step
//! brings about (results, letters, changed state, how far the events are read) is one batch of
//! the log, if the log takes that much at once. If not, it is a *transaction*: state and what
//! is to be said are written as records that mean nothing yet, and the last of its batches has
//! the cursor and the record that makes them count. What is to be said is part of the state
//! then, an *outbox*; each batch that says some of it removes that from there. So whatever
//! batch is the last one before a kill, a restart finds all of a step or nothing of it, and
//! says everything once.

use super::super::commit::{self, Place};
use super::super::consumer::COMMIT_AGAIN_AFTER;
use super::super::consumer::begin::begin_cursor;
use super::super::flushing::Flushing;
use super::super::{recall, unix_ms};
use super::figures::Figures;
use super::outbox;
use crate::streams::envelope::Kind;
use crate::streams::{Envelope, Incoming, Streams};
use anyhow::{Context, Result, anyhow};
use bytes::{BufMut, Bytes, BytesMut};
use sedge_kit::windows::Part;
use sedge_services::streams::{KeyedState, StateChange};
use sedge_store::Store;
use sedge_store::log::{Item, LogError};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{oneshot, watch};
use tokio::time::sleep;

/// Bytes of the log that are read at once.
const PAGE_BYTES: usize = 1 << 20;
/// Records of one batch.
const RECORDS_MAX: usize = 10_000;
/// What a payload begins with that is part of a transaction, and what makes its parts count;
/// other payloads are those of [`recall::payload`].
const STAGED: u8 = 2;
const END: u8 = 3;
/// The key of the record that ends a transaction.
const END_KEY: &str = "end";
/// The key of the fingerprint of the declaration that the state is of.
const DECLARED: &str = "declared";

/// What a window keeps.
pub(super) struct Kept {
    streams: Arc<Streams>,
    /// The window, in the log: its cursor, and who says its results.
    name: String,
    topic: String,
    state: KeyedState,
    flushing: Mutex<Flushing>,
    figures: Arc<Figures>,
}

/// What was kept when a window begins.
#[derive(Default)]
pub(super) struct Recalled {
    /// The operator's.
    pub(super) parts: Vec<(Part, Bytes)>,
    /// Of which declaration these are.
    pub(super) declared: Option<String>,
    /// What was committed and not said.
    unsaid: Vec<(String, Incoming)>,
}

impl Kept {
    /// Finds what was kept. `name`: `app/windows/window`.
    ///
    /// # Errors
    /// The log or the tables cannot be read, or have what another version wrote.
    pub(super) async fn open(
        streams: &Arc<Streams>,
        store: &Store,
        name: &str,
        figures: &Arc<Figures>,
    ) -> Result<(Self, Recalled)> {
        let (app, window) = name.split_once('/').context("a window has a name in its app")?;
        let state = KeyedState::new(store, app, window)?;
        let topic = recall::topic(name);
        if streams.log().cursor(&topic).is_none() {
            let (name, position) = (topic.clone(), streams.log().usage().end);
            begin_cursor(streams, Place { name, position, state: Bytes::new() }).await?;
        }
        let kept = Kept {
            streams: Arc::clone(streams),
            name: name.to_owned(),
            flushing: Mutex::new(Flushing::new(topic.clone())),
            topic,
            state,
            figures: Arc::clone(figures),
        };
        kept.recall()?;
        let recalled = kept.recalled()?;
        Ok((kept, recalled))
    }

    /// Reads from the log what the tables may not have.
    fn recall(&self) -> Result<()> {
        let Some(cursor) = self.streams.log().cursor(&self.topic) else { return Ok(()) };
        let mut reader = self.streams.log().reader(cursor.position);
        // The transaction that has begun, and what it has changed so far.
        let mut open: (u64, Vec<StateChange>) = (0, Vec::new());
        loop {
            let page = reader.read(PAGE_BYTES)?;
            if page.is_empty() {
                return Ok(());
            }
            for item in page {
                match item {
                    Item::Record { position, record, .. } if record.stream == self.topic => {
                        let envelope = Envelope::decode(&record.key)?;
                        let written = read(&envelope, &record.payload)
                            .ok_or_else(|| anyhow!("the state at {position} cannot be read"))?;
                        match written {
                            Written::Plain(change) => self.note(&[change]),
                            Written::Staged(begun, change) => {
                                if open.0 != begun {
                                    open = (begun, Vec::new());
                                }
                                open.1.push(change);
                            }
                            Written::End(begun) if begun == open.0 => {
                                self.note(&std::mem::take(&mut open.1));
                            }
                            Written::End(begun) => {
                                return Err(anyhow!("the parts of transaction {begun} are lost"));
                            }
                        }
                    }
                    Item::Lost(lost) => {
                        let (window, from, to) = (&self.name, lost.from, lost.to);
                        tracing::error!(window, from, to, "changes of a window may be lost");
                    }
                    _ => {}
                }
            }
            if self.state.unwritten_bytes() > 16 * PAGE_BYTES {
                self.state.flush();
            }
        }
    }

    /// Takes note of changes that the log has.
    fn note(&self, changes: &[StateChange]) {
        self.state.commit(changes, self.state.accept(changes));
        self.state.forget_before(self.state.version());
    }

    fn recalled(&self) -> Result<Recalled> {
        let mut recalled = Recalled::default();
        for (key, value) in self.state.entries().context("read what a window keeps")? {
            if key == DECLARED {
                recalled.declared = Some(String::from_utf8_lossy(&value).into_owned());
            } else if outbox::is_key(&key) {
                let message = outbox::read(&self.name, &value)
                    .ok_or_else(|| anyhow!("a result that was not said cannot be read"))?;
                recalled.unsaid.push((key, message));
            } else {
                let part = Part::from_name(&key);
                let part = part.ok_or_else(|| anyhow!("`{}` is no state", key.escape_debug()))?;
                recalled.parts.push((part, value));
            }
        }
        recalled.unsaid.sort_by(|(one, _), (two, _)| one.cmp(two));
        Ok(recalled)
    }

    /// Says what was committed and not said. Whether all of it was.
    ///
    /// # Errors
    /// The log has failed.
    pub(super) async fn say(
        &self,
        recalled: &mut Recalled,
        stop: &watch::Receiver<bool>,
    ) -> Result<bool> {
        self.drain(std::mem::take(&mut recalled.unsaid), stop).await
    }

    /// Removes what is kept, and begins anew, for this declaration. Whether that was done.
    ///
    /// # Errors
    /// The log has failed.
    pub(super) async fn begin_anew(
        &self,
        recalled: &mut Recalled,
        declared: &str,
        stop: &watch::Receiver<bool>,
    ) -> Result<bool> {
        let gone = std::mem::take(&mut recalled.parts).into_iter();
        let mut changes: Vec<StateChange> =
            gone.map(|(part, _)| StateChange { key: part.to_name(), value: None }).collect();
        // Last: until it is there, whoever begins does all of this again.
        let value = Some(Bytes::copy_from_slice(declared.as_bytes()));
        changes.push(StateChange { key: DECLARED.to_owned(), value });
        let size = |change: &StateChange| commit::bytes(&[self.record(change)]);
        for batch in self.pieces(changes, size) {
            let messages = batch.iter().map(|change| self.record(change)).collect();
            if !self.submit(messages, None, stop).await? {
                return Ok(false);
            }
            self.note(&batch);
        }
        Ok(true)
    }

    /// Commits what a step has brought about. Whether it did: not, if the log has no room and
    /// it is told to stop.
    ///
    /// # Errors
    /// The log has failed, or can never take it.
    pub(super) async fn commit(
        &self,
        changes: Vec<StateChange>,
        messages: Vec<Incoming>,
        position: u64,
        stop: &watch::Receiver<bool>,
    ) -> Result<bool> {
        let mut records: Vec<Incoming> = messages.clone();
        records.extend(changes.iter().map(|change| self.record(change)));
        let place = self.place(position);
        let fits = commit::bytes(&records) <= self.streams.batch_bytes_max();
        if fits && records.len() <= RECORDS_MAX {
            let is_done = self.submit(records, Some(place), stop).await?;
            if is_done {
                self.note(&changes);
            }
            return Ok(is_done);
        }
        drop(records);
        let unsaid: Vec<(String, Incoming)> = outbox::keyed(messages);
        let mut all = changes;
        all.extend(unsaid.iter().map(|(key, message)| StateChange {
            key: key.clone(),
            value: Some(outbox::written(message)),
        }));
        if !self.transaction(&all, place, stop).await? {
            return Ok(false);
        }
        self.note(&all);
        self.drain(unsaid, stop).await
    }

    /// Commits changes in several batches, of which the last one makes them count.
    async fn transaction(
        &self,
        changes: &[StateChange],
        place: Place,
        stop: &watch::Receiver<bool>,
    ) -> Result<bool> {
        // No transaction that has left anything in the log has begun there.
        let begun = self.streams.log().usage().end;
        let (batches, end) = self.batches(begun, changes);
        for batch in batches {
            if !self.submit_below(batch, None, Some(begun), stop).await? {
                return Ok(false);
            }
        }
        self.submit_below(vec![end], Some(place), Some(begun), stop).await
    }

    /// The batches of a transaction that has begun there, and the record that makes them count.
    fn batches(&self, begun: u64, changes: &[StateChange]) -> (Vec<Vec<Incoming>>, Incoming) {
        let size = |change: &&StateChange| commit::bytes(&[self.staged(begun, change)]);
        let pieces = self.pieces(changes.iter().collect(), size);
        let batch = |piece: Vec<&StateChange>| {
            piece.into_iter().map(|change| self.staged(begun, change)).collect()
        };
        (pieces.into_iter().map(batch).collect(), self.end(begun))
    }

    /// Says what lies in the outbox, in its order, and removes it from there.
    async fn drain(
        &self,
        unsaid: Vec<(String, Incoming)>,
        stop: &watch::Receiver<bool>,
    ) -> Result<bool> {
        let gone = |key: &String| StateChange { key: key.clone(), value: None };
        let size = |(key, message): &(String, Incoming)| {
            commit::bytes(std::slice::from_ref(message)) + commit::bytes(&[self.record(&gone(key))])
        };
        for batch in self.pieces(unsaid, size) {
            let changes: Vec<StateChange> = batch.iter().map(|(key, _)| gone(key)).collect();
            let mut messages: Vec<Incoming> =
                batch.into_iter().map(|(_, message)| message).collect();
            messages.extend(changes.iter().map(|change| self.record(change)));
            if !self.submit(messages, None, stop).await? {
                return Ok(false);
            }
            self.note(&changes);
        }
        Ok(true)
    }

    /// In their order, as many in each as one batch of the log takes.
    fn pieces<T>(&self, all: Vec<T>, size: impl Fn(&T) -> usize) -> Vec<Vec<T>> {
        let bytes_max = self.streams.batch_bytes_max();
        let (mut pieces, mut piece, mut bytes) = (Vec::new(), Vec::new(), 0);
        for one in all {
            let size = size(&one);
            let is_full = bytes + size > bytes_max || piece.len() >= RECORDS_MAX / 2;
            if is_full && !piece.is_empty() {
                pieces.push(std::mem::take(&mut piece));
                bytes = 0;
            }
            bytes += size;
            piece.push(one);
        }
        if !piece.is_empty() {
            pieces.push(piece);
        }
        pieces
    }

    /// Hands a batch to the log until it is taken. Whether it was: not, if the log has no room
    /// and it is told to stop.
    async fn submit(
        &self,
        messages: Vec<Incoming>,
        place: Option<Place>,
        stop: &watch::Receiver<bool>,
    ) -> Result<bool> {
        self.submit_below(messages, place, None, stop).await
    }

    /// The same. `settled`: where no change lies below that does not count yet; without it,
    /// that is the end of the log.
    async fn submit_below(
        &self,
        messages: Vec<Incoming>,
        place: Option<Place>,
        settled: Option<u64>,
        stop: &watch::Receiver<bool>,
    ) -> Result<bool> {
        loop {
            let (told, reply) = oneshot::channel();
            let cursor = place.as_ref().map(Place::change);
            let reply_to = Box::new(move |result| drop(told.send(result)));
            self.streams.submit(messages.clone(), cursor, reply_to);
            match reply.await.unwrap_or(Err(LogError::Closed)) {
                Ok(_) => {
                    self.figures.commits.fetch_add(1, Relaxed);
                    return Ok(true);
                }
                Err(LogError::Full | LogError::Busy | LogError::TooManyDevices) => {
                    if self.figures.commit_errors.fetch_add(1, Relaxed) == 0 {
                        let window = &self.name;
                        tracing::warn!(window, "the log has no room for what a window says");
                    }
                    if *stop.borrow() {
                        return Ok(false);
                    }
                    // It may be this window's own state that takes the room: all that the
                    // tables do not have lies in the log, and nobody else hands it to them.
                    if let Some(place) = self.flush(settled) {
                        let reply = Box::new(drop);
                        self.streams.submit(Vec::new(), Some(place.change()), reply);
                    }
                    sleep(COMMIT_AGAIN_AFTER).await;
                }
                Err(error) => {
                    return Err(anyhow!(error).context("commit what a window has brought about"));
                }
            }
        }
    }

    /// Notes how far all is read, and lets the tables take what is kept; between two steps.
    ///
    /// # Errors
    /// The log has failed.
    pub(super) async fn keep_house(
        &self,
        position: Option<u64>,
        stop: &watch::Receiver<bool>,
    ) -> Result<bool> {
        if let Some(position) = position
            && !self.submit(Vec::new(), Some(self.place(position)), stop).await?
        {
            return Ok(false);
        }
        match self.flush(None) {
            Some(place) => self.submit(Vec::new(), Some(place), stop).await,
            None => Ok(true),
        }
    }

    /// Lets the tables take what is kept, and says where the cursor of the state is to be put.
    fn flush(&self, settled: Option<u64>) -> Option<Place> {
        let settled = settled.unwrap_or_else(|| self.streams.log().usage().end);
        let mut flushing = self.flushing.lock().unwrap_or_else(PoisonError::into_inner);
        flushing.step(&self.state, settled)
    }

    /// Bytes of state that are in memory and not in the tables.
    pub(super) fn unwritten_bytes(&self) -> usize {
        self.state.unwritten_bytes()
    }

    fn place(&self, position: u64) -> Place {
        Place { name: self.name.clone(), position, state: Bytes::new() }
    }

    fn record(&self, change: &StateChange) -> Incoming {
        self.keyed(&change.key, recall::payload(change))
    }

    fn staged(&self, begun: u64, change: &StateChange) -> Incoming {
        let payload = recall::payload(change);
        let mut bytes = BytesMut::with_capacity(9 + payload.len());
        bytes.put_u8(STAGED);
        bytes.put_u64_le(begun);
        bytes.put_slice(&payload);
        self.keyed(&change.key, bytes.freeze())
    }

    fn end(&self, begun: u64) -> Incoming {
        let mut bytes = BytesMut::with_capacity(9);
        bytes.put_u8(END);
        bytes.put_u64_le(begun);
        self.keyed(END_KEY, bytes.freeze())
    }

    fn keyed(&self, key: &str, payload: Bytes) -> Incoming {
        let (kind, key) = (Kind::State, Bytes::copy_from_slice(key.as_bytes()));
        Incoming {
            topic: self.topic.clone(),
            device: self.name.clone(),
            number: None,
            time_ms: unix_ms(),
            envelope: Envelope { kind, content_type: None, key },
            payload,
        }
    }
}

/// What a record of the state is.
#[derive(Debug, PartialEq)]
enum Written {
    /// A change that counts.
    Plain(StateChange),
    /// One that counts if its transaction ends.
    Staged(u64, StateChange),
    /// The end of a transaction.
    End(u64),
}

/// `None` if it is none.
fn read(envelope: &Envelope, payload: &Bytes) -> Option<Written> {
    if envelope.kind != Kind::State {
        return None;
    }
    let begun = || payload.get(1..9)?.try_into().ok().map(u64::from_le_bytes);
    match *payload.first()? {
        STAGED => Some(Written::Staged(begun()?, recall::change(envelope, &payload.slice(9..))?)),
        END if payload.len() == 9 => Some(Written::End(begun()?)),
        _ => recall::change(envelope, payload).map(Written::Plain),
    }
}

#[cfg(test)]
mod tests;
