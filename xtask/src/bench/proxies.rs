//! The proxies that are measured side by side: each on the same one core, each
//! with one worker, kept connections on both sides, and no access log.

use super::subjects::{Start, Subject, free_address};
use crate::workspace::Workspace;
use crate::{install, json};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::ffi::OsString;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Names of the subjects that bars are about.
pub(super) const SEDGE: &str = "sedge";
pub(super) const ENVOY: &str = "envoy";
pub(super) const NGINX: &str = "nginx";

/// The server behind a proxy, which the load generator is at the same time.
pub(super) struct Behind {
    /// Where it will listen.
    pub origin: SocketAddr,
    /// Bytes of its answers' bodies.
    pub body_bytes: usize,
}

impl Behind {
    /// What the generator is told of it.
    pub(super) fn arguments(&self) -> [String; 2] {
        [self.origin.to_string(), self.body_bytes.to_string()]
    }

    /// Whether each answer that a generator printed it has got came from here: a
    /// proxy that answers by itself is not measured.
    pub(super) fn check(&self, printed: &str) -> Result<()> {
        let run: Value = serde_json::from_str(printed).context("reading the load generator")?;
        let (answered, served) = (json::number(&run, "answered")?, json::number(&run, "served")?);
        if served < answered {
            bail!("{answered} answers, but only {served} of them came from behind the proxy");
        }
        Ok(())
    }
}

/// All proxies before `origin`; those that are missing say why.
pub(super) fn all(workspace: &Workspace, origin: SocketAddr) -> Result<Vec<Subject>> {
    let folder = workspace.root.join("target/bench/proxy");
    let subject = |name: &'static str, program: Result<PathBuf>, write: Write| {
        let start = match program {
            Err(why) => Err(format!("{why:#}").lines().next().unwrap_or_default().to_owned()),
            Ok(program) => Ok(write(program, &folder.join(name), free_address()?, origin)?),
        };
        anyhow::Ok(Subject { name, start })
    };
    Ok(vec![
        subject(SEDGE, Ok(workspace.dist_binary("sedge")), sedge)?,
        subject(ENVOY, install::envoy(workspace), envoy)?,
        subject(NGINX, install::program("nginx", "nginx-light"), nginx)?,
        subject("haproxy", install::program("haproxy", "haproxy"), haproxy)?,
    ])
}

/// Writes the configuration of a program to a folder of its own: where it listens,
/// and what is behind it. How it is started.
type Write = fn(PathBuf, &Path, SocketAddr, SocketAddr) -> Result<Start>;

fn write(folder: &Path, name: &str, text: &str) -> Result<PathBuf> {
    fs::create_dir_all(folder).context("making a proxy's folder")?;
    let file = folder.join(name);
    fs::write(&file, text).context("writing a proxy's configuration")?;
    Ok(file)
}

fn sedge(binary: PathBuf, folder: &Path, _: SocketAddr, origin: SocketAddr) -> Result<Start> {
    let manifest = format!(
        "[app]\nname = \"proxy\"\n\n\
         [[upstream]]\nname = \"origin\"\nendpoints = [\"{origin}\"]\n\n\
         [[route]]\nname = \"all\"\nmatch = [\"/*\"]\nupstream = \"origin\"\n"
    );
    write(folder, "sedge.toml", &manifest)?;
    Ok(Start::Sedge { binary, folder: folder.to_owned() })
}

fn envoy(program: PathBuf, folder: &Path, at: SocketAddr, origin: SocketAddr) -> Result<Start> {
    let (host, port) = (origin.ip(), origin.port());
    let listen = at.port();
    let config = format!(
        r#"static_resources:
  listeners:
  - name: front
    address: {{socket_address: {{address: 127.0.0.1, port_value: {listen}}}}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: front
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes: [{{match: {{prefix: "/"}}, route: {{cluster: origin}}}}]
          http_filters:
          - name: envoy.filters.http.router
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
  clusters:
  - name: origin
    type: STATIC
    load_assignment:
      cluster_name: origin
      endpoints: [{{lb_endpoints: [{{endpoint: {{address: {{socket_address: {{address: {host}, port_value: {port}}}}}}}}}]}}]
"#
    );
    let config = write(folder, "envoy.yaml", &config)?;
    let mut words: Vec<OsString> = vec![program.into(), "-c".into(), config.into()];
    let options = ["--concurrency", "1", "--log-level", "error", "--disable-hot-restart"];
    words.extend(options.map(Into::into));
    Ok(Start::At(words, at))
}

fn nginx(program: PathBuf, folder: &Path, at: SocketAddr, origin: SocketAddr) -> Result<Start> {
    let config = format!(
        "daemon off;\nmaster_process off;\nworker_processes 1;\n\
         pid {folder}/pid;\nerror_log /dev/null;\n\
         events {{ worker_connections 4096; }}\n\
         http {{\n  access_log off;\n  keepalive_requests 1000000000;\n  tcp_nodelay on;\n\
         {paths}  upstream origin {{ server {origin}; keepalive 64; keepalive_requests 1000000000; }}\n\
         \x20 server {{\n    listen {at};\n    location / {{\n\
         \x20     proxy_pass http://origin;\n      proxy_http_version 1.1;\n\
         \x20     proxy_set_header Connection \"\";\n    }}\n  }}\n}}\n",
        folder = folder.display(),
        paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|path| format!("  {path}_temp_path {}/{path};\n", folder.display()))
            .concat(),
    );
    let config = write(folder, "nginx.conf", &config)?;
    Ok(Start::At(vec![program.into(), "-c".into(), config.into()], at))
}

fn haproxy(program: PathBuf, folder: &Path, at: SocketAddr, origin: SocketAddr) -> Result<Start> {
    let config = format!(
        "global\n  nbthread 1\n\
         defaults\n  mode http\n  timeout client 60s\n  timeout server 60s\n  timeout connect 5s\n\
         \x20 http-reuse always\n\
         frontend front\n  bind {at}\n  default_backend origin\n\
         backend origin\n  server one {origin}\n"
    );
    let config = write(folder, "haproxy.cfg", &config)?;
    Ok(Start::At(vec![program.into(), "-db".into(), "-f".into(), config.into()], at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_that_no_origin_gave_are_an_error() {
        let behind = Behind { origin: ([127, 0, 0, 1], 1).into(), body_bytes: 1_000 };
        for bad in ["", "{}", "{\"answered\":2,\"served\":1}", "{\"answered\":2,\"served\":null}"] {
            assert!(behind.check(bad).is_err(), "{bad}");
        }
        behind.check("{\"answered\":2,\"served\":2}").expect("all came from there");
    }
}
