//! What lies in the log's field for keys: what kind of record it is, what its payload is, and
//! the key that its sender gave it.
//!
//! One byte of version, one of kind, one of flags, one with the length of the content type,
//! the content type, and the key up to the end.

use bytes::{BufMut, Bytes, BytesMut};
use sedge_store::log::LogError;
use thiserror::Error;

/// The version that is written; no other is read.
const VERSION: u8 = 1;
const HEADER_BYTES: usize = 4;
const HAS_CONTENT_TYPE: u8 = 1;
const RETAIN: u8 = 2;

/// Bytes of a content type, at most.
pub(crate) const CONTENT_TYPE_BYTES_MAX: usize = 255;
/// Bytes of a key, at most.
pub(crate) const KEY_BYTES_MAX: usize = 512;

/// What a record is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A message: functions whose triggers match its topic get it.
    #[default]
    Message,
    /// A change of a function's state; nobody but its owner reads it.
    State,
    /// A message that a function has published to MQTT clients.
    Publish {
        /// Whether it is kept for those who subscribe later.
        retain: bool,
    },
}

/// What a record of the log says beside its topic, device, number, time and payload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Envelope {
    /// What it is.
    pub(crate) kind: Kind,
    /// What its payload is, as its sender says: at most [`CONTENT_TYPE_BYTES_MAX`].
    pub(crate) content_type: Option<String>,
    /// What it is about: at most [`KEY_BYTES_MAX`]; may be empty.
    pub(crate) key: Bytes,
}

/// Why bytes are no envelope.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub(crate) enum EnvelopeError {
    /// They are of a newer version of Sedge, or not written by it.
    #[error("the record's envelope is of another version")]
    Version,
    /// They end too early, or say what has no meaning.
    #[error("the record's envelope is malformed")]
    Malformed,
}

impl Envelope {
    /// Its bytes.
    ///
    /// # Errors
    /// [`LogError::InvalidName`]: the content type or the key is too long.
    pub(crate) fn encode(&self) -> Result<Bytes, LogError> {
        let fits = |what, bytes: usize, bytes_max| match bytes <= bytes_max {
            true => Ok(()),
            false => Err(LogError::InvalidName { what, bytes, bytes_min: 0, bytes_max }),
        };
        let content_type = self.content_type.as_deref().unwrap_or_default();
        fits("content type", content_type.len(), CONTENT_TYPE_BYTES_MAX)?;
        fits("key", self.key.len(), KEY_BYTES_MAX)?;
        let (kind, retain) = match self.kind {
            Kind::Message => (0, false),
            Kind::State => (1, false),
            Kind::Publish { retain } => (2, retain),
        };
        let mut flags = 0;
        if self.content_type.is_some() {
            flags |= HAS_CONTENT_TYPE;
        }
        if retain {
            flags |= RETAIN;
        }
        let mut bytes = BytesMut::with_capacity(HEADER_BYTES + content_type.len() + self.key.len());
        // Its length was checked above.
        bytes.put_slice(&[VERSION, kind, flags, content_type.len() as u8]);
        bytes.put_slice(content_type.as_bytes());
        bytes.put_slice(&self.key);
        Ok(bytes.freeze())
    }

    /// Reads what [`Envelope::encode`] has written.
    ///
    /// # Errors
    /// It is something else.
    pub(crate) fn decode(bytes: &Bytes) -> Result<Self, EnvelopeError> {
        let Some(([version, kind, flags, length], rest)) = bytes.split_first_chunk() else {
            return Err(EnvelopeError::Malformed);
        };
        if *version != VERSION {
            return Err(EnvelopeError::Version);
        }
        let kind = match (kind, flags & RETAIN != 0) {
            (0, false) => Kind::Message,
            (1, false) => Kind::State,
            (2, retain) => Kind::Publish { retain },
            _ => return Err(EnvelopeError::Malformed),
        };
        let has_content_type = flags & HAS_CONTENT_TYPE != 0;
        if flags & !(HAS_CONTENT_TYPE | RETAIN) != 0 || (!has_content_type && *length > 0) {
            return Err(EnvelopeError::Malformed);
        }
        let split = rest.split_at_checked(usize::from(*length));
        let (content_type, key) = split.ok_or(EnvelopeError::Malformed)?;
        let content_type =
            std::str::from_utf8(content_type).map_err(|_| EnvelopeError::Malformed)?;
        if key.len() > KEY_BYTES_MAX {
            return Err(EnvelopeError::Malformed);
        }
        Ok(Envelope {
            kind,
            content_type: has_content_type.then(|| content_type.to_owned()),
            key: bytes.slice_ref(key),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_envelope_is_told() {
        for (bytes, error) in [
            (&b""[..], EnvelopeError::Malformed),
            (b"\x01\x00\x00", EnvelopeError::Malformed),
            (b"\x00\x00\x00\x00", EnvelopeError::Version),
            (b"\x02\x00\x00\x00", EnvelopeError::Version),
            (b"\x01\x03\x00\x00", EnvelopeError::Malformed),
            (b"\x01\x00\x02\x00", EnvelopeError::Malformed),
            (b"\x01\x00\x04\x00", EnvelopeError::Malformed),
            (b"\x01\x00\x00\x01a", EnvelopeError::Malformed),
            (b"\x01\x00\x01\x02a", EnvelopeError::Malformed),
            (b"\x01\x00\x01\x01\xff", EnvelopeError::Malformed),
        ] {
            assert_eq!(Envelope::decode(&Bytes::from_static(bytes)), Err(error), "{bytes:?}");
        }
        let long = [b"\x01\x00\x00\x00".as_slice(), &[b'k'; KEY_BYTES_MAX + 1]].concat();
        assert_eq!(Envelope::decode(&long.into()), Err(EnvelopeError::Malformed));
    }

    #[test]
    fn what_is_too_long_is_refused() {
        let key = Envelope { key: vec![0; KEY_BYTES_MAX + 1].into(), ..Envelope::default() };
        assert!(matches!(key.encode(), Err(LogError::InvalidName { what: "key", .. })));
        let content_type = Some("a".repeat(CONTENT_TYPE_BYTES_MAX + 1));
        let envelope = Envelope { content_type, ..Envelope::default() };
        assert!(matches!(envelope.encode(), Err(LogError::InvalidName { .. })));
    }

    proptest! {
        #[test]
        fn is_read_as_it_was_written(
            kind in prop_oneof![
                Just(Kind::Message),
                Just(Kind::State),
                any::<bool>().prop_map(|retain| Kind::Publish { retain }),
            ],
            content_type in prop::option::of("[ -~é]{0,120}"),
            key in prop::collection::vec(any::<u8>(), 0..=KEY_BYTES_MAX),
        ) {
            let envelope = Envelope { kind, content_type, key: key.into() };
            let bytes = envelope.encode().expect("fits");
            prop_assert_eq!(Envelope::decode(&bytes), Ok(envelope));
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..800)) {
            if let Ok(envelope) = Envelope::decode(&bytes.clone().into()) {
                prop_assert_eq!(envelope.encode().expect("fits"), Bytes::from(bytes));
            }
        }
    }
}
