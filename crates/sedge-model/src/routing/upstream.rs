//! A service that requests are passed on to.

use http::{HeaderName, StatusCode};
use std::path::PathBuf;
use std::time::Duration;

/// A service with one or more endpoints.
#[derive(Clone, Debug, PartialEq)]
pub struct Upstream {
    /// Unique in its app; the name in metrics, traces and access records.
    pub name: String,
    /// At least one.
    pub endpoints: Vec<Endpoint>,
    /// Which of them takes a request.
    pub balance: Balance,
    /// What is spoken.
    pub protocol: Protocol,
    /// `None`: in the clear.
    pub tls: Option<Tls>,
    /// Bounds of its connections and requests (Envoy's circuit breakers).
    pub pool: Pool,
    /// What is asked to know which endpoints are well.
    pub health: Option<HealthCheck>,
    /// When an endpoint that answers badly is left out.
    pub outliers: Option<Outliers>,
}

/// One server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// A name or an address; a name is resolved again as its answers age.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Its share where endpoints are chosen; at least 1.
    pub weight: u32,
}

/// Which endpoint takes a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Balance {
    /// One after the other, by weight.
    #[default]
    RoundRobin,
    /// Of two that are picked at random, the one with fewer requests under way.
    LeastRequests,
    /// Any.
    Random,
    /// Always the same for the same key, and few keys move when endpoints come
    /// or go.
    Hash(HashKey),
}

/// What a consistent hash is of. A request without it is sent anywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HashKey {
    /// A header field.
    Header(HeaderName),
    /// A cookie; with a time to live, one is set where there is none.
    Cookie {
        /// Its name.
        name: String,
        /// `None`: none is set.
        ttl: Option<Duration>,
        /// Its path.
        path: Option<String>,
    },
    /// A query parameter.
    Query(String),
    /// The client's address.
    Client,
    /// The path.
    Path,
}

/// What is spoken with endpoints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1; with TLS, HTTP/2 where the endpoint chooses it by ALPN.
    #[default]
    Auto,
    /// HTTP/1.1 only.
    Http1,
    /// HTTP/2 only; in the clear by prior knowledge (RFC 9113 §3.3).
    Http2,
}

/// How endpoints prove who they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// The name that is asked for and that the certificate must have; `None`:
    /// the endpoint's host.
    pub server_name: Option<String>,
    /// PEM files of authorities, in the place of Mozilla's.
    pub trusted_roots: Vec<PathBuf>,
    /// PEM files of a certificate and its key, by which the node proves who it is.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// Whether any certificate will do. For tests.
    pub insecure: bool,
}

/// Bounds of an upstream on this node. One more is answered 503 at once, and
/// counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    /// Connections to one endpoint.
    pub connections_max: u32,
    /// Requests that wait for a connection.
    pub pending_max: u32,
    /// Requests under way.
    pub requests_max: u32,
    /// Retries under way.
    pub retries_max: u32,
    /// Requests after which a connection is closed; 0: no bound.
    pub requests_per_connection_max: u32,
    /// Time to connect, TLS included.
    pub connect_timeout: Duration,
    /// An idle connection is closed after this.
    pub idle_timeout: Duration,
    /// Connections that are switched to another protocol (WebSocket), or about to
    /// be; each is one of `connections_max` and of `requests_max`, too.
    pub upgrades_max: u32,
    /// Such a connection is closed if nothing passes either way for this long.
    pub upgrade_idle_timeout: Duration,
}

impl Default for Pool {
    fn default() -> Self {
        Pool {
            connections_max: 1_024,
            pending_max: 1_024,
            requests_max: 4_096,
            retries_max: 1_024,
            requests_per_connection_max: 0,
            connect_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(30),
            upgrades_max: 1_024,
            upgrade_idle_timeout: Duration::from_secs(300),
        }
    }
}

/// Active health checks: every endpoint is asked, whether it has traffic or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthCheck {
    /// Path and query that are asked for, by `GET`.
    pub path: String,
    /// `None`: the endpoint's host and port.
    pub host: Option<String>,
    /// Between two checks of one endpoint.
    pub interval: Duration,
    /// For the whole answer.
    pub timeout: Duration,
    /// Good checks after which a bad endpoint is well again.
    pub healthy_after: u32,
    /// Bad checks after which a good endpoint is left out.
    pub unhealthy_after: u32,
    /// Good answers; empty: 200 to 299.
    pub statuses: Vec<StatusCode>,
}

/// Passive health: an endpoint that answers badly is left out for a while
/// (Envoy's outlier detection).
#[derive(Clone, Debug, PartialEq)]
pub struct Outliers {
    /// Answers 500 to 599 and failures in a row; 0: not looked at.
    pub consecutive_server_errors: u32,
    /// 502, 503, 504 and failures in a row; 0: not looked at.
    pub consecutive_gateway_errors: u32,
    /// Failures to connect and broken connections in a row; 0: not looked at.
    pub consecutive_local_failures: u32,
    /// How often ejected endpoints are looked at.
    pub interval: Duration,
    /// The n-th ejection lasts n times this.
    pub base_ejection: Duration,
    /// The longest of them.
    pub ejection_max: Duration,
    /// Of the endpoints, at most this share is left out, but always one may be.
    pub ejected_percent_max: u32,
    /// If fewer of the endpoints than this are well, all are used (panic).
    pub panic_percent: u32,
}
