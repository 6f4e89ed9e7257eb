//! The one form of every result: rows of figures, and bars that the project has
//! promised itself.

use super::arguments::Arguments;
use crate::shell;
use crate::workspace::Workspace;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::fs;
use std::process::Command;

/// What a bench or an evaluation found out.
pub(crate) struct Report {
    kind: &'static str,
    name: &'static str,
    rows: Vec<Value>,
    bars: Vec<Bar>,
}

/// A promised figure.
pub(crate) struct Bar {
    /// What is promised, in words.
    pub bar: String,
    /// The promise: `≥ 0.25`, `< 2 ms`.
    pub want: String,
    /// What was measured, or why it was not.
    pub got: String,
    /// Whether the promise is kept; what was not measured is not kept.
    pub holds: bool,
}

impl Bar {
    /// Promises that `got` is at least `want`.
    pub(crate) fn at_least(bar: &str, want: f64, unit: &str, got: Option<f64>) -> Self {
        Self::new(bar, "≥", want, unit, got, |got| got >= want)
    }

    /// Promises that `got` is at most `want`.
    pub(crate) fn at_most(bar: &str, want: f64, unit: &str, got: Option<f64>) -> Self {
        Self::new(bar, "≤", want, unit, got, |got| got <= want)
    }

    /// Promises that `got` is below `want`.
    pub(super) fn below(bar: &str, want: f64, unit: &str, got: Option<f64>) -> Self {
        Self::new(bar, "<", want, unit, got, |got| got < want)
    }

    fn new(
        bar: &str,
        sign: &str,
        want: f64,
        unit: &str,
        got: Option<f64>,
        holds: impl Fn(f64) -> bool,
    ) -> Self {
        Bar {
            bar: bar.to_owned(),
            want: format!("{sign} {want}{unit}"),
            got: got.map_or("not measured".to_owned(), |got| format!("{}{unit}", figure(got))),
            holds: got.is_some_and(holds),
        }
    }
}

impl Report {
    /// An empty report of a bench.
    pub(super) fn new(name: &'static str) -> Self {
        Report { kind: "bench", name, rows: Vec::new(), bars: Vec::new() }
    }

    /// An empty report of an evaluation.
    pub(crate) fn of_eval(name: &'static str) -> Self {
        Report { kind: "eval", ..Report::new(name) }
    }

    /// Adds a figure.
    pub(crate) fn row(&mut self, subject: &str, case: &str, metric: &str, value: f64, unit: &str) {
        self.rows.push(json!({
            "subject": subject, "case": case, "metric": metric, "value": value, "unit": unit
        }));
    }

    /// Names a subject that could not be measured, and why.
    pub(super) fn absent(&mut self, subject: &str, why: &str) {
        self.rows.push(json!({
            "subject": subject, "case": "absent", "metric": why, "value": null, "unit": ""
        }));
    }

    /// Adds a promise.
    pub(crate) fn bar(&mut self, bar: Bar) {
        self.bars.push(bar);
    }

    /// Prints the bars and, if everything was measured, writes
    /// `target/results/NAME.json`: a part must not replace the whole.
    pub(super) fn finish(self, workspace: &Workspace, arguments: &Arguments) -> Result<()> {
        self.finish_part(workspace, !arguments.only.is_empty())
    }

    /// The same; `is_part`: whether something was left out.
    pub(crate) fn finish_part(self, workspace: &Workspace, is_part: bool) -> Result<()> {
        let cells: Vec<Vec<String>> = self
            .bars
            .iter()
            .map(|bar| {
                let verdict = if bar.holds { "holds" } else { "MISSED" };
                vec![bar.bar.clone(), bar.want.clone(), bar.got.clone(), verdict.to_owned()]
            })
            .collect();
        println!("\n{}", table(&["promise", "want", "got", ""], &cells));
        if is_part {
            println!("not written: --only measured a part");
            return Ok(());
        }
        let bars: Vec<Value> = self
            .bars
            .iter()
            .map(|bar| {
                json!({ "bar": bar.bar, "want": bar.want, "got": bar.got, "holds": bar.holds })
            })
            .collect();
        let result = json!({
            "name": self.name,
            "kind": self.kind,
            "date": said("date", &["-u", "+%Y-%m-%dT%H:%M:%SZ"]),
            "commit": said("git", &["rev-parse", "HEAD"]),
            "machine": machine(),
            "rows": self.rows,
            "bars": bars,
        });
        let folder = workspace.results();
        fs::create_dir_all(&folder).context("making target/results")?;
        let file = folder.join(format!("{}.json", self.name));
        fs::write(&file, format!("{result:#}\n")).context("writing the result")?;
        println!("written: target/results/{}.json", self.name);
        Ok(())
    }
}

/// Lines up cells under a heading: figures to the right, words to the left.
pub(crate) fn table(heading: &[&str], rows: &[Vec<String>]) -> String {
    let heading: Vec<String> = heading.iter().map(|cell| cell.to_string()).collect();
    let width = |column: usize| {
        let cells = rows.iter().chain([&heading]).filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    // A column of figures begins with digits in every row.
    let is_figure = |cell: &String| cell.starts_with(|c: char| "0123456789–≥≤<".contains(c));
    let has_figures =
        |column: usize| column > 0 && rows.iter().filter_map(|row| row.get(column)).all(is_figure);
    let columns: Vec<(usize, bool)> =
        (0..heading.len()).map(|column| (width(column), has_figures(column))).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&columns).map(|(cell, &(width, right))| match right {
            true => format!("{cell:>width$}"),
            false => format!("{cell:width$}"),
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let rule =
        "─".repeat(columns.iter().map(|column| column.0 + 2).sum::<usize>().saturating_sub(2));
    let mut lines = vec![line(&heading), rule];
    lines.extend(rows.iter().map(line));
    lines.join("\n")
}

/// A figure with about three digits that mean something.
pub(crate) fn figure(value: f64) -> String {
    match value.abs() {
        size if size >= 1_000.0 => thousands(value.round() as i64),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 0.1 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// `12,345`.
pub(crate) fn thousands(value: i64) -> String {
    let digits = value.unsigned_abs().to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if value < 0 { format!("-{text}") } else { text }
}

fn said(program: &str, arguments: &[&str]) -> String {
    let said = shell::output(Command::new(program).args(arguments)).unwrap_or_default();
    said.trim().to_owned()
}

/// Processor, cores and kernel.
fn machine() -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("unknown processor", |(_, model)| model);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!("{model}, {cores} cores, {}", said("uname", &["-sr"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_measured_is_not_kept() {
        let bar = Bar::at_least("ratio", 0.25, "", None);
        assert_eq!((bar.got.as_str(), bar.holds), ("not measured", false));
    }

    #[test]
    fn bars_hold_at_their_edge_as_they_say() {
        assert!(Bar::at_least("a", 3.0, "×", Some(3.0)).holds);
        assert!(!Bar::below("a", 2.0, " ms", Some(2.0)).holds);
        let bar = Bar::below("a", 2.0, " ms", Some(1.234));
        assert_eq!((bar.want.as_str(), bar.got.as_str()), ("< 2 ms", "1.23 ms"));
    }

    #[test]
    fn tables_line_up() {
        let rows = [["hyper", "1", "a"], ["é", "1,000", "bc"]];
        let rows: Vec<Vec<String>> =
            rows.iter().map(|row| row.iter().map(|cell| cell.to_string()).collect()).collect();
        assert_eq!(
            table(&["who", "req/s", ""], &rows),
            "who    req/s\n────────────────\nhyper      1  a\né      1,000  bc"
        );
    }

    #[test]
    fn figures_keep_three_digits() {
        for (value, expected) in [
            (0.0, "0.000"),
            (0.057, "0.057"),
            (0.5, "0.50"),
            (12.34, "12.3"),
            (999.6, "1000"),
            (1234.5, "1,235"),
            (-1234567.0, "-1,234,567"),
        ] {
            assert_eq!(figure(value), expected);
        }
    }
}
