//! How often healthy traffic raises an alert, and how soon faults do. The figures are printed:
//!
//! ```text
//! cargo test --release -p sedge-kit --test analytics_alerts -- --nocapture
//! ```

use sedge_kit::alert::AlertLevel;
use sedge_kit::analytics::users::Users;
use sedge_kit::analytics::watch::{CAUSES, Cause, Watch};

use traffic::Traffic;

// The traffic of the unit tests, which is no part of what the crate offers.
#[path = "../src/online/noise.rs"]
mod noise;
#[path = "../src/analytics/traffic.rs"]
mod traffic;
mod online {
    pub(crate) use crate::noise;
}
mod window {
    pub(crate) use sedge_kit::analytics::window::Observed;
}

const DAY: i64 = 1440;
const SIZES: [f64; 5] = [0.05, 0.5, 3.0, 12.0, 40.0];

/// Lets minutes pass, and counts what is raised, of each cause.
fn raised(watch: &mut Watch, traffic: &mut Traffic, minutes: i64, threshold: f64) -> [u32; 4] {
    let mut raised = [0; CAUSES.len()];
    for minute in 0..minutes {
        traffic.minute(minute).for_each(|request| watch.add(&request));
        watch.end_minute(minute / 60, true, threshold, &mut |cause, level, _| {
            raised[cause as usize] += u32::from(level == AlertLevel::Warning);
        });
    }
    raised
}

/// Stated: at most so many a day, of each cause.
#[test]
fn healthy_traffic_raises_no_more_than_stated() {
    const SERIES: i64 = 30;
    const DAYS: i64 = 10;
    for per_day in [0.01, 1.0] {
        let mut sum = [0; CAUSES.len()];
        for series in 0..SERIES {
            let mut traffic =
                Traffic::new(1000 + series as u64, SIZES[series as usize % SIZES.len()]);
            traffic.errors = [0.0, 0.001, 0.01, 0.05][series as usize % 4];
            traffic.spread = [0.5, 0.8, 1.2][series as usize % 3];
            let found = raised(&mut Watch::default(), &mut traffic, DAYS * DAY, 1440.0 / per_day);
            sum.iter_mut().zip(found).for_each(|(sum, found)| *sum += found);
        }
        let stated = per_day * (SERIES * DAYS) as f64;
        println!(
            "{} days at {per_day} a day: {sum:?} of {CAUSES:?}; stated: {stated}",
            SERIES * DAYS
        );
        for (cause, sum) in CAUSES.iter().zip(sum) {
            // Two deviations of a Poisson count beyond what is stated.
            assert!(f64::from(sum) <= stated + 2.0 * stated.sqrt(), "{cause:?}: {sum}");
        }
    }
}

/// Minutes from the beginning of a fault to its alert, at the default rate.
#[test]
fn faults_are_found_in_time() {
    type Change = fn(&mut Traffic);
    // With few requests, how many there are says too little before the new number is usual.
    let faults: [(&str, Cause, [Option<i64>; 2], Change); 8] = [
        ("half fail", Cause::Errors, [Some(10), Some(8)], |traffic| traffic.errors = 0.5),
        ("a tenth fails", Cause::Errors, [Some(30), Some(15)], |traffic| traffic.errors = 0.1),
        ("3 % fail", Cause::Errors, [Some(200), Some(90)], |traffic| traffic.errors = 0.03),
        ("latency x 3", Cause::Latency, [Some(40), Some(30)], |traffic| traffic.latency_ms *= 3.0),
        ("latency x 10", Cause::Latency, [Some(12), Some(12)], |traffic| {
            traffic.latency_ms *= 10.0
        }),
        ("traffic x 6", Cause::Rise, [None, Some(15)], |traffic| traffic.mean *= 6.0),
        ("no traffic", Cause::Fall, [Some(25), Some(8)], |traffic| traffic.mean = 0.0),
        ("traffic x 0.15", Cause::Fall, [None, Some(40)], |traffic| traffic.mean *= 0.15),
    ];
    let mut late = Vec::new();
    for (size, mean) in [10.0, 40.0].into_iter().enumerate() {
        for (name, cause, latest, change) in faults {
            let mut delays: Vec<i64> =
                (0..9).map(|seed| delay(seed, mean, cause, change)).collect();
            delays.sort_unstable();
            println!("{name}, {mean} a minute: median {} min, at most {}", delays[4], delays[8]);
            if latest[size].is_some_and(|latest| delays[4] > latest || delays[8] > 3 * latest) {
                late.push((name, mean, delays));
            }
        }
    }
    assert!(late.is_empty(), "{late:?}");
}

fn delay(seed: u64, mean: f64, cause: Cause, change: fn(&mut Traffic)) -> i64 {
    let mut traffic = Traffic::new(500 + seed, mean);
    let mut watch = Watch::default();
    let begin = 2 * DAY + 300 + 97 * seed as i64;
    for minute in 0..begin + 600 {
        if minute == begin {
            change(&mut traffic);
        }
        traffic.minute(minute).for_each(|request| watch.add(&request));
        watch.end_minute(minute / 60, true, 144_000.0, &mut |_, _, _| {});
        if minute >= begin && watch.level(cause) > AlertLevel::Normal {
            return minute - begin + 1;
        }
    }
    i64::MAX
}

/// Users whose habits differ by a heavy tail. Stated: 0.1 alarms a day, of all of them.
#[test]
fn users_who_differ_raise_no_more_than_stated() {
    const USERS: u64 = 500;
    const DAYS: i64 = 4;
    let mut random = Traffic::new(77, 1.0);
    let habits: Vec<f64> = (0..USERS).map(|_| 3.0 * (1.2 * random.noise.normal()).exp()).collect();
    for per_day in [0.1, 100.0] {
        let (mut users, mut raised) = (Users::default(), 0);
        let threshold = 1440.0 * USERS as f64 * 2.0 / per_day;
        for minute in 0..DAYS * DAY {
            for user in 0..USERS {
                if random.noise.uniform() < 0.1 {
                    let count = 1 + random.negative_binomial(habits[user as usize], 2.0);
                    (0..count).for_each(|at| users.add(user, at % 9 == 8));
                }
            }
            users.end_minute(minute, threshold, &mut |_, _, level, _| {
                raised += u32::from(level == AlertLevel::Warning);
            });
        }
        let stated = per_day * DAYS as f64;
        println!("{USERS} users, {DAYS} days at {per_day} a day: {raised}; stated: {stated}");
        assert!(f64::from(raised) <= stated + 2.0 * stated.sqrt(), "{raised}");
    }
}
