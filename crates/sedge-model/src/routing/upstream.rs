//! A service that requests are passed on to.

use crate::document::Invalid;
use crate::route::check_host_name;
use http::{HeaderName, StatusCode};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
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
    /// Names of which the certificate must have one, in the place of the one
    /// that is asked for; empty: that one.
    pub subject_alt_names: Vec<AltName>,
    /// PEM files of authorities, in the place of Mozilla's.
    pub trusted_roots: Vec<PathBuf>,
    /// PEM files of a certificate and its key, by which the node proves who it is.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// Whether any certificate will do. For tests.
    pub insecure: bool,
}

impl Tls {
    /// Every file that is read when the upstream is made ready.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        let pair = self.certificate.iter();
        let pair = pair.flat_map(|(certificate, key)| [certificate.as_path(), key.as_path()]);
        self.trusted_roots.iter().map(PathBuf::as_path).chain(pair)
    }
}

/// A name of a certificate (subjectAltName, RFC 5280 §4.2.1.6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AltName {
    /// A host, in lower case. A wildcard in the certificate fits it.
    Dns(String),
    /// An address.
    Ip(IpAddr),
    /// A URI such as a SPIFFE ID; the certificate's must be the same, byte for
    /// byte.
    Uri(String),
}

impl AltName {
    /// Reads a name: what has `://` is a URI.
    pub(crate) fn parse(text: &str) -> Result<Self, Invalid> {
        if text.contains("://") {
            return match text.parse::<http::Uri>() {
                Ok(_) => Ok(AltName::Uri(text.to_owned())),
                Err(_) => Err(Invalid::new(
                    format!("`{}` is not a URI", text.escape_debug()),
                    "write one such as \"spiffe://cluster.local/ns/shop/sa/api\"",
                )),
            };
        }
        let host = text.to_ascii_lowercase();
        if let Ok(address) = host.trim_start_matches('[').trim_end_matches(']').parse() {
            return Ok(AltName::Ip(address));
        }
        check_host_name(&host).map(|()| AltName::Dns(host))
    }
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
    /// Requests under way on one HTTP/2 connection; the endpoint may allow less
    /// (`SETTINGS_MAX_CONCURRENT_STREAMS`, RFC 9113 §5.1.2). Beyond, another
    /// connection is made.
    pub streams_max: u32,
    /// Requests after which a connection is closed; 0: no bound.
    pub requests_per_connection_max: u32,
    /// Time to connect, TLS included.
    pub connect_timeout: Duration,
    /// An idle connection is closed after this.
    pub idle_timeout: Duration,
    /// An HTTP/2 connection on which requests are under way and nothing has
    /// arrived for this long is asked whether it lives (`PING`); less often as it
    /// stays silent.
    pub keep_alive: Duration,
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
            streams_max: 1_024,
            requests_per_connection_max: 0,
            connect_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(30),
            keep_alive: Duration::from_secs(60),
            upgrades_max: 1_024,
            upgrade_idle_timeout: Duration::from_secs(300),
        }
    }
}

/// Active health checks: every endpoint is asked, whether it has traffic or not.
/// It is well until its first check has ended, which decides alone.
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
    /// Of the endpoints, at most this share is left out.
    pub ejected_percent_max: u32,
    /// Whether one may be left out, however small its share is not.
    pub always_one: bool,
    /// If fewer of the endpoints than this are well, all are used (panic).
    pub panic_percent: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_certificates_are_told_apart() {
        for bad in ["", "*.shop.test", "a b", "api:80", "spiffe://", "http://[::1/", "ü.test"] {
            assert!(AltName::parse(bad).is_err(), "{bad}");
        }
        let uri = "spiffe://cluster.local/ns/shop/sa/API";
        for (good, expected) in [
            ("API.shop.test", AltName::Dns("api.shop.test".to_owned())),
            ("192.0.2.1", AltName::Ip([192, 0, 2, 1].into())),
            ("[::1]", AltName::Ip("::1".parse().expect("an address"))),
            (uri, AltName::Uri(uri.to_owned())),
        ] {
            assert_eq!(AltName::parse(good).ok(), Some(expected), "{good}");
        }
    }

    #[test]
    fn every_file_is_named() {
        let tls = Tls {
            trusted_roots: vec!["a.pem".into(), "b.pem".into()],
            certificate: Some(("c.pem".into(), "c.key".into())),
            ..Tls::default()
        };
        let files: Vec<&Path> = tls.files().collect();
        assert_eq!(files, ["a.pem", "b.pem", "c.pem", "c.key"].map(Path::new));
    }
}
