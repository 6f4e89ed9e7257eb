//! Keys that tokens are signed with: JWK sets (RFC 7517, RFC 7518, RFC 8037).
//!
//! Every key says what it is for, and is used for nothing else: an RSA key for the algorithm in
//! its `alg`, or `RS256` where it has none; a curve for the one algorithm of that curve. Keys
//! that are not for signatures, symmetric ones, and those whose private part was published are
//! left out, and told.

use super::{TokenError, decode};
use rsa::BoxedUint;
use serde_json::{Map, Value};
use std::fmt;

/// The most bytes of a set.
pub const SET_BYTES_MAX: usize = 256 << 10;
/// The most keys of a set.
pub const KEYS_MAX: usize = 100;
/// Bits of an RSA modulus (RFC 7518, section 3.3 asks for the least).
const RSA_BITS: std::ops::RangeInclusive<u32> = 2_048..=8_192;

/// An algorithm of RFC 7518, RFC 8037 or RFC 9864.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// The same with SHA-384.
    Rs384,
    /// The same with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// The same with SHA-384.
    Ps384,
    /// The same with SHA-512.
    Ps512,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// EdDSA on Ed25519.
    EdDsa,
}

impl Algorithm {
    fn of_name(name: &str) -> Option<Self> {
        Some(match name {
            "RS256" => Algorithm::Rs256,
            "RS384" => Algorithm::Rs384,
            "RS512" => Algorithm::Rs512,
            "PS256" => Algorithm::Ps256,
            "PS384" => Algorithm::Ps384,
            "PS512" => Algorithm::Ps512,
            "ES256" => Algorithm::Es256,
            "ES384" => Algorithm::Es384,
            // The one curve that there is here has either name.
            "EdDSA" | "Ed25519" => Algorithm::EdDsa,
            _ => return None,
        })
    }

    fn is_rsa(self) -> bool {
        !matches!(self, Algorithm::Es256 | Algorithm::Es384 | Algorithm::EdDsa)
    }
}

/// A public key of one kind.
pub(super) enum Public {
    Rsa(rsa::PublicKey),
    P256(Box<p256::ecdsa::VerifyingKey>),
    P384(Box<p384::ecdsa::VerifyingKey>),
    Ed25519(Box<ed25519_dalek::VerifyingKey>),
}

/// A key and the one algorithm that it is for.
pub(super) struct Key {
    kid: Option<String>,
    pub(super) algorithm: Algorithm,
    pub(super) public: Public,
}

/// The keys of an issuer.
#[derive(Default)]
pub struct KeySet {
    keys: Vec<Key>,
    left_out: Vec<String>,
}

impl fmt::Debug for KeySet {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.keys.iter().map(|key| (&key.kid, key.algorithm)).collect();
        write!(out, "KeySet({names:?}, left out: {:?})", self.left_out)
    }
}

impl KeySet {
    /// Reads a JWK set.
    ///
    /// # Errors
    /// In words, if it is no set, or none of its keys can be used: tokens would all be refused,
    /// and it would be hard to find out why.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        if bytes.len() > SET_BYTES_MAX {
            return Err(format!("the key set has more than {SET_BYTES_MAX} bytes"));
        }
        let value =
            sedge_kit::guard::json::read(bytes).map_err(|error| format!("the key set: {error}"))?;
        let keys = value.get("keys").and_then(Value::as_array);
        let keys = keys.ok_or("the key set has no list of keys")?;
        if keys.len() > KEYS_MAX {
            return Err(format!("the key set has more than {KEYS_MAX} keys"));
        }
        let mut set = KeySet::default();
        for (at, key) in keys.iter().enumerate() {
            match Key::read(key) {
                Ok(key) => set.keys.push(key),
                Err(why) => set.left_out.push(format!("key {at}: {why}")),
            }
        }
        set.leave_out_doubles();
        match set.keys.is_empty() {
            false => Ok(set),
            true => {
                Err(format!("the key set has no key to verify with; {}", set.left_out.join("; ")))
            }
        }
    }

    /// What was left out, and why.
    pub fn left_out(&self) -> &[String] {
        &self.left_out
    }

    /// Which of two keys of one name and algorithm is meant cannot be known.
    fn leave_out_doubles(&mut self) {
        let names: Vec<_> = self.keys.iter().map(|key| (key.kid.clone(), key.algorithm)).collect();
        let is_double = |key: &Key| {
            let same = |(kid, algorithm): &&(Option<String>, Algorithm)| {
                *kid == key.kid && *algorithm == key.algorithm
            };
            key.kid.is_some() && names.iter().filter(same).count() > 1
        };
        for key in self.keys.extract_if(.., |key| is_double(key)) {
            self.left_out.push(format!("there are two keys {:?}", key.kid.unwrap_or_default()));
        }
    }

    /// The key of a name that is for an algorithm. Without a name, the set must have one only
    /// that is for it.
    pub(super) fn find(&self, kid: Option<&str>, algorithm: &str) -> Result<&Key, TokenError> {
        let algorithm =
            Algorithm::of_name(algorithm).ok_or(TokenError::Unsupported("algorithm"))?;
        let mut named = self.keys.iter().filter(|key| kid.is_none() || key.kid.as_deref() == kid);
        let mut fitting = named.clone().filter(|key| key.algorithm == algorithm);
        match (fitting.next(), fitting.next()) {
            (Some(key), None) => Ok(key),
            (Some(_), Some(_)) => Err(TokenError::Unsupported("no kid")),
            (None, _) if kid.is_some() && named.next().is_some() => Err(TokenError::WrongAlgorithm),
            (None, _) => Err(TokenError::UnknownKey),
        }
    }
}

impl Key {
    fn read(value: &Value) -> Result<Self, String> {
        let members = value.as_object().ok_or("not an object")?;
        let kid = match members.get("kid") {
            None => None,
            Some(Value::String(kid)) => Some(kid.clone()),
            Some(_) => return Err("a kid that is no text".into()),
        };
        // A key whose private part is known to others proves nothing.
        if members.contains_key("d") || members.contains_key("k") {
            return Err("it is not only public".into());
        }
        if members.get("use").is_some_and(|purpose| purpose != "sig") {
            return Err("it is not for signatures".into());
        }
        let operations = members.get("key_ops").and_then(Value::as_array);
        if operations.is_some_and(|all| !all.iter().any(|one| one == "verify")) {
            return Err("it is not for verifying".into());
        }
        let algorithm = match members.get("alg") {
            None => None,
            Some(Value::String(name)) => {
                Some(Algorithm::of_name(name).ok_or("of an algorithm that is not known")?)
            }
            Some(_) => return Err("an alg that is no text".into()),
        };
        let (public, algorithm) = public(members, algorithm)?;
        Ok(Key { kid, algorithm, public })
    }
}

fn public(
    members: &Map<String, Value>,
    algorithm: Option<Algorithm>,
) -> Result<(Public, Algorithm), String> {
    let text = |name: &str| members.get(name).and_then(Value::as_str).unwrap_or_default();
    let only = |its: Algorithm| match algorithm {
        Some(other) if other != its => Err("an alg that is not that of its kind".to_owned()),
        _ => Ok(its),
    };
    match (text("kty"), text("crv")) {
        ("RSA", _) => {
            let algorithm = algorithm.unwrap_or(Algorithm::Rs256);
            if !algorithm.is_rsa() {
                return Err("an alg that is not that of its kind".into());
            }
            Ok((Public::Rsa(rsa(members)?), algorithm))
        }
        ("EC", "P-256") => {
            let point = point(members, 32)?;
            let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(&point);
            let key = key.map_err(|_| "not a point of the curve")?;
            Ok((Public::P256(Box::new(key)), only(Algorithm::Es256)?))
        }
        ("EC", "P-384") => {
            let point = point(members, 48)?;
            let key = p384::ecdsa::VerifyingKey::from_sec1_bytes(&point);
            let key = key.map_err(|_| "not a point of the curve")?;
            Ok((Public::P384(Box::new(key)), only(Algorithm::Es384)?))
        }
        ("OKP", "Ed25519") => {
            let bytes: [u8; 32] =
                coordinate(members, "x", 32)?.try_into().map_err(|_| "x of another length")?;
            let key = ed25519_dalek::VerifyingKey::from_bytes(&bytes);
            let key = key.map_err(|_| "not a point of the curve")?;
            if key.is_weak() {
                return Err("a point of small order".into());
            }
            Ok((Public::Ed25519(Box::new(key)), only(Algorithm::EdDsa)?))
        }
        ("EC" | "OKP", _) => Err("a curve that is not known".into()),
        ("oct", _) => Err("a shared secret".into()),
        _ => Err("a kty that is not known".into()),
    }
}

fn rsa(members: &Map<String, Value>) -> Result<rsa::PublicKey, String> {
    let number = |name: &str| {
        let text = members.get(name).and_then(Value::as_str);
        let bytes = text.and_then(decode).filter(|bytes| !bytes.is_empty());
        bytes.ok_or_else(|| format!("{name} is no number"))
    };
    let (modulus, exponent) = (number("n")?, number("e")?);
    if exponent.len() > 4 || modulus.len() * 8 > *RSA_BITS.end() as usize + 8 {
        return Err("a modulus or exponent that is too large".into());
    }
    let modulus = BoxedUint::from_be_slice_vartime(&modulus);
    if !RSA_BITS.contains(&modulus.bit_width_vartime()) {
        return Err(format!("a modulus of {} bits", modulus.bit_width_vartime()));
    }
    let exponent = BoxedUint::from_be_slice_vartime(&exponent);
    rsa::PublicKey::new(modulus, exponent).map_err(|error| error.to_string())
}

/// A point as SEC 1, section 2.3.3 writes it, without compression.
fn point(members: &Map<String, Value>, bytes: usize) -> Result<Vec<u8>, String> {
    let mut point = vec![4];
    point.extend(coordinate(members, "x", bytes)?);
    point.extend(coordinate(members, "y", bytes)?);
    Ok(point)
}

fn coordinate(members: &Map<String, Value>, name: &str, bytes: usize) -> Result<Vec<u8>, String> {
    let text = members.get(name).and_then(Value::as_str);
    let read = text.and_then(decode).filter(|read| read.len() == bytes);
    read.ok_or_else(|| format!("{name} is not {bytes} bytes"))
}
