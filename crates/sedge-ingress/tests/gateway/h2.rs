//! HTTP/2 with prior knowledge, by hyper's client.

use crate::world::{PATIENCE, World};
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty, Full};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use sedge_model::failure::Kind;
use std::time::Duration;

async fn connect<B>(world: &World) -> SendRequest<B>
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: std::error::Error + Send + Sync,
{
    let stream = tokio::net::TcpStream::connect(world.gateway.local_addr()).await;
    let stream = TokioIo::new(stream.expect("gateway listens"));
    let (send, connection) =
        http2::handshake(TokioExecutor::new(), stream).await.expect("a handshake");
    tokio::spawn(connection);
    send
}

fn get(path: &str) -> Request<Empty<Bytes>> {
    Request::get(format!("http://test{path}")).body(Empty::new()).expect("valid")
}

/// The status, and the body if it came to its end.
async fn fetch(
    send: &mut SendRequest<Empty<Bytes>>,
    request: Request<Empty<Bytes>>,
) -> (u16, Option<String>) {
    let response = tokio::time::timeout(PATIENCE, send.send_request(request))
        .await
        .expect("an answer in time")
        .expect("an answer");
    let status = response.status().as_u16();
    let body = tokio::time::timeout(PATIENCE, response.collect()).await.expect("a body in time");
    (status, body.ok().map(|body| String::from_utf8_lossy(&body.to_bytes()).into_owned()))
}

/// Waits without blocking the client's own tasks.
async fn until(what: &str, holds: impl Fn() -> bool) {
    let start = std::time::Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "{what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn what_is_wrong_is_refused_as_in_http1() {
    let world = World::new(|_| {});
    let mut send = connect(&world).await;
    let wrong_host = Request::get("http://test/hello").header("host", "other").body(Empty::new());
    assert_eq!(fetch(&mut send, wrong_host.expect("valid")).await.0, 400);
    assert_eq!(fetch(&mut send, get("/a/../hello")).await.0, 400);
    assert_eq!(fetch(&mut send, get(&format!("/{}", "a".repeat(9_000)))).await.0, 414);
    assert_eq!(world.begun(), 0);
    let (status, body) = fetch(&mut send, get("/trap")).await;
    assert!(status == 500 && body.is_some_and(|body| body.contains(r#""kind":"trap""#)));
}

#[tokio::test]
async fn a_failure_in_mid_body_resets_the_stream_and_not_the_connection() {
    let world = World::new(|_| {});
    let mut send = connect(&world).await;
    for path in ["/midway", "/short", "/long"] {
        assert_eq!(fetch(&mut send, get(path)).await, (200, None), "{path}");
    }
    assert_eq!(fetch(&mut send, get("/hello")).await, (200, Some("hello".into())));
}

#[tokio::test]
async fn head_and_fields_are_as_in_http1() {
    let world = World::new(|_| {});
    let mut send = connect(&world).await;
    let head = Request::head("http://test/hello").body(Empty::new()).expect("valid");
    let response = send.send_request(head).await.expect("an answer");
    assert_eq!(response.headers()["content-length"], "5");
    assert!(response.collect().await.expect("a body").to_bytes().is_empty());
    assert_eq!(fetch(&mut send, get("/nothing")).await, (204, Some(String::new())));
    let response = send.send_request(get("/hop")).await.expect("an answer");
    assert!(!response.headers().contains_key("x-hop"));
}

#[tokio::test]
async fn bodies_and_trailers_pass() {
    let world = World::new(|_| {});
    let mut send = connect(&world).await;
    let large = Bytes::from(vec![7; 3_000_000]);
    let post = Request::post("http://test/echo").body(Full::new(large.clone())).expect("valid");
    let response = send.send_request(post).await.expect("an answer");
    assert!(response.collect().await.expect("a body").to_bytes() == large);
    let get = Request::get("http://test/trailers").body(Full::default()).expect("valid");
    let answer = send.send_request(get).await.expect("an answer").collect().await.expect("a body");
    assert_eq!(answer.trailers().map(|fields| fields["x-sum"].clone()), Some("5".parse().unwrap()));
}

#[tokio::test]
async fn a_cancelled_stream_and_a_lost_connection_cancel_their_handlers() {
    let world = World::new(|_| {});
    let mut send = connect(&world).await;
    let call = send.send_request(get("/forever"));
    assert!(tokio::time::timeout(Duration::from_millis(300), call).await.is_err());
    until("the stream's handler was cancelled", || world.cancelled() == 1).await;
    let mut other = connect(&world).await;
    let call = tokio::spawn(async move { other.send_request(get("/forever")).await.is_ok() });
    until("the other handler was called", || world.begun() == 2).await;
    // Aborting the call drops the last handle, and with it the connection.
    call.abort();
    until("the connection's handler was cancelled", || world.cancelled() == 2).await;
    assert_eq!(world.gateway.metrics().failures(Kind::ClientGone), 2);
}

#[tokio::test]
async fn a_drain_answers_what_has_begun() {
    let world = World::new(|_| {});
    let mut send = connect(&world).await;
    let nap = tokio::spawn(send.send_request(get("/nap")));
    until("the handler was called", || world.begun() == 1).await;
    let gateway = world.gateway;
    let drained = tokio::task::spawn_blocking(move || gateway.shutdown(PATIENCE));
    let response = nap.await.expect("no panic").expect("an answer");
    assert_eq!(response.collect().await.expect("a body").to_bytes(), "rested");
    assert_eq!(drained.await.expect("no panic"), 0);
}
