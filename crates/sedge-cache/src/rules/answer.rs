//! Answers from a stored response: its age, the client's conditions, ranges, `HEAD`.

use super::ask::{Ask, MethodClass};
use super::etag::{EntityTag, any_like};
use super::freshness::{Times, date_field};
use super::parts::{Held, held};
use super::range::{ContentRange, ascii};
use super::stored::StoredHead;
use http::StatusCode;
use http::header::{
    AGE, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_LOCATION, CONTENT_RANGE, CONTENT_TYPE, DATE, ETAG,
    EXPIRES, HeaderMap, HeaderName, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED,
    VARY,
};

mod multipart;

pub use multipart::{Multipart, MultipartPiece};

/// An answer to a client.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its fields.
    pub headers: HeaderMap,
    /// What of the stored content follows.
    pub body: AnswerBody,
}

/// What follows an answer's head.
#[derive(Debug, PartialEq, Eq)]
pub enum AnswerBody {
    /// Nothing.
    Empty,
    /// All that is stored.
    Whole,
    /// A stretch of what is stored.
    Slice {
        /// Where it begins in the stored bytes.
        offset: u64,
        /// How many bytes it has.
        len: u64,
    },
    /// Several stretches, with a head before each.
    Multipart(Multipart),
}

/// The answer to `ask` from a stored response that may be used for it, or from one that
/// has just come and is being stored. `body_len` is how many bytes of content there are;
/// none if they are still arriving.
///
/// While they are, ranges are cut only if `Content-Length` says how many there will be.
pub fn answer(ask: &Ask<'_>, stored: &StoredHead, body_len: Option<u64>, now_ms: u64) -> Answer {
    let age = HeaderValue::from(stored.age_ms(now_ms) / 1000);
    if stored.status.is_success()
        && is_unmodified(ask, stored.status, &stored.headers, stored.times)
    {
        let mut headers = fields_of_304(&stored.headers);
        headers.insert(AGE, age);
        return Answer { status: StatusCode::NOT_MODIFIED, headers, body: AnswerBody::Empty };
    }
    let mut answer = match held(ask, stored, body_len) {
        // `reuse` has said that what is missing must be fetched. Whoever answers all the
        // same serves what is there; it says of itself what it is.
        Held::Whole | Held::Gap(_) | Held::Missing => whole(stored, body_len),
        Held::Unsatisfiable(total) => unsatisfiable(stored, total),
        Held::Pieces(pieces, total) => match pieces[..] {
            [piece] => {
                let mut headers = stored.headers.clone();
                let range = ContentRange { span: piece.span, total };
                headers.insert(CONTENT_RANGE, range.to_value());
                headers.insert(CONTENT_LENGTH, HeaderValue::from(piece.bytes));
                let body = AnswerBody::Slice { offset: piece.offset, len: piece.bytes };
                Answer { status: StatusCode::PARTIAL_CONTENT, headers, body }
            }
            _ => several(stored, &pieces, total),
        },
    };
    answer.headers.insert(AGE, age);
    if ask.method == MethodClass::Head {
        answer.body = AnswerBody::Empty;
    }
    answer
}

fn whole(stored: &StoredHead, body_len: Option<u64>) -> Answer {
    let mut headers = stored.headers.clone();
    let mut body = AnswerBody::Whole;
    match stored.status.as_u16() {
        204 | 205 => body = AnswerBody::Empty,
        _ => {
            if let Some(bytes) = body_len {
                headers.insert(CONTENT_LENGTH, HeaderValue::from(bytes));
            }
        }
    }
    if let Some(part) = &stored.part
        && let Some(span) = part.spans().first()
    {
        let range = ContentRange { span: *span, total: part.total };
        headers.insert(CONTENT_RANGE, range.to_value());
        headers.insert(CONTENT_LENGTH, HeaderValue::from(span.bytes()));
        body = AnswerBody::Slice { offset: 0, len: span.bytes() };
    }
    Answer { status: stored.status, headers, body }
}

/// RFC 9110 §15.5.17. Fields about the content are not about this answer's.
fn unsatisfiable(stored: &StoredHead, total: u64) -> Answer {
    let mut headers = fields_of_304(&stored.headers);
    for name in [CONTENT_LOCATION, ETAG, LAST_MODIFIED] {
        headers.remove(name);
    }
    headers.insert(CONTENT_RANGE, ascii(format!("bytes */{total}")));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(0));
    Answer { status: StatusCode::RANGE_NOT_SATISFIABLE, headers, body: AnswerBody::Empty }
}

fn several(stored: &StoredHead, pieces: &[super::parts::Piece], total: Option<u64>) -> Answer {
    let mut headers = stored.headers.clone();
    let multipart = Multipart::of(headers.get(CONTENT_TYPE), pieces, total);
    headers.remove(CONTENT_RANGE);
    headers.insert(CONTENT_TYPE, multipart.content_type());
    headers.insert(CONTENT_LENGTH, HeaderValue::from(multipart.bytes()));
    let body = AnswerBody::Multipart(multipart);
    Answer { status: StatusCode::PARTIAL_CONTENT, headers, body }
}

/// A `304` for a client whose conditions were not sent to the origin, so that it answered
/// with a response which is passed on without being stored; none if the client has to
/// get that.
pub fn answer_unstored(
    ask: &Ask<'_>,
    status: StatusCode,
    headers: &HeaderMap,
    times: Times,
) -> Option<Answer> {
    let unmodified = status == StatusCode::OK && is_unmodified(ask, status, headers, times);
    unmodified.then(|| Answer {
        status: StatusCode::NOT_MODIFIED,
        headers: fields_of_304(headers),
        body: AnswerBody::Empty,
    })
}

/// Whether the client's conditions say that it has this response already, in the order of
/// RFC 9110 §13.2.2: `If-None-Match`, and `If-Modified-Since` only where there is no such.
fn is_unmodified(ask: &Ask<'_>, status: StatusCode, headers: &HeaderMap, times: Times) -> bool {
    if !ask.conditional || !status.is_success() {
        return false;
    }
    if !matches!(ask.method, MethodClass::Get | MethodClass::Head) {
        return false;
    }
    if ask.headers.contains_key(IF_NONE_MATCH) {
        return any_like(ask.headers, &IF_NONE_MATCH, EntityTag::of(headers));
    }
    let mut lines = ask.headers.get_all(IF_MODIFIED_SINCE).into_iter();
    if lines.next().is_none() || lines.next().is_some() {
        return false;
    }
    let now_s = times.response_ms / 1000;
    let Some(since_s) = date_field(ask.headers, IF_MODIFIED_SINCE, now_s) else {
        return false;
    };
    // RFC 9111 §4.3.2: the date of the response, or of its arrival, if it says nothing of
    // its modification.
    let modified_s = date_field(headers, LAST_MODIFIED, now_s)
        .or_else(|| date_field(headers, DATE, now_s))
        .unwrap_or(now_s);
    modified_s <= since_s
}

/// The fields of a `304` (RFC 9110 §15.4.5), and those by which browsers judge whether a
/// page may read it.
fn fields_of_304(headers: &HeaderMap) -> HeaderMap {
    const KEPT: [HeaderName; 6] = [CACHE_CONTROL, CONTENT_LOCATION, DATE, ETAG, EXPIRES, VARY];
    let has_etag = headers.contains_key(ETAG);
    let mut kept = HeaderMap::with_capacity(8);
    for (name, value) in headers {
        let about_caching = KEPT.contains(name)
            || (name == LAST_MODIFIED && !has_etag)
            || matches!(name.as_str(), "cdn-cache-control" | "cache-status" | "cache-groups")
            || name.as_str().starts_with("access-control-");
        if about_caching {
            kept.append(name, value.clone());
        }
    }
    kept
}

#[cfg(test)]
mod tests;
