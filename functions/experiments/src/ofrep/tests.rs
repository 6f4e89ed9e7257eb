use super::*;
use proptest::prelude::*;

fn flags() -> Flags {
    let payload = json!({"features": {
        "plain": {"defaultValue": 7},
        "forced": {"defaultValue": "a", "rules": [
            {"id": "r1", "force": "b", "condition": {"plan": "gold"}},
        ]},
        "split": {"defaultValue": {}, "rules": [{
            "key": "exp", "variations": [{"n": 0}, {"n": 1}], "hashVersion": 2,
            "meta": [{"key": "zero"}, {"key": "one"}],
        }]},
        "none": {},
        "gated": {"defaultValue": 1, "rules": [
            {"parentConditions": [{"id": "plain", "condition": {"value": 8}, "gate": true}]},
        ]},
        "circle": {"rules": [{"parentConditions": [{"id": "circle", "condition": {"value": 1}}]}]},
    }});
    Flags::read(&payload.to_string(), None).expect("good")
}

fn ask(path: &str, body: &str) -> Answer {
    let fields = Fields::default();
    match question("POST", path, &fields, None).expect("a path of the protocol") {
        Ok(question) => answer(Some(&flags()), &question, &fields, body.as_bytes()),
        Err(answer) => answer,
    }
}

#[test]
fn mistakes_have_their_codes() {
    let one = "/ofrep/v1/evaluate/flags/plain";
    for (path, body, status, code) in [
        (one, "", 400, "PARSE_ERROR"),
        (one, "[]", 400, "PARSE_ERROR"),
        (one, &*"[".repeat(10_000), 400, "PARSE_ERROR"),
        (one, "{}", 400, "TARGETING_KEY_MISSING"),
        (one, "{\"context\": {\"targetingKey\": null}}", 400, "TARGETING_KEY_MISSING"),
        (one, "{\"context\": 1}", 400, "INVALID_CONTEXT"),
        (one, "{\"context\": null}", 400, "INVALID_CONTEXT"),
        (one, "{\"context\": {\"targetingKey\": 1}}", 400, "INVALID_CONTEXT"),
        (one, "{\"context\": {\"targetingKey\": \"\"}}", 400, "INVALID_CONTEXT"),
        (
            "/ofrep/v1/evaluate/flags/no",
            "{\"context\": {\"targetingKey\": \"a\"}}",
            404,
            "FLAG_NOT_FOUND",
        ),
        ("/ofrep/v1/evaluate/flags/", "", 404, "FLAG_NOT_FOUND"),
        ("/ofrep/v1/evaluate/flags/a/b", "", 404, "FLAG_NOT_FOUND"),
        ("/ofrep/v1/evaluate/flags/%f", "", 404, "FLAG_NOT_FOUND"),
        ("/ofrep/v1/evaluate/flags/%ff", "", 404, "FLAG_NOT_FOUND"),
        (
            "/ofrep/v1/evaluate/flags/circle",
            "{\"context\": {\"targetingKey\": \"a\"}}",
            400,
            "GENERAL",
        ),
        ("/ofrep/v1/evaluate/flags", "{\"context\": {}}", 400, "TARGETING_KEY_MISSING"),
    ] {
        let answer = ask(path, body);
        let body = answer.body.expect("a body");
        assert_eq!((answer.status, body["errorCode"].as_str()), (status, Some(code)), "{path}");
        assert_eq!(body.get("key").is_some(), path != PREFIX, "{path} {body}");
        assert!(answer.exposures.is_empty());
    }
    let fields = Fields::default();
    let answer = answer(None, &Question::All, &fields, b"{\"context\": {\"id\": \"a\"}}");
    assert_eq!(answer.status, 500);
}

#[test]
fn other_paths_and_methods() {
    let fields = Fields::default();
    for path in ["/", "/ofrep/v1/evaluate/flagsx", "/ofrep/v1/evaluate"] {
        assert_eq!(question("POST", path, &fields, None), None);
    }
    let answer = question("GET", PREFIX, &fields, None).expect("a path").expect_err("an answer");
    assert_eq!((answer.status, answer.fields[0].0), (405, "allow"));
    assert_eq!(
        question("POST", "/ofrep/v1/evaluate/flags/a%20b", &fields, None),
        Some(Ok(Question::One("a b".into())))
    );
}

#[test]
fn only_who_has_the_secret_may_ask() {
    let status = |fields: &Fields| match question("POST", PREFIX, fields, Some("secret\n")) {
        Some(Err(answer)) => answer.status,
        _ => 200,
    };
    for fields in [
        Fields::default(),
        Fields::from([("authorization", "Bearer wrong")]),
        Fields::from([("authorization", "secret")]),
        Fields::from([("authorization", "Basic secret")]),
        Fields::from([("authorization", "Bearer secret"), ("authorization", "Bearer x")]),
        Fields::from([("x-api-key", "")]),
    ] {
        assert_eq!(status(&fields), 401, "{fields:?}");
    }
    assert_eq!(status(&Fields::from([("Authorization", "bearer secret")])), 200);
    assert_eq!(status(&Fields::from([("X-API-Key", "secret")])), 200);
}

#[test]
fn flags_and_why_they_are_so() {
    let body = "{\"context\": {\"targetingKey\": \"ann\", \"plan\": \"gold\"}}";
    let told = |key: &str| ask(&format!("{PREFIX}/{key}"), body).body.expect("a body");
    assert_eq!(
        told("plain"),
        json!({"key": "plain", "value": 7, "reason": "DEFAULT", "variant": "default"})
    );
    assert_eq!(
        told("forced"),
        json!({"key": "forced", "value": "b", "reason": "TARGETING_MATCH", "variant": "r1", "metadata": {"rule": "r1"}})
    );
    assert_eq!(told("none"), json!({"key": "none", "reason": "DEFAULT", "variant": "default"}));
    assert_eq!(told("gated"), json!({"key": "gated", "reason": "DISABLED", "variant": "default"}));
    let answer = ask(&format!("{PREFIX}/split"), body);
    let split = answer.body.expect("a body");
    assert_eq!(
        (&split["reason"], &split["metadata"]["experiment"]),
        (&json!("SPLIT"), &json!("exp"))
    );
    let index = split["value"]["n"].as_u64().expect("a number") as usize;
    assert_eq!(split["variant"], ["zero", "one"][index]);
    assert_eq!((answer.exposures.len(), answer.exposures[0].variation), (1, index));
    assert_eq!(answer.exposures[0].value, "ann");
}

#[test]
fn all_flags_with_a_tag() {
    let body = b"{\"context\": {\"targetingKey\": \"ann\"}}";
    let ask = |fields: Fields| answer(Some(&flags()), &Question::All, &fields, body);
    let first = ask(Fields::default());
    let told = first.body.expect("a body");
    assert_eq!(told["flags"].as_array().map(Vec::len), Some(6));
    assert!(first.exposures.is_empty());
    let tag = &first.fields[0].1;
    for known in [tag.clone(), format!("\"x\", W/{tag}"), "*".into()] {
        let again = ask(Fields::from([("if-none-match", &*known)]));
        assert_eq!((again.status, again.body, &again.fields[0].1), (304, None, tag), "{known}");
    }
    assert_eq!(ask(Fields::from([("if-none-match", "\"x\"")])).status, 200);
}

proptest! {
    #[test]
    fn nothing_panics(path in "/ofrep/v1/evaluate/flags\\PC{0,20}", body: Vec<u8>) {
        let fields = Fields::default();
        if let Some(Ok(question)) = question("POST", &path, &fields, None) {
            prop_assert!(answer(Some(&flags()), &question, &fields, &body).status >= 400);
        }
    }
}
