//! Who is here, and what each one did while here: sessions of users, bounded in number and time.
//!
//! A session is the events of one user with no gap longer than `gap_ms` between them, and no
//! longer than `length_ms_max` in all. There are at most `users_max` at a time: when one more
//! comes, the session that has been idle for longest is ended. Whatever the reason ([`End`]), a
//! session that ends is given to the caller and added to the [`Totals`] of its reason, so events
//! of all ended and open sessions are all events that were taken.
//!
//! **Time** comes with each call: `now_ms` is the clock, `time_ms` when the event was. An event
//! from the future is taken if it is at most `future_ms_max` ahead, as of now; else it is refused.
//! An event from the past belongs to the user's open session if it is within the gap of it; else
//! it is too late and refused. Both are counted and told ([`Taken`]). A clock that is set back by
//! more than `future_ms_max` ends all sessions, since none of their times mean anything then.
//!
//! **Room**: [`Session`] and its place in the order of idleness, about 140 bytes per user in all,
//! measured by `kit/tests/analytics_room.rs`.

mod state;

use alloc::collections::{BTreeMap, BTreeSet};

use crate::behavior;
use crate::sketch::moments::Moments;
use crate::sketch::quantiles::Quantiles;

/// The most users that there can be at a time.
pub const USERS_MAX: usize = 1 << 20;
/// No time is longer than this: a year.
const MS_MAX: i64 = 366 * 86_400_000;

/// The bounds of sessions. What is out of range is clamped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionOptions {
    /// How long a user may be idle; 1 ms to a year.
    pub gap_ms: i64,
    /// How long a session can be; 1 ms to a year.
    pub length_ms_max: i64,
    /// How far ahead of the clock an event may be; 0 to a year.
    pub future_ms_max: i64,
    /// How many sessions are open at a time; 1 to [`USERS_MAX`].
    pub users_max: usize,
}

/// Half an hour of idleness, a day in all, a minute ahead, 10,000 users.
impl Default for SessionOptions {
    fn default() -> Self {
        SessionOptions {
            gap_ms: 30 * 60_000,
            length_ms_max: 86_400_000,
            future_ms_max: 60_000,
            users_max: 10_000,
        }
    }
}

impl SessionOptions {
    pub(crate) fn clamped(self) -> Self {
        SessionOptions {
            gap_ms: self.gap_ms.clamp(1, MS_MAX),
            length_ms_max: self.length_ms_max.clamp(1, MS_MAX),
            future_ms_max: self.future_ms_max.clamp(0, MS_MAX),
            users_max: self.users_max.clamp(1, USERS_MAX),
        }
    }
}

/// Something that a user did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// Who, as [`crate::privacy::Pseudonyms::name`] gives it.
    pub user: u64,
    /// When, in milliseconds since any epoch.
    pub time_ms: i64,
    /// The page that was viewed, as a hash of its name; `None` if the event is no view.
    pub page: Option<u64>,
    /// Whether it failed.
    pub failed: bool,
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It began a session.
    Began,
    /// It belongs to the session that is open.
    Joined,
    /// It is older than the open session by more than the gap, or than the clock is: refused.
    Late,
    /// It is too far ahead of the clock: refused.
    Future,
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The user was idle for longer than the gap.
    Gap,
    /// It became as long as a session can be.
    Length,
    /// Somebody else needed the room.
    Room,
    /// The clock was set back, or names changed with the day's salt.
    Clock,
}

/// All reasons, in the order of [`Sessions::totals`].
pub const ENDS: [End; 4] = [End::Gap, End::Length, End::Room, End::Clock];

/// What one user did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    /// Who.
    pub user: u64,
    /// The time of the first event.
    pub first_ms: i64,
    /// The time of the last one.
    pub last_ms: i64,
    /// How many events there were.
    pub events: u32,
    /// How many of them failed.
    pub failed: u32,
    /// How many of them were views of pages.
    pub views: u32,
    /// A bit for each of 64 classes of pages.
    pages: u64,
}

impl Session {
    fn new(event: &Event, time_ms: i64) -> Self {
        Session {
            user: event.user,
            first_ms: time_ms,
            last_ms: time_ms,
            events: 0,
            failed: 0,
            views: 0,
            pages: 0,
        }
    }

    fn add(&mut self, event: &Event, time_ms: i64) {
        self.first_ms = self.first_ms.min(time_ms);
        self.last_ms = self.last_ms.max(time_ms);
        self.events = self.events.saturating_add(1);
        self.failed = self.failed.saturating_add(u32::from(event.failed));
        if let Some(page) = event.page {
            self.views = self.views.saturating_add(1);
            self.pages |= 1 << (page >> 58);
        }
    }

    /// Milliseconds from the first to the last event.
    pub fn duration_ms(&self) -> i64 {
        self.last_ms.saturating_sub(self.first_ms)
    }

    /// How many different pages were viewed, about: by linear counting in 64 classes, whose
    /// standard error is 3 of 30 pages and 14 of 100; 266 are as many as can be told.
    pub fn pages(&self) -> f64 {
        // Full stands for half an empty class.
        let empty = f64::from(self.pages.count_zeros()).max(0.5);
        let pages = 64.0 * libm::log(64.0 / empty);
        pages.min(266.0).min(f64::from(self.views))
    }

    /// How unusual it is, from 0 to 1: [`behavior::session_score`].
    pub fn score(&self) -> f64 {
        behavior::session_score(self.events, self.duration_ms() as f64, self.failed)
    }
}

/// The sums of sessions that ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Totals {
    /// How many sessions there were.
    pub sessions: u64,
    /// Their events.
    pub events: u64,
    /// Events that failed.
    pub failed: u64,
    /// Views of pages.
    pub views: u64,
    /// Seconds from the first to the last event of each.
    pub duration_s: Moments,
    /// The same as a distribution, to 2 %.
    pub durations_s: Quantiles,
}

impl Default for Totals {
    fn default() -> Self {
        Totals {
            sessions: 0,
            events: 0,
            failed: 0,
            views: 0,
            duration_s: Moments::default(),
            durations_s: Quantiles::new(0.02, 256),
        }
    }
}

impl Totals {
    fn add(&mut self, session: &Session) {
        self.sessions = self.sessions.saturating_add(1);
        self.events = self.events.saturating_add(session.events.into());
        self.failed = self.failed.saturating_add(session.failed.into());
        self.views = self.views.saturating_add(session.views.into());
        let duration_s = session.duration_ms() as f64 / 1000.0;
        self.duration_s.insert(session.last_ms, duration_s);
        self.durations_s.insert(duration_s);
    }

    /// Adds those of `other`.
    pub fn merge(&mut self, other: &Totals) {
        self.sessions = self.sessions.saturating_add(other.sessions);
        self.events = self.events.saturating_add(other.events);
        self.failed = self.failed.saturating_add(other.failed);
        self.views = self.views.saturating_add(other.views);
        self.duration_s.merge(&other.duration_s);
        self.durations_s.merge(&other.durations_s);
    }
}

/// The sessions that are open, and the sums of those that ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Sessions {
    options: SessionOptions,
    open: BTreeMap<u64, Open>,
    /// When each was last heard of, by the clock; and who it was.
    idle: BTreeSet<(i64, u64)>,
    clock_ms: Option<i64>,
    totals: [Totals; ENDS.len()],
    late: u64,
    future: u64,
}

#[derive(Clone, Debug, PartialEq)]
struct Open {
    session: Session,
    heard_ms: i64,
}

impl Sessions {
    /// Nobody is here yet.
    pub fn new(options: SessionOptions) -> Self {
        Sessions {
            options: options.clamped(),
            open: BTreeMap::new(),
            idle: BTreeSet::new(),
            clock_ms: None,
            totals: core::array::from_fn(|_| Totals::default()),
            late: 0,
            future: 0,
        }
    }

    /// Takes an event; `ended` is given the sessions that end by it or by the clock.
    pub fn observe(
        &mut self,
        now_ms: i64,
        event: &Event,
        ended: &mut dyn FnMut(&Session, End),
    ) -> Taken {
        self.advance(now_ms, ended);
        if event.time_ms > now_ms.saturating_add(self.options.future_ms_max) {
            self.future = self.future.saturating_add(1);
            return Taken::Future;
        }
        let time_ms = event.time_ms.min(now_ms);
        let age_ms = now_ms.saturating_sub(time_ms);
        let Some(open) = self.open.get(&event.user) else {
            return if age_ms > self.options.gap_ms {
                self.refuse()
            } else {
                self.begin(now_ms, time_ms, event, ended)
            };
        };
        if time_ms < open.session.first_ms.saturating_sub(self.options.gap_ms) {
            return self.refuse();
        }
        let first_ms = open.session.first_ms.min(time_ms);
        let length_ms = open.session.last_ms.max(time_ms).saturating_sub(first_ms);
        if time_ms.saturating_sub(open.session.last_ms) > self.options.gap_ms {
            self.close(event.user, End::Gap, ended);
        } else if length_ms > self.options.length_ms_max {
            self.close(event.user, End::Length, ended);
        }
        self.begin(now_ms, time_ms, event, ended)
    }

    fn refuse(&mut self) -> Taken {
        self.late = self.late.saturating_add(1);
        Taken::Late
    }

    /// Adds the event to the user's session, which is opened if there is none.
    fn begin(
        &mut self,
        now_ms: i64,
        time_ms: i64,
        event: &Event,
        ended: &mut dyn FnMut(&Session, End),
    ) -> Taken {
        let user = event.user;
        if let Some(open) = self.open.get_mut(&user) {
            self.idle.remove(&(open.heard_ms, user));
            open.heard_ms = now_ms;
            open.session.add(event, time_ms);
            self.idle.insert((now_ms, user));
            return Taken::Joined;
        }
        while self.open.len() >= self.options.users_max
            && let Some((_, longest)) = self.idle.first().copied()
        {
            self.close(longest, End::Room, ended);
        }
        let mut session = Session::new(event, time_ms);
        session.add(event, time_ms);
        self.open.insert(user, Open { session, heard_ms: now_ms });
        self.idle.insert((now_ms, user));
        Taken::Began
    }

    /// Moves the clock, and ends the sessions of users that are idle for too long.
    pub fn advance(&mut self, now_ms: i64, ended: &mut dyn FnMut(&Session, End)) {
        let back = self
            .clock_ms
            .is_some_and(|clock_ms| now_ms < clock_ms.saturating_sub(self.options.future_ms_max));
        self.clock_ms = Some(now_ms);
        if back {
            return self.end_all(ended);
        }
        while let Some((heard_ms, user)) = self.idle.first().copied() {
            if now_ms.saturating_sub(heard_ms) <= self.options.gap_ms {
                break;
            }
            self.close(user, End::Gap, ended);
        }
    }

    /// Ends all sessions: when names change with the day's salt, none of them goes on.
    pub fn end_all(&mut self, ended: &mut dyn FnMut(&Session, End)) {
        while let Some((_, user)) = self.idle.first().copied() {
            self.close(user, End::Clock, ended);
        }
    }

    fn close(&mut self, user: u64, end: End, ended: &mut dyn FnMut(&Session, End)) {
        let Some(open) = self.open.remove(&user) else { return };
        self.idle.remove(&(open.heard_ms, user));
        self.totals[end as usize].add(&open.session);
        ended(&open.session, end);
    }

    /// The sessions that are open, in the order of their users.
    pub fn open(&self) -> impl ExactSizeIterator<Item = &Session> {
        self.open.values().map(|open| &open.session)
    }

    /// The session of a user that is open.
    pub fn of(&self, user: u64) -> Option<&Session> {
        self.open.get(&user).map(|open| &open.session)
    }

    /// Whether a user is here.
    pub fn is_open(&self, user: u64) -> bool {
        self.open.contains_key(&user)
    }

    /// The sums of the sessions that ended, by the reason: see [`ENDS`].
    pub fn totals(&self) -> impl Iterator<Item = (End, &Totals)> {
        ENDS.into_iter().zip(&self.totals)
    }

    /// How many events were refused because they came too late.
    pub fn late(&self) -> u64 {
        self.late
    }

    /// How many were refused because they came from the future.
    pub fn future(&self) -> u64 {
        self.future
    }
}

#[cfg(test)]
mod tests;
