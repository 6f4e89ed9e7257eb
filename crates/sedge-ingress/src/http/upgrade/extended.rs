//! Extended `CONNECT` of HTTP/2 (RFC 8441): one stream becomes another protocol's.

use super::websocket;
use crate::http::http2::{Opening, StreamLine};
use h2::ext::Protocol;
use http::header::{CONNECTION, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE};
use http::{Method, StatusCode, request, response};
use tokio::sync::oneshot::Receiver;

/// A request that was an extended `CONNECT`, and where its stream will be.
pub(crate) struct Extended(pub(crate) Receiver<StreamLine>);

/// In the extensions of a request that was one: it is not to be had as a plain request.
#[derive(Clone, Copy)]
pub(super) struct WasConnect;

impl Extended {
    /// Makes of an extended `CONNECT` the request that an HTTP/1.1 client would have
    /// sent, so that routes, policies and upstreams know one shape only. A plain
    /// `CONNECT` is left as it is, and refused as such.
    pub(crate) fn of(head: &mut request::Parts) -> Option<Extended> {
        if head.method != Method::CONNECT {
            return None;
        }
        let protocol = head.extensions.remove::<Protocol>()?;
        let stream = head.extensions.remove::<Opening>()?.take()?;
        let protocol = HeaderValue::from_str(protocol.as_str()).ok()?;
        head.method = Method::GET;
        head.extensions.insert(WasConnect);
        head.headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        head.headers.insert(UPGRADE, protocol);
        if let Some(key) = websocket::fresh_key() {
            head.headers.insert(SEC_WEBSOCKET_KEY, key);
        }
        Some(Extended(stream))
    }

    /// Makes of 101 what HTTP/2 has in its place (§5).
    pub(crate) fn answer(head: &mut response::Parts) {
        head.status = StatusCode::OK;
        for field in [CONNECTION, UPGRADE, SEC_WEBSOCKET_ACCEPT] {
            head.headers.remove(field);
        }
    }
}
