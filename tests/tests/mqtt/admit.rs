//! Who is let in, and what they may do.

use crate::open;
use sedge_tests::mqtt::{PATIENCE, Paho, publish, receive};
use sedge_tests::tls::{Authority, Subject};
use sedge_tests::{Node, Scenario, guests, wait_for};
use serde_json::json;
use std::path::Path;
use std::process::Command;

const BAD_CREDENTIALS: u64 = 0x86;
const NOT_AUTHORIZED: u64 = 0x87;

fn set_password(folder: &Path, name: &str, password: &str) {
    sedge_tests::mqtt::set_password(folder, "passwords", name, password);
}

const GUARDED: &str = r#"
[[mqtt]]
listen = "127.0.0.1:0"
[broker]
passwords = "passwords"
acl = "acl"
"#;

const ACL: &str = "user ann\ntopic readwrite home/#\ntopic deny home/secret\n\
                   pattern write devices/%c/up\n";

fn guarded() -> Node {
    let scenario = Scenario::new().config(GUARDED).file("acl", ACL);
    set_password(scenario.folder(), "ann", "right");
    set_password(scenario.folder(), "bob", "builder");
    scenario.start()
}

fn as_user(name: &str, password: &str) -> serde_json::Value {
    json!({ "username": name, "password": password })
}

#[test]
fn a_wrong_password_is_refused_and_a_changed_one_is_noticed() {
    let node = guarded();
    let at = node.mqtt[0];
    for (more, why) in [
        (json!({}), "no name"),
        (as_user("ann", "wrong"), "a wrong password"),
        (as_user("ann", ""), "an empty one"),
        (as_user("eve", "right"), "an unknown name"),
    ] {
        let refused = Paho::new().connect(at, "c", more.clone());
        assert_eq!(refused["code"], BAD_CREDENTIALS, "{why}: {refused}");
        let mut older = more;
        older["version"] = 4.into();
        let refused = Paho::new().connect(at, "c", older);
        assert_ne!(refused["code"], 0, "{why}, 3.1.1: {refused}");
    }
    let output = publish(at, &["-u", "ann", "-P", "wrong", "-t", "home/a", "-m", "x", "-q", "1"]);
    assert!(!output.status.success());
    let output = publish(at, &["-u", "ann", "-P", "right", "-t", "home/a", "-m", "x", "-q", "1"]);
    assert!(output.status.success(), "{output:?}");
    set_password(node.folder(), "ann", "new");
    node.hang_up();
    wait_for(PATIENCE, || Paho::new().connect(at, "c", as_user("ann", "new"))["code"] == 0)
        .expect("the new password is right");
    let refused = Paho::new().connect(at, "c", as_user("ann", "right"));
    assert_eq!(refused["code"], BAD_CREDENTIALS);
}

#[test]
fn what_no_rule_allows_is_refused_and_changed_rules_are_noticed() {
    let mut node = guarded();
    let at = node.mqtt[0];
    let mut ann = Paho::connected(at, "a1", as_user("ann", "right"));
    let mut bob = Paho::connected(at, "b1", as_user("bob", "builder"));
    for (topic, code) in
        [("home/a", 0x10), ("home/secret", NOT_AUTHORIZED), ("away", NOT_AUTHORIZED)]
    {
        assert_eq!(ann.publish(topic, "x", 1), code, "{topic}");
    }
    for (filter, code) in [("home/a", 1), ("home/#", NOT_AUTHORIZED), ("#", NOT_AUTHORIZED)] {
        assert_eq!(ann.subscribe(filter, 1), code, "{filter}");
    }
    assert_eq!(bob.publish("home/a", "x", 1), NOT_AUTHORIZED);
    ann.silence();
    assert_eq!(bob.publish("devices/b1/up", "x", 1), 0x10, "its own");
    assert_eq!(bob.publish("devices/a1/up", "x", 1), NOT_AUTHORIZED, "another's");
    // Rules with a mistake are not taken.
    node.allow("new rules of MQTT clients are refused");
    node.replace("acl", "user ann\nallow everything\n");
    node.hang_up();
    node.wait_log("line 2: this is no rule", PATIENCE);
    assert_eq!(ann.publish("home/secret", "x", 1), NOT_AUTHORIZED);
    node.replace("acl", "user bob\ntopic readwrite home/#\n");
    node.hang_up();
    wait_for(PATIENCE, || bob.publish("home/b", "x", 1) == 0x10).expect("the new rules");
    assert_eq!(ann.publish("home/a", "x", 1), NOT_AUTHORIZED);
    let denied = node.metrics().sum("sedge_mqtt_denied_total", &[]);
    assert!(denied >= 8.0, "{denied}");
}

#[test]
fn who_shows_a_certificate_is_known_by_its_name() {
    let scenario = Scenario::new();
    let folder = scenario.folder().to_owned();
    let authority = Authority::new(&folder, "ca");
    authority.issue("site", Subject { hosts: &["127.0.0.1"], ..Subject::default() });
    authority.issue("sensor", Subject { name: "sensor-7", client: true, ..Subject::default() });
    let stranger = Authority::new(&folder, "other");
    stranger.issue("fake", Subject { name: "sensor-7", client: true, ..Subject::default() });
    let node = scenario
        .file("acl", "user sensor-7\ntopic write up/7\n")
        .config(
            "[[mqtt]]\nlisten = \"127.0.0.1:0\"\nclient_ca = \"ca.pem\"\n\
             [[mqtt.certificate]]\ncertificate = \"site.pem\"\nkey = \"site-key.pem\"\n\
             [broker]\nacl = \"acl\"\n",
        )
        .start();
    let at = node.mqtt[0];
    let path = |name: &str| folder.join(name).display().to_string();
    let with = |cert: &str| {
        json!({ "ca": path("ca.pem"), "cert": path(&format!("{cert}.pem")),
                "key": path(&format!("{cert}-key.pem")) })
    };
    for more in [json!({ "ca": path("ca.pem") }), with("fake")] {
        let refused = Paho::new().connect(at, "c", more);
        assert_ne!(refused["event"], "connected", "{refused}");
    }
    let mut sensor = Paho::connected(at, "c", with("sensor"));
    assert_eq!(sensor.publish("up/7", "x", 1), 0x10);
    assert_eq!(sensor.publish("up/8", "x", 1), NOT_AUTHORIZED);
}

#[test]
fn mistakes_of_a_configuration_are_told_before_it_is_used() {
    let check = |config: &str, more: &[(&str, &str)]| {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in more {
            std::fs::write(folder.path().join(name), text).expect("written");
        }
        std::fs::write(folder.path().join("node.toml"), config).expect("written");
        let output = Command::new(guests::binary())
            .args(["check", "--config", "node.toml"])
            .current_dir(folder.path())
            .output()
            .expect("the binary starts");
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    for (config, files, words) in [
        (GUARDED, &[][..], &["passwords: No such file", "sedge mqtt password"][..]),
        (
            GUARDED,
            &[("passwords", "ann:plain\n"), ("acl", "user ann\nallow x\n")],
            &["line 1: the password is not hashed", "line 2: this is no rule"],
        ),
        (
            "[[mqtt]]\nlisten = \"127.0.0.1:0\"\n",
            &[],
            &["nobody could connect", "anonymous = true"],
        ),
        (
            "[[mqtt]]\nlisten = \"127.0.0.1:0\"\nwebsockt = \"/x\"\n[broker]\nanonymous = true\n",
            &[],
            &["unknown key `websockt`", "did you mean `websocket`?"],
        ),
        (
            "[[mqtt]]\nlisten = \"127.0.0.1:0\"\n[[mqtt.certificate]]\ncertificate = \"a\"\n\
             key = \"b\"\n[broker]\nanonymous = true\n",
            &[],
            &["node.toml:4:"],
        ),
    ] {
        let (is_fine, text) = check(config, files);
        assert!(!is_fine, "{text}");
        for word in words {
            assert!(text.contains(word), "`{word}` is not in\n{text}");
        }
    }
    let (is_fine, text) = check(GUARDED, &[("passwords", ""), ("acl", "")]);
    assert!(is_fine, "{text}");
}

#[test]
fn a_node_does_not_start_with_files_that_are_wrong_or_an_address_that_is_taken() {
    let (status, log) = Scenario::new()
        .config(GUARDED)
        .file("passwords", "ann:plain\n")
        .file("acl", ACL)
        .fail_to_start();
    assert!(!status.success() && log.contains("not hashed"), "{log}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let at = taken.local_addr().expect("its address");
    let config = format!("[[mqtt]]\nlisten = \"{at}\"\n[broker]\nanonymous = true\n");
    let (status, log) = Scenario::new().config(&config).fail_to_start();
    assert!(!status.success() && log.contains(&at.to_string()), "{log}");
}

#[test]
fn one_connection_too_many_is_closed_and_counted() {
    let node = open("connections_max = 2").start();
    let at = node.mqtt[0];
    let _one = Paho::connected(at, "one", json!({}));
    let _two = Paho::connected(at, "two", json!({}));
    let third = Paho::new().connect(at, "three", json!({}));
    assert_ne!(third["event"], "connected", "{third}");
    let ended = "sedge_mqtt_connections_ended_total";
    assert!(node.metrics().sum(ended, &[("reason", "too_many")]) >= 1.0);
    let output = receive(node.mqtt[0], &["-t", "a", "-C", "1", "-W", "2"]);
    assert!(!output.status.success());
}
