//! Decisions on some contexts by some rules, so that native code and WebAssembly can be held
//! against each other: `golden.tsv` is checked natively by a test here, and in JavaScript hosts
//! by `functions/portable/test/checks.js`.
//!
//! `UPDATE_GOLDEN=1 cargo test -p guard-core` writes the file anew.

use crate::engine;
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::Path;

const HEADING: &str = "now_ms\trules\tcontext\tmay_pass\tdecision\n";

/// Usual clients, and those that every rule speaks against, by the usual rules and by others.
fn rows() -> String {
    let own = json!({
        "thresholds": {"verify": 0.1, "step_up": 0.3, "block": 0.7}, "expires_s": 60,
        "rules": [
            {"name": "abroad", "score": 0.35, "when": {"not": {"country": ["DE"]}}},
            {"name": "night", "score": 0.123456, "when": {"hours_utc": [22, 6]}},
            {"name": "nobody", "score": 0.5, "when": {"any": [{"proof": ["none"]}, {"unknown": ["ja4"]}]}},
            {"name": "net", "score": 0.9, "when": {"address": ["198.51.100.0/24", "2001:db8::/32"]}},
        ],
    });
    let agents = ["Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0", "é ünïcode agent", "curl/8", ""];
    let addresses = ["192.0.2.7", "198.51.100.9", "2001:db8::1", ""];
    let mut rows = HEADING.to_owned();
    for at in 0..96_usize {
        let pick = |all: &[&str], by: usize| all[at / by % all.len()].to_owned();
        let context = json!({
            "user_id": pick(&["alice", ""], 2), "device_id": format!("d-{at}"),
            "location": {"country": pick(&["DE", "DE", "FR", "DE", ""], 1)},
            "network_info": {
                "ja4": pick(&["t13d1516h2", ""], 6), "ip_address": pick(&addresses, 3), "user_agent": pick(&agents, 5),
                "tls_version": pick(&["TLSv1.3", "1.2", "QUIC"], 7),
                "cipher_suite": pick(&["TLS_AES_128_GCM_SHA256", "DES-CBC3-SHA"], 4),
                "traits": [pick(&["vpn", "hosting", "anonymous", "tor_exit"], 2)],
            },
            "velocity_kmh": if at % 11 == 0 { 1_500.5 } else { at as f64 },
            "device_reputation": at as f64 / 96.0, "rate_per_minute": at * at / 4,
            "hour_utc": at % 24, "familiar_place": at % 7 != 0, "proof": pick(&["token", "none"], 8),
        });
        let (rules, text) = match at % 3 {
            0 => (String::new(), "usual".to_owned()),
            _ => (own.to_string(), own.to_string()),
        };
        let (now_ms, clock) = match at % 4 {
            0 => (f64::NAN, "NaN".to_owned()),
            _ => (1.795e12 + at as f64, format!("{}", 1_795_000_000_000_usize + at)),
        };
        let rules = engine::rules(rules.as_bytes()).expect("rules");
        let decided = engine::evaluate(&rules, context.to_string().as_bytes(), now_ms);
        let decided = decided.expect("a decision");
        let told: Value = serde_json::from_slice(&decided.told).expect("JSON");
        writeln!(rows, "{clock}\t{text}\t{context}\t{}\t{told}", decided.may_pass)
            .expect("it grows");
    }
    rows
}

#[test]
fn the_answers_are_those_of_the_golden_file() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden.tsv");
    let got = rows();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &got).expect("the source folder can be written");
    }
    let want = std::fs::read_to_string(&path).expect("golden.tsv is in the checkout");
    for outcome in ["allow", "step-up", "block"] {
        assert!(want.contains(&format!("\"outcome\":\"{outcome}\"")), "no {outcome} is in it");
    }
    assert_eq!(got, want);
}
