//! From an accepted socket to an encrypted one.

use super::acme;
use super::facts::Facts;
use super::hello::{self, ClientHello, Parsed};
use super::{Reason, TlsServer};
use crate::http::connection::{Connection, Order};
use crate::http::exchange;
use crate::http::socket::Socket;
use crate::http::wire::Wire;
use rustls::{CertificateError, PeerIncompatible, PeerMisbehaved, ServerConfig};
use sedge_model::failure::Kind;
use std::future::{Future, poll_fn};
use std::io::{self, ErrorKind};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

/// What a client without TLS is told.
const PLAIN: &[u8] = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\
    Content-Type: text/plain\r\nContent-Length: 44\r\n\r\n\
    this port speaks HTTP over TLS: use https://";

/// Encrypts a connection; `None` if that failed, which has been counted, or if
/// the connection was told to end.
pub(crate) async fn accept(
    stream: TcpStream,
    connection: &Arc<Connection>,
    server: &TlsServer,
) -> Option<Socket> {
    let counters = &connection.core.shard.tls;
    if counters.active.get() >= connection.core.handshakes_max {
        counters.failed(Reason::TooMany);
        return None;
    }
    counters.active.add(1);
    let socket = shake(stream, connection, server).await;
    counters.active.subtract(1);
    match socket {
        Ok(Some(socket)) => {
            counters.completed.add(1);
            Some(socket)
        }
        // An authority has seen what it wanted to see.
        Ok(None) => None,
        Err((reason, detail)) => {
            counters.failed(reason);
            tracing::debug!(peer = %connection.peer, reason = reason.label(), detail, "TLS handshake failed");
            None
        }
    }
}

/// `None` if the handshake was all that was wanted.
async fn shake(
    stream: TcpStream,
    connection: &Arc<Connection>,
    server: &TlsServer,
) -> Result<Option<Socket>, (Reason, String)> {
    let mut wire = Wire::new(stream, Arc::clone(connection));
    let read = poll_fn(|cx| poll_hello(&mut wire, cx));
    let parsed = unless_ordered(connection, read).await?;
    let hello = match parsed.map_err(|error| classify(&error))? {
        Parsed::PlainHttp => {
            wire.try_write(PLAIN);
            exchange::refused(connection, Kind::BadRequest, "HTTP without TLS on a port with TLS");
            return Err((Reason::PlainHttp, String::new()));
        }
        Parsed::Foreign => return Err((Reason::NotTls, String::new())),
        // Whatever else it is, rustls reads it again and knows the right alert.
        Parsed::Malformed | Parsed::Incomplete => None,
        Parsed::Hello(hello) => Some(hello),
    };
    if let Some(config) = challenge(hello.as_ref(), server) {
        let accepting = TlsAcceptor::from(Arc::new(config)).accept(wire);
        let tls = unless_ordered(connection, accepting).await?;
        return tls.map(|_| None).map_err(|error| classify(&error));
    }
    let accepting = TlsAcceptor::from(server.config()).accept(wire);
    let tls = unless_ordered(connection, accepting).await?;
    let tls = tls.map_err(|error| match classify(&error) {
        // rustls looks at the signature schemes first, which old versions lack.
        (Reason::Cipher, detail) if hello.as_ref().is_some_and(is_old) => (Reason::Version, detail),
        // The resolver had nothing to give.
        (Reason::Cipher, detail) if server.shows_nothing() => (Reason::NoCertificate, detail),
        other => other,
    })?;
    let facts = Facts::new(tls.get_ref().1, hello.as_ref());
    connection.met(facts);
    Ok(Some(Socket::Tls(Box::new(tls))))
}

/// What an authority is shown that validates a host, if that is expected now.
/// It offers nothing but this protocol (RFC 8737 §3), so no other client meets
/// these certificates.
fn challenge(hello: Option<&ClientHello>, server: &TlsServer) -> Option<ServerConfig> {
    let [only] = &hello?.protocols[..] else { return None };
    let challenges = &server.acme().filter(|_| only == acme::PROTOCOL)?.challenges;
    challenges.tls(server.provider())
}

/// Whether a client knows no version from TLS 1.2 on.
fn is_old(hello: &ClientHello) -> bool {
    hello.versions.iter().chain([&hello.legacy_version]).all(|&version| version < 0x0303)
}

fn poll_hello(wire: &mut Wire, cx: &mut Context<'_>) -> Poll<io::Result<Parsed>> {
    loop {
        match hello::parse(wire.seen()) {
            Parsed::Incomplete => ready!(wire.poll_ahead(cx, hello::BYTES_MAX))?,
            parsed => return Poll::Ready(Ok(parsed)),
        }
    }
}

/// Waits for work, unless the connection is told to end meanwhile.
async fn unless_ordered<T>(
    connection: &Connection,
    work: impl Future<Output = T>,
) -> Result<T, (Reason, String)> {
    let mut work = pin!(work);
    let done = poll_fn(|cx| match connection.ordered() {
        Order::None => work.as_mut().poll(cx).map(Some),
        Order::Finish | Order::Cut => Poll::Ready(None),
    });
    done.await.ok_or_else(|| match connection.timeout() {
        Some(_) => (Reason::Timeout, String::new()),
        None => (Reason::Stopped, String::new()),
    })
}

/// The reason of a failure, and what rustls or the system says.
fn classify(error: &io::Error) -> (Reason, String) {
    let rustls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let reason = match rustls {
        Some(error) => classify_rustls(error),
        None => match error.kind() {
            ErrorKind::UnexpectedEof
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe => Reason::Closed,
            _ => Reason::Other,
        },
    };
    (reason, error.to_string())
}

fn classify_rustls(error: &rustls::Error) -> Reason {
    use rustls::Error::{
        AlertReceived, DecryptError, InappropriateHandshakeMessage, InappropriateMessage,
        InvalidCertificate, InvalidMessage, NoApplicationProtocol, NoCertificatesPresented,
        PeerIncompatible as Incompatible, PeerMisbehaved as Misbehaved, PeerSentOversizedRecord,
    };
    match error {
        Incompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
            | PeerIncompatible::SupportedVersionsExtensionRequired
            | PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled,
        ) => Reason::Version,
        Incompatible(_) => Reason::Cipher,
        // The resolver had no certificate whose key the client can verify.
        rustls::Error::General(_) => Reason::Cipher,
        NoApplicationProtocol => Reason::Protocol,
        InvalidCertificate(CertificateError::ApplicationVerificationFailure) => Reason::Other,
        InvalidCertificate(_)
        | NoCertificatesPresented
        | Misbehaved(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme) => {
            Reason::ClientCertificate
        }
        AlertReceived(_) => Reason::Alert,
        Misbehaved(_)
        | InvalidMessage(_)
        | InappropriateMessage { .. }
        | InappropriateHandshakeMessage { .. }
        | DecryptError
        | PeerSentOversizedRecord => Reason::Malformed,
        _ => Reason::Other,
    }
}
