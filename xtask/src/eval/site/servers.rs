//! The origin, and the nodes before it: each over TLS and HTTP/2 on a free port of
//! loopback, with the same certificate.

use crate::node::{self, Node};
use crate::{install, shell};
use anyhow::{Context, Result, bail};
use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long nginx may take to listen.
const PATIENCE: Duration = Duration::from_secs(20);

/// A certificate that nobody vouches for.
pub(super) struct Certificate {
    pub(super) file: PathBuf,
    key: PathBuf,
}

impl Certificate {
    pub(super) fn make(folder: &Path) -> Result<Self> {
        let (file, key) = (folder.join("site.pem"), folder.join("site-key.pem"));
        let openssl = install::program("openssl", "openssl")?;
        let mut command = Command::new(openssl);
        command
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"])
            .args(["-nodes", "-days", "30", "-subj", "/CN=localhost"])
            .args(["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout"])
            .arg(&key)
            .arg("-out")
            .arg(&file)
            .stderr(Stdio::null());
        shell::run(&mut command).context("making a certificate")?;
        Ok(Certificate { file, key })
    }
}

/// nginx with the sites; stopped when dropped.
pub(super) struct Origin {
    child: Child,
    /// Where browsers ask it.
    pub(super) secure: SocketAddr,
    /// Where nodes ask it.
    pub(super) plain: SocketAddr,
}

impl Origin {
    /// `preloads`: folders below `sites`, and the style sheet that documents there name.
    pub(super) fn start(
        folder: &Path,
        sites: &Path,
        certificate: &Certificate,
        preloads: &[(String, String)],
    ) -> Result<Self> {
        let program = install::program("nginx", "nginx-light")?;
        let (secure, plain) = (free_address()?, free_address()?);
        let config = configuration(folder, sites, certificate, preloads, [secure, plain]);
        let file = folder.join("nginx.conf");
        fs::write(&file, config).context("writing nginx's configuration")?;
        let log = folder.join("nginx.log");
        let written = File::create(&log).context("making nginx's log")?;
        let child = Command::new(program)
            .args(["-e", "stderr", "-p"])
            .arg(folder)
            .arg("-c")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(written)
            .spawn()
            .context("starting nginx")?;
        let mut origin = Origin { child, secure, plain };
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(plain).is_err() {
            if origin.child.try_wait()?.is_some() || Instant::now() > deadline {
                bail!("nginx does not listen\n{}", fs::read_to_string(log).unwrap_or_default());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(origin)
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        // SIGTERM takes its worker along.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let deadline = Instant::now() + Duration::from_secs(5);
        while Instant::now() < deadline && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// As sites are usually served: documents are validated each time, all else is kept for a
/// day, and text is compressed (level 6, which is gzip's own default; nginx's is 1).
fn configuration(
    folder: &Path,
    sites: &Path,
    certificate: &Certificate,
    preloads: &[(String, String)],
    [secure, plain]: [SocketAddr; 2],
) -> String {
    let at = folder.display();
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("  {name}_temp_path {at}/{name};\n"))
        .concat();
    let preloads: String = preloads
        .iter()
        .map(|(below, style)| {
            format!("    \"~^text/html[^ ]* /{below}/\" \"</{below}/{style}>; rel=preload; as=style\";\n")
        })
        .collect();
    format!(
        r#"daemon off;
user root;
worker_processes 1;
pid {at}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 512; }}
http {{
{temporary}  access_log off;
  tcp_nodelay on;
  types {{
    text/html html; text/css css; text/javascript js mjs; application/json json map;
    image/svg+xml svg; image/jpeg jpg jpeg; image/png png; image/webp webp;
    image/x-icon ico; font/woff2 woff2; font/woff woff; font/ttf ttf;
  }}
  gzip on;
  gzip_comp_level 6;
  gzip_vary on;
  gzip_proxied any;
  gzip_types text/css text/javascript application/json image/svg+xml font/ttf;
  map $sent_http_content_type $freshness {{
    default "public, max-age=86400";
    ~^text/html no-cache;
  }}
  map "$sent_http_content_type $uri" $preload {{
    default "";
{preloads}  }}
  server {{
    listen {plain};
    listen {secure} ssl http2;
    ssl_certificate {certificate};
    ssl_certificate_key {key};
    root {sites};
    add_header Cache-Control $freshness;
    add_header Link $preload;
  }}
}}
"#,
        certificate = certificate.file.display(),
        key = certificate.key.display(),
        sites = sites.display(),
    )
}

/// How the chain is set.
pub(super) struct Mode {
    /// The word that results use.
    pub(super) name: &'static str,
    links: &'static str,
    /// What the optimizer is told, and may use.
    optimizer: &'static str,
}

pub(super) const MODES: [Mode; 2] = [
    Mode {
        name: "default",
        links: "{ cache = {} }, { function = \"optimizer\", fail = \"open\" }",
        optimizer: "",
    },
    Mode {
        name: "everything",
        links: "{ early_hints = {} }, { cache = {} }, \
                { function = \"optimizer\", fail = \"open\" }",
        optimizer: "[function.environment]\n\
                    OPTIMIZER_IMAGES = \"/cdn-cgi/image\"\n\
                    OPTIMIZER_MINIFY = \"html, css, js, json\"\n\
                    OPTIMIZER_NAMES = \"shorten\"\n\
                    OPTIMIZER_DICTIONARIES = \"dictionaries\"\n\n\
                    [function.capabilities]\n\
                    cache = [\"dictionaries\"]\n",
    },
];

/// A node with the chain before the origin, and where browsers ask it.
pub(super) fn start_node(
    binary: &Path,
    guests: &Path,
    folder: &Path,
    mode: &Mode,
    certificate: &Certificate,
    origin: SocketAddr,
) -> Result<(Node, SocketAddr)> {
    let folder = folder.join(mode.name);
    fs::create_dir_all(&folder).context("making the folder of a node")?;
    let (manifest, config) = (folder.join("sedge.toml"), folder.join("node.toml"));
    fs::write(&manifest, manifest_of(mode, guests, origin)).context("writing a manifest")?;
    let secure = free_address()?;
    let text = format!(
        "[codec]\ndeadline_ms = \"10 s\"\n\n[[tls]]\nlisten = \"{secure}\"\n\n[[tls.certificate]]\ncertificate = {:?}\nkey = {:?}\n",
        certificate.file, certificate.key
    );
    fs::write(&config, text).context("writing a node's configuration")?;
    let node = Node::start(&node::Options {
        binary,
        manifest: Some(&manifest),
        data: &folder.join("data"),
        config: Some(&config),
        listen: None,
        core: None,
        patience: Duration::from_secs(180),
    })?;
    Ok((node, secure))
}

fn manifest_of(mode: &Mode, guests: &Path, origin: SocketAddr) -> String {
    let (optimizer, images) = (guests.join("optimizer.wasm"), guests.join("images.wasm"));
    let Mode { links, optimizer: told, .. } = mode;
    format!(
        r#"[app]
name = "sites"

[[function]]
name = "optimizer"
source = {optimizer:?}
isolation = "instance"

[function.limits]
cpu_ms_max = "10 s"

{told}
[[function]]
name = "images"
source = {images:?}

[function.limits]
memory_bytes_max = "256 MiB"
cpu_ms_max = "10 s"

[function.environment]
IMAGES_ORIGIN = "http://{origin}"

[function.capabilities]
codec = true
outbound = [{{ to = "http://{origin}", private = true }}]

[[upstream]]
name = "origin"
endpoints = ["{origin}"]

[[chain]]
name = "site"
links = [{links}]
upstream = "origin"

[[chain]]
name = "pictures"
links = [{{ cache = {{}} }}]
function = "images"

[[route]]
name = "pictures"
match = ["/cdn-cgi/image/*"]
chain = "pictures"

[[route]]
name = "site"
chain = "site"
"#
    )
}

fn free_address() -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").context("looking for a free port")?;
    listener.local_addr().context("looking for a free port")
}
