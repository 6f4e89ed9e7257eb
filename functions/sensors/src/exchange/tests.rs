use super::*;
use crate::readings::READINGS_MAX;
use proptest::prelude::*;
use serde_json::Value;

fn ask(head: Head<'_>, body: &[u8]) -> Reply {
    match begin(&head) {
        Ok(question) => question.answer(body),
        Err(reply) => reply,
    }
}

fn post(content_type: &'static str, query: &'static str, body: &str) -> (Reply, Value) {
    let head = Head {
        method: "POST",
        path_with_query: query,
        content_type: Some(content_type),
        ..Head::default()
    };
    let reply = ask(head, body.as_bytes());
    let value = serde_json::from_slice(&reply.body).unwrap();
    (reply, value)
}

#[test]
fn heads_that_are_refused_before_the_body() {
    let good = Head { method: "POST", path_with_query: "/", ..Head::default() };
    let length = (BODY_BYTES_MAX + 1).to_string();
    for (head, status) in [
        (Head { method: "PUT", ..good }, 405),
        (Head { method: "DELETE", ..good }, 405),
        (Head { content_type: Some("application/x-www-form-urlencoded"), ..good }, 415),
        (Head { content_type: Some(""), ..good }, 415),
        (Head { content_encoding: Some("gzip"), ..good }, 415),
        (Head { content_length: Some(&length), ..good }, 413),
        (Head { content_length: Some("18446744073709551615"), ..good }, 413),
        (Head { path_with_query: "/?period=x", ..good }, 400),
        (Head { defaults: "colour=red", ..good }, 400),
    ] {
        let reply = begin(&head).unwrap_err();
        assert_eq!(reply.status, status, "{head:?}");
        assert_eq!(reply.content_type, "application/problem+json");
        assert_eq!(reply.allow.is_some(), status == 405);
        let problem: Value = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!(problem["status"], status);
        assert!(problem["detail"].as_str().is_some_and(|detail| !detail.is_empty()));
    }
}

#[test]
fn bodies_that_are_refused_say_where() {
    let many = format!("[{}1]", "1,".repeat(READINGS_MAX));
    for (content_type, body, status, place) in [
        ("application/json", "[1,\n\n x]", 400, Some(("line", 3))),
        ("application/json", many.as_str(), 413, Some(("row", READINGS_MAX + 1))),
        ("text/csv", "", 400, None),
        ("text/csv", "# a\n\nplace,note\nhere,there\n", 400, Some(("line", 3))),
    ] {
        let (reply, problem) = post(content_type, "/", body);
        assert_eq!(reply.status, status, "{problem}");
        if let Some((key, at)) = place {
            assert_eq!(problem[key], at, "{problem}");
        }
    }
    let question = begin(&Head { method: "POST", ..Head::default() }).unwrap();
    assert_eq!(question.answer(&vec![b' '; BODY_BYTES_MAX + 1]).status, 413);
}

#[test]
fn usage_says_what_is_wrong_with_the_operators_settings() {
    let good = Head { method: "GET", ..Head::default() };
    let mistakes = ["SENSORS_WATCH, line 1: x is no setting".to_owned()];
    let wrong = Head { mistakes: &mistakes, defaults: "colour=red", ..good };
    let text = String::from_utf8(ask(wrong, b"").body).unwrap();
    assert!(
        text.starts_with("THE SETTINGS IN THE MANIFEST ARE WRONG:\n\n  SENSORS_DEFAULTS: colour")
    );
    assert!(text.contains("\n  SENSORS_WATCH, line 1: x is no setting\n\nsensors: readings in"));
    let defaults = Head { defaults: "critical_high=1&warning_high=2", ..good };
    assert!(
        String::from_utf8(ask(defaults, b"").body)
            .unwrap()
            .contains("SENSORS_DEFAULTS: critical_high")
    );
    assert!(String::from_utf8(ask(good, b"").body).unwrap().starts_with("sensors: readings in"));
}

#[test]
fn usage_is_shown_and_names_every_setting() {
    for method in ["GET", "HEAD"] {
        let reply = ask(Head { method, path_with_query: "/any", ..Head::default() }, b"");
        assert_eq!((reply.status, reply.content_type), (200, "text/plain; charset=utf-8"));
        let text = String::from_utf8(reply.body).unwrap();
        for name in crate::settings::NAMES {
            assert!(text.contains(&format!("{name}=")), "{name}");
        }
    }
}

#[test]
fn both_formats_with_any_parameters_are_answered() {
    for (content_type, body) in [
        ("application/json", "[20, 21, 20, 21, 20]"),
        ("Application/JSON; charset=utf-8", r#"{"readings": [20, 21, 20, 21, 20]}"#),
        ("text/csv; header=present", "temp\n20\n21\n20\n21\n20\n"),
    ] {
        let (reply, answer) = post(content_type, "/a/b?coverage=0.8#x", body);
        assert_eq!((reply.status, reply.content_type), (200, "application/json"), "{answer}");
        assert_eq!(answer["readings_used"], 5);
        assert_eq!(answer["predictions"].as_array().map(Vec::len), Some(3));
        assert_eq!(answer["alert_level"], "normal");
    }
}

#[test]
fn without_a_content_type_the_body_tells() {
    for body in ["[1, 2]", " {\"readings\": [1, 2]}", "temp\n1\n2\n", "1\n2\n"] {
        let head = Head { method: "POST", path_with_query: "/", ..Head::default() };
        let reply = ask(head, body.as_bytes());
        let answer: Value = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!(answer["readings_used"], 2, "{body}: {answer}");
    }
}

#[test]
fn the_query_wins_over_the_options_and_those_over_the_defaults() {
    let body = r#"{"readings": [45], "options": {"critical_high": 44, "warning_high": 43}}"#;
    for (path_with_query, defaults, body, level) in [
        ("/", "", "[45]", "warning"),
        ("/", "unit=F", "[45]", "normal"),
        ("/", "unit=F", body, "critical"),
        ("/?critical_high=46", "unit=F", body, "warning"),
        ("/?critical_high=46&warning_high=46", "unit=F", body, "normal"),
    ] {
        let head = Head { method: "POST", path_with_query, defaults, ..Head::default() };
        let reply = ask(head, body.as_bytes());
        let answer: Value = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!(answer["alert_level"], level, "{path_with_query} {defaults} {body}");
    }
}

proptest! {
    #[test]
    fn any_request_is_answered(
        method in prop_oneof![Just("POST".to_owned()), "[A-Z]{0,6}"],
        path in "/[a-z?&=%+0-9]{0,40}",
        content_type in prop::option::of("(application/json|text/csv|[a-z/;= ]{0,20})"),
        body in prop_oneof!["\\PC{0,80}", "(date|temp|,|\n|[0-9.]{1,4}|\\[|\\]){0,40}"],
    ) {
        let head = Head {
            method: &method,
            path_with_query: &path,
            content_type: content_type.as_deref(),
            ..Head::default()
        };
        let reply = ask(head, body.as_bytes());
        prop_assert!([200, 400, 405, 413, 415].contains(&reply.status));
        prop_assert!(reply.body.ends_with(b"\n"));
    }
}
