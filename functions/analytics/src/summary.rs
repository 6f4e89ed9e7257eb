//! What was counted of some time, as an answer to a question.

use std::collections::BTreeMap;

use sedge_kit::analytics::window::{Ring, Window};
use sedge_kit::sketch::moments::Moments;
use sedge_kit::sketch::quantiles::Quantiles;
use serde::Serialize;

use crate::alerts::{About, Told};
use crate::query::{Question, Range};
use crate::vault::{Vault, VaultError};
use crate::view::{HOUR_MS, MINUTE_MS, Named, Refused, Rings, Sessions, View};

/// The answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// Until when all was counted, milliseconds since 1970.
    pub as_of_ms: i64,
    /// The class of paths; `None`: all requests.
    pub route: Option<String>,
    /// As it was asked for.
    pub range: String,
    /// The time that it speaks of, as windows have it.
    pub from_ms: i64,
    /// See `from_ms`.
    pub to_ms: i64,
    /// All of it.
    #[serde(flatten)]
    pub all: Figures,
    /// Window by window.
    pub points: Vec<Point>,
    /// Each class of paths in this time.
    pub routes: BTreeMap<String, Figures>,
    /// The most frequent events, since the beginning.
    pub events: Vec<Named>,
    /// Sessions, since the beginning.
    pub sessions: Sessions,
    /// What is above its usual level now.
    pub raised: Vec<Raised>,
    /// The last alerts.
    pub alerts: Vec<Told>,
    /// What was not counted.
    pub refused: Refused,
}

/// Something that is above its usual level.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Raised {
    /// What.
    #[serde(flatten)]
    pub about: About,
    /// `warning` or `critical`.
    pub level: String,
}

/// What came in some time.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Figures {
    /// Requests.
    pub requests: u64,
    /// The same by the class of their status: `2xx`; `none` is no status code.
    pub classes: BTreeMap<&'static str, u64>,
    /// The share of 5xx.
    pub errors: f64,
    /// Different users, about.
    pub users: u64,
    /// Milliseconds to the head of the answer.
    pub latency_ms: Spread,
    /// Bytes of answers that say how many they have.
    pub size_bytes: Spread,
}

/// How something is distributed; all absent if there was nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Spread {
    /// How many there were.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
    /// The mean.
    pub mean: Option<f64>,
    /// Half of them were less; to 2 %.
    pub p50: Option<f64>,
    /// 90 % were less.
    pub p90: Option<f64>,
    /// 99 % were less.
    pub p99: Option<f64>,
    /// The largest.
    pub max: Option<f64>,
}

/// One window.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Point {
    /// When it began.
    pub from_ms: i64,
    /// Requests.
    pub requests: u64,
    /// Those with 5xx.
    pub failed: u64,
    /// Different users, about.
    pub users: u64,
    /// Half of the answers were sooner.
    pub p50_ms: Option<f64>,
    /// 99 % were.
    pub p99_ms: Option<f64>,
}

/// Names of [`Window::classes`].
pub const CLASS_NAMES: [&str; 6] = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"];

impl Figures {
    /// Those of a window.
    pub fn of(window: &Window) -> Self {
        let requests = window.requests();
        let classes = CLASS_NAMES.into_iter().zip(window.classes).filter(|(_, count)| *count > 0);
        Figures {
            requests,
            classes: classes.collect(),
            errors: window.classes[5] as f64 / requests.max(1) as f64,
            users: users(window),
            latency_ms: Spread::of(&window.latency_ms, &window.latencies_ms),
            size_bytes: Spread::of(&window.size_bytes, &window.sizes_bytes),
        }
    }
}

/// Half a user is none.
fn users(window: &Window) -> u64 {
    window.users.estimate().round_ties_even() as u64
}

impl Spread {
    fn of(moments: &Moments, quantiles: &Quantiles) -> Self {
        Spread {
            count: moments.count(),
            sum: moments.sum(),
            mean: moments.mean(),
            p50: quantiles.quantile(0.5),
            p90: quantiles.quantile(0.9),
            p99: quantiles.quantile(0.99),
            max: quantiles.max(),
        }
    }
}

/// The windows that a range speaks of: how long each is, when the first begins, and when the
/// last ends.
fn bounds(range: Range, now_ms: i64) -> (i64, i64, i64) {
    let (length_ms, count) = match range {
        Range::Minutes(count) => (MINUTE_MS, count),
        Range::Hours(count) => (HOUR_MS, count),
    };
    let to_ms = (now_ms.div_euclid(length_ms) + 1) * length_ms;
    (length_ms, to_ms - i64::from(count) * length_ms, to_ms)
}

fn ring(rings: &Rings, range: Range) -> &Ring {
    match range {
        Range::Minutes(_) => &rings.minutes,
        Range::Hours(_) => &rings.hours,
    }
}

impl Summary {
    /// The answer at `now_ms`; `None`: nothing was counted yet.
    ///
    /// # Errors
    /// What was counted cannot be read.
    pub fn of(
        vault: &dyn Vault,
        question: &Question,
        now_ms: i64,
    ) -> Result<Option<Self>, VaultError> {
        let Some(view) = View::read(vault)? else { return Ok(None) };
        let (length_ms, from_ms, to_ms) = bounds(question.range, now_ms);
        let asked = Rings::read(vault, question.route.as_deref())?;
        let asked = ring(&asked, question.range);
        let mut routes = BTreeMap::new();
        for route in view.totals.keys() {
            let rings = Rings::read(vault, Some(route))?;
            let window = ring(&rings, question.range).span(from_ms, to_ms);
            routes.insert(route.clone(), Figures::of(&window));
        }
        let windows: BTreeMap<i64, &Window> = asked.windows().collect();
        let points = (from_ms..to_ms).step_by(length_ms.unsigned_abs() as usize);
        let raised = view.raised.into_iter().map(|(about, level)| Raised { about, level });
        Ok(Some(Summary {
            as_of_ms: view.as_of_ms,
            route: question.route.clone(),
            range: question.range.shown(),
            from_ms,
            to_ms,
            all: Figures::of(&asked.span(from_ms, to_ms)),
            points: points.map(|from_ms| Point::of(from_ms, windows.get(&from_ms))).collect(),
            routes,
            events: view.events,
            sessions: view.sessions,
            raised: raised.collect(),
            alerts: view.alerts,
            refused: view.refused,
        }))
    }

    /// As JSON.
    pub fn to_json(&self) -> Vec<u8> {
        // Strings and finite numbers always can be written.
        let mut json = serde_json::to_vec_pretty(self).unwrap_or_default();
        json.push(b'\n');
        json
    }
}

impl Point {
    fn of(from_ms: i64, window: Option<&&Window>) -> Self {
        Point {
            from_ms,
            requests: window.map_or(0, |window| window.requests()),
            failed: window.map_or(0, |window| window.classes[5]),
            users: window.map_or(0, |window| users(window)),
            p50_ms: window.and_then(|window| window.latencies_ms.quantile(0.5)),
            p99_ms: window.and_then(|window| window.latencies_ms.quantile(0.99)),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::counted::tests::NOON_MS;
    use crate::vault::tests::Memory;
    use crate::view::tests::vault;

    pub(crate) fn asked(route: Option<&str>, range: Range) -> Summary {
        let question = Question { route: route.map(str::to_owned), range };
        Summary::of(&vault(), &question, NOON_MS).expect("readable").expect("something")
    }

    #[test]
    fn what_cannot_be_read_is_an_error_and_nothing_is_nothing() {
        let question = Question { route: Some("shop".into()), range: Range::Minutes(5) };
        assert_eq!(Summary::of(&Memory::default(), &question, NOON_MS), Ok(None));
        for key in ["view", "rings/shop", "rings/api"] {
            let vault = vault();
            vault.set(key, b"bad").expect("set");
            assert!(Summary::of(&vault, &question, NOON_MS).is_err(), "{key}");
        }
    }

    #[test]
    fn a_range_is_whole_windows_with_the_last_one() {
        assert_eq!(bounds(Range::Minutes(5), 599_999), (60_000, 300_000, 600_000));
        assert_eq!(bounds(Range::Minutes(5), 600_000), (60_000, 360_000, 660_000));
        assert_eq!(bounds(Range::Hours(24), 0), (HOUR_MS, -23 * HOUR_MS, HOUR_MS));
    }

    #[test]
    fn the_answer_is_what_was_counted() {
        let all = asked(None, Range::Minutes(60));
        assert_eq!((all.all.requests, all.points.len()), (31, 60));
        assert_eq!(all.points.iter().map(|point| point.requests).sum::<u64>(), 31);
        assert_eq!(all.all.classes, BTreeMap::from([("2xx", 27), ("4xx", 1), ("5xx", 3)]));
        assert_eq!(all.routes["shop"].requests, 30);
        let few = asked(Some("shop"), Range::Minutes(1));
        // At noon; half a minute before is another window.
        assert_eq!((few.all.requests, few.all.errors), (1, 1.0));
        let shop = asked(Some("shop"), Range::Hours(24));
        assert_eq!((shop.all.requests, shop.all.users), (30, 30));
        let half = shop.all.latency_ms.p50.expect("a median");
        assert!((13.7..=15.0).contains(&half), "{half}");
        assert_eq!((shop.all.size_bytes.count, shop.all.size_bytes.sum), (27, 13_500.0));
        assert_eq!(asked(Some("other"), Range::Hours(1)).all, Figures::default());
        let json: serde_json::Value = serde_json::from_slice(&shop.to_json()).expect("JSON");
        assert_eq!(json["requests"], 30);
        assert_eq!(json["latency_ms"]["count"], 30);
    }
}
