//! What a cache did with a request, told to whoever reads the response (RFC 9211).

use super::policy::Policy;
use super::structured::{write_string, write_token_or_string};
use http::StatusCode;
use http::header::{HeaderMap, HeaderName, HeaderValue};

/// Why a request went to the origin (RFC 9211 §2.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fwd {
    /// The cache was configured not to handle it.
    Bypass,
    /// Its method.
    Method,
    /// Nothing was stored for its target.
    UriMiss,
    /// Something was, but nothing that it selects.
    VaryMiss,
    /// Nothing served it, for one of these reasons or another.
    Miss,
    /// Its own directives.
    Request,
    /// What was stored was stale.
    Stale,
    /// What was stored had not all the bytes.
    Partial,
}

impl Fwd {
    /// The token that stands for it.
    pub fn token(self) -> &'static str {
        match self {
            Fwd::Bypass => "bypass",
            Fwd::Method => "method",
            Fwd::UriMiss => "uri-miss",
            Fwd::VaryMiss => "vary-miss",
            Fwd::Miss => "miss",
            Fwd::Request => "request",
            Fwd::Stale => "stale",
            Fwd::Partial => "partial",
        }
    }
}

/// One member of `Cache-Status`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheStatus<'a> {
    /// Why the request went to the origin; none if it did not: a hit.
    pub fwd: Option<Fwd>,
    /// The status that the origin answered with, if it is not the one that is sent.
    pub fwd_status: Option<StatusCode>,
    /// For how many seconds the response is fresh, negative if stale.
    pub ttl_s: Option<i64>,
    /// The response was stored.
    pub stored: bool,
    /// The request waited for another's response.
    pub collapsed: bool,
    /// Something about the key, for those who debug.
    pub key: Option<&'a str>,
    /// Something else worth saying.
    pub detail: Option<&'a str>,
}

impl<'a> CacheStatus<'a> {
    /// A response from the store.
    pub fn hit(ttl_s: i64) -> Self {
        CacheStatus { ttl_s: Some(ttl_s), ..CacheStatus::default() }
    }

    /// A request that went to the origin.
    pub fn forward(fwd: Fwd) -> Self {
        CacheStatus { fwd: Some(fwd), ..CacheStatus::default() }
    }

    /// … to which the origin answered so.
    #[must_use]
    pub fn fwd_status(self, status: StatusCode) -> Self {
        CacheStatus { fwd_status: Some(status), ..self }
    }

    /// … with a response that is fresh for so many seconds.
    #[must_use]
    pub fn ttl(self, ttl_s: i64) -> Self {
        CacheStatus { ttl_s: Some(ttl_s), ..self }
    }

    /// … which was stored, or was not.
    #[must_use]
    pub fn stored(self, stored: bool) -> Self {
        CacheStatus { stored, ..self }
    }

    /// … which was another request's.
    #[must_use]
    pub fn collapsed(self) -> Self {
        CacheStatus { collapsed: true, ..self }
    }

    /// … under this key.
    #[must_use]
    pub fn key(self, key: &'a str) -> Self {
        CacheStatus { key: Some(key), ..self }
    }

    /// … for this reason.
    #[must_use]
    pub fn detail(self, detail: &'a str) -> Self {
        CacheStatus { detail: Some(detail), ..self }
    }

    /// Appends this member to the response's `Cache-Status`, after those of the caches
    /// before this one, which are nearer to the origin.
    pub fn append_to(&self, headers: &mut HeaderMap, policy: &Policy) {
        if !policy.cache_status {
            return;
        }
        let mut member = Vec::with_capacity(64);
        write_token_or_string(&mut member, &policy.name);
        self.write_parameters(&mut member);
        // A structured field is visible ASCII.
        if let Ok(member) = HeaderValue::try_from(member) {
            const NAME: HeaderName = HeaderName::from_static("cache-status");
            // A head that is full already goes without.
            let _ = headers.try_append(NAME, member);
        }
    }

    fn write_parameters(&self, member: &mut Vec<u8>) {
        match self.fwd {
            None => member.extend_from_slice(b"; hit"),
            Some(fwd) => {
                member.extend_from_slice(b"; fwd=");
                member.extend_from_slice(fwd.token().as_bytes());
            }
        }
        if let Some(status) = self.fwd_status {
            member.extend_from_slice(b"; fwd-status=");
            member.extend_from_slice(status.as_str().as_bytes());
        }
        if let Some(ttl_s) = self.ttl_s {
            // An integer has 15 digits at most.
            let ttl_s = ttl_s.clamp(-999_999_999_999_999, 999_999_999_999_999);
            member.extend_from_slice(format!("; ttl={ttl_s}").as_bytes());
        }
        if self.stored {
            member.extend_from_slice(b"; stored");
        }
        if self.collapsed {
            member.extend_from_slice(b"; collapsed");
        }
        if let Some(key) = self.key {
            member.extend_from_slice(b"; key=");
            write_string(member, key);
        }
        if let Some(detail) = self.detail {
            member.extend_from_slice(b"; detail=");
            write_token_or_string(member, detail);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{CacheStatus, Fwd};
    use crate::rules::Policy;
    use crate::rules::structured::dictionary;
    use http::{HeaderMap, HeaderValue, StatusCode};

    fn written(status: &CacheStatus<'_>) -> String {
        let mut headers = HeaderMap::new();
        status.append_to(&mut headers, &Policy::default());
        headers["cache-status"].to_str().unwrap().to_owned()
    }

    #[test]
    fn what_cannot_be_written_does_not_break_the_field() {
        let odd = CacheStatus {
            key: Some("a\"\r\n\\\u{fc}"),
            detail: Some("two words; x=\"y\""),
            ttl_s: Some(i64::MIN),
            ..CacheStatus::forward(Fwd::Miss)
        };
        let odd = written(&odd);
        assert_eq!(
            odd,
            "Sedge; fwd=miss; ttl=-999999999999999; key=\"a\\\"??\\\\?\"; \
             detail=\"two words; x=\\\"y\\\"\""
        );
        // A dictionary is not a list, but `a=…` reads an item in the same way.
        assert_eq!(dictionary(format!("a={odd}").as_bytes(), |_, _| Ok(())), Ok(()));
    }

    #[test]
    fn members() {
        assert_eq!(written(&CacheStatus::hit(376)), "Sedge; hit; ttl=376");
        let stored = CacheStatus {
            fwd_status: Some(StatusCode::NOT_MODIFIED),
            ttl_s: Some(60),
            stored: true,
            collapsed: true,
            detail: Some("no-store"),
            ..CacheStatus::forward(Fwd::Stale)
        };
        assert_eq!(
            written(&stored),
            "Sedge; fwd=stale; fwd-status=304; ttl=60; stored; collapsed; detail=no-store"
        );
    }

    #[test]
    fn it_follows_the_caches_before() {
        let mut headers = HeaderMap::new();
        headers.insert("cache-status", HeaderValue::from_static("Origin; hit"));
        CacheStatus::forward(Fwd::UriMiss).append_to(&mut headers, &Policy::default());
        let all: Vec<_> = headers.get_all("cache-status").into_iter().collect();
        assert_eq!(all, ["Origin; hit", "Sedge; fwd=uri-miss"]);
    }
}
