//! A function's state in the log: how a change lies there, and what a consumer that starts
//! makes of those that the tables may not have.

use crate::streams::envelope::Kind;
use crate::streams::{Envelope, Streams};
use anyhow::{Result, anyhow};
use bytes::Bytes;
use sedge_services::streams::{KeyedState, StateChange};
use sedge_store::log::{Item, LostCause};

/// Bytes that are read at once.
const PAGE_BYTES: usize = 1 << 20;
/// What a payload begins with, of a value and of none.
const VALUE: u8 = 1;
const NONE: u8 = 0;

/// The topic of changes of a function's state, which nobody else reads; the name of the cursor
/// below which the tables have all of them, too.
pub(super) fn topic(function: &str) -> String {
    format!("$state/{function}")
}

pub(super) fn payload(change: &StateChange) -> Bytes {
    match &change.value {
        None => Bytes::from_static(&[NONE]),
        Some(value) => [&[VALUE][..], value].concat().into(),
    }
}

/// What [`payload`] is of; `None` if it is of nothing.
pub(super) fn change(envelope: &Envelope, payload: &Bytes) -> Option<StateChange> {
    let key = str::from_utf8(&envelope.key).ok()?.to_owned();
    match *payload.first()? {
        NONE if payload.len() == 1 => Some(StateChange { key, value: None }),
        VALUE => Some(StateChange { key, value: Some(payload.slice(1..)) }),
        _ => None,
    }
}

/// Reads what the tables may not have, from the cursor of the state on.
///
/// # Errors
/// The log cannot be read, or what lies there was written by another version.
pub(super) fn recall(streams: &Streams, function: &str, state: &KeyedState) -> Result<()> {
    let topic = topic(function);
    let Some(cursor) = streams.log().cursor(&topic) else { return Ok(()) };
    let mut reader = streams.log().reader(cursor.position);
    loop {
        let page = reader.read(PAGE_BYTES)?;
        if page.is_empty() {
            return Ok(());
        }
        for item in page {
            match item {
                Item::Record { position, record, .. } if record.stream == topic => {
                    let envelope = Envelope::decode(&record.key)?;
                    if envelope.kind != Kind::State {
                        continue;
                    }
                    let change = change(&envelope, &record.payload).ok_or_else(|| {
                        anyhow!("the change of a state at {position} cannot be read")
                    })?;
                    let changes = [change];
                    state.commit(&changes, state.accept(&changes));
                }
                Item::Lost(lost) if lost.cause != LostCause::Removed => {
                    let (from, to) = (lost.from, lost.to);
                    tracing::error!(function, from, to, "changes of a state may be lost");
                }
                _ => {}
            }
        }
        state.forget_before(state.version());
        if state.unwritten_bytes() > 16 * PAGE_BYTES {
            state.flush();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_what_it_was_and_what_is_none_is_refused() {
        let envelope = |key: &[u8]| Envelope {
            kind: Kind::State,
            content_type: None,
            key: Bytes::copy_from_slice(key),
        };
        for bad in [&[][..], &[NONE, 0], &[2], &[2, 1]] {
            assert_eq!(change(&envelope(b"k"), &Bytes::copy_from_slice(bad)), None, "{bad:?}");
        }
        assert_eq!(change(&envelope(&[0xFF]), &Bytes::from_static(&[NONE])), None);
        for value in [None, Some(Bytes::new()), Some("v".into())] {
            let one = StateChange { key: "k".to_owned(), value };
            assert_eq!(change(&envelope(b"k"), &payload(&one)), Some(one));
        }
    }
}
