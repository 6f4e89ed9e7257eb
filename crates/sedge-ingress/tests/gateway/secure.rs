//! A gateway with TLS, and clients that trust it.

use crate::world::{PATIENCE, World};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use sedge_ingress::http::tls::TlsServer;
use sedge_ingress::http::{AccessLog, GatewayOptions};
use sedge_model::node_config::{CertificateFiles, TlsListener};
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_rustls::TlsConnector;

/// An authority of our own, and a folder for what it signs.
pub(crate) struct Authority {
    pub(crate) folder: tempfile::TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("a certificate");
        Authority { folder: tempfile::tempdir().expect("a folder"), issuer }
    }

    /// Writes a certificate for these hosts, and its key.
    pub(crate) fn issue(&self, name: &str, hosts: &[&str]) -> CertificateFiles {
        let hosts: Vec<String> = hosts.iter().map(ToString::to_string).collect();
        self.sign(name, CertificateParams::new(hosts).expect("names"))
    }

    pub(crate) fn sign(&self, name: &str, params: CertificateParams) -> CertificateFiles {
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        CertificateFiles {
            certificate: self.write(&format!("{name}.pem"), &certificate.pem()),
            key: self.write(&format!("{name}-key.pem"), &key.serialize_pem()),
            name: None,
        }
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, text).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("an owner");
        path
    }

    /// The authority's own certificate, in a file.
    pub(crate) fn file(&self) -> PathBuf {
        self.write("authority.pem", &self.issuer.pem())
    }

    pub(crate) fn root(&self) -> CertificateDer<'static> {
        self.issuer.der().clone()
    }
}

pub(crate) fn listener(certificates: Vec<CertificateFiles>) -> TlsListener {
    TlsListener {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        certificates,
        client: None,
        acme: None,
    }
}

pub(crate) fn server(settings: &TlsListener) -> Arc<TlsServer> {
    let (server, warnings) = TlsServer::load(settings).expect("good files");
    assert_eq!(warnings, Vec::<String>::new());
    Arc::new(server)
}

/// A gateway with one certificate, for `site.test`.
pub(crate) fn world(set: impl FnOnce(&mut GatewayOptions)) -> (World, Authority) {
    let authority = Authority::new();
    let settings = listener(vec![authority.issue("site", &["site.test"])]);
    (World::with_tls(set, vec![server(&settings)], AccessLog::off()), authority)
}

impl World {
    pub(crate) fn tls_address(&self) -> SocketAddr {
        self.gateway.tls_addrs()[0]
    }

    /// A counter or gauge of the gateway.
    pub(crate) fn counted(&self, name: &str) -> u64 {
        let mut text = String::new();
        self.gateway.metrics().render_prometheus(&mut text);
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {name} in\n{text}")).parse().expect("a number")
    }

    pub(crate) fn failed(&self, reason: &str) -> u64 {
        self.counted(&format!("sedge_tls_handshake_failures_total{{reason=\"{reason}\"}}"))
    }
}

/// How a client greets.
pub(crate) struct Trust {
    pub(crate) root: CertificateDer<'static>,
    pub(crate) protocols: &'static [&'static str],
    pub(crate) identity: Option<CertificateFiles>,
}

impl Trust {
    pub(crate) fn config(&self) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.clone()).expect("a root");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots);
        let mut config = match &self.identity {
            None => builder.with_no_client_auth(),
            Some(files) => builder
                .with_client_auth_cert(chain(&files.certificate), key(&files.key))
                .expect("a pair"),
        };
        config.alpn_protocols = self.protocols.iter().map(|one| one.as_bytes().to_vec()).collect();
        Arc::new(config)
    }
}

pub(crate) fn trust(root: CertificateDer<'static>, protocols: &'static [&'static str]) -> Trust {
    Trust { root, protocols, identity: None }
}

pub(crate) fn chain(path: &Path) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_file_iter(path).expect("a file").map(|one| one.expect("PEM")).collect()
}

pub(crate) fn key(path: &Path) -> PrivateKeyDer<'static> {
    PrivateKeyDer::from_pem_file(path).expect("a key")
}

/// A blocking TLS client that writes exactly what it is told.
pub(crate) struct Secure(rustls::StreamOwned<rustls::ClientConnection, TcpStream>);

impl Secure {
    pub(crate) fn connect(
        address: SocketAddr,
        host: &'static str,
        config: Arc<ClientConfig>,
    ) -> std::io::Result<Secure> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let name = ServerName::try_from(host).expect("a name");
        let mut client = rustls::ClientConnection::new(config, name).expect("a client");
        while client.is_handshaking() {
            client.complete_io(&mut stream)?;
        }
        Ok(Secure(rustls::StreamOwned::new(client, stream)))
    }

    pub(crate) fn session(&self) -> &rustls::ClientConnection {
        &self.0.conn
    }

    pub(crate) fn write(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.0.write_all(bytes.as_ref());
        let _ = self.0.flush();
    }

    /// Reads until the connection is closed in whatever way.
    pub(crate) fn read_to_end(&mut self) -> String {
        let (mut text, mut buffer) = (String::new(), [0; 16 * 1024]);
        while let Ok(count @ 1..) = self.0.read(&mut buffer) {
            text.push_str(&String::from_utf8_lossy(&buffer[..count]));
        }
        text
    }
}

/// One answer over HTTP/2 or HTTP/1.1, whatever was negotiated.
pub(crate) async fn fetch(
    address: SocketAddr,
    host: &'static str,
    config: Arc<ClientConfig>,
    request: http::Request<Empty<Bytes>>,
) -> std::io::Result<(http::Version, u16, String)> {
    let stream = tokio::net::TcpStream::connect(address).await?;
    let name = ServerName::try_from(host).expect("a name");
    let stream = TlsConnector::from(config).connect(name, stream).await?;
    let is_h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let stream = TokioIo::new(stream);
    let response = if is_h2 {
        let shaken = hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await;
        let (mut send, connection) = shaken.map_err(std::io::Error::other)?;
        tokio::spawn(connection);
        send.send_request(request).await
    } else {
        let shaken = hyper::client::conn::http1::handshake(stream).await;
        let (mut send, connection) = shaken.map_err(std::io::Error::other)?;
        tokio::spawn(connection);
        send.send_request(request).await
    };
    let response = response.map_err(std::io::Error::other)?;
    let (version, status) = (response.version(), response.status().as_u16());
    let body = response.collect().await.map_err(std::io::Error::other)?.to_bytes();
    Ok((version, status, String::from_utf8_lossy(&body).into_owned()))
}
