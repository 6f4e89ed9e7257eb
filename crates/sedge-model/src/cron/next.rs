//! When an expression is due next, on days when clocks are changed, too.
//!
//! The rule is that of Vixie's cron (cron(8)). An expression that names minute and hour means
//! times of the clock: one that a day skips is due at the moment at which the clock is put
//! forward, and one that a day has twice is due the first time. An expression with `*` in minute
//! or hour means "every so often": it is due whenever the clock shows a time that fits, so not
//! at times that a day skips, and twice at those that it has twice.

use super::{Cron, Zone, at_least, has};
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};

/// The Gregorian calendar begins anew after so many years: what is not due within them never is.
const YEARS: i16 = 400;

const SECOND: SignedDuration = SignedDuration::from_secs(1);

impl Cron {
    /// The first time after `after_ms` at which this is due in a zone; both in milliseconds
    /// since 1970. `None`: not before the year 9999.
    pub fn next(&self, zone: &Zone, after_ms: u64) -> Option<u64> {
        let after = Timestamp::from_millisecond(i64::try_from(after_ms).ok()?).ok()?;
        let due = match self.often {
            true => self.next_shown(&zone.zone, after),
            false => self.next_named(&zone.zone, after),
        };
        u64::try_from(due?.as_millisecond()).ok()
    }

    /// The first moment after `after` at which the clock shows a time that fits.
    fn next_shown(&self, zone: &TimeZone, after: Timestamp) -> Option<Timestamp> {
        let mut from = Timestamp::from_second(after.as_second()).ok()?.checked_add(SECOND).ok()?;
        let end = self.end(zone, after);
        loop {
            // Until the clock is changed, its time and ours differ by the same.
            let offset = zone.to_offset(from);
            let shown = self.at_or_after(offset.to_datetime(from))?;
            let due = offset.to_timestamp(shown).ok()?;
            match zone.following(from).next().map(|change| change.timestamp()) {
                Some(change) if due >= change => from = change,
                _ => return Some(due),
            }
            if from >= end {
                return None;
            }
        }
    }

    fn end(&self, zone: &TimeZone, after: Timestamp) -> Timestamp {
        let date = zone.to_datetime(after).date();
        let year = date.year().saturating_add(YEARS).min(9_998);
        let end = Date::new(year, 12, 31).map(|date| date.to_datetime(Time::midnight()));
        end.and_then(|end| TimeZone::UTC.to_timestamp(end)).unwrap_or(Timestamp::MAX)
    }

    /// The first moment after `after` at which a time of the clock is due. Times of the clock
    /// are tried in their order, which is that of their moments.
    fn next_named(&self, zone: &TimeZone, after: Timestamp) -> Option<Timestamp> {
        let mut from = zone.to_datetime(after);
        loop {
            let named = self.at_or_after(from)?;
            let due = moment(zone, named)?;
            if due > after {
                return Some(due);
            }
            from = named.checked_add(SECOND).ok()?;
        }
    }

    /// Whether there is any day at all that fits.
    pub(super) fn is_possible(&self) -> bool {
        self.at_or_after(DateTime::constant(2_000, 1, 1, 0, 0, 0, 0)).is_some()
    }

    /// The first time of the clock that fits, from `from` on; parts of a second count as one.
    fn at_or_after(&self, from: DateTime) -> Option<DateTime> {
        let from = match from.subsec_nanosecond() {
            0 => from,
            _ => from.with().subsec_nanosecond(0).build().ok()?.checked_add(SECOND).ok()?,
        };
        let today = self.fits(from.date()).then(|| self.time_at_or_after(from.time())).flatten();
        if let Some(time) = today {
            return Some(from.date().to_datetime(time));
        }
        let last_year = from.year().saturating_add(YEARS);
        let mut date = from.date().tomorrow().ok()?;
        while !self.fits(date) {
            date = match has(self.months, number(date.month())) {
                true => date.tomorrow().ok()?,
                false => date.last_of_month().tomorrow().ok()?,
            };
            if date.year() > last_year {
                return None;
            }
        }
        Some(date.to_datetime(self.time_at_or_after(Time::midnight())?))
    }

    fn time_at_or_after(&self, from: Time) -> Option<Time> {
        let (hour, minute) = (number(from.hour()), number(from.minute()));
        let second = at_least(self.seconds, number(from.second()));
        let first_second = at_least(self.seconds, 0)?;
        if has(self.hours, hour) {
            if let (true, Some(second)) = (has(self.minutes, minute), second) {
                return time(hour, minute, second);
            }
            if let Some(minute) = at_least(self.minutes, minute + 1) {
                return time(hour, minute, first_second);
            }
        }
        time(at_least(self.hours, hour + 1)?, at_least(self.minutes, 0)?, first_second)
    }

    /// Whether a day fits. Where both fields of days say something, one of them is enough;
    /// where one begins with `*`, both must fit (crontab(5)).
    fn fits(&self, date: Date) -> bool {
        if !has(self.months, number(date.month())) {
            return false;
        }
        let (day, last) = (number(date.day()), number(date.days_in_month()));
        let by_day = has(self.days.set, day) || (self.days.last && day == last);
        let weekday = number(date.weekday().to_sunday_zero_offset());
        let nth = usize::try_from((day.saturating_sub(1)) / 7).unwrap_or(usize::MAX);
        let by_weekday = has(self.weekdays.set, weekday)
            || self.weekdays.nth.get(nth).is_some_and(|set| has(*set, weekday))
            || (has(self.weekdays.last, weekday) && day + 7 > last);
        match self.days.star || self.weekdays.star {
            true => by_day && by_weekday,
            false => by_day || by_weekday,
        }
    }
}

/// The moment that is meant by a time of the clock.
fn moment(zone: &TimeZone, named: DateTime) -> Option<Timestamp> {
    let ambiguous = zone.to_ambiguous_timestamp(named);
    match ambiguous.offset() {
        AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(named).ok(),
        AmbiguousOffset::Fold { before, .. } => before.to_timestamp(named).ok(),
        // By the clock as it was before, this time comes at or after the change.
        AmbiguousOffset::Gap { before, .. } => {
            let at = before.to_timestamp(named).ok()?.checked_add(SECOND).ok()?;
            zone.preceding(at).next().map(|change| change.timestamp())
        }
    }
}

fn time(hour: u32, minute: u32, second: u32) -> Option<Time> {
    let part = |number: u32| i8::try_from(number).ok();
    Time::new(part(hour)?, part(minute)?, part(second)?, 0).ok()
}

/// A part of a date or a time, none of which is negative.
fn number(part: i8) -> u32 {
    u32::try_from(part).unwrap_or(0)
}
