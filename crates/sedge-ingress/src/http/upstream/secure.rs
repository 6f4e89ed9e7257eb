//! TLS with endpoints: what is trusted, what is shown, and the handshake.

mod verify;

use crate::http::tls::files::{self, FileError, Half};
use ring::digest;
use rustls::client::ResolvesClientCert;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::sign::SingleCertAndKey;
use rustls::{AlertDescription, CertificateError, ClientConfig, RootCertStore};
use sedge_model::manifest::Invalid;
use sedge_model::node_config::CertificateFiles;
use sedge_model::routing::upstream::{Protocol, Tls, Upstream};
use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::SystemTime;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use verify::Verifier;

/// ALPN (RFC 7301) names of the protocols.
pub(super) const ALPN_H2: &[u8] = b"h2";
const ALPN_HTTP1: &[u8] = b"http/1.1";

/// What is wrong with a file, and which setting below `tls` names it, as a JSON
/// pointer.
#[derive(Debug)]
pub(super) struct Wrong {
    pub(super) pointer: String,
    pub(super) error: FileError,
}

/// Encrypts the connections of an upstream.
pub(super) struct Secure {
    connector: TlsConnector,
    /// Asks for HTTP/1.1 alone.
    http1: TlsConnector,
    /// Asked for in the place of the endpoint's host.
    name: Option<ServerName<'static>>,
    /// Of what the files hold, so that an upstream whose files have changed is
    /// not taken for the same.
    fingerprint: Vec<u8>,
}

impl Secure {
    /// Reads the files of an upstream with TLS.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with them.
    pub(super) fn load(upstream: &Upstream, tls: &Tls) -> Result<Secure, Vec<Wrong>> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut seen = digest::Context::new(&digest::SHA256);
        let mut wrong = Vec::new();
        let roots = roots(tls, &mut seen, &mut wrong);
        let shown = shown(upstream, tls, &provider, &mut seen, &mut wrong);
        let of_listener = |error| Wrong { pointer: String::new(), error: FileError::Rustls(error) };
        let name = tls.server_name.clone().map(ServerName::try_from).transpose();
        let name = name.unwrap_or_else(|error| {
            wrong.push(of_listener(rustls::Error::General(error.to_string())));
            None
        });
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let verifier = Verifier {
            roots,
            names: tls.subject_alt_names.clone(),
            insecure: tls.insecure,
            algorithms: provider.signature_verification_algorithms,
        };
        // TLS 1.3 and 1.2; rustls has no older one.
        let builder = ClientConfig::builder_with_provider(provider);
        let builder = builder.with_safe_default_protocol_versions();
        let builder = builder.map_err(|error| vec![of_listener(error)])?;
        let builder = builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier));
        let mut config = match shown {
            Some(shown) => builder.with_client_cert_resolver(shown),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = match upstream.protocol {
            Protocol::Auto => vec![ALPN_H2.to_vec(), ALPN_HTTP1.to_vec()],
            Protocol::Http1 => vec![ALPN_HTTP1.to_vec()],
            Protocol::Http2 => vec![ALPN_H2.to_vec()],
        };
        let mut alone = config.clone();
        alone.alpn_protocols = vec![ALPN_HTTP1.to_vec()];
        let [connector, http1] = [config, alone].map(|one| TlsConnector::from(Arc::new(one)));
        Ok(Secure { connector, http1, name, fingerprint: seen.finish().as_ref().to_vec() })
    }

    /// Whether the files of both hold the same.
    pub(super) fn is_as(&self, other: &Secure) -> bool {
        self.fingerprint == other.fingerprint
    }

    /// Encrypts a connection to an endpoint of this host; `alone`: asks for
    /// HTTP/1.1, and for nothing else.
    ///
    /// # Errors
    ///
    /// Why not, in words for an operator.
    pub(super) async fn handshake(
        &self,
        stream: TcpStream,
        host: &str,
        alone: bool,
    ) -> Result<TlsStream<TcpStream>, String> {
        let name = match &self.name {
            Some(name) => name.clone(),
            None => ServerName::try_from(host.to_owned())
                .map_err(|_| format!("`{host}` is not a name that a certificate can have"))?,
        };
        let connector = if alone { &self.http1 } else { &self.connector };
        connector.connect(name, stream).await.map_err(|error| reason(&error))
    }
}

/// The authorities that are trusted: Mozilla's, or those of the files.
fn roots(tls: &Tls, seen: &mut digest::Context, wrong: &mut Vec<Wrong>) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    if tls.trusted_roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    for (index, path) in tls.trusted_roots.iter().enumerate() {
        let pointer = format!("/trusted_roots/{index}");
        match files::certificates(path) {
            Err(error) => wrong.push(Wrong { pointer, error }),
            Ok(authorities) => {
                note(seen, &authorities);
                if authorities.into_iter().any(|one| roots.add(one).is_err()) {
                    wrong.push(Wrong { pointer, error: FileError::BadCertificate(path.clone()) });
                }
            }
        }
    }
    roots
}

/// The certificate by which the node proves who it is.
fn shown(
    upstream: &Upstream,
    tls: &Tls,
    provider: &CryptoProvider,
    seen: &mut digest::Context,
    wrong: &mut Vec<Wrong>,
) -> Option<Arc<dyn ResolvesClientCert>> {
    let (certificate, key) = tls.certificate.clone()?;
    let pair = CertificateFiles { certificate, key, name: None };
    match files::load_own(&pair, provider, SystemTime::now()) {
        Ok(identity) => {
            for warning in identity.warnings {
                tracing::warn!(upstream = %upstream.name, "{warning}");
            }
            note(seen, &identity.key.cert);
            Some(Arc::new(SingleCertAndKey::from(identity.key)))
        }
        Err(errors) => {
            wrong.extend(errors.into_iter().map(|(half, error)| Wrong {
                pointer: match half {
                    Half::Certificate => "/certificate".to_owned(),
                    Half::Key => "/key".to_owned(),
                },
                error,
            }));
            None
        }
    }
}

/// A key need not be noted: it fits one certificate only.
fn note(seen: &mut digest::Context, certificates: &[CertificateDer<'_>]) {
    for certificate in certificates {
        seen.update(&(certificate.len() as u64).to_be_bytes());
        seen.update(certificate);
    }
    seen.update(b"/");
}

impl From<Wrong> for Invalid {
    fn from(wrong: Wrong) -> Invalid {
        wrong.error.into()
    }
}

/// Whether an error is an endpoint's word, in an alert after the handshake, that
/// it does not accept the node's certificate (RFC 8446 §4.4.2.4): then it has
/// read nothing.
pub(super) fn refusal(error: &(dyn Error + 'static)) -> Option<String> {
    let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    let rustls::Error::AlertReceived(alert) = inner?.downcast_ref::<rustls::Error>()? else {
        return None;
    };
    let is_of_certificate = matches!(
        alert,
        AlertDescription::CertificateRequired
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied
    );
    is_of_certificate.then(|| format!("the endpoint refused the handshake: {alert:?}"))
}

/// Why a handshake failed, in words for an operator.
fn reason(error: &io::Error) -> String {
    let cause = error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>());
    let Some(cause) = cause else { return format!("the handshake broke off: {error}") };
    match cause {
        rustls::Error::InvalidCertificate(refused) => certificate(refused),
        rustls::Error::NoCertificatesPresented => "the endpoint has no certificate".to_owned(),
        rustls::Error::AlertReceived(alert) => {
            format!("the endpoint refused the handshake: {alert:?}")
        }
        rustls::Error::NoApplicationProtocol => {
            "the endpoint speaks none of the protocols that are asked for".to_owned()
        }
        rustls::Error::InvalidMessage(_) => format!("the endpoint does not speak TLS: {cause}"),
        other => other.to_string(),
    }
}

fn certificate(refused: &CertificateError) -> String {
    match refused {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the certificate has expired".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the certificate is not valid yet".to_owned()
        }
        CertificateError::NotValidForName => "the certificate is for another name".to_owned(),
        CertificateError::NotValidForNameContext { expected, presented } => {
            let expected = expected.to_str();
            format!("the certificate is not for {expected} but for {}", presented.join(", "))
        }
        // An authority of the same name with another key is another one.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "the certificate is of an authority that is not trusted".to_owned()
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "the certificate is not for servers".to_owned()
        }
        other => format!("the certificate is refused: {other}"),
    }
}

#[cfg(test)]
mod tests;
