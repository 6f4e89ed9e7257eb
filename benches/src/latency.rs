//! Sums up latencies, exactly: every value is kept.

use std::time::Duration;

/// All latencies of a run.
#[derive(Debug, Default)]
pub struct Latencies {
    micros: Vec<u32>,
}

impl Latencies {
    /// Keeps one latency, to the microsecond, up to 71 minutes.
    pub fn record(&mut self, latency: Duration) {
        self.micros.push(u32::try_from(latency.as_micros()).unwrap_or(u32::MAX));
    }

    /// How many were kept.
    pub fn count(&self) -> usize {
        self.micros.len()
    }

    /// The latencies, in microseconds, that shares `shares` (0 to 1) did not
    /// exceed (nearest rank); zero if nothing was kept.
    pub fn quantiles<const N: usize>(&mut self, shares: [f64; N]) -> [u32; N] {
        self.micros.sort_unstable();
        shares.map(|share| {
            let rank = (share * self.micros.len() as f64).ceil() as usize;
            self.micros.get(rank.saturating_sub(1)).or(self.micros.last()).copied().unwrap_or(0)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_nearest_ranks() {
        let mut latencies = Latencies::default();
        assert_eq!(latencies.quantiles([0.5]), [0]);
        for micros in (1..=100).rev() {
            latencies.record(Duration::from_micros(micros));
        }
        assert_eq!(latencies.count(), 100);
        assert_eq!(latencies.quantiles([0.0, 0.5, 0.99, 0.991, 1.0]), [1, 50, 99, 100, 100]);
    }
}
