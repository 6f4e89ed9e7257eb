use super::*;

fn read(pairs: &[(&str, &str)]) -> Result<Settings, String> {
    Settings::read(pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())))
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let problems = read(&[
        ("GUARD_MODE", "report"),
        ("GUARD_TOKENS", "required"),
        ("GUARD_AUDIENCE", "api"),
        ("GUARD_LEEWAY_S", "3600"),
        ("GUARD_KEYS", "ftp://id.test/keys"),
        ("GUARD_VERIFIED", "shared"),
        ("GUARD_COOKIE", "a b"),
        ("GUARD_ACR", "a \"b\""),
        ("GUARD_PATH", "/guard/"),
        ("GUARD_AUTHZEN", "http://pdp.test"),
        ("GUARD_LOG", "some"),
        ("GUARD_TOKEN", "s3cret"),
        ("GUARD_POLICY", "x"),
        ("PATH", "/bin"),
    ])
    .expect_err("wrong");
    for part in [
        "GUARD_MODE = \"report\": not one of enforce, report-only",
        "GUARD_ISSUER and GUARD_AUDIENCE: one is not without the other",
        "GUARD_TOKENS: nobody is named by GUARD_ISSUER",
        "GUARD_LEEWAY_S = \"3600\": not a number from 0 to 300",
        "GUARD_KEYS = \"ftp://id.test/keys\": neither off nor a URL",
        "GUARD_VERIFIED: there is no GUARD_STORE",
        "GUARD_COOKIE = \"a b\": not 1 to 63 letters",
        "GUARD_ACR = \"a \\\"b\\\"\": not values of letters",
        "GUARD_PATH = \"/guard/\": neither off nor a path",
        "GUARD_AUTHZEN = \"http://pdp.test\": neither off nor a URL such as https://",
        "GUARD_LOG = \"some\": not one of off, refused, all",
        "GUARD_TOKEN = \"s3cret\": a secret is none of the environment",
        "GUARD_POLICY = \"x\": no such setting; there are GUARD_MODE",
    ] {
        assert!(problems.contains(part), "{part}: {problems}");
    }
    for bad in
        ["https://", "https://a@b/", "https:///x", "https://id.test/#x", "https://é/", "id.test"]
    {
        assert!(url(bad).is_err(), "{bad}");
    }
}

#[test]
fn an_identifier_is_a_url_without_anything_else() {
    for bad in ["https://pdp.test/", "https://pdp.test/a/", "https://pdp.test/a?b", "https://"] {
        assert!(identifier(bad).is_err(), "{bad}");
    }
    for (good, path) in [("https://pdp.test", ""), ("https://pdp.test:8443/shop/a", "/shop/a")] {
        let read = identifier(good).expect(good);
        assert_eq!((&*read.identifier, &*read.path), (good, path));
    }
}

#[test]
fn what_is_said_is_done() {
    assert_eq!(read(&[]), Ok(Settings::default()));
    let settings = read(&[
        ("GUARD_MODE", "report-only"),
        ("GUARD_ISSUER", "https://id.test"),
        ("GUARD_AUDIENCE", "api"),
        ("GUARD_TOKEN_AGE_S_MAX", "3600"),
        ("GUARD_KEYS", "https://id.test:8443/keys?x=1"),
        ("GUARD_COOKIE", "session"),
        ("GUARD_RISK", "advise"),
        ("GUARD_ACR", "urn:a urn:b"),
        ("GUARD_MAX_AGE_S", "300"),
        ("GUARD_TLS", "required"),
        ("GUARD_STORE", "guard"),
        ("GUARD_PATH", "/guard"),
        ("GUARD_LOG", "all"),
        ("GUARD_LOG_PERCENT", "1"),
    ])
    .expect("right");
    assert!(settings.reports_only && settings.risk_only_advises && settings.tls_is_required);
    assert_eq!(settings.tokens, Tokens::Optional, "who names an issuer wants tokens to be read");
    let expected = settings.expected.expect("an issuer");
    assert_eq!((expected.leeway_s, expected.age_s_max), (30, Some(3_600)));
    let url = settings.keys_url.expect("a URL");
    assert!(url.is_https);
    assert_eq!((&*url.authority, &*url.target), ("id.test:8443", "/keys?x=1"));
    assert_eq!(settings.step_up.context_classes, ["urn:a", "urn:b"]);
    assert_eq!((settings.log, settings.log_percent), (Log::All, 1));
}
