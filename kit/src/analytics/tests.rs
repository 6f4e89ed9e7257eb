use super::*;
use crate::online::noise::Noise;
use crate::primitives::crc32::crc32;
use crate::state::StateError;
use alloc::format;
use alloc::vec::Vec;
use proptest::prelude::*;

/// Names are as good as random.
fn name(user: u64) -> u64 {
    hash::xxh64(&user.to_le_bytes(), 0)
}

fn record(route: &str, user: u64, time_ms: i64) -> Record<'_> {
    let user = Some(name(user));
    let observed = Observed { time_ms, user, status: 200, latency_ms: 12.0, body_bytes: Some(900) };
    Record { observed, route, page: Some("/"), event: Some("view") }
}

fn small() -> AnalyticsOptions {
    AnalyticsOptions {
        routes_max: 2,
        minutes: 3,
        hours: 2,
        names_max: 4,
        alerts_max: 3,
        ..AnalyticsOptions::default()
    }
}

#[test]
fn routes_are_told_apart_up_to_their_number() {
    let mut analytics = Analytics::new(small());
    for (at, route) in ["a", "b", "c", "d", "a"].iter().enumerate() {
        assert!(analytics.observe(0, &record(route, at as u64, 0)));
    }
    let all = |series: &Series| series.hours.span(i64::MIN, i64::MAX);
    let requests: Vec<_> =
        analytics.routes().map(|(name, series)| (name, all(series).requests())).collect();
    assert_eq!(requests, [("a", 2), ("b", 1)]);
    assert_eq!(all(analytics.others()).requests(), 2);
    let node = all(analytics.node());
    assert_eq!((node.requests(), node.users.estimate().round_ties_even()), (5, 5.0));
    assert_eq!(analytics.events().top()[0].0, "view");
    assert_eq!(analytics.sessions().open().len(), 5);
}

#[test]
fn events_that_are_no_requests_are_in_sessions_and_in_no_window() {
    let mut analytics = Analytics::new(small());
    let now_ms = 100 * HOUR_MS;
    let event = Event { user: 7, time_ms: now_ms, page: Some(1), failed: true };
    assert_eq!(analytics.happen(now_ms, &event, Some("buy")), Taken::Began);
    assert_eq!(analytics.happen(now_ms, &event, None), Taken::Joined);
    let late = Event { time_ms: now_ms - HOUR_MS, ..event };
    assert_eq!(analytics.happen(now_ms, &late, Some("buy")), Taken::Late);
    assert_eq!(analytics.events().top(), [("buy", analytics.events().top()[0].1)]);
    assert_eq!((analytics.events().total(), analytics.sessions().late()), (1, 1));
    let session = analytics.sessions().open().next().unwrap();
    assert_eq!((session.events, session.failed, session.views), (2, 2, 2));
    assert_eq!(analytics.node().hours.windows().count(), 0);
}

#[test]
fn routes_that_are_not_kept_make_room() {
    let mut analytics = Analytics::new(small());
    ["a", "b", "c"].iter().for_each(|route| {
        analytics.observe(0, &record(route, 1, 0));
    });
    analytics.keep_routes(|route| route == "b");
    analytics.observe(0, &record("c", 1, 0));
    let routes: Vec<_> = analytics.routes().map(|(name, _)| name).collect();
    assert_eq!(routes, ["b", "c"]);
}

#[test]
fn requests_out_of_time_are_counted_as_such() {
    let mut analytics = Analytics::new(small());
    let now_ms = 100 * HOUR_MS;
    assert!(analytics.observe(now_ms, &record("a", 1, now_ms)));
    assert!(!analytics.observe(now_ms, &record("a", 1, now_ms + MINUTE_MS + 1)));
    assert!(!analytics.observe(now_ms, &record("a", 1, now_ms - 3 * HOUR_MS)));
    assert!(analytics.observe(now_ms, &record("a", 1, now_ms - HOUR_MS)));
    for time_ms in [i64::MIN, i64::MAX] {
        assert!(!analytics.observe(now_ms, &record("a", 1, time_ms)));
    }
    assert_eq!((analytics.late(), analytics.future()), (2, 2));
    // A clock that leaps has no past and no future.
    for now_ms in [i64::MIN, i64::MAX, 0, i64::MIN] {
        analytics.observe(now_ms, &record("b", 1, now_ms));
        analytics.advance(now_ms);
    }
}

/// A node with a route that fails, and a user who is too busy.
fn troubled(minutes: i64) -> Analytics {
    let mut analytics = Analytics::new(AnalyticsOptions { minutes: 30, ..small() });
    for minute in 0..minutes {
        let now_ms = minute * MINUTE_MS;
        for request in 0..20 {
            let mut record = record(if request % 2 == 0 { "good" } else { "bad" }, request, now_ms);
            if minute >= 180 && request % 4 == 1 {
                record.observed.status = 500;
            }
            analytics.observe(now_ms, &record);
        }
        let busy = if minute >= 200 { 600 } else { 0 };
        (0..busy).for_each(|_| {
            analytics.observe(now_ms, &record("good", 99, now_ms));
        });
    }
    analytics
}

#[test]
fn a_failing_route_and_a_busy_user_are_told() {
    let mut analytics = troubled(230);
    let raised: Vec<Subject> = analytics.raised().map(|(subject, _)| subject).collect();
    assert!(raised.contains(&Subject::Route("bad".into(), Cause::Errors)), "{raised:?}");
    assert!(!raised.contains(&Subject::Route("good".into(), Cause::Errors)), "{raised:?}");
    assert!(analytics.alerts_dropped() > 0);
    let alerts: Vec<Alert> = analytics.take_alerts().collect();
    assert_eq!(alerts.len(), 3);
    assert!(alerts.iter().any(|alert| alert.subject == Subject::User(name(99), Excess::Requests)));
    assert_eq!(analytics.take_alerts().count(), 0);
    analytics.new_day();
    assert_eq!(analytics.sessions().open().len(), 0);
    assert_eq!(analytics.users.level(name(99), Excess::Requests), AlertLevel::Normal);
}

#[test]
fn what_nobody_watched_is_not_judged() {
    let mut analytics = troubled(170);
    analytics.advance(300 * MINUTE_MS);
    analytics.advance(301 * MINUTE_MS);
    assert_eq!(analytics.take_alerts().count(), 0);
    // But five minutes of silence are watched, and more of them are too many.
    let mut analytics = troubled(170);
    (171..200).for_each(|minute| analytics.advance(minute * MINUTE_MS));
    assert!(analytics.raised().any(|(subject, _)| subject == Subject::Node(Cause::Fall)));
}

/// Users of very different habits, for three days: 0.3 false alarms are stated for all of them.
#[test]
fn users_who_differ_raise_no_more_than_stated() {
    let mut noise = Noise::new(11);
    let habits: Vec<f64> = (0..200).map(|_| 3.0 * libm::exp(noise.normal())).collect();
    let mut users = Users::default();
    let (mut raised, threshold) = (0, 1440.0 * 200.0 * 2.0 / 0.1);
    for minute in 0..3 * 1440 {
        for (user, habit) in habits.iter().enumerate() {
            if noise.uniform() < 0.2 {
                let count =
                    habit * libm::exp(0.5 * noise.normal() - 0.125) - libm::log(noise.uniform());
                (0..count as u32).for_each(|at| users.add(user as u64, at % 7 == 0));
            }
        }
        users.end_minute(minute, threshold, &mut |_, _, _, _| raised += 1);
    }
    assert_eq!(raised, 0);
    // One who begins to try names and passwords is told within five minutes.
    for minute in 0..5 {
        (0..120).for_each(|_| users.add(7, true));
        users.end_minute(3 * 1440 + minute, threshold, &mut |_, _, _, _| raised += 1);
    }
    assert!(users.level(7, Excess::Failures) > AlertLevel::Normal);
    assert_eq!(users.level(8, Excess::Failures), AlertLevel::Normal);
}

#[test]
fn a_state_that_was_read_goes_on() {
    let mut analytics = troubled(230);
    analytics.take_alerts().for_each(drop);
    let options = AnalyticsOptions { minutes: 30, ..small() };
    let bytes = analytics.to_bytes();
    let again = Analytics::from_bytes(&bytes, options).unwrap();
    assert_eq!(again, analytics);
    let other = Analytics::from_bytes(&bytes, small());
    assert_eq!(other.err(), Some(StateError::Version));
}

#[test]
fn what_is_no_state_is_an_error() {
    let mut analytics = Analytics::new(small());
    for step in 0..40 {
        let time_ms = step * MINUTE_MS;
        analytics.observe(time_ms, &record(["a", "b", "c"][step as usize % 3], 7, time_ms));
    }
    let good = analytics.to_bytes();
    for length in 0..good.len() {
        assert!(Analytics::from_bytes(&good[..length], small()).is_err(), "{length} bytes");
    }
    // Sealed, so that the checksum finds nothing: an error, or a state to go on from.
    let mut read = 0;
    for at in 5..good.len() - 4 {
        let mut body = good[..good.len() - 4].to_vec();
        body[at] ^= 1 << (at % 8);
        let crc = crc32(&body).to_le_bytes();
        if let Ok(mut odd) = Analytics::from_bytes(&[&body[..], &crc].concat(), small()) {
            read += 1;
            for time_ms in [40 * MINUTE_MS, 42 * MINUTE_MS, 120 * MINUTE_MS, 0] {
                odd.observe(time_ms, &record("a", 1, time_ms));
            }
            let _ = odd.node().hours.span(i64::MIN, i64::MAX);
        }
    }
    assert!(read > 0);
}

proptest! {
    /// Whatever comes when, it is counted once: in a window, as late, or as of the future.
    #[test]
    fn every_request_is_counted_once(
        steps in proptest::collection::vec((0_u8..5, -2_i64..4, -400_i64..3, any::<u16>()), 1..100),
    ) {
        let options = AnalyticsOptions { hours: 744, ..small() };
        let mut analytics = Analytics::new(options);
        let (mut now_ms, mut taken, mut refused) = (HOUR_MS * 1000, 0, 0);
        for (route, step, age, status) in steps {
            now_ms += step * 7 * MINUTE_MS;
            let route = format!("r{route}");
            let mut record = record(&route, u64::from(status % 9), now_ms + age * MINUTE_MS);
            record.observed.status = status;
            match analytics.observe(now_ms, &record) {
                true => taken += 1,
                false => refused += 1,
            }
        }
        let of = |series: &Series| series.hours.span(i64::MIN, i64::MAX).requests();
        let routes: u64 = analytics.routes().map(|(_, series)| of(series)).sum();
        // What a clock that was set back has left in the future is forgotten.
        prop_assert!(of(analytics.node()) <= taken);
        prop_assert_eq!(routes + of(analytics.others()), of(analytics.node()));
        prop_assert_eq!(analytics.late() + analytics.future(), refused);
        let bytes = analytics.to_bytes();
        let again = Analytics::from_bytes(&bytes, options);
        analytics.alerts.clear();
        prop_assert_eq!(again.ok(), Some(analytics));
    }
}
