//! One case: a `VirtualService` with its `DestinationRule`s, and the traffic that
//! is sent through both proxies.

use super::upstream::Step;
use super::yaml;
use serde_json::{Value, json};

/// The servers behind every case, by service. `dead` has nobody behind it, `half`
/// has one endpoint of two, `pair` two in two subsets, `many` three.
pub const SERVICES: [(&str, &[Endpoint]); 7] = [
    ("a", &[Endpoint { server: "a1", version: "v1" }]),
    ("b", &[Endpoint { server: "b1", version: "v1" }]),
    ("c", &[Endpoint { server: "c1", version: "v1" }]),
    ("dead", &[Endpoint { server: "", version: "v1" }]),
    ("half", &[Endpoint { server: "", version: "v1" }, Endpoint { server: "h1", version: "v2" }]),
    ("pair", &[Endpoint { server: "p1", version: "v1" }, Endpoint { server: "p2", version: "v2" }]),
    (
        "many",
        &[
            Endpoint { server: "m1", version: "v1" },
            Endpoint { server: "m2", version: "v1" },
            Endpoint { server: "m3", version: "v1" },
        ],
    ),
];

/// All servers that listen.
pub const SERVERS: [&str; 9] = ["a1", "b1", "c1", "h1", "p1", "p2", "m1", "m2", "m3"];

/// One endpoint of a service.
#[derive(Clone, Copy, Debug)]
pub struct Endpoint {
    /// The name of its server; empty: nobody listens.
    pub server: &'static str,
    /// Its label `version`.
    pub version: &'static str,
}

/// The port of the gateway's server, by which both proxies are reached.
pub const GATEWAY_PORT: u16 = 80;

/// A case.
#[derive(Clone, Debug, Default)]
pub struct Case {
    /// What it is about, or the seed that it was made from.
    pub name: String,
    /// `spec.http` of the service; destinations are names of [`SERVICES`].
    pub http: Vec<Value>,
    /// `spec` of each rule; hosts likewise.
    pub rules: Vec<Value>,
    /// What is sent, one after the other.
    pub probes: Vec<Probe>,
}

/// Requests of one kind.
#[derive(Clone, Debug)]
pub struct Probe {
    /// The method.
    pub method: &'static str,
    /// Path and query.
    pub target: String,
    /// Header fields; `host` if it is not the case's own.
    pub headers: Vec<(String, String)>,
    /// The body; empty: none.
    pub body: &'static str,
    /// What the upstream does.
    pub script: Vec<Step>,
    /// How many are sent. More than one: not each answer is compared, but how
    /// often each kind of answer came.
    pub times: usize,
    /// Whether all of them are sent at once.
    pub at_once: bool,
}

impl Probe {
    /// A GET without anything.
    pub fn get(target: &str) -> Self {
        Probe {
            method: "GET",
            target: target.to_owned(),
            headers: Vec::new(),
            body: "",
            script: Vec::new(),
            times: 1,
            at_once: false,
        }
    }

    /// Another method.
    pub fn method(self, method: &'static str) -> Self {
        Probe { method, ..self }
    }

    /// One more field.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// What the upstream does.
    pub fn script(self, script: &[Step]) -> Self {
        Probe { script: script.to_vec(), ..self }
    }

    /// A body.
    pub fn body(self, body: &'static str) -> Self {
        Probe { body, ..self }
    }

    /// So many, one after the other.
    pub fn times(self, times: usize) -> Self {
        Probe { times, ..self }
    }

    /// So many at once.
    pub fn at_once(self, times: usize) -> Self {
        Probe { times, at_once: true, ..self }
    }
}

/// A case at its place in a batch, where it has a host and services of its own.
pub struct Placed<'a> {
    /// The case.
    pub case: &'a Case,
    /// The place.
    pub index: usize,
}

impl Placed<'_> {
    /// The host of its requests.
    pub fn host(&self) -> String {
        format!("case{}.test", self.index)
    }

    /// A service of its own.
    pub fn service(&self, name: &str) -> String {
        format!("case{}-{name}", self.index)
    }

    /// `spec.http` with services of its own.
    pub fn http(&self) -> Vec<Value> {
        let mut http = self.case.http.clone();
        for route in &mut http {
            let own = |destination: &mut Value| {
                if let Some(host) = destination.get_mut("host") {
                    *host = json!(self.service(host.as_str().unwrap_or_default()));
                }
            };
            for list in ["route", "mirrors"] {
                for one in route.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
                    one.get_mut("destination").map(own);
                }
            }
            route.get_mut("mirror").map(own);
        }
        http
    }

    /// `spec` of each rule with services of its own.
    pub fn rules(&self) -> Vec<Value> {
        let mut rules = self.case.rules.clone();
        for rule in &mut rules {
            let host = self.service(rule["host"].as_str().unwrap_or_default());
            rule["host"] = json!(host);
        }
        rules
    }

    /// The names of the services that it uses.
    pub fn services(&self) -> Vec<&'static str> {
        let text = format!("{:?}{:?}", self.case.http, self.case.rules);
        let named = |name: &&str| text.contains(&format!("String({name:?})"));
        SERVICES.iter().map(|(name, _)| *name).filter(named).collect()
    }

    /// Its objects as a file for `sedge up -f`.
    pub fn manifest(&self) -> String {
        let object = |kind: &str, name: String, spec: Value| {
            let head = json!({ "apiVersion": "networking.istio.io/v1", "kind": kind,
                               "metadata": { "name": name }, "spec": spec });
            format!("---\n{}", yaml::write(&head))
        };
        let spec = json!({ "hosts": [self.host(), format!("*.{}", self.host())],
                           "gateways": ["edge"], "http": self.http() });
        let mut text = object("VirtualService", format!("case{}", self.index), spec);
        for (number, rule) in self.rules().into_iter().enumerate() {
            let name = format!("case{}-rule{number}", self.index);
            text.push_str(&object("DestinationRule", name, rule));
        }
        text
    }
}

/// The gateway that all cases are bound to.
pub fn gateway() -> String {
    let spec = json!({ "servers": [{ "port": { "number": GATEWAY_PORT, "name": "http", "protocol": "HTTP" },
                                     "hosts": ["*"] }] });
    yaml::write(&json!({ "apiVersion": "networking.istio.io/v1", "kind": "Gateway",
                         "metadata": { "name": "edge" }, "spec": spec }))
}
