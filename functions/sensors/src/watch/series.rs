//! What is kept of a series, and under which keys.
//!
//! The whole state of a monitor has some 330 kB, far too much to be written for each reading.
//! So it is written now and then, as a *snapshot*; a small *head* is written with every batch
//! and has the readings since, from which the state is computed again. An instance that is
//! kept remembers the monitors of the series that it saw last ([`Monitors`]), and needs
//! neither, as long as the fingerprint in the head says that it has seen all of them.

use std::collections::HashMap;

use sedge_kit::online::monitor::{Monitor, MonitorOptions};

use super::clock::Clock;
use super::decision::Decision;
use super::filter::shown;
use super::host::{Host, HostError};
use super::options::Options;
use super::pace::Pace;
use bytes::{Reader, Writer};

pub(super) mod bytes;

/// How many series one device may have.
pub const SERIES_OF_DEVICE_MAX: usize = 64;
/// Readings in a head.
pub const JOURNAL_MAX: usize = 4096;
/// States of rules in a head.
pub const RULES_MAX: usize = super::words::LINES_MAX;
/// A head begins with it.
const VERSION: u8 = 2;
/// The version before, which knew nothing of pauses.
const VERSION_WITHOUT_PAUSES: u8 = 1;
/// Bytes of a key; longer ones are cut, and end with a hash.
const KEY_BYTES_MAX: usize = 400;
/// Bytes of the monitors that an instance remembers.
const MONITORS_BYTES_MAX: usize = 24 * 1024 * 1024;

/// What is remembered of a rule.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RuleState {
    /// The rule's [`super::rules::Rule::id`].
    pub id: u64,
    /// For rules about a value.
    pub alarm: sedge_kit::alert::alarm::Alarm,
    /// Whether its condition holds.
    pub on: bool,
    /// Whether its action is still to be done.
    pub pending: bool,
    /// When it was done last, by the node's clock.
    pub done_ms: u64,
}

/// Whether somebody looks after the series when it says nothing: see [`super::silence`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Listening {
    /// It is on no list.
    #[default]
    No,
    /// It is on a list.
    Yes,
    /// It has fallen silent, which was told; it is on no list until it speaks again.
    Silent,
}

impl Listening {
    const ALL: [Listening; 3] = [Listening::No, Listening::Yes, Listening::Silent];
}

/// What is written with every batch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Head {
    /// Readings so far, gaps included.
    pub observed: u64,
    /// Of all readings so far, in their order.
    pub fingerprint: u64,
    /// The fingerprint at the last snapshot; 0 if there is none.
    pub snapshot: u64,
    /// Times and values since then.
    pub journal: Vec<(f64, f64)>,
    /// The device's clock.
    pub clock: Clock,
    /// The level, and what speaks for another one.
    pub decision: Decision,
    /// Of the rules for the series.
    pub rules: Vec<RuleState>,
    /// When it was heard last, by the node's clock; milliseconds since 1970.
    pub heard_ms: u64,
    /// When its last message was said; milliseconds since 1970.
    pub said_ms: u64,
    /// Its pauses between messages.
    pub pace: Pace,
    /// See [`Listening`].
    pub listening: Listening,
}

/// FNV-1a of 64 bits (Fowler, Noll & Vo): the same in every build, which std's is not.
pub fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3)
    })
}

/// What tells a series from all others.
pub fn identity(device: &str, topic: &str, name: &str) -> String {
    let whole = format!("{}/{}/{device}/{topic}/{name}", device.len(), topic.len());
    if whole.len() <= KEY_BYTES_MAX {
        return whole;
    }
    let mut end = KEY_BYTES_MAX - 16;
    while !whole.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{:016x}", &whole[..end], hash(whole.as_bytes()))
}

impl Head {
    /// Takes a reading into the fingerprint and the journal.
    pub fn push(&mut self, time_s: f64, value: f64) {
        self.observed = self.observed.saturating_add(1);
        let mut bytes = [0; 24];
        bytes[..8].copy_from_slice(&self.fingerprint.to_le_bytes());
        bytes[8..16].copy_from_slice(&time_s.to_le_bytes());
        bytes[16..].copy_from_slice(&value.to_le_bytes());
        // 0 says that there is none.
        self.fingerprint = hash(&bytes).max(1);
        self.journal.push((time_s, value));
    }

    /// Takes note of a message that was said at `said_ms`; several in one moment are one.
    pub fn hear(&mut self, said_ms: u64) {
        if self.said_ms > 0 {
            self.pace.push(said_ms.saturating_sub(self.said_ms));
        }
        self.said_ms = said_ms;
    }

    /// Reads the head of a series; `None` if there is none, or none that is understood.
    pub fn load(host: &mut dyn Host, identity: &str) -> Result<Option<Self>, HostError> {
        let Some(bytes) = host.get(&format!("head/{identity}"))? else { return Ok(None) };
        let head = Head::read(&bytes);
        if head.is_none() {
            let identity = shown(identity);
            host.log(&format!("what is kept of {identity:?} is not understood; it begins anew"));
        }
        Ok(head)
    }

    /// Writes it.
    pub fn store(&self, host: &mut dyn Host, identity: &str) -> Result<(), HostError> {
        host.set(&format!("head/{identity}"), &self.write())
    }

    /// Whether a snapshot is due. Series that began together are written apart.
    pub fn wants_snapshot(&self, options: &Options, identity: &str) -> bool {
        let every = options.snapshot_every as usize;
        let apart = hash(identity.as_bytes()) as usize % every / 2;
        let due = if self.snapshot == 0 { every - apart } else { every };
        self.journal.len() >= due
    }

    /// A snapshot of the monitor, which has seen what this head has.
    pub fn snapshot(&self, monitor: &Monitor) -> Vec<u8> {
        let mut bytes = self.fingerprint.to_le_bytes().to_vec();
        bytes.extend(monitor.to_bytes());
        bytes
    }

    /// Writes a snapshot as [`Head::snapshot`] gives it, and empties the journal.
    pub fn store_snapshot(
        &mut self,
        host: &mut dyn Host,
        identity: &str,
        snapshot: &[u8],
    ) -> Result<(), HostError> {
        host.set(&format!("snapshot/{identity}"), snapshot)?;
        self.snapshot = self.fingerprint;
        self.journal.clear();
        Ok(())
    }

    /// The monitor as of this head, from its snapshot and journal. What is missing or not
    /// understood, or was learned with another cycle, is learned anew.
    pub fn monitor(
        &self,
        host: &mut dyn Host,
        identity: &str,
        options: &Options,
    ) -> Result<Monitor, HostError> {
        let monitor_options = monitor_options(options);
        let mut monitor = None;
        if self.snapshot != 0 {
            let bytes = host.get(&format!("snapshot/{identity}"))?.unwrap_or_default();
            let state = bytes.split_first_chunk().and_then(|(mark, state)| {
                (u64::from_le_bytes(*mark) == self.snapshot).then_some(state)
            });
            monitor = state.and_then(|state| Monitor::from_bytes(state, monitor_options).ok());
            if monitor.is_none() {
                let identity = shown(identity);
                host.log(&format!(
                    "what was learned of {identity:?} cannot be used; it is learned anew"
                ));
            }
        }
        let mut monitor = monitor.unwrap_or_else(|| Monitor::new(monitor_options));
        for (time_s, value) in &self.journal {
            monitor.observe(*time_s, *value);
        }
        Ok(monitor)
    }

    pub(super) fn write(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.u8(VERSION);
        out.u64(self.observed);
        out.u64(self.fingerprint);
        out.u64(self.snapshot);
        out.u64(self.clock.shift.cast_unsigned());
        out.option(self.clock.latest_s);
        self.decision.write(&mut out);
        out.u32(self.rules.len() as u32);
        for rule in &self.rules {
            out.u64(rule.id);
            rule.alarm.parts().into_iter().for_each(|part| out.u32(part));
            out.u8(u8::from(rule.on) | u8::from(rule.pending) << 1);
            out.u64(rule.done_ms);
        }
        out.u32(self.journal.len() as u32);
        for (time_s, value) in &self.journal {
            out.f64(*time_s);
            out.f64(*value);
        }
        out.u64(self.heard_ms);
        out.u64(self.said_ms);
        self.pace.write(&mut out);
        out.u8(self.listening as u8);
        out.finish()
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let mut input = Reader::new(bytes);
        let version = input.u8()?;
        if ![VERSION, VERSION_WITHOUT_PAUSES].contains(&version) {
            return None;
        }
        let mut head = Head {
            observed: input.u64()?,
            fingerprint: input.u64()?,
            snapshot: input.u64()?,
            ..Head::default()
        };
        head.clock.shift = input.u64()?.cast_signed();
        head.clock.latest_s = input.option()?.filter(|latest_s| latest_s.is_finite());
        head.decision = Decision::read(&mut input, version == VERSION)?;
        for _ in 0..input.count(RULES_MAX)? {
            let (id, alarm) = (input.u64()?, input.alarm()?);
            let flags = input.u8()?;
            let (on, pending) = (flags & 1 == 1, flags & 2 == 2);
            head.rules.push(RuleState { id, alarm, on, pending, done_ms: input.u64()? });
        }
        for _ in 0..input.count(JOURNAL_MAX)? {
            head.journal.push((input.f64()?, input.f64()?));
        }
        if version == VERSION {
            (head.heard_ms, head.said_ms) = (input.u64()?, input.u64()?);
            head.pace = Pace::read(&mut input)?;
            head.listening = *Listening::ALL.get(usize::from(input.u8()?))?;
        }
        input.is_empty().then_some(head)
    }
}

/// Notes that a device has a series, or a topic, where who says it does not matter; fails if
/// it has too many.
pub fn admit(
    host: &mut dyn Host,
    device: &str,
    topic: Option<&str>,
    identity: &str,
) -> Result<(), HostError> {
    let owner = match topic {
        Some(topic) => self::identity("", topic, ""),
        None => self::identity(device, "", ""),
    };
    let key = format!("device/{owner}");
    let mut known = host.get(&key)?.unwrap_or_default();
    let mark = hash(identity.as_bytes()).to_le_bytes();
    if known.as_chunks().0.contains(&mark) {
        return Ok(());
    }
    if known.len() >= SERIES_OF_DEVICE_MAX * mark.len() {
        let reason = format!("the device or topic has {SERIES_OF_DEVICE_MAX} series already");
        return Err(HostError { reason, permanent: true });
    }
    known.extend(mark);
    host.set(&key, &known)
}

fn monitor_options(options: &Options) -> MonitorOptions {
    MonitorOptions { cycle_s: options.cycle_s, coverage: options.coverage, ..Default::default() }
}

struct Remembered {
    fingerprint: u64,
    cycle_s: Option<f64>,
    coverage: f64,
    monitor: Monitor,
    bytes: usize,
    /// When it was used, in calls.
    used: u64,
}

/// The monitors that an instance remembers, those that were used last.
#[derive(Default)]
pub struct Monitors {
    all: HashMap<String, Remembered>,
    bytes: usize,
    uses: u64,
}

impl Monitors {
    /// Takes out the monitor of a series, if it has seen all that the head has.
    pub fn take(&mut self, identity: &str, head: &Head, options: &Options) -> Option<Monitor> {
        let found = self.all.remove(identity)?;
        self.bytes -= found.bytes;
        let same = found.fingerprint == head.fingerprint
            && found.cycle_s == options.cycle_s
            && found.coverage == options.coverage;
        same.then_some(found.monitor)
    }

    /// Remembers one, and forgets others.
    pub fn put(&mut self, identity: String, head: &Head, options: &Options, monitor: Monitor) {
        let bytes = monitor.memory_bytes();
        while self.bytes + bytes > MONITORS_BYTES_MAX {
            let oldest =
                self.all.iter().min_by_key(|(_, one)| one.used).map(|(key, _)| key.clone());
            let Some(gone) = oldest.and_then(|key| self.all.remove(&key)) else { return };
            self.bytes -= gone.bytes;
        }
        self.uses += 1;
        self.bytes += bytes;
        let (fingerprint, used) = (head.fingerprint, self.uses);
        let (cycle_s, coverage) = (options.cycle_s, options.coverage);
        let one = Remembered { fingerprint, cycle_s, coverage, monitor, bytes, used };
        if let Some(before) = self.all.insert(identity, one) {
            self.bytes -= before.bytes;
        }
    }
}

#[cfg(test)]
mod tests;
