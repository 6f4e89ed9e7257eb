//! Rules and contexts in JSON, and decisions.

use portable::Fault;
use portable::fault::Code;
use sedge_kit::guard::decision::Outcome;
use sedge_kit::guard::rules::Rules;
use sedge_kit::guard::{context, json};
use serde_json::Value;
use std::fmt::Display;

/// The most bytes of rules.
pub const RULES_BYTES_MAX: usize = 256 << 10;
/// The most bytes of a context.
pub const CONTEXT_BYTES_MAX: usize = 64 << 10;
/// Milliseconds since 1970 that a clock may show: up to the year 2286.
const CLOCK_MS_MAX: f64 = 1e13;

/// What was decided.
#[derive(Clone, Debug, PartialEq)]
pub struct Decided {
    /// Whether the request may pass.
    pub may_pass: bool,
    /// The decision and its reasons, in JSON.
    pub told: Vec<u8>,
}

/// Reads rules; of none, the usual ones.
///
/// # Errors
/// What is wrong with them: nobody is to be judged by half of them.
pub fn rules(text: &[u8]) -> Result<Rules, Fault> {
    if text.is_empty() {
        return Ok(Rules::default());
    }
    let value = read(text, RULES_BYTES_MAX, "the rules")?;
    Rules::read(&value).map_err(|mistakes| wrong("the rules", &mistakes))
}

/// The decision on a context. `now_ms` is the host's clock, milliseconds since 1970; not a
/// number if it has none. A decision then does not say until when it holds (`expires_at` is
/// `null`): it is for this one request.
///
/// # Errors
/// What is wrong with the context or the clock.
pub fn evaluate(rules: &Rules, context: &[u8], now_ms: f64) -> Result<Decided, Fault> {
    if !now_ms.is_nan() && !(0.0..CLOCK_MS_MAX).contains(&now_ms) {
        return Err(Fault::new(Code::Argument, "the clock is not milliseconds since 1970"));
    }
    let value = read(context, CONTEXT_BYTES_MAX, "the context")?;
    let facts = context::read(&value).map_err(|mistakes| wrong("the context", &mistakes))?;
    // Of what is not a number this is 0.
    let decision = rules.decide(&facts, (now_ms / 1_000.0) as u64);
    let mut told = decision.to_json();
    if now_ms.is_nan() {
        told["expires_at"] = Value::Null;
    }
    let may_pass = decision.outcome == Outcome::Allow;
    Ok(Decided { may_pass, told: told.to_string().into_bytes() })
}

fn read(text: &[u8], bytes_max: usize, what: &str) -> Result<Value, Fault> {
    if text.len() > bytes_max {
        return Err(Fault::new(Code::TooLarge, format!("{what} have more than {bytes_max} bytes")));
    }
    let text = std::str::from_utf8(text);
    let text = text.map_err(|_| Fault::new(Code::Utf8, format!("{what}: not UTF-8")))?;
    json::read(text.as_bytes())
        .map_err(|told| Fault::new(Code::Argument, format!("{what}: {told}")))
}

/// All mistakes in one sentence, which is cut where it becomes too long.
fn wrong(what: &str, mistakes: &[impl Display]) -> Fault {
    let told: Vec<_> = mistakes.iter().map(ToString::to_string).collect();
    Fault::new(Code::Argument, format!("{what}: {}", told.join("; ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    const NOW_MS: f64 = 1.795e12;

    fn usual() -> Value {
        json!({
            "user_id": "alice", "device_id": "d-1", "location": {"country": "DE"},
            "network_info": {"ip_address": "192.0.2.7", "user_agent": "Mozilla/5.0 (X11)",
                             "tls_version": "TLSv1.3", "cipher_suite": "TLS_AES_128_GCM_SHA256"},
        })
    }

    fn code(rules_text: &[u8], context: &[u8], now_ms: f64) -> Option<(Code, String)> {
        let made = rules(rules_text).and_then(|rules| evaluate(&rules, context, now_ms));
        made.err().map(|fault| (fault.code, fault.message))
    }

    #[test]
    fn what_cannot_be_judged_is_told() {
        let good = usual().to_string();
        let twice = good.replacen("\"alice\"", "\"alice\",\"user_id\":\"root\"", 1);
        let deep = format!("{}{}", "[".repeat(40), "]".repeat(40));
        for (rules, context, expected, told) in [
            ("", "", Code::Argument, "the context: EOF"),
            ("", "{", Code::Argument, "the context: EOF"),
            ("", "[]", Code::Argument, "the context: /: not an object"),
            ("", "{}", Code::Argument, "/user_id: missing; /device_id: missing"),
            ("", &twice, Code::Argument, "is there twice"),
            ("", &deep, Code::Argument, "deeper than 16"),
            ("{}", &good, Code::Argument, "the rules: /rules: not a list"),
            (" ", &good, Code::Argument, "the rules: EOF"),
            ("{\"rules\":[],\"rules\":[]}", &good, Code::Argument, "is there twice"),
        ] {
            let fault = code(rules.as_bytes(), context.as_bytes(), NOW_MS);
            let (code, message) = fault.unwrap_or_else(|| panic!("{rules} {context}: good"));
            assert!(code == expected && message.contains(told), "{rules} {context}: {message}");
        }
        let is = |rules: &[u8], context: &[u8], now_ms| code(rules, context, now_ms).map(|it| it.0);
        assert_eq!(is(b"", b"\xff", NOW_MS), Some(Code::Utf8));
        assert_eq!(is(b"", &vec![b' '; CONTEXT_BYTES_MAX + 1], NOW_MS), Some(Code::TooLarge));
        assert_eq!(
            is(&vec![b' '; RULES_BYTES_MAX + 1], good.as_bytes(), NOW_MS),
            Some(Code::TooLarge)
        );
        for clock in [-1.0, 1e13, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(is(b"", good.as_bytes(), clock), Some(Code::Argument), "{clock}");
        }
        assert_eq!(is(b"", good.as_bytes(), NOW_MS), None);
    }

    #[test]
    fn a_clock_is_the_hosts_or_none() {
        let decide = |now_ms| {
            let made = evaluate(&Rules::default(), usual().to_string().as_bytes(), now_ms);
            let decided = made.expect("a decision");
            assert!(decided.may_pass);
            serde_json::from_slice::<Value>(&decided.told).expect("JSON")["expires_at"].clone()
        };
        assert_eq!(decide(NOW_MS + 999.0), 1_795_000_300_u64);
        assert_eq!(decide(0.0), 300);
        assert_eq!(decide(f64::NAN), Value::Null);
    }

    proptest! {
        /// Whatever comes is a decision that says what is returned, or a fault.
        #[test]
        fn nothing_panics(bytes in prop::collection::vec(any::<u8>(), 0..64), text: String, at in 0..6_usize) {
            let _ = (rules(&bytes), evaluate(&Rules::default(), &bytes, NOW_MS));
            let mut context = usual();
            let members = ["/user_id", "/device_id", "/location/country", "/network_info/user_agent",
                           "/network_info/tls_version", "/network_info/cipher_suite"];
            *context.pointer_mut(members[at]).expect("a member") = text.into();
            if let Ok(decided) = evaluate(&Rules::default(), context.to_string().as_bytes(), f64::NAN) {
                let told: Value = serde_json::from_slice(&decided.told).expect("JSON");
                prop_assert_eq!(&told["allow"], &decided.may_pass);
            }
        }
    }
}
