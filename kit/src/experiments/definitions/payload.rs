//! The payload as a whole.

use super::super::encrypted::{self, DecryptError};
use super::super::reader::{Findings, Reader};
use super::limits::{EXPERIMENTS_MAX, FEATURES_MAX, PAYLOAD_BYTES_MAX, RULES_MAX};
use super::{Definitions, Effect, Feature, Identity, Rule};
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use serde_json::{Map, Value};

/// Members that may be encrypted, and what they are called then.
const ENCRYPTED: [(&str, &str); 3] = [
    ("features", "encryptedFeatures"),
    ("experiments", "encryptedExperiments"),
    ("savedGroups", "encryptedSavedGroups"),
];

/// Why a payload says nothing at all.
#[derive(Debug)]
pub enum Unreadable {
    /// It is larger than [`PAYLOAD_BYTES_MAX`].
    TooLarge,
    /// It is no JSON (RFC 8259), or nested deeper than 127 levels.
    NoJson(serde_json::Error),
    /// It is JSON, and no object.
    NoObject,
    /// A member is encrypted, and there is no key.
    NoKey(&'static str),
    /// A member is encrypted, and cannot be decrypted with this key.
    NotDecrypted(&'static str, DecryptError),
    /// What was encrypted is no JSON.
    NoJsonInside(&'static str, serde_json::Error),
}

impl fmt::Display for Unreadable {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unreadable::TooLarge => {
                write!(out, "the definitions have more than {PAYLOAD_BYTES_MAX} bytes")
            }
            Unreadable::NoJson(error) => write!(out, "the definitions are not JSON: {error}"),
            Unreadable::NoObject => out.write_str("the definitions are not an object"),
            Unreadable::NoKey(member) => {
                write!(out, "there is {member} and no key\nhint: give the key of the connection")
            }
            Unreadable::NotDecrypted(member, error) => write!(out, "{member}: {error}"),
            Unreadable::NoJsonInside(member, error) => {
                write!(out, "{member}: what was encrypted is not JSON: {error}")
            }
        }
    }
}

impl core::error::Error for Unreadable {}

impl Definitions {
    /// Reads a payload as GrowthBook's API gives it: an object with `features`,
    /// `experiments` and `savedGroups`, each of which may be encrypted with `key` (16 bytes
    /// in Base64). All mistakes are told; what depends on them never applies.
    ///
    /// # Errors
    ///
    /// If nothing can be read at all.
    pub fn parse(text: &str, key: Option<&str>) -> Result<(Self, Findings), Unreadable> {
        if text.len() > PAYLOAD_BYTES_MAX {
            return Err(Unreadable::TooLarge);
        }
        let payload: Value = serde_json::from_str(text).map_err(Unreadable::NoJson)?;
        let Value::Object(mut payload) = payload else { return Err(Unreadable::NoObject) };
        for (member, encrypted) in ENCRYPTED {
            if let Some(text) = payload.get(encrypted).and_then(Value::as_str) {
                let key = key.ok_or(Unreadable::NoKey(encrypted))?;
                let text = encrypted::decrypt(text, key)
                    .map_err(|error| Unreadable::NotDecrypted(encrypted, error))?;
                let value = serde_json::from_str(&text)
                    .map_err(|error| Unreadable::NoJsonInside(encrypted, error))?;
                payload.insert(member.to_string(), value);
            }
        }
        Ok(Self::read_members(&payload))
    }

    /// Reads a payload that is not encrypted. What is no object says nothing.
    pub fn read(payload: &Value) -> (Self, Findings) {
        match payload {
            Value::Object(payload) => Self::read_members(payload),
            _ => {
                let mut reader = Reader::default();
                reader.object(payload);
                (Definitions::default(), reader.finish())
            }
        }
    }

    fn read_members(payload: &Map<String, Value>) -> (Self, Findings) {
        let mut reader = Reader::default();
        reader.member(payload, "savedGroups", Reader::read_groups);
        let features = reader.member(payload, "features", Reader::features);
        let experiments = reader.member(payload, "experiments", |reader, value| {
            reader.at_most(value, EXPERIMENTS_MAX);
            reader.items(value, Reader::experiment)
        });
        let experiments = experiments.flatten().unwrap_or_default();
        let mut definitions = Definitions {
            features: features.unwrap_or_default(),
            experiments: experiments.into_iter().flatten().take(EXPERIMENTS_MAX).collect(),
            ..Definitions::default()
        };
        definitions.note_sticky_attributes();
        (definitions, reader.finish())
    }

    /// Notes by which attributes visitors stay in variations.
    fn note_sticky_attributes(&mut self) {
        let attributes = |identity: &Identity| {
            let both = [Some(identity.attribute.clone()), identity.fallback.clone()];
            both.into_iter().flatten()
        };
        let identities = self.all_experiments().map(|experiment| &experiment.identity);
        self.sticky_attributes = identities.flat_map(attributes).collect();
    }
}

impl Reader {
    fn features(&mut self, value: &Value) -> Vec<Feature> {
        let Some(features) = self.object(value) else { return Vec::new() };
        if features.len() > FEATURES_MAX {
            self.wrong(format!("there are more than {FEATURES_MAX} features"));
        }
        let mut rules_left = RULES_MAX;
        let mut read = Vec::with_capacity(features.len().min(FEATURES_MAX));
        for (id, value) in features.iter().take(FEATURES_MAX) {
            let feature = self.within(id, |reader| reader.feature(id, value, &mut rules_left));
            read.extend(feature);
        }
        // A map that keeps the order of its text is possible, too.
        read.sort_by(|one, other| one.id.cmp(&other.id));
        read
    }

    fn feature(&mut self, id: &str, value: &Value, rules_left: &mut usize) -> Option<Feature> {
        let members = self.object(value)?;
        self.note_unknown(members, &["defaultValue", "rules"]);
        let rules = self.member(members, "rules", |reader, value| {
            let count = value.as_array().map_or(0, Vec::len);
            if count > *rules_left {
                reader.wrong(format!("there are more than {RULES_MAX} rules in all features"));
                return None;
            }
            *rules_left -= count;
            reader.items(value, |reader, value| reader.rule(id, value))
        });
        let default = members.get("defaultValue").cloned().unwrap_or_default();
        // A rule that does nothing and asks for nothing would only be walked through.
        let is_idle = |rule: &Rule| rule.effect == Effect::Nothing && rule.parents.is_empty();
        let rules = rules.flatten().unwrap_or_default().into_iter().flatten();
        let rules = rules.filter(|rule| !is_idle(rule)).collect();
        Some(Feature { id: Box::from(id), default, rules })
    }
}
