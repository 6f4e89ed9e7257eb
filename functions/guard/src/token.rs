//! Signed tokens: JWT (RFC 7519) as JWS in its compact form (RFC 7515), by the rules of
//! RFC 8725.
//!
//! A token is looked at only as far as it holds: its size, its form, its header, the key, the
//! signature, and then what it claims. Which algorithm may be used is said by the key ([`key`]),
//! never by the token alone, so that no public key is ever taken for a secret and no key for
//! another kind; `none` and algorithms with shared secrets do not exist here. Keys that a token
//! brings along (`jwk`, `jku`, `x5c`, `x5u`) are not looked at, and one that has to be understood
//! in another way (`crit`, `zip`) is refused.

pub mod claims;

pub mod key;

mod verify;

pub use claims::{Claims, Expected};
pub use key::KeySet;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use std::fmt;

/// The most bytes of a token: browsers and servers bound header fields to about as much.
pub const TOKEN_BYTES_MAX: usize = 16 << 10;
/// The most bytes of its header, encoded.
const HEADER_BYTES_MAX: usize = 4 << 10;
/// The most bytes of the name of a key.
const KID_BYTES_MAX: usize = 256;

/// Why a token is not believed. Nothing of what a token says is part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenError {
    /// It has more than [`TOKEN_BYTES_MAX`] bytes.
    TooLarge,
    /// It is not of the form that it should be; says what is wrong.
    Malformed(&'static str),
    /// It wants to be read in a way that is not offered; says which.
    Unsupported(&'static str),
    /// No key of the set has its name, or its algorithm. A newer set may have it.
    UnknownKey,
    /// The key of this name is for another algorithm.
    WrongAlgorithm,
    /// The signature is not that of the key.
    BadSignature,
    /// A claim is missing or is not what was expected; its name.
    Claim(&'static str),
    /// It has expired.
    Expired,
    /// It is not valid yet, or was issued in the future.
    Early,
}

impl TokenError {
    /// A short name, for logs and as a risk factor.
    pub fn name(&self) -> &'static str {
        match self {
            TokenError::TooLarge => "token_too_large",
            TokenError::Malformed(_) => "token_malformed",
            TokenError::Unsupported(_) => "token_unsupported",
            TokenError::UnknownKey => "token_key_unknown",
            TokenError::WrongAlgorithm => "token_algorithm",
            TokenError::BadSignature => "token_signature",
            TokenError::Claim(_) => "token_claim",
            TokenError::Expired => "token_expired",
            TokenError::Early => "token_early",
        }
    }
}

impl fmt::Display for TokenError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TokenError::TooLarge => write!(out, "more than {TOKEN_BYTES_MAX} bytes"),
            TokenError::Malformed(what) => write!(out, "malformed: {what}"),
            TokenError::Unsupported(what) => write!(out, "not supported: {what}"),
            TokenError::UnknownKey => out.write_str("signed by a key that is not known"),
            TokenError::WrongAlgorithm => out.write_str("not by the algorithm of its key"),
            TokenError::BadSignature => out.write_str("the signature is wrong"),
            TokenError::Claim(name) => write!(out, "the claim {name} is not as expected"),
            TokenError::Expired => out.write_str("expired"),
            TokenError::Early => out.write_str("not valid yet"),
        }
    }
}

impl std::error::Error for TokenError {}

/// Believes a token, or says why not. `now_s` is the time in seconds since 1970.
///
/// # Errors
/// See [`TokenError`].
pub fn verify(
    token: &str,
    keys: &KeySet,
    expected: &Expected,
    now_s: u64,
) -> Result<Claims, TokenError> {
    let parts = Parts::of(token)?;
    let key = keys.find(parts.kid.as_deref(), &parts.algorithm)?;
    verify::signature(key, &parts)?;
    // Not before: what is not signed is not worth to be read.
    let claims = object(parts.payload, "the claims are not an object")?;
    Claims::read(claims, expected, now_s)
}

/// What a token claims whose signature is known to be good, because the very same was verified
/// before. Everything else is looked at as in [`verify`].
///
/// # Errors
/// See [`TokenError`].
pub fn read_verified(token: &str, expected: &Expected, now_s: u64) -> Result<Claims, TokenError> {
    let parts = Parts::of(token)?;
    let claims = object(parts.payload, "the claims are not an object")?;
    Claims::read(claims, expected, now_s)
}

/// A token whose signature was not looked at yet.
struct Parts<'a> {
    algorithm: String,
    kid: Option<String>,
    /// What is signed.
    message: &'a [u8],
    payload: &'a str,
    signature: Vec<u8>,
}

impl<'a> Parts<'a> {
    fn of(token: &'a str) -> Result<Self, TokenError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::TooLarge);
        }
        let mut parts = token.split('.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(TokenError::Malformed("not three parts"));
        };
        if header.len() > HEADER_BYTES_MAX {
            return Err(TokenError::Malformed("a header that is too long"));
        }
        let message = &token.as_bytes()[..header.len() + 1 + payload.len()];
        let header = object(header, "the header is not an object")?;
        check(&header)?;
        let algorithm = match header.get("alg") {
            Some(Value::String(algorithm)) => algorithm.clone(),
            _ => return Err(TokenError::Malformed("no alg")),
        };
        let kid = match header.get("kid") {
            None => None,
            Some(Value::String(kid)) if kid.len() <= KID_BYTES_MAX => Some(kid.clone()),
            Some(_) => return Err(TokenError::Malformed("a kid that is no short text")),
        };
        let signature = decode(signature).ok_or(TokenError::Malformed("signature"))?;
        Ok(Parts { algorithm, kid, message, payload, signature })
    }
}

/// What a header may say beside algorithm and key.
fn check(header: &Map<String, Value>) -> Result<(), TokenError> {
    // Nothing that could be critical is understood here (RFC 7515, section 4.1.11).
    if header.contains_key("crit") {
        return Err(TokenError::Unsupported("crit"));
    }
    if header.contains_key("zip") || header.contains_key("enc") {
        return Err(TokenError::Unsupported("encryption"));
    }
    // Other kinds of tokens that the same issuer has signed are none of access
    // (RFC 8725, section 3.11).
    let kind = match header.get("typ") {
        None => return Ok(()),
        Some(Value::String(kind)) => kind.to_ascii_lowercase(),
        Some(_) => return Err(TokenError::Malformed("typ")),
    };
    match kind.strip_prefix("application/").unwrap_or(&kind) {
        "jwt" | "at+jwt" => Ok(()),
        _ => Err(TokenError::Unsupported("typ")),
    }
}

/// A part of a token that is JSON.
fn object(part: &str, wrong: &'static str) -> Result<Map<String, Value>, TokenError> {
    let bytes = decode(part).ok_or(TokenError::Malformed("base64url"))?;
    match sedge_kit::guard::json::read(&bytes) {
        Ok(Value::Object(object)) => Ok(object),
        _ => Err(TokenError::Malformed(wrong)),
    }
}

/// Base64url without padding, and without a second way to write the same.
fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

#[cfg(test)]
mod tests;
