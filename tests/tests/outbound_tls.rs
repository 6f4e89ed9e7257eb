//! Outbound requests over TLS: who is trusted is the node's configuration, who
//! may be called is the function's manifest.

use sedge_tests::client::encode;
use sedge_tests::tls_origin::TlsOrigin;
use sedge_tests::{Node, Scenario};

/// A scenario whose probe may call `origin`.
fn scenario(origin: &TlsOrigin) -> Scenario {
    let manifest = format!(
        "[app]\nname = \"app\"\n[[function]]\nname = \"probe\"\nsource = \"{{guests}}/probe.wasm\"\n\
         routes = [\"/*\"]\n[function.capabilities]\n\
         outbound = [{{ to = \"{}\", private = true }}]\n",
        origin.url("")
    );
    Scenario::new().app("app", &manifest).allow("app")
}

fn fetch(node: &Node, origin: &TlsOrigin) -> serde_json::Value {
    node.json(&format!("/fetch?url={}", encode(&origin.url("/"))))
}

#[test]
fn an_authority_is_trusted_only_if_the_node_is_told() {
    let (origin, other) = (TlsOrigin::start(), TlsOrigin::start());
    let told = "[outbound]\ntrusted_roots = [\"roots/ca.pem\"]\n";

    // Nobody was told: Mozilla's authorities do not know it.
    let node = scenario(&origin).start();
    let answer = fetch(&node, &origin);
    assert!(answer["error"].as_str().is_some_and(|e| e.contains("Certificate")), "{answer}");
    drop(node);

    // Another authority was told.
    let node = scenario(&origin).file("roots/ca.pem", &other.authority).config(told).start();
    let answer = fetch(&node, &origin);
    assert!(answer["error"].as_str().is_some_and(|e| e.contains("Certificate")), "{answer}");
    assert_eq!(origin.asked(), 0, "a request was sent to whom nobody vouches for");
    assert!(node.metrics().failures("upstream_unreachable") >= 1.0, "not counted");
    drop(node);

    // A file may have several.
    let both = format!("{}\n# and\n{}", other.authority, origin.authority);
    let node = scenario(&origin).file("roots/ca.pem", both).config(told).start();
    let answer = fetch(&node, &origin);
    assert_eq!((answer["status"].as_u64(), answer["body"].as_str()), (Some(200), Some("secret\n")));
    assert_eq!(origin.asked(), 1);
    // To be trusted is not to be granted.
    assert!(fetch(&node, &other)["error"].is_string());
    assert_eq!(other.asked(), 0);
}

#[test]
fn roots_that_are_none_stop_the_start() {
    let origin = TlsOrigin::start();
    let cut = &origin.authority[..origin.authority.len() / 2];
    for (content, reason) in [
        (None, "cannot read certificates from"),
        (Some(""), "holds no certificate"),
        (Some("not PEM\n"), "holds no certificate"),
        (Some(cut), "cannot read certificates from"),
    ] {
        let mut scenario = scenario(&origin).config("[outbound]\ntrusted_roots = [\"ca.pem\"]\n");
        if let Some(content) = content {
            scenario = scenario.file("ca.pem", content);
        }
        let (status, log) = scenario.fail_to_start();
        assert!(!status.success(), "{reason}");
        for word in [reason, "ca.pem", "hint: ", "trusted_roots"] {
            assert!(log.contains(word), "`{word}` is not in:\n{log}");
        }
    }
}
