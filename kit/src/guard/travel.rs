//! Where a user was seen, and how fast somebody would have had to travel from there.
//!
//! A place that was looked up by an address is not exact, so that three things are taken off
//! before anything is said of speed: both places' accuracy, [`SLACK_KM`] for what databases
//! move from one week to the next, and times are never shorter than [`TIME_MS_MIN`], since
//! two requests in the same second tell no speed. Two sightings in the same network are no
//! travel, whatever the database says of them. An address that hides its user (a VPN, a
//! proxy, a data center) has no place: neither is it compared, nor is it kept.
//!
//! **The clock** may have been set back: a sighting that is more than [`FUTURE_MS_MAX`] ahead
//! of it is forgotten, because nothing can be said of it; what is less ahead counts as now.
//!
//! **Which sightings are kept** is up to the caller, and matters: if those of requests that were
//! refused are kept, too, a thief far away locks out whom he has stolen from. Keep what was
//! allowed.
//!
//! At most [`SIGHTINGS_MAX`] places are kept, the newest first, for [`AGE_MS_MAX`]; coordinates
//! are rounded to a tenth of a degree, about 11 km, since no more is needed.

use super::facts::Point;
use crate::state::{Reader, StateError, seal, unseal};
use alloc::vec::Vec;

/// How many places of a user are kept.
pub const SIGHTINGS_MAX: usize = 8;
/// For how long: 30 days.
pub const AGE_MS_MAX: i64 = 30 * 86_400_000;
/// How far ahead of the clock a sighting may be: 5 minutes.
pub const FUTURE_MS_MAX: i64 = 5 * 60_000;
/// Two sightings are at least so far apart in time: a minute.
pub const TIME_MS_MIN: i64 = 60_000;
/// Distances shorter than this are none, beside what the accuracy takes off.
pub const SLACK_KM: f64 = 50.0;
/// Where nothing is known of a place's accuracy: that of a middling region. It is also the
/// largest that is believed; what is less exact has no place.
pub const ACCURACY_KM_MAX: f64 = 1_000.0;

/// The mean radius of the Earth (IUGG), in kilometers.
const EARTH_KM: f64 = 6_371.008_8;
const KIND: [u8; 4] = *b"sght";
const VERSION: u8 = 1;

/// A user at a place, at a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sighting {
    /// Milliseconds since 1970.
    pub time_ms: i64,
    /// Where.
    pub point: Point,
    /// Any number that is the same for the same network.
    pub network: u64,
}

/// What the places before say of this one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Travel {
    /// At least so far from the last one, after what is taken off.
    pub distance_km: f64,
    /// At least so fast.
    pub velocity_kmh: f64,
    /// Whether any of the places that are kept is as near as to be the same.
    pub is_familiar: bool,
}

/// Where a user was seen, the newest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sightings {
    seen: Vec<Sighting>,
}

impl Sightings {
    /// The places, the newest first.
    pub fn seen(&self) -> &[Sighting] {
        &self.seen
    }

    /// What they say of somebody who is seen now. `None` if there is none to compare with.
    pub fn travel(&self, now: &Sighting) -> Option<Travel> {
        let mut known = self.seen.iter().filter(|seen| counts(seen, now.time_ms)).peekable();
        let last = known.peek().copied()?;
        let distance_km = if last.network == now.network { 0.0 } else { apart_km(last, now) };
        let time_ms = now.time_ms.saturating_sub(last.time_ms).max(TIME_MS_MIN);
        Some(Travel {
            distance_km,
            velocity_kmh: distance_km / (time_ms as f64 / 3_600_000.0),
            is_familiar: known
                .any(|seen| seen.network == now.network || apart_km(seen, now) == 0.0),
        })
    }

    /// Keeps a place. The one that it replaces, because it is the same, is forgotten, and so
    /// are those that are too old or too far ahead of the clock.
    pub fn add(&mut self, now: Sighting) {
        if !is_place(&now.point) {
            return;
        }
        self.seen.retain(|seen| counts(seen, now.time_ms) && !is_same(seen, &now));
        self.seen.truncate(SIGHTINGS_MAX - 1);
        self.seen.insert(0, Sighting { point: rounded(now.point), ..now });
    }

    /// Whether keeping this place would say anything that is not known: another place, or
    /// the same after `ms`. What is kept is written to a disk, which is not to be done for
    /// every request.
    pub fn is_news(&self, now: &Sighting, ms: i64) -> bool {
        is_place(&now.point)
            && self.seen.first().is_none_or(|last| {
                !is_same(last, now) || now.time_ms.saturating_sub(last.time_ms).abs() >= ms
            })
    }

    /// As bytes, for [`Sightings::from_bytes`].
    pub fn to_bytes(&self) -> Vec<u8> {
        seal(KIND, VERSION, |out| {
            out.varint(self.seen.len() as u64);
            for Sighting { time_ms, point, network } in &self.seen {
                out.signed(*time_ms);
                out.f64(point.latitude);
                out.f64(point.longitude);
                out.f64(point.accuracy_km);
                out.u64(*network);
            }
        })
    }

    /// What [`Sightings::to_bytes`] gave.
    ///
    /// # Errors
    ///
    /// If the bytes are no sightings.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StateError> {
        unseal(bytes, KIND, VERSION, |input| {
            let count = input.varcount(SIGHTINGS_MAX)?;
            let seen = (0..count).map(|_| read(input)).collect::<Result<_, _>>()?;
            Ok(Sightings { seen })
        })
    }
}

fn read(input: &mut Reader) -> Result<Sighting, StateError> {
    Ok(Sighting {
        time_ms: input.signed()?,
        point: Point {
            latitude: input.f64_within(-90.0, 90.0)?,
            longitude: input.f64_within(-180.0, 180.0)?,
            accuracy_km: input.f64_within(0.0, ACCURACY_KM_MAX)?,
        },
        network: input.u64()?,
    })
}

/// Whether a point can be compared with others.
fn is_place(point: &Point) -> bool {
    (-90.0..=90.0).contains(&point.latitude)
        && (-180.0..=180.0).contains(&point.longitude)
        && (0.0..=ACCURACY_KM_MAX).contains(&point.accuracy_km)
}

fn counts(seen: &Sighting, now_ms: i64) -> bool {
    let age_ms = now_ms.saturating_sub(seen.time_ms);
    (-FUTURE_MS_MAX..=AGE_MS_MAX).contains(&age_ms)
}

fn is_same(one: &Sighting, other: &Sighting) -> bool {
    distance_km(&one.point, &other.point) <= SLACK_KM / 2.0
}

fn rounded(point: Point) -> Point {
    let tenth = |degrees: f64| libm::round(degrees * 10.0) / 10.0;
    Point { latitude: tenth(point.latitude), longitude: tenth(point.longitude), ..point }
}

/// How far two sightings are apart at least.
fn apart_km(one: &Sighting, other: &Sighting) -> f64 {
    let inexact_km = one.point.accuracy_km + other.point.accuracy_km + SLACK_KM;
    (distance_km(&one.point, &other.point) - inexact_km).max(0.0)
}

/// The distance on a great circle of a sphere, by the haversine formula, which is exact for
/// short distances, too. The Earth's flattening makes an error of 0.6 % at most.
pub fn distance_km(one: &Point, other: &Point) -> f64 {
    let half = |degrees: f64| libm::sin(degrees.to_radians() / 2.0);
    let (a, b) = (one.latitude.to_radians(), other.latitude.to_radians());
    let (north, east) =
        (half(other.latitude - one.latitude), half(other.longitude - one.longitude));
    let chord = north * north + libm::cos(a) * libm::cos(b) * east * east;
    // Rounding may make it a little more than 1 for antipodes.
    2.0 * EARTH_KM * libm::asin(libm::sqrt(chord.clamp(0.0, 1.0)))
}

#[cfg(test)]
mod tests;
