//! Decisions for others: a security context in, what the rules say of it out. Policies and what is
//! kept of users are not asked, since the caller tells all that counts.

use crate::request::Fields;
use sedge_kit::guard::context;
use sedge_kit::guard::rules::Rules;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The path, below the one of the settings.
pub const EVALUATE: &str = "/evaluate";
/// The name of the secret that callers have to show as a bearer token.
pub const SECRET: &str = "guard_token";
/// The most bytes of a context.
pub const BODY_BYTES_MAX: usize = 64 << 10;
/// A secret that is shorter could be guessed.
const SECRET_BYTES_MIN: usize = 16;

/// Status, fields and body.
pub type Answer = (u16, Fields, Vec<u8>);

/// Whether somebody may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// It has shown the secret.
    Known,
    /// It has not.
    Unknown,
    /// There is no secret that could be shown.
    Nobody,
}

/// Who asks, by the one bearer token of the fields.
pub fn caller(fields: &Fields, secret: Option<&str>) -> Caller {
    let Some(secret) = secret.filter(|secret| secret.len() >= SECRET_BYTES_MIN) else {
        let told = format!("the secret `{SECRET}` is not granted, or has less than 16 bytes");
        eprintln!("guard: {told}");
        return Caller::Nobody;
    };
    let mut sent = fields.iter().filter(|(name, _)| name.eq_ignore_ascii_case("authorization"));
    let is_known = match (sent.next(), sent.next()) {
        (Some((_, value)), None) => value.split_at_checked(7).is_some_and(|(scheme, token)| {
            scheme.eq_ignore_ascii_case(b"bearer ") && is_same(token, secret.as_bytes())
        }),
        _ => false,
    };
    if is_known { Caller::Known } else { Caller::Unknown }
}

/// Why a caller gets no decision, before anything of what it sends is read.
pub fn refused(is_post: bool, fields: &Fields, secret: Option<&str>) -> Option<Answer> {
    match caller(fields, secret) {
        Caller::Nobody => Some(problem(503, "nobody may ask here", &[], &[])),
        Caller::Unknown => {
            let challenge = [("www-authenticate", "Bearer")];
            Some(problem(401, "the caller is not known", &challenge, &[]))
        }
        Caller::Known if is_post => None,
        Caller::Known => Some(problem(405, "contexts are sent by POST", &[("allow", "POST")], &[])),
    }
}

/// The decision on a context, or what is wrong with it.
pub fn evaluate(rules: &Rules, body: &[u8], now_ms: i64) -> Answer {
    if body.len() > BODY_BYTES_MAX {
        return problem(413, "the context is too large", &[], &[]);
    }
    let value = match sedge_kit::guard::json::read(body) {
        Ok(value) => value,
        Err(error) => return problem(400, "the context is not JSON", &[], &[error]),
    };
    let facts = match context::read(&value) {
        Ok(facts) => facts,
        Err(mistakes) => {
            let told: Vec<_> = mistakes.iter().map(ToString::to_string).collect();
            return problem(422, "the context cannot be judged", &[], &told);
        }
    };
    let now_s = u64::try_from(now_ms / 1_000).unwrap_or(0);
    let decision = rules.decide(&facts, now_s).to_json();
    (200, head("application/json", &[]), format!("{decision}\n").into_bytes())
}

fn problem(status: u16, title: &str, fields: &[(&str, &str)], errors: &[String]) -> Answer {
    let mut problem = json!({ "type": "about:blank", "status": status, "title": title });
    if !errors.is_empty() {
        problem["errors"] = Value::from(errors.to_vec());
    }
    (status, head("application/problem+json", fields), format!("{problem}\n").into_bytes())
}

/// The fields of an answer that nobody may keep.
pub(crate) fn head(kind: &str, fields: &[(&str, &str)]) -> Fields {
    let all = [("content-type", kind), ("cache-control", "no-store")];
    let all = all.iter().chain(fields);
    all.map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect()
}

/// Compares digests, so that time tells nothing of where two secrets differ.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    Sha256::digest(one) == Sha256::digest(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "0123456789abcdef";

    fn status(is_post: bool, authorization: &[&str], secret: Option<&str>) -> Option<u16> {
        let field = |value: &&str| ("Authorization".to_owned(), value.as_bytes().to_vec());
        let fields: Fields = authorization.iter().map(field).collect();
        refused(is_post, &fields, secret).map(|(status, ..)| status)
    }

    #[test]
    fn who_is_not_known_is_told_nothing() {
        assert_eq!(status(true, &[&format!("Bearer {OURS}")], None), Some(503));
        assert_eq!(status(true, &["Bearer short"], Some("short")), Some(503));
        assert_eq!(status(true, &[], Some(OURS)), Some(401));
        for wrong in ["", "Bearer ", "Bearer 0123456789abcdeg", "Basic 0123456789abcdef", OURS] {
            assert_eq!(status(true, &[wrong], Some(OURS)), Some(401), "{wrong}");
            assert_eq!(status(false, &[wrong], Some(OURS)), Some(401), "{wrong}");
        }
        let good = format!("bearer {OURS}");
        assert_eq!(status(true, &[&good, &good], Some(OURS)), Some(401));
        assert_eq!(status(false, &[&good], Some(OURS)), Some(405));
        assert_eq!(status(true, &[&good], Some(OURS)), None);
    }

    #[test]
    fn what_cannot_be_judged_is_no_decision() {
        let evaluate = |body: &[u8]| {
            let (status, _, body) = evaluate(&Rules::default(), body, 1_000_000);
            (status, serde_json::from_slice::<Value>(&body).expect("JSON"))
        };
        for (body, expected) in [
            (&b""[..], 400),
            (b"{", 400),
            (b"{\"user_id\":\"a\",\"user_id\":\"b\"}", 400),
            (b"[]", 422),
            (b"{}", 422),
            (&[b' '; BODY_BYTES_MAX + 1], 413),
        ] {
            let (status, told) = evaluate(body);
            assert_eq!(status, expected, "{told}");
            assert_eq!(told["allow"], Value::Null, "{told}");
        }
        assert_eq!(evaluate(b"{}").1["errors"][0], "/user_id: missing");
        let context = json!({
            "user_id": "alice", "device_id": "d", "location": {"country": "DE"},
            "network_info": {"ip_address": "192.0.2.7", "user_agent": "Mozilla/5.0 (X11)",
                             "tls_version": "TLSv1.3", "cipher_suite": "TLS_AES_128_GCM_SHA256"},
        });
        let (status, told) = evaluate(context.to_string().as_bytes());
        assert_eq!(
            (status, &told["allow"], &told["expires_at"]),
            (200, &json!(true), &json!(1_300))
        );
    }
}
