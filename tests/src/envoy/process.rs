//! A running Envoy.

use super::case::Placed;
use super::pilot;
use super::upstream::Servers;
use crate::pebble::free_port;
use crate::wait_for;
use serde_json::{Value, json};
use std::fs::{self, File};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The release that Sedge is compared with.
pub const VERSION: &str = "1.40.0";

/// How long it may take to start.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where Envoy's program is: `$SEDGE_ENVOY`, else where `cargo xtask test` and
/// `cargo xtask eval envoy` install it.
///
/// # Errors
///
/// One line that says what to do if it is not there.
pub fn program() -> Result<PathBuf, String> {
    let installed = || {
        let home = PathBuf::from(std::env::var_os("HOME")?);
        Some(home.join(format!(".cache/sedge/tools/envoy-{VERSION}/envoy/_bin/envoy")))
    };
    let path = std::env::var_os("SEDGE_ENVOY").map(PathBuf::from).or_else(installed);
    match path {
        Some(path) if path.is_file() => Ok(path),
        path => Err(format!(
            "Envoy {VERSION} is not installed at {}: `cargo xtask eval envoy` installs it",
            path.unwrap_or_default().display()
        )),
    }
}

/// A process that is ended when it is dropped.
pub struct Envoy {
    child: Child,
    /// Where it takes requests.
    pub listen: SocketAddr,
}

impl Envoy {
    /// Starts it with these cases, its files in `folder`.
    ///
    /// # Errors
    ///
    /// What it said when it did not start.
    pub fn start(cases: &[Placed<'_>], servers: &Servers, folder: &Path) -> Result<Self, String> {
        let listen = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let file = folder.join("envoy.json");
        let log = folder.join("envoy.log");
        let text = format!("{:#}", bootstrap(cases, servers, listen));
        fs::write(&file, text).map_err(|error| format!("{}: {error}", file.display()))?;
        let output = File::create(&log).map_err(|error| format!("{}: {error}", log.display()))?;
        let child = Command::new(program()?)
            .arg("-c")
            .arg(&file)
            .args(["--concurrency", "1", "--disable-hot-restart", "--log-level", "error"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(output)
            .spawn()
            .map_err(|error| format!("starting Envoy: {error}"))?;
        let mut envoy = Envoy { child, listen };
        let up = wait_for(PATIENCE, || {
            let ended = envoy.child.try_wait().is_ok_and(|status| status.is_some());
            ended || TcpStream::connect(listen).is_ok()
        });
        let runs = envoy.child.try_wait().is_ok_and(|status| status.is_none());
        if up.is_some() && runs {
            return Ok(envoy);
        }
        Err(format!("Envoy did not start:\n{}", fs::read_to_string(&log).unwrap_or_default()))
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A listener in the manner of Istio's gateways, and everything behind it.
fn bootstrap(cases: &[Placed<'_>], servers: &Servers, listen: SocketAddr) -> Value {
    let hosts: Vec<Value> = cases.iter().map(pilot::virtual_host).collect();
    let clusters: Vec<Value> =
        cases.iter().flat_map(|placed| pilot::clusters(placed, servers)).collect();
    let filter = |name: &str, kind: &str| {
        json!({ "name": format!("envoy.filters.http.{name}"), "typed_config": {
            "@type": format!("type.googleapis.com/envoy.extensions.filters.http.{name}.v3.{kind}") } })
    };
    let manager = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "in",
        "use_remote_address": true,
        "normalize_path": true,
        // Otherwise a connection that ends early stays open for a second more.
        "delayed_close_timeout": "0s",
        "route_config": {
            "name": "in", "virtual_hosts": hosts, "ignore_port_in_host_matching": true,
            "validate_clusters": true,
        },
        "http_filters": [
            filter("fault", "HTTPFault"), filter("cors", "Cors"), filter("router", "Router"),
        ],
    });
    json!({ "static_resources": {
        "listeners": [{
            "name": "in",
            "address": { "socket_address": {
                "address": listen.ip().to_string(), "port_value": listen.port() } },
            "filter_chains": [{ "filters": [{
                "name": "envoy.filters.network.http_connection_manager", "typed_config": manager }] }],
        }],
        "clusters": clusters,
    } })
}
