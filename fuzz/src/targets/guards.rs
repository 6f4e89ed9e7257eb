//! Tokens, keys, rules and contexts that the guard is given, and what it has kept.

use super::texts;
use guard::authzen::{self, Pdp, Place};
use guard::token::{Expected, KeySet, verify};
use sedge_kit::guard::context;
use sedge_kit::guard::decision::Outcome;
use sedge_kit::guard::reputation::Reputation;
use sedge_kit::guard::rules::Rules;
use sedge_kit::guard::travel::Sightings;
use serde_json::Value;
use std::sync::LazyLock;

/// Parts of tokens and keys.
pub(super) const TOKEN_WORDS: &[&str] = &[
    "eyJhbGciOiJub25lIn0",
    "eyJhbGciOiJFUzI1NiJ9",
    ".",
    "\"kty\":\"RSA\"",
    "\"crv\":\"P-256\"",
    "\"kid\":\"",
    "\"alg\":\"HS256\"",
    "AQAB",
];

/// Members that mean something.
pub(super) const RULE_WORDS: &[&str] = &[
    "\"not\":{",
    "\"any\":[{",
    "\"unknown\":[\"",
    "\"hours_utc\":[22,6]",
    "\"address\":[\"::/0\"]",
    "\"traits\":[\"vpn\"]",
    "\"score\":",
    "\"latitude\":-90",
    "1e999",
    "null",
];

/// A set of keys, and a token, each in a line.
pub(super) fn tokens() -> Vec<Vec<u8>> {
    texts(&[
        "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}\neyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
        "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"a\",\"use\":\"sig\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}]}\neyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UifQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6",
        "{\"keys\":[]}\n..",
    ])
}

/// No token that nobody has signed is believed, whatever keys there are.
pub(super) fn token(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (keys, token) = text.split_once('\n').unwrap_or((&text, ""));
    let Ok(keys) = KeySet::read(keys.as_bytes()) else { return };
    let expected = Expected {
        issuer: "joe".into(),
        audience: "api".into(),
        leeway_s: 30,
        age_s_max: None,
        groups: "groups".into(),
    };
    assert!(verify(token, &keys, &expected, 1_800_000_000).is_err(), "{token}");
}

/// Rules, and a context, each in a line.
pub(super) fn rules() -> Vec<Vec<u8>> {
    texts(&[
        "{\"rules\":[{\"name\":\"a\",\"score\":0.5,\"when\":{\"country\":[\"DE\"]}}]}\n{\"user_id\":\"a\",\"device_id\":\"\",\"location\":{\"country\":\"DE\",\"latitude\":1,\"longitude\":2},\"network_info\":{\"ip_address\":\"::1\",\"user_agent\":\"x\",\"tls_version\":\"TLSv1.2\",\"cipher_suite\":\"\"}}",
        "{\"thresholds\":{\"block\":0.9},\"expires_s\":1,\"rules\":[{\"name\":\"b\",\"group\":\"g\",\"score\":1,\"when\":{\"any\":[{\"not\":{\"tls_below\":\"1.3\"}},{\"unknown\":[\"ja4\"]}]}}]}\n{}",
    ])
}

/// A decision is one of three, its risk a probability, and nobody passes by a failure.
pub(super) fn rule(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (rules, context) = text.split_once('\n').unwrap_or((&text, ""));
    let json = |text: &str| serde_json::from_str(text).unwrap_or(Value::Null);
    let Ok(rules) = Rules::read(&json(rules)) else { return };
    let Ok(facts) = context::read(&json(context)) else { return };
    let decision = rules.decide(&facts, 1);
    assert!((0.0..=1.0).contains(&decision.risk) && (0.0..=1.0).contains(&decision.evidence));
    assert_eq!(decision.to_json()["allow"], decision.outcome == Outcome::Allow);
    assert_eq!(decision, rules.decide(&facts, 1));
}

/// States as they are kept.
pub(super) fn states() -> Vec<Vec<u8>> {
    vec![Sightings::default().to_bytes(), Reputation::new(0).to_bytes()]
}

/// What can be read is written as it was.
pub(super) fn state(data: &[u8]) {
    if let Ok(sightings) = Sightings::from_bytes(data) {
        assert_eq!(sightings.to_bytes(), data);
    }
    if let Ok(reputation) = Reputation::from_bytes(data) {
        assert_eq!(reputation.to_bytes(), data);
        assert!((0.0..=1.0).contains(&reputation.score(i64::MAX)));
    }
}

/// Members that mean something to AuthZEN and to Cedar.
pub(super) const QUESTION_WORDS: &[&str] = &[
    "\"subject\":{",
    "\"properties\":{",
    "\"evaluations\":[{}",
    "\"evaluations_semantic\":\"permit_on_first_permit\"",
    "\"__extn\":{\"fn\":\"ip\",\"arg\":\"",
    "\"__entity\":{",
    "\"name\":\"read\"",
    "null",
];

/// Requests of AuthZEN.
pub(super) fn questions() -> Vec<Vec<u8>> {
    texts(&[
        "{\"subject\":{\"type\":\"user\",\"id\":\"b\",\"properties\":{\"role\":\"admin\"}},\"action\":{\"name\":\"read\"},\"resource\":{\"type\":\"record\",\"id\":\"1\"},\"context\":{\"from\":\"192.0.2.7\"}}",
        "{\"action\":{\"name\":\"read\"},\"resource\":{\"type\":\"record\",\"id\":\"1\"},\"evaluations\":[{\"subject\":{\"type\":\"user\",\"id\":\"b\"}},{}],\"options\":{\"evaluations_semantic\":\"deny_on_first_deny\"}}",
    ])
}

/// Only one user may do anything, and only she is ever permitted to.
pub(super) fn question(data: &[u8]) {
    static PDP: LazyLock<Result<Pdp, String>> = LazyLock::new(|| {
        let policies = "permit (principal == user::\"the only one\", action, resource);";
        let schema = "entity user = { role?: String }; entity record = { size?: Long };
            action read appliesTo
                { principal: [user], resource: [record], context: { from?: ipaddr } };";
        Pdp::read(|name| match name {
            "authzen_policies" => Some(policies.to_owned()),
            "authzen_schema" => Some(schema.to_owned()),
            _ => None,
        })
    });
    for place in [Place::Evaluation, Place::Evaluations] {
        let (status, _, body) = authzen::answer(&PDP, place, data);
        assert!(matches!(status, 200 | 400 | 413), "{status}");
        let text = String::from_utf8(body).expect("text");
        if status == 200 {
            let told: Value = serde_json::from_str(&text).expect("JSON");
            let all =
                told["evaluations"].as_array().map_or(vec![&told], |all| all.iter().collect());
            assert!(all.iter().all(|decision| decision["decision"].is_boolean()), "{text}");
        }
        let may_be_her = String::from_utf8_lossy(data).contains(['\\', 'y']);
        assert!(may_be_her || !text.contains("\"decision\":true"), "{text}");
    }
}
