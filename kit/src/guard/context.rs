//! The JSON of a security context, as a caller tells it:
//!
//! ```json
//! {
//!   "user_id": "alice", "device_id": "d-1",
//!   "location": { "country": "DE", "region": "BE", "city": "Berlin", "latitude": 52.5, "longitude": 13.4 },
//!   "network_info": { "ip_address": "192.0.2.7", "user_agent": "…", "tls_version": "TLSv1.3", "cipher_suite": "TLS_AES_128_GCM_SHA256" },
//!   "request_metadata": { "tenant": "a" }
//! }
//! ```
//!
//! `user_id`, `device_id`, `location` and `network_info` have to be there; texts in them may be
//! empty, which says that nothing is known, but for `user_agent` and `tls_version`: there it
//! says that there is none. Further members may tell what the caller has found out: `proof`,
//! `device_reputation`, `velocity_kmh`, `familiar_place`, `rate_per_minute`, `hour_utc`, `method`
//! and `path`; `continent` and `accuracy_km` in `location`; `autonomous_system`, `traits` (a list),
//! `agent` and `ja4` in `network_info`. Members that are not known here are ignored.
//!
//! A user is only as proved as the caller says: with a `user_id` and no `proof`, it is the caller
//! who says so.

use super::condition::Reader;
use super::facts::{Agent, Facts, Network, Place, Point, Proof, TlsVersion, Traits};
use super::travel::ACCURACY_KM_MAX;
use crate::experiments::reader::Mistake;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use core::net::IpAddr;
use serde_json::{Map, Value};

/// The most bytes of an id or any text that is not said to have more.
pub const TEXT_BYTES_MAX: usize = 512;
/// The most bytes of `user_agent` and of `path`.
pub const LONG_BYTES_MAX: usize = 8_192;
/// The most members of `request_metadata`.
pub const METADATA_MAX: usize = 64;
/// How exact a place is whose accuracy is not told.
const ACCURACY_KM: f64 = 50.0;

/// Reads a context.
///
/// # Errors
///
/// All that is wrong in it. Nobody is to be let in by a context that is.
pub fn read(value: &Value) -> Result<Facts, alloc::vec::Vec<Mistake>> {
    let mut reader = Reader::default();
    let facts = reader.facts(value);
    match facts {
        Some(facts) if reader.mistakes.is_empty() => Ok(facts),
        _ => Err(reader.mistakes),
    }
}

type Members = Map<String, Value>;

impl Reader {
    fn facts(&mut self, value: &Value) -> Option<Facts> {
        let Value::Object(members) = value else {
            self.wrong("not an object");
            return None;
        };
        let user = self.required(members, "user_id", TEXT_BYTES_MAX).and_then(filled);
        let device = self.required(members, "device_id", TEXT_BYTES_MAX).and_then(filled);
        let proof = self.text(members, "proof", TEXT_BYTES_MAX);
        let proof = proof.and_then(|name| self.named("proof", &Proof::ALL, &name));
        let by_caller = if user.is_some() { Proof::Caller } else { Proof::None };
        let mut facts = Facts {
            user,
            proof: proof.unwrap_or(by_caller),
            device,
            reputation: self.measure(members, "device_reputation", 0.0, 1.0),
            velocity_kmh: self.measure(members, "velocity_kmh", 0.0, 1e9),
            is_familiar: self.flag(members, "familiar_place"),
            rate_per_minute: self.measure(members, "rate_per_minute", 0.0, 1e9),
            hour_utc: self.measure(members, "hour_utc", 0.0, 23.0).map(|hour| hour as u8),
            method: self.text(members, "method", TEXT_BYTES_MAX).and_then(filled),
            path: self.text(members, "path", LONG_BYTES_MAX).and_then(filled),
            metadata: self.metadata_of(members),
            ..Facts::default()
        };
        if let Some(location) = self.object_of(members, "location") {
            facts.place = self.within("location", |reader| reader.place(location));
        }
        if let Some(network) = self.object_of(members, "network_info") {
            self.within("network_info", |reader| reader.network(network, &mut facts));
        }
        Some(facts)
    }

    fn place(&mut self, members: &Members) -> Place {
        let mut text = |name| self.text(members, name, TEXT_BYTES_MAX).and_then(filled);
        let upper = |text: Box<str>| text.to_ascii_uppercase().into();
        let mut place = Place {
            continent: text("continent").map(upper),
            country: text("country").map(upper),
            region: text("region").map(upper),
            city: text("city"),
            point: None,
        };
        let latitude = self.measure(members, "latitude", -90.0, 90.0);
        let longitude = self.measure(members, "longitude", -180.0, 180.0);
        let accuracy_km = self.measure(members, "accuracy_km", 0.0, ACCURACY_KM_MAX);
        let accuracy_km = accuracy_km.unwrap_or(ACCURACY_KM);
        place.point = latitude.zip(longitude).map(|(latitude, longitude)| Point {
            latitude,
            longitude,
            accuracy_km,
        });
        place
    }

    fn network(&mut self, members: &Members, facts: &mut Facts) {
        let address = self.required(members, "ip_address", TEXT_BYTES_MAX).and_then(filled);
        let address = address.and_then(|text| {
            let address: Option<IpAddr> = text.parse().ok();
            if address.is_none() {
                self.within("ip_address", |reader| reader.wrong("not an address"));
            }
            address.map(|address| address.to_canonical())
        });
        facts.user_agent = self.required(members, "user_agent", LONG_BYTES_MAX);
        let version = self.required(members, "tls_version", TEXT_BYTES_MAX);
        facts.tls = version.map(|text| TlsVersion::of_text(&text));
        facts.cipher = self.required(members, "cipher_suite", TEXT_BYTES_MAX).and_then(filled);
        facts.ja4 = self.text(members, "ja4", TEXT_BYTES_MAX).and_then(filled);
        let agent = self.text(members, "agent", TEXT_BYTES_MAX).and_then(filled);
        facts.agent = agent.and_then(|name| self.named("agent", &Agent::ALL, &name));
        let system = self.measure(members, "autonomous_system", 0.0, u32::MAX.into());
        facts.network = Network {
            address,
            autonomous_system: system.map(|system| system as u32),
            traits: self.traits_of(members),
        };
    }

    fn traits_of(&mut self, members: &Members) -> Option<Traits> {
        let given = members.get("traits").filter(|value| !value.is_null())?;
        let mut traits = Traits::default();
        let names = given.as_array().filter(|names| names.len() <= Traits::NAMES.len());
        let is_read = names.is_some_and(|names| {
            names.iter().all(|name| name.as_str().is_some_and(|name| traits.set(name).is_some()))
        });
        if !is_read {
            let message = format!("not a list of {}", Traits::NAMES.join(", "));
            self.within("traits", |reader| reader.wrong(message));
        }
        is_read.then_some(traits)
    }

    fn metadata_of(&mut self, members: &Members) -> BTreeMap<Box<str>, Box<str>> {
        let mut read = BTreeMap::new();
        let Some(given) = members.get("request_metadata").filter(|value| !value.is_null()) else {
            return read;
        };
        self.within("request_metadata", |reader| match given {
            Value::Object(given) if given.len() <= METADATA_MAX => {
                for name in given.keys() {
                    if name.len() > TEXT_BYTES_MAX {
                        reader.wrong(format!("a name of more than {TEXT_BYTES_MAX} bytes"));
                    } else if let Some(text) = reader.required(given, name, TEXT_BYTES_MAX) {
                        read.insert(name.as_str().into(), text);
                    }
                }
            }
            _ => reader.wrong(format!("not an object of at most {METADATA_MAX} texts")),
        });
        read
    }

    fn object_of<'a>(&mut self, members: &'a Members, name: &str) -> Option<&'a Members> {
        let object = members.get(name).and_then(Value::as_object);
        if object.is_none() {
            self.within(name, |reader| reader.wrong("not an object"));
        }
        object
    }

    /// A text that has to be there.
    fn required(&mut self, members: &Members, name: &str, bytes_max: usize) -> Option<Box<str>> {
        if members.get(name).is_none_or(Value::is_null) {
            self.within(name, |reader| reader.wrong("missing"));
            return None;
        }
        self.text(members, name, bytes_max)
    }

    /// A text that may be there.
    fn text(&mut self, members: &Members, name: &str, bytes_max: usize) -> Option<Box<str>> {
        let given = members.get(name).filter(|value| !value.is_null())?;
        let text = given.as_str().filter(|text| text.len() <= bytes_max);
        if text.is_none() {
            let message = format!("not a text of at most {bytes_max} bytes");
            self.within(name, |reader| reader.wrong(message));
        }
        text.map(Into::into)
    }

    fn measure(&mut self, members: &Members, name: &str, least: f64, most: f64) -> Option<f64> {
        let given = members.get(name).filter(|value| !value.is_null())?;
        self.within(name, |reader| reader.number(given, least, most))
    }

    fn flag(&mut self, members: &Members, name: &str) -> Option<bool> {
        let given = members.get(name).filter(|value| !value.is_null())?;
        if !given.is_boolean() {
            self.within(name, |reader| reader.wrong("neither true nor false"));
        }
        given.as_bool()
    }

    fn named<T: Copy>(&mut self, member: &str, all: &[(&str, T)], name: &str) -> Option<T> {
        let found = all.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        if found.is_none() {
            self.within(member, |reader| reader.wrong(format!("{name:?} is none that there is")));
        }
        found
    }
}

/// A text that says something.
fn filled(text: Box<str>) -> Option<Box<str>> {
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests;
