//! What of the log is for one function, or one window.

use crate::streams::Envelope;
use crate::streams::envelope::Kind;
use sedge_ingress::messages::{Offered, Progress};
use sedge_model::topic::TopicFilter;
use sedge_model::trigger::Ordered;
use sedge_services::streams::Message;
use sedge_store::log::{Item, LogError, Lost, Reader, Record};
use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

/// Bytes that are read at once.
const PAGE_BYTES: usize = 256 << 10;

/// A way through the log that stops where a function is meant.
pub(super) struct Reading {
    reader: Reader,
    page: VecDeque<Item>,
    filters: Vec<TopicFilter>,
    ordered: Ordered,
    hasher: RandomState,
    /// What was done with before this consumer began.
    done: Progress,
}

/// What comes next.
pub(super) enum Next {
    /// A message for the function.
    Message(Offered<Arc<Message>>),
    /// Nothing up to this position is for it.
    Passed(u64),
    /// Records are gone that nobody has read: these positions, or so many.
    Lost(Lost),
    /// Records were removed before everybody had read them, so many.
    Removed { records: u64, next: u64 },
    /// There is nothing more for now.
    End,
}

impl Reading {
    /// `topics` are filters: it was checked where they were read.
    pub(super) fn new(reader: Reader, topics: &[String], ordered: Ordered, done: Progress) -> Self {
        let filters = topics.iter().filter_map(|text| TopicFilter::parse(text).ok());
        Reading {
            reader,
            page: VecDeque::new(),
            filters: filters.collect(),
            ordered,
            hasher: RandomState::new(),
            done,
        }
    }

    /// The next of the log, read from the disk if need be.
    ///
    /// # Errors
    /// A file cannot be opened.
    pub(super) fn next(&mut self) -> Result<Next, LogError> {
        if self.page.is_empty() {
            self.page = self.reader.read(PAGE_BYTES)?.into();
        }
        let Some(item) = self.page.pop_front() else { return Ok(Next::End) };
        let next = item.next();
        Ok(match item {
            Item::Record { position, record, .. } if !self.done.is_done(position) => {
                self.record(position, record).map_or(Next::Passed(next), Next::Message)
            }
            Item::Record { .. } => Next::Passed(next),
            Item::Gap { gap, .. } => Next::Removed { records: gap.records, next },
            Item::Lost(lost) => Next::Lost(lost),
        })
    }

    fn record(&self, position: u64, record: Record) -> Option<Offered<Arc<Message>>> {
        if !self.filters.iter().any(|filter| filter.matches(&record.stream)) {
            return None;
        }
        let envelope = Envelope::decode(&record.key).ok()?;
        if envelope.kind == Kind::State {
            return None;
        }
        let lane = match self.ordered {
            Ordered::Device => self.hasher.hash_one((&record.device, &envelope.key)),
            Ordered::Topic => self.hasher.hash_one(&record.stream),
        };
        let bytes = record.payload.len() + envelope.key.len() + record.stream.len();
        let message = Message {
            position,
            topic: record.stream,
            device: record.device,
            epoch: record.number.epoch,
            sequence: record.number.sequence,
            time_ms: record.time_ms,
            key: envelope.key,
            content_type: envelope.content_type,
            payload: record.payload,
        };
        Some(Offered { position, lane, bytes, message: Arc::new(message) })
    }
}
