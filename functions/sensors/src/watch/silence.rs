//! Sensors that say nothing any more: nothing comes that could be handled, so somebody has to
//! look, called by a schedule.
//!
//! The node's state has no list of its keys, so *lists* are kept of the series that are to be
//! heard, in a few values that are written when a series is new, falls silent or speaks again,
//! and when somebody has looked after it. When a series was heard last stands in its head, which
//! is written with its readings anyway. A look reads the lists and the heads of those series
//! only whose time would be over, if they had not spoken since.
//!
//! A look is undone and made again if a head that it has read changes meanwhile; so it reads
//! few heads of series that turn out to be alive, and leaves the others to the next look.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::act::Act;
use super::config::Config;
use super::decision::LevelChange;
use super::due::{Now, due};
use super::filter::shown;
use super::handler::name_of;
use super::host::{Host, HostError};
use super::options::{Options, SilentAfter};
use super::payload::RECORD_MEDIA_TYPE;
use super::record::{Origin, Record};
use super::series::bytes::{Reader, Writer};
use super::series::{Head, Listening, hash, identity};

/// The lists. More of them are written less at a time, and fewer read sooner.
const LISTS: u64 = 16;
/// Bytes of a list: all of those that one look changes must fit into what a call may write.
const LIST_BYTES_MAX: usize = 256 << 10;
/// Lists and the looks' own notes begin with it.
const VERSION: u8 = 1;
/// Where the looks' own notes are.
const NOTES_KEY: &str = "silence";
/// A series of which it is not known how often it speaks is looked after this often.
const AGAIN_MS: u64 = 60_000;
/// Series that a look finds alive: see above.
const ALIVE_MAX: usize = 64;
/// What one look reads, writes and says, and the bytes of that; a call may do 1,000 things and
/// 2 MiB, and one series may have a rule for every line.
const STEPS_MAX: usize = 800;
const BYTES_MAX: usize = 1 << 20;
/// More than one rule or alert has, as a rule.
const SAID_BYTES: usize = 4 << 10;
/// Bytes of a text in a list, more than there can be.
const TEXT_BYTES_MAX: usize = 64 << 10;

/// A series on a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// Who said something last.
    pub device: String,
    /// On which topic.
    pub topic: String,
    /// What the payload calls it; empty if it does not.
    pub said: String,
    /// Its readings when it was looked after.
    pub observed: u64,
    /// When it was heard last, as far as looks know.
    pub heard_ms: u64,
    /// When to look after it.
    pub due_ms: u64,
}

/// The series whose time may be over at one moment.
#[derive(Debug, Default, PartialEq, Eq)]
struct List {
    /// The settings by which the times were set.
    settings: u64,
    series: Vec<Heard>,
}

/// What is known of the looks before.
#[derive(Debug, Default, PartialEq, Eq)]
struct Notes {
    /// When the last one was, by the node's clock.
    last_ms: u64,
    /// Since when there was none missing.
    since_ms: u64,
}

/// How long a series may be silent.
fn allowed_ms(options: &Options, head: &Head) -> Option<u64> {
    match options.silent {
        SilentAfter::Off => None,
        SilentAfter::Ms(ms) => Some(ms),
        SilentAfter::Auto => head.pace.allowed_ms(),
    }
}

/// When to look after a series that was heard at `heard_ms`.
pub fn due_ms(options: &Options, head: &Head, heard_ms: u64) -> u64 {
    heard_ms.saturating_add(allowed_ms(options, head).unwrap_or(AGAIN_MS))
}

/// Puts series on their lists. If there is no room for one, that is told.
pub fn enlist(host: &mut dyn Host, config: &Config, new: Vec<Heard>) -> Result<(), HostError> {
    let mut lists: BTreeMap<u64, List> = BTreeMap::new();
    for heard in new {
        let list = match lists.entry(heard.number()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let list = List::load(host, *new.key())?;
                new.insert(list.unwrap_or(List { settings: config.id, series: Vec::new() }))
            }
        };
        list.series.retain(|known| !known.is_same(&heard));
        if list.bytes() + heard.bytes() > LIST_BYTES_MAX {
            let topic = shown(&heard.topic);
            host.log(&format!(
                "there are too many series: the silence of {topic:?} is not noticed"
            ));
        } else {
            list.series.push(heard);
        }
    }
    lists.iter().try_for_each(|(number, list)| list.store(host, *number))
}

impl Heard {
    /// The list that it is on.
    fn number(&self) -> u64 {
        hash(identity(&self.device, &self.topic, &self.said).as_bytes()) % LISTS
    }

    fn is_same(&self, other: &Heard) -> bool {
        (&self.device, &self.topic, &self.said) == (&other.device, &other.topic, &other.said)
    }

    fn bytes(&self) -> usize {
        3 * 4 + 3 * 8 + self.device.len() + self.topic.len() + self.said.len()
    }
}

impl List {
    fn bytes(&self) -> usize {
        1 + 8 + 4 + self.series.iter().map(Heard::bytes).sum::<usize>()
    }

    /// A list that is not understood is told, for its series would be silent unnoticed.
    fn load(host: &mut dyn Host, number: u64) -> Result<Option<Self>, HostError> {
        let Some(bytes) = host.get(&key(number))? else { return Ok(None) };
        let broken = || HostError {
            reason: format!("what is kept as {:?} is not understood", key(number)),
            permanent: false,
        };
        List::read(&bytes).map(Some).ok_or_else(broken)
    }

    fn store(&self, host: &mut dyn Host, number: u64) -> Result<(), HostError> {
        host.set(&key(number), &self.write())
    }

    fn write(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.u8(VERSION);
        out.u64(self.settings);
        out.u32(self.series.len() as u32);
        for heard in &self.series {
            [&heard.device, &heard.topic, &heard.said].into_iter().for_each(|text| out.text(text));
            [heard.observed, heard.heard_ms, heard.due_ms].into_iter().for_each(|one| out.u64(one));
        }
        out.finish()
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let mut input = Reader::new(bytes);
        if input.u8()? != VERSION {
            return None;
        }
        let mut list = List { settings: input.u64()?, series: Vec::new() };
        for _ in 0..input.count(LIST_BYTES_MAX)? {
            list.series.push(Heard {
                device: input.text(TEXT_BYTES_MAX)?,
                topic: input.text(TEXT_BYTES_MAX)?,
                said: input.text(TEXT_BYTES_MAX)?,
                observed: input.u64()?,
                heard_ms: input.u64()?,
                due_ms: input.u64()?,
            });
        }
        input.is_empty().then_some(list)
    }
}

fn key(number: u64) -> String {
    format!("silence/{number}")
}

impl Notes {
    /// The notes for a look at `now_ms`. After looks that were missed, and a clock that was
    /// set back, all series get their time anew: nobody knows who has spoken meanwhile.
    fn load(host: &mut dyn Host, now_ms: u64, missed: bool) -> Result<Self, HostError> {
        let bytes = host.get(NOTES_KEY)?.unwrap_or_default();
        let known = Notes::read(&bytes).filter(|notes| !missed && notes.last_ms <= now_ms);
        let since_ms = known.map_or(now_ms, |notes| notes.since_ms);
        Ok(Notes { last_ms: now_ms, since_ms })
    }

    fn store(&self, host: &mut dyn Host) -> Result<(), HostError> {
        let mut out = Writer::default();
        out.u8(VERSION);
        [self.last_ms, self.since_ms].into_iter().for_each(|one| out.u64(one));
        host.set(NOTES_KEY, &out.finish())
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let mut input = Reader::new(bytes);
        let version = input.u8()?;
        let notes = Notes { last_ms: input.u64()?, since_ms: input.u64()? };
        (version == VERSION && input.is_empty()).then_some(notes)
    }
}

/// What becomes of a series that was looked after.
enum Found {
    /// It is alive, or may be; look again then.
    Alive(Heard),
    /// It is silent, which was told.
    Silent,
    /// Nothing is kept of it any more.
    Gone,
}

/// One look.
struct Look<'l> {
    host: &'l mut dyn Host,
    config: &'l Config,
    notes: Notes,
    steps: usize,
    bytes: usize,
    alive: usize,
}

/// Looks after the series on the lists, and tells those that have fallen silent. `missed`:
/// whether looks before were missed.
pub fn look(host: &mut dyn Host, config: &Config, missed: bool) -> Result<(), HostError> {
    let now_ms = host.now_ms();
    let notes = Notes::load(host, now_ms, missed)?;
    let mut lists = BTreeMap::new();
    for number in 0..LISTS {
        if let Some(list) = List::load(host, number)? {
            lists.insert(number, list);
        }
    }
    let mut look = Look { host, config, notes, steps: 2 + 2 * LISTS as usize, bytes: 0, alive: 0 };
    let mut changed: BTreeMap<u64, Vec<(usize, Found)>> = BTreeMap::new();
    for (_, number, place) in due_now(&lists, config, now_ms) {
        let list = &lists[&number];
        if !changed.contains_key(&number) {
            look.bytes += list.bytes();
        }
        if look.is_enough() {
            break;
        }
        let found = look.after(&list.series[place])?;
        changed.entry(number).or_default().push((place, found));
    }
    for (number, found) in changed {
        let Some(list) = lists.get_mut(&number) else { continue };
        list.settle(config, found);
        list.store(look.host, number)?;
    }
    look.notes.store(look.host)
}

/// The series whose time may be over, longest first: when it was, its list and its place.
fn due_now(lists: &BTreeMap<u64, List>, config: &Config, now_ms: u64) -> Vec<(u64, u64, usize)> {
    let mut all = Vec::new();
    for (number, list) in lists {
        // With other settings all may be due.
        let due = |heard: &Heard| if list.settings == config.id { heard.due_ms } else { 0 };
        let places =
            list.series.iter().enumerate().map(|(place, heard)| (due(heard), *number, place));
        all.extend(places.filter(|(due_ms, ..)| *due_ms <= now_ms));
    }
    all.sort_unstable();
    all
}

impl List {
    /// Takes note of what a look has found, by the places of the series.
    fn settle(&mut self, config: &Config, found: Vec<(usize, Found)>) {
        if self.settings != config.id {
            // Those that there was no time for are due still.
            self.series.iter_mut().for_each(|heard| heard.due_ms = 0);
            self.settings = config.id;
        }
        let mut found: BTreeMap<usize, Found> = found.into_iter().collect();
        let series = std::mem::take(&mut self.series).into_iter().enumerate();
        let left = series.filter_map(|(place, heard)| match found.remove(&place) {
            None => Some(heard),
            Some(Found::Alive(heard)) => Some(heard),
            Some(Found::Silent | Found::Gone) => None,
        });
        self.series = left.collect();
    }
}

impl Look<'_> {
    fn is_enough(&self) -> bool {
        self.alive >= ALIVE_MAX || self.steps >= STEPS_MAX || self.bytes >= BYTES_MAX
    }

    /// Looks after one series.
    fn after(&mut self, heard: &Heard) -> Result<Found, HostError> {
        let now_ms = self.notes.last_ms;
        let options = self.config.watched.options(&heard.topic).map_err(|mistake| HostError {
            reason: format!("the settings are wrong: SENSORS_WATCH, {mistake}"),
            permanent: false,
        })?;
        let owner = if options.by_topic { "" } else { &*heard.device };
        let identity = identity(owner, &heard.topic, &heard.said);
        self.steps += 1;
        let Some(mut head) = Head::load(self.host, &identity)? else { return Ok(Found::Gone) };
        if head.listening != Listening::Yes {
            return Ok(Found::Gone);
        }
        // Who has spoken was heard by the clock of then, which may have been set back since.
        let spoke = head.observed != heard.observed;
        let last_ms = if spoke { head.heard_ms } else { heard.heard_ms };
        let last_ms = last_ms.min(now_ms).max(self.notes.since_ms);
        let allowed_ms = allowed_ms(&options, &head);
        if allowed_ms.is_none_or(|allowed_ms| now_ms - last_ms < allowed_ms) {
            self.alive += usize::from(spoke);
            let due_ms = match allowed_ms {
                Some(allowed_ms) => last_ms.saturating_add(allowed_ms),
                None => now_ms.saturating_add(AGAIN_MS),
            };
            let (observed, heard_ms) = (head.observed, last_ms);
            return Ok(Found::Alive(Heard { observed, heard_ms, due_ms, ..heard.clone() }));
        }
        let change = head.decision.fall_silent(head.heard_ms.min(now_ms));
        head.listening = Listening::Silent;
        self.tell(heard, &identity, &options, &mut head, &change)?;
        let bytes = head.write().len();
        head.store(self.host, &identity)?;
        (self.steps, self.bytes) = (self.steps + 1, self.bytes + bytes);
        Ok(Found::Silent)
    }

    /// Does what the rules say of it, and tells it.
    fn tell(
        &mut self,
        heard: &Heard,
        identity: &str,
        options: &Options,
        head: &mut Head,
        change: &LevelChange,
    ) -> Result<(), HostError> {
        let now_ms = self.notes.last_ms;
        let name = name_of(&heard.topic, &heard.said);
        let (device, topic) = (&*heard.device, &*heard.topic);
        let origin = Origin { device, topic, name, position: None, time_ms: now_ms };
        let record = || Record::without_reading(origin, change, head.observed).to_json();
        let facts = change.facts(&origin);
        let rules: Vec<_> =
            self.config.rules.iter().filter(|rule| rule.filter.matches(topic)).collect();
        let (before, level, clear_after) = (change.before, change.level, options.clear_after);
        let now = Now { before, level, value: f64::NAN, band: 0.0, clear_after, now_ms };
        let occasion = format!("silent-{}-{}", head.observed, head.heard_ms);
        let act = Act { facts, identity, occasion };
        let acting = due(&rules, &mut head.rules, &now);
        let said = acting.len() + usize::from(options.alerts.is_some());
        (self.steps, self.bytes) = (self.steps + said, self.bytes + said * SAID_BYTES);
        for rule in acting {
            act.carry_out(self.host, rule, record)?;
        }
        if let Some(topic) = &options.alerts {
            self.host.emit(&topic.topic(&act.facts), identity, RECORD_MEDIA_TYPE, &record())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
