//! Reads objects field by field. A field is honored because somebody asked for
//! it; whatever nobody asked for is a mistake that is reported when the object
//! ends, so none can be dropped in silence.

use super::yaml::{Content, Entry, Node};
use super::{Found, Notes};
use crate::document::{Invalid, suggest};
use std::ops::RangeInclusive;

/// A value, where it stands in its document (`spec.http[0].timeout`), and in
/// which file.
#[derive(Clone, Debug)]
pub(super) struct At<'n> {
    pub(super) node: &'n Node,
    pub(super) path: String,
    pub(super) file: usize,
}

/// The fields of one map, each taken at most once.
pub(super) struct Fields<'n> {
    entries: Vec<&'n Entry>,
    known: Vec<&'static str>,
    path: String,
    file: usize,
}

/// A place that outlives the document, for mistakes that only the whole shows.
#[derive(Clone, Debug, Default)]
pub(super) struct Spot {
    pub(super) span: std::ops::Range<usize>,
    pub(super) path: String,
    pub(super) file: usize,
}

impl Notes {
    /// Something that is wrong whoever reads it.
    pub(super) fn wrong(&mut self, spot: &Spot, invalid: Invalid) {
        self.push(
            spot.file,
            Found { span: spot.span.clone(), message: invalid.message, hint: invalid.hint },
            false,
        );
    }

    /// Something that is right and that this node does not do; a warning where
    /// the reader is lenient.
    pub(super) fn unsupported(&mut self, spot: &Spot, what: &str, hint: &str) {
        let message =
            if spot.path.is_empty() { what.to_owned() } else { format!("`{}` {what}", spot.path) };
        let found = Found {
            span: spot.span.clone(),
            message,
            hint: Some(hint.to_owned()).filter(|hint| !hint.is_empty()),
        };
        self.push(spot.file, found, true);
    }
}

impl<'n> At<'n> {
    pub(super) fn spot(&self) -> Spot {
        Spot { span: self.node.span.clone(), path: self.path.clone(), file: self.file }
    }

    fn expected(&self, noun: &str, notes: &mut Notes) {
        let message = format!("`{}` must be {noun}, found {}", self.path, self.node.noun());
        let hint = match self.node.content {
            Content::Int(_) | Content::Bool(_) | Content::Float(_) if noun == "a string" => {
                Some("write it in quotes".to_owned())
            }
            Content::Text(_) if noun != "a string" && noun != "a map" && noun != "a list" => {
                Some("write it without quotes".to_owned())
            }
            _ => None,
        };
        notes.wrong(&self.spot(), Invalid { message, hint });
    }

    /// The value that `parse` makes of a string.
    pub(super) fn parse<T>(
        &self,
        notes: &mut Notes,
        parse: impl FnOnce(&str) -> Result<T, Invalid>,
    ) -> Option<T> {
        let text = self.text(notes)?;
        parse(text).map_err(|invalid| notes.wrong(&self.spot(), invalid)).ok()
    }

    pub(super) fn text(&self, notes: &mut Notes) -> Option<&'n str> {
        if let Content::Text(text) = &self.node.content {
            return Some(text);
        }
        self.expected("a string", notes);
        None
    }

    /// A string that says something.
    pub(super) fn name(&self, notes: &mut Notes) -> Option<&'n str> {
        let text = self.text(notes)?;
        if text.is_empty() {
            notes.wrong(
                &self.spot(),
                Invalid { message: format!("`{}` is empty", self.path), hint: None },
            );
            return None;
        }
        Some(text)
    }

    pub(super) fn integer(&self, range: RangeInclusive<i64>, notes: &mut Notes) -> Option<i64> {
        let Content::Int(number) = self.node.content else {
            self.expected("an integer", notes);
            return None;
        };
        if !range.contains(&number) {
            let message = format!("`{}` is {number}", self.path);
            let hint = format!("it must be between {} and {}", range.start(), range.end());
            notes.wrong(&self.spot(), Invalid::new(message, hint));
            return None;
        }
        Some(number)
    }

    /// An integer that fits its type, because the range does.
    pub(super) fn count(&self, range: RangeInclusive<i64>, notes: &mut Notes) -> Option<u32> {
        self.integer(range, notes).and_then(|number| u32::try_from(number).ok())
    }

    pub(super) fn port(&self, notes: &mut Notes) -> Option<u16> {
        self.integer(1..=65_535, notes).and_then(|number| u16::try_from(number).ok())
    }

    /// A percentage as a share of 1.
    pub(super) fn percent(&self, notes: &mut Notes) -> Option<f64> {
        let number = match self.node.content {
            Content::Int(number) => number as f64,
            Content::Float(number) => number,
            _ => {
                self.expected("a number", notes);
                return None;
            }
        };
        if !(0.0..=100.0).contains(&number) {
            let message = format!("`{}` is {number}", self.path);
            notes.wrong(&self.spot(), Invalid::new(message, "it must be between 0 and 100"));
            return None;
        }
        Some(number / 100.0)
    }

    pub(super) fn boolean(&self, notes: &mut Notes) -> Option<bool> {
        if let Content::Bool(value) = self.node.content {
            return Some(value);
        }
        self.expected("a boolean", notes);
        None
    }

    /// Whether this is a list.
    pub(super) fn is_list(&self) -> bool {
        matches!(self.node.content, Content::List(_))
    }

    /// The entries of a list.
    pub(super) fn list(&self, notes: &mut Notes) -> Vec<At<'n>> {
        let Content::List(list) = &self.node.content else {
            self.expected("a list", notes);
            return Vec::new();
        };
        let entry =
            |(index, node)| At { node, path: format!("{}[{index}]", self.path), file: self.file };
        list.iter().enumerate().map(entry).collect()
    }

    /// The fields of a map.
    pub(super) fn fields(&self, notes: &mut Notes) -> Option<Fields<'n>> {
        let Content::Map(entries) = &self.node.content else {
            self.expected("a map", notes);
            return None;
        };
        Some(Fields {
            entries: entries.iter().collect(),
            known: Vec::new(),
            path: self.path.clone(),
            file: self.file,
        })
    }

    /// The entries of a map whose keys a person chooses; keys with their values,
    /// the place of a value that is missing being that of its key.
    pub(super) fn entries(&self, notes: &mut Notes) -> Vec<(&'n str, At<'n>)> {
        let Content::Map(entries) = &self.node.content else {
            self.expected("a map", notes);
            return Vec::new();
        };
        let at = |entry: &'n Entry| At {
            node: &entry.value,
            path: join(&self.path, &entry.key),
            file: self.file,
        };
        entries.iter().map(|entry| (entry.key.as_str(), at(entry))).collect()
    }

    /// One of these words.
    pub(super) fn one_of<T: Copy>(&self, words: &[(&str, T)], notes: &mut Notes) -> Option<T> {
        let text = self.text(notes)?;
        let found = words.iter().find(|(word, _)| *word == text);
        if found.is_none() {
            let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let message = format!("`{text}` is not a value of `{}`", self.path);
            notes.wrong(
                &self.spot(),
                Invalid::new(message, format!("write one of {}", names.join(", "))),
            );
        }
        found.map(|(_, value)| *value)
    }
}

impl<'n> Fields<'n> {
    /// The value of a field; `None` if it is absent or null, which Kubernetes
    /// takes for the same.
    pub(super) fn take(&mut self, name: &'static str) -> Option<At<'n>> {
        self.known.push(name);
        let index = self.entries.iter().position(|entry| entry.key == name)?;
        let entry = self.entries.remove(index);
        if matches!(entry.value.content, Content::Null) {
            return None;
        }
        Some(At { node: &entry.value, path: join(&self.path, name), file: self.file })
    }

    /// The same, and a mistake if it is absent.
    pub(super) fn need(&mut self, name: &'static str, notes: &mut Notes) -> Option<At<'n>> {
        let found = self.take(name);
        if found.is_none() {
            let spot = self.spot();
            let message = format!("missing field `{}`", join(&self.path, name));
            notes.wrong(&spot, Invalid { message, hint: None });
        }
        found
    }

    /// Where the map stands: at its first field.
    fn spot(&self) -> Spot {
        let span = self.entries.first().map_or(0..0, |entry| entry.key_span.clone());
        Spot { span, path: self.path.clone(), file: self.file }
    }

    /// Fields that exist and that this node does not do.
    pub(super) fn unsupported(&mut self, names: &[(&'static str, &str)], notes: &mut Notes) {
        for (name, hint) in names {
            self.known.push(name);
            let Some(index) = self.entries.iter().position(|entry| entry.key == *name) else {
                continue;
            };
            let entry = self.entries.remove(index);
            let spot = Spot {
                span: entry.key_span.clone(),
                path: join(&self.path, name),
                file: self.file,
            };
            notes.unsupported(&spot, "is not supported", hint);
        }
    }

    /// Fields without a meaning for this node, whatever they say.
    pub(super) fn ignore(&mut self, names: &[&'static str]) {
        self.known.extend(names);
        self.entries.retain(|entry| !names.contains(&entry.key.as_str()));
    }

    /// Reports what nobody asked for.
    pub(super) fn finish(self, notes: &mut Notes) {
        for entry in &self.entries {
            let spot = Spot {
                span: entry.key_span.clone(),
                path: join(&self.path, &entry.key),
                file: self.file,
            };
            let hint = match suggest::nearest(&entry.key, self.known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known here: {}", suggest::list(self.known.iter().copied(), "and")),
            };
            notes.unsupported(&spot, "is not a known field", &hint);
        }
    }
}

/// A path and a field below it.
fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}
