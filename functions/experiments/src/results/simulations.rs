//! Visitors whose truth is known, counted as the function counts them: put into variations by
//! their ids, seen more than once, and looked at every day.

use super::report::{plan, write};
use super::visitors::{Added, Shard, shard_of};
use super::*;
use sedge_kit::experiments::evaluate::{Notes, Visitor};
use serde_json::json;

/// Numbers that look random (SplitMix64).
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn uniform(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// What a simulation has shown.
#[derive(Debug, Default)]
struct Shown {
    decided: usize,
    odd: usize,
    /// The last difference.
    difference: f64,
}

/// An experiment over some days, looked at on each. Of the visitors of a variation a tenth
/// converts, and `more` in the second one.
fn run(trial: u64, days: u64, visitors_a_day: u64, more: f64) -> Shown {
    let text = format!(
        "{{\"experiments\": [{{\"key\": \"trial-{trial}\", \"variations\": [0, 1], \"hashVersion\": 2}}]}}"
    );
    let (definitions, _) = Definitions::parse(&text, None).expect("JSON");
    let experiment = &definitions.experiments()[0];
    let mut noise = Noise(trial);
    let mut summary = Summary::new(experiment.key(), 0, Some(experiment));
    let mut shards: BTreeMap<u16, Shard> = BTreeMap::new();
    let (mut is_decided, mut is_odd) = (false, false);
    let visitors_expected = days * visitors_a_day;
    let plan = plan(&Settings { visitors_expected, ..Settings::default() });
    let mut shown = Shown::default();
    for day in 0..days {
        for _ in 0..visitors_a_day {
            let random = noise.next();
            let attributes = json!({"id": format!("{random:x}")});
            let mut notes = Notes::default();
            let assignment = definitions.assign(experiment, &Visitor::new(&attributes), &mut notes);
            let mut name = [0; 12];
            name[..8].copy_from_slice(&random.to_be_bytes());
            let shard = shards.entry(shard_of(&name)).or_default();
            let exposure = Exposure {
                experiment: String::new(),
                variation: assignment.index,
                key: assignment.variation.key().to_owned(),
                visitor: String::new(),
                time_ms: day,
            };
            // It comes three times, and converts perhaps twice.
            for added in [Added::New, Added::Known, Added::Known] {
                assert_eq!(shard.expose(&name, assignment.index as u8), added);
                summary.exposure(&exposure, added);
            }
            if noise.uniform() < 0.1 + more * assignment.index as f64 {
                let goal = summary.goal("order").expect("room");
                for _ in 0..2 {
                    if let Some(change) = shard.done(&name, goal, 0.0) {
                        summary.done(goal, false, &change);
                    }
                }
            }
        }
        let report = write(&summary, &plan, day);
        let compared = &report["measures"][0]["variations"][1];
        is_decided |= compared["is_decided"] == true;
        is_odd |= report["sizes"]["is_odd"] == true;
        shown.difference = compared["difference"].as_f64().unwrap_or(0.0);
    }
    Shown { decided: usize::from(is_decided), odd: usize::from(is_odd), ..shown }
}

#[test]
fn same_against_same_is_hardly_ever_decided() {
    let (mut decided, mut odd) = (0, 0);
    for trial in 0..1_000 {
        let shown = run(trial, 14, 50, 0.0);
        decided += shown.decided;
        odd += shown.odd;
    }
    println!("decided {decided}, sizes odd {odd} of 1,000");
    assert!(decided < 50 && odd <= 3, "{decided} {odd}");
}

#[test]
fn what_is_better_is_found() {
    let shown = run(7, 30, 400, 0.03);
    assert_eq!((shown.decided, shown.odd), (1, 0));
    assert!((shown.difference - 0.03).abs() < 0.015, "{shown:?}");
}
