//! From a host's name to a connection, address by address.

use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use sedge_model::capability::OutboundGrant;
use sedge_services::outbound::{Denied, Policy};
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use wasmtime_wasi_http::Error as WasiError;

/// Name resolution, TCP and TLS together.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Why additional certificate authorities cannot be trusted.
#[derive(Debug, Error)]
pub enum TlsRootsError {
    /// The file cannot be read, or is no PEM.
    #[error("cannot read certificates from {0}: {1}")]
    Read(PathBuf, String),
    /// The file holds no certificate.
    #[error("{0} holds no certificate")]
    Empty(PathBuf),
    /// What the file calls a certificate is none.
    #[error("certificate {1} of {0} cannot be used: {2}")]
    Unusable(PathBuf, usize, String),
}

/// Why there is no connection.
#[derive(Debug, Error)]
pub(super) enum ConnectError {
    #[error(transparent)]
    Denied(#[from] Denied),
    #[error("the request names no host")]
    NoHost,
    #[error("the name cannot be resolved: {0}")]
    Resolve(io::Error),
    #[error("the name has no address")]
    NoAddress,
    #[error("cannot connect: {0}")]
    Tcp(io::Error),
    #[error("cannot agree on TLS: {0}")]
    Tls(io::Error),
    #[error("connecting took too long")]
    Timeout,
}

impl ConnectError {
    /// The same in the words of `wasi:http`.
    pub(super) fn as_wasi(&self) -> WasiError {
        match self {
            ConnectError::Denied(denied) => {
                tracing::info!(%denied, "outbound request denied");
                WasiError::DestinationIpProhibited
            }
            ConnectError::NoHost => WasiError::HttpRequestUriInvalid,
            ConnectError::Resolve(error) => {
                WasiError::DnsError { rcode: Some(error.to_string()), info_code: None }
            }
            ConnectError::NoAddress => WasiError::DestinationNotFound,
            ConnectError::Tcp(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                WasiError::ConnectionRefused
            }
            ConnectError::Tcp(_) => WasiError::DestinationUnavailable,
            ConnectError::Tls(error) if is_certificate_error(error) => {
                WasiError::TlsCertificateError
            }
            ConnectError::Tls(_) => WasiError::TlsProtocolError,
            ConnectError::Timeout => WasiError::ConnectionTimeout,
        }
    }
}

fn is_certificate_error(error: &io::Error) -> bool {
    let inner = error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>());
    matches!(inner, Some(rustls::Error::InvalidCertificate(_)))
}

/// Connects the client's requests. The function's policy has allowed them by
/// name; here each resolved address is checked, on every new connection.
#[derive(Clone)]
pub(super) struct Connector {
    tls: Arc<ClientConfig>,
    private: bool,
}

impl Connector {
    pub(super) fn new(extra_roots: &[PathBuf]) -> Result<Self, TlsRootsError> {
        let mut roots = RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        for path in extra_roots {
            trust(path, &mut roots)?;
        }
        let mut tls = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Connector { tls: Arc::new(tls), private: false })
    }

    pub(super) fn reaching_private(mut self, private: bool) -> Self {
        self.private = private;
        self
    }

    async fn connect(self, uri: http::Uri) -> Result<TokioIo<Stream>, ConnectError> {
        let host = uri.host().ok_or(ConnectError::NoHost)?;
        let is_https = uri.scheme() == Some(&http::uri::Scheme::HTTPS);
        let port = uri.port_u16().unwrap_or(if is_https { 443 } else { 80 });
        let stream = self.connect_tcp(uri.scheme_str().unwrap_or("http"), host, port).await?;
        // A proxy of many small messages gains nothing from Nagle's algorithm.
        stream.set_nodelay(true).map_err(ConnectError::Tcp)?;
        if !is_https {
            return Ok(TokioIo::new(Stream::Plain(stream)));
        }
        let name = ServerName::try_from(unbracketed(host).to_owned())
            .map_err(|error| ConnectError::Tls(io::Error::other(error)))?;
        let stream = TlsConnector::from(self.tls).connect(name, stream).await;
        Ok(TokioIo::new(Stream::Tls(Box::new(stream.map_err(ConnectError::Tls)?))))
    }

    /// Tries the allowed addresses in the order of the resolver.
    async fn connect_tcp(
        &self,
        scheme: &str,
        host: &str,
        port: u16,
    ) -> Result<TcpStream, ConnectError> {
        let mut last = ConnectError::NoAddress;
        for address in resolve(unbracketed(host), port).await? {
            if let Err(denied) = self.check(scheme, host, port, address.ip()) {
                last = denied.into();
                continue;
            }
            match TcpStream::connect(address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = ConnectError::Tcp(error),
            }
        }
        Err(last)
    }

    /// Whether a grant of just this host reaches this address.
    fn check(&self, scheme: &str, host: &str, port: u16, address: IpAddr) -> Result<(), Denied> {
        let grant = OutboundGrant {
            scheme: scheme.to_owned(),
            host: host.to_owned(),
            port: Some(port),
            private: self.private,
        };
        let not_granted = || Denied {
            host: host.to_owned(),
            reason: sedge_services::outbound::Reason::NotGranted,
        };
        let policy = Policy::new(&[grant]).map_err(|_| not_granted())?;
        let grant = policy.check_request(scheme, host, Some(port))?;
        Policy::check_address(grant, host, address)
    }
}

/// Adds the certificates of a PEM file; one that is broken is not left out in
/// silence.
fn trust(path: &Path, roots: &mut RootCertStore) -> Result<(), TlsRootsError> {
    let unreadable = |error: rustls::pki_types::pem::Error| {
        TlsRootsError::Read(path.to_owned(), error.to_string())
    };
    let certificates: Vec<_> = CertificateDer::pem_file_iter(path)
        .map_err(unreadable)?
        .collect::<Result<_, _>>()
        .map_err(unreadable)?;
    if certificates.is_empty() {
        return Err(TlsRootsError::Empty(path.to_owned()));
    }
    for (index, certificate) in certificates.into_iter().enumerate() {
        roots.add(certificate).map_err(|error| {
            TlsRootsError::Unusable(path.to_owned(), index + 1, error.to_string())
        })?;
    }
    Ok(())
}

async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, ConnectError> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let addresses = tokio::net::lookup_host((host, port)).await.map_err(ConnectError::Resolve)?;
    Ok(addresses.collect())
}

fn unbracketed(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

impl tower_service::Service<http::Uri> for Connector {
    type Response = TokioIo<Stream>;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<TokioIo<Stream>, ConnectError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: http::Uri) -> Self::Future {
        let connector = self.clone();
        Box::pin(async move {
            tokio::time::timeout(CONNECT_TIMEOUT, connector.connect(uri))
                .await
                .unwrap_or(Err(ConnectError::Timeout))
        })
    }
}

/// A connection with or without TLS.
pub(super) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        let connected = Connected::new();
        match self {
            Stream::Tls(stream) if stream.get_ref().1.alpn_protocol() == Some(b"h2") => {
                connected.negotiated_h2()
            }
            _ => connected,
        }
    }
}

/// Calls the same method of whichever stream it is.
macro_rules! delegate {
    ($self:ident, $method:ident($($argument:expr),*)) => {
        match $self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).$method($($argument),*),
            Stream::Tls(stream) => Pin::new(stream).$method($($argument),*),
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        delegate!(self, poll_read(context, buffer))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        delegate!(self, poll_write(context, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate!(self, poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate!(self, poll_shutdown(context))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connector(private: bool) -> Connector {
        Connector::new(&[]).expect("Mozilla's roots").reaching_private(private)
    }

    #[test]
    fn a_name_that_leads_home_needs_a_private_grant() {
        for (private, host, address, allowed) in [
            (false, "example.org", "93.184.215.14", true),
            (false, "example.org", "127.0.0.1", false),
            (false, "example.org", "169.254.169.254", false),
            (false, "127.0.0.1", "127.0.0.1", false),
            (true, "localhost", "127.0.0.1", true),
            (true, "localhost", "169.254.169.254", false),
            (true, "169.254.169.254", "169.254.169.254", true),
            (true, "[::1]", "::1", true),
        ] {
            let address = address.parse().expect("an address");
            let checked = connector(private).check("http", host, 80, address);
            assert_eq!(checked.is_ok(), allowed, "{private} {host} {address}");
        }
    }

    #[test]
    fn roots_that_are_none_are_refused() {
        let absent = Connector::new(&["/nonexistent/roots.pem".into()]).err();
        assert!(matches!(absent, Some(TlsRootsError::Read(..))), "{absent:?}");
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("roots.pem");
        let begin = "-----BEGIN CERTIFICATE-----";
        let end = "-----END CERTIFICATE-----";
        let key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        for (text, expected) in [
            ("", "holds no certificate"),
            ("not PEM at all\n", "holds no certificate"),
            (key, "holds no certificate"),
            (&format!("{begin}\nAAAA\n"), "cannot read certificates"),
            (&format!("{begin}\n!!!!\n{end}\n"), "cannot read certificates"),
            (&format!("{begin}\nAAAA\n{end}\n"), "certificate 1 of"),
        ] {
            std::fs::write(&path, text).expect("written");
            let error =
                Connector::new(std::slice::from_ref(&path)).err().map(|error| error.to_string());
            let told = error.as_deref().unwrap_or("nothing");
            assert!(told.contains(expected), "{text:?}: {told}");
        }
    }
}
