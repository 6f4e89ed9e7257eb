//! One connection, from the accepted socket to its end.
//!
//! 1. `handshake`: TLS and WebSocket, if the listener has them.
//! 2. `connect`: the first packet; who it is, and which session it gets.
//! 3. `client`: **what a client says, packet by packet**.
//! 4. `drive`: reading, answering and sending, as far as both sides keep up.

mod client;
mod connect;
mod drive;
mod handshake;
mod pending;
mod throttle;
mod websocket;

use super::auth::Holder;
use super::broker::Broker;
use super::codec::{Fault, Writer};
use super::metrics::{End, add};
use super::options::MqttListener;
use bytes::BytesMut;
use client::Client;
use mqtt5_protocol::ReasonCode;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch::Receiver;

/// A connection's bytes, whatever carries them.
pub(crate) trait Line: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Line for T {}

/// How long a client may take to read the last word, and to close.
const FAREWELL: Duration = Duration::from_secs(2);
/// What is read, and thrown away, of a client that was told to end.
const LINGER_BYTES_MAX: usize = 256 << 10;

/// What is known of a connection before its first packet.
pub(crate) struct Origin {
    pub(crate) peer: SocketAddr,
    pub(crate) encrypted: bool,
    pub(crate) certificate: Option<Holder>,
}

/// Why a connection ends, and what the client is told.
pub(crate) struct Ending {
    pub(crate) end: End,
    /// In a DISCONNECT, if the client speaks MQTT 5.0.
    pub(crate) fault: Option<Fault>,
    pub(crate) keeps_will: bool,
    pub(crate) expiry_s: Option<u32>,
}

impl Ending {
    pub(crate) fn new(end: End) -> Self {
        Ending { end, fault: None, keeps_will: true, expiry_s: None }
    }

    pub(crate) fn told(end: End, reason: ReasonCode, text: &'static str) -> Self {
        Ending { fault: Some(Fault::new(reason, text)), ..Ending::new(end) }
    }
}

impl From<Fault> for Ending {
    fn from(fault: Fault) -> Self {
        Ending { fault: Some(fault), ..Ending::new(End::ProtocolError) }
    }
}

/// Serves a connection until its end, which is counted.
pub(crate) async fn run(
    stream: TcpStream,
    peer: SocketAddr,
    listener: &MqttListener,
    broker: Arc<Broker>,
    mut stop: Receiver<bool>,
) {
    // Acknowledgments leave when they are ready, not when there are more.
    let _ = stream.set_nodelay(true);
    let opening = async {
        let (line, origin) = handshake::open(stream, peer, listener).await?;
        connect::connect(line, origin, &broker).await
    };
    let opened = tokio::select! {
        biased;
        opened = tokio::time::timeout(broker.options.connect_timeout, opening) => opened,
        _ = stop.wait_for(|stops| *stops) => return broker.counters.ended(End::Stopped),
    };
    let end = match opened {
        Ok(Ok(client)) => serve(client, &broker).await,
        Ok(Err(end)) => end,
        Err(_) => End::ConnectTimeout,
    };
    broker.counters.ended(end);
}

async fn serve(mut client: Client, broker: &Arc<Broker>) -> End {
    if broker.is_stopping() {
        client.inbox.order(super::session::Order::ShuttingDown);
    }
    tracing::debug!(
        client = &*client.session.client,
        user = client.identity.username.as_deref(),
        peer = %client.origin.peer,
        encrypted = client.origin.encrypted,
        version = client.writer.version().number(),
        "an MQTT client has connected"
    );
    let Ending { end, fault, keeps_will, expiry_s } = client.drive().await;
    let detail = fault.as_ref().map_or("", |fault| fault.text);
    tracing::debug!(
        client = &*client.session.client,
        peer = %client.origin.peer,
        reason = end.label(),
        detail,
        received = client.packets_in,
        sent = client.packets_out,
        seconds = client.since.elapsed().as_secs(),
        "an MQTT client has left"
    );
    broker.leave(&client.session, &client.inbox, keeps_will, expiry_s);
    if let Some(fault) = fault {
        client.writer.disconnect(fault.reason, fault.text);
    }
    farewell(client.line, client.writer, broker).await;
    end
}

/// Sends what is left, if the client takes it, and closes.
async fn farewell(mut line: Box<dyn Line>, mut writer: Writer, broker: &Broker) {
    let out = writer.out.split();
    add(&broker.counters.bytes_out, out.len() as u64);
    let last = async {
        line.write_all(&out).await?;
        line.flush().await?;
        line.shutdown().await?;
        // A socket that is closed with something unread takes back what was sent.
        let mut left = LINGER_BYTES_MAX;
        let mut buffer = BytesMut::with_capacity(4_096);
        while left > 0 {
            buffer.clear();
            match line.read_buf(&mut buffer).await? {
                0 => break,
                read => left = left.saturating_sub(read),
            }
        }
        std::io::Result::Ok(())
    };
    // Whatever it comes to, the connection is closed.
    let _ = tokio::time::timeout(FAREWELL, last).await;
}
