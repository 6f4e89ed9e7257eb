//! What stands under a target's key when its responses vary: which there are, and under
//! which keys they are stored.

use super::policy::Policy;
use super::stored::codec::{Reader, put_bytes, put_u64, put_vary};
use super::stored::{StoredHead, Undecodable};
use super::vary::{self, VaryField};
use crate::key::Key;
use http::header::{HeaderMap, HeaderValue};

/// What variants of this layout begin with. Not what a stored head begins with.
const VERSION: u8 = 0x81;

#[derive(Clone, PartialEq, Debug)]
struct Variant {
    key: Key,
    vary: Vec<VaryField>,
    language: Option<Box<[u8]>>,
    etag: Option<HeaderValue>,
}

/// The stored responses of one target, the newest first.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Variants {
    all: Vec<Variant>,
}

impl Variants {
    /// The key of the response that a request selects, if one is stored: the newest whose
    /// selecting fields it matches (RFC 9111 §4.1), else the newest in the language that
    /// it most wants.
    pub fn select(&self, request: &HeaderMap, policy: &Policy) -> Option<Key> {
        let matching =
            self.all.iter().find(|variant| vary::matches(request, &variant.vary, policy));
        let by_language = || {
            self.all.iter().find(|variant| {
                let language = variant.language.as_deref();
                vary::matches_by_language(request, &variant.vary, language, policy)
            })
        };
        matching.or_else(by_language).map(|variant| variant.key)
    }

    /// Takes in the response to store, for a target with the key `primary`. Returns the
    /// key to store it under, and those of responses that have to go for it.
    pub fn insert(&mut self, head: &StoredHead, primary: Key, policy: &Policy) -> (Key, Vec<Key>) {
        let key = vary::key(primary, &head.vary);
        self.remove(key);
        let variant = Variant {
            key,
            vary: head.vary.clone(),
            language: vary::language(&head.headers),
            etag: head.etag().cloned(),
        };
        self.all.insert(0, variant);
        let kept = policy.variants_max.max(1).min(self.all.len());
        (key, self.all.drain(kept..).map(|variant| variant.key).collect())
    }

    /// The key under which the response to a request would be stored if it varies as the
    /// newest does.
    pub fn key_for(&self, primary: Key, request: &HeaderMap, policy: &Policy) -> Key {
        let newest = self.all.first().map(|variant| &variant.vary[..]).unwrap_or_default();
        vary::key(primary, &vary::again(request, newest, policy))
    }

    /// Forgets the response under this key.
    pub fn remove(&mut self, key: Key) {
        self.all.retain(|variant| variant.key != key);
    }

    /// The keys of all.
    pub fn keys(&self) -> impl Iterator<Item = Key> {
        self.all.iter().map(|variant| variant.key)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The tags of all that have one, for [`Fetch::Variants`](super::Fetch): at most 8,
    /// the newest.
    pub fn etags(&self) -> Vec<HeaderValue> {
        self.all.iter().filter_map(|variant| variant.etag.clone()).take(8).collect()
    }

    /// The key of the variant that a `304` with this tag names.
    pub fn with_etag(&self, etag: &HeaderValue) -> Option<Key> {
        let named = |variant: &&Variant| variant.etag.as_ref() == Some(etag);
        self.all.iter().find(named).map(|variant| variant.key)
    }

    /// Whether bytes under a target's key are variants, rather than a stored head.
    pub fn are_these(bytes: &[u8]) -> bool {
        bytes.first() == Some(&VERSION)
    }

    /// Appends the variants to `out`, for [`decode`](Self::decode).
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        put_u64(out, self.all.len() as u64);
        for variant in &self.all {
            out.extend(variant.key.0);
            put_u64(out, variant.vary.len() as u64);
            variant.vary.iter().for_each(|field| put_vary(out, field));
            put_bytes(out, variant.language.as_deref().unwrap_or_default());
            put_bytes(out, variant.etag.as_ref().map(HeaderValue::as_bytes).unwrap_or_default());
        }
    }

    /// Reads variants that [`encode`](Self::encode) wrote, and nothing after them.
    ///
    /// # Errors
    ///
    /// For bytes that it did not write, unless they happen to be well-formed.
    pub fn decode(bytes: &[u8]) -> Result<Self, Undecodable> {
        let mut reader = Reader { rest: bytes };
        if reader.byte()? != VERSION {
            return Err(Undecodable);
        }
        let all = reader.many(|reader| {
            let mut key = [0; 16];
            for byte in &mut key {
                *byte = reader.byte()?;
            }
            let vary = reader.many(Reader::vary)?;
            let language = reader.bytes()?;
            let etag = HeaderValue::from_bytes(reader.bytes()?).map_err(|_| Undecodable)?;
            Ok(Variant {
                key: Key(key),
                vary,
                language: (!language.is_empty()).then(|| language.into()),
                etag: (!etag.is_empty()).then_some(etag),
            })
        })?;
        if reader.rest.is_empty() { Ok(Variants { all }) } else { Err(Undecodable) }
    }
}

#[cfg(test)]
mod tests;
