//! When the issuer's keys are got, kept, and used though they are old.
//!
//! They are used for `keys_s` as they are. After that they are got again, and while that fails
//! the old ones are used for `keys_stale_s` more. A token that names a key that is not among them
//! has them got at once, since issuers change keys; but not more often than once in
//! [`AGAIN_MS`], so that nobody makes the guard ask by inventing names.

use crate::settings::{Settings, Url};
use crate::token::key::SET_BYTES_MAX;
use sha2::{Digest, Sha256};

/// Two attempts to get keys are at least so far apart: ten seconds.
pub const AGAIN_MS: i64 = 10_000;

/// Under which key an issuer's keys are kept: functions that share a namespace may have issuers
/// of their own, who must not vouch for each other.
pub fn key(url: &Url) -> String {
    let mut hash = Sha256::new();
    for part in [if url.is_https { "https" } else { "http" }, &url.authority, &url.target] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    let name: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("keys/{name}")
}

/// Keys as they were got, and when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// When they were got, in milliseconds since 1970.
    pub got_ms: i64,
    /// When it was tried last.
    pub tried_ms: i64,
    /// The set as it came; empty if it never did.
    pub set: Vec<u8>,
}

/// What is to be done before a token is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// The keys are used.
    Use,
    /// They are got again; if that fails, those that there are are used.
    GetOrUse,
    /// They are got; if that fails, nothing can be decided.
    Get,
    /// It was tried just now, and failed.
    Fail,
}

impl Stored {
    /// What is to be done. `is_unknown`: a token names a key that is not in the set.
    pub fn plan(&self, settings: &Settings, now_ms: i64, is_unknown: bool) -> Plan {
        let age_ms = now_ms.saturating_sub(self.got_ms);
        let tried_ms = now_ms.saturating_sub(self.tried_ms);
        // A clock that was set back must not keep from trying for years.
        let may_try = !(0..AGAIN_MS).contains(&tried_ms);
        let fresh_ms = settings.keys_s as i64 * 1_000;
        let usable_ms = fresh_ms.saturating_add(settings.keys_stale_s as i64 * 1_000);
        let is_usable = !self.set.is_empty() && (-AGAIN_MS..usable_ms).contains(&age_ms);
        let is_fresh = is_usable && age_ms < fresh_ms;
        match (is_usable, may_try) {
            (true, _) if is_fresh && !is_unknown => Plan::Use,
            (true, true) => Plan::GetOrUse,
            (true, false) => Plan::Use,
            (false, true) => Plan::Get,
            (false, false) => Plan::Fail,
        }
    }

    /// Both times, then the set.
    pub fn to_bytes(&self) -> Vec<u8> {
        [&self.got_ms.to_le_bytes()[..], &self.tried_ms.to_le_bytes(), &self.set].concat()
    }

    /// What [`Stored::to_bytes`] gave; `None` if it is anything else. Keys are parsed before
    /// they are used, so that it does not matter who wrote them here: whoever may write to
    /// the namespace may do so, and has to be trusted as the issuer is.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (got_ms, rest) = bytes.split_first_chunk()?;
        let (tried_ms, set) = rest.split_first_chunk()?;
        (set.len() <= SET_BYTES_MAX).then(|| Stored {
            got_ms: i64::from_le_bytes(*got_ms),
            tried_ms: i64::from_le_bytes(*tried_ms),
            set: set.to_vec(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: i64 = 3_600_000;
    const NOW_MS: i64 = 1_800_000_000_000;

    fn plan(got_ms: i64, tried_ms: i64, is_unknown: bool) -> Plan {
        let stored = Stored { got_ms, tried_ms, set: b"{}".to_vec() };
        stored.plan(&Settings::default(), NOW_MS, is_unknown)
    }

    #[test]
    fn keys_are_got_when_they_are_needed_and_not_more_often() {
        let none = Stored::default();
        let defaults = Settings::default();
        assert_eq!(none.plan(&defaults, NOW_MS, false), Plan::Get);
        let tried = Stored { tried_ms: NOW_MS - 1, ..none };
        assert_eq!(tried.plan(&defaults, NOW_MS, true), Plan::Fail);
        let before_ms = NOW_MS - 1_000;
        assert_eq!(plan(before_ms, before_ms, false), Plan::Use);
        assert_eq!(plan(before_ms, before_ms, true), Plan::Use, "a name that was invented");
        let minute_ms = NOW_MS - 60_000;
        assert_eq!(plan(minute_ms, minute_ms, true), Plan::GetOrUse);
        let old_ms = NOW_MS - 2 * HOUR_MS;
        assert_eq!(plan(old_ms, old_ms, false), Plan::GetOrUse, "the issuer may be down");
        assert_eq!(plan(old_ms, before_ms, false), Plan::Use);
        let too_old_ms = NOW_MS - 26 * HOUR_MS;
        assert_eq!(plan(too_old_ms, too_old_ms, false), Plan::Get);
        assert_eq!(plan(too_old_ms, before_ms, false), Plan::Fail);
    }

    #[test]
    fn a_clock_that_was_set_back_has_them_got_again() {
        assert_eq!(plan(NOW_MS + HOUR_MS, NOW_MS + HOUR_MS, false), Plan::Get);
        assert_eq!(plan(i64::MAX, i64::MIN, false), Plan::Get);
    }

    #[test]
    fn issuers_do_not_vouch_for_each_other() {
        let url = |is_https, authority: &str, target: &str| {
            key(&Url { is_https, authority: authority.into(), target: target.into() })
        };
        let all = [
            url(true, "id.test", "/keys"),
            url(false, "id.test", "/keys"),
            url(true, "id.test/", "keys"),
            url(true, "other.test", "/keys"),
            url(true, "id.test", "/keys?tenant=b"),
        ];
        assert!((1..all.len()).all(|at| !all[..at].contains(&all[at])), "{all:?}");
        assert_eq!(all[0], url(true, "id.test", "/keys"));
    }

    #[test]
    fn what_is_stored_comes_back() {
        let stored = Stored { got_ms: -1, tried_ms: 2, set: b"{\"keys\":[]}".to_vec() };
        assert_eq!(Stored::from_bytes(&stored.to_bytes()), Some(stored));
        assert_eq!(Stored::from_bytes(&[0; 15]), None);
        assert_eq!(Stored::from_bytes(&vec![0; SET_BYTES_MAX + 17]), None);
    }
}
