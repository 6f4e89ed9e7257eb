//! A part of a cache for those who put in and take out by themselves, beside links with
//! the same scope: what one of them has stored answers for all.

use super::Cache;
use super::asked::Asked;
use super::content::compact;
use super::handler::{Link, LinkSettings};
use super::load::Held;
use super::metrics::CacheMetrics;
use super::object::{Marks, Object, scoped_hash};
use super::purging::NotKept;
use crate::key::Key;
use crate::purge::Purge;
use crate::rules::{self, Policy, Reuse, StoredHead, Times, Unstorable};
use bytes::Bytes;
use http::header::{
    AGE, CACHE_CONTROL, CONTENT_LENGTH, HOST, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE,
    IF_UNMODIFIED_SINCE, PRAGMA, RANGE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use sedge_model::failure::{Failure, Kind};
use sedge_model::handler::{Answer, Context, Handler, Request};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use thiserror::Error;

/// Bytes of the longest address.
pub const URL_BYTES_MAX: usize = 8_192;

/// Names that one response can be given beside those in its fields.
const TAGS_MAX: usize = 64;

/// Bytes of the longest of them.
const TAG_BYTES_MAX: usize = 128;

/// The longest lifetime: a year, as for links.
const LIFETIME_MAX: Duration = Duration::from_secs(365 * 86_400);

/// Fields that say how a request wants to be answered, not what it is for.
const WISHES: [HeaderName; 8] = [
    RANGE,
    IF_RANGE,
    IF_MATCH,
    IF_NONE_MATCH,
    IF_MODIFIED_SINCE,
    IF_UNMODIFIED_SINCE,
    CACHE_CONTROL,
    PRAGMA,
];

/// The responses of one scope. Cheap to clone.
#[derive(Clone)]
pub struct Scope(pub(super) Arc<Link>);

/// Not an address that anything could be stored for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("an address is http://host/path or https://host/path, of at most {URL_BYTES_MAX} bytes")]
pub struct BadUrl;

/// Why a response was not put in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NotPut {
    /// The rules for stored responses do not have it.
    #[error("such a response is not stored: {}", .0.detail())]
    Unstorable(Unstorable),
    /// It is larger than the node, or the link's settings, let a response be.
    #[error("the response has more than the {bytes_max} bytes that can be stored")]
    TooLarge {
        /// Bytes of the largest content.
        bytes_max: u64,
    },
    /// `Content-Length` is not the length of the content.
    #[error("Content-Length is not the length of the content")]
    Length,
    /// A name is empty, too long or cannot stand in a field, or there are too many.
    #[error(
        "at most {TAGS_MAX} tags, of {TAG_BYTES_MAX} visible characters at most and without comma"
    )]
    Tags,
}

/// How long a response is used, and what it is purged by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lifetime {
    /// For how long it is fresh, a year at most; `None`: as its fields say.
    pub fresh: Option<Duration>,
    /// For how long it may be used after that while a newer one is made; `None`: as its
    /// fields say.
    pub stale_while_revalidate: Option<Duration>,
    /// Names to purge it by, beside those in its fields.
    pub tags: Vec<String>,
}

/// A response that was found.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The status.
    pub status: StatusCode,
    /// The fields, without `Age`.
    pub headers: HeaderMap,
    /// The content, in pieces.
    pub body: Arc<[Bytes]>,
    /// Bytes of all pieces.
    pub body_bytes: u64,
    /// How old it is, in milliseconds.
    pub age_ms: u64,
    /// For how many milliseconds it is still fresh; not more than 0 if it is stale.
    pub ttl_ms: i64,
}

/// How a stored response stands.
pub(super) enum Usable {
    Fresh(Arc<Object>),
    /// It may be used while a newer one is made.
    Stale(Arc<Object>),
    No,
}

/// Nothing stands behind a scope.
struct Nobody;

impl Handler for Nobody {
    fn call(&self, _: Request, _: Context) -> Answer<'_> {
        Box::pin(async { Err(Failure::new(Kind::Internal, "nothing stands behind a scope")) })
    }
}

/// A request for an address, to a scope.
pub(super) fn asked(
    url: &str,
    fields: HeaderMap,
    scope: &Key,
    policy: &Policy,
) -> Result<Asked, BadUrl> {
    if url.len() > URL_BYTES_MAX {
        return Err(BadUrl);
    }
    let uri: Uri = url.parse().map_err(|_| BadUrl)?;
    let is_secure = match uri.scheme_str() {
        Some("http") => false,
        Some("https") => true,
        _ => return Err(BadUrl),
    };
    let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'));
    let host = authority.and_then(|authority| HeaderValue::from_str(authority.as_str()).ok());
    let host = host.filter(|host| !host.is_empty()).ok_or(BadUrl)?;
    let (mut head, ()) = http::Request::new(()).into_parts();
    head.method = Method::GET;
    head.uri = uri;
    head.headers = fields;
    head.headers.insert(HOST, host);
    WISHES.iter().for_each(|name| drop(head.headers.remove(name)));
    Ok(Asked::new(head, false, is_secure, scope, policy))
}

impl Scope {
    /// The scope of a name. Links with the same name have the same responses, if their
    /// policies tell requests apart alike.
    pub fn new(
        cache: Arc<Cache>,
        name: &str,
        policy: Policy,
        settings: LinkSettings,
        metrics: Arc<CacheMetrics>,
    ) -> Self {
        let scope = Key::of([name.as_bytes()]);
        let next = Arc::new(Nobody);
        Scope(Arc::new(Link { cache, scope, policy, settings, metrics, next }))
    }

    /// Bytes of the largest content that can be stored.
    pub fn object_bytes_max(&self) -> u64 {
        let Link { cache, policy, .. } = &*self.0;
        policy.object_bytes_max.min(cache.bounds.object_bytes_max)
    }

    /// What is stored for a `GET` of an address with these fields, and fresh, or may be
    /// used though it is stale.
    ///
    /// # Errors
    ///
    /// If it is no address.
    pub async fn get(&self, url: &str, fields: HeaderMap) -> Result<Option<Stored>, BadUrl> {
        let asked = self.asked(url, fields)?;
        let metrics = &self.0.metrics;
        Ok(match self.look(&asked).await {
            Usable::Fresh(object) => {
                metrics.hits.fetch_add(1, Relaxed);
                Some(self.stored(&object))
            }
            Usable::Stale(object) => {
                metrics.stale.fetch_add(1, Relaxed);
                Some(self.stored(&object))
            }
            Usable::No => {
                metrics.misses.fetch_add(1, Relaxed);
                None
            }
        })
    }

    /// Stores a response to a `GET` of an address with these fields. Like any other it may
    /// soon have to leave for others.
    ///
    /// # Errors
    ///
    /// If it is no address, or the response cannot be stored.
    pub fn put(
        &self,
        url: &str,
        fields: HeaderMap,
        response: http::Response<Bytes>,
        lifetime: &Lifetime,
    ) -> Result<Result<(), NotPut>, BadUrl> {
        let asked = self.asked(url, fields)?;
        let now_ms = self.0.cache.runtime.now_ms();
        let epoch = self.0.cache.epoch(&asked.primary);
        let times = Times { request_ms: now_ms, response_ms: now_ms };
        Ok(self.store(&asked, response, lifetime, times, epoch).map(drop))
    }

    /// Takes out what is stored for an address, in all its variants, and what is on its
    /// way. Ends once none of it would come back.
    ///
    /// # Errors
    ///
    /// If it is no address, or the disk has failed.
    pub async fn delete(
        &self,
        url: &str,
        fields: HeaderMap,
    ) -> Result<Result<(), NotKept>, BadUrl> {
        let asked = self.asked(url, fields)?;
        let cache = &self.0.cache;
        cache.invalidate(asked.primary);
        Ok(match &cache.disk {
            Some(disk) => disk.removed(&asked.primary).await,
            None => Ok(()),
        })
    }

    /// Purges what has a tag, in this scope only; ends once that outlives the process,
    /// where responses do.
    ///
    /// # Errors
    ///
    /// If it could not be kept.
    pub async fn purge_tag(&self, name: &str, purge: Purge) -> Result<(), NotKept> {
        let Link { cache, scope, .. } = &*self.0;
        cache.purge_hash(scoped_hash(scope, name), purge);
        cache.purge_kept().await
    }

    pub(super) fn asked(&self, url: &str, fields: HeaderMap) -> Result<Asked, BadUrl> {
        asked(url, fields, &self.0.scope, &self.0.policy)
    }

    pub(super) async fn look(&self, asked: &Asked) -> Usable {
        let object = match self.0.held(asked).await {
            Held::Object(_, object) => object,
            Held::Arriving(_, arriving, reader) => match self.0.collect(&arriving, reader).await {
                Some(object) => object,
                None => return Usable::No,
            },
            Held::Variant(..) | Held::Uncollapsed | Held::Nothing => return Usable::No,
        };
        self.usable(asked, object)
    }

    pub(super) fn usable(&self, asked: &Asked, object: Arc<Object>) -> Usable {
        let object = match self.0.cache.purged(&object) {
            Some(Purge::Hard) => return Usable::No,
            Some(Purge::Soft) => self.0.expired(asked, &object),
            None => object,
        };
        match self.0.verdict(asked, &object.head, Some(object.body_bytes)).reuse {
            // A part would have to be put together by who asks.
            _ if object.head.part.is_some() => Usable::No,
            Reuse::Fresh => Usable::Fresh(object),
            Reuse::Stale(_) => Usable::Stale(object),
            _ => Usable::No,
        }
    }

    pub(super) fn stored(&self, object: &Object) -> Stored {
        let now_ms = self.0.cache.runtime.now_ms();
        self.0.metrics.bytes_served.fetch_add(object.body_bytes, Relaxed);
        Stored {
            status: object.head.status,
            headers: object.head.headers.clone(),
            body: Arc::clone(&object.body),
            body_bytes: object.body_bytes,
            age_ms: object.head.age_ms(now_ms),
            ttl_ms: object.head.ttl_ms(now_ms),
        }
    }

    pub(super) fn store(
        &self,
        asked: &Asked,
        response: http::Response<Bytes>,
        lifetime: &Lifetime,
        times: Times,
        epoch: u64,
    ) -> Result<Arc<Object>, NotPut> {
        let Link { cache, scope, policy, metrics, .. } = &*self.0;
        let (parts, body) = response.into_parts();
        let bytes_max = self.object_bytes_max();
        let body_bytes = body.len() as u64;
        if body_bytes > bytes_max {
            return Err(NotPut::TooLarge { bytes_max });
        }
        let headers = complete(parts.headers, body_bytes, &lifetime.tags)?;
        let head = self.head(asked, parts.status, &headers, lifetime, times).inspect_err(|why| {
            metrics.count_not_stored(why.detail());
        });
        let head = head.map_err(NotPut::Unstorable)?;
        let marks = Marks::new(&asked.target, &head, scope);
        let body = compact(vec![body], body_bytes, cache.pages());
        let head = Arc::new(head);
        let object = Arc::new(Object { head, marks, body, body_bytes, is_on_disk: false });
        match cache.store(asked.primary, Arc::clone(&object), epoch, policy) {
            true => drop(metrics.stored.fetch_add(1, Relaxed)),
            false => metrics.count_not_stored("not_admitted"),
        }
        Ok(object)
    }

    fn head(
        &self,
        asked: &Asked,
        status: StatusCode,
        headers: &HeaderMap,
        lifetime: &Lifetime,
        times: Times,
    ) -> Result<StoredHead, Unstorable> {
        let ask = asked.ask(&self.0.policy);
        let milliseconds = |time: Duration| time.min(LIFETIME_MAX).as_millis() as u64;
        let forced_ttl_ms = lifetime.fresh.map(milliseconds).or(self.0.policy.forced_ttl_ms);
        // Whoever puts an error in means it.
        let policy = Policy { forced_ttl_ms, all_errors: true, ..self.0.policy.clone() };
        let mut head = rules::storable(&ask, &asked.target, status, headers, times, &policy)?;
        if let Some(time) = lifetime.stale_while_revalidate {
            head.directives.stale_while_revalidate = Some(time.min(LIFETIME_MAX).as_secs());
        }
        Ok(head)
    }
}

/// The fields as they are stored.
fn complete(mut headers: HeaderMap, body_bytes: u64, tags: &[String]) -> Result<HeaderMap, NotPut> {
    let said = headers.get_all(CONTENT_LENGTH).into_iter();
    let mut wrong = said.filter(|said| said.as_bytes() != body_bytes.to_string().as_bytes());
    if wrong.next().is_some() {
        return Err(NotPut::Length);
    }
    headers.insert(CONTENT_LENGTH, HeaderValue::from(body_bytes));
    headers.remove(AGE);
    let is_tag = |tag: &String| {
        let bounded = !tag.is_empty() && tag.len() <= TAG_BYTES_MAX;
        bounded && tag.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',')
    };
    if tags.len() > TAGS_MAX || !tags.iter().all(is_tag) {
        return Err(NotPut::Tags);
    }
    if !tags.is_empty() {
        let tags = HeaderValue::from_str(&tags.join(",")).map_err(|_| NotPut::Tags)?;
        headers.append(HeaderName::from_static("cache-tag"), tags);
    }
    Ok(headers)
}
