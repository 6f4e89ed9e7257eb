//! How surprising a reading is, by several detectors that each look at something else, and
//! none of which knows anything but the readings before.
//!
//! Each detector says its *evidence* ([`super::tail`]): how rare what it sees is, in
//! decades, where 0 is what chance does once in as many readings as are remembered. That
//! makes them comparable with each other and from one series to the next, and leaves
//! nothing to tune per series. They are joined by
//!
//! 1. **strength** s = max(0, evidence + 3), and one decade less for all detectors but the
//!    first: more questions asked need rarer answers (Bonferroni's correction). For the
//!    error of the prediction it is half a decade where predictions are good, and one and
//!    a half where they are worth nothing;
//! 2. S = (Σ s⁴)^¼: mostly the strongest, and a little more where several agree;
//! 3. **score** = S² / (S² + 2.1²): 0.5 for what eight readings in eight thousand do by
//!    chance, 0.8 for what one in a hundred thousand does.
//!
//! An anomaly is told once: its **news** is its score if S is larger than what was told
//! lately, which fades with a half-life of 150 readings, and 0 otherwise. The constants that
//! one may want otherwise are in [`Joining`].

use super::features::Features;
use super::novelty::Novelty;
use super::pattern::Pattern;
use super::residual::Residual;
use super::season::Season;
use super::stuck::Stuck;
use super::tail::NO_EVIDENCE;
use crate::state::{Reader, StateError, Writer};

/// Readings that the first detector remembers, and the others.
pub const MEMORY: usize = 8192;
/// See [`MEMORY`].
pub const MEMORY_OTHERS: usize = 4096;
/// What evidence of 0 counts as.
const STRENGTH_AT_CHANCE: f64 = 3.0;
/// The strength that scores 0.5.
const STRENGTH_AT_HALF: f64 = 2.1;

/// How the evidence of all detectors is joined. What is not finite or negative counts as 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Joining {
    /// Decades that all detectors but the first are held back by.
    pub correction: f64,
    /// Decades that the error of a prediction is held back by if predictions are worth
    /// nothing, and at least; each decade that they are worth takes the first off once.
    pub correction_error: f64,
    /// See [`Joining::correction_error`].
    pub correction_error_min: f64,
    /// Readings until what was told counts half.
    pub news_half_life: f64,
}

impl Default for Joining {
    fn default() -> Self {
        Joining {
            correction: 1.0,
            correction_error: 1.5,
            correction_error_min: 0.5,
            news_half_life: 150.0,
        }
    }
}

impl Joining {
    fn checked(self) -> Self {
        let checked = |value: f64| if value.is_finite() && value > 0.0 { value } else { 0.0 };
        Joining {
            correction: checked(self.correction),
            correction_error: checked(self.correction_error),
            correction_error_min: checked(self.correction_error_min),
            news_half_life: checked(self.news_half_life),
        }
    }

    fn of_error(&self, worth: f64) -> f64 {
        (self.correction_error * (1.0 - worth))
            .min(self.correction_error)
            .max(self.correction_error_min)
    }
}

/// How many detectors there are.
const CAUSES: usize = 7;

/// What a detector looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A value that was never near to any before.
    Value,
    /// A level that was left, by the mean of sixteen readings.
    Shift,
    /// A wobble that grew or ceased, by the deviation of thirty-two readings.
    Spread,
    /// A time of day that is not like the days before.
    Season,
    /// Readings that never followed each other.
    Pattern,
    /// A value that stays the same for longer than ever.
    Stuck,
    /// A reading that is far from what was predicted.
    Error,
}

impl Cause {
    /// All, in the order of the evidence in [`Verdict::evidence`].
    pub const ALL: [Cause; CAUSES] = [
        Cause::Value,
        Cause::Shift,
        Cause::Spread,
        Cause::Season,
        Cause::Pattern,
        Cause::Stuck,
        Cause::Error,
    ];

    /// The machine-readable name: `value`, `shift`, `spread`, `season`, `pattern`, `stuck`,
    /// `error`.
    pub fn name(self) -> &'static str {
        match self {
            Cause::Value => "value",
            Cause::Shift => "shift",
            Cause::Spread => "spread",
            Cause::Season => "season",
            Cause::Pattern => "pattern",
            Cause::Stuck => "stuck",
            Cause::Error => "error",
        }
    }
}

/// What is thought of one reading.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Verdict {
    /// Surprise in [0, 1]; never NaN.
    pub score: f64,
    /// The score if it is news, else 0.
    pub news: f64,
    /// The detector with the most evidence; `None` if none has any to speak of.
    pub cause: Option<Cause>,
    /// Of each detector, in the order of [`Cause::ALL`].
    pub evidence: [f64; CAUSES],
}

const NOTHING: Verdict =
    Verdict { score: 0.0, news: 0.0, cause: None, evidence: [NO_EVIDENCE; CAUSES] };

/// All detectors of one series.
#[derive(Clone, Debug, PartialEq)]
pub struct Detector {
    joining: Joining,
    value: Novelty,
    features: Features,
    shift: Novelty,
    spread: Novelty,
    season: Option<(Season, Novelty)>,
    pattern: Pattern,
    stuck: Stuck,
    residual: Residual,
    /// The strength that was told, faded.
    told: f64,
}

impl Detector {
    /// Knows nothing yet. `cycle_s` is the length in seconds of a cycle that there may be
    /// (a day); without one, or if it is not positive and finite, times do not matter.
    pub fn new(cycle_s: Option<f64>, joining: Joining) -> Self {
        let cycle_s = cycle_s.filter(|cycle_s| cycle_s.is_finite() && *cycle_s > 0.0);
        Detector {
            joining: joining.checked(),
            value: Novelty::new(MEMORY),
            features: Features::default(),
            shift: Novelty::new(MEMORY_OTHERS),
            spread: Novelty::new(MEMORY_OTHERS),
            season: cycle_s.map(|cycle_s| (Season::new(cycle_s), Novelty::new(MEMORY_OTHERS))),
            pattern: Pattern::new(MEMORY_OTHERS),
            stuck: Stuck::default(),
            residual: Residual::new(MEMORY_OTHERS),
            told: 0.0,
        }
    }

    /// Takes the next reading and the seconds since any epoch at which it was taken (not
    /// finite: unknown). A value that is not finite is a gap: it scores 0 and is not
    /// learned. Times may repeat, leap and go back. `expected` is what was predicted for the
    /// reading, if anything.
    pub fn observe(&mut self, time_s: f64, value: f64, expected: Option<f64>) -> Verdict {
        if !value.is_finite() {
            return NOTHING;
        }
        let common = self.features.observe(value);
        let novel = |novelty: &mut Novelty, feature: Option<f64>| {
            feature.map_or(NO_EVIDENCE, |feature| novelty.observe(feature))
        };
        let evidence = [
            self.value.observe(value),
            novel(&mut self.shift, common.shift),
            novel(&mut self.spread, common.spread),
            self.season.as_mut().map_or(NO_EVIDENCE, |(season, novelty)| {
                let usual = season.observe(time_s, value);
                let evidence = novel(novelty, usual.and_then(|usual| usual.deviation));
                if usual.is_some_and(|usual| usual.settled) { evidence } else { NO_EVIDENCE }
            }),
            self.pattern.observe(value),
            self.stuck.observe(value),
            self.residual.observe(value, expected),
        ];
        self.judge(evidence)
    }

    fn judge(&mut self, evidence: [f64; CAUSES]) -> Verdict {
        let mut strongest = (0.0, None);
        let mut sum = 0.0;
        for (evidence, cause) in evidence.iter().zip(Cause::ALL) {
            let correction = match cause {
                Cause::Value => 0.0,
                Cause::Error => self.joining.of_error(self.residual.worth()),
                _ => self.joining.correction,
            };
            let strength = (evidence + STRENGTH_AT_CHANCE - correction).max(0.0);
            if strength > strongest.0 {
                strongest = (strength, Some(cause));
            }
            sum += libm::pow(strength, 4.0);
        }
        let strength = libm::sqrt(libm::sqrt(sum));
        let squares = strength * strength;
        let score = squares / (squares + STRENGTH_AT_HALF * STRENGTH_AT_HALF);
        // A half-life of nothing makes everything news.
        self.told *= libm::exp2(-1.0 / self.joining.news_half_life);
        let is_news = strength > self.told;
        if is_news {
            self.told = strength;
        }
        let news = if is_news { score } else { 0.0 };
        Verdict { score, news, cause: strongest.1, evidence }
    }

    /// What is usual at a time, by the cycles before it.
    pub fn usual(&self, time_s: f64) -> Option<f64> {
        self.season.as_ref().and_then(|(season, _)| season.expect(time_s))
    }

    /// For how many readings the value has been exactly the same.
    pub fn run(&self) -> u64 {
        self.stuck.run()
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        let season = self.season.as_ref();
        self.value.heap_bytes()
            + self.features.heap_bytes()
            + self.shift.heap_bytes()
            + self.spread.heap_bytes()
            + season.map_or(0, |(season, novelty)| season.heap_bytes() + novelty.heap_bytes())
            + self.pattern.heap_bytes()
            + self.stuck.heap_bytes()
            + self.residual.heap_bytes()
    }

    pub(crate) fn write(&self, out: &mut Writer) {
        self.value.write(out);
        self.features.write(out);
        self.shift.write(out);
        self.spread.write(out);
        if let Some((season, novelty)) = &self.season {
            season.write(out);
            novelty.write(out);
        }
        self.pattern.write(out);
        self.stuck.write(out);
        self.residual.write(out);
        out.f64(self.told);
    }

    pub(crate) fn read(
        input: &mut Reader,
        cycle_s: Option<f64>,
        joining: Joining,
    ) -> Result<Self, StateError> {
        let mut detector = Detector::new(cycle_s, joining);
        detector.value = Novelty::read(input, MEMORY)?;
        detector.features = Features::read(input)?;
        detector.shift = Novelty::read(input, MEMORY_OTHERS)?;
        detector.spread = Novelty::read(input, MEMORY_OTHERS)?;
        if let (Some(_), Some(cycle_s)) = (&detector.season, cycle_s) {
            let season = Season::read(input, cycle_s)?;
            detector.season = Some((season, Novelty::read(input, MEMORY_OTHERS)?));
        }
        detector.pattern = Pattern::read(input, MEMORY_OTHERS)?;
        detector.stuck = Stuck::read(input)?;
        detector.residual = Residual::read(input, MEMORY_OTHERS)?;
        detector.told = input.f64_within(0.0, 100.0)?;
        Ok(detector)
    }
}
