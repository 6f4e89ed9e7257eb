//! What an instance that is used again remembers: verdicts until they expire, and how often each
//! client came.

use crate::judge::{Verdict, client};
use crate::request::{Asked, Sent};
use sedge_kit::guard::rate::Rates;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// The most verdicts.
pub const VERDICTS_MAX: usize = 1_024;
/// The most clients that are counted.
pub const CLIENTS_MAX: usize = 4_096;

/// Everything that a verdict depends on, in short.
pub type Key = [u8; 32];

/// Verdicts and counts.
pub struct Memory {
    verdicts: BTreeMap<Key, Verdict>,
    rates: Rates,
}

impl Default for Memory {
    fn default() -> Self {
        Memory { verdicts: BTreeMap::new(), rates: Rates::new(CLIENTS_MAX) }
    }
}

impl Memory {
    /// Counts a request of a client, and says how many it has made in the last minute, as far as
    /// this instance knows.
    pub fn count(&mut self, asked: &Asked, now_ms: i64) -> f64 {
        self.rates.count(name(asked), now_ms)
    }

    /// Takes back that a request was counted, because it will be judged anew.
    pub fn take_back(&mut self, asked: &Asked) {
        self.rates.take_back(name(asked));
    }

    /// The verdict on the same request, if it has not expired. A clock that was set back by more
    /// than a verdict can last forgets it.
    pub fn recall(&self, key: &Key, now_s: u64, lasts_s: u64) -> Option<Verdict> {
        let verdict = self.verdicts.get(key)?;
        let expires_s = verdict.decision.expires_at_s;
        (now_s < expires_s && expires_s - now_s <= lasts_s).then(|| verdict.clone())
    }

    /// Keeps a verdict, if it lasts. If there are too many, those go that have expired; if none
    /// has, all do, which costs no more than to decide again.
    pub fn keep(&mut self, key: Key, verdict: &Verdict, now_s: u64) {
        if !verdict.is_lasting() || verdict.decision.expires_at_s <= now_s {
            return;
        }
        if self.verdicts.len() >= VERDICTS_MAX {
            self.verdicts.retain(|_, it| it.decision.expires_at_s > now_s);
        }
        if self.verdicts.len() >= VERDICTS_MAX {
            self.verdicts.clear();
        }
        self.verdicts.insert(key, verdict.clone());
    }
}

/// What a request's client is counted by.
fn name(asked: &Asked) -> u64 {
    let digest = Sha256::digest(client(asked.address).as_bytes());
    digest.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// Everything of a request that a verdict depends on: what it says, which of the rates that rules
/// ask for are exceeded, by which keys its token was verified (their set, in short), and the
/// hour.
pub fn key(asked: &Asked, rate_band: usize, keys: &[u8; 32], now_ms: i64) -> Key {
    let mut hash = Sha256::new();
    let mut add = |part: &[u8]| {
        // With its length before it, no part can be taken for the beginning of the next.
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    };
    let address = asked.address.map(|address| address.to_string()).unwrap_or_default();
    // What is absent is not the same as what is empty.
    let optional =
        |text: Option<&str>| text.map_or_else(Vec::new, |text| [b"+", text.as_bytes()].concat());
    add(asked.method.as_bytes());
    add(asked.path.as_bytes());
    add(&optional(asked.host.as_deref()));
    add(address.as_bytes());
    add(&optional(asked.user_agent.as_deref()));
    let tls = asked.tls.as_ref();
    add(&optional(tls.map(|tls| &*tls.version)));
    add(&optional(tls.map(|tls| &*tls.cipher)));
    add(&optional(tls.and_then(|tls| tls.ja4.as_deref())));
    let certificate = asked.certificate.as_ref();
    add(&optional(certificate.map(|it| &*it.fingerprint)));
    add(&optional(certificate.map(|it| &*it.name)));
    match &asked.token {
        Sent::None => add(b""),
        Sent::Unclear => add(b"?"),
        Sent::Token(token) => add(&[b"+", token.as_bytes()].concat()),
    }
    add(&rate_band.to_le_bytes());
    add(keys);
    add(&now_ms.div_euclid(3_600_000).to_le_bytes());
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::Refused;
    use crate::request::{Certificate, Tls};

    fn verdict(expires_at_s: u64) -> Verdict {
        let mut verdict = Verdict::refused(Refused::Blocked, 0);
        verdict.decision.expires_at_s = expires_at_s;
        verdict
    }

    #[test]
    fn a_verdict_is_for_the_very_same_request() {
        let plain = Asked { method: "GET".into(), path: "/a".into(), ..Asked::default() };
        let key = |asked: &Asked, band, now_ms| super::key(asked, band, &[0; 32], now_ms);
        let mut all = vec![key(&plain, 0, 0), key(&plain, 1, 0), key(&plain, 0, 3_600_000)];
        all.push(super::key(&plain, 0, &[1; 32], 0));
        let tls = Tls { version: "1.3".into(), ..Tls::default() };
        let certificate = Certificate { fingerprint: "a".into(), name: "b".into() };
        for other in [
            Asked { method: "POST".into(), ..plain.clone() },
            Asked { path: "/b".into(), ..plain.clone() },
            Asked { method: "GET/".into(), path: "a".into(), ..plain.clone() },
            Asked { host: Some(String::new()), ..plain.clone() },
            Asked { address: "192.0.2.1".parse().ok(), ..plain.clone() },
            Asked { user_agent: Some(String::new()), ..plain.clone() },
            Asked { user_agent: Some("x".into()), ..plain.clone() },
            Asked { tls: Some(tls.clone()), ..plain.clone() },
            Asked { tls: Some(Tls { cipher: "c".into(), ..tls.clone() }), ..plain.clone() },
            Asked { tls: Some(Tls { ja4: Some("j".into()), ..tls }), ..plain.clone() },
            Asked { certificate: Some(certificate.clone()), ..plain.clone() },
            Asked {
                certificate: Some(Certificate { name: "c".into(), ..certificate }),
                ..plain.clone()
            },
            Asked { token: Sent::Unclear, ..plain.clone() },
            Asked { token: Sent::Token(String::new()), ..plain.clone() },
            Asked { token: Sent::Token("t".into()), ..plain.clone() },
        ] {
            all.push(key(&other, 0, 0));
        }
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
        assert_eq!(key(&plain, 0, 0), key(&plain, 0, 3_599_999));
    }

    #[test]
    fn a_request_that_is_judged_anew_counts_once() {
        let mut memory = Memory::default();
        let of = |address: &str| Asked { address: address.parse().ok(), ..Asked::default() };
        let (one, other) = (of("192.0.2.1"), of("2001:db8::1"));
        assert_eq!((memory.count(&one, 0), memory.count(&other, 0)), (1.0, 1.0));
        memory.take_back(&one);
        assert_eq!((memory.count(&one, 0), memory.count(&other, 0)), (1.0, 2.0));
    }

    #[test]
    fn verdicts_end_and_are_few() {
        let mut memory = Memory::default();
        memory.keep([0; 32], &verdict(100), 0);
        assert!(memory.recall(&[0; 32], 99, 300).is_some());
        assert!(memory.recall(&[0; 32], 100, 300).is_none(), "it has expired");
        assert!(memory.recall(&[0; 32], 99, 0).is_none(), "the clock was set back");
        assert!(memory.recall(&[1; 32], 0, 300).is_none());
        memory.keep([2; 32], &Verdict::refused(Refused::Undecided("keys"), 0), 0);
        assert!(memory.recall(&[2; 32], 0, 300).is_none(), "what failed is not kept");
        for at in 0..3 * VERDICTS_MAX {
            let mut key = [0; 32];
            key[..8].copy_from_slice(&at.to_le_bytes());
            memory.keep(key, &verdict(100), 0);
        }
        assert!((1..=VERDICTS_MAX).contains(&memory.verdicts.len()));
    }

    #[test]
    fn clients_are_counted_by_their_network() {
        let mut memory = Memory::default();
        let from = |address: &str| Asked { address: address.parse().ok(), ..Asked::default() };
        assert_eq!(memory.count(&from("192.0.2.1"), 0), 1.0);
        assert_eq!(memory.count(&from("192.0.2.2"), 0), 2.0);
        assert_eq!(memory.count(&from("192.0.3.1"), 0), 1.0);
        assert_eq!(memory.count(&from("::ffff:192.0.2.3"), 0), 3.0);
    }
}
