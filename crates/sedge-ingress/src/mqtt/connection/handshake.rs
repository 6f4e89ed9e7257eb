//! From an accepted socket to a line that carries MQTT.

use super::websocket;
use super::{Line, Origin};
use crate::http::tls::{Client, TlsServer};
use crate::mqtt::auth::Holder;
use crate::mqtt::metrics::End;
use crate::mqtt::options::{MqttListener, Transport};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// Does the handshakes that a listener asks for. The caller bounds how long they take.
pub(super) async fn open(
    stream: TcpStream,
    peer: SocketAddr,
    listener: &MqttListener,
) -> Result<(Box<dyn Line>, Origin), End> {
    let mut origin = Origin { peer, encrypted: false, certificate: None };
    let mut line: Box<dyn Line> = match &listener.tls {
        None => Box::new(stream),
        Some(server) => {
            let tls = encrypt(stream, server, &listener.transport).await.map_err(|error| {
                tracing::debug!(%peer, %error, "TLS handshake of an MQTT client failed");
                End::Closed
            })?;
            (origin.encrypted, origin.certificate) = (true, holder(&tls));
            Box::new(tls)
        }
    };
    if let Transport::WebSocket { path } = &listener.transport {
        line = websocket::open(line, path).await.map_err(|error| {
            tracing::debug!(%peer, %error, "WebSocket handshake of an MQTT client failed");
            End::Refused
        })?;
    }
    Ok((line, origin))
}

/// The server's certificates, clients and versions; the protocol is another one.
async fn encrypt(
    stream: TcpStream,
    server: &TlsServer,
    transport: &Transport,
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut config = (*server.config()).clone();
    config.alpn_protocols = vec![match transport {
        Transport::Tcp => b"mqtt".to_vec(),
        Transport::WebSocket { .. } => b"http/1.1".to_vec(),
    }];
    TlsAcceptor::from(Arc::new(config)).accept(stream).await
}

/// Whom the client's certificate names, which rustls has verified.
fn holder(tls: &TlsStream<TcpStream>) -> Option<Holder> {
    let chain = tls.get_ref().1.peer_certificates()?;
    let client = Client::of(chain.first()?)?;
    Some(Holder { subject: client.subject, names: client.names, fingerprint: client.fingerprint })
}
