//! Answers that are made here.

use super::messages::to_host;
use crate::head::Fields;
use crate::ofrep::Answer;
use serde_json::json;
use wasip3::http::types::Response;
use wasip3::{spawn_local, wit_future, wit_stream};

/// A whole answer.
pub(super) fn answer(status: u16, fields: &Fields, body: Vec<u8>) -> Response {
    let mut fields = fields.clone();
    // One with 204 or 304 has no length (RFC 9110 §8.6).
    if !matches!(status, 204 | 304) {
        fields.set("content-length", body.len().to_string());
    }
    let (_, trailers) = wit_future::new(|| Ok(None));
    if body.is_empty() {
        let (response, _sent) = Response::new(to_host(&fields), None, trailers);
        let _ = response.set_status_code(status);
        return response;
    }
    let (mut writer, contents) = wit_stream::new();
    let (response, _sent) = Response::new(to_host(&fields), Some(contents), trailers);
    let _ = response.set_status_code(status);
    spawn_local(async move {
        // Whoever does not read it is gone.
        let _rest = writer.write_all(body).await;
    });
    response
}

/// A problem (RFC 9457).
pub(super) fn problem(status: u16, detail: &str) -> Response {
    let fields =
        Fields::from([("content-type", "application/problem+json"), ("cache-control", "no-store")]);
    let body = json!({ "status": status, "detail": detail });
    answer(status, &fields, body.to_string().into_bytes())
}

/// An answer by OFREP.
pub(super) fn of_ofrep(said: Answer) -> Response {
    let mut fields = Fields::from([("cache-control", "private, no-cache")]);
    for (name, value) in said.fields {
        fields.set(name, value);
    }
    let body = said.body.map(|body| body.to_string().into_bytes());
    if body.is_some() {
        fields.set("content-type", "application/json");
    }
    answer(said.status, &fields, body.unwrap_or_default())
}
