//! Signed URLs: only who knows a key can ask for pictures.
//!
//! As in imgproxy, a signature is the HMAC-SHA256 (RFC 2104) of a salt and the
//! target, in unpadded base64url (RFC 4648 §5), and a segment of its own before
//! the target: `…/<signature>/img/320x200/cover?src=…`. The target is signed as
//! it is sent, from `/img/` or `/cdn-cgi/image/` on, with its query.

use sedge_kit::image::grammar;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::problem::Problem;

/// Pairs of key and salt that are valid at the same time, so that keys can be
/// changed without a moment at which valid URLs are refused.
const PAIRS_MAX: usize = 4;

/// Shorter keys are guessed.
const KEY_BYTES_MIN: usize = 16;

/// A block of SHA-256, in bytes.
const BLOCK: usize = 64;

/// Bytes of a signature.
const SIGNATURE_BYTES: usize = 32;

/// The keys of one function; printed without their values.
#[derive(Clone, PartialEq, Eq)]
pub struct Keys {
    pairs: Vec<(Vec<u8>, Vec<u8>)>,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} [redacted]", self.pairs.len())
    }
}

impl Keys {
    /// Keys and salts in hexadecimal digits, the first salt for the first key
    /// and so on, separated by commas. `None` where they are not one to four
    /// pairs, or a key has less than 16 bytes, or a salt none.
    pub fn from_hexadecimal(keys: &str, salts: &str) -> Option<Self> {
        let read = |text: &str| {
            text.split(',').map(|part| hexadecimal(part.trim())).collect::<Option<Vec<_>>>()
        };
        let (keys, salts) = (read(keys)?, read(salts)?);
        let is_good = keys.len() == salts.len()
            && keys.len() <= PAIRS_MAX
            && keys.iter().all(|key| key.len() >= KEY_BYTES_MIN)
            && salts.iter().all(|salt| !salt.is_empty());
        is_good.then(|| Self { pairs: keys.into_iter().zip(salts).collect() })
    }

    /// Checks the signature of a target, path and query as they arrived. Every
    /// key is tried, in a time that does not tell how much of a signature is
    /// right.
    ///
    /// # Errors
    /// [`Problem::Signature`].
    pub fn verify(&self, target: &str) -> Result<(), Problem> {
        let (path, _) = target.split_once('?').unwrap_or((target, ""));
        let start = grammar::start(path).ok_or(Problem::Signature)?;
        let (before, signed) = target.split_at(start);
        let (_, signature) = before.rsplit_once('/').ok_or(Problem::Signature)?;
        let signature = base64url(signature).ok_or(Problem::Signature)?;
        let mut is_valid = subtle::Choice::from(0);
        for (key, salt) in &self.pairs {
            is_valid |= hmac(key, &[salt, signed.as_bytes()]).ct_eq(&signature);
        }
        if bool::from(is_valid) { Ok(()) } else { Err(Problem::Signature) }
    }
}

/// HMAC-SHA256 of the parts, one behind the other.
fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; SIGNATURE_BYTES] {
    let mut block = [0; BLOCK];
    if key.len() > BLOCK {
        block[..SIGNATURE_BYTES].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let mut inner = Sha256::new_with_prefix(block.map(|byte| byte ^ 0x36));
    parts.iter().for_each(|part| inner.update(part));
    let outer = Sha256::new_with_prefix(block.map(|byte| byte ^ 0x5c));
    outer.chain_update(inner.finalize()).finalize().into()
}

fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let pairs = text.as_bytes().chunks(2).map(|pair| match pair {
        [high, low] => u8::try_from(digit(*high)? * 16 + digit(*low)?).ok(),
        _ => None,
    });
    pairs.collect()
}

/// The 32 bytes that 43 characters stand for. The last character's spare bits
/// must be 0, so that each signature has one spelling.
fn base64url(text: &str) -> Option<[u8; SIGNATURE_BYTES]> {
    if text.len() != 43 {
        return None;
    }
    let mut bytes = [0; SIGNATURE_BYTES];
    let (mut bits, mut count, mut at) = (0u32, 0, 0);
    for character in text.bytes() {
        let value = match character {
            b'A'..=b'Z' => character - b'A',
            b'a'..=b'z' => character - b'a' + 26,
            b'0'..=b'9' => character - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            *bytes.get_mut(at)? = (bits >> count) as u8;
            at += 1;
            bits &= (1 << count) - 1;
        }
    }
    (bits == 0).then_some(bytes)
}

#[cfg(test)]
mod tests;
