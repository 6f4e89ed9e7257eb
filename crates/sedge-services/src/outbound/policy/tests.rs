use super::*;
use proptest::prelude::*;

/// A grant in the manifest's short form, `!` at its end for `private`.
fn grant(text: &str) -> OutboundGrant {
    let (text, private) = match text.strip_suffix('!') {
        Some(text) => (text, true),
        None => (text, false),
    };
    let (scheme, rest) = text.split_once("://").expect(text);
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port.parse().expect(text))),
        _ => (rest, None),
    };
    OutboundGrant { scheme: scheme.into(), host: host.into(), port, private }
}

fn policy(grants: &[&str]) -> Policy {
    Policy::new(&grants.iter().map(|text| grant(text)).collect::<Vec<_>>()).expect("grants")
}

/// Asks as a client does: by name, then for the address.
fn ask(policy: &Policy, url: &str, address: &str) -> Result<(), Reason> {
    let OutboundGrant { scheme, host, port, .. } = grant(url);
    let address = address.parse().expect(address);
    policy
        .check_request(&scheme, &host, port)
        .and_then(|grant| Policy::check_address(grant, &host, address))
        .map_err(|denied| denied.reason)
}

#[test]
fn refuses_grants_that_mean_nothing_all_at_once() {
    let bad = [
        "ftp://example.org",
        "http://",
        "http://a..b",
        "http://exämple.org",
        "http://127.1",
        "http://*.org",
        "http://*.",
        "http://*.1.2.3.4",
        "http://*.example.org!",
        "http://a.*.b",
        "http://*",
        "http://example.org:0",
        "http://[::1",
        "http://a b",
    ];
    let grants: Vec<_> = bad.iter().map(|text| grant(text)).collect();
    let errors = Policy::new(&grants).expect_err("all are bad");
    assert_eq!(errors.len(), bad.len(), "{errors:#?}");
}

#[test]
fn denies_by_name_what_is_not_spelled_in_a_grant() {
    let policy =
        policy(&["https://api.example.org", "http://[2606:4700::1]:8080", "https://*.cdn.example"]);
    for url in [
        "http://api.example.org",
        "https://api.example.org:444",
        "https://example.org",
        "https://x.api.example.org",
        "https://api.example.org.evil.test",
        "https://api.example.orgg",
        "https://cdn.example",
        "https://xcdn.example",
        "https://.cdn.example",
        "http://a.cdn.example",
        "http://[2606:4700::2]:8080",
        "http://[2606:4700::1]",
        "ftp://api.example.org",
    ] {
        assert!(ask(&policy, url, "8.8.8.8").is_err(), "{url}");
    }
    for (url, address) in [
        ("https://api.example.org", "8.8.8.8"),
        ("HTTPS://API.Example.org.:443", "8.8.8.8"),
        ("http://[2606:4700:0:0::1]:8080", "2606:4700::1"),
        ("https://a.cdn.example", "8.8.8.8"),
        ("https://a.b.cdn.example", "2606:4700::9"),
    ] {
        assert_eq!(ask(&policy, url, address), Ok(()), "{url}");
    }
    assert_eq!(ask(&Policy::default(), "http://a.example", "8.8.8.8"), Err(Reason::NotGranted));
}

#[test]
fn denies_granted_names_that_lead_inside() {
    let policy = policy(&["http://rebound.example", "http://*.wild.example", "http://127.0.0.1"]);
    for address in [
        "127.0.0.1",
        "0.0.0.0",
        "10.0.0.1",
        "100.64.0.1",
        "169.254.169.254",
        "192.168.1.1",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fd00:ec2::254",
        "fd12::1",
        "fec0::1",
        "::ffff:127.0.0.1",
        "64:ff9b::10.0.0.1",
        "2002:a00:1::",
        "240.0.0.1",
    ] {
        for url in ["http://rebound.example", "http://a.wild.example"] {
            let denied = ask(&policy, url, address);
            assert!(matches!(denied, Err(Reason::Address(..))), "{url} {address} {denied:?}");
        }
    }
    // Spelling the address grants the name of it, not its being private.
    assert!(matches!(ask(&policy, "http://127.0.0.1", "127.0.0.1"), Err(Reason::Address(..))));
}

#[test]
fn a_private_grant_reaches_what_it_spells_and_no_more() {
    let policy = policy(&[
        "http://db.internal:5000!",
        "http://127.0.0.1:8080!",
        "http://169.254.169.254!",
        "http://[::1]!",
    ]);
    for (url, address) in [
        ("http://db.internal:5000", "10.0.0.7"),
        ("http://db.internal:5000", "127.0.0.1"),
        ("http://db.internal:5000", "8.8.8.8"),
        ("http://127.0.0.1:8080", "127.0.0.1"),
        ("http://169.254.169.254", "169.254.169.254"),
        ("http://[::1]", "::1"),
    ] {
        assert_eq!(ask(&policy, url, address), Ok(()), "{url} {address}");
    }
    for (url, address) in [
        // A name server must not lead a named host to a machine's credentials.
        ("http://db.internal:5000", "169.254.169.254"),
        ("http://db.internal:5000", "fd00:ec2::254"),
        ("http://db.internal:5000", "::ffff:169.254.169.254"),
        ("http://db.internal:5000", "0.0.0.0"),
        ("http://db.internal:5000", "224.0.0.1"),
        ("http://db.internal:5000", "255.255.255.255"),
        // An address is connected as it is spelled.
        ("http://127.0.0.1:8080", "127.0.0.2"),
        ("http://127.0.0.1:8080", "8.8.8.8"),
        ("http://localhost:8080", "127.0.0.1"),
        ("http://127.1:8080", "127.0.0.1"),
        ("http://2130706433:8080", "127.0.0.1"),
        ("http://[::ffff:127.0.0.1]:8080", "127.0.0.1"),
    ] {
        assert!(ask(&policy, url, address).is_err(), "{url} {address}");
    }
}

#[test]
fn a_private_grant_beside_a_wildcard_is_the_one_that_counts() {
    let policy = policy(&["http://*.example.org", "http://db.example.org!"]);
    assert_eq!(ask(&policy, "http://db.example.org", "10.0.0.1"), Ok(()));
    assert!(ask(&policy, "http://web.example.org", "10.0.0.1").is_err());
}

#[test]
fn a_grant_is_not_lent_to_another_host() {
    let policy = policy(&["http://db.internal!", "http://web.example"]);
    let grant = policy.check_request("http", "db.internal", None).expect("granted");
    let denied = Policy::check_address(grant, "web.example", "10.0.0.1".parse().expect("address"));
    assert_eq!(denied.expect_err("another host").reason, Reason::OtherHost);
}

#[test]
fn messages_escape_what_a_guest_wrote() {
    let host = format!("evil\n\u{1b}[2J{}", "a".repeat(10_000));
    let denied = Policy::default().check_request("http", &host, None).expect_err("bad");
    let message = denied.to_string();
    assert!(!message.contains(char::is_control) && message.len() < 1_000, "{message}");
}

fn addresses() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<u32>().prop_map(|bits| IpAddr::V4(bits.into())),
        any::<u128>().prop_map(|bits| IpAddr::V6(bits.into())),
        // Random bits rarely hit a short range; carriers with random content do.
        (any::<u32>(), prop::sample::select(vec![0u128, 0xffff, 0xffff_0000, 0x64_ff9b << 64]))
            .prop_map(|(v4, high)| IpAddr::V6((high << 32 | u128::from(v4)).into())),
    ]
}

proptest! {
    #[test]
    fn without_a_private_grant_only_global_addresses_pass(address in addresses()) {
        let policy = policy(&["http://a.example", "https://*.b.example"]);
        for url in ["http://a.example", "https://x.b.example"] {
            let OutboundGrant { scheme, host, port, .. } = grant(url);
            let granted = policy.check_request(&scheme, &host, port).expect("granted by name");
            let passed = Policy::check_address(granted, &host, address).is_ok();
            prop_assert_eq!(passed, classify(address) == AddressClass::Global, "{}", address);
        }
    }

    #[test]
    fn any_text_is_answered_and_only_granted_hosts_pass(scheme in "\\PC{0,8}", host in "\\PC{0,30}", port: Option<u16>) {
        let policy = policy(&["https://a.example"]);
        if policy.check_request(&scheme, &host, port).is_ok() {
            prop_assert_eq!(Host::parse(&host), Ok(Host::Name("a.example".into())));
        }
    }
}
