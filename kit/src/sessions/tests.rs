use super::*;
use alloc::vec;
use alloc::vec::Vec;
use proptest::prelude::*;

const MINUTE: i64 = 60_000;

fn event(user: u64, time_ms: i64) -> Event {
    Event { user, time_ms, page: Some(crate::sketch::hash::xxh64(&[1], 0)), failed: false }
}

/// Gives events that are told at once; what became of each, and who ended why.
fn run(sessions: &mut Sessions, events: &[(u64, i64)]) -> (Vec<Taken>, Vec<(u64, End)>) {
    let mut ends = Vec::new();
    let taken = events
        .iter()
        .map(|(user, time_ms)| {
            sessions.observe(*time_ms, &event(*user, *time_ms), &mut |session, end| {
                ends.push((session.user, end));
            })
        })
        .collect();
    (taken, ends)
}

#[test]
fn a_gap_ends_a_session() {
    let mut sessions = Sessions::new(SessionOptions::default());
    let (taken, ends) =
        run(&mut sessions, &[(1, 0), (1, 30 * MINUTE), (2, 40 * MINUTE), (1, 60 * MINUTE + 1)]);
    assert_eq!(taken, [Taken::Began, Taken::Joined, Taken::Began, Taken::Began]);
    assert_eq!(ends, [(1, End::Gap)]);
    let (_, totals) = sessions.totals().next().unwrap();
    assert_eq!((totals.sessions, totals.events, totals.views), (1, 2, 2));
    assert_eq!(totals.duration_s.mean(), Some(1800.0));
    let mut ends = vec![];
    sessions.advance(200 * MINUTE, &mut |session, end| ends.push((session.user, end)));
    assert_eq!(ends, [(2, End::Gap), (1, End::Gap)]);
    assert_eq!(sessions.open().len(), 0);
}

#[test]
fn the_longest_idle_gives_way_and_is_not_lost() {
    let options = SessionOptions { users_max: 2, ..SessionOptions::default() };
    let mut sessions = Sessions::new(options);
    let (_, ends) = run(&mut sessions, &[(1, 0), (2, 1), (1, 2), (3, 3), (4, 4)]);
    assert_eq!(ends, [(2, End::Room), (1, End::Room)]);
    let totals = &sessions.totals[End::Room as usize];
    assert_eq!((totals.sessions, totals.events), (2, 3));
    assert_eq!(sessions.of(3).map(|session| session.events), Some(1));
    assert_eq!(sessions.of(1), None);
}

#[test]
fn a_session_without_an_end_is_cut() {
    let options = SessionOptions { length_ms_max: 60 * MINUTE, ..SessionOptions::default() };
    let mut sessions = Sessions::new(options);
    let events: Vec<_> = (0..100).map(|step| (1, step * 10 * MINUTE)).collect();
    let (_, ends) = run(&mut sessions, &events);
    assert_eq!(ends.len(), 14);
    assert!(ends.iter().all(|end| *end == (1, End::Length)));
}

#[test]
fn events_out_of_time_are_told() {
    let mut sessions = Sessions::new(SessionOptions::default());
    let now_ms = 1_000 * MINUTE;
    let mut observe =
        |now_ms, time_ms| sessions.observe(now_ms, &event(1, time_ms), &mut |_, _| {});
    assert_eq!(observe(now_ms, now_ms + MINUTE + 1), Taken::Future);
    assert_eq!(observe(now_ms, now_ms - 31 * MINUTE), Taken::Late);
    assert_eq!(observe(now_ms, now_ms + MINUTE), Taken::Began);
    assert_eq!(observe(now_ms, now_ms - 30 * MINUTE), Taken::Joined);
    assert_eq!(observe(now_ms, now_ms - 61 * MINUTE), Taken::Late);
    for time_ms in [i64::MIN, i64::MAX] {
        assert!(matches!(observe(now_ms, time_ms), Taken::Late | Taken::Future));
    }
    assert_eq!((sessions.late(), sessions.future()), (3, 2));
    let session = sessions.open().next().unwrap();
    // What was ahead of the clock counts as of now.
    assert_eq!((session.events, session.last_ms, session.duration_ms()), (2, now_ms, 30 * MINUTE));
}

#[test]
fn a_clock_that_is_set_back_ends_all_and_goes_on() {
    let mut sessions = Sessions::new(SessionOptions::default());
    let (taken, ends) = run(
        &mut sessions,
        &[
            (1, 99 * MINUTE),
            (2, 98 * MINUTE),
            (1, 10 * MINUTE),
            (1, i64::MAX),
            (1, i64::MIN),
            (1, 5),
        ],
    );
    assert_eq!(taken[..3], [Taken::Began; 3]);
    assert_eq!(ends[..2], [(2, End::Clock), (1, End::Clock)]);
    assert_eq!(ends[2..], [(1, End::Gap), (1, End::Clock), (1, End::Gap)]);
}

#[test]
fn pages_are_counted_about() {
    let mut sessions = Sessions::new(SessionOptions::default());
    for view in 0..1000_u64 {
        let page = Some(crate::sketch::hash::xxh64(&(view % 30).to_le_bytes(), 0));
        let event = Event { page, failed: view % 4 == 0, ..event(1, 0) };
        sessions.observe(0, &event, &mut |_, _| {});
    }
    let session = sessions.open().next().unwrap();
    assert!((session.pages() - 30.0).abs() < 10.0, "{}", session.pages());
    assert_eq!((session.views, session.failed), (1000, 250));
    assert!(session.score() > 0.3);
    let full = Session { pages: u64::MAX, ..*session };
    assert_eq!(full.pages(), 266.0);
}

#[test]
fn what_are_no_sessions_is_an_error() {
    let mut sessions = Sessions::new(SessionOptions::default());
    run(&mut sessions, &[(1, 0), (2, 5), (1, 99 * MINUTE)]);
    let good = sessions.to_bytes();
    let read = |bytes: &[u8]| Sessions::from_bytes(bytes, SessionOptions::default());
    assert_eq!(read(&good), Ok(sessions));
    for length in 0..good.len() {
        assert!(read(&good[..length]).is_err(), "{length} bytes");
    }
    // Sealed, so that the checksum finds nothing.
    for at in 5..good.len() - 4 {
        for bit in 0..8 {
            let mut body = good[..good.len() - 4].to_vec();
            body[at] ^= 1 << bit;
            let crc = crate::primitives::crc32::crc32(&body).to_le_bytes();
            if let Ok(mut odd) = read(&[&body[..], &crc].concat()) {
                run(&mut odd, &[(1, 0), (9, i64::MAX), (2, 7)]);
            }
        }
    }
}

proptest! {
    /// Whatever comes when: every event that was taken is in one session, open or ended.
    #[test]
    fn nothing_is_lost(
        steps in proptest::collection::vec((0_u64..12, -90_i64..120, -90_i64..3), 1..300),
        users_max in 1_usize..6,
    ) {
        let options = SessionOptions { users_max, length_ms_max: 200 * MINUTE, ..SessionOptions::default() };
        let mut sessions = Sessions::new(options);
        let (mut now_ms, mut taken, mut refused, mut told) = (0, 0_u64, 0_u64, 0_u64);
        for (user, step, age) in steps {
            now_ms += step.max(-20) * MINUTE / 10;
            let event = event(user, now_ms + age * MINUTE);
            let result = sessions.observe(now_ms, &event, &mut |session, _| {
                told += u64::from(session.events);
            });
            match result {
                Taken::Began | Taken::Joined => taken += 1,
                Taken::Late | Taken::Future => refused += 1,
            }
            prop_assert!(sessions.open().len() <= users_max);
            prop_assert_eq!(sessions.open.len(), sessions.idle.len());
            prop_assert!(sessions.open().all(|one| one.duration_ms() <= options.length_ms_max));
        }
        let open: u64 = sessions.open().map(|one| u64::from(one.events)).sum();
        let ended: u64 = sessions.totals().map(|(_, totals)| totals.events).sum();
        prop_assert_eq!(open + ended, taken);
        prop_assert_eq!(told, ended);
        prop_assert_eq!(sessions.late() + sessions.future(), refused);
        let again = Sessions::from_bytes(&sessions.to_bytes(), options);
        prop_assert_eq!(again, Ok(sessions));
    }
}
