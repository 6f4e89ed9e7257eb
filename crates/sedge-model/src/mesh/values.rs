//! Values that both families of objects write alike.

use super::Notes;
use super::fields::{At, Spot};
use crate::document::Invalid;
use crate::routing::rule::{Changes, Pattern};
use http::{HeaderName, HeaderValue};
use regex::RegexBuilder;

/// What one compiled pattern may hold.
const PATTERN_BYTES_MAX: usize = 1 << 20;

/// Header fields of one change.
const CHANGES_MAX: usize = 64;

/// Fields that say how a message is framed or where it goes; whoever changes
/// them by hand breaks it.
const FRAMING: [&str; 6] =
    ["connection", "content-length", "host", "keep-alive", "transfer-encoding", "upgrade"];

/// A pattern that the whole value must fit.
pub(super) fn pattern(text: &str) -> Result<Pattern, Invalid> {
    let invalid = |why: String| Invalid::new(format!("`{text}` is not a pattern"), why);
    // Alone first: `a)(b` must not become a pattern by what is put around it.
    regex::Regex::new(text).map_err(|error| invalid(reason(&error)))?;
    let regex = RegexBuilder::new(&format!("^(?:{text})$"))
        .size_limit(PATTERN_BYTES_MAX)
        .build()
        .map_err(|error| invalid(reason(&error)))?;
    Ok(Pattern { text: text.to_owned(), regex })
}

/// The last line of the message, which says what is wrong.
fn reason(error: &regex::Error) -> String {
    let text = error.to_string();
    text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

/// Reads the name of a header field.
pub(super) fn header_name(text: &str) -> Result<HeaderName, Invalid> {
    HeaderName::from_bytes(text.as_bytes()).map_err(|_| {
        let hint = match text.strip_prefix(':') {
            Some("authority") => "the host is matched by `authority` or by the hosts of the route",
            Some(_) => {
                "pseudo-fields have fields of their own: `method`, `scheme`, `uri`, `authority`"
            }
            None => "write letters, digits and `-`",
        };
        Invalid::new(format!("`{text}` is not the name of a header field"), hint)
    })
}

/// Reads a host that requests are sent on with, with its port if there is one.
pub(super) fn host(text: &str) -> Result<String, Invalid> {
    let known = text.parse::<http::uri::Authority>().is_ok_and(|host| !host.as_str().contains('@'));
    if known && !text.contains('%') {
        return Ok(text.to_owned());
    }
    Err(Invalid::new(
        format!("`{}` is not a host", text.escape_debug()),
        "write example.org or example.org:8080",
    ))
}

/// A path that may stand in a request line.
pub(super) fn path(text: &str) -> Result<String, Invalid> {
    let bad = |c: char| c.is_control() || c == ' ' || c == '#' || c == '?';
    if text.contains('%') && text.contains("PREFIX()") {
        return Err(Invalid::new("a variable of Envoy is not supported", "write a fixed path"));
    }
    if !text.starts_with('/') || text.contains(bad) || !text.is_ascii() {
        return Err(Invalid::new(
            format!("`{text}` is not a path"),
            "a path begins with `/` and has no query",
        ));
    }
    Ok(text.to_owned())
}

/// Reads the value of a header field.
pub(super) fn header_value(text: &str, at: &str) -> Result<HeaderValue, Invalid> {
    // Envoy fills in variables here; whoever writes one means its value.
    if text.contains('%') {
        let message = format!("the value of `{at}` has a variable of Envoy");
        return Err(Invalid::new(message, "write a fixed value without `%`"));
    }
    HeaderValue::from_str(text).map_err(|_| Invalid {
        message: format!("`{}` is not the value of a header field", text.escape_debug()),
        hint: None,
    })
}

/// A list of changes under way; the same name twice in one list is a mistake.
#[derive(Default)]
pub(super) struct ChangeList {
    pub(super) changes: Changes,
}

impl ChangeList {
    /// Sets or adds a field.
    pub(super) fn put(
        &mut self,
        name: &str,
        name_spot: &Spot,
        value: &At<'_>,
        add: bool,
        notes: &mut Notes,
    ) {
        let Some(name) = self.name(name, name_spot, notes) else { return };
        let Some(value) = value.parse(notes, |text| header_value(text, &value.path)) else {
            return;
        };
        let list = if add { &mut self.changes.add } else { &mut self.changes.set };
        if list.len() >= CHANGES_MAX {
            notes.wrong(
                name_spot,
                Invalid { message: format!("more than {CHANGES_MAX} changes"), hint: None },
            );
        } else {
            list.push((name, value));
        }
    }

    /// Removes a field.
    pub(super) fn remove(&mut self, at: &At<'_>, notes: &mut Notes) {
        let Some(name) = at.text(notes) else { return };
        if let Some(name) = self.name(name, &at.spot(), notes) {
            self.changes.remove.push(name);
        }
    }

    fn name(&self, text: &str, spot: &Spot, notes: &mut Notes) -> Option<HeaderName> {
        let name = header_name(text).map_err(|invalid| notes.wrong(spot, invalid)).ok()?;
        if FRAMING.contains(&name.as_str()) {
            let hint = if name == "host" {
                "the host is set, by a route or its only destination, or rewritten"
            } else {
                ""
            };
            notes.unsupported(spot, &format!("changes `{name}`, which frames the message"), hint);
            return None;
        }
        Some(name)
    }
}

/// A unique name of the alphabet that rules and upstreams have.
pub(super) fn unique(wanted: &str, taken: &mut std::collections::HashSet<String>) -> String {
    let known = |c: char| if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '-' };
    let base: String = wanted.to_ascii_lowercase().chars().map(known).collect();
    let base = base.trim_matches('-').to_owned();
    let mut name = base.clone();
    let mut number = 2;
    while !taken.insert(name.clone()) {
        name = format!("{base}-{number}");
        number += 1;
    }
    name
}
