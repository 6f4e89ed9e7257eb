//! The few fields of a certificate that a node shows (RFC 5280 §4.1): its
//! subject, its dates, its alternative names.
//!
//! Nothing is verified here: rustls does that, and what it refuses is never
//! shown. A general parser would bring forty packages for these three fields.

use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Numbers of DER (X.690 §8).
mod tag {
    pub(super) const BOOLEAN: u8 = 0x01;
    pub(super) const OCTET_STRING: u8 = 0x04;
    pub(super) const OID: u8 = 0x06;
    pub(super) const UTC_TIME: u8 = 0x17;
    pub(super) const GENERALIZED_TIME: u8 = 0x18;
    pub(super) const SEQUENCE: u8 = 0x30;
    pub(super) const SET: u8 = 0x31;
    /// `[0]` and `[3]` of a certificate.
    pub(super) const VERSION: u8 = 0xa0;
    pub(super) const EXTENSIONS: u8 = 0xa3;
    /// UTF8String, NumericString, PrintableString, IA5String: bytes that are
    /// UTF-8 as they are.
    pub(super) const TEXTS: [u8; 4] = [0x0c, 0x12, 0x13, 0x16];
}

/// `id-ce-subjectAltName`.
const ALTERNATIVE_NAMES: &[u8] = &[0x55, 0x1d, 0x11];

/// What is read of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Certificate {
    /// The distinguished name, in its order; each part has one attribute as a
    /// rule.
    pub(crate) subject: Vec<Vec<Attribute>>,
    pub(crate) not_before: SystemTime,
    pub(crate) not_after: SystemTime,
    pub(crate) names: Vec<Name>,
}

/// One attribute of a distinguished name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attribute {
    /// In dotted form.
    pub(crate) oid: String,
    /// Its text, or the DER of what is not a text of today.
    pub(crate) value: Result<String, Vec<u8>>,
}

/// A subjectAltName (RFC 5280 §4.2.1.6) of the kinds that identify hosts,
/// people and programs. Texts are as they stand, unchecked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    Dns(String),
    Email(String),
    Uri(String),
    Ip(IpAddr),
}

impl Certificate {
    /// Reads a certificate; `None` if it is not one.
    pub(crate) fn read(der: &[u8]) -> Option<Self> {
        let mut whole = Der(der);
        let mut signed = Der(whole.take(tag::SEQUENCE)?);
        let mut body = Der(signed.take(tag::SEQUENCE)?);
        if body.next_is(tag::VERSION) {
            body.any()?;
        }
        let (_serial, _algorithm, _issuer) = (body.any()?, body.any()?, body.any()?);
        let mut validity = Der(body.take(tag::SEQUENCE)?);
        let (not_before, not_after) = (validity.time()?, validity.time()?);
        let subject = distinguished_name(body.take(tag::SEQUENCE)?)?;
        let mut names = Vec::new();
        while let Some((kind, value)) = body.any() {
            if kind == tag::EXTENSIONS {
                names = alternative_names(Der(value).take(tag::SEQUENCE)?)?;
            }
        }
        body.0.is_empty().then_some(Certificate { subject, not_before, not_after, names })
    }
}

fn distinguished_name(der: &[u8]) -> Option<Vec<Vec<Attribute>>> {
    let mut parts = Vec::new();
    let mut name = Der(der);
    while !name.0.is_empty() {
        let mut part = Der(name.take(tag::SET)?);
        let mut attributes = Vec::new();
        while !part.0.is_empty() {
            let mut attribute = Der(part.take(tag::SEQUENCE)?);
            let oid = dotted(attribute.take(tag::OID)?)?;
            let der = attribute.0;
            let (kind, value) = attribute.any()?;
            let text = std::str::from_utf8(value).ok().filter(|_| tag::TEXTS.contains(&kind));
            attributes.push(Attribute { oid, value: text.map(str::to_owned).ok_or(der.to_vec()) });
        }
        parts.push(attributes);
    }
    Some(parts)
}

fn alternative_names(extensions: &[u8]) -> Option<Vec<Name>> {
    let mut names = Vec::new();
    let mut extensions = Der(extensions);
    while !extensions.0.is_empty() {
        let mut extension = Der(extensions.take(tag::SEQUENCE)?);
        let number = extension.take(tag::OID)?;
        if extension.next_is(tag::BOOLEAN) {
            extension.any()?;
        }
        let value = extension.take(tag::OCTET_STRING)?;
        if number != ALTERNATIVE_NAMES {
            continue;
        }
        let mut list = Der(Der(value).take(tag::SEQUENCE)?);
        while !list.0.is_empty() {
            let (kind, value) = list.any()?;
            let text = || std::str::from_utf8(value).ok().map(str::to_owned);
            names.extend(match kind {
                0x81 => text().map(Name::Email),
                0x82 => text().map(Name::Dns),
                0x86 => text().map(Name::Uri),
                0x87 => address(value).map(Name::Ip),
                _ => None,
            });
        }
    }
    Some(names)
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}

/// An object identifier in dotted form (X.690 §8.19).
fn dotted(der: &[u8]) -> Option<String> {
    let mut numbers: Vec<u64> = Vec::new();
    let mut number = 0u64;
    for (index, byte) in der.iter().enumerate() {
        number = number.checked_mul(128)?.checked_add(u64::from(byte & 0x7f))?;
        if byte & 0x80 != 0 {
            if index + 1 == der.len() {
                return None;
            }
            continue;
        }
        if numbers.is_empty() {
            let first = (number / 40).min(2);
            numbers.extend([first, number - 40 * first]);
        } else {
            numbers.push(number);
        }
        number = 0;
    }
    let texts: Vec<String> = numbers.iter().map(u64::to_string).collect();
    (!texts.is_empty()).then(|| texts.join("."))
}

/// DER that is read from its front.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    fn next_is(&self, kind: u8) -> bool {
        self.0.first() == Some(&kind)
    }

    /// The next element: its tag and its content. Lengths of more than four
    /// bytes are nothing that could be there.
    fn any(&mut self) -> Option<(u8, &'a [u8])> {
        let [kind, length, rest @ ..] = self.0 else { return None };
        let (length, rest) = match length {
            0..=0x7f => (usize::from(*length), rest),
            0x81..=0x84 => {
                let (digits, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
                (digits.iter().fold(0, |sum, &digit| sum << 8 | usize::from(digit)), rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((*kind, content))
    }

    /// The content of the next element, which must have this tag.
    fn take(&mut self, kind: u8) -> Option<&'a [u8]> {
        self.any().filter(|(found, _)| *found == kind).map(|(_, content)| content)
    }

    /// A point in time (RFC 5280 §4.1.2.5): both forms end with seconds and `Z`.
    /// What lies before 1970 is 1970.
    fn time(&mut self) -> Option<SystemTime> {
        let (kind, text) = self.any()?;
        let (text, zone) = text.split_at_checked(text.len().checked_sub(1)?)?;
        if zone != b"Z" || !text.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let number =
            |digits: &[u8]| digits.iter().fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
        let (year, rest) = match (kind, text.len()) {
            (tag::UTC_TIME, 12) => {
                let year = number(&text[..2]);
                (if year < 50 { 2000 + year } else { 1900 + year }, &text[2..])
            }
            (tag::GENERALIZED_TIME, 14) => (number(&text[..4]), &text[4..]),
            _ => return None,
        };
        let part = |index: usize| number(&rest[2 * index..2 * index + 2]);
        let days = days_from_civil(year, part(0), part(1));
        let seconds = days * 86_400 + part(2) * 3_600 + part(3) * 60 + part(4);
        Some(UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
    }
}

/// Days since 1970, by the method of Howard Hinnant's `days_from_civil`, in
/// years that begin in March.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests;
