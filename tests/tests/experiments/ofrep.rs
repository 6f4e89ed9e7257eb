//! OFREP as the SDKs of OpenFeature for JavaScript and Python speak it; `cargo xtask test`
//! installs both.

use super::*;
use std::path::PathBuf;
use std::process::Command;

const FLAGS: &str = "/ofrep/v1/evaluate/flags";

/// Where a library is: what the environment says, else where `cargo xtask test` puts it.
fn library(variable: &str, folder: &str) -> PathBuf {
    let kept = || {
        let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
        home.join(".cache/sedge/tools").join(folder)
    };
    let folder = std::env::var_os(variable).map_or_else(kept, PathBuf::from);
    assert!(folder.is_dir(), "{} is absent: run `cargo xtask test`", folder.display());
    folder
}

fn flags() -> String {
    json!({"features": {
        "truth": {"defaultValue": false, "rules": [{"force": true, "condition": {"plan": "gold"}}]},
        "text": {"defaultValue": "a"},
        "number": {"defaultValue": 2.5},
        "object": {"defaultValue": {"a": [1]}},
        "split": {"defaultValue": 0, "rules": [{
            "key": "exp", "variations": [10, 20], "hashVersion": 2, "meta": [{"key": "ten"}, {"key": "twenty"}],
        }]},
    }})
    .to_string()
}

fn node() -> Node {
    let settings = "EXPERIMENTS_OFREP = \"secret:ofrep\"\nEXPERIMENTS_STORE = \"experiments\"";
    let manifest = manifest(settings, "")
        .replace("secrets = {", "secrets = { ofrep = { env = \"OFREP_TEST_SECRET\" },");
    Scenario::new()
        .share_code()
        .app("app", &manifest)
        .file("app/features.json", flags())
        .environment("EXPERIMENTS_TEST_SECRET", SECRET)
        .environment("OFREP_TEST_SECRET", "let me ask")
        .start()
}

#[test]
fn any_sdk_can_ask() {
    let node = node();
    who_may_not_ask_is_refused(&node);
    tags_save_the_rest(&node);
    let url = format!("http://{}", node.listen);
    let mut javascript = Command::new("node");
    javascript
        .args(["--input-type=commonjs", "-e", include_str!("ofrep.js")])
        .env("MODULES", library("SEDGE_OFREP_NPM", "ofrep-npm/node_modules"));
    let mut python = Command::new("python3");
    python
        .args(["-c", include_str!("ofrep.py")])
        .env("PYTHONPATH", library("SEDGE_OFREP_PYTHON", "ofrep-python"));
    for command in [&mut javascript, &mut python] {
        let output = command.env("URL", &url).env("TOKEN", "let me ask").output().expect("it runs");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{error}\n{}", node.log());
        let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let split = told["split"]["value"].as_f64().expect("a number");
        assert!(split == 10.0 || split == 20.0, "{told}");
        let variant = if split == 10.0 { "ten" } else { "twenty" };
        assert_eq!(
            told["split"],
            json!({"value": told["split"]["value"], "reason": "SPLIT", "variant": variant, "error": null})
        );
        let flag = |name: &str| (told[name]["value"].clone(), told[name]["reason"].clone());
        assert_eq!(flag("truth"), (json!(true), json!("TARGETING_MATCH")), "{told}");
        assert_eq!(flag("text"), (json!("a"), json!("DEFAULT")));
        assert_eq!(flag("number"), (json!(2.5), json!("DEFAULT")));
        assert_eq!(flag("object"), (json!({"a": [1]}), json!("DEFAULT")));
        for (name, error) in [
            ("missing", "FLAG_NOT_FOUND"),
            ("mismatch", "TYPE_MISMATCH"),
            ("nobody", "TARGETING_KEY_MISSING"),
        ] {
            assert_eq!(
                (&told[name]["value"], &told[name]["error"]),
                (&json!("fallback"), &json!(error)),
                "{told}"
            );
        }
    }
    // Both asked for the same person: one visitor.
    let count = |report: &Value| {
        [0, 1].iter().filter_map(|n| report["variations"][*n]["visitors"].as_u64()).sum::<u64>()
    };
    wait_for(PATIENCE, || report(&node, "exp").is_some_and(|one| count(&one) == 1))
        .expect("an exposure");
}

fn who_may_not_ask_is_refused(node: &Node) {
    let body = b"{\"context\": {\"targetingKey\": \"ann\"}}";
    for fields in [&[][..], &[("authorization", "Bearer let me")], &[("x-api-key", "")]] {
        let answer = client::call(node.listen, "POST", FLAGS, fields, body);
        assert_eq!((answer.status, answer.header("www-authenticate")), (401, Some("Bearer")));
    }
    let fields = [("authorization", "Bearer let me ask")];
    let post = |body: &[u8]| client::call(node.listen, "POST", FLAGS, &fields, body);
    assert_eq!(post(b"{").json()["errorCode"], "PARSE_ERROR");
    let large = post(&[b' '; 100_000]);
    assert_eq!((large.status, &large.json()["errorCode"]), (413, &json!("GENERAL")));
    assert_eq!(client::call(node.listen, "GET", FLAGS, &fields, b"").status, 405);
}

fn tags_save_the_rest(node: &Node) {
    let body = b"{\"context\": {\"targetingKey\": \"ann\"}}";
    let secret = ("x-api-key", "let me ask");
    let answer = client::call(node.listen, "POST", FLAGS, &[secret], body);
    assert_eq!(answer.json()["flags"].as_array().map(Vec::len), Some(5));
    let tag = answer.header("etag").expect("a tag");
    let fields = [secret, ("if-none-match", tag)];
    let again = client::call(node.listen, "POST", FLAGS, &fields, body);
    assert_eq!((again.status, again.body.len()), (304, 0));
}
