//! Alerts of users: far more requests, or far more failed ones, than they used to make and than
//! nearly everybody makes.
//!
//! The minutes in which a user did something are compared with both. It is *well*, and thus no
//! reason for an alert, if the mean number of requests in such a minute is at most the largest of:
//! three times what was usual for this user, four times what 99 % of all users' minutes had at
//! most (of today and yesterday), and a floor. Until a thousand minutes of users have shown what
//! everybody does, nobody is judged. Around that mean it may wobble by 70 %.
//!
//! The threshold is for all users together: as many minutes as all of them can be active in a
//! day, divided by the false alarms that are accepted in a day.

use alloc::collections::BTreeMap;

use super::evidence;
use super::watch::{Seen, Signal};
use crate::alert::AlertLevel;
use crate::sessions::USERS_MAX;
use crate::sketch::quantiles::Quantiles;
use crate::state::{Reader, StateError, Writer};

const OWN_FACTOR: f64 = 3.0;
const ALL_FACTOR: f64 = 4.0;
const ALL_QUANTILE: f64 = 0.99;
/// Fewer minutes of users do not say what is usual.
const MINUTES_KNOWN: u64 = 1000;
/// A minute counts at least this much in what is usual for a user.
const GAIN_MIN: f64 = 1.0 / 60.0;
/// 1 / √2: the rate may wobble by 70 %.
const SHAPE: f64 = 2.0;

/// What an alert of a user is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Excess {
    /// Requests a minute.
    Requests,
    /// Failed requests a minute: 4xx and 5xx.
    Failures,
}

/// All of them, with what is well for everybody: requests a minute.
const EXCESSES: [(Excess, f64); 2] = [(Excess::Requests, 30.0), (Excess::Failures, 10.0)];

#[derive(Clone, Debug, Default, PartialEq)]
struct User {
    /// Requests and failures of this minute.
    counts: [u32; EXCESSES.len()],
    /// Minutes in which there were any.
    minutes: u32,
    usual: [f64; EXCESSES.len()],
    signals: [Signal; EXCESSES.len()],
}

/// All users that have a session.
#[derive(Clone, Debug, PartialEq)]
pub struct Users {
    users: BTreeMap<u64, User>,
    day: i64,
    /// Counts of users' minutes, of today and of yesterday.
    counts: [[Quantiles; EXCESSES.len()]; 2],
    /// What nearly everybody's minutes have at most, once that is known.
    all: Option<[f64; EXCESSES.len()]>,
}

impl Default for Users {
    fn default() -> Self {
        let counts = || [0, 0].map(|_| Quantiles::new(0.02, 256));
        Users { users: BTreeMap::new(), day: 0, counts: [counts(), counts()], all: None }
    }
}

impl Users {
    /// Takes a request of this minute.
    pub fn add(&mut self, user: u64, failed: bool) {
        let user = self.users.entry(user).or_default();
        user.counts[0] = user.counts[0].saturating_add(1);
        user.counts[1] = user.counts[1].saturating_add(u32::from(failed));
    }

    /// Forgets a user, whose session has ended.
    pub fn remove(&mut self, user: u64) {
        self.users.remove(&user);
    }

    /// The level of a user.
    pub fn level(&self, user: u64, excess: Excess) -> AlertLevel {
        let user = self.users.get(&user);
        user.map_or(AlertLevel::Normal, |user| user.signals[excess as usize].level())
    }

    /// Ends a minute (minutes since the epoch); `told` is given each level that is another one
    /// now.
    pub fn end_minute(
        &mut self,
        minute: i64,
        threshold: f64,
        told: &mut dyn FnMut(u64, Excess, AlertLevel, Seen),
    ) {
        let day = minute.div_euclid(1440);
        if day != self.day {
            self.day = day;
            self.counts.swap(0, 1);
            self.counts[0] = Users::default().counts[0].clone();
        }
        if minute.rem_euclid(60) == 0 {
            self.know();
        }
        for (name, user) in &mut self.users {
            let counts = core::mem::take(&mut user.counts);
            if counts[0] == 0 {
                continue;
            }
            let gain = (1.0 / (f64::from(user.minutes) + 1.0)).max(GAIN_MIN);
            user.minutes = user.minutes.saturating_add(1);
            for (at, (excess, floor)) in EXCESSES.into_iter().enumerate() {
                let count = f64::from(counts[at]);
                self.counts[0][at].insert(count);
                let own = OWN_FACTOR * user.usual[at];
                let Some(all) = self.all else {
                    user.usual[at] += gain * (count - user.usual[at]);
                    continue;
                };
                let limit = own.max(ALL_FACTOR * all[at]).max(floor);
                // What is far too much does not become usual at once.
                user.usual[at] += gain * (count.min(limit) - user.usual[at]);
                let factors = evidence::rise(counts[at].into(), limit, SHAPE);
                if let Some(level) = user.signals[at].step(factors, threshold) {
                    told(*name, excess, level, Seen { value: count, limit });
                }
            }
        }
    }

    /// Learns what is usual for everybody.
    fn know(&mut self) {
        let mut all = [0.0; EXCESSES.len()];
        for (at, all) in all.iter_mut().enumerate() {
            let mut both = self.counts[0][at].clone();
            both.merge(&self.counts[1][at]);
            match both.quantile(ALL_QUANTILE) {
                Some(most) if both.count() >= MINUTES_KNOWN => *all = most,
                // What was known of busier days is better than nothing.
                _ => return,
            }
        }
        self.all = Some(all);
    }

    /// Forgets all users and what they were doing: their names are others from now on.
    pub fn clear(&mut self) {
        self.users.clear();
    }

    /// All of them.
    pub(super) fn names(&self) -> impl Iterator<Item = u64> {
        self.users.keys().copied()
    }

    /// Forgets the minute: nobody was watching.
    pub fn pause(&mut self) {
        self.users.values_mut().for_each(|user| user.counts = [0; EXCESSES.len()]);
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.signed(self.day);
        self.counts.iter().flatten().for_each(|counts| counts.write(out));
        out.u8(u8::from(self.all.is_some()));
        self.all.iter().flatten().for_each(|all| out.f64(*all));
        out.varint(self.users.len() as u64);
        for (name, user) in &self.users {
            out.u64(*name);
            user.counts.iter().for_each(|count| out.varint(u64::from(*count)));
            out.varint(u64::from(user.minutes));
            user.usual.iter().for_each(|usual| out.f64(*usual));
            user.signals.iter().for_each(|signal| signal.write(out));
        }
    }

    pub(super) fn read(input: &mut Reader) -> Result<Self, StateError> {
        let mut users = Users { day: input.signed()?, ..Users::default() };
        let accuracy = users.counts[0][0].accuracy();
        for counts in users.counts.iter_mut().flatten() {
            *counts = Quantiles::read(input)?;
            if counts.accuracy() != accuracy {
                return Err(StateError::Value);
            }
        }
        if input.bool()? {
            users.all = Some([input.f64_within(0.0, 1e12)?, input.f64_within(0.0, 1e12)?]);
        }
        for _ in 0..input.varcount(USERS_MAX)? {
            let name = input.u64()?;
            let mut count = || u32::try_from(input.varint()?).map_err(|_| StateError::Value);
            let (counts, minutes) = ([count()?, count()?], count()?);
            if counts[1] > counts[0] {
                return Err(StateError::Value);
            }
            let mut user = User { counts, minutes, ..User::default() };
            for usual in &mut user.usual {
                *usual = input.f64_within(0.0, 1e12)?;
            }
            for signal in &mut user.signals {
                *signal = Signal::read(input)?;
            }
            if users.users.last_key_value().is_some_and(|(last, _)| *last >= name) {
                return Err(StateError::Value);
            }
            users.users.insert(name, user);
        }
        Ok(users)
    }
}
