//! What the link answers itself.

use crate::{ask, manifest, open, summary};
use sedge_tests::client::call;
use sedge_tests::{Node, Scenario};

#[test]
fn what_is_wrong_is_told_and_counts_for_nothing() {
    let node = open("").start();
    for (method, target, body, status) in [
        ("GET", "/analytics/nothing", "", 404),
        ("DELETE", "/analytics", "", 405),
        ("GET", "/analytics/events", "", 405),
        ("GET", "/analytics/summary.json?range=2d", "", 400),
        ("GET", "/analytics?route=%3Cscript%3E", "", 400),
        ("POST", "/analytics/events", "", 400),
        ("POST", "/analytics/events", "{\"eventType\"", 400),
        ("POST", "/analytics/events", "\u{0}", 400),
        ("POST", "/analytics/events", r#"{"eventType":"a b","userId":"u"}"#, 422),
        ("POST", "/analytics/events", r#"{"eventType":"a","userId":"u","timestamp":1}"#, 422),
    ] {
        let answer = call(node.listen, method, target, &[], body.as_bytes());
        assert_eq!(answer.status, status, "{method} {target} {body}: {}", answer.text());
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{target}");
        assert!(answer.json()["detail"].as_str().is_some_and(|detail| !detail.is_empty()));
        assert_eq!(answer.header("allow").is_some(), status == 405, "{target}");
    }
    let huge = vec![b' '; 65_537];
    assert_eq!(node.post("/analytics/events", &huge).status, 413);
    let good = r#"[{"userId":"u","eventType":"buy","data":{"errorCount":1}},{"eventType":"see"}]"#;
    let answer = node.post("/analytics/events", good.as_bytes());
    assert_eq!((answer.status, answer.body.len()), (202, 0), "{}", answer.text());
    // Whoever does not say who it was is known by where it comes from.
    let told = summary(&node, "", |told| told["sessions"]["open"] == 2);
    assert_eq!(told["events"].as_array().map(Vec::len), Some(2), "{told:#}");
    assert_eq!(told["requests"], 0, "{told:#}");
    assert_eq!(told["refused"]["malformed"], 0, "{told:#}");
}

#[test]
fn only_who_knows_the_token_may_ask() {
    let grants = "secrets = { analytics-token = { env = \"ANALYTICS_TEST_TOKEN\" } }";
    let node = Scenario::new()
        .share_code()
        .app("shop", &manifest("ANALYTICS_OPEN = \"true\"", grants))
        .environment("ANALYTICS_TEST_TOKEN", "open sesame")
        .start();
    ask(&node, "/status?code=200", "u");
    for page in ["", "/summary.json", "/metrics"] {
        let target = format!("/analytics{page}");
        for field in ["", "Bearer open", "Bearer open sesame!", "Basic b3BlbiBzZXNhbWU="] {
            let answer = call(node.listen, "GET", &target, &[("authorization", field)], b"");
            assert_eq!(answer.status, 401, "{field}");
            assert!(
                answer.header("www-authenticate").is_some() && !answer.text().contains("sesame")
            );
        }
        // "u:open sesame".
        for field in ["Bearer open sesame", "Basic dTpvcGVuIHNlc2FtZQ=="] {
            let answer = call(node.listen, "GET", &target, &[("authorization", field)], b"");
            assert!(matches!(answer.status, 200 | 404), "{field}: {}", answer.text());
            assert_eq!(answer.header("cache-control"), Some("no-store"));
        }
    }
    // Events are for everybody.
    assert_eq!(node.post("/analytics/events", br#"{"eventType":"a"}"#).status, 202);
}

#[test]
fn without_a_token_nobody_may_ask_unless_it_was_said() {
    let node = Node::start_sharing(&manifest("", ""));
    for page in ["", "/summary.json", "/metrics"] {
        let answer = node.get(&format!("/analytics{page}"));
        assert_eq!(
            (answer.status, answer.json()["detail"].as_str()),
            (403, Some("nobody may ask"))
        );
    }
}

#[test]
fn a_mistake_in_the_settings_lets_requests_pass_an_open_link() {
    let node = Scenario::new()
        .share_code()
        .app("shop", &manifest("ANALYTICS_OPN = \"true\"", ""))
        .allow("ANALYTICS_OPN")
        .start();
    let answer = ask(&node, "/status?code=201", "u");
    assert_eq!(answer.status, 201, "{}", answer.text());
}

#[test]
fn people_and_prometheus_see_the_same() {
    let node = open("").start();
    for at in 0..20 {
        let code = if at % 5 == 0 { 503 } else { 200 };
        assert_eq!(ask(&node, &format!("/status?code={code}"), "u").status, code);
    }
    summary(&node, "?route=states", |told| told["requests"] == 20);
    let page = node.get("/analytics?route=states&range=5m");
    let text = page.text();
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    assert!(text.contains("<dt>requests</dt><dd>20</dd>"), "{text}");
    assert!(text.contains("<dt>failed</dt><dd>20.00 %</dd>"), "{text}");
    assert_eq!((text.matches("<svg ").count(), text.matches("<script").count()), (2, 0));
    let metrics = node.get("/analytics/metrics");
    let wanted = "analytics_requests_total{route=\"states\",class=\"5xx\"} 4\n";
    assert!(metrics.text().contains(wanted), "{}", metrics.text());
    let head = call(node.listen, "HEAD", "/analytics", &[], b"");
    assert_eq!((head.status, head.body.len()), (200, 0));
}
