//! What others may ask for, as it lies in the node's key-value store: aggregates, and nothing of
//! anybody. The consumer writes it now and then; whoever is asked reads it.

use std::collections::BTreeMap;

use sedge_kit::analytics::Series;
use sedge_kit::analytics::window::Ring;
use sedge_kit::sessions::End;
use serde::{Deserialize, Serialize};

use crate::alerts::{About, Told, raised};
use crate::counted::{Counted, Total};
use crate::record::{Reader, varint};
use crate::vault::{Vault, VaultError};

/// The key of [`View`].
pub const KEY: &str = "view";
const VERSION: u32 = 1;
/// Names of events that are shown.
const EVENTS_MAX: usize = 20;
/// The most windows that there can be.
const WINDOWS_MAX: usize = 1_440;

/// All but the windows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct View {
    version: u32,
    /// The log's clock when it was written, milliseconds since 1970.
    pub as_of_ms: i64,
    /// Since the beginning, by the class of paths.
    pub totals: BTreeMap<String, Total>,
    /// What is above its usual level now, and the level; nothing of users.
    pub raised: Vec<(About, String)>,
    /// The last alerts, the newest last; of users without their names.
    pub alerts: Vec<Told>,
    /// The most frequent events.
    pub events: Vec<Named>,
    /// All events.
    pub events_total: u64,
    /// Sessions.
    pub sessions: Sessions,
    /// What was not counted.
    pub refused: Refused,
}

/// How often something of a name was there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// The name.
    pub name: String,
    /// How often, or less by at most `over`.
    pub count: u64,
    /// By how much it may be too high.
    pub over: u64,
}

/// Sessions, by what became of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sessions {
    /// Those that go on.
    pub open: u64,
    /// Open ones that are most unlike a person's: scores of 0.8 and more.
    pub unusual: u64,
    /// Those that ended, by the reason.
    pub ended: BTreeMap<String, u64>,
    /// Of those that ended: events, failures, views and seconds, all together.
    pub events: u64,
    /// See `events`.
    pub failed: u64,
    /// See `events`.
    pub views: u64,
    /// See `events`.
    pub duration_s: f64,
    /// Half of them were shorter, in seconds; `None`: there are none.
    pub median_s: Option<f64>,
}

/// What was not counted, by the reason.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Older than all windows.
    pub late: u64,
    /// From the future.
    pub future: u64,
    /// No records.
    pub malformed: u64,
    /// Events of nobody.
    pub nobody: u64,
    /// Events that no session was open for any longer.
    pub late_events: u64,
}

/// From which score on a session is unusual, as in the seed of this platform.
pub const UNUSUAL_SCORE: f64 = 0.8;

impl View {
    /// What may be shown of what was counted.
    pub fn of(counted: &Counted) -> Self {
        let (analytics, beside) = (&counted.analytics, &counted.beside);
        let raised = analytics.raised().map(|(subject, level)| raised(&subject, level)).collect();
        let events = analytics.events().top().into_iter().take(EVENTS_MAX);
        let events = events.map(|(name, count)| {
            let (count, over) = (count.count, count.error);
            Named { name: name.to_owned(), count, over }
        });
        let nameless = |told: &Told| {
            let mut told = told.clone();
            if told.about.subject == "user" {
                told.about.name = None;
            }
            told
        };
        View {
            version: VERSION,
            as_of_ms: beside.clock_ms,
            totals: beside.totals.clone(),
            raised,
            alerts: beside.recent.iter().map(nameless).collect(),
            events: events.collect(),
            events_total: analytics.events().total(),
            sessions: Sessions::of(analytics.sessions()),
            refused: Refused {
                late: analytics.late(),
                future: analytics.future(),
                malformed: beside.malformed,
                nobody: beside.nobodys,
                late_events: analytics.sessions().late(),
            },
        }
    }

    /// As it is kept.
    pub fn to_json(&self) -> Vec<u8> {
        // Strings and finite numbers always can be written.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// What is kept; `None`: nothing was counted yet.
    ///
    /// # Errors
    /// The store does not give it, or it is of another version.
    pub fn read(vault: &dyn Vault) -> Result<Option<Self>, VaultError> {
        let Some(bytes) = vault.get(KEY)? else { return Ok(None) };
        match serde_json::from_slice::<View>(&bytes) {
            Ok(view) if view.version == VERSION => Ok(Some(view)),
            _ => Err(VaultError(format!("{KEY} is not understood"))),
        }
    }
}

impl Sessions {
    fn of(sessions: &sedge_kit::sessions::Sessions) -> Self {
        let mut all = Sessions { open: sessions.open().len() as u64, ..Sessions::default() };
        let unusual = sessions.open().filter(|session| session.score() >= UNUSUAL_SCORE);
        all.unusual = unusual.count() as u64;
        let mut every = sedge_kit::sessions::Totals::default();
        for (end, totals) in sessions.totals() {
            all.ended.insert(named(end).to_owned(), totals.sessions);
            every.merge(totals);
        }
        (all.events, all.failed, all.views) = (every.events, every.failed, every.views);
        all.duration_s = every.duration_s.sum();
        all.median_s = every.durations_s.quantile(0.5);
        all
    }
}

fn named(end: End) -> &'static str {
    match end {
        End::Gap => "idle",
        End::Length => "length",
        End::Room => "room",
        End::Clock => "day",
    }
}

/// The windows of one class of paths, or of all requests.
#[derive(Clone, Debug, PartialEq)]
pub struct Rings {
    /// Of a minute.
    pub minutes: Ring,
    /// Of an hour.
    pub hours: Ring,
}

/// The key of the windows of a class; `None`: of all requests.
pub fn rings_key(route: Option<&str>) -> String {
    match route {
        None => "rings".to_owned(),
        Some(route) => format!("rings/{route}"),
    }
}

/// The windows of a series, as they are kept.
pub fn rings_bytes(series: &Series) -> Vec<u8> {
    let (minutes, hours) = (series.minutes.to_bytes(), series.hours.to_bytes());
    let mut out = Vec::with_capacity(minutes.len() + hours.len() + 8);
    varint(&mut out, minutes.len() as u64);
    out.extend(minutes);
    out.extend(hours);
    out
}

impl Rings {
    /// Nothing.
    pub fn empty() -> Self {
        let ring = |length_ms| Ring::new(length_ms, WINDOWS_MAX);
        Rings { minutes: ring(MINUTE_MS), hours: ring(HOUR_MS) }
    }

    /// The windows of a class, or of all requests; nothing, if there are none yet.
    ///
    /// # Errors
    /// The store does not give them, or they are damaged.
    pub fn read(vault: &dyn Vault, route: Option<&str>) -> Result<Self, VaultError> {
        let key = rings_key(route);
        let Some(bytes) = vault.get(&key)? else { return Ok(Rings::empty()) };
        Rings::from_bytes(&bytes).ok_or_else(|| VaultError(format!("{key} is damaged")))
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut input = Reader(bytes);
        let count = usize::try_from(input.varint()?).ok()?;
        let minutes = Ring::from_bytes(input.bytes(count)?, MINUTE_MS, WINDOWS_MAX).ok()?;
        let hours = Ring::from_bytes(input.0, HOUR_MS, WINDOWS_MAX).ok()?;
        Some(Rings { minutes, hours })
    }
}

/// A minute in milliseconds.
pub const MINUTE_MS: i64 = 60_000;
/// An hour in milliseconds.
pub const HOUR_MS: i64 = 3_600_000;

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::counted::tests::{NOON_MS, minute, options, request, routes};
    use crate::vault::tests::Memory;

    /// A few requests of two classes, shown.
    pub(crate) fn vault() -> Memory {
        let mut counted = Counted::new(options());
        let mut batch = vec![minute(NOON_MS), vec![7]];
        for user in 0..30 {
            let time_ms = NOON_MS - i64::from(user as u32) * 30_000;
            batch.push(request(time_ms, user, "shop", if user % 10 == 0 { 500 } else { 200 }));
        }
        batch.push(request(NOON_MS, 7, "api", 404));
        counted.take(NOON_MS, batch.iter().map(|record| &record[..]), &routes());
        let vault = Memory::default();
        vault.set(KEY, &View::of(&counted).to_json()).expect("set");
        vault.set(&rings_key(None), &rings_bytes(counted.analytics.node())).expect("set");
        for (name, series) in counted.analytics.routes() {
            vault.set(&rings_key(Some(name)), &rings_bytes(series)).expect("set");
        }
        vault
    }

    #[test]
    fn what_is_damaged_or_of_another_version_is_an_error() {
        let vault = Memory::default();
        assert_eq!(View::read(&vault), Ok(None));
        assert_eq!(Rings::read(&vault, None), Ok(Rings::empty()));
        for bad in [&b""[..], b"{}", br#"{"version":2}"#, b"\xFF"] {
            vault.set(KEY, bad).expect("set");
            assert!(View::read(&vault).is_err());
        }
        for bad in [&b""[..], b"\x05ring", b"\xFF\xFF", &[0x80; 11]] {
            vault.set("rings/shop", bad).expect("set");
            assert!(Rings::read(&vault, Some("shop")).is_err());
        }
        let good = self::vault();
        let bytes = good.get("rings").expect("a store").expect("windows");
        for at in 0..bytes.len() {
            let mut odd = bytes.clone();
            odd[at] ^= 0x10;
            assert_eq!(Rings::from_bytes(&odd), None, "{at}");
            assert_eq!(Rings::from_bytes(&bytes[..at]), None, "{at} bytes");
        }
    }

    #[test]
    fn what_is_shown_is_what_was_counted() {
        let vault = vault();
        let view = View::read(&vault).expect("a view").expect("something");
        assert_eq!((view.as_of_ms, view.refused.malformed), (NOON_MS, 1));
        assert_eq!(view.totals["shop"].requests(), 30);
        assert_eq!((view.sessions.open, view.events_total), (30, 27));
        let all = Rings::read(&vault, None).expect("windows");
        assert_eq!(all.minutes.span(i64::MIN, i64::MAX).requests(), 31);
        let shop = Rings::read(&vault, Some("shop")).expect("windows");
        assert_eq!(shop.hours.span(i64::MIN, i64::MAX).classes[5], 3);
    }
}
