//! One HTTP/1.1 connection to the collector, kept open between batches.

use super::answer::{self, Verdict, judge};
use super::options::TraceOptions;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderValue};
use http::uri::{PathAndQuery, Scheme};
use http::{HeaderMap, Method, Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The endpoint is no `http` or `https` address with a host.
    #[error("`{0}` is not the address of a collector")]
    Endpoint(http::Uri),
    /// A file of authorities is not PEM, holds none, or one that is none.
    #[error("cannot trust {0}: {1}")]
    Roots(PathBuf, String),
}

pub(super) struct Client {
    host: String,
    port: u16,
    target: PathAndQuery,
    headers: HeaderMap,
    /// `None`: in the clear.
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    timeout: Duration,
    open: Option<SendRequest<Full<Bytes>>>,
}

impl Client {
    pub(super) fn new(options: &TraceOptions) -> Result<Self, ClientError> {
        let endpoint = &options.endpoint;
        let unusable = || ClientError::Endpoint(endpoint.clone());
        let authority = endpoint.authority().ok_or_else(unusable)?;
        let secure = match endpoint.scheme() {
            Some(scheme) if *scheme == Scheme::HTTP => false,
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            _ => return Err(unusable()),
        };
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        let tls = if secure {
            let name = ServerName::try_from(host.clone()).map_err(|_| unusable())?;
            Some((tls_config(&options.trusted_roots)?, name))
        } else {
            None
        };
        let mut headers = options.headers.clone();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        let named = HeaderValue::from_str(authority.as_str()).map_err(|_| unusable())?;
        headers.insert(HOST, named);
        Ok(Client {
            host,
            port: authority.port_u16().unwrap_or(if secure { 443 } else { 80 }),
            target: endpoint.path_and_query().cloned().unwrap_or(PathAndQuery::from_static("/")),
            headers,
            tls,
            timeout: options.timeout,
            open: None,
        })
    }

    /// Sends a batch, and says what became of it. Everything but an answer that
    /// refuses it may be tried again.
    pub(super) async fn send(&mut self, body: Bytes) -> Verdict {
        let sent = tokio::time::timeout(self.timeout, self.exchange(body)).await;
        let failed = match sent {
            Ok(Ok(verdict)) => return verdict,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the collector took too long".to_owned(),
        };
        self.open = None;
        Verdict::Later { after: None, reason: failed }
    }

    async fn exchange(&mut self, body: Bytes) -> io::Result<Verdict> {
        let mut sender = match self.open.take().filter(|open| !open.is_closed()) {
            Some(open) => open,
            None => self.connect().await?,
        };
        sender.ready().await.map_err(io::Error::other)?;
        let mut request = Request::new(Full::new(body.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.target.clone().into();
        *request.headers_mut() = self.headers.clone();
        request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        let response = sender.send_request(request).await.map_err(io::Error::other)?;
        let verdict = read(response).await?;
        self.open = Some(sender);
        Ok(verdict)
    }

    async fn connect(&self) -> io::Result<SendRequest<Full<Bytes>>> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        stream.set_nodelay(true)?;
        match &self.tls {
            None => begin(stream).await,
            Some((config, name)) => {
                let connector = TlsConnector::from(config.clone());
                begin(connector.connect(name.clone(), stream).await?).await
            }
        }
    }
}

async fn begin(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) -> io::Result<SendRequest<Full<Bytes>>> {
    let (sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    // Its errors are those of the request that is under way.
    tokio::spawn(async move { connection.await.ok() });
    Ok(sender)
}

/// The body must be read for the connection to be used again; one that is too
/// long is given up along with its connection.
async fn read(response: Response<Incoming>) -> io::Result<Verdict> {
    let (head, body) = response.into_parts();
    let body = Limited::new(body, answer::BYTES_MAX).collect().await.map_err(io::Error::other)?;
    Ok(judge(head.status, &head.headers, &body.to_bytes()))
}

fn tls_config(extra_roots: &[PathBuf]) -> Result<Arc<ClientConfig>, ClientError> {
    let mut roots = RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    for path in extra_roots {
        let wrong = |error: String| ClientError::Roots(path.clone(), error);
        let found = CertificateDer::pem_file_iter(path)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| wrong(error.to_string()))?;
        if found.is_empty() {
            return Err(wrong("it holds no certificate".into()));
        }
        for certificate in found {
            roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
        }
    }
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    Ok(Arc::new(config))
}
