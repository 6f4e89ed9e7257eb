//! Cases made from a seed: everything that a `VirtualService` may say, and requests
//! that fit some of it.
//!
//! Times are chosen so that no two things happen at nearly the same time: a try has
//! 200 ms, a request 500 ms, and an upstream answers at once, after 300 ms, or too
//! late for both. Where chance decides what happens (shares, weights, an endpoint of
//! two that is dead), each request is sent many times, and nothing in it waits.

mod parts;
mod requests;

use super::case::Case;
use serde_json::{Value, json};

/// A source of numbers that are the same on every machine (SplitMix64).
pub struct Source(u64);

impl Source {
    /// Begins anew.
    pub fn new(seed: u64) -> Self {
        Source(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn pick<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())].clone()
    }

    /// Each of these with even chance, in their order.
    fn some<T: Clone>(&mut self, all: &[T]) -> Vec<T> {
        all.iter().filter(|_| self.chance(50)).cloned().collect()
    }
}

/// Cases of a seed, from the first.
pub fn cases(seed: u64, count: u64) -> Vec<Case> {
    (0..count).map(|number| case(seed, number)).collect()
}

/// One case; its name tells how to make it again.
pub fn case(seed: u64, number: u64) -> Case {
    let mut source = Source::new(seed.wrapping_mul(1_000_003).wrapping_add(number));
    // Of every four cases, chance decides within one.
    let by_chance = source.chance(25);
    let mut http = Vec::new();
    let routes = 1 + source.below(4);
    for index in 0..routes {
        http.push(route(&mut source, index + 1 == routes, by_chance));
    }
    let (rules, wants_crowd) = parts::rules(&mut source, &http, by_chance);
    let mut probes = Vec::new();
    for _ in 0..if by_chance { 2 } else { 3 + source.below(6) } {
        let one = requests::probe(&mut source, by_chance);
        probes.push(if by_chance { one.times(80) } else { one });
    }
    if wants_crowd {
        probes.push(requests::crowd(&mut source));
    }
    Case { name: format!("random {seed}/{number}"), http, rules, probes }
}

fn route(source: &mut Source, is_last: bool, by_chance: bool) -> Value {
    let mut route = json!({});
    if !is_last || source.chance(30) {
        let matches: Vec<Value> = (0..1 + source.below(2)).map(|_| parts::fits(source)).collect();
        route["match"] = json!(matches);
    }
    match source.below(8) {
        0 => route["redirect"] = parts::redirect(source),
        1 => route["directResponse"] = parts::answer(source),
        _ => forward(source, &mut route, by_chance),
    }
    if source.chance(30) {
        route["headers"] = parts::headers(source, "route");
    }
    if source.chance(25) {
        route["fault"] = parts::fault(source, by_chance);
    }
    if source.chance(20) {
        route["corsPolicy"] = parts::cors(source);
    }
    route
}

fn forward(source: &mut Source, route: &mut Value, by_chance: bool) {
    route["route"] = parts::ways(source, by_chance);
    if source.chance(35) {
        route["timeout"] = json!("500ms");
    }
    if source.chance(60) {
        route["retries"] = parts::retries(source);
    }
    if source.chance(30) {
        route["rewrite"] = parts::rewrite(source);
    }
    if source.chance(15) {
        route["mirror"] = json!({ "host": "c" });
        if source.chance(50) {
            let share = parts::share(source, by_chance);
            route["mirrorPercentage"] = json!({ "value": share });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envoy::case::Placed;

    #[test]
    fn a_seed_always_makes_the_same_case() {
        for number in [0, 1, 499] {
            let [one, other] = [case(7, number), case(7, number)];
            assert_eq!((one.http, one.rules), (other.http, other.rules));
            assert_eq!(format!("{:?}", one.probes), format!("{:?}", other.probes));
        }
        assert_ne!(case(7, 0).http, case(8, 0).http);
    }

    /// What is never made is never compared.
    #[test]
    fn everything_that_a_route_may_say_is_said_now_and_then() {
        let all: String = cases(1, 500)
            .iter()
            .map(|case| Placed { case, index: 0 }.manifest() + &format!("{:?}", case.probes))
            .collect();
        for word in [
            "exact:",
            "prefix:",
            "regex:",
            "ignoreUriCase",
            "withoutHeaders",
            "queryParams",
            "method:",
            "authority:",
            "scheme:",
            "port:",
            "redirectCode",
            "derivePort",
            "uriRegexRewrite",
            "directResponse",
            "set:",
            "add:",
            "remove:",
            "timeout:",
            "perTryTimeout",
            "retryOn",
            "backoff",
            "retryIgnorePreviousHosts",
            "fixedDelay",
            "httpStatus",
            "weight:",
            "mirror:",
            "mirrorPercentage",
            "corsPolicy",
            "unmatchedPreflights",
            "subset:",
            "outlierDetection",
            "maxConnections",
            "maxRetries",
            "simple:",
            "Reset",
            "Cut",
            "Garbage",
            "Close",
            "grpc-status",
            "OPTIONS",
            "HEAD",
            "POST",
        ] {
            assert!(all.contains(word), "{word}");
        }
    }
}
