//! What follows from the facts, and how it is told.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use serde_json::{Map, Value};

/// Whether a request may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// It passes.
    Allow,
    /// It does when the user has authenticated anew, or better.
    StepUp,
    /// It does not.
    Block,
}

impl Outcome {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Allow => "allow",
            Outcome::StepUp => "step-up",
            Outcome::Block => "block",
        }
    }

    /// The outcome of a name.
    pub fn of_name(name: &str) -> Option<Self> {
        [Outcome::Allow, Outcome::StepUp, Outcome::Block].into_iter().find(|it| it.name() == name)
    }
}

/// A decision and its reasons.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// Whether the request may pass.
    pub outcome: Outcome,
    /// The probability that it is hostile, as far as the rules say, 0 to 1.
    pub risk: f64,
    /// The share of the rules whose facts were known, 0 to 1.
    pub evidence: f64,
    /// The names of the rules that hold.
    pub factors: Vec<Box<str>>,
    /// What is to be done.
    pub actions: Vec<Box<str>>,
    /// Until when it holds, in seconds since 1970.
    pub expires_at_s: u64,
}

impl Decision {
    /// That of somebody of whom nothing could be decided: nobody passes by a failure.
    pub fn undecided(reason: &str, now_s: u64) -> Self {
        Decision {
            outcome: Outcome::Block,
            risk: 1.0,
            evidence: 0.0,
            factors: [reason.into()].into(),
            actions: ["block_request".into()].into(),
            expires_at_s: now_s,
        }
    }

    /// As JSON: `allow`, `confidence_score` (1 − risk), `risk_factors`, `required_actions` and
    /// `expires_at`, and beside them `outcome`, `risk_score` and `evidence`. `allow` is true for
    /// [`Outcome::Allow`] only: who looks at nothing else lets nobody in who has to step up.
    pub fn to_json(&self) -> Value {
        let list = |items: &[Box<str>]| items.iter().map(|item| Value::from(&**item)).collect();
        let share = |share: f64| Value::from(libm::round(share * 1e6) / 1e6);
        let members: [(&str, Value); 8] = [
            ("allow", Value::from(self.outcome == Outcome::Allow)),
            ("confidence_score", share(1.0 - self.risk)),
            ("risk_factors", Value::Array(list(&self.factors))),
            ("required_actions", Value::Array(list(&self.actions))),
            ("expires_at", Value::from(self.expires_at_s)),
            ("outcome", Value::from(self.outcome.name())),
            ("risk_score", share(self.risk)),
            ("evidence", share(self.evidence)),
        ];
        let members = members.into_iter().map(|(name, value)| (String::from(name), value));
        Value::Object(members.collect::<Map<_, _>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_failure_lets_nobody_in() {
        let decision = Decision::undecided("no_rules", 7);
        let told = json!({
            "allow": false, "confidence_score": 0.0, "risk_factors": ["no_rules"],
            "required_actions": ["block_request"], "expires_at": 7, "outcome": "block",
            "risk_score": 1.0, "evidence": 0.0,
        });
        assert_eq!(decision.to_json(), told);
    }

    #[test]
    fn only_allow_is_allow() {
        for outcome in [Outcome::Allow, Outcome::StepUp, Outcome::Block] {
            let decision = Decision { outcome, ..Decision::undecided("x", 0) };
            assert_eq!(decision.to_json()["allow"], outcome == Outcome::Allow);
            assert_eq!(Outcome::of_name(outcome.name()), Some(outcome));
        }
        assert_eq!(Outcome::of_name("Allow"), None);
        assert!(Outcome::Allow < Outcome::StepUp && Outcome::StepUp < Outcome::Block);
    }
}
