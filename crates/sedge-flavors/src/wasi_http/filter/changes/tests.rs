use super::*;

fn limits() -> Limits {
    Limits { headers_max: 4, header_bytes_max: 60, response_body_bytes_max: 5, ..Limits::default() }
}

fn head(uri: &str, fields: &[(&'static str, &'static str)]) -> request::Parts {
    let mut request = http::Request::builder().uri(uri).body(()).expect("valid");
    for (name, value) in fields {
        request.headers_mut().append(*name, HeaderValue::from_static(value));
    }
    request.into_parts().0
}

fn changes(remove: &[&str], add: &[(&str, &str)]) -> words::Changes {
    let pair = |(name, value): &(&str, &str)| (name.to_string(), value.as_bytes().to_vec());
    words::Changes {
        remove: remove.iter().map(ToString::to_string).collect(),
        add: add.iter().map(pair).collect(),
    }
}

fn passing(changes: words::Changes) -> words::Pass {
    words::Pass { changes, authority: None, path_with_query: None, wants_response: false }
}

/// What is wrong with it.
fn wrong<T>(result: Result<T, Failure>) -> String {
    let failure = result.err().expect("refused");
    assert_eq!(failure.kind, Kind::InvalidResponse);
    let detail = failure.detail.strip_prefix("the filter's answer is not valid: ");
    detail.expect("of a filter").to_owned()
}

#[test]
fn what_is_not_valid_is_refused() {
    let refused = |remove: &[&str], add: &[(&str, &str)]| {
        wrong(pass(&mut head("/", &[("a", "1")]), passing(changes(remove, add)), &limits()))
    };
    for name in ["", "a b", "ä", "a:", "a\r\nb", "a\0"] {
        assert_eq!(refused(&[], &[(name, "1")]), format!("{name:?} is no name of a field"));
        assert_eq!(refused(&[name], &[]), format!("{name:?} is no name of a field"));
    }
    for value in ["a\r\nb: c", "a\nb", "\0", "\u{7f}"] {
        assert_eq!(refused(&[], &[("b", value)]), "the value of the field b is not valid");
    }
    for name in ["Host", "connection", "Transfer-Encoding", "upgrade", "content-length"] {
        let expected = format!("the field {} is not a filter's to change", name.to_lowercase());
        assert_eq!(refused(&[], &[(name, "1")]), expected);
        assert_eq!(refused(&[name], &[]), expected);
    }
    let five = [("b", "1"); 5];
    assert_eq!(refused(&[], &five), "5 changes of fields, 4 allowed");
    assert_eq!(refused(&["b"; 5], &[]), "5 changes of fields, 4 allowed");
    let four = [("b", "1"); 4];
    assert!(refused(&[], &four).starts_with("5 header fields, 4 allowed"), "one was there");
    let long = "x".repeat(60);
    assert!(refused(&[], &[("b", &long)]).starts_with("63 header bytes, 60 allowed"));
    let long = "ä".repeat(1_000);
    assert!(refused(&[&long], &[]).len() < 200, "a log is not flooded");
}

#[test]
fn targets_and_authorities_that_are_none_are_refused() {
    let pass = |authority: Option<&str>, target: Option<&str>| {
        let pass = words::Pass {
            authority: authority.map(ToOwned::to_owned),
            path_with_query: target.map(ToOwned::to_owned),
            ..passing(changes(&[], &[]))
        };
        super::pass(&mut head("/", &[]), pass, &limits())
    };
    for text in ["", "a b", "a/b", "user@host", "a\r\n", "[::1"] {
        let told = wrong(pass(Some(text), None));
        assert_eq!(told, format!("{text:?} is no authority"));
    }
    for text in ["", "a", "*", "?a", "/ b", "/a\r\nb", "/a#b", "http://a/b"] {
        let told = wrong(pass(None, Some(text)));
        assert_eq!(told, format!("{text:?} is no path with a query"));
    }
}

#[test]
fn a_request_goes_on_in_origin_form_without_its_connection() {
    // `te` passes, as through handlers: what speaks gRPC asks for it.
    let fields =
        [("connection", "x"), ("upgrade", "x"), ("te", "trailers"), ("a", "1"), ("a", "2")];
    let mut head = head("https://one.test:8443/p?q", &fields);
    assert_eq!(shown(&head.headers), [("te", &b"trailers"[..]), ("a", b"1"), ("a", b"2")]);
    let changes = changes(&["A"], &[("b", "4"), ("C", "5")]);
    pass(&mut head, passing(changes), &limits()).expect("valid");
    assert_eq!(head.uri, "/p?q");
    let fields: Vec<_> = head.headers.iter().map(|(n, v)| (n.as_str(), v.as_bytes())).collect();
    let mut expected =
        [("te", &b"trailers"[..]), ("b", b"4"), ("c", b"5"), ("host", b"one.test:8443")];
    let mut sorted = fields.clone();
    sorted.sort_unstable();
    expected.sort_unstable();
    assert_eq!(sorted, expected);
}

#[test]
fn a_request_may_go_elsewhere() {
    let mut head = head("/old", &[("host", "one.test")]);
    let pass = words::Pass {
        authority: Some("two.test".to_owned()),
        path_with_query: Some("/new?x=%20".to_owned()),
        ..passing(changes(&[], &[]))
    };
    super::pass(&mut head, pass, &limits()).expect("valid");
    assert_eq!(
        (head.uri.to_string(), &head.headers["host"]),
        ("/new?x=%20".into(), &HeaderValue::from_static("two.test"))
    );
}

#[test]
fn an_answer_is_final_and_within_limits() {
    let answer = |status, fields: &[(&str, &str)], body: &str| {
        let fields = changes(&[], fields).add;
        super::answer(words::Answer { status, fields, body: body.into() }, &limits())
    };
    for status in [0, 99, 100, 101, 103, 199, 600, 999, 1_000, u16::MAX] {
        let told = wrong(answer(status, &[], ""));
        assert_eq!(told, format!("the status {status} is not one of a final answer"));
    }
    assert!(wrong(answer(200, &[("content-length", "7")], "")).contains("not a filter's"));
    let kind = |result: Result<_, Failure>| result.err().map(|failure| failure.kind);
    assert_eq!(kind(answer(200, &[], "123456")), Some(Kind::ResponseBodyLimit));
    let long = "x".repeat(60);
    assert_eq!(kind(answer(200, &[("a", &long)], "")), Some(Kind::ResponseHeaderLimit));
    let good = answer(403, &[("a", "1"), ("a", "2")], "12345").expect("valid");
    assert_eq!((good.status().as_u16(), good.headers().len()), (403, 2));
    assert_eq!(good.body(), "12345");
}
