//! From a reading and its anomaly score to an alert level. [`alarm`] keeps a level from
//! flapping where readings come one by one.

pub mod alarm;

/// How urgent a reading is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum AlertLevel {
    /// Nothing to do.
    #[default]
    Normal,
    /// Worth watching.
    Warning,
    /// Act now.
    Critical,
}

impl AlertLevel {
    /// 0, 1 or 2: the code in the C structs and in JSON.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// `normal`, `warning` or `critical`.
    pub fn name(self) -> &'static str {
        match self {
            AlertLevel::Normal => "normal",
            AlertLevel::Warning => "warning",
            AlertLevel::Critical => "critical",
        }
    }

    /// Whether something must be done about a reading at this level.
    pub fn action_required(self) -> bool {
        self == AlertLevel::Critical
    }
}

/// Where the levels begin. All comparisons are strict: a reading *at* a
/// threshold has not crossed it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thresholds {
    /// Readings above this are critical.
    pub critical_high: f64,
    /// Readings below this are critical.
    pub critical_low: f64,
    /// Readings above this are a warning.
    pub warning_high: f64,
    /// Readings below this are a warning.
    pub warning_low: f64,
    /// Anomaly scores above this are critical.
    pub critical_score: f64,
    /// Anomaly scores above this are a warning.
    pub warning_score: f64,
}

/// Degrees Celsius: critical above 50 or below -10, warning above 40 or below
/// 0; scores above 0.8 and 0.5.
impl Default for Thresholds {
    fn default() -> Self {
        Thresholds {
            critical_high: 50.0,
            critical_low: -10.0,
            warning_high: 40.0,
            warning_low: 0.0,
            critical_score: 0.8,
            warning_score: 0.5,
        }
    }
}

impl Thresholds {
    /// The defaults in degrees Fahrenheit: 122, 14, 104 and 32.
    pub fn fahrenheit() -> Self {
        Thresholds {
            critical_high: 122.0,
            critical_low: 14.0,
            warning_high: 104.0,
            warning_low: 32.0,
            ..Thresholds::default()
        }
    }

    /// The first pair of thresholds that contradict each other, as
    /// `(lower, upper)` names, or `None` if critical lies outside warning on
    /// both sides. A threshold that is not a number contradicts everything; an
    /// infinite one switches its level off.
    pub fn contradiction(&self) -> Option<(&'static str, &'static str)> {
        let ordered = [
            ("critical_low", self.critical_low, "warning_low", self.warning_low),
            ("warning_low", self.warning_low, "warning_high", self.warning_high),
            ("warning_high", self.warning_high, "critical_high", self.critical_high),
            ("warning_score", self.warning_score, "critical_score", self.critical_score),
        ];
        ordered
            .into_iter()
            .find(|(_, low, _, high)| low.is_nan() || high.is_nan() || low > high)
            .map(|(low, _, high, _)| (low, high))
    }

    /// The level of a reading with this anomaly score. A value that is not a
    /// number crosses no threshold.
    pub fn level(&self, value: f64, score: f64) -> AlertLevel {
        if value > self.critical_high || value < self.critical_low || score > self.critical_score {
            AlertLevel::Critical
        } else if value > self.warning_high
            || value < self.warning_low
            || score > self.warning_score
        {
            AlertLevel::Warning
        } else {
            AlertLevel::Normal
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn contradictions_are_named() {
        let sane = Thresholds::default();
        assert_eq!(sane.contradiction(), None);
        assert_eq!(Thresholds::fahrenheit().contradiction(), None);
        for (thresholds, expected) in [
            (Thresholds { warning_high: 51.0, ..sane }, ("warning_high", "critical_high")),
            (Thresholds { warning_low: -11.0, ..sane }, ("critical_low", "warning_low")),
            (Thresholds { warning_low: 41.0, ..sane }, ("warning_low", "warning_high")),
            (Thresholds { critical_score: 0.4, ..sane }, ("warning_score", "critical_score")),
            (Thresholds { critical_low: f64::NAN, ..sane }, ("critical_low", "warning_low")),
        ] {
            assert_eq!(thresholds.contradiction(), Some(expected), "{thresholds:?}");
        }
    }

    #[test]
    fn levels_begin_past_their_threshold() {
        use AlertLevel::{Critical, Normal, Warning};
        for (value, score, expected) in [
            (f64::NAN, f64::NAN, Normal),
            (40.0, 0.5, Normal),
            (0.0, 0.0, Normal),
            (40.1, 0.0, Warning),
            (-0.1, 0.0, Warning),
            (20.0, 0.51, Warning),
            (50.0, 0.8, Warning),
            (50.1, 0.0, Critical),
            (-10.1, 0.0, Critical),
            (f64::INFINITY, 0.0, Critical),
            (20.0, 0.81, Critical),
        ] {
            let level = Thresholds::default().level(value, score);
            assert_eq!(level, expected, "{value} with score {score}");
            assert_eq!(level.action_required(), level.code() == 2);
        }
    }

    proptest! {
        #[test]
        fn more_heat_cold_or_surprise_never_lowers_the_level(
            value in -100.0..100.0, further in 0.0..50.0, score in 0.0..1.0, more in 0.0..1.0,
        ) {
            let thresholds = Thresholds::default();
            let level = thresholds.level(value, score);
            prop_assert!(thresholds.level(value, score + more) >= level);
            let middle = 20.0;
            let outward = if value >= middle { value + further } else { value - further };
            prop_assert!(thresholds.level(outward, score) >= level);
        }
    }
}
