//! The fingerprint JA4 of a TLS client, as FoxIO publishes it ("JA4: TLS Client
//! Fingerprinting", technical details, BSD-3-Clause). None of the other
//! fingerprints of that family, whose license differs, is computed.
//!
//! `t13d1516h2_8daaf6152771_e5627efa2ab1`: TLS 1.3 over TCP, with a server
//! name, 15 cipher suites, 16 extensions, first protocol `h2`; then hashes of
//! the sorted cipher suites, and of the sorted extensions with the signature
//! algorithms. It tells one TLS library from another, whatever the client says
//! of itself; clients of one library share it, and a client can forge it.

use super::hello::{ALPN, ClientHello, SERVER_NAME};
use ring::digest;
use std::fmt::Write;

/// Computes the fingerprint.
pub fn fingerprint(hello: &ClientHello) -> String {
    let ciphers: Vec<u16> = real(&hello.ciphers).collect();
    let extensions: Vec<u16> = real(&hello.extensions).collect();
    let name = if extensions.contains(&SERVER_NAME) { 'd' } else { 'i' };
    let version = real(&hello.versions).max().unwrap_or(hello.legacy_version);
    let (first, last) = protocol(hello);
    let mut text = format!(
        "t{}{name}{:02}{:02}{first}{last}_",
        version_code(version),
        ciphers.len().min(99),
        extensions.len().min(99),
    );
    text.push_str(&hash(&list(sorted(ciphers))));
    text.push('_');
    let told = extensions.into_iter().filter(|number| ![SERVER_NAME, ALPN].contains(number));
    let mut rest = list(sorted(told.collect()));
    let schemes = list(real(&hello.signature_schemes).collect());
    if !rest.is_empty() && !schemes.is_empty() {
        rest = format!("{rest}_{schemes}");
    }
    text.push_str(&hash(&rest));
    text
}

/// Without the values that say nothing (GREASE, RFC 8701): both bytes alike,
/// their low halves 10.
fn real(numbers: &[u16]) -> impl Iterator<Item = u16> {
    let is_grease = |number: u16| number & 0x0f0f == 0x0a0a && number >> 8 == number & 0xff;
    numbers.iter().copied().filter(move |&number| !is_grease(number))
}

fn version_code(version: u16) -> &'static str {
    match version {
        0x0304 => "13",
        0x0303 => "12",
        0x0302 => "11",
        0x0301 => "10",
        0x0300 => "s3",
        0x0002 => "s2",
        _ => "00",
    }
}

/// The first and the last character of the first protocol; of its hexadecimal
/// form if they are not letters or digits.
fn protocol(hello: &ClientHello) -> (char, char) {
    let Some([first, ..]) = hello.protocols.first().map(Vec::as_slice) else { return ('0', '0') };
    let last = hello.protocols[0].last().unwrap_or(first);
    if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() {
        return (char::from(*first), char::from(*last));
    }
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or('0');
    (digit(first >> 4), digit(last & 0xf))
}

fn sorted(mut numbers: Vec<u16>) -> Vec<u16> {
    numbers.sort_unstable();
    numbers
}

fn list(numbers: Vec<u16>) -> String {
    let mut text = String::with_capacity(numbers.len() * 5);
    for (index, number) in numbers.iter().enumerate() {
        let comma = if index > 0 { "," } else { "" };
        let _ = write!(text, "{comma}{number:04x}");
    }
    text
}

/// Twelve digits of the SHA-256; zeros for nothing.
fn hash(text: &str) -> String {
    if text.is_empty() {
        return "0".repeat(12);
    }
    let digest = digest::digest(&digest::SHA256, text.as_bytes());
    digest.as_ref()[..6].iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The worked example of the published technical details.
    fn published() -> ClientHello {
        let signature_schemes =
            [0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601].to_vec();
        ClientHello {
            legacy_version: 0x0303,
            ciphers: vec![
                0x8a8a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8,
                0xc013, 0xc014, 0x009c, 0x009d, 0x002f, 0x0035,
            ],
            extensions: vec![
                0x5a5a, 0x001b, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017, 0x002d, 0x000d, 0x0005,
                0x0023, 0x0012, 0x002b, 0xff01, 0x000b, 0x000a, 0x0015, 0x1a1a,
            ],
            versions: vec![0x2a2a, 0x0304, 0x0303],
            signature_schemes,
            protocols: vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        }
    }

    #[test]
    fn a_hello_without_anything_has_a_fingerprint_too() {
        let hello = ClientHello::default();
        assert_eq!(fingerprint(&hello), "t00i000000_000000000000_000000000000");
    }

    #[test]
    fn the_published_example_comes_out() {
        assert_eq!(fingerprint(&published()), "t13d1516h2_8daaf6152771_e5627efa2ab1");
    }

    #[test]
    fn the_steps_of_the_published_example_come_out() {
        // The two texts that the example hashes, in its own words.
        let ciphers = "002f,0035,009c,009d,1301,1302,1303,c013,c014,c02b,c02c,c02f,c030,cca8,cca9";
        assert_eq!(hash(ciphers), "8daaf6152771");
        let rest = "0005,000a,000b,000d,0012,0015,0017,001b,0023,002b,002d,0033,4469,ff01_\
                    0403,0804,0401,0503,0805,0501,0806,0601";
        assert_eq!(hash(rest), "e5627efa2ab1");
        let bare = "0005,000a,000b,000d,0012,0015,0017,001b,0023,002b,002d,0033,4469,ff01";
        let mut hello = published();
        hello.signature_schemes.clear();
        assert!(fingerprint(&hello).ends_with(&hash(bare)));
    }

    #[test]
    fn the_first_part_follows_the_rules() {
        let versions = |list: &[u16]| ClientHello { versions: list.to_vec(), ..published() };
        let protocol = |name: &[u8]| ClientHello { protocols: vec![name.to_vec()], ..published() };
        let nameless = ClientHello { extensions: vec![0x0010, 0x002b], ..published() };
        let many = ClientHello {
            ciphers: (0x1000..0x1100).collect(),
            extensions: (0x1000..0x1100).collect(),
            ..published()
        };
        for (hello, expected) in [
            (versions(&[]), "t12d1516h2"),
            (versions(&[0x0303, 0x0304, 0xfafa]), "t13d1516h2"),
            (versions(&[0x0302]), "t11d1516h2"),
            (versions(&[0x7f1c]), "t00d1516h2"),
            (protocol(b""), "t13d151600"),
            (protocol(b"h"), "t13d1516hh"),
            (protocol(b"http/1.1"), "t13d1516h1"),
            (protocol(b"\xab"), "t13d1516ab"),
            (protocol(b"\x30\xab"), "t13d15163b"),
            (protocol(b"\x30\x31\xab\xcd"), "t13d15163d"),
            (protocol(b"\xcd\x61"), "t13d1516c1"),
            (nameless, "t13i1502h2"),
            (many, "t13i9999h2"),
        ] {
            let fingerprint = fingerprint(&hello);
            assert_eq!(fingerprint.split('_').next(), Some(expected), "{fingerprint}");
        }
    }
}
