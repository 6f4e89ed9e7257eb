//! A server for functions to call that speaks TLS, with a certificate of an
//! authority that nobody knows.

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

/// A server on loopback, for the name `localhost`. Its threads end with the
/// test's process.
pub struct TlsOrigin {
    /// Where it listens.
    pub address: SocketAddr,
    /// The certificate of its authority, as PEM.
    pub authority: String,
    asked: Arc<AtomicUsize>,
}

impl TlsOrigin {
    /// Makes an authority and a certificate, and starts.
    ///
    /// # Panics
    ///
    /// If loopback has no free port.
    pub fn start() -> Self {
        let (authority, config) = certify();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let asked = Arc::new(AtomicUsize::new(0));
        let seen = asked.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (config, seen) = (config.clone(), seen.clone());
                std::thread::spawn(move || serve(stream, config, &seen));
            }
        });
        TlsOrigin { address, authority, asked }
    }

    /// `https://localhost:<port><target>`.
    pub fn url(&self, target: &str) -> String {
        format!("https://localhost:{}{target}", self.address.port())
    }

    /// How many requests have arrived.
    pub fn asked(&self) -> usize {
        self.asked.load(SeqCst)
    }
}

/// A new authority's certificate, and what a server needs that it vouches for.
fn certify() -> (String, Arc<ServerConfig>) {
    let mut params = CertificateParams::new(Vec::<String>::new()).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    let authority = params.self_signed(&key).expect("an authority");
    let issuer = Issuer::new(params, key);
    let server_key = KeyPair::generate().expect("a key");
    let server = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    let certificate = server.signed_by(&server_key, &issuer).expect("a certificate");
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(server_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions of TLS")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .expect("the key of the certificate");
    (authority.pem(), Arc::new(config))
}

fn serve(stream: TcpStream, config: Arc<ServerConfig>, asked: &AtomicUsize) -> Option<()> {
    stream.set_read_timeout(Some(Duration::from_secs(60))).ok()?;
    let connection = ServerConnection::new(config).ok()?;
    let mut reader = BufReader::new(StreamOwned::new(connection, stream));
    loop {
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
        }
        asked.fetch_add(1, SeqCst);
        let writer = reader.get_mut();
        writer.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\nsecret\n").ok()?;
        writer.flush().ok()?;
    }
}
