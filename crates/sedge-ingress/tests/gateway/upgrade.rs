//! Connections that become another protocol's: bad ones first.

mod bad;
mod encrypted;
mod extended;
mod good;
mod limits;
mod peer;

use crate::upstream::upstream;
use crate::world::{Client, until};
use peer::Peer;
use sedge_ingress::http::metrics::RouteMetrics;
use sedge_ingress::http::policy::Guard;
use sedge_ingress::http::routes::Target;
use sedge_ingress::http::rule::{RuleHandler, RuleParts};
use sedge_ingress::http::tls::TlsServer;
use sedge_ingress::http::upstream::Upstreams;
use sedge_ingress::http::{AccessLog, Gateway, GatewayOptions, RouteTable, Routes};
use sedge_ingress::traces::Traces;
use sedge_model::failure::Kind;
use sedge_model::handler::{self, Answer, Context, Handler, Request};
use sedge_model::routing::policy::Policy;
use sedge_model::routing::rule::{
    Action, Changes, Destination, FixedAnswer, Match, PathMatch, Rule, Upgrades, Weighted,
};
use sedge_model::routing::upstream::{Pool, Upstream};
use std::io::Read;
use std::net::SocketAddr;
use std::sync::Arc;

/// The key of RFC 6455 §1.3, and the proof that belongs to it.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const PROOF: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// What a front does differently from the default.
struct Settings {
    upgrades: Upgrades,
    pool: Pool,
    policy: Policy,
    servers: Vec<Arc<TlsServer>>,
    access: AccessLog,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            upgrades: Upgrades(vec!["websocket".into(), "echo".into()]),
            pool: Pool::default(),
            policy: Policy::default(),
            servers: Vec::new(),
            access: AccessLog::off(),
        }
    }
}

/// A gateway before an upstream, and a function at `/function`.
struct Front {
    gateway: Gateway,
    upstreams: Arc<Upstreams>,
}

/// What stands for a function: it tells which fields it sees.
struct Function;

impl Handler for Function {
    fn call(&self, request: Request, _: Context) -> Answer<'_> {
        Box::pin(async move {
            let names = request.headers().keys().map(|name| name.as_str().to_owned());
            let names = names.collect::<Vec<_>>().join(" ");
            Ok(http::Response::new(handler::full(format!("function: {names}"))))
        })
    }
}

fn rule(to: Destination, path: &str, upgrades: Upgrades) -> Rule {
    let (request, response) = (Changes::default(), Changes::default());
    let path = PathMatch::Prefix(path.to_owned());
    Rule {
        matches: vec![Match { path, ..Match::default() }],
        upgrades,
        action: Action::Forward(vec![Weighted { to, weight: 1, request, response }]),
        ..Rule::answering(FixedAnswer {
            status: http::StatusCode::OK,
            headers: Vec::new(),
            body: Vec::new(),
        })
    }
}

impl Front {
    fn new(peer: &Peer, settings: Settings) -> Front {
        Front::over(upstream(&[peer.address]), settings)
    }

    /// Before an upstream, which gets the pool of the settings.
    fn over(upstream: Upstream, settings: Settings) -> Front {
        let Settings { upgrades, pool, policy, servers, access } = settings;
        let upstream = Upstream { pool, ..upstream };
        let upstreams = Arc::new(Upstreams::new(&[upstream], None).expect("valid"));
        let to = upstreams.handler("origin").expect("it is there");
        let guard = Arc::new(Guard::new(&policy));
        let function: Arc<dyn Handler> = Arc::new(Function);
        let metrics = Arc::<RouteMetrics>::default();
        let mut table = RouteTable::default();
        let guards = [Some(guard), None];
        let ends = [(to, "", "origin"), (function, "/function", "function")];
        for ((to, path, name), guard) in ends.into_iter().zip(guards) {
            let destination = match name {
                "origin" => Destination::Upstream(name.into()),
                _ => Destination::Function(name.into()),
            };
            let rule = rule(destination, path, upgrades.clone());
            let parts = RuleParts::new(rule.clone(), guard, vec![to], Vec::new());
            table.add_rule(&rule, |matched| Target {
                has_notes: true,
                may_upgrade: parts.may_upgrade(),
                may_interim: false,
                metrics: Some(Arc::clone(&metrics)),
                ..Target::new(
                    Arc::new(RuleHandler::new(Arc::clone(&parts), matched)),
                    format!("test/{name}").into(),
                )
            });
        }
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let options = GatewayOptions { listen, threads: 2, ..GatewayOptions::default() };
        let routes = Arc::new(Routes::new(table));
        let gateway = Gateway::bind_with_tls(options, servers, routes, access, Traces::off());
        Front { gateway: gateway.expect("a free port"), upstreams }
    }

    fn plain(peer: &Peer) -> Front {
        Front::new(peer, Settings::default())
    }

    fn connect(&self) -> Client {
        Client::connect(self.gateway.local_addr())
    }

    /// A connection that has become one of the protocol `echo`.
    fn switched(&self, path: &str) -> Client {
        let mut client = self.connect();
        client.write(asking(path, "echo"));
        let answer = head(&mut client);
        assert_eq!(crate::world::status(&answer), 101, "{answer}");
        client
    }

    fn failures(&self, kind: Kind) -> u64 {
        self.gateway.metrics().failures(kind)
    }

    /// The sum of a family's values.
    fn metric(&self, family: &str) -> u64 {
        let mut text = String::new();
        Upstreams::render_prometheus([("test", &*self.upstreams)], &mut text);
        let values = text.lines().filter_map(|line| line.strip_prefix(family));
        let values = values.filter(|rest| rest.starts_with('{'));
        values.filter_map(|rest| rest.rsplit(' ').next()?.parse::<u64>().ok()).sum()
    }

    /// Waits until no connection is another protocol's, nor held for one.
    fn wait_unused(&self) {
        until("nothing is upgraded any more", || {
            self.gateway.metrics().upgrades_active() == 0
                && self.metric("sedge_upstream_active_upgrades") == 0
                && self.metric("sedge_upstream_active_requests") == 0
        });
    }
}

/// An answer's head, and nothing that comes behind it.
fn head(client: &mut Client) -> String {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        client.0.read_exact(&mut byte).expect("a whole head");
        head.push(byte[0]);
    }
    String::from_utf8(head).expect("text")
}

/// A request for an upgrade.
fn asking(path: &str, protocol: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: keep-alive, Upgrade\r\n\
         Upgrade: {protocol}\r\n\r\n"
    )
}

/// A request for a WebSocket.
fn websocket(path: &str, fields: &str) -> String {
    asking(path, "websocket").replace("\r\n\r\n", &format!("\r\n{fields}\r\n"))
}
