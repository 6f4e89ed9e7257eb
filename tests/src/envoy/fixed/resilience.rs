//! Timeouts, retries, faults, circuit breakers, ejection.

use super::{case, ruled, to};
use crate::envoy::case::{Case, Probe};
use crate::envoy::upstream::{End, Step};
use serde_json::json;

pub(super) fn cases() -> Vec<Case> {
    let mut all = times();
    all.extend(retries());
    all.extend(faults());
    all.extend(bounds());
    all.extend(ejections());
    all
}

fn times() -> Vec<Case> {
    let slow = || Probe::get("/").script(&[Step::after(2_000)]);
    let slow_body = Step { body_wait_ms: 800, ..Step::default() };
    vec![
        case(
            "a delay on purpose is outside of the timeout",
            json!([{ "route": to("a"), "timeout": "200ms",
                     "fault": { "delay": { "fixedDelay": "400ms", "percentage": { "value": 100 } } } }]),
            vec![Probe::get("/")],
        ),
        case(
            "slow tries end with the overall timeout",
            json!([{ "route": to("a"), "timeout": "1s",
                     "retries": { "attempts": 3, "perTryTimeout": "300ms", "retryOn": "5xx", "backoff": "1ms" } }]),
            vec![slow()],
        ),
        case(
            "a timeout holds for the body too",
            json!([{ "route": to("a"), "timeout": "400ms", "retries": { "attempts": 2, "perTryTimeout": "200ms" } }]),
            vec![Probe::get("/").script(std::slice::from_ref(&slow_body)), slow()],
        ),
        case(
            "the time of a try ends with the head of its answer",
            json!([{ "route": to("a"), "retries": { "attempts": 2, "perTryTimeout": "200ms", "retryOn": "5xx" } }]),
            vec![Probe::get("/").script(&[slow_body])],
        ),
        case(
            "a try's timeout is not tried again by connect-failure",
            json!([{ "route": to("a"), "retries": { "attempts": 2, "perTryTimeout": "200ms", "retryOn": "connect-failure,503" } }]),
            vec![Probe::get("/").script(&[Step::after(600), Step::default()])],
        ),
        case(
            "attempts of 0 switch everything off",
            json!([{ "route": to("a"), "retries": { "attempts": 0 } }]),
            vec![Probe::get("/").script(&[Step::status(503), Step::default()])],
        ),
    ]
}

fn retries() -> Vec<Case> {
    let failing = |status: u16| Probe::get("/").script(&[Step::status(status), Step::default()]);
    let statuses = || vec![500, 501, 502, 503, 504, 599, 409, 404, 429];
    let mut all = vec![case(
        "what holds where nothing is written",
        json!([{ "route": to("a") }]),
        vec![
            failing(503),
            failing(500),
            Probe::get("/").script(&[Step::status(503)]),
            failing(503).method("POST").body("content"),
            Probe::get("/").script(&[Step::ending(End::Reset), Step::default()]),
            Probe::get("/").script(&[Step::ending(End::Garbage), Step::default()]),
            Probe::get("/").script(&[Step::ending(End::Cut), Step::default()]),
        ],
    )];
    for on in [
        "5xx",
        "gateway-error",
        "reset",
        "connect-failure",
        "refused-stream",
        "retriable-4xx",
        "retriable-status-codes",
        "404,429",
        "unavailable,cancelled",
        "5xx,retriable-4xx,429",
    ] {
        let mut probes: Vec<Probe> = statuses().into_iter().map(failing).collect();
        for end in [End::Reset, End::Garbage, End::Close] {
            probes.push(Probe::get("/").script(&[Step::ending(end), Step::default()]));
        }
        for code in ["14", "1", "4", "13", "8", "2"] {
            let fields = vec![("grpc-status".to_owned(), code.to_owned())];
            let step = Step { fields, ..Step::default() };
            probes.push(Probe::get("/").script(&[step, Step::default()]));
        }
        let retries = json!({ "attempts": 2, "retryOn": on, "backoff": "1ms" });
        all.push(case(
            &format!("retryOn {on}"),
            json!([{ "route": to("a"), "retries": retries }]),
            probes,
        ));
    }
    all.push(case(
        "nobody is there",
        json!([{ "match": [{ "uri": { "prefix": "/dead" } }], "route": to("dead") },
               { "match": [{ "uri": { "prefix": "/half" } }], "route": to("half") },
               { "route": to("half"), "retries": { "attempts": 1, "retryOn": "503", "backoff": "1ms" } }]),
        vec![
            Probe::get("/dead"),
            Probe::get("/half").times(20),
            Probe::get("/half").method("POST").body("x").times(20),
        ],
    ));
    all
}

fn faults() -> Vec<Case> {
    let always = json!({ "value": 100 });
    let abort = |status: u16| json!({ "httpStatus": status, "percentage": always });
    let delay = json!({ "fixedDelay": "200ms", "percentage": always });
    vec![
        case(
            "aborts",
            json!([
                { "match": [{ "uri": { "prefix": "/418" } }], "route": to("a"), "fault": { "abort": abort(418) } },
                { "match": [{ "uri": { "prefix": "/503" } }], "route": to("a"), "fault": { "abort": abort(503) },
                  "retries": { "attempts": 3, "retryOn": "5xx" } },
                { "match": [{ "uri": { "prefix": "/both" } }], "route": to("a"), "fault": { "abort": abort(500), "delay": delay } },
                { "match": [{ "uri": { "prefix": "/none" } }], "route": to("a"), "fault": { "abort": { "httpStatus": 500 } } },
                { "match": [{ "uri": { "prefix": "/ok" } }], "route": to("a"), "fault": { "abort": abort(200) } },
            ]),
            vec![
                Probe::get("/418"),
                Probe::get("/503"),
                Probe::get("/both"),
                Probe::get("/none"),
                Probe::get("/ok"),
                Probe::get("/418").method("HEAD"),
                Probe::get("/418").method("POST").body("content"),
            ],
        ),
        case(
            "a share of faults",
            json!([
                { "match": [{ "uri": { "prefix": "/abort" } }], "route": to("a"),
                  "fault": { "abort": { "httpStatus": 500, "percentage": { "value": 30 } } } },
                { "route": to("a"), "fault": { "delay": { "fixedDelay": "200ms", "percentage": { "value": 40 } } } },
            ]),
            vec![Probe::get("/abort").times(300), Probe::get("/").times(30)],
        ),
        case(
            "what fails for gRPC",
            json!([{ "route": to("dead") }]),
            vec![
                Probe::get("/s/m")
                    .method("POST")
                    .header("content-type", "application/grpc")
                    .body("x"),
                Probe::get("/s/m").method("POST").header("content-type", "text/plain").body("x"),
            ],
        ),
        case(
            "faults before redirects and fixed answers",
            json!([
                { "match": [{ "uri": { "prefix": "/r" } }], "redirect": { "uri": "/x" }, "fault": { "abort": abort(418) } },
                { "match": [{ "uri": { "prefix": "/c" } }], "redirect": { "uri": "/x" }, "fault": { "abort": abort(418) },
                  "headers": { "response": { "set": { "x-set": "1" } } } },
                { "directResponse": { "status": 200, "body": { "string": "fixed" } }, "fault": { "delay": delay } },
            ]),
            vec![Probe::get("/r"), Probe::get("/c"), Probe::get("/d")],
        ),
        case(
            "an answer's fields are changed on aborts too",
            json!([{ "route": to("a"), "fault": { "abort": abort(503) },
                     "headers": { "response": { "set": { "x-set": "1" }, "add": { "x-added": "1" } } } }]),
            vec![Probe::get("/")],
        ),
    ]
}

fn bounds() -> Vec<Case> {
    let slow = || Probe::get("/").script(&[Step::after(400)]);
    let none = json!({ "attempts": 0 });
    let alone = || json!([{ "route": to("a"), "retries": none }]);
    vec![
        ruled(
            "one connection and one that waits",
            alone(),
            json!({ "host": "a", "trafficPolicy": { "connectionPool": {
                "tcp": { "maxConnections": 1 }, "http": { "http1MaxPendingRequests": 1 } } } }),
            vec![slow().at_once(4)],
        ),
        ruled(
            "two requests",
            alone(),
            json!({ "host": "a", "trafficPolicy": { "connectionPool": { "http": { "http2MaxRequests": 2 } } } }),
            vec![slow().at_once(4)],
        ),
        ruled(
            "one retry at a time",
            json!([{ "route": to("a"), "retries": { "attempts": 1, "retryOn": "5xx", "backoff": "1ms" } }]),
            json!({ "host": "a", "trafficPolicy": { "connectionPool": { "http": { "maxRetries": 1 } } } }),
            vec![Probe::get("/").script(&[Step::status(500), Step::after(400)]).at_once(3)],
        ),
        ruled(
            "connections of two requests",
            alone(),
            json!({ "host": "a", "trafficPolicy": { "connectionPool": { "http": { "maxRequestsPerConnection": 2 } } } }),
            vec![Probe::get("/"), Probe::get("/"), Probe::get("/")],
        ),
    ]
}

fn ejections() -> Vec<Case> {
    let bad = || Probe::get("/").script(&[Step::status(500)]);
    let none = json!({ "attempts": 0 });
    let alone = || json!([{ "route": to("a"), "retries": none }]);
    vec![
        ruled(
            "the only endpoint is ejected",
            alone(),
            json!({ "host": "a", "trafficPolicy": { "outlierDetection": {
                "consecutive5xxErrors": 2, "interval": "1s", "baseEjectionTime": "30s", "maxEjectionPercent": 100 } } }),
            vec![bad(), bad(), Probe::get("/"), Probe::get("/")],
        ),
        ruled(
            "the only endpoint is not ejected by default",
            alone(),
            json!({ "host": "a", "trafficPolicy": { "outlierDetection": {
                "consecutive5xxErrors": 2, "interval": "1s", "baseEjectionTime": "30s" } } }),
            vec![bad(), bad(), Probe::get("/"), Probe::get("/")],
        ),
        ruled(
            "gateway errors eject, and only they",
            alone(),
            json!({ "host": "a", "trafficPolicy": { "outlierDetection": {
                "consecutive5xxErrors": 0, "consecutiveGatewayErrors": 2, "interval": "1s",
                "baseEjectionTime": "30s", "maxEjectionPercent": 100 } } }),
            vec![
                bad(),
                bad(),
                Probe::get("/"),
                Probe::get("/").script(&[Step::status(502)]),
                Probe::get("/").script(&[Step::status(503)]),
                Probe::get("/"),
            ],
        ),
        ruled(
            "broken connections eject",
            alone(),
            json!({ "host": "a", "trafficPolicy": { "outlierDetection": {
                "consecutive5xxErrors": 2, "interval": "1s", "baseEjectionTime": "30s", "maxEjectionPercent": 100 } } }),
            vec![
                Probe::get("/").script(&[Step::ending(End::Reset)]).method("POST").body("x"),
                Probe::get("/").script(&[Step::ending(End::Reset)]).method("POST").body("x"),
                Probe::get("/"),
            ],
        ),
        ruled(
            "local failures are counted apart",
            json!([{ "route": to("dead"), "retries": none }]),
            json!({ "host": "dead", "trafficPolicy": { "outlierDetection": {
                "splitExternalLocalOriginErrors": true, "consecutiveLocalOriginFailures": 2,
                "interval": "1s", "baseEjectionTime": "30s", "maxEjectionPercent": 100 } } }),
            vec![Probe::get("/"), Probe::get("/"), Probe::get("/")],
        ),
    ]
}
