//! The scorer of the Numenta Anomaly Benchmark, after Lavin & Ahmad, *Evaluating Real-time
//! Anomaly Detection Algorithms* (ICMLA 2015), and after what version 1.1 of the benchmark
//! does where the paper leaves it open.
//!
//! A labeled window that holds an alarm counts once, by its earliest alarm: nearly one at
//! the left edge, zero at the right one. An alarm elsewhere costs the more the further it
//! lies behind the window before it. Windows without an alarm cost the weight of a miss.
//! The threshold is the one that is best for all files together. Of each file, the first
//! 15 % (at most 750 readings) are not scored.

use super::corpus::{Profile, Series};

/// The share of a file that a detector has to learn, and the length of the file from which
/// on that share grows no further.
const PROBATION: f64 = 0.15;
const PROBATION_LENGTH_MAX: f64 = 5_000.0;

/// What an alarm at one reading would count.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Point {
    anomaly: f64,
    value: f64,
    /// Which of the windows of all files it lies in.
    window: Option<usize>,
}

/// What a detector gets at a threshold.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Tally {
    /// The sum, not normalized.
    pub score: f64,
    /// Readings in windows that are above the threshold.
    pub true_positives: usize,
    /// Readings outside that are.
    pub false_positives: usize,
    /// Windows that hold an alarm, and windows in all.
    pub found: usize,
    /// See [`Tally::found`].
    pub windows: usize,
}

/// Sums up what several files got.
pub(super) fn total(tallies: impl IntoIterator<Item = Tally>) -> Tally {
    tallies.into_iter().fold(Tally::default(), |sum, one| Tally {
        score: sum.score + one.score,
        true_positives: sum.true_positives + one.true_positives,
        false_positives: sum.false_positives + one.false_positives,
        found: sum.found + one.found,
        windows: sum.windows + one.windows,
    })
}

impl Tally {
    /// 0 for a detector that never raises an alarm, 100 for one that raises one at the left
    /// edge of each window and none elsewhere. Without any window there is no scale.
    pub(super) fn normalized(&self, profile: &Profile) -> f64 {
        let windows = self.windows as f64;
        let (null, perfect) = (-profile.miss * windows, profile.hit * windows);
        100.0 * (self.score - null) / (perfect - null)
    }
}

/// One at the left edge of a window (-1), zero at its right edge (0), towards -1 behind it.
fn scaled_sigmoid(position: f64) -> f64 {
    if position > 3.0 { -1.0 } else { 2.0 / (1.0 + (5.0 * position).exp()) - 1.0 }
}

/// How many readings of a file of `length` are not scored.
pub(super) fn probation(length: usize) -> usize {
    let share = (PROBATION * length as f64).floor();
    share.min(PROBATION * PROBATION_LENGTH_MAX) as usize
}

/// What an alarm at each scored reading would count. Windows are numbered from
/// `window_first`.
fn points(
    series: &Series,
    anomalies: &[f64],
    profile: &Profile,
    window_first: usize,
) -> Vec<Point> {
    let best = scaled_sigmoid(-1.0);
    let mut windows = series.windows.iter().enumerate().peekable();
    let mut before: Option<(usize, usize)> = None;
    let mut points = Vec::with_capacity(anomalies.len());
    for (index, &anomaly) in anomalies.iter().enumerate() {
        let (mut value, mut inside) = (-profile.false_alarm, None);
        match windows.peek() {
            Some(&(number, &(first, last))) if index >= first => {
                let width = (last - first + 1) as f64;
                let position = -((last - index + 1) as f64) / width;
                value = scaled_sigmoid(position) * profile.hit / best;
                inside = Some(window_first + number);
                if index == last {
                    before = Some((first, last));
                    windows.next();
                }
            }
            _ => {
                if let Some((first, last)) = before {
                    let position = (index - last) as f64 / (last - first) as f64;
                    value = scaled_sigmoid(position) * profile.false_alarm;
                }
            }
        }
        points.push(Point { anomaly, value, window: inside });
    }
    points.drain(..probation(anomalies.len()).min(points.len()));
    points
}

/// The tally of one file: all readings with an anomaly score of at least `threshold` are
/// alarms.
pub(super) fn score(
    series: &Series,
    anomalies: &[f64],
    profile: &Profile,
    threshold: f64,
) -> Tally {
    let mut sweep = Sweep::new(points(series, anomalies, profile, 0), profile);
    sweep.lower_to(threshold);
    sweep.tally()
}

/// The threshold that is best for all files together; of equal ones the highest. Above
/// all scores if no alarm is better than any.
pub(super) fn best_threshold<'a>(
    files: impl IntoIterator<Item = (&'a Series, &'a [f64])>,
    profile: &Profile,
) -> f64 {
    let mut all = Vec::new();
    let mut windows = 0;
    for (series, anomalies) in files {
        all.extend(points(series, anomalies, profile, windows));
        windows += series.windows.len();
    }
    let mut sweep = Sweep::new(all, profile);
    let mut best = (sweep.score(), f64::INFINITY);
    while let Some(threshold) = sweep.next_threshold() {
        sweep.lower_to(threshold);
        if sweep.score() > best.0 {
            best = (sweep.score(), threshold);
        }
    }
    best.1
}

/// Lowers a threshold from above all scores.
struct Sweep {
    /// Highest anomaly score first.
    points: Vec<Point>,
    taken: usize,
    /// What each window counts so far.
    windows: Vec<Option<f64>>,
    hits: f64,
    false_alarms: f64,
    tally: Tally,
}

impl Sweep {
    fn new(mut points: Vec<Point>, profile: &Profile) -> Self {
        points.sort_by(|left, right| right.anomaly.total_cmp(&left.anomaly));
        let count = points.iter().filter_map(|point| point.window).max().map_or(0, |last| last + 1);
        // A window whose every reading is in the probation is none.
        let mut windows = vec![None; count];
        for point in &points {
            if let Some(window) = point.window {
                windows[window] = Some(-profile.miss);
            }
        }
        let known = windows.iter().flatten().count();
        let hits = -profile.miss * known as f64;
        let tally = Tally { windows: known, ..Tally::default() };
        Sweep { points, taken: 0, windows, hits, false_alarms: 0.0, tally }
    }

    fn next_threshold(&self) -> Option<f64> {
        self.points.get(self.taken).map(|point| point.anomaly)
    }

    fn lower_to(&mut self, threshold: f64) {
        while let Some(point) = self.points.get(self.taken).filter(|p| p.anomaly >= threshold) {
            self.taken += 1;
            match point.window {
                None => {
                    self.false_alarms += point.value;
                    self.tally.false_positives += 1;
                }
                Some(window) => {
                    self.tally.true_positives += 1;
                    let before = self.windows[window].unwrap_or(f64::NEG_INFINITY);
                    if point.value > before {
                        self.windows[window] = Some(point.value);
                        self.hits += point.value - before;
                        self.tally.found += usize::from(before < 0.0);
                    }
                }
            }
        }
    }

    fn score(&self) -> f64 {
        self.hits + self.false_alarms
    }

    fn tally(&self) -> Tally {
        Tally { score: self.score(), ..self.tally }
    }
}

#[cfg(test)]
mod tests;
