//! What the reader says of routes, upstreams and chains, bad ones first.

use super::*;
use crate::routing::rule::{Action, Destination, PathMatch};
use crate::routing::upstream::{Balance, HashKey};

/// The messages for a manifest without functions.
fn messages(rest: &str) -> Vec<String> {
    let text = format!("app.name = \"a\"\n{rest}");
    let problems = read(&text, Path::new("sedge.toml")).err();
    problems.iter().flat_map(|all| &all.list).map(|one| one.message.clone()).collect()
}

const OK: &str = "answer = { status = 200 }";

#[test]
fn all_mistakes_of_routes_are_reported_at_once() {
    let text = include_str!("routing.toml");
    let problems = read(text, Path::new("sedge.toml")).expect_err("wrong");
    expect_file!["routing.txt"].assert_eq(&problems.to_string());
}

#[test]
fn a_route_leads_to_one_place() {
    for (route, problem) in [
        ("", "the route leads nowhere"),
        (
            "redirect = { scheme = \"https\" }\nanswer = { status = 200 }",
            "the route leads to two targets, `redirect` and `answer`",
        ),
        ("function = \"f\"", "no function is named `f`"),
        ("upstream = \"u\"", "no upstream is named `u`"),
        ("chain = \"c\"", "no chain is named `c`"),
        ("split = []", "`split` is empty"),
        ("split = [{ weight = 0, files = \"a\" }]", "all weights are 0"),
        ("split = [{ weight = 1 }]", "the way leads nowhere"),
        ("redirect = {}", "the redirect leads to where it began"),
        ("redirect = { status = 304, host = \"a\" }", "304 is not the status of a redirect"),
        ("redirect = { host = \"*.a\" }", "a redirect needs a whole host"),
        ("answer = { status = 204, body = \"a\" }", "an answer with status 204 has no body"),
        ("files = { folder = \"a\", index = \"a/b\" }", "`index` is not a file below the folder"),
        (
            "files = { folder = \"a\", fallback = \"../b\" }",
            "`fallback` is not a file below the folder",
        ),
        (
            "files = { folder = \"a\", not_found = \".b\" }",
            "`not_found` is not a file below the folder",
        ),
        (
            "files = { folder = \"a\", not_found = \"b\", fallback = \"c\" }",
            "with `fallback`, nothing is not found",
        ),
        (
            "files = { folder = \"a\", cache_control = \"a\\u0001\" }",
            "`a\\u{1}` is not the value of a header field",
        ),
    ] {
        assert_eq!(messages(&format!("[[route]]\nname = \"r\"\n{route}\n")), [problem], "{route}");
    }
}

#[test]
fn matches_and_changes_are_what_http_knows() {
    for (line, problem) in [
        ("match = [\"a\"]", "the match `a` does not begin with a path"),
        ("match = [\"get /\"]", "`get` is not a method that a route may name"),
        ("match = [\"GET,GET /\"]", "the method GET is named twice"),
        ("match = [\"/{a}b\"]", "the template `/{a}b` has a brace within a segment"),
        ("match = [{ path = {} }]", "the path is not said"),
        (
            "match = [{ path = { is = \"/\", begins = \"/\" } }]",
            "the path is said twice, by `is` and `begins`",
        ),
        ("match = [{ port = 0 }]", "`port` is 0, which is too small"),
        ("match = [{ headers = { \"a b\" = true } }]", "`a b` is not a header field"),
        ("request.set = { connection = \"a\" }", "`connection` is about the connection"),
        ("request.set = { x = \"a\\n\" }", "`a\\n` is not the value of a header field"),
        (
            "rewrite.prefix = \"/b\"\nmatch = [\"/a\"]",
            "the route matches no prefix that could be replaced",
        ),
        ("rewrite.path = \"/{id}\"\nmatch = [\"/a\"]", "no segment of the match is named `id`"),
        ("rewrite.with = \"a\"", "`with` has no pattern"),
        ("rewrite = { path = \"/a\", prefix = \"/b\" }", "the path is rewritten twice"),
        ("cors = { origins = [\"example.org\"] }", "`example.org` is not an origin"),
        (
            "cors = { origins = [\"*\"], credentials = true }",
            "credentials are allowed to every origin",
        ),
        (
            "cors = { origins = [\"https://a.org\"], methods = [\"GET, PUT\"] }",
            "`GET, PUT` is not a name",
        ),
        ("mirror = [{ percent = 10 }]", "the mirror leads nowhere"),
        (
            "mirror = [{ percent = 100.5, function = \"f\" }]",
            "`percent` is 100.5, which is out of range",
        ),
        ("retries = { attempts = 1, on = [200] }", "an entry of `on` is 200, which is too small"),
        (
            "retries = { attempts = 1, backoff_base_ms = \"1 s\" }",
            "`backoff_base_ms` is longer than `backoff_max_ms`",
        ),
        (
            "faults = { delay = { percent = -1, time_ms = 1 } }",
            "`percent` is -1, which is out of range",
        ),
    ] {
        let found = messages(&format!("[[route]]\nname = \"r\"\n{OK}\n{line}\n"));
        assert_eq!(found.first().map(String::as_str), Some(problem), "{line}: {found:?}");
    }
}

#[test]
fn connections_are_not_upgraded_to_http_nor_where_nothing_could() {
    let up = "upstream = \"u\"\n[[upstream]]\nname = \"u\"\nendpoints = [\"a:80\"]";
    for (upgrades, to, problem) in [
        (r#"["h2c"]"#, up, Some("connections cannot be upgraded to `h2c`")),
        (r#"["H2C"]"#, up, Some("connections cannot be upgraded to `H2C`")),
        (r#"["HTTP/2.0"]"#, up, Some("connections cannot be upgraded to `HTTP/2.0`")),
        (r#"["TLS/1.0"]"#, up, Some("connections cannot be upgraded to `TLS/1.0`")),
        (r#"["a b"]"#, up, Some("`a b` is not the name of a protocol")),
        (r#"["a/"]"#, up, Some("`a/` is not the name of a protocol")),
        (r#"[""]"#, up, Some("an entry of `upgrades` is empty")),
        (
            r#"["websocket"]"#,
            OK,
            Some("the route leads to no upstream, so nothing can be upgraded"),
        ),
        ("[]", OK, None),
        ("[]", up, None),
        (r#"["WebSocket", "spdy/3.1"]"#, up, None),
    ] {
        let found = messages(&format!("[[route]]\nname = \"r\"\nupgrades = {upgrades}\n{to}\n"));
        assert_eq!(found.first().map(String::as_str), problem, "{upgrades}: {found:?}");
    }
}

#[test]
fn what_may_be_upgraded_is_websocket_unless_a_route_says_otherwise() {
    let of = |line: &str| {
        let text = format!(
            "app.name = \"a\"\n[[route]]\nname = \"r\"\nupstream = \"u\"\n{line}\n\
             [[upstream]]\nname = \"u\"\nendpoints = [\"a:80\"]\n"
        );
        read(&text, Path::new("sedge.toml")).expect("right").rules[0].upgrades.0.clone()
    };
    assert_eq!(of(""), ["websocket"]);
    assert_eq!(of("upgrades = []"), Vec::<String>::new());
    assert_eq!(of("upgrades = [\"WebSocket\", \"spdy/3.1\"]"), ["websocket", "spdy/3.1"]);
}

#[test]
fn a_link_is_one_thing() {
    for (link, problem) in [
        ("{}", "the link is not said"),
        ("\"f\"", "no function is named `f`"),
        ("{ function = \"f\", fail = \"open\" }", "no function is named `f`"),
        ("{ rate = { requests = 1, per_ms = 1 }, concurrency_max = 1 }", RATE_TWICE),
        (
            "{ headers = {}, timeout_ms = 1 }",
            "the link is said twice, by `headers` and `timeout_ms`",
        ),
        ("{ timeout_ms = 1, fail = \"open\" }", "`fail` is about a link that is a function"),
        ("{ concurrency_max = 0 }", "`concurrency_max` is 0, which is too small"),
        (
            "{ rate = { requests = 1, per_ms = 1, key = { header = \"a b\" } } }",
            "`a b` is not a header field",
        ),
        ("{ headers = { request = { set = { te = \"a\" } } } }", "`te` is about the connection"),
    ] {
        let chain = format!("[[chain]]\nname = \"c\"\nlinks = [{link}]\nfiles = \"a\"\n");
        let found = messages(&format!("{chain}[[route]]\nname = \"r\"\nchain = \"c\"\n"));
        assert_eq!(found, [problem], "{link}");
    }
}

const RATE_TWICE: &str = "the link is said twice, by `rate` and `concurrency_max`";

#[test]
fn patterns_that_cannot_be_read_are_told() {
    for pattern in ["(", "(a{1000}){1000}", "(?=a)"] {
        let line = format!("match = [{{ path = {{ pattern = '{pattern}' }} }}]");
        let found = messages(&format!("[[route]]\nname = \"r\"\n{OK}\n{line}\n"));
        assert!(found[0].starts_with(&format!("the pattern `{pattern}`")), "{found:?}");
    }
}

#[test]
fn routes_that_can_never_be_told_apart_collide() {
    let two = |first: &str, second: &str| {
        messages(&format!(
            "[[route]]\nname = \"r\"\n{OK}\n{first}\n[[route]]\nname = \"s\"\n{OK}\n{second}\n"
        ))
    };
    for (first, second, problem) in [
        ("", "", Some("the route `/*` is taken for every method")),
        ("", "match = [\"/*\"]", Some("the route `/*` is taken for every method")),
        (
            "match = [\"GET /a\"]",
            "match = [\"PUT,GET /a\"]",
            Some("the route `PUT,GET /a` is taken for GET"),
        ),
        (
            "hosts = [\"a.org\", \"b.org\"]",
            "hosts = [\"B.org\"]",
            Some("the route `b.org/*` is taken for every method"),
        ),
        ("match = [\"GET /a\"]", "match = [\"/a\"]", None),
        ("match = [{ headers = { x = true } }]", "", None),
        ("match = [{ tls = true }]", "match = [{ tls = false }]", None),
        ("hosts = [\"a.org\"]", "", None),
    ] {
        assert_eq!(two(first, second), Vec::from_iter(problem), "{first} | {second}");
    }
    let with_function = with(&format!("[[route]]\nname = \"r\"\nmatch = [\"/*\"]\n{OK}\n"));
    let problems = read(&with_function, Path::new("sedge.toml")).expect_err("both take /*");
    assert_eq!(problems.list[0].message, "the route `/*` is taken for every method");
    assert_eq!(problems.list[0].hint.as_deref(), Some("`f` has `/*` on line 5"));
}

#[test]
fn endpoints_have_a_host_and_a_port() {
    for (endpoint, fine) in [
        ("", false),
        ("a", false),
        ("a:", false),
        ("a:0", false),
        ("a:65536", false),
        ("http://a:80", false),
        ("::1:80", false),
        ("a b:80", false),
        ("a:80", true),
        ("127.0.0.1:80", true),
        ("[::1]:80", true),
    ] {
        let text = format!(
            "[[route]]\nname = \"r\"\nupstream = \"u\"\n[[upstream]]\nname = \"u\"\nendpoints = [\"{endpoint}\"]\n"
        );
        assert_eq!(messages(&text).is_empty(), fine, "{endpoint}: {:?}", messages(&text));
    }
}

#[test]
fn short_forms_mean_what_the_long_ones_do() {
    let text = "app.name = \"a\"\n[[route]]\nname = \"r\"\nmatch = [\"GET /u/{id}\"]\n\
                upstream = \"u\"\nretries = 2\n[[upstream]]\nname = \"u\"\n\
                endpoints = [\"[::1]:80\"]\nbalance = \"hash-client\"\nhealth = \"/ok\"\n\
                outliers = true\ntls = true\n";
    let manifest = read(text, Path::new("sedge.toml")).expect("right");
    let (rule, upstream) = (&manifest.rules[0], &manifest.upstreams[0]);
    assert!(matches!(rule.matches[0].path, PathMatch::Template(_)));
    let Action::Forward(ways) = &rule.action else { panic!("{rule:?}") };
    assert_eq!(ways[0].to, Destination::Upstream("u".into()));
    let retries = rule.policy.retries.as_ref().expect("retries");
    assert_eq!(
        (retries.attempts, retries.on.connect_failure, retries.on.server_error),
        (2, true, false)
    );
    assert_eq!(upstream.endpoints[0].host, "::1");
    assert_eq!(upstream.balance, Balance::Hash(HashKey::Client));
    assert_eq!(upstream.health.as_ref().map(|health| health.path.as_str()), Some("/ok"));
    assert!(upstream.tls.is_some() && upstream.outliers.is_some());
}

#[test]
fn a_function_that_nothing_leads_to_is_a_mistake() {
    let text = "app.name = \"a\"\n[[function]]\nname = \"f\"\nsource = \"f.wasm\"\n";
    let problems = read(text, Path::new("sedge.toml")).expect_err("nothing leads there");
    assert_eq!(problems.list[0].message, "nothing leads to the function `f`");
    let named = format!("{text}[[route]]\nname = \"r\"\nfunction = \"f\"\n");
    read(&named, Path::new("sedge.toml")).expect("the route does");
}
