//! Who somebody is, until the day is over: where a user's id is found in a request, the day's
//! salt, and the name that both make.
//!
//! The salt of a day is made by the first instance that needs it: 32 random bytes, put into the
//! node's key-value store only if there are none yet, so that all instances have the same. It
//! expires soon after its day, and whoever comes by each minute deletes those of other days, so
//! that none outlives a node that was killed between making it and giving it its time.

use std::net::IpAddr;

use sedge_kit::privacy::{Pseudonyms, truncate};

use crate::vault::{Vault, VaultError};

/// A day in milliseconds; days begin at midnight, UTC.
pub const DAY_MS: i64 = 86_400_000;
/// How long after its day a salt is gone: requests end after midnight, and clocks differ.
const SALT_REST_MS: i64 = 600_000;
/// Bytes of an id that count.
const ID_BYTES_MAX: usize = 512;

/// Where a user's id is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The value of a header field.
    Field(String),
    /// The value of a cookie.
    Cookie(String),
    /// The client's network and its `User-Agent`.
    Client,
}

impl Source {
    /// Reads `field:x-user-id`, `cookie:sid` or `client`.
    ///
    /// # Errors
    /// What is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let is_token =
            |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        let token = |name: &str| (1..=100).contains(&name.len()) && name.bytes().all(is_token);
        match text.split_once(':') {
            None if text == "client" => Ok(Source::Client),
            Some(("field", name)) if token(name) => Ok(Source::Field(name.to_ascii_lowercase())),
            Some(("cookie", name)) if token(name) => Ok(Source::Cookie(name.to_owned())),
            _ => Err(format!("{text:?} is none of field:NAME, cookie:NAME and client")),
        }
    }
}

/// The name of somebody who is known by an id of the app's own.
pub fn account(names: &Pseudonyms, id: &[u8]) -> u64 {
    names.name("account", cut(id))
}

/// The name of somebody of whom nothing is known but where the request comes from. The end of
/// the address does not count, nor does what cannot be an address.
pub fn client(names: &Pseudonyms, address: &str, user_agent: &[u8]) -> Option<u64> {
    let network = truncate(address.parse::<IpAddr>().ok()?);
    let mut id = match network {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    id.extend(cut(user_agent));
    Some(names.name("client", &id))
}

/// The name of a page.
pub fn page(names: &Pseudonyms, target: &str) -> u64 {
    let path = target.split(['?', '#']).next().unwrap_or_default();
    names.name("page", cut(path.as_bytes()))
}

/// The value of a cookie in a field `Cookie`; an empty one is none.
pub fn cookie<'a>(field: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let pairs = field.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
    let mut values =
        pairs.filter_map(|pair| pair.strip_prefix(name.as_bytes())?.strip_prefix(b"="));
    values.next().filter(|value| !value.is_empty())
}

fn cut(id: &[u8]) -> &[u8] {
    &id[..id.len().min(ID_BYTES_MAX)]
}

/// The names of a day, with the day's number; kept by instances that live on.
pub struct Names {
    day: i64,
    names: Pseudonyms,
}

impl Names {
    /// Those of the day of `now_ms`. `random` makes a salt if there is none yet.
    ///
    /// # Errors
    /// The node cannot keep a salt, or what it keeps is none.
    pub fn of_day(
        vault: &dyn Vault,
        now_ms: i64,
        random: impl Fn() -> [u8; 32],
    ) -> Result<Names, VaultError> {
        let day = now_ms.div_euclid(DAY_MS);
        let key = format!("salt/{day}");
        let names = |salt: &[u8]| {
            let salt = salt.try_into().map_err(|_| VaultError(format!("{key} is no salt")))?;
            Ok(Names { day, names: Pseudonyms::new(salt) })
        };
        if let Some(salt) = vault.get(&key)? {
            return names(&salt);
        }
        let salt = random();
        if vault.create(&key, &salt)? {
            let rest_ms = (day + 1) * DAY_MS + SALT_REST_MS - now_ms;
            vault.set_for(&key, &salt, rest_ms.unsigned_abs())?;
            return names(&salt);
        }
        // Another one was first.
        match vault.get(&key)? {
            Some(salt) => names(&salt),
            None => Err(VaultError(format!("{key} was made and is gone"))),
        }
    }

    /// Whether they are of that time's day.
    pub fn fit(&self, now_ms: i64) -> bool {
        now_ms.div_euclid(DAY_MS) == self.day
    }

    /// The names.
    pub fn names(&self) -> &Pseudonyms {
        &self.names
    }
}

/// Deletes the salts of days that are over, and of days that are yet to come.
///
/// # Errors
/// The node cannot say which there are, or cannot delete them.
pub fn forget(vault: &dyn Vault, now_ms: i64) -> Result<(), VaultError> {
    let first = (now_ms - SALT_REST_MS).div_euclid(DAY_MS);
    let last = (now_ms + SALT_REST_MS).div_euclid(DAY_MS);
    for key in vault.keys()? {
        let Some(day) = key.strip_prefix("salt/") else { continue };
        if !day.parse().is_ok_and(|day: i64| (first..=last).contains(&day)) {
            vault.delete(&key)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::tests::Memory;

    const NOW_MS: i64 = 1_795_850_000_000;

    #[test]
    fn sources_are_read_and_mistakes_told() {
        for bad in ["", "client:x", "field:", "field:a b", "cookie:a=b", "header:a", "Client"] {
            assert!(Source::parse(bad).expect_err(bad).contains("is none of"), "{bad}");
        }
        assert_eq!(Source::parse("field:X-Id"), Ok(Source::Field("x-id".into())));
        assert_eq!(Source::parse("cookie:Sid"), Ok(Source::Cookie("Sid".into())));
    }

    #[test]
    fn cookies_are_found_whole() {
        let field = b"xsid=1; sid=; a=b;sid=2 ; sid=3; flag";
        assert_eq!(cookie(field, "sid"), None);
        assert_eq!(cookie(b"xsid=1;  sid=2=3 ; sid=4", "sid"), Some(&b"2=3"[..]));
        for none in [&b""[..], b"sid", b"=;=", b"\xFF=1", b"SID=1"] {
            assert_eq!(cookie(none, "sid"), None);
        }
    }

    #[test]
    fn clients_of_one_network_with_one_browser_are_one() {
        let names = Pseudonyms::new(&[7; 32]);
        let of = |address, agent: &str| client(&names, address, agent.as_bytes());
        assert_eq!(of("203.0.113.7", "a"), of("203.0.113.8", "a"));
        assert_eq!(of("203.0.113.7", "a"), of("::ffff:203.0.113.9", "a"));
        assert_ne!(of("203.0.113.7", "a"), of("203.0.113.7", "b"));
        assert_ne!(of("203.0.113.7", "a"), of("203.0.114.7", "a"));
        for none in ["", "203.0.113", "[::1]", "host", "203.0.113.7:80"] {
            assert_eq!(of(none, "a"), None, "{none}");
        }
        let long = "x".repeat(100_000);
        assert_eq!(of("::1", &long), of("::1", &long[..600]));
        assert_ne!(account(&names, b"a"), page(&names, "a"));
        assert_eq!(page(&names, "/a?b"), page(&names, "/a"));
    }

    #[test]
    fn all_instances_have_the_salt_of_the_first() {
        let vault = Memory::default();
        let name = |now_ms, byte: u8| {
            let names = Names::of_day(&vault, now_ms, || [byte; 32]).expect("names");
            assert!(names.fit(now_ms) && !names.fit(now_ms + DAY_MS));
            account(names.names(), b"alice")
        };
        let first = name(NOW_MS, 1);
        assert_eq!(name(NOW_MS + 1, 2), first);
        assert_ne!(name(NOW_MS + DAY_MS, 1 + 2), first);
        let day = NOW_MS / DAY_MS;
        let rest_ms = vault.rest_ms(&format!("salt/{day}")).expect("an end");
        assert_eq!(rest_ms as i64, (day + 1) * DAY_MS + SALT_REST_MS - NOW_MS);
        // One that is beaten to it takes what the winner has put there.
        vault.race("salt/1", &[9; 32]);
        let beaten = Names::of_day(&vault, DAY_MS, || [8; 32]).expect("names");
        let wanted = account(&Pseudonyms::new(&[9; 32]), b"alice");
        assert_eq!(account(beaten.names(), b"alice"), wanted);
    }

    #[test]
    fn what_is_no_salt_is_an_error() {
        let vault = Memory::default();
        vault.set(&format!("salt/{}", NOW_MS / DAY_MS), b"short").expect("set");
        assert!(Names::of_day(&vault, NOW_MS, || [1; 32]).is_err());
        vault.fail();
        assert!(Names::of_day(&vault, NOW_MS, || [1; 32]).is_err());
    }

    #[test]
    fn salts_of_other_days_are_forgotten() {
        let vault = Memory::default();
        let day = 20_000;
        for key in ["salt/19998", "salt/19999", "salt/20000", "salt/20001", "salt/x", "view"] {
            vault.set(key, &[1; 32]).expect("set");
        }
        let left = |now_ms| {
            forget(&vault, now_ms).expect("forgotten");
            vault.keys().expect("keys")
        };
        assert_eq!(left(day * DAY_MS + 599_999), ["salt/19999", "salt/20000", "view"]);
        assert_eq!(left(day * DAY_MS + 600_000), ["salt/20000", "view"]);
        assert_eq!(left(i64::MAX / 2), ["view"]);
    }
}
