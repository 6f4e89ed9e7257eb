//! Decisions for others by OpenID AuthZEN, Authorization API 1.0 (final): who may do what with
//! what is asked in JSON, and answered by policies that are the caller's own.
//!
//! They are not the policies of requests. One of those that permits all that is not forbidden
//! would permit everything that is none of its business.
//!
//! In the order in which a question travels: who asks ([`answer`]), what is asked
//! ([`questions`]), how that is said to Cedar, and what it says ([`pdp`]). Section numbers are
//! those of the specification, <https://openid.net/specs/authorization-api-1_0.html>. The search
//! APIs (section 8) are not offered, which the metadata says by leaving them out (section 9.1.1).

pub mod questions;

pub mod pdp;

mod shape;

pub use pdp::Pdp;

use crate::endpoint::{Answer, Caller, head};
use crate::request::Fields;
use crate::settings::Authzen;
use questions::{Asked, Question, Semantic};
use serde_json::{Value, json};

/// The most bytes of a request.
pub const BODY_BYTES_MAX: usize = 256 << 10;
/// Where the metadata is, before the path of the identifier (section 9.2).
const WELL_KNOWN: &str = "/.well-known/authzen-configuration";
/// Where questions are sent, behind it (section 10.1).
const EVALUATION: &str = "/access/v1/evaluation";
const EVALUATIONS: &str = "/access/v1/evaluations";

/// What a path stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// What there is, for anybody.
    Metadata,
    /// One question.
    Evaluation,
    /// Many, or one.
    Evaluations,
}

impl Place {
    /// The place of a path without its query.
    pub fn of(path: &str, settings: &Authzen) -> Option<Self> {
        let own = &*settings.path;
        if path.strip_prefix(WELL_KNOWN) == Some(own) {
            return Some(Place::Metadata);
        }
        match path.strip_prefix(own)? {
            EVALUATION => Some(Place::Evaluation),
            EVALUATIONS => Some(Place::Evaluations),
            _ => None,
        }
    }
}

/// What the policy decision point says of itself (section 9.2.2). It is no secret, and may be
/// kept for an hour.
pub fn metadata(method: &str, settings: &Authzen) -> Answer {
    if !matches!(method, "GET" | "HEAD") {
        return refused(405, "the metadata is got by GET", &[("allow", "GET, HEAD")]);
    }
    let own = &settings.identifier;
    let told = json!({
        "policy_decision_point": own,
        "access_evaluation_endpoint": format!("{own}{EVALUATION}"),
        "access_evaluations_endpoint": format!("{own}{EVALUATIONS}"),
    });
    let mut fields = head("application/json", &[]);
    fields.retain(|(name, _)| name != "cache-control");
    fields.push(("cache-control".into(), b"max-age=3600".to_vec()));
    (200, fields, format!("{told}\n").into_bytes())
}

/// Why a caller gets no decision, before anything of what it sends is read.
pub fn turned_away(method: &str, fields: &Fields, caller: Caller) -> Option<Answer> {
    let answer = match caller {
        Caller::Nobody => refused(503, "nobody may ask here", &[]),
        Caller::Unknown => {
            refused(401, "the caller is not known", &[("www-authenticate", "Bearer")])
        }
        Caller::Known if method != "POST" => {
            refused(405, "questions are sent by POST", &[("allow", "POST")])
        }
        Caller::Known if !is_json(fields) => {
            refused(400, "the content type is not application/json", &[])
        }
        Caller::Known => return None,
    };
    Some(answer)
}

/// What is answered to a request for decisions: a decision, a list of them, or what is wrong
/// with the request. Nothing that is wrong is a decision to permit.
pub fn answer(pdp: &Result<Pdp, String>, place: Place, body: &[u8]) -> Answer {
    if body.len() > BODY_BYTES_MAX {
        return refused(413, "the request is too large", &[]);
    }
    let pdp = match pdp {
        Ok(pdp) => pdp,
        Err(problems) => {
            eprintln!("guard: {problems}");
            return refused(500, "decisions cannot be made", &[]);
        }
    };
    let asked = match questions::read(body, place == Place::Evaluations) {
        Ok(asked) => asked,
        Err(told) => return refused(400, &told, &[]),
    };
    let told = match asked {
        Asked::One(question) => match pdp.decide(&question) {
            Ok(decision) => decision,
            Err(told) => return refused(400, &told, &[]),
        },
        Asked::Many(questions, semantic) => {
            json!({ "evaluations": decisions(pdp, &questions, semantic) })
        }
    };
    (200, head("application/json", &[]), format!("{told}\n").into_bytes())
}

/// The decisions on all questions, in their order, or up to the one that decides (section
/// 7.1.2.1). A question that cannot be understood is denied, with what is wrong (section 7.2.1).
fn decisions(pdp: &Pdp, questions: &[Result<Question, String>], semantic: Semantic) -> Vec<Value> {
    let mut told = Vec::with_capacity(questions.len());
    for question in questions {
        let decided = question.as_ref().map_err(Clone::clone).and_then(|it| pdp.decide(it));
        let decision = decided.unwrap_or_else(|wrong| {
            json!({ "decision": false, "context": { "error": { "status": 400, "message": wrong } } })
        });
        let is_permit = decision["decision"] == true;
        told.push(decision);
        match semantic {
            Semantic::DenyOnFirstDeny if !is_permit => break,
            Semantic::PermitOnFirstPermit if is_permit => break,
            _ => {}
        }
    }
    told
}

/// An answer with the request's own identifier, if it has one (section 10.1.3).
pub fn identified((status, mut fields, body): Answer, asked: &Fields) -> Answer {
    let own = asked.iter().filter(|(name, _)| name.eq_ignore_ascii_case("x-request-id"));
    fields.extend(own.map(|(_, value)| ("x-request-id".to_owned(), value.clone())));
    (status, fields, body)
}

/// An error is told as a text (section 10.1.2).
fn refused(status: u16, told: &str, fields: &[(&str, &str)]) -> Answer {
    (status, head("text/plain; charset=utf-8", fields), format!("{told}\n").into_bytes())
}

fn is_json(fields: &Fields) -> bool {
    let mut kinds = fields.iter().filter(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    let (Some((_, kind)), None) = (kinds.next(), kinds.next()) else { return false };
    let kind = kind.split(|byte| *byte == b';').next().unwrap_or_default();
    kind.trim_ascii().eq_ignore_ascii_case(b"application/json")
}

#[cfg(test)]
mod tests;
