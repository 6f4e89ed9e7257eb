//! Signatures that were found to be good, kept for other instances.
//!
//! What is kept of a token is one digest under another: neither gives the token, nor says whose
//! it is. The digest is over the token *and* the very key set that it was verified by, so that a
//! renewed set makes all of them worth nothing, those of a key that is gone included. What a
//! token claims is not kept: it is read from the token each time, and held against the settings
//! and the clock as ever. So whatever is damaged, or is of another time, comes to no more than
//! that a signature is verified again.
//!
//! Who can write to the namespace can make tokens good, as it can by giving keys there
//! ([`crate::keys::Stored::from_bytes`]). Clients cannot.

use crate::settings::Settings;
use crate::token::{Claims, Expected};
use sha2::{Digest, Sha256};

/// What is kept of a token that was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Under which key.
    pub key: String,
    /// What.
    pub value: [u8; 32],
}

impl Mark {
    /// That of a token by a key set, as it came.
    pub fn of(token: &str, set: &[u8], expected: &Expected) -> Self {
        let digest = |parts: &[&[u8]]| -> [u8; 32] {
            let mut hash = Sha256::new();
            for part in parts {
                // With its length before it, no part can be taken for the beginning of the next.
                hash.update((part.len() as u64).to_le_bytes());
                hash.update(part);
            }
            hash.finalize().into()
        };
        let name = digest(&[b"sedge guard token 1", token.as_bytes()]);
        let key = name.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let issuer = expected.issuer.as_bytes();
        let value = digest(&[b"sedge guard verified 1", issuer, set, token.as_bytes()]);
        Mark { key: format!("token/{key}"), value }
    }
}

/// For how long a mark is of use, in milliseconds: as long as its token, and not longer than the
/// keys may be used that were got at `got_ms`. 0: not at all.
pub fn ttl_ms(
    claims: &Claims,
    expected: &Expected,
    settings: &Settings,
    got_ms: i64,
    now_ms: i64,
) -> u64 {
    let token_s = claims.expires_s.saturating_add(expected.leeway_s);
    let token_ms = i64::try_from(token_s.saturating_mul(1_000)).unwrap_or(i64::MAX);
    let keys_s = settings.keys_s.saturating_add(settings.keys_stale_s) as i64;
    let keys_ms = got_ms.saturating_add(keys_s.saturating_mul(1_000));
    u64::try_from(token_ms.min(keys_ms).saturating_sub(now_ms)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expected(issuer: &str) -> Expected {
        let (issuer, audience, groups) = (issuer.into(), "api".into(), "groups".into());
        Expected { issuer, audience, leeway_s: 30, age_s_max: None, groups }
    }

    #[test]
    fn a_mark_is_for_one_token_by_one_set_and_gives_neither() {
        let mark = Mark::of("a.b.c", b"{}", &expected("i"));
        for other in [
            Mark::of("a.b.d", b"{}", &expected("i")),
            Mark::of("a.b.c", b"{} ", &expected("i")),
            Mark::of("a.b.c", b"{}", &expected("j")),
            Mark::of("}a.b.c", b"{", &expected("i")),
            Mark::of("a.b.c", b"", &expected("i{}")),
        ] {
            assert_ne!(mark.value, other.value, "{other:?}");
        }
        assert_eq!(mark.key, Mark::of("a.b.c", b"other", &expected("j")).key, "it is replaced");
        assert_eq!(mark.key.len(), 6 + 64);
        assert!(!mark.key.contains("a.b.c"));
    }

    #[test]
    fn it_ends_with_the_token_and_with_the_keys() {
        let claims = |expires_s| Claims { expires_s, ..Claims::default() };
        let settings = Settings { keys_s: 100, keys_stale_s: 50, ..Settings::default() };
        let ttl = |expires_s, got_ms, now_ms| {
            ttl_ms(&claims(expires_s), &expected("i"), &settings, got_ms, now_ms)
        };
        assert_eq!(ttl(1_000, 1_000_000, 1_000_000), 30_000, "the token, and what clocks differ");
        assert_eq!(ttl(9_000, 1_000_000, 1_000_000), 150_000, "the keys");
        for (expires_s, got_ms, now_ms) in [
            (1_000, 0, 1_000_000),
            (0, 1_000_000, 1_000_000),
            (1_000, 0, i64::MAX),
            (0, i64::MIN, 0),
        ] {
            assert_eq!(ttl(expires_s, got_ms, now_ms), 0, "{expires_s} {got_ms} {now_ms}");
        }
        assert!(ttl(u64::MAX, i64::MAX, i64::MIN) > 0);
    }
}
