//! How good forecasts are, as the competitions measured it.

use super::corpus::Series;

/// Means over series.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Score {
    smape_sum: f64,
    smapes: f64,
    mase_sum: f64,
    mases: f64,
}

impl Score {
    /// Adds a forecast of a series' future.
    pub(super) fn add(&mut self, series: &Series, forecast: &[f64]) {
        self.smape_sum += smape(&series.future, forecast);
        self.smapes += 1.0;
        if let Some(mase) = mase(series, forecast) {
            self.mase_sum += mase;
            self.mases += 1.0;
        }
    }

    pub(super) fn join(&mut self, other: &Score) {
        self.smape_sum += other.smape_sum;
        self.smapes += other.smapes;
        self.mase_sum += other.mase_sum;
        self.mases += other.mases;
    }

    /// Mean symmetric absolute percentage error, in percent; `None` of no series.
    pub(super) fn smape(&self) -> Option<f64> {
        (self.smapes > 0.0).then(|| self.smape_sum / self.smapes)
    }

    /// Mean absolute scaled error; `None` of no series that has one.
    pub(super) fn mase(&self) -> Option<f64> {
        (self.mases > 0.0).then(|| self.mase_sum / self.mases)
    }

    pub(super) fn count(&self) -> usize {
        self.smapes as usize
    }
}

/// Twice the error by the sum of both sizes, in percent (Makridakis & Hibon, International
/// Journal of Forecasting 16, 2000).
fn smape(future: &[f64], forecast: &[f64]) -> f64 {
    let share = |(value, said): (&f64, &f64)| {
        let size = value.abs() + said.abs();
        if size > 0.0 { 200.0 * (value - said).abs() / size } else { 0.0 }
    };
    let count = future.len().max(1) as f64;
    future.iter().zip(forecast).map(share).sum::<f64>() / count
}

/// The mean error by that of the seasonal naive forecast on what was known (Hyndman &
/// Koehler, International Journal of Forecasting 22, 2006). `None` if that made none.
fn mase(series: &Series, forecast: &[f64]) -> Option<f64> {
    let (known, lag) = (&series.known, series.frequency.period());
    let later = known.get(lag..).filter(|later| !later.is_empty())?;
    let naive = known.iter().zip(later).map(|(one, other)| (one - other).abs()).sum::<f64>();
    let naive = naive / later.len() as f64;
    let errors = series.future.iter().zip(forecast).map(|(value, said)| (value - said).abs());
    let mean = errors.sum::<f64>() / series.future.len() as f64;
    (naive > 0.0).then(|| mean / naive)
}

/// How many values lay in their intervals.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Held {
    pub(super) inside: f64,
    pub(super) all: f64,
}

impl Held {
    pub(super) fn add(&mut self, value: f64, (low, high): (f64, f64)) {
        self.inside += f64::from(u8::from((low..=high).contains(&value)));
        self.all += 1.0;
    }

    pub(super) fn join(&mut self, other: &Held) {
        self.inside += other.inside;
        self.all += other.all;
    }

    /// In percent.
    pub(super) fn share(&self) -> Option<f64> {
        (self.all > 0.0).then(|| 100.0 * self.inside / self.all)
    }
}

#[cfg(test)]
mod tests {
    use super::super::corpus::Frequency;
    use super::*;

    #[test]
    fn errors_are_those_of_their_definitions() {
        let series = Series {
            competition: "M3",
            frequency: Frequency::Yearly,
            known: vec![1.0, 2.0, 4.0],
            future: vec![5.0, 0.0],
        };
        let mut score = Score::default();
        assert_eq!((score.smape(), score.mase(), score.count()), (None, None, 0));
        score.add(&series, &[3.0, 0.0]);
        assert_eq!(score.smape(), Some(25.0));
        // One of 2 and 0, by the naive forecast's 1 and 2.
        assert_eq!(score.mase(), Some(1.0 / 1.5));
        let flat = Series { known: vec![1.0, 1.0], ..series };
        assert_eq!(mase(&flat, &[1.0, 1.0]), None);
    }

    #[test]
    fn bounds_are_inside() {
        let mut held = Held::default();
        assert_eq!(held.share(), None);
        held.add(1.0, (1.0, 2.0));
        held.add(3.0, (1.0, 2.0));
        assert_eq!(held.share(), Some(50.0));
    }
}
