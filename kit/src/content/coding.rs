//! Content codings: which one the client gets (RFC 9110 §12.5.3).

use super::list::{members, parameters};

/// A coding that can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Coding {
    /// `gzip`, RFC 1952.
    Gzip,
    /// `br`, RFC 7932.
    Brotli,
    /// `zstd`, RFC 8878, within the 8 MiB of window that RFC 9659 allows.
    Zstd,
    /// `dcz`, RFC 9842: `zstd` with a dictionary that the client has.
    DictionaryZstd,
}

impl Coding {
    /// Every coding.
    pub const ALL: [Self; 4] = [Self::Gzip, Self::Brotli, Self::Zstd, Self::DictionaryZstd];

    /// The token of `Content-Encoding`.
    pub const fn token(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
            Self::DictionaryZstd => "dcz",
        }
    }

    /// The coding of a token, with its older alias (RFC 9110 §8.4.1.3).
    pub fn of_token(token: &str) -> Option<Self> {
        if token.eq_ignore_ascii_case("x-gzip") {
            return Some(Self::Gzip);
        }
        Self::ALL.into_iter().find(|coding| coding.token().eq_ignore_ascii_case(token))
    }
}

/// A parsed `Accept-Encoding`: weights in thousandths.
///
/// Members that are not well-formed are skipped, as if they had not been sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AcceptEncoding {
    named: [Option<u16>; 4],
    identity: Option<u16>,
    others: Option<u16>,
}

impl AcceptEncoding {
    /// Parses the field; several lines are joined with commas beforehand. A coding
    /// that is named several times has the highest of its weights.
    pub fn parse(value: &str) -> Self {
        let mut parsed = Self::default();
        for member in members(value) {
            let (token, pairs) = parameters(member);
            let weight = pairs
                .filter(|(name, _)| name.eq_ignore_ascii_case("q"))
                .map(|(_, value)| weight(value))
                .next();
            let Some(weight) = weight.unwrap_or(Some(1000)) else { continue };
            let slot = if token == "*" {
                &mut parsed.others
            } else if token.eq_ignore_ascii_case("identity") {
                &mut parsed.identity
            } else if let Some(coding) = Coding::of_token(token) {
                &mut parsed.named[coding as usize]
            } else {
                continue;
            };
            *slot = Some(slot.map_or(weight, |before| before.max(weight)));
        }
        parsed
    }

    /// The weight of a coding; 0: not acceptable, or not asked for. What a dictionary
    /// is needed for has to be named: `*` does not say that a client can do it.
    pub fn weigh(&self, coding: Coding) -> u16 {
        let named = self.named[coding as usize];
        let others = self.others.filter(|_| coding != Coding::DictionaryZstd);
        named.or(others).unwrap_or(0)
    }

    /// The first of `preferred` among those with the highest weight, or `None`: as it
    /// is. That is also what is sent where the client refuses everything, since RFC
    /// 9110 lets a server disregard the field, and an error would help nobody.
    pub fn choose(&self, preferred: &[Coding]) -> Option<Coding> {
        let best = preferred.iter().map(|coding| self.weigh(*coding)).max()?;
        if best == 0 || self.identity.is_some_and(|identity| identity > best) {
            return None;
        }
        preferred.iter().copied().find(|coding| self.weigh(*coding) == best)
    }
}

/// `qvalue` of RFC 9110 §12.4.2, in thousandths.
fn weight(text: &str) -> Option<u16> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let digits = fraction.bytes().chain([b'0'; 3]).take(3);
    let thousandths = digits.fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'));
    match (whole, thousandths) {
        ("0", thousandths) => Some(thousandths),
        ("1", 0) => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::Coding::{Brotli, DictionaryZstd, Gzip, Zstd};
    use super::*;

    const ALL: [Coding; 3] = [Zstd, Brotli, Gzip];

    fn choose(value: &str) -> Option<Coding> {
        AcceptEncoding::parse(value).choose(&ALL)
    }

    #[test]
    fn what_is_malformed_is_as_if_it_was_not_sent() {
        for value in
            ["", " , ;,", "br;q=2", "br;q=0.0001", "br;q=-1", "br;q=", "brr", "b r", "=;q=1"]
        {
            assert_eq!(choose(value), None, "{value:?}");
        }
        assert_eq!(choose("br;q=x, gzip;q=0.1"), Some(Gzip));
        assert_eq!(choose(&"junk,".repeat(100_000)), None);
    }

    #[test]
    fn the_highest_weight_wins_and_of_equals_the_first_preferred() {
        let cases = [
            ("gzip, deflate, br, zstd", Some(Zstd)),
            ("gzip;q=1.0, br;q=0.9", Some(Gzip)),
            ("GZIP ; Q=0.5", Some(Gzip)),
            ("x-gzip", Some(Gzip)),
            ("br;q=0", None),
            ("*", Some(Zstd)),
            ("*;q=0.5, zstd;q=0", Some(Brotli)),
            ("identity;q=0, *;q=0", None),
            ("identity;q=1, gzip;q=0.5", None),
            ("identity;q=0.5, gzip;q=0.5", Some(Gzip)),
            ("gzip;q=0, gzip", Some(Gzip)),
            ("deflate", None),
        ];
        for (value, wanted) in cases {
            assert_eq!(choose(value), wanted, "{value}");
        }
    }

    #[test]
    fn a_dictionary_is_not_used_for_a_wildcard() {
        let preferred = [DictionaryZstd, Gzip];
        assert_eq!(AcceptEncoding::parse("*").choose(&preferred), Some(Gzip));
        assert_eq!(AcceptEncoding::parse("*, dcz").choose(&preferred), Some(DictionaryZstd));
    }
}
