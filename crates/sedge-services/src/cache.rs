//! The cache service.
//!
//! Scopes belong to an app: two apps that both grant `pages` have two scopes. In the
//! node's cache they are `<app>/<scope>`; app names have no `/`, and neither has a
//! scope. A caching link with the same scope stores there, too.

use bytes::Bytes;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use sedge_cache::flow::{BadUrl, Fill, Filled, NotKept, NotPut, Scope, Stored};
use sedge_cache::purge::Purge;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;

pub use sedge_cache::flow::Lifetime;

/// The longest that one request waits for what another makes.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// Fields of one request or response.
const FIELDS_MAX: usize = 256;

/// Bytes of content that are handed over in one call: less than the engine lets pass
/// with the fields beside it.
const BODY_BYTES_MAX: u64 = 24 << 20;

/// Bytes of the longest name that is purged by.
const TAG_BYTES_MAX: usize = 256;

/// The scopes that one function may open. Cheap to clone.
#[derive(Clone, Default)]
pub struct Caches {
    granted: Arc<BTreeMap<String, Scope>>,
}

/// Why an operation failed. The text is fit for guests.
#[derive(Clone, Debug, Error)]
pub enum CacheError {
    /// No scope can have this name.
    #[error("there is no such scope")]
    NoSuchScope,
    /// The function's manifest does not grant this scope.
    #[error("the manifest does not grant this scope")]
    AccessDenied,
    /// Not an address.
    #[error(transparent)]
    Url(#[from] BadUrl),
    /// No header field can have this name or value, or there are too many.
    #[error("not the name or value of a field, or more than {FIELDS_MAX} of them")]
    Field,
    /// The content is too large to be stored, or to be handed over.
    #[error("the content is too large")]
    TooLarge,
    /// The rules do not have it.
    #[error(transparent)]
    NotPut(NotPut),
    /// Another made it for too long.
    #[error("another makes it, and takes too long")]
    TimedOut,
    /// A purge, or a removal, is not on the disk.
    #[error("what was purged could not be kept")]
    NotKept(#[source] NotKept),
}

impl From<NotPut> for CacheError {
    fn from(error: NotPut) -> Self {
        match error {
            NotPut::TooLarge { .. } => CacheError::TooLarge,
            error => CacheError::NotPut(error),
        }
    }
}

/// Header fields as guests give and get them.
pub type Fields = Vec<(String, Vec<u8>)>;

/// A `GET`, as a guest makes it.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// With scheme and host.
    pub url: String,
    /// What may tell it apart from others.
    pub fields: Fields,
}

/// A response, as a guest gives it.
#[derive(Clone, Debug)]
pub struct Given {
    /// The status.
    pub status: u16,
    /// The fields.
    pub fields: Fields,
    /// The content.
    pub body: Vec<u8>,
}

/// A stored response, as a guest gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The status.
    pub status: u16,
    /// The fields.
    pub fields: Fields,
    /// The content.
    pub body: Vec<u8>,
    /// How old it is, in milliseconds.
    pub age_ms: u64,
    /// For how many milliseconds it is still fresh.
    pub ttl_ms: i64,
}

/// What a request for something that can be made came to.
pub enum Found {
    /// It is stored.
    Stored(Taken),
    /// Who asked makes it.
    Begin(Box<Maker>),
}

/// Whether a name can be a scope's.
pub fn is_scope(name: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=63).contains(&name.len()) && name.bytes().all(known)
}

impl Caches {
    /// The scopes of an app that a function was granted, by the names that it opens them
    /// by.
    pub fn new(granted: impl IntoIterator<Item = (String, Scope)>) -> Self {
        Caches { granted: Arc::new(granted.into_iter().collect()) }
    }

    /// Opens a scope.
    ///
    /// # Errors
    /// [`CacheError::NoSuchScope`] or [`CacheError::AccessDenied`].
    pub fn open(&self, name: &str) -> Result<CacheScope, CacheError> {
        match self.granted.get(name) {
            Some(scope) => Ok(CacheScope(scope.clone())),
            None if !is_scope(name) => Err(CacheError::NoSuchScope),
            None => Err(CacheError::AccessDenied),
        }
    }
}

/// An open scope. Cheap to clone.
#[derive(Clone)]
pub struct CacheScope(Scope);

impl CacheScope {
    /// What is stored for a request.
    ///
    /// # Errors
    /// If it is no request, or what is stored is too large to be handed over.
    pub async fn get(&self, wanted: Wanted) -> Result<Option<Taken>, CacheError> {
        let fields = headers(wanted.fields)?;
        self.0.get(&wanted.url, fields).await?.map(taken).transpose()
    }

    /// The same; if nothing is there, the first who asks makes it, and others wait for
    /// that.
    ///
    /// # Errors
    /// As [`CacheScope::get`], or [`CacheError::TimedOut`].
    pub async fn get_or_begin(&self, wanted: Wanted, wait: Duration) -> Result<Found, CacheError> {
        let fields = headers(wanted.fields)?;
        match self.0.get_or_begin(&wanted.url, fields, wait.min(WAIT_MAX)).await? {
            Filled::Stored(stored) => taken(stored).map(Found::Stored),
            Filled::Begin(fill) => Ok(Found::Begin(Box::new(Maker(fill)))),
            Filled::TimedOut => Err(CacheError::TimedOut),
        }
    }

    /// Stores a response to a request.
    ///
    /// # Errors
    /// If it is no request, or the response cannot be stored.
    pub fn put(&self, wanted: Wanted, given: Given, lifetime: &Lifetime) -> Result<(), CacheError> {
        let fields = headers(wanted.fields)?;
        Ok(self.0.put(&wanted.url, fields, response(given)?, lifetime)??)
    }

    /// Takes out what is stored for an address.
    ///
    /// # Errors
    /// If it is no request, or the disk has failed.
    pub async fn delete(&self, wanted: Wanted) -> Result<(), CacheError> {
        let fields = headers(wanted.fields)?;
        self.0.delete(&wanted.url, fields).await?.map_err(CacheError::NotKept)
    }

    /// Purges what has a tag; `soft`: it is stale from now on, instead of gone.
    ///
    /// # Errors
    /// If nothing can have the tag, or the disk has failed.
    pub async fn purge_tag(&self, tag: &str, soft: bool) -> Result<(), CacheError> {
        let purge = if soft { Purge::Soft } else { Purge::Hard };
        if tag.is_empty() || tag.len() > TAG_BYTES_MAX {
            return Err(CacheError::NotPut(NotPut::Tags));
        }
        self.0.purge_tag(tag, purge).await.map_err(CacheError::NotKept)
    }
}

/// What is to be made, by whoever has this.
pub struct Maker(Fill);

impl Maker {
    /// What is stale, if it may be used instead.
    ///
    /// # Errors
    /// If it is too large to be handed over.
    pub fn stale(&self) -> Result<Option<Taken>, CacheError> {
        self.0.stale().map(taken).transpose()
    }

    /// Stores what was made, and answers who waits.
    ///
    /// # Errors
    /// If it cannot be stored.
    pub fn finish(self, given: Given, lifetime: &Lifetime) -> Result<(), CacheError> {
        Ok(self.0.finish(response(given)?, lifetime)?)
    }
}

fn headers(fields: Fields) -> Result<HeaderMap, CacheError> {
    if fields.len() > FIELDS_MAX {
        return Err(CacheError::Field);
    }
    let mut headers = HeaderMap::with_capacity(fields.len());
    for (name, value) in fields {
        let name = HeaderName::try_from(name).map_err(|_| CacheError::Field)?;
        let value = HeaderValue::try_from(value).map_err(|_| CacheError::Field)?;
        headers.append(name, value);
    }
    Ok(headers)
}

fn response(given: Given) -> Result<Response<Bytes>, CacheError> {
    let mut response = Response::new(Bytes::from(given.body));
    *response.status_mut() = StatusCode::from_u16(given.status).map_err(|_| CacheError::Field)?;
    *response.headers_mut() = headers(given.fields)?;
    Ok(response)
}

fn taken(stored: Stored) -> Result<Taken, CacheError> {
    if stored.body_bytes > BODY_BYTES_MAX {
        return Err(CacheError::TooLarge);
    }
    let fields = stored.headers.iter();
    let fields = fields.map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()));
    Ok(Taken {
        status: stored.status.as_u16(),
        fields: fields.collect(),
        body: stored.body.concat(),
        age_ms: stored.age_ms,
        ttl_ms: stored.ttl_ms,
    })
}

#[cfg(test)]
mod tests;
