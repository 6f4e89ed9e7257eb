//! A TLS client that makes a new handshake for each request, and says which
//! certificate it was shown.

use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// What a request over a new connection came to.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The server's certificate, DER.
    pub certificate: Vec<u8>,
    /// The whole answer, head and body.
    pub answer: String,
}

/// A client; cheap to clone.
#[derive(Clone)]
pub struct Client(Arc<ClientConfig>);

impl Client {
    /// Trusts the certificates in `FOLDER/ROOTS.pem`; shows those of
    /// `FOLDER/IDENTITY.pem`, if there is one.
    ///
    /// # Panics
    ///
    /// If a file is absent or broken.
    pub fn new(folder: &Path, roots: &str, identity: Option<&str>) -> Self {
        let mut trusted = RootCertStore::empty();
        for root in certificates(folder, roots) {
            trusted.add(root).expect("a root");
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions of TLS")
            .with_root_certificates(trusted);
        let mut config = match identity {
            None => config.with_no_client_auth(),
            Some(name) => {
                let key = PrivateKeyDer::from_pem_file(folder.join(format!("{name}-key.pem")));
                let chain = certificates(folder, name);
                config.with_client_auth_cert(chain, key.expect("a key")).expect("they fit")
            }
        };
        // Whoever resumes is not shown a certificate.
        config.resumption = Resumption::disabled();
        Client(Arc::new(config))
    }

    /// A GET of `path` from `host`, over a new connection.
    ///
    /// # Errors
    ///
    /// What went wrong, the check of the server's certificate included.
    pub fn get(&self, address: SocketAddr, host: &str, path: &str) -> Result<Shown, String> {
        self.try_get(address, host, path).map_err(|error| format!("{host}: {error}"))
    }

    fn try_get(&self, address: SocketAddr, host: &str, path: &str) -> std::io::Result<Shown> {
        let name = ServerName::try_from(host.to_owned()).map_err(std::io::Error::other)?;
        let session = ClientConnection::new(Arc::clone(&self.0), name);
        let stream = TcpStream::connect_timeout(&address, Duration::from_secs(20))?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        let mut stream = StreamOwned::new(session.map_err(std::io::Error::other)?, stream);
        let request = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        match stream.read_to_end(&mut answer) {
            // Whoever closes without saying so in TLS has still answered whole, if the
            // length fits; the caller sees.
            Err(error) if error.kind() != std::io::ErrorKind::UnexpectedEof => return Err(error),
            _ => {}
        }
        let shown = stream.conn.peer_certificates().and_then(|chain| chain.first());
        let certificate = shown.map(|one| one.to_vec()).unwrap_or_default();
        Ok(Shown { certificate, answer: String::from_utf8_lossy(&answer).into_owned() })
    }
}

/// The certificates in `FOLDER/NAME.pem`.
///
/// # Panics
///
/// If the file is absent or broken.
pub fn certificates(folder: &Path, name: &str) -> Vec<CertificateDer<'static>> {
    let all = CertificateDer::pem_file_iter(folder.join(format!("{name}.pem")));
    all.expect("a file").collect::<Result<_, _>>().expect("certificates")
}
