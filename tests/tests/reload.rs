//! A changed manifest or artifact becomes a new revision without a single
//! failed request; a bad one changes nothing.

use sedge_tests::neighbor::Neighbor;
use sedge_tests::{Node, Scenario, guests, wait_for};
use std::time::Duration;

/// How long a reload may take to be served.
const PATIENCE: Duration = Duration::from_secs(30);

fn manifest(revision: u32) -> String {
    format!(
        "[app]\nname = \"app\"\n\n[[function]]\nname = \"probe\"\n\
         source = \"{{guests}}/probe.wasm\"\nroutes = [\"/*\"]\n\
         [function.environment]\nREVISION = \"{revision}\"\n\n\
         [[function]]\nname = \"hello\"\nsource = \"hello.wasm\"\nroutes = [\"/hello\"]\n"
    )
}

fn node() -> Node {
    Scenario::new().file("app/hello.wasm", guests::bytes("hello")).app("app", &manifest(0)).start()
}

fn serves(node: &Node, revision: u32) -> bool {
    node.json("/env")["REVISION"].as_str() == Some(&revision.to_string())
}

#[test]
fn a_hundred_reloads_under_load_fail_no_request() {
    let node = node();
    let changed = Neighbor::start(node.listen, "/env");
    let unchanged = Neighbor::start(node.listen, "/hello");
    for revision in 1..=100 {
        node.rewrite("app", &manifest(revision));
        let served = wait_for(PATIENCE, || serves(&node, revision));
        assert!(served.is_some(), "revision {revision} is not served\n{}", node.log());
    }
    for neighbor in [changed, unchanged] {
        let report = neighbor.stop();
        println!("{} requests answered during 100 reloads", report.answered);
        assert!(report.failures.is_empty(), "{:?}", report.failures);
    }
}

#[test]
fn a_bad_revision_leaves_the_old_one_serving() {
    let mut node = node();
    node.allow("app");
    // (what is wrong, a word that the reason must have)
    let cases = [
        (manifest(1).replace("routes", "roots"), "roots"),
        ("this is not TOML".to_string(), "sedge.toml"),
        (manifest(1).replace("hello.wasm", "absent.wasm"), "absent.wasm"),
        (manifest(1).replace("hello.wasm", "broken.wasm"), "broken"),
    ];
    std::fs::write(node.folder().join("app/broken.wasm"), b"\0asm broken").expect("written");
    for (text, reason) in cases {
        let before = node.log().len();
        node.rewrite("app", &text);
        let told = wait_for(PATIENCE, || node.log()[before..].contains(reason));
        assert!(told.is_some(), "`{reason}` is not in the log\n{}", &node.log()[before..]);
        assert!(serves(&node, 0), "{reason}");
        assert_eq!(node.text("/hello"), "hello, world\n", "{reason}");
    }
    node.rewrite("app", &manifest(2));
    assert!(wait_for(PATIENCE, || serves(&node, 2)).is_some(), "{}", node.log());
}

#[test]
fn a_changed_artifact_is_served() {
    let mut node = node();
    node.allow("app");
    let path = node.folder().join("app/hello.wasm");
    std::fs::write(&path, guests::bytes("hello").split_off(100)).expect("written");
    assert!(wait_for(PATIENCE, || node.log().contains("hello")).is_some());
    assert_eq!(node.text("/hello"), "hello, world\n");
    // The probe in the place of hello answers other paths.
    std::fs::write(&path, guests::bytes("probe")).expect("written");
    let changed = wait_for(PATIENCE, || node.get("/hello").status == 404);
    assert!(changed.is_some(), "{}", node.log());
}

#[test]
fn a_file_with_a_value_of_the_configuration_is_read_again_when_it_changes() {
    let manifest = "[app]\nname = \"app\"\n\n[[function]]\nname = \"probe\"\n\
                    source = \"{guests}/probe.wasm\"\nroutes = [\"/*\"]\n\
                    [function.capabilities.config]\nplain = \"text\"\n\
                    flags = { file = \"flags.json\" }\n";
    let scenario = Scenario::new().app("app", manifest);
    let node = scenario.file("app/flags.json", "[1]").allow("flags").start();
    assert_eq!(node.json("/config")["plain"], "text");
    assert_eq!(node.json("/config?key=flags"), "[1]");
    node.replace("app/flags.json", "[2]");
    wait_for(PATIENCE, || node.json("/config?key=flags") == "[2]").expect("the new value");
    // Without it, the old revision goes on, and why is told.
    std::fs::remove_file(node.folder().join("app/flags.json")).expect("removed");
    node.wait_log("the config value `flags`", PATIENCE);
    assert_eq!(node.json("/config?key=flags"), "[2]");
    node.replace("app/flags.json", "[3]");
    wait_for(PATIENCE, || node.json("/config?key=flags") == "[3]").expect("the next value");
}
