//! Upstreams behind the gateway: bad ones first.

mod bad;
mod encrypted;
mod good;
mod health;
mod http2;
mod origin;
mod resilience;
pub(crate) mod terminator;

use crate::world::{Client, get};
use http::StatusCode;
use origin::Origin;
use sedge_ingress::http::policy::Guard;
use sedge_ingress::http::rule::{RuleHandler, RuleParts};
use sedge_ingress::http::upstream::Upstreams;
use sedge_ingress::http::{AccessLog, Gateway, GatewayOptions, RouteTable, Routes};
use sedge_model::failure::Kind;
use sedge_model::handler::Handler;
use sedge_model::route::{Path, Route};
use sedge_model::routing::policy::{Policy, Retries, RetryOn};
use sedge_model::routing::rule::{Action, Changes, Destination, FixedAnswer, Rule, Weighted};
use sedge_model::routing::upstream::{Balance, Endpoint, Pool, Protocol, Upstream};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// A gateway before some origins.
struct Front {
    gateway: Gateway,
    routes: Arc<Routes>,
    upstreams: Arc<Upstreams>,
}

/// An upstream of these servers, with every default.
pub(crate) fn upstream(addresses: &[SocketAddr]) -> Upstream {
    let endpoint = |address: &SocketAddr| Endpoint {
        host: address.ip().to_string(),
        port: address.port(),
        weight: 1,
    };
    Upstream {
        name: "origin".to_owned(),
        endpoints: addresses.iter().map(endpoint).collect(),
        balance: Balance::RoundRobin,
        protocol: Protocol::Auto,
        tls: None,
        pool: Pool::default(),
        health: None,
        outliers: None,
    }
}

fn rule(upstreams: &Upstreams, policy: &Policy) -> Arc<dyn Handler> {
    let to = upstreams.handler("origin").expect("it is there");
    let way = Weighted {
        to: Destination::Upstream("origin".to_owned()),
        weight: 1,
        request: Changes::default(),
        response: Changes::default(),
    };
    let fixed = FixedAnswer { status: StatusCode::OK, headers: Vec::new(), body: Vec::new() };
    let guard = (*policy != Policy::default()).then(|| Arc::new(Guard::new(policy)));
    let rule = Rule { action: Action::Forward(vec![way]), ..Rule::answering(fixed) };
    let parts = RuleParts::new(rule, guard, vec![to], Vec::new());
    Arc::new(RuleHandler::new(parts, 0))
}

impl Front {
    fn new(upstream: Upstream, policy: Policy) -> Front {
        Front::with_threads(upstream, policy, 2)
    }

    fn with_threads(upstream: Upstream, policy: Policy, threads: usize) -> Front {
        let upstreams = Arc::new(Upstreams::new(&[upstream], None).expect("valid"));
        upstreams.begin_checks();
        let rule = rule(&upstreams, &policy);
        let routes = Arc::new(Routes::single(rule, "test/origin"));
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let options = GatewayOptions { listen, threads, ..GatewayOptions::default() };
        let gateway = Gateway::bind(options, Arc::clone(&routes), AccessLog::off());
        Front { gateway: gateway.expect("a free port"), routes, upstreams }
    }

    /// Serves other upstreams from now on.
    fn serve(&mut self, upstreams: Upstreams, policy: Policy) {
        self.upstreams = Arc::new(upstreams);
        self.upstreams.begin_checks();
        let rule = rule(&self.upstreams, &policy);
        let path = Path::Prefix(String::new());
        let all = Route { host: None, path, methods: Vec::new() };
        self.routes.swap(RouteTable::new([(all, rule, "test/origin".into())]));
    }

    fn plain(origin: &Origin) -> Front {
        Front::new(upstream(&[origin.address]), Policy::default())
    }

    fn connect(&self) -> Client {
        Client::connect(self.gateway.local_addr())
    }

    /// Sends bytes on a new connection, and reads until the gateway closes it.
    fn send(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut client = self.connect();
        client.write(bytes);
        client.read_to_end()
    }

    fn get(&self, path: &str) -> String {
        self.send(get(path))
    }

    fn failures(&self, kind: Kind) -> u64 {
        self.gateway.metrics().failures(kind)
    }

    /// How the endpoints stand.
    fn endpoints(&self) -> Vec<serde_json::Value> {
        let shown = self.upstreams.to_json("test").remove(0);
        shown["endpoints"].as_array().expect("a list").clone()
    }

    /// The sum of a family's values.
    fn metric(&self, family: &str) -> u64 {
        let mut text = String::new();
        Upstreams::render_prometheus([("test", &*self.upstreams)], &mut text);
        let values = text.lines().filter_map(|line| line.strip_prefix(family));
        let values = values.filter(|rest| rest.starts_with('{'));
        values.filter_map(|rest| rest.rsplit(' ').next()?.parse::<u64>().ok()).sum()
    }
}

fn retries(attempts: u32) -> Retries {
    Retries {
        attempts,
        per_try_timeout: None,
        on: RetryOn {
            connect_failure: true,
            reset: true,
            gateway_error: true,
            ..RetryOn::default()
        },
        backoff_base: Duration::from_millis(2),
        backoff_max: Duration::from_millis(20),
        budget: None,
        body_bytes_max: 64 * 1024,
        elsewhere: true,
    }
}
