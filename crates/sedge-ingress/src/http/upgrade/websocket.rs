//! The opening handshake of WebSocket, as far as a gateway must know it (RFC 6455
//! §4). What passes afterwards is not looked at.

use crate::http::tls::base64;
use http::header::{HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY};
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use sedge_model::failure::{Failure, Kind};
use sedge_model::trace::random;

pub(super) const ACCEPT: HeaderName = SEC_WEBSOCKET_ACCEPT;

/// What every server of the protocol adds to a client's key (§1.3).
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The client's key: 16 bytes in base64 (§4.1).
pub(crate) fn key(headers: &HeaderMap) -> Result<&str, Failure> {
    let bad = |detail: &'static str| Failure::new(Kind::BadRequest, detail);
    let mut keys = headers.get_all(SEC_WEBSOCKET_KEY).iter();
    let key = keys.next().ok_or_else(|| bad("a request for a WebSocket has no key"))?;
    if keys.next().is_some() {
        return Err(bad("a request for a WebSocket has more than one key"));
    }
    let is_digit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    let key = key.to_str().ok().filter(|key| {
        let digits = key.strip_suffix("==").unwrap_or_default();
        digits.len() == 22 && digits.bytes().all(is_digit)
    });
    key.ok_or_else(|| bad("Sec-WebSocket-Key is not 16 bytes in base64"))
}

/// A key as a client would send it, for an upstream that is asked in the place of
/// a client of HTTP/2, which has none (RFC 8441 §5).
pub(super) fn fresh_key() -> Option<HeaderValue> {
    let bytes = (u128::from(random::nonzero()) << 64 | u128::from(random::nonzero())).to_be_bytes();
    HeaderValue::from_str(&base64(&bytes)).ok()
}

/// What a server that has understood the request answers to a key (§4.2.2).
pub(crate) fn accept(key: &str) -> String {
    base64(digest(&SHA1_FOR_LEGACY_USE_ONLY, format!("{key}{GUID}").as_bytes()).as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_proof_is_that_of_the_rfc() {
        assert_eq!(accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn a_fresh_key_is_one() {
        let mut headers = HeaderMap::new();
        headers.insert(SEC_WEBSOCKET_KEY, fresh_key().expect("text"));
        assert!(key(&headers).is_ok(), "{headers:?}");
    }
}
