//! Sketches, sessions and analytics that were written down: what is read of them may be damaged.

use sedge_kit::analytics::window::Observed;
use sedge_kit::analytics::{Analytics, AnalyticsOptions, Record};
use sedge_kit::primitives::crc32::crc32;
use sedge_kit::sessions::{Event, SessionOptions, Sessions};
use sedge_kit::sketch::distinct::Distinct;
use sedge_kit::sketch::frequent::Frequent;
use sedge_kit::sketch::moments::Moments;
use sedge_kit::sketch::quantiles::Quantiles;

/// The kinds of state, and numbers as they lie in them.
pub(super) const WORDS: &[&str] = &[
    "skdi\x01",
    "skqu\x01",
    "skmo\x01",
    "skfr\x01",
    "sess\x01",
    "anal\x02",
    "\0\0\0\0\0\0\0\0",
    "\x7F\x7F\x7F\x7F\x01",
];

/// With the right checksum at its end, in place of the last four bytes: otherwise an input that
/// was changed would be told by that, and nothing behind it would ever be tried.
fn sealed(data: &[u8]) -> Vec<u8> {
    let body = &data[..data.len().saturating_sub(4)];
    [body, &crc32(body).to_le_bytes()].concat()
}

fn times() -> impl Iterator<Item = i64> {
    [0, 60_000, 61_000, 3_700_000, i64::MAX, -5, i64::MIN, 7].into_iter()
}

pub(super) fn sketches() -> Vec<Vec<u8>> {
    let mut distinct = [Distinct::new(4), Distinct::new(12)];
    let (mut quantiles, mut moments) = (Quantiles::new(0.1, 16), Moments::default());
    let mut frequent = Frequent::new(3);
    let mut seeds = Vec::new();
    for step in 0..40_u64 {
        distinct.iter_mut().for_each(|one| one.insert(&step.to_le_bytes()));
        quantiles.insert((step as f64 - 9.0).powi(3));
        moments.insert(step as i64, step as f64);
        frequent.insert(["a", "b", "c", "d"][step as usize % 4]);
        if [0, 5, 39].contains(&step) {
            seeds.extend(distinct.iter().map(Distinct::to_bytes));
            seeds.extend([quantiles.to_bytes(), moments.to_bytes(), frequent.to_bytes()]);
        }
    }
    seeds
}

/// A sketch that is taken is written as it was read, and can be used and merged.
pub(super) fn sketch(data: &[u8]) {
    let bytes = sealed(data);
    if let Ok(mut distinct) = Distinct::from_bytes(&bytes) {
        assert_eq!(distinct.to_bytes(), bytes);
        distinct.insert(data);
        distinct.merge(&Distinct::new(4));
        assert!(distinct.estimate() > 0.0);
    }
    if let Ok(mut quantiles) = Quantiles::from_bytes(&bytes) {
        assert_eq!(quantiles.to_bytes(), bytes);
        let other = quantiles.clone();
        assert!(quantiles.merge(&other));
        [1e300, -1e-300, 0.0].iter().for_each(|value| assert!(quantiles.insert(*value)));
        let [low, high] = [0.1, 0.9].map(|share| quantiles.quantile(share).expect("not empty"));
        assert!(low <= high && quantiles.min() <= Some(low) && Some(high) <= quantiles.max());
    }
    if let Ok(mut moments) = Moments::from_bytes(&bytes) {
        assert_eq!(moments.to_bytes(), bytes);
        let other = moments.clone();
        moments.merge(&other);
        moments.insert(i64::MIN, -1e140);
        assert!(moments.mean().is_some_and(f64::is_finite) && moments.sum().is_finite());
    }
    if let Ok(mut frequent) = Frequent::from_bytes(&bytes) {
        assert_eq!(frequent.to_bytes(), bytes);
        frequent.insert("new");
        let other = frequent.clone();
        frequent.merge(&other);
        assert!(!frequent.top().is_empty());
    }
}

fn act(sessions: &mut Sessions) {
    for (at, time_ms) in times().enumerate() {
        let event = Event { user: at as u64 % 3, time_ms, page: Some(!0), failed: at % 2 == 0 };
        sessions.observe(time_ms, &event, &mut |session, _| assert!(session.events > 0));
    }
}

pub(super) fn sessions() -> Vec<Vec<u8>> {
    let mut sessions = Sessions::new(SessionOptions::default());
    let empty = sessions.to_bytes();
    act(&mut sessions);
    vec![empty, sessions.to_bytes()]
}

/// Sessions that are taken can be gone on with.
pub(super) fn session(data: &[u8]) {
    let bytes = sealed(data);
    let options = SessionOptions { users_max: 2, ..SessionOptions::default() };
    let Ok(mut sessions) = Sessions::from_bytes(&bytes, options) else { return };
    assert_eq!(sessions.to_bytes(), bytes);
    act(&mut sessions);
    assert!(sessions.open().len() <= 2);
}

fn small() -> AnalyticsOptions {
    AnalyticsOptions { routes_max: 2, minutes: 2, hours: 2, ..AnalyticsOptions::default() }
}

fn work(analytics: &mut Analytics) {
    for (at, time_ms) in times().enumerate() {
        let observed = Observed {
            time_ms,
            user: Some(at as u64 % 3),
            status: 100 * at as u16,
            latency_ms: 1.5 * at as f64,
            body_bytes: Some(1 << at),
        };
        let route = ["a", "b", "c"][at % 3];
        let record = Record { observed, route, page: Some("/"), event: Some("view") };
        analytics.observe(time_ms, &record);
    }
}

pub(super) fn states() -> Vec<Vec<u8>> {
    let mut analytics = Analytics::new(small());
    let empty = analytics.to_bytes();
    work(&mut analytics);
    vec![empty, analytics.to_bytes()]
}

/// A state that is taken is written as it was read, and can be gone on with.
pub(super) fn state(data: &[u8]) {
    let bytes = sealed(data);
    let Ok(mut analytics) = Analytics::from_bytes(&bytes, small()) else { return };
    assert_eq!(analytics.to_bytes(), bytes);
    work(&mut analytics);
    assert!(analytics.routes().len() <= 2);
    let again = Analytics::from_bytes(&analytics.to_bytes(), small());
    assert!(again.is_ok(), "{:?}", again.err());
}
