//! Lives of a log, one after the other on the same disk, and how each ends.

use super::disk::{Dice, Disk, Flaw};
use super::ledger::{Ledger, record};
use crate::log::commit::{Core, Pending};
use crate::log::error::LogError;
use crate::log::record::{Batch, CursorChange, Outcome};
use crate::log::seen::Number;
use crate::log::{LogOptions, Shared, WhenFull, recovery};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const DEVICES: u8 = 4;

/// What has happened.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) acknowledged: u64,
    pub(super) crashes: u64,
    pub(super) crashes_in_recovery: u64,
    pub(super) torn: u64,
    pub(super) refused: u64,
    pub(super) gaps: u64,
    pub(super) poisoned: u64,
}

impl Tally {
    pub(super) fn add(&mut self, other: &Tally) {
        self.acknowledged += other.acknowledged;
        self.crashes += other.crashes;
        self.crashes_in_recovery += other.crashes_in_recovery;
        self.torn += other.torn;
        self.refused += other.refused;
        self.gaps += other.gaps;
        self.poisoned += other.poisoned;
    }
}

/// A device: it sends its records in order, and those again that were not acknowledged.
struct Sender {
    next: Number,
    outstanding: Vec<Number>,
    last: Option<Number>,
}

/// What a batch of a group was.
enum Sent {
    Records(u8, Vec<Number>),
    Cursor(u64),
}

pub(super) struct Life {
    pub(super) dice: Dice,
    pub(super) disk: Disk,
    options: LogOptions,
    clock: Arc<AtomicU64>,
    senders: Vec<Sender>,
    ledger: Ledger,
    pub(super) tally: Tally,
}

type Answers = Arc<Mutex<Vec<Option<Result<Vec<Outcome>, LogError>>>>>;

impl Life {
    pub(super) fn new(seed: u64, flaw: Flaw) -> Self {
        let mut dice = Dice(seed);
        let clock = Arc::new(AtomicU64::new(1_000_000));
        let reading = clock.clone();
        let options = LogOptions {
            segment_bytes: 16 << 10,
            bytes_max: (4 + dice.below(6)) * (16 << 10),
            age_max: dice.percent(20).then(|| Duration::from_secs(60)),
            when_full: if dice.percent(50) { WhenFull::Refuse } else { WhenFull::DropOldest },
            clock: Arc::new(move || reading.load(SeqCst)),
            ..LogOptions::default()
        };
        let bytes_max = if dice.percent(40) { (3 + dice.below(4)) * (16 << 10) } else { 1 << 30 };
        let sender = |_| Sender {
            next: Number { epoch: 1, sequence: 0 },
            outstanding: Vec::new(),
            last: None,
        };
        Life {
            disk: Disk::new(seed, bytes_max, flaw),
            dice,
            options,
            clock,
            senders: (0..DEVICES).map(sender).collect(),
            ledger: Ledger::default(),
            tally: Tally::default(),
        }
    }

    /// Some lives that end badly, and a last look.
    pub(super) fn run(seed: u64, flaw: Flaw) -> Result<Tally, String> {
        let mut life = Life::new(seed, flaw);
        let (lives, length) = (3 + life.dice.below(6), [8, 40, 150][life.dice.below(3) as usize]);
        for _ in 0..lives {
            let fuse = life.dice.percent(80).then(|| life.dice.below(length));
            life.disk.set_fuse(fuse);
            life.live(30)?;
            life.end();
        }
        life.disk.set_bytes_max(1 << 30);
        life.live(3)?;
        Ok(life.tally)
    }

    /// Opens the log, however often that takes, works for so many steps, or until the
    /// disk or the machine is gone.
    pub(super) fn live(&mut self, steps: u64) -> Result<(), String> {
        let Some(mut core) = self.open()? else { return Ok(()) };
        if self.dice.percent(10) {
            self.disk.fail_sync_after(Some(self.dice.below(20)));
        }
        for _ in 0..self.dice.below(steps + 1) {
            self.clock.fetch_add(self.dice.below(8_000), SeqCst);
            self.step(&mut core)?;
            if self.disk.is_dead() {
                return Ok(());
            }
            if self.dice.percent(40) {
                core.mark();
            }
            if self.dice.percent(10) {
                core.retain();
            }
        }
        self.disk.fail_sync_after(None);
        if self.dice.percent(30) {
            core.close();
        }
        Ok(())
    }

    /// The machine is gone, or the process, or neither.
    pub(super) fn end(&mut self) {
        self.tally.crashes += u64::from(self.disk.is_dead());
        self.disk.fail_sync_after(None);
        match self.dice.below(3) {
            0 => self.disk.restart(),
            _ => self.disk.lose_power(),
        }
    }

    /// Opens and checks the log; `None`: the disk has failed.
    fn open(&mut self) -> Result<Option<Core>, String> {
        for _ in 0..20 {
            let shared = Arc::new(Shared::new(Arc::new(self.disk.clone()), self.options.clone()));
            match recovery::open(&shared) {
                Ok((core, recovered)) => {
                    if recovered.scanned > 1
                        || !recovered.lost.is_empty()
                        || recovered.is_state_lost
                    {
                        return Err(format!("{recovered:?}"));
                    }
                    self.tally.torn += u64::from(recovered.torn.is_some());
                    if self.disk.is_dead() {
                        return Ok(None);
                    }
                    self.ledger.check(&shared)?;
                    return Ok(Some(core));
                }
                Err(error) if self.disk.is_dead() => {
                    drop(error);
                    self.tally.crashes_in_recovery += 1;
                    self.end();
                    // The next attempt may end, too.
                    if self.dice.percent(50) {
                        self.disk.set_fuse(Some(self.dice.below(6)));
                    }
                }
                Err(error) => return Err(format!("opening: {error}")),
            }
        }
        self.disk.set_fuse(None);
        Ok(None)
    }

    /// Commits one group.
    fn step(&mut self, core: &mut Core) -> Result<(), String> {
        let was_poisoned = core.poison.is_some();
        let answers: Answers = Arc::default();
        let (mut sent, mut group) = (Vec::new(), Vec::new());
        let mut devices: Vec<u8> = (0..DEVICES).collect();
        for _ in 0..=self.dice.below(3) {
            let device = devices.remove(self.dice.below(devices.len() as u64) as usize);
            let batch = self.records(device, &mut sent);
            group.push(pending(batch, &answers));
        }
        if self.dice.percent(25) {
            let batch = self.cursor(core, &mut sent);
            group.push(pending(batch, &answers));
        }
        core.commit(group);
        let results = std::mem::take(&mut *answers.lock().expect("no holder panics"));
        for (sent, result) in sent.into_iter().zip(results) {
            let result = result.ok_or("a batch was not answered")?;
            if was_poisoned && result.is_ok() {
                return Err("something was acknowledged after a sync had failed".to_owned());
            }
            self.note(sent, result)?;
        }
        let is_poisoned = core.poison.is_some() && !self.disk.is_dead();
        self.tally.poisoned += u64::from(!was_poisoned && is_poisoned);
        self.tally.gaps = core.shared.counters.gap_records.load(SeqCst).max(self.tally.gaps);
        Ok(())
    }

    fn records(&mut self, device: u8, sent: &mut Vec<Sent>) -> Batch {
        let reboots = self.dice.percent(5);
        let repeats = self.dice.percent(15);
        let count = 1 + self.dice.below(3);
        let skips = u64::from(self.dice.percent(5));
        let sender = &mut self.senders[usize::from(device)];
        if sender.outstanding.is_empty() {
            if reboots {
                sender.next = Number { epoch: sender.next.epoch + 1, sequence: 0 };
            }
            sender.next.sequence += skips;
            for _ in 0..count {
                sender.outstanding.push(sender.next);
                sender.next.sequence += 1;
            }
        }
        let mut numbers = sender.outstanding.clone();
        if let Some(last) = sender.last.filter(|_| repeats) {
            numbers.insert(0, last);
        }
        numbers.iter().for_each(|number| self.ledger.submit(device, *number));
        let records = numbers.iter().map(|number| record(device, *number)).collect();
        sent.push(Sent::Records(device, numbers));
        Batch { records, cursor: None }
    }

    fn cursor(&mut self, core: &Core, sent: &mut Vec<Sent>) -> Batch {
        let from = core.state.cursors.get("reader").map_or(0, |cursor| cursor.position);
        let position = from + self.dice.below(core.next_position.saturating_sub(from) + 1);
        self.ledger.try_cursor(position);
        sent.push(Sent::Cursor(position));
        let state = position.to_string().into();
        let cursor = CursorChange::Commit { name: "reader".to_owned(), position, state };
        Batch { records: Vec::new(), cursor: Some(cursor) }
    }

    fn note(&mut self, sent: Sent, result: Result<Vec<Outcome>, LogError>) -> Result<(), String> {
        match (sent, result) {
            (Sent::Records(device, numbers), Ok(outcomes)) => {
                if numbers.len() != outcomes.len() {
                    return Err("not every record has an outcome".to_owned());
                }
                for (number, outcome) in numbers.iter().zip(outcomes) {
                    self.ledger.acknowledge(device, *number, outcome);
                    self.tally.acknowledged += 1;
                }
                let sender = &mut self.senders[usize::from(device)];
                sender.last = numbers.last().copied();
                sender.outstanding.clear();
            }
            (Sent::Cursor(position), Ok(_)) => self.ledger.acknowledge_cursor(position),
            (_, Err(LogError::Full)) => self.tally.refused += 1,
            (_, Err(LogError::Io { .. } | LogError::Poisoned { .. })) => {}
            (_, Err(error)) => return Err(format!("a batch was refused: {error}")),
        }
        Ok(())
    }
}

fn pending(batch: Batch, answers: &Answers) -> Pending {
    let digests = batch.records.iter().map(|record| record.digest()).collect();
    let slot = {
        let mut slots = answers.lock().expect("no holder panics");
        slots.push(None);
        slots.len() - 1
    };
    let answers = answers.clone();
    let reply = Box::new(move |result| {
        answers.lock().expect("no holder panics")[slot] = Some(result);
    });
    Pending { batch, digests, reply }
}
