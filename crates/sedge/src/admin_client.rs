//! Asks the admin pages of a node.

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{Method, Request, StatusCode};
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
    let answer = tokio::time::timeout(ANSWER_MAX, exchange(admin, method, target, body));
    answer
        .await
        .context("wait for the node's answer")?
        .with_context(|| format!("ask the node at {admin}"))
}

async fn exchange(
    admin: SocketAddr,
    method: Method,
    target: &str,
    body: Bytes,
) -> Result<(StatusCode, Bytes)> {
    let stream = TcpStream::connect(admin).await.context("connect")?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = Request::builder()
        .method(method)
        .uri(target)
        .header(http::header::HOST, admin.to_string())
        .body(Full::new(body))
        .context("make a request")?;
    let response = sender.send_request(request).await?;
    let status = response.status();
    let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
    let body = body.map_err(anyhow::Error::from_boxed).context("read the answer")?;
    Ok((status, body.to_bytes()))
}
