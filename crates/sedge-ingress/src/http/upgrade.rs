//! Connections that become another protocol's, such as WebSocket (RFC 9110 §7.8,
//! RFC 6455, and RFC 8441 for clients of HTTP/2), in the order in which a request
//! for it travels.
//!
//! 1. `extended`: an HTTP/2 client's `CONNECT` becomes the same request as one of
//!    HTTP/1.1.
//! 2. `ask`: what the client asks for, and whether its rule lets it. From there on
//!    only the one protocol that is granted is ever named to an upstream, and only
//!    an answer that fits it switches anything.
//! 3. `upstream::switch`: the upstream has answered 101, and its side of the
//!    connection comes back in the answer, as [`Switched`].
//! 4. `path` leaves both sides in the [`Slot`] of the client's connection, which
//!    ends as one of HTTP and goes on as a [`Tunnel`].
//! 5. `pump`: bytes both ways, until both ends have said that they are done.

mod ask;
mod extended;
mod pump;
mod tunnel;
pub(crate) mod websocket;

pub(crate) use ask::{Granted, grant};
pub(crate) use extended::Extended;
pub(crate) use tunnel::Tunnel;

use super::body::ResponseBody;
use super::core::Table;
use super::exchange::Exchange;
use bytes::Bytes;
use http::{HeaderValue, Response};
use sedge_model::failure::{Failure, Kind};
use sedge_model::handler::Body;
use std::any::Any;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};

/// A connection's bytes, whatever carries them.
pub(crate) trait Line: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Line for T {}

/// The upstream's side of a connection that was switched.
pub(crate) struct Far {
    pub(crate) line: Box<dyn Line>,
    /// What came right behind its answer's head.
    pub(crate) read: Bytes,
    pub(crate) idle_timeout: Duration,
    /// What counts the connection, until it is dropped.
    pub(crate) _held: Box<dyn Any + Send>,
}

/// In the extensions of an answer with status 101: the upstream's side, for
/// whoever has the client's. An answer with this status and without it is none.
#[derive(Clone)]
pub(crate) struct Switched {
    pub(crate) protocol: HeaderValue,
    far: Arc<Mutex<Option<Far>>>,
}

impl Switched {
    pub(crate) fn new(protocol: HeaderValue, far: Far) -> Self {
        Switched { protocol, far: Arc::new(Mutex::new(Some(far))) }
    }

    /// The upstream's side, once.
    pub(crate) fn take(&self) -> Option<Far> {
        self.far.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Where an answer on an HTTP/1.1 connection leaves what the connection becomes
/// once the answer's head is written.
#[derive(Default)]
pub(crate) struct Slot(Mutex<Option<Box<Tunnel>>>);

impl Slot {
    pub(crate) fn put(&self, tunnel: Tunnel) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(tunnel));
    }

    pub(crate) fn take(&self) -> Option<Box<Tunnel>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Why an extended `CONNECT` goes nowhere (RFC 8441 §3, RFC 9220 §3).
pub(crate) fn not_here() -> Failure {
    Failure::new(
        Kind::UpgradeUnsupported,
        "nothing here speaks the protocol of an extended CONNECT",
    )
}

/// To an extended `CONNECT`, an answer of success says that the protocol is spoken
/// from here on. One to what became a plain request must not look like it.
pub(crate) fn must_switch(
    response: Response<Body>,
    is_extended: bool,
) -> Result<Response<Body>, Failure> {
    if is_extended && response.status().is_success() {
        return Err(not_here());
    }
    Ok(response)
}

/// Leaves both sides of a connection that was switched to whoever goes on with
/// them, and gives the head that says so.
pub(crate) fn hand_over(
    response: Response<Body>,
    exchange: Exchange,
    table: Arc<Table>,
    extended: Option<Extended>,
    slot: Option<&Slot>,
) -> Response<ResponseBody> {
    let (mut head, body) = response.into_parts();
    let far = head.extensions.remove::<Switched>().and_then(|switched| switched.take());
    // `response::fit` has let nothing pass that has none.
    if let Some(far) = far {
        let tunnel = Tunnel::new(far, exchange, body, table);
        match (extended, slot) {
            (Some(Extended(stream)), _) => {
                Extended::answer(&mut head);
                tokio::spawn(async move {
                    // The client may have left before its answer.
                    if let Ok(near) = stream.await {
                        Box::new(tunnel).run(near, Bytes::new()).await;
                    }
                });
            }
            (None, Some(slot)) => slot.put(tunnel),
            (None, None) => {}
        }
    }
    Response::from_parts(head, ResponseBody::none())
}
