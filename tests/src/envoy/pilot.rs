//! Istio's objects as Envoy's configuration, as Istio's control plane translates
//! them (its `pilot/pkg/networking/core/route`, by what it documents and does).
//! [`cluster`] is about what stands behind a route.

mod cluster;

use super::case::{GATEWAY_PORT, Placed, SERVICES};
use serde_json::{Map, Value, json};

pub use cluster::clusters;

/// The virtual host of a case; `port` is that of the listener.
pub fn virtual_host(placed: &Placed<'_>) -> Value {
    let host = placed.host();
    let mut routes = Vec::new();
    for http in placed.http() {
        let nothing = json!({});
        let matches = http["match"].as_array().cloned().unwrap_or_else(|| vec![nothing]);
        let here = |one: &&Value| one["port"].as_u64().is_none_or(|p| p == u64::from(GATEWAY_PORT));
        routes.extend(matches.iter().filter(here).map(|one| route(&http, one, placed)));
    }
    json!({ "name": host, "domains": [host, format!("*.{host}")], "routes": routes })
}

fn route(http: &Value, one: &Value, placed: &Placed<'_>) -> Value {
    let mut route = Map::new();
    route.insert("match".to_owned(), condition(one));
    let mut changes = Changes::default();
    changes.join(&http["headers"]);
    if http["redirect"].is_object() {
        route.insert("redirect".to_owned(), redirect(&http["redirect"]));
    } else if let Some(answer) = http["directResponse"].as_object() {
        let mut direct = json!({ "status": answer["status"] });
        if let Some(text) = answer.get("body").and_then(|body| body["string"].as_str()) {
            direct["body"] = json!({ "inline_string": text });
        }
        route.insert("direct_response".to_owned(), direct);
    } else {
        let action = forward(http, placed, &mut changes);
        route.insert("route".to_owned(), action);
    }
    changes.write(&mut route);
    let mut filters = Map::new();
    if http["fault"].is_object() {
        filters.insert("envoy.filters.http.fault".to_owned(), fault(&http["fault"]));
    }
    if http["corsPolicy"].is_object() {
        filters.insert("envoy.filters.http.cors".to_owned(), cors(&http["corsPolicy"]));
    }
    if !filters.is_empty() {
        route.insert("typed_per_filter_config".to_owned(), Value::Object(filters));
    }
    Value::Object(route)
}

/// `HTTPMatchRequest` as `RouteMatch`.
fn condition(one: &Value) -> Value {
    let mut out = match string_match(&one["uri"]) {
        Some(("exact", text)) => json!({ "path": text }),
        Some(("prefix", text)) => json!({ "prefix": text }),
        Some((_, text)) => json!({ "safe_regex": { "regex": text } }),
        None => json!({ "prefix": "/" }),
    };
    out["case_sensitive"] = json!(!one["ignoreUriCase"].as_bool().unwrap_or(false));
    let mut headers = Vec::new();
    for (name, value) in entries(&one["headers"]) {
        headers.push(field(name, value));
    }
    for (name, value) in entries(&one["withoutHeaders"]) {
        let mut without = field(name, value);
        without["invert_match"] = json!(true);
        if without.get("present_match").is_none() {
            without["treat_missing_header_as_empty"] = json!(true);
        }
        headers.push(without);
    }
    for (key, pseudo) in [("method", ":method"), ("authority", ":authority"), ("scheme", ":scheme")]
    {
        if one[key].is_object() {
            headers.push(field(pseudo, &one[key]));
        }
    }
    out["headers"] = json!(headers);
    let queries = entries(&one["queryParams"]).map(|(name, value)| field(name, value));
    out["query_parameters"] = json!(queries.collect::<Vec<_>>());
    out
}

fn field(name: &str, value: &Value) -> Value {
    match string_match(value) {
        None => json!({ "name": name, "present_match": true }),
        Some(("regex", text)) => {
            json!({ "name": name, "string_match": { "safe_regex": { "regex": text } } })
        }
        Some((kind, text)) => json!({ "name": name, "string_match": { kind: text } }),
    }
}

fn string_match(value: &Value) -> Option<(&str, &str)> {
    let (kind, text) = value.as_object()?.iter().next()?;
    Some((kind.as_str(), text.as_str()?))
}

fn entries(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}

/// `Headers`, of a route and of its destination.
#[derive(Default)]
struct Changes {
    request_add: Vec<Value>,
    request_remove: Vec<Value>,
    response_add: Vec<Value>,
    response_remove: Vec<Value>,
    authority: Option<String>,
}

impl Changes {
    fn join(&mut self, headers: &Value) {
        let (add, authority) = additions(&headers["request"]);
        self.request_add.extend(add);
        self.authority = self.authority.take().or(authority);
        self.response_add.extend(additions(&headers["response"]).0);
        let removals = |side: &str| headers[side]["remove"].as_array().cloned().unwrap_or_default();
        self.request_remove.extend(removals("request"));
        self.response_remove.extend(removals("response"));
    }

    fn write(self, out: &mut Map<String, Value>) {
        for (key, list) in [
            ("request_headers_to_add", self.request_add),
            ("request_headers_to_remove", self.request_remove),
            ("response_headers_to_add", self.response_add),
            ("response_headers_to_remove", self.response_remove),
        ] {
            if !list.is_empty() {
                out.insert(key.to_owned(), json!(list));
            }
        }
    }
}

fn additions(side: &Value) -> (Vec<Value>, Option<String>) {
    let mut list = Vec::new();
    let mut authority = None;
    for (kind, action) in
        [("set", "OVERWRITE_IF_EXISTS_OR_ADD"), ("add", "APPEND_IF_EXISTS_OR_ADD")]
    {
        for (name, value) in entries(&side[kind]) {
            if name.eq_ignore_ascii_case("host") || name == ":authority" {
                authority = authority.or(value.as_str().map(str::to_owned));
                continue;
            }
            list.push(
                json!({ "header": { "key": name, "value": value }, "append_action": action }),
            );
        }
    }
    (list, authority)
}

fn redirect(redirect: &Value) -> Value {
    let mut out = json!({});
    let text = |key: &str| redirect[key].as_str().filter(|text| !text.is_empty());
    if let Some(host) = text("authority") {
        out["host_redirect"] = json!(host);
    }
    if let Some(uri) = text("uri") {
        out["path_redirect"] = json!(uri);
    }
    if let Some(scheme) = text("scheme") {
        out["scheme_redirect"] = json!(scheme);
    }
    let derived = (text("derivePort") == Some("FROM_REQUEST_PORT")).then_some(GATEWAY_PORT);
    let port = redirect["port"].as_u64().map(|port| port as u16).or(derived);
    let default = if text("scheme") == Some("https") { 443 } else { 80 };
    if let Some(port) = port.filter(|&port| port != default) {
        out["port_redirect"] = json!(port);
    }
    out["response_code"] = json!(match redirect["redirectCode"].as_u64() {
        Some(302) => "FOUND",
        Some(303) => "SEE_OTHER",
        Some(307) => "TEMPORARY_REDIRECT",
        Some(308) => "PERMANENT_REDIRECT",
        _ => "MOVED_PERMANENTLY",
    });
    out
}

fn forward(http: &Value, placed: &Placed<'_>, changes: &mut Changes) -> Value {
    let mut action = json!({ "timeout": seconds(http["timeout"].as_str().unwrap_or("0s")) });
    let rewrite = &http["rewrite"];
    if rewrite["uriRegexRewrite"].is_object() {
        let regex = &rewrite["uriRegexRewrite"];
        action["regex_rewrite"] = json!({ "pattern": { "regex": regex["match"] },
                                          "substitution": regex["rewrite"] });
    } else if let Some(uri) = rewrite["uri"].as_str() {
        action["prefix_rewrite"] = json!(uri);
    }
    let mut mirrors = Vec::new();
    if http["mirror"].is_object() {
        mirrors.extend(mirror(&http["mirror"], &http["mirrorPercentage"]));
    }
    for one in http["mirrors"].as_array().into_iter().flatten() {
        mirrors.extend(mirror(&one["destination"], &one["percentage"]));
    }
    if !mirrors.is_empty() {
        action["request_mirror_policies"] = json!(mirrors);
    }
    let ways = http["route"].as_array().cloned().unwrap_or_default();
    let mut by_hash = false;
    if let [only] = &ways[..] {
        let before = changes.authority.take();
        changes.join(&only["headers"]);
        changes.authority = before.or(changes.authority.take());
        action["cluster"] = json!(cluster::name(&only["destination"]));
        by_hash = hash(placed, &only["destination"], &mut action);
    } else {
        let weighted = ways.iter().filter(|way| way["weight"].as_u64().unwrap_or(0) > 0);
        let weighted = weighted.map(|way| {
            hash(placed, &way["destination"], &mut action);
            let mut own = Changes::default();
            own.join(&way["headers"]);
            let mut out = Map::new();
            out.insert("name".to_owned(), json!(cluster::name(&way["destination"])));
            out.insert("weight".to_owned(), way["weight"].clone());
            if let Some(authority) = &own.authority {
                out.insert("host_rewrite_literal".to_owned(), json!(authority));
            }
            own.write(&mut out);
            Value::Object(out)
        });
        let weighted: Vec<Value> = weighted.collect();
        action["weighted_clusters"] = json!({ "clusters": weighted });
    }
    let authority = rewrite["authority"].as_str().map(str::to_owned).or(changes.authority.take());
    if let Some(authority) = authority {
        action["host_rewrite_literal"] = json!(authority);
    }
    if let Some(policy) = retries(&http["retries"], by_hash) {
        action["retry_policy"] = policy;
    }
    action
}

fn mirror(destination: &Value, percentage: &Value) -> Option<Value> {
    let percent = percentage.as_object().map(|one| one["value"].as_f64().unwrap_or(0.0));
    let percent = percent.unwrap_or(100.0);
    (percent > 0.0).then(|| {
        json!({ "cluster": cluster::name(destination), "runtime_fraction": { "default_value": million(percent) } })
    })
}

fn million(percent: f64) -> Value {
    json!({ "numerator": (percent * 10_000.0) as u32, "denominator": "MILLION" })
}

/// The hash policy of a destination, and whether there is one.
fn hash(placed: &Placed<'_>, destination: &Value, action: &mut Value) -> bool {
    let rules = placed.rules();
    let Some(rule) = rules.iter().find(|rule| rule["host"] == destination["host"]) else {
        return false;
    };
    let hash = &rule["trafficPolicy"]["loadBalancer"]["consistentHash"];
    let policy = if let Some(name) = hash["httpHeaderName"].as_str() {
        json!({ "header": { "header_name": name } })
    } else if let Some(name) = hash["httpQueryParameterName"].as_str() {
        json!({ "query_parameter": { "name": name } })
    } else if hash["useSourceIp"].as_bool() == Some(true) {
        json!({ "connection_properties": { "source_ip": true } })
    } else if let Some(cookie) = hash["httpCookie"].as_object() {
        let mut out = json!({ "name": cookie["name"] });
        for key in ["ttl", "path"] {
            if let Some(value) = cookie.get(key) {
                out[key] = value.clone();
            }
        }
        json!({ "cookie": out })
    } else {
        return false;
    };
    match action["hash_policy"].as_array_mut() {
        Some(list) => list.push(policy),
        None => action["hash_policy"] = json!([policy]),
    }
    true
}

/// `HTTPRetry`, and what holds without one.
fn retries(retries: &Value, by_hash: bool) -> Option<Value> {
    let mut out = json!({
        "num_retries": 2,
        "retry_on": "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes",
        "retriable_status_codes": [503],
        "host_selection_retry_max_attempts": 5,
    });
    let mut elsewhere = !by_hash;
    if retries.is_object() {
        let attempts = retries["attempts"].as_u64().unwrap_or(0);
        if attempts == 0 {
            return None;
        }
        out["num_retries"] = json!(attempts);
        if let Some(on) = retries["retryOn"].as_str().filter(|on| !on.is_empty()) {
            let words = on.split(',').map(str::trim).filter(|word| !word.is_empty());
            let (codes, words): (Vec<&str>, Vec<&str>) =
                words.partition(|word| word.parse::<u16>().is_ok());
            let codes: Vec<u16> = codes.iter().filter_map(|code| code.parse().ok()).collect();
            let mut words = words.join(",");
            if !codes.is_empty() && !words.contains("retriable-status-codes") {
                words.push_str(",retriable-status-codes");
            }
            out["retry_on"] = json!(words);
            out["retriable_status_codes"] = json!(codes);
        }
        if let Some(time) = retries["perTryTimeout"].as_str() {
            out["per_try_timeout"] = json!(seconds(time));
        }
        if let Some(time) = retries["backoff"].as_str() {
            out["retry_back_off"] = json!({ "base_interval": seconds(time) });
        }
        elsewhere = retries["retryIgnorePreviousHosts"].as_bool().unwrap_or(elsewhere);
    }
    if elsewhere {
        out["retry_host_predicate"] = json!([{
            "name": "envoy.retry_host_predicates.previous_hosts",
            "typed_config": { "@type": "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate" },
        }]);
    }
    Some(out)
}

/// A duration of one unit, as a number of seconds.
fn whole_seconds(text: &str) -> String {
    let number = |unit: &str| text.strip_suffix(unit)?.parse::<u64>().ok();
    let seconds = number("h").map(|h| h * 3_600).or(number("m").map(|m| m * 60)).or(number("s"));
    seconds.unwrap_or_default().to_string()
}

/// Protocol Buffers' durations know seconds only.
pub(super) fn seconds(text: &str) -> String {
    match text.strip_suffix("ms").and_then(|number| number.parse::<f64>().ok()) {
        Some(millis) => format!("{}s", millis / 1_000.0),
        None => text.to_owned(),
    }
}

fn fault(fault: &Value) -> Value {
    let mut out =
        json!({ "@type": "type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault" });
    let percent = |one: &Value| million(one["percentage"]["value"].as_f64().unwrap_or(0.0));
    let (delay, abort) = (&fault["delay"], &fault["abort"]);
    if delay.is_object() {
        let time = seconds(delay["fixedDelay"].as_str().unwrap_or("0s"));
        out["delay"] = json!({ "fixed_delay": time, "percentage": percent(delay) });
    }
    if abort.is_object() {
        let mut with = json!({ "percentage": percent(abort) });
        if let Some(status) = abort["grpcStatus"].as_str() {
            const NAMES: [&str; 17] = [
                "OK",
                "CANCELLED",
                "UNKNOWN",
                "INVALID_ARGUMENT",
                "DEADLINE_EXCEEDED",
                "NOT_FOUND",
                "ALREADY_EXISTS",
                "PERMISSION_DENIED",
                "RESOURCE_EXHAUSTED",
                "FAILED_PRECONDITION",
                "ABORTED",
                "OUT_OF_RANGE",
                "UNIMPLEMENTED",
                "INTERNAL",
                "UNAVAILABLE",
                "DATA_LOSS",
                "UNAUTHENTICATED",
            ];
            with["grpc_status"] = json!(NAMES.iter().position(|name| *name == status));
        } else {
            with["http_status"] = abort["httpStatus"].clone();
        }
        out["abort"] = with;
    }
    out
}

fn cors(cors: &Value) -> Value {
    let mut out = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy",
        "forward_not_matching_preflights": cors["unmatchedPreflights"] != "IGNORE",
        "filter_enabled": { "default_value": { "numerator": 100 } },
    });
    let origins = cors["allowOrigins"].as_array().into_iter().flatten();
    let origins = origins.filter_map(string_match).map(|(kind, text)| match kind {
        "regex" => json!({ "safe_regex": { "regex": text } }),
        kind => json!({ kind: text }),
    });
    out["allow_origin_string_match"] = json!(origins.collect::<Vec<_>>());
    for (ours, theirs) in [
        ("allowMethods", "allow_methods"),
        ("allowHeaders", "allow_headers"),
        ("exposeHeaders", "expose_headers"),
    ] {
        let list: Vec<&str> =
            cors[ours].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if !list.is_empty() {
            out[theirs] = json!(list.join(","));
        }
    }
    if let Some(age) = cors["maxAge"].as_str() {
        out["max_age"] = json!(whole_seconds(age));
    }
    if let Some(credentials) = cors["allowCredentials"].as_bool() {
        out["allow_credentials"] = json!(credentials);
    }
    out
}

/// The endpoints of a service and, of a subset, those with its labels.
fn endpoints(name: &str) -> &'static [super::case::Endpoint] {
    let short = name.split_once('-').map_or(name, |(_, short)| short);
    SERVICES.iter().find(|(known, _)| *known == short).map_or(&[], |(_, endpoints)| endpoints)
}
