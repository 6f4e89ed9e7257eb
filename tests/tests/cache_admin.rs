//! A cache as its operator sees and steers it: the admin pages and `sedge cache`.

use sedge_tests::client::{self, Answer, encode};
use sedge_tests::origin::Origin;
use sedge_tests::{Node, Scenario, guests, wait_for};
use serde_json::{Value, json};
use std::process::{Command, Output};
use std::time::Duration;

fn manifest(origin: &Origin) -> String {
    format!(
        r#"
[app]
name = "shop"

[[upstream]]
name = "back"
endpoints = ["{}"]

[[chain]]
name = "cached"
links = [
  {{ cache = {{ name = "edge" }} }},
  {{ headers = {{ response = {{ set = {{ cache-control = "max-age=600", cache-tag = "red" }} }} }} }},
]
upstream = "back"

[[chain]]
name = "uncached"
links = [{{ cache = {{}} }}, {{ headers = {{ response = {{ set = {{ cache-control = "no-store" }} }} }} }}]
upstream = "back"

[[route]]
name = "shop"
hosts = ["shop.example"]
chain = "cached"

[[route]]
name = "private"
hosts = ["private.example"]
chain = "uncached"
"#,
        origin.address
    )
}

fn get(node: &Node, target: &str) -> Answer {
    client::call(node.listen, "GET", target, &[("host", "shop.example")], &[])
}

fn is_hit(node: &Node, target: &str) -> bool {
    get(node, target).header("cache-status").is_some_and(|status| status.contains("; hit"))
}

fn post(node: &Node, page: &str, body: &str) -> Answer {
    let json = [("content-type", "application/json")];
    client::call(node.admin, "POST", page, &json, body.as_bytes())
}

fn objects(node: &Node, query: &str) -> Vec<Value> {
    let answer = client::get(node.admin, &format!("/v1/cache/objects{query}"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["objects"].as_array().expect("a list").clone()
}

/// Runs `sedge cache` beside the node.
fn sedge(node: &Node, arguments: &[&str]) -> Output {
    Command::new(guests::binary())
        .args(["cache", "--admin", &node.admin.to_string()])
        .args(arguments)
        .output()
        .expect("the program runs")
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn hostile_requests_are_refused() {
    let origin = Origin::start();
    let node = Node::start(&manifest(&origin));
    get(&node, "/kept");
    for (page, body) in [
        ("purge", ""),
        ("purge", "{"),
        ("purge", "[]"),
        ("purge", "{}"),
        ("purge", r#"{"all": 1}"#),
        ("purge", r#"{"all": true, "url": "a/b"}"#),
        ("purge", r#"{"tag": {"a": 1}}"#),
        ("purge", r#"{"everything": true}"#),
        ("warm", "{}"),
        ("warm", r#"{"urls": "http://shop.example/"}"#),
        ("warm", r#"{"urls": [null]}"#),
        ("warm", r#"{"urls": []}"#),
    ] {
        let answer = post(&node, &format!("/v1/cache/{page}"), body);
        assert_eq!(answer.status, 400, "{page} {body}: {}", answer.text());
    }
    let deep = "[".repeat(500_000);
    assert_eq!(post(&node, "/v1/cache/purge", &deep).status, 400);
    let huge = format!("{{\"tag\": \"{}\"}}", "x".repeat(2 << 20));
    assert_eq!(post(&node, "/v1/cache/purge", &huge).status, 413);
    // What a browser can be made to send from another site.
    let all = br#"{"all": true}"#;
    for (fields, status) in [
        (vec![("content-type", "text/plain")], 415),
        (vec![], 415),
        (vec![("content-type", "application/json"), ("origin", "https://evil.example")], 403),
        (vec![("content-type", "application/json"), ("sec-fetch-site", "cross-site")], 403),
        (vec![("content-type", "application/json"), ("host", "evil.example")], 403),
    ] {
        let answer = client::call(node.admin, "POST", "/v1/cache/purge", &fields, all);
        assert_eq!(answer.status, status, "{fields:?}");
    }
    for page in ["/v1/cache/purge", "/v1/cache/warm"] {
        assert_eq!(client::get(node.admin, page).status, 405);
    }
    for query in ["?url=x", "?after=nonsense", "?limit=many", "?url=http://a/&header=x"] {
        let answer = client::get(node.admin, &format!("/v1/cache/objects{query}"));
        assert_eq!(answer.status, 400, "{query}");
    }
    assert!(is_hit(&node, "/kept"));
}

#[test]
fn what_is_too_large_or_has_too_many_names_is_passed_on() {
    let origin = Origin::start();
    let chains = [("most", 256), ("more", 257)].map(|(name, count)| {
        let tags: Vec<String> = (0..count).map(|number| format!("tag-{number}")).collect();
        let set = format!("cache-control = \"max-age=600\", cache-tag = \"{}\"", tags.join(","));
        format!(
            "[[chain]]\nname = \"{name}\"\nupstream = \"back\"\n\
             links = [{{ cache = {{}} }}, {{ headers = {{ response = {{ set = {{ {set} }} }} }} }}]\n\
             [[route]]\nname = \"{name}\"\nhosts = [\"{name}.example\"]\nchain = \"{name}\"\n"
        )
    });
    let manifest = format!("{}\n{}", manifest(&origin), chains.concat());
    let config = "[cache]\nmemory_bytes_max = \"1 MiB\"\n";
    let node = Scenario::new().config(config).app("shop", &manifest).start();
    let url = |name: &str, target: &str| format!("http://{name}.example{target}");
    for (name, target, bytes, is_stored) in [
        ("most", "/a", 7, true),
        ("more", "/a", 7, false),
        ("shop", "/stream?120000", 120_000, true),
        ("shop", "/stream?140000", 140_000, false),
    ] {
        let asked = json!({ "urls": [url(name, target)] }).to_string();
        let warmed = post(&node, "/v1/cache/warm", &asked).json();
        let result = &warmed["results"][0];
        assert_eq!((&result["status"], &result["bytes"]), (&json!(200), &json!(bytes)), "{result}");
        assert_eq!(result["stored"], is_stored, "{result}");
        let shown = objects(&node, &format!("?url={}", encode(&url(name, target))));
        assert_eq!(shown.len(), usize::from(is_stored), "{shown:?}");
    }
    // The last name counts as the first does.
    assert_eq!(post(&node, "/v1/cache/purge", r#"{"tag": "tag-255"}"#).status, 200);
    assert!(objects(&node, &format!("?url={}", encode(&url("most", "/a")))).is_empty());
}

#[test]
fn what_is_stored_is_shown() {
    let origin = Origin::start();
    let node = Node::start(&manifest(&origin));
    for number in 0..5 {
        get(&node, &format!("/page?{number}"));
    }
    is_hit(&node, "/page?0");
    let totals = client::get(node.admin, "/v1/cache").json();
    assert_eq!(totals["memory"]["objects"], 5);
    assert_eq!(totals["disk"], Value::Null);
    assert_eq!(totals["links"][0]["requests"]["hit"], 1);
    assert_eq!(
        (&totals["links"][0]["stored"], &totals["links"][0]["app"]),
        (&json!(5), &json!("shop"))
    );

    let one = objects(&node, &format!("?url={}", encode("http://shop.example/page?3")));
    assert_eq!(one.len(), 1, "{one:?}");
    assert_eq!(one[0]["url"], "shop.example/page?3");
    assert_eq!((&one[0]["bytes"], &one[0]["status"]), (&json!(7), &json!(200)));
    assert_eq!((&one[0]["tags"], &one[0]["tiers"]), (&json!(["red"]), &json!(["memory"])));
    assert_eq!(one[0]["scope"], "shop/cached/1");
    assert!(one[0]["ttl_s"].as_u64().is_some_and(|ttl| (500..=600).contains(&ttl)));
    assert!(objects(&node, &format!("?url={}", encode("https://shop.example/page?3"))).is_empty());

    let (mut seen, mut after) = (Vec::new(), String::new());
    for _ in 0..100 {
        let page = client::get(node.admin, &format!("/v1/cache/objects?limit=2{after}")).json();
        let objects = page["objects"].as_array().expect("a list");
        assert!(objects.len() <= 2);
        seen.extend(objects.iter().map(|one| one["url"].to_string()));
        let Some(next) = page["after"].as_str() else { break };
        after = format!("&after={}", encode(next));
    }
    seen.sort();
    let expected: Vec<String> =
        (0..5).map(|number| format!("\"shop.example/page?{number}\"")).collect();
    assert_eq!(seen, expected);

    let shown = told(&sedge(&node, &["show"]));
    assert!(shown.contains("memory") && shown.contains("5 objects"), "{shown}");
    assert!(shown.contains("link 1 of shop/cached") && shown.contains("1 hit"), "{shown}");
    let shown = told(&sedge(&node, &["show", "http://shop.example/page?3"]));
    assert!(shown.contains("tags") && shown.contains("red"), "{shown}");
    let shown = told(&sedge(&node, &["show", "--objects"]));
    assert_eq!(shown.lines().count(), 5, "{shown}");
    let nothing = sedge(&node, &["show", "http://shop.example/none"]);
    assert_eq!(nothing.status.code(), Some(1));
    let error = String::from_utf8_lossy(&nothing.stderr).into_owned();
    assert!(error.contains("nothing is stored") && error.contains("hint:"), "{error}");
}

#[test]
fn each_kind_of_purge_takes_what_it_names_and_nothing_else() {
    let origin = Origin::start();
    let node = Node::start(&manifest(&origin));
    for (arguments, goes) in [
        (vec!["--url", "https://SHOP.example/img/1"], "/img/1"),
        (vec!["--prefix", "shop.example/img/"], "/img/2"),
        (vec!["--tag", "red"], "/other"),
        (vec!["--all"], "/other"),
        (vec!["--all", "--soft"], "/other"),
    ] {
        get(&node, goes);
        get(&node, "/imgs");
        let is_for_all = arguments[0] == "--all" || arguments[0] == "--tag";
        let mut command = vec!["purge"];
        command.extend(&arguments);
        let purged = sedge(&node, &command);
        assert!(purged.status.success(), "{arguments:?}: {purged:?}");
        assert_eq!(is_hit(&node, "/imgs"), !is_for_all, "{arguments:?}");
        assert!(!is_hit(&node, goes), "{arguments:?}");
        // What is asked for after it is stored.
        assert!(is_hit(&node, goes), "{arguments:?}");
    }
    for wrong in [vec!["purge"], vec!["purge", "--all", "--tag", "red"], vec!["purge", "--soft"]] {
        assert_eq!(sedge(&node, &wrong).status.code(), Some(2), "{wrong:?}");
    }
    let wrong = sedge(&node, &["purge", "--prefix", "shop.example/a?b"]);
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("without a query"));
}

#[test]
fn what_was_purged_does_not_come_back_after_a_kill() {
    let origin = Origin::start();
    let config = "[cache]\nmemory_bytes_max = \"1 MiB\"\ndisk_bytes_max = \"64 MiB\"\n";
    let mut node = Scenario::new().config(config).app("app", &manifest(&origin)).start();
    let targets: Vec<String> = (0..20).map(|at| format!("/stream?{}", 100_000 + at)).collect();
    for target in targets.iter().chain(&targets).chain(&targets) {
        assert!(get(&node, target).whole);
    }
    let on_disk = |node: &Node| {
        let all = objects(node, "?after=d");
        let urls = all.iter().filter_map(|one| one["url"].as_str());
        urls.map(|url| url.trim_start_matches("shop.example").to_owned()).collect::<Vec<_>>()
    };
    let some = || on_disk(&node).len() >= 4;
    assert!(wait_for(Duration::from_secs(10), some).is_some(), "{}", node.log());
    let kept = on_disk(&node);
    let (gone, stays) = (&kept[0], &kept[1]);
    let purge = json!({ "url": format!("shop.example{gone}") }).to_string();
    assert_eq!(post(&node, "/v1/cache/purge", &purge).status, 200);
    node.kill9();
    node.restart();
    let before = origin.heads().len();
    assert!(!is_hit(&node, gone));
    assert_eq!(origin.heads().len(), before + 1);
    assert!(is_hit(&node, stays));
    assert_eq!(post(&node, "/v1/cache/purge", "{\"tag\": \"red\"}").status, 200);
    node.kill9();
    node.restart();
    assert!(objects(&node, "?after=d").is_empty());
    assert!(!is_hit(&node, stays));
}

#[test]
fn addresses_are_warmed_on_the_way_of_the_routes() {
    let origin = Origin::start();
    let node = Node::start(&manifest(&origin));
    let urls: Vec<String> = (0..20).map(|at| format!("http://shop.example/warm?{at}")).collect();
    let file = node.folder().join("urls.txt");
    std::fs::write(&file, format!("# all of them\n\n{}\n", urls.join("\n"))).expect("written");
    let warmed = sedge(&node, &["warm", "-f", &file.display().to_string()]);
    assert!(warmed.status.success(), "{warmed:?}");
    assert_eq!(told(&warmed).lines().filter(|line| line.starts_with("stored")).count(), 20);
    assert_eq!(origin.heads().len(), 20);
    assert!((0..20).all(|at| is_hit(&node, &format!("/warm?{at}"))));
    assert_eq!(origin.heads().len(), 20);

    let asked = json!({ "urls": [
        "http://shop.example/warm?0",
        "http://private.example/a",
        "http://nobody.example/",
        "shop.example/a",
        "http://shop.example/cut",
    ] });
    let answer = post(&node, "/v1/cache/warm", &asked.to_string()).json();
    let results = answer["results"].as_array().expect("a list");
    let stored: Vec<&Value> = results.iter().map(|one| &one["stored"]).collect();
    assert_eq!(stored, [&json!(true), &json!(false), &Value::Null, &Value::Null, &Value::Null]);
    assert!(results[0]["cache_status"].as_str().is_some_and(|status| status.contains("hit")));
    assert!(results[2]["error"].as_str().is_some_and(|error| error.contains("no route")));
    assert!(results[3]["error"].as_str().is_some_and(|error| error.contains("http://")));
    let failed = sedge(&node, &["warm", "http://nobody.example/"]);
    assert_eq!(failed.status.code(), Some(1));
    assert!(told(&failed).contains("no route matches"), "{failed:?}");
}
