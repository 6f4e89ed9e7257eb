//! Asks the admin pages of a node.

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;

/// Largest answer that is read, bytes: a value has 25 MiB at most.
const ANSWER_BYTES_MAX: usize = 64 << 20;
/// Time that an answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// Sends one request; status and body of the answer.
pub(crate) async fn ask(
    admin: SocketAddr,
    method: Method,
    target: &str,
    body: Bytes,
) -> Result<(StatusCode, Bytes)> {
    let request = Request::builder().method(method).uri(target).body(Full::new(body));
    send(admin, request.context("make a request")?).await
}

/// Sends JSON to a page; status and body of the answer.
pub(crate) async fn post_json(
    admin: SocketAddr,
    target: &str,
    value: &serde_json::Value,
) -> Result<(StatusCode, Bytes)> {
    let request = Request::builder()
        .method(Method::POST)
        .uri(target)
        .header(http::header::CONTENT_TYPE, "application/json")
        .body(Full::new(value.to_string().into()));
    send(admin, request.context("make a request")?).await
}

async fn send(admin: SocketAddr, request: Request<Full<Bytes>>) -> Result<(StatusCode, Bytes)> {
    let answer = tokio::time::timeout(ANSWER_MAX, exchange(admin, request));
    answer
        .await
        .context("wait for the node's answer")?
        .with_context(|| format!("ask the node at {admin}"))
}

async fn exchange(
    admin: SocketAddr,
    mut request: Request<Full<Bytes>>,
) -> Result<(StatusCode, Bytes)> {
    let stream = TcpStream::connect(admin).await.context("connect")?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let host = HeaderValue::try_from(admin.to_string()).context("make a request")?;
    request.headers_mut().insert(http::header::HOST, host);
    let response = sender.send_request(request).await?;
    let status = response.status();
    let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
    let body = body.map_err(anyhow::Error::from_boxed).context("read the answer")?;
    Ok((status, body.to_bytes()))
}
