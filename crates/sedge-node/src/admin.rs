//! The admin pages: what a node knows of itself, apart from traffic.
//!
//! They are a [`Handler`] on a listener of their own, so that a flood of
//! traffic cannot shut an operator out.

mod cache;
mod codec;
pub(crate) mod exposition;
mod functions;
mod guard;
pub(crate) mod kv;
mod metrics;
mod reply;
mod routes;
mod streams;

use crate::board::Board;
use crate::ingest::IngestFigures;
use crate::mqtt::MqttFigures;
use crate::platform::Platform;
use crate::reconcile::{self, Command};
use crate::streams::StreamsHandle;
use crate::triggers::{TriggerFigures, WindowFigures};
use http::{Method, StatusCode};
use kv::KvPages;
use reply::Reply;
use sedge_ingress::http::Routes;
use sedge_ingress::http::metrics::GatewayMetrics;
use sedge_ingress::http::tls::TlsServer;
use sedge_model::handler::{Answer, Context, Handler, Request, Response};
use sedge_model::node_config::NodeConfig;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use tokio::sync::{mpsc, oneshot};

/// Path, methods and meaning of each page; a 404 prints it.
const PAGES: &[(&str, &[Method], &str)] = &[
    ("/healthz", &[Method::GET], "200 while the process works"),
    ("/readyz", &[Method::GET], "200 while functions are served; 503 before and while draining"),
    ("/metrics", &[Method::GET], "counters and histograms, in Prometheus' text format"),
    ("/v1/node", &[Method::GET], "version, tier, labels, uptime"),
    ("/v1/functions", &[Method::GET], "every function: revision, counts, latency, memory, limits"),
    ("/v1/routes", &[Method::GET], "every [[route]]: what it takes, where it leads, counts"),
    ("/v1/upstreams", &[Method::GET], "every [[upstream]]: its endpoints and how they stand"),
    ("/v1/apps/NAME/rollback", &[Method::POST], "serve the previous revision of an app again"),
    ("/v1/reload", &[Method::POST], "look at all manifests and artifacts now"),
    ("/v1/certificates", &[Method::GET], "every listener's certificates, and how ACME stands"),
    ("/v1/cache", &[Method::GET], "what the cache holds, and what its links and functions did"),
    (
        "/v1/cache/objects",
        &[Method::GET],
        "what is stored for ?url=, or a page from ?after=; &header=name:value for variants",
    ),
    (
        "/v1/cache/purge",
        &[Method::POST],
        "takes JSON: one of tag, url, prefix and all; soft: stale instead of gone",
    ),
    ("/v1/cache/warm", &[Method::POST], "takes JSON: urls to ask for, so that they are stored"),
    ("/v1/streams", &[Method::GET], "how the log of messages stands, and its readers"),
    (
        "/v1/streams/records",
        &[Method::GET],
        "what it has, from ?from= on; &topic= filters, &limit= bounds",
    ),
    ("/v1/streams/cursor", &[Method::DELETE], "forget the place of a reader, ?name="),
    ("/v1/kv", &[Method::GET], "key-value namespaces and their sizes"),
    ("/v1/kv/keys", &[Method::GET], "keys of ?namespace=, a page from ?cursor="),
    (
        "/v1/kv/value",
        &[Method::GET, Method::PUT, Method::DELETE],
        "one value, by ?namespace= and ?key=; PUT takes &ttl_s=",
    ),
];

/// What is shown once it is there: the pages are the first of all that a node opens.
#[derive(Clone, Default)]
pub(crate) struct Later {
    /// Set once the gateway listens; it is started after the first revisions.
    pub(crate) gateway: Arc<OnceLock<GatewayMetrics>>,
    /// Set before the gateway listens.
    pub(crate) servers: Arc<OnceLock<Vec<Arc<TlsServer>>>>,
    /// Set once the MQTT front listens, if there is one.
    pub(crate) mqtt: Arc<OnceLock<MqttFigures>>,
    /// Set before functions are deployed.
    pub(crate) triggers: Arc<OnceLock<TriggerFigures>>,
    /// What is counted of windows.
    pub(crate) windows: Arc<OnceLock<WindowFigures>>,
}

/// What answers on the admin listener.
pub(crate) struct AdminPages {
    pub(crate) config: NodeConfig,
    pub(crate) platform: Arc<Platform>,
    pub(crate) board: Arc<Board>,
    /// What answers traffic.
    pub(crate) routes: Arc<Routes>,
    pub(crate) kv: KvPages,
    pub(crate) draining: Arc<AtomicBool>,
    pub(crate) later: Later,
    /// The log of messages.
    pub(crate) streams: Arc<StreamsHandle>,
    /// What is counted of readings by HTTP, if there is a place for them.
    pub(crate) ingest: Option<Arc<IngestFigures>>,
    pub(crate) log_records_dropped: Arc<AtomicU64>,
    pub(crate) commands: mpsc::WeakSender<Command>,
}

impl Handler for AdminPages {
    fn call(&self, request: Request, _: Context) -> Answer<'_> {
        Box::pin(async move { Ok(self.answer(request).await) })
    }
}

impl AdminPages {
    async fn answer(&self, request: Request) -> Response {
        if let Err(reason) = guard::check(request.headers(), request.uri().authority()) {
            return Reply::problem(StatusCode::FORBIDDEN, reason);
        }
        let path = request.uri().path().to_owned();
        let Some((_, methods, _)) = PAGES.iter().find(|(page, ..)| fits(page, &path)) else {
            return Reply::lost(PAGES);
        };
        let method = match request.method() {
            &Method::HEAD => Method::GET,
            method => method.clone(),
        };
        if !methods.contains(&method) {
            return Reply::other_methods(methods);
        }
        match path.as_str() {
            "/healthz" => Reply::text("ok\n"),
            "/readyz" => self.ready(),
            "/metrics" => Reply::page(metrics::CONTENT_TYPE, metrics::page(self)),
            "/v1/node" => Reply::json(&self.node()),
            "/v1/functions" => Reply::json(&functions::page(&self.board)),
            "/v1/routes" => Reply::json(&routes::page(&self.board)),
            "/v1/upstreams" => Reply::json(&self.upstreams()),
            "/v1/certificates" => Reply::json(&self.certificates()),
            "/v1/reload" => self.reload().await,
            cache if cache.starts_with("/v1/cache") => cache::answer(self, request).await,
            log if log.starts_with("/v1/streams") => streams::answer(&self.streams, request).await,
            kv if kv.starts_with("/v1/kv") => self.kv.answer(request).await,
            _ => self.roll_back(&path).await,
        }
    }

    fn ready(&self) -> Response {
        if self.draining.load(Relaxed) {
            return Reply::problem(StatusCode::SERVICE_UNAVAILABLE, "draining");
        }
        // A node may be there for devices alone.
        let is_for_devices = self.later.mqtt.get().is_some() || self.ingest.is_some();
        let serves_devices = is_for_devices && self.board.apps().is_empty();
        let serves = serves_devices || !self.board.revisions().is_empty();
        if self.later.gateway.get().is_none() || !serves {
            return Reply::problem(StatusCode::SERVICE_UNAVAILABLE, "no function is served yet");
        }
        Reply::text("ready\n")
    }

    fn node(&self) -> serde_json::Value {
        serde_json::json!({
            "version": env!("CARGO_PKG_VERSION"),
            "tier": self.config.tier,
            "labels": self.config.labels,
            "pid": std::process::id(),
            "uptime_s": self.platform.started.elapsed().as_secs(),
            "draining": self.draining.load(Relaxed),
        })
    }

    fn upstreams(&self) -> serde_json::Value {
        let revisions = self.board.revisions();
        let all = revisions.iter().flat_map(|revision| revision.upstreams.to_json(&revision.app));
        serde_json::json!({ "upstreams": all.collect::<Vec<_>>() })
    }

    fn certificates(&self) -> serde_json::Value {
        let servers = self.later.servers.get().into_iter().flatten();
        let listeners: Vec<_> = servers.map(|server| server.to_json()).collect();
        serde_json::json!({ "listeners": listeners })
    }

    async fn reload(&self) -> Response {
        let (done, wait) = oneshot::channel();
        if !self.send(Command::Reload(done)).await || wait.await.is_err() {
            return Reply::problem(
                StatusCode::SERVICE_UNAVAILABLE,
                &reconcile::stopped().to_string(),
            );
        }
        Reply::json(&functions::page(&self.board))
    }

    async fn roll_back(&self, path: &str) -> Response {
        let app = path.split('/').nth(3).unwrap_or_default().to_owned();
        let (done, wait) = oneshot::channel();
        let sent = self.send(Command::Rollback(app, done)).await;
        match wait.await {
            Ok(Ok(revision)) if sent => Reply::json(&serde_json::json!({ "revision": revision })),
            Ok(Err(error)) => Reply::problem(StatusCode::CONFLICT, &error.to_string()),
            _ => Reply::problem(StatusCode::SERVICE_UNAVAILABLE, &reconcile::stopped().to_string()),
        }
    }

    async fn send(&self, command: Command) -> bool {
        match self.commands.upgrade() {
            Some(commands) => commands.send(command).await.is_ok(),
            None => false,
        }
    }
}

/// Whether a path is the page's; `NAME` stands for any one segment.
fn fits(page: &str, path: &str) -> bool {
    let (mut wanted, mut given) = (page.split('/'), path.split('/'));
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return true,
            (Some("NAME"), Some(segment)) if !segment.is_empty() => {}
            (Some(one), Some(other)) if one == other => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn a_page_fits_whole_paths_only() {
        for (page, path, expected) in [
            ("/v1/kv", "/v1/kv/", false),
            ("/v1/kv", "/v1/kv/keys", false),
            ("/v1/apps/NAME/rollback", "/v1/apps//rollback", false),
            ("/v1/apps/NAME/rollback", "/v1/apps/a/b/rollback", false),
            ("/v1/apps/NAME/rollback", "/v1/apps/a/rollback", true),
            ("/healthz", "/healthz", true),
        ] {
            assert_eq!(fits(page, path), expected, "{page} {path}");
        }
    }
}
