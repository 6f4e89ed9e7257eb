//! A node: the parts joined, and how they start and stop.

use crate::admin::kv::KvPages;
use crate::admin::{AdminPages, Later};
use crate::app::AppSource;
use crate::board::{AppStatus, Board};
use crate::certificates::{Acme, Certificates};
use crate::data_folder::{DataFolder, Running};
use crate::hint::WithHint;
use crate::ingest::IngestFiles;
use crate::mqtt::{Mqtt, MqttFiles, look_for_doorman};
use crate::options::{AccessLogTo, NodeOptions};
use crate::platform::Platform;
use crate::reconcile::{self, Command, NodeFiles, Reconciler};
use crate::streams::StreamsHandle;
use crate::traces;
use crate::triggers::{Outlet, Triggers};
use anyhow::{Context, Error, Result, anyhow};
use sedge_ingress::http::routes::{Asked, Lookup};
use sedge_ingress::http::tls::TlsServer;
use sedge_ingress::http::{AccessLog, Gateway, GatewayOptions, RouteTable, Routes};
use sedge_ingress::traces::Traces;
use sedge_model::handler::Handler;
use sedge_model::node_config::{NodeConfig, TlsListener};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// Commands that may wait for the reconciler.
const COMMANDS_MAX: usize = 64;

/// How long a node that stops waits for the collector of its traces, at least
/// and at most.
const TRACES_TIME_MIN: Duration = Duration::from_millis(500);
const TRACES_TIME_MAX: Duration = Duration::from_secs(5);

/// A running node. Dropping it stops it at once; [`Node::stop`] drains it.
pub struct Node {
    board: Arc<Board>,
    routes: Arc<Routes>,
    listeners: Option<Listeners>,
    draining: Arc<AtomicBool>,
    commands: mpsc::Sender<Command>,
    reconciler: JoinHandle<()>,
    data: DataFolder,
    /// Gets certificates as long as the node runs.
    _acme: Acme,
}

struct Listeners {
    traffic: Gateway,
    mqtt: Option<Mqtt>,
    triggers: Option<Arc<Triggers>>,
    streams: Arc<StreamsHandle>,
    admin: Gateway,
    traces: Traces,
}

impl Listeners {
    /// Where they are.
    fn running(&self) -> Running {
        let mut running = Running::here(self.traffic.local_addr(), self.admin.local_addr());
        running.tls = self.traffic.tls_addrs().to_vec();
        running.mqtt = self.mqtt.iter().flat_map(Mqtt::addresses).copied().collect();
        running
    }
}

impl Node {
    /// Starts a node and deploys its apps. An app that cannot be deployed does
    /// not keep the others from being served: see [`Node::apps`].
    ///
    /// # Errors
    ///
    /// If the data folder is in use, an address is taken, or the machine has
    /// no room for the engine.
    pub async fn start(options: NodeOptions, apps: Vec<AppSource>) -> Result<Self> {
        let NodeOptions {
            config,
            access_log,
            log_records_dropped,
            reload,
            listen,
            store,
            compiler,
            observer,
        } = options;
        let platform = Arc::new(Platform::start(&config, store, compiler, observer, listen)?);
        let options = traffic_options(&config, &platform);
        let routes = Arc::new(Routes::new(RouteTable::default()));
        let streams = StreamsHandle::new(&config);
        let ingest = if listen { IngestFiles::load(&config, &streams)? } else { None };
        let reserved = ingest.as_ref().map(IngestFiles::reserved);
        let board = Arc::new(Board::new(&apps, routes.clone(), reserved));
        let draining = Arc::new(AtomicBool::new(false));
        let (commands, received) = mpsc::channel(COMMANDS_MAX);
        let mut data = DataFolder::new(&config.data);

        // The admin pages come first, so that a node that compiles for minutes
        // can be asked how it is, and an address that is taken is told at once.
        let later = Later::default();
        let admin = listen
            .then(|| {
                let pages = AdminPages {
                    config: config.clone(),
                    platform: platform.clone(),
                    board: board.clone(),
                    routes: routes.clone(),
                    kv: KvPages::new(platform.store.clone()),
                    draining: draining.clone(),
                    later: later.clone(),
                    streams: streams.clone(),
                    ingest: ingest.as_ref().map(IngestFiles::figures),
                    log_records_dropped,
                    commands: commands.downgrade(),
                };
                bind_admin(&config, pages)
            })
            .transpose()?;
        let traces = if listen { traces::start(&config)? } else { Traces::off() };
        // Who publishes by MQTT need not wait until functions are compiled.
        let Early { certificates, servers, mqtt, mqtt_files } =
            Early::open(&config, &streams, &board, listen)?;
        drop(later.servers.set(shown(&servers, mqtt_files.as_ref())));
        mqtt.iter().for_each(|mqtt| drop(later.mqtt.set(mqtt.figures())));
        let triggers =
            listen.then(|| triggers(&streams, &platform, &mqtt, &traces, &later, options.threads));
        let files = NodeFiles { certificates, mqtt: mqtt_files, ingest };
        let mut reconciler =
            Reconciler::new(platform, board.clone(), apps, reload, files, triggers.clone())?;
        reconciler.first().await;
        look_for_doorman(mqtt.as_ref(), &config.broker, &board);
        let listeners = match admin {
            None => None,
            Some(admin) => {
                let traffic = bind_traffic(options, &servers, &routes, &access_log, &traces)?;
                drop(later.gateway.set(traffic.metrics()));
                let listeners = Listeners { traffic, mqtt, triggers, streams, admin, traces };
                data.announce(&listeners.running())?;
                Some(listeners)
            }
        };
        let _acme = Certificates::get(&servers);
        let reconciler = tokio::spawn(reconciler.run(received));
        Ok(Node { board, routes, listeners, draining, commands, reconciler, data, _acme })
    }

    /// Where requests arrive; `None` if the node does not listen.
    pub fn listen(&self) -> Option<SocketAddr> {
        self.listeners.as_ref().map(|listeners| listeners.traffic.local_addr())
    }

    /// Where requests arrive encrypted, in the order of the configuration.
    pub fn tls(&self) -> &[SocketAddr] {
        self.listeners.as_ref().map_or(&[], |listeners| listeners.traffic.tls_addrs())
    }

    /// Where MQTT clients arrive, in the order of the configuration.
    pub fn mqtt(&self) -> &[SocketAddr] {
        let mqtt = self.listeners.as_ref().and_then(|listeners| listeners.mqtt.as_ref());
        mqtt.map_or(&[], Mqtt::addresses)
    }

    /// Where the admin pages are; `None` if the node does not listen.
    pub fn admin(&self) -> Option<SocketAddr> {
        self.listeners.as_ref().map(|listeners| listeners.admin.local_addr())
    }

    /// How every app stands.
    pub fn apps(&self) -> Vec<AppStatus> {
        self.board.apps()
    }

    /// Looks at every manifest, artifact and certificate now, and waits until that is done.
    pub async fn reload(&self) -> Result<()> {
        let (done, wait) = oneshot::channel();
        self.commands.send(Command::Reload(done)).await.map_err(|_| reconcile::stopped())?;
        wait.await.map_err(|_| reconcile::stopped())
    }

    /// Opens the file of the access log anew, because somebody has moved it
    /// away to keep it.
    pub fn reopen_access_log(&self) {
        if let Some(listeners) = &self.listeners {
            listeners.traffic.reopen_access_log();
        }
    }

    /// The handler that a request to this host, path and method reaches, and
    /// its `app/function`.
    ///
    /// # Errors
    ///
    /// If no route fits.
    pub fn route(
        &self,
        host: &str,
        path: &str,
        method: &http::Method,
    ) -> Result<(Arc<dyn Handler>, Arc<str>)> {
        match self.routes.snapshot().1.find(&Asked::plain(host, path, method)) {
            Lookup::Found(target) => Ok((target.handler.clone(), target.label.clone())),
            Lookup::OtherMethods(methods) => {
                let methods = methods.iter().map(http::Method::as_str).collect::<Vec<_>>();
                Err(anyhow!("{path} takes {} but not {method}", methods.join(", ")))
            }
            Lookup::Nothing => Err(anyhow!("no route answers {path}")),
        }
    }

    /// Stops gracefully: `/readyz` says so, no more connections are accepted,
    /// requests in flight have `drain` to end. Gives how many connections were
    /// cut off then.
    pub async fn stop(self, drain: Duration) -> usize {
        self.draining.store(true, Relaxed);
        drop(self.commands);
        let Some(listeners) = self.listeners else { return 0 };
        let stopping = tokio::task::spawn_blocking(move || {
            let begin = Instant::now();
            // Beside each other, as both wait for their clients.
            let (mqtt, triggers) = (listeners.mqtt, listeners.triggers);
            let outlet = triggers.as_ref().map(|triggers| triggers.outlet().clone());
            let messages = std::thread::spawn(move || {
                // What functions publish while they end is for clients that are still there.
                triggers.iter().for_each(|triggers| triggers.stop(drain));
                let left = drain.saturating_sub(begin.elapsed());
                mqtt.map_or(0, |mqtt| mqtt.stop(left))
            });
            let mut cut = listeners.traffic.shutdown(drain);
            cut += messages.join().unwrap_or(0);
            // Whoever brings messages has ended. What waits is committed.
            outlet.iter().for_each(Outlet::end);
            listeners.streams.close();
            // What the last requests left is sent in what is left of the drain.
            let left = drain.saturating_sub(begin.elapsed());
            listeners.traces.shutdown(left.clamp(TRACES_TIME_MIN, TRACES_TIME_MAX));
            // The admin pages end last: somebody may be watching the drain.
            listeners.admin.shutdown(Duration::from_millis(100));
            cut
        });
        let cut = stopping.await.unwrap_or(0);
        self.reconciler.abort();
        drop(self.data);
        cut
    }
}

/// What is opened before functions are compiled, which may take minutes: what is wrong with it
/// should be told before.
struct Early {
    certificates: Certificates,
    servers: Vec<Arc<TlsServer>>,
    mqtt: Option<Mqtt>,
    mqtt_files: Option<MqttFiles>,
}

impl Early {
    fn open(
        config: &NodeConfig,
        streams: &Arc<StreamsHandle>,
        board: &Arc<Board>,
        listen: bool,
    ) -> Result<Self> {
        let encrypted: Vec<&TlsListener> = config.tls.iter().filter(|_| listen).collect();
        let certificates = Certificates::load(&encrypted, &config.data)?;
        if listen {
            probe(config.listen, "--listen")?;
            for settings in &config.tls {
                probe(settings.listen, "--tls-listen")?;
            }
        }
        if listen {
            streams.start()?;
        }
        let started = if listen { Mqtt::start(config, streams, board)? } else { None };
        let (mqtt, mqtt_files) = started.unzip();
        let servers = certificates.servers();
        Ok(Early { certificates, servers, mqtt, mqtt_files })
    }
}

/// What messages and the clock start, which publishes to MQTT clients where there are any.
fn triggers(
    streams: &Arc<StreamsHandle>,
    platform: &Platform,
    mqtt: &Option<Mqtt>,
    traces: &Traces,
    later: &Later,
    threads: usize,
) -> Arc<Triggers> {
    let broker = mqtt.as_ref().map(|mqtt| Arc::clone(mqtt.broker()));
    let (streams, recorder) = (Arc::clone(streams), traces.recorder());
    let triggers = Triggers::new(streams, platform.store.clone(), broker, recorder, threads);
    drop(later.triggers.set(triggers.figures()));
    drop(later.windows.set(triggers.of_windows()));
    drop(platform.outlet.set(triggers.outlet().clone()));
    Arc::new(triggers)
}

/// The servers whose certificates the admin pages show.
fn shown(servers: &[Arc<TlsServer>], of_mqtt: Option<&MqttFiles>) -> Vec<Arc<TlsServer>> {
    let of_mqtt = of_mqtt.map_or_else(Vec::new, |files| files.certificates().servers());
    servers.iter().cloned().chain(of_mqtt).collect()
}

fn bind_admin(config: &NodeConfig, pages: AdminPages) -> Result<Gateway> {
    let options = GatewayOptions {
        listen: config.admin,
        threads: 1,
        connections_max: 256,
        requests_in_flight_max: 64,
        ..GatewayOptions::default()
    };
    let routes = Arc::new(Routes::single(Arc::new(pages), "admin"));
    Gateway::bind(options, routes, AccessLog::off())
        .map_err(|error| bind_error(error, config.admin, "--admin"))
}

/// Compiling may take minutes, and the listener is bound after it: an address
/// that is taken should be told before.
fn probe(address: SocketAddr, option: &str) -> Result<()> {
    let probed = std::net::TcpListener::bind(address);
    probed.map(drop).map_err(|error| bind_error(error, address, option))
}

fn bind_traffic(
    options: GatewayOptions,
    servers: &[Arc<TlsServer>],
    routes: &Arc<Routes>,
    access_log: &AccessLogTo,
    traces: &Traces,
) -> Result<Gateway> {
    let access = match access_log {
        AccessLogTo::Nowhere => AccessLog::off(),
        AccessLogTo::Stderr => AccessLog::stderr().context("start the access log")?,
        AccessLogTo::File(path) => AccessLog::file(path)
            .with_context(|| format!("open the access log {}", path.display()))?,
    };
    let listen = options.listen;
    Gateway::bind_with_tls(options, servers.to_vec(), routes.clone(), access, traces.clone())
        .map_err(|error| bind_error(error, listen, "--listen"))
}

fn traffic_options(config: &NodeConfig, platform: &Platform) -> GatewayOptions {
    let defaults = GatewayOptions::default();
    let bounds = &config.ingress;
    GatewayOptions {
        listen: config.listen,
        threads: config.threads.map_or(defaults.threads, |threads| threads as usize),
        connections_max: bounds.connections_max as usize,
        requests_in_flight_max: bounds.requests_in_flight_max as usize,
        handshake_timeout: Duration::from_millis(bounds.handshake_timeout_ms),
        handshakes_max: bounds.handshakes_max as usize,
        header_timeout: Duration::from_millis(bounds.header_timeout_ms),
        keep_alive_timeout: Duration::from_millis(bounds.keep_alive_ms),
        body_timeout: Duration::from_millis(bounds.body_idle_timeout_ms),
        write_timeout: Duration::from_millis(bounds.body_idle_timeout_ms),
        uri_bytes_max: bounds.uri_bytes_max as usize,
        headers_max: bounds.headers_max as usize,
        header_bytes_max: bounds.header_bytes_max as usize,
        h2_streams_max: bounds.h2_streams_max,
        forwarding: bounds.forwarding(),
        h2_control_frames_max: bounds.h2_control_frames_max,
        h2_resets_max: bounds.h2_resets_max,
        stable_pages: platform.stable_pages(),
        on_thread_start: sedge_engine::priority::prompt,
        ..defaults
    }
}

pub(crate) fn bind_error(error: io::Error, address: SocketAddr, option: &str) -> Error {
    let taken = error.kind() == io::ErrorKind::AddrInUse;
    let error = Error::new(error).context(format!("listen on {address}"));
    if !taken {
        return error;
    }
    WithHint::new(error, format!("choose another address with {option}, for instance 127.0.0.1:0"))
}
