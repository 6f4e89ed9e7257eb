//! Which route answers.

use super::{case, to};
use crate::envoy::case::{Case, Probe};
use serde_json::{Value, json};

pub(super) fn cases() -> Vec<Case> {
    let mut all = paths();
    all.extend(orders());
    all.extend(fields());
    all.push(queries());
    all.push(others());
    all
}

/// Routes that say by their answer which of them was taken.
fn choose(name: &str, matches: &[Value], probes: Vec<Probe>) -> Case {
    let routes = matches.iter().enumerate().map(|(index, one)| {
        json!({ "match": [one], "directResponse": { "status": 200, "body": { "string": index.to_string() } } })
    });
    case(name, Value::Array(routes.collect()), probes)
}

fn paths() -> Vec<Case> {
    let paths = |all: &[&str]| all.iter().map(|path| Probe::get(path)).collect::<Vec<_>>();
    vec![
        choose(
            "paths",
            &[
                json!({ "uri": { "exact": "/exact" } }),
                json!({ "uri": { "prefix": "/prefix" } }),
                json!({ "uri": { "prefix": "/slash/" } }),
                json!({ "uri": { "regex": "/re/[0-9]+" } }),
                json!({ "uri": { "regex": "/alt|/alternative" } }),
            ],
            paths(&[
                "/exact",
                "/exact/",
                "/exact?q",
                "/Exact",
                "/prefix",
                "/prefixed",
                "/prefix/x",
                "/slash",
                "/slash/x",
                "/re/12",
                "/re/12?q=1",
                "/re/12/",
                "/re/x",
                "/alt",
                "/alternative",
                "/alternate",
                "/",
                "/%65xact",
                "/prefi%78/%41",
                "/a/../exact",
                "/./exact",
                "//exact",
                "/exact%5c",
                "/%2e%2e/exact",
                "/exact%2f",
                "/prefix//x",
                "/exact;v=1",
            ]),
        ),
        choose(
            "paths in any case",
            &[
                json!({ "uri": { "exact": "/exact" }, "ignoreUriCase": true }),
                json!({ "uri": { "prefix": "/Prefix" }, "ignoreUriCase": true }),
                json!({ "uri": { "regex": "/Re/[a-z]+" }, "ignoreUriCase": true }),
            ],
            paths(&[
                "/EXACT",
                "/eXact",
                "/exacT/",
                "/pREFIXed",
                "/Re/a",
                "/re/a",
                "/RE/A",
                "/Re/A",
            ]),
        ),
    ]
}

fn orders() -> Vec<Case> {
    vec![
        choose(
            "the first that fits",
            &[
                json!({ "uri": { "prefix": "/a" } }),
                json!({ "uri": { "exact": "/a/b" } }),
                json!({ "uri": { "prefix": "/" }, "method": { "exact": "POST" } }),
                json!({ "uri": { "prefix": "/" } }),
            ],
            vec![
                Probe::get("/a/b"),
                Probe::get("/b"),
                Probe::get("/b").method("POST"),
                Probe::get("/a").method("POST"),
            ],
        ),
        case(
            "several matches of one route",
            json!([{ "match": [{ "uri": { "exact": "/one" } }, { "method": { "exact": "PUT" } },
                               { "headers": { "x-kind": { "exact": "b" } }, "uri": { "prefix": "/two" } }],
                     "route": to("a") },
                   { "route": to("b") }]),
            vec![
                Probe::get("/one"),
                Probe::get("/two"),
                Probe::get("/two").header("x-kind", "b"),
                Probe::get("/x").header("x-kind", "b"),
                Probe::get("/x").method("PUT").body("content"),
            ],
        ),
    ]
}

fn fields() -> Vec<Case> {
    let kind = |value: &str| Probe::get("/").header("x-kind", value);
    vec![
        choose(
            "header fields",
            &[
                json!({ "headers": { "x-kind": { "exact": "exact" } } }),
                json!({ "headers": { "x-kind": { "prefix": "pre" } } }),
                json!({ "headers": { "x-kind": { "regex": "[a-c]{2}" } } }),
                json!({ "headers": { "x-kind": { "exact": "one,two" } } }),
                json!({ "headers": { "x-kind": { "exact": "one, two" } } }),
                json!({ "headers": { "x-there": {} } }),
                json!({ "headers": { "x-kind": { "exact": "" } } }),
                json!({ "headers": { "x-one": { "exact": "1" }, "x-two": { "exact": "2" } } }),
            ],
            vec![
                kind("exact"),
                kind("Exact"),
                kind("prefix"),
                kind("ab"),
                kind("abc"),
                kind("one,two"),
                kind("one").header("x-kind", "two"),
                kind("exact").header("x-kind", "exact"),
                kind(""),
                Probe::get("/").header("x-there", ""),
                Probe::get("/").header("X-There", "yes"),
                Probe::get("/"),
                Probe::get("/").header("x-one", "1"),
                Probe::get("/").header("x-one", "1").header("x-two", "2"),
            ],
        ),
        choose(
            "without header fields",
            &[
                json!({ "uri": { "prefix": "/exact" }, "withoutHeaders": { "x-kind": { "exact": "a" } } }),
                json!({ "uri": { "prefix": "/there" }, "withoutHeaders": { "x-kind": {} } }),
                json!({ "uri": { "prefix": "/any" }, "withoutHeaders": { "x-kind": { "regex": ".*" } } }),
                json!({ "uri": { "prefix": "/empty" }, "withoutHeaders": { "x-kind": { "exact": "" } } }),
            ],
            ["/exact", "/there", "/any", "/empty"]
                .iter()
                .flat_map(|path| {
                    let one = |value: &str| Probe::get(path).header("x-kind", value);
                    [Probe::get(path), one("a"), one("b"), one("")]
                })
                .collect(),
        ),
    ]
}

fn queries() -> Case {
    choose(
        "query parameters",
        &[
            json!({ "queryParams": { "a": { "exact": "1" } } }),
            json!({ "queryParams": { "a": { "regex": "[2-3]+" } } }),
            json!({ "queryParams": { "a": { "prefix": "pre" } } }),
            json!({ "queryParams": { "b": {} } }),
            json!({ "queryParams": { "c": { "exact": "" } } }),
            json!({ "queryParams": { "d": { "exact": "x y" } } }),
            json!({ "queryParams": { "d": { "exact": "x%20y" } } }),
        ],
        [
            "/?a=1",
            "/?a=2&a=1",
            "/?a=1&a=2",
            "/?a=23",
            "/?a=prefix",
            "/?b",
            "/?b=",
            "/?xb=1",
            "/?c",
            "/?c=",
            "/?c=1",
            "/?d=x%20y",
            "/?d=x+y",
            "/",
            "/?",
            "/?&&a=1",
            "/?a=1#f",
            "/?A=1",
        ]
        .iter()
        .map(|target| Probe::get(target))
        .collect(),
    )
}

fn others() -> Case {
    choose(
        "methods, authority, scheme and port",
        &[
            json!({ "method": { "exact": "POST" }, "uri": { "prefix": "/m" } }),
            json!({ "method": { "regex": "P.*" }, "uri": { "prefix": "/m" } }),
            json!({ "method": { "prefix": "DE" }, "uri": { "prefix": "/m" } }),
            json!({ "authority": { "exact": "x.case.test" } }),
            json!({ "authority": { "prefix": "y." } }),
            json!({ "authority": { "regex": ".*:8080" } }),
            json!({ "scheme": { "exact": "https" }, "uri": { "prefix": "/s" } }),
            json!({ "scheme": { "exact": "http" }, "uri": { "prefix": "/s" } }),
            json!({ "port": 8080, "uri": { "prefix": "/p" } }),
            json!({ "port": 80, "uri": { "prefix": "/p" } }),
        ],
        vec![
            Probe::get("/m"),
            Probe::get("/m").method("HEAD"),
            Probe::get("/m").method("POST"),
            Probe::get("/m").method("PUT"),
            Probe::get("/m").method("DELETE"),
            Probe::get("/m").method("PATCH"),
            Probe::get("/x").header("host", "y.{host}"),
            Probe::get("/x").header("host", "Y.{host}"),
            Probe::get("/x").header("host", "{host}:8080"),
            Probe::get("/x").header("host", "z.{host}:8080"),
            Probe::get("/x").header("host", "other.test"),
            Probe::get("/s"),
            Probe::get("/p"),
            Probe::get("/x"),
        ],
    )
}
