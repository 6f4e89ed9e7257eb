//! Requests and answers of the host.

use super::node;
use crate::endpoint;
use crate::judge::{Judge, Verdict};
use crate::request::{Asked, Fields, is_ours};
use crate::settings::Settings;
use wasip3::http::types::{Fields as HostFields, Method, Request, Response};
use wasip3::wit_bindgen::StreamResult;
use wasip3::{wit_future, wit_stream};

/// What a request says.
pub(super) fn asked(request: &Request, settings: &Settings) -> Asked {
    let method = match request.get_method() {
        Method::Get => "GET".to_owned(),
        Method::Head => "HEAD".to_owned(),
        Method::Post => "POST".to_owned(),
        Method::Put => "PUT".to_owned(),
        Method::Delete => "DELETE".to_owned(),
        Method::Connect => "CONNECT".to_owned(),
        Method::Options => "OPTIONS".to_owned(),
        Method::Trace => "TRACE".to_owned(),
        Method::Patch => "PATCH".to_owned(),
        Method::Other(name) => name,
    };
    let target = request.get_path_with_query().unwrap_or_default();
    let fields: Fields = request.get_headers().copy_all();
    Asked {
        host: request.get_authority(),
        address: node::address(),
        ..Asked::read(&method, &target, &fields, settings)
    }
}

/// The request with the guard's fields in place of those that came under their names. Its body
/// does not pass through the guest.
pub(super) fn told(request: Request, verdict: &Verdict) -> Request {
    let mut fields = request.get_headers().copy_all();
    fields.retain(|(name, _)| !is_ours(name));
    fields.extend(verdict.fields());
    let (method, scheme) = (request.get_method(), request.get_scheme());
    let (authority, target) = (request.get_authority(), request.get_path_with_query());
    let options = request.get_options();
    let (_, consumed) = wit_future::new(|| Ok(()));
    let (body, trailers) = Request::consume_body(request, consumed);
    let (again, _sent) = Request::new(host_fields(&fields), Some(body), trailers, options);
    // They are the request's own, and so they are valid.
    let _ = again.set_method(&method);
    let _ = again.set_scheme(scheme.as_ref());
    let _ = again.set_authority(authority.as_deref());
    let _ = again.set_path_with_query(target.as_deref());
    again
}

/// Whether a request asks for a decision on something else.
pub(super) fn is_for_endpoint(request: &Request, settings: &Settings) -> bool {
    let Some(below) = &settings.endpoint else { return false };
    let target = request.get_path_with_query().unwrap_or_default();
    let path = target.split('?').next().unwrap_or_default();
    path.strip_prefix(&**below) == Some(endpoint::EVALUATE)
}

/// The decision that it asks for.
pub(super) async fn evaluated(judge: &Judge, request: Request, now_ms: i64) -> Response {
    let fields = request.get_headers().copy_all();
    let is_post = matches!(request.get_method(), Method::Post);
    let secret = node::secret(endpoint::SECRET);
    if let Some(refused) = endpoint::refused(is_post, &fields, secret.as_deref()) {
        return respond(refused);
    }
    let (_, consumed) = wit_future::new(|| Ok(()));
    let (mut stream, _trailers) = Request::consume_body(request, consumed);
    let mut body = Vec::new();
    loop {
        let (status, piece) = stream.read(Vec::with_capacity(16 << 10)).await;
        body.extend_from_slice(&piece);
        let is_end = matches!(status, StreamResult::Dropped | StreamResult::Cancelled);
        if is_end || body.len() > endpoint::BODY_BYTES_MAX {
            return respond(endpoint::evaluate(&judge.rules, &body, now_ms));
        }
    }
}

/// The answer to who does not pass.
pub(super) fn answer(verdict: &Verdict) -> Response {
    respond(verdict.answer())
}

fn respond((status, fields, body): (u16, Fields, Vec<u8>)) -> Response {
    let (mut writer, contents) = wit_stream::new();
    let (_, trailers) = wit_future::new(|| Ok(None));
    let (response, _sent) = Response::new(host_fields(&fields), Some(contents), trailers);
    let _ = response.set_status_code(status);
    wasip3::spawn_local(async move {
        let _rest = writer.write_all(body).await;
    });
    response
}

/// A field that the host does not take is left out rather than the request lost: none of ours is
/// one.
fn host_fields(fields: &Fields) -> HostFields {
    HostFields::from_list(fields).unwrap_or_else(|_| {
        let kept = HostFields::new();
        for (name, value) in fields {
            let _ = kept.append(name, value);
        }
        kept
    })
}
