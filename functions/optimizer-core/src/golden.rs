//! What comes of files of the checkout, so that native code and WebAssembly can be held
//! against each other: `golden.tsv` is checked natively by a test here, and in JavaScript
//! hosts by `functions/portable/test/checks.js`.
//!
//! `UPDATE_GOLDEN=1 cargo test -p optimizer-core` writes the file anew.

use crate::optimize::optimize;
use std::fmt::Write;
use std::path::Path;

const HEADING: &str = "file\trequest\tbytes\tcontent and answer in 64-bit FNV-1a\n";
const FILES: [(&str, &str); 3] = [
    ("examples/shop/site/index.html", "text/html"),
    ("examples/shop/site/products.json", "application/json"),
    ("LICENSE", "text/plain"),
];

/// 64-bit FNV-1a.
fn digest(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

fn rows() -> String {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut rows = HEADING.to_owned();
    for (file, content_type) in FILES {
        let content = std::fs::read(here.join("../..").join(file));
        let content = content.expect("the file is in the checkout");
        for coding in ["", "gzip", "br", "zstd"] {
            for connection in ["4g", "2g"] {
                let request = format!(
                    "{{\"content_type\":\"{content_type}\",\"accept_encoding\":\"{coding}\",\
                     \"client_hints\":{{\"connection\":\"{connection}\"}}}}"
                );
                let (answer, made) = optimize(request.as_bytes(), &content).expect("a request");
                let mut told = made.to_vec();
                told.extend(serde_json::to_vec(&answer).expect("an answer"));
                let (bytes, digest) = (made.len(), digest(&told));
                writeln!(rows, "{file}\t{request}\t{bytes}\t{digest:016x}").expect("it grows");
            }
        }
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
    assert_eq!(got, want);
}
