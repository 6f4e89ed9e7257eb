//! Outbound requests: what came back, or which error code.

use crate::bodies;
use crate::call::Call;
use serde_json::{Value, json};
use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    ErrorCode, Fields, IncomingResponse, Method, OutgoingBody, OutgoingRequest, Scheme,
};

/// Fetches `url` with `method` and `body`, and reports the answer as JSON.
pub fn fetch(call: Call) {
    let report = report(send(call.text_of("url"), call.text_of("method"), call.text_of("body")));
    call.json(&report);
}

/// Fetches `url` `count` times, one after the other, and reports each.
pub fn fetch_many(call: Call) {
    let count = call.number_of("count", 1);
    let all: Vec<Value> = (0..count)
        .map(|_| match send(call.text_of("url"), "GET", "") {
            Ok(response) => response.status().into(),
            Err(error) => format!("{error:?}").into(),
        })
        .collect();
    call.json(&all.into());
}

/// Fetches `url` and passes status and body on as they come.
pub fn fetch_stream(call: Call) {
    let response = match send(call.text_of("url"), "GET", "") {
        Ok(response) => response,
        Err(error) => return call.text(502, &format!("{error:?}\n")),
    };
    let Ok(body) = response.consume() else { return };
    let Ok(stream) = body.stream() else { return };
    let Some(mut writer) = call.begin(response.status(), &[]) else { return };
    if bodies::read(&stream, |chunk| writer.write(chunk)) {
        writer.finish(None);
    }
}

fn report(answer: Result<IncomingResponse, ErrorCode>) -> Value {
    let response = match answer {
        Ok(response) => response,
        Err(error) => return json!({ "error": format!("{error:?}") }),
    };
    let mut text = Vec::new();
    let whole = match response.consume().and_then(|body| body.stream().map(|stream| (body, stream)))
    {
        // Declared last, dropped first: the stream is a child of its body.
        Ok((_body, stream)) => bodies::read(&stream, |chunk| {
            text.extend_from_slice(chunk);
            true
        }),
        Err(()) => false,
    };
    json!({
        "status": response.status(),
        "headers": bodies::table(&response.headers()),
        "body": String::from_utf8_lossy(&text),
        "whole": whole,
    })
}

/// Sends one request and waits for the head of its answer.
fn send(url: &str, method: &str, body: &str) -> Result<IncomingResponse, ErrorCode> {
    let invalid = |()| ErrorCode::HttpRequestUriInvalid;
    let (scheme, rest) = url.split_once("://").ok_or(ErrorCode::HttpRequestUriInvalid)?;
    let split = rest.find('/').unwrap_or(rest.len());
    let (authority, target) = rest.split_at(split);
    let request = OutgoingRequest::new(Fields::new());
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
    request.set_method(&method).map_err(invalid)?;
    request.set_scheme(Some(&scheme)).map_err(invalid)?;
    request.set_authority(Some(authority)).map_err(invalid)?;
    request
        .set_path_with_query(Some(if target.is_empty() { "/" } else { target }))
        .map_err(invalid)?;
    let outgoing = request.body().map_err(invalid)?;
    let future = outgoing_handler::handle(request, None)?;
    if !body.is_empty() {
        let stream = outgoing.write().map_err(invalid)?;
        let mut rest = body.as_bytes();
        while !rest.is_empty() {
            let size = rest.len().min(4096);
            if stream.blocking_write_and_flush(&rest[..size]).is_err() {
                break;
            }
            rest = &rest[size..];
        }
    }
    OutgoingBody::finish(outgoing, None)?;
    loop {
        match future.get() {
            Some(Ok(result)) => return result,
            Some(Err(())) => return Err(ErrorCode::InternalError(None)),
            None => future.subscribe().block(),
        }
    }
}
