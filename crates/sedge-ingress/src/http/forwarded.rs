//! Who the client is, and what is told of it (RFC 7239, RFC 9110 §7.6.3, and the
//! older fields `X-Forwarded-…`).
//!
//! A client may write what it likes into these fields. So at the entrance either
//! nothing of it stays, or, with `trusted_hops`, proxies before this node vouch for
//! the end of the list: each has added the address that it was called from.

use super::validate;
use bytes::Bytes;
use http::header::{FORWARDED, HOST, HeaderMap, HeaderName, HeaderValue, VIA};
use http::{Version, request};
use sedge_model::handler::{Context, Forwarding};
use std::net::IpAddr;

const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// The client's address: `trusted_hops` from the end of `X-Forwarded-For`. If the
/// list is shorter, or what stands there is no address, nobody vouches for more than
/// the socket.
pub(crate) fn client(headers: &HeaderMap, peer: IpAddr, forwarding: Forwarding) -> IpAddr {
    let Some(back) = usize::from(forwarding.trusted_hops).checked_sub(1) else { return peer };
    let fields = headers.get_all(FOR).into_iter().rev();
    let mut members = fields.flat_map(|field| field.as_bytes().rsplit(|&byte| byte == b','));
    members.nth(back).and_then(address).unwrap_or(peer)
}

/// An address, as some proxies write it with its port, too.
fn address(member: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(member).ok()?.trim();
    let bare = text.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let bare = bare.map_or(text, |(inside, _)| inside);
    let parsed = bare.parse::<IpAddr>();
    parsed.or_else(|_| bare.rsplit_once(':').map_or(bare, |(host, _)| host).parse()).ok()
}

/// Throws away what a client says of itself, unless a proxy vouches for it.
pub(crate) fn entrance(headers: &mut HeaderMap, forwarding: Forwarding) {
    if forwarding.trusted_hops == 0 {
        for field in [FOR, PROTO, X_HOST, FORWARDED] {
            headers.remove(field);
        }
    }
}

/// Keeps the host that the client has asked for, before another takes its place.
pub(crate) fn keep_host(head: &mut request::Parts, forwarding: Forwarding) {
    if forwarding.x_forwarded && !head.headers.contains_key(X_HOST) {
        let host = HeaderValue::from_str(validate::authority_of(head));
        if let Ok(host) = host.map_err(drop)
            && !host.is_empty()
        {
            head.headers.insert(X_HOST, host);
        }
    }
}

/// Tells a server of the client and of this node; `version` is the client's.
pub(crate) fn outgoing(headers: &mut HeaderMap, version: Version, context: &Context) {
    let Forwarding { x_forwarded, forwarded, via, .. } = context.forwarding;
    let scheme = if context.tls { "https" } else { "http" };
    if x_forwarded || forwarded {
        let address = context.peer.ip().to_canonical();
        if forwarded {
            let element = element(address, scheme, headers.get(X_HOST).or(headers.get(HOST)));
            append(headers, FORWARDED, &element);
        }
        if x_forwarded {
            append(headers, FOR, address.to_string().as_bytes());
            if !headers.contains_key(PROTO) {
                headers.insert(PROTO, HeaderValue::from_static(scheme));
            }
        }
    }
    if via {
        let received: &[u8] = match version {
            Version::HTTP_10 => b"1.0 sedge",
            Version::HTTP_2 => b"2 sedge",
            _ => b"1.1 sedge",
        };
        append(headers, VIA, received);
    }
}

/// What this node has seen (RFC 7239 §4): an address of IPv6 is in brackets, and
/// what is no token is quoted.
fn element(address: IpAddr, scheme: &str, host: Option<&HeaderValue>) -> Vec<u8> {
    let node = match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("\"[{address}]\""),
    };
    let mut element = format!("for={node};proto={scheme}").into_bytes();
    // A host that was checked at the entrance has nothing that ends a quotation; one
    // that a trusted proxy has sent may.
    if let Some(host) = host.filter(|host| !host.as_bytes().iter().any(|b| b"\"\\".contains(b))) {
        element.extend_from_slice(b";host=\"");
        element.extend_from_slice(host.as_bytes());
        element.push(b'"');
    }
    element
}

/// One more member of a list, in one field.
fn append(headers: &mut HeaderMap, field: HeaderName, member: &[u8]) {
    let mut list = Vec::with_capacity(member.len());
    for earlier in headers.get_all(&field) {
        list.extend_from_slice(earlier.as_bytes());
        list.extend_from_slice(b", ");
    }
    list.extend_from_slice(member);
    if let Ok(list) = HeaderValue::from_maybe_shared(Bytes::from(list)) {
        headers.insert(field, list);
    }
}

#[cfg(test)]
mod tests;
