use super::*;
use crate::watch::options::Watched;
use proptest::prelude::*;
use sedge_kit::online::monitor::{Monitor, MonitorOptions};

const STEP_S: f64 = 60.0;

/// A generator that is the same everywhere: standard normal, by Box & Muller.
struct Noise {
    state: u64,
}

impl Noise {
    fn uniform(&mut self) -> f64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        ((z >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.uniform().ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

fn options(settings: &str) -> Options {
    Watched::parse(&format!("# {settings}")).unwrap().options("x").unwrap()
}

/// What becomes of the level, with the places of the readings.
fn changes(settings: &str, values: impl IntoIterator<Item = f64>) -> Vec<(usize, LevelChange)> {
    let options = options(settings);
    let mut monitor =
        Monitor::new(MonitorOptions { cycle_s: options.cycle_s, ..Default::default() });
    let mut decision = Decision::default();
    let mut found = Vec::new();
    for (index, value) in values.into_iter().enumerate() {
        let seen = monitor.observe(index as f64 * STEP_S, value);
        let time_ms = index as u64 * 60_000;
        let count = index as u64 + 1;
        if let Some(change) = decision.take(&options, count, time_ms, value, &seen) {
            found.push((index, change));
        }
        let mut out = Writer::default();
        decision.write(&mut out);
        let bytes = out.finish();
        assert_eq!(Decision::read(&mut Reader::new(&bytes), true), Some(decision.clone()));
    }
    found
}

/// Levels and causes only.
fn short(found: &[(usize, LevelChange)]) -> Vec<(usize, &'static str, &'static str)> {
    found.iter().map(|(index, change)| (*index, change.level.name(), change.why)).collect()
}

#[test]
fn damaged_decisions_are_none() {
    let mut out = Writer::default();
    Decision::default().write(&mut out);
    let good = out.finish();
    for length in 0..good.len() {
        assert_eq!(Decision::read(&mut Reader::new(&good[..length]), true), None);
    }
    for index in 0..21 {
        let mut bad = good.clone();
        bad[index] = 99;
        let _ = Decision::read(&mut Reader::new(&bad), true);
    }
}

#[test]
fn missing_values_are_a_fault_and_clear_nothing() {
    let gap = f64::NAN;
    let values = [20.0, gap, gap, 20.0, gap, gap, gap, gap, 20.0, 20.0, 20.0];
    let found = changes("clear_after=3", values);
    assert_eq!(short(&found), [(6, "warning", "gap"), (10, "normal", "clear")]);
    assert!(changes("gaps=off", values).is_empty());
    // Critical goes on through a gap.
    let hot = [99.0, gap, gap, gap, gap, 20.0, 20.0];
    let found = changes("critical_high=90 clear_after=2", hot);
    assert_eq!(short(&found), [(0, "critical", "high"), (6, "normal", "clear")]);
}

/// A spike among the first readings is not taken for their usual wobble: what it has raised is
/// cleared by calm readings at once.
#[test]
fn an_early_spike_is_cleared_as_a_late_one() {
    for at in [0, 1, 2, 3, 4, 5, 8, 20, 50] {
        let mut noise = Noise { state: 7 };
        let values =
            (0..400).map(|step| if step == at { 95.0 } else { 21.0 + 0.3 * noise.normal() });
        let found = changes("critical_high=80 warning_high=70 warning_score=off", values);
        let cleared = (at + 5, "normal", "clear");
        assert_eq!(short(&found), [(at, "critical", "high"), cleared], "at {at}");
    }
}

#[test]
fn silence_is_a_warning_at_least_and_readings_clear_it() {
    let options = options("critical_high=90 clear_after=2");
    let mut monitor = Monitor::new(MonitorOptions::default());
    let mut take = |decision: &mut Decision, step: u64, value: f64| {
        let seen = monitor.observe(step as f64 * STEP_S, value);
        decision.take(&options, step, step * 60_000, value, &seen)
    };
    let mut decision = Decision::default();
    assert_eq!(take(&mut decision, 1, 20.0), None);
    let change = decision.fall_silent(5);
    let (normal, warning) = (AlertLevel::Normal, AlertLevel::Warning);
    assert_eq!(change, LevelChange { before: normal, level: warning, why: "silent", since_ms: 5 });
    assert_eq!((decision.level(), decision.why()), (warning, "silent"));
    assert_eq!(decision.speak_again(5).level, warning);
    assert_eq!(take(&mut decision, 2, 20.5), None);
    let change = take(&mut decision, 3, 20.0).expect("cleared");
    assert_eq!((change.level, change.why), (normal, "clear"));
    // What was critical stays so, for what it was.
    assert_eq!(take(&mut decision, 4, 99.0).map(|change| change.why), Some("high"));
    let change = decision.fall_silent(6);
    assert_eq!(
        (change.before, change.level, change.why),
        (AlertLevel::Critical, AlertLevel::Critical, "silent")
    );
    assert_eq!((decision.level(), decision.why()), (AlertLevel::Critical, "high"));
}

#[test]
fn a_frozen_sensor_is_a_warning_until_it_moves() {
    let mut noise = Noise { state: 1 };
    let values: Vec<f64> = (0..2200)
        .map(|step| {
            let value = (20.0 + noise.normal()).mul_add(10.0, 0.5).floor() / 10.0;
            if (1000..2000).contains(&step) { 20.5 } else { value }
        })
        .collect();
    for settings in ["warning_score=off", "warning_score=off stuck=30"] {
        let found = changes(settings, values.iter().copied());
        assert_eq!(found.len(), 2, "{settings}: {found:?}");
        assert!((1000..1100).contains(&found[0].0) && found[0].1.why == "stuck", "{found:?}");
        assert!((2000..2010).contains(&found[1].0), "{found:?}");
    }
    assert!(changes("warning_score=off stuck=off", values).is_empty());
}

#[test]
fn a_step_is_raised_once_and_cleared_once() {
    for seed in 0..40 {
        for settings in [
            "critical_high=80",
            "critical_high=80 warning_high=78",
            "warning_high=80",
            "critical_high=80 critical_at_once=off warning_score=off",
            "critical_high=80 band=5",
        ] {
            let mut noise = Noise { state: seed };
            let values = (0..1500).map(|step| {
                let level = if (800..1000).contains(&step) { 90.0 } else { 50.0 };
                level + noise.normal()
            });
            let found = changes(&format!("learn=1500 {settings}"), values);
            let [(raised, up), (cleared, down)] = found[..] else {
                panic!("{seed} {settings}: {found:?}")
            };
            assert!((800..804).contains(&raised) && up.why == "high", "{settings}: {found:?}");
            assert_eq!(up.since_ms, 800 * 60_000, "{settings}");
            assert!((1004..1010).contains(&cleared), "{settings}: {found:?}");
            assert_eq!((down.level.name(), down.since_ms), ("normal", 1000 * 60_000), "{settings}");
        }
    }
}

/// With surprises, too: they are raised with the step, and pass before it is cleared.
#[test]
fn a_step_that_surprises_is_one_alert() {
    let mut twice = 0;
    for seed in 0..40 {
        let mut noise = Noise { state: 1000 + seed };
        let values = (0..1300).map(|step| {
            let level = if (800..1000).contains(&step) { 90.0 } else { 50.0 };
            level + noise.normal()
        });
        let found = changes("critical_high=80", values);
        let near: Vec<_> = found.iter().filter(|(index, _)| (800..1010).contains(index)).collect();
        assert!(near[0].0 == 800 && near[0].1.level == AlertLevel::Critical, "{found:?}");
        assert!(near[1].1.level == AlertLevel::Normal, "{found:?}");
        twice += usize::from(near.len() > 2);
    }
    assert!(twice <= 4, "{twice} of 40 were told of something else besides");
}

#[test]
fn drift_change_and_forecast_warn_if_they_are_to() {
    let mut noise = Noise { state: 5 };
    let creep: Vec<f64> =
        (0..4000).map(|step| 20.0 + f64::from(step) * 2e-3 + noise.normal()).collect();
    let settings = "cycle=none warning_score=off stuck=off";
    assert!(changes(settings, creep.iter().copied()).is_empty());
    let found = changes(&format!("{settings} drift=on"), creep.iter().copied());
    assert_eq!(found.first().map(|(_, change)| change.why), Some("drift"));
    let jump = (0..400).map(|step| noise.normal() + if step < 200 { 0.0 } else { 9.0 });
    let found = changes(&format!("{settings} change=on"), jump);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!((200..215).contains(&found[0].0) && found[0].1.why == "change");
    // A line that rises by one a reading, and does not cross 100 itself.
    let line = (0..100).map(f64::from);
    let found = changes(&format!("{settings} critical_high=100 forecast=on"), line);
    assert_eq!(short(&found), [(99, "warning", "forecast")]);
}

proptest! {
    /// Whatever the noise and wherever its mean: around a threshold there is one alert.
    #[test]
    fn noise_around_a_threshold_is_told_once(
        seed: u64, deviation in 0.001f64..1000.0, off in -0.5f64..0.5,
        raise_after in 1u32..4, clear_after in 5u32..20, critical: bool,
    ) {
        let mut noise = Noise { state: seed };
        let name = if critical { "critical_high" } else { "warning_high" };
        let settings = format!(
            "{name}=100 warning_score=off raise_after={raise_after} clear_after={clear_after}"
        );
        let values = (0..600).map(|_| 100.0 + deviation * (off + noise.normal()));
        let found = changes(&settings, values);
        // Below a critical threshold that is set, a warning begins at the same one.
        prop_assert!(found.len() <= 1, "{found:?}");
    }

    #[test]
    fn any_readings_are_survived(
        values in prop::collection::vec(prop_oneof![
            -1e3f64..1e3, Just(f64::NAN), Just(f64::MAX), Just(f64::MIN), Just(0.0), Just(f64::INFINITY)
        ], 0..300),
    ) {
        let settings = "unit=C drift=on change=on forecast=on learn=0 stuck=4";
        let found = changes(settings, values);
        for pair in found.windows(2) {
            prop_assert_eq!(pair[0].1.level, pair[1].1.before);
        }
    }
}
