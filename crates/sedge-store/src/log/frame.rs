//! A frame as it is made: records one behind the other, to be written at once.

use super::error::LogError;
use super::format::{
    ALIGNMENT, FRAME_HEADER_BYTES, FrameHeader, FrameKind, Hash, RECORD_HEADER_BYTES, RecordHeader,
    RecordKind, align, digest, placed_check,
};
use super::gap::encode_cursor;
use super::options::LogOptions;
use super::record::{Batch, Cursor, CursorChange, Outcome};
use super::state::State;
use crate::segments::format::{CHECK_BYTES, Check, Home};

/// Records that will be committed as one.
pub(crate) struct Frame {
    home: Home,
    /// The position of the first record.
    first: u64,
    /// The header's place, then records.
    bytes: Vec<u8>,
    /// Of each record.
    checks: Vec<Check>,
}

impl Frame {
    pub(crate) fn new(home: Home, first: u64) -> Self {
        Frame { home, first, bytes: vec![0; FRAME_HEADER_BYTES], checks: Vec::new() }
    }

    /// The position of the next record.
    pub(crate) fn next(&self) -> u64 {
        self.first + self.checks.len() as u64
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.len() as u64
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.checks.is_empty()
    }

    /// Adds a batch and notes it in the state, or refuses it and changes nothing.
    pub(crate) fn add(
        &mut self,
        batch: &Batch,
        digests: &[Hash],
        state: &mut State,
        options: &LogOptions,
    ) -> Result<Vec<Outcome>, LogError> {
        let (moment, bytes, records) = (state.moment(), self.bytes.len(), self.checks.len());
        let added = self.try_add(batch, digests, state, options);
        if added.is_err() {
            state.back_to(moment);
            self.bytes.truncate(bytes);
            self.checks.truncate(records);
        }
        added
    }

    fn try_add(
        &mut self,
        batch: &Batch,
        digests: &[Hash],
        state: &mut State,
        options: &LogOptions,
    ) -> Result<Vec<Outcome>, LogError> {
        let mut outcomes = Vec::with_capacity(batch.records.len());
        for (record, digest) in batch.records.iter().zip(digests) {
            let (position, bytes_max) = (self.next(), options.devices_bytes_max);
            let link = state.add(&record.device, record.number, digest, position, bytes_max)?;
            let Some(link) = link else {
                outcomes.push(Outcome::Duplicate);
                continue;
            };
            let header = RecordHeader { position, link, ..record.header() };
            self.push(&header, digest, &record.parts());
            outcomes.push(Outcome::Stored(position));
        }
        let Some(change) = &batch.cursor else { return Ok(outcomes) };
        let (name, cursor) = match change {
            CursorChange::Remove { name } => (name, None),
            CursorChange::Commit { name, position, state } => {
                (name, Some(Cursor { position: *position, state: state.clone() }))
            }
        };
        state.set_cursor(name, cursor, self.next(), options)?;
        self.push_own(RecordKind::Cursor, name.as_bytes(), &encode_cursor(change));
        Ok(outcomes)
    }

    /// Adds a record of the log itself.
    pub(crate) fn push_own(&mut self, kind: RecordKind, key: &[u8], payload: &[u8]) {
        // The lengths were checked against limits that fit.
        let header = RecordHeader {
            kind,
            stream_bytes: 0,
            device_bytes: 0,
            key_bytes: key.len() as u16,
            payload_bytes: payload.len() as u32,
            position: self.next(),
            epoch: 0,
            sequence: 0,
            time_ms: 0,
            link: Hash::default(),
        };
        let parts = [&[][..], &[], key, payload];
        let digest = digest(&header, &parts);
        self.push(&header, &digest, &parts);
    }

    fn push(&mut self, header: &RecordHeader, digest: &Hash, parts: &[&[u8]; 4]) {
        let header = header.encode(self.home, digest);
        self.checks.extend(header.last_chunk::<CHECK_BYTES>());
        self.bytes.extend_from_slice(&header);
        parts.iter().for_each(|part| self.bytes.extend_from_slice(part));
        let length = self.bytes.len().next_multiple_of(ALIGNMENT as usize);
        self.bytes.resize(length, 0);
    }

    /// The bytes to be written.
    pub(crate) fn seal(&mut self, written_at_ms: u64) -> &[u8] {
        let parts: Vec<&[u8]> = self.checks.iter().map(|check| &check[..]).collect();
        let header = FrameHeader {
            kind: FrameKind::Batch,
            bytes: (self.bytes.len() - FRAME_HEADER_BYTES) as u32,
            records: self.checks.len() as u32,
            first: self.first,
            written_at_ms,
            content: placed_check(self.home, &parts),
        };
        self.bytes[..FRAME_HEADER_BYTES].copy_from_slice(&header.encode(self.home));
        &self.bytes
    }
}

/// Bytes that a batch takes in a frame, at most.
pub(crate) fn batch_bytes(batch: &Batch) -> u64 {
    let record = |content: usize| align((RECORD_HEADER_BYTES + content) as u64);
    let records: u64 = batch.records.iter().map(|one| record(one.bytes())).sum();
    records
        + match &batch.cursor {
            None => 0,
            Some(CursorChange::Remove { name }) => record(name.len()),
            Some(CursorChange::Commit { name, state, .. }) => record(name.len() + 16 + state.len()),
        }
}

/// A frame that holds a snapshot.
pub(crate) fn snapshot(home: Home, first: u64, written_at_ms: u64, content: &[u8]) -> Vec<u8> {
    let mut padded = content.to_vec();
    padded.resize(align(content.len() as u64) as usize, 0);
    plain(FrameKind::Snapshot, home, first, written_at_ms, &padded)
}

/// A frame that says that what lies before was synced.
pub(crate) fn mark(home: Home, first: u64, written_at_ms: u64) -> Vec<u8> {
    plain(FrameKind::Mark, home, first, written_at_ms, &[])
}

fn plain(kind: FrameKind, home: Home, first: u64, written_at_ms: u64, content: &[u8]) -> Vec<u8> {
    let check = placed_check(home, &[content]);
    let bytes = content.len() as u32;
    let header = FrameHeader { kind, bytes, records: 0, first, written_at_ms, content: check };
    let mut frame = header.encode(home).to_vec();
    frame.extend_from_slice(content);
    frame
}
