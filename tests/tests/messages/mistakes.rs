//! What a manifest cannot mean is told before anything is served.

use crate::{FRONT, manifest};
use sedge_tests::Scenario;

fn refused(manifest: &str) -> String {
    let scenario = Scenario::new().config(FRONT).app("plant", manifest);
    let (status, log) = scenario.allow("").fail_to_start();
    assert!(!status.success());
    log
}

#[test]
fn a_function_must_export_what_starts_it() {
    let log = refused(
        r#"
        [app]
        name = "plant"
        [[function]]
        name = "hello"
        source = "{guests}/hello.wasm"
        [function.trigger.message]
        topics = ["jobs/#"]
        "#,
    );
    let expected = "the function `hello` is started by messages, but its component does not export \
                    sedge:stream/handler";
    assert!(log.contains(expected), "{log}");
    assert!(log.contains("it exports wasi:http 0.2"), "{log}");
    let log =
        refused(&manifest("").replace("name = \"tally\"", "name = \"tally\"\nroutes = [\"/*\"]"));
    assert!(log.contains("`tally` answers requests, but its component does not export"), "{log}");
}

#[test]
fn a_topic_that_is_none_is_told_with_its_line() {
    let log = refused(&manifest("").replace("\"jobs/#\"", "\"jobs/#/x\", \"$SYS/#\""));
    assert!(log.contains("jobs/#/x") && log.contains("$SYS/#"), "{log}");
    assert!(log.contains("hint:"), "{log}");
}
