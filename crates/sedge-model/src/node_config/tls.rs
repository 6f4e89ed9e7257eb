//! Listeners with TLS, as `node.toml` declares them. Nothing is read from disk
//! here: whoever loads the files reports what is wrong with them by the
//! pointers that these types give.

use super::acme::{self, AcmeConfig, RawAcme};
use super::address;
use crate::document::{Draft, Invalid};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// One more address where requests arrive, encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsListener {
    /// Where it listens.
    pub listen: SocketAddr,
    /// What it shows to clients. The first is for those who name no host, or
    /// one that none of the certificates is for.
    pub certificates: Vec<CertificateFiles>,
    /// Whether clients show certificates too (mutual TLS).
    pub client: Option<ClientAuth>,
    /// A certificate that the node gets by itself, shown before `certificates`.
    pub acme: Option<AcmeConfig>,
}

impl TlsListener {
    /// Every file that is read, and read again when it changes.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        let pairs = self.certificates.iter();
        let pairs = pairs.flat_map(|pair| [pair.certificate.as_path(), pair.key.as_path()]);
        pairs.chain(self.client.iter().map(|client| client.ca.as_path()))
    }
}

/// Which clients are let in by their certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientAuth {
    /// PEM file of the authorities that vouch for clients.
    pub ca: PathBuf,
    /// Whether there is a way in without a certificate.
    pub mode: ClientMode,
}

/// Whether clients must show a certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ClientMode {
    /// Without a valid one there is no connection.
    #[default]
    Required,
    /// A client may show none; one that is not valid ends the handshake.
    Optional,
}

/// A certificate and its private key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CertificateFiles {
    /// PEM file with the certificate and then those that lead to its root.
    pub certificate: PathBuf,
    /// PEM file with the private key (PKCS #8, PKCS #1 or SEC 1).
    pub key: PathBuf,
    /// What mesh files call it (`credentialName`, `certificateRefs`).
    pub name: Option<String>,
}

/// A listener with TLS, beside the plain one; write one `[[tls]]` for each.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["listen"]))]
pub(super) struct RawTls {
    /// Address and port where requests arrive; port 0 takes a free one.
    #[schemars(length(max = 64), example = &"0.0.0.0:443")]
    pub(super) listen: String,
    /// Certificates. A client gets the first that is for the host that it asks
    /// for, or the first of all.
    #[schemars(length(max = 16_384))]
    pub(super) certificate: Vec<RawCertificate>,
    /// PEM file, relative to this file, of the authorities that vouch for
    /// clients: with it, clients are asked for a certificate (mutual TLS).
    #[schemars(length(min = 1, max = 4_096), example = &"clients.pem")]
    pub(super) client_ca: Option<PathBuf>,
    /// Whether a client must show a certificate; `required` if absent. Needs
    /// `client_ca`.
    pub(super) client_auth: Option<ClientMode>,
    /// A certificate that the node gets and renews by itself. It is shown before
    /// those of `certificate`, which serve until there is one.
    pub(super) acme: Option<RawAcme>,
}

/// A certificate and its key, read again when the files change; write one such table for
/// each.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["certificate", "key"]))]
pub(super) struct RawCertificate {
    /// PEM file, relative to this file: the certificate, then those that lead
    /// to its root. It tells by itself for which hosts it is.
    #[schemars(length(min = 1, max = 4_096), example = &"site.pem")]
    pub(super) certificate: PathBuf,
    /// PEM file of its private key, relative to this file.
    #[schemars(length(min = 1, max = 4_096), example = &"site-key.pem")]
    pub(super) key: PathBuf,
    /// What mesh files call it: `credentialName` of Istio, `certificateRefs` of
    /// the Gateway API.
    #[schemars(length(min = 1, max = 253), example = &"edge-tls-cert")]
    pub(super) name: Option<String>,
}

/// Checks what can be checked without the files, and resolves paths against
/// `folder`. `taken` are the addresses of the other listeners, by key.
pub(super) fn resolve(
    draft: &mut Draft,
    raw: Vec<RawTls>,
    folder: &Path,
    taken: &[(&str, SocketAddr)],
) -> Vec<TlsListener> {
    let mut taken: Vec<(String, SocketAddr)> =
        taken.iter().map(|(key, address)| ((*key).to_owned(), *address)).collect();
    let mut listeners = Vec::new();
    for (index, raw) in raw.into_iter().enumerate() {
        let at = format!("/tls/{index}/listen");
        // What is refused keeps its place, so that pointers stay right.
        let listen = address(draft, &at, &raw.listen).unwrap_or(([0, 0, 0, 0], 0).into());
        let other = taken.iter().find(|(_, one)| *one == listen && listen.port() != 0);
        if let Some((key, _)) = other {
            let message = format!("`{key}` listens on {listen} already");
            draft.reject(&at, Invalid::new(message, "give this listener a port of its own"));
        }
        taken.push((format!("tls[{index}].listen"), listen));
        if raw.certificate.is_empty() && raw.acme.is_none() && draft.has(&at) {
            let message = "this listener shows no certificate";
            let hint = "write [[tls.certificate]] with the files of one, or [tls.acme] to get one";
            draft.reject(&at, Invalid::new(message, hint));
        }
        let files = raw.certificate.into_iter().map(|files| CertificateFiles {
            certificate: folder.join(files.certificate),
            key: folder.join(files.key),
            name: files.name,
        });
        let mode = raw.client_auth.unwrap_or_default();
        let client = raw.client_ca.map(|ca| ClientAuth { ca: folder.join(ca), mode });
        if client.is_none() && raw.client_auth.is_some() {
            let hint = "write client_ca, the file of the authorities that vouch for clients";
            let at = format!("/tls/{index}/client_auth");
            draft.reject(&at, Invalid::new("`client_auth` needs `client_ca`", hint));
        }
        let acme =
            raw.acme.map(|raw| acme::resolve(draft, &format!("/tls/{index}/acme"), raw, folder));
        listeners.push(TlsListener { listen, certificates: files.collect(), client, acme });
    }
    listeners
}
