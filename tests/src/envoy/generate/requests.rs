//! Requests, and what upstreams do with them.

use super::Source;
use crate::envoy::case::Probe;
use crate::envoy::upstream::{End, Step};

const PATHS: [&str; 14] = [
    "/p1",
    "/p1/x",
    "/p1/x?q=v1",
    "/P1/x",
    "/p",
    "/p/x?q=v1&z=2",
    "/p12/y?q",
    "/p7?q=",
    "/other",
    "/",
    "/a1?q=w",
    "/%701",
    "/p1//x",
    "/p%2fx",
];

/// One request.
pub(super) fn probe(source: &mut Source, by_chance: bool) -> Probe {
    let path = source.pick(&PATHS);
    let mut probe = Probe::get(path);
    if source.chance(30) {
        probe = probe.method(source.pick(&["HEAD", "POST", "POST", "PUT", "DELETE", "OPTIONS"]));
        if matches!(probe.method, "POST" | "PUT") {
            probe = probe.body("some content");
        }
    }
    for name in ["x-a", "x-b", "x-c"] {
        if source.chance(30) {
            probe = probe.header(name, source.pick(&["v1", "v2", "w", ""]));
            if source.chance(20) {
                probe = probe.header(name, source.pick(&["v1", "z"]));
            }
        }
    }
    if source.chance(15) {
        probe = probe.header("host", source.pick(&["{host}:8080", "x.{host}", "{host}:80"]));
    }
    if source.chance(20) {
        probe =
            probe.header("origin", source.pick(&["https://one.test", "https://two.test", "null"]));
        if source.chance(50) {
            probe = probe.method("OPTIONS").header("access-control-request-method", "PUT");
            probe.body = "";
        }
    }
    probe.script = script(source, by_chance);
    probe
}

/// Several at once, for a bound.
pub(super) fn crowd(source: &mut Source) -> Probe {
    let first = if source.chance(50) { Step::status(500) } else { Step::after(600) };
    Probe::get(source.pick(&PATHS)).script(&[first, Step::after(600)]).at_once(4)
}

fn script(source: &mut Source, by_chance: bool) -> Vec<Step> {
    if source.chance(40) {
        return Vec::new();
    }
    let steps = 1 + source.below(3);
    (0..steps).map(|_| step(source, by_chance)).collect()
}

fn step(source: &mut Source, by_chance: bool) -> Step {
    let kind = source.below(12);
    match kind {
        0 | 1 => Step::status(503),
        2 => Step::status(source.pick(&[500, 502, 504, 501])),
        3 => Step::status(source.pick(&[404, 409, 429, 204, 302])),
        4 => Step::ending(source.pick(&[End::Close, End::Reset, End::Garbage])),
        5 if !by_chance => Step::ending(End::Cut),
        6 if !by_chance => Step::after(300),
        7 if !by_chance => Step::after(900),
        8 if !by_chance => Step { body_wait_ms: 300, ..Step::default() },
        9 => {
            let code = source.pick(&["14", "1", "4", "13", "8", "0", "5"]);
            Step { fields: vec![("grpc-status".to_owned(), code.to_owned())], ..Step::default() }
        }
        10 => {
            let fields = vec![("x-upstream-only".to_owned(), "1".to_owned())];
            Step { fields, ..Step::default() }
        }
        _ => Step::default(),
    }
}
