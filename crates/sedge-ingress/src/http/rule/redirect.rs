//! Redirects (RFC 9110 §15.4).

use super::super::validate;
use super::rewrite;
use http::header::LOCATION;
use http::request::Parts;
use http::{HeaderValue, Response};
use sedge_model::failure::{Failure, Kind};
use sedge_model::handler::{self, Body};
use sedge_model::routing::rule::{PathMatch, Redirect, RedirectPort};

/// The answer that sends the client elsewhere.
pub(super) fn answer(
    redirect: &Redirect,
    fitted: &PathMatch,
    head: &Parts,
    tls: bool,
) -> Result<Response<Body>, Failure> {
    let location = location(redirect, fitted, head, tls)?;
    let location = HeaderValue::try_from(location)
        .map_err(|_| Failure::new(Kind::BadRequest, "the redirect's target is none"))?;
    let mut response = Response::new(handler::empty());
    *response.status_mut() = redirect.status;
    response.headers_mut().insert(LOCATION, location);
    Ok(response)
}

/// Absolute, if the request or the rule names a host; else a path, which a
/// client of HTTP/1.0 reads as one of the same server.
fn location(
    redirect: &Redirect,
    fitted: &PathMatch,
    head: &Parts,
    tls: bool,
) -> Result<String, Failure> {
    let path = match &redirect.path {
        None => head.uri.path().into(),
        Some(path) => rewrite::rewritten(path, fitted, head.uri.path())?,
    };
    let query = head.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let old_scheme = if tls { "https" } else { "http" };
    let scheme = redirect.scheme.as_deref().unwrap_or(old_scheme);
    let old_host = validate::host_of(head);
    let host = redirect.host.as_deref().unwrap_or(old_host);
    if host.is_empty() {
        return Ok(format!("{path}{query}"));
    }
    let port_of = |scheme: &str| if scheme == "https" { 443 } else { 80 };
    let changes = scheme != old_scheme;
    let sent = port_of_authority(validate::authority_of(head));
    let port = match redirect.port {
        RedirectPort::Is(port) => Some(port).filter(|&port| port != port_of(scheme)),
        RedirectPort::Kept => sent.filter(|&port| !changes && port != port_of(scheme)),
        RedirectPort::AsSent if redirect.host.is_some() => None,
        RedirectPort::AsSent => sent.filter(|&port| !changes || port != port_of(old_scheme)),
    };
    let port = port.map(|port| format!(":{port}")).unwrap_or_default();
    Ok(format!("{scheme}://{host}{port}{path}{query}"))
}

/// The port that an authority names.
fn port_of_authority(authority: &str) -> Option<u16> {
    let (_, port) = authority.rsplit_once(':')?;
    port.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{Request, StatusCode};
    use sedge_model::routing::rule::PathRewrite;

    fn to(scheme: Option<&str>, host: Option<&str>, port: Option<u16>) -> Redirect {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let status = StatusCode::MOVED_PERMANENTLY;
        let port = port.map_or(RedirectPort::Kept, RedirectPort::Is);
        Redirect { status, scheme: owned(scheme), host: owned(host), port, path: None }
    }

    fn seen(redirect: &Redirect, tls: bool, host: &str, target: &str) -> String {
        let request = Request::get(target).header("host", host).body(()).expect("a request");
        let fitted = PathMatch::Prefix("/a".into());
        let response = answer(redirect, &fitted, &request.into_parts().0, tls);
        match response {
            Ok(response) => response.headers()["location"].to_str().expect("text").to_owned(),
            Err(failure) => failure.kind.label().to_owned(),
        }
    }

    #[test]
    fn what_is_not_said_stays_as_it_was() {
        for (redirect, tls, host, target, expected) in [
            (to(None, None, None), false, "x.org", "/a?b", "http://x.org/a?b"),
            (to(None, None, None), false, "x.org:80", "/a", "http://x.org/a"),
            (to(None, None, None), true, "x.org:80", "/a", "https://x.org:80/a"),
            (to(None, None, None), false, "[::1]:81", "/a", "http://[::1]:81/a"),
            (to(Some("https"), None, None), false, "x.org:8080", "/a", "https://x.org/a"),
            (to(Some("http"), None, None), false, "x.org:8080", "/a", "http://x.org:8080/a"),
            (to(Some("https"), None, Some(8443)), false, "x.org", "/a", "https://x.org:8443/a"),
            (to(None, Some("y.org"), None), true, "x.org:9", "/a", "https://y.org:9/a"),
            (to(None, None, Some(443)), true, "x.org:9", "/a", "https://x.org/a"),
        ] {
            assert_eq!(seen(&redirect, tls, host, target), expected, "{host} {target}");
        }
    }

    #[test]
    fn a_port_as_it_was_sent_is_none_beside_a_host() {
        let as_sent =
            |scheme, host| Redirect { port: RedirectPort::AsSent, ..to(scheme, host, None) };
        for (redirect, tls, host, expected) in [
            (as_sent(None, None), false, "x.org:80", "http://x.org:80/a"),
            (as_sent(None, None), true, "x.org:8443", "https://x.org:8443/a"),
            (as_sent(Some("https"), None), false, "x.org:80", "https://x.org/a"),
            (as_sent(Some("https"), None), false, "x.org:8080", "https://x.org:8080/a"),
            (as_sent(Some("https"), None), true, "x.org:443", "https://x.org:443/a"),
            (as_sent(None, Some("y.org")), false, "x.org:8080", "http://y.org/a"),
            (as_sent(None, Some("y.org:9")), false, "x.org:8080", "http://y.org:9/a"),
        ] {
            assert_eq!(seen(&redirect, tls, host, "/a"), expected, "{host} {redirect:?}");
        }
    }

    #[test]
    fn a_path_is_rewritten_like_that_of_a_request() {
        let with = |path| Redirect { path: Some(path), ..to(None, None, None) };
        let full = with(PathRewrite::Full("/new".into()));
        assert_eq!(seen(&full, false, "x.org", "/a/b?q=1"), "http://x.org/new?q=1");
        let prefix = with(PathRewrite::Prefix("/new".into()));
        assert_eq!(seen(&prefix, false, "x.org", "/a/b?q=1"), "http://x.org/new/b?q=1");
        let open = with(PathRewrite::Prefix("//evil.example".into()));
        assert_eq!(seen(&open, false, "x.org", "/a/b"), "bad_request");
    }
}
