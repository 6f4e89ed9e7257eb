use super::*;
use crate::online::detector::Cause;
use crate::online::noise::Noise;
use proptest::prelude::*;

const MINUTE_S: f64 = 60.0;
const STEP_S: f64 = 5.0 * MINUTE_S;
const DAY: i32 = 288;

/// Open thresholds: only scores count.
fn options() -> MonitorOptions {
    let mut policy = Policy::default();
    policy.thresholds.critical_high = f64::INFINITY;
    policy.thresholds.warning_high = f64::INFINITY;
    policy.thresholds.critical_low = f64::NEG_INFINITY;
    policy.thresholds.warning_low = f64::NEG_INFINITY;
    MonitorOptions { policy, ..MonitorOptions::default() }
}

/// A daily cycle of 20 with noise of 1, `days` long, five minutes apart.
fn daily(seed: u64, days: i32) -> Vec<f64> {
    let mut noise = Noise::new(seed);
    let wave =
        |step: i32| 10.0 * libm::sin(f64::from(step) * core::f64::consts::TAU / f64::from(DAY));
    (0..days * DAY).map(|step| 50.0 + wave(step) + noise.normal()).collect()
}

/// Indices of what is news, and why.
fn news(monitor: &mut Monitor, values: &[f64]) -> Vec<(usize, Cause)> {
    let observed = values.iter().enumerate().map(|(index, value)| {
        let verdict = monitor.observe(index as f64 * STEP_S, *value).verdict;
        (verdict.news > 0.5).then(|| (index, verdict.cause.expect("a cause")))
    });
    observed.collect::<Vec<_>>().into_iter().flatten().collect()
}

#[test]
fn gaps_and_odd_times_are_survived() {
    let mut monitor = Monitor::new(MonitorOptions::default());
    let odd = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
    for time_s in odd {
        for value in odd {
            let seen = monitor.observe(time_s, value);
            assert_eq!(
                (seen.verdict.score, seen.next, seen.level),
                (0.0, None, AlertLevel::Normal)
            );
        }
    }
    assert_eq!((monitor.counts(), monitor.step_s()), ((0, 9), None));
    for time_s in [0.0, -1e300, 1e300, f64::NAN, f64::MAX, f64::MIN, 5.0, 5.0] {
        for value in [0.0, f64::MAX, f64::MIN, 5e-324, -0.0, 1e-300] {
            let seen = monitor.observe(time_s, value);
            assert!((0.0..=1.0).contains(&seen.verdict.score));
            assert!(seen.next.unwrap().iter().all(|one| one.value.is_finite()));
        }
    }
}

#[test]
fn a_constant_is_never_surprising() {
    let mut monitor = Monitor::new(MonitorOptions::default());
    for step in 0..20_000 {
        let seen = monitor.observe(f64::from(step) * STEP_S, 21.5);
        assert!(seen.verdict.score < 0.5 && seen.level == AlertLevel::Normal, "{step}");
        assert_eq!((seen.changed, seen.drifting), (None, None));
    }
}

#[test]
fn a_million_readings_take_no_more_room_than_a_tenth_of_them() {
    let mut monitor = Monitor::new(options());
    let mut noise = Noise::new(5);
    let (mut sizes, mut memory) = (Vec::new(), Vec::new());
    for step in 0..1_000_000 {
        monitor.observe(f64::from(step) * 10.0, noise.normal());
        if step == 100_000 || step == 999_999 {
            sizes.push(monitor.to_bytes().len());
            memory.push(monitor.memory_bytes());
        }
    }
    assert!(sizes.iter().all(|size| *size < 500_000), "{sizes:?}");
    assert!(sizes[1].abs_diff(sizes[0]) < 20_000, "{sizes:?}");
    assert!(memory[1].abs_diff(memory[0]) < 4096 && memory[1] < 700_000, "{memory:?}");
}

/// What the scores promise: half is what chance does once or twice in a thousand readings,
/// four fifths what it hardly ever does.
#[test]
fn healthy_series_are_told_about_as_rarely_as_promised() {
    let (mut odd, mut certain) = (0, 0);
    for seed in 0..4 {
        let mut monitor = Monitor::new(options());
        for (index, value) in daily(seed, 21).iter().enumerate() {
            let verdict = monitor.observe(index as f64 * STEP_S, *value).verdict;
            odd += usize::from(verdict.news > 0.5);
            certain += usize::from(verdict.score > 0.8);
        }
    }
    assert!(odd <= 60 && certain <= 3, "{odd} and {certain} in 24,192 readings");
}

#[test]
fn what_breaks_is_found_and_named() {
    let at = 14 * DAY as usize + 70;
    let spoil = |kind: &str, values: &mut [f64]| {
        for (ahead, value) in values[at..].iter_mut().enumerate() {
            match kind {
                "spike" if ahead == 0 => *value += 30.0,
                "small spike at night" if ahead == 144 => *value += 11.0,
                "jump" => *value += 25.0,
                "stuck" if ahead < 200 => *value = 55.0,
                "wild" if ahead < 100 => *value += if ahead % 2 == 0 { 9.0 } else { -9.0 },
                "quiet" if ahead < 200 => *value = 55.0 + (*value - 55.0) / 1e3,
                "cycle lost" if ahead < 200 => *value = 100.0 - *value,
                _ => {}
            }
        }
    };
    for (kind, soon, causes) in [
        ("spike", 1, &[Cause::Value, Cause::Pattern, Cause::Error][..]),
        ("small spike at night", 145, &[Cause::Error, Cause::Pattern]),
        ("jump", 2, &[Cause::Value, Cause::Pattern, Cause::Error]),
        ("stuck", 40, &[Cause::Stuck, Cause::Spread, Cause::Season]),
        ("wild", 40, &[Cause::Value, Cause::Pattern, Cause::Spread, Cause::Error]),
        ("quiet", 60, &[Cause::Spread]),
        ("cycle lost", 60, &[Cause::Value, Cause::Pattern, Cause::Season, Cause::Error]),
    ] {
        let mut values = daily(11, 16);
        spoil(kind, &mut values);
        let found = news(&mut Monitor::new(options()), &values);
        let soon = |(index, cause): &(usize, Cause)| {
            (at..at + soon).contains(index) && causes.contains(cause)
        };
        assert!(found.iter().any(soon), "{kind}: {found:?}");
    }
}

/// Hourly readings with a daily and a weekly cycle, a trend and noise, and eight spikes of 6
/// to 14 deviations of the noise, nearly all of them well within the range of the series.
#[test]
fn spikes_within_the_range_are_found_in_most_cases() {
    let (mut hits, mut spikes_all, mut alarms) = (0, 0, 0);
    for seed in 0..30 {
        let mut noise = Noise::new(seed);
        let (day, week) = (5.0 + 10.0 * noise.uniform(), 5.0 * noise.uniform());
        let (trend, deviation) = ((noise.uniform() - 0.5) * 0.02, 0.3 + noise.uniform());
        let turn = |hours: f64| hours * core::f64::consts::TAU;
        let mut values: Vec<f64> = (0..1680)
            .map(|hour| {
                let hour = f64::from(hour);
                let cycles =
                    day * libm::sin(turn(hour / 24.0)) + week * libm::sin(turn(hour / 168.0));
                cycles + trend * hour + deviation * noise.normal()
            })
            .collect();
        let mut spikes: Vec<usize> =
            (0..8).map(|_| 300 + (noise.uniform() * 1380.0) as usize).collect();
        spikes.sort_unstable();
        spikes.dedup();
        for &spike in &spikes {
            let size = (6.0 + 8.0 * noise.uniform()) * deviation;
            values[spike] += if noise.uniform() < 0.5 { size } else { -size };
        }
        let mut monitor = Monitor::new(options());
        for (index, value) in values.iter().enumerate() {
            let odd = monitor.observe(index as f64 * 3600.0, *value).verdict.score > 0.5;
            let spike = spikes.contains(&index);
            hits += usize::from(odd && spike);
            alarms += usize::from(odd && !spike && index >= 250);
        }
        spikes_all += spikes.len();
    }
    assert!(hits * 100 >= spikes_all * 75, "{hits} of {spikes_all}");
    assert!(alarms <= 60, "{alarms} in 42,900 readings");
}

#[test]
fn a_jump_is_a_change_and_a_creep_a_drift() {
    let mut monitor = Monitor::new(MonitorOptions { cycle_s: None, ..options() });
    let mut noise = Noise::new(6);
    let mut changes = Vec::new();
    for step in 0..3000 {
        let level = if step < 1500 { 0.0 } else { 6.0 };
        changes.extend(monitor.observe(f64::NAN, level + noise.normal()).changed);
    }
    assert_eq!(changes.len(), 1, "{changes:?}");
    let mut monitor = Monitor::new(options());
    let creep = |index: usize| index as f64 / 2_000.0;
    let values = daily(8, 30);
    let seen = values.iter().enumerate().map(|(index, value)| {
        monitor.observe(index as f64 * STEP_S, value + creep(index)).drifting
    });
    let drifting = seen.last().flatten().expect("a drift");
    assert!((drifting.to - drifting.from - 3.31).abs() < 0.5, "{drifting:?}");
}

#[test]
fn a_state_that_was_read_goes_on_as_if_nothing_had_been() {
    let values = daily(3, 20);
    let mut whole = Monitor::new(options());
    let mut parts = Monitor::new(options());
    for (index, value) in values.iter().enumerate() {
        let time_s = index as f64 * STEP_S;
        if index % 997 == 0 {
            parts = Monitor::from_bytes(&parts.to_bytes(), options()).expect("good state");
        }
        let (one, other) = (whole.observe(time_s, *value), parts.observe(time_s, *value));
        assert!((one.verdict.score - other.verdict.score).abs() < 1e-9, "{index}");
        assert_eq!((one.next, one.level, one.changed), (other.next, other.level, other.changed));
        assert_eq!(one.drifting, other.drifting);
    }
}

#[test]
fn what_is_no_state_is_an_error() {
    let mut monitor = Monitor::new(options());
    for (index, value) in daily(3, 4).iter().enumerate() {
        monitor.observe(index as f64 * STEP_S, *value);
    }
    let good = monitor.to_bytes();
    let read = |bytes: &[u8]| Monitor::from_bytes(bytes, options()).map(drop);
    assert_eq!(read(&good), Ok(()));
    assert_eq!(read(&[]), Err(StateError::Short));
    assert_eq!(read(b"json"), Err(StateError::Version));
    assert_eq!(read(&[&MAGIC[..], &[9, 0, 0, 0]].concat()), Err(StateError::Version));
    assert_eq!(read(&[&good[..], &[0]].concat()), Err(StateError::Long));
    let other = MonitorOptions { cycle_s: Some(3600.0), ..options() };
    assert_eq!(Monitor::from_bytes(&good, other).map(drop), Err(StateError::Version));
    for length in (0..good.len()).step_by(911) {
        assert_eq!(read(&good[..length]), Err(StateError::Short), "{length}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Damaged state is an error, or a state that can be used.
    #[test]
    fn damaged_state_is_survived(
        wounds in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..20),
    ) {
        let mut monitor = Monitor::new(options());
        for (index, value) in daily(1, 3).iter().enumerate() {
            monitor.observe(index as f64 * STEP_S, *value);
        }
        let mut bytes = monitor.to_bytes();
        for (place, byte) in wounds {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Ok(mut read) = Monitor::from_bytes(&bytes, options()) {
            for step in 0..200 {
                let seen = read.observe(f64::from(step) * 1e4, f64::from(step % 9));
                prop_assert!((0.0..=1.0).contains(&seen.verdict.score));
                prop_assert!(seen.next.unwrap().iter().all(|one| one.value.is_finite()));
            }
        }
    }
}
