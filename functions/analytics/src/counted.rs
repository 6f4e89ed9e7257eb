//! What was counted so far: the kit's analytics, and what it does not keep.
//!
//! It is a function of the records in the log and of the clock that was read with each batch of
//! them, and of nothing else, so that whoever reads a snapshot and takes the batches since comes
//! to the same bytes.
//!
//! **Time** is that of the log: a record says what the node's clock was. Batches that were left
//! behind by a node that was off are counted where they belong, and only a record that says that
//! a minute has passed can set the clock back.

use std::collections::{BTreeMap, VecDeque};

use sedge_kit::analytics::window::{CLASSES, Observed};
use sedge_kit::analytics::{Analytics, AnalyticsOptions, Record as Counts};
use sedge_kit::sessions::Event as Act;
use sedge_kit::state::StateError;
use serde::{Deserialize, Serialize};

use crate::alerts::Told;
use crate::person::DAY_MS;
use crate::record::{Event, Record, Request, What};
use crate::routes::Routes;

/// The name of an event that a view of a page stands for.
pub const PAGE_VIEW: &str = "page_view";
/// Alerts that are remembered.
const RECENT_MAX: usize = 64;
/// How far a record's clock may be before the node's.
const AHEAD_MS_MAX: i64 = 60_000;
/// How far a clock is set back before that is news.
const SET_BACK_MS_MIN: i64 = 120_000;
/// What is slower counts as that.
const LATENCY_US_MAX: u64 = 86_400_000_000;

/// What was counted since the beginning.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Total {
    /// Requests by the class of their status; the first are those of none.
    pub classes: [u64; CLASSES],
    /// The sum of their latencies in microseconds.
    pub latency_us: u64,
    /// The bytes of answers that said how many they are.
    pub size_bytes: u64,
    /// How many those are.
    pub sized: u64,
}

impl Total {
    fn add(&mut self, class: usize, latency_us: u64, size_bytes: Option<u64>) {
        self.classes[class] += 1;
        self.latency_us = self.latency_us.saturating_add(latency_us);
        if let Some(size_bytes) = size_bytes {
            self.size_bytes = self.size_bytes.saturating_add(size_bytes);
            self.sized += 1;
        }
    }

    /// All requests.
    pub fn requests(&self) -> u64 {
        self.classes.iter().sum()
    }
}

/// What the kit does not keep.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Beside {
    /// The log's clock, milliseconds since 1970; 0 before the first record.
    pub clock_ms: i64,
    /// The classes of paths.
    pub totals: BTreeMap<String, Total>,
    /// Records that were none.
    pub malformed: u64,
    /// Events of nobody.
    pub nobodys: u64,
    /// The last alerts, the newest last.
    pub recent: VecDeque<Told>,
}

/// What was counted so far.
#[derive(Clone, Debug, PartialEq)]
pub struct Counted {
    /// In windows, sessions and alerts.
    pub analytics: Analytics,
    /// What is not in those.
    pub beside: Beside,
}

impl Counted {
    /// Nothing yet.
    pub fn new(options: AnalyticsOptions) -> Self {
        Counted { analytics: Analytics::new(options), beside: Beside::default() }
    }

    /// Takes what a batch brought, in its order; `wall_ms` is the node's clock. The alerts that
    /// were raised or cleared by it.
    pub fn take<'a>(
        &mut self,
        wall_ms: i64,
        payloads: impl IntoIterator<Item = &'a [u8]>,
        routes: &Routes,
    ) -> Vec<Told> {
        for payload in payloads {
            match Record::read(payload) {
                Some(record) => self.one(wall_ms, &record, routes),
                None => self.beside.malformed += 1,
            }
        }
        let told: Vec<_> = self.analytics.take_alerts().map(|alert| Told::of(&alert)).collect();
        self.beside.recent.extend(told.iter().cloned());
        let over = self.beside.recent.len().saturating_sub(RECENT_MAX);
        self.beside.recent.drain(..over);
        told
    }

    fn one(&mut self, wall_ms: i64, record: &Record, routes: &Routes) {
        let said_ms = record.clock_ms;
        self.move_clock(said_ms.min(wall_ms.saturating_add(AHEAD_MS_MAX)), &record.what);
        let now_ms = self.beside.clock_ms;
        match &record.what {
            What::Request(request) => self.request(now_ms, said_ms, request, routes),
            What::Event(event) => self.event(now_ms, said_ms, event),
            What::Minute => self.analytics.advance(now_ms),
        }
    }

    fn move_clock(&mut self, said_ms: i64, what: &What) {
        let clock_ms = self.beside.clock_ms;
        let is_back = *what == What::Minute && said_ms < clock_ms - SET_BACK_MS_MIN;
        if said_ms <= clock_ms && !is_back {
            return;
        }
        // Names are others from midnight on.
        if clock_ms > 0 && said_ms.div_euclid(DAY_MS) != clock_ms.div_euclid(DAY_MS) {
            self.analytics.new_day();
        }
        self.beside.clock_ms = said_ms;
    }

    fn request(&mut self, now_ms: i64, said_ms: i64, request: &Request, routes: &Routes) {
        let latency_us = request.latency_us.min(LATENCY_US_MAX);
        let observed = Observed {
            time_ms: said_ms,
            user: request.user,
            status: request.status,
            latency_ms: latency_us as f64 / 1_000.0,
            body_bytes: request.size_bytes,
        };
        // The kit takes any text for a page, and keeps one of 64 classes of it.
        let page = request.page.map(|page| format!("{page:016x}"));
        // Whoever writes to the topic cannot make classes.
        let route = routes.named(request.route);
        let event = page.is_some().then_some(PAGE_VIEW);
        let counts = Counts { observed, route, page: page.as_deref(), event };
        if self.analytics.observe(now_ms, &counts) {
            let total = self.beside.totals.entry(route.to_owned()).or_default();
            total.add(observed.class(), latency_us, request.size_bytes);
        }
    }

    fn event(&mut self, now_ms: i64, said_ms: i64, event: &Event) {
        let Some(user) = event.user else {
            self.beside.nobodys += 1;
            return;
        };
        let time_ms = said_ms.saturating_sub(event.ago_ms);
        let act = Act { user, time_ms, page: event.page, failed: event.failed };
        self.analytics.happen(now_ms, &act, Some(event.name));
    }

    /// As bytes, for [`Counted::from_bytes`].
    pub fn to_bytes(&self) -> Vec<u8> {
        // Strings and finite numbers always can be written.
        let beside = serde_json::to_vec(&self.beside).unwrap_or_default();
        let analytics = self.analytics.to_bytes();
        let mut out = Vec::with_capacity(4 + beside.len() + analytics.len());
        out.extend((beside.len() as u32).to_le_bytes());
        out.extend(beside);
        out.extend(analytics);
        out
    }

    /// What [`Counted::to_bytes`] gave. Routes that are no more make room for others.
    ///
    /// # Errors
    /// They are not such bytes, or were written with other bounds.
    pub fn from_bytes(
        bytes: &[u8],
        options: AnalyticsOptions,
        routes: &Routes,
    ) -> Result<Self, StateError> {
        let (length, rest) = bytes.split_first_chunk().ok_or(StateError::Short)?;
        let length = u32::from_le_bytes(*length) as usize;
        let (beside, analytics) = rest.split_at_checked(length).ok_or(StateError::Short)?;
        let mut beside: Beside = serde_json::from_slice(beside).map_err(|_| StateError::Value)?;
        let mut analytics = Analytics::from_bytes(analytics, options)?;
        let is_kept = |name: &str| routes.named(name) == name;
        analytics.keep_routes(is_kept);
        beside.totals.retain(|name, _| is_kept(name));
        Ok(Counted { analytics, beside })
    }
}

#[cfg(test)]
pub(crate) mod tests;
