//! What a filter is shown of a head, and what of its answers is valid.
//!
//! The rules are those of `wasi:http`: fields of a connection (RFC 9110 §7.6.1) are neither shown
//! nor passed on nor made. Since bodies pass untouched, their length is not a filter's either.

use super::words;
use crate::wasi_http::request::check_fields;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST};
use http::uri::{Authority, PathAndQuery};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, request, response};
use sedge_model::failure::{Failure, Kind};
use sedge_model::limits::Limits;
use wasmtime_wasi_http::DEFAULT_FORBIDDEN_HEADERS;

/// Why what a filter says cannot be done.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("{0} changes of fields, {1} allowed")]
    TooMany(usize, u32),
    #[error("{0:?} is no name of a field")]
    Name(String),
    #[error("the value of the field {0} is not valid")]
    Value(HeaderName),
    #[error("the field {0} is not a filter's to change")]
    Forbidden(HeaderName),
    #[error("{0:?} is no authority")]
    Authority(String),
    #[error("{0:?} is no path with a query")]
    Target(String),
    #[error("the status {0} is not one of a final answer")]
    Status(u16),
    #[error("{0}")]
    Fields(Failure),
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        Failure::new(Kind::InvalidResponse, format!("the filter's answer is not valid: {refused}"))
    }
}

/// The fields that a filter is shown.
pub(super) fn shown(fields: &HeaderMap) -> Vec<(&str, &[u8])> {
    let shown = fields.iter().filter(|(name, _)| !is_of_connection(name));
    shown.map(|(name, value)| (name.as_str(), value.as_bytes())).collect()
}

/// Takes out what belongs to the connection that a message came by.
pub(super) fn strip(fields: &mut HeaderMap) {
    for name in &DEFAULT_FORBIDDEN_HEADERS {
        if *name != HOST {
            fields.remove(name);
        }
    }
}

/// Changes a request that goes on to what handlers know: its target in origin form, the authority
/// in `Host`.
///
/// # Errors
/// The filter's mistake; the head is of no use then.
pub(super) fn pass(
    head: &mut request::Parts,
    pass: words::Pass,
    limits: &Limits,
) -> Result<(), Failure> {
    strip(&mut head.headers);
    let authority = match pass.authority {
        Some(text) => Some(read_authority(text)?),
        None => head.uri.authority().cloned(),
    };
    if let Some(authority) = authority {
        let host = HeaderValue::from_str(authority.as_str());
        let host = host.map_err(|_| Refused::Authority(authority.to_string()))?;
        head.headers.insert(HOST, host);
    }
    let target = match pass.path_with_query {
        Some(text) => Some(read_target(text)?),
        None if head.uri.authority().is_some() => {
            let own = head.uri.path_and_query().cloned();
            Some(own.unwrap_or_else(|| PathAndQuery::from_static("/")))
        }
        None => None,
    };
    if let Some(target) = target {
        head.uri = Uri::from(target);
    }
    change(&mut head.headers, pass.changes, limits)?;
    // Not the client's fault: what it has sent was checked.
    check_fields(&head.headers, limits, Kind::RequestHeaderLimit).map_err(Refused::Fields)?;
    Ok(())
}

/// Changes the head of an answer.
///
/// # Errors
/// As [`pass`].
pub(super) fn response(
    head: &mut response::Parts,
    changes: words::Changes,
    limits: &Limits,
) -> Result<(), Failure> {
    Ok(change(&mut head.headers, changes, limits)?)
}

/// The answer that a filter gives by itself.
///
/// # Errors
/// The filter's mistake, or more than its function may answer.
pub(super) fn answer(
    answer: words::Answer,
    limits: &Limits,
) -> Result<http::Response<Bytes>, Failure> {
    let words::Answer { status, fields, body } = answer;
    let final_status = StatusCode::from_u16(status).ok().filter(|_| (200..600).contains(&status));
    let status = final_status.ok_or(Refused::Status(status))?;
    let bytes_max = limits.response_body_bytes_max;
    if body.len() as u64 > bytes_max {
        let detail = format!("more than {bytes_max} bytes of response body");
        return Err(Failure::new(Kind::ResponseBodyLimit, detail));
    }
    let mut response = http::Response::new(Bytes::from(body));
    *response.status_mut() = status;
    let changes = words::Changes { remove: Vec::new(), add: fields };
    change(response.headers_mut(), changes, limits)?;
    check_fields(response.headers(), limits, Kind::ResponseHeaderLimit)?;
    Ok(response)
}

fn change(fields: &mut HeaderMap, changes: words::Changes, limits: &Limits) -> Result<(), Refused> {
    for count in [changes.remove.len(), changes.add.len()] {
        if count > limits.headers_max as usize {
            return Err(Refused::TooMany(count, limits.headers_max));
        }
    }
    for name in changes.remove {
        fields.remove(read_name(name)?);
    }
    for (name, value) in changes.add {
        let name = read_name(name)?;
        let value = HeaderValue::from_maybe_shared(Bytes::from(value));
        let value = value.map_err(|_| Refused::Value(name.clone()))?;
        let count = fields.len();
        fields.try_append(name, value).map_err(|_| Refused::TooMany(count, limits.headers_max))?;
    }
    Ok(())
}

fn read_name(text: String) -> Result<HeaderName, Refused> {
    match HeaderName::from_bytes(text.as_bytes()) {
        Err(_) => Err(Refused::Name(cut(text))),
        Ok(name) if is_of_connection(&name) || name == CONTENT_LENGTH => {
            Err(Refused::Forbidden(name))
        }
        Ok(name) => Ok(name),
    }
}

fn read_authority(text: String) -> Result<Authority, Refused> {
    let read = Authority::try_from(text.as_str()).ok().filter(|_| !text.contains('@'));
    read.ok_or_else(|| Refused::Authority(cut(text)))
}

fn read_target(text: String) -> Result<PathAndQuery, Refused> {
    let read = PathAndQuery::try_from(text.as_str()).ok().filter(|_| text.starts_with('/'));
    // What it reads without a fragment would not be what was said.
    let read = read.filter(|read| read.as_str() == text);
    read.ok_or_else(|| Refused::Target(cut(text)))
}

fn is_of_connection(name: &HeaderName) -> bool {
    DEFAULT_FORBIDDEN_HEADERS.contains(name)
}

/// As much of a guest's words as a log needs.
fn cut(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(100));
    text
}

#[cfg(test)]
mod tests;
