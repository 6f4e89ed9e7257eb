//! What clients and payloads must not be able to do.

use super::*;
use sedge_tests::client::Connection;

#[test]
fn what_is_forged_changes_nothing() {
    let settings = "EXPERIMENTS_TRACK = \"/track\"\nEXPERIMENTS_TRACK_GOALS = \"signup\"";
    let node = shop(settings, &payload().to_string()).start();
    let (answer, _) = seen(&node, &[]);
    let own = cookie(&answer).expect("a cookie");
    let (other, _) = seen(&node, &[]);
    let other = cookie(&other).expect("a cookie");
    let (_, value) = own.split_once('=').expect("a pair");
    let huge = format!("sedge-exp={}", "x".repeat(6_000));
    let many = vec!["sedge-exp=x"; 100].join("; ");
    for forged in [
        "sedge-exp=".to_owned(),
        format!("sedge-exp=x{value}"),
        format!("sedge-exp={}", &value[..value.len() - 1]),
        format!("sedge-exp={}", value.replace('.', "..")),
        format!("{own}; {other}"),
        huge,
        many,
    ] {
        let (answer, _) = seen(&node, &[("cookie", &forged)]);
        let new = cookie(&answer).unwrap_or_else(|| panic!("believed: {forged:.60}"));
        assert!(new != own && new != other);
    }
    // Under whatever name a server might take for ours.
    for name in ["sedge-experiments", "Sedge_Experiments", "SEDGE-EXPERIMENTS"] {
        let (_, seen) = seen(&node, &[(name, "layout=\"forged\""), ("cookie", &own)]);
        assert!(!seen.to_string().contains("forged"), "{seen}");
    }
    // A parameter of the URL chooses no variation.
    let targets = ["/headers?homepage_layout=0", "/headers?homepage_layout=1"];
    let values = targets.map(|target| {
        told(&client::call(node.listen, "GET", target, &[("cookie", &own)], b"").json())
    });
    assert_eq!(values[0], values[1]);
    tracking_is_bounded(&node, &own);
}

fn tracking_is_bounded(node: &Node, own: &str) {
    let post = |fields: &[(&str, &str)], body: &[u8]| {
        client::call(node.listen, "POST", "/track", fields, body).status
    };
    let good = b"{\"goal\": \"signup\"}";
    assert_eq!(post(&[("cookie", own)], good), 204);
    assert_eq!(post(&[], good), 400, "nobody");
    assert_eq!(post(&[("cookie", own), ("sec-fetch-site", "cross-site")], good), 403);
    assert_eq!(post(&[("cookie", own)], b"{\"goal\": \"other\"}"), 400);
    assert_eq!(post(&[("cookie", own)], b"{\"goal\": \"signup\", \"value\": 1e300}"), 400);
    assert_eq!(post(&[("cookie", own)], &[b'['; 4_000]), 400);
    assert_eq!(post(&[("cookie", own)], &[b' '; 1 << 20]), 413);
    assert_eq!(client::get(node.listen, "/track").status, 405);
    // A body that breaks off.
    let mut connection = Connection::open(node.listen);
    connection.send("POST /track HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\n{\"goal\"");
    connection.finish_sending();
    let status = connection.read_answer(false).status;
    assert!(status == 0 || status >= 400, "{status}");
}

#[test]
fn a_broken_payload_leaves_the_control() {
    for (text, wanted) in [
        ("{", "the definitions are not JSON"),
        ("{\"features\": [1]}", "/features: an object is expected"),
        (&*"[".repeat(10_000), "the definitions are not JSON"),
    ] {
        let node = shop("", text).allow("experiments: the payload").start();
        let (answer, seen) = seen(&node, &[("sedge-experiments", "forged")]);
        assert_eq!((told(&seen), cookie(&answer)), (String::new(), None));
        assert_eq!(answer.header("cache-control"), None);
        node.wait_log(wanted, PATIENCE);
    }
}

#[test]
fn mistakes_in_settings_are_told_and_never_half_used() {
    let node = shop("EXPERIMENTS_FEATURE = \"layout\"", &payload().to_string())
        .allow("experiments")
        .start();
    assert_eq!(client::get(node.listen, "/headers").status, 502);
    node.wait_log("no such setting; there are EXPERIMENTS_FEATURES", PATIENCE);
}

#[test]
fn a_weak_secret_is_refused() {
    let node = Scenario::new()
        .share_code()
        .app("app", &manifest("", ""))
        .file("app/features.json", payload().to_string())
        .environment("EXPERIMENTS_TEST_SECRET", "weakweak")
        .allow("experiments")
        .start();
    assert_eq!(client::get(node.listen, "/headers").status, 502);
    node.wait_log("a key has fewer than 16 bytes", PATIENCE);
    assert!(!node.log().contains("weakweak"));
}
