use super::*;
use crate::guard::facts::{Agent, Network, Place, Proof, TlsVersion, Traits};
use alloc::string::{String, ToString};
use alloc::{format, vec};
use serde_json::{Value, json};

fn read(value: &Value) -> Result<Condition, Vec<String>> {
    let mut reader = Reader::default();
    let condition = reader.condition(value);
    match condition {
        Some(condition) if reader.mistakes.is_empty() => Ok(condition),
        _ => Err(reader.mistakes.iter().map(ToString::to_string).collect()),
    }
}

fn holds(value: &Value, facts: &Facts) -> Option<bool> {
    read(value).unwrap_or_else(|mistakes| panic!("{value}: {mistakes:?}")).holds(facts)
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    for (bad, told) in [
        (json!(null), "/: not an object"),
        (json!({}), "/: empty; there are all, any"),
        (json!({"contry": ["DE"]}), "/contry: no such condition; there are all"),
        (json!({"user_agent": ["x"]}), "/user_agent: no such condition"),
        (json!({"country": "DE"}), "/country: not a list of texts"),
        (json!({"country": []}), "/country: a list of 0 texts"),
        (json!({"country": ["DE", 1]}), "/country/1: not a text"),
        (json!({"country": [""]}), "/country/0: not 1 to 1024 bytes"),
        (json!({"any": [{}]}), "/any/0: empty"),
        (json!({"any": []}), "/any: a list of 0 conditions"),
        (json!({"traits": ["vpn", "nsa"]}), "/traits/1: \"nsa\" is not one of anonymous, vpn"),
        (json!({"tls_below": 1.2}), "/tls_below: not one of ssl"),
        (json!({"tls_below": "1.4"}), "/tls_below: not one of ssl"),
        (json!({"weak_cipher": "yes"}), "/weak_cipher: neither true nor false"),
        (json!({"agent": ["robot"]}), "/agent/0: \"robot\" is not one of desktop"),
        (json!({"proof": ["oath"]}), "/proof/0: \"oath\" is not one of none"),
        (json!({"reputation_below": 30}), "/reputation_below: not a number from 0 to 1"),
        (json!({"velocity_kmh_above": "900"}), "/velocity_kmh_above: not a number"),
        (json!({"hours_utc": [22]}), "/hours_utc: not two different hours"),
        (json!({"hours_utc": [6, 6]}), "/hours_utc: not two different hours"),
        (json!({"hours_utc": [22, 25]}), "/hours_utc: not two different hours"),
        (json!({"address": ["192.0.2.1/24"]}), "/address/0: \"192.0.2.1/24\" is not a prefix"),
        (json!({"autonomous_system": [4_294_967_296_u64]}), "/autonomous_system/0: not a number"),
        (json!({"unknown": ["proof"]}), "/unknown/0: \"proof\" is not the name of a fact"),
        (json!({"metadata": {"a": ["1"], "b": ["2"]}}), "/metadata: not an object with one name"),
        (json!({"metadata": {"a/b": "1"}}), "/metadata/a~1b: not a list of texts"),
        (json!({"user_agent_bytes_below": 0}), "/user_agent_bytes_below: not a number from 1"),
    ] {
        let mistakes = read(&bad).expect_err("wrong");
        assert!(mistakes.iter().any(|it| it.starts_with(told)), "{bad}: {mistakes:?}");
    }
    let two = read(&json!({"country": 1, "not": {"agent": 2}})).expect_err("wrong");
    assert_eq!(two.len(), 2, "all at once: {two:?}");
}

#[test]
fn depth_and_parts_are_bounded() {
    let mut deep = json!({"country": ["DE"]});
    for _ in 0..DEPTH_MAX - 1 {
        deep = json!({"not": deep});
    }
    assert!(read(&deep).is_ok());
    assert!(read(&json!({"not": deep})).is_err());
    let many = vec![json!({"country": ["DE"], "familiar": true}); PARTS_MAX];
    let mistakes = read(&json!({"any": many})).expect_err("too many");
    assert!(mistakes[0].contains("more than 5000 parts"), "{mistakes:?}");
    let long: Vec<String> = (0..=LIST_MAX).map(|at| format!("{at}")).collect();
    assert!(read(&json!({"ja4": long})).is_err());
}

/// Someone of whom everything is known.
fn known() -> Facts {
    Facts {
        user: Some("alice".into()),
        proof: Proof::Token,
        device: Some("d1".into()),
        reputation: Some(0.4),
        place: Place { country: Some("DE".into()), ..Place::default() },
        network: Network {
            address: Some("192.0.2.7".parse().expect("an address")),
            autonomous_system: Some(64_500),
            traits: Some(Traits { vpn: true, ..Traits::default() }),
        },
        user_agent: Some("Mozilla/5.0 (X11) Firefox/140.0".into()),
        agent: Some(Agent::Desktop),
        tls: Some(TlsVersion::V1_2),
        cipher: Some("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA".into()),
        ja4: Some("t13d1516h2_8daaf6152771_e5627efa2ab1".into()),
        velocity_kmh: Some(500.0),
        is_familiar: Some(false),
        rate_per_minute: Some(60.0),
        hour_utc: Some(23),
        method: Some("POST".into()),
        path: Some("/admin/users".into()),
        metadata: [("tenant".into(), "a".into())].into(),
    }
}

#[test]
fn each_test_holds_fails_or_is_unknown() {
    for (yes, no) in [
        (json!({"user": ["alice", "bob"]}), json!({"user": ["Alice"]})),
        (json!({"device": ["d1"]}), json!({"device": ["d2"]})),
        (json!({"country": ["fr", "de"]}), json!({"country": ["FR"]})),
        (json!({"autonomous_system": [1, 64500]}), json!({"autonomous_system": [1]})),
        (json!({"address": ["192.0.2.0/24"]}), json!({"address": ["192.0.3.0/24", "::/0"]})),
        (json!({"traits": ["tor_exit", "vpn"]}), json!({"traits": ["tor_exit"]})),
        (json!({"agent": ["desktop"]}), json!({"agent": ["bot"]})),
        (json!({"user_agent_contains": ["firefox"]}), json!({"user_agent_contains": ["curl"]})),
        (json!({"user_agent_bytes_below": 100}), json!({"user_agent_bytes_below": 10})),
        (json!({"tls_below": "1.3"}), json!({"tls_below": "1.2"})),
        (json!({"weak_cipher": true}), json!({"weak_cipher": false})),
        (json!({"ja4": ["t13d1516h2_8daaf6152771_e5627efa2ab1"]}), json!({"ja4": ["t13"]})),
        (json!({"reputation_below": 0.5}), json!({"reputation_below": 0.4})),
        (json!({"velocity_kmh_above": 499}), json!({"velocity_kmh_above": 500})),
        (json!({"rate_per_minute_above": 59}), json!({"rate_per_minute_above": 60})),
        (json!({"familiar": false}), json!({"familiar": true})),
        (json!({"hours_utc": [22, 6]}), json!({"hours_utc": [6, 22]})),
        (json!({"method": ["post"]}), json!({"method": ["GET"]})),
        (json!({"path_prefix": ["/admin/"]}), json!({"path_prefix": ["/ADMIN/"]})),
        (json!({"metadata": {"tenant": ["a"]}}), json!({"metadata": {"tenant": ["b"]}})),
    ] {
        assert_eq!(holds(&yes, &known()), Some(true), "{yes}");
        assert_eq!(holds(&no, &known()), Some(false), "{no}");
        assert_eq!(holds(&yes, &Facts::default()), None, "{yes}");
        assert_eq!(holds(&json!({"not": yes}), &Facts::default()), None, "{yes}");
    }
    assert_eq!(holds(&json!({"proof": ["none"]}), &Facts::default()), Some(true));
    assert_eq!(holds(&json!({"proof": ["token", "both"]}), &known()), Some(true));
    assert_eq!(holds(&json!({"unknown": ["country", "ja4"]}), &known()), Some(false));
}

#[test]
fn what_is_unknown_is_neither() {
    let (yes, no, open) =
        (json!({"user": ["alice"]}), json!({"user": ["bob"]}), json!({"city": ["Berlin"]}));
    for (value, expected) in [
        (json!({"all": [yes, open]}), None),
        (json!({"all": [no, open]}), Some(false)),
        (json!({"any": [yes, open]}), Some(true)),
        (json!({"any": [no, open]}), None),
        (json!({"not": {"any": [open, no]}}), None),
        (json!({"user": ["alice"], "unknown": ["city"]}), Some(true)),
    ] {
        assert_eq!(holds(&value, &known()), expected, "{value}");
    }
}
