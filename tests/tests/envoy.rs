//! The same Istio files and the same traffic through Sedge and Envoy: all cases that
//! were written by hand, and twenty random ones. `cargo xtask eval envoy` sends 500.

use sedge_tests::envoy::case::{Case, Placed, SERVERS};
use sedge_tests::envoy::compare;
use sedge_tests::envoy::upstream::{self, Servers};
use sedge_tests::envoy::{fixed, generate};

/// Random cases, always the same.
const CASES: u64 = 20;
const SEED: u64 = 1;

fn no_case_differs(cases: &[Case]) {
    let servers = Servers::start(&SERVERS);
    let outcomes = compare::run(cases, &servers, &|_| {}).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(outcomes.len(), cases.len());
    let mut report = String::new();
    for outcome in outcomes.iter().filter(|outcome| !outcome.differences.is_empty()) {
        let case = &cases[outcome.case];
        report.push_str(&format!("\n{}:\n{}", case.name, Placed { case, index: 0 }.manifest()));
        for one in &outcome.differences {
            let probe = &case.probes[one.probe];
            let script = upstream::script(&probe.script);
            report.push_str(&format!(
                "{} {} {:?} {script:?}: {}\n  sedge {}\n  envoy {}\n",
                probe.method, probe.target, probe.headers, one.field, one.sedge, one.envoy
            ));
        }
    }
    assert!(report.is_empty(), "{report}");
}

#[test]
fn cases_by_hand_do_as_envoy_does() {
    no_case_differs(&fixed::all());
}

#[test]
fn random_cases_do_as_envoy_does() {
    no_case_differs(&generate::cases(SEED, CASES));
}

/// A comparison that finds nothing must be able to find something.
#[test]
fn a_file_that_says_something_else_is_found_out() {
    let mut case = fixed::all().swap_remove(0);
    let servers = Servers::start(&SERVERS);
    // What only one of the two is told.
    case.http[0]["fault"]["delay"]["fixedDelay"] = serde_json::json!("400ms");
    let other = Case {
        http: vec![serde_json::json!({ "directResponse": { "status": 418 } })],
        ..case.clone()
    };
    let outcome = compare::apart(&case, &other, &servers).unwrap_or_else(|error| panic!("{error}"));
    let fields: Vec<&str> = outcome.differences.iter().map(|one| one.field).collect();
    for field in ["status", "body", "tries", "time"] {
        assert!(fields.contains(&field), "{fields:?}");
    }
}
