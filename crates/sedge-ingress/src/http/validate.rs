//! Which requests are refused before anything is asked of a handler.
//!
//! **Paths.** Routes compare paths byte by byte before decoding, and a guard on
//! `/admin/*` must see every request that a handler behind it could take for
//! `/admin`. So a path is refused if, under any reading, it has a dot segment:
//! literal or percent-encoded dots, between slashes, backslashes or their
//! encodings. Refused too are control characters (encoded ones included),
//! backslashes, and a path that begins with `//`, which some readers take for
//! an authority. `%2F` itself and empty segments further on are allowed.
//!
//! **Host.** A request names at most one host: the one of an absolute target
//! (or `:authority`) must equal the `Host` field (RFC 9112 §3.2, RFC 9113
//! §8.3.1). All but HTTP/1.0 must name one.
//!
//! **Framing** is hyper's, but that no coding other than `chunked` and no repeated
//! `Content-Length` passes. It takes two liberties that RFC 9112 allows, and both
//! end with one reading: a head's lines may end with a bare line feed
//! (§2.2; chunk lines may not), and of a request with both `Content-Length` and
//! `Transfer-Encoding` the former is removed and the connection is closed after
//! the answer (§6.3), so that what was smuggled behind it is never parsed. A third
//! liberty has two: where trailers end. A request with trailers is the last of its
//! connection (`super::body`).

use super::options::GatewayOptions;
use http::header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::{Method, Version, request};
use sedge_model::failure::{Failure, Kind};

/// The longest host name (RFC 1035 §2.3.4), and a port.
const HOST_BYTES_MAX: usize = 253 + 6;

/// Checks a request's head, cheapest first, and gives the host that it names,
/// without port; empty if it names none.
pub(crate) fn head<'a>(
    head: &'a request::Parts,
    options: &GatewayOptions,
) -> Result<&'a str, Failure> {
    target(head, options)?;
    fields(head, options)?;
    framing(head)?;
    host(head)
}

/// The host of a head that may have been refused, for the access log.
pub(crate) fn host_of(head: &request::Parts) -> &str {
    host(head).unwrap_or("")
}

/// The host of a head as it was sent, with its port; empty if it names none. Only
/// of a head that was not refused.
pub(crate) fn authority_of(head: &request::Parts) -> &str {
    let field = || head.headers.get(HOST).and_then(|value| value.to_str().ok());
    head.uri.authority().map(http::uri::Authority::as_str).or_else(field).unwrap_or("")
}

fn bad(detail: &'static str) -> Failure {
    Failure::new(Kind::BadRequest, detail)
}

fn target(head: &request::Parts, options: &GatewayOptions) -> Result<(), Failure> {
    let uri = &head.uri;
    let length = uri.path_and_query().map_or(0, |both| both.as_str().len())
        + uri.authority().map_or(0, |authority| authority.as_str().len());
    if length > options.uri_bytes_max {
        return Err(Failure::new(Kind::UriTooLong, "target is longer than uri_bytes_max"));
    }
    if head.method == Method::CONNECT {
        return Err(bad("CONNECT is not served"));
    }
    if !matches!(uri.scheme_str(), None | Some("http" | "https")) {
        return Err(bad("scheme is neither http nor https"));
    }
    path(uri.path())
}

/// Refuses what the module's text says.
pub(crate) fn path(path: &str) -> Result<(), Failure> {
    if path.as_bytes().get(1) == Some(&b'/') {
        return Err(bad("path begins with two slashes"));
    }
    segments(path)
}

/// The same, but that the path may begin with two slashes.
pub(crate) fn segments(path: &str) -> Result<(), Failure> {
    let bytes = path.as_bytes();
    if bytes.first() != Some(&b'/') {
        return Err(bad("target is not a path"));
    }
    // Read with one level of percent-decoding. A segment is a dot segment if it
    // has nothing but one or two dots.
    let (mut dots, mut others) = (0usize, 0usize);
    let mut index = 1;
    while index <= bytes.len() {
        let (byte, width) = match bytes.get(index) {
            None => (b'/', 1),
            Some(b'%') => decoded(&bytes[index..]),
            Some(b'\\') => return Err(bad("path contains a backslash")),
            Some(&byte) => (byte, 1),
        };
        match byte {
            b'/' | b'\\' => {
                if others == 0 && (dots == 1 || dots == 2) {
                    return Err(bad("path contains a dot segment"));
                }
                (dots, others) = (0, 0);
            }
            b'.' => dots += 1,
            0..=0x1f | 0x7f => return Err(bad("path contains a control character")),
            _ => others += 1,
        }
        index += width;
    }
    Ok(())
}

/// The byte that `%xx` stands for; a percent sign without two digits stands
/// for itself.
fn decoded(bytes: &[u8]) -> (u8, usize) {
    let digit = |index: usize| bytes.get(index).and_then(|&byte| char::from(byte).to_digit(16));
    match (digit(1), digit(2)) {
        (Some(high), Some(low)) => ((high * 16 + low) as u8, 3),
        _ => (b'%', 1),
    }
}

fn fields(head: &request::Parts, options: &GatewayOptions) -> Result<(), Failure> {
    if head.headers.len() > options.headers_max {
        return Err(Failure::new(Kind::RequestHeaderLimit, "more fields than headers_max"));
    }
    let bytes: usize =
        head.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if bytes > options.header_bytes_max {
        return Err(Failure::new(Kind::RequestHeaderLimit, "fields exceed header_bytes_max"));
    }
    Ok(())
}

/// hyper has read the body's length already. What it takes and another server may
/// read otherwise is refused before it is passed on: any coding but `chunked`,
/// once, and a `Content-Length` that is repeated. (Of HTTP/1.1, hyper refuses
/// lengths that differ and makes one of those that do not, as RFC 9112 §6.3 lets a
/// server do.)
fn framing(head: &request::Parts) -> Result<(), Failure> {
    let mut codings = head.headers.get_all(TRANSFER_ENCODING).iter();
    let first = codings.next();
    let is_chunked = first.is_none_or(|coding| coding.as_bytes().eq_ignore_ascii_case(b"chunked"));
    if !is_chunked || codings.next().is_some() {
        return Err(bad("Transfer-Encoding is not chunked, once"));
    }
    if head.headers.get_all(CONTENT_LENGTH).iter().count() > 1 {
        return Err(bad("more than one Content-Length"));
    }
    Ok(())
}

/// The one host, without its port.
fn host(head: &request::Parts) -> Result<&str, Failure> {
    let mut named = head.headers.get_all(HOST).iter();
    let field = named.next();
    if named.next().is_some() {
        return Err(bad("more than one Host field"));
    }
    let field = match field {
        None => None,
        Some(value) => Some(value.to_str().map_err(|_| bad("Host is not a host name"))?),
    };
    let host = match (head.uri.authority(), field) {
        // Even if the target names one (RFC 9112 §3.2).
        (_, None) if head.version == Version::HTTP_11 => return Err(bad("no Host field")),
        (None, None) if head.version == Version::HTTP_10 => return Ok(""),
        // RFC 9113 §8.3.1: `:authority`, or `Host`.
        (None, None) => return Err(bad("neither :authority nor Host")),
        (None, Some(field)) => field,
        (Some(authority), None) => authority.as_str(),
        (Some(authority), Some(field)) if authority.as_str().eq_ignore_ascii_case(field) => field,
        (Some(_), Some(_)) => return Err(bad("Host differs from the target's authority")),
    };
    name_of(host).ok_or(bad("Host is not a host name"))
}

/// Splits the port off a name, an IPv4 address or a bracketed IPv6 address;
/// `None` if it is none of these. Narrower than RFC 3986's `reg-name`: no
/// percent-encoding, no sub-delimiters, no user.
fn name_of(host: &str) -> Option<&str> {
    let end = if host.starts_with('[') {
        let bracket = host.find(']')?;
        host[1..bracket].parse::<std::net::Ipv6Addr>().ok()?;
        bracket + 1
    } else {
        let is_name =
            |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
        host.bytes().position(|byte| !is_name(&byte)).unwrap_or(host.len())
    };
    let (name, port) = host.split_at(end);
    let is_port = match port.strip_prefix(':') {
        None => port.is_empty(),
        Some("") => true,
        Some(digits) => {
            digits.bytes().all(|byte| byte.is_ascii_digit()) && digits.parse::<u16>().is_ok()
        }
    };
    let is_host = is_port && !name.is_empty() && !name.starts_with('.');
    (is_host && host.len() <= HOST_BYTES_MAX).then_some(name)
}

#[cfg(test)]
mod tests;
