//! `DestinationRule` as Envoy's clusters.

use super::super::case::Placed;
use super::super::upstream::Servers;
use super::{endpoints, seconds};
use serde_json::{Map, Value, json};

/// The name of a destination's cluster.
pub(super) fn name(destination: &Value) -> String {
    let host = destination["host"].as_str().unwrap_or_default();
    match destination["subset"].as_str() {
        Some(subset) => format!("{host}|{subset}"),
        None => host.to_owned(),
    }
}

/// All clusters that a case may name.
pub fn clusters(placed: &Placed<'_>, servers: &Servers) -> Vec<Value> {
    let rules = placed.rules();
    let mut all = Vec::new();
    for service in placed.services() {
        let host = placed.service(service);
        let rule = rules.iter().find(|rule| rule["host"] == host.as_str());
        let none = Value::Null;
        let general = rule.map_or(&none, |rule| &rule["trafficPolicy"]);
        all.push(cluster(&host, &host, None, [&none, general], servers));
        for subset in rule.and_then(|rule| rule["subsets"].as_array()).into_iter().flatten() {
            let name = format!("{host}|{}", subset["name"].as_str().unwrap_or_default());
            let version = subset["labels"]["version"].as_str();
            let policies = [&subset["trafficPolicy"], general];
            all.push(cluster(&name, &host, version, policies, servers));
        }
    }
    all
}

/// One cluster; what the first policy says wins over the second, field by field.
fn cluster(
    name: &str,
    host: &str,
    version: Option<&str>,
    policies: [&Value; 2],
    servers: &Servers,
) -> Value {
    let part = |key: &str| {
        let found = policies.iter().map(|policy| &policy[key]).find(|part| part.is_object());
        found.cloned().unwrap_or_default()
    };
    let chosen = endpoints(host).iter();
    let chosen = chosen.filter(|one| version.is_none_or(|version| version == one.version));
    let addresses = chosen.map(|one| {
        let address = servers.address(one.server);
        json!({ "endpoint": { "address": { "socket_address": {
            "address": address.ip().to_string(), "port_value": address.port() } } } })
    });
    let addresses: Vec<Value> = addresses.collect();
    let mut out = Map::new();
    out.insert("name".to_owned(), json!(name));
    out.insert("type".to_owned(), json!("STATIC"));
    out.insert("lb_policy".to_owned(), json!(balance(&part("loadBalancer"))));
    out.insert(
        "load_assignment".to_owned(),
        json!({ "cluster_name": name, "endpoints": [{ "lb_endpoints": addresses }] }),
    );
    pool(&part("connectionPool"), &mut out);
    let outliers = part("outlierDetection");
    if outliers.is_object() {
        out.insert("outlier_detection".to_owned(), self::outliers(&outliers));
        let panic = outliers["minHealthPercent"].as_u64().unwrap_or(0);
        out.insert(
            "common_lb_config".to_owned(),
            json!({ "healthy_panic_threshold": { "value": panic } }),
        );
    }
    Value::Object(out)
}

fn balance(settings: &Value) -> &'static str {
    match settings["simple"].as_str() {
        _ if settings["consistentHash"].is_object() => "RING_HASH",
        Some("ROUND_ROBIN") => "ROUND_ROBIN",
        Some("RANDOM") => "RANDOM",
        _ => "LEAST_REQUEST",
    }
}

fn pool(settings: &Value, out: &mut Map<String, Value>) {
    let (tcp, http) = (&settings["tcp"], &settings["http"]);
    let connect = tcp["connectTimeout"].as_str().unwrap_or("10s");
    out.insert("connect_timeout".to_owned(), json!(seconds(connect)));
    let bound = |value: &Value| value.as_u64().unwrap_or(u64::from(u32::MAX));
    out.insert(
        "circuit_breakers".to_owned(),
        json!({ "thresholds": [{
            "max_connections": bound(&tcp["maxConnections"]),
            "max_pending_requests": bound(&http["http1MaxPendingRequests"]),
            "max_requests": bound(&http["http2MaxRequests"]),
            "max_retries": bound(&http["maxRetries"]),
        }] }),
    );
    if let Some(requests) = http["maxRequestsPerConnection"].as_u64().filter(|&max| max > 0) {
        out.insert(
            "typed_extension_protocol_options".to_owned(),
            json!({ "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                "common_http_protocol_options": { "max_requests_per_connection": requests },
                "explicit_http_config": { "http_protocol_options": {} },
            } }),
        );
    }
}

fn outliers(settings: &Value) -> Value {
    let mut out = json!({ "enforcing_success_rate": 0 });
    for (ours, theirs) in [
        ("consecutive5xxErrors", "consecutive_5xx"),
        ("consecutiveGatewayErrors", "consecutive_gateway_failure"),
        ("consecutiveLocalOriginFailures", "consecutive_local_origin_failure"),
        ("maxEjectionPercent", "max_ejection_percent"),
        ("splitExternalLocalOriginErrors", "split_external_local_origin_errors"),
    ] {
        if !settings[ours].is_null() {
            out[theirs] = settings[ours].clone();
        }
    }
    // A count of 0 switches off.
    for (count, enforcing) in [
        ("consecutive5xxErrors", "enforcing_consecutive_5xx"),
        ("consecutiveGatewayErrors", "enforcing_consecutive_gateway_failure"),
    ] {
        if let Some(count) = settings[count].as_u64() {
            out[enforcing] = json!(if count > 0 { 100 } else { 0 });
        }
    }
    for (ours, theirs) in [("interval", "interval"), ("baseEjectionTime", "base_ejection_time")] {
        if let Some(time) = settings[ours].as_str() {
            out[theirs] = json!(seconds(time));
        }
    }
    out
}
