//! What becomes of a request and its answer.

use super::{case, ruled, to};
use crate::envoy::case::{Case, Probe};
use crate::envoy::upstream::Step;
use serde_json::{Value, json};

pub(super) fn cases() -> Vec<Case> {
    let mut all = redirects();
    all.push(rewrites());
    all.push(patterns());
    all.extend(changes());
    all.extend(passing());
    all.extend(ways());
    all.push(cors());
    all.push(cors_of_others());
    all
}

fn redirects() -> Vec<Case> {
    let all = [
        json!({}),
        json!({ "uri": "/new" }),
        json!({ "authority": "other.test" }),
        json!({ "authority": "other.test:9000" }),
        json!({ "scheme": "https" }),
        json!({ "scheme": "https", "port": 8443 }),
        json!({ "scheme": "https", "port": 443 }),
        json!({ "port": 8080 }),
        json!({ "port": 80 }),
        json!({ "derivePort": "FROM_REQUEST_PORT" }),
        json!({ "derivePort": "FROM_PROTOCOL_DEFAULT" }),
        json!({ "derivePort": "FROM_PROTOCOL_DEFAULT", "scheme": "https" }),
        json!({ "scheme": "https", "authority": "other.test", "uri": "/x", "redirectCode": 308 }),
        json!({ "redirectCode": 302, "uri": "/x" }),
        json!({ "redirectCode": 303, "uri": "/x" }),
        json!({ "redirectCode": 307, "uri": "/x" }),
    ];
    let routes = all.iter().enumerate().map(|(index, redirect)| {
        json!({ "match": [{ "uri": { "prefix": format!("/{index}/") } }], "redirect": redirect })
    });
    let probes = (0..all.len()).flat_map(|index| {
        let path = format!("/{index}/old?q=1");
        [
            Probe::get(&path),
            Probe::get(&path).header("host", "{host}:8080"),
            Probe::get(&path).header("host", "{host}:80"),
        ]
    });
    let changed = json!([{ "redirect": { "uri": "/x" }, "headers": { "response": { "set": { "x-set": "1" } } } }]);
    vec![
        case("redirects", Value::Array(routes.collect()), probes.collect()),
        case(
            "a redirect with changes",
            changed,
            vec![Probe::get("/"), Probe::get("/").method("POST").body("x")],
        ),
        case(
            "fixed answers",
            json!([
                { "match": [{ "uri": { "prefix": "/empty" } }], "directResponse": { "status": 204 } },
                { "match": [{ "uri": { "prefix": "/bad" } }], "directResponse": { "status": 503, "body": { "string": "closed" } },
                  "retries": { "attempts": 2 } },
                { "directResponse": { "status": 200, "body": { "string": "{}" } },
                  "headers": { "response": { "set": { "content-type": "application/json" }, "add": { "x-added": "1" } } } },
            ]),
            vec![
                Probe::get("/empty"),
                Probe::get("/bad"),
                Probe::get("/"),
                Probe::get("/").method("HEAD"),
                Probe::get("/").method("POST").body("content"),
            ],
        ),
    ]
}

fn rewritten(one: Value, rewrite: Value) -> Value {
    json!({ "match": [one], "rewrite": rewrite, "route": to("a") })
}

fn targets(all: &[&str]) -> Vec<Probe> {
    all.iter().map(|target| Probe::get(target)).collect()
}

fn rewrites() -> Case {
    let route = rewritten;
    case(
        "rewrites of the path",
        json!([
            route(json!({ "uri": { "prefix": "/api/" } }), json!({ "uri": "/" })),
            route(json!({ "uri": { "prefix": "/app" } }), json!({ "uri": "/new" })),
            route(json!({ "uri": { "prefix": "/short" } }), json!({ "uri": "/" })),
            route(json!({ "uri": { "exact": "/exact" } }), json!({ "uri": "/whole" })),
            route(json!({ "uri": { "regex": "/re/.*" } }), json!({ "uri": "/whole" })),
            route(
                json!({ "uri": { "prefix": "/Any" }, "ignoreUriCase": true }),
                json!({ "uri": "/case" })
            ),
            route(
                json!({ "headers": { "x-kind": { "exact": "1" } } }),
                json!({ "uri": "/prefixed" })
            ),
            json!({ "rewrite": { "authority": "inner.test" }, "route": to("a") }),
        ]),
        [
            targets(&[
                "/api/x?q=1",
                "/api/",
                "/app",
                "/app/",
                "/app/x",
                "/apple",
                "/short",
                "/short/",
                "/short/x",
                "/shortx",
                "/exact?q",
                "/re/x?q=1",
                "/aNY/x",
                "/x",
            ]),
            vec![
                Probe::get("/x/y").header("x-kind", "1"),
                Probe::get("/").header("host", "{host}:81"),
            ],
        ]
        .concat(),
    )
}

fn patterns() -> Case {
    let route = rewritten;
    case(
        "rewrites by a pattern",
        json!([
            route(
                json!({ "uri": { "prefix": "/swap/" } }),
                json!({ "uriRegexRewrite": { "match": "^/swap/([^/]+)/([^/]+)(.*)$", "rewrite": "/\\2/\\1\\3" } })
            ),
            route(
                json!({ "uri": { "prefix": "/all" } }),
                json!({ "uriRegexRewrite": { "match": "o", "rewrite": "0" } })
            ),
            route(
                json!({ "uri": { "prefix": "/with" } }),
                json!({ "uriRegexRewrite": { "match": "/with/(.*)", "rewrite": "/\\1" }, "authority": "inner.test" })
            ),
        ]),
        targets(&[
            "/swap/a/b/c?q=a/b",
            "/swap/a",
            "/allo/foo?o=o",
            "/with/x",
            "/with/",
            "/without",
        ]),
    )
}

fn changes() -> Vec<Case> {
    let both = |value: &str| {
        json!({ "request": { "set": { "x-set": value }, "add": { "x-add": value }, "remove": ["x-gone"] },
                "response": { "set": { "x-here": value }, "add": { "x-add": value }, "remove": ["x-upstream-only"] } })
    };
    let fields =
        vec![("x-upstream-only".to_owned(), "1".to_owned()), ("x-add".to_owned(), "0".to_owned())];
    let step = Step { fields, ..Step::default() };
    let probe = |path: &str| {
        Probe::get(path)
            .header("x-set", "sent")
            .header("x-add", "sent")
            .header("x-gone", "sent")
            .header("x-kept", "sent")
            .script(std::slice::from_ref(&step))
    };
    vec![
        case(
            "changes of fields at both levels",
            json!([
                { "match": [{ "uri": { "prefix": "/route" } }], "route": to("a"), "headers": both("route") },
                { "match": [{ "uri": { "prefix": "/way" } }],
                  "route": [{ "destination": { "host": "a" }, "headers": both("way") }] },
                { "match": [{ "uri": { "prefix": "/both" } }], "headers": both("route"),
                  "route": [{ "destination": { "host": "a" }, "headers": both("way") }] },
                { "match": [{ "uri": { "prefix": "/weighted" } }], "headers": both("route"),
                  "route": [{ "destination": { "host": "a" }, "weight": 1, "headers": both("way") },
                            { "destination": { "host": "b" }, "weight": 0 }] },
                { "match": [{ "uri": { "prefix": "/two" } }], "headers": both("route"),
                  "route": [{ "destination": { "host": "a" }, "weight": 1, "headers": both("way") },
                            { "destination": { "host": "a" }, "weight": 1, "headers": both("way") }] },
                { "headers": { "request": { "remove": ["x-set"], "set": { "x-kept": "set" } } },
                  "route": [{ "destination": { "host": "a" }, "weight": 1,
                              "headers": { "request": { "set": { "x-set": "way" }, "remove": ["x-kept"] } } }] },
            ]),
            ["/route", "/way", "/both", "/weighted", "/two", "/"]
                .iter()
                .map(|path| probe(path))
                .collect(),
        ),
        case(
            "removed at one level and set at the other",
            json!([
                { "headers": { "request": { "remove": ["x-set"], "set": { "x-kept": "set" } },
                               "response": { "remove": ["x-add"], "set": { "x-here": "set" } } },
                  "route": [{ "destination": { "host": "a" }, "weight": 1,
                              "headers": { "request": { "set": { "x-set": "way" }, "remove": ["x-kept"] },
                                           "response": { "set": { "x-add": "way" }, "remove": ["x-here"] } } },
                            { "destination": { "host": "a" }, "weight": 1,
                              "headers": { "request": { "set": { "x-set": "way" }, "remove": ["x-kept"] },
                                           "response": { "set": { "x-add": "way" }, "remove": ["x-here"] } } }] },
            ]),
            vec![probe("/")],
        ),
    ]
}

fn passing() -> Vec<Case> {
    vec![
        case(
            "the host among the fields",
            json!([
                { "match": [{ "uri": { "prefix": "/set" } }], "route": to("a"),
                  "headers": { "request": { "set": { "host": "inner.test" } } } },
                { "match": [{ "uri": { "prefix": "/pseudo" } }], "route": to("a"),
                  "headers": { "request": { "set": { ":authority": "inner.test" } } } },
                { "match": [{ "uri": { "prefix": "/way" } }],
                  "route": [{ "destination": { "host": "a" }, "headers": { "request": { "set": { "Host": "way.test" } } } }] },
                { "rewrite": { "authority": "rewritten.test" }, "headers": { "request": { "set": { "host": "inner.test" } } },
                  "route": to("a") },
            ]),
            ["/set", "/pseudo", "/way", "/x"].iter().map(|path| Probe::get(path)).collect(),
        ),
        case(
            "methods and bodies pass",
            json!([{ "route": to("a") }]),
            vec![
                Probe::get("/p?a=b&c=%20"),
                Probe::get("/").method("HEAD"),
                Probe::get("/").method("POST").body("content"),
                Probe::get("/").method("PUT").body("content"),
                Probe::get("/").method("DELETE"),
                Probe::get("/").method("OPTIONS"),
                Probe::get("/").method("PATCH").body("x"),
                Probe::get("/").script(&[Step::status(204)]),
                Probe::get("/").script(&[Step::status(304)]),
                Probe::get("/").script(&[Step::status(301)]),
                Probe::get("/").script(&[Step::status(404)]),
                Probe::get("/").header("x-many", "1").header("x-many", "2").header("accept", "*/*"),
            ],
        ),
    ]
}

fn ways() -> Vec<Case> {
    let weighted = |left: u32, right: u32| json!([{ "destination": { "host": "a" }, "weight": left }, { "destination": { "host": "b" }, "weight": right }]);
    let subsets = json!({ "host": "pair", "subsets": [
        { "name": "one", "labels": { "version": "v1" } }, { "name": "two", "labels": { "version": "v2" } },
        { "name": "nobody", "labels": { "version": "v3" } } ] });
    let subset = |name: &str| json!([{ "destination": { "host": "pair", "subset": name } }]);
    let mirror = json!({ "host": "c" });
    vec![
        case(
            "shares",
            json!([{ "match": [{ "uri": { "prefix": "/even" } }], "route": weighted(50, 50) },
                   { "match": [{ "uri": { "prefix": "/odd" } }], "route": weighted(3, 1) },
                   { "route": weighted(95, 5) }]),
            vec![
                Probe::get("/even").times(300),
                Probe::get("/odd").times(300),
                Probe::get("/").times(300),
            ],
        ),
        ruled(
            "subsets",
            json!([{ "match": [{ "uri": { "prefix": "/one" } }], "route": subset("one") },
                   { "route": subset("two") }]),
            subsets,
            vec![Probe::get("/one"), Probe::get("/two")],
        ),
        case(
            "copies",
            json!([
                { "match": [{ "uri": { "prefix": "/all" } }], "route": to("a"), "mirror": mirror },
                { "match": [{ "uri": { "prefix": "/none" } }], "route": to("a"), "mirror": mirror,
                  "mirrorPercentage": { "value": 0 } },
                { "match": [{ "uri": { "prefix": "/some" } }], "route": to("a"), "mirror": mirror,
                  "mirrorPercentage": { "value": 25 } },
                { "match": [{ "uri": { "prefix": "/two" } }], "route": to("a"),
                  "mirrors": [{ "destination": { "host": "b" } }, { "destination": { "host": "c" }, "percentage": { "value": 100 } }] },
                { "match": [{ "uri": { "prefix": "/dead" } }], "route": to("a"), "mirror": { "host": "dead" } },
                { "route": to("a"), "mirror": mirror, "rewrite": { "uri": "/rewritten", "authority": "inner.test" },
                  "headers": { "request": { "set": { "x-set": "1" } } } },
            ]),
            vec![
                Probe::get("/all?q=1"),
                Probe::get("/all").method("POST").body("content"),
                Probe::get("/all").script(&[Step::status(503), Step::default()]),
                Probe::get("/none"),
                Probe::get("/some").times(200),
                Probe::get("/two"),
                Probe::get("/dead"),
                Probe::get("/x"),
                Probe::get("/all").header("host", "{host}:8080"),
            ],
        ),
    ]
}

fn preflight(path: &str, origin: &str) -> Probe {
    Probe::get(path)
        .method("OPTIONS")
        .header("origin", origin)
        .header("access-control-request-method", "PUT")
}

fn cors() -> Case {
    let policy = json!({ "allowOrigins": [{ "exact": "https://one.test" }, { "prefix": "https://two." },
                                          { "regex": "https://[a-z]+\\.three\\.test" }],
                         "allowMethods": ["GET", "PUT"], "allowHeaders": ["x-one", "content-type"],
                         "exposeHeaders": ["x-here", "x-two"], "maxAge": "24h", "allowCredentials": true });
    let origins = [
        "https://one.test",
        "https://two.example",
        "https://ab.three.test",
        "https://bad.test",
        "null",
        "",
    ];
    let both = |path: &'static str| {
        origins.iter().flat_map(move |origin| {
            [Probe::get(path).header("origin", origin), preflight(path, origin)]
        })
    };
    let own = vec![("access-control-allow-origin".to_owned(), "https://upstream.test".to_owned())];
    let own = Step { fields: own, ..Step::default() };
    let mut probes: Vec<Probe> = both("/").collect();
    probes.extend([
        Probe::get("/"),
        Probe::get("/").method("OPTIONS"),
        Probe::get("/").method("OPTIONS").header("origin", "https://one.test"),
        Probe::get("/").method("OPTIONS").header("access-control-request-method", "PUT"),
        preflight("/", "https://one.test").header("access-control-request-headers", "x-one"),
        preflight("/", "https://one.test").header("access-control-request-private-network", "true"),
        Probe::get("/").header("origin", "https://one.test").script(std::slice::from_ref(&own)),
        Probe::get("/").header("origin", "https://bad.test").script(&[own]),
        Probe::get("/").header("origin", "https://one.test").script(&[Step::status(404)]),
        Probe::get("/").method("POST").header("origin", "https://one.test").body("x"),
    ]);
    case("cors", json!([{ "route": to("a"), "corsPolicy": policy }]), probes)
}

fn cors_of_others() -> Case {
    let any = json!({ "allowOrigins": [{ "exact": "*" }] });
    let bare =
        json!({ "allowOrigins": [{ "exact": "https://one.test" }], "allowCredentials": false });
    let ignore = json!({ "allowOrigins": [{ "exact": "https://one.test" }], "unmatchedPreflights": "IGNORE" });
    let abort = json!({ "abort": { "httpStatus": 503, "percentage": { "value": 100 } } });
    case(
        "cors of few words, and of other answers",
        json!([
            { "match": [{ "uri": { "prefix": "/any" } }], "route": to("a"), "corsPolicy": any },
            { "match": [{ "uri": { "prefix": "/bare" } }], "route": to("a"), "corsPolicy": bare },
            { "match": [{ "uri": { "prefix": "/ignore" } }], "route": to("a"), "corsPolicy": ignore },
            { "match": [{ "uri": { "prefix": "/redirect" } }], "redirect": { "uri": "/x" }, "corsPolicy": bare },
            { "match": [{ "uri": { "prefix": "/fixed" } }], "directResponse": { "status": 200 }, "corsPolicy": bare },
            { "match": [{ "uri": { "prefix": "/fault" } }], "route": to("a"), "fault": abort, "corsPolicy": bare },
            { "match": [{ "uri": { "prefix": "/dead" } }], "route": to("dead"), "corsPolicy": bare },
            { "match": [{ "uri": { "prefix": "/changed" } }], "route": to("a"), "corsPolicy": bare,
              "headers": { "response": { "set": { "access-control-allow-origin": "https://set.test" } } } },
            { "match": [{ "method": { "exact": "GET" } }], "route": to("a"), "corsPolicy": bare },
            { "route": to("b") },
        ]),
        [
            "/any",
            "/bare",
            "/ignore",
            "/redirect",
            "/fixed",
            "/fault",
            "/dead",
            "/changed",
            "/method",
        ]
        .iter()
        .flat_map(|path| {
            ["https://one.test", "https://bad.test"].into_iter().flat_map(move |origin| {
                [Probe::get(path).header("origin", origin), preflight(path, origin)]
            })
        })
        .collect(),
    )
}
