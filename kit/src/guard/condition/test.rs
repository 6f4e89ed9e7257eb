//! What a condition asks of a single fact.

use crate::guard::facts::{Agent, Facts, Proof, TlsVersion, Traits, is_weak_cipher};
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::net::IpAddr;

/// A question about one fact.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Test {
    /// A text is one of these, which are sorted; without regard to case if they are folded.
    OneOf(Text, Vec<Box<str>>),
    /// A text begins with one of these.
    StartsWith(Text, Vec<Box<str>>),
    /// A text has one of these in it, in small letters, without regard to case.
    Contains(Text, Vec<Box<str>>),
    /// A text has fewer bytes.
    BytesBelow(Text, usize),
    /// What else the caller knows has one of these values.
    Metadata(Box<str>, Vec<Box<str>>),
    System(Vec<u32>),
    Address(Vec<Prefix>),
    /// At least one of these traits.
    Traits(Traits),
    TlsBelow(TlsVersion),
    WeakCipher(bool),
    Agent(Vec<Agent>),
    Proof(Vec<Proof>),
    ReputationBelow(f64),
    VelocityAbove(f64),
    RateAbove(f64),
    Familiar(bool),
    /// From this hour on, up to the other one; over midnight if that is less.
    Hours(u8, u8),
    /// At least one of these facts is not known.
    Unknown(Vec<Fact>),
}

/// Facts that are texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Text {
    User,
    Device,
    Continent,
    Country,
    Region,
    City,
    UserAgent,
    Cipher,
    Ja4,
    Method,
    Path,
}

/// Facts that may be unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fact {
    Text(Text),
    Point,
    Address,
    System,
    Traits,
    Tls,
    Agent,
    Reputation,
    Velocity,
    Familiar,
    Rate,
    Hour,
}

impl Fact {
    /// All, with their names.
    pub(super) const ALL: [(&str, Fact); 22] = [
        ("user", Fact::Text(Text::User)),
        ("device", Fact::Text(Text::Device)),
        ("continent", Fact::Text(Text::Continent)),
        ("country", Fact::Text(Text::Country)),
        ("region", Fact::Text(Text::Region)),
        ("city", Fact::Text(Text::City)),
        ("user_agent", Fact::Text(Text::UserAgent)),
        ("cipher", Fact::Text(Text::Cipher)),
        ("ja4", Fact::Text(Text::Ja4)),
        ("method", Fact::Text(Text::Method)),
        ("path", Fact::Text(Text::Path)),
        ("point", Fact::Point),
        ("address", Fact::Address),
        ("autonomous_system", Fact::System),
        ("traits", Fact::Traits),
        ("tls", Fact::Tls),
        ("agent", Fact::Agent),
        ("reputation", Fact::Reputation),
        ("velocity", Fact::Velocity),
        ("familiar", Fact::Familiar),
        ("rate", Fact::Rate),
        ("hour", Fact::Hour),
    ];

    fn is_known(self, facts: &Facts) -> bool {
        match self {
            Fact::Text(text) => text.of(facts).is_some(),
            Fact::Point => facts.place.point.is_some(),
            Fact::Address => facts.network.address.is_some(),
            Fact::System => facts.network.autonomous_system.is_some(),
            Fact::Traits => facts.network.traits.is_some(),
            Fact::Tls => facts.tls.is_some(),
            Fact::Agent => facts.agent.is_some(),
            Fact::Reputation => facts.reputation.is_some(),
            Fact::Velocity => facts.velocity_kmh.is_some(),
            Fact::Familiar => facts.is_familiar.is_some(),
            Fact::Rate => facts.rate_per_minute.is_some(),
            Fact::Hour => facts.hour_utc.is_some(),
        }
    }
}

impl Text {
    /// Whether its values are written in one case.
    pub(super) fn is_upper(self) -> bool {
        matches!(self, Text::Continent | Text::Country | Text::Region | Text::Method)
    }

    fn of(self, facts: &Facts) -> Option<&str> {
        match self {
            Text::User => facts.user.as_deref(),
            Text::Device => facts.device.as_deref(),
            Text::Continent => facts.place.continent.as_deref(),
            Text::Country => facts.place.country.as_deref(),
            Text::Region => facts.place.region.as_deref(),
            Text::City => facts.place.city.as_deref(),
            Text::UserAgent => facts.user_agent.as_deref(),
            Text::Cipher => facts.cipher.as_deref(),
            Text::Ja4 => facts.ja4.as_deref(),
            Text::Method => facts.method.as_deref(),
            Text::Path => facts.path.as_deref(),
        }
    }
}

impl Test {
    pub(super) fn holds(&self, facts: &Facts) -> Option<bool> {
        Some(match self {
            Test::OneOf(text, all) => is_one_of(all, text.of(facts)?),
            Test::StartsWith(text, all) => {
                let value = text.of(facts)?;
                all.iter().any(|start| value.starts_with(&**start))
            }
            Test::Contains(text, all) => {
                let value = text.of(facts)?;
                all.iter().any(|part| contains_folded(value, part))
            }
            Test::BytesBelow(text, bytes) => text.of(facts)?.len() < *bytes,
            Test::Metadata(name, all) => is_one_of(all, facts.metadata.get(name)?),
            Test::System(all) => all.binary_search(&facts.network.autonomous_system?).is_ok(),
            Test::Address(all) => {
                let address = facts.network.address?.to_canonical();
                all.iter().any(|prefix| prefix.has(address))
            }
            Test::Traits(wanted) => {
                let given = facts.network.traits?.values();
                wanted.values().into_iter().zip(given).any(|(wanted, given)| wanted && given)
            }
            Test::TlsBelow(version) => facts.tls? < *version,
            Test::WeakCipher(wanted) => is_weak_cipher(facts.cipher.as_deref()?) == *wanted,
            Test::Agent(all) => all.contains(&facts.agent?),
            Test::Proof(all) => all.contains(&facts.proof),
            Test::ReputationBelow(least) => facts.reputation? < *least,
            Test::VelocityAbove(most) => facts.velocity_kmh? > *most,
            Test::RateAbove(most) => facts.rate_per_minute? > *most,
            Test::Familiar(wanted) => facts.is_familiar? == *wanted,
            Test::Hours(from, to) => {
                let hour = facts.hour_utc?;
                let (is_after, is_before) = (hour >= *from, hour < *to);
                if from <= to { is_after && is_before } else { is_after || is_before }
            }
            Test::Unknown(all) => all.iter().any(|fact| !fact.is_known(facts)),
        })
    }
}

fn is_one_of(all: &[Box<str>], value: &str) -> bool {
    all.binary_search_by(|one| (**one).cmp(value)).is_ok()
}

fn contains_folded(text: &str, part: &str) -> bool {
    text.as_bytes().windows(part.len()).any(|it| it.eq_ignore_ascii_case(part.as_bytes()))
}

/// Addresses that begin alike (RFC 4632).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Prefix {
    address: IpAddr,
    bits: u8,
}

impl Prefix {
    /// Reads `192.0.2.0/24`, `2001:db8::/32`, or an address. `None` if it is neither, or has
    /// bits behind its prefix, which is mostly a mistake.
    pub(super) fn of_text(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address.parse().ok()?, Some(bits)),
            None => (text.parse::<IpAddr>().ok()?, None),
        };
        let bits_max = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            Some(bits) if bits.bytes().all(|byte| byte.is_ascii_digit()) => bits.parse().ok()?,
            Some(_) => return None,
            None => bits_max,
        };
        let prefix = Prefix { address, bits };
        (bits <= bits_max && prefix.masked(address) == value(address)).then_some(prefix)
    }

    fn has(self, address: IpAddr) -> bool {
        address.is_ipv4() == self.address.is_ipv4() && self.masked(address) == value(self.address)
    }

    /// An address of the same kind without what is behind the prefix.
    fn masked(self, address: IpAddr) -> u128 {
        let all: u32 = if address.is_ipv4() { 32 } else { 128 };
        let behind = all - u32::from(self.bits).min(all);
        u128::MAX.checked_shl(behind).unwrap_or(0) & value(address)
    }
}

fn value(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_bits().into(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_whole_and_of_their_family() {
        for bad in
            ["", "/", "192.0.2.1/24", "192.0.2.0/33", "192.0.2.0/+8", "::/129", "a/8", "1.2.3/8"]
        {
            assert_eq!(Prefix::of_text(bad), None, "{bad}");
        }
        let has = |prefix: &str, address: &str| {
            Prefix::of_text(prefix).expect("a prefix").has(address.parse().expect("an address"))
        };
        assert!(has("192.0.2.0/24", "192.0.2.255") && !has("192.0.2.0/24", "192.0.3.0"));
        assert!(has("0.0.0.0/0", "255.255.255.255") && !has("0.0.0.0/0", "::1"));
        assert!(has("::/0", "ffff::") && !has("::/0", "1.2.3.4"));
        assert!(has("2001:db8::1", "2001:db8::1") && !has("2001:db8::1", "2001:db8::2"));
    }

    #[test]
    fn every_fact_is_known_or_not() {
        let nothing = Facts::default();
        for (name, fact) in Fact::ALL {
            assert!(!fact.is_known(&nothing), "{name}");
            assert_eq!(Test::Unknown([fact].into()).holds(&nothing), Some(true), "{name}");
        }
    }
}
