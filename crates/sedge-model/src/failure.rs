//! What may go wrong on a request's path, and who is to blame.
//!
//! A [`Failure`] is the only error that may reach a client. Status, retry
//! advice, metrics and logs are all read from its [`Kind`], so that they can
//! never disagree.

use crate::routing::rule::Changes;
use http::Method;
use std::borrow::Cow;
use std::fmt;

/// Whose fault a failure is: the word in the access record that decides who
/// gets called at night.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Blame {
    /// The function: it trapped, exceeded a limit, or answered nonsense.
    Guest,
    /// The client: its request is malformed, too large, too slow, or gone.
    Client,
    /// A server that the function or a route called.
    Upstream,
    /// This node: overloaded, draining, or defective.
    Platform,
}

impl Blame {
    /// The word used in logs, metrics and problem documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Blame::Guest => "guest",
            Blame::Client => "client",
            Blame::Upstream => "upstream",
            Blame::Platform => "platform",
        }
    }
}

/// Declares [`Kind`] as one table, so that a new kind cannot miss a column.
macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident: $label:literal, $blame:ident, $status:literal, $public:literal;)*) => {
        /// What went wrong. Each kind has its own label, blame, status and
        /// counter (`sedge.failures{kind=…}`).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Kind { $($(#[$doc])* $name,)* }

        impl Kind {
            /// Every kind, in declaration order; `kind as usize` indexes it.
            pub const ALL: &'static [Kind] = &[$(Kind::$name,)*];

            /// The stable label used in metrics, logs and answers.
            pub const fn label(self) -> &'static str {
                match self { $(Kind::$name => $label,)* }
            }

            /// Whose fault it is.
            pub const fn blame(self) -> Blame {
                match self { $(Kind::$name => Blame::$blame,)* }
            }

            /// The HTTP status sent if the answer has not begun.
            pub const fn status(self) -> u16 {
                match self { $(Kind::$name => $status,)* }
            }

            /// The sentence a client may read: it tells nothing of the node's
            /// or the function's inside.
            pub const fn public(self) -> &'static str {
                match self { $(Kind::$name => $public,)* }
            }
        }
    };
}

kinds! {
    /// The guest executed `unreachable`, divided by zero, read out of bounds, …
    Trap: "trap", Guest, 500, "the function crashed";
    /// Linear memories and tables together would exceed `memory_bytes_max`.
    MemoryLimit: "memory_limit", Guest, 500, "the function used more memory than it may";
    /// Time on the CPU exceeded `cpu_ms_max`.
    CpuLimit: "cpu_limit", Guest, 500, "the function used more CPU time than it may";
    /// The call took longer than `deadline_ms` on the wall clock.
    Deadline: "deadline", Guest, 504, "the function did not finish in time";
    /// The guest's stack exceeded `stack_bytes_max`.
    StackLimit: "stack_limit", Guest, 500, "the function used more stack than it may";
    /// More host resources were held than `resources_max`.
    ResourceLimit: "resource_limit", Guest, 500, "the function held more resources than it may";
    /// The guest returned without setting a response.
    NoResponse: "no_response", Guest, 502, "the function sent no response";
    /// The guest set a response that is not valid HTTP.
    InvalidResponse: "invalid_response", Guest, 502, "the function sent an invalid response";
    /// The response's header fields exceed `header_bytes_max` or `headers_max`.
    ResponseHeaderLimit: "response_header_limit", Guest, 502, "the function sent more header fields than it may";
    /// The response body exceeds `response_body_bytes_max`.
    ResponseBodyLimit: "response_body_limit", Guest, 502, "the function sent a larger body than it may";
    /// More outbound requests, or more of their bytes, than allowed.
    OutboundLimit: "outbound_limit", Guest, 500, "the function called out more than it may";
    /// An outbound request to a host or address that was not granted.
    OutboundDenied: "outbound_denied", Guest, 500, "the function called a host that it may not";
    /// A link of a chain called what stands behind it more often than it may.
    NextLimit: "next_limit", Guest, 500, "the function called the next one more often than it may";
    /// A link of a chain passed on a request whose body it did not finish.
    BrokenRequest: "broken_request", Guest, 502, "the function passed on a broken request";
    /// The artifact cannot be compiled, loaded or instantiated.
    BadArtifact: "bad_artifact", Guest, 500, "the function cannot be started";
    /// The request is not valid HTTP, or names something that is not so.
    BadRequest: "bad_request", Client, 400, "the request is malformed";
    /// No route matches host and path.
    NoRoute: "no_route", Client, 404, "nothing answers at this address";
    /// A route matches the path, but not the method.
    MethodNotAllowed: "method_not_allowed", Client, 405, "this method is not allowed here";
    /// An HTTP/2 client asks for a protocol that is not spoken where it asks.
    UpgradeUnsupported: "upgrade_unsupported", Client, 501, "this protocol is not spoken here";
    /// A route serves a folder, and no file of it is meant.
    FileNotFound: "file_not_found", Client, 404, "there is no such file";
    /// The client sent its request too slowly.
    ClientTimeout: "client_timeout", Client, 408, "the request took too long to arrive";
    /// The request body exceeds `request_body_bytes_max`.
    RequestBodyLimit: "request_body_limit", Client, 413, "the request body is too large";
    /// The request's target is longer than the node accepts.
    UriTooLong: "uri_too_long", Client, 414, "the request target is too long";
    /// The request's header fields exceed the limit.
    RequestHeaderLimit: "request_header_limit", Client, 431, "the request has too many or too large header fields";
    /// The client went away; nobody reads the status.
    ClientGone: "client_gone", Client, 499, "the client closed the connection";
    /// An outbound connection could not be made or broke.
    UpstreamUnreachable: "upstream_unreachable", Upstream, 502, "an upstream server cannot be reached";
    /// An outbound request got no answer in time.
    UpstreamTimeout: "upstream_timeout", Upstream, 504, "an upstream server did not answer in time";
    /// No connection to an endpoint of an upstream was made: nothing was sent.
    UpstreamConnect: "upstream_connect", Upstream, 503, "an upstream server cannot be reached";
    /// An endpoint of an upstream did not agree on TLS, or did not prove who it
    /// is: nothing was sent.
    UpstreamTls: "upstream_tls", Upstream, 503, "an upstream server cannot be trusted";
    /// An upstream refused a request before it began with it (HTTP/2
    /// `REFUSED_STREAM`, or `GOAWAY`).
    UpstreamRefused: "upstream_refused", Upstream, 503, "an upstream server refused the request";
    /// An upstream's connection broke before its answer.
    UpstreamReset: "upstream_reset", Upstream, 503, "an upstream server broke off";
    /// An upstream's answer broke off in its body.
    UpstreamBroken: "upstream_broken", Upstream, 502, "an upstream server broke off";
    /// What an upstream sent is not valid HTTP, or its head is too large.
    UpstreamProtocol: "upstream_protocol", Upstream, 502, "an upstream server sent an invalid answer";
    /// A try of several got no answer in its time.
    UpstreamTryTimeout: "upstream_try_timeout", Upstream, 504, "an upstream server did not answer in time";
    /// A bound of an upstream's pool is reached.
    UpstreamOverflow: "upstream_overflow", Upstream, 503, "an upstream server is overloaded";
    /// No endpoint of an upstream is well.
    UpstreamUnhealthy: "upstream_unhealthy", Upstream, 503, "no upstream server is well";
    /// More requests in time than a rule's `rate` allows.
    RateLimited: "rate_limited", Client, 429, "too many requests";
    /// More requests under way than a rule's `concurrency_max` allows.
    ConcurrencyLimit: "concurrency_limit", Platform, 503, "too many requests are under way";
    /// A file was changed or truncated while it was sent.
    FileChanged: "file_changed", Platform, 500, "the file changed while it was sent";
    /// The node has more work than it may queue.
    Overloaded: "overloaded", Platform, 503, "the node is overloaded";
    /// The node is draining before it stops.
    Draining: "draining", Platform, 503, "the node is shutting down";
    /// A defect or a broken disk on this node.
    Internal: "internal", Platform, 500, "the node failed";
}

impl Kind {
    /// Seconds after which a client may try again, where that can help.
    pub const fn retry_after_s(self) -> Option<u32> {
        match self {
            Kind::Overloaded
            | Kind::Draining
            | Kind::UpstreamOverflow
            | Kind::RateLimited
            | Kind::ConcurrencyLimit => Some(1),
            _ => None,
        }
    }
}

/// A failure on a request's path.
///
/// `detail` is for logs and operators; a client only ever sees
/// [`Kind::public`].
#[derive(Clone)]
pub struct Failure {
    /// What went wrong.
    pub kind: Kind,
    /// What an operator needs to know, without secrets.
    pub detail: Cow<'static, str>,
    /// Seconds after which it is worth trying again, where that is known better
    /// than by kind.
    pub retry_after_s: Option<u32>,
    /// For 405: the methods that are allowed (RFC 9110 §15.5.6).
    pub allow: Vec<Method>,
    /// What the rule on its way makes of the fields of its answer.
    pub changes: Option<Box<Changes>>,
}

impl Failure {
    /// A failure of `kind`; `detail` adds the one fact that its stage knows.
    pub fn new(kind: Kind, detail: impl Into<Cow<'static, str>>) -> Self {
        let retry_after_s = kind.retry_after_s();
        let allow = Vec::new();
        Failure { kind, detail: detail.into(), retry_after_s, allow, changes: None }
    }

    /// A method that is not one of these.
    pub fn other_method(detail: impl Into<Cow<'static, str>>, allow: Vec<Method>) -> Self {
        Failure { allow, ..Failure::new(Kind::MethodNotAllowed, detail) }
    }

    /// The same, worth trying again after this many seconds.
    pub fn retry_after(self, seconds: u32) -> Self {
        Failure { retry_after_s: Some(seconds), ..self }
    }

    /// The same, with changes of its answer's fields after those that it has.
    pub fn changed(self, later: &Changes) -> Self {
        if later.is_empty() {
            return self;
        }
        let changes = self.changes.map(|changes| *changes).unwrap_or_default();
        Failure { changes: Some(Box::new(changes.then(later))), ..self }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}, {})", self.detail, self.kind.label(), self.kind.blame().as_str())
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Failure {}
