//! What comes of some events, so that native code and WebAssembly can be held against each
//! other: `golden.tsv` is checked natively by a test here, and in JavaScript hosts by
//! `functions/portable/test/checks.js`.
//!
//! `UPDATE_GOLDEN=1 cargo test -p analytics-core` writes the file anew.

use std::fmt::Write;
use std::path::Path;

use crate::process::Processor;

const HEADING: &str = "now_ms\tevent\tresult\n";

/// A person, a scraper in haste, and a scanner that fails, in turn.
fn rows() -> String {
    let mut processor = Processor::default();
    let mut rows = HEADING.to_owned();
    for at in 0..90_u64 {
        let now_ms = 1_795_850_000_000 + at * 40;
        let event = match at % 3 {
            0 if at % 9 == 0 => format!(
                r#"{{"userId":"person","eventType":"page_view","timestamp":{},"data":{{"url":"/p/{at}"}}}}"#,
                now_ms - at
            ),
            1 => r#"{"userId":"scraper","eventType":"page_view","data":{"url":"/all"}}"#.to_owned(),
            _ => r#"{"userId":"scanner","eventType":"probe","data":{"errorCount":1}}"#.to_owned(),
        };
        let made = processor.process(event.as_bytes(), now_ms as f64).expect("an event");
        let result = String::from_utf8(made.to_json()).expect("text");
        writeln!(rows, "{now_ms}\t{event}\t{result}").expect("it grows");
    }
    rows
}

#[test]
fn the_answers_are_those_of_the_golden_file() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden.tsv");
    let got = rows();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &got).expect("the source folder can be written");
    }
    let want = std::fs::read_to_string(&path).expect("golden.tsv is in the checkout");
    assert!(want.contains("unusual_behavior"), "nothing unusual is in it");
    assert_eq!(got, want);
}
