//! What MQTT clients publish goes into the log of messages, too, if somebody wants it there.
//!
//! A journal around the front's own: a message is acknowledged when both have it. If the log
//! refuses it, so is the message, as by a full journal. Answers come in the order of the calls:
//! each side answers in order, and whoever has nothing for the log waits for it all the same as
//! long as something is on its way there.

use super::numbering::OWN_EPOCHS;
use super::{Envelope, Incoming, StreamsHandle};
use sedge_ingress::ingest::{EPOCH, SEQUENCE};
use sedge_ingress::mqtt::journal::{Change, Journal, JournalError, Kept, Reply};
use sedge_ingress::mqtt::{Message, MessageProperties};
use sedge_store::log::{LogError, Number};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};

type Result = std::result::Result<(), JournalError>;

/// Keeps what the front must not forget where it was kept before, and messages besides.
pub(crate) struct Capture {
    journal: Arc<dyn Journal>,
    handle: Arc<StreamsHandle>,
    /// Calls whose messages are on their way into the log.
    under_way: Arc<AtomicUsize>,
}

impl Capture {
    pub(crate) fn new(journal: Arc<dyn Journal>, handle: Arc<StreamsHandle>) -> Self {
        Capture { journal, handle, under_way: Arc::default() }
    }

    /// What of these changes the log is to have, and what takes them back if it does not.
    fn wanted(
        &self,
        changes: &[Change],
    ) -> std::result::Result<(Vec<Incoming>, Vec<Change>), JournalError> {
        let (mut messages, mut undo) = (Vec::new(), Vec::new());
        for change in changes {
            let Change::Published { message, received, to } = change else { continue };
            let incoming = self.incoming(message)?;
            if incoming.is_empty() {
                continue;
            }
            messages.extend(incoming);
            let owed = to.iter().filter(|(_, delivery)| delivery.qos > 0);
            undo.extend(owed.map(|(client, delivery)| Change::Done {
                client: Arc::clone(client),
                sequence: delivery.sequence,
            }));
            undo.extend(received.iter().map(|(client, packet_id)| Change::Forgotten {
                client: Arc::clone(client),
                packet_id: *packet_id,
            }));
        }
        Ok((messages, undo))
    }

    /// What the log is to have of a message: itself if somebody wants it there, and its
    /// readings if it is one that is read.
    fn incoming(&self, message: &Message) -> std::result::Result<Vec<Incoming>, JournalError> {
        // What the node itself publishes lies in the log already.
        if message.publisher.is_empty() {
            return Ok(Vec::new());
        }
        let mut incoming = Vec::new();
        if self.handle.keeps(&message.topic) {
            let properties = message.properties.as_deref();
            incoming.push(Incoming {
                topic: message.topic.to_string(),
                device: message.publisher.to_string(),
                number: properties.map_or(Ok(None), number)?,
                time_ms: message.received_ms,
                envelope: Envelope {
                    content_type: properties.and_then(|properties| properties.content_type.clone()),
                    ..Envelope::default()
                },
                payload: message.payload.clone(),
            });
        }
        if let Some(sparkplug) = self.handle.reader_of(&message.topic) {
            incoming.extend(sparkplug.receive(message));
        }
        Ok(incoming)
    }

    fn submit(
        &self,
        messages: Vec<Incoming>,
        undo: Vec<Change>,
        changes: Vec<Change>,
        reply: Reply,
    ) {
        let Some(streams) = self.handle.get() else {
            let text = "the log of messages is not open".to_owned();
            return reply(Err(JournalError::Failed(text)));
        };
        let is_barrier = messages.is_empty();
        let both = Arc::new(Both::new(Arc::clone(&self.journal), undo, reply));
        self.under_way.fetch_add(1, SeqCst);
        let (told, under_way) = (Arc::clone(&both), Arc::clone(&self.under_way));
        let stored = move |result: std::result::Result<_, LogError>| {
            // Who only waits for others is not concerned if there is no room.
            let result = result.map(drop).map_err(refusal);
            told.log_answers(if is_barrier { Ok(()) } else { result });
            under_way.fetch_sub(1, SeqCst);
        };
        streams.submit(messages, None, Box::new(stored));
        // What was refused at once leaves no trace.
        if both.is_refused() {
            both.journal_answers(Ok(()));
        } else {
            self.journal.commit(changes, Box::new(move |result| both.journal_answers(result)));
        }
    }
}

impl Journal for Capture {
    fn commit(&self, changes: Vec<Change>, reply: Reply) {
        match self.wanted(&changes) {
            Err(error) => reply(Err(error)),
            Ok((messages, _)) if messages.is_empty() && self.under_way.load(SeqCst) == 0 => {
                self.journal.commit(changes, reply);
            }
            Ok((messages, undo)) => self.submit(messages, undo, changes, reply),
        }
    }

    fn notice(&self, message: &Arc<Message>) {
        self.journal.notice(message);
        let incoming = self.incoming(message).unwrap_or_default();
        let Some(streams) = self.handle.get().filter(|_| !incoming.is_empty()) else { return };
        let counted = Arc::clone(&streams);
        streams.submit(
            incoming,
            None,
            Box::new(move |result| {
                if let Err(error) = result {
                    counted.figures().unkept.fetch_add(1, SeqCst);
                    tracing::debug!(%error, "a message of QoS 0 is not kept");
                }
            }),
        );
    }

    fn is_read(&self, message: &Message) -> bool {
        let topic = &message.topic;
        self.handle.keeps(topic) || self.handle.reader_of(topic).is_some()
    }

    fn load(&self) -> std::result::Result<Kept, JournalError> {
        self.journal.load()
    }
}

/// A reply that waits for two.
struct Both {
    journal: Arc<dyn Journal>,
    waiting: Mutex<Waiting>,
}

struct Waiting {
    of_log: Option<Result>,
    of_journal: Option<Result>,
    undo: Vec<Change>,
    reply: Option<Reply>,
}

impl Both {
    fn new(journal: Arc<dyn Journal>, undo: Vec<Change>, reply: Reply) -> Self {
        let waiting = Waiting { of_log: None, of_journal: None, undo, reply: Some(reply) };
        Both { journal, waiting: Mutex::new(waiting) }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the log has refused it, and the journal was not asked.
    fn is_refused(&self) -> bool {
        let mut waiting = self.lock();
        let is_refused = matches!(waiting.of_log, Some(Err(_)));
        if is_refused {
            waiting.undo.clear();
        }
        is_refused
    }

    fn log_answers(&self, result: Result) {
        let mut waiting = self.lock();
        waiting.of_log = Some(result);
        self.finish(waiting);
    }

    fn journal_answers(&self, result: Result) {
        let mut waiting = self.lock();
        waiting.of_journal = Some(result);
        self.finish(waiting);
    }

    fn finish(&self, mut waiting: std::sync::MutexGuard<'_, Waiting>) {
        let (Some(of_log), Some(of_journal)) = (&waiting.of_log, &waiting.of_journal) else {
            return;
        };
        let result = of_log.clone().and(of_journal.clone());
        let is_half = of_log.is_err() && of_journal.is_ok();
        let undo = std::mem::take(&mut waiting.undo);
        let Some(reply) = waiting.reply.take() else { return };
        drop(waiting);
        if is_half && !undo.is_empty() {
            // The journal had it before the log refused it: nobody is owed it.
            self.journal.commit(undo, Box::new(|_| {}));
        }
        reply(result);
    }
}

/// The number that a message has in its user properties.
fn number(properties: &MessageProperties) -> std::result::Result<Option<Number>, JournalError> {
    let find = |name| properties.user.iter().find(|(key, _)| key == name);
    let wrong = || {
        let text = format!(
            "{EPOCH} and {SEQUENCE} are decimal numbers, both or none; the epoch is below 2^63"
        );
        JournalError::Failed(text)
    };
    match (find(EPOCH), find(SEQUENCE)) {
        (None, None) => Ok(None),
        (Some((_, epoch)), Some((_, sequence))) => {
            let parse = |text: &str| {
                let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
                text.parse().ok().filter(|_| is_plain).ok_or_else(wrong)
            };
            let number = Number { epoch: parse(epoch)?, sequence: parse(sequence)? };
            if number.epoch < OWN_EPOCHS { Ok(Some(number)) } else { Err(wrong()) }
        }
        _ => Err(wrong()),
    }
}

fn refusal(error: LogError) -> JournalError {
    match error {
        LogError::Full | LogError::TooManyDevices => JournalError::Full,
        LogError::Busy => JournalError::Busy,
        error => JournalError::Failed(error.to_string()),
    }
}

#[cfg(test)]
mod tests;
