//! `sedge:cache` in functions for `wasi:http` 0.2 and 0.3: what is granted, what is
//! refused, and that functions and a route share what is stored.

#[path = "cache_function/operator.rs"]
mod operator;

use sedge_tests::client::{self, Answer, encode};
use sedge_tests::origin::Origin;
use sedge_tests::{Node, Scenario, wait_for};
use serde_json::{Value, json};
use std::time::Duration;

/// The address that clients ask the route for.
const URL: &str = "http://shop.example/page";

fn app(name: &str, functions: &[(&str, &str, &str)], routes: &str) -> String {
    let functions = functions.iter().map(|(name, guest, cache)| {
        format!(
            "[[function]]\nname = \"{name}\"\nsource = \"{{guests}}/{guest}.wasm\"\n\
             routes = [\"{name}.example/*\"]\n\
             [function.limits]\ncpu_ms_max = 5_000\n\
             [function.capabilities]\ncache = {cache}\n\n"
        )
    });
    format!("[app]\nname = \"{name}\"\n\n{}{routes}", functions.collect::<String>())
}

/// An app whose functions share a scope with a link before an origin, and another app
/// that grants a scope of the same name.
fn node(origin: &Origin) -> Node {
    start(origin, "memory_bytes_max = \"8 MiB\"")
}

/// The same with little memory and a disk.
fn node_on_disk(origin: &Origin) -> Node {
    start(origin, "memory_bytes_max = \"1 MiB\"\ndisk_bytes_max = \"64 MiB\"")
}

fn start(origin: &Origin, cache: &str) -> Node {
    let other = app("other", &[("stranger", "probe", r#"["pages"]"#)], "");
    Scenario::new()
        .config(&format!("[cache]\n{cache}\n"))
        .app("shop", &shop(origin, "utm"))
        .app("other", &other)
        .start()
}

/// The app; `ignored` is the parameter of the query that its link ignores.
fn shop(origin: &Origin, ignored: &str) -> String {
    app(
        "shop",
        &[
            ("p2", "probe", r#"["pages", "own"]"#),
            ("p3", "probe-p3", r#"["pages"]"#),
            ("bare", "probe", "[]"),
        ],
        &format!(
            r#"
[[upstream]]
name = "back"
endpoints = ["{}"]

[[chain]]
name = "cached"
links = [
  {{ cache = {{ scope = "pages", name = "edge", query_ignored = ["{ignored}"] }} }},
  {{ headers = {{ response = {{ set = {{ cache-control = "max-age=600", cache-tag = "fetched" }} }} }} }},
]
upstream = "back"

[[route]]
name = "shop"
hosts = ["shop.example"]
chain = "cached"
"#,
            origin.address
        ),
    )
}

fn ask(node: &Node, function: &str, target: &str) -> Answer {
    let host = format!("{function}.example");
    client::call(node.listen, "GET", target, &[("host", &host)], &[])
}

/// What a function answers to an operation; the answer must be 200.
fn does(node: &Node, function: &str, operation: &str, rest: &str) -> Value {
    let target = format!("/cache/{operation}?scope=pages&{rest}");
    let answer = ask(node, function, &target);
    let (status, text) = (answer.status, answer.text());
    assert_eq!(status, 200, "{function} {target}: {text}\n{}", node.log());
    serde_json::from_str(&text).expect("JSON")
}

fn url(path: &str) -> String {
    format!("url={}", encode(&format!("http://shop.example{path}")))
}

/// What a client of the route gets.
fn route(node: &Node, target: &str) -> Answer {
    client::call(node.listen, "GET", target, &[("host", "shop.example")], &[])
}

/// How often the origin was asked for a target.
fn asked(origin: &Origin, target: &str) -> usize {
    let heads = origin.heads();
    heads.iter().filter(|head| head.split(' ').nth(1) == Some(target)).count()
}

#[test]
fn what_is_not_granted_is_refused() {
    let origin = Origin::start();
    let node = node(&origin);
    let refused = |function: &str, scope: &str| {
        let target = format!("/cache/get?scope={}&url={}", encode(scope), encode(URL));
        let answer = ask(&node, function, &target);
        (answer.status, answer.text().trim().to_owned())
    };
    for function in ["p2", "p3", "bare"] {
        for scope in ["", "a/b", "shop/pages", "../pages", "pages\0"] {
            assert_eq!(refused(function, scope), (404, "no-such-scope".into()), "{scope:?}");
        }
        assert_eq!(refused(function, "others"), (403, "access-denied".into()));
    }
    assert_eq!(refused("bare", "pages"), (403, "access-denied".into()));
    assert_eq!(refused("p3", "own"), (403, "access-denied".into()));
    // The same name in another app is another scope.
    does(&node, "p2", "put", &format!("{}&value=secret&ttl_ms=60000", url("/page")));
    assert_eq!(does(&node, "stranger", "get", &url("/page")), Value::Null);
    assert_eq!(does(&node, "stranger", "purge", "tag=fetched"), json!("purged"));
    assert_eq!(does(&node, "p3", "get", &url("/page"))["body"], "secret");
    let own = format!("/cache/get?scope=own&url={}", encode(URL));
    assert_eq!(ask(&node, "p2", &own).text(), "null\n");
}

#[test]
fn hostile_requests_and_responses_are_refused_with_words() {
    let origin = Origin::start();
    let node = node(&origin);
    for function in ["p2", "p3"] {
        let refused = |operation: &str, rest: &str| {
            let answer = ask(&node, function, &format!("/cache/{operation}?scope=pages&{rest}"));
            (answer.status, answer.text().trim().to_owned())
        };
        let long = "url=http%3A%2F%2Fa%2F&pad=8184";
        for bad in ["url=", "url=/page", "url=http%3A%2F%2F", "url=ftp%3A%2F%2Fa%2F", long] {
            for operation in ["get", "put", "fill", "delete"] {
                assert_eq!(refused(operation, bad), (400, "invalid-url".into()), "{bad}");
            }
        }
        let longest = "url=http%3A%2F%2Fa%2F&pad=8183";
        assert_eq!(does(&node, function, "get", longest), Value::Null);
        let page = url("/page");
        let many_tags = format!("tags={}", "t%20".repeat(65));
        let long_tag = format!("tags={}", "t".repeat(129));
        for (rest, status, words) in [
            ("ask=a%20b:c", 400, "invalid-field"),
            ("fields=a:b%0D%0Ac", 400, "invalid-field"),
            ("status=1000", 400, "invalid-field"),
            ("status=206", 422, "not-storable"),
            ("status=304", 422, "not-storable"),
            ("fields=cache-control:private", 422, "not-storable"),
            ("fields=set-cookie:session%3D1", 422, "not-storable"),
            ("fields=vary:*", 422, "not-storable"),
            ("fields=content-length:1&value=long", 422, "not-storable"),
            ("tags=a,b", 422, "not-storable"),
            (&many_tags, 422, "not-storable"),
            (&long_tag, 422, "not-storable"),
            ("bytes=1048577", 413, "too-large"),
        ] {
            for operation in ["put", "fill"] {
                let (got, told) = refused(operation, &format!("{page}&ttl_ms=60000&{rest}"));
                assert!(got == status && told.contains(words), "{operation} {rest}: {told}");
            }
        }
        let (status, told) = refused("put", &page);
        assert!(status == 422 && told.contains("no-freshness"), "{told}");
        let (status, told) = refused("purge", "tag=");
        assert!(status == 422 && told.contains("tags"), "{told}");
        assert_eq!(does(&node, function, "get", &page), Value::Null);
        // Just below what may be stored, with its head.
        let large = format!("{page}&ttl_ms=60000&bytes=1040000");
        does(&node, function, "put", &large);
        assert_eq!(does(&node, function, "get", &page)["body"], 1_040_000);
        does(&node, function, "delete", &page);
    }
}

#[test]
fn two_functions_and_a_route_share_one_object() {
    let origin = Origin::start();
    let node = node(&origin);
    // What a function puts in, the route and the other function serve.
    let put = format!(
        "{}&value=made&ttl_ms=60000&tags=red%20blue&fields=content-type:text/x-made|x-a:1",
        url("/made?b=1&utm=x")
    );
    does(&node, "p2", "put", &put);
    let answer = route(&node, "/made?utm=y&b=1");
    assert_eq!((answer.status, answer.text().as_str()), (200, "made"));
    assert_eq!(
        (answer.header("content-type"), answer.header("x-a")),
        (Some("text/x-made"), Some("1"))
    );
    assert!(answer.header("cache-status").is_some_and(|said| said.starts_with("edge; hit")));
    let got = does(&node, "p3", "get", &url("/made?b=1"));
    assert_eq!((&got["body"], &got["status"]), (&json!("made"), &json!(200)));
    assert!(got["ttl_ms"].as_i64().is_some_and(|ttl| (1..=60_000).contains(&ttl)), "{got}");
    assert_eq!(asked(&origin, "/made?b=1"), 0);

    // And what the route has fetched, the functions get.
    assert_eq!(route(&node, "/fetched").text(), "origin\n");
    for function in ["p2", "p3"] {
        assert_eq!(does(&node, function, "get", &url("/fetched"))["body"], "origin\n");
        let filled = does(&node, function, "fill", &url("/fetched"));
        assert_eq!(
            (&filled["made"], &filled["stored"]["body"]),
            (&json!(false), &json!("origin\n"))
        );
    }

    // Either takes out what the other put in.
    assert_eq!(does(&node, "p3", "purge", "tag=red"), json!("purged"));
    assert_eq!(does(&node, "p2", "get", &url("/made?b=1")), Value::Null);
    assert_eq!(route(&node, "/made?b=1").text(), "origin\n");
    does(&node, "p2", "purge", "tag=fetched&soft=true");
    assert_eq!(does(&node, "p2", "get", &url("/fetched")), Value::Null);
    assert_eq!(route(&node, "/fetched").text(), "origin\n");
    assert_eq!(asked(&origin, "/fetched"), 2);
    does(&node, "p3", "delete", &url("/fetched"));
    assert_eq!(route(&node, "/fetched").text(), "origin\n");
    assert_eq!(asked(&origin, "/fetched"), 3);
}

#[test]
fn what_varies_is_told_apart() {
    let origin = Origin::start();
    let node = node(&origin);
    let page = url("/image");
    for format in ["avif", "webp"] {
        let put =
            format!("{page}&ask=accept:{format}&fields=vary:accept&value={format}&ttl_ms=60000");
        does(&node, "p2", "put", &put);
    }
    for format in ["avif", "webp"] {
        let got = does(&node, "p3", "get", &format!("{page}&ask=accept:{format}"));
        assert_eq!(got["body"], format);
        let fields = [("host", "shop.example"), ("accept", format)];
        assert_eq!(client::call(node.listen, "GET", "/image", &fields, &[]).text(), format);
    }
    assert_eq!(does(&node, "p3", "get", &format!("{page}&ask=accept:png")), Value::Null);
}

#[test]
fn functions_follow_the_links_of_their_scope_when_those_change() {
    let origin = Origin::start();
    let node = node(&origin);
    does(&node, "p2", "put", &format!("{}&value=made&ttl_ms=600000", url("/q?a=1&utm=1")));
    assert_eq!(does(&node, "p3", "get", &url("/q?a=1&utm=2"))["body"], "made");
    node.rewrite("shop", &shop(&origin, "other"));
    // While the revision changes, one of two calls may still follow the earlier links.
    let follow_the_new = || {
        does(&node, "p2", "put", &format!("{}&value=made&ttl_ms=600000", url("/q?a=1&utm=1")));
        does(&node, "p3", "get", &url("/q?a=1&utm=2")) == Value::Null
            && does(&node, "p3", "get", &url("/q?a=1&other=2&utm=1"))["body"] == "made"
    };
    assert!(wait_for(Duration::from_secs(20), follow_the_new).is_some(), "{}", node.log());
    assert_eq!(route(&node, "/q?a=1&utm=1&other=3").text(), "made");
}

#[test]
fn a_hundred_who_want_it_at_once_make_it_once() {
    let origin = Origin::start();
    let node = node(&origin);
    let listen = node.listen;
    let target = format!(
        "/cache/fill?scope=pages&{}&value=made&ttl_ms=60000&spin_ms=500&wait_ms=20000",
        url("/made")
    );
    let clients: Vec<_> = (0..100)
        .map(|number| {
            let target = target.clone();
            let host = if number % 2 == 0 { "p2.example" } else { "p3.example" };
            std::thread::spawn(move || client::call(listen, "GET", &target, &[("host", host)], &[]))
        })
        .collect();
    let mut made = 0;
    for client in clients {
        let answer = client.join().expect("no panic");
        let (status, text) = (answer.status, answer.text());
        assert_eq!(status, 200, "{text}\n{}", node.log());
        let value: Value = serde_json::from_str(&text).expect("JSON");
        match value["made"] == true {
            true => made += 1,
            false => assert_eq!(value["stored"]["body"], "made", "{value}"),
        }
    }
    assert_eq!(made, 1);
    assert_eq!(route(&node, "/made").text(), "made");
    let count = |outcome| {
        let labels = [("scope", "shop/pages"), ("outcome", outcome)];
        node.metrics().sum("sedge_cache_function_requests_total", &labels)
    };
    assert_eq!(count("miss"), 1.0);
    assert_eq!(count("collapsed") + count("hit"), 99.0);
}

#[test]
fn who_does_not_make_it_holds_nobody_up_for_long() {
    let origin = Origin::start();
    let node = node(&origin);
    assert_eq!(does(&node, "p2", "abandon", &url("/a")), json!("abandoned"));
    assert_eq!(does(&node, "p3", "abandon", &url("/a")), json!("abandoned"));
    // What a function still holds when its request ends is given up for it.
    assert_eq!(does(&node, "p2", "hold", &format!("{}&count=10", url("/h"))), json!(10));
    let filled =
        does(&node, "p3", "fill", &format!("{}&value=x&ttl_ms=60000&wait_ms=0", url("/h3")));
    assert_eq!(filled["made"], true);
    // One holds, while it spins, what another does not want to wait for.
    let listen = node.listen;
    let slow =
        format!("/cache/fill?scope=pages&{}&value=x&ttl_ms=60000&spin_ms=3000", url("/slow"));
    let slow = std::thread::spawn(move || {
        client::call(listen, "GET", &slow, &[("host", "p2.example")], &[]).status
    });
    let rest = format!("/cache/fill?scope=pages&{}&value=x&ttl_ms=60000&wait_ms=50", url("/slow"));
    let timed_out = (0..200).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        // Before the other has begun, this one makes it; then it has to be made anew.
        let answer = ask(&node, "p3", &rest);
        if answer.status == 200 && answer.json()["made"] == true {
            does(&node, "p3", "delete", &url("/slow"));
        }
        answer.status == 504 && answer.text() == "timed-out\n"
    });
    assert_eq!(slow.join().expect("no panic"), 200);
    assert!(timed_out);
}

#[test]
fn what_is_stale_is_used_while_one_makes_it_anew() {
    let origin = Origin::start();
    let node = node(&origin);
    let page = url("/page");
    does(&node, "p2", "put", &format!("{page}&value=old&ttl_ms=1&swr_ms=60000"));
    std::thread::sleep(Duration::from_millis(20));
    let got = does(&node, "p3", "get", &page);
    assert!(got["body"] == "old" && got["ttl_ms"].as_i64() <= Some(0), "{got}");
    let filled = does(&node, "p3", "fill", &format!("{page}&value=new&ttl_ms=60000"));
    assert_eq!((&filled["made"], &filled["stale"]["body"]), (&json!(true), &json!("old")));
    assert_eq!(does(&node, "p2", "get", &page)["body"], "new");
}
