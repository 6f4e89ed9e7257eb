//! A request, as long as its answer is looked for.

use crate::key::Key;
use crate::rules::{Ask, Policy, Target};
use http::header::HOST;
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use sedge_model::handler::Context;

/// What a client asked for, as it asked.
pub(super) struct Asked {
    pub(super) head: Parts,
    pub(super) has_body: bool,
    pub(super) target: Target,
    /// What its responses lie under, apart from their variants.
    pub(super) primary: Key,
}

impl Asked {
    /// Reads a request's head. `is_secure` is what the origin will be told of its scheme.
    /// `scope` sets those of one link apart from those of others that lead elsewhere.
    pub(super) fn new(
        head: Parts,
        has_body: bool,
        is_secure: bool,
        scope: &Key,
        policy: &Policy,
    ) -> Self {
        let scheme = if is_secure { "https" } else { "http" };
        // As the origin will be told it: `Host` comes before what HTTP/2 has for it.
        let named = head.headers.get(HOST).and_then(|host| host.to_str().ok());
        let authority = named.or_else(|| head.uri.authority().map(|authority| authority.as_str()));
        let path = head.uri.path_and_query().map_or("/", PathAndQuery::as_str);
        let target = Target::new(scheme, authority.unwrap_or_default(), path, policy);
        let primary = within(scope, &target.key(&head.headers, policy));
        Asked { head, has_body, target, primary }
    }

    pub(super) fn headers(&self) -> &HeaderMap {
        &self.head.headers
    }

    /// What it says to a cache.
    pub(super) fn ask(&self, policy: &Policy) -> Ask<'_> {
        Ask::new(&self.head.method, &self.head.headers, self.has_body, policy)
    }

    /// Its head, with the target that the key stands for.
    pub(super) fn outgoing(&self) -> Parts {
        let mut head = self.head.clone();
        aim(&mut head, &self.target);
        head
    }

    /// The same, if nobody asks any further.
    pub(super) fn into_outgoing(self) -> (Parts, Target) {
        let mut head = self.head;
        aim(&mut head, &self.target);
        (head, self.target)
    }
}

/// A key within a scope. Both are digests, so that no two pairs meet.
pub(super) fn within(scope: &Key, key: &Key) -> Key {
    Key(std::array::from_fn(|index| scope.0[index] ^ key.0[index]))
}

/// Whether the origin is told that a request came encrypted: by whom the operator
/// believes, or by this node. What is no scheme is taken off, so that the origin cannot
/// answer it under the key of one.
pub(super) fn is_secure(headers: &mut HeaderMap, context: &Context) -> bool {
    const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
    if context.forwarding.trusted_hops == 0 {
        return context.tls;
    }
    let mut said = headers.get_all(PROTO).into_iter();
    let scheme = said.next().filter(|_| said.next().is_none()).map(HeaderValue::as_bytes);
    match scheme {
        Some(b"https") => true,
        Some(b"http") => false,
        _ => {
            headers.remove(PROTO);
            context.tls
        }
    }
}

/// What is keyed must be what the origin sees.
fn aim(head: &mut Parts, target: &Target) {
    let (_, authority) = target.origin();
    let said = head.headers.get(HOST).map(HeaderValue::as_bytes);
    let said = said.or_else(|| head.uri.authority().map(|said| said.as_str().as_bytes()));
    if said.is_some_and(|said| said != authority.as_bytes())
        && let Ok(host) = HeaderValue::from_str(authority)
    {
        head.headers.insert(HOST, host);
    }
    let path = target.path_and_query();
    if head.uri.path_and_query().is_some_and(|sent| sent.as_str() == path) {
        return;
    }
    let Ok(path) = path.parse::<PathAndQuery>() else { return };
    let mut parts = std::mem::take(&mut head.uri).into_parts();
    parts.path_and_query = Some(path);
    head.uri = Uri::from_parts(parts).unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;
    use sedge_model::handler::Forwarding;
    use sedge_model::trace::TraceContext;

    /// What the origin is sent of a request, and its key.
    fn sent(uri: &str, host: Option<&str>) -> (Parts, Key) {
        let request = Request::builder().uri(uri);
        let request = match host {
            Some(host) => request.header(HOST, host),
            None => request,
        };
        let (head, ()) = request.body(()).unwrap().into_parts();
        let policy = Policy::default();
        let asked = Asked::new(head, false, false, &Key([0; 16]), &policy);
        let primary = asked.primary;
        (asked.into_outgoing().0, primary)
    }

    #[test]
    fn the_host_is_sent_as_it_is_keyed() {
        let (_, key) = sent("/a", Some("shop.test"));
        for host in ["SHOP.test", "shop.test:80", "Shop.Test:80"] {
            let (head, other) = sent("/a", Some(host));
            assert_eq!((head.headers[HOST].as_bytes(), other), (&b"shop.test"[..], key), "{host}");
        }
        let (head, other) = sent("http://SHOP.test:80/a", None);
        assert_eq!((head.headers[HOST].as_bytes(), other), (&b"shop.test"[..], key));
        for host in ["shop.test.", "shop.test:81", "shop.test:", "shop.test:080"] {
            let (head, other) = sent("/a", Some(host));
            assert_eq!(head.headers[HOST].as_bytes(), host.as_bytes());
            assert_ne!(other, key, "{host}");
        }
        assert!(sent("/a", None).0.headers.is_empty());
    }

    #[test]
    fn the_scheme_is_what_the_origin_is_told() {
        let said = |trusted_hops, tls, values: &[&'static str]| {
            let context = Context {
                forwarding: Forwarding { trusted_hops, ..Forwarding::default() },
                ..Context::new(([127, 0, 0, 1], 9).into(), tls, TraceContext::begin())
            };
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append("x-forwarded-proto", HeaderValue::from_static(value));
            }
            (is_secure(&mut headers, &context), headers.len())
        };
        assert_eq!(said(0, false, &[]), (false, 0));
        assert_eq!(said(0, true, &[]), (true, 0));
        assert_eq!(said(1, false, &["https"]), (true, 1));
        assert_eq!(said(1, true, &["http"]), (false, 1));
        assert_eq!(said(1, true, &[]), (true, 0));
        for bad in [&["evil"][..], &["http", "https"], &["https, http"], &[""]] {
            assert_eq!(said(1, false, bad), (false, 0), "{bad:?}");
        }
    }
}
