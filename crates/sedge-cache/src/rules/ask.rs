//! What a request says to a cache.

use super::directives::RequestDirectives;
use super::policy::Policy;
use http::Method;
use http::header::HeaderMap;

/// What a cache does with a request's method (RFC 9110 §9.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MethodClass {
    /// `GET`: answered from the store, and stored.
    Get,
    /// `HEAD`: answered from a stored `GET`.
    Head,
    /// `OPTIONS` and `TRACE`: passed.
    Safe,
    /// `POST`: unsafe; but its response may be stored for a later `GET`.
    Post,
    /// All others, known or not: passed, and what they succeed at makes stored responses
    /// invalid.
    Unsafe,
}

impl MethodClass {
    /// The class of `method`.
    pub fn of(method: &Method) -> Self {
        match *method {
            Method::GET => MethodClass::Get,
            Method::HEAD => MethodClass::Head,
            Method::OPTIONS | Method::TRACE => MethodClass::Safe,
            Method::POST => MethodClass::Post,
            _ => MethodClass::Unsafe,
        }
    }

    /// Whether success makes stored responses invalid (RFC 9111 §4.4).
    pub fn invalidates(self) -> bool {
        matches!(self, MethodClass::Post | MethodClass::Unsafe)
    }
}

/// Where a request goes first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lookup {
    /// To the store.
    Store,
    /// To the origin, past the store.
    Pass(Pass),
    /// To the origin; its success makes stored responses invalid.
    Unsafe,
}

/// Why a request goes past the store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pass {
    /// Its method is neither `GET` nor `HEAD`.
    Method,
    /// It has content although its method gives it no meaning. No key has it, so that an
    /// origin which reads it could be made to answer one request with another's response.
    Body,
    /// It has `If-Match` or `If-Unmodified-Since`, which are for the origin (RFC 9111
    /// §4.3.2).
    Precondition,
    /// It says `no-store`.
    NoStore,
}

/// A request, read for what it says to a cache. Cheap to make: one pass over the names,
/// nothing allocated.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// The method's class.
    pub method: MethodClass,
    /// The request's fields.
    pub headers: &'a HeaderMap,
    /// Whether it has content.
    pub has_body: bool,
    /// Its directives; none if the policy is not to honor them.
    pub directives: RequestDirectives,
    /// Has `Authorization`.
    pub authorization: bool,
    /// Has `Range`, and the method gives it a meaning.
    pub range: bool,
    /// Has `If-None-Match` or `If-Modified-Since`.
    pub conditional: bool,
    /// Has `If-Match` or `If-Unmodified-Since`.
    pub precondition: bool,
}

impl<'a> Ask<'a> {
    /// Reads a request's head. `has_body` says whether content may follow, however long.
    pub fn new(method: &Method, headers: &'a HeaderMap, has_body: bool, policy: &Policy) -> Self {
        let mut ask = Ask {
            method: MethodClass::of(method),
            headers,
            has_body,
            directives: RequestDirectives::default(),
            authorization: false,
            range: false,
            conditional: false,
            precondition: false,
        };
        let (mut cache_control, mut pragma_no_cache) = (false, false);
        for (name, value) in headers {
            match name.as_str() {
                "cache-control" if policy.honor_request => {
                    cache_control = true;
                    ask.directives.read(value.as_bytes());
                }
                "pragma" => pragma_no_cache |= value.as_bytes().eq_ignore_ascii_case(b"no-cache"),
                "authorization" => ask.authorization = true,
                "range" => ask.range = ask.method == MethodClass::Get,
                "if-none-match" | "if-modified-since" => ask.conditional = true,
                "if-match" | "if-unmodified-since" => ask.precondition = true,
                _ => {}
            }
        }
        if pragma_no_cache && !cache_control && policy.honor_request {
            ask.directives.no_cache = true;
        }
        ask
    }

    /// Where it goes first.
    pub fn lookup(&self) -> Lookup {
        match self.method {
            MethodClass::Get | MethodClass::Head => {}
            MethodClass::Safe => return Lookup::Pass(Pass::Method),
            MethodClass::Post | MethodClass::Unsafe => return Lookup::Unsafe,
        }
        if self.has_body {
            Lookup::Pass(Pass::Body)
        } else if self.precondition {
            Lookup::Pass(Pass::Precondition)
        } else if self.directives.no_store {
            Lookup::Pass(Pass::NoStore)
        } else {
            Lookup::Store
        }
    }

    /// Whether it wants a `504` rather than an answer that is not stored (RFC 9111
    /// §5.2.1.7).
    pub fn only_if_cached(&self) -> bool {
        self.directives.only_if_cached
    }
}

#[cfg(test)]
mod tests {
    use super::{Ask, Lookup, Pass};
    use crate::rules::Policy;
    use http::{HeaderMap, HeaderName, HeaderValue, Method};

    fn lookup(method: &str, fields: &[(&'static str, &'static str)], has_body: bool) -> Lookup {
        let headers: HeaderMap = fields
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        Ask::new(&method, &headers, has_body, &Policy::default()).lookup()
    }

    #[test]
    fn what_may_not_come_from_the_store_goes_past_it() {
        assert_eq!(lookup("GET", &[], true), Lookup::Pass(Pass::Body));
        assert_eq!(lookup("OPTIONS", &[], false), Lookup::Pass(Pass::Method));
        assert_eq!(lookup("TRACE", &[], false), Lookup::Pass(Pass::Method));
        let wall = Lookup::Pass(Pass::Precondition);
        assert_eq!(lookup("GET", &[("if-match", "\"a\"")], false), wall);
        assert_eq!(lookup("GET", &[("if-unmodified-since", "x")], false), wall);
        let no_store = [("cache-control", "no-store")];
        assert_eq!(lookup("GET", &no_store, false), Lookup::Pass(Pass::NoStore));
        for method in ["POST", "PUT", "DELETE", "PATCH", "M-SEARCH", "get"] {
            assert_eq!(lookup(method, &[], false), Lookup::Unsafe, "{method}");
        }
        assert_eq!(lookup("GET", &[("range", "bytes=0-")], false), Lookup::Store);
        assert_eq!(lookup("HEAD", &[("cookie", "a=b")], false), Lookup::Store);
    }

    #[test]
    fn pragma_counts_only_alone_and_only_where_honored() {
        let ask = |fields: &[(&'static str, &'static str)], honor_request| {
            let headers: HeaderMap = fields
                .iter()
                .map(|(name, value)| {
                    (HeaderName::from_static(name), HeaderValue::from_static(value))
                })
                .collect();
            let policy = Policy { honor_request, ..Policy::default() };
            Ask::new(&Method::GET, &headers, false, &policy).directives.no_cache
        };
        assert!(ask(&[("pragma", "No-Cache")], true));
        assert!(!ask(&[("pragma", "foo")], true));
        assert!(!ask(&[("pragma", "no-cache"), ("cache-control", "max-age=5")], true));
        assert!(ask(&[("cache-control", "no-cache")], true));
        assert!(!ask(&[("cache-control", "no-cache")], false));
        assert!(!ask(&[("pragma", "no-cache")], false));
    }
}
