//! Whether a response may be stored, and what is then kept of it (RFC 9111 §3).

use super::ask::{Ask, MethodClass};
use super::directives::ResponseControl;
use super::etag::EntityTag;
use super::freshness::{
    LifetimeSource, Times, date_field, initial_age_ms, is_understood, lifetime,
};
use super::parts::Part;
use super::policy::{Policy, ShortParts};
use super::range::ContentRange;
use super::stored::{StoredHead, content_length};
use super::target::Target;
use super::vary::{self, BadVary};
use super::{date, groups};
use bytes::BytesMut;
use http::StatusCode;
use http::header::{
    AGE, CONNECTION, CONTENT_LENGTH, CONTENT_LOCATION, CONTENT_RANGE, DATE, HeaderMap, HeaderName,
    HeaderValue, LAST_MODIFIED, RANGE,
};

/// Why a response is not stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unstorable {
    /// The method is not one whose response can answer a later `GET`.
    Method,
    /// The request had content, which no key has.
    Body,
    /// The request said `no-store`.
    RequestNoStore,
    /// The status is not final, or makes sense only as an answer to this request's
    /// conditions or ranges, which no key has either.
    Status,
    /// It is an error that is not about the target, and the policy does not name it.
    Error,
    /// The response says `no-store`.
    NoStore,
    /// It says `must-understand`, and this cache does not know its status.
    NotUnderstood,
    /// It says `private`.
    Private,
    /// The request had `Authorization`, and the response does not say that it is for
    /// others as well (RFC 9111 §3.5).
    Authorization,
    /// It has `Vary: *`, or a `Vary` that cannot be read.
    VaryStar,
    /// It varies by too many fields.
    VaryLong,
    /// It sets a cookie, and the policy has it not stored.
    SetCookie,
    /// It has too many tags, or too long ones, to be found by all of them.
    Tags,
    /// Nothing says how long it is fresh, and nothing would tell whether it still is the
    /// same: it could never be used.
    Freshness,
    /// It says several things about how long it is.
    ContentLength,
    /// It is a part, and does not say of what in a way that can be served.
    ContentRange,
    /// Its content is larger than the policy lets.
    TooLarge,
}

impl Unstorable {
    /// Whether it is the response that says so. Otherwise it is how this request asked,
    /// and the response to another may be stored.
    pub fn is_of_response(self) -> bool {
        !matches!(
            self,
            Unstorable::Method
                | Unstorable::Body
                | Unstorable::RequestNoStore
                | Unstorable::Status
                | Unstorable::Authorization
        )
    }

    /// A word for `Cache-Status` and logs.
    pub fn detail(self) -> &'static str {
        match self {
            Unstorable::Method => "method",
            Unstorable::Body => "request-body",
            Unstorable::RequestNoStore => "request-no-store",
            Unstorable::Status => "status",
            Unstorable::Error => "error",
            Unstorable::NoStore => "no-store",
            Unstorable::NotUnderstood => "must-understand",
            Unstorable::Private => "private",
            Unstorable::Authorization => "authorization",
            Unstorable::VaryStar => "vary-star",
            Unstorable::VaryLong => "vary-long",
            Unstorable::SetCookie => "set-cookie",
            Unstorable::Tags => "tags",
            Unstorable::Freshness => "no-freshness",
            Unstorable::ContentLength => "content-length",
            Unstorable::ContentRange => "content-range",
            Unstorable::TooLarge => "too-large",
        }
    }
}

/// Whether the response to `ask` may be stored, and the head to store.
///
/// # Errors
///
/// Says why it may not.
pub fn storable(
    ask: &Ask<'_>,
    target: &Target,
    status: StatusCode,
    headers: &HeaderMap,
    times: Times,
    policy: &Policy,
) -> Result<StoredHead, Unstorable> {
    let control = ResponseControl::read(headers, &policy.targeted);
    about_request(ask, target, headers, &control, policy)?;
    about_status(ask, status, policy)?;
    about_control(ask, status, headers, &control, policy)?;
    let mut head = build(ask, status, headers, control, times, policy)?;
    let promised = content_length(headers).map_err(|()| Unstorable::ContentLength)?;
    if promised.is_some_and(|bytes| bytes > policy.object_bytes_max) {
        return Err(Unstorable::TooLarge);
    }
    if status == StatusCode::PARTIAL_CONTENT {
        head.part = Some(part(ask, headers, promised, policy)?);
        head.headers.remove(CONTENT_RANGE);
        head.headers.remove(CONTENT_LENGTH);
    }
    about_use(&head)?;
    Ok(head)
}

fn about_request(
    ask: &Ask<'_>,
    target: &Target,
    headers: &HeaderMap,
    control: &ResponseControl,
    policy: &Policy,
) -> Result<(), Unstorable> {
    match ask.method {
        MethodClass::Get if ask.has_body => return Err(Unstorable::Body),
        MethodClass::Get => {}
        // It came to the origin with all that it had: methods are overridden so.
        MethodClass::Post if super::forward::has_unkeyed(ask.headers, policy) => {
            return Err(Unstorable::Method);
        }
        MethodClass::Post if is_own_content(target, headers, control, policy) => {}
        _ => return Err(Unstorable::Method),
    }
    if ask.directives.no_store {
        return Err(Unstorable::RequestNoStore);
    }
    Ok(())
}

/// Whether the response to a `POST` is what a `GET` of the target would bring: it says
/// so, and for how long (RFC 9110 §9.3.3).
fn is_own_content(
    target: &Target,
    headers: &HeaderMap,
    control: &ResponseControl,
    policy: &Policy,
) -> bool {
    let explicit =
        control.directives.lifetime_s().is_some() || headers.contains_key(http::header::EXPIRES);
    let mut locations = headers.get_all(CONTENT_LOCATION).into_iter();
    let location = locations.next().filter(|_| locations.next().is_none());
    let same = location
        .and_then(|location| location.to_str().ok())
        .and_then(|location| target.same_origin(location, policy))
        .is_some_and(|located| located == *target);
    explicit && same
}

fn about_status(ask: &Ask<'_>, status: StatusCode, policy: &Policy) -> Result<(), Unstorable> {
    match status.as_u16() {
        206 if ask.range => Ok(()),
        0..=199 | 206 | 304 | 412 | 416 => Err(Unstorable::Status),
        // A POST's response stands in for a GET's, which only success can.
        300.. if ask.method == MethodClass::Post => Err(Unstorable::Status),
        // Only with success has a range a meaning (RFC 9110 §14.2): what else comes may be
        // because of it.
        300.. if ask.range && !policy.all_errors => Err(Unstorable::Status),
        // These are about the target, which is what responses are stored under. Others are
        // about the request, so that who asks badly would have all others refused (the
        // attacks known as CPDoS), or about the origin at this moment.
        404 | 410 | 414 => Ok(()),
        400.. if !policy.keeps_error(status) => Err(Unstorable::Error),
        _ => Ok(()),
    }
}

fn about_control(
    ask: &Ask<'_>,
    status: StatusCode,
    headers: &HeaderMap,
    control: &ResponseControl,
    policy: &Policy,
) -> Result<(), Unstorable> {
    let directives = &control.directives;
    if directives.must_understand {
        if !is_understood(status) {
            return Err(Unstorable::NotUnderstood);
        }
    } else if directives.no_store {
        return Err(Unstorable::NoStore);
    }
    if directives.private {
        return Err(Unstorable::Private);
    }
    let for_all = directives.public || directives.must_revalidate || directives.s_maxage.is_some();
    if ask.authorization && !for_all {
        return Err(Unstorable::Authorization);
    }
    if !policy.allows_cookies(headers, directives) {
        return Err(Unstorable::SetCookie);
    }
    Ok(())
}

/// The head as it would be stored, whatever it is worth.
pub(crate) fn build(
    ask: &Ask<'_>,
    status: StatusCode,
    headers: &HeaderMap,
    control: ResponseControl,
    times: Times,
    policy: &Policy,
) -> Result<StoredHead, Unstorable> {
    let names = vary::names(headers).map_err(|bad| match bad {
        BadVary::Star => Unstorable::VaryStar,
        BadVary::Long => Unstorable::VaryLong,
    })?;
    let tags = groups::tags(headers).map_err(|_| Unstorable::Tags)?;
    let (lifetime_ms, source) = lifetime(status, headers, &control.directives, times, policy);
    Ok(StoredHead {
        status,
        headers: kept(headers, &control.withheld, times),
        times,
        initial_age_ms: initial_age_ms(headers, times),
        lifetime_ms,
        source,
        directives: control.directives,
        vary: vary::values(ask.headers, &names, policy),
        tags,
        part: None,
    })
}

/// The fields that are kept: not those for one connection or for a proxy (RFC 9111
/// §3.1), nor those that the response says not to keep.
fn kept(headers: &HeaderMap, withheld: &[HeaderName], times: Times) -> HeaderMap {
    let removed = connection_fields(headers);
    let mut kept =
        apart(headers, |name| name != AGE && !removed.contains(name) && !withheld.contains(name));
    let now_s = times.response_ms / 1000;
    if date_field(headers, DATE, now_s).is_none() {
        // RFC 9110 §6.6.1: who has a clock dates what came without a date.
        let now = HeaderValue::try_from(date::format(now_s));
        now.into_iter().for_each(|now| drop(kept.insert(DATE, now)));
    }
    // A map has room for fields to come; its clone has not.
    kept.clone()
}

/// Some of these fields, whose values lie together in memory of their own. Those of a
/// response that has come are parts of what was read from its connection, and each holds
/// all of that: of 1 kB with six fields 5.7 kB more than was counted.
fn apart(headers: &HeaderMap, is_kept: impl Fn(&HeaderName) -> bool) -> HeaderMap {
    let chosen = || headers.iter().filter(|(name, _)| is_kept(name));
    let mut values = BytesMut::with_capacity(chosen().map(|(_, value)| value.len()).sum());
    chosen().for_each(|(_, value)| values.extend_from_slice(value.as_bytes()));
    let mut values = values.freeze();
    let mut fields = HeaderMap::with_capacity(chosen().count());
    for (name, value) in chosen() {
        // It was a value before, so that it is one now.
        let copy = HeaderValue::from_maybe_shared(values.split_to(value.len()));
        let mut copy = copy.unwrap_or_else(|_| value.clone());
        copy.set_sensitive(value.is_sensitive());
        fields.append(name, copy);
    }
    fields
}

/// The names of fields that are for one connection, or for a proxy.
pub(crate) fn connection_fields(headers: &HeaderMap) -> Vec<HeaderName> {
    const ALWAYS: [&str; 10] = [
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authentication-info",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ];
    let listed = super::grammar::list(headers, CONNECTION)
        .filter_map(|name| HeaderName::from_bytes(name).ok());
    ALWAYS.iter().map(|name| HeaderName::from_static(name)).chain(listed).collect()
}

/// Which part a `206` is. It must say so in one `Content-Range`, and have as many bytes
/// as that says, unless the policy is not so strict.
fn part(
    ask: &Ask<'_>,
    headers: &HeaderMap,
    promised: Option<u64>,
    policy: &Policy,
) -> Result<Part, Unstorable> {
    let mut lines = headers.get_all(CONTENT_RANGE).into_iter();
    let line = lines.next().filter(|_| lines.next().is_none());
    let content_range = line.and_then(ContentRange::parse).ok_or(Unstorable::ContentRange)?;
    let bytes = content_range.span.bytes();
    let sound = match promised {
        None => true,
        Some(promised) if promised == bytes => true,
        Some(promised) => promised < bytes && policy.short_parts == ShortParts::Serve,
    };
    if !sound {
        return Err(Unstorable::ContentRange);
    }
    if bytes > policy.object_bytes_max {
        return Err(Unstorable::TooLarge);
    }
    Ok(Part::of(content_range, ask.headers.get(RANGE)))
}

/// Whether the head could ever be used: fresh, validated, or stale where that is allowed.
fn about_use(head: &StoredHead) -> Result<(), Unstorable> {
    let directives = &head.directives;
    let validators =
        EntityTag::of(&head.headers).is_some() || head.headers.contains_key(LAST_MODIFIED);
    let stale_s = directives.stale_while_revalidate.max(directives.stale_if_error);
    let stale = stale_s > Some(0) && !directives.forbids_stale(stale_s);
    let fresh = head.lifetime_ms > 0 && !directives.no_cache;
    // RFC 9111 §3: something must speak for storing it.
    let spoken_for = head.source != LifetimeSource::None
        || directives.public
        || super::freshness::is_heuristically_cacheable(head.status);
    if spoken_for && (fresh || validators || stale) { Ok(()) } else { Err(Unstorable::Freshness) }
}

#[cfg(test)]
mod tests;
