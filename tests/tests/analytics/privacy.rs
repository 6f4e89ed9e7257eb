//! What of a person leaves the link.

use crate::{manifest, summary};
use sedge_tests::Scenario;
use sedge_tests::client::call;
use std::path::Path;

/// How often a text is in the files below a folder.
fn occurrences(folder: &Path, text: &[u8]) -> usize {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let count = |path: &Path| {
        let bytes = std::fs::read(path).unwrap_or_default();
        bytes.windows(text.len()).filter(|window| *window == text).count()
    };
    entries
        .map(|entry| entry.expect("an entry").path())
        .map(|path| if path.is_dir() { occurrences(&path, text) } else { count(&path) })
        .sum()
}

#[test]
fn nothing_of_a_person_is_on_the_disk() {
    // Compiled by itself: shared code has the words of other functions in it.
    let app = manifest("ANALYTICS_OPEN = \"true\"", "");
    let mut node = Scenario::new().app("shop", &app).start();
    let fields = [("x-user-id", "alice.liddell@example.org"), ("user-agent", "Looking-Glass/1.0")];
    for _ in 0..5 {
        let target = "/generate/members/alice.liddell?bytes=10&session=5ecre7";
        call(node.listen, "GET", target, &fields, b"");
        call(node.listen, "GET", "/status?code=200", &fields[1..], b"");
        let event = br#"{"userId":"bob.dodgson","eventType":"croquet","data":{"url":"/queen"}}"#;
        assert_eq!(call(node.listen, "POST", "/analytics/events", &[], event).status, 202);
    }
    // One is known by his id, another one by his network and browser, the third one by an event.
    summary(&node, "", |told| told["sessions"]["open"] == 3 && told["requests"] == 10);
    assert!(node.stop().success());
    let data = node.folder().join("data");
    // What may be there is found, so that what may not would be.
    assert!(occurrences(&data, b"croquet") > 0 && occurrences(&data, b"bodies") > 0);
    for private in ["alice", "liddell", "Looking-Glass", "5ecre7", "bob", "dodgson", "127.0.0"] {
        assert_eq!(occurrences(&data, private.as_bytes()), 0, "{private}");
    }
}
