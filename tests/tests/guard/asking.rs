//! Decisions for others: by the format of the article, and by AuthZEN as a plain client asks.

use super::*;
use serde_json::json;

const SECRET: &str = "a-secret-of-the-tests-and-of-nobody-else";
const SCHEMA: &str = include_str!("../../../functions/guard/src/authzen/scenario.cedarschema");
const FIXTURE: &str = include_str!("../../../functions/guard/src/authzen/scenario.cedar");

const CAPABILITIES: &str = "client = true\n\
    secrets = { guard_token = { env = \"GUARD_TEST_SECRET\" } }\n\
    config = { authzen_policies = { file = \"authzen.cedar\" }, authzen_schema = { file = \"authzen.cedarschema\" } }";

fn asked_at(origin: &Scripted) -> Node {
    let environment = "GUARD_PATH = \"/guard\"\nGUARD_AUTHZEN = \"https://pdp.test\"";
    scenario(origin, "\"guard\"", environment, CAPABILITIES)
        .file("shop/authzen.cedar", FIXTURE)
        .file("shop/authzen.cedarschema", SCHEMA)
        .environment("GUARD_TEST_SECRET", SECRET)
        .start()
}

fn post(node: &Node, path: &str, secret: &str, kind: &str, body: &[u8]) -> Answer {
    let bearer = format!("Bearer {secret}");
    let fields =
        [("authorization", &*bearer), ("content-type", kind), ("x-request-id", "bfe9eb29-ab87")];
    client::call(node.listen, "POST", path, &fields, body)
}

#[test]
fn contexts_are_judged_for_who_knows_the_secret() {
    let origin = Scripted::start(told);
    let node = asked_at(&origin);
    let context = json!({
        "user_id": "alice", "device_id": "d-1", "location": {"country": "DE"},
        "network_info": {"ip_address": "192.0.2.7", "user_agent": "curl",
                         "tls_version": "TLSv1.3", "cipher_suite": "TLS_AES_128_GCM_SHA256"},
    });
    let evaluate = |secret: &str, body: &[u8]| {
        post(&node, "/guard/evaluate", secret, "application/json", body)
    };
    let body = context.to_string();
    assert_eq!(evaluate("another-secret-of-nobody", body.as_bytes()).status, 401);
    for (bad, status) in [(&b"{"[..], 400), (b"{}", 422), (&[b' '; 70_000], 413)] {
        let answer = evaluate(SECRET, bad);
        assert_eq!(answer.status, status, "{}", answer.text());
        assert_eq!(answer.json()["allow"], Value::Null, "no decision");
    }
    let answer = evaluate(SECRET, body.as_bytes());
    assert_eq!(answer.status, 200, "{}\n{}", answer.text(), node.log());
    let told = answer.json();
    assert_eq!((&told["allow"], &told["outcome"]), (&json!(false), &json!("step-up")));
    assert_eq!(told["risk_factors"], json!(["suspicious_user_agent"]));
    assert_eq!(told["required_actions"], json!(["require_mfa"]));
    assert_eq!(told["confidence_score"], 0.4);
    assert!(told["expires_at"].as_u64().is_some_and(|at| at > 1_795_000_000), "{told}");
    assert!(origin.heads().is_empty(), "{:?}", origin.heads());
}

#[test]
fn authzen_answers_a_plain_client() {
    let origin = Scripted::start(told);
    let node = asked_at(&origin);
    let json_kind = "application/json";
    let question = |subject: &str, action: &str| {
        json!({"subject": {"type": "user", "id": subject}, "action": {"name": action},
               "resource": {"type": "record", "id": "record-1"}})
    };
    let one = |body: &Value| {
        post(&node, "/access/v1/evaluation", SECRET, json_kind, body.to_string().as_bytes())
    };
    let body = question("alice", "read").to_string();
    for (secret, kind, body, status) in [
        ("another-secret-of-nobody", json_kind, body.as_bytes(), 401),
        (SECRET, "text/plain", body.as_bytes(), 400),
        (SECRET, json_kind, &b"{"[..], 400),
        (SECRET, json_kind, b"", 400),
        (SECRET, json_kind, &[b' '; 300_000], 413),
    ] {
        let answer = post(&node, "/access/v1/evaluation", secret, kind, body);
        assert_eq!(answer.status, status, "{}", answer.text());
        assert_eq!(answer.header("x-request-id"), Some("bfe9eb29-ab87"));
        assert!(!answer.text().contains("decision\":true"), "{}", answer.text());
    }
    for (subject, action, expected) in [
        ("alice", "read", true),
        ("alice", "write", true),
        ("bob", "read", true),
        ("bob", "write", false),
    ] {
        let answer = one(&question(subject, action));
        assert_eq!(answer.status, 200, "{}\n{}", answer.text(), node.log());
        assert_eq!(answer.header("content-type"), Some(json_kind));
        assert_eq!(answer.header("x-request-id"), Some("bfe9eb29-ab87"));
        assert_eq!(answer.json()["decision"], expected, "{subject} {action}: {}", answer.text());
    }
    let mut many = question("alice", "write");
    many["evaluations"] = json!([{}, {"subject": {"type": "user", "id": "bob"}}, {"resource": 1}]);
    let answer =
        post(&node, "/access/v1/evaluations", SECRET, json_kind, many.to_string().as_bytes());
    let told = answer.json();
    let all: Vec<_> = told["evaluations"].as_array().expect("a list").iter().collect();
    assert_eq!(all.iter().map(|it| &it["decision"]).collect::<Vec<_>>(), [true, false, false]);
    many["evaluations"] = vec![json!({}); 10_000].into();
    let answer =
        post(&node, "/access/v1/evaluations", SECRET, json_kind, many.to_string().as_bytes());
    assert_eq!(answer.status, 400, "{}", answer.text());
    let metadata = client::get(node.listen, "/.well-known/authzen-configuration");
    assert_eq!((metadata.status, metadata.header("content-type")), (200, Some(json_kind)));
    assert_eq!(metadata.json()["policy_decision_point"], "https://pdp.test");
    assert!(origin.heads().is_empty(), "{:?}", origin.heads());
    // What is not asked there goes the usual way.
    assert_eq!(ask(&node, "/access/v1/other", None, &[]).status, 200);
}
