//! WebSockets of HTTP/2 clients (RFC 8441), by hyper's client.

use super::{Front, Peer, Settings};
use crate::world::PATIENCE;
use bytes::Bytes;
use http::{Method, Request, Response, Version};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper::ext::Protocol;
use hyper_util::rt::{TokioExecutor, TokioIo};
use sedge_model::failure::Kind;
use sedge_model::routing::upstream::Pool;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

async fn connect(front: &Front) -> SendRequest<Empty<Bytes>> {
    let stream = tokio::net::TcpStream::connect(front.gateway.local_addr()).await;
    let stream = TokioIo::new(stream.expect("gateway listens"));
    let (send, connection) =
        http2::handshake(TokioExecutor::new(), stream).await.expect("a handshake");
    tokio::spawn(connection);
    send
}

/// Waits without blocking the client's own tasks.
async fn unused(front: &Front) {
    let start = Instant::now();
    while front.gateway.metrics().upgrades_active() > 0
        || front.metric("sedge_upstream_active_upgrades") > 0
    {
        assert!(start.elapsed() < PATIENCE, "something is upgraded still");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

async fn ask(
    send: &mut SendRequest<Empty<Bytes>>,
    path: &str,
    protocol: Option<&'static str>,
) -> Result<Response<Incoming>, hyper::Error> {
    let mut request = Request::builder()
        .method(Method::CONNECT)
        .version(Version::HTTP_2)
        .uri(format!("https://test{path}"))
        .header("sec-websocket-version", "13")
        .body(Empty::new())
        .expect("valid");
    if let Some(protocol) = protocol {
        request.extensions_mut().insert(Protocol::from_static(protocol));
    }
    // The server's settings, which allow this, may come after the handshake.
    tokio::time::sleep(Duration::from_millis(50)).await;
    tokio::time::timeout(PATIENCE, send.send_request(request)).await.expect("in time")
}

async fn status(front: &Front, path: &str, protocol: Option<&'static str>) -> u16 {
    let mut send = connect(front).await;
    ask(&mut send, path, protocol).await.map_or(0, |response| response.status().as_u16())
}

#[tokio::test]
async fn what_is_not_spoken_is_not_said_to_be() {
    let peer = Peer::new();
    let front = Front::plain(&peer);
    for (path, protocol, expected) in [
        ("/", Some("unknown"), 501),
        ("/", Some("h2c"), 501),
        ("/function", Some("websocket"), 501),
        ("/plain", Some("websocket"), 501),
        ("/required", Some("websocket"), 426),
        ("/unproved", Some("websocket"), 502),
        ("/misproved", Some("websocket"), 502),
    ] {
        assert_eq!(status(&front, path, protocol).await, expected, "{path} {protocol:?}");
    }
    // A tunnel to somewhere is not served, whatever its path.
    assert_eq!(status(&front, "/", None).await, 400);
    assert_eq!(front.failures(Kind::UpgradeUnsupported), 4);
    unused(&front).await;
}

#[tokio::test]
async fn a_stream_is_a_websocket_and_others_go_on() {
    let peer = Peer::new();
    let front = Front::plain(&peer);
    let mut send = connect(&front).await;
    let response = ask(&mut send, "/chat", Some("websocket")).await.expect("an answer");
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["sec-websocket-protocol"], "chat");
    for gone in ["sec-websocket-accept", "connection", "upgrade"] {
        assert!(!response.headers().contains_key(gone), "{gone}");
    }
    let head = peer.heads().pop().expect("it came");
    assert!(head.starts_with("get /chat http/1.1\r\n"), "{head}");
    assert!(head.contains("sec-websocket-key: ") && head.contains("upgrade: websocket"), "{head}");
    let upgraded = hyper::upgrade::on(response).await.expect("a stream");
    let mut stream = TokioIo::new(upgraded);
    let sent = vec![b'w'; 3_000_000];
    let (mut reader, mut writer) = tokio::io::split(&mut stream);
    let mut back = vec![0; sent.len()];
    let (wrote, read) = tokio::join!(writer.write_all(&sent), reader.read_exact(&mut back));
    wrote.expect("sent");
    read.expect("an echo");
    assert!(back == sent);
    // Other requests share the connection meanwhile.
    let other = Request::get("http://test/function").body(Empty::new()).expect("valid");
    assert_eq!(send.send_request(other).await.expect("an answer").status(), 200);
    stream.shutdown().await.expect("half of it");
    let mut rest = String::new();
    stream.read_to_string(&mut rest).await.expect("the rest");
    assert_eq!(rest, "bye");
    unused(&front).await;
}

#[tokio::test]
async fn a_silent_stream_is_closed_and_so_is_one_when_the_node_stops() {
    let peer = Peer::new();
    let pool = Pool { upgrade_idle_timeout: Duration::from_millis(200), ..Pool::default() };
    let front = Front::new(&peer, Settings { pool, ..Settings::default() });
    let mut send = connect(&front).await;
    let response = ask(&mut send, "/", Some("websocket")).await.expect("an answer");
    let mut stream = TokioIo::new(hyper::upgrade::on(response).await.expect("a stream"));
    let read = tokio::time::timeout(PATIENCE, stream.read(&mut [0; 1])).await;
    assert_eq!(read.expect("in time").unwrap_or(0), 0);
    let front = Front::plain(&peer);
    let mut send = connect(&front).await;
    let response = ask(&mut send, "/", Some("websocket")).await.expect("an answer");
    let mut stream = TokioIo::new(hyper::upgrade::on(response).await.expect("a stream"));
    let metrics = front.gateway.metrics();
    let stopping = std::thread::spawn(move || front.gateway.shutdown(PATIENCE));
    let read = tokio::time::timeout(PATIENCE, stream.read(&mut [0; 1])).await;
    assert_eq!(read.expect("in time").unwrap_or(0), 0);
    drop((send, stream));
    assert_eq!(
        tokio::task::spawn_blocking(|| stopping.join()).await.expect("it ran").expect("no panic"),
        0
    );
    assert_eq!(metrics.failures(Kind::Draining), 1);
}
