//! What was decided, and how it is told: to the client, to those behind, and in the log.

use crate::policy::StepUp;
use crate::request::{Asked, Fields};
use crate::token::TokenError;
use sedge_kit::guard::decision::{Decision, Outcome};
use sedge_kit::guard::facts::Proof;
use serde_json::{Value, json};
use std::fmt::Write;

/// A verdict and its reasons.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// What the rules say, with the outcome of all.
    pub decision: Decision,
    /// Why it does not pass; `None` if it does.
    pub refused: Option<Refused>,
    /// Who asks, if a token has proved it.
    pub subject: Option<String>,
    /// How it was proved who asks.
    pub proof: Proof,
    /// The policies that decided.
    pub reasons: Vec<String>,
    /// The policies that failed.
    pub errors: Vec<String>,
    /// What has to be proved, to step up.
    pub step_up: StepUp,
}

/// Why a request does not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// There has to be a token.
    NoToken,
    /// The token is not believed.
    Token(TokenError),
    /// More has to be proved.
    StepUp,
    /// It is too great a risk, or no policy permits it.
    Blocked,
    /// It could not be decided; says what failed.
    Undecided(&'static str),
}

impl Verdict {
    /// One that refuses before anything was weighed.
    pub fn refused(refused: Refused, now_s: u64) -> Self {
        let factor = match &refused {
            Refused::NoToken => "token_missing".to_owned(),
            Refused::Token(error) => error.name().to_owned(),
            Refused::Undecided(what) => format!("undecided_{what}"),
            Refused::StepUp | Refused::Blocked => String::new(),
        };
        Verdict {
            decision: Decision::undecided(&factor, now_s),
            refused: Some(refused),
            subject: None,
            proof: Proof::None,
            reasons: Vec::new(),
            errors: Vec::new(),
            step_up: StepUp::default(),
        }
    }

    /// Whether it may be used again until it expires: what failed may be well a moment later.
    pub fn is_lasting(&self) -> bool {
        self.errors.is_empty()
            && matches!(self.refused, None | Some(Refused::StepUp | Refused::Blocked))
    }

    /// What those behind the link are told.
    pub fn fields(&self) -> Fields {
        let decision = &self.decision;
        let mut fields = vec![
            ("sedge-guard-outcome".to_owned(), decision.outcome.name().into()),
            ("sedge-guard-risk".to_owned(), format!("{:.3}", decision.risk).into_bytes()),
            ("sedge-guard-proof".to_owned(), self.proof.name().into()),
        ];
        if !decision.factors.is_empty() {
            fields.push(("sedge-guard-factors".into(), decision.factors.join(", ").into_bytes()));
        }
        if !decision.actions.is_empty() {
            fields.push(("sedge-guard-actions".into(), decision.actions.join(", ").into_bytes()));
        }
        if let Some(subject) = &self.subject {
            fields.push(("sedge-guard-subject".into(), escaped(subject).into_bytes()));
        }
        fields
    }

    /// Status, fields and body of the answer to who does not pass. The body is a problem
    /// document (RFC 9457) that says no more than is needed: which rules hold is for the log.
    pub fn answer(&self) -> (u16, Fields, Vec<u8>) {
        let (status, title) = match &self.refused {
            Some(Refused::NoToken) => (401, "a token is needed"),
            Some(Refused::Token(_)) => (401, "the token is not accepted"),
            Some(Refused::StepUp) => (401, "more has to be proved"),
            Some(Refused::Undecided(_)) => (503, "it cannot be decided whether this is allowed"),
            Some(Refused::Blocked) | None => (403, "this is not allowed"),
        };
        let problem = json!({ "type": "about:blank", "status": status, "title": title });
        let mut fields = vec![
            ("content-type".to_owned(), b"application/problem+json".to_vec()),
            ("cache-control".to_owned(), b"no-store".to_vec()),
        ];
        if status == 401 {
            fields.push(("www-authenticate".into(), self.challenge().into_bytes()));
        }
        if status == 503 {
            fields.push(("retry-after".into(), b"10".to_vec()));
        }
        (status, fields, format!("{problem}\n").into_bytes())
    }

    /// RFC 6750, section 3, and RFC 9470, section 3.
    fn challenge(&self) -> String {
        match &self.refused {
            Some(Refused::Token(error)) => {
                format!("Bearer error=\"invalid_token\", error_description=\"{error}\"")
            }
            Some(Refused::StepUp) => {
                let mut challenge = "Bearer error=\"insufficient_user_authentication\", \
                    error_description=\"more has to be proved\""
                    .to_owned();
                if !self.step_up.context_classes.is_empty() {
                    let classes = self.step_up.context_classes.join(" ");
                    let _ = write!(challenge, ", acr_values=\"{classes}\"");
                }
                if let Some(age_s) = self.step_up.age_s_max {
                    let _ = write!(challenge, ", max_age={age_s}");
                }
                challenge
            }
            _ => "Bearer".to_owned(),
        }
    }

    /// One line of JSON for the log. Of the address only its network is told, and nothing of
    /// the token.
    pub fn line(&self, asked: &Asked, reports_only: bool) -> String {
        let mut decision = self.decision.to_json();
        let address = asked.address.map(sedge_kit::privacy::truncate);
        let more = [
            ("guard", Value::from(if reports_only { "report-only" } else { "enforce" })),
            ("method", Value::from(&*asked.method)),
            ("path", Value::from(asked.path.chars().take(256).collect::<String>())),
            ("network", address.map_or(Value::Null, |address| address.to_string().into())),
            ("subject", self.subject.as_deref().map_or(Value::Null, Value::from)),
            ("proof", Value::from(self.proof.name())),
            ("policies", Value::from(self.reasons.clone())),
            ("policies_failed", Value::from(self.errors.clone())),
        ];
        for (name, value) in more {
            decision[name] = value;
        }
        decision.to_string()
    }

    /// Whether it passes.
    pub fn passes(&self) -> bool {
        self.refused.is_none() && self.decision.outcome == Outcome::Allow
    }
}

/// A text that can stand in a header field: bytes that cannot, and `%`, as `%XX`.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'%' | b'"' | b'\\' | b',' => drop(write!(escaped, "%{byte:02X}")),
            0x21..=0x7E => escaped.push(char::from(byte)),
            _ => drop(write!(escaped, "%{byte:02X}")),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_subject_says_leaves_its_field() {
        assert_eq!(escaped("alice@id.test"), "alice@id.test");
        assert_eq!(escaped("a\r\nx: 1%"), "a%0D%0Ax:%201%25");
        assert_eq!(escaped("é\", b"), "%C3%A9%22%2C%20b");
    }

    #[test]
    fn who_does_not_pass_is_told_what_to_do() {
        let told = |refused| Verdict::refused(refused, 0).answer();
        let field = |fields: &Fields, name: &str| {
            let found = fields.iter().find(|(field, _)| field == name);
            found.map(|(_, value)| String::from_utf8_lossy(value).into_owned())
        };
        let (status, fields, _) = told(Refused::NoToken);
        assert_eq!((status, field(&fields, "www-authenticate")), (401, Some("Bearer".into())));
        let (status, fields, _) = told(Refused::Token(TokenError::Expired));
        let challenge = "Bearer error=\"invalid_token\", error_description=\"expired\"";
        assert_eq!((status, field(&fields, "www-authenticate")), (401, Some(challenge.into())));
        let (status, fields, body) = told(Refused::Blocked);
        assert_eq!((status, field(&fields, "www-authenticate")), (403, None));
        assert_eq!(field(&fields, "content-type").as_deref(), Some("application/problem+json"));
        let body: Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!((&body["status"], &body["type"]), (&json!(403), &json!("about:blank")));
        let (status, fields, _) = told(Refused::Undecided("keys"));
        assert_eq!((status, field(&fields, "retry-after")), (503, Some("10".into())));
        let step_up =
            StepUp { context_classes: vec!["urn:a".into(), "urn:b".into()], age_s_max: Some(60) };
        let verdict = Verdict { step_up, ..Verdict::refused(Refused::StepUp, 0) };
        let (status, fields, _) = verdict.answer();
        let challenge = "Bearer error=\"insufficient_user_authentication\", \
            error_description=\"more has to be proved\", acr_values=\"urn:a urn:b\", max_age=60";
        assert_eq!((status, field(&fields, "www-authenticate")), (401, Some(challenge.into())));
    }

    #[test]
    fn what_failed_is_not_kept() {
        for refused in
            [Refused::NoToken, Refused::Token(TokenError::Expired), Refused::Undecided("x")]
        {
            let verdict = Verdict::refused(refused, 0);
            assert!(!verdict.is_lasting() && !verdict.passes());
        }
        assert!(Verdict::refused(Refused::Blocked, 0).is_lasting());
    }
}
