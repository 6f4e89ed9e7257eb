//! What functions and a route share, as an operator sees and steers it: by `sedge cache`
//! and by the admin pages, and after the node was killed or stopped.

use super::{does, node, node_on_disk, route, url};
use sedge_tests::client;
use sedge_tests::origin::Origin;
use sedge_tests::{Node, guests, wait_for};
use serde_json::{Value, json};
use std::process::Command;
use std::time::Duration;

/// Runs `sedge cache` beside the node; what it prints, and whether it is content.
fn sedge(node: &Node, arguments: &[&str]) -> (String, bool) {
    let output = Command::new(guests::binary())
        .args(["cache", "--admin", &node.admin.to_string()])
        .args(arguments)
        .output()
        .expect("the program runs");
    (String::from_utf8_lossy(&output.stdout).into_owned(), output.status.success())
}

fn post(node: &Node, page: &str, body: &Value) -> Value {
    let json = [("content-type", "application/json")];
    let answer = client::call(node.admin, "POST", page, &json, body.to_string().as_bytes());
    assert_eq!(answer.status, 200, "{page} {body}: {}", answer.text());
    answer.json()
}

#[test]
fn an_operator_shows_and_purges_what_functions_and_a_route_share() {
    let origin = Origin::start();
    let node = node(&origin);
    let page = url("/img/made");
    let shown = || sedge(&node, &["show", "http://shop.example/img/made"]);
    assert!(!shown().1);
    does(&node, "p3", "put", &format!("{}&value=kept&ttl_ms=60000&tags=blue", url("/imgs")));
    for (kind, what) in
        [("tag", "red"), ("url", "https://SHOP.example/img/made"), ("prefix", "shop.example/img/")]
    {
        for (soft, is_command) in [(false, true), (false, false), (true, true), (true, false)] {
            let case = format!("{kind}, soft: {soft}, command: {is_command}");
            does(&node, "p2", "put", &format!("{page}&value=made&ttl_ms=60000&tags=red"));
            assert_eq!(route(&node, "/img/made").text(), "made", "{case}");
            let (text, is_shown) = shown();
            assert!(is_shown && text.contains("shop/pages") && text.contains("red"), "{text}");
            match is_command {
                true => {
                    let (option, soft) = (format!("--{kind}"), soft.then_some("--soft"));
                    let command = ["purge", &option, what].into_iter().chain(soft);
                    assert!(sedge(&node, &command.collect::<Vec<_>>()).1, "{case}");
                }
                false => drop(post(&node, "/v1/cache/purge", &json!({ kind: what, "soft": soft }))),
            }
            for function in ["p2", "p3"] {
                assert_eq!(does(&node, function, "get", &page), Value::Null, "{case}");
            }
            let (text, is_shown) = shown();
            assert!(is_shown == soft && text.contains("stale") == soft, "{case}: {text}");
            assert_eq!(route(&node, "/img/made").text(), "origin\n", "{case}");
            assert_eq!(does(&node, "p3", "get", &page)["body"], "origin\n", "{case}");
            assert_eq!(does(&node, "p2", "get", &url("/imgs"))["body"], "kept", "{case}");
        }
    }
    // What may be used stale is, after a soft purge, until a newer one is there.
    let put = format!("{page}&value=made&ttl_ms=60000&swr_ms=60000&tags=red");
    does(&node, "p2", "put", &put);
    assert!(sedge(&node, &["purge", "--tag", "red", "--soft"]).1);
    let got = does(&node, "p3", "get", &page);
    assert!(got["body"] == "made" && got["ttl_ms"].as_i64() <= Some(0), "{got}");
    assert_eq!(route(&node, "/img/made").text(), "made");
    let is_new = || does(&node, "p2", "get", &page)["body"] == "origin\n";
    assert!(wait_for(Duration::from_secs(10), is_new).is_some());
}

#[test]
fn an_operator_warms_what_functions_and_a_route_share() {
    let origin = Origin::start();
    let node = node(&origin);
    does(&node, "p2", "put", &format!("{}&value=made&ttl_ms=60000", url("/made")));
    let (text, is_done) =
        sedge(&node, &["warm", "http://shop.example/a", "http://shop.example/made"]);
    assert!(is_done && text.lines().all(|line| line.starts_with("stored")), "{text}");
    let warmed = post(&node, "/v1/cache/warm", &json!({ "urls": ["http://shop.example/b?utm=x"] }));
    assert_eq!(warmed["results"][0]["stored"], true, "{warmed}");
    for target in ["/a", "/b"] {
        for function in ["p2", "p3"] {
            assert_eq!(does(&node, function, "get", &url(target))["body"], "origin\n");
        }
        assert_eq!(route(&node, target).text(), "origin\n");
    }
    assert_eq!(does(&node, "p3", "get", &url("/made"))["body"], "made");
    assert_eq!(origin.heads().len(), 2);
    // There is an answer, and nothing to be stored.
    let (text, is_done) = sedge(&node, &["warm", "http://p2.example/none"]);
    assert!(!is_done && text.starts_with("not stored") && text.contains(" 404, "), "{text}");
}

#[test]
fn what_functions_purged_does_not_come_back_with_the_node() {
    let origin = Origin::start();
    let mut node = node_on_disk(&origin);
    let target = |at| url(&format!("/{at}"));
    // What is asked for often and has no room in memory goes to the disk.
    let put = |node: &Node| {
        for at in (0..20).cycle().take(60) {
            let rest = format!("{}&bytes=100000&ttl_ms=600000&tags=t{}", target(at), at % 2);
            does(node, "p2", "put", &rest);
            does(node, "p3", "get", &target(at));
        }
    };
    // The numbers of those that lie on the disk alone.
    let on_disk = |node: &Node| -> Vec<usize> {
        let page = client::get(node.admin, "/v1/cache/objects?after=d").json();
        let objects = page["objects"].as_array().expect("a list").iter();
        let numbers = objects.filter_map(|one| one["url"].as_str()?.rsplit('/').next());
        numbers.map(|number| number.parse().expect("a number")).collect()
    };
    let there = |node: &Node| -> Vec<usize> {
        (0..20).filter(|at| does(node, "p3", "get", &target(*at)) != Value::Null).collect()
    };
    for is_killed in [true, false] {
        put(&node);
        let are_written = || (0..2).all(|tag| on_disk(&node).iter().any(|at| at % 2 == tag));
        assert!(wait_for(Duration::from_secs(10), are_written).is_some(), "{}", node.log());
        assert_eq!(does(&node, "p3", "purge", "tag=t0"), json!("purged"));
        match is_killed {
            true => node.kill9(),
            false => assert!(node.stop().success()),
        }
        node.restart();
        let left = there(&node);
        assert!(!left.is_empty() && left.iter().all(|at| at % 2 == 1), "{left:?}");
    }
    assert!(sedge(&node, &["purge", "--all"]).1);
    node.kill9();
    node.restart();
    assert!(there(&node).is_empty() && on_disk(&node).is_empty());
}
