//! What an origin's answer to a validation, to a `HEAD` or to a request for what is
//! missing makes of the stored response (RFC 9111 §4.3.3 to §4.3.5, §3.4).

use super::ask::Ask;
use super::directives::ResponseControl;
use super::etag::EntityTag;
use super::freshness::Times;
use super::parts::Completion;
use super::policy::Policy;
use super::range::ContentRange;
use super::storable::{build, connection_fields, storable};
use super::stored::{StoredHead, content_length};
use super::target::Target;
use http::StatusCode;
use http::header::{
    AGE, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, DATE, ETAG, HeaderMap, HeaderValue,
    LAST_MODIFIED,
};

/// What a validation has brought.
#[derive(Debug)]
pub enum Validated {
    /// The stored response holds. Here is its new head: store it and answer from it.
    Freshened(Box<StoredHead>),
    /// It holds, and this is the head to answer with; but that may not be stored.
    FreshenedOnce {
        /// The head to answer with.
        head: Box<StoredHead>,
        /// Whether what is stored has to go: if the response says so. Otherwise it is only
        /// this request, such as one with `Authorization`, whose responses are not for
        /// others; and what is stored stays as it is.
        remove: bool,
    },
    /// The origin answered for another response: ask again, without conditions.
    Mismatch,
    /// The origin failed: [`on_error`](super::on_error) says whether the stored response
    /// may be served; else the failure is passed on.
    Failed,
    /// This is a new response: [`storable`](super::storable) says whether it takes the
    /// stored one's place.
    Replaced,
}

/// What the answer to a validation of `stored` makes of it.
pub fn validated(
    ask: &Ask<'_>,
    target: &Target,
    stored: &StoredHead,
    (status, headers): (StatusCode, &HeaderMap),
    times: Times,
    policy: &Policy,
) -> Validated {
    if status.is_server_error() {
        return Validated::Failed;
    }
    if status != StatusCode::NOT_MODIFIED {
        return Validated::Replaced;
    }
    if !is_about(headers, stored) {
        return Validated::Mismatch;
    }
    freshened(ask, target, stored, headers, times, policy)
}

/// Whether a `304` is about `stored` (RFC 9111 §4.3.4). One without a validator is: the
/// request had those of this response only.
///
/// Tags are compared weakly, as the origin has compared them. By the letter, one that is
/// strong names no response whose tag is weak; but servers that compress make a tag weak
/// in a `200`, and leave it as it was in a `304`. Then asking again would not help.
fn is_about(headers: &HeaderMap, stored: &StoredHead) -> bool {
    match EntityTag::of(headers) {
        Some(tag) => EntityTag::of(&stored.headers).is_some_and(|own| own.is_weakly(tag)),
        None => match (headers.get(LAST_MODIFIED), stored.headers.get(LAST_MODIFIED)) {
            (Some(new), Some(old)) => new == old,
            _ => true,
        },
    }
}

fn freshened(
    ask: &Ask<'_>,
    target: &Target,
    stored: &StoredHead,
    headers: &HeaderMap,
    times: Times,
    policy: &Policy,
) -> Validated {
    let merged = merged(stored, headers);
    // Whether it may be stored does not depend on how it was asked for this time, but for
    // what no response may be stored after.
    let as_get = Ask { method: super::MethodClass::Get, range: stored.part.is_some(), ..*ask };
    let whole = if stored.part.is_some() { StatusCode::OK } else { stored.status };
    match storable(&as_get, target, whole, &merged, times, policy) {
        Ok(mut head) => {
            head.status = stored.status;
            head.part.clone_from(&stored.part);
            // A request may select it by its language, without the wishes that it was
            // made for; those stay what it is found by.
            let names = |head: &StoredHead| {
                head.vary.iter().map(|field| field.name.clone()).collect::<Vec<_>>()
            };
            if names(&head) == names(stored) {
                head.vary.clone_from(&stored.vary);
            }
            Validated::Freshened(Box::new(head))
        }
        Err(why) => {
            let mut head = StoredHead { headers: merged, times, ..stored.clone() };
            head.headers.remove(AGE);
            head.initial_age_ms = super::freshness::initial_age_ms(headers, times);
            head.lifetime_ms = 0;
            Validated::FreshenedOnce { head: Box::new(head), remove: why.is_of_response() }
        }
    }
}

/// The stored fields with those of a newer head in their place (RFC 9111 §3.2). What says
/// how the stored bytes are written stays, because they stay; and so does their tag.
fn merged(stored: &StoredHead, headers: &HeaderMap) -> HeaderMap {
    let mut merged = stored.headers.clone();
    // An older date would make the response look as old as it was before.
    merged.remove(DATE);
    let left_out = connection_fields(headers);
    for name in headers.keys() {
        let stays = [CONTENT_LENGTH, CONTENT_ENCODING, CONTENT_RANGE].contains(name)
            || (name == ETAG && merged.contains_key(ETAG));
        if stays || left_out.contains(name) {
            continue;
        }
        merged.remove(name);
        for value in headers.get_all(name) {
            merged.append(name, value.clone());
        }
    }
    merged
}

/// What a `200` to a `HEAD` says of the stored `GET` response.
#[derive(Debug)]
pub enum HeadUpdate {
    /// It is the same: here is its new head.
    Freshened(Box<StoredHead>),
    /// It is another by now, or may not be stored any longer: the stored one counts as
    /// stale ([`StoredHead::expire`]).
    Stale,
}

/// What a `200` to a `HEAD` makes of the stored response that it could have been answered
/// from (RFC 9111 §4.3.5).
pub fn head_freshens(
    ask: &Ask<'_>,
    target: &Target,
    stored: &StoredHead,
    headers: &HeaderMap,
    times: Times,
    policy: &Policy,
) -> HeadUpdate {
    let same = |name| headers.get(&name).is_none_or(|new| stored.headers.get(&name) == Some(new));
    let length = match (content_length(headers), stored.content_length()) {
        (Ok(Some(new)), Some(old)) => new == old,
        (Ok(_), _) => true,
        (Err(()), _) => false,
    };
    let alike = stored.status == StatusCode::OK
        && same(http::header::ETAG)
        && same(LAST_MODIFIED)
        && same(CONTENT_ENCODING)
        && length;
    if alike
        && let Validated::Freshened(head) = freshened(ask, target, stored, headers, times, policy)
    {
        return HeadUpdate::Freshened(head);
    }
    HeadUpdate::Stale
}

/// What the answer to a request for what is missing makes of the stored parts.
#[derive(Debug)]
pub enum Combined {
    /// They belong together.
    Joined {
        /// The new head: a `200` once nothing is missing.
        head: Box<StoredHead>,
        /// Where in the stored bytes the new ones go: their end, if that is `insert_at`.
        insert_at: u64,
        /// How many bytes of the content that comes are to be left out at its beginning.
        skip: u64,
        /// How many are to be taken after that.
        take: u64,
    },
    /// This is a new response: [`storable`](super::storable) says whether it takes the
    /// stored one's place.
    Replaced,
    /// Nothing that can be used: ask again for all that is wanted.
    Mismatch,
}

/// What the answer to [`Completion`] makes of the stored parts (RFC 9111 §3.4): they are
/// joined only under one strong validator.
pub fn combine(
    ask: &Ask<'_>,
    stored: &StoredHead,
    asked: &Completion,
    (status, headers): (StatusCode, &HeaderMap),
    times: Times,
    policy: &Policy,
) -> Combined {
    match status {
        StatusCode::PARTIAL_CONTENT => {
            join(ask, stored, asked, headers, times, policy).unwrap_or(Combined::Mismatch)
        }
        StatusCode::RANGE_NOT_SATISFIABLE | StatusCode::NOT_MODIFIED => Combined::Mismatch,
        _ => Combined::Replaced,
    }
}

fn join(
    ask: &Ask<'_>,
    stored: &StoredHead,
    asked: &Completion,
    headers: &HeaderMap,
    times: Times,
    policy: &Policy,
) -> Option<Combined> {
    let part = stored.part.as_ref()?;
    let tag = EntityTag::of(headers)?;
    if !EntityTag::of(&stored.headers)?.is_strongly(tag) {
        return None;
    }
    let new = ContentRange::parse(headers.get(CONTENT_RANGE)?)?;
    let total_agrees = new.total.is_none() || part.total.is_none() || new.total == part.total;
    let promised = content_length(headers).ok()?;
    let length_agrees = promised.is_none_or(|bytes| bytes == new.span.bytes());
    let same_coding = headers.get(CONTENT_ENCODING) == stored.headers.get(CONTENT_ENCODING);
    if !total_agrees || !length_agrees || !same_coding {
        return None;
    }
    let gap = part.gap(new.span)?;
    if gap.first > asked.gap.first || gap.last < asked.gap.last {
        return None;
    }
    let (mut joined, insert_at) = part.with(gap)?;
    joined.total = part.total.or(new.total);
    let control = ResponseControl::read(headers, &policy.targeted);
    let merged = merged(stored, headers);
    let mut head = build(ask, stored.status, &merged, control, times, policy).ok()?;
    head.headers.remove(CONTENT_RANGE);
    if joined.is_whole() {
        head.status = StatusCode::OK;
        head.headers.insert(CONTENT_LENGTH, HeaderValue::from(joined.bytes()));
    } else {
        head.part = Some(joined);
    }
    Some(Combined::Joined {
        head: Box::new(head),
        insert_at,
        skip: gap.first - new.span.first,
        take: gap.bytes(),
    })
}
