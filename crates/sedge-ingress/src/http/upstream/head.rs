//! What a gateway changes of a head on either way (RFC 9110 §7.6).

use crate::http::forwarded;
use crate::http::response::strip_connection_fields;
use crate::http::upgrade::Granted;
use http::header::{
    CONTENT_LENGTH, EXPECT, HOST, HeaderMap, HeaderName, HeaderValue, MAX_FORWARDS,
    TRANSFER_ENCODING,
};
use http::{Method, StatusCode, Uri, Version, request, response};
use sedge_model::failure::{Failure, Kind};
use sedge_model::handler::Context;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Makes a client's head that of a request to an endpoint:
///
/// - Fields about the client's connection stay behind, and `Expect`: the gateway
///   itself says `100 Continue` when the body is asked for (RFC 9110 §10.1.1).
/// - The target has origin form, and `Host` names what the client named.
/// - What the node's configuration says is told of the client and of this node.
/// - `traceparent` names this node's span.
pub(super) fn outgoing(head: &mut request::Parts, context: &Context) -> Result<(), Failure> {
    max_forwards(head)?;
    let headers = &mut head.headers;
    strip_connection_fields(headers);
    headers.remove(EXPECT);
    if let Some(authority) = head.uri.authority()
        && !headers.contains_key(HOST)
        && let Ok(host) = HeaderValue::from_str(authority.as_str())
    {
        headers.insert(HOST, host);
    }
    let target = head.uri.path_and_query().cloned();
    head.uri = target.map_or_else(|| Uri::from_static("/"), Uri::from);
    forwarded::outgoing(headers, head.version, context);
    head.version = Version::HTTP_11;
    if let Ok(trace) = HeaderValue::from_bytes(&context.trace.encode()) {
        headers.insert(TRACEPARENT, trace);
    }
    Ok(())
}

/// HTTP/1.0 need not name a host, HTTP/1.1 must: then it is the endpoint.
pub(super) fn name_host(headers: &mut HeaderMap, endpoint: &str) {
    if !headers.contains_key(HOST)
        && let Ok(host) = HeaderValue::from_str(endpoint)
    {
        headers.insert(HOST, host);
    }
}

/// Counts `Max-Forwards` down for the methods that it is about (RFC 9110
/// §7.6.2). At 0 a request may go no further, and this node has no answer to it.
fn max_forwards(head: &mut request::Parts) -> Result<(), Failure> {
    if head.method != Method::OPTIONS && head.method != Method::TRACE {
        return Ok(());
    }
    let Some(value) = head.headers.get(MAX_FORWARDS) else { return Ok(()) };
    match value.to_str().ok().and_then(|value| value.parse::<u32>().ok()) {
        Some(0) => Err(Failure::new(Kind::MethodNotAllowed, "Max-Forwards is used up")),
        Some(left) => {
            head.headers.insert(MAX_FORWARDS, HeaderValue::from(left - 1));
            Ok(())
        }
        None => Err(Failure::new(Kind::BadRequest, "Max-Forwards is not a number")),
    }
}

/// Refuses an answer's head that could be read in two ways.
pub(super) fn check(head: &mut response::Parts, asked: Option<&Granted>) -> Result<(), Failure> {
    let bad = |detail: &'static str| Err(Failure::new(Kind::UpstreamProtocol, detail));
    if head.status == StatusCode::SWITCHING_PROTOCOLS {
        head.extensions.clear();
        let unasked = || Err("upstream switched protocols unasked");
        return asked.map_or_else(unasked, |asked| asked.check(head)).or_else(bad);
    }
    let mut lengths = head.headers.get_all(CONTENT_LENGTH).iter();
    if let Some(first) = lengths.next() {
        if lengths.next().is_some() {
            return bad("upstream sent more than one Content-Length");
        }
        if first.is_empty() || !first.as_bytes().iter().all(u8::is_ascii_digit) {
            return bad("upstream's Content-Length is not a number");
        }
        if head.headers.contains_key(TRANSFER_ENCODING) {
            return bad("upstream sent both Content-Length and Transfer-Encoding");
        }
    }
    // hyper takes the body behind any other coding to go on until the connection is
    // closed, and so lets be passed on what nobody has decoded.
    let mut codings = head.headers.get_all(TRANSFER_ENCODING).iter();
    if let Some(first) = codings.next() {
        let is_chunked = first.as_bytes().eq_ignore_ascii_case(b"chunked");
        if !is_chunked || codings.next().is_some() || head.version != Version::HTTP_11 {
            return bad("upstream's Transfer-Encoding is not chunked, once");
        }
    }
    head.extensions.clear();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use sedge_model::trace::TraceContext;

    fn sent(request: http::request::Builder) -> Result<HeaderMap, Kind> {
        let (mut head, ()) = request.body(()).expect("valid").into_parts();
        let trace = TraceContext { trace_id: 1, span_id: 2, flags: 1 };
        let context = Context::new(([192, 0, 2, 1], 9).into(), true, trace);
        outgoing(&mut head, &context).map_err(|failure| failure.kind)?;
        assert_eq!(head.uri.to_string(), "/a?b");
        Ok(head.headers)
    }

    fn request() -> http::request::Builder {
        http::Request::builder().uri("http://example.org:81/a?b")
    }

    #[test]
    fn a_request_that_may_go_no_further_goes_no_further() {
        let options = |value: &str| sent(request().method("OPTIONS").header("max-forwards", value));
        assert_eq!(options("0").err(), Some(Kind::MethodNotAllowed));
        assert_eq!(options("many").err(), Some(Kind::BadRequest));
        assert_eq!(options("3").expect("goes on")["max-forwards"], "2");
        assert_eq!(sent(request().header("max-forwards", "0")).expect("GET")["max-forwards"], "0");
    }

    #[test]
    fn a_client_cannot_take_out_what_is_for_the_end_or_what_the_node_says() {
        let nominated = "host, content-length, sedge-client-subject, Client-Cert, x-mine";
        let fields = sent(
            request()
                .header("connection", nominated)
                .header("host", "example.org:81")
                .header("content-length", "5")
                .header("sedge-client-subject", "CN=till")
                .header("client-cert", ":MII:")
                .header("x-mine", "1"),
        )
        .expect("goes on");
        for name in ["host", "content-length", "sedge-client-subject", "client-cert"] {
            assert!(fields.contains_key(name), "{name}");
        }
        assert!(!fields.contains_key("x-mine") && !fields.contains_key("connection"));
        let mut none = HeaderMap::new();
        name_host(&mut none, "back:80");
        assert_eq!(none["host"], "back:80");
        let mut named = fields;
        name_host(&mut named, "back:80");
        assert_eq!(named["host"], "example.org:81");
    }

    #[test]
    fn fields_of_the_clients_connection_stay_behind() {
        let fields = sent(
            request()
                .header("connection", "x-hop, keep-alive")
                .header("x-hop", "1")
                .header("keep-alive", "max=1")
                .header("te", "trailers")
                .header("upgrade", "h2c")
                .header("expect", "100-continue")
                .header("x-kept", "1"),
        )
        .expect("goes on");
        let mut names: Vec<&str> = fields.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        let kept = ["host", "traceparent", "via", "x-forwarded-for", "x-forwarded-proto", "x-kept"];
        assert_eq!(names, kept);
        assert_eq!(fields["host"], "example.org:81");
        assert_eq!(fields["x-forwarded-for"], "192.0.2.1");
        assert_eq!(fields["x-forwarded-proto"], "https");
    }
}
