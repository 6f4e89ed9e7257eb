//! What is said of a message that can not be taken.

use serde::Serialize;
use std::borrow::Cow;
use std::fmt;

/// Why a message was refused: what is wrong, where, and what may help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PayloadError {
    /// Where.
    pub place: Place,
    /// What.
    pub problem: Problem,
    /// What to do about it.
    pub hint: Option<&'static str>,
}

/// A place of a message; what does not apply is `None`, and not written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The record, object, row or metric, counted from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<usize>,
    /// The line of a table, counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// The field or column; shortened if it is long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<Box<str>>,
    /// The byte of the message, counted from 0, at which what is wrong begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<usize>,
}

/// What is wrong with a message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The bytes are not of this format.
    #[error("{0}")]
    Malformed(Cow<'static, str>),
    /// They are, but something else had to be there.
    #[error("expected {0}")]
    Expected(Cow<'static, str>),
    /// A value of another kind than wanted.
    #[error("expected {expected}, found {found}")]
    Type {
        /// What is wanted.
        expected: &'static str,
        /// What is there.
        found: &'static str,
    },
    /// A number that is not to be represented without loss.
    #[error("{0}")]
    Range(Cow<'static, str>),
    /// A field that is there twice in one object.
    #[error("the field is there twice")]
    Duplicate,
    /// A field that must be understood, and is not.
    #[error("the field must be understood, and is not")]
    NotUnderstood,
    /// More of something than allowed.
    #[error("more {what} than {limit}")]
    TooLarge {
        /// Of what.
        what: &'static str,
        /// How many are allowed.
        limit: usize,
    },
    /// No reading at all.
    #[error("there is no reading in it")]
    Empty,
    /// A Sparkplug message that means something only together with a birth certificate
    /// which is not there, or no longer holds.
    #[error("{0}")]
    NotBorn(Cow<'static, str>),
}

impl Problem {
    pub(super) fn malformed(what: impl Into<Cow<'static, str>>) -> Self {
        Problem::Malformed(what.into())
    }

    pub(super) fn expected(what: impl Into<Cow<'static, str>>) -> Self {
        Problem::Expected(what.into())
    }

    pub(super) fn range(what: impl Into<Cow<'static, str>>) -> Self {
        Problem::Range(what.into())
    }

    pub(super) fn too_large(what: &'static str, limit: usize) -> Self {
        Problem::TooLarge { what, limit }
    }

    pub(super) fn at(self, place: Place) -> PayloadError {
        PayloadError { place, problem: self, hint: None }
    }
}

impl PayloadError {
    pub(super) fn hint(mut self, hint: &'static str) -> Self {
        self.hint = Some(hint);
        self
    }

    /// Whether there was too much, rather than something wrong.
    pub fn is_too_large(&self) -> bool {
        matches!(self.problem, Problem::TooLarge { .. })
    }
}

impl Place {
    /// A byte.
    pub(super) fn byte(offset: usize) -> Self {
        Place { offset: Some(offset), ..Place::default() }
    }

    /// A record.
    pub(super) fn record(record: usize) -> Self {
        Place { record: Some(record), ..Place::default() }
    }

    /// A line of a table, and the record in it.
    pub(super) fn line(line: usize, record: Option<usize>) -> Self {
        Place { line: Some(line), record, ..Place::default() }
    }

    /// The same place, in this field.
    pub(super) fn field(mut self, name: &str) -> Self {
        const SHOWN_CHARS_MAX: usize = 64;
        let mut shown: String = name.chars().take(SHOWN_CHARS_MAX).collect();
        if shown.len() < name.len() {
            shown.push('…');
        }
        self.field = Some(shown.into());
        self
    }

    /// The same place, at this byte.
    pub(super) fn offset(mut self, offset: usize) -> Self {
        self.offset = Some(offset);
        self
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        parts.extend(self.line.map(|line| format!("line {line}")));
        // A line says enough to people who look at a table.
        parts.extend(self.record.filter(|_| self.line.is_none()).map(|at| format!("record {at}")));
        parts.extend(self.field.as_ref().map(|name| format!("field {name:?}")));
        parts.extend(self.offset.map(|offset| format!("byte {offset}")));
        f.write_str(&parts.join(", "))
    }
}

impl fmt::Display for PayloadError {
    /// One line: place, problem, hint.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = self.place.to_string();
        let separator = if place.is_empty() { "" } else { ": " };
        write!(f, "{place}{separator}{}", self.problem)?;
        match &self.hint {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for PayloadError {}
