//! What an experiment has shown, as JSON.

use super::summary::{Goal, Summary};
use crate::settings::Settings;
use sedge_kit::trial::comparison::{Comparison, Plan};
use sedge_kit::trial::ratio::ratio_p;
use sedge_kit::trial::tally::Tally;
use sedge_kit::trial::{RATIO_LEVEL, assess};
use serde_json::{Value, json};

/// Visitors who saw more than one variation, of all, beyond which it is told.
const CROSSED_SHARE: f64 = 0.01;

/// What was asked before the first visitor came.
pub fn plan(settings: &Settings) -> Plan {
    Plan { visitors_expected: settings.visitors_expected, ..Plan::default() }
}

/// Writes a report.
pub fn write(summary: &Summary, plan: &Plan, now_ms: u64) -> Value {
    let counts: Vec<u64> = summary.variations.iter().map(|one| one.visitors).collect();
    let shares = summary.shares.as_deref().filter(|_| !summary.is_share_changed);
    let sizes_p = shares.and_then(|shares| ratio_p(&counts, shares));
    let is_odd = sizes_p.is_some_and(|p| p < RATIO_LEVEL);
    let whole: f64 = shares.unwrap_or_default().iter().sum();
    let variations = summary.variations.iter().enumerate().map(|(index, one)| {
        let share = shares.and_then(|shares| shares.get(index)).map(|share| share / whole);
        json!({
            "index": index, "key": one.key, "name": one.name, "visitors": one.visitors,
            "share": share,
        })
    });
    let mut measures = Vec::new();
    for goal in &summary.goals {
        measures.push(measure(goal, "converted", &summary.conversions(goal), plan));
        if goal.has_values {
            measures.push(measure(goal, "value", &summary.values(goal), plan));
        }
    }
    json!({
        "experiment": summary.experiment,
        "name": summary.name,
        "first_ms": summary.first_ms,
        "last_ms": summary.last_ms,
        "written_ms": now_ms,
        "level": plan.level,
        "variations": variations.collect::<Vec<_>>(),
        "sizes": { "p": sizes_p, "is_odd": is_odd },
        "measures": measures,
        "warnings": warnings(summary, is_odd),
    })
}

/// One thing that was measured: the control first, the others beside it.
fn measure(goal: &Goal, kind: &str, tallies: &[Tally], plan: &Plan) -> Value {
    // Shares are checked once, not for each measure.
    let assessment = assess(tallies, &[], plan);
    let of = |index: usize, tally: &Tally| {
        let compared = index.checked_sub(1).and_then(|at| assessment.comparisons.get(at));
        let sums = goal.sums.get(index).copied().unwrap_or_default();
        let interval = compared.and_then(|one| one.interval);
        json!({
            "index": index,
            "visitors": tally.count(),
            "converted": sums.visitors,
            "mean": tally.mean(),
            "difference": compared.map(|one| one.difference),
            "lower": interval.map(|one| one.lower),
            "upper": interval.map(|one| one.upper),
            "p": compared.map(|one| one.p),
            "is_decided": compared.map(Comparison::is_decided),
        })
    };
    let variations = tallies.iter().enumerate().map(|(index, tally)| of(index, tally));
    json!({ "goal": goal.name, "kind": kind, "variations": variations.collect::<Vec<_>>() })
}

fn warnings(summary: &Summary, is_odd: bool) -> Vec<String> {
    let mut warnings = Vec::new();
    let visitors: u64 = summary.variations.iter().map(|one| one.visitors).sum();
    if is_odd {
        warnings.push("the variations have other sizes than they should have: something loses visitors or counts them twice, and no other figure can be believed".into());
    }
    if summary.is_share_changed {
        warnings.push("the shares of the variations were changed: their sizes cannot be checked, and visitors of different times are compared".into());
    }
    if summary.shares.is_none() {
        warnings.push("the experiment was not in the payload when it began: the sizes of its variations cannot be checked".into());
    }
    if summary.crossed as f64 > CROSSED_SHARE * visitors as f64 {
        warnings.push(format!(
            "{} visitors saw more than one variation, and count for the first",
            summary.crossed
        ));
    }
    if summary.beyond > 0 {
        warnings.push(format!("{} exposures were not counted for want of room", summary.beyond));
    }
    if summary.goals_more > 0 {
        warnings.push(format!("{} times a goal was one too many", summary.goals_more));
    }
    if summary.removed > 0 {
        warnings.push("the experiment is over: its visitors are forgotten".into());
    }
    warnings
}
