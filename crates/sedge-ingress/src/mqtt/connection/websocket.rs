//! MQTT in binary messages of WebSocket (MQTT 5.0 §6, RFC 6455).
//!
//! A packet need not end where a message does, so messages are taken for a stream of bytes,
//! and nothing of them is kept but the head of the one that is read.

mod frames;

use super::Line;
use crate::http::upgrade::websocket::{accept, key};
use frames::Frames;
use http::header::{
    CONNECTION, HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::sync::{Mutex, PoisonError};

/// The name of MQTT among what WebSocket carries.
const PROTOCOL: &str = "mqtt";
const HEAD_BYTES_MAX: usize = 16 << 10;

/// Why it is no WebSocket.
#[derive(Debug, thiserror::Error)]
pub(super) enum WebSocketError {
    #[error("the request is not one for MQTT over WebSocket")]
    Refused,
    #[error(transparent)]
    Hyper(#[from] hyper::Error),
}

/// Answers the request for a WebSocket at this path.
pub(super) async fn open(line: Box<dyn Line>, path: &str) -> Result<Box<dyn Line>, WebSocketError> {
    let upgrade: Mutex<Option<OnUpgrade>> = Mutex::new(None);
    let service = service_fn(|mut request: Request<Incoming>| {
        let answer = answer(&request, path);
        if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
            let mut upgrade = upgrade.lock().unwrap_or_else(PoisonError::into_inner);
            *upgrade = Some(hyper::upgrade::on(&mut request));
        }
        async { Ok::<_, Infallible>(answer) }
    });
    let connection = http1::Builder::new()
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(line), service);
    connection.with_upgrades().await?;
    let upgrade = upgrade.into_inner().unwrap_or_else(PoisonError::into_inner);
    let upgraded = upgrade.ok_or(WebSocketError::Refused)?.await?;
    Ok(Box::new(Frames::new(TokioIo::new(upgraded))))
}

/// 101, or what is wrong, in words.
fn answer(request: &Request<Incoming>, path: &str) -> Response<Full<Bytes>> {
    let refuse = |status, text: &'static str| {
        let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
        *response.status_mut() = status;
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        response
    };
    if request.uri().path() != path {
        return refuse(StatusCode::NOT_FOUND, "MQTT is not spoken at this path\n");
    }
    let headers = request.headers();
    let is_asked = request.method() == Method::GET
        && has(headers, &UPGRADE, "websocket")
        && has(headers, &CONNECTION, "upgrade");
    let key = match (is_asked, key(headers)) {
        (true, Ok(key)) => key,
        _ => return refuse(StatusCode::BAD_REQUEST, "this is for WebSocket, with a key\n"),
    };
    if headers.get(SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        let mut response = refuse(StatusCode::UPGRADE_REQUIRED, "only version 13 is spoken\n");
        response.headers_mut().insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        return response;
    }
    if !has(headers, &SEC_WEBSOCKET_PROTOCOL, PROTOCOL) {
        return refuse(StatusCode::BAD_REQUEST, "ask for Sec-WebSocket-Protocol: mqtt\n");
    }
    let mut response = refuse(StatusCode::SWITCHING_PROTOCOLS, "");
    let proof = HeaderValue::from_str(&accept(key));
    let fields = response.headers_mut();
    fields.insert(UPGRADE, HeaderValue::from_static("websocket"));
    fields.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    fields.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(PROTOCOL));
    if let Ok(proof) = proof {
        fields.insert(SEC_WEBSOCKET_ACCEPT, proof);
    }
    response
}

/// Whether a field that is a list names something.
fn has(headers: &HeaderMap, name: &HeaderName, wanted: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|one| one.trim().eq_ignore_ascii_case(wanted))
}
