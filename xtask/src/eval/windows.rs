//! `cargo xtask eval windows`: random events through our window operator and through Apache
//! Flink's SQL, whose results must be the same, row by row.
//!
//! Flink runs with a watermark after each event (`pipeline.auto-watermark-interval` of zero), as
//! the operator does, so that the same events are late in both. What its SQL does not have
//! (allowed lateness of window functions, windows of events by number, a watermark of several
//! devices) is compared with an oracle by the kit's own tests.

mod cases;
mod flink;

use super::options::Options;
use crate::bench::{Bar, Report, table};
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use cases::Row;
use std::collections::BTreeMap;

/// How far values may lie apart, as a share of the larger one.
const RELATIVE: f64 = 1e-9;

/// Rows by their key, start and end.
type Rows = BTreeMap<Row, Vec<Option<f64>>>;

/// Runs all cases in both, prints what they say, and writes `target/results/windows-flink.json`.
pub(super) fn run(workspace: &Workspace, words: &[String]) -> Result<()> {
    let options = Options::read(words, &["--events N", "--seed N"])?;
    let events = options.number("--events", 20_000, 10..=1_000_000)?;
    let seed = options.number("--seed", 1, 0..=u64::from(u32::MAX))?;
    let cases = cases::all(seed, events);
    let theirs = flink::run(workspace, &cases)?;
    let mut report = Report::of_eval("windows-flink");
    let (mut lines, mut same, mut rows) = (Vec::new(), 0, 0);
    for case in &cases {
        let (ours, late) = case.run(seed)?;
        let theirs = theirs.get(&case.name).with_context(|| format!("reading {}", case.name))?;
        let differences = differences(&ours, theirs);
        differences.iter().take(5).for_each(|one| println!("{}: {one}", case.name));
        lines.push(vec![
            case.name.clone(),
            case.events.len().to_string(),
            late.to_string(),
            theirs.len().to_string(),
            differences.len().to_string(),
        ]);
        report.row("Sedge", &case.name, "rows", ours.len() as f64, "");
        report.row("Flink", &case.name, "rows", theirs.len() as f64, "");
        report.row("Sedge", &case.name, "late events", late as f64, "");
        report.row("Sedge", &case.name, "rows that differ", differences.len() as f64, "");
        same += usize::from(differences.is_empty() && !theirs.is_empty());
        rows += theirs.len();
    }
    println!("\n{}", table(&["windows", "events", "late", "rows of Flink", "differ"], &lines));
    println!("{rows} rows of Flink {}, seed {seed}", flink::VERSION);
    let share = same as f64 / cases.len() as f64;
    report.bar(Bar::at_least("cases with Flink's results, row by row", 1.0, "", Some(share)));
    report.finish_part(workspace, false)?;
    if same < cases.len() {
        bail!("{} of {} cases differ from Flink", cases.len() - same, cases.len());
    }
    Ok(())
}

/// What is not the same in both, in words.
fn differences(ours: &Rows, theirs: &Rows) -> Vec<String> {
    let mut found = Vec::new();
    for (row, values) in theirs {
        match ours.get(row) {
            None => found.push(format!("{row:?} is Flink's only: {values:?}")),
            Some(own) if !is_same(own, values) => {
                found.push(format!("{row:?}: {own:?}, and {values:?} of Flink"));
            }
            Some(_) => {}
        }
    }
    let only = ours.iter().filter(|(row, _)| !theirs.contains_key(row));
    found.extend(only.map(|(row, values)| format!("{row:?} is ours only: {values:?}")));
    found
}

fn is_same(ours: &[Option<f64>], theirs: &[Option<f64>]) -> bool {
    let close = |(one, two): (&Option<f64>, &Option<f64>)| match (one, two) {
        (Some(one), Some(two)) => (one - two).abs() <= RELATIVE * one.abs().max(two.abs()),
        (one, two) => one == two,
    };
    ours.len() == theirs.len() && ours.iter().zip(theirs).all(close)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(list: &[(&str, Option<f64>)]) -> Rows {
        list.iter().map(|(key, value)| ((key.to_string(), 0, 1), vec![*value])).collect()
    }

    #[test]
    fn every_difference_is_found() {
        let theirs = rows(&[("a", Some(1.0)), ("b", None), ("c", Some(3.0))]);
        assert!(differences(&theirs, &theirs).is_empty());
        let close = rows(&[("a", Some(1.0 + 1e-10)), ("b", None), ("c", Some(3.0))]);
        assert!(differences(&close, &theirs).is_empty());
        let far = rows(&[("a", Some(1.0 + 1e-8)), ("b", Some(0.0)), ("d", Some(3.0))]);
        let found = differences(&far, &theirs);
        assert_eq!(found.len(), 4, "{found:?}");
        assert!(!is_same(&[Some(f64::NAN)], &[Some(f64::NAN)]), "no aggregate is NaN");
        assert!(!is_same(&[], &[None]));
    }

    #[test]
    fn the_same_seed_gives_the_same_events_and_another_does_not() {
        let (one, again, other) = (cases::all(1, 100), cases::all(1, 100), cases::all(2, 100));
        for ((one, again), other) in one.iter().zip(&again).zip(&other) {
            assert_eq!(one.events, again.events);
            assert_ne!(one.events, other.events);
        }
    }

    #[test]
    fn every_case_has_rows_late_events_and_no_trace_of_restarts() {
        for case in cases::all(3, 3_000) {
            let (rows, late) = case.run(3).unwrap();
            assert!(rows.len() > 5 && late > 10, "{}: {} {late}", case.name, rows.len());
            // Another seed restarts elsewhere.
            assert_eq!(case.run(4).unwrap().0, rows, "{}", case.name);
        }
    }
}
