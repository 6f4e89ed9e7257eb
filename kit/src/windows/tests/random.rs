//! Random events, plans and restarts, beside the [`oracle`](super::oracle).

use super::oracle::{Oracle, Result};
use super::*;
use proptest::prelude::*;

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

#[derive(Clone, Debug)]
enum Step {
    Event { key: usize, device: usize, time_ms: i64, value: i32, later_ms: i64 },
    Wait { later_ms: i64 },
}

fn kinds() -> impl Strategy<Value = Kind> {
    prop_oneof![
        (1_i64..40, 1_i64..40, -39_i64..40).prop_map(|(one, two, offset)| {
            let (size_ms, slide_ms) = (one.max(two), one.min(two));
            Kind::Sliding { size_ms, slide_ms, offset_ms: offset % slide_ms }
        }),
        (1_i64..40).prop_map(Kind::tumbling),
        (1_i64..6, 1_i64..9, -39_i64..40).prop_map(|(steps, step_ms, offset)| {
            let size_ms = steps * step_ms;
            Kind::Cumulative { size_ms, step_ms, offset_ms: offset % size_ms }
        }),
        (1_i64..30).prop_map(|gap_ms| Kind::Session { gap_ms }),
        (1_u32..9, 1_u32..9)
            .prop_map(|(one, two)| Kind::Count { size: one.max(two), slide: one.min(two) }),
    ]
}

fn plans() -> impl Strategy<Value = Plan> {
    let some = |max: i64| prop_oneof![Just(None), (1_i64..max).prop_map(Some)];
    let times = (0_i64..30, prop_oneof![Just(0_i64), 0_i64..60], some(50), some(80));
    (kinds(), times, any::<bool>()).prop_map(|(kind, times, per_key)| {
        let (disorder_ms, lateness_ms, idle_ms, lag_ms_max) = times;
        let scope = if per_key { Scope::Key } else { Scope::Stream };
        Plan { disorder_ms, lateness_ms, idle_ms, lag_ms_max, scope, ..plan(kind) }
    })
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    // Time goes on, with disorder; now and then it leaps or lies far behind.
    let step = (0..20_u8, 0..NAMES.len(), 0..NAMES.len(), -60_i64..20, -9_i32..10, 0_i64..12);
    proptest::collection::vec(step, 1..120).prop_map(|steps| {
        let mut time_ms = 0;
        let steps = steps.into_iter().map(|(what, key, device, by_ms, value, later_ms)| {
            time_ms += if what == 0 { 150 } else { 2 };
            match what {
                1 => Step::Wait { later_ms: later_ms * 4 },
                _ => Step::Event { key, device, time_ms: time_ms + by_ms, value, later_ms },
            }
        });
        steps.collect()
    })
}

/// Runs both, the operator with a restart before each step that `restarts` chooses.
fn compare(plan: &Plan, steps: &[Step], restarts: u64) -> core::result::Result<(), TestCaseError> {
    let (mut oracle, mut windows) =
        (Oracle::new(plan.clone()), Windows::new(plan.clone(), 1).unwrap());
    let (mut kept, mut now_ms) = (Kept::default(), 0);
    for (at, step) in steps.iter().enumerate() {
        kept.keep(&mut windows);
        if restarts >> (at % 64) & 1 == 1 {
            let again = kept.restored(plan, now_ms);
            let again = again.map_err(|error| TestCaseError::fail(format!("{error}")))?;
            prop_assert_eq!(again.bytes() <= windows.bytes(), true);
            windows = again;
        }
        let mut fired: Vec<Result> = Vec::new();
        let mut tell = |one: Fired| fired.push(Result::of(&one));
        let want = match *step {
            Step::Wait { later_ms } => {
                now_ms += later_ms;
                windows.advance(now_ms, &mut tell);
                oracle.advance(now_ms)
            }
            Step::Event { key, device, time_ms, value, later_ms } => {
                now_ms += later_ms;
                let (key, device) = (NAMES[key], NAMES[device]);
                let values = [Some(Scalar::Number(value.into()))];
                let event = Event { key, device, time_ms, values: &values };
                let taken = windows.observe(now_ms, &event, &mut tell);
                let (added, want) = oracle.observe(now_ms, key, device, time_ms, value.into());
                let side = if added { Taken::Added } else { Taken::Side(Side::Late) };
                prop_assert_eq!(taken, side, "step {}", at);
                want
            }
        };
        prop_assert_eq!(fired, want, "step {}, {:?}", at, step);
    }
    Ok(())
}

use alloc::format;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]
    #[test]
    fn every_result_is_that_of_the_oracle_whatever_restarts_lie_between(
        plan in plans(), steps in steps(), restarts in any::<u64>(),
    ) {
        compare(&plan, &steps, restarts)?;
    }

    #[test]
    fn any_bytes_are_refused_or_a_state(
        kind in kinds(), bytes in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let plan = plan(kind);
        let mut windows = Windows::new(plan.clone(), 1).unwrap();
        give(&mut windows, "k", 0, 1.0);
        let mut kept = Kept::default();
        kept.keep(&mut windows);
        // Behind what tells the plan anything may follow.
        let key = Part::Key("k".into());
        let head = kept.0[&key][..9].to_vec();
        kept.0.insert(key, [head, bytes].concat());
        if let Ok(mut windows) = kept.restored(&plan, 0) {
            for time_ms in [0, 50, TIME_MS_MIN, MS_MAX] {
                give(&mut windows, "k", time_ms, 1.0);
            }
        }
    }
}
