//! Istio `DestinationRule`: subsets, and how endpoints are spoken with.

use crate::document::Invalid;
use crate::mesh::fields::{At, Fields, Spot};
use crate::mesh::object::Object;
use crate::mesh::services::qualified;
use crate::mesh::{Notes, duration, values};
use crate::node_config::NodeConfig;
use crate::routing::upstream::{AltName, Balance, HashKey, Outliers, Pool, Protocol, Tls};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// A rule, read.
#[derive(Clone, Debug)]
pub(in crate::mesh) struct TrafficRule {
    /// The service's name in all its parts.
    pub(in crate::mesh) host: String,
    pub(in crate::mesh) subsets: Vec<Subset>,
    policy: Policies,
}

/// Endpoints with these labels.
#[derive(Clone, Debug)]
pub(in crate::mesh) struct Subset {
    pub(in crate::mesh) name: String,
    pub(in crate::mesh) labels: BTreeMap<String, String>,
    policy: Policies,
}

/// A policy, and those of single ports.
#[derive(Clone, Debug, Default)]
struct Policies {
    all: TrafficPolicy,
    ports: BTreeMap<u16, TrafficPolicy>,
}

/// What a policy says; `None`: nothing.
#[derive(Clone, Debug, Default)]
pub(in crate::mesh) struct TrafficPolicy {
    pub(in crate::mesh) balance: Option<Balance>,
    pub(in crate::mesh) pool: Option<PoolSettings>,
    pub(in crate::mesh) outliers: Option<Outliers>,
    /// `Some(None)`: in the clear.
    pub(in crate::mesh) tls: Option<Option<Tls>>,
}

/// What a policy says of connections.
#[derive(Clone, Debug, Default)]
pub(in crate::mesh) struct PoolSettings {
    connections_max: Option<u32>,
    connect_timeout: Option<Duration>,
    pending_max: Option<u32>,
    requests_max: Option<u32>,
    streams_max: Option<u32>,
    requests_per_connection_max: Option<u32>,
    retries_max: Option<u32>,
    idle_timeout: Option<Duration>,
    pub(in crate::mesh) protocol: Option<Protocol>,
}

impl PoolSettings {
    /// What is said, over what is not.
    pub(in crate::mesh) fn over(self, pool: Pool) -> Pool {
        Pool {
            connections_max: self.connections_max.unwrap_or(pool.connections_max),
            pending_max: self.pending_max.unwrap_or(pool.pending_max),
            requests_max: self.requests_max.unwrap_or(pool.requests_max),
            retries_max: self.retries_max.unwrap_or(pool.retries_max),
            streams_max: self.streams_max.unwrap_or(pool.streams_max),
            requests_per_connection_max: self
                .requests_per_connection_max
                .unwrap_or(pool.requests_per_connection_max),
            connect_timeout: self.connect_timeout.unwrap_or(pool.connect_timeout),
            idle_timeout: self.idle_timeout.unwrap_or(pool.idle_timeout),
            ..pool
        }
    }
}

impl Policies {
    /// Settings of a port stand in the place of all others.
    fn of(&self, port: Option<u16>) -> &TrafficPolicy {
        port.and_then(|port| self.ports.get(&port)).unwrap_or(&self.all)
    }
}

impl TrafficRule {
    /// What holds for a subset and a port: the subset's settings win over the
    /// rule's, one by one.
    pub(in crate::mesh) fn policy(
        &self,
        subset: Option<&Subset>,
        port: Option<u16>,
    ) -> TrafficPolicy {
        let rule = self.policy.of(port).clone();
        let Some(subset) = subset else { return rule };
        let own = subset.policy.of(port).clone();
        TrafficPolicy {
            balance: own.balance.or(rule.balance),
            pool: own.pool.or(rule.pool),
            outliers: own.outliers.or(rule.outliers),
            tls: own.tls.or(rule.tls),
        }
    }
}

impl Subset {
    /// Whether an endpoint is of this subset.
    pub(in crate::mesh) fn takes(&self, labels: &BTreeMap<String, String>) -> bool {
        self.labels.iter().all(|(key, value)| labels.get(key) == Some(value))
    }
}

/// Reads a rule; files are resolved against `folder`.
pub(in crate::mesh) fn read(
    object: &Object<'_>,
    node: &NodeConfig,
    folder: &Path,
    notes: &mut Notes,
) -> Option<TrafficRule> {
    let mut fields = object.spec.fields(notes)?;
    let host = fields.need("host", notes).and_then(|host| host.name(notes));
    let policy = fields
        .take("trafficPolicy")
        .map(|policy| policies(&policy, folder, notes))
        .unwrap_or_default();
    let mut subsets: Vec<Subset> = Vec::new();
    for at in fields.take("subsets").map(|list| list.list(notes)).unwrap_or_default() {
        let Some(subset) = subset(&at, folder, notes) else { continue };
        if subsets.iter().any(|other| other.name == subset.name) {
            let message = format!("two subsets have the name `{}`", subset.name);
            notes.wrong(&at.spot(), Invalid { message, hint: None });
            continue;
        }
        subsets.push(subset);
    }
    super::export_to(&mut fields, notes);
    fields.unsupported(&[("workloadSelector", "")], notes);
    fields.finish(notes);
    let host = qualified(host?, &object.namespace, &node.mesh.domain);
    Some(TrafficRule { host, subsets, policy })
}

fn subset(at: &At<'_>, folder: &Path, notes: &mut Notes) -> Option<Subset> {
    let mut fields = at.fields(notes)?;
    let name = fields.need("name", notes).and_then(|name| name.name(notes));
    let mut labels = BTreeMap::new();
    for (key, value) in
        fields.take("labels").map(|labels| labels.entries(notes)).unwrap_or_default()
    {
        if let Some(value) = value.text(notes) {
            labels.insert(key.to_owned(), value.to_owned());
        }
    }
    let policy = fields
        .take("trafficPolicy")
        .map(|policy| policies(&policy, folder, notes))
        .unwrap_or_default();
    fields.finish(notes);
    Some(Subset { name: name?.to_owned(), labels, policy })
}

fn policies(at: &At<'_>, folder: &Path, notes: &mut Notes) -> Policies {
    let Some(mut fields) = at.fields(notes) else { return Policies::default() };
    let all = policy(&mut fields, folder, notes);
    let mut ports = BTreeMap::new();
    for at in fields.take("portLevelSettings").map(|list| list.list(notes)).unwrap_or_default() {
        let Some(mut fields) = at.fields(notes) else { continue };
        let port = fields.need("port", notes).and_then(|port| super::port_number(&port, notes));
        let policy = policy(&mut fields, folder, notes);
        fields.finish(notes);
        if let Some(port) = port
            && ports.insert(port, policy).is_some()
        {
            let message = format!("the port {port} has settings already");
            notes.wrong(&at.spot(), Invalid { message, hint: None });
        }
    }
    fields.unsupported(&[("tunnel", ""), ("proxyProtocol", ""), ("retryBudget", "")], notes);
    fields.finish(notes);
    Policies { all, ports }
}

fn policy(fields: &mut Fields<'_>, folder: &Path, notes: &mut Notes) -> TrafficPolicy {
    TrafficPolicy {
        balance: fields.take("loadBalancer").and_then(|at| balance(&at, notes)),
        pool: fields.take("connectionPool").and_then(|at| pool(&at, notes)),
        outliers: fields.take("outlierDetection").and_then(|at| outliers(&at, notes)),
        tls: fields.take("tls").and_then(|at| tls(&at, folder, notes)),
    }
}

fn balance(at: &At<'_>, notes: &mut Notes) -> Option<Balance> {
    const SIMPLE: [(&str, u8); 6] = [
        ("UNSPECIFIED", 0),
        ("LEAST_REQUEST", 0),
        ("LEAST_CONN", 0),
        ("ROUND_ROBIN", 1),
        ("RANDOM", 2),
        ("PASSTHROUGH", 3),
    ];
    let mut fields = at.fields(notes)?;
    let simple = fields.take("simple");
    let hash = fields.take("consistentHash");
    fields.unsupported(
        &[("localityLbSetting", ""), ("warmup", ""), ("warmupDurationSecs", "")],
        notes,
    );
    fields.finish(notes);
    match (simple, hash) {
        (Some(simple), None) => match simple.one_of(&SIMPLE, notes)? {
            0 => Some(Balance::LeastRequests),
            1 => Some(Balance::RoundRobin),
            2 => Some(Balance::Random),
            _ => {
                let hint =
                    "a node has no address that the client asked for: choose among endpoints";
                notes.unsupported(&simple.spot(), "PASSTHROUGH is not supported", hint);
                None
            }
        },
        (None, Some(hash)) => hash_key(&hash, notes).map(Balance::Hash),
        (None, None) => None,
        (Some(_), Some(hash)) => {
            let message = format!("`{}` stands beside `simple`", hash.path);
            notes.wrong(&hash.spot(), Invalid::new(message, "keep one of them"));
            None
        }
    }
}

fn hash_key(at: &At<'_>, notes: &mut Notes) -> Option<HashKey> {
    let mut fields = at.fields(notes)?;
    let mut keys = Vec::new();
    if let Some(name) = fields.take("httpHeaderName") {
        keys.push(name.parse(notes, values::header_name).map(HashKey::Header));
    }
    if let Some(cookie) = fields.take("httpCookie") {
        keys.push(self::cookie(&cookie, notes));
    }
    if let Some(client) = fields.take("useSourceIp")
        && client.boolean(notes)?
    {
        keys.push(Some(HashKey::Client));
    }
    if let Some(name) = fields.take("httpQueryParameterName") {
        keys.push(name.name(notes).map(|name| HashKey::Query(name.to_owned())));
    }
    let rings = [("minimumRingSize", ""), ("ringHash", ""), ("maglev", "")];
    fields.unsupported(&rings, notes);
    fields.finish(notes);
    if keys.len() != 1 {
        let message = format!("`{}` must have one key", at.path);
        let hint = "write one of httpHeaderName, httpCookie, useSourceIp, httpQueryParameterName";
        notes.wrong(&at.spot(), Invalid::new(message, hint));
        return None;
    }
    keys.pop().flatten()
}

fn cookie(at: &At<'_>, notes: &mut Notes) -> Option<HashKey> {
    let mut fields = at.fields(notes)?;
    let name = fields.need("name", notes).and_then(|name| name.name(notes));
    let path = fields.take("path").and_then(|path| path.text(notes)).map(str::to_owned);
    let ttl = fields.take("ttl").and_then(|ttl| ttl.parse(notes, duration::go));
    fields.unsupported(&[("attributes", "")], notes);
    fields.finish(notes);
    Some(HashKey::Cookie { name: name?.to_owned(), ttl, path })
}

const COUNT: std::ops::RangeInclusive<i64> = 1..=i32::MAX as i64;

fn pool(at: &At<'_>, notes: &mut Notes) -> Option<PoolSettings> {
    const UPGRADE: [(&str, Option<Protocol>); 3] = [
        ("DEFAULT", None),
        ("DO_NOT_UPGRADE", Some(Protocol::Http1)),
        ("UPGRADE", Some(Protocol::Http2)),
    ];
    let mut fields = at.fields(notes)?;
    let mut settings = PoolSettings::default();
    if let Some(mut tcp) = fields.take("tcp").and_then(|tcp| tcp.fields(notes)) {
        settings.connections_max = tcp.take("maxConnections").and_then(|at| at.count(COUNT, notes));
        settings.connect_timeout = tcp.take("connectTimeout").and_then(|at| positive(&at, notes));
        tcp.unsupported(
            &[
                ("tcpKeepalive", ""),
                ("maxConnectionDuration", ""),
                ("idleTimeout", "write http.idleTimeout"),
            ],
            notes,
        );
        tcp.finish(notes);
    }
    if let Some(mut http) = fields.take("http").and_then(|http| http.fields(notes)) {
        settings.pending_max =
            http.take("http1MaxPendingRequests").and_then(|at| at.count(COUNT, notes));
        settings.requests_max = http.take("http2MaxRequests").and_then(|at| at.count(COUNT, notes));
        settings.streams_max =
            http.take("maxConcurrentStreams").and_then(|at| at.count(COUNT, notes));
        settings.requests_per_connection_max = http
            .take("maxRequestsPerConnection")
            .and_then(|at| at.count(0..=i32::MAX as i64, notes));
        settings.retries_max = http.take("maxRetries").and_then(|at| at.count(COUNT, notes));
        settings.idle_timeout = http.take("idleTimeout").and_then(|at| positive(&at, notes));
        settings.protocol =
            http.take("h2UpgradePolicy").and_then(|at| at.one_of(&UPGRADE, notes)).flatten();
        http.unsupported(&[("useClientProtocol", "")], notes);
        http.finish(notes);
    }
    fields.finish(notes);
    Some(settings)
}

fn positive(at: &At<'_>, notes: &mut Notes) -> Option<Duration> {
    let duration = at.parse(notes, duration::go)?;
    if duration < Duration::from_millis(1) {
        let message = format!("`{}` is shorter than 1 ms", at.path);
        notes.wrong(&at.spot(), Invalid { message, hint: None });
        return None;
    }
    Some(duration)
}

fn outliers(at: &At<'_>, notes: &mut Notes) -> Option<Outliers> {
    let mut fields = at.fields(notes)?;
    let errors = 0..=i32::MAX as i64;
    let percent = 0..=100;
    let mut count = |name, default| {
        fields.take(name).and_then(|at| at.count(errors.clone(), notes)).unwrap_or(default)
    };
    let server = count("consecutive5xxErrors", 5);
    let gateway = count("consecutiveGatewayErrors", 0);
    let local = count("consecutiveLocalOriginFailures", 5);
    let split = fields
        .take("splitExternalLocalOriginErrors")
        .and_then(|at| at.boolean(notes))
        .unwrap_or(false);
    let interval = fields.take("interval").and_then(|at| positive(&at, notes));
    let base = fields.take("baseEjectionTime").and_then(|at| positive(&at, notes));
    let base = base.unwrap_or(Duration::from_secs(30));
    let ejected = fields.take("maxEjectionPercent").and_then(|at| at.count(percent.clone(), notes));
    let panic = fields.take("minHealthPercent").and_then(|at| at.count(percent, notes));
    fields.unsupported(&[("consecutiveErrors", "write consecutiveGatewayErrors")], notes);
    fields.finish(notes);
    Some(Outliers {
        consecutive_server_errors: server,
        consecutive_gateway_errors: gateway,
        consecutive_local_failures: if split { local } else { 0 },
        interval: interval.unwrap_or(Duration::from_secs(10)),
        base_ejection: base,
        ejection_max: base.max(Duration::from_secs(300)),
        ejected_percent_max: ejected.unwrap_or(10),
        // Of fewer than ten endpoints none is left out unless a file says so, as
        // Envoy has it.
        always_one: false,
        panic_percent: panic.unwrap_or(0),
    })
}

fn tls(at: &At<'_>, folder: &Path, notes: &mut Notes) -> Option<Option<Tls>> {
    const MODES: [(&str, u8); 4] =
        [("DISABLE", 0), ("SIMPLE", 1), ("MUTUAL", 2), ("ISTIO_MUTUAL", 3)];
    let mut fields = at.fields(notes)?;
    let mode = fields
        .need("mode", notes)
        .and_then(|mode| Some((mode.one_of(&MODES, notes)?, mode.spot())));
    let certificate = fields.take("clientCertificate");
    let key = fields.take("privateKey");
    let ca = fields.take("caCertificates").and_then(|ca| ca.name(notes));
    let sni = fields.take("sni").and_then(|sni| sni.name(notes));
    let names = fields.take("subjectAltNames").map(|list| list.list(notes)).unwrap_or_default();
    let names: Vec<_> = names.iter().map(|name| name.parse(notes, AltName::parse)).collect();
    let insecure =
        fields.take("insecureSkipVerify").and_then(|at| at.boolean(notes)).unwrap_or(false);
    fields.unsupported(
        &[
            (
                "credentialName",
                "write clientCertificate, privateKey and caCertificates, which are files",
            ),
            ("caCrl", ""),
        ],
        notes,
    );
    fields.finish(notes);
    let (mode, spot) = mode?;
    let mut file = |at: &Option<At<'_>>| {
        at.as_ref().and_then(|at| at.name(notes)).map(|name| folder.join(name))
    };
    let pair = file(&certificate).zip(file(&key));
    match mode {
        0 => return Some(None),
        3 => {
            let hint = "a node has no certificate of Istio: write SIMPLE, or MUTUAL with files";
            notes.unsupported(&spot, "ISTIO_MUTUAL is not supported", hint);
            return None;
        }
        _ => {}
    }
    if (mode == 2) != pair.is_some() || (pair.is_none() && (certificate.is_some() || key.is_some()))
    {
        let spot: Spot = spot;
        let message = "clientCertificate and privateKey belong to MUTUAL, both of them".to_owned();
        notes.wrong(&spot, Invalid { message, hint: None });
        return None;
    }
    Some(Some(Tls {
        server_name: sni.map(str::to_owned),
        subject_alt_names: names.into_iter().collect::<Option<_>>()?,
        trusted_roots: ca.map(|ca| folder.join(ca)).into_iter().collect(),
        certificate: pair,
        insecure,
    }))
}
