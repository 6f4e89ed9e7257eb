//! The head of a stored response, and all that deciding about it needs.

use super::directives::ResponseDirectives;
use super::freshness::{LifetimeSource, Times};
use super::groups::Tag;
use super::parts::Part;
use super::policy::Policy;
use super::vary::{self, VaryField};
use crate::key::Key;
use http::StatusCode;
use http::header::{HeaderMap, HeaderValue};

pub(super) mod codec;

pub use codec::Undecodable;

/// The head of a stored response. Its content is stored elsewhere.
#[derive(Clone, PartialEq, Debug)]
pub struct StoredHead {
    /// The response's status; `206` if only [parts](Self::part) of the content are there.
    pub status: StatusCode,
    /// The fields that are kept. Not `Age`: how old it was is in
    /// [`initial_age_ms`](Self::initial_age_ms).
    pub headers: HeaderMap,
    /// When it was asked for and came, or was last validated.
    pub times: Times,
    /// How old it was when it came.
    pub initial_age_ms: u64,
    /// At which age it is no longer fresh.
    pub lifetime_ms: u64,
    /// Who says so.
    pub source: LifetimeSource,
    /// What it says to this cache.
    pub directives: ResponseDirectives,
    /// What selects it: the fields that `Vary` names, and what the request said there.
    pub vary: Vec<VaryField>,
    /// By what it can be purged.
    pub tags: Vec<Tag>,
    /// Which parts of its content are stored; none if all of it is.
    pub part: Option<Part>,
}

impl StoredHead {
    /// How old it is, in milliseconds (RFC 9111 §4.2.3). A clock that was set back does
    /// not make it younger than it was when it came.
    pub fn age_ms(&self, now_ms: u64) -> u64 {
        let resident_ms = now_ms.saturating_sub(self.times.response_ms);
        self.initial_age_ms.saturating_add(resident_ms)
    }

    /// For how many milliseconds it is still fresh; not more than zero if it is stale.
    pub fn ttl_ms(&self, now_ms: u64) -> i64 {
        let bounded = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
        bounded(self.lifetime_ms).saturating_sub(bounded(self.age_ms(now_ms)))
    }

    /// Makes it stale from now on, to be validated before it is served again; it may be
    /// served meanwhile as any stale response may.
    pub fn expire(&mut self, now_ms: u64) {
        self.lifetime_ms = self.lifetime_ms.min(self.age_ms(now_ms));
    }

    /// Whether a request selects it (RFC 9111 §4.1).
    pub fn matches(&self, request: &HeaderMap, policy: &Policy) -> bool {
        vary::matches(request, &self.vary, policy)
    }

    /// The key that it is stored under, for a target with the key `primary`.
    pub fn key(&self, primary: Key) -> Key {
        vary::key(primary, &self.vary)
    }

    /// The key under which a response that varies as this one does would be stored, had
    /// this request brought it.
    pub fn variant_key(&self, primary: Key, request: &HeaderMap, policy: &Policy) -> Key {
        vary::key(primary, &vary::again(request, &self.vary, policy))
    }

    /// The same response, as if this request had brought it: for one that was validated
    /// by the tag of another variant ([`Fetch::Variants`](super::Fetch)).
    #[must_use]
    pub fn selected_by(&self, request: &HeaderMap, policy: &Policy) -> StoredHead {
        StoredHead { vary: vary::again(request, &self.vary, policy), ..self.clone() }
    }

    /// About how many bytes of memory it takes.
    pub fn bytes(&self) -> u64 {
        // A slot of the map has a name, a value and an index; a name that is not one of
        // the well-known ones lies elsewhere.
        const SLOT_BYTES: usize = 104;
        let fields =
            self.headers.iter().map(|(name, value)| SLOT_BYTES + name.as_str().len() + value.len());
        let vary = self.vary.iter().map(|field| {
            size_of::<VaryField>() + field.value.as_ref().map_or(0, |value| value.len())
        });
        let tags = self.tags.iter().map(|tag| size_of::<Tag>() + tag.name.len());
        let all: usize = fields.chain(vary).chain(tags).sum();
        (size_of::<Self>() + all) as u64
    }

    /// Its entity tag, as it came.
    pub fn etag(&self) -> Option<&HeaderValue> {
        self.headers.get(http::header::ETAG)
    }

    /// What `Content-Length` says, if it says one number.
    pub fn content_length(&self) -> Option<u64> {
        content_length(&self.headers).ok().flatten()
    }
}

/// The number in `Content-Length`, which may stand there several times if it is the same
/// (RFC 9110 §8.6).
pub(crate) fn content_length(headers: &HeaderMap) -> Result<Option<u64>, ()> {
    let mut length = None;
    for member in super::grammar::list(headers, http::header::CONTENT_LENGTH) {
        let number = super::grammar::digits(member).filter(|number| *number < u64::MAX);
        let number = number.ok_or(())?;
        if length.is_some_and(|length| length != number) {
            return Err(());
        }
        length = Some(number);
    }
    Ok(length)
}

#[cfg(test)]
mod tests;
