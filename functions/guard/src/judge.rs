//! From a request to a verdict: who it is, what is known, what the rules and policies say.
//!
//! Whatever fails on the way (a store that cannot be read, a database that is damaged, keys
//! that cannot be got, policies that fail) ends in a verdict that blocks. There is no way from a
//! failure to `allow`.

mod known;
mod path;
mod verdict;

pub use known::{Host, Located, client};
pub use verdict::{Refused, Verdict};

use crate::keys::Stored;
use crate::policy::{Judgment, Policies, Question};
use crate::request::{Asked, Sent};
use crate::settings::{Settings, Tokens};
use crate::token::{self, Claims, KeySet, TokenError};
use crate::verified::{self, Mark};
use sedge_kit::guard::decision::{Decision, Outcome};
use sedge_kit::guard::facts::Facts;
use sedge_kit::guard::rules::Rules;
use std::sync::Arc;

/// What a function was given besides its settings, read and checked.
pub struct Judge {
    /// Its settings.
    pub settings: Settings,
    /// What is a risk.
    pub rules: Rules,
    /// What policies say, if there are any.
    pub policies: Option<Policies>,
}

/// Who a token says that somebody is, or why it is not believed.
#[derive(Clone, Debug, PartialEq)]
pub enum Identity {
    /// Nobody has said.
    Unknown,
    /// A token that is good.
    Proved(Claims),
    /// One that is not.
    Refused(TokenError),
    /// The issuer's keys cannot be got: nothing can be said.
    NoKeys,
}

impl Judge {
    /// Reads rules, policies, entities and a schema, each by its name in the configuration.
    ///
    /// # Errors
    /// All that is wrong, in one text.
    pub fn read(
        settings: Settings,
        config: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, String> {
        let mut wrong = Vec::new();
        let rules = match config("rules") {
            None => Rules::default(),
            Some(text) => read_rules(&text).unwrap_or_else(|told| {
                wrong.extend(told);
                Rules::default()
            }),
        };
        let (entities, schema) = (config("entities"), config("schema"));
        let policies = match config("policies") {
            None if entities.is_some() || schema.is_some() => {
                wrong.push("entities and schema are for policies, of which there are none".into());
                None
            }
            None => None,
            Some(text) => {
                let read = Policies::read(&text, entities.as_deref(), schema.as_deref());
                read.map_err(|told| wrong.extend(told)).ok()
            }
        };
        if settings.tokens != Tokens::Off && settings.keys_url.is_none() == config("keys").is_none()
        {
            wrong.push(
                "keys of the issuer: either GUARD_KEYS or `keys` in the configuration".into(),
            );
        }
        // They are read when somebody asks, which most requests do not.
        for name in ["authzen_policies", "authzen_schema"] {
            if settings.authzen.is_some() && config(name).is_none() {
                wrong.push(format!("GUARD_AUTHZEN: there is no `{name}` in the configuration"));
            }
        }
        match wrong.is_empty() {
            true => Ok(Judge { settings, rules, policies }),
            false => Err(wrong.join("; ")),
        }
    }

    /// Whether a token is to be looked at, and which.
    pub fn token<'a>(&self, asked: &'a Asked) -> Option<&'a str> {
        match &asked.token {
            Sent::Token(token) if self.settings.tokens != Tokens::Off => Some(token),
            _ => None,
        }
    }

    /// Who a token says that it is.
    pub fn identify(&self, token: &str, keys: &KeySet, now_s: u64) -> Identity {
        let Some(expected) = &self.settings.expected else { return Identity::NoKeys };
        match token::verify(token, keys, expected, now_s) {
            Ok(claims) => Identity::Proved(claims),
            Err(error) => Identity::Refused(error),
        }
    }

    /// The same by a key set as it came, and as it is when it is read: a token that another
    /// instance has verified by this very set is not verified again, if the settings say so. What
    /// it claims is looked at as ever.
    pub fn identify_by(
        &self,
        token: &str,
        stored: &Stored,
        keys: impl FnOnce() -> Option<Arc<KeySet>>,
        host: &impl Host,
        now_ms: i64,
    ) -> Identity {
        let Some(expected) = &self.settings.expected else { return Identity::NoKeys };
        let now_s = u64::try_from(now_ms / 1_000).unwrap_or(0);
        let mark = self.settings.shares_verified.then(|| Mark::of(token, &stored.set, expected));
        // A store that fails, and what is damaged there, only costs another look.
        if let Some(mark) = &mark
            && host.get(&mark.key).is_ok_and(|kept| kept.is_some_and(|it| it == mark.value))
        {
            let claims = token::read_verified(token, expected, now_s);
            return claims.map_or_else(Identity::Refused, Identity::Proved);
        }
        let Some(keys) = keys() else { return Identity::NoKeys };
        let identity = self.identify(token, &keys, now_s);
        if let (Some(mark), Identity::Proved(claims)) = (mark, &identity) {
            let ttl_ms = verified::ttl_ms(claims, expected, &self.settings, stored.got_ms, now_ms);
            if ttl_ms > 0 {
                let _ = host.set(&mark.key, &mark.value, ttl_ms);
            }
        }
        identity
    }

    /// The verdict. `rate` is how often the client came in the last minute, if that is known.
    pub fn judge(
        &self,
        asked: &Asked,
        identity: &Identity,
        host: &impl Host,
        rate: Option<f64>,
        now_ms: i64,
    ) -> Verdict {
        let now_s = u64::try_from(now_ms / 1_000).unwrap_or(0);
        if let Some(refused) = self.refused(asked, identity) {
            return Verdict::refused(refused, now_s);
        }
        let claims = match identity {
            Identity::Proved(claims) => Some(claims),
            _ => None,
        };
        let readings = path::readings(&asked.path);
        let mut gathered = match self.gather(asked, claims, host, rate, now_ms) {
            Ok(gathered) => gathered,
            Err(reason) => return Verdict::refused(Refused::Undecided(reason), now_s),
        };
        let mut verdicts = readings.into_iter().map(|path| {
            gathered.facts.path = Some(path.into());
            self.weigh(asked, claims, &gathered.facts, now_s)
        });
        let first = verdicts.next();
        let Some(first) = first else { return Verdict::refused(Refused::Undecided("path"), now_s) };
        // Of several ways to read the path, the strictest counts.
        let verdict = verdicts.fold(first, |strictest, other| {
            let is_stricter = other.decision.outcome > strictest.decision.outcome;
            if is_stricter { other } else { strictest }
        });
        match gathered.remember(host, verdict.decision.outcome, now_ms) {
            Ok(()) => verdict,
            Err(_) => Verdict::refused(Refused::Undecided("store"), now_s),
        }
    }

    /// What the rules and the policies say to these facts.
    fn weigh(&self, asked: &Asked, claims: Option<&Claims>, facts: &Facts, now_s: u64) -> Verdict {
        let mut decision = self.rules.decide(facts, now_s);
        let host = asked.host.as_deref().map(path::host);
        let judged = self.policies.as_ref().map(|policies| {
            policies.judge(&Question {
                facts,
                claims,
                workload: asked.certificate.as_ref().map(|it| &*it.name),
                host: host.as_deref(),
                decision: &decision,
                now_s,
            })
        });
        if let Some(claims) = claims {
            decision.expires_at_s = decision.expires_at_s.min(claims.expires_s);
        }
        self.joined(decision, judged, facts, claims)
    }

    /// Why a request is refused for its token, or for want of one.
    fn refused(&self, asked: &Asked, identity: &Identity) -> Option<Refused> {
        if self.settings.tokens == Tokens::Off {
            return None;
        }
        match (identity, &asked.token) {
            (Identity::Refused(error), _) => Some(Refused::Token(error.clone())),
            (Identity::NoKeys, _) => Some(Refused::Undecided("keys")),
            (_, Sent::Unclear) => {
                Some(Refused::Token(TokenError::Malformed("more than one, or none that can be")))
            }
            (Identity::Unknown, Sent::Token(_)) => Some(Refused::Undecided("token")),
            (Identity::Unknown, Sent::None)
                if self.settings.tokens == Tokens::Required && asked.certificate.is_none() =>
            {
                Some(Refused::NoToken)
            }
            _ => None,
        }
    }

    /// The stricter of what the rules and the policies say, unless the rules only advise.
    fn joined(
        &self,
        mut decision: Decision,
        judged: Option<Judgment>,
        facts: &Facts,
        claims: Option<&Claims>,
    ) -> Verdict {
        let by_rules = decision.outcome;
        let mut step_up = self.settings.step_up.clone();
        let (mut reasons, mut errors) = (Vec::new(), Vec::new());
        if let Some(judged) = judged {
            decision.outcome = match self.settings.risk_only_advises {
                true => judged.outcome,
                false => by_rules.max(judged.outcome),
            };
            // What policies want to be proved is said where it is they who want it.
            if judged.outcome == Outcome::StepUp && judged.step_up != Default::default() {
                step_up = judged.step_up;
            }
            if judged.outcome > Outcome::Allow {
                let new = judged.actions.into_iter().map(Into::into);
                decision.actions.extend(new.collect::<Vec<Box<str>>>());
            }
            (reasons, errors) = (judged.reasons, judged.errors);
        } else if self.settings.risk_only_advises {
            decision.outcome = Outcome::Allow;
        }
        let refused = match decision.outcome {
            Outcome::Allow => None,
            Outcome::StepUp => Some(Refused::StepUp),
            Outcome::Block => Some(Refused::Blocked),
        };
        let subject = claims.map(|claims| claims.subject.clone());
        let proof = facts.proof;
        Verdict { decision, refused, subject, proof, reasons, errors, step_up }
    }
}

fn read_rules(text: &str) -> Result<Rules, Vec<String>> {
    let value = sedge_kit::guard::json::read(text.as_bytes())
        .map_err(|told| vec![format!("rules: {told}")])?;
    let told = |mistake: &dyn std::fmt::Display| format!("rules: {mistake}");
    Rules::read(&value).map_err(|mistakes| mistakes.iter().map(|it| told(it)).collect())
}

#[cfg(test)]
mod tests;
