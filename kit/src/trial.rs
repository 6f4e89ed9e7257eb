//! What an experiment has shown so far: which variation is better, and whether the numbers
//! can be believed at all. It may be asked at any time and as often as one likes; the promised
//! share of errors holds for all answers together.
//!
//! In reading order: what visitors did is summed up for each variation, on as many nodes as
//! there are ([`tally`]); two variations are compared ([`comparison`]); the sizes of all are
//! compared with the shares that they should have ([`ratio`]); [`assess`] does it all.
//!
//! One visitor is one observation. Visitors who are counted twice make every figure here look
//! surer than it is.

pub mod tally;

pub mod comparison;

pub mod ratio;

use alloc::vec::Vec;
use comparison::{Comparison, Plan, compare};
use ratio::ratio_p;
use tally::Tally;

/// Below this the sizes of the variations are not what they should be. It is small because
/// nothing in an experiment can be believed then.
pub const RATIO_LEVEL: f64 = 0.001;

/// What an experiment has shown so far.
#[derive(Clone, Debug, PartialEq)]
pub struct Assessment {
    /// Each variation but the first, compared with the first.
    pub comparisons: Vec<Comparison>,
    /// How probable sizes are that are at least as odd as these ever were, if visitors are put
    /// into variations by their shares: at most this. None without visitors or shares.
    pub ratio_p: Option<f64>,
}

impl Assessment {
    /// Whether variations have other sizes than they should have. Something loses visitors or
    /// counts them twice then, and what the comparisons say is worth nothing.
    pub fn is_ratio_wrong(&self) -> bool {
        self.ratio_p.is_some_and(|p| p < RATIO_LEVEL)
    }
}

/// Compares the variations of an experiment, the control first. `shares` are the parts of all
/// visitors that each should have, in any unit. The level of the plan is that of all
/// comparisons together.
pub fn assess(variations: &[Tally], shares: &[f64], plan: &Plan) -> Assessment {
    let counts: Vec<u64> = variations.iter().map(Tally::count).collect();
    let ratio_p = ratio_p(&counts, shares);
    let Some((control, others)) = variations.split_first() else {
        return Assessment { comparisons: Vec::new(), ratio_p };
    };
    // By Bonferroni's inequality.
    let each = Plan { level: plan.level / others.len().max(1) as f64, ..*plan };
    let comparisons = others.iter().map(|variation| compare(control, variation, &each));
    Assessment { comparisons: comparisons.collect(), ratio_p }
}

#[cfg(test)]
mod simulations;
