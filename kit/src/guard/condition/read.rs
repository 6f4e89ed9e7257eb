//! Reading conditions: all mistakes are told, each with the place where it is.

use super::test::{Fact, Prefix, Test, Text};
use super::{Condition, DEPTH_MAX, PARTS_MAX, Part};
use crate::experiments::reader::Mistake;
use crate::guard::facts::{Agent, Proof, TlsVersion, Traits};
use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use serde_json::{Map, Value};

/// How many values a list may have.
pub const LIST_MAX: usize = 10_000;
/// More mistakes are not told.
pub const MISTAKES_MAX: usize = 100;
/// How many bytes a text may have.
const TEXT_BYTES_MAX: usize = 1_024;

const NAMES: &str = "all, any, not, user, device, continent, country, region, city, \
    autonomous_system, address, traits, proof, agent, user_agent_contains, \
    user_agent_bytes_below, tls_below, weak_cipher, cipher, ja4, reputation_below, \
    velocity_kmh_above, rate_per_minute_above, familiar, hours_utc, method, path_prefix, \
    metadata, unknown";

/// Where a reading is, and what was wrong.
#[derive(Default)]
pub(crate) struct Reader {
    pub(crate) pointer: String,
    pub(crate) mistakes: Vec<Mistake>,
    parts: usize,
}

impl Reader {
    /// Tells of a mistake at the place where the reading is.
    pub(crate) fn wrong(&mut self, message: impl Into<String>) {
        if self.mistakes.len() < MISTAKES_MAX {
            let mistake = Mistake { pointer: self.pointer.clone(), message: message.into() };
            self.mistakes.push(mistake);
        }
    }

    /// Goes into a member, and back.
    pub(crate) fn within<T>(&mut self, name: &str, read: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.pointer.len();
        self.pointer.push('/');
        self.pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
        let read = read(self);
        self.pointer.truncate(length);
        read
    }

    /// Reads a condition. One that is wrong is `None`; there is a mistake then.
    pub(crate) fn condition(&mut self, value: &Value) -> Option<Condition> {
        self.object(value, 0).map(Condition)
    }

    fn object(&mut self, value: &Value, depth: usize) -> Option<Part> {
        let Value::Object(members) = value else {
            self.wrong("not an object");
            return None;
        };
        if depth >= DEPTH_MAX {
            self.wrong(format!("deeper than {DEPTH_MAX}"));
            return None;
        }
        // An empty one would hold for everybody, which is hardly meant.
        if members.is_empty() {
            self.wrong(format!("empty; there are {NAMES}"));
            return None;
        }
        let mut parts = Vec::with_capacity(members.len());
        let mut is_whole = true;
        for (name, value) in members {
            self.parts += 1;
            if self.parts > PARTS_MAX {
                self.wrong(format!("more than {PARTS_MAX} parts of conditions"));
                return None;
            }
            match self.within(name, |reader| reader.member(name, value, depth)) {
                Some(part) => parts.push(part),
                None => is_whole = false,
            }
        }
        let single = if parts.len() == 1 { parts.pop() } else { None };
        is_whole.then(|| single.unwrap_or(Part::All(parts)))
    }

    fn member(&mut self, name: &str, value: &Value, depth: usize) -> Option<Part> {
        match name {
            "all" => self.objects(value, depth).map(Part::All),
            "any" => self.objects(value, depth).map(Part::Any),
            "not" => self.object(value, depth + 1).map(|part| Part::Not(Box::new(part))),
            _ => self.test(name, value).map(Part::Test),
        }
    }

    fn objects(&mut self, value: &Value, depth: usize) -> Option<Vec<Part>> {
        self.items(value, "conditions", |reader, value| reader.object(value, depth + 1))
    }

    fn test(&mut self, name: &str, value: &Value) -> Option<Test> {
        if let Some(text) = of_name(name) {
            return self.texts(value, text.is_upper()).map(|all| Test::OneOf(text, all));
        }
        Some(match name {
            "path_prefix" => Test::StartsWith(Text::Path, self.texts(value, false)?),
            "user_agent_contains" => Test::Contains(Text::UserAgent, self.texts(value, false)?),
            "user_agent_bytes_below" => {
                let bytes = self.number(value, 1.0, 8_192.0)?;
                Test::BytesBelow(Text::UserAgent, bytes as usize)
            }
            "metadata" => self.metadata(value)?,
            "autonomous_system" => Test::System(self.systems(value)?),
            "address" => Test::Address(self.chosen(
                value,
                "a prefix such as 192.0.2.0/24",
                Prefix::of_text,
            )?),
            "traits" => self.traits(value)?,
            "tls_below" => {
                let version = value.as_str().and_then(|name| of_all(&TlsVersion::ALL, name));
                let Some(version) = version else {
                    self.wrong("not one of ssl, 1.0, 1.1, 1.2, 1.3");
                    return None;
                };
                Test::TlsBelow(version)
            }
            "weak_cipher" => Test::WeakCipher(self.bool(value)?),
            "familiar" => Test::Familiar(self.bool(value)?),
            "agent" => {
                let wanted = "one of desktop, mobile, tablet, tv, bot, other";
                Test::Agent(self.chosen(value, wanted, |name| of_all(&Agent::ALL, name))?)
            }
            "proof" => {
                let wanted = "one of none, token, certificate, both, caller";
                Test::Proof(self.chosen(value, wanted, |name| of_all(&Proof::ALL, name))?)
            }
            "reputation_below" => Test::ReputationBelow(self.number(value, 0.0, 1.0)?),
            "velocity_kmh_above" => Test::VelocityAbove(self.number(value, 0.0, 1e9)?),
            "rate_per_minute_above" => Test::RateAbove(self.number(value, 0.0, 1e9)?),
            "hours_utc" => self.hours(value)?,
            "unknown" => {
                let wanted = "the name of a fact that may be unknown";
                Test::Unknown(self.chosen(value, wanted, |name| of_all(&Fact::ALL, name))?)
            }
            _ => {
                self.wrong(format!("no such condition; there are {NAMES}"));
                return None;
            }
        })
    }

    /// A list of what `read` makes of its items. All are read, so that all mistakes are told.
    fn items<T>(
        &mut self,
        value: &Value,
        of: &str,
        mut read: impl FnMut(&mut Self, &Value) -> Option<T>,
    ) -> Option<Vec<T>> {
        let Value::Array(items) = value else {
            self.wrong(format!("not a list of {of}"));
            return None;
        };
        if items.is_empty() || items.len() > LIST_MAX {
            self.wrong(format!("a list of {} {of}, not of 1 to {LIST_MAX}", items.len()));
            return None;
        }
        let mut all = Vec::with_capacity(items.len());
        for (at, item) in items.iter().enumerate() {
            all.extend(self.within(&format!("{at}"), |reader| read(reader, item)));
        }
        (all.len() == items.len()).then_some(all)
    }

    fn texts(&mut self, value: &Value, is_upper: bool) -> Option<Vec<Box<str>>> {
        let mut all: Vec<Box<str>> = self.items(value, "texts", |reader, item| match item {
            Value::String(text) if text.is_empty() || text.len() > TEXT_BYTES_MAX => {
                reader.wrong(format!("not 1 to {TEXT_BYTES_MAX} bytes long"));
                None
            }
            Value::String(text) if is_upper => Some(text.to_ascii_uppercase().into()),
            Value::String(text) => Some(text.as_str().into()),
            _ => {
                reader.wrong("not a text");
                None
            }
        })?;
        all.sort_unstable();
        Some(all)
    }

    fn chosen<T>(
        &mut self,
        value: &Value,
        wanted: &str,
        choose: impl Fn(&str) -> Option<T>,
    ) -> Option<Vec<T>> {
        self.items(value, "texts", |reader, item| {
            let chosen = item.as_str().and_then(&choose);
            if chosen.is_none() {
                reader.wrong(format!("{item} is not {wanted}"));
            }
            chosen
        })
    }

    fn traits(&mut self, value: &Value) -> Option<Test> {
        let mut traits = Traits::default();
        let wanted = format!("one of {}", Traits::NAMES.join(", "));
        self.chosen(value, &wanted, |name| Traits::default().set(name).map(|()| name.to_owned()))?
            .iter()
            .for_each(|name| {
                traits.set(name);
            });
        Some(Test::Traits(traits))
    }

    fn systems(&mut self, value: &Value) -> Option<Vec<u32>> {
        let mut all = self.items(value, "numbers", |reader, item| {
            let number = item.as_u64().and_then(|number| u32::try_from(number).ok());
            if number.is_none() {
                reader.wrong("not a number of an autonomous system");
            }
            number
        })?;
        all.sort_unstable();
        Some(all)
    }

    fn metadata(&mut self, value: &Value) -> Option<Test> {
        let pair = value.as_object().filter(|members| members.len() == 1);
        let Some((name, values)) = pair.and_then(|members: &Map<_, _>| members.iter().next())
        else {
            self.wrong("not an object with one name and the values that it may have");
            return None;
        };
        let values = self.within(name, |reader| reader.texts(values, false))?;
        Some(Test::Metadata(name.as_str().into(), values))
    }

    fn hours(&mut self, value: &Value) -> Option<Test> {
        let hour = |at: usize| {
            let hour = value.get(at).and_then(Value::as_u64).filter(|hour| *hour <= 24);
            hour.and_then(|hour| u8::try_from(hour).ok())
        };
        match (value.as_array().map(Vec::len), hour(0), hour(1)) {
            (Some(2), Some(from), Some(to)) if from != to => Some(Test::Hours(from, to)),
            _ => {
                self.wrong("not two different hours from 0 to 24");
                None
            }
        }
    }

    fn bool(&mut self, value: &Value) -> Option<bool> {
        let read = value.as_bool();
        if read.is_none() {
            self.wrong("neither true nor false");
        }
        read
    }

    /// A number within bounds.
    pub(crate) fn number(&mut self, value: &Value, least: f64, most: f64) -> Option<f64> {
        let number = value.as_f64().filter(|number| (least..=most).contains(number));
        if number.is_none() {
            self.wrong(format!("not a number from {least} to {most}"));
        }
        number
    }
}

fn of_all<T: Copy>(all: &[(&str, T)], name: &str) -> Option<T> {
    all.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
}

/// The texts that are compared as they are.
fn of_name(name: &str) -> Option<Text> {
    match of_all(&Fact::ALL, name)? {
        Fact::Text(Text::UserAgent | Text::Path) => None,
        Fact::Text(text) => Some(text),
        _ => None,
    }
}
