//! What happened on a node, per route and in all: counts, distinct users, latencies and sizes in
//! windows of a minute and an hour ([`window`]), sessions ([`crate::sessions`]), the most frequent
//! events, and alerts with a false-alarm rate that is stated ([`evidence`], [`watch`], [`users`]).
//!
//! **Time** comes with each call. [`Analytics::advance`] is to be called once a minute even if
//! nothing happens: what is not watched cannot be missed. Minutes that nobody called in for more
//! than [`PAUSE_MINUTES`] are a pause, of which nothing is judged.
//!
//! **Room** is bounded by the options, whatever comes: `kit/tests/analytics_room.rs` measures it.
//!
//! **Privacy**: users come as names that [`crate::privacy`] gave them; nothing here can be traced
//! to a person without the day's salt. When that changes, [`Analytics::new_day`] ends what was
//! known of each user. Windows count a user once for each day.

pub mod evidence;
pub mod users;
pub mod watch;
pub mod window;

mod state;

#[cfg(test)]
mod traffic;

use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::String;

use crate::alert::AlertLevel;
use crate::sessions::{Event, SessionOptions, Sessions, Taken};
use crate::sketch::frequent::{self, Frequent};
use crate::sketch::hash;
use users::{Excess, Users};
use watch::{CAUSES, Cause, Seen, Watch};
use window::{Observed, Ring};

/// Minutes without a call that are judged as such; more are a pause.
pub const PAUSE_MINUTES: i64 = 5;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 3_600_000;
const MINUTES_PER_DAY: f64 = 1440.0;

/// The bounds of what is kept. What is out of range is clamped.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AnalyticsOptions {
    /// The bounds of sessions, and of how far ahead of the clock a request may be.
    pub sessions: SessionOptions,
    /// Routes that are told apart; others are counted together. 0 to 1024.
    pub routes_max: usize,
    /// Windows of a minute that are kept; 1 to 1440.
    pub minutes: usize,
    /// Windows of an hour that are kept; 1 to 744.
    pub hours: usize,
    /// Names of events that are counted.
    pub names_max: usize,
    /// Alerts that are kept until they are taken; 1 to 4096.
    pub alerts_max: usize,
    /// False alarms that are accepted a day, of each cause of each route; 1e-6 to 1.
    pub false_alarms_per_day: f64,
    /// The same of all users together.
    pub user_false_alarms_per_day: f64,
}

/// 32 routes, an hour of minutes, a day of hours, 64 names, 256 alerts; one false alarm in a
/// hundred days for each cause of a route, and one in ten days for all users.
impl Default for AnalyticsOptions {
    fn default() -> Self {
        AnalyticsOptions {
            sessions: SessionOptions::default(),
            routes_max: 32,
            minutes: 60,
            hours: 24,
            names_max: 64,
            alerts_max: 256,
            false_alarms_per_day: 0.01,
            user_false_alarms_per_day: 0.1,
        }
    }
}

impl AnalyticsOptions {
    fn clamped(self) -> Self {
        // What is no number is the least: no alarm is better than one that was not asked for.
        let rate = |rate: f64| if rate > 1e-6 { rate.min(1.0) } else { 1e-6 };
        AnalyticsOptions {
            sessions: self.sessions.clamped(),
            routes_max: self.routes_max.min(1024),
            minutes: self.minutes.clamp(1, 1440),
            hours: self.hours.clamp(1, 744),
            alerts_max: self.alerts_max.clamp(1, 4096),
            false_alarms_per_day: rate(self.false_alarms_per_day),
            user_false_alarms_per_day: rate(self.user_false_alarms_per_day),
            ..self
        }
    }
}

/// A request, when it has been answered.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Record<'a> {
    /// What is counted of it.
    pub observed: Observed,
    /// The rule or function that answered; longer names are cut as those of events are.
    pub route: &'a str,
    /// The page that was viewed, if it was one; only a hash of it is kept.
    pub page: Option<&'a str>,
    /// The name of an event that it stands for.
    pub event: Option<&'a str>,
}

/// What an alert is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// All requests of the node.
    Node(Cause),
    /// A route.
    Route(String, Cause),
    /// All routes beyond those that are told apart.
    Others(Cause),
    /// A user, by the name of the day.
    User(u64, Excess),
}

/// A level that was raised or cleared.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// The end of the minute that was one too many, or one calm enough.
    pub time_ms: i64,
    /// What it is about.
    pub subject: Subject,
    /// The level now.
    pub level: AlertLevel,
    /// What that minute had, beside what was expected.
    pub seen: Seen,
}

/// What is known of a route.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// The last minutes.
    pub minutes: Ring,
    /// The last hours.
    pub hours: Ring,
    /// Its alerts.
    pub watch: Watch,
}

impl Series {
    fn new(options: &AnalyticsOptions) -> Self {
        Series {
            minutes: Ring::new(MINUTE_MS, options.minutes),
            hours: Ring::new(HOUR_MS, options.hours),
            watch: Watch::default(),
        }
    }

    /// Whether any window took the request.
    fn add(&mut self, request: &Observed) -> bool {
        let in_minutes = self.minutes.add(request);
        let taken = self.hours.add(request) || in_minutes;
        if taken {
            self.watch.add(request);
        }
        taken
    }
}

/// All that is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Analytics {
    options: AnalyticsOptions,
    node: Series,
    others: Series,
    routes: BTreeMap<String, Series>,
    events: Frequent,
    sessions: Sessions,
    users: Users,
    /// Minutes since the epoch, by the clock; none yet, or after a pause.
    minute: Option<i64>,
    /// Whether this minute has been watched from its beginning.
    whole: bool,
    alerts: VecDeque<Alert>,
    alerts_dropped: u64,
    late: u64,
    future: u64,
}

impl Analytics {
    /// Nothing is known yet.
    pub fn new(options: AnalyticsOptions) -> Self {
        let options = options.clamped();
        Analytics {
            options,
            node: Series::new(&options),
            others: Series::new(&options),
            routes: BTreeMap::new(),
            events: Frequent::new(options.names_max),
            sessions: Sessions::new(options.sessions),
            users: Users::default(),
            minute: None,
            whole: false,
            alerts: VecDeque::new(),
            alerts_dropped: 0,
            late: 0,
            future: 0,
        }
    }

    /// Takes a request; whether it was taken. One from too far ahead, or so late that no window
    /// has room for it, is counted as such and nowhere else.
    pub fn observe(&mut self, now_ms: i64, record: &Record) -> bool {
        self.advance(now_ms);
        let mut request = record.observed;
        if request.time_ms > now_ms.saturating_add(self.options.sessions.future_ms_max) {
            self.future = self.future.saturating_add(1);
            return false;
        }
        request.time_ms = request.time_ms.min(now_ms);
        if !self.node.add(&request) {
            self.late = self.late.saturating_add(1);
            return false;
        }
        self.series(record.route).add(&request);
        if let Some(name) = record.event {
            self.events.insert(name);
        }
        if let Some(user) = request.user {
            let failed = request.class() >= 4;
            let page = record.page.map(|page| hash::xxh64(page.as_bytes(), 0));
            self.act(now_ms, &Event { user, time_ms: request.time_ms, page, failed });
        }
        true
    }

    /// Takes an event that is no request: it counts for its name, if it has one, and for the
    /// user's session, and is in no window. What became of it; what is refused is counted by
    /// the sessions.
    pub fn happen(&mut self, now_ms: i64, event: &Event, name: Option<&str>) -> Taken {
        self.advance(now_ms);
        let taken = self.act(now_ms, event);
        if matches!(taken, Taken::Began | Taken::Joined) {
            name.into_iter().for_each(|name| self.events.insert(name));
        }
        taken
    }

    fn act(&mut self, now_ms: i64, event: &Event) -> Taken {
        let users = &mut self.users;
        let taken = self.sessions.observe(now_ms, event, &mut |one, _| users.remove(one.user));
        if matches!(taken, Taken::Began | Taken::Joined) {
            users.add(event.user, event.failed);
        }
        taken
    }

    /// Forgets the routes that are not `kept`, so that there is room for others.
    pub fn keep_routes(&mut self, kept: impl Fn(&str) -> bool) {
        self.routes.retain(|name, _| kept(name));
    }

    /// The series of a route, or of all others.
    fn series(&mut self, route: &str) -> &mut Series {
        let route = frequent::cut(route);
        if !self.routes.contains_key(route) {
            if self.routes.len() >= self.options.routes_max {
                return &mut self.others;
            }
            self.routes.insert(route.into(), Series::new(&self.options));
        }
        self.routes.get_mut(route).unwrap_or(&mut self.others)
    }

    /// Moves the clock: ends minutes, judges them, and forgets what is too old.
    pub fn advance(&mut self, now_ms: i64) {
        let users = &mut self.users;
        self.sessions.advance(now_ms, &mut |session, _| users.remove(session.user));
        let minute = now_ms.div_euclid(MINUTE_MS);
        let passed = self.minute.map(|last| minute.saturating_sub(last));
        match passed {
            // A clock that is corrected by less than a minute is no news.
            Some(-1 | 0) => return,
            Some(passed @ 1..=PAUSE_MINUTES) => {
                (minute - passed..minute).for_each(|ended| self.end_minute(ended));
            }
            _ => {
                self.each_series().for_each(|(_, series)| series.watch.pause());
                self.users.pause();
                self.whole = false;
            }
        }
        self.minute = Some(minute);
        for (_, series) in self.each_series() {
            series.minutes.advance(now_ms);
            series.hours.advance(now_ms);
        }
    }

    fn each_series(&mut self) -> impl Iterator<Item = (Whose<'_>, &mut Series)> {
        let routes = self.routes.iter_mut().map(|(name, series)| (Whose::Route(name), series));
        [(Whose::Node, &mut self.node), (Whose::Others, &mut self.others)].into_iter().chain(routes)
    }

    fn end_minute(&mut self, minute: i64) {
        let whole = core::mem::replace(&mut self.whole, true);
        let time_ms = minute.saturating_add(1).saturating_mul(MINUTE_MS);
        let threshold = MINUTES_PER_DAY / self.options.false_alarms_per_day;
        let mut alerts = core::mem::take(&mut self.alerts);
        for (whose, series) in self.each_series() {
            series.watch.end_minute(
                minute.div_euclid(60),
                whole,
                threshold,
                &mut |cause, level, seen| {
                    alerts.push_back(Alert { time_ms, subject: whose.subject(cause), level, seen });
                },
            );
        }
        let minutes = MINUTES_PER_DAY * self.options.sessions.users_max as f64 * 2.0;
        let threshold = minutes / self.options.user_false_alarms_per_day;
        self.users.end_minute(minute, threshold, &mut |user, excess, level, seen| {
            alerts.push_back(Alert { time_ms, subject: Subject::User(user, excess), level, seen });
        });
        let over = alerts.len().saturating_sub(self.options.alerts_max);
        alerts.drain(..over);
        self.alerts_dropped = self.alerts_dropped.saturating_add(over as u64);
        self.alerts = alerts;
    }

    /// Ends all that is known of each user: call it when the day's salt changes.
    pub fn new_day(&mut self) {
        self.sessions.end_all(&mut |_, _| {});
        self.users.clear();
    }

    /// Gives out the alerts since the last call, in the order of time.
    pub fn take_alerts(&mut self) -> impl Iterator<Item = Alert> {
        core::mem::take(&mut self.alerts).into_iter()
    }

    /// How many alerts were dropped because nobody took them, the oldest first.
    pub fn alerts_dropped(&self) -> u64 {
        self.alerts_dropped
    }

    /// What is above its usual level now.
    pub fn raised(&self) -> impl Iterator<Item = (Subject, AlertLevel)> {
        let routes = self.routes.iter().map(|(name, series)| (Whose::Route(name), series));
        let all = [(Whose::Node, &self.node), (Whose::Others, &self.others)];
        all.into_iter()
            .chain(routes)
            .flat_map(|(whose, series)| {
                CAUSES.map(|cause| (whose.subject(cause), series.watch.level(cause)))
            })
            .filter(|(_, level)| *level > AlertLevel::Normal)
    }

    /// All requests.
    pub fn node(&self) -> &Series {
        &self.node
    }

    /// Those of routes that are not told apart.
    pub fn others(&self) -> &Series {
        &self.others
    }

    /// The routes, in the order of their names.
    pub fn routes(&self) -> impl ExactSizeIterator<Item = (&str, &Series)> {
        self.routes.iter().map(|(name, series)| (name.as_str(), series))
    }

    /// The most frequent events.
    pub fn events(&self) -> &Frequent {
        &self.events
    }

    /// Who is here.
    pub fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// How many requests were refused because they came too late.
    pub fn late(&self) -> u64 {
        self.late
    }

    /// How many were refused because they came from the future.
    pub fn future(&self) -> u64 {
        self.future
    }
}

/// Whose series it is.
#[derive(Clone, Copy)]
enum Whose<'a> {
    Node,
    Others,
    Route(&'a str),
}

impl Whose<'_> {
    fn subject(self, cause: Cause) -> Subject {
        match self {
            Whose::Node => Subject::Node(cause),
            Whose::Others => Subject::Others(cause),
            Whose::Route(name) => Subject::Route(name.into(), cause),
        }
    }
}

#[cfg(test)]
mod tests;
