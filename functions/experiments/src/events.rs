//! What happened, as it lies in the log: who saw which variation, and what they did then.
//!
//! An event is a JSON object whose last member is a seal over what is before it, so that
//! nobody who may publish to the topic can make one up. Visitors are there under names that say
//! nothing without the secret.

use crate::seal::{Keys, NAME_BYTES, Use, bytes_of, text_of};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// The media type of events.
pub const CONTENT_TYPE: &str = "application/json";
/// A larger event is none.
pub const EVENT_BYTES_MAX: usize = 8 << 10;
/// Names under which one visitor may be known.
pub const NAMES_MAX: usize = 40;
/// Visitors and experiments that an instance remembers to have told.
const SEEN_MAX: usize = 8_192;
/// How long it remembers them: another look on another day is told again, and counted once.
const DAY_MS: u64 = 86_400_000;
/// What is between an event and its seal.
const SEAL_MARK: &str = ",\"seal\":\"";

/// A visitor saw a variation, as it is known where it happens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Seen {
    /// The key of the experiment.
    pub experiment: String,
    /// The index of the variation.
    pub variation: usize,
    /// Its key.
    pub key: String,
    /// The attribute by which the visitor is known.
    pub attribute: String,
    /// Its value.
    pub value: String,
}

impl Seen {
    /// The same as it is told to others.
    pub fn named(&self, keys: &Keys, time_ms: u64) -> Exposure {
        Exposure {
            experiment: self.experiment.clone(),
            variation: self.variation,
            key: self.key.clone(),
            visitor: name(keys, &self.attribute, &self.value),
            time_ms,
        }
    }
}

/// A visitor saw a variation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exposure {
    /// The key of the experiment.
    pub experiment: String,
    /// The index of the variation.
    pub variation: usize,
    /// Its key.
    pub key: String,
    /// The visitor's name.
    pub visitor: String,
    /// When, milliseconds since 1970.
    pub time_ms: u64,
}

/// A visitor did something.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Done {
    /// What.
    pub goal: String,
    /// The visitor's names, by each attribute by which it may be known.
    pub visitors: Vec<String>,
    /// How much, if that means something.
    pub value: Option<f64>,
    /// When, milliseconds since 1970.
    pub time_ms: u64,
}

/// The name of a visitor in events.
pub fn name(keys: &Keys, attribute: &str, value: &str) -> String {
    text_of(&keys.name(attribute, value))
}

/// The bytes of such a name.
pub fn name_bytes(name: &str) -> Option<[u8; NAME_BYTES]> {
    bytes_of(name)?.try_into().ok()
}

/// Writes an event.
pub fn write(keys: &Keys, event: &impl Serialize) -> Option<String> {
    // Nothing of these fails to be JSON.
    let body = serde_json::to_string(event).ok()?;
    let sealed = keys.seal(Use::Event, &text_of(body.as_bytes()));
    let (_, seal) = sealed.split_once('.')?;
    let open = body.strip_suffix('}')?;
    Some(format!("{open}{SEAL_MARK}{seal}\"}}"))
}

/// Reads an event.
///
/// # Errors
///
/// If it is none, or nobody with the key has written it.
pub fn read<'a, T: Deserialize<'a>>(keys: &Keys, payload: &'a [u8]) -> Result<T, &'static str> {
    if payload.len() > EVENT_BYTES_MAX {
        return Err("the event is too large");
    }
    let text = str::from_utf8(payload).map_err(|_| "the event is not UTF-8")?;
    let unsealed = "the event has no seal";
    let (open, seal) = text.rsplit_once(SEAL_MARK).ok_or(unsealed)?;
    let seal = seal.strip_suffix("\"}").ok_or(unsealed)?;
    let sealed = format!("{}.{seal}", text_of(format!("{open}}}").as_bytes()));
    keys.open(Use::Event, &sealed).ok_or("the seal of the event is not of this secret")?;
    serde_json::from_str(text).map_err(|_| "the event is not what it should be")
}

/// What an instance has told already, so that it does not say it with each request.
#[derive(Debug, Default)]
pub struct Told {
    day: u64,
    seen: HashSet<Seen>,
}

impl Told {
    /// Whether an exposure is to be told: it has not been on this day, as far as is known.
    pub fn is_news(&mut self, seen: &Seen, now_ms: u64) -> bool {
        let day = now_ms / DAY_MS;
        if day != self.day || self.seen.len() >= SEEN_MAX {
            self.seen.clear();
            self.day = day;
        }
        // Most are known, and need no copy.
        !self.seen.contains(seen) && self.seen.insert(seen.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn keys() -> Keys {
        Keys::parse("0123456789abcdef").expect("a key")
    }

    fn exposure() -> Exposure {
        Exposure {
            experiment: "with \",\"seal\":\"quotes".into(),
            variation: 1,
            key: "blue".into(),
            visitor: name(&keys(), "id", "ann"),
            time_ms: 1_795_856_400_000,
        }
    }

    #[test]
    fn what_was_written_is_read() {
        let event = write(&keys(), &exposure()).expect("written");
        assert_eq!(read(&keys(), event.as_bytes()), Ok(exposure()));
        let done = Done { goal: "order".into(), visitors: vec![], value: Some(0.1), time_ms: 7 };
        let event = write(&keys(), &done).expect("written");
        assert_eq!(read(&keys(), event.as_bytes()), Ok(done));
        assert_eq!(name_bytes(&exposure().visitor), Some(keys().name("id", "ann")));
        assert_eq!(name_bytes("short"), None);
    }

    #[test]
    fn what_others_write_is_refused() {
        let event = write(&keys(), &exposure()).expect("written");
        let other = Keys::parse("another-secret-key").expect("a key");
        let is_refused = |text: &str| read::<Exposure>(&keys(), text.as_bytes()).is_err();
        assert!(read::<Exposure>(&other, event.as_bytes()).is_err());
        assert!(is_refused(&event.replace("\"variation\":1", "\"variation\":0")));
        assert!(is_refused(&serde_json::to_string(&exposure()).expect("JSON")));
        assert!(is_refused(&format!("{event} ")) && is_refused(""));
        assert!(is_refused(&"x".repeat(EVENT_BYTES_MAX + 1)));
        assert!(read::<Exposure>(&keys(), b"\xff").is_err());
        // Sealed, and something else.
        let done = Done { goal: "order".into(), visitors: vec![], value: None, time_ms: 7 };
        assert!(is_refused(&write(&keys(), &done).expect("written")));
    }

    #[test]
    fn the_same_is_told_once_a_day() {
        let mut told = Told::default();
        let seen = Seen {
            experiment: "layout".into(),
            variation: 1,
            key: "blue".into(),
            attribute: "id".into(),
            value: "ann".into(),
        };
        assert_eq!(seen.named(&keys(), 7).visitor, exposure().visitor);
        let now_ms = 1_795_856_400_000;
        assert!(told.is_news(&seen, now_ms) && !told.is_news(&seen, now_ms));
        assert!(told.is_news(&Seen { variation: 0, ..seen.clone() }, now_ms));
        let tomorrow = now_ms + DAY_MS;
        assert!(told.is_news(&seen, tomorrow) && !told.is_news(&seen, tomorrow));
        for index in 0..2 * SEEN_MAX {
            told.is_news(&Seen { value: index.to_string(), ..seen.clone() }, tomorrow);
        }
        assert!(told.seen.len() <= SEEN_MAX);
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes: Vec<u8>, text in "\\PC{0,40}") {
            prop_assert!(read::<Done>(&keys(), &bytes).is_err());
            let text = format!("{{{text}{SEAL_MARK}{text}\"}}");
            prop_assert!(read::<Done>(&keys(), text.as_bytes()).is_err());
        }
    }
}
