//! The OpenFeature Remote Evaluation Protocol: any OpenFeature SDK asks what a flag is for
//! somebody.
//!
//! Source: `service/openapi.yaml` of github.com/open-feature/protocol, version 0.1.0. One flag
//! is asked for by servers, and is an exposure; all flags together by clients, who do not show
//! all of them, so that nobody is exposed by that.

use crate::decide;
use crate::events::Seen;
use crate::flags::Flags;
use crate::head::Fields;
use crate::seal::text_of;
use hmac::digest::Digest;
use sedge_kit::experiments::evaluate::{Evaluation, Notes, Source, Visitor};
use serde_json::{Map, Value, json};
use sha2::Sha256;

/// What all paths begin with.
pub const PREFIX: &str = "/ofrep/v1/evaluate/flags";
/// A larger body is refused.
pub const BODY_BYTES_MAX: usize = 64 << 10;
/// Bytes of the name of a flag.
const KEY_BYTES_MAX: usize = 1_000;
/// Flags of one answer.
const FLAGS_MAX: usize = 1_000;

/// An answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Fields beside those of the body.
    pub fields: Vec<(&'static str, String)>,
    /// JSON; none: there is no body.
    pub body: Option<Value>,
    /// Who saw what.
    pub exposures: Vec<Seen>,
}

impl Answer {
    fn error(status: u16, body: Value) -> Self {
        Answer { status, body: Some(body), ..Answer::default() }
    }

    /// A body that is too large, or cannot be read.
    pub fn unreadable(status: u16, details: &str) -> Self {
        let code = if status == 413 { "GENERAL" } else { "PARSE_ERROR" };
        Answer::error(status, json!({ "errorCode": code, "errorDetails": details }))
    }
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// One flag.
    One(String),
    /// All flags.
    All,
}

/// What a request asks for; none if its path is not of the protocol.
///
/// # Errors
///
/// An answer that needs no body of the request.
pub fn question(
    method: &str,
    path: &str,
    fields: &Fields,
    secret: Option<&str>,
) -> Option<Result<Question, Answer>> {
    let rest = path.strip_prefix(PREFIX)?;
    let question = match rest.strip_prefix('/') {
        None if rest.is_empty() => Question::All,
        None => return None,
        Some(key) => match decoded(key) {
            Some(key) => Question::One(key),
            None => {
                let body = failure(Some(""), "FLAG_NOT_FOUND", "this is no name of a flag");
                return Some(Err(Answer::error(404, body)));
            }
        },
    };
    if secret.is_some_and(|secret| !is_admitted(fields, secret)) {
        let challenge = vec![("www-authenticate", "Bearer".to_owned())];
        return Some(Err(Answer { status: 401, fields: challenge, ..Answer::default() }));
    }
    if method != "POST" {
        let allow = vec![("allow", "POST".to_owned())];
        return Some(Err(Answer { status: 405, fields: allow, ..Answer::default() }));
    }
    Some(Ok(question))
}

/// Whether a request has the secret, as a bearer token (RFC 6750 §2.1) or in `X-API-Key`.
fn is_admitted(fields: &Fields, secret: &str) -> bool {
    let token = fields.one("authorization").and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    // Digests are compared, so that time tells nothing of the secret.
    let wanted = Sha256::digest(secret.trim().as_bytes());
    let is_it = |given: &str| Sha256::digest(given.as_bytes()) == wanted;
    token.is_some_and(is_it) || fields.one("x-api-key").is_some_and(is_it)
}

/// Answers a question.
pub fn answer(flags: Option<&Flags>, question: &Question, fields: &Fields, body: &[u8]) -> Answer {
    let key = match question {
        Question::One(key) => Some(&**key),
        Question::All => None,
    };
    let attributes = match context(body) {
        Ok(attributes) => attributes,
        Err((code, details)) => return Answer::error(400, failure(key, code, &details)),
    };
    let Some(flags) = flags else {
        let details = "there is no payload that can be used";
        return Answer::error(500, failure(key, "GENERAL", details));
    };
    let visitor = Visitor { may_override: false, ..Visitor::new(&attributes) };
    let url = attributes.get("url").and_then(Value::as_str).unwrap_or_default();
    let visitor = Visitor { url, ..visitor };
    match key {
        Some(key) => one(flags, key, &visitor),
        None => all(flags, &visitor, fields),
    }
}

fn one(flags: &Flags, key: &str, visitor: &Visitor<'_>) -> Answer {
    let mut notes = Notes::default();
    let evaluation = flags.definitions.evaluate(key, visitor, &mut notes);
    let body = match told(key, &evaluation) {
        Ok(body) => body,
        Err((status, code, details)) => {
            return Answer::error(status, failure(Some(key), code, details));
        }
    };
    let exposures = notes.exposures.iter().filter_map(decide::seen).collect();
    Answer { status: 200, fields: Vec::new(), body: Some(body), exposures }
}

fn all(flags: &Flags, visitor: &Visitor<'_>, fields: &Fields) -> Answer {
    let mut notes = Notes::default();
    let mut all = Vec::new();
    for feature in flags.definitions.features().iter().take(FLAGS_MAX) {
        let evaluation = flags.definitions.evaluate(feature.id(), visitor, &mut notes);
        all.push(match told(feature.id(), &evaluation) {
            Ok(body) => body,
            Err((_, code, details)) => failure(Some(feature.id()), code, details),
        });
    }
    let body = json!({ "flags": all });
    let digest = Sha256::digest(body.to_string().as_bytes());
    let tag = format!("\"{}\"", text_of(&digest[..12]));
    let is_known = fields.lines("if-none-match").flat_map(|line| line.split(',')).any(|known| {
        // Compared weakly (RFC 9110 §13.1.2).
        let known = known.trim();
        known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag
    });
    let status = if is_known { 304 } else { 200 };
    let body = (!is_known).then_some(body);
    Answer { status, fields: vec![("etag", tag)], body, exposures: Vec::new() }
}

/// The attributes of the body's context, whose `targetingKey` is the `id`.
fn context(body: &[u8]) -> Result<Value, (&'static str, String)> {
    let body: Value = serde_json::from_slice(body)
        .map_err(|error| ("PARSE_ERROR", format!("the body is not JSON: {error}")))?;
    let Value::Object(mut body) = body else {
        return Err(("PARSE_ERROR", "the body is not an object".into()));
    };
    let mut attributes = match body.remove("context") {
        Some(Value::Object(context)) => context,
        None => Map::new(),
        Some(_) => return Err(("INVALID_CONTEXT", "the context is not an object".into())),
    };
    match attributes.get("targetingKey") {
        None | Some(Value::Null) if attributes.get("id").is_some_and(Value::is_string) => {}
        None | Some(Value::Null) => {
            return Err(("TARGETING_KEY_MISSING", "the context has no targetingKey".into()));
        }
        Some(Value::String(key)) if !key.is_empty() => {
            let key = Value::String(key.clone());
            attributes.entry("id").or_insert(key);
        }
        Some(_) => {
            return Err(("INVALID_CONTEXT", "the targetingKey is not a text with letters".into()));
        }
    }
    Ok(Value::Object(attributes))
}

/// What is told of a flag, or its status, code and details.
fn told(
    key: &str,
    evaluation: &Evaluation<'_>,
) -> Result<Value, (u16, &'static str, &'static str)> {
    let reason = match evaluation.source {
        Source::UnknownFeature => return Err((404, "FLAG_NOT_FOUND", "there is no such flag")),
        Source::CyclicPrerequisite => {
            return Err((400, "GENERAL", "flags depend on each other in a circle"));
        }
        Source::DefaultValue => "DEFAULT",
        Source::Force => "TARGETING_MATCH",
        Source::Experiment => "SPLIT",
        Source::Prerequisite => "DISABLED",
    };
    // Optional in the protocol; the provider for Python (0.3.0) does not do without it.
    let variant = match &evaluation.experiment {
        Some((_, assignment)) => assignment.variation.key(),
        None if evaluation.rule.is_empty() => "default",
        None => evaluation.rule,
    };
    let mut body = json!({ "key": key, "reason": reason, "variant": variant });
    // One without a value leaves it to the code that asks.
    if !evaluation.value.is_null() {
        body["value"] = evaluation.value.clone();
    }
    if !evaluation.rule.is_empty() {
        body["metadata"] = json!({ "rule": evaluation.rule });
    }
    if let Some((experiment, assignment)) = &evaluation.experiment {
        body["metadata"]["experiment"] = json!(experiment.key());
        body["metadata"]["variation"] = json!(assignment.index);
    }
    Ok(body)
}

fn failure(key: Option<&str>, code: &str, details: &str) -> Value {
    let mut body = json!({ "errorCode": code, "errorDetails": details });
    if let Some(key) = key {
        body["key"] = json!(key);
    }
    body
}

/// The name of a flag in a path (RFC 3986 §2.1), which is one segment.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'/' => return None,
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                (digit()? * 16 + digit()?) as u8
            }
            byte => byte,
        });
    }
    let is_bounded = (1..=KEY_BYTES_MAX).contains(&bytes.len());
    String::from_utf8(bytes).ok().filter(|_| is_bounded)
}

#[cfg(test)]
mod tests;
