//! The detectors that are compared.

use super::corpus::Corpus;
use super::gaussian;
use sedge_kit::online::detector::Joining;
use sedge_kit::online::monitor::{Monitor, MonitorOptions};
use std::time::Instant;

/// Scores as the benchmark publishes them in `results/final_results.json` of its version
/// 1.1: standard, reward low FP rate, reward low FN rate.
pub(super) const PUBLISHED: [(&str, [f64; 3]); 8] = [
    ("ARTime", [74.9, 65.2, 80.4]),
    ("Numenta HTM", [70.1, 63.1, 74.3]),
    ("CAD OSE", [69.9, 67.0, 73.2]),
    ("KNN CAD", [58.0, 43.4, 64.8]),
    ("Relative entropy", [54.6, 47.6, 58.8]),
    ("Random cut forest", [51.7, 38.4, 59.7]),
    ("Windowed Gaussian", [39.6, 20.9, 47.4]),
    ("EXPoSE", [16.4, 3.2, 26.9]),
];

/// What a detector said.
pub(super) struct Run {
    /// Per series, a score for each reading.
    pub scores: Vec<Vec<f64>>,
    /// For all series together.
    pub seconds: f64,
    /// The largest state of any series, in memory and written down.
    pub state_bytes: usize,
    /// See [`Run::state_bytes`].
    pub written_bytes: usize,
}

fn of(scores: Vec<Vec<f64>>) -> Run {
    Run { scores, seconds: 0.0, state_bytes: 0, written_bytes: 0 }
}

/// Never alarmed: all scores are the same, and the best threshold lies above them.
pub(super) fn null(corpus: &Corpus) -> Run {
    of(corpus.series.iter().map(|series| vec![0.5; series.values.len()]).collect())
}

/// Knows the labels, and is alarmed at the first reading of each window.
pub(super) fn perfect(corpus: &Corpus) -> Run {
    let scores = corpus.series.iter().map(|series| {
        let mut scores = vec![0.0; series.values.len()];
        series.windows.iter().for_each(|&(first, _)| scores[first] = 1.0);
        scores
    });
    of(scores.collect())
}

/// The baseline.
pub(super) fn gaussian(corpus: &Corpus) -> Run {
    of(corpus.series.iter().map(|series| gaussian::scores(&series.values)).collect())
}

/// Ours, with the same parameters for all files.
pub(super) fn ours(corpus: &Corpus, joining: Joining) -> Run {
    let mut run = of(Vec::new());
    for series in &corpus.series {
        let mut monitor = Monitor::new(MonitorOptions { joining, ..MonitorOptions::default() });
        let started = Instant::now();
        let readings = series.times_s.iter().zip(&series.values);
        let scores =
            readings.map(|(time_s, value)| monitor.observe(*time_s, *value).verdict.news).collect();
        run.seconds += started.elapsed().as_secs_f64();
        run.state_bytes = run.state_bytes.max(monitor.memory_bytes());
        run.written_bytes = run.written_bytes.max(monitor.to_bytes().len());
        run.scores.push(scores);
    }
    run
}

/// Other parameters around the default, for `--tune`.
pub(super) fn joinings() -> Vec<Joining> {
    let mut joinings = Vec::new();
    for correction in [0.5, 1.0, 1.5] {
        for correction_error_min in [0.25, 0.5, 1.0] {
            for news_half_life in [50.0, 150.0, 300.0] {
                let default = Joining::default();
                joinings.push(Joining {
                    correction,
                    correction_error_min,
                    news_half_life,
                    ..default
                });
            }
        }
    }
    joinings
}
