//! What is known of a request when it is judged. What is not known is `None`, or empty.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use core::net::IpAddr;

/// Everything that rules can ask for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// Who asks, if that was proved.
    pub user: Option<Box<str>>,
    /// How that was proved.
    pub proof: Proof,
    /// The device, by a name of the caller's choice.
    pub device: Option<Box<str>>,
    /// How far the device is trusted, 0 to 1: see [`super::reputation`].
    pub reputation: Option<f64>,
    /// Where from.
    pub place: Place,
    /// By which network.
    pub network: Network,
    /// What the client says that it is; `None` if that is not known, empty if it says nothing.
    pub user_agent: Option<Box<str>>,
    /// What kind of client that is.
    pub agent: Option<Agent>,
    /// How it is encrypted.
    pub tls: Option<TlsVersion>,
    /// The cipher suite by its IANA or OpenSSL name.
    pub cipher: Option<Box<str>>,
    /// The JA4 fingerprint of the client's TLS library.
    pub ja4: Option<Box<str>>,
    /// How fast the user would have had to travel since the last sighting: see
    /// [`super::travel`].
    pub velocity_kmh: Option<f64>,
    /// Whether the user was seen near this place before.
    pub is_familiar: Option<bool>,
    /// Requests per minute of the same client: see [`super::rate`].
    pub rate_per_minute: Option<f64>,
    /// The hour of the day in UTC, 0 to 23.
    pub hour_utc: Option<u8>,
    /// The request's method.
    pub method: Option<Box<str>>,
    /// The request's path, without its query.
    pub path: Option<Box<str>>,
    /// Whatever else the caller knows.
    pub metadata: BTreeMap<Box<str>, Box<str>>,
}

/// Where something is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Place {
    /// Two letters.
    pub continent: Option<Box<str>>,
    /// ISO 3166-1, two capitals.
    pub country: Option<Box<str>>,
    /// ISO 3166-2, without the country.
    pub region: Option<Box<str>>,
    /// In English.
    pub city: Option<Box<str>>,
    /// On the map.
    pub point: Option<Point>,
}

/// A point on the globe.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Degrees, -90 to 90.
    pub latitude: f64,
    /// Degrees, -180 to 180.
    pub longitude: f64,
    /// Within how many kilometers it probably is.
    pub accuracy_km: f64,
}

/// By which network somebody comes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Network {
    /// The address of the client.
    pub address: Option<IpAddr>,
    /// The number of the autonomous system.
    pub autonomous_system: Option<u32>,
    /// What is known of those who use the address; `None` if nothing was looked up.
    pub traits: Option<Traits>,
}

/// What is known of those who use an address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traits {
    /// It hides who uses it, in one of the ways below or another one.
    pub anonymous: bool,
    /// A virtual private network.
    pub vpn: bool,
    /// A data center.
    pub hosting: bool,
    /// A proxy that anybody can use.
    pub public_proxy: bool,
    /// A proxy at somebody's home.
    pub residential_proxy: bool,
    /// An exit of Tor.
    pub tor_exit: bool,
}

impl Traits {
    /// Their names, in the order of [`Traits::values`].
    pub const NAMES: [&str; 6] =
        ["anonymous", "vpn", "hosting", "public_proxy", "residential_proxy", "tor_exit"];

    /// Whether each of [`Traits::NAMES`] is so.
    pub fn values(self) -> [bool; 6] {
        let Traits { anonymous, vpn, hosting, public_proxy, residential_proxy, tor_exit } = self;
        [anonymous, vpn, hosting, public_proxy, residential_proxy, tor_exit]
    }

    /// Sets the trait of a name; `None` if there is none.
    pub fn set(&mut self, name: &str) -> Option<()> {
        *match name {
            "anonymous" => &mut self.anonymous,
            "vpn" => &mut self.vpn,
            "hosting" => &mut self.hosting,
            "public_proxy" => &mut self.public_proxy,
            "residential_proxy" => &mut self.residential_proxy,
            "tor_exit" => &mut self.tor_exit,
            _ => return None,
        } = true;
        Some(())
    }

    /// Whether the address says nothing of where its user is.
    pub fn hides_place(self) -> bool {
        self.values().contains(&true)
    }
}

/// How it was proved who asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Proof {
    /// It was not.
    #[default]
    None,
    /// By a signed token.
    Token,
    /// By a certificate of the client.
    Certificate,
    /// By both.
    Both,
    /// The caller says so.
    Caller,
}

impl Proof {
    /// All, with their names.
    pub const ALL: [(&str, Proof); 5] = [
        ("none", Proof::None),
        ("token", Proof::Token),
        ("certificate", Proof::Certificate),
        ("both", Proof::Both),
        ("caller", Proof::Caller),
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        name_of(&Self::ALL, self)
    }
}

/// What kind of client somebody uses, as far as it tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agent {
    /// A browser on a computer.
    Desktop,
    /// A phone.
    Mobile,
    /// A tablet.
    Tablet,
    /// A television.
    Tv,
    /// A program that visits by itself, and says so.
    Bot,
    /// None of these.
    Other,
}

impl Agent {
    /// All, with their names.
    pub const ALL: [(&str, Agent); 6] = [
        ("desktop", Agent::Desktop),
        ("mobile", Agent::Mobile),
        ("tablet", Agent::Tablet),
        ("tv", Agent::Tv),
        ("bot", Agent::Bot),
        ("other", Agent::Other),
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        name_of(&Self::ALL, self)
    }
}

/// A version of TLS; what is older or not understood is less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// Not encrypted, or by something that is not known.
    None,
    /// SSL 2 or 3.
    Ssl,
    /// TLS 1.0.
    V1_0,
    /// TLS 1.1.
    V1_1,
    /// TLS 1.2.
    V1_2,
    /// TLS 1.3.
    V1_3,
}

impl TlsVersion {
    /// All, with their names.
    pub const ALL: [(&str, TlsVersion); 6] = [
        ("none", TlsVersion::None),
        ("ssl", TlsVersion::Ssl),
        ("1.0", TlsVersion::V1_0),
        ("1.1", TlsVersion::V1_1),
        ("1.2", TlsVersion::V1_2),
        ("1.3", TlsVersion::V1_3),
    ];

    /// Reads `1.3`, `TLSv1.3`, `TLS 1.3` and the like. Whatever is not understood is
    /// [`TlsVersion::None`], because nobody knows that it is better.
    pub fn of_text(text: &str) -> Self {
        let text = text.trim();
        let is =
            |start: &str| text.get(..start.len()).is_some_and(|it| it.eq_ignore_ascii_case(start));
        if is("ssl") {
            return TlsVersion::Ssl;
        }
        let number = if is("tls") { &text[3..] } else { text };
        let number = number.trim_start_matches([' ', 'v', 'V', '_', '-']);
        match number {
            "1" | "1.0" => TlsVersion::V1_0,
            "1.1" => TlsVersion::V1_1,
            "1.2" => TlsVersion::V1_2,
            "1.3" => TlsVersion::V1_3,
            _ => TlsVersion::None,
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        name_of(&Self::ALL, self)
    }
}

fn name_of<T: Copy + PartialEq>(all: &[(&'static str, T)], wanted: T) -> &'static str {
    all.iter().find(|(_, value)| *value == wanted).map_or("", |(name, _)| name)
}

/// Whether a cipher suite lacks authenticated encryption or forward secrecy, the two things
/// that RFC 9325, section 4.2 asks for. Names are IANA's or OpenSSL's.
pub fn is_weak_cipher(name: &str) -> bool {
    let has = |part: &str| {
        name.as_bytes().windows(part.len()).any(|it| it.eq_ignore_ascii_case(part.as_bytes()))
    };
    let starts =
        |start: &str| name.get(..start.len()).is_some_and(|it| it.eq_ignore_ascii_case(start));
    let is_authenticated = has("GCM") || has("CCM") || has("CHACHA20");
    let is_forward =
        has("DHE") || ["TLS_AES_", "TLS_CHACHA20_", "TLS13_"].iter().any(|start| starts(start));
    !is_authenticated || !is_forward || has("NULL") || has("EXPORT") || has("ANON")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_version_is_the_least() {
        for text in ["", "2.0", "TLSv1.4", "tlsv", "1.3x", "é", "TLSé1.3", "QUIC"] {
            assert_eq!(TlsVersion::of_text(text), TlsVersion::None, "{text}");
        }
        for (text, version) in [
            ("SSLv3", TlsVersion::Ssl),
            ("TLSv1", TlsVersion::V1_0),
            ("tls 1.1", TlsVersion::V1_1),
            ("TLS_1.2", TlsVersion::V1_2),
            ("1.3", TlsVersion::V1_3),
            (" TLSv1.3 ", TlsVersion::V1_3),
        ] {
            assert_eq!(TlsVersion::of_text(text), version, "{text}");
        }
        assert!(TlsVersion::None < TlsVersion::Ssl && TlsVersion::V1_2 < TlsVersion::V1_3);
    }

    #[test]
    fn weak_ciphers_are_told_by_either_registry() {
        for weak in [
            "",
            "é",
            "TLS_RSA_WITH_AES_128_GCM_SHA256",
            "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
            "TLS_DH_anon_WITH_AES_128_GCM_SHA256",
            "TLS_ECDHE_RSA_WITH_RC4_128_SHA",
            "TLS_ECDHE_RSA_WITH_NULL_SHA",
            "ECDHE-RSA-AES128-SHA",
            "AES128-GCM-SHA256",
            "DES-CBC3-SHA",
        ] {
            assert!(is_weak_cipher(weak), "{weak}");
        }
        for strong in [
            "TLS_AES_128_GCM_SHA256",
            "TLS_CHACHA20_POLY1305_SHA256",
            "TLS13_AES_256_GCM_SHA384",
            "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
            "ecdhe-rsa-aes128-gcm-sha256",
        ] {
            assert!(!is_weak_cipher(strong), "{strong}");
        }
    }

    #[test]
    fn names_and_values_of_traits_agree() {
        for (at, name) in Traits::NAMES.into_iter().enumerate() {
            let mut traits = Traits::default();
            traits.set(name).expect("a trait");
            assert_eq!(traits.values().iter().position(|is| *is), Some(at), "{name}");
            assert!(traits.hides_place());
        }
        assert!(Traits::default().set("VPN").is_none() && !Traits::default().hides_place());
    }
}
