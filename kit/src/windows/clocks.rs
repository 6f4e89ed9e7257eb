//! How far time has come, by the clocks of devices.
//!
//! A watermark W says that no event at or before W is expected any more. Of a device it is its
//! latest time less the disorder that is allowed for, less a millisecond (Flink's
//! `BoundedOutOfOrdernessWatermarks`); of a scope the lowest of its devices that are not idle
//! (`WatermarkOutputMultiplexer`), and if all are, the highest (`StatusWatermarkValve`).

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::plan::{Plan, TIME_MS_MAX, TIME_MS_MIN};
use crate::state::{Reader, StateError, Writer};

/// Before anything was heard.
pub(super) const NEVER: i64 = i64::MIN;

/// What is known of the time of one device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Clock {
    /// The latest time of its events.
    pub(super) latest_ms: i64,
    /// When it was heard last, by the clock.
    pub(super) heard_ms: i64,
    idle: bool,
}

impl Clock {
    pub(super) fn write(&self, out: &mut Writer) {
        out.signed(self.latest_ms);
        out.signed(self.heard_ms);
    }

    pub(super) fn read(input: &mut Reader) -> Result<Self, StateError> {
        let (latest_ms, heard_ms) = (input.signed()?, input.signed()?);
        if !(TIME_MS_MIN..=TIME_MS_MAX).contains(&latest_ms) {
            return Err(StateError::Value);
        }
        Ok(Clock { latest_ms, heard_ms, idle: false })
    }
}

/// There is no room for another device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoRoom;

/// The clocks of one scope.
#[derive(Clone, Debug, Default)]
pub(super) struct Clocks {
    /// In the order of their names.
    clocks: Vec<(Box<str>, Clock)>,
    /// Over the devices that hold the watermark back, or else over all.
    holding_ms: Option<i64>,
    /// The latest time of those that are not idle: who is idle leaves nobody behind.
    ahead_ms: i64,
    /// When the next one may become idle, by the clock.
    idle_at_ms: i64,
    /// Of all names.
    names_bytes: usize,
}

impl Clocks {
    /// Takes note of an event. The answer is the device that had to go, if one had: one that
    /// was idle makes room for another, since it does not hold anything back.
    pub(super) fn observe(
        &mut self,
        plan: &Plan,
        now_ms: i64,
        device: &str,
        time_ms: i64,
    ) -> Result<Option<Box<str>>, NoRoom> {
        let mut gone = None;
        let found = self.clocks.binary_search_by(|(name, _)| (**name).cmp(device));
        let (before_ms, was_idle) = match found {
            Ok(at) => {
                let clock = &mut self.clocks[at].1;
                let before = (clock.latest_ms, clock.idle);
                clock.latest_ms = clock.latest_ms.max(time_ms);
                clock.heard_ms = now_ms;
                clock.idle = false;
                before
            }
            Err(_) => {
                gone = self.make_room(plan)?;
                let clock = Clock { latest_ms: time_ms, heard_ms: now_ms, idle: false };
                self.insert(device, clock);
                (NEVER, true)
            }
        };
        let latest_ms = time_ms.max(before_ms);
        let is_ahead = latest_ms > self.ahead_ms;
        if is_ahead {
            self.ahead_ms = latest_ms;
        }
        let left_behind = is_ahead
            && plan.lag_ms_max.is_some_and(|lag_ms| {
                self.holding_ms.is_some_and(|holding_ms| holding_ms < latest_ms - lag_ms)
            });
        let held = self.holding_ms.is_none_or(|holding_ms| before_ms <= holding_ms);
        if gone.is_some() || was_idle || left_behind || held || self.may_be_idle(plan, now_ms) {
            self.look(plan, now_ms);
        }
        Ok(gone)
    }

    fn make_room(&mut self, plan: &Plan) -> Result<Option<Box<str>>, NoRoom> {
        if self.clocks.len() < plan.bounds.devices_max {
            return Ok(None);
        }
        let idle = self.clocks.iter().enumerate().filter(|(_, (_, clock))| clock.idle);
        let longest = idle.min_by_key(|(_, (_, clock))| clock.heard_ms).map(|(at, _)| at);
        let (name, _) = longest.map(|at| self.clocks.remove(at)).ok_or(NoRoom)?;
        self.names_bytes -= name.len();
        Ok(Some(name))
    }

    /// Puts a clock where its name belongs; it replaces one of that name.
    pub(super) fn insert(&mut self, device: &str, clock: Clock) {
        match self.clocks.binary_search_by(|(name, _)| (**name).cmp(device)) {
            Ok(at) => self.clocks[at].1 = clock,
            Err(at) => {
                // Most keys have one device: room for four would be wasted.
                if self.clocks.is_empty() {
                    self.clocks.reserve_exact(1);
                }
                self.names_bytes += device.len();
                self.clocks.insert(at, (device.into(), clock));
            }
        }
    }

    fn may_be_idle(&self, plan: &Plan, now_ms: i64) -> bool {
        plan.idle_ms.is_some() && now_ms >= self.idle_at_ms
    }

    /// Looks whether devices have become idle.
    pub(super) fn advance(&mut self, plan: &Plan, now_ms: i64) {
        if self.may_be_idle(plan, now_ms) {
            self.look(plan, now_ms);
        }
    }

    /// Computes again what depends on all clocks.
    pub(super) fn look(&mut self, plan: &Plan, now_ms: i64) {
        let Some(highest_ms) = self.clocks.iter().map(|(_, clock)| clock.latest_ms).max() else {
            return;
        };
        self.idle_at_ms = i64::MAX;
        if let Some(idle_ms) = plan.idle_ms {
            for (_, clock) in &mut self.clocks {
                // The clock may have been set back since.
                clock.heard_ms = clock.heard_ms.min(now_ms);
                let idle_at_ms = clock.heard_ms.saturating_add(idle_ms);
                clock.idle = now_ms >= idle_at_ms;
                if !clock.idle {
                    self.idle_at_ms = self.idle_at_ms.min(idle_at_ms);
                }
            }
        }
        let active = || self.clocks.iter().filter(|(_, clock)| !clock.idle);
        let ahead_ms = active().map(|(_, clock)| clock.latest_ms).max();
        let from_ms = plan.lag_ms_max.zip(ahead_ms).map_or(NEVER, |(lag_ms, ms)| ms - lag_ms);
        let lowest = active().map(|(_, clock)| clock.latest_ms).filter(|ms| *ms >= from_ms).min();
        self.ahead_ms = ahead_ms.unwrap_or(NEVER);
        self.holding_ms = Some(lowest.unwrap_or(highest_ms));
    }

    /// The watermark that these clocks allow; [`NEVER`] of none.
    pub(super) fn watermark_ms(&self, plan: &Plan) -> i64 {
        self.holding_ms.map_or(NEVER, |holding_ms| holding_ms - plan.disorder_ms - 1)
    }

    pub(super) fn len(&self) -> usize {
        self.clocks.len()
    }

    /// The clock of a device.
    pub(super) fn get(&self, device: &str) -> Option<&Clock> {
        let at = self.clocks.binary_search_by(|(name, _)| (**name).cmp(device)).ok()?;
        Some(&self.clocks[at].1)
    }

    /// Moves when they were heard: while nobody could listen, nobody was silent.
    pub(super) fn shift(&mut self, by_ms: i64) {
        for (_, clock) in &mut self.clocks {
            clock.heard_ms = clock.heard_ms.saturating_add(by_ms);
        }
    }

    /// Bytes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        self.names_bytes + self.clocks.capacity() * size_of::<(Box<str>, Clock)>()
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.varint(self.clocks.len() as u64);
        for (name, clock) in &self.clocks {
            out.blob(name.as_bytes());
            clock.write(out);
        }
    }

    pub(super) fn read(input: &mut Reader, plan: &Plan) -> Result<Self, StateError> {
        let count = input.varcount(plan.bounds.devices_max)?;
        let mut clocks = Clocks::default();
        for _ in 0..count {
            let name = input.blob(plan.bounds.name_bytes_max)?;
            let name = core::str::from_utf8(name).map_err(|_| StateError::Value)?;
            if clocks.clocks.last().is_some_and(|(last, _)| **last >= *name) {
                return Err(StateError::Value);
            }
            clocks.insert(name, Clock::read(input)?);
        }
        Ok(clocks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::windows::plan::{Aggregate, Kind, Measure};
    use alloc::vec;

    fn plan() -> Plan {
        let count = Aggregate { measure: Measure::Count, field: None };
        Plan::new(Kind::tumbling(10), 0, vec![count])
    }

    #[test]
    fn the_slowest_device_holds_the_watermark_back() {
        let plan = Plan { disorder_ms: 5, ..plan() };
        let mut clocks = Clocks::default();
        assert_eq!(clocks.watermark_ms(&plan), NEVER);
        for (device, time_ms, want) in
            [("a", 100, 94), ("b", 50, 44), ("a", 200, 44), ("b", 40, 44), ("b", 150, 144)]
        {
            assert_eq!(clocks.observe(&plan, 0, device, time_ms), Ok(None));
            assert_eq!(clocks.watermark_ms(&plan), want, "{device} {time_ms}");
        }
    }

    #[test]
    fn who_is_silent_or_left_behind_does_not() {
        let plan = Plan { idle_ms: Some(10), lag_ms_max: Some(1_000), ..plan() };
        let mut clocks = Clocks::default();
        clocks.observe(&plan, 0, "a", 100).unwrap();
        clocks.observe(&plan, 5, "b", 300).unwrap();
        assert_eq!(clocks.watermark_ms(&plan), 99);
        for (now_ms, want) in [(9, 99), (10, 299), (15, 299)] {
            clocks.advance(&plan, now_ms);
            assert_eq!(clocks.watermark_ms(&plan), want, "{now_ms}");
        }
        clocks.observe(&plan, 16, "a", 400).unwrap();
        assert_eq!(clocks.watermark_ms(&plan), 399);
        clocks.observe(&plan, 17, "b", 1_400).unwrap();
        assert_eq!(clocks.watermark_ms(&plan), 399);
        clocks.observe(&plan, 17, "b", 1_401).unwrap();
        assert_eq!(clocks.watermark_ms(&plan), 1_400, "a is a second behind, and more");
        // A clock that was set back does not keep anybody from becoming idle.
        clocks.observe(&plan, -500, "b", 1_402).unwrap();
        clocks.advance(&plan, -490);
        assert!(clocks.get("b").unwrap().idle);
    }

    #[test]
    fn who_is_left_behind_is_so_by_those_who_are_not_idle() {
        let plan = Plan { idle_ms: Some(10), lag_ms_max: Some(50), ..plan() };
        let mut clocks = Clocks::default();
        clocks.observe(&plan, 0, "silent", 100).unwrap();
        for (device, time_ms, want) in [("slow", 45, 44), ("fast", 90, 44), ("fast", 96, 95)] {
            clocks.observe(&plan, 20, device, time_ms).unwrap();
            // 96 is not the latest of all, and yet 51 ahead of the slow one.
            assert_eq!(clocks.watermark_ms(&plan), want, "{device} {time_ms}");
        }
    }

    #[test]
    fn only_who_is_idle_makes_room() {
        let mut plan = Plan { idle_ms: Some(10), ..plan() };
        plan.bounds.devices_max = 2;
        let mut clocks = Clocks::default();
        clocks.observe(&plan, 0, "a", 1).unwrap();
        clocks.observe(&plan, 5, "b", 1).unwrap();
        assert_eq!(clocks.observe(&plan, 6, "c", 1), Err(NoRoom));
        clocks.advance(&plan, 12);
        assert_eq!(clocks.observe(&plan, 12, "c", 1), Ok(Some("a".into())));
        assert_eq!(clocks.len(), 2);
    }

    #[test]
    fn clocks_are_read_as_they_were_written() {
        let plan = plan();
        let mut clocks = Clocks::default();
        for device in ["b", "", "ä"] {
            clocks.observe(&plan, -7, device, TIME_MS_MIN).unwrap();
        }
        let mut out = Writer::default();
        clocks.write(&mut out);
        let bytes = out.finish();
        let read = |bytes: &[u8]| Clocks::read(&mut Reader::new(bytes), &plan);
        let again = read(&bytes).unwrap();
        assert_eq!(again.clocks, clocks.clocks);
        for length in 0..bytes.len() {
            assert!(read(&bytes[..length]).is_err(), "{length} bytes");
        }
        for (bytes, wrong) in [
            (&[0xFF, 0xFF, 0xFF, 0x7F][..], StateError::Length),
            (&[1, 1, 0xFF, 0, 0], StateError::Value),
            // Two of one name, and a time beyond all years.
            (&[2, 1, b'a', 0, 0, 1, b'a', 0, 0], StateError::Value),
            (&[1, 1, b'a', 0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F, 0], StateError::Value),
        ] {
            assert_eq!(read(bytes).unwrap_err(), wrong, "{bytes:?}");
        }
    }
}
