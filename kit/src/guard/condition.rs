//! Conditions over facts, as data.
//!
//! A condition is a JSON object whose members all have to hold:
//!
//! ```json
//! { "country": ["AQ"], "not": { "proof": ["certificate"] }, "any": [{ "hours_utc": [22, 6] }, { "unknown": ["ja4"] }] }
//! ```
//!
//! Each is true, false, or unknown because the fact is (Kleene's logic): `all` is false if one is
//! false and else unknown if one is unknown, `any` likewise, and `not` of what is unknown is
//! unknown. Only what is true counts. Whoever wants to judge by what is not known says so with
//! `unknown`, which is always true or false.

mod read;
mod test;

pub(crate) use read::Reader;
pub use read::{LIST_MAX, MISTAKES_MAX};

use super::facts::Facts;
use alloc::boxed::Box;
use alloc::vec::Vec;
use test::Test;

/// How deep conditions may lie in each other.
pub const DEPTH_MAX: usize = 8;
/// How many parts all conditions of some rules may have together.
pub const PARTS_MAX: usize = 5_000;

/// A condition.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition(Part);

#[derive(Clone, Debug, PartialEq)]
enum Part {
    All(Vec<Part>),
    Any(Vec<Part>),
    Not(Box<Part>),
    Test(Test),
}

impl Condition {
    /// Whether it holds; `None` if that depends on facts that are not known.
    pub fn holds(&self, facts: &Facts) -> Option<bool> {
        self.0.holds(facts)
    }

    /// Gives all the rates that it compares with.
    pub(super) fn rates(&self, found: &mut Vec<f64>) {
        self.0.rates(found);
    }
}

impl Part {
    fn holds(&self, facts: &Facts) -> Option<bool> {
        match self {
            Part::All(parts) => joined(parts, facts, false),
            Part::Any(parts) => joined(parts, facts, true),
            Part::Not(part) => part.holds(facts).map(|holds| !holds),
            Part::Test(test) => test.holds(facts),
        }
    }

    fn rates(&self, found: &mut Vec<f64>) {
        match self {
            Part::All(parts) | Part::Any(parts) => parts.iter().for_each(|part| part.rates(found)),
            Part::Not(part) => part.rates(found),
            Part::Test(Test::RateAbove(rate)) => found.push(*rate),
            Part::Test(_) => {}
        }
    }
}

/// One that is `decisive` decides; else one that is unknown makes all unknown.
fn joined(parts: &[Part], facts: &Facts, decisive: bool) -> Option<bool> {
    let mut all = Some(!decisive);
    for part in parts {
        match part.holds(facts) {
            Some(holds) if holds == decisive => return Some(decisive),
            Some(_) => {}
            None => all = None,
        }
    }
    all
}

#[cfg(test)]
mod tests;
