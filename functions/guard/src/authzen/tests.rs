//! The policies are those that the working group's certification scenario asks for
//! (`certification/authorization-api-1_0-scenario.md` of openid/authzen); its cases are checked
//! here, and by a client over the wire in the tests of the node.

use super::*;
use proptest::prelude::*;

const SCHEMA: &str = include_str!("scenario.cedarschema");
const POLICIES: &str = include_str!("scenario.cedar");

fn pdp_of(policies: &str, entities: Option<&str>) -> Result<Pdp, String> {
    Pdp::read(|name| match name {
        "authzen_policies" => Some(policies.to_owned()),
        "authzen_schema" => Some(SCHEMA.to_owned()),
        "authzen_entities" => entities.map(str::to_owned),
        _ => None,
    })
}

fn told((status, _, body): Answer) -> (u16, Value) {
    let text = String::from_utf8(body).expect("text");
    (status, serde_json::from_str(&text).unwrap_or_else(|_| text.trim_end().into()))
}

fn ask(place: Place, body: &Value) -> (u16, Value) {
    told(answer(&pdp_of(POLICIES, None), place, body.to_string().as_bytes()))
}

fn one(body: &Value) -> (u16, Value) {
    ask(Place::Evaluation, body)
}

/// Subject, action and resource by their names.
fn question(subject: &str, action: &str, resource: &str) -> Value {
    json!({
        "subject": { "type": "user", "id": subject }, "action": { "name": action },
        "resource": { "type": "record", "id": resource },
    })
}

#[test]
fn what_is_no_question_is_no_decision() {
    let good = question("alice", "read", "record-1");
    let without = |pointer: &str, name: &str| {
        let mut bad = good.clone();
        let part = bad.pointer_mut(pointer).and_then(Value::as_object_mut).expect("an object");
        part.remove(name);
        bad
    };
    let with = |pointer: &str, value: Value| {
        let mut bad = good.clone();
        *bad.pointer_mut(pointer).expect("a member") = value;
        bad
    };
    for (bad, expected) in [
        (json!([]), "the request is not an object"),
        (json!({}), "/action: missing"),
        (without("", "subject"), "/subject: missing"),
        (without("", "action"), "/action: missing"),
        (without("", "resource"), "/resource: missing"),
        (without("/subject", "type"), "/subject/type: missing"),
        (without("/subject", "id"), "/subject/id: missing"),
        (without("/action", "name"), "/action/name: missing"),
        (without("/resource", "type"), "/resource/type: missing"),
        (without("/resource", "id"), "/resource/id: missing"),
        (with("/subject", json!("alice")), "/subject: not an object"),
        (with("/action/name", json!(123)), "/action/name: not a text"),
        (with("/subject/id", json!("")), "/subject/id: not a text of 1 to"),
        (with("/subject/id", json!("x".repeat(1_025))), "/subject/id: not a text of 1 to"),
        (with("/subject/type", json!("usr")), "subject/type: the schema has no such type"),
        (with("/resource/type", json!("user")), "resource type `user` is not valid for"),
        (with("/subject/type", json!("Action")), "subject/type: the schema has no such type"),
        (with("/action/name", json!("raed")), "action/name: the schema has no such action"),
        (with("/action", json!({"name": "read", "properties": 1})), "/action/properties: not an"),
        (with("/subject", json!({"type": "user", "id": "a", "properties": []})), "/properties"),
        (
            with("/subject", json!({"type": "user", "id": "a", "properties": {"role": ["admin"]}})),
            "subject/properties: ",
        ),
        (
            with("/action", json!({"name": "delete", "properties": {"soft": "yes"}})),
            "is not valid for `Action::\"delete\"`",
        ),
        (
            json!({"subject": {"type": "user", "id": "alice"}, "action": {"name": "delete"},
                "resource": {"type": "record", "id": "a"}, "context": {"action": {"soft": true}}}),
            "context/action: ",
        ),
    ] {
        let (status, told) = one(&bad);
        assert_eq!(status, 400, "{bad}: {told}");
        let told = told.as_str().unwrap_or_else(|| panic!("no text: {told}"));
        assert!(told.contains(expected), "{bad}: {told}");
    }
}

#[test]
fn hostile_bytes_are_no_question() {
    let pdp = pdp_of(POLICIES, None);
    let status = |place, body: &[u8]| told(answer(&pdp, place, body));
    let mut deep = question("alice", "read", "record-1");
    deep["context"] = serde_json::from_str(&format!("{}1{}", "{\"a\":".repeat(40), "}".repeat(40)))
        .expect("JSON");
    let twice = r#"{"subject":{"type":"user","id":"alice","id":"bob"},"action":{"name":"write"},
        "resource":{"type":"record","id":"record-1"}}"#;
    for body in
        [b"" as &[u8], b"{", b"null", b"\xff", deep.to_string().as_bytes(), twice.as_bytes()]
    {
        for place in [Place::Evaluation, Place::Evaluations] {
            let (code, told) = status(place, body);
            assert_eq!(code, 400, "{told}");
            assert!(told.is_string(), "{told}");
        }
    }
    assert_eq!(status(Place::Evaluation, &vec![b' '; BODY_BYTES_MAX + 1]).0, 413);
    let mut many = question("alice", "read", "record-1");
    many["evaluations"] = vec![json!({}); 10_000].into();
    let (code, told) = status(Place::Evaluations, many.to_string().as_bytes());
    assert_eq!((code, told), (400, "/evaluations: not a list of at most 100 questions".into()));
    let mut wide = question("alice", "read", "record-1");
    wide["context"] =
        (0..300).map(|at| (format!("m{at}"), json!(1))).collect::<serde_json::Map<_, _>>().into();
    assert_eq!(one(&wide).0, 400);
}

#[test]
fn the_eight_decisions_of_the_scenario() {
    let with = |subject, action, resource, more: &[(&str, Value)]| {
        let mut question = question(subject, action, resource);
        for (part, properties) in more {
            question[part]["properties"] = properties.clone();
        }
        question
    };
    let archived = ("resource", json!({"status": "archived"}));
    let admin = ("subject", json!({"role": "admin"}));
    for (asked, expected) in [
        (question("alice", "read", "record-1"), true),
        (question("alice", "write", "record-1"), true),
        (question("bob", "read", "record-1"), true),
        (question("bob", "write", "record-1"), false),
        (with("alice", "write", "record-2", std::slice::from_ref(&archived)), false),
        (with("bob", "write", "record-2", &[admin, archived]), true),
        (with("alice", "delete", "record-1", &[("action", json!({"soft": true}))]), true),
        (with("alice", "delete", "record-1", &[("action", json!({"soft": false}))]), false),
        (question("alice", "delete", "record-1"), false),
        (question("mallory", "read", "record-1"), false),
    ] {
        let mut asked = asked;
        for context in [None, Some(json!({"time": "2025-06-27T18:03-07:00", "x": [1.5, null]}))] {
            asked["context"] = context.unwrap_or_default();
            let (status, told) = one(&asked);
            assert_eq!((status, &told["decision"]), (200, &json!(expected)), "{asked}: {told}");
        }
    }
    let (_, told) = one(&question("bob", "write", "record-1"));
    assert_eq!(told["context"], json!({"reason": "not_permitted", "policies": []}));
    let (_, told) = one(&question("alice", "read", "record-1"));
    assert_eq!(told["context"], json!({"reason": "permitted", "policies": ["readers"]}));
}

#[test]
fn what_is_not_known_is_ignored() {
    let mut asked = question("alice", "read", "record-1");
    asked["subject"]["properties"] = json!({"department": "Sales", "size": 1.5, "role": null});
    asked["action"]["properties"] = json!({"method": "GET"});
    asked["resource"]["properties"] = json!({"status": "active", "owner": {"a": [null]}});
    asked["resource"]["futureField"] = json!(1);
    asked["foo"] = json!("bar");
    // Of one question, more are no part.
    asked["evaluations"] = json!([question("bob", "write", "record-1")]);
    asked["options"] = json!(7);
    assert_eq!(one(&asked).1["decision"], true);
}

fn many(items: Value, semantic: Option<&str>) -> (u16, Value) {
    let mut asked = question("alice", "write", "record-1");
    asked["evaluations"] = items;
    if let Some(semantic) = semantic {
        asked["options"] = json!({ "evaluations_semantic": semantic, "another_option": 1 });
    }
    ask(Place::Evaluations, &asked)
}

fn decisions_of(told: &Value) -> Vec<bool> {
    let all = told["evaluations"].as_array().unwrap_or_else(|| panic!("no list: {told}"));
    all.iter().map(|one| one["decision"].as_bool().expect("a decision")).collect()
}

#[test]
fn many_questions_have_many_answers_in_their_order() {
    let bob = json!({"subject": {"type": "user", "id": "bob"}});
    let archived = json!({"resource": {"type": "record", "id": "record-2",
                                       "properties": {"status": "archived"}}});
    // Defaults are taken whole, and never mixed: this resource has no id.
    let half = json!({"resource": {"type": "record"}});
    let items = json!([bob, {}, half, archived, 7]);
    let (status, told) = many(items.clone(), None);
    assert_eq!((status, decisions_of(&told)), (200, vec![false, true, false, false, false]));
    assert!(told.get("decision").is_none(), "{told}");
    let error = |at: usize| &told["evaluations"][at]["context"]["error"];
    assert_eq!(error(2), &json!({"status": 400, "message": "/evaluations/2/resource/id: missing"}));
    assert_eq!(error(4)["message"], "/evaluations/4: not an object");
    let (_, told) = many(items.clone(), Some("execute_all"));
    assert_eq!(decisions_of(&told).len(), 5);
    assert_eq!(decisions_of(&many(items.clone(), Some("deny_on_first_deny")).1), [false]);
    assert_eq!(decisions_of(&many(items, Some("permit_on_first_permit")).1), [false, true]);
    // What fails is denied, and so it is the first.
    let (_, told) = many(json!([{}, {"action": 1}, {}]), Some("deny_on_first_deny"));
    assert_eq!(decisions_of(&told), [true, false]);
    for (semantic, expected) in [("all", 400), ("", 400), ("Execute_all", 400)] {
        assert_eq!(many(json!([{}]), Some(semantic)).0, expected, "{semantic}");
    }
    assert_eq!(many(json!({}), None).0, 400);
    // Without a list it is one question (section 7.1).
    for none in [json!([]), Value::Null] {
        assert_eq!(many(none, None).1["decision"], true);
    }
    let (status, told) = ask(Place::Evaluations, &json!({"evaluations": [{}], "subject": "alice"}));
    assert_eq!((status, told), (400, "/subject: not an object".into()));
    let (_, told) =
        ask(Place::Evaluations, &json!({"evaluations": [question("bob", "read", "record-1")]}));
    assert_eq!(decisions_of(&told), [true]);
}

#[test]
fn what_is_configured_is_not_changed_by_who_asks() {
    let entities = r#"[
        {"uid": {"type": "record", "id": "record-1"}, "attrs": {"status": "archived"}, "parents": []},
        {"uid": {"type": "user", "id": "carol"}, "attrs": {}, "parents": [{"type": "team", "id": "writers"}]}
    ]"#;
    let policies = format!(
        "{POLICIES} @id(\"writers\") permit (principal in team::\"writers\", action in Action::\"change\", resource);"
    );
    let pdp = pdp_of(&policies, Some(entities)).expect("policies");
    let decide = |asked: &Value| {
        let Ok(Asked::One(question)) = questions::read(asked.to_string().as_bytes(), false) else {
            panic!("no question: {asked}")
        };
        pdp.decide(&question).expect("a decision")["decision"].clone()
    };
    let mut asked = question("alice", "write", "record-1");
    asked["resource"]["properties"] = json!({"status": "active"});
    assert_eq!(decide(&asked), false, "it is archived, whatever is said");
    let mut asked = question("carol", "write", "record-3");
    assert_eq!(decide(&asked), true, "she is a writer");
    asked["subject"]["properties"] = json!({"role": "guest"});
    assert_eq!(decide(&asked), true, "and stays one with a role");
    // Nobody becomes one by saying so.
    let mut asked = question("mallory", "write", "record-3");
    asked["subject"]["parents"] = json!([{"type": "team", "id": "writers"}]);
    asked["subject"]["properties"] = json!({"parents": [{"type": "team", "id": "writers"}]});
    assert_eq!(decide(&asked), false);
}

#[test]
fn what_fails_is_denied_and_what_can_be_proved_is_told() {
    let more = r#"
        @id("broken") forbid (principal, action == Action::"read", resource)
        when { resource has size && resource.size * 9223372036854775807 > 3 };
        @id("mfa") @outcome("step-up") @acr("urn:a urn:b") @max_age("60") @action("require_mfa")
        forbid (principal, action == Action::"write", resource) when { resource has size };"#;
    let pdp = pdp_of(&format!("{POLICIES} {more}"), None);
    let decide = |action: &str| {
        let mut asked = question("alice", action, "record-1");
        asked["resource"]["properties"] = json!({"size": 9});
        told(answer(&pdp, Place::Evaluation, asked.to_string().as_bytes())).1
    };
    let failed = decide("read");
    assert_eq!(failed["decision"], false);
    assert_eq!(failed["context"]["policies_failed"], json!(["broken"]));
    assert_eq!(failed["context"]["error"]["status"], 500);
    assert_eq!(
        decide("write"),
        json!({"decision": false, "context": {
            "reason": "step_up", "policies": ["mfa"], "acr_values": "urn:a urn:b", "max_age": 60,
            "actions": ["require_mfa"],
        }})
    );
    let (status, told) = told(answer(&Err("x".into()), Place::Evaluation, b"{}"));
    assert_eq!((status, told), (500, "decisions cannot be made".into()), "and not why");
}

#[test]
fn what_is_configured_wrong_is_told() {
    let read = |policies: &str, entities| pdp_of(policies, entities).err().expect("wrong");
    assert!(read("", None).contains("authzen_policies: there is none"));
    assert!(read("permit (principal, action, resource) when { resource.x };", None).contains('x'));
    assert!(read(POLICIES, Some("{}")).starts_with("authzen_entities: "));
    let none = Pdp::read(|name| (name == "authzen_policies").then(|| POLICIES.into()));
    assert_eq!(none.err().as_deref(), Some("authzen_schema: not in the configuration"));
}

#[test]
fn places_and_callers() {
    let settings =
        |path: &str| Authzen { identifier: format!("https://pdp.test{path}"), path: path.into() };
    for (path, own, place) in [
        ("/access/v1/evaluation", "", Some(Place::Evaluation)),
        ("/access/v1/evaluations", "", Some(Place::Evaluations)),
        ("/.well-known/authzen-configuration", "", Some(Place::Metadata)),
        ("/access/v1/evaluation/", "", None),
        ("/access/v1/search/subject", "", None),
        ("/shop/access/v1/evaluation", "/shop", Some(Place::Evaluation)),
        ("/.well-known/authzen-configuration/shop", "/shop", Some(Place::Metadata)),
        ("/access/v1/evaluation", "/shop", None),
        ("/.well-known/authzen-configuration", "/shop", None),
    ] {
        assert_eq!(Place::of(path, &settings(own)), place, "{path} {own}");
    }
    let (status, fields, body) = metadata("GET", &settings("/shop"));
    let told: Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!(
        (status, told["policy_decision_point"].as_str()),
        (200, Some("https://pdp.test/shop"))
    );
    assert_eq!(told["access_evaluations_endpoint"], "https://pdp.test/shop/access/v1/evaluations");
    assert!(fields.contains(&("content-type".into(), b"application/json".to_vec())));
    assert!(!fields.iter().any(|(_, value)| value == b"no-store"));
    assert_eq!(metadata("POST", &settings("")).0, 405);
    let fields = |kind: &str| vec![("Content-Type".to_owned(), kind.as_bytes().to_vec())];
    let away = |method, fields: &Fields, caller| turned_away(method, fields, caller).map(|it| it.0);
    let json = fields("Application/JSON; charset=utf-8");
    assert_eq!(away("POST", &json, Caller::Nobody), Some(503));
    assert_eq!(away("GET", &json, Caller::Unknown), Some(401), "and not what it might do");
    assert_eq!(away("GET", &json, Caller::Known), Some(405));
    assert_eq!(away("POST", &vec![], Caller::Known), Some(400));
    assert_eq!(away("POST", &fields("text/plain"), Caller::Known), Some(400));
    assert_eq!(away("POST", &[&json[..], &json].concat(), Caller::Known), Some(400));
    assert_eq!(away("POST", &json, Caller::Known), None);
    let asked = vec![("X-Request-ID".to_owned(), b"a b".to_vec())];
    let (_, fields, _) = identified(refused(401, "x", &[]), &asked);
    assert!(fields.contains(&("x-request-id".into(), b"a b".to_vec())));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nothing_panics_and_nobody_else_is_permitted(id in "\\PC{1,20}", name: String, value: i64) {
        let mut asked = question(&id, "read", &id);
        asked["subject"]["properties"] = json!({"role": name, name.clone(): value, "x": {"__extn": name}});
        asked["context"] = json!({name.clone(): {name.clone(): [value]}});
        let (_, told) = one(&asked);
        prop_assert!(told["decision"] != true || id == "alice" || id == "bob", "{}", told);
    }
}
