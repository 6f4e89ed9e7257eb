//! What a request says that decides how its answer can be made smaller, and what is
//! sent on instead of it.

use crate::head::Fields;
use crate::settings::Settings;
use sedge_kit::content::coding::{AcceptEncoding, Coding};
use sedge_kit::content::dictionary::{self, Digest};
use sedge_kit::content::directives::has_directive;
use sedge_kit::content::hints::Hints;
use sedge_kit::content::tag::Condition;

/// Settings and the number that stands for them in entity tags: what other settings
/// have made is another representation.
#[derive(Clone, Debug)]
pub struct Configured {
    /// The settings.
    pub settings: Settings,
    fingerprint: u32,
}

/// What becomes of a request, apart from its fields.
#[derive(Clone, Debug)]
pub enum Intent {
    /// Its answer passes as it comes.
    Pass,
    /// Its answer may be worked on.
    Work(Box<Asked>),
}

/// What was asked, by a `GET` or `HEAD`.
#[derive(Clone, Debug)]
pub struct Asked {
    /// A head without a body.
    pub is_head: bool,
    /// The codings that the client takes.
    pub accepts: AcceptEncoding,
    /// What it tells of its device and connection.
    pub hints: Hints,
    /// Path and query.
    pub target: String,
    /// It has `Authorization`: a cache for many stores the answer only if that says
    /// so (RFC 9111 §3.5).
    pub is_authorized: bool,
    /// The answer may be for this client only.
    pub has_credentials: bool,
    /// The coding that the client gets, if the content becomes smaller by it.
    pub coding: Option<Coding>,
    /// The dictionary that the client has for it, if it takes what is compressed with one.
    pub available: Option<Digest>,
    /// Nothing tells that it was asked for by a page of another origin.
    pub is_same_origin: bool,
    condition: Option<Condition>,
    fingerprint: u32,
}

/// Codings as marks name them.
const MARKS: [(&str, Coding); 4] = [
    ("gz", Coding::Gzip),
    ("br", Coding::Brotli),
    ("zs", Coding::Zstd),
    ("dz", Coding::DictionaryZstd),
];
/// No coding, for who takes none.
const PLAIN: &str = "id";
/// No coding, because none makes it smaller.
const DENSE: &str = "nc";

impl Configured {
    /// Joins settings with their number.
    pub fn new(settings: Settings) -> Self {
        let told = format!("{} {settings:?}", env!("CARGO_PKG_VERSION"));
        // FNV-1a, 32 bits.
        let fingerprint = told.bytes().fold(0x811c_9dc5, |hash: u32, byte| {
            (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
        });
        Configured { settings, fingerprint }
    }

    /// Reads a request, and changes its fields to those that are sent on.
    pub fn read(&self, method: &str, fields: &mut Fields) -> Intent {
        let is_head = method == "HEAD";
        if method != "GET" && !is_head {
            restore_tags(fields);
            return Intent::Pass;
        }
        // Parts of what was changed cannot be had, and those of what was not are asked
        // for as the client did. What becomes another protocol has no content.
        let cache_control = fields.get("cache-control").unwrap_or_default();
        if fields.has("range")
            || fields.has("upgrade")
            || has_directive(&cache_control, "no-transform")
        {
            return Intent::Pass;
        }
        let hints = read_hints(fields);
        let accepts = fields.get("accept-encoding").unwrap_or_default();
        let accepts = AcceptEncoding::parse(&accepts);
        let takes_dictionaries =
            self.settings.dictionaries.is_some() && accepts.weigh(Coding::DictionaryZstd) > 0;
        let available = fields.get("available-dictionary").filter(|_| takes_dictionaries);
        let site = fields.get("sec-fetch-site");
        let mut asked = Asked {
            is_head,
            available: available.and_then(|value| dictionary::available(&value)),
            is_same_origin: matches!(site.as_deref(), None | Some("same-origin" | "none")),
            accepts,
            coding: accepts.choose(&self.settings.codings),
            hints,
            target: String::new(),
            is_authorized: fields.has("authorization"),
            has_credentials: fields.has("authorization") || fields.has("cookie"),
            condition: None,
            fingerprint: self.fingerprint ^ u32::from(hints.saves_data),
        };
        asked.condition = translate(fields, "if-none-match", |mark| asked.is_mark(mark));
        translate(fields, "if-match", |mark| split_mark(mark).map(|_| true));
        if self.settings.asks_for_identity && fields.has("accept-encoding") {
            fields.set("accept-encoding", "identity");
        }
        Intent::Work(Box::new(asked))
    }
}

impl Asked {
    /// What an entity tag says of content that was worked on for this request.
    pub fn mark(&self, coding: Option<Coding>) -> String {
        let none = if self.coding.is_none() { PLAIN } else { DENSE };
        let name =
            MARKS.iter().find(|(_, own)| Some(*own) == coding).map_or(none, |(name, _)| name);
        format!("{name}{:08x}", self.number(coding))
    }

    /// The number of a mark: of the settings, and of the dictionary where one was used,
    /// since what was compressed with another is of no use.
    fn number(&self, coding: Option<Coding>) -> u32 {
        match (coding, self.available) {
            (Some(Coding::DictionaryZstd), Some([a, b, c, d, ..])) => {
                self.fingerprint ^ u32::from_be_bytes([a, b, c, d])
            }
            _ => self.fingerprint,
        }
    }

    /// Whether a mark is of content that would do for this request: made by these
    /// settings, in a coding that it accepts, or in none if it takes none. A cache asks
    /// with all tags that it has, and who takes a coding would get the larger variant;
    /// so would who has a dictionary, of any coding without it. `None`: it is no mark.
    fn is_mark(&self, mark: &str) -> Option<bool> {
        let (name, number) = split_mark(mark)?;
        let coding = MARKS.iter().find(|(own, _)| *own == name).map(|(_, coding)| *coding);
        let accepts = match coding {
            Some(Coding::DictionaryZstd) => self.available.is_some(),
            Some(coding) => self.available.is_none() && self.accepts.weigh(coding) > 0,
            None => name == DENSE || self.coding.is_none(),
        };
        Some(accepts && number == self.number(coding))
    }

    /// The client's own tag for an answer of 304, if it is one that was translated.
    pub fn known_tag(&self, answered: Option<&str>) -> Option<&str> {
        self.condition.as_ref()?.client_tag(answered)
    }
}

/// Name and number of a mark.
fn split_mark(mark: &str) -> Option<(&str, u32)> {
    let (name, number) = mark.split_at_checked(2)?;
    let is_name = [PLAIN, DENSE].contains(&name) || MARKS.iter().any(|(own, _)| *own == name);
    let number = (number.len() == 8).then(|| u32::from_str_radix(number, 16).ok()).flatten()?;
    is_name.then_some((name, number))
}

/// A client that changes what it has read names the tag that it was given. What was
/// done to the content on its way does not concern that.
fn restore_tags(fields: &mut Fields) {
    for name in ["if-match", "if-none-match"] {
        translate(fields, name, |mark| split_mark(mark).map(|_| true));
    }
}

fn translate(
    fields: &mut Fields,
    name: &str,
    is_ours: impl Fn(&str) -> Option<bool>,
) -> Option<Condition> {
    let condition = Condition::translate(&fields.get(name)?, is_ours)?;
    if condition.field.is_empty() {
        fields.remove(name);
    } else {
        fields.set(name, condition.field.as_str());
    }
    Some(condition)
}

fn read_hints(fields: &Fields) -> Hints {
    Hints::read(|name| {
        let mut lines = fields.0.iter().filter(|(own, _)| own.eq_ignore_ascii_case(name));
        let (_, line) = lines.next()?;
        str::from_utf8(line).ok()
    })
}

#[cfg(test)]
mod tests;
