//! TLS before a server that has none.

use crate::secure::{chain, key};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use sedge_model::node_config::CertificateFiles;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;

/// Decrypts connections, and passes them on byte by byte; stopped when dropped.
pub(crate) struct Terminator {
    pub(crate) address: SocketAddr,
    seen: Arc<Seen>,
    stop: Arc<Notify>,
}

#[derive(Default)]
struct Seen {
    handshakes: AtomicUsize,
    /// Of each handshake: the name that was asked for, and how many
    /// certificates were shown.
    asked: Mutex<Vec<(Option<String>, usize)>>,
}

/// How a server greets.
pub(crate) fn config(
    files: &CertificateFiles,
    clients: Option<&Path>,
    protocols: &[&str],
) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("versions");
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(file) => {
            let mut roots = RootCertStore::empty();
            chain(file).into_iter().for_each(|one| roots.add(one).expect("a root"));
            let roots = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(roots.build().expect("roots"))
        }
    };
    let mut config =
        builder.with_single_cert(chain(&files.certificate), key(&files.key)).expect("a pair");
    config.alpn_protocols = protocols.iter().map(|one| one.as_bytes().to_vec()).collect();
    config
}

impl Terminator {
    pub(crate) fn new(to: SocketAddr, config: ServerConfig) -> Terminator {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a free port");
        let address = listener.local_addr().expect("bound");
        let (seen, stop) = (Arc::<Seen>::default(), Arc::<Notify>::default());
        let serving = serve(listener, TlsAcceptor::from(Arc::new(config)), to, Arc::clone(&seen));
        let stopped = Arc::clone(&stop);
        std::thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = stopped.notified() => {}
                    () = serving => {}
                }
            });
        });
        Terminator { address, seen, stop }
    }

    pub(crate) fn handshakes(&self) -> usize {
        self.seen.handshakes.load(SeqCst)
    }

    /// Of each handshake: the name that was asked for, and how many certificates
    /// were shown.
    pub(crate) fn asked(&self) -> Vec<(Option<String>, usize)> {
        self.seen.asked.lock().expect("no panic").clone()
    }
}

impl Drop for Terminator {
    fn drop(&mut self) {
        self.stop.notify_one();
    }
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, to: SocketAddr, seen: Arc<Seen>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, seen) = (acceptor.clone(), Arc::clone(&seen));
        tokio::spawn(async move {
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            let session = stream.get_ref().1;
            let name = session.server_name().map(str::to_owned);
            let shown = session.peer_certificates().map_or(0, <[_]>::len);
            seen.asked.lock().expect("no panic").push((name, shown));
            seen.handshakes.fetch_add(1, SeqCst);
            let Ok(mut to) = TcpStream::connect(to).await else { return };
            let _ = tokio::io::copy_bidirectional(&mut stream, &mut to).await;
        });
    }
}
