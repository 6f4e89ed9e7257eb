//! The Numenta Anomaly Benchmark (github.com/numenta/NAB): 58 series, 116 labeled windows.
//!
//! Each detector reads every file once, from its first reading to its last, with the same
//! parameters, and is told nothing about the file but the readings so far; the benchmark
//! would also tell it the least and the largest value of the whole file, which is not used.

mod corpus;
mod gaussian;
mod scorer;
mod subjects;

use super::options::Options;
use crate::bench::{Bar, Report, figure, table};
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use corpus::{Corpus, Profile, Series};
use scorer::Tally;
use sedge_kit::online::detector::Joining;
use std::path::PathBuf;
use subjects::{PUBLISHED, Run};

/// What the scorer must give the windowed Gaussian, and how closely.
const GAUSSIAN_WANTED: f64 = 39.6;
const GAUSSIAN_CLOSE: f64 = 0.1;
/// What the project has promised itself.
const SCORE_WANTED: f64 = 65.0;
const STATE_BYTES_MAX: f64 = 1e6;

/// The score from which on a detector of ours warns, without any tuning.
const THRESHOLD_DEFAULT: f64 = 0.5;

const OURS: &str = "Sedge";

/// Runs all detectors, prints what they got, and writes `target/results/nab.json`.
pub(super) fn run(workspace: &Workspace, words: &[String]) -> Result<()> {
    let options = Options::read(words, &["--data DIR", "--tune"])?;
    let corpus = Corpus::read(&data(workspace, options.value("--data"))?)?;
    let readings: usize = corpus.series.iter().map(|series| series.values.len()).sum();
    let windows: usize = corpus.series.iter().map(|series| series.windows.len()).sum();
    println!("{} series, {readings} readings, {windows} windows", corpus.series.len());
    let mut report = Report::of_eval("nab");
    let null = subjects::null(&corpus);
    let perfect = subjects::perfect(&corpus);
    let gaussian = subjects::gaussian(&corpus);
    let ours = subjects::ours(&corpus, Joining::default());
    let runs = [("null", &null), ("perfect", &perfect), ("windowed Gaussian", &gaussian)];
    let mut rows = Vec::new();
    for (name, run) in runs.into_iter().chain([(OURS, &ours)]) {
        rows.push(scores(&mut report, name, run, &corpus));
    }
    for (name, published) in PUBLISHED {
        let cells = published.iter().map(|score| format!("{score:.1}"));
        rows.push([format!("{name} (published)")].into_iter().chain(cells).collect());
    }
    println!("\n{}", table(&["detector", "standard", "low FP", "low FN"], &rows));
    let standard = corpus.profiles.first().context("reading the profiles: there is none")?;
    print_categories(&mut report, &corpus, &ours, standard);
    print_thresholds(&mut report, &corpus, &ours, standard);
    if options.has("--tune") {
        print_tuned(&mut report, &corpus, standard);
    }
    println!(
        "\n{} microseconds per reading, {} bytes of state at most, {} written down",
        figure(ours.seconds * 1e6 / readings as f64),
        figure(ours.state_bytes as f64),
        figure(ours.written_bytes as f64)
    );
    report.row(OURS, "all", "time per reading", ours.seconds * 1e6 / readings as f64, "µs");
    report.row(OURS, "all", "state", ours.state_bytes as f64, "bytes");
    report.row(OURS, "all", "state, written down", ours.written_bytes as f64, "bytes");
    add_bars(&mut report, &corpus, standard, [&null, &perfect, &gaussian, &ours]);
    report.finish_part(workspace, false)
}

/// Where the benchmark's data lies.
fn data(workspace: &Workspace, given: Option<&str>) -> Result<PathBuf> {
    let folder = given.map_or_else(|| workspace.root.join("../shared/data/nab"), PathBuf::from);
    if !folder.join("labels/combined_windows.json").is_file() {
        bail!(
            "the benchmark's data is not in {}\n\
             hint: --data DIR, a checkout of https://github.com/numenta/NAB",
            folder.display()
        );
    }
    Ok(folder)
}

/// The normalized score at the threshold that is best for all files.
fn best(corpus: &Corpus, run: &Run, profile: &Profile) -> f64 {
    let all: Vec<usize> = (0..corpus.series.len()).collect();
    let threshold = threshold(corpus, run, profile, &all);
    tally(corpus, run, profile, threshold, &all).normalized(profile)
}

fn threshold(corpus: &Corpus, run: &Run, profile: &Profile, files: &[usize]) -> f64 {
    let files = files.iter().map(|&file| (&corpus.series[file], run.scores[file].as_slice()));
    scorer::best_threshold(files, profile)
}

fn tally(corpus: &Corpus, run: &Run, profile: &Profile, threshold: f64, files: &[usize]) -> Tally {
    scorer::total(
        files.iter().map(|&file| {
            scorer::score(&corpus.series[file], &run.scores[file], profile, threshold)
        }),
    )
}

fn scores(report: &mut Report, name: &str, run: &Run, corpus: &Corpus) -> Vec<String> {
    let mut cells = vec![name.to_owned()];
    for profile in &corpus.profiles {
        let score = best(corpus, run, profile);
        report.row(name, "all", &profile.name, score, "");
        cells.push(format!("{score:.1}"));
    }
    cells
}

/// The share of each category, at the one threshold of all.
fn print_categories(report: &mut Report, corpus: &Corpus, run: &Run, profile: &Profile) {
    let all: Vec<usize> = (0..corpus.series.len()).collect();
    let threshold = threshold(corpus, run, profile, &all);
    let mut rows = Vec::new();
    let mut categories: Vec<&str> = corpus.series.iter().map(Series::category).collect();
    categories.dedup();
    for category in categories.into_iter().chain(["all"]) {
        let files: Vec<usize> = all
            .iter()
            .copied()
            .filter(|&file| category == "all" || corpus.series[file].category() == category)
            .collect();
        let tally = tally(corpus, run, profile, threshold, &files);
        report.row(OURS, category, "windows found", tally.found as f64, "");
        report.row(OURS, category, "false alarms", tally.false_positives as f64, "");
        let score = match tally.windows {
            0 => "–".to_owned(),
            _ => {
                report.row(OURS, category, "standard", tally.normalized(profile), "");
                format!("{:.1}", tally.normalized(profile))
            }
        };
        rows.push(vec![
            category.to_owned(),
            files.len().to_string(),
            format!("{} of {}", tally.found, tally.windows),
            tally.false_positives.to_string(),
            score,
        ]);
    }
    println!("\n{OURS} by category, standard profile, one threshold ({threshold:.3}):\n");
    println!("{}", table(&["category", "files", "found", "false alarms", "score"], &rows));
}

/// What the threshold of one half of the files gets in the other half (every second file
/// of each category), and what the default gets in all.
fn print_thresholds(report: &mut Report, corpus: &Corpus, run: &Run, profile: &Profile) {
    let halves = halves(corpus);
    let all: Vec<usize> = (0..corpus.series.len()).collect();
    let [one, other] = &halves;
    let mut rows = Vec::new();
    for (case, from, on) in [
        ("half A's threshold in half A", Some(one), one),
        ("half A's threshold in half B", Some(one), other),
        ("half B's threshold in half B", Some(other), other),
        ("half B's threshold in half A", Some(other), one),
        ("the default threshold in all", None, &all),
    ] {
        let threshold = match from {
            Some(files) => threshold(corpus, run, profile, files),
            None => THRESHOLD_DEFAULT,
        };
        let score = tally(corpus, run, profile, threshold, on).normalized(profile);
        report.row(OURS, case, &profile.name, score, "");
        rows.push(vec![case.to_owned(), format!("{threshold:.3}"), format!("{score:.1}")]);
    }
    println!("\n{}", table(&["which", "threshold", "score"], &rows));
}

/// Every second file of each category, and the others.
fn halves(corpus: &Corpus) -> [Vec<usize>; 2] {
    let mut halves = [Vec::new(), Vec::new()];
    let (mut category, mut turn) = ("", 0);
    for (file, series) in corpus.series.iter().enumerate() {
        turn = if series.category() == category { turn + 1 } else { 0 };
        category = series.category();
        halves[turn % 2].push(file);
    }
    halves
}

/// What remains of a score when parameters and threshold are those that are best in the
/// other half of the files.
fn print_tuned(report: &mut Report, corpus: &Corpus, profile: &Profile) {
    let halves = halves(corpus);
    let mut best = [(f64::NEG_INFINITY, f64::NEG_INFINITY, Joining::default()); 2];
    let mut unseen = Vec::new();
    for joining in subjects::joinings() {
        let run = subjects::ours(corpus, joining);
        let mut sum = 0.0;
        for (turn, best) in best.iter_mut().enumerate() {
            let (seen, other) = (&halves[turn], &halves[1 - turn]);
            let threshold = threshold(corpus, &run, profile, seen);
            let normalized =
                |files| tally(corpus, &run, profile, threshold, files).normalized(profile);
            let (in_seen, in_other) = (normalized(seen), normalized(other));
            sum += in_other;
            if in_seen > best.0 {
                *best = (in_seen, in_other, joining);
            }
        }
        unseen.push(sum / 2.0);
    }
    unseen.sort_by(f64::total_cmp);
    println!("\n{} settings tried in each half:\n", unseen.len());
    let mut rows = Vec::new();
    for ((in_seen, in_other, joining), half) in best.into_iter().zip(["A", "B"]) {
        let case = format!("tuned on half {half}, in the other");
        report.row(OURS, &case, &profile.name, in_other, "");
        rows.push(vec![
            format!("best in half {half}"),
            format!("{in_seen:.1}"),
            format!("{in_other:.1}"),
            format!(
                "{} {} {}",
                joining.correction, joining.correction_error_min, joining.news_half_life
            ),
        ]);
    }
    let heading = ["setting", "in its half", "in the other", "corrections, half-life"];
    println!("{}", table(&heading, &rows));
    let (least, median) = (unseen[0], unseen[unseen.len() / 2]);
    println!("in the other half, any setting: {least:.1} at least, {median:.1} in the median");
}

fn add_bars(report: &mut Report, corpus: &Corpus, profile: &Profile, runs: [&Run; 4]) {
    let [null, perfect, gaussian, ours] = runs;
    let exact = |bar: &str, want: f64, close: f64, run: &Run| {
        let got = best(corpus, run, profile);
        Bar {
            bar: bar.to_owned(),
            want: format!("{want} ± {close}"),
            got: format!("{got:.2}"),
            holds: (got - want).abs() <= close,
        }
    };
    report.bar(exact("scorer: a detector that is never alarmed", 0.0, 0.01, null));
    report.bar(exact("scorer: a perfect detector", 100.0, 0.01, perfect));
    let name = "scorer: windowed Gaussian as published";
    report.bar(exact(name, GAUSSIAN_WANTED, GAUSSIAN_CLOSE, gaussian));
    let score = Some(best(corpus, ours, profile));
    report.bar(Bar::at_least("standard score", SCORE_WANTED, "", score));
    let state = Some(ours.state_bytes as f64);
    report.bar(Bar::at_most("state per series", STATE_BYTES_MAX, " bytes", state));
}

#[cfg(test)]
mod tests;
