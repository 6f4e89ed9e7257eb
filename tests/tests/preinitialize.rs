//! Fresh instances begin with what one of them has prepared (`preinitialize = true`).

use sedge_tests::client;
use sedge_tests::{Node, Scenario, wait_for};
use serde_json::{Value, json};
use std::time::Duration;

/// How long a node may take to compile and serve a new revision.
const PATIENCE: Duration = Duration::from_secs(60);

/// The guests, which prepare the same: for `wasi:http` 0.2 and 0.3.
const VERSIONS: [(&str, &str); 2] = [("p2", "probe"), ("p3", "probe-p3")];

fn manifest(version: &str, guest: &str, color: &str, environment: &str) -> String {
    format!(
        r#"
        [app]
        name = "app-{version}"
        [[function]]
        name = "probe"
        source = "{{guests}}/{guest}.wasm"
        routes = ["{version}.test/*"]
        preinitialize = true
        [function.environment]
        GREETING = "hello"
        {environment}
        [function.capabilities]
        kv = ["default"]
        config = {{ color = "{color}" }}
        secrets = {{ token = {{ env = "SCENARIO_TOKEN" }} }}
        "#
    )
}

fn scenario(color: &str, environment: &str) -> Scenario {
    let mut scenario = Scenario::new().environment("SCENARIO_TOKEN", "not to be written down");
    for (version, guest) in VERSIONS {
        scenario =
            scenario.app(&format!("app-{version}"), &manifest(version, guest, color, environment));
    }
    scenario
}

fn prepared(node: &Node, version: &str) -> Value {
    let host = format!("{version}.test");
    let answer = client::call(node.listen, "GET", "/prepared", &[("host", &host)], b"");
    assert_eq!(answer.status, 200, "{}\n{}", answer.text(), node.log());
    answer.json()
}

/// Whether a text lies anywhere in the files of a folder.
fn is_within(folder: &std::path::Path, text: &str) -> bool {
    std::fs::read_dir(folder).expect("a folder").flatten().any(|entry| {
        let path = entry.path();
        match path.is_dir() {
            true => is_within(&path, text),
            false => {
                let bytes = std::fs::read(&path).unwrap_or_default();
                bytes.windows(text.len()).any(|window| window == text.as_bytes())
            }
        }
    })
}

/// What a node says that is not to serve this.
fn refusal(scenario: Scenario) -> String {
    let (status, log) = scenario.fail_to_start();
    assert!(!status.success(), "{log}");
    log
}

#[test]
fn what_cannot_be_prepared_is_not_served() {
    for (what, told) in [
        ("refuse", "its initialization says: it was told to refuse"),
        ("panic", "its initialization failed: "),
        ("handle", "its initialization leaves 1 handles of the host's open"),
        ("memory", "its initialization failed: "),
    ] {
        let environment = format!("PROBE_INITIALIZE = \"{what}\"");
        for (version, guest) in VERSIONS {
            let scenario = Scenario::new().environment("SCENARIO_TOKEN", "x");
            let log =
                refusal(scenario.app("app", &manifest(version, guest, "green", &environment)));
            assert!(log.contains("initialize function probe of app app-p"), "{what}: {log}");
            assert!(log.contains(told), "{what}: {log}");
        }
    }
    // By its limit, long before its deadline.
    let endless = manifest("p3", "probe-p3", "green", "PROBE_INITIALIZE = \"loop\"");
    let log = refusal(Scenario::new().environment("SCENARIO_TOKEN", "x").app("app", &endless));
    assert!(log.contains("10000 ms of CPU time used up"), "{log}");
    // It cannot be wanted of a function that does not know of it.
    let hello = "[app]\nname = \"app\"\n[[function]]\nname = \"hello\"\nsource = \
                 \"{guests}/hello.wasm\"\nroutes = [\"/*\"]\npreinitialize = true\n";
    let log = refusal(Scenario::new().app("app", hello));
    assert!(log.contains("does not export sedge:lifecycle/initialization"), "{log}");
    assert!(log.contains("remove `preinitialize`"), "{log}");
}

#[test]
fn fresh_instances_begin_with_what_one_has_prepared() {
    let mut node = scenario("green", "").start();
    let mut first = Vec::new();
    for (version, _) in VERSIONS {
        let one = prepared(&node, version);
        assert_eq!(
            one["prepared"],
            json!({
                "color": "green", "greeting": "hello", "hash": one["prepared"]["hash"],
                // They are granted to requests, and not to what is written to files.
                "secret": null, "kv": false,
                "time": 0,
            })
        );
        // Each instance is as fresh as the one before.
        assert_eq!((&one["asked"], prepared(&node, version)), (&json!(1), one.clone()));
        let host = format!("{version}.test");
        let target = "/secret?name=token";
        let secret = client::call(node.listen, "GET", target, &[("host", &host)], b"");
        assert_eq!(secret.json(), json!("not to be written down"));
        first.push(one);
    }
    assert!(!is_within(node.folder(), "not to be written down"));

    // The same state has the same code, which is found in the cache.
    assert!(node.log().contains("initialized app-p2/probe in "), "{}", node.log());
    node.stop();
    let before = node.log().len();
    node.restart();
    let log = node.log();
    let after = log.get(before..).unwrap_or(&log);
    assert!(!after.contains("initialized ") && !after.contains("compiled "), "{after}");
    for ((version, _), before) in VERSIONS.into_iter().zip(&first) {
        assert_eq!(&prepared(&node, version), before);
    }
}

#[test]
fn another_configuration_is_prepared_anew_and_a_bad_one_leaves_the_old_serving() {
    let mut node = scenario("green", "").start();
    let color = |node: &Node, version: &str| prepared(node, version)["prepared"]["color"].clone();
    for (version, guest) in VERSIONS {
        node.rewrite(&format!("app-{version}"), &manifest(version, guest, "blue", ""));
        let is_blue = || color(&node, version) == "blue";
        assert!(wait_for(PATIENCE, is_blue).is_some(), "{}", node.log());
    }
    node.allow("it was told to refuse");
    let refuse = "PROBE_INITIALIZE = \"refuse\"";
    node.rewrite("app-p3", &manifest("p3", "probe-p3", "red", refuse));
    node.wait_log("it was told to refuse", PATIENCE);
    assert_eq!(color(&node, "p3"), "blue");
}

#[test]
fn code_that_is_lost_is_prepared_again() {
    let mut node = scenario("green", "").start();
    let before = prepared(&node, "p3");
    node.stop();
    let lost = removed(&node.folder().join("data"));
    assert!(lost >= 4, "two forms of two artifacts: {lost}");
    node.restart();
    assert_eq!(prepared(&node, "p3"), before);
}

/// Removes compiled code from a folder; how many files.
fn removed(folder: &std::path::Path) -> usize {
    let entries = std::fs::read_dir(folder).expect("a folder").flatten();
    entries
        .map(|entry| {
            let path = entry.path();
            if path.is_dir() {
                return removed(&path);
            }
            let is_code = path.extension().is_some_and(|extension| extension == "code");
            usize::from(is_code && std::fs::remove_file(path).is_ok())
        })
        .sum()
}
