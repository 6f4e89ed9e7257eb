//! What is told to a client whose request can not be answered: RFC 9457
//! problem details.

use serde::Serialize;

/// A problem with a request. Serializes to `application/problem+json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The HTTP status: 400, 405, 413 or 415.
    pub status: u16,
    /// What kind of problem it is, the same for every occurrence.
    pub title: &'static str,
    /// What is wrong with this request.
    pub detail: String,
    /// Where: the line of the body, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// Where: the reading, from 1, in the order of the body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row: Option<usize>,
    /// All mistakes, where there can be several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Mistake>,
}

/// One of several mistakes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mistake {
    /// The setting that is wrong.
    pub name: String,
    /// Why.
    pub detail: String,
}

impl Problem {
    /// A problem without a place.
    pub fn new(status: u16, title: &'static str, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Problem { status, title, detail, line: None, row: None, errors: Vec::new() }
    }

    /// A body that can not be read (400).
    pub fn body(detail: impl Into<String>) -> Self {
        Problem::new(400, "the readings can not be read", detail)
    }

    /// A body that holds too much (413).
    pub fn too_large(detail: impl Into<String>) -> Self {
        Problem::new(413, "the request is too large", detail)
    }

    /// The same problem, at this line.
    pub fn at_line(mut self, line: usize) -> Self {
        self.line = Some(line);
        self
    }

    /// The same problem, at this reading.
    pub fn at_row(mut self, row: usize) -> Self {
        self.row = Some(row);
        self
    }
}
