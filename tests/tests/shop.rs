//! The example `shop`: a folder behind a cache, the optimizer and the function that makes
//! its pictures, as it is in the tree.

use sedge_tests::client::{self, Answer};
use sedge_tests::{Node, Scenario, guests, wait_for};
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

/// How long what is counted may take to be shown.
const PATIENCE: Duration = Duration::from_secs(90);

fn example(path: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../examples/shop");
    fs::read(folder.join(path)).expect("a file of the example")
}

fn text(path: &str) -> String {
    String::from_utf8(example(path)).expect("a text")
}

/// What the example's own port is in the tree: here another node, that has the folder and
/// nothing before it, because the port of the first is not known before it starts.
fn folder() -> Node {
    let manifest = "[app]\nname = \"folder\"\n[[route]]\nname = \"site\"\n\
                    files = { folder = \"site\", cache_control = \"max-age=600\" }\n";
    Scenario::new()
        .share_code()
        .app("app", manifest)
        .file("app/site/rocket.jpg", example("site/rocket.jpg"))
        .start()
}

fn node(folder: &Node) -> Node {
    let mut manifest = text("sedge.toml");
    for (from, to) in [
        // The same functions, from where the tests have built them.
        ("../../functions/target/wasm32-wasip2/release/", "{guests}/".to_owned()),
        ("http://127.0.0.1:3000", format!("http://{}", folder.listen)),
    ] {
        assert!(manifest.contains(from), "{from}");
        manifest = manifest.replace(from, &to);
    }
    let mut scenario = Scenario::new().share_code().app("app", &manifest);
    for file in ["index.html", "style.css", "shop.js", "products.json", "rocket.jpg"] {
        let file = format!("site/{file}");
        scenario = scenario.file(&format!("app/{file}"), example(&file));
    }
    scenario.start()
}

fn ask(node: &Node, path: &str, coding: &str) -> Answer {
    let fields = [("host", "shop.example"), ("accept-encoding", coding)];
    client::call(node.listen, "GET", path, &fields, &[])
}

/// One node for all: compiling its functions takes longer than the rest.
#[test]
fn the_shop_is_served_as_its_readme_says() {
    let folder = folder();
    let node = node(&folder);
    what_was_made_smaller_comes_from_the_cache(&node);
    the_page_asks_for_pictures_that_there_are_and_each_is_made_once(&node);
}

fn what_was_made_smaller_comes_from_the_cache(node: &Node) {
    for (path, optimization) in [
        ("/", Some("html_minification")),
        ("/style.css", Some("css_minification")),
        ("/shop.js", Some("js_minification")),
        ("/products.json", Some("json_minification")),
    ] {
        let file = format!("site/{}", path.trim_start_matches('/'));
        let original = example(if path == "/" { "site/index.html" } else { &file });
        for coding in ["br", "gzip", "zstd", "identity"] {
            let first = ask(node, path, coding);
            let again = ask(node, path, coding);
            let status = |answer: &Answer| answer.header("cache-status").unwrap_or("").to_string();
            assert!(status(&first).contains("fwd="), "{path} {coding}: {}", status(&first));
            // The first may still be arriving when the second asks.
            let is_stored = ["hit", "collapsed"].iter().any(|word| status(&again).contains(word));
            assert!(is_stored, "{path} {coding}: {}", status(&again));
            assert_eq!((again.status, &again.body), (200, &first.body), "{path} {coding}");
            let wanted = Some(coding).filter(|coding| *coding != "identity");
            assert_eq!(again.header("content-encoding"), wanted, "{path}");
            let varies = again.header("vary").unwrap_or_default();
            assert!(varies.contains("Accept-Encoding"), "{path}: {varies}");
            let timing = again.header("server-timing").unwrap_or_default();
            assert!(optimization.is_none_or(|name| timing.starts_with(name)), "{path}: {timing}");
            assert!(again.body.len() <= original.len(), "{path} {coding}");
        }
    }
    let page = ask(node, "/", "identity").text();
    assert!(!page.contains("product number") && page.contains("<h2>Sedge hat</h2>"), "{page}");
    let script = ask(node, "/shop.js", "identity").text();
    assert!(script.starts_with("/*! The shop") && !script.contains("exact"), "{script}");
    assert!(script.contains("querySelectorAll") && !script.contains("fraction"), "{script}");
    let style = ask(node, "/style.css", "zstd");
    assert_eq!(style.header("use-as-dictionary"), Some("match=\"/style.css\""));
    let products = ask(node, "/products.json", "identity").json();
    let original: serde_json::Value =
        serde_json::from_slice(&example("site/products.json")).expect("JSON");
    assert_eq!(products, original);
}

fn the_page_asks_for_pictures_that_there_are_and_each_is_made_once(node: &Node) {
    let page = ask(node, "/?pictures", "br, gzip");
    assert!(page.header("server-timing").unwrap_or_default().contains("image_variants"));
    let page = ask(node, "/", "identity").text();
    assert!(page.contains("src=\"/rocket.jpg\""), "not smaller, so as it was: {page}");
    let picture = |target: &str, accept: &str| {
        let fields = [("host", "shop.example"), ("accept", accept)];
        client::call(node.listen, "GET", target, &fields, &[])
    };
    for (target, accept, media) in [
        ("/cdn-cgi/image/width=320,format=auto/rocket.jpg", "image/webp,*/*", "image/webp"),
        (
            "/cdn-cgi/image/width=240,format=auto,quality=60/rocket.jpg",
            "image/avif,image/webp,*/*",
            "image/avif",
        ),
        ("/cdn-cgi/image/width=640,format=auto/rocket.jpg", "*/*", "image/jpeg"),
    ] {
        // The first may still be arriving when the second asks.
        for statuses in [["fwd=", "fwd="], ["hit", "collapsed"]] {
            let answer = picture(target, accept);
            assert_eq!(answer.status, 200, "{target}: {}", answer.text());
            assert_eq!(answer.header("content-type"), Some(media));
            assert!(answer.body.len() < example("site/rocket.jpg").len());
            let told = answer.header("cache-status").unwrap_or_default();
            assert!(statuses.iter().any(|status| told.contains(status)), "{target}: {told}");
        }
    }
    for (target, status) in [
        ("/cdn-cgi/image/width=320/none.jpg", 404),
        ("/cdn-cgi/image/width=0.5,sharpen=many/rocket.jpg", 400),
        ("/cdn-cgi/image/width=320/http://127.0.0.1:1/a.jpg", 403),
    ] {
        assert_eq!(picture(target, "*/*").status, status, "{target}");
    }
}

const BROWSER: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0";

/// The manifest in the folder `decisions`, with its files.
fn decisions() -> Node {
    let manifest = text("decisions/sedge.toml");
    let built = "../../../functions/target/wasm32-wasip2/release/";
    assert!(manifest.contains(built));
    let mut scenario =
        Scenario::new().share_code().app("app", &manifest.replace(built, "{guests}/"));
    for file in [
        "policies.cedar",
        "features.json",
        "site/index.html",
        "site/offer.html",
        "site/new/index.html",
        "site/new/offer.html",
        "site/staff/index.html",
    ] {
        scenario = scenario.file(&format!("app/{file}"), example(&format!("decisions/{file}")));
    }
    scenario
        .file("app/secrets/experiments", "bm8tc2hvcC1oYXMtdGhpcy1zZWNyZXQ=")
        .file("app/secrets/analytics", "another secret of this test")
        .start()
}

/// What a browser is answered, and its cookie afterwards.
fn visit(node: &Node, path: &str, cookie: &str) -> (Answer, String) {
    let mut fields = vec![("host", "shop.example"), ("user-agent", BROWSER)];
    if !cookie.is_empty() {
        fields.push(("cookie", cookie));
    }
    let answer = client::call(node.listen, "GET", path, &fields, &[]);
    let set = answer.header("set-cookie").and_then(|set| set.split(';').next());
    let cookie = set.unwrap_or(cookie).to_owned();
    (answer, cookie)
}

#[test]
fn decisions_are_made_before_the_shop_as_its_readme_says() {
    let node = decisions();
    let (mut old, mut new) = (0, 0);
    for _ in 0..40 {
        let (first, cookie) = visit(&node, "/", "");
        assert_eq!(first.status, 200, "{}", first.text());
        let is_new = first.text().contains("Hats, baskets");
        let variant = if is_new { "new_page" } else { "control" };
        assert_eq!(first.header("x-variant"), Some(variant));
        // The same visitor sees the same page, and somebody else's is not touched by it.
        for _ in 0..3 {
            let (again, same) = visit(&node, "/", &cookie);
            assert_eq!((again.text(), same), (first.text(), cookie.clone()));
        }
        if is_new {
            new += 1
        } else {
            old += 1
        }
        // Every second one follows the offer.
        if (old + new) % 2 == 0 {
            assert_eq!(visit(&node, "/offer.html", &cookie).0.status, 200);
        }
    }
    assert!(old > 5 && new > 5, "{old} saw the old page and {new} the new one");
    let (staff, _) = visit(&node, "/staff/", "");
    assert_eq!(staff.status, 403);
    assert!(!staff.text().contains("Orders of the day"));

    let ask = |token: &str| {
        let field = format!("Bearer {token}");
        let fields = [("host", "shop.example"), ("authorization", field.as_str())];
        client::call(node.listen, "GET", "/analytics/summary.json?range=60m", &fields, &[])
    };
    assert_eq!(ask("wrong").status, 401);
    let counted = wait_for(PATIENCE, || {
        let answer = ask("another secret of this test");
        let summary: Value = serde_json::from_str(&answer.text()).ok()?;
        // 40 visitors with four requests, half of them with one more, and one for the staff.
        (summary["requests"].as_u64()? >= 181).then_some(summary)
    });
    let summary = counted.expect("the requests are counted");
    assert_eq!((&summary["requests"], &summary["classes"]["4xx"]), (&json!(181), &json!(1)));

    let report = wait_for(PATIENCE, || {
        let output = std::process::Command::new(guests::binary())
            .args(["experiments", "report", "--json", "--admin", &node.admin.to_string()])
            .output()
            .expect("the program runs");
        let told: Value = serde_json::from_slice(&output.stdout).ok()?;
        let report = told["reports"].as_array()?.first()?.clone();
        let variations = report["measures"][0]["variations"].as_array()?;
        let visitors: Option<u64> = variations.iter().map(|one| one["visitors"].as_u64()).sum();
        (visitors == Some(40)).then_some(report)
    });
    let report = report.expect("a report");
    assert_eq!(
        (&report["experiment"], &report["measures"][0]["goal"]),
        (&json!("front_page"), &json!("offer"))
    );
}
