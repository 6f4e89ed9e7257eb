//! The ready-made function `experiments`: a link before a server, the service that others ask,
//! and the consumer of what both tell, over the wire.

#[path = "experiments/hostile.rs"]
mod hostile;
#[path = "experiments/ofrep.rs"]
mod ofrep;
#[path = "experiments/results.rs"]
mod results;

use sedge_tests::client::{self, Answer};
use sedge_tests::{Node, Scenario, wait_for};
use serde_json::{Value, json};
use std::time::Duration;

/// How long a node may take to take up a file or to count an event.
const PATIENCE: Duration = Duration::from_secs(20);
/// A secret of the tests.
const SECRET: &str = "a-secret-of-the-tests-and-of-nobody-else";

/// A payload with an experiment in a feature, a feature for phones, and an experiment on URLs.
fn payload() -> Value {
    json!({
        "features": {
            "layout": {"defaultValue": "old", "rules": [{
                "key": "homepage_layout", "variations": ["old", "new"], "hashVersion": 2,
                "meta": [{"key": "control"}, {"key": "new_design"}],
            }]},
            "phone": {"defaultValue": false, "rules": [
                {"force": true, "condition": {"device": "mobile"}},
            ]},
        },
        "experiments": [{
            "key": "pricing", "variations": [{}, {"urlRedirect": "/prices"}],
            "urlPatterns": [{"type": "simple", "include": true, "pattern": "/pricing"}],
            "hashVersion": 2, "weights": [0.0, 1.0],
        }],
    })
}

/// An app with the function before the probe, which tells what it was sent.
fn manifest(environment: &str, capabilities: &str) -> String {
    format!(
        r#"
        [app]
        name = "shop"
        [[function]]
        name = "experiments"
        source = "{{guests}}/experiments.wasm"
        isolation = "instance"
        [function.environment]
        {environment}
        [function.capabilities]
        config = {{ features = {{ file = "features.json" }} }}
        secrets = {{ experiments = {{ env = "EXPERIMENTS_TEST_SECRET" }} }}
        kv = ["experiments"]
        geo = true
        client = true
        emit = ["experiments/#"]
        state = true
        {capabilities}
        [function.trigger.message]
        topics = ["experiments/+"]
        concurrency_max = 1
        [[function.trigger.schedule]]
        name = "look"
        cron = "*/2 * * * * *"
        [[function]]
        name = "probe"
        source = "{{guests}}/probe.wasm"
        [[chain]]
        name = "shop"
        links = ["experiments"]
        function = "probe"
        [[route]]
        name = "shop"
        match = ["/*"]
        chain = "shop"
        "#
    )
}

fn shop(environment: &str, payload: &str) -> Scenario {
    Scenario::new()
        .share_code()
        .app("app", &manifest(environment, ""))
        .file("app/features.json", payload)
        .environment("EXPERIMENTS_TEST_SECRET", SECRET)
}

/// What the server behind was sent.
fn seen(node: &Node, fields: &[(&str, &str)]) -> (Answer, Value) {
    let answer = client::call(node.listen, "GET", "/headers", fields, b"");
    assert_eq!(answer.status, 200, "{}\n{}", answer.text(), node.log());
    let seen = answer.json();
    (answer, seen)
}

/// The values that the server behind was told.
fn told(seen: &Value) -> String {
    let lines = seen["headers"]["sedge-experiments"].as_array().cloned().unwrap_or_default();
    let lines: Vec<&str> = lines.iter().filter_map(Value::as_str).collect();
    assert!(lines.len() <= 1, "{seen}");
    lines.concat()
}

/// Where the admin pages have a value of the function.
fn value_of(key: &str) -> String {
    format!("/v1/kv/value?namespace=shop/experiments&key={key}")
}

/// The report of an experiment that lies in kv, if there is one.
fn report(node: &Node, experiment: &str) -> Option<Value> {
    let answer = client::get(node.admin, &value_of(&format!("report/{experiment}")));
    (answer.status == 200).then(|| serde_json::from_slice(&answer.body).ok())?
}

/// The pair of a cookie that an answer sets.
fn cookie(answer: &Answer) -> Option<String> {
    answer.header("set-cookie")?.split(';').next().map(str::to_owned)
}

#[test]
fn visitors_get_values_and_keep_them() {
    let node = shop("EXPERIMENTS_RESPONSE = \"on\"", &payload().to_string()).start();
    let mut variants = Vec::new();
    for _ in 0..20 {
        let (answer, first) = seen(&node, &[]);
        let pair = cookie(&answer).expect("a cookie");
        let set = answer.header("set-cookie").expect("a cookie");
        assert!(set.ends_with("; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax"), "{set}");
        assert_eq!(answer.header("cache-control"), Some("private"));
        assert_eq!(answer.header("x-experiment-id"), Some("homepage_layout"));
        let variant = answer.header("x-variant").expect("a variation").to_owned();
        let value = if variant == "control" { "old" } else { "new" };
        assert_eq!(told(&first), format!("layout=\"{value}\", phone=?0"));
        let (again, second) = seen(&node, &[("cookie", &pair)]);
        assert_eq!((cookie(&again), told(&second)), (None, told(&first)));
        variants.push(variant);
    }
    assert!(variants.contains(&"control".into()) && variants.contains(&"new_design".into()));
    let phone = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) Mobile/15E148";
    assert!(told(&seen(&node, &[("user-agent", phone)]).1).ends_with("phone"));
    let answer = client::get(node.listen, "/pricing");
    assert_eq!((answer.status, answer.header("location")), (302, Some("/prices")));
    assert_eq!(answer.header("cache-control"), Some("private, no-store"));
}

#[test]
fn requests_go_where_the_value_says() {
    let origins = "EXPERIMENTS_FEATURES = \"layout\"\nEXPERIMENTS_ORIGINS = \
                   \"layout=old: path /headers, layout=new: host new.\"";
    let node = shop(origins, &payload().to_string()).start();
    let mut places = std::collections::BTreeSet::new();
    for _ in 0..30 {
        let answer = client::call(node.listen, "GET", "/headers", &[("host", "shop.local")], b"");
        // The probe knows no `/headers/headers`.
        places.insert(match answer.status {
            404 => "path".to_owned(),
            _ => answer.json()["authority"].to_string(),
        });
    }
    assert_eq!(places.into_iter().collect::<Vec<_>>(), ["\"new.shop.local\"", "path"]);
}

#[test]
fn flags_change_without_a_deployment() {
    let settings = "EXPERIMENTS_STORE = \"experiments\"\nEXPERIMENTS_REFRESH_MS = \"100\"";
    let mut node = shop(settings, &payload().to_string()).start();
    let put = |text: &str| {
        let answer = client::call(node.admin, "PUT", &value_of("features"), &[], text.as_bytes());
        assert!(answer.status < 300, "{}", answer.text());
    };
    let becomes = |wanted: &str| {
        wait_for(PATIENCE, || told(&seen(&node, &[]).1) == wanted).unwrap_or_else(|| {
            panic!("not {wanted}: {}\n{}", told(&seen(&node, &[]).1), node.log())
        });
    };
    put("{\"features\": {\"layout\": {\"defaultValue\": 7}}}");
    becomes("layout=7");
    // Broken ones change nothing, and are told.
    put("{\"features\": {\"layout\": {\"rules\": [{\"force\": 1, \"condition\": []}]}}}");
    node.wait_log("/features/layout/rules/0/condition", PATIENCE);
    becomes("layout=7");
    put("{\"features\": {}}");
    becomes("");
    node.allow("experiments: the payload of kv is broken, the last good one stays in use");
}
