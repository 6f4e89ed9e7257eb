//! The answer to a request that is not taken.

use super::{Format, PayloadError};
use crate::payload::Place;
use serde::Serialize;

/// Problem details (RFC 9457): serialized as JSON, `application/problem+json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// The status of the answer: 400, 413 or 415.
    pub status: u16,
    /// What kind of problem it is, the same for each of its kind.
    pub title: &'static str,
    /// What is wrong, in a sentence for people.
    pub detail: String,
    /// Where, in the body.
    #[serde(flatten)]
    pub place: Place,
    #[serde(skip)]
    instead: Option<Instead>,
}

/// What would be taken instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Instead {
    MediaType,
    Coding,
}

impl Refusal {
    fn new(status: u16, title: &'static str, detail: String) -> Self {
        Refusal { status, title, detail, place: Place::default(), instead: None }
    }

    /// Name and value of a field that the answer's head should have: what would be taken
    /// instead (RFC 9110 §15.5.16).
    pub fn header(&self) -> Option<(&'static str, String)> {
        Some(match self.instead? {
            Instead::MediaType => ("accept", media_types()),
            Instead::Coding => ("accept-encoding", "identity".to_owned()),
        })
    }

    pub(super) fn bad(detail: String) -> Self {
        Refusal::new(400, "the request can not be read", detail)
    }

    pub(super) fn coding() -> Self {
        let detail = "the content may have no coding".to_owned();
        let refusal = Refusal::new(415, "the content coding is not taken", detail);
        Refusal { instead: Some(Instead::Coding), ..refusal }
    }

    pub(super) fn media_type() -> Self {
        let detail = format!("the content may be of the types {}; text is UTF-8", media_types());
        let refusal = Refusal::new(415, "the media type is not taken", detail);
        Refusal { instead: Some(Instead::MediaType), ..refusal }
    }

    pub(super) fn name(record: usize, why: &str) -> Self {
        let detail = format!("the name of the reading can be no topic: it {why}");
        let refusal = Refusal::new(400, "the readings can not be read", detail);
        Refusal { place: Place { record: Some(record), ..Place::default() }, ..refusal }
    }

    pub(super) fn time(record: usize) -> Self {
        let detail = "the time is not between the years 1677 and 2262".to_owned();
        let refusal = Refusal::new(400, "the readings can not be read", detail);
        Refusal { place: Place { record: Some(record), ..Place::default() }, ..refusal }
    }

    pub(super) fn payload(error: &PayloadError) -> Self {
        let (status, title) = match error.is_too_large() {
            true => (413, "the request is too large"),
            false => (400, "the readings can not be read"),
        };
        let refusal = Refusal::new(status, title, error.to_string());
        Refusal { place: error.place.clone(), ..refusal }
    }
}

fn media_types() -> String {
    Format::MEDIA_TYPES.map(|(name, _)| name).join(", ")
}
