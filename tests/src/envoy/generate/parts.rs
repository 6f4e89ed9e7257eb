//! Parts of a `VirtualService` and of its `DestinationRule`s.

use super::Source;
use serde_json::{Map, Value, json};

/// What a text must be, for texts such as `v1`.
fn text_match(source: &mut Source) -> Value {
    match source.below(5) {
        0 => json!({}),
        1 => json!({ "prefix": "v" }),
        2 => json!({ "regex": "v[0-9]" }),
        3 => json!({ "exact": "" }),
        _ => json!({ "exact": "v1" }),
    }
}

/// `HTTPMatchRequest`.
pub(super) fn fits(source: &mut Source) -> Value {
    let mut out = json!({});
    if source.chance(70) {
        out["uri"] = source.pick(&[
            json!({ "exact": "/p1" }),
            json!({ "exact": "/P1/x" }),
            json!({ "prefix": "/p" }),
            json!({ "prefix": "/p1/" }),
            json!({ "prefix": "/" }),
            json!({ "regex": "/p[0-9]+(/.*)?" }),
            json!({ "regex": "/(a|p).*" }),
        ]);
        if source.chance(20) {
            out["ignoreUriCase"] = json!(true);
        }
    }
    for (key, names) in [("headers", ["x-a", "x-b"]), ("withoutHeaders", ["x-b", "x-c"])] {
        if source.chance(20) {
            let name = source.pick(&names);
            out[key] = json!({ name: text_match(source) });
        }
    }
    if source.chance(15) {
        out["queryParams"] = json!({ "q": text_match(source) });
    }
    for (key, all) in [
        (
            "method",
            [json!({ "exact": "GET" }), json!({ "exact": "POST" }), json!({ "regex": "P.*|HEAD" })],
        ),
        (
            "authority",
            [json!({ "prefix": "case" }), json!({ "regex": ".*:8080" }), json!({ "prefix": "x." })],
        ),
        (
            "scheme",
            [json!({ "exact": "http" }), json!({ "exact": "https" }), json!({ "prefix": "http" })],
        ),
        ("port", [json!(80), json!(80), json!(8080)]),
    ] {
        if source.chance(10) {
            out[key] = source.pick(&all);
        }
    }
    out
}

/// `HTTPRedirect`.
pub(super) fn redirect(source: &mut Source) -> Value {
    let mut out = json!({});
    for (key, all) in [
        ("uri", vec![json!("/new"), json!("/new/")]),
        ("authority", vec![json!("other.test"), json!("other.test:9000")]),
        ("scheme", vec![json!("https"), json!("http")]),
        ("redirectCode", vec![json!(302), json!(303), json!(307), json!(308), json!(301)]),
    ] {
        if source.chance(40) {
            out[key] = source.pick(&all);
        }
    }
    match source.below(4) {
        0 => out["port"] = json!(source.pick(&[80, 443, 8443])),
        1 => {
            out["derivePort"] = json!(source.pick(&["FROM_REQUEST_PORT", "FROM_PROTOCOL_DEFAULT"]))
        }
        _ => {}
    }
    out
}

/// `HTTPDirectResponse`.
pub(super) fn answer(source: &mut Source) -> Value {
    let mut out = json!({ "status": source.pick(&[200, 404, 503, 410]) });
    if source.chance(70) {
        out["body"] = json!({ "string": source.pick(&["fixed", "{\"a\": 1}"]) });
    }
    out
}

/// `Headers` of one level.
pub(super) fn headers(source: &mut Source, level: &str) -> Value {
    let mut out = json!({});
    for (side, names) in [
        ("request", ["x-a", "x-b", "x-set", "x-more"]),
        ("response", ["x-here", "x-upstream-only", "x-set", "x-more"]),
    ] {
        if !source.chance(70) {
            continue;
        }
        let mut changes = json!({});
        for kind in ["set", "add"] {
            let mut fields = Map::new();
            for name in source.some(&names) {
                fields.insert(name.to_owned(), json!(format!("{level}-{kind}")));
            }
            if !fields.is_empty() {
                changes[kind] = Value::Object(fields);
            }
        }
        let gone = source.some(&names);
        if source.chance(50) && !gone.is_empty() {
            changes["remove"] = json!(gone);
        }
        out[side] = changes;
    }
    out
}

/// A percentage: all, nothing, or something where chance may decide.
pub(super) fn share(source: &mut Source, by_chance: bool) -> f64 {
    if by_chance { source.pick(&[30.0, 50.0, 100.0]) } else { source.pick(&[100.0, 100.0, 0.0]) }
}

/// `HTTPFaultInjection`.
pub(super) fn fault(source: &mut Source, by_chance: bool) -> Value {
    let mut out = json!({});
    let kind = source.below(3);
    if kind != 0 && !by_chance {
        let share = share(source, false);
        out["delay"] = json!({ "fixedDelay": "300ms", "percentage": { "value": share } });
    }
    if kind != 1 || by_chance {
        let share = share(source, by_chance);
        let status = source.pick(&[500, 503, 418, 200]);
        out["abort"] = json!({ "httpStatus": status, "percentage": { "value": share } });
    }
    out
}

/// `CorsPolicy`.
pub(super) fn cors(source: &mut Source) -> Value {
    let origins = source.some(&[
        json!({ "exact": "https://one.test" }),
        json!({ "prefix": "https://one." }),
        json!({ "regex": "https://[a-z]+\\.test" }),
        json!({ "exact": "*" }),
    ]);
    let mut out = json!({ "allowOrigins": origins });
    for (key, value) in [
        ("allowMethods", json!(["GET", "PUT"])),
        ("allowHeaders", json!(["x-a", "content-type"])),
        ("exposeHeaders", json!(["x-here"])),
        ("maxAge", json!("60s")),
        ("allowCredentials", json!(true)),
        ("unmatchedPreflights", json!("IGNORE")),
    ] {
        if source.chance(50) {
            out[key] = value;
        }
    }
    out
}

/// The destinations of a route.
pub(super) fn ways(source: &mut Source, by_chance: bool) -> Value {
    let one = |source: &mut Source| {
        let service = match by_chance {
            true => source.pick(&["a", "b", "half", "many"]),
            false => source.pick(&["a", "a", "b", "b", "dead", "pair", "many"]),
        };
        let mut destination = json!({ "host": service });
        if service == "pair" && source.chance(70) {
            destination["subset"] = json!(source.pick(&["one", "two"]));
        }
        let mut way = json!({ "destination": destination });
        if source.chance(25) {
            way["headers"] = headers(source, "way");
        }
        way
    };
    let mut ways = vec![one(source)];
    if by_chance && source.chance(70) {
        ways.push(one(source));
        for way in &mut ways {
            way["weight"] = json!(source.pick(&[1, 2, 3]));
        }
    } else if source.chance(15) {
        // One of them takes everything.
        ways.push(one(source));
        ways[0]["weight"] = json!(100);
        ways[1]["weight"] = json!(0);
    }
    json!(ways)
}

/// `HTTPRetry`.
pub(super) fn retries(source: &mut Source) -> Value {
    let attempts = source.below(4);
    let mut out = json!({ "attempts": attempts });
    if attempts == 0 {
        return out;
    }
    if source.chance(80) {
        let words = source.some(&[
            "5xx",
            "gateway-error",
            "reset",
            "connect-failure",
            "refused-stream",
            "retriable-4xx",
            "503",
            "429",
            "unavailable",
            "cancelled",
            "deadline-exceeded",
            "internal",
            "resource-exhausted",
        ]);
        // Half of them is nearly everything.
        let words: Vec<&str> = words.into_iter().filter(|_| source.chance(50)).collect();
        out["retryOn"] = json!(words.join(","));
    }
    if source.chance(40) {
        out["perTryTimeout"] = json!("200ms");
    }
    if source.chance(70) {
        out["backoff"] = json!("1ms");
    }
    if source.chance(20) {
        out["retryIgnorePreviousHosts"] = json!(source.chance(50));
    }
    out
}

/// `HTTPRewrite`.
pub(super) fn rewrite(source: &mut Source) -> Value {
    let mut out = json!({});
    match source.below(4) {
        0 => {}
        1 => out["uri"] = json!(source.pick(&["/", "/new", "/new/"])),
        2 => out["uri"] = json!("/n"),
        _ => {
            out["uriRegexRewrite"] = source.pick(&[
                json!({ "match": "^/p([0-9]*)(.*)$", "rewrite": "/n\\2/\\1" }),
                json!({ "match": "[0-9]", "rewrite": "-" }),
                json!({ "match": "/x$", "rewrite": "" }),
            ]);
        }
    }
    if source.chance(40) {
        out["authority"] = json!("inner.test");
    }
    out
}

/// Rules of destinations; and whether many requests at once are to be sent.
pub(super) fn rules(source: &mut Source, http: &[Value], by_chance: bool) -> (Vec<Value>, bool) {
    let text = format!("{http:?}");
    let mut rules = Vec::new();
    let mut wants_crowd = false;
    if text.contains("String(\"pair\")") {
        rules.push(json!({ "host": "pair", "subsets": [
            { "name": "one", "labels": { "version": "v1" } },
            { "name": "two", "labels": { "version": "v2" }, "trafficPolicy": { "loadBalancer": { "simple": "RANDOM" } } },
        ] }));
    }
    if text.contains("String(\"many\")") && source.chance(50) {
        let simple = source.pick(&["ROUND_ROBIN", "LEAST_REQUEST", "RANDOM"]);
        rules.push(
            json!({ "host": "many", "trafficPolicy": { "loadBalancer": { "simple": simple } } }),
        );
    }
    if !by_chance && source.chance(30) {
        let policy = match source.below(4) {
            0 => json!({ "outlierDetection": {
                "consecutive5xxErrors": source.pick(&[0, 1, 2]),
                "consecutiveGatewayErrors": source.pick(&[0, 2]),
                "interval": "60s", "baseEjectionTime": "60s",
                "maxEjectionPercent": source.pick(&[10, 100]) } }),
            1 => {
                wants_crowd = true;
                json!({ "connectionPool": {
                    "tcp": { "maxConnections": source.pick(&[1, 2]) },
                    "http": { "http1MaxPendingRequests": source.pick(&[1, 2]) } } })
            }
            2 => {
                wants_crowd = true;
                json!({ "connectionPool": { "http": {
                    "http2MaxRequests": source.pick(&[1, 2, 3]), "maxRetries": source.pick(&[1, 2]) } } })
            }
            _ => json!({ "connectionPool": { "http": { "maxRequestsPerConnection": 1 } } }),
        };
        rules.push(json!({ "host": "a", "trafficPolicy": policy }));
    }
    (rules, wants_crowd)
}
