use super::*;
use crate::guard::decision::Outcome;
use crate::guard::rules::Rules;
use alloc::string::ToString;
use alloc::vec::Vec;
use proptest::prelude::*;
use serde_json::json;

fn usual() -> Value {
    json!({
        "user_id": "alice",
        "device_id": "d-1",
        "location": {"country": "de", "region": "BE", "city": "Berlin",
                     "latitude": 52.5, "longitude": 13.4},
        "network_info": {"ip_address": "::ffff:192.0.2.7", "user_agent": "Mozilla/5.0 (X11)",
                         "tls_version": "TLSv1.3", "cipher_suite": "TLS_AES_128_GCM_SHA256"},
        "request_metadata": {"tenant": "a"},
    })
}

#[test]
fn a_usual_context_is_read() {
    let facts = read(&usual()).expect("right");
    assert_eq!((facts.user.as_deref(), facts.proof), (Some("alice"), Proof::Caller));
    assert_eq!(facts.place.country.as_deref(), Some("DE"));
    assert_eq!(facts.place.point.expect("a point").accuracy_km, 50.0);
    assert_eq!(facts.network.address, "192.0.2.7".parse().ok());
    assert_eq!((facts.tls, facts.network.traits), (Some(TlsVersion::V1_3), None));
    assert_eq!(facts.metadata["tenant"], "a".into());
    assert_eq!(Rules::default().decide(&facts, 0).outcome, Outcome::Allow);
}

#[test]
fn more_may_be_told() {
    let mut context = usual();
    context["proof"] = json!("certificate");
    context["device_reputation"] = json!(0.1);
    context["velocity_kmh"] = json!(5_000);
    context["familiar_place"] = json!(false);
    context["rate_per_minute"] = json!(12.5);
    context["hour_utc"] = json!(23);
    context["network_info"]["traits"] = json!(["vpn", "hosting"]);
    context["network_info"]["agent"] = json!("bot");
    context["network_info"]["autonomous_system"] = json!(64_500);
    context["of_a_later_version"] = json!([1]);
    let facts = read(&context).expect("right");
    assert_eq!((facts.proof, facts.hour_utc), (Proof::Certificate, Some(23)));
    assert!(facts.network.traits.expect("told").vpn);
    let decision = Rules::default().decide(&facts, 0);
    assert_eq!(decision.outcome, Outcome::Block);
    let factors: Vec<&str> = decision.factors.iter().map(|name| &**name).collect();
    assert_eq!(
        factors,
        [
            "impossible_travel",
            "unfamiliar_place",
            "automated_client",
            "low_device_reputation",
            "data_center",
            "hidden_address"
        ]
    );
}

#[test]
fn empty_texts_are_unknown_or_none() {
    let mut context = usual();
    context["user_id"] = json!("");
    context["location"] = json!({"country": "", "latitude": null});
    context["network_info"] =
        json!({"ip_address": "", "user_agent": "", "tls_version": "", "cipher_suite": ""});
    let facts = read(&context).expect("right");
    assert_eq!((facts.user, facts.proof), (None, Proof::None));
    assert_eq!((facts.place, facts.network.address), (Place::default(), None));
    assert_eq!(facts.user_agent.as_deref(), Some(""));
    assert_eq!((facts.tls, facts.cipher), (Some(TlsVersion::None), None));
}

#[test]
fn what_is_wrong_is_told_all_at_once() {
    let told = |context: &Value| -> Vec<String> {
        read(context).expect_err("wrong").iter().map(ToString::to_string).collect()
    };
    assert_eq!(told(&json!([])), ["/: not an object"]);
    assert_eq!(
        told(&json!({})),
        [
            "/user_id: missing",
            "/device_id: missing",
            "/location: not an object",
            "/network_info: not an object"
        ]
    );
    for (member, value, message) in [
        ("/user_id", json!(1), "not a text of at most 512 bytes"),
        ("/user_id", json!("x".repeat(513)), "not a text of at most 512 bytes"),
        ("/proof", json!("oath"), "\"oath\" is none that there is"),
        ("/device_reputation", json!(1.5), "not a number from 0 to 1"),
        ("/velocity_kmh", json!(-1), "not a number from 0 to 1000000000"),
        ("/familiar_place", json!("no"), "neither true nor false"),
        ("/location/latitude", json!(90.5), "not a number from -90 to 90"),
        ("/location/longitude", json!("1"), "not a number from -180 to 180"),
        ("/location/country", json!(["DE"]), "not a text of at most 512 bytes"),
        ("/network_info/ip_address", json!("192.0.2.256"), "not an address"),
        ("/network_info/user_agent", json!("x".repeat(8193)), "not a text of at most 8192 bytes"),
        ("/network_info/user_agent", json!(null), "missing"),
        ("/network_info/traits", json!(["nsa"]), "not a list of anonymous, vpn"),
        ("/network_info/agent", json!("robot"), "\"robot\" is none that there is"),
        ("/request_metadata", json!([]), "not an object of at most 64 texts"),
        ("/request_metadata/tenant", json!(1), "not a text of at most 512 bytes"),
    ] {
        let mut context = usual();
        for name in ["proof", "device_reputation", "velocity_kmh", "familiar_place"] {
            context[name] = Value::Null;
        }
        context["network_info"]["traits"] = Value::Null;
        context["network_info"]["agent"] = Value::Null;
        *context.pointer_mut(member).expect("a member") = value;
        let all = told(&context);
        assert!(all.len() == 1 && all[0].starts_with(&format!("{member}: {message}")), "{all:?}");
    }
}

proptest! {
    #[test]
    fn nothing_panics(text: String) {
        let mut context = usual();
        context["network_info"]["ip_address"] = json!(text);
        context["network_info"]["tls_version"] = json!(text);
        context["network_info"]["cipher_suite"] = json!(text);
        context["request_metadata"] = json!({text.clone(): text});
        let _ = read(&context);
    }
}
