//! What visitors carry and cannot change, and names under which they are counted: both by
//! HMAC-SHA256 (RFC 2104, FIPS 180-4) with a secret of the app.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// Bytes of a seal: 128 bits, of which nobody guesses one.
const SEAL_BYTES: usize = 16;
/// A shorter secret could be found by trying.
pub const SECRET_BYTES_MIN: usize = 16;
/// Secrets that are valid at one time.
const KEYS_MAX: usize = 4;
/// Bytes of a visitor's name in events. Of a million visitors two share one with a
/// probability of 10⁻¹⁸.
pub const NAME_BYTES: usize = 12;

/// What a seal is for; one for another use is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// An anonymous visitor's id.
    Id,
    /// Variations in which a visitor stays.
    Sticky,
    /// An event in the log.
    Event,
    /// A visitor's name in events.
    Name,
}

impl Use {
    fn prefix(self) -> &'static [u8] {
        match self {
            Use::Id => b"experiments/id\0",
            Use::Sticky => b"experiments/sticky\0",
            Use::Event => b"experiments/event\0",
            Use::Name => b"experiments/name\0",
        }
    }
}

/// The keys of an app: the first one seals, all of them open.
#[derive(Clone)]
pub struct Keys(Vec<Hmac<Sha256>>);

/// Keys are not shown.
impl core::fmt::Debug for Keys {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(out, "Keys({})", self.0.len())
    }
}

impl Keys {
    /// Reads a secret: one key, or several with blanks between them, the newest first.
    ///
    /// # Errors
    ///
    /// If there is none, there are too many, or one is too short. The text says nothing of them.
    pub fn parse(secret: &str) -> Result<Self, String> {
        let words: Vec<&str> = secret.split_whitespace().collect();
        if words.is_empty() || words.len() > KEYS_MAX {
            return Err(format!("one to {KEYS_MAX} keys are expected, with blanks between them"));
        }
        if words.iter().any(|word| word.len() < SECRET_BYTES_MIN) {
            return Err(format!("a key has fewer than {SECRET_BYTES_MIN} bytes"));
        }
        // HMAC takes keys of any length.
        let keyed = |word: &&str| Hmac::new_from_slice(word.as_bytes()).ok();
        Ok(Keys(words.iter().filter_map(keyed).collect()))
    }

    /// A payload with its seal: `PAYLOAD.SEAL`. The payload must have no dot.
    pub fn seal(&self, of: Use, payload: &str) -> String {
        format!("{payload}.{}", BASE64.encode(self.tag(of, payload.as_bytes())))
    }

    /// The payload of what was sealed with one of the keys for this use.
    pub fn open<'a>(&self, of: Use, sealed: &'a str) -> Option<&'a str> {
        let (payload, tag) = sealed.split_once('.')?;
        let tag = BASE64.decode(tag).ok().filter(|tag| tag.len() == SEAL_BYTES)?;
        self.0.iter().find(|key| {
            let mut mac = (*key).clone();
            mac.update(of.prefix());
            mac.update(payload.as_bytes());
            mac.verify_truncated_left(&tag).is_ok()
        })?;
        Some(payload)
    }

    /// The name under which a visitor is counted, known by the value of an attribute: the same
    /// for all experiments and days, and nothing to whoever does not have the key. Another first
    /// key makes everybody another one.
    pub fn name(&self, attribute: &str, value: &str) -> [u8; NAME_BYTES] {
        // With its length before it, no attribute is the beginning of another one's value.
        let text = format!("{}:{attribute}{value}", attribute.len());
        let tag = self.tag(Use::Name, text.as_bytes());
        let mut name = [0; NAME_BYTES];
        name.copy_from_slice(&tag[..NAME_BYTES]);
        name
    }

    fn tag(&self, of: Use, payload: &[u8]) -> [u8; SEAL_BYTES] {
        let mut mac = self.0[0].clone();
        mac.update(of.prefix());
        mac.update(payload);
        let whole = mac.finalize().into_bytes();
        let mut tag = [0; SEAL_BYTES];
        tag.copy_from_slice(&whole[..SEAL_BYTES]);
        tag
    }
}

/// Bytes as text for cookies and JSON.
pub fn text_of(bytes: &[u8]) -> String {
    BASE64.encode(bytes)
}

/// The bytes of such a text.
pub fn bytes_of(text: &str) -> Option<Vec<u8>> {
    BASE64.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn weak_secrets_are_refused_and_not_told() {
        for secret in ["", " \n", "short", "0123456789abcdef weakweak", &[SECRET; 5].join(" ")] {
            let error = Keys::parse(secret).expect_err(secret);
            assert!(!error.contains("weakweak"), "{error}");
        }
        assert_eq!(format!("{:?}", Keys::parse(SECRET).expect("a key")), "Keys(1)");
    }

    #[test]
    fn a_new_key_opens_what_the_old_one_sealed() {
        let old = Keys::parse(SECRET).expect("a key");
        let new = Keys::parse(&format!("another-secret-key {SECRET}\n")).expect("two keys");
        let sealed = old.seal(Use::Id, "me");
        assert_eq!(new.open(Use::Id, &sealed), Some("me"));
        assert_eq!(old.open(Use::Id, &new.seal(Use::Id, "me")), None);
        assert_ne!(old.name("id", "me"), new.name("id", "me"));
    }

    #[test]
    fn a_seal_is_for_one_use_and_one_payload() {
        let keys = Keys::parse(SECRET).expect("a key");
        let sealed = keys.seal(Use::Id, "me");
        assert_eq!(keys.open(Use::Id, &sealed), Some("me"));
        assert_eq!(keys.open(Use::Sticky, &sealed), None);
        let tag = sealed.strip_prefix("me").expect("the seal");
        for forged in [format!("you{tag}"), "me.".into(), "me".into(), format!("me{}", &tag[..9])] {
            assert_eq!(keys.open(Use::Id, &forged), None, "{forged}");
        }
        assert_ne!(keys.name("id", "1"), keys.name("i", "d1"));
    }

    proptest! {
        #[test]
        fn what_was_changed_does_not_open(at in 0..40_usize, bit in 0..8_u32, text in "[a-z]{1,20}") {
            let keys = Keys::parse(SECRET).expect("a key");
            let sealed = keys.seal(Use::Sticky, &text);
            prop_assert_eq!(keys.open(Use::Sticky, &sealed), Some(&*text));
            let mut bytes = sealed.into_bytes();
            let at = at % bytes.len();
            bytes[at] ^= 1 << bit;
            if let Ok(changed) = String::from_utf8(bytes) {
                prop_assert_eq!(keys.open(Use::Sticky, &changed), None);
            }
        }
    }
}
