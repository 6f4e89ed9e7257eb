//! Whether the certificate of an endpoint is good enough.

use crate::http::tls::x509::{Certificate, Name};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use sedge_model::routing::upstream::AltName;

/// Verifies by webpki (RFC 5280 §6): signatures, dates, that it is for servers;
/// and then one of the names.
#[derive(Debug)]
pub(super) struct Verifier {
    pub(super) roots: RootCertStore,
    /// In the place of the name that was asked for; empty: that one.
    pub(super) names: Vec<AltName>,
    /// Whether any certificate will do. That the endpoint has its key is
    /// verified all the same.
    pub(super) insecure: bool,
    pub(super) algorithms: WebPkiSupportedAlgorithms,
}

impl Verifier {
    fn is_one_of(&self, parsed: &ParsedCertificate<'_>, der: &CertificateDer<'_>) -> bool {
        self.names.iter().any(|name| match name {
            AltName::Dns(host) => ServerName::try_from(host.as_str())
                .is_ok_and(|name| verify_server_name(parsed, &name).is_ok()),
            AltName::Ip(address) => verify_server_name(parsed, &ServerName::from(*address)).is_ok(),
            AltName::Uri(uri) => Certificate::read(der).is_some_and(|read| {
                read.names.iter().any(|name| matches!(name, Name::Uri(found) if found == uri))
            }),
        })
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.insecure {
            return Ok(ServerCertVerified::assertion());
        }
        let parsed = ParsedCertificate::try_from(end_entity)?;
        verify_server_cert_signed_by_trust_anchor(
            &parsed,
            &self.roots,
            intermediates,
            now,
            self.algorithms.all,
        )?;
        match self.names.is_empty() {
            true => verify_server_name(&parsed, server_name)?,
            false if self.is_one_of(&parsed, end_entity) => {}
            false => return Err(CertificateError::NotValidForName.into()),
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
