//! What an operator does with odd input, at its bounds, and beside an [`oracle`].

mod oracle;
mod random;

use super::*;
use crate::state::StateError;
use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use oracle::Result;

/// A plan with the aggregates whose values are exact: count, sum, smallest, largest, first, last
/// and mean of one field.
fn plan(kind: Kind) -> Plan {
    let measures = [
        Measure::Count,
        Measure::Sum,
        Measure::Min,
        Measure::Max,
        Measure::First,
        Measure::Last,
        Measure::Mean,
    ];
    let of = |measure| Aggregate { measure, field: Some(0) };
    Plan { future_ms_max: MS_MAX, ..Plan::new(kind, 1, measures.map(of).to_vec()) }
}

/// Gives it an event of the device `d`; what it says of it, and the results.
fn give(windows: &mut Windows, key: &str, time_ms: i64, value: f64) -> (Taken, Vec<Result>) {
    let mut fired = Vec::new();
    let values = [Some(Scalar::Number(value))];
    let event = Event { key, device: "d", time_ms, values: &values };
    let taken = windows.observe(0, &event, &mut |one| fired.push(Result::of(&one)));
    (taken, fired)
}

/// Key, start, end and number of events of each result.
fn short(fired: &[Result]) -> Vec<(&str, i64, i64, u64)> {
    fired.iter().map(|one| (&*one.key, one.start_ms, one.end_ms, one.count)).collect()
}

#[test]
fn a_window_closes_when_the_watermark_has_passed_its_end() {
    let mut windows = Windows::new(Plan { disorder_ms: 5, ..plan(Kind::tumbling(10)) }, 1).unwrap();
    for (time_ms, want) in [
        (3, &[][..]),
        // 14 is the first time at which 9 is not expected any more, but for itself.
        (14, &[]),
        (1, &[]),
        (15, &[("a", 0, 10, 2)]),
        (100, &[("a", 10, 20, 2)]),
    ] {
        let (taken, fired) = give(&mut windows, "a", time_ms, 1.0);
        assert_eq!((taken, short(&fired)), (Taken::Added, want.to_vec()), "{time_ms}");
    }
    assert_eq!(give(&mut windows, "a", 19, 1.0), (Taken::Side(Side::Late), vec![]));
    assert_eq!(windows.watermark_ms("a"), Some(94));
    assert_eq!(windows.watermark_ms("b"), None);
}

#[test]
fn a_late_event_tells_its_windows_again_until_they_are_over() {
    let kind = Kind::Sliding { size_ms: 10, slide_ms: 5, offset_ms: 0 };
    let mut windows = Windows::new(Plan { lateness_ms: 10, ..plan(kind) }, 1).unwrap();
    give(&mut windows, "a", 7, 1.0);
    let (_, fired) = give(&mut windows, "a", 21, 1.0);
    assert_eq!(short(&fired), [("a", 0, 10, 1), ("a", 5, 15, 1)]);
    // The watermark is 20: the window until 10 is over since 19, the one until 15 is not.
    let (taken, fired) = give(&mut windows, "a", 8, 2.0);
    assert_eq!((taken, short(&fired)), (Taken::Added, vec![("a", 5, 15, 2)]));
    assert!(fired[0].late && fired[0].values[1] == Some(3.0));
    assert_eq!(give(&mut windows, "a", 4, 1.0).0, Taken::Side(Side::Late));
}

#[test]
fn sessions_that_touch_are_one_and_a_late_event_joins_two() {
    let kind = Kind::Session { gap_ms: 10 };
    let mut windows = Windows::new(Plan { disorder_ms: 100, ..plan(kind) }, 1).unwrap();
    for time_ms in [0, 10, 31, 52] {
        assert_eq!(give(&mut windows, "a", time_ms, 1.0), (Taken::Added, vec![]));
    }
    // It is between 31 and 52 and reaches neither 10 nor 52 but by touching both.
    give(&mut windows, "a", 42, 1.0);
    let (_, fired) = give(&mut windows, "a", 1_000, 1.0);
    assert_eq!(short(&fired), [("a", 0, 20, 2), ("a", 31, 41, 1), ("a", 42, 62, 2)]);
}

#[test]
fn windows_of_events_by_number_are_of_the_last_ones() {
    let mut windows = Windows::new(plan(Kind::Count { size: 4, slide: 2 }), 1).unwrap();
    let mut all = Vec::new();
    for at in 0..7_u8 {
        let (taken, fired) = give(&mut windows, "a", 100 - i64::from(at), at.into());
        assert_eq!(taken, Taken::Added);
        all.extend(fired.iter().map(|one| (one.count, one.values[1])));
    }
    assert_eq!(all, [(2, Some(1.0)), (4, Some(6.0)), (4, Some(14.0))]);
}

#[test]
fn a_bad_clock_is_felt_by_nobody_else() {
    let mut windows = Windows::new(plan(Kind::tumbling(10)), 1).unwrap();
    let mut give = |now_ms, key, device, time_ms| {
        let mut fired = Vec::new();
        let event = Event { key, device, time_ms, values: &[] };
        let taken = windows.observe(now_ms, &event, &mut |one| fired.push(one.key.to_owned()));
        (taken, fired)
    };
    assert_eq!(give(0, "a", "a", 5), (Taken::Added, vec![]));
    // A clock of 2099 is refused, and one of an hour ahead closes its own windows only.
    assert_eq!(give(0, "b", "b", MS_MAX + 1).0, Taken::Side(Side::Future));
    assert_eq!(give(0, "b", "b", 5), (Taken::Added, vec![]));
    assert_eq!(give(0, "b", "b", 3_600_000), (Taken::Added, vec!["b".to_owned()]));
    assert_eq!(give(0, "a", "a", 6), (Taken::Added, vec![]));
    assert_eq!(give(0, "a", "a", 10), (Taken::Added, vec!["a".to_owned()]));
}

#[test]
fn what_cannot_be_is_refused_and_changes_nothing() {
    let mut windows = Windows::new(plan(Kind::tumbling(10)), 1).unwrap();
    let number = |number| [Some(Scalar::Number(number))];
    let (nan, huge, good) = (number(f64::NAN), number(1e300), number(1.0));
    let long = "x".repeat(501);
    for (key, device, time_ms, values, want) in [
        ("", "d", 0, &good[..], Side::Name),
        ("k", "", 0, &good, Side::Name),
        (&long, "d", 0, &good, Side::Name),
        ("k", "d", i64::MIN, &good, Side::Time),
        ("k", "d", i64::MAX, &good, Side::Time),
        ("k", "d", MS_MAX + 1, &good, Side::Future),
        ("k", "d", 0, &nan, Side::Value),
        ("k", "d", 0, &huge, Side::Value),
        ("k", "d", 0, &[None, None], Side::Value),
    ] {
        let event = Event { key, device, time_ms, values };
        assert_eq!(windows.observe(0, &event, &mut |_| panic!()), Taken::Side(want));
    }
    assert_eq!((windows.keys(), windows.bytes()), (0, 0));
    // Both ends of time are taken, and nothing overflows.
    for time_ms in [TIME_MS_MIN, TIME_MS_MAX] {
        let event = Event { key: "k", device: "d", time_ms, values: &good };
        assert_eq!(windows.observe(TIME_MS_MAX, &event, &mut |_| {}), Taken::Added);
    }
}

#[test]
fn every_bound_is_told() {
    let mut tight = plan(Kind::tumbling(10));
    tight.disorder_ms = 1_000;
    tight.bounds.panes_max = 2;
    tight.bounds.keys_max = 2;
    tight.bounds.devices_max = 1;
    let mut windows = Windows::new(tight.clone(), 1).unwrap();
    for (key, time_ms, want) in [
        ("a", 0, Taken::Added),
        ("a", 10, Taken::Added),
        ("a", 20, Taken::Side(Side::Windows)),
        ("a", 11, Taken::Added),
        ("b", 0, Taken::Added),
        ("c", 0, Taken::Side(Side::Keys)),
    ] {
        assert_eq!(give(&mut windows, key, time_ms, 1.0).0, want, "{key} {time_ms}");
    }
    let other = Event { key: "a", device: "e", time_ms: 0, values: &[] };
    assert_eq!(windows.observe(0, &other, &mut |_| {}), Taken::Side(Side::Devices));

    let mut small = Plan { scope: Scope::Stream, ..tight };
    small.bounds = Bounds { key_bytes_max: 1 << 10, bytes_max: 2 << 10, ..Bounds::default() };
    let mut windows = Windows::new(small, 1).unwrap();
    let mut told = Vec::new();
    for at in 0..100 {
        told.push(give(&mut windows, "a", at * 10, 1.0).0);
    }
    assert!(told.contains(&Taken::Side(Side::Bytes)));
    assert!(windows.bytes() < 3 << 10, "{}", windows.bytes());
    // Time goes on all the same, so that room is made.
    give(&mut windows, "a", 2_500, 1.0);
    assert_eq!(give(&mut windows, "a", 2_500, 1.0).0, Taken::Added);
}

#[test]
fn a_key_that_is_silent_for_long_makes_room_and_what_it_has_is_told() {
    let mut plan = plan(Kind::tumbling(10));
    plan.bounds.keys_max = 1;
    for (kind, want) in [
        (Kind::tumbling(10), Taken::Added),
        // What is not full cannot be told, and is not forgotten in silence.
        (Kind::Count { size: 2, slide: 2 }, Taken::Side(Side::Keys)),
    ] {
        let mut windows = Windows::new(Plan { kind, ..plan.clone() }, 1).unwrap();
        let mut told = Vec::new();
        let mut give = |now_ms, key, time_ms| {
            let event = Event { key, device: "d", time_ms, values: &[] };
            windows.observe(now_ms, &event, &mut |one| told.push((one.key.to_owned(), one.count)))
        };
        assert_eq!(give(0, "a", 3), Taken::Added);
        assert_eq!(give(500, "b", 0), Taken::Side(Side::Keys));
        assert_eq!(give(86_399_999, "b", 0), Taken::Side(Side::Keys));
        assert_eq!(give(86_400_999, "b", 0), want);
        if want != Taken::Added {
            continue;
        }
        assert_eq!(told, [("a".to_owned(), 1)]);
        assert_eq!((windows.keys(), windows.forgotten()), (1, 1));
        let changes = windows.changes();
        let of = |key: &str| changes.iter().find(|one| one.part == Part::Key(key.into()));
        assert!(of("a").is_none(), "it was never kept");
        assert!(of("b").is_some_and(|change| change.bytes.is_some()));
    }
}

#[test]
fn a_plan_that_cannot_be_is_told_with_all_that_is_wrong() {
    let count = Aggregate { measure: Measure::Count, field: None };
    let good = Plan::new(Kind::tumbling(10), 0, vec![count]);
    assert_eq!(good.problems(), []);
    let sliding = |size_ms, slide_ms, offset_ms| Kind::Sliding { size_ms, slide_ms, offset_ms };
    for (kind, want) in [
        (Kind::tumbling(0), &[PlanError::Size][..]),
        (Kind::tumbling(i64::MAX), &[PlanError::Size, PlanError::LateMerges][..1]),
        (sliding(10, 20, 0), &[PlanError::Slide]),
        (sliding(10, 5, 5), &[PlanError::Offset]),
        (sliding(10, 5, i64::MIN), &[PlanError::Offset]),
        (sliding(100_000, 7, 0), &[PlanError::Panes]),
        (Kind::Cumulative { size_ms: 10, step_ms: 4, offset_ms: 0 }, &[PlanError::Slide]),
        (Kind::Session { gap_ms: -1 }, &[PlanError::Size]),
        (Kind::Count { size: 0, slide: 0 }, &[PlanError::Size]),
        (Kind::Count { size: 1_441, slide: 1 }, &[PlanError::Panes]),
    ] {
        assert_eq!(Plan { kind, ..good.clone() }.problems(), want, "{kind:?}");
        assert!(Windows::new(Plan { kind, ..good.clone() }, 1).is_err());
    }
    let of = |measure, field| vec![Aggregate { measure, field }];
    let bad = Plan {
        aggregates: of(Measure::Quantile(f64::NAN), None),
        lateness_ms: -1,
        emit: Emit::Change { of: 1, absolute: 0.0, relative: 0.0 },
        bounds: Bounds { keys_max: 0, ..Bounds::default() },
        ..good.clone()
    };
    let want =
        [PlanError::Time, PlanError::Field, PlanError::Share, PlanError::Emit, PlanError::Bounds];
    assert_eq!(bad.problems(), want);
    let fine = Plan { kind: sliding(1_440_000, 1_000, 0), lateness_ms: 1_440_000, ..good };
    assert_eq!(fine.problems(), [PlanError::LateMerges]);
}

/// What was kept of an operator.
#[derive(Default)]
struct Kept(BTreeMap<Part, Vec<u8>>);

impl Kept {
    fn keep(&mut self, windows: &mut Windows) {
        for Change { part, bytes } in windows.changes() {
            match bytes {
                Some(bytes) => self.0.insert(part, bytes),
                None => self.0.remove(&part),
            };
        }
    }

    fn restored(&self, plan: &Plan, now_ms: i64) -> core::result::Result<Windows, RestoreError> {
        let parts = self.0.iter().map(|(part, bytes)| (part.clone(), &bytes[..]));
        Windows::restore(plan.clone(), now_ms as u64, now_ms, parts)
    }
}

#[test]
fn a_state_that_is_damaged_is_refused_or_harmless() {
    for kind in [
        Kind::Sliding { size_ms: 10, slide_ms: 5, offset_ms: 0 },
        Kind::Session { gap_ms: 10 },
        Kind::Count { size: 4, slide: 2 },
    ] {
        let mut plan = Plan { lateness_ms: 50, disorder_ms: 9, ..plan(kind) };
        let field = Some(0);
        plan.aggregates.push(Aggregate { measure: Measure::Quantile(0.5), field });
        plan.aggregates.push(Aggregate { measure: Measure::Distinct, field });
        let mut windows = Windows::new(plan.clone(), 1).unwrap();
        (0..9).for_each(|at| drop(give(&mut windows, "k", at * 13 % 41, at as f64)));
        let mut kept = Kept::default();
        kept.keep(&mut windows);
        let key = Part::Key("k".into());
        let good = kept.0[&key].clone();
        for length in 0..good.len() {
            kept.0.insert(key.clone(), good[..length].to_vec());
            assert!(kept.restored(&plan, 0).is_err(), "{kind:?}, {length} bytes");
        }
        for at in 0..good.len() * 8 {
            let mut damaged = good.clone();
            damaged[at / 8] ^= 1 << (at % 8);
            kept.0.insert(key.clone(), damaged);
            // There is no checksum: what can be a state is one, and is gone on with.
            if let Ok(mut windows) = kept.restored(&plan, 0) {
                for time_ms in [0, 45, 99, 100_000] {
                    give(&mut windows, "k", time_ms, 1.0);
                }
            }
        }
        kept.0.insert(key.clone(), good);
        let other = Plan { kind: Kind::tumbling(7), ..plan };
        let error = kept.restored(&other, 0).err();
        assert_eq!(error, Some(RestoreError::Part(Part::Stream, StateError::Version)));
    }
}

#[test]
fn parts_have_names() {
    for part in [Part::Stream, Part::Device("".into()), Part::Key("k/ü".into())] {
        assert_eq!(Part::from_name(&part.to_name()), Some(part));
    }
    for name in ["", "s/", "x/k", "k", "ü"] {
        assert_eq!(Part::from_name(name), None, "{name}");
    }
}

#[test]
fn a_node_that_was_off_takes_nobody_for_silent() {
    let plan = Plan { idle_ms: Some(1_000), ..plan(Kind::tumbling(10)) };
    let mut windows = Windows::new(plan.clone(), 1).unwrap();
    let observe = |windows: &mut Windows, now_ms, device, time_ms| {
        let mut count = 0;
        let event = Event { key: "k", device, time_ms, values: &[] };
        assert_eq!(windows.observe(now_ms, &event, &mut |_| count += 1), Taken::Added);
        count
    };
    observe(&mut windows, 100_000, "slow", 5);
    observe(&mut windows, 100_000, "fast", 95);
    let mut kept = Kept::default();
    kept.keep(&mut windows);
    let mut windows = kept.restored(&plan, 900_000).unwrap();
    let mut told: Vec<String> = Vec::new();
    windows.advance(900_999, &mut |one| told.push(one.key.into()));
    assert!(told.is_empty());
    windows.advance(901_000, &mut |one| told.push(one.key.into()));
    assert_eq!(told, ["k"], "both are silent now: the highest counts");
}
