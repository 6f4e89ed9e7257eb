//! The patterns of uap-core (`regexes.yaml`), as its specification has them.
//!
//! The file is a small part of YAML: three lists of tables with texts. It is read by events,
//! within bounds, and nothing else that YAML can say is taken.

use super::{Device, Version, no_device, other};
use saphyr_parser::{Event, Parser};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use thiserror::Error;
use ua_parser::{Extractor, Regexes, device, os, user_agent};

/// Bytes of a file. That of 2025 has 206,000.
const FILE_BYTES_MAX: u64 = 4 << 20;
/// Patterns of one list. There are 640 for devices.
const PATTERNS_MAX: usize = 10_000;

/// Why a file has no patterns.
#[derive(Debug, Error)]
pub enum PatternError {
    /// It cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not what uap-core has.
    #[error("{} has no patterns of uap-core: {detail}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
}

pub(super) struct Patterns(Extractor<'static>);

/// How many patterns a file has: of browsers, systems and devices.
///
/// # Errors
/// It cannot be read, or one of them is wrong.
pub fn check(path: &Path) -> Result<[usize; 3], PatternError> {
    let lists = read(path)?;
    let counts = NAMES.map(|name| lists.get(name).map_or(0, Vec::len));
    compile(path, lists)?;
    Ok(counts)
}

impl Patterns {
    pub(super) fn read(path: &Path) -> Result<Self, PatternError> {
        compile(path, read(path)?)
    }

    pub(super) fn extract(&self, text: &str) -> (Version, Version, Device) {
        let (browser, system, device) = self.0.extract(text);
        let owned = |part: Option<&str>| part.map(ToOwned::to_owned);
        let browser = browser.map_or_else(other, |found| Version {
            family: found.family.into_owned(),
            major: owned(found.major),
            minor: owned(found.minor),
            patch: owned(found.patch),
        });
        let system = system.map_or_else(other, |found| Version {
            family: found.os.into_owned(),
            major: found.major.map(Cow::into_owned),
            minor: found.minor.map(Cow::into_owned),
            patch: found.patch.map(Cow::into_owned),
        });
        let device = device.map_or_else(no_device, |found| Device {
            family: found.device.into_owned(),
            brand: found.brand.map(Cow::into_owned),
            model: found.model.map(Cow::into_owned),
        });
        (browser, system, device)
    }
}

const NAMES: [&str; 3] = ["user_agent_parsers", "os_parsers", "device_parsers"];

/// A pattern: its members by name.
type Raw = BTreeMap<String, String>;
type Lists = BTreeMap<String, Vec<Raw>>;

fn read(path: &Path) -> Result<Lists, PatternError> {
    let io = |source| PatternError::Io { path: path.to_owned(), source };
    let mut text = String::new();
    let file = File::open(path).map_err(io)?;
    file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text).map_err(io)?;
    let lists = if text.len() as u64 > FILE_BYTES_MAX {
        Err(format!("more than {FILE_BYTES_MAX} bytes"))
    } else {
        lists(&text)
    };
    lists.map_err(|detail| PatternError::Invalid { path: path.to_owned(), detail })
}

/// Where a reader is in the file.
enum Place {
    Outside,
    /// In the table of lists; the list whose name was read.
    Top(Option<String>),
    List(String),
    /// In a pattern; the member whose name was read.
    Pattern(String, Raw, Option<String>),
}

fn lists(text: &str) -> Result<Lists, String> {
    let (mut lists, mut place) = (Lists::new(), Place::Outside);
    let mut events = Parser::new_from_str(text);
    while let Some(event) = events.next_event() {
        let (event, span) = event.map_err(|error| error.to_string())?;
        place = step(place, event, &mut lists)
            .map_err(|detail| format!("line {}: {detail}", span.start.line()))?;
    }
    for name in NAMES {
        if lists.get(name).is_none_or(Vec::is_empty) {
            return Err(format!("it has no list `{name}`"));
        }
    }
    Ok(lists)
}

fn step(place: Place, event: Event<'_>, lists: &mut Lists) -> Result<Place, String> {
    Ok(match (place, event) {
        (place, event) if is_frame(&event) => place,
        (Place::Outside, Event::MappingStart(..)) => Place::Top(None),
        (Place::Top(None), Event::MappingEnd) => Place::Outside,
        (Place::Top(None), Event::Scalar(name, ..)) => {
            if !NAMES.contains(&&*name) {
                return Err(format!("`{name}` is none of {}", NAMES.join(", ")));
            }
            Place::Top(Some(name.into_owned()))
        }
        (Place::Top(Some(name)), Event::SequenceStart(..)) => Place::List(name),
        (Place::List(_), Event::SequenceEnd) => Place::Top(None),
        (Place::List(list), Event::MappingStart(..)) => Place::Pattern(list, Raw::new(), None),
        (Place::Pattern(list, raw, None), Event::Scalar(name, ..)) => {
            Place::Pattern(list, raw, Some(name.into_owned()))
        }
        (Place::Pattern(list, mut raw, Some(name)), Event::Scalar(value, ..)) => {
            raw.insert(name, value.into_owned());
            Place::Pattern(list, raw, None)
        }
        (Place::Pattern(list, raw, None), Event::MappingEnd) => {
            let patterns = lists.entry(list.clone()).or_default();
            if !raw.contains_key("regex") {
                return Err("a pattern has no `regex`".to_owned());
            }
            if patterns.len() == PATTERNS_MAX {
                return Err(format!("more than {PATTERNS_MAX} patterns"));
            }
            patterns.push(raw);
            Place::List(list)
        }
        _ => return Err("three lists of tables with texts are expected".to_owned()),
    })
}

/// What stands around the content of a file.
fn is_frame(event: &Event<'_>) -> bool {
    use Event::{DocumentEnd, DocumentStart, Nothing, StreamEnd, StreamStart};
    matches!(event, Nothing | StreamStart | StreamEnd | DocumentStart(_) | DocumentEnd)
}

fn compile(path: &Path, mut lists: Lists) -> Result<Patterns, PatternError> {
    let mut taken = NAMES.map(|name| lists.remove(name).unwrap_or_default()).into_iter();
    let mut next = || taken.next().unwrap_or_default().into_iter();
    let regexes = Regexes {
        user_agent_parsers: next().map(of_browser).collect(),
        os_parsers: next().map(of_system).collect(),
        device_parsers: next().map(of_device).collect(),
    };
    let extractor = Extractor::try_from(regexes);
    extractor.map(Patterns).map_err(|error| {
        let detail = error.to_string().chars().take(400).collect();
        PatternError::Invalid { path: path.to_owned(), detail }
    })
}

type Text = Option<Cow<'static, str>>;

fn member(raw: &mut Raw, name: &str) -> Text {
    raw.remove(name).map(Cow::Owned)
}

fn of_browser(mut raw: Raw) -> user_agent::Parser<'static> {
    let mut part = |name| member(&mut raw, name);
    user_agent::Parser {
        regex: part("regex").unwrap_or_default(),
        family_replacement: part("family_replacement"),
        v1_replacement: part("v1_replacement"),
        v2_replacement: part("v2_replacement"),
        v3_replacement: part("v3_replacement"),
        v4_replacement: part("v4_replacement"),
    }
}

fn of_system(mut raw: Raw) -> os::Parser<'static> {
    let mut part = |name| member(&mut raw, name);
    os::Parser {
        regex: part("regex").unwrap_or_default(),
        os_replacement: part("os_replacement"),
        os_v1_replacement: part("os_v1_replacement"),
        os_v2_replacement: part("os_v2_replacement"),
        os_v3_replacement: part("os_v3_replacement"),
        os_v4_replacement: part("os_v4_replacement"),
    }
}

fn of_device(mut raw: Raw) -> device::Parser<'static> {
    let mut part = |name| member(&mut raw, name);
    device::Parser {
        regex: part("regex").unwrap_or_default(),
        // The specification knows `i` alone: letters of both sizes are the same.
        regex_flag: part("regex_flag").filter(|flag| flag == "i").map(|_| device::Flag::IgnoreCase),
        device_replacement: part("device_replacement"),
        brand_replacement: part("brand_replacement"),
        model_replacement: part("model_replacement"),
    }
}
