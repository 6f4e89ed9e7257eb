//! What the node knows of a client, and what is remembered of it.

use super::Judge;
use crate::request::{Asked, Tls};
use crate::token::Claims;
use sedge_kit::guard::decision::Outcome;
use sedge_kit::guard::facts::{Agent, Facts, Network, Place, Proof, TlsVersion, Traits};
use sedge_kit::guard::reputation::Reputation;
use sedge_kit::guard::travel::{ACCURACY_KM_MAX, AGE_MS_MAX, Sighting, Sightings};
use sedge_kit::privacy::truncate;
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// A place is written again after this long, and a good deed counts again: an hour.
const AGAIN_MS: i64 = 3_600_000;
/// The most bytes of a field that is taken for a fact.
const TEXT_BYTES_MAX: usize = 8_192;

/// What is asked of the node. In tests it is a table.
pub trait Host {
    /// Where an address is: `None` if it is not known.
    ///
    /// # Errors
    /// In a word, if the database cannot be read.
    fn locate(&self, address: &str) -> Result<Option<Located>, &'static str>;

    /// What kind of client a `User-Agent` tells of.
    fn agent(&self, user_agent: &str) -> Option<Agent>;

    /// What was kept under a key.
    ///
    /// # Errors
    /// If the store fails.
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, &'static str>;

    /// Keeps it for so many milliseconds.
    ///
    /// # Errors
    /// If the store fails.
    fn set(&self, key: &str, value: &[u8], ttl_ms: u64) -> Result<(), &'static str>;
}

/// Where an address is, and whose.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Located {
    /// Where.
    pub place: Place,
    /// The number of the autonomous system.
    pub autonomous_system: Option<u32>,
    /// What is known of those who use it.
    pub traits: Traits,
}

/// What is known of a request, and what is to be remembered of it.
pub(super) struct Gathered {
    pub(super) facts: Facts,
    sightings: Option<(String, Sightings, Sighting)>,
    reputation: Option<(String, Option<Reputation>)>,
}

impl Judge {
    /// Collects the facts.
    pub(super) fn gather(
        &self,
        asked: &Asked,
        claims: Option<&Claims>,
        host: &impl Host,
        rate: Option<f64>,
        now_ms: i64,
    ) -> Result<Gathered, &'static str> {
        let located = match asked.address {
            None => None,
            Some(address) => host.locate(&address.to_string())?,
        };
        let proof = match (claims.is_some(), asked.certificate.is_some()) {
            (false, false) => Proof::None,
            (true, false) => Proof::Token,
            (false, true) => Proof::Certificate,
            (true, true) => Proof::Both,
        };
        let certificate_name = asked.certificate.as_ref().map(|it| &*it.name);
        let user = claims.map(|claims| &*claims.subject).or(certificate_name);
        let mut facts = Facts {
            user: user.map(Into::into),
            proof,
            device: Some(device(asked).into()),
            user_agent: Some(limited(asked.user_agent.as_deref().unwrap_or_default()).into()),
            agent: asked.user_agent.as_deref().and_then(|agent| host.agent(agent)),
            rate_per_minute: rate,
            hour_utc: u8::try_from(now_ms.div_euclid(3_600_000).rem_euclid(24)).ok(),
            method: Some(asked.method.as_str().into()),
            ..Facts::default()
        };
        self.secure(asked.tls.as_ref(), &mut facts);
        facts.network.address = asked.address;
        if let Some(Located { place, autonomous_system, traits }) = located {
            facts.place = place;
            facts.network = Network { autonomous_system, traits: Some(traits), ..facts.network };
        }
        let mut gathered = Gathered { facts, sightings: None, reputation: None };
        if self.settings.store.is_some() {
            let issuer = claims.map_or("certificate", |claims| &claims.issuer);
            gathered.recall(issuer, host, now_ms)?;
        }
        Ok(gathered)
    }

    fn secure(&self, tls: Option<&Tls>, facts: &mut Facts) {
        match tls {
            Some(tls) => {
                facts.tls = Some(TlsVersion::of_text(&tls.version));
                facts.cipher = Some(limited(&tls.cipher).into());
                facts.ja4 = tls.ja4.as_deref().map(|ja4| limited(ja4).into());
            }
            // Behind a proxy that ends TLS, nothing is known of it.
            None if self.settings.tls_is_required => facts.tls = Some(TlsVersion::None),
            None => {}
        }
    }
}

impl Gathered {
    /// What was kept of the user and of the device. What cannot be read was damaged, and is
    /// as if it were not there: the next that is kept replaces it.
    fn recall(&mut self, issuer: &str, host: &impl Host, now_ms: i64) -> Result<(), &'static str> {
        let facts = &mut self.facts;
        let key = format!("device/{}", facts.device.as_deref().unwrap_or_default());
        let kept = host.get(&key)?.and_then(|bytes| Reputation::from_bytes(&bytes).ok());
        facts.reputation = Some(kept.unwrap_or(Reputation::new(now_ms)).score(now_ms));
        self.reputation = Some((key, kept));
        let hides = facts.network.traits.is_some_and(Traits::hides_place);
        let point =
            facts.place.point.filter(|point| point.accuracy_km <= ACCURACY_KM_MAX && !hides);
        let (Some(user), Some(point)) = (&facts.user, point) else { return Ok(()) };
        // Not the autonomous system, which may reach around the world.
        let network = number(&client(facts.network.address));
        let now = Sighting { time_ms: now_ms, point, network };
        let key = format!("user/{}", digest(&[issuer, user]));
        let kept = host.get(&key)?.and_then(|bytes| Sightings::from_bytes(&bytes).ok());
        let sightings = kept.unwrap_or_default();
        if let Some(travel) = sightings.travel(&now) {
            facts.velocity_kmh = Some(travel.velocity_kmh);
            facts.is_familiar = Some(travel.is_familiar);
        }
        self.sightings = Some((key, sightings, now));
        Ok(())
    }

    /// Keeps what this request adds: a place only if it passes, since else a thief would lock
    /// out whom he has stolen from; of a device what it did, but no good before anything bad.
    pub(super) fn remember(
        self,
        host: &impl Host,
        outcome: Outcome,
        now_ms: i64,
    ) -> Result<(), &'static str> {
        if let Some((key, mut sightings, now)) = self.sightings
            && outcome == Outcome::Allow
            && sightings.is_news(&now, AGAIN_MS)
        {
            sightings.add(now);
            host.set(&key, &sightings.to_bytes(), AGE_MS_MAX as u64)?;
        }
        let Some((key, kept)) = self.reputation else { return Ok(()) };
        let is_bad = outcome == Outcome::Block;
        let is_due = kept.is_some_and(|kept| {
            outcome == Outcome::Allow && now_ms.saturating_sub(kept.time_ms()) >= AGAIN_MS
        });
        if is_bad || is_due {
            let after = kept.unwrap_or(Reputation::new(now_ms)).after(now_ms, !is_bad);
            // Half of it is forgotten in 14 days; after 90 nothing is left to keep.
            host.set(&key, &after.to_bytes(), 90 * 86_400_000)?;
        }
        Ok(())
    }
}

/// By which name a device is known: its certificate, else what its TLS library, its
/// `User-Agent` and its network look like, which others may share.
fn device(asked: &Asked) -> String {
    if let Some(certificate) = &asked.certificate {
        return digest(&["certificate", &certificate.fingerprint]);
    }
    let ja4 = asked.tls.as_ref().and_then(|tls| tls.ja4.as_deref()).unwrap_or_default();
    let agent = asked.user_agent.as_deref().unwrap_or_default();
    digest(&["looks", ja4, agent, &client(asked.address)])
}

/// By which name a client is counted: the network of its address.
pub fn client(address: Option<std::net::IpAddr>) -> String {
    address.map(|address| truncate(address).to_string()).unwrap_or_default()
}

/// A short name that says nothing of what it was made of, as far as that cannot be guessed.
fn digest(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    let mut name = String::with_capacity(32);
    for byte in &hash.finalize()[..16] {
        let _ = write!(name, "{byte:02x}");
    }
    name
}

/// The same for a number.
pub(super) fn number(text: &str) -> u64 {
    let hash = Sha256::digest(text.as_bytes());
    hash.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

fn limited(text: &str) -> &str {
    &text[..text.floor_char_boundary(TEXT_BYTES_MAX)]
}
