//! Certificates and private keys from PEM files.

use super::x509::{Certificate, Name};
use crate::http::access::rfc3339;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use sedge_model::node_config::{CertificateFiles, Invalid};
use std::fs;
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

/// Largest PEM file that is read: a chain has a few kilobytes, a bundle of all
/// public roots a quarter of a megabyte.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// What is wrong with a file that TLS needs.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It is absent, or may not be read.
    #[error("cannot read {}: {reason}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        reason: io::Error,
    },
    /// It is not what it is taken for.
    #[error("{} is larger than {FILE_BYTES_MAX} bytes", .0.display())]
    TooLarge(PathBuf),
    /// It is not PEM (RFC 7468).
    #[error("{} is not PEM: {reason}", path.display())]
    NotPem {
        /// The file.
        path: PathBuf,
        /// What the parser says.
        reason: pem::Error,
    },
    /// It is PEM of something else.
    #[error("{} holds no certificate", .0.display())]
    NoCertificate(PathBuf),
    /// A certificate in it cannot be parsed (RFC 5280).
    #[error("{} holds something that is not a certificate", .0.display())]
    BadCertificate(PathBuf),
    /// It is PEM of something else.
    #[error("{} holds no private key", .0.display())]
    NoKey(PathBuf),
    /// It needs a passphrase, and nobody is there to give one.
    #[error("the private key in {} is encrypted", .0.display())]
    EncryptedKey(PathBuf),
    /// A kind of key that TLS has no use for, or a broken one.
    #[error("the private key in {} cannot be used", .0.display())]
    BadKey(PathBuf),
    /// No file is to blame.
    #[error("TLS cannot be set up: {0}")]
    Rustls(rustls::Error),
    /// The two files do not belong together.
    #[error("the key in {} does not match the certificate in {}", key.display(), certificate.display())]
    Mismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
}

impl FileError {
    /// What a person can do about it.
    fn hint(&self) -> &'static str {
        match self {
            FileError::Read { reason, .. } if reason.kind() == ErrorKind::NotFound => {
                "paths are relative to the file that names them"
            }
            FileError::Read { .. } => "the node's user must be able to read it",
            FileError::TooLarge(_) | FileError::NotPem { .. } | FileError::BadCertificate(_) => {
                "look at it with: openssl x509 -text -in FILE"
            }
            FileError::NoCertificate(_) => {
                "name the file with the lines BEGIN CERTIFICATE, the host's own first"
            }
            FileError::NoKey(_) => "name the file with the line BEGIN PRIVATE KEY",
            FileError::EncryptedKey(_) => {
                "decrypt it with: openssl pkey -in FILE -out NEW, readable by the node's user only"
            }
            FileError::BadKey(_) => {
                "use ECDSA on P-256 or P-384, Ed25519, or RSA with at least 2048 bits"
            }
            FileError::Rustls(_) => "this is a defect; please report it",
            FileError::Mismatch { .. } => {
                "a renewed certificate needs the key that it was made for"
            }
        }
    }
}

impl From<FileError> for Invalid {
    fn from(error: FileError) -> Invalid {
        Invalid::new(error.to_string(), error.hint())
    }
}

/// Which of the two files of a certificate is to blame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// The certificate.
    Certificate,
    /// Its key.
    Key,
}

/// A certificate that can be served.
#[derive(Debug)]
pub struct Identity {
    /// The chain and the key, as rustls takes them.
    pub key: Arc<CertifiedKey>,
    /// The DNS names that it is for, in lower case; a wildcard as `*.host`.
    pub names: Vec<String>,
    /// When it begins to be valid.
    pub not_before: SystemTime,
    /// When it expires.
    pub not_after: SystemTime,
    /// What is odd about it but no reason not to serve it.
    pub warnings: Vec<String>,
}

/// Reads a certificate of a server and its key.
///
/// # Errors
///
/// Everything that is wrong with either file.
pub fn load(
    files: &CertificateFiles,
    provider: &CryptoProvider,
    now: SystemTime,
) -> Result<Identity, Vec<(Half, FileError)>> {
    let (mut identity, hosts) = load_any(files, provider, now)?;
    if hosts == 0 {
        let shown = files.certificate.display();
        identity.warnings.push(format!(
            "the certificate {shown} names no host (subjectAltName); clients refuse it"
        ));
    }
    Ok(identity)
}

/// Reads a certificate by which the node proves who it is when it calls, and
/// its key. It need not be for a host.
pub(crate) fn load_own(
    files: &CertificateFiles,
    provider: &CryptoProvider,
    now: SystemTime,
) -> Result<Identity, Vec<(Half, FileError)>> {
    load_any(files, provider, now).map(|(identity, _)| identity)
}

/// A certificate with its key, and how many hosts and addresses it is for.
fn load_any(
    files: &CertificateFiles,
    provider: &CryptoProvider,
    now: SystemTime,
) -> Result<(Identity, usize), Vec<(Half, FileError)>> {
    let chain = certificates(&files.certificate);
    let key = private_key(&files.key);
    let (chain, key) = match (chain, key) {
        (Ok(chain), Ok(key)) => (chain, key),
        (chain, key) => {
            let chain = chain.err().map(|error| (Half::Certificate, error));
            let key = key.err().map(|error| (Half::Key, error));
            return Err(chain.into_iter().chain(key).collect());
        }
    };
    let mut warnings = Vec::new();
    let described = describe(&chain[0], &files.certificate, now, &mut warnings);
    let (names, hosts, not_before, not_after) =
        described.map_err(|error| vec![(Half::Certificate, error)])?;
    if key.readable_by_all {
        warnings.push(format!(
            "the private key {} can be read by every user of this machine; chmod 600 it",
            files.key.display()
        ));
    }
    let bad_key = |error: rustls::Error| match error {
        rustls::Error::InconsistentKeys(_) => {
            FileError::Mismatch { certificate: files.certificate.clone(), key: files.key.clone() }
        }
        _ => FileError::BadKey(files.key.clone()),
    };
    let key = CertifiedKey::from_der(chain, key.der, provider)
        .map_err(|error| vec![(Half::Key, bad_key(error))])?;
    Ok((Identity { key: Arc::new(key), names, not_before, not_after, warnings }, hosts))
}

/// The certificates of a PEM file, in its order; at least one.
pub(crate) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, FileError> {
    let (pem, _) = read(path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let found = found.map_err(|reason| FileError::NotPem { path: path.to_owned(), reason })?;
    if found.is_empty() {
        return Err(FileError::NoCertificate(path.to_owned()));
    }
    Ok(found)
}

struct Key {
    der: PrivateKeyDer<'static>,
    readable_by_all: bool,
}

fn private_key(path: &Path) -> Result<Key, FileError> {
    let (pem, mode) = read(path)?;
    match PrivateKeyDer::from_pem_slice(&pem) {
        Ok(der) => Ok(Key { der, readable_by_all: mode & 0o004 != 0 }),
        Err(pem::Error::NoItemsFound) if contains(&pem, b"BEGIN ENCRYPTED PRIVATE KEY") => {
            Err(FileError::EncryptedKey(path.to_owned()))
        }
        Err(pem::Error::NoItemsFound) => Err(FileError::NoKey(path.to_owned())),
        Err(reason) => Err(FileError::NotPem { path: path.to_owned(), reason }),
    }
}

fn contains(text: &[u8], words: &[u8]) -> bool {
    text.windows(words.len()).any(|window| window == words)
}

/// The bytes of a file, and who may read it.
fn read(path: &Path) -> Result<(Vec<u8>, u32), FileError> {
    let failed = |reason| FileError::Read { path: path.to_owned(), reason };
    let file = fs::File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    let mut bytes = Vec::new();
    // A pipe has no length: what counts is what is read.
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(FileError::TooLarge(path.to_owned()));
    }
    Ok((bytes, metadata.mode()))
}

/// For which hosts a certificate is (its subjectAltName alone, RFC 9525 §2), how
/// many those and its addresses are, from when and until when.
fn describe(
    der: &CertificateDer<'_>,
    path: &Path,
    now: SystemTime,
    warnings: &mut Vec<String>,
) -> Result<(Vec<String>, usize, SystemTime, SystemTime), FileError> {
    let bad = || FileError::BadCertificate(path.to_owned());
    let parsed = Certificate::read(der).ok_or_else(bad)?;
    let hosts = parsed.names.iter();
    let hosts = hosts.filter(|name| matches!(name, Name::Dns(_) | Name::Ip(_))).count();
    let dns = parsed.names.into_iter().filter_map(|name| match name {
        Name::Dns(name) => Some(name.trim_end_matches('.').to_ascii_lowercase()),
        _ => None,
    });
    let shown = path.display();
    if parsed.not_after < now {
        let date = rfc3339(parsed.not_after);
        warnings.push(format!("the certificate {shown} has expired on {date}"));
    }
    if parsed.not_before > now {
        let date = rfc3339(parsed.not_before);
        warnings.push(format!("the certificate {shown} is not valid before {date}"));
    }
    Ok((dns.collect(), hosts, parsed.not_before, parsed.not_after))
}

#[cfg(test)]
pub(crate) mod tests;
