use super::*;
use sedge_model::trace::TraceContext;

const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

fn trusting(trusted_hops: u8) -> Forwarding {
    Forwarding { trusted_hops, forwarded: true, ..Forwarding::default() }
}

fn fields(sent: &[(&'static str, &'static str)]) -> HeaderMap {
    let pair = |&(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value));
    sent.iter().map(pair).collect()
}

#[test]
fn nobody_is_believed_beyond_the_hops_that_vouch() {
    let client = |hops, list: &[&'static str]| {
        let list: Vec<_> = list.iter().map(|&value| ("x-forwarded-for", value)).collect();
        client(&fields(&list), PEER, trusting(hops)).to_string()
    };
    for (hops, list, expected) in [
        (0, &["198.51.100.7"][..], "192.0.2.1"),
        (1, &[], "192.0.2.1"),
        (1, &["198.51.100.7"], "198.51.100.7"),
        (1, &["203.0.113.9, 198.51.100.7"], "198.51.100.7"),
        (2, &["203.0.113.9, 198.51.100.7"], "203.0.113.9"),
        (2, &["203.0.113.9", "198.51.100.7"], "203.0.113.9"),
        // Shorter than it must be: whoever called has gone around a proxy.
        (2, &["198.51.100.7"], "192.0.2.1"),
        (1, &["198.51.100.7, unknown"], "192.0.2.1"),
        (1, &["198.51.100.7,"], "192.0.2.1"),
        (1, &["198.51.100.7:4711"], "198.51.100.7"),
        (1, &["2001:db8::1"], "2001:db8::1"),
        (1, &["[2001:db8::1]:4711"], "2001:db8::1"),
    ] {
        assert_eq!(client(hops, list), expected, "{hops} {list:?}");
    }
}

/// What a server is sent of these fields.
fn sent(forwarding: Forwarding, version: Version, came: &[(&'static str, &'static str)]) -> String {
    let mut headers = fields(came);
    entrance(&mut headers, forwarding);
    let trace = TraceContext { trace_id: 1, span_id: 2, flags: 0 };
    let context = Context { forwarding, ..Context::new((PEER, 9).into(), true, trace) };
    outgoing(&mut headers, version, &context);
    let mut lines: Vec<String> = headers
        .iter()
        .filter(|(name, _)| **name != HOST)
        .map(|(name, value)| format!("{name}: {}", value.to_str().expect("text")))
        .collect();
    lines.sort();
    lines.join("\n")
}

const CAME: [(&str, &str); 6] = [
    ("host", "shop.example:81"),
    ("x-forwarded-for", "203.0.113.9"),
    ("x-forwarded-proto", "gopher"),
    ("x-forwarded-host", "evil.example"),
    ("forwarded", "for=203.0.113.9"),
    ("via", "1.1 front"),
];

#[test]
fn what_a_client_says_of_itself_is_replaced_unless_a_proxy_vouches() {
    let default = sent(Forwarding::default(), Version::HTTP_11, &CAME);
    assert_eq!(
        default,
        "via: 1.1 front, 1.1 sedge\nx-forwarded-for: 192.0.2.1\nx-forwarded-proto: https"
    );
    assert_eq!(
        sent(trusting(0), Version::HTTP_2, &CAME),
        "forwarded: for=192.0.2.1;proto=https;host=\"shop.example:81\"\n\
         via: 1.1 front, 2 sedge\nx-forwarded-for: 192.0.2.1\nx-forwarded-proto: https"
    );
    assert_eq!(
        sent(trusting(1), Version::HTTP_10, &CAME),
        "forwarded: for=203.0.113.9, for=192.0.2.1;proto=https;host=\"evil.example\"\n\
         via: 1.1 front, 1.0 sedge\nx-forwarded-for: 203.0.113.9, 192.0.2.1\n\
         x-forwarded-host: evil.example\nx-forwarded-proto: gopher"
    );
}

#[test]
fn what_is_switched_off_is_neither_sent_nor_passed_on_from_a_client() {
    let off = Forwarding { trusted_hops: 0, x_forwarded: false, forwarded: false, via: false };
    assert_eq!(sent(off, Version::HTTP_11, &CAME), "via: 1.1 front");
}

#[test]
fn an_element_is_one_whatever_the_host_is() {
    let six = "2001:db8::1".parse().expect("an address");
    let of = |host| String::from_utf8(element(six, "http", host)).expect("text");
    assert_eq!(of(None), "for=\"[2001:db8::1]\";proto=http");
    let quoted = HeaderValue::from_static("a\";for=\"evil");
    assert_eq!(of(Some(&quoted)), "for=\"[2001:db8::1]\";proto=http");
}

#[test]
fn the_host_that_was_asked_for_is_kept_before_another_takes_its_place() {
    let kept = |forwarding, came: &[(&'static str, &'static str)]| {
        let (mut head, ()) = http::Request::new(()).into_parts();
        head.headers = fields(came);
        keep_host(&mut head, forwarding);
        head.headers.get(X_HOST).map(|host| host.to_str().expect("text").to_owned())
    };
    let host = ("host", "shop.example");
    assert_eq!(kept(Forwarding::default(), &[host]).as_deref(), Some("shop.example"));
    let before = ("x-forwarded-host", "front.example");
    assert_eq!(kept(trusting(1), &[host, before]).as_deref(), Some("front.example"));
    let off = Forwarding { x_forwarded: false, ..Forwarding::default() };
    assert_eq!((kept(off, &[host]), kept(Forwarding::default(), &[])), (None, None));
}
