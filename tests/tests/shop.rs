//! The example `shop`: a folder behind a cache and the optimizer, as it is in the tree.

use sedge_tests::client::{self, Answer};
use sedge_tests::{Node, Scenario};
use std::fs;
use std::path::PathBuf;

fn example(path: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../examples/shop");
    fs::read_to_string(folder.join(path)).expect("a file of the example")
}

fn node() -> Node {
    // The same function, from where the tests have built it.
    let built = "../../functions/target/wasm32-wasip2/release/";
    let manifest = example("sedge.toml");
    assert!(manifest.contains(built));
    let mut scenario = Scenario::new().app("app", &manifest.replace(built, "{guests}/"));
    for file in ["index.html", "style.css", "products.json"] {
        let file = format!("site/{file}");
        scenario = scenario.file(&format!("app/{file}"), example(&file));
    }
    scenario.start()
}

fn ask(node: &Node, path: &str, coding: &str) -> Answer {
    let fields = [("host", "shop.example"), ("accept-encoding", coding)];
    client::call(node.listen, "GET", path, &fields, &[])
}

#[test]
fn what_was_made_smaller_comes_from_the_cache() {
    let node = node();
    for (path, optimization) in [
        ("/", Some("html_minification")),
        ("/style.css", None),
        ("/products.json", Some("json_minification")),
    ] {
        let file = format!("site/{}", path.trim_start_matches('/'));
        let original = example(if path == "/" { "site/index.html" } else { &file });
        for coding in ["br", "gzip", "zstd", "identity"] {
            let first = ask(&node, path, coding);
            let again = ask(&node, path, coding);
            let status = |answer: &Answer| answer.header("cache-status").unwrap_or("").to_string();
            assert!(status(&first).contains("fwd="), "{path} {coding}: {}", status(&first));
            // The first may still be arriving when the second asks.
            let is_stored = ["hit", "collapsed"].iter().any(|word| status(&again).contains(word));
            assert!(is_stored, "{path} {coding}: {}", status(&again));
            assert_eq!((again.status, &again.body), (200, &first.body), "{path} {coding}");
            let wanted = Some(coding).filter(|coding| *coding != "identity");
            assert_eq!(again.header("content-encoding"), wanted, "{path}");
            assert_eq!(again.header("vary"), Some("Accept-Encoding"), "{path}");
            let timing = again.header("server-timing").unwrap_or_default();
            assert!(optimization.is_none_or(|name| timing.starts_with(name)), "{path}: {timing}");
            assert!(again.body.len() <= original.len(), "{path} {coding}");
        }
    }
    let page = ask(&node, "/", "identity").text();
    assert!(!page.contains("product number") && page.contains("<h2>Sedge hat</h2>"), "{page}");
    let products = ask(&node, "/products.json", "identity").json();
    let original: serde_json::Value =
        serde_json::from_str(&example("site/products.json")).expect("JSON");
    assert_eq!(products, original);
}
