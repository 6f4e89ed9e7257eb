//! Who clients are, where, and when: certificates, places, and clocks.

use super::*;
use sedge_tests::handshake::Client;
use sedge_tests::mmdb::{Database, Written, map};
use sedge_tests::tls::{Authority, Subject};
use std::process::Command;

/// Signed by a key that was not kept.
fn future() -> Value {
    serde_json::from_str(include_str!("future.json")).expect("tokens")
}

#[test]
fn tokens_of_the_future_are_refused_as_early() {
    let origin = Scripted::start(told);
    let scenario = scenario(&origin, "\"guard\"", TOKENS, CONFIG);
    let node = scenario.file("shop/keys.json", future()["keys"].to_string()).start();
    for (name, token) in future()["early"].as_object().expect("tokens") {
        let answer = ask(&node, "/", token.as_str(), &[]);
        let challenge = answer.header("www-authenticate").unwrap_or_default().to_owned();
        assert_eq!(answer.status, 401, "{name}: {}", answer.text());
        assert!(challenge.contains("error_description=\"not valid yet\""), "{name}: {challenge}");
    }
    assert!(origin.heads().is_empty(), "{:?}", origin.heads());
    assert_eq!(ask(&node, "/", future()["good"].as_str(), &[]).status, 200, "{}", node.log());
}

/// 192.0.2.0/24 in Berlin, 198.51.100.0/24 in Sydney, 203.0.113.0/24 nobody knows where in
/// Australia: within more than what counts as a place.
fn places() -> Vec<u8> {
    // The kit takes up to 1,000 km for a place.
    const ACCURACY_KM: u16 = 2_000;
    let mut database = Database::new("cities");
    for (network, country, latitude, longitude, accuracy_km) in [
        ("192.0.2.0", "DE", 52.52, 13.405, 20),
        ("198.51.100.0", "AU", -33.868, 151.21, 20),
        ("203.0.113.0", "AU", -25.0, 134.0, ACCURACY_KM),
    ] {
        let location = map([
            ("latitude", Written::Double(latitude)),
            ("longitude", Written::Double(longitude)),
            ("accuracy_radius", Written::Short(accuracy_km)),
        ]);
        let country = map([("iso_code", country)]);
        let record = map([("country", country), ("location", location)]);
        database.add(network.parse().expect("an address"), 24, record);
    }
    database.bytes()
}

#[test]
fn nobody_is_in_berlin_and_a_minute_later_in_sydney() {
    let origin = Scripted::start(told);
    let environment = format!("{TOKENS}\nGUARD_STORE = \"guard\"\nGUARD_LOG = \"all\"");
    let scenario = scenario(&origin, "\"guard\"", &environment, CONFIG)
        .file("shop/keys.json", future()["keys"].to_string())
        .file("cities.mmdb", places())
        .config("[ingress]\ntrusted_hops = 1\n");
    let data = scenario.folder().join("data");
    let update = Command::new(sedge_tests::guests::binary())
        .args(["geo", "update"])
        .arg(scenario.folder().join("cities.mmdb"))
        .arg("--data")
        .arg(&data)
        .output()
        .expect("it runs");
    assert!(update.status.success(), "{}", String::from_utf8_lossy(&update.stderr));
    let node = scenario.start();
    let tokens = future();
    let from = |address: &str, target: &str, token: &str| {
        ask(&node, target, tokens[token].as_str(), &[("x-forwarded-for", address)])
    };
    assert_eq!(from("192.0.2.7", "/1", "good").status, 200, "{}", node.log());
    // The middle of a continent is no place.
    assert_eq!(from("203.0.113.7", "/2", "good").status, 200, "{}", node.log());
    let far = from("198.51.100.7", "/3", "good");
    assert_eq!(far.status, 403, "{}\n{}", far.text(), node.log());
    assert!(!far.text().contains("travel"), "why is for the log: {}", far.text());
    node.wait_log("impossible_travel", Duration::from_secs(10));
    // Whoever was refused has not moved the user, who is at home as before.
    assert_eq!(from("192.0.2.8", "/4", "good").status, 200, "{}", node.log());
    // Another user is in Sydney, and somebody who says nothing of himself is nowhere.
    assert_eq!(from("198.51.100.8", "/5", "traveller").status, 200, "{}", node.log());
    let log = node.log();
    assert!(!log.contains("192.0.2.7") && log.contains("192.0.2.0"), "networks only: {log}");
}

const SITE: Subject<'static> =
    Subject { name: "site", hosts: &["site.test"], uri: None, client: false, expired: false };
const TILL: Subject<'static> = Subject {
    name: "till",
    hosts: &["till.test"],
    uri: Some("spiffe://shop.test/till"),
    client: true,
    expired: false,
};

const MUTUAL: &str = "[[tls]]\nlisten = \"127.0.0.1:0\"\nclient_ca = \"clients.pem\"\n\
                      client_auth = \"optional\"\n\
                      [[tls.certificate]]\ncertificate = \"site.pem\"\nkey = \"site-key.pem\"\n";

const WORKLOADS: &str = r#"
    @id("tills") permit (principal == Workload::"spiffe://shop.test/till", action,
                         resource in Path::"/till");
    @id("all") permit (principal, action, resource == Path::"/open");
"#;

#[test]
fn a_certificate_proves_a_workload() {
    let origin = Scripted::start(told);
    // The client says nothing of itself, which the rules alone would step up for.
    let risk = "GUARD_RISK = \"advise\"";
    let environment = format!("{TOKENS}\nGUARD_TOKENS = \"required\"\n{risk}");
    let scenario = scenario(&origin, "\"guard\"", &environment, CONFIG)
        .file("shop/policies.cedar", WORKLOADS)
        .config(MUTUAL);
    Authority::new(scenario.folder(), "root").issue("site", SITE);
    Authority::new(scenario.folder(), "clients").issue("till", TILL);
    let node = scenario.start();
    let get = |identity: Option<&str>, path: &str| {
        let client = Client::new(node.folder(), "root", identity);
        client.get(node.tls[0], "site.test", path).expect("an answer").answer
    };
    assert!(get(None, "/till/1").starts_with("HTTP/1.1 401"), "neither token nor certificate");
    // Nobody is one by writing so.
    let forged =
        [("sedge-client-fingerprint", "ab"), ("sedge-client-spiffe-id", "spiffe://shop.test/till")];
    assert_eq!(ask(&node, "/till/1", None, &forged).status, 401);
    assert!(origin.heads().is_empty(), "{:?}", origin.heads());
    let till = get(Some("till"), "/till/1");
    assert!(till.starts_with("HTTP/1.1 200"), "{till}\n{}", node.log());
    assert!(till.contains("sedge-guard-proof: certificate"), "{till}");
    assert!(get(Some("till"), "/staff").starts_with("HTTP/1.1 403"), "not its path");
    // A bad token is not made good by a certificate: it is not this client's agent that asks.
    assert_eq!(ask(&node, "/open", Some("a.b.c"), &[]).status, 401);
}
