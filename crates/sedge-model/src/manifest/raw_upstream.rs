//! Upstreams as they are written.

use crate::document::quantity;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// A service that routes pass requests on to.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["name", "endpoints"]))]
pub(super) struct RawUpstream {
    /// Name, unique among the app's upstreams.
    #[schemars(length(min = 1, max = 63), example = &"backend")]
    pub(super) name: String,
    /// Its servers, `host:port` each; as tables, with more to say.
    #[schemars(length(min = 1, max = 256), extend("examples" = [["127.0.0.1:8080"]]))]
    pub(super) endpoints: Vec<RawEndpoint>,
    /// Which of them takes a request; as a table, a consistent hash.
    pub(super) balance: RawBalance,
    /// What is spoken.
    pub(super) protocol: RawProtocol,
    /// Whether connections are encrypted; as a table, with more to say.
    pub(super) tls: Option<RawTls>,
    /// Bounds of its connections and requests.
    pub(super) pool: RawPool,
    /// A path that every endpoint is asked for, to know whether it is well; as a
    /// table, with more to say.
    pub(super) health: Option<RawHealth>,
    /// Whether an endpoint that answers badly is left out for a while; as a
    /// table, with bounds.
    pub(super) outliers: Option<RawOutliers>,
}

/// An endpoint as text or as a table.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum RawEndpoint {
    /// `host:port`.
    Text(#[schemars(length(min = 1, max = 262))] String),
    /// With more to say.
    Table(RawEndpointTable),
}

/// One server.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["at"]))]
pub(super) struct RawEndpointTable {
    /// `host:port`.
    #[schemars(length(min = 1, max = 262), example = &"127.0.0.1:8080")]
    pub(super) at: String,
    /// Its share where endpoints are chosen.
    #[schemars(range(min = 1, max = 1_000))]
    pub(super) weight: u32,
}

impl Default for RawEndpointTable {
    fn default() -> Self {
        RawEndpointTable { at: String::new(), weight: 1 }
    }
}

/// A word, or a consistent hash.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum RawBalance {
    /// A word.
    Word(RawBalanceWord),
    /// A consistent hash.
    Hash(RawHash),
}

impl Default for RawBalance {
    fn default() -> Self {
        RawBalance::Word(RawBalanceWord::RoundRobin)
    }
}

/// Which endpoint takes a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum RawBalanceWord {
    /// One after the other, by weight.
    #[default]
    RoundRobin,
    /// Of two that are picked at random, the one with fewer requests under way.
    LeastRequests,
    /// Any.
    Random,
    /// The same for the same client address.
    HashClient,
    /// The same for the same path.
    HashPath,
}

/// The same endpoint for the same key: exactly one of `header`, `cookie` and
/// `query`.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawHash {
    /// A header field.
    #[schemars(length(min = 1, max = 256), example = &"x-user")]
    pub(super) header: Option<String>,
    /// A cookie.
    #[schemars(length(min = 1, max = 256), example = &"session")]
    pub(super) cookie: Option<String>,
    /// How long the cookie lives that is set where there is none; none is set, if
    /// absent.
    #[schemars(schema_with = "quantity::seconds", range(min = 1, max = 31_536_000))]
    pub(super) cookie_ttl_s: Option<u64>,
    /// The path of the cookie that is set.
    #[schemars(length(min = 1, max = 1_024), example = &"/")]
    pub(super) cookie_path: Option<String>,
    /// A query parameter.
    #[schemars(length(min = 1, max = 256), example = &"user")]
    pub(super) query: Option<String>,
}

/// What is spoken with endpoints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawProtocol {
    /// HTTP/1.1; with TLS, HTTP/2 where the endpoint chooses it.
    #[default]
    Auto,
    /// HTTP/1.1 only.
    Http1,
    /// HTTP/2 only.
    Http2,
}

/// Whether connections are encrypted, or a table.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum RawTls {
    /// With defaults.
    Flag(bool),
    /// With more to say.
    Table(RawTlsTable),
}

/// How endpoints prove who they are.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawTlsTable {
    /// The name that is asked for and that the certificate must have; the
    /// endpoint's host, if absent.
    #[schemars(length(min = 1, max = 253), example = &"backend.internal")]
    pub(super) server_name: Option<String>,
    /// Names of which the certificate must have one, in the place of the name
    /// that is asked for: DNS names, addresses, or URIs such as a SPIFFE ID.
    #[schemars(length(max = 64), inner(length(min = 1, max = 2_048)))]
    #[schemars(extend("examples" = [["spiffe://cluster.local/ns/shop/sa/api"]]))]
    pub(super) subject_alt_names: Vec<String>,
    /// PEM files of authorities in the place of Mozilla's, relative to the
    /// manifest's folder.
    #[schemars(length(max = 16), inner(length(min = 1, max = 4_096)))]
    pub(super) trusted_roots: Vec<PathBuf>,
    /// The PEM file of the certificate by which the node proves who it is.
    #[schemars(length(min = 1, max = 4_096), example = &"certs/node.pem")]
    pub(super) certificate: Option<PathBuf>,
    /// The PEM file of its key.
    #[schemars(length(min = 1, max = 4_096), example = &"certs/node.key")]
    pub(super) key: Option<PathBuf>,
    /// Whether any certificate will do; for tests.
    pub(super) insecure: bool,
}

/// Bounds of an upstream on this node.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawPool {
    /// Connections to one endpoint.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub(super) connections_max: u32,
    /// Requests that wait for a connection.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub(super) pending_max: u32,
    /// Requests under way.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub(super) requests_max: u32,
    /// Retries under way.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub(super) retries_max: u32,
    /// Requests under way on one HTTP/2 connection; the endpoint may allow less.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub(super) streams_max: u32,
    /// Requests after which a connection is closed; 0: no bound.
    #[schemars(range(min = 0, max = 1_000_000_000))]
    pub(super) requests_per_connection_max: u32,
    /// Time to connect, TLS included.
    #[schemars(schema_with = "quantity::ms", range(min = 1, max = 300_000))]
    pub(super) connect_timeout_ms: u64,
    /// An idle connection is closed after this.
    #[schemars(schema_with = "quantity::ms", range(min = 1, max = 86_400_000))]
    pub(super) idle_timeout_ms: u64,
    /// An HTTP/2 connection on which requests are under way and nothing has
    /// arrived for this long is asked whether it lives; less often as it stays
    /// silent.
    #[schemars(schema_with = "quantity::ms", range(min = 1, max = 86_400_000))]
    pub(super) keep_alive_ms: u64,
    /// Connections that are switched to another protocol, such as WebSocket; each
    /// is one of `connections_max` and of `requests_max`, too.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub(super) upgrades_max: u32,
    /// Such a connection is closed if nothing passes either way for this long.
    #[schemars(schema_with = "quantity::ms", range(min = 10, max = 86_400_000))]
    pub(super) upgrade_idle_timeout_ms: u64,
}

impl Default for RawPool {
    fn default() -> Self {
        let pool = crate::routing::upstream::Pool::default();
        let ms = |time: std::time::Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        RawPool {
            connections_max: pool.connections_max,
            pending_max: pool.pending_max,
            requests_max: pool.requests_max,
            retries_max: pool.retries_max,
            streams_max: pool.streams_max,
            requests_per_connection_max: pool.requests_per_connection_max,
            connect_timeout_ms: ms(pool.connect_timeout),
            idle_timeout_ms: ms(pool.idle_timeout),
            keep_alive_ms: ms(pool.keep_alive),
            upgrades_max: pool.upgrades_max,
            upgrade_idle_timeout_ms: ms(pool.upgrade_idle_timeout),
        }
    }
}

/// A path, or a table.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum RawHealth {
    /// The path.
    Text(#[schemars(length(min = 1, max = 2_048), example = &"/healthz")] String),
    /// With more to say.
    Table(RawHealthTable),
}

/// What every endpoint is asked, whether it has traffic or not.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["path"]))]
pub(super) struct RawHealthTable {
    /// Path and query.
    #[schemars(length(min = 1, max = 2_048), example = &"/healthz")]
    pub(super) path: String,
    /// The `Host`; the endpoint's own, if absent.
    #[schemars(length(min = 1, max = 255), example = &"backend.internal")]
    pub(super) host: Option<String>,
    /// Between two checks of one endpoint.
    #[schemars(schema_with = "quantity::ms", range(min = 10, max = 86_400_000))]
    pub(super) interval_ms: u64,
    /// For the whole answer.
    #[schemars(schema_with = "quantity::ms", range(min = 1, max = 300_000))]
    pub(super) timeout_ms: u64,
    /// Good checks after which a bad endpoint is well again.
    #[schemars(range(min = 1, max = 100))]
    pub(super) healthy_after: u32,
    /// Bad checks after which a good endpoint is left out.
    #[schemars(range(min = 1, max = 100))]
    pub(super) unhealthy_after: u32,
    /// The statuses that are right; every one from 200 to 299, if empty.
    #[schemars(length(max = 16), inner(range(min = 200, max = 599)))]
    #[schemars(extend("examples" = [[200, 204]]))]
    pub(super) status: Vec<u16>,
}

impl Default for RawHealthTable {
    fn default() -> Self {
        RawHealthTable {
            path: String::new(),
            host: None,
            interval_ms: 10_000,
            timeout_ms: 2_000,
            healthy_after: 2,
            unhealthy_after: 3,
            status: Vec::new(),
        }
    }
}

/// Whether outliers are left out, or a table.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum RawOutliers {
    /// With defaults.
    Flag(bool),
    /// With bounds.
    Table(RawOutliersTable),
}

/// When an endpoint that answers badly is left out.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawOutliersTable {
    /// Answers 500 to 599 and failures in a row; 0: not looked at.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub(super) consecutive_server_errors: u32,
    /// 502, 503, 504 and failures in a row; 0: not looked at.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub(super) consecutive_gateway_errors: u32,
    /// Failures to connect and broken connections in a row; 0: not looked at.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub(super) consecutive_local_failures: u32,
    /// How often ejected endpoints are looked at.
    #[schemars(schema_with = "quantity::ms", range(min = 10, max = 86_400_000))]
    pub(super) interval_ms: u64,
    /// The n-th ejection lasts n times this.
    #[schemars(schema_with = "quantity::ms", range(min = 10, max = 86_400_000))]
    pub(super) base_ejection_ms: u64,
    /// The longest of them.
    #[schemars(schema_with = "quantity::ms", range(min = 10, max = 86_400_000))]
    pub(super) ejection_max_ms: u64,
    /// Of the endpoints, at most this share is left out, but always one may be.
    #[schemars(range(min = 0, max = 100))]
    pub(super) ejected_percent_max: u32,
    /// If fewer of the endpoints than this are well, all are used.
    #[schemars(range(min = 0, max = 100))]
    pub(super) panic_percent: u32,
}

impl Default for RawOutliersTable {
    fn default() -> Self {
        RawOutliersTable {
            consecutive_server_errors: 5,
            consecutive_gateway_errors: 5,
            consecutive_local_failures: 5,
            interval_ms: 10_000,
            base_ejection_ms: 30_000,
            ejection_max_ms: 300_000,
            ejected_percent_max: 10,
            panic_percent: 50,
        }
    }
}
