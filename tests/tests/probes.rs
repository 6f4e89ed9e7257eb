//! A new revision answers its probes before it takes the routes; one that does
//! not leaves the old one serving.

use sedge_tests::neighbor::Neighbor;
use sedge_tests::{Node, Scenario, guests, wait_for};
use std::time::Duration;

/// How long a reload may take to be served, or refused.
const PATIENCE: Duration = Duration::from_secs(30);

/// A manifest of a revision: the probe of the function for `wasi:http` 0.2, and
/// the one for 0.3.
fn manifest(revision: u32, probe: &str, probe_p3: &str) -> String {
    let function = |name: &str, route: &str, probe: &str| {
        format!(
            "[[function]]\nname = \"{name}\"\nsource = \"{{guests}}/{name}.wasm\"\n\
             routes = [\"{route}\"]\nprobe = {probe}\n\
             [function.limits]\ncpu_ms_max = 200\ndeadline_ms = 4000\n\
             response_body_bytes_max = 1000000\n\
             [function.environment]\nREVISION = \"{revision}\"\n"
        )
    };
    let functions = [function("probe", "/*", probe), function("probe-p3", "p3.local/*", probe_p3)];
    format!("[app]\nname = \"app\"\n{}", functions.concat())
}

const GOOD: &str = "\"/status?code=204\"";
const GOOD_P3: &str = "\"/early\"";

fn serves(node: &Node, revision: u32) -> bool {
    node.json("/env")["REVISION"].as_str() == Some(&revision.to_string())
}

#[test]
fn a_failing_probe_leaves_the_old_revision_serving() {
    let mut node = Scenario::new().app("app", &manifest(0, GOOD, GOOD_P3)).start();
    node.allow("app");
    let neighbor = Neighbor::start(node.listen, "/env");
    // (the probes, words that the reason must have)
    let cases = [
        (
            "\"/status?code=500\"",
            GOOD_P3,
            ["function probe ", "it answered 500, not 200 to 299: 500"],
        ),
        (
            "\"/absent\"",
            GOOD_P3,
            ["GET /absent", "404, not 200 to 299: the probe has no such path"],
        ),
        ("{ path = \"/status\", status = [204, 304] }", GOOD_P3, ["", "200, not 204 or 304"]),
        ("\"/spin?ms=20000\"", GOOD_P3, ["GET /spin?ms=20000", "CPU"]),
        ("\"/sleep?ms=60000\"", GOOD_P3, ["", "no sign of progress"]),
        ("\"/stack?depth=100000000\"", GOOD_P3, ["", "stack"]),
        // The head is right, and the body is not.
        ("\"/generate?bytes=1000001\"", GOOD_P3, ["", "1000000 bytes of response body"]),
        (GOOD, "\"/panic\"", ["function probe-p3 ", "GET /panic"]),
        (GOOD, "\"/error\"", ["", "the guest answered with the error"]),
        (GOOD, "\"/never\"", ["", "no sign of progress"]),
    ];
    for (probe, probe_p3, reasons) in cases {
        let before = node.log().len();
        node.rewrite("app", &manifest(1, probe, probe_p3));
        let told = || node.log()[before..].contains("app revision 1 goes on");
        assert!(wait_for(PATIENCE, told).is_some(), "{probe} {probe_p3}\n{}", node.log());
        let log = node.log();
        for reason in reasons {
            assert!(log[before..].contains(reason), "no `{reason}`\n{}", &log[before..]);
        }
        assert!(serves(&node, 0), "{probe} {probe_p3}");
    }
    for (revision, probe) in [
        (2, GOOD),
        (3, "{ path = \"/status?code=503\", host = \"shop.example.org\", status = [200, 503] }"),
        // The largest body that is allowed.
        (4, "\"/generate?bytes=1000000\""),
    ] {
        node.rewrite("app", &manifest(revision, probe, GOOD_P3));
        let served = wait_for(PATIENCE, || serves(&node, revision));
        assert!(served.is_some(), "{probe}\n{}", node.log());
    }
    let report = neighbor.stop();
    assert!(report.failures.is_empty(), "{:?}", report.failures);
    assert!(report.answered > 0);
}

#[test]
fn a_changed_artifact_is_probed() {
    let manifest = "[app]\nname = \"app\"\n[[function]]\nname = \"hello\"\nsource = \"hello.wasm\"\n\
                    routes = [\"/*\"]\nprobe = \"/hello\"\n";
    let mut node =
        Scenario::new().file("app/hello.wasm", guests::bytes("hello")).app("app", manifest).start();
    node.allow("app");
    // The probe in the place of hello has no such path.
    let path = node.folder().join("app/hello.wasm");
    std::fs::write(&path, guests::bytes("probe")).expect("written");
    node.wait_log("it answered 404", PATIENCE);
    assert_eq!(node.text("/hello"), "hello, world\n");
}

#[test]
fn a_node_whose_only_app_fails_its_probe_does_not_start() {
    let scenario = Scenario::new().app("app", &manifest(0, "\"/absent\"", GOOD_P3));
    let (status, log) = scenario.fail_to_start();
    assert!(!status.success());
    assert!(log.contains("probe function probe of app app with GET /absent"), "{log}");
}
