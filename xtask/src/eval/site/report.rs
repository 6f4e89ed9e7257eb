//! What is printed, written, and promised.

use super::pixels::Compared;
use super::plan::{DOWN, LATENCY_MS};
use super::seen::{KINDS, Seen, without};
use super::{BEFORE, MODES};
use crate::bench::{Bar, Report, table, thousands};
use crate::json;
use crate::workspace::Workspace;
use anyhow::Result;
use serde_json::Value;

/// What a picture is worth at least, by SSIMULACRA2, beside what the origin serves: medium
/// is 50, high 70. The function's default quality is for that.
const SCORE_WANTED: f64 = 50.0;

/// Prints everything, and writes `target/results/site.json`, unless it is a part.
pub(super) fn write(
    workspace: &Workspace,
    seen: &[Seen],
    compared: &[Compared],
    result: &Value,
    is_part: bool,
) -> Result<()> {
    let mut report = Report::of_eval("site");
    println!("\n{}", json::text(&result["version"], "product")?);
    println!("bytes over the wire until a page had loaded, and of the whole page scrolled through");
    println!("times over {} kB/s with {LATENCY_MS} ms more for each request\n", DOWN / 1000);
    weights(&mut report, seen);
    looks(&mut report, compared);
    for mode in &MODES {
        promises(&mut report, mode.name, compared);
    }
    dictionaries(&mut report, json::list(result, "dictionaries")?)?;
    report.finish_part(workspace, is_part)
}

fn case(seen: &Seen) -> String {
    format!("{}, {}", seen.page, seen.viewport)
}

fn weights(report: &mut Report, seen: &[Seen]) {
    let mut rows = Vec::new();
    for one in seen {
        let case = case(one);
        let mut row = vec![case.clone(), one.mode.clone()];
        let mut figure = |metric: &str, value: f64, unit: &str| {
            report.row(&one.mode, &case, metric, value, unit);
            row.push(thousands(value.round() as i64));
        };
        figure("requests", one.loaded.requests, "");
        for kind in KINDS {
            figure(kind, one.loaded.bytes.get(kind).copied().unwrap_or(0.0), "B");
        }
        figure("loaded", one.loaded.total(), "B");
        figure("whole page", one.whole.total(), "B");
        figure("largest paint", one.largest_ms, "ms");
        figure("load", one.load_ms, "ms");
        figure("early hints", one.hints, "");
        rows.push(row);
    }
    let mut heading = vec!["page", "mode", "requests"];
    heading.extend(KINDS);
    heading.extend(["loaded", "whole", "LCP ms", "load ms", "hints"]);
    println!("{}", table(&heading, &rows));
}

fn looks(report: &mut Report, compared: &[Compared]) {
    let mut rows = Vec::new();
    for one in compared {
        let (case, mode) = (case(one.after), &one.after.mode);
        let least = one.scores.iter().copied().reduce(f64::min);
        let average = match one.scores.len() {
            0 => None,
            count => Some(one.scores.iter().sum::<f64>() / count as f64),
        };
        for (metric, value) in [
            ("elements", one.after.elements() as f64),
            ("boxes that moved", one.difference.moved as f64),
            ("pixels that differ", one.pixels),
            ("pictures", one.scores.len() as f64),
            ("clicks", one.after.uses() as f64),
            ("clicks that do something else", one.difference.uses.len() as f64),
            ("pictures the first visitor got as they were", one.after.first_meanwhile),
            ("errors added", one.difference.errors.len() as f64),
        ] {
            report.row(mode, &case, metric, value, "");
        }
        if let (Some(least), Some(average)) = (least, average) {
            report.row(mode, &case, "least SSIMULACRA2", least, "");
            report.row(mode, &case, "average SSIMULACRA2", average, "");
        }
        let shown =
            |score: Option<f64>| score.map_or("–".to_owned(), |score| format!("{score:.1}"));
        rows.push(vec![
            case,
            mode.clone(),
            thousands(one.after.elements() as i64),
            one.difference.moved.to_string(),
            one.difference.texts.to_string(),
            format!("{} by {}", one.pixels, one.by),
            one.scores.len().to_string(),
            shown(least),
            shown(average),
            format!("{} of {}", one.after.uses() - one.difference.uses.len(), one.after.uses()),
            one.difference.errors.len().to_string(),
        ]);
        for error in &one.difference.errors {
            println!("  {}, {mode}: {error}", one.after.page);
        }
    }
    let heading = [
        "page", "mode", "elements", "moved", "texts", "pixels", "pictures", "least", "average",
        "clicks", "errors",
    ];
    println!("\nbeside the mode `{BEFORE}`: what differs, and how pictures look (SSIMULACRA2)\n");
    println!("{}", table(&heading, &rows));
}

fn promises(report: &mut Report, mode: &str, compared: &[Compared]) {
    let own: Vec<&Compared> = compared.iter().filter(|one| one.after.mode == mode).collect();
    let sum = |value: fn(&Compared) -> usize| {
        (!own.is_empty()).then(|| own.iter().map(|one| value(one)).sum::<usize>() as f64)
    };
    let most = |value: fn(&Compared) -> f64| own.iter().map(|one| value(one)).reduce(f64::max);
    let mut at_most = |what: &str, want: f64, unit: &str, got: Option<f64>| {
        report.bar(Bar::at_most(&format!("{mode}: {what}"), want, unit, got));
    };
    let loaded = |one: &Compared| one.after.loaded.total() / one.before.loaded.total().max(1.0);
    let whole = |one: &Compared| one.after.whole.total() / one.before.whole.total().max(1.0);
    at_most("bytes until the load, worst page", 1.0, "×", most(loaded));
    at_most("bytes of the whole page, worst page", 1.0, "×", most(whole));
    at_most("boxes that moved", 0.0, "", sum(|one| one.difference.moved));
    at_most("texts that changed", 0.0, "", sum(|one| one.difference.texts));
    let pixels = most(|one| one.pixels);
    at_most("pixels outside of pictures that differ, worst page", 0.0, "", pixels);
    at_most("clicks that do something else", 0.0, "", sum(|one| one.difference.uses.len()));
    at_most("errors added", 0.0, "", sum(|one| one.difference.errors.len()));
    let whole = |one: &Compared| without(&one.after.whole.failed, &one.before.whole.failed).len();
    at_most("requests that failed, and did not before", 0.0, "", sum(whole));
    let first = |one: &Compared| without(&one.after.first_failed, &one.before.first_failed).len();
    at_most("requests of the first visitor that failed", 0.0, "", sum(first));
    let scores = own.iter().flat_map(|one| &one.scores).copied();
    if let Some(least) = scores.reduce(f64::min) {
        let bar = format!("{mode}: looks of a picture, worst");
        report.bar(Bar::at_least(&bar, SCORE_WANTED, "", Some(least)));
    }
}

fn dictionaries(report: &mut Report, pairs: &[Value]) -> Result<()> {
    let mut rows = Vec::new();
    let mut well = 0.0;
    for pair in pairs {
        let (name, plain, known) = (json::text(pair, "name")?, &pair["plain"], &pair["known"]);
        let (from, to) = (json::number(plain, "bytes")?, json::number(known, "bytes")?);
        let is_same = plain["digest"] == known["digest"] && known["works"] == true;
        let coding = json::text(known, "coding")?;
        well += f64::from(u8::from(is_same && coding == "dcz"));
        report.row(json::text(plain, "coding")?, name, "over the wire", from, "B");
        report.row(coding, name, "over the wire", to, "B");
        rows.push(vec![
            name.to_owned(),
            format!("{}, {}", json::text(plain, "coding")?, thousands(from as i64)),
            format!("{coding}, {}", thousands(to as i64)),
            if is_same { "yes" } else { "NO" }.to_owned(),
        ]);
    }
    println!(
        "\nthe newer of two versions, for a browser that has none and one that has the older\n"
    );
    println!("{}", table(&["from, to", "has none", "has the older", "same, and works"], &rows));
    report.bar(Bar::at_least(
        "shared dictionaries that the browser took",
        pairs.len() as f64,
        "",
        Some(well),
    ));
    Ok(())
}
