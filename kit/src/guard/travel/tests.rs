use super::*;
use proptest::prelude::*;

const BERLIN: (f64, f64) = (52.52, 13.405);
const POTSDAM: (f64, f64) = (52.39, 13.06);
const HAMBURG: (f64, f64) = (53.55, 9.993);
const SYDNEY: (f64, f64) = (-33.868, 151.21);
const HOUR_MS: i64 = 3_600_000;

fn at((latitude, longitude): (f64, f64), time_ms: i64, network: u64) -> Sighting {
    Sighting { time_ms, point: Point { latitude, longitude, accuracy_km: 20.0 }, network }
}

fn seen(all: &[Sighting]) -> Sightings {
    let mut sightings = Sightings::default();
    all.iter().for_each(|one| sightings.add(*one));
    sightings
}

fn distance(one: (f64, f64), other: (f64, f64)) -> f64 {
    distance_km(&at(one, 0, 0).point, &at(other, 0, 0).point)
}

/// By Vincenty's formula on WGS 84: 16,089.1 km and 255.3 km; a quarter of a meridian has
/// 10,002 km.
#[test]
fn distances_are_those_of_the_globe() {
    for (one, other, expected_km) in [
        (BERLIN, SYDNEY, 16_089.0),
        (BERLIN, HAMBURG, 255.3),
        ((0.0, 0.0), (90.0, 77.0), 10_002.0),
        ((0.0, 179.5), (0.0, -179.5), 111.3),
        ((0.0, 0.0), (0.0, 180.0), 20_004.0),
        (BERLIN, BERLIN, 0.0),
    ] {
        let got_km = distance(one, other);
        assert!((got_km - expected_km).abs() <= expected_km * 0.006, "{one:?} {other:?} {got_km}");
    }
}

#[test]
fn nobody_flies_to_sydney_in_an_hour() {
    let user = seen(&[at(BERLIN, 0, 1)]);
    let travel = user.travel(&at(SYDNEY, HOUR_MS, 2)).expect("compared");
    assert!(travel.velocity_kmh > 15_000.0 && !travel.is_familiar, "{travel:?}");
    // With a day it is an airliner.
    let travel = user.travel(&at(SYDNEY, 24 * HOUR_MS, 2)).expect("compared");
    assert!((600.0..700.0).contains(&travel.velocity_kmh), "{travel:?}");
}

#[test]
fn what_is_not_exact_is_no_travel() {
    let user = seen(&[at(BERLIN, 0, 1)]);
    // Nearer than accuracy and slack.
    let near = user.travel(&at(POTSDAM, 1, 2)).expect("compared");
    assert_eq!((near.distance_km, near.velocity_kmh, near.is_familiar), (0.0, 0.0, true));
    // The database has moved the network.
    let moved = user.travel(&at(SYDNEY, 1, 1)).expect("compared");
    assert_eq!((moved.velocity_kmh, moved.is_familiar), (0.0, true));
    // In the same second it is as fast as in a minute, and not infinite.
    let fast = user.travel(&at(HAMBURG, 1, 2)).expect("compared");
    assert!((9_000.0..11_000.0).contains(&fast.velocity_kmh), "{fast:?}");
    // Who knows the country only, knows no place.
    let mut vague = at(SYDNEY, 1, 2);
    vague.point.accuracy_km = ACCURACY_KM_MAX;
    let travel = user.travel(&vague).expect("compared");
    assert!(travel.distance_km < 16_089.0 - ACCURACY_KM_MAX, "{travel:?}");
}

#[test]
fn a_clock_that_was_set_back_accuses_nobody() {
    let user = seen(&[at(BERLIN, 10 * HOUR_MS, 1)]);
    assert_eq!(user.travel(&at(SYDNEY, HOUR_MS, 2)), None, "nothing can be said");
    assert_eq!(user.travel(&at(SYDNEY, i64::MIN, 2)), None);
    let little = user.travel(&at(SYDNEY, 10 * HOUR_MS - 60_000, 2)).expect("counts as now");
    assert!(little.velocity_kmh > 900_000.0, "{little:?}");
    // And what was seen in the future does not stay for ever.
    let mut user = user;
    user.add(at(SYDNEY, HOUR_MS, 2));
    assert_eq!(user.seen().len(), 1);
    assert_eq!(user.travel(&at(BERLIN, HOUR_MS + AGE_MS_MAX + 1, 1)), None, "too old");
}

#[test]
fn places_are_kept_once_and_few() {
    let mut user = seen(&[at(BERLIN, 0, 1), at(HAMBURG, HOUR_MS, 2), at(BERLIN, 2 * HOUR_MS, 3)]);
    assert_eq!(user.seen().len(), 2);
    assert_eq!(user.seen()[0].time_ms, 2 * HOUR_MS);
    assert_eq!(user.seen()[0].point.latitude, 52.5, "no more than is needed");
    let back = user.travel(&at(HAMBURG, 3 * HOUR_MS, 4)).expect("compared");
    assert!(back.is_familiar && back.velocity_kmh > 100.0, "{back:?}");
    for step in 0..20 {
        user.add(at((0.0, f64::from(step) * 8.0), (3 + i64::from(step)) * HOUR_MS, 9));
    }
    assert_eq!(user.seen().len(), SIGHTINGS_MAX);
    for bad in [f64::NAN, f64::INFINITY, -91.0] {
        user.add(at((bad, 0.0), 30 * HOUR_MS, 9));
        assert!(!user.is_news(&at((bad, 0.0), 30 * HOUR_MS, 9), 0));
    }
    assert!(user.seen().iter().all(|seen| seen.point.latitude == 0.0));
}

#[test]
fn what_is_known_is_no_news() {
    let user = seen(&[at(BERLIN, 0, 1)]);
    assert!(!user.is_news(&at(BERLIN, 1_000, 1), HOUR_MS));
    assert!(user.is_news(&at(BERLIN, HOUR_MS, 1), HOUR_MS));
    assert!(user.is_news(&at(HAMBURG, 1_000, 1), HOUR_MS));
    assert!(Sightings::default().is_news(&at(BERLIN, 0, 1), HOUR_MS));
}

#[test]
fn damaged_bytes_are_an_error() {
    let bytes = seen(&[at(BERLIN, 0, 1), at(SYDNEY, HOUR_MS, 2)]).to_bytes();
    for end in 0..bytes.len() {
        assert!(Sightings::from_bytes(&bytes[..end]).is_err(), "{end}");
        let mut other = bytes.clone();
        other[end] ^= 0x10;
        assert!(Sightings::from_bytes(&other).is_err(), "{end}");
    }
}

proptest! {
    #[test]
    fn bytes_come_back(places: Vec<(i8, i8, i32)>) {
        let mut user = Sightings::default();
        let mut time_ms = 0;
        for (latitude, longitude, step_ms) in places {
            time_ms += i64::from(step_ms);
            user.add(at((f64::from(latitude) / 1.5, f64::from(longitude)), time_ms, 7));
        }
        prop_assert!(user.seen().len() <= SIGHTINGS_MAX);
        prop_assert_eq!(Sightings::from_bytes(&user.to_bytes()), Ok(user));
    }

    #[test]
    fn speeds_are_finite(a in -90.0..=90.0, b in -180.0..=180.0, c in -90.0..=90.0,
                         d in -180.0..=180.0, one: i64, other: i64) {
        let user = seen(&[at((a, b), one, 1)]);
        if let Some(travel) = user.travel(&at((c, d), other, 2)) {
            prop_assert!(travel.velocity_kmh >= 0.0 && travel.velocity_kmh.is_finite());
            prop_assert!((0.0..=20_100.0).contains(&travel.distance_km));
        }
    }
}
