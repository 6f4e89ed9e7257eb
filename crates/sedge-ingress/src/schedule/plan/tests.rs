//! Clocks that jump, calls that fail or last: what is called nevertheless, and what never is.

use super::*;
use proptest::prelude::*;
use sedge_model::cron::{Cron, Zone};
use sedge_model::trigger::Missed;

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
/// 2026-11-28T00:00:00Z.
const START: u64 = 1_795_824_000_000;

fn schedule(cron: &str, missed: Missed) -> Schedule {
    Schedule {
        name: "s".to_owned(),
        cron: Cron::parse(cron).expect("an expression"),
        time_zone: Zone::utc(),
        missed,
        jitter_s: 0,
        retries_max: 0,
        backoff_ms: 1_000,
    }
}

fn plan(schedule: Schedule) -> Plan {
    Plan::new([Entry { key: "app/f/s".to_owned(), schedule, settled_ms: START }])
}

/// The call that is to be made now: when it was due, and how many were missed.
fn call(plan: &mut Plan, now_ms: u64) -> Option<(u64, u64)> {
    let found = plan.poll(now_ms);
    assert!(found.calls.len() <= 1);
    found.calls.first().map(|call| (call.tick.due_ms, call.tick.missed))
}

/// The same, which ends well at once.
fn called(plan: &mut Plan, now_ms: u64) -> Option<(u64, u64)> {
    let made = call(plan, now_ms);
    if made.is_some() {
        assert_eq!(plan.ended(0, true, now_ms), Ended::Settled);
    }
    made
}

#[test]
fn nothing_is_called_before_it_is_due_and_each_time_once() {
    let mut plan = plan(schedule("*/10 * * * *", Missed::Once));
    assert_eq!(plan.look_again_ms(), Some(START + 10 * MINUTE));
    assert_eq!(call(&mut plan, START), None);
    assert_eq!(call(&mut plan, START + 10 * MINUTE - 1), None);
    assert_eq!(called(&mut plan, START + 10 * MINUTE), Some((START + 10 * MINUTE, 0)));
    assert_eq!(call(&mut plan, START + 10 * MINUTE), None);
    assert_eq!(plan.look_again_ms(), Some(START + 20 * MINUTE));
}

#[test]
fn a_clock_that_is_set_back_calls_nothing_twice() {
    let mut plan = plan(schedule("0 * * * *", Missed::Once));
    assert_eq!(called(&mut plan, START + 3 * HOUR), Some((START + 3 * HOUR, 2)));
    for now_ms in [START + 2 * HOUR, START, 0, START + 3 * HOUR] {
        assert_eq!(call(&mut plan, now_ms), None);
    }
    assert_eq!(plan.behind_ms(0, START), Some(3 * HOUR));
    assert_eq!(plan.behind_ms(0, START + 3 * HOUR), None);
    assert_eq!(called(&mut plan, START + 4 * HOUR), Some((START + 4 * HOUR, 0)));
}

#[test]
fn what_was_missed_is_called_as_the_schedule_says() {
    let now_ms = START + DAY + 5 * MINUTE;
    let mut once = plan(schedule("0 * * * *", Missed::Once));
    assert_eq!(called(&mut once, now_ms), Some((START + DAY, 23)));
    let mut skip = plan(schedule("0 * * * *", Missed::Skip));
    let found = skip.poll(now_ms);
    assert_eq!(found.passed, [Passed { index: 0, count: 24, failed: false }]);
    assert!(found.calls.is_empty());
    assert_eq!(called(&mut skip, START + 25 * HOUR), Some((START + 25 * HOUR, 24)), "told then");
    let mut all = plan(schedule("0 * * * *", Missed::All { calls_max: 3 }));
    assert_eq!(called(&mut all, now_ms), Some((START + 22 * HOUR, 21)));
    assert_eq!(called(&mut all, now_ms), Some((START + 23 * HOUR, 0)));
    assert_eq!(called(&mut all, now_ms), Some((START + DAY, 0)));
    assert_eq!(call(&mut all, now_ms), None);
}

#[test]
fn a_call_that_lasts_is_never_joined_by_another() {
    for (missed, expected) in [
        (Missed::Once, Some((START + 3 * MINUTE, 1))),
        (Missed::Skip, None),
        (Missed::All { calls_max: 9 }, Some((START + 2 * MINUTE, 0))),
    ] {
        let mut plan = plan(schedule("* * * * *", missed));
        assert_eq!(call(&mut plan, START + MINUTE), Some((START + MINUTE, 0)));
        assert_eq!(plan.look_again_ms(), None, "its end is waited for");
        assert_eq!(call(&mut plan, START + 3 * MINUTE), None);
        plan.ended(0, true, START + 3 * MINUTE + 1);
        assert_eq!(call(&mut plan, START + 3 * MINUTE + 1), expected, "{missed:?}");
    }
}

#[test]
fn skipped_calls_are_those_that_are_late() {
    let due_ms = START + HOUR;
    let mut plan = plan(schedule("0 * * * *", Missed::Skip));
    let mut late = plan.clone();
    assert_eq!(called(&mut plan, due_ms + LATE_MS_MAX), Some((due_ms, 0)));
    assert_eq!(called(&mut late, due_ms + LATE_MS_MAX + 1), None);
}

#[test]
fn a_call_that_fails_is_made_again_until_it_gives_way() {
    let mut again = schedule("0 * * * *", Missed::Once);
    again.retries_max = 2;
    let mut plan = plan(again);
    let mut now_ms = START + HOUR;
    assert_eq!(call(&mut plan, now_ms), Some((START + HOUR, 0)));
    for wait_ms in [1_000, 2_000] {
        assert_eq!(plan.ended(0, false, now_ms), Ended::Again { at_ms: now_ms + wait_ms });
        assert_eq!(plan.look_again_ms(), Some(now_ms + wait_ms));
        assert_eq!(call(&mut plan, now_ms + wait_ms - 1), None);
        now_ms += wait_ms;
        assert_eq!(call(&mut plan, now_ms), Some((START + HOUR, 0)));
    }
    assert_eq!(plan.ended(0, false, now_ms), Ended::GivenUp { due_ms: START + HOUR });
    assert_eq!(call(&mut plan, START + 2 * HOUR - 1), None);
    assert_eq!(call(&mut plan, START + 2 * HOUR), Some((START + 2 * HOUR, 0)));
    plan.ended(0, false, START + 3 * HOUR - 1);
    let found = plan.poll(START + 3 * HOUR);
    assert_eq!(found.passed, [Passed { index: 0, count: 1, failed: true }]);
    assert_eq!(found.calls[0].tick.due_ms, START + 3 * HOUR);
}

#[test]
fn a_retry_waits_no_longer_when_the_clock_is_set_back() {
    let mut again = schedule("0 0 1 * *", Missed::Once);
    again.retries_max = 9;
    let mut plan = plan(again);
    let now_ms = START + 10 * DAY;
    assert!(call(&mut plan, now_ms).is_some());
    plan.ended(0, false, now_ms);
    assert_eq!(call(&mut plan, START), None);
    assert_eq!(plan.look_again_ms(), Some(START + 1_000));
    assert!(call(&mut plan, START + 1_000).is_some());
}

#[test]
fn a_clock_that_is_put_forward_by_decades_is_bounded_work() {
    let now_ms = START + 40 * 365 * DAY + 500;
    let last_ms = now_ms - 500;
    let mut once = plan(schedule("* * * * * *", Missed::Once));
    assert_eq!(called(&mut once, now_ms), Some((last_ms, COUNTED_MAX)));
    let mut all = plan(schedule("* * * * * *", Missed::All { calls_max: 1_000 }));
    assert_eq!(called(&mut all, now_ms), Some((last_ms - 999_000, COUNTED_MAX)));
    assert_eq!(called(&mut all, now_ms), Some((last_ms - 998_000, 0)));
    let mut never = plan(schedule("0 0 29 2 *", Missed::Once));
    assert_eq!(called(&mut never, u64::MAX).map(|(_, missed)| missed), Some(1_932));
    assert_eq!(never.look_again_ms(), None, "no time after the year 9999");
}

#[test]
fn jitter_is_the_same_every_time_and_differs_by_name() {
    let entry = |key: String| {
        let mut schedule = schedule("0 0 * * *", Missed::Once);
        schedule.jitter_s = 3_600;
        Entry { key, schedule, settled_ms: START }
    };
    let looks: Vec<u64> = (0..200)
        .filter_map(|n| Plan::new([entry(format!("app/f/s{n}"))]).look_again_ms())
        .map(|at_ms| at_ms - START - DAY)
        .collect();
    assert!(looks.iter().all(|jitter_ms| *jitter_ms < HOUR));
    let (first, last) = (looks.iter().min().expect("200"), looks.iter().max().expect("200"));
    assert!(*first < HOUR / 10 && *last > HOUR / 10 * 9, "spread: {first} to {last}");
    let mut plan = Plan::new([entry("app/f/s7".to_owned())]);
    let at_ms = plan.look_again_ms().expect("a time");
    assert_eq!(at_ms, START + DAY + looks[7]);
    assert_eq!(call(&mut plan, at_ms - 1), None);
    assert_eq!(called(&mut plan, at_ms), Some((START + DAY, 0)), "due as if it had none");
    assert_eq!(plan.look_again_ms(), Some(at_ms + DAY));
}

/// What happens to a plan of three schedules.
#[derive(Clone, Debug)]
enum Step {
    Forward(u64),
    Back(u64),
    End(usize, bool),
    Look,
    /// As far as the plan says.
    Wait,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (1..2 * HOUR).prop_map(Step::Forward),
        1 => (1..10 * DAY).prop_map(Step::Forward),
        1 => (1..2 * DAY).prop_map(Step::Back),
        5 => (0..3usize, prop::bool::weighted(0.7)).prop_map(|(index, well)| Step::End(index, well)),
        3 => Just(Step::Look),
        4 => Just(Step::Wait),
    ];
    prop::collection::vec(step, 1..80)
}

/// What is known of one entry from outside.
#[derive(Clone, Default)]
struct Seen {
    running: Option<u64>,
    /// The call that failed last, if it may be made again.
    failed: Option<u64>,
    last_ms: u64,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_clock_does_calls_are_in_order_once_and_accounted_for(
        steps in steps(),
        crons in prop::collection::vec(
            prop::sample::select(vec!["*/7 * * * *", "0 * * * *", "30 2 * * *", "0 0 * * MON"]), 3),
        calls_max in 1u32..5,
        jitter_s in prop::sample::select(vec![0u32, 90, 7_200]),
    ) {
        let rules = [Missed::Once, Missed::Skip, Missed::All { calls_max }];
        let entries: Vec<Entry> = crons.iter().zip(rules).enumerate().map(|(index, (cron, missed))| {
            let mut schedule = schedule(cron, missed);
            (schedule.jitter_s, schedule.retries_max) = (jitter_s, 2);
            Entry { key: format!("app/f/{index}"), schedule, settled_ms: START }
        }).collect();
        let jitter: Vec<u64> = entries.iter().map(|entry| {
            let plan = Plan::new([entry.clone()]);
            plan.look_again_ms().expect("due") - entry.schedule.next(START).expect("due")
        }).collect();
        let mut plan = Plan::new(entries.clone());
        let mut seen = vec![Seen { last_ms: START, ..Seen::default() }; 3];
        let mut now_ms = START;
        for step in steps {
            match step {
                Step::Forward(by) => now_ms += by,
                Step::Back(by) => now_ms -= by,
                Step::Wait => now_ms = now_ms.max(plan.look_again_ms().unwrap_or(now_ms)),
                Step::Look => {}
                Step::End(index, well) => {
                    let due_ms = seen[index].running.take();
                    let ended = plan.ended(index, well, now_ms);
                    prop_assert!(due_ms.is_some() || ended == Ended::Settled);
                    if due_ms.is_some() {
                        let is_again = matches!(ended, Ended::Again { .. });
                        seen[index].failed = due_ms.filter(|_| is_again);
                    }
                }
            }
            let before = plan.look_again_ms();
            let found = plan.poll(now_ms);
            if before.is_none_or(|at_ms| now_ms < at_ms) {
                prop_assert!(found.calls.is_empty() && found.passed.is_empty());
            }
            for Call { index, tick } in found.calls {
                let (schedule, seen) = (&entries[index].schedule, &mut seen[index]);
                prop_assert!(seen.running.is_none(), "two at one time");
                seen.running = Some(tick.due_ms);
                prop_assert_eq!(schedule.next(tick.due_ms - 1), Some(tick.due_ms), "a due time");
                if seen.failed.take() == Some(tick.due_ms) {
                    continue;
                }
                prop_assert!(tick.due_ms + jitter[index] <= now_ms, "not before it is due");
                prop_assert!(tick.due_ms > seen.last_ms, "once, and in order");
                let mut between = 0;
                let mut at_ms = seen.last_ms;
                while let Some(next_ms) = schedule.next(at_ms).filter(|at| *at < tick.due_ms) {
                    between += 1;
                    at_ms = next_ms;
                }
                prop_assert_eq!(tick.missed, COUNTED_MAX.min(between), "what was not called is told");
                seen.last_ms = tick.due_ms;
                if schedule.missed == Missed::Skip {
                    prop_assert!(now_ms - tick.due_ms - jitter[index] <= LATE_MS_MAX);
                }
                if schedule.missed == Missed::Once {
                    let next_ms = schedule.next(tick.due_ms).expect("due");
                    prop_assert!(next_ms + jitter[index] > now_ms, "the latest");
                }
            }
            prop_assert!(plan.poll(now_ms) == Found::default(), "nothing is left to be done");
        }
    }
}
