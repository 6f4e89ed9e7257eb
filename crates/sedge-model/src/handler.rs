//! The one shape of everything on a request's path.

mod forwarding;
mod interims;
mod notes;

pub use forwarding::Forwarding;
pub use interims::{INTERIM_BYTES_MAX, INTERIMS_MAX, Interim, Interims, Said, SaidCounts};
pub use notes::{Noted, Notes};

use crate::failure::Failure;
use crate::trace::{Spans, TraceContext};
use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

/// A streaming message body. A `Failure` in mid-stream must end the connection
/// (HTTP/1.1) or reset the stream (HTTP/2), never look like a complete body.
pub type Body = UnsyncBoxBody<Bytes, Failure>;

/// A request as a handler receives it.
pub type Request = http::Request<Body>;

/// A response as a handler returns it.
pub type Response = http::Response<Body>;

/// What the listener knows about a request besides its bytes.
#[derive(Clone, Debug)]
pub struct Context {
    /// The address of the socket that the request came by: the client's, or that of
    /// the proxy nearest to this node.
    pub peer: SocketAddr,
    /// The client's address, as far as the proxies before this node are believed.
    pub client: IpAddr,
    /// What is told of it to servers.
    pub forwarding: Forwarding,
    /// `https` if the connection is encrypted.
    pub tls: bool,
    /// The span of this node; its parent came with the request, if any did.
    pub trace: TraceContext,
    /// Where its steps are recorded, if it is sampled.
    pub spans: Spans,
    /// Where handlers tell what they did with the request.
    pub notes: Notes,
    /// Where handlers say what the client may know before its answer.
    pub interims: Interims,
}

impl Context {
    /// A request that nobody takes notes of, and that is not recorded.
    pub fn new(peer: SocketAddr, tls: bool, trace: TraceContext) -> Self {
        Context {
            peer,
            client: peer.ip(),
            forwarding: Forwarding::default(),
            tls,
            trace,
            spans: Spans::default(),
            notes: Notes::none(),
            interims: Interims::none(),
        }
    }
}

/// What a handler's call becomes.
pub type Answer<'a> = Pin<Box<dyn Future<Output = Result<Response, Failure>> + Send + 'a>>;

/// Anything that turns a request into a response: a function, the admin pages,
/// later an upstream, a cache, a chain of handlers.
///
/// Dropping the returned future, or the response's body, cancels the work.
pub trait Handler: Send + Sync {
    /// Answers one request.
    fn call(&self, request: Request, context: Context) -> Answer<'_>;
}

impl<H: Handler + ?Sized> Handler for Arc<H> {
    fn call(&self, request: Request, context: Context) -> Answer<'_> {
        (**self).call(request, context)
    }
}

/// A body that is empty.
pub fn empty() -> Body {
    use http_body_util::BodyExt;
    http_body_util::Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// A body of these bytes.
pub fn full(bytes: impl Into<Bytes>) -> Body {
    use http_body_util::BodyExt;
    http_body_util::Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}
