//! Outbound requests: what came back, or which error code.

use crate::bodies;
use crate::query::Query;
use serde_json::{Value, json};
use wasip3::http::client;
use wasip3::http::types::{ErrorCode, Fields, Method, Request, Response, Scheme};
use wasip3::{wit_future, wit_stream};

/// Fetches `url` with `method` and `body`, and reports the answer as JSON.
pub async fn fetch(query: &Query) -> Value {
    let answer = send(query.text_of("url"), query.text_of("method"), query.text_of("body")).await;
    let response = match answer {
        Ok(response) => response,
        Err(error) => return json!({ "error": format!("{error:?}") }),
    };
    let status = response.get_status_code();
    let (_, consumed) = wit_future::new(|| Ok(()));
    let (mut body, trailers) = Response::consume_body(response, consumed);
    let mut text = Vec::new();
    bodies::read(&mut body, |chunk| text.extend_from_slice(chunk)).await;
    drop(body);
    let whole = trailers.await.is_ok();
    json!({ "status": status, "body": String::from_utf8_lossy(&text), "whole": whole })
}

/// Fetches `url` `count` times, one after the other, and reports each.
pub async fn fetch_many(query: &Query) -> Value {
    let mut all = Vec::new();
    for _ in 0..query.number_of("count", 1) {
        all.push(match send(query.text_of("url"), "GET", "").await {
            Ok(response) => Value::from(response.get_status_code()),
            Err(error) => format!("{error:?}").into(),
        });
    }
    all.into()
}

/// Fetches `url` and passes the answer on as it comes.
pub async fn fetch_stream(query: &Query) -> Result<Response, ErrorCode> {
    send(query.text_of("url"), "GET", "").await
}

/// Sends one request and waits for the head of its answer.
async fn send(url: &str, method: &str, body: &str) -> Result<Response, ErrorCode> {
    let (scheme, rest) = url.split_once("://").ok_or(ErrorCode::HttpRequestUriInvalid)?;
    let split = rest.find('/').unwrap_or(rest.len());
    let (authority, target) = rest.split_at(split);
    let (mut sender, contents) = wit_stream::new();
    let (_, trailers) = wit_future::new(|| Ok(None));
    let contents = (!body.is_empty()).then_some(contents);
    let (request, _sent) = Request::new(Fields::new(), contents, trailers, None);
    let scheme = match scheme {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        other => Scheme::Other(other.to_string()),
    };
    let method = match method {
        "" | "GET" => Method::Get,
        "POST" => Method::Post,
        other => Method::Other(other.to_string()),
    };
    let invalid = |()| ErrorCode::HttpRequestUriInvalid;
    request.set_method(&method).map_err(invalid)?;
    request.set_scheme(Some(&scheme)).map_err(invalid)?;
    request.set_authority(Some(authority)).map_err(invalid)?;
    let target = if target.is_empty() { "/" } else { target };
    request.set_path_with_query(Some(target)).map_err(invalid)?;
    let bytes = body.as_bytes().to_vec();
    wasip3::spawn_local(async move {
        let _rest = sender.write_all(bytes).await;
    });
    client::send(request).await
}
