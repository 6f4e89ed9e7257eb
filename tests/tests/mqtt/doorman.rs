//! A function says who clients are.

use sedge_tests::mqtt::{PATIENCE, Paho};
use sedge_tests::tls::{Authority, Subject};
use sedge_tests::{Node, Scenario, guests, wait_for};
use serde_json::{Value, json};

const BAD_CREDENTIALS: u64 = 0x86;
const NOT_AUTHORIZED: u64 = 0x87;
const UNAVAILABLE: u64 = 0x88;

const CONFIG: &str = "[[mqtt]]\nlisten = \"127.0.0.1:0\"\n\
                      [broker]\nauthenticate = \"site/doorman\"\n";

fn manifest() -> String {
    format!(
        "[app]\nname = \"site\"\n[[function]]\nname = \"doorman\"\nsource = {:?}\n\
         [function.limits]\ncpu_ms_max = 200\n[function.trigger]\nauthenticate = true\n",
        guests::folder().join("doorman.wasm")
    )
}

fn guarded() -> Scenario {
    Scenario::new().config(CONFIG).app("site", &manifest())
}

fn connect(node: &Node, name: &str, password: &str) -> Value {
    let more = json!({ "username": name, "password": password });
    Paho::new().connect(node.mqtt[0], "c1", more)
}

#[test]
fn who_it_does_not_let_in_is_told_why() {
    let node = guarded().allow("nobody says who they are").allow(" guest: ").start();
    for (name, password, code) in [
        ("ann", "wrong", BAD_CREDENTIALS),
        ("ann", "", BAD_CREDENTIALS),
        ("banned", "open", NOT_AUTHORIZED),
        ("trap", "open", UNAVAILABLE),
        ("loop", "open", UNAVAILABLE),
        ("garbled", "open", UNAVAILABLE),
        ("huge", "open", UNAVAILABLE),
    ] {
        let refused = connect(&node, name, password);
        assert_eq!(refused["code"], code, "{name}: {refused}");
    }
    // Without a name it is asked, too.
    assert_eq!(Paho::new().connect(node.mqtt[0], "c", json!({}))["code"], BAD_CREDENTIALS);
    // None of that has harmed anybody.
    assert_eq!(connect(&node, "ann", "open")["code"], 0);
}

#[test]
fn it_gives_names_and_rights() {
    let node = guarded().start();
    let at = node.mqtt[0];
    let more = json!({ "username": "ann", "password": "open" });
    let mut ann = Paho::connected(at, "c1", more.clone());
    let mut other = Paho::connected(at, "c2", more);
    for (filter, code) in [
        ("cmd/ann-known/#", NOT_AUTHORIZED),
        ("cmd/ann-known/go", 1),
        ("cmd/ann-known/secret", NOT_AUTHORIZED),
        ("cmd/ann/go", NOT_AUTHORIZED),
    ] {
        assert_eq!(ann.subscribe(filter, 1), code, "{filter}");
    }
    assert_eq!(ann.publish("up/c1/a", "x", 1), 0x10);
    assert_eq!(ann.publish("up/c2/a", "x", 1), NOT_AUTHORIZED, "another client's");
    assert_eq!(other.publish("up/c2/a", "x", 1), 0x10);
}

#[test]
fn without_the_function_nobody_gets_in_and_with_it_they_do() {
    let node = Scenario::new()
        .config(CONFIG)
        .app("site", &manifest().replace("\"doorman\"", "\"other\""))
        .allow("no MQTT client is let in")
        .allow("nobody says who they are")
        .start();
    assert_eq!(connect(&node, "ann", "open")["code"], UNAVAILABLE);
    node.rewrite("site", &manifest());
    node.hang_up();
    wait_for(PATIENCE, || connect(&node, "ann", "open")["code"] == 0).expect("it is there now");
}

#[test]
fn it_is_asked_of_certificates_too() {
    let scenario = Scenario::new().app("site", &manifest());
    let folder = scenario.folder().to_owned();
    let authority = Authority::new(&folder, "ca");
    authority.issue("site", Subject { hosts: &["127.0.0.1"], ..Subject::default() });
    authority.issue("sensor", Subject { name: "sensor-7", client: true, ..Subject::default() });
    let node = scenario
        .config(
            "[[mqtt]]\nlisten = \"127.0.0.1:0\"\nclient_ca = \"ca.pem\"\n\
             [[mqtt.certificate]]\ncertificate = \"site.pem\"\nkey = \"site-key.pem\"\n\
             [broker]\nauthenticate = \"site/doorman\"\nacl = \"acl\"\n",
        )
        .file("acl", "user sensor-7\ntopic write up/7\n")
        .start();
    let path = |name: &str| folder.join(name).display().to_string();
    let more = json!({ "ca": path("ca.pem"), "cert": path("sensor.pem"),
                       "key": path("sensor-key.pem") });
    let mut sensor = Paho::connected(node.mqtt[0], "c", more);
    // It has given a name and no rights, so that those of the file hold.
    assert_eq!(sensor.publish("up/7", "x", 1), 0x10);
    assert_eq!(sensor.publish("up/8", "x", 1), NOT_AUTHORIZED);
}
