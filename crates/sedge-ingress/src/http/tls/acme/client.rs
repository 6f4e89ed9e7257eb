//! Requests to the authority. It is trusted to sign certificates, not to be
//! well: what it sends is bounded, and what the library below would stumble
//! over does not reach it.

use super::failure::Reason;
use super::schedule::WAIT_MAX;
use bytes::Bytes;
use http::header::{HOST, HeaderValue, RETRY_AFTER};
use http::uri::{Authority, PathAndQuery};
use http::{Method, Request, Response, Uri};
use http_body_util::{BodyExt, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// From the first packet to the last byte of an answer.
const REQUEST_MAX: Duration = Duration::from_secs(30);
/// Largest answer: a chain of certificates has some ten kilobytes.
const BODY_BYTES_MAX: usize = 256 * 1024;
/// Largest head of an answer.
const HEAD_BYTES_MAX: usize = 32 * 1024;
/// The resources of a directory that are used (RFC 8555 §7.1.1).
const RESOURCES: [&str; 3] = ["newNonce", "newAccount", "newOrder"];

/// Why a request came to nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClientError {
    #[error("cannot connect to {0}: {1}")]
    Connect(Authority, io::Error),
    #[error("{0} took longer than {max} s to answer", max = REQUEST_MAX.as_secs())]
    Timeout(Authority),
    #[error("the connection to {0} broke: {1}")]
    Broken(Authority, hyper::Error),
    #[error("{0} answered with more than {BODY_BYTES_MAX} bytes, or broke off: {1}")]
    Body(Authority, Box<dyn std::error::Error + Send + Sync>),
    #[error("{0} redirects, which a directory must not")]
    Redirect(Authority),
    #[error("{0} answered {1} without a directory of {2}")]
    Directory(Authority, u16, String),
    #[error("`{0}` lies on another server than the directory")]
    Elsewhere(String),
}

impl ClientError {
    pub(super) fn reason(&self) -> Reason {
        match self {
            ClientError::Connect(..) | ClientError::Broken(..) => Reason::Connect,
            ClientError::Timeout(_) => Reason::Timeout,
            _ => Reason::Malformed,
        }
    }
}

/// A client of one directory.
#[derive(Clone)]
pub(super) struct Client(Arc<Inner>);

struct Inner {
    tls: TlsConnector,
    directory: Uri,
    /// What the last answer that refused asked us to wait.
    retry_after: Mutex<Option<Duration>>,
}

impl Client {
    /// `None` if the directory is no URL.
    pub(super) fn new(directory: &str, tls: ClientConfig) -> Option<Self> {
        let directory: Uri = directory.parse().ok()?;
        directory.authority()?;
        let tls = TlsConnector::from(Arc::new(tls));
        Some(Client(Arc::new(Inner { tls, directory, retry_after: Mutex::new(None) })))
    }

    /// What the last answer that refused asked us to wait.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        *self.0.retry_after.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HttpClient for Client {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let inner = Arc::clone(&self.0);
        Box::pin(async move {
            let answer = inner.bounded(request).await;
            answer.map_err(|error| Error::Other(Box::new(error)))
        })
    }
}

impl Inner {
    async fn bounded(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Result<BytesResponse, ClientError> {
        let authority = self.check(request.uri())?;
        let asks_directory = request.method() == Method::GET && *request.uri() == self.directory;
        let exchange = self.exchange(&authority, request);
        let late = |_| ClientError::Timeout(authority.clone());
        let response = timeout(REQUEST_MAX, exchange).await.map_err(late)??;
        if response.status().is_redirection() {
            return Err(ClientError::Redirect(authority));
        }
        let (mut parts, body) = response.into_parts();
        let wait = retry_after(parts.headers.remove(RETRY_AFTER), SystemTime::now());
        if let Some(wait) = wait {
            // The library adds what it reads here to the time, whatever it is.
            parts.headers.insert(RETRY_AFTER, HeaderValue::from(wait.as_secs()));
        }
        if !parts.status.is_success() {
            *self.retry_after.lock().unwrap_or_else(PoisonError::into_inner) = wait;
        }
        if asks_directory {
            self.check_directory(parts.status.as_u16(), &body)?;
        }
        Ok(BytesResponse { parts, body: Box::new(body) })
    }

    /// Everything must lie on the directory's own server: an authority that
    /// points elsewhere would have us send requests into our own network.
    fn check(&self, uri: &Uri) -> Result<Authority, ClientError> {
        let own = self.directory.authority();
        let same = uri.authority().filter(|authority| Some(*authority) == own);
        match same {
            Some(authority) if uri.scheme_str() == Some("https") => Ok(authority.clone()),
            _ => Err(ClientError::Elsewhere(uri.to_string())),
        }
    }

    /// The library takes it for granted that these are URLs.
    fn check_directory(&self, status: u16, body: &[u8]) -> Result<(), ClientError> {
        let directory: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
        for name in RESOURCES {
            let url = directory.get(name).and_then(serde_json::Value::as_str);
            let url = url.and_then(|url| url.parse::<Uri>().ok());
            match url {
                Some(url) => drop(self.check(&url)?),
                None => {
                    let own = self.directory.authority().cloned();
                    let own = own.unwrap_or_else(|| Authority::from_static("?"));
                    return Err(ClientError::Directory(own, status, name.to_owned()));
                }
            }
        }
        Ok(())
    }

    async fn exchange(
        &self,
        authority: &Authority,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Result<Response<Bytes>, ClientError> {
        let refused = |error| ClientError::Connect(authority.clone(), error);
        let broken = |error| ClientError::Broken(authority.clone(), error);
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = authority.port_u16().unwrap_or(443);
        let stream = TcpStream::connect((host.as_str(), port)).await.map_err(refused)?;
        let name = ServerName::try_from(host).map_err(|error| refused(io::Error::other(error)))?;
        let stream = self.tls.connect(name, stream).await.map_err(refused)?;
        let mut builder = http1::Builder::new();
        builder.max_buf_size(HEAD_BYTES_MAX);
        let (mut sender, connection) =
            builder.handshake(TokioIo::new(stream)).await.map_err(broken)?;
        let _driving = Driving(tokio::spawn(async move { drop(connection.await) }));
        let (mut parts, body) = request.into_parts();
        let target = parts.uri.path_and_query().cloned();
        parts.uri = target.unwrap_or_else(|| PathAndQuery::from_static("/")).into();
        if let Ok(host) = HeaderValue::from_str(authority.as_str()) {
            parts.headers.insert(HOST, host);
        }
        let answer = sender.send_request(Request::from_parts(parts, body)).await;
        let (parts, body) = answer.map_err(broken)?.into_parts();
        let body = Limited::new(body, BODY_BYTES_MAX).collect().await;
        let body = body.map_err(|error| ClientError::Body(authority.clone(), error))?;
        Ok(Response::from_parts(parts, body.to_bytes()))
    }
}

/// Ends the connection's task with the request.
struct Driving(JoinHandle<()>);

impl Drop for Driving {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Seconds, or a date (RFC 9110 §10.2.3), bounded.
fn retry_after(value: Option<HeaderValue>, now: SystemTime) -> Option<Duration> {
    let value = value?;
    let text = value.to_str().ok()?.trim();
    let wait = if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit are a long time all the same.
        Duration::from_secs(text.parse().unwrap_or(u64::MAX))
    } else {
        httpdate::parse_http_date(text).ok()?.duration_since(now).unwrap_or_default()
    };
    Some(wait.min(WAIT_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::UNIX_EPOCH;

    #[test]
    fn what_it_asks_to_wait_is_bounded() {
        let now = UNIX_EPOCH + Duration::from_secs(784_111_777);
        let wait = |text: &str| retry_after(HeaderValue::from_str(text).ok(), now);
        for bad in ["", "-1", "soon", "1.5", "Sun, 06 Nov 1994"] {
            assert_eq!(wait(bad), None, "{bad}");
        }
        assert_eq!(wait("120"), Some(Duration::from_secs(120)));
        assert_eq!(wait("18446744073709551615"), Some(WAIT_MAX));
        assert_eq!(wait("99999999999999999999999"), Some(WAIT_MAX));
        assert_eq!(wait("Sun, 06 Nov 1994 08:50:37 GMT"), Some(Duration::from_secs(60)));
        assert_eq!(wait("Tue, 06 Nov 1984 08:50:37 GMT"), Some(Duration::ZERO));
        assert_eq!(wait("Sat, 06 Nov 2094 08:50:37 GMT"), Some(WAIT_MAX));
    }

    #[test]
    fn urls_lie_on_the_directory_s_own_server() {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
        assert!(Client::new("no url", tls.clone()).is_none());
        let client = Client::new("https://ca.test:14000/dir", tls).expect("a client").0;
        for bad in ["http://ca.test:14000/a", "https://127.0.0.1/", "https://ca.test/", "/nonce"] {
            assert!(client.check(&bad.parse().expect("a URI")).is_err(), "{bad}");
        }
        assert!(client.check(&"https://ca.test:14000/x?y".parse().expect("a URI")).is_ok());
        let good = "https://ca.test:14000/a";
        let text = |url: &str| {
            format!("{{\"newNonce\":\"{url}\",\"newAccount\":\"{good}\",\"newOrder\":\"{good}\"}}")
        };
        assert!(client.check_directory(200, text(good).as_bytes()).is_ok());
        for bad in ["", "{}", "[1]", &text("not a URL"), &text(""), &text("https://other.test/")] {
            assert!(client.check_directory(200, bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
