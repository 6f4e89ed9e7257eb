//! What is told to a client whose request cannot be answered: RFC 9457 problem details.

use serde::Serialize;

/// A problem with a request. Serializes to `application/problem+json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The HTTP status: 400, 405, 413, 415 or 422.
    pub status: u16,
    /// What kind of problem it is, the same for every occurrence.
    pub title: &'static str,
    /// What is wrong with this request.
    pub detail: String,
}

impl Problem {
    /// A body that cannot be read (400).
    pub fn body(detail: impl Into<String>) -> Self {
        Problem { status: 400, title: "the series cannot be read", detail: detail.into() }
    }

    /// Something that can be read, and not answered (422).
    pub fn unanswerable(detail: impl Into<String>) -> Self {
        Problem { status: 422, title: "the series cannot be forecast", detail: detail.into() }
    }

    /// A body that holds too much (413).
    pub fn too_large(detail: impl Into<String>) -> Self {
        Problem { status: 413, title: "the request is too large", detail: detail.into() }
    }
}
