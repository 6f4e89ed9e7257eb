//! Rules: what is a risk, and how large. They are data, in JSON:
//!
//! ```json
//! {
//!   "thresholds": { "verify": 0.4, "step_up": 0.6, "block": 0.8 },
//!   "expires_s": 300,
//!   "rules": [
//!     { "name": "high_risk_country", "score": 0.8, "when": { "country": ["AQ"] } },
//!     { "name": "vpn", "score": 0.2, "group": "network", "when": { "traits": ["vpn"] } }
//!   ]
//! }
//! ```
//!
//! **How scores join.** A score is the probability that a request is hostile if nothing but this
//! rule speaks against it. The risk is the probability that at least one of the rules that hold is
//! right (noisy-or): 1 − ∏(1 − score). So one rule that is sure decides alone, several that are
//! not sure add up, and another rule can only make a risk larger. A mean over all rules, in
//! contrast, becomes smaller with each rule that is added, and with four rules none could ever
//! block alone.
//!
//! Noisy-or takes the rules for independent. Those that are not, because they look at the same
//! thing from several sides, say so by a `group`: of each group only the highest score counts.

use super::condition::{Condition, Reader};
use super::decision::{Decision, Outcome};
use super::facts::Facts;
use crate::experiments::reader::Mistake;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use serde_json::{Map, Value};

/// The most rules.
pub const RULES_MAX: usize = 200;
/// The most bytes of a name.
pub const NAME_BYTES_MAX: usize = 64;
/// The longest life of a decision: a day.
pub const EXPIRES_S_MAX: u64 = 86_400;

/// The rules that are used where none are given.
pub const DEFAULT: &str = include_str!("rules/default.json");

/// Rules, and what follows from a risk.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    rules: Vec<Rule>,
    thresholds: Thresholds,
    expires_s: u64,
}

/// From which risk on more is asked; in this order, each from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thresholds {
    /// The request passes, and `additional_verification` is said.
    pub verify: f64,
    /// The user has to authenticate anew, or better.
    pub step_up: f64,
    /// The request is refused.
    pub block: f64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Thresholds { verify: 0.4, step_up: 0.6, block: 0.8 }
    }
}

#[derive(Clone, Debug, PartialEq)]
struct Rule {
    name: Box<str>,
    score: f64,
    /// Empty if it has none.
    group: Box<str>,
    when: Condition,
}

impl Rules {
    /// Reads rules.
    ///
    /// # Errors
    ///
    /// All that is wrong; rules that are wrong in part are not used in part.
    pub fn read(value: &Value) -> Result<Self, Vec<Mistake>> {
        let mut reader = Reader::default();
        let rules = reader.rules(value);
        match rules {
            Some(rules) if reader.mistakes.is_empty() => Ok(rules),
            _ => Err(reader.mistakes),
        }
    }

    /// How long a decision lasts, in seconds.
    pub fn expires_s(&self) -> u64 {
        self.expires_s
    }

    /// How many of the rates that rules ask for are exceeded by this one. What is decided for
    /// a rate holds for all others of the same number.
    pub fn rate_band(&self, per_minute: f64) -> usize {
        let mut rates = Vec::new();
        self.rules.iter().for_each(|rule| rule.when.rates(&mut rates));
        rates.iter().filter(|rate| per_minute > **rate).count()
    }

    /// What follows from the facts. `now_s` is the time in seconds since 1970.
    pub fn decide(&self, facts: &Facts, now_s: u64) -> Decision {
        let mut factors = Vec::new();
        let mut groups: BTreeMap<&str, f64> = BTreeMap::new();
        let (mut safe, mut judged) = (1.0, 0_usize);
        for rule in &self.rules {
            let holds = rule.when.holds(facts);
            judged += usize::from(holds.is_some());
            if holds != Some(true) {
                continue;
            }
            factors.push(rule.name.clone());
            if rule.group.is_empty() {
                safe *= 1.0 - rule.score;
            } else {
                let highest = groups.entry(&rule.group).or_default();
                *highest = highest.max(rule.score);
            }
        }
        groups.values().for_each(|score| safe *= 1.0 - score);
        let risk = (1.0_f64 - safe).clamp(0.0, 1.0);
        let Thresholds { verify, step_up, block } = self.thresholds;
        let (outcome, action) = match risk {
            risk if risk >= block => (Outcome::Block, Some("block_request")),
            risk if risk >= step_up => (Outcome::StepUp, Some("require_mfa")),
            risk if risk >= verify => (Outcome::Allow, Some("additional_verification")),
            _ => (Outcome::Allow, None),
        };
        Decision {
            outcome,
            risk,
            evidence: judged as f64 / self.rules.len().max(1) as f64,
            factors,
            actions: action.into_iter().map(Into::into).collect(),
            expires_at_s: now_s.saturating_add(self.expires_s),
        }
    }
}

/// Those of [`DEFAULT`].
impl Default for Rules {
    fn default() -> Self {
        let read = serde_json::from_str(DEFAULT).ok().and_then(|value| Self::read(&value).ok());
        // A test reads them; without rules, nobody is let in.
        let nobody = Thresholds { verify: 0.0, step_up: 0.0, block: 0.0 };
        read.unwrap_or(Rules { rules: Vec::new(), thresholds: nobody, expires_s: 0 })
    }
}

impl Reader {
    fn rules(&mut self, value: &Value) -> Option<Rules> {
        let Value::Object(members) = value else {
            self.wrong("not an object with rules");
            return None;
        };
        self.known(members, &["thresholds", "expires_s", "rules"]);
        let thresholds = members.get("thresholds");
        let thresholds = thresholds.map_or(Some(Thresholds::default()), |value| {
            self.within("thresholds", |reader| reader.thresholds(value))
        });
        let expires_s = members.get("expires_s").map_or(Some(300.0), |value| {
            self.within("expires_s", |reader| reader.number(value, 0.0, EXPIRES_S_MAX as f64))
        });
        let rules = match members.get("rules") {
            Some(Value::Array(rules)) if rules.len() <= RULES_MAX => rules.as_slice(),
            _ => {
                let message = format!("not a list of at most {RULES_MAX} rules");
                self.within("rules", |reader| reader.wrong(message));
                &[]
            }
        };
        let read = self.within("rules", |reader| reader.list(rules));
        Some(Rules { rules: read, thresholds: thresholds?, expires_s: expires_s? as u64 })
    }

    fn list(&mut self, rules: &[Value]) -> Vec<Rule> {
        let mut names = BTreeSet::new();
        let mut read = Vec::with_capacity(rules.len());
        for (at, rule) in rules.iter().enumerate() {
            read.extend(self.within(&format!("{at}"), |reader| {
                let rule = reader.rule(rule)?;
                if !names.insert(rule.name.clone()) {
                    reader.wrong(format!("there is another rule {:?}", rule.name));
                }
                Some(rule)
            }));
        }
        read
    }

    fn known(&mut self, members: &Map<String, Value>, names: &[&str]) {
        for name in members.keys().filter(|name| !names.contains(&name.as_str())) {
            let message = format!("no such member; there are {}", names.join(", "));
            self.within(name, |reader| reader.wrong(message));
        }
    }

    fn thresholds(&mut self, value: &Value) -> Option<Thresholds> {
        let Value::Object(members) = value else {
            self.wrong("not an object");
            return None;
        };
        self.known(members, &["verify", "step_up", "block"]);
        let mut read = |name: &str, otherwise: f64| {
            members.get(name).map_or(Some(otherwise), |value| {
                self.within(name, |reader| reader.number(value, 0.0, 1.0))
            })
        };
        let default = Thresholds::default();
        let verify = read("verify", default.verify);
        let step_up = read("step_up", default.step_up);
        let block = read("block", default.block)?;
        let thresholds = Thresholds { verify: verify?, step_up: step_up?, block };
        if thresholds.verify > thresholds.step_up || thresholds.step_up > thresholds.block {
            self.wrong("not in the order verify, step_up, block");
        }
        Some(thresholds)
    }

    fn rule(&mut self, value: &Value) -> Option<Rule> {
        let Value::Object(members) = value else {
            self.wrong("not an object");
            return None;
        };
        self.known(members, &["name", "score", "group", "when"]);
        let name = self.within("name", |reader| reader.name(members.get("name")));
        let score = members.get("score").unwrap_or(&Value::Null);
        let score = self.within("score", |reader| reader.number(score, 0.0, 1.0));
        let group = members.get("group");
        let group = group.map_or(Some(Box::default()), |group| {
            self.within("group", |reader| reader.name(Some(group)))
        });
        let when = members.get("when").unwrap_or(&Value::Null);
        let when = self.within("when", |reader| reader.condition(when));
        Some(Rule { name: name?, score: score?, group: group?, when: when? })
    }

    /// A name that can stand in a header field and in a list.
    fn name(&mut self, value: Option<&Value>) -> Option<Box<str>> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.:".contains(&byte);
        let name = value.and_then(Value::as_str).filter(|name| {
            (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(is_plain)
        });
        if name.is_none() {
            self.wrong(format!("not 1 to {NAME_BYTES_MAX} letters, digits, or any of _-.:"));
        }
        name.map(Into::into)
    }
}

#[cfg(test)]
mod tests;
