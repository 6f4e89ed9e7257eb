use super::*;
use http_body_util::BodyExt;

fn fitted(
    method: Method,
    status: u16,
    fields: &[(&'static str, &str)],
    body: &'static str,
) -> Result<(Response<Body>, Option<u64>), &'static str> {
    let builder = fields.iter().fold(Response::builder().status(status), |builder, field| {
        builder.header(field.0, field.1)
    });
    let mut response = builder.body(handler::full(body)).expect("valid");
    let promised = fit(&mut response, &method).map_err(|failure| failure.kind.label())?;
    Ok((response, promised))
}

#[test]
fn answers_that_are_none_become_failures() {
    for (status, fields) in [
        (101, &[][..]),
        (103, &[]),
        (200, &[("content-length", "4")][..]),
        (200, &[("content-length", "+5")]),
        (200, &[("content-length", "")]),
        (200, &[("content-length", "5, 5")]),
        (200, &[("content-length", "5"), ("content-length", "5")]),
        (200, &[("content-length", "99999999999999999999")]),
    ] {
        let answer = fitted(Method::GET, status, fields, "hello");
        assert_eq!(answer.err(), Some("invalid_response"), "{status} {fields:?}");
    }
}

#[test]
fn fields_about_the_connection_are_the_gateways() {
    let fields = [
        ("connection", "close, x-hop, content-length"),
        ("keep-alive", "timeout=5"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "h2c"),
        ("proxy-connection", "keep-alive"),
        ("x-hop", "1"),
        ("x-end", "2"),
        ("trailer", "x-sum"),
        ("content-length", "5"),
    ];
    let (response, promised) = fitted(Method::GET, 200, &fields, "hello").expect("fits");
    let mut left: Vec<&str> = response.headers().keys().map(HeaderName::as_str).collect();
    left.sort_unstable();
    assert_eq!(left, ["content-length", "trailer", "x-end"]);
    assert_eq!(promised, Some(5));
}

#[test]
fn no_body_where_none_may_be() {
    for (method, status, length) in
        [(Method::HEAD, 200, Some("5")), (Method::GET, 204, None), (Method::GET, 304, None)]
    {
        let (response, promised) = fitted(method, status, &[], "hello").expect("fits");
        let sent = response.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
        assert_eq!((sent, promised), (length, None), "{status}");
        assert!(response.body().is_end_stream());
    }
}

#[tokio::test]
async fn a_problem_tells_the_client_what_it_may_know() {
    let trace = TraceContext { trace_id: 0xabc, span_id: 1, flags: 0 };
    let failure = Failure::new(Kind::Overloaded, "what only the operator reads");
    let response = problem(&failure, trace);
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()[RETRY_AFTER], "1");
    assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
    let body = response.into_body().collect().await.expect("a full body").to_bytes();
    let read: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
    let expected = json!({
        "type": "about:blank",
        "title": "the node is overloaded",
        "status": 503,
        "kind": "overloaded",
        "blame": "platform",
        "trace_id": "00000000000000000000000000000abc",
    });
    assert_eq!(read, expected);

    let failure = Failure::other_method("", vec![Method::GET, Method::PUT]);
    let response = problem(&failure, trace);
    assert_eq!(response.headers()[ALLOW], "GET, PUT");
}

#[test]
fn the_version_is_that_of_this_hop() {
    let mut response = Response::builder().version(Version::HTTP_10);
    response = response.header("content-length", "5");
    let mut response = response.body(handler::full("hello")).expect("valid");
    fit(&mut response, &Method::GET).expect("it can be sent");
    assert_eq!(response.version(), Version::HTTP_11);
}

#[test]
fn fields_for_the_connection_are_gone_before_anybody_decides_by_them() {
    let mut headers = HeaderMap::new();
    let fields = [
        ("connection", "upgrade, x-theme, Accept-Language"),
        ("connection", "host, content-length, client-cert, transfer-encoding"),
        ("upgrade", "websocket"),
        ("x-theme", "dark"),
        ("accept-language", "de"),
        ("host", "a"),
        ("content-length", "1"),
        ("client-cert", "x"),
        ("transfer-encoding", "chunked"),
        ("x-kept", "y"),
    ];
    for (name, value) in fields {
        headers.append(name, HeaderValue::from_static(value));
    }
    strip_nominated(&mut headers);
    let mut left: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
    left.sort_unstable();
    let kept = ["client-cert", "connection", "content-length", "host", "transfer-encoding"];
    assert_eq!(left, [&kept[..], &["upgrade", "x-kept"]].concat());
}
