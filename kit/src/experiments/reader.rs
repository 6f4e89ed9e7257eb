//! Reading a payload as a whole: what is wrong is listed, each with the place where it is.

use super::definitions::TEXT_BYTES_MAX;
use super::members::Members;
use super::pattern::Pattern;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use serde_json::{Map, Value};

/// More mistakes than these are counted and not listed.
pub const MISTAKES_MAX: usize = 100;
/// How many regular expressions a payload may have: each may take
/// [`super::pattern::PATTERN_COMPILED_BYTES_MAX`].
pub const PATTERNS_MAX: usize = 500;

/// Something in a payload that is not as it should be. What depends on it never applies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Where it is: a JSON pointer (RFC 6901).
    pub pointer: String,
    /// What is wrong, in lower case.
    pub message: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pointer = if self.pointer.is_empty() { "/" } else { &self.pointer };
        write!(out, "{pointer}: {}", self.message)
    }
}

/// What a payload had to say besides what it means.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// What is wrong: the first [`MISTAKES_MAX`] of it.
    pub mistakes: Vec<Mistake>,
    /// How much more is wrong.
    pub mistakes_more: usize,
    /// Pointers to members that this evaluator does not know: of a later version of the
    /// format, or misspelled. At most [`MISTAKES_MAX`].
    pub unknown: Vec<String>,
}

/// Groups of values that conditions name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SavedGroups {
    groups: BTreeMap<Box<str>, Arc<Members>>,
}

impl SavedGroups {
    /// Reads groups: an object of lists.
    pub fn read(value: &Value) -> (Self, Findings) {
        let mut reader = Reader::default();
        reader.read_groups(value);
        (SavedGroups { groups: reader.groups }, reader.findings)
    }
}

/// Where a reading is, and what it has found.
#[derive(Default)]
pub(super) struct Reader {
    pointer: String,
    findings: Findings,
    groups: BTreeMap<Box<str>, Arc<Members>>,
    patterns: usize,
    /// How many mistakes leave a meaning open; a group that does not exist has no members.
    open: usize,
}

impl Reader {
    pub(super) fn with_groups(groups: &SavedGroups) -> Self {
        Reader { groups: groups.groups.clone(), ..Reader::default() }
    }

    pub(super) fn finish(self) -> Findings {
        self.findings
    }

    /// Reads what lies below a name or an index.
    pub(super) fn within<T>(&mut self, step: &str, read: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.pointer.len();
        self.pointer.push('/');
        for char in step.chars() {
            match char {
                '~' => self.pointer.push_str("~0"),
                '/' => self.pointer.push_str("~1"),
                _ => self.pointer.push(char),
            }
        }
        let result = read(self);
        self.pointer.truncate(length);
        result
    }

    /// How many mistakes there were that leave a meaning open.
    pub(super) fn open(&self) -> usize {
        self.open
    }

    /// Notes a mistake here, which leaves open what was meant.
    pub(super) fn wrong(&mut self, message: impl Into<String>) {
        self.open += 1;
        self.odd(message);
    }

    /// Notes a mistake here that has a meaning.
    pub(super) fn odd(&mut self, message: impl Into<String>) {
        if self.findings.mistakes.len() < MISTAKES_MAX {
            let pointer = self.pointer.clone();
            self.findings.mistakes.push(Mistake { pointer, message: message.into() });
        } else {
            self.findings.mistakes_more += 1;
        }
    }

    /// Notes members whose names are none of these.
    pub(super) fn note_unknown(&mut self, object: &Map<String, Value>, known: &[&str]) {
        for name in object.keys().filter(|name| !known.contains(&name.as_str())) {
            if self.findings.unknown.len() < MISTAKES_MAX {
                let pointer = self.within(name, |reader| reader.pointer.clone());
                self.findings.unknown.push(pointer);
            }
        }
    }

    /// Reads a member if it is there and not null. The reader says itself what is wrong.
    pub(super) fn member<T>(
        &mut self,
        object: &Map<String, Value>,
        name: &str,
        read: impl FnOnce(&mut Self, &Value) -> T,
    ) -> Option<T> {
        let value = object.get(name).filter(|value| !value.is_null())?;
        Some(self.within(name, |reader| read(reader, value)))
    }

    /// Reads each item of a list; none if it is no list.
    pub(super) fn items<T>(
        &mut self,
        value: &Value,
        mut read: impl FnMut(&mut Self, &Value) -> T,
    ) -> Option<Vec<T>> {
        let Some(items) = value.as_array() else {
            self.wrong("a list is expected");
            return None;
        };
        let mut result = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            result.push(self.within(&index.to_string(), |reader| read(reader, item)));
        }
        Some(result)
    }

    /// The object that is expected here.
    pub(super) fn object<'v>(&mut self, value: &'v Value) -> Option<&'v Map<String, Value>> {
        let object = value.as_object();
        if object.is_none() {
            self.wrong("an object is expected");
        }
        object
    }

    /// The text that is expected here.
    pub(super) fn text(&mut self, value: &Value) -> Option<Box<str>> {
        match value.as_str() {
            Some(text) if text.len() <= TEXT_BYTES_MAX => return Some(text.into()),
            Some(_) => self.wrong(format!("the text has more than {TEXT_BYTES_MAX} bytes")),
            None => self.wrong("a text is expected"),
        }
        None
    }

    /// A text that is there and not empty.
    pub(super) fn name(&mut self, object: &Map<String, Value>, member: &str) -> Option<Box<str>> {
        self.member(object, member, Self::text).flatten().filter(|text| !text.is_empty())
    }

    /// Whether a member is there and true.
    pub(super) fn flag(&mut self, object: &Map<String, Value>, member: &str) -> bool {
        self.member(object, member, Self::truth).flatten().unwrap_or_default()
    }

    /// Says so if a list is longer than it may be.
    pub(super) fn at_most(&mut self, value: &Value, max: usize) {
        if value.as_array().is_some_and(|items| items.len() > max) {
            self.wrong(format!("there are more than {max} items"));
        }
    }

    /// The number that is expected here.
    pub(super) fn number(&mut self, value: &Value) -> Option<f64> {
        let number = value.as_f64().filter(|number| number.is_finite());
        if number.is_none() {
            self.wrong("a number is expected");
        }
        number
    }

    /// The truth that is expected here.
    pub(super) fn truth(&mut self, value: &Value) -> Option<bool> {
        let truth = value.as_bool();
        if truth.is_none() {
            self.wrong("true or false is expected");
        }
        truth
    }

    /// Compiles the pattern that is expected here.
    pub(super) fn pattern(&mut self, value: &Value, is_folded: bool) -> Option<Pattern> {
        let Some(source) = value.as_str() else {
            self.wrong("a pattern is expected");
            return None;
        };
        self.patterns += 1;
        if self.patterns > PATTERNS_MAX {
            self.wrong(format!("there are more than {PATTERNS_MAX} patterns"));
            return None;
        }
        let pattern = Pattern::new(source, is_folded);
        pattern.map_err(|message| self.wrong(message)).ok()
    }

    /// Reads the groups that conditions after them may name.
    pub(super) fn read_groups(&mut self, value: &Value) {
        let Some(groups) = self.object(value) else { return };
        for (name, values) in groups {
            match values.as_array() {
                Some(values) => {
                    self.groups.insert(name.as_str().into(), Arc::new(Members::new(values)));
                }
                None => self.within(name, |reader| reader.wrong("a list is expected")),
            }
        }
    }

    /// The group of this name; an unknown one has no members.
    pub(super) fn group(&mut self, name: &Value) -> Arc<Members> {
        let group = name.as_str().and_then(|name| self.groups.get(name)).cloned();
        group.unwrap_or_else(|| {
            self.odd("there is no saved group of this name");
            Arc::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn pointers_escape_what_they_must() {
        let mut reader = Reader::default();
        reader.within("a/b", |reader| reader.within("~", |reader| reader.wrong("odd")));
        reader.wrong("whole");
        let told: Vec<String> = reader.finish().mistakes.iter().map(Mistake::to_string).collect();
        assert_eq!(told, ["/a~1b/~0: odd", "/: whole"]);
    }

    #[test]
    fn lists_of_mistakes_end() {
        let (_, findings) = SavedGroups::read(&Value::Object(
            (0..MISTAKES_MAX + 7).map(|n| (n.to_string(), json!(1))).collect(),
        ));
        assert_eq!((findings.mistakes.len(), findings.mistakes_more), (MISTAKES_MAX, 7));
    }

    #[test]
    fn patterns_are_counted() {
        let mut reader = Reader::default();
        for _ in 0..PATTERNS_MAX {
            assert!(reader.pattern(&json!("a"), false).is_some());
        }
        assert!(reader.pattern(&json!("a"), false).is_none());
        assert_eq!(reader.finish().mistakes.len(), 1);
    }
}
