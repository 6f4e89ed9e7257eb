//! What the files of meshes and gateways leave to their surroundings: which
//! endpoints the name of a service means, and which listener a port is.

use crate::document::{Draft, Invalid, child};
use crate::route::check_host_name;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One server of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceEndpoint {
    /// A name or an address; IPv6 without brackets.
    pub host: String,
    /// `None`: the port that a route names.
    pub port: Option<u16>,
    /// Its share where endpoints are chosen; at least 1.
    pub weight: u32,
    /// What subsets choose by.
    pub labels: BTreeMap<String, String>,
}

/// How mesh files (Istio, Gateway API) are read on this node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MeshConfig {
    /// The namespace of objects that name none.
    #[schemars(length(min = 1, max = 63))]
    pub namespace: String,
    /// The domain at the end of services' full names.
    #[schemars(length(min = 1, max = 253))]
    pub domain: String,
    /// Ports that gateways declare, with the port of the node's listener that
    /// stands for each: "443" = 3443. A port that is not here is every listener
    /// of its kind, plain or encrypted.
    #[schemars(schema_with = "port_map")]
    pub ports: BTreeMap<String, u16>,
}

fn port_map(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "additionalProperties": { "type": "integer", "minimum": 1, "maximum": 65_535 },
        "maxProperties": 256
    })
}

impl Default for MeshConfig {
    fn default() -> Self {
        MeshConfig {
            namespace: "default".to_owned(),
            domain: "cluster.local".to_owned(),
            ports: BTreeMap::new(),
        }
    }
}

/// A service that mesh files name.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["endpoints"]))]
pub(super) struct RawService {
    /// Its servers: an address and a port, or a table with more to say. Without
    /// a port, a server has the one that a route names.
    #[schemars(length(min = 1, max = 1_024), extend("examples" = [["127.0.0.1:8080"]]))]
    pub(super) endpoints: Vec<RawEndpoint>,
}

/// A server as text or as a table.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum RawEndpoint {
    /// `host[:port]`.
    Text(#[schemars(length(min = 1, max = 261))] String),
    /// With more to say.
    Table(RawEndpointTable),
}

/// A server with more to say.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["address"]))]
pub(super) struct RawEndpointTable {
    /// `host[:port]`.
    #[schemars(length(min = 1, max = 261), example = &"127.0.0.1:8080")]
    address: String,
    /// Its share where servers are chosen.
    #[schemars(range(min = 1, max = 1_000_000))]
    weight: u32,
    /// What subsets choose by, for example version = "v2".
    #[schemars(schema_with = "crate::document::schema::text_map")]
    labels: BTreeMap<String, String>,
}

impl Default for RawEndpointTable {
    fn default() -> Self {
        RawEndpointTable { address: String::new(), weight: 1, labels: BTreeMap::new() }
    }
}

/// Reads addresses, and reports those that are none.
pub(super) fn resolve(
    draft: &mut Draft,
    raw: BTreeMap<String, RawService>,
) -> BTreeMap<String, Vec<ServiceEndpoint>> {
    let mut services = BTreeMap::new();
    for (name, raw) in raw {
        let at = child("/services", &name);
        let (host, port) =
            name.split_once(':').map_or((name.as_str(), None), |(host, port)| (host, Some(port)));
        if check_host_name(host).is_err() || port.is_some_and(|port| !is_port(port)) {
            let message = format!("`{}` is not the name of a service", name.escape_debug());
            let hint = "write it in lower case as routes name it, for example \"reviews\", \
                        \"reviews.shop.svc.cluster.local\" or, for one port, \"reviews:9080\"";
            draft.reject_key(&at, Invalid::new(message, hint));
        }
        let list_at = child(&at, "endpoints");
        let mut endpoints = Vec::new();
        for (index, raw) in raw.endpoints.into_iter().enumerate() {
            let at = child(&list_at, index);
            let (at, table) = match raw {
                RawEndpoint::Text(address) => {
                    (at, RawEndpointTable { address, ..Default::default() })
                }
                RawEndpoint::Table(table) => (child(&at, "address"), table),
            };
            match address(&table.address) {
                Ok((host, port)) => {
                    endpoints.push(ServiceEndpoint {
                        host,
                        port,
                        weight: table.weight,
                        labels: table.labels,
                    });
                }
                Err(invalid) => draft.reject(&at, invalid),
            }
        }
        services.insert(name, endpoints);
    }
    services
}

/// Reports ports that are none.
pub(super) fn check(draft: &mut Draft, mesh: &MeshConfig) {
    for port in mesh.ports.keys().filter(|port| !is_port(port)) {
        let message = format!("`{}` is not a port", port.escape_debug());
        draft.reject_key(
            &child("/mesh/ports", port),
            Invalid::new(message, "write a number from 1 to 65535, in quotes"),
        );
    }
}

fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok_and(|port| port > 0) && !text.starts_with('+')
}

/// Reads `host[:port]`.
fn address(text: &str) -> Result<(String, Option<u16>), Invalid> {
    let wrong = |hint: &str| Invalid::new(format!("`{text}` is not an address"), hint);
    if text.contains("://") || text.contains('/') {
        return Err(wrong("write host and port only, for example \"127.0.0.1:8080\""));
    }
    let end = text.rfind(']').map_or(0, |at| at + 1);
    let (host, port) = match text[end..].rfind(':') {
        Some(colon) => (&text[..end + colon], Some(&text[end + colon + 1..])),
        None => (text, None),
    };
    let port = match port {
        Some(port) if is_port(port) => port.parse().ok(),
        Some(_) => return Err(wrong("a port is a number from 1 to 65535")),
        None => None,
    };
    let host = host.to_ascii_lowercase();
    check_host_name(&host)
        .map_err(|_| wrong("write a host name or an IP address; IPv6 in brackets"))?;
    Ok((host.trim_matches(['[', ']']).to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_hosts_with_or_without_ports() {
        for text in
            ["", ":80", "a:0", "a:70000", "a:x", "http://a", "a/b", "a b", "::1", "[::1", "*.a"]
        {
            assert!(address(text).is_err(), "{text}");
        }
        for (text, host, port) in [
            ("127.0.0.1:8080", "127.0.0.1", Some(8080)),
            ("Backend", "backend", None),
            ("[::1]:80", "::1", Some(80)),
            ("[::1]", "::1", None),
        ] {
            assert_eq!(address(text).expect(text), (host.to_owned(), port), "{text}");
        }
    }
}
