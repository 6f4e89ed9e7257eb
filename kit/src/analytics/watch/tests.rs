use super::super::traffic::Traffic;
use super::*;
use alloc::vec;

const DAY: i64 = 1440;
/// One false alarm in a hundred days, as by default.
const THRESHOLD: f64 = 144_000.0;

/// Lets minutes pass; when what was raised or cleared.
fn run(
    watch: &mut Watch,
    traffic: &mut Traffic,
    minutes: core::ops::Range<i64>,
    threshold: f64,
) -> Vec<(i64, Cause, AlertLevel)> {
    let mut told = Vec::new();
    for minute in minutes {
        traffic.minute(minute).for_each(|request| watch.add(&request));
        watch.end_minute(minute / 60, true, threshold, &mut |cause, level, _| {
            told.push((minute, cause, level));
        });
    }
    told
}

fn raised(told: &[(i64, Cause, AlertLevel)]) -> usize {
    told.iter().filter(|(_, _, level)| *level == AlertLevel::Warning).count()
}

/// 120 days of healthy traffic of four sizes. Stated: 0.01 a day and cause, 4.8 in all of them.
/// Even if each cause were allowed one a day, there would be few, since traffic is seldom as odd
/// as it is allowed to be.
#[test]
fn healthy_traffic_raises_no_more_than_stated() {
    let (mut alarms, mut eager) = (0, 0);
    for seed in 0..12 {
        let mean = [0.2, 2.0, 10.0, 40.0][seed as usize % 4];
        for (threshold, count) in [(THRESHOLD, &mut alarms), (1440.0, &mut eager)] {
            let mut traffic = Traffic::new(seed, mean);
            *count += raised(&run(&mut Watch::default(), &mut traffic, 0..10 * DAY, threshold));
        }
    }
    assert!(alarms <= 5, "{alarms} in 120 days, at most 4.8 expected");
    assert!(eager <= 120 * 4, "{eager} in 120 days, at most 480 expected");
}

/// Errors that are exactly as frequent as they may be: the worst that is still well. Two hundred
/// minutes between alarms are stated.
#[test]
fn alarms_at_the_limit_are_as_rare_as_stated() {
    let mut noise = crate::online::noise::Noise::new(5);
    for together in [1_u64, 20] {
        let (mut alarms, minutes) = (0, 200_000);
        let mut evidence = Evidence::default();
        for _ in 0..minutes {
            // Each alone, or all twenty of a minute at once.
            let hits = (0..20 / together).filter(|_| noise.uniform() < 0.1).count() as u64;
            evidence.add(evidence::share(hits * together, 20, 0.1));
            if evidence.sum() >= 200.0 {
                evidence = Evidence::default();
                alarms += 1;
            }
        }
        let between = f64::from(minutes) / f64::from(alarms.max(1));
        assert!(between >= 190.0, "{together}: {between} minutes between alarms");
        assert!(alarms > 0, "{together}: a bound that is never met says nothing");
    }
}

/// How many minutes after its beginning each fault is found.
#[test]
fn faults_are_found_in_time() {
    let begin = 3 * DAY + 600;
    let fault = |cause, latest: i64, change: &dyn Fn(&mut Traffic)| {
        for seed in 20..25 {
            let mut traffic = Traffic::new(seed, 40.0);
            let mut watch = Watch::default();
            assert_eq!(raised(&run(&mut watch, &mut traffic, 0..begin, THRESHOLD)), 0, "{seed}");
            change(&mut traffic);
            let told = run(&mut watch, &mut traffic, begin..begin + 60, THRESHOLD);
            let found =
                told.iter().find(|(_, one, _)| *one == cause).map(|(at, _, _)| at - begin + 1);
            assert!(found.is_some_and(|found| found <= latest), "{cause:?} {seed}: {found:?}");
        }
    };
    fault(Cause::Errors, 6, &|traffic| traffic.errors = 0.5);
    fault(Cause::Errors, 40, &|traffic| traffic.errors = 0.06);
    fault(Cause::Latency, 12, &|traffic| traffic.latency_ms *= 5.0);
    fault(Cause::Latency, 20, &|traffic| traffic.latency_ms *= 3.0);
    fault(Cause::Rise, 15, &|traffic| traffic.mean *= 6.0);
    fault(Cause::Fall, 6, &|traffic| traffic.mean = 0.0);
    fault(Cause::Fall, 30, &|traffic| traffic.mean *= 0.15);
}

#[test]
fn an_alert_is_cleared_when_it_is_over() {
    let mut traffic = Traffic::new(9, 30.0);
    let mut watch = Watch::default();
    run(&mut watch, &mut traffic, 0..2 * DAY, THRESHOLD);
    traffic.errors = 0.8;
    run(&mut watch, &mut traffic, 2 * DAY..2 * DAY + 30, THRESHOLD);
    assert_eq!(watch.level(Cause::Errors), AlertLevel::Critical);
    traffic.errors = 0.0;
    let told = run(&mut watch, &mut traffic, 2 * DAY + 30..2 * DAY + 60, THRESHOLD);
    assert_eq!(told, vec![(2 * DAY + 34, Cause::Errors, AlertLevel::Normal)]);
}

#[test]
fn what_lasts_becomes_usual() {
    let mut traffic = Traffic::new(3, 30.0);
    let mut watch = Watch::default();
    run(&mut watch, &mut traffic, 0..2 * DAY, THRESHOLD);
    (traffic.latency_ms, traffic.errors) = (200.0, 0.1);
    run(&mut watch, &mut traffic, 2 * DAY..3 * DAY, THRESHOLD);
    for cause in [Cause::Errors, Cause::Latency] {
        assert_eq!(watch.level(cause), AlertLevel::Normal, "{cause:?}");
    }
}

#[test]
fn a_watch_that_was_read_goes_on() {
    let mut traffic = Traffic::new(4, 20.0);
    let mut watch = Watch::default();
    run(&mut watch, &mut traffic, 0..DAY + 700, THRESHOLD);
    watch.pause();
    let mut out = Writer::default();
    watch.write(&mut out);
    let bytes = out.finish();
    let mut input = Reader::new(&bytes);
    assert_eq!(Watch::read(&mut input), Ok(watch));
    assert_eq!(input.finish(), Ok(()));
}

#[test]
fn clocks_that_leap_leave_no_hours_of_the_future() {
    let mut watch = Watch::default();
    for hour in [5, i64::MAX, 6, i64::MIN, 7, 8, 7, 0] {
        for _ in 0..60 {
            watch.end_minute(hour, true, THRESHOLD, &mut |_, _, _| {});
        }
        assert!(watch.past.iter().all(|past| past.number < hour), "{hour}");
        assert!(watch.past.len() <= HOURS);
    }
}
