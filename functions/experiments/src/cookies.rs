//! What a visitor carries: an id, if nobody else says who it is, and the variations in which
//! it stays. Both are sealed; what is forged, too large or there in two ways is not there.

use crate::seal::{Keys, Use, bytes_of, text_of};
use sedge_kit::experiments::sticky::StickyDocuments;
use std::fmt::Write;

/// Bytes of an id before they are written as text.
pub const ID_BYTES: usize = 16;
/// Characters of an id as text.
const ID_LETTERS: usize = 22;
/// The first words of what is sealed: another layout would have another one.
const VERSION: &str = "1";
/// A longer value of a cookie is none of ours. Browsers keep some 4,096 bytes with its name
/// and attributes (RFC 6265 §6.1).
pub const COOKIE_BYTES_MAX: usize = 3_500;
/// Bytes of all `Cookie` fields that are looked at.
const FIELD_BYTES_MAX: usize = 64 << 10;
/// Cookies of one name that are looked at; each costs a hash.
const SAME_MAX: usize = 4;

/// The values of a cookie in the fields of a request (RFC 6265 §5.4), in their order.
fn values<'a>(lines: &'a [&'a str], name: &'a str) -> impl Iterator<Item = &'a str> {
    let is_bounded = lines.iter().map(|line| line.len()).sum::<usize>() <= FIELD_BYTES_MAX;
    let pairs = lines.iter().filter(move |_| is_bounded).flat_map(|line| line.split(';'));
    let named = pairs.filter_map(move |pair| pair.trim().strip_prefix(name)?.strip_prefix('='));
    named.filter(|value| value.len() <= COOKIE_BYTES_MAX).take(SAME_MAX)
}

/// What all values that open agree on.
fn opened<'a>(keys: &Keys, of: Use, lines: &'a [&'a str], name: &'a str) -> Option<&'a str> {
    let mut opened = values(lines, name).filter_map(|value| keys.open(of, value));
    let first = opened.next()?;
    // Two that are both ours: somebody has given the visitor another one beside its own.
    opened.all(|other| other == first).then_some(first)
}

/// The id that a visitor carries.
pub fn id<'a>(keys: &Keys, lines: &'a [&'a str], name: &'a str) -> Option<&'a str> {
    let id = opened(keys, Use::Id, lines, name)?.strip_prefix(VERSION)?;
    (id.len() == ID_LETTERS).then_some(id)
}

/// The id of random bytes.
pub fn new_id(random: &[u8; ID_BYTES]) -> String {
    text_of(random)
}

/// The value of the cookie that carries an id.
pub fn of_id(keys: &Keys, id: &str) -> String {
    keys.seal(Use::Id, &format!("{VERSION}{id}"))
}

/// The variations in which a visitor stays, as it carries them.
pub fn sticky(keys: &Keys, lines: &[&str], name: &str) -> Option<StickyDocuments> {
    let text = opened(keys, Use::Sticky, lines, name)?.strip_prefix(VERSION)?;
    let json = serde_json::from_slice(&bytes_of(text)?).ok()?;
    Some(StickyDocuments::read(&json))
}

/// The value of the cookie that carries them; none if they are too many for one.
pub fn of_sticky(keys: &Keys, documents: &StickyDocuments) -> Option<String> {
    let text = text_of(documents.to_json().to_string().as_bytes());
    let value = keys.seal(Use::Sticky, &format!("{VERSION}{text}"));
    (value.len() <= COOKIE_BYTES_MAX).then_some(value)
}

/// How cookies are set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attributes {
    /// How long they are kept, seconds.
    pub age_s_max: u64,
    /// Sites below which they are sent, too; none: the host alone.
    pub domain: Option<String>,
}

impl Attributes {
    /// A value of `Set-Cookie`. No script sees it, and other sites' forms do not send it.
    pub fn set(&self, name: &str, value: &str, is_secure: bool) -> String {
        let mut text =
            format!("{name}={value}; Path=/; Max-Age={}; HttpOnly; SameSite=Lax", self.age_s_max);
        if let Some(domain) = &self.domain {
            // Writing to text does not fail.
            let _ = write!(text, "; Domain={domain}");
        }
        if is_secure {
            text.push_str("; Secure");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use sedge_kit::experiments::sticky::StickyAssignment;

    fn keys() -> Keys {
        Keys::parse("0123456789abcdef").expect("a key")
    }

    fn documents(count: usize) -> StickyDocuments {
        let mut documents = StickyDocuments::default();
        for index in 0..count {
            assert!(documents.remember(&StickyAssignment {
                attribute: "id",
                value: "ann".into(),
                experiment: format!("experiment-{index}__0"),
                variation: "blue",
            }));
        }
        documents
    }

    #[test]
    fn what_was_set_is_read_again() {
        let keys = keys();
        let own = new_id(&[7; ID_BYTES]);
        let value = of_id(&keys, &own);
        let line = format!("a=b; sedge-exp={value} ;x");
        assert_eq!(id(&keys, &[&line], "sedge-exp"), Some(&*own));
        // The same twice is the same.
        assert_eq!(id(&keys, &[&line, &line], "sedge-exp"), Some(&*own));
        let value = of_sticky(&keys, &documents(20)).expect("small enough");
        let line = format!("s={value}");
        assert_eq!(sticky(&keys, &["", &line], "s"), Some(documents(20)));
    }

    #[test]
    fn what_is_forged_huge_or_double_is_not_there() {
        let keys = keys();
        let value = of_id(&keys, &new_id(&[7; ID_BYTES]));
        let other = of_id(&keys, &new_id(&[8; ID_BYTES]));
        let sticky_value = of_sticky(&keys, &documents(1)).expect("small");
        let huge = format!("s={}", "x".repeat(COOKIE_BYTES_MAX + 1));
        let flood = format!("{}s={value}", "s=x; ".repeat(SAME_MAX));
        let far = format!("{}s={value}", "y=x; ".repeat(FIELD_BYTES_MAX / 5));
        for line in [
            "".to_owned(),
            "s".to_owned(),
            "s=".to_owned(),
            format!("ss={value}"),
            format!("s={}x", value),
            format!("s={}", &value[1..]),
            format!("s=\"{value}\""),
            format!("s={sticky_value}"),
            format!("s={value}; s={other}"),
            // Sealed by us, and no id.
            format!("s={}", keys.seal(Use::Id, "1short")),
            format!("s={}", keys.seal(Use::Id, "2234567890123456789012a")),
            huge,
            flood,
            far,
        ] {
            assert_eq!(id(&keys, &[&line], "s"), None, "{line:.80}");
        }
        // A forged one beside it does not take it away.
        let line = format!("s=forged.x; s={value}");
        assert!(id(&keys, &[&line], "s").is_some());
        let line = format!("s={value}");
        assert_eq!(sticky(&keys, &[&line], "s"), None);
        let garbled = keys.seal(Use::Sticky, "1bm90IGpzb24");
        assert_eq!(sticky(&keys, &[&format!("s={garbled}")], "s"), None);
    }

    #[test]
    fn too_many_variations_are_not_carried() {
        assert_eq!(of_sticky(&keys(), &documents(400)), None);
    }

    #[test]
    fn cookies_are_for_the_node_alone() {
        let attributes = Attributes { age_s_max: 60, domain: Some("shop.example".into()) };
        assert_eq!(
            attributes.set("a", "b", true),
            "a=b; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Domain=shop.example; Secure"
        );
        let attributes = Attributes { domain: None, ..attributes };
        assert_eq!(
            attributes.set("a", "b", false),
            "a=b; Path=/; Max-Age=60; HttpOnly; SameSite=Lax"
        );
    }

    proptest! {
        #[test]
        fn nothing_panics_and_nothing_opens(lines in prop::collection::vec("\\PC{0,60}", 0..4)) {
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            prop_assert_eq!(id(&keys(), &lines, "s"), None);
            prop_assert_eq!(sticky(&keys(), &lines, "s"), None);
        }
    }
}
