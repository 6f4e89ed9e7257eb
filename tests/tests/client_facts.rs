//! What functions learn of clients and addresses, and what they say while they answer: with the
//! real binary, for `wasi:http` 0.2 and 0.3.

use sedge_tests::client::{self, encode};
use sedge_tests::mmdb::{Database, map};
use sedge_tests::mqtt::{PATIENCE, Paho};
use sedge_tests::{Node, Scenario, guests, wait_for};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};

/// Two apps for each version: one is granted all, one nothing.
const VERSIONS: [(&str, &str); 2] = [("p2", "probe"), ("p3", "probe-p3")];

fn scenario() -> Scenario {
    let mut scenario = Scenario::new();
    for (version, guest) in VERSIONS {
        let manifest = |app: &str, capabilities: &str| {
            format!(
                r#"
                [app]
                name = "{app}-{version}"
                [[function]]
                name = "probe"
                source = "{{guests}}/{guest}.wasm"
                routes = ["{app}.{version}/*"]
                {capabilities}
                "#
            )
        };
        let all = r#"
            [function.capabilities]
            geo = true
            client = true
            emit = ["said/#"]
            publish = ["told/#"]
            "#;
        scenario = scenario
            .app(&format!("all-{version}"), &manifest("all", all))
            .app(&format!("none-{version}"), &manifest("none", ""));
    }
    scenario
}

/// What the probe answers: JSON, or the text of an error.
fn ask(node: &Node, host: &str, target: &str, fields: &[(&str, &str)]) -> Value {
    let fields: Vec<_> = [("host", host)].into_iter().chain(fields.iter().copied()).collect();
    let answer = client::call(node.listen, "GET", target, &fields, &[]);
    let text = answer.text().trim().to_owned();
    serde_json::from_str(&text).unwrap_or(Value::String(text))
}

fn sedge(arguments: &[&str]) -> Output {
    Command::new(guests::binary()).args(arguments).output().expect("the program runs")
}

/// `sedge`, which must end well; what it prints.
fn run(arguments: &[&str]) -> String {
    let output = sedge(arguments);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// `sedge`, which must fail; what it says.
fn refused(arguments: &[&str]) -> String {
    let output = sedge(arguments);
    assert!(!output.status.success(), "{arguments:?} ends well");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A database that has 192.0.2.0/24 in a country.
fn country(country: &str) -> Vec<u8> {
    let mut database = Database::new("countries");
    let network = "192.0.2.0".parse().expect("an address");
    database.add(network, 24, map([("country_code", country), ("city", "Somewhere")]));
    database.bytes()
}

/// The folder of the node's state.
fn data(node: &Node) -> String {
    node.folder().join("data").to_str().expect("UTF-8").to_owned()
}

/// Waits until something is so.
fn until(what: &str, check: impl FnMut() -> bool) {
    assert!(wait_for(PATIENCE, check).is_some(), "{what} did not come");
}

#[test]
fn nothing_is_told_that_is_not_granted() {
    let node = scenario().start();
    for (version, _) in VERSIONS {
        let host = format!("none.{version}");
        let ask = |target: &str| ask(&node, &host, target, &[]);
        assert_eq!(ask("/facts/client"), Value::Null);
        for (target, told) in [
            ("/facts/locate?address=192.0.2.1", "AccessDenied"),
            ("/facts/agent?text=curl/8", "AccessDenied"),
            ("/facts/emit?topic=said/x&text=a", "AccessDenied"),
            ("/facts/publish?topic=told/x&text=a", "AccessDenied"),
            ("/facts/state", "AccessDenied"),
        ] {
            let answer = ask(target);
            assert!(answer.as_str().is_some_and(|text| text.contains(told)), "{target}: {answer}");
        }
        let host = format!("all.{version}");
        let state = told(&node, &host, "/facts/state");
        assert!(state.contains("state"), "{state}");
        assert!(told(&node, &host, "/facts/emit?topic=other/x&text=a").contains("emit = "));
        // Nobody is there to publish to.
        assert!(told(&node, &host, "/facts/publish?topic=told/x&text=a").contains("[[mqtt]]"));
    }
}

/// The text of an error.
fn told(node: &Node, host: &str, target: &str) -> String {
    ask(node, host, target, &[]).as_str().unwrap_or_default().to_owned()
}

#[test]
fn addresses_are_looked_up_in_what_sedge_geo_puts_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).expect("written");
        path.to_str().expect("UTF-8").to_owned()
    };
    let node = scenario().start();
    let data = data(&node);
    let locate = |version: &str, address: &str| {
        let target = format!("/facts/locate?address={}", encode(address));
        ask(&node, &format!("all.{version}"), &target, &[])
    };
    assert_eq!(locate("p2", "192.0.2.1"), "Error::NoDatabase");

    // What is wrong comes first: nothing of it lands.
    let good = country("CH");
    let broken = file("broken.mmdb", &good[..good.len() - 40]);
    let told = refused(&["geo", "update", &broken, "--data", &data]);
    assert!(told.contains("no usable database") && told.contains("hint: "), "{told}");
    let told = refused(&["geo", "update", "absent.mmdb", "--data", &data]);
    assert!(told.contains("absent.mmdb does not exist") && told.contains("hint: "), "{told}");
    assert!(refused(&["geo", "locate", "192.0.2.1", "--data", &data]).contains("sedge geo update"));
    assert!(run(&["geo", "show", "--data", &data]).contains("no databases"));

    let update = |bytes: &[u8]| {
        let path = file("countries.mmdb", bytes);
        run(&["geo", "update", &path, "--data", &data])
    };
    assert!(update(&good).contains("countries.mmdb"));
    let located = run(&["geo", "locate", "192.0.2.9", "--data", &data, "--json"]);
    let located: Value = serde_json::from_str(&located).expect("JSON");
    assert_eq!(located["country"], "CH");
    // The node notices by itself.
    for (version, _) in VERSIONS {
        until("the database", || locate(version, "192.0.2.1")["country"] == "CH");
        assert_eq!(locate(version, "198.51.100.1"), Value::Null);
        for none in ["", "localhost", "192.0.2.1.", "1e9"] {
            let told = locate(version, none);
            assert!(told.as_str().is_some_and(|text| text.contains("NotAnAddress")), "{told}");
        }
    }
    assert!(update(&country("SE")).contains("countries.mmdb"));
    until("the new one", || locate("p3", "192.0.2.1")["country"] == "SE");
}

#[test]
fn a_client_is_its_socket_and_not_what_it_writes_of_itself() {
    let spoofed = [("x-forwarded-for", "203.0.113.9"), ("forwarded", "for=203.0.113.9")];
    let node = scenario().start();
    for (version, _) in VERSIONS {
        let told = ask(&node, &format!("all.{version}"), "/facts/client", &spoofed);
        assert_eq!(told, "127.0.0.1");
    }
    drop(node);
    let node = scenario().config("[ingress]\ntrusted_hops = 1\n").start();
    let told =
        ask(&node, "all.p3", "/facts/client", &[("x-forwarded-for", "1.2.3.4, 203.0.113.9")]);
    assert_eq!(told, "203.0.113.9");
    let told = ask(&node, "all.p3", "/facts/client", &[("x-forwarded-for", "nonsense")]);
    assert_eq!(told, "127.0.0.1");
}

#[test]
fn user_agents_are_read_with_and_without_patterns() {
    let folder = tempfile::tempdir().expect("a folder");
    let node = scenario().allow("pattern").start();
    let data = data(&node);
    let text = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 \
                (KHTML, like Gecko) Sedgie/7 Mobile/15E148";
    let read =
        |text: &str| ask(&node, "all.p2", &format!("/facts/agent?text={}", encode(text)), &[]);
    let bare = json!({ "kind": "Kind::Mobile", "browser": "Other", "major": null, "system": "Other", "brand": null });
    assert_eq!(read(text), bare);
    assert!(read(&"x".repeat(3_000)).as_str().is_some_and(|told| told.contains("TooLong(2048)")));

    let file = |text: &str| {
        let path = folder.path().join("regexes.yaml");
        std::fs::write(&path, text).expect("written");
        path.to_str().expect("UTF-8").to_owned()
    };
    let patterns = |name: &str| {
        format!(
            "user_agent_parsers:\n  - regex: '(Sedgie)/(\\d+)'\n    family_replacement: '{name}'\n\
             os_parsers:\n  - regex: 'iPhone OS'\n    os_replacement: 'iOS'\n\
             device_parsers:\n  - regex: 'iPhone'\n    device_replacement: 'iPhone'\n    \
             brand_replacement: 'Apple'\n"
        )
    };
    let told = refused(&["agents", "update", &file("a: b\n"), "--data", &data]);
    assert!(told.contains("no patterns of uap-core") && told.contains("hint: "), "{told}");
    let update = |name: &str| run(&["agents", "update", &file(&patterns(name)), "--data", &data]);
    assert_eq!(update("First").trim(), "1 patterns of browsers, 1 of systems, 1 of devices");
    until("the patterns", || read(text)["browser"] == "First");
    let full = read(text);
    assert_eq!(
        (&full["major"], &full["system"], &full["brand"]),
        (&json!("7"), &json!("iOS"), &json!("Apple"))
    );
    let shown = run(&["agents", "read", text, "--data", &data]);
    assert!(shown.contains("First 7") && shown.contains("mobile"), "{shown}");
    update("Second");
    until("the new patterns", || read(text)["browser"] == "Second");
}

/// What lies in the log below a topic: topics and texts.
fn logged(node: &Node, topic: &str) -> Vec<(String, String)> {
    let text = run(&["streams", "read", "--admin", &node.admin.to_string(), "--topic", topic]);
    let records = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let part = |record: &Value, name: &str| record[name].as_str().unwrap_or_default().to_owned();
    records.map(|record| (part(&record, "topic"), part(&record, "payload"))).collect()
}

#[test]
fn what_is_said_while_answering_lies_in_the_log_when_the_call_has_ended_well() {
    let mut node = scenario().allow("facts.rs").allow("on purpose").allow("RUST_BACKTRACE").start();
    for (version, _) in VERSIONS {
        let host = format!("all.{version}");
        let trapped = format!("/facts/trap?topic=said/{version}&text=never");
        client::call(node.listen, "GET", &trapped, &[("host", &host)], &[]);
        for number in 0..20 {
            let target = format!("/facts/emit?topic=said/{version}&text={number}");
            assert_eq!(ask(&node, &host, &target, &[]), "said");
        }
        let topic = format!("said/{version}");
        until("all that was said", || logged(&node, &topic).len() == 20);
        // A call ends after its answer has begun, so that they may overtake each other.
        let texts: BTreeSet<_> = logged(&node, &topic).into_iter().map(|(_, text)| text).collect();
        assert_eq!(texts, (0..20).map(|number| number.to_string()).collect());
    }
    let metrics = node.metrics();
    let said = |outcome| metrics.sum("sedge_request_messages_total", &[("outcome", outcome)]);
    assert_eq!((said("appended"), said("lost")), (40.0, 0.0));
    // What comes after the thousandth is refused, and the others are said.
    let told = told(&node, "all.p3", "/facts/emit?topic=said/many&count=2000&text=x");
    assert!(told.contains("TooLarge"), "{told}");
    until("a thousand", || logged(&node, "said/many").len() == 1_000);
    // A node that stops appends what was said just before.
    let target = "/facts/emit?topic=said/last&text=words";
    assert_eq!(ask(&node, "all.p3", target, &[]), "said");
    assert!(node.stop().success());
    node.restart();
    assert_eq!(logged(&node, "said/last"), [("said/last".to_owned(), "words".to_owned())]);
}

#[test]
fn what_is_published_while_answering_reaches_clients() {
    let front = "[[mqtt]]\nlisten = \"127.0.0.1:0\"\n[broker]\nanonymous = true\n";
    let node = scenario().config(front).start();
    let mut watcher = Paho::connected(node.mqtt[0], "watcher", json!({}));
    assert!(watcher.subscribe("told/#", 1) <= 1);
    for (version, _) in VERSIONS {
        for durable in ["", "&durable=yes"] {
            let target = format!("/facts/publish?topic=told/{version}&text=on{durable}");
            assert_eq!(ask(&node, &format!("all.{version}"), &target, &[]), "said");
            let (topic, text, _) = watcher.message();
            assert_eq!((topic, text.as_str()), (format!("told/{version}"), "on"));
        }
    }
}

/// Runs a program with these words in a folder, which must end well; what it prints.
fn shell(folder: &Path, script: &str) -> String {
    let output = Command::new("sh").args(["-ec", script]).current_dir(folder).output();
    let output = output.expect("a shell");
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[test]
fn a_package_is_fetched_from_a_registry_and_one_that_was_changed_on_its_way_is_not() {
    let site = "[app]\nname = \"registry\"\n[[route]]\nname = \"all\"\nmatch = [\"/*\"]\n\
                files = { folder = \"site\" }\n";
    let scenario = Scenario::new().file("registry/site/empty.txt", "").app("registry", site);
    let node = scenario.start();
    let (data, folder) = (data(&node), node.folder().join("registry/site"));
    let registry = format!("http://{}", node.listen);
    let update = ["geo", "update", "@places/countries", "--registry", &registry, "--data", &data];
    let told = refused(&update);
    assert!(told.contains("404") && told.contains("hint: "), "{told}");

    // Packed by the system's own tools, and told as registries do.
    std::fs::create_dir_all(folder.join("package")).expect("made");
    std::fs::write(folder.join("package/countries.mmdb"), country("NO")).expect("written");
    shell(&folder, "tar czf countries.tgz package; mkdir -p @places/countries");
    let digest = shell(&folder, "openssl dgst -sha512 -binary countries.tgz | base64 -w0");
    let tell = |digest: &str| {
        let tarball = format!("{registry}/countries.tgz");
        let about = json!({
            "version": "1.2.3",
            "dist": { "tarball": tarball, "integrity": format!("sha512-{digest}") },
        });
        std::fs::write(folder.join("@places/countries/latest"), about.to_string())
            .expect("written");
    };
    tell("bm90IGl0");
    let told = refused(&update);
    assert!(told.contains("is not what the registry announced"), "{told}");
    assert!(run(&["geo", "show", "--data", &data]).contains("no databases"));
    tell(&digest);
    assert!(run(&update).contains("countries.mmdb"));
    assert!(run(&["geo", "locate", "192.0.2.1", "--data", &data]).contains("NO"));
    for (words, part) in [
        (&["geo", "update", "Not A Package"][..], "does not exist"),
        (&["geo", "update", "left-pad@", "--registry", &registry], "does not exist"),
        (&["geo", "update", "x", "--registry", "no url"], "no URL"),
        (&["geo", "update", "x", "--registry", "http://127.0.0.1:1"], "hint: "),
        (&["geo", "update", "x", "--cacert", "absent.pem"], "absent.pem"),
        (&["agents", "update", "@places/countries", "--registry", &registry], ".yaml"),
    ] {
        let told = refused(words);
        assert!(told.contains(part), "{words:?}: {told}");
    }
}
