//! How long a request may take, how often it is tried, how many may be under
//! way, and what is broken on purpose.

use http::{HeaderName, StatusCode};
use std::time::Duration;

/// What guards the way of a request. Nothing, by default, but what upstreams
/// and functions bound themselves.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Policy {
    /// To the answer's last byte, all tries together, without the time in which
    /// the client is waited for; 504 beyond (Envoy `RouteAction.timeout`).
    pub timeout: Option<Duration>,
    /// What is tried again.
    pub retries: Option<Retries>,
    /// What is broken on purpose.
    pub faults: Faults,
    /// Requests of this rule under way on this node; one more is answered 503.
    pub concurrency_max: Option<u32>,
    /// Requests in time.
    pub rate: Option<RateLimit>,
}

/// What is tried again, and how often. Only what may be: a request whose body
/// was kept whole, an answer whose head has not been passed on.
#[derive(Clone, Debug, PartialEq)]
pub struct Retries {
    /// Tries beside the first.
    pub attempts: u32,
    /// From a try's begin to its answer's head; 504 beyond. `None`: only the
    /// overall timeout bounds a try.
    pub per_try_timeout: Option<Duration>,
    /// What a try must have ended with.
    pub on: RetryOn,
    /// Before the n-th retry, a random time below `min(base × 2^(n-1), max)`
    /// (full jitter).
    pub backoff_base: Duration,
    /// The longest of them.
    pub backoff_max: Duration,
    /// What retries may add to the load.
    pub budget: Option<Budget>,
    /// Bytes of a request's body that are kept for another try; a longer body
    /// is sent once.
    pub body_bytes_max: u64,
    /// Whether a retry goes to an endpoint that has not been tried, if there is
    /// one.
    pub elsewhere: bool,
}

/// What a try must have ended with to be tried again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RetryOn {
    /// No connection was made.
    pub connect_failure: bool,
    /// HTTP/2 `REFUSED_STREAM`: the upstream has not begun.
    pub refused_stream: bool,
    /// The connection broke, or the try's time was over, before an answer.
    pub reset: bool,
    /// 502, 503, 504.
    pub gateway_error: bool,
    /// 500 to 599, and what `reset` means.
    pub server_error: bool,
    /// 409.
    pub conflict: bool,
    /// These.
    pub statuses: Vec<StatusCode>,
    /// `grpc-status` in the answer's head (Envoy `x-envoy-retry-grpc-on`).
    pub grpc: Vec<u32>,
    /// Whether a method that is not idempotent (RFC 9110 §9.2.2) is tried again
    /// too, where the upstream may have begun. Envoy and Istio do; Sedge's own
    /// files do not unless they say so.
    pub any_method: bool,
}

/// Retries may be at most this share of the load (Linkerd's retry budget).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget {
    /// Retries per request, of those in the last ten seconds.
    pub ratio: f64,
    /// Retries per second that are always allowed.
    pub minimum_per_s: f64,
}

/// What is broken on purpose.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Faults {
    /// How they stand to timeouts and retries.
    pub mode: FaultMode,
    /// A wait.
    pub delay: Option<Delay>,
    /// An answer in the place of the upstream's.
    pub abort: Option<Abort>,
}

/// How faults stand to timeouts and retries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FaultMode {
    /// Once for each request, before the timeout's clock runs and outside of
    /// retries, as Envoy's fault filter stands before its router.
    #[default]
    Envoy,
    /// For each try, inside its timeout: what an upstream that is slow or
    /// broken looks like.
    PerAttempt,
}

/// A wait on purpose.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Delay {
    /// Of 1.
    pub fraction: f64,
    /// How long.
    pub time: Duration,
}

/// An answer on purpose.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Abort {
    /// Of 1.
    pub fraction: f64,
    /// 200 to 599.
    pub status: StatusCode,
}

/// Requests in time: a bucket for each key that holds `burst` and is filled by
/// `requests` in `per`. One more is answered 429 with `Retry-After`.
#[derive(Clone, Debug, PartialEq)]
pub struct RateLimit {
    /// Tokens that are filled in.
    pub requests: u32,
    /// In this time.
    pub per: Duration,
    /// Tokens that a bucket holds.
    pub burst: u32,
    /// What has a bucket of its own.
    pub key: RateKey,
    /// Buckets that are kept; beyond, the one that is longest full goes first.
    pub keys_max: u32,
}

/// What has a bucket of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RateKey {
    /// The rule as a whole.
    Rule,
    /// The address of the client; IPv6 by its /64.
    Client,
    /// The value of a header field; requests without share one bucket.
    Header(HeaderName),
}
