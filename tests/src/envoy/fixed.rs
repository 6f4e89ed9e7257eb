//! Cases written by hand: what the issue of comparing began with, and what was
//! found to differ.

mod forwarding;
mod matching;
mod resilience;

use super::case::{Case, Probe};
use serde_json::{Value, json};

/// All of them.
pub fn all() -> Vec<Case> {
    let mut all = resilience::cases();
    all.extend(matching::cases());
    all.extend(forwarding::cases());
    all
}

/// A case without rules of destinations.
fn case(name: &str, http: Value, probes: Vec<Probe>) -> Case {
    let http = http.as_array().cloned().unwrap_or_default();
    Case { name: name.to_owned(), http, rules: Vec::new(), probes }
}

/// One with a rule of a destination.
fn ruled(name: &str, http: Value, rule: Value, probes: Vec<Probe>) -> Case {
    Case { rules: vec![rule], ..case(name, http, probes) }
}

/// One destination.
fn to(service: &str) -> Value {
    json!([{ "destination": { "host": service } }])
}
