//! Requests and answers of the host.

use super::{PDP, node};
use crate::authzen::{self, Place};
use crate::endpoint;
use crate::judge::{Judge, Verdict};
use crate::request::{Asked, Fields, is_ours};
use crate::settings::Settings;
use wasip3::http::types::{Fields as HostFields, Method, Request, Response};
use wasip3::wit_bindgen::StreamResult;
use wasip3::{wit_future, wit_stream};

fn method(request: &Request) -> String {
    match request.get_method() {
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
    }
}

/// What a request says.
pub(super) fn asked(request: &Request, target: &str, settings: &Settings) -> Asked {
    let fields: Fields = request.get_headers().copy_all();
    Asked {
        host: request.get_authority(),
        address: node::address(),
        ..Asked::read(&method(request), target, &fields, settings)
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

/// Where a request asks for a decision on something else.
#[derive(Clone, Copy)]
pub(super) enum Asking {
    /// [`endpoint`].
    Context,
    /// [`authzen`].
    Authzen(Place),
}

/// Whether a request asks for a decision on something else.
pub(super) fn place(target: &str, settings: &Settings) -> Option<Asking> {
    let path = target.split('?').next().unwrap_or_default();
    let below = settings.endpoint.as_ref().and_then(|below| path.strip_prefix(&**below));
    if below == Some(endpoint::EVALUATE) {
        return Some(Asking::Context);
    }
    Place::of(path, settings.authzen.as_ref()?).map(Asking::Authzen)
}

/// The decision that it asks for.
pub(super) async fn decided(
    judge: &Judge,
    asking: Asking,
    request: Request,
    now_ms: i64,
) -> Response {
    let fields = request.get_headers().copy_all();
    let method = method(&request);
    let secret = || node::secret(endpoint::SECRET);
    respond(match asking {
        Asking::Context => {
            match endpoint::refused(method == "POST", &fields, secret().as_deref()) {
                Some(refused) => refused,
                None => {
                    let body = body(request, endpoint::BODY_BYTES_MAX).await;
                    endpoint::evaluate(&judge.rules, &body, now_ms)
                }
            }
        }
        Asking::Authzen(place) => {
            let answer = match (place, &judge.settings.authzen) {
                (Place::Metadata, Some(settings)) => authzen::metadata(&method, settings),
                _ => {
                    let caller = endpoint::caller(&fields, secret().as_deref());
                    match authzen::turned_away(&method, &fields, caller) {
                        Some(refused) => refused,
                        None => {
                            let body = body(request, authzen::BODY_BYTES_MAX).await;
                            authzen::answer(&PDP, place, &body)
                        }
                    }
                }
            };
            authzen::identified(answer, &fields)
        }
    })
}

/// The body of a request, or more than `bytes_max` of it.
async fn body(request: Request, bytes_max: usize) -> Vec<u8> {
    let (_, consumed) = wit_future::new(|| Ok(()));
    let (mut stream, _trailers) = Request::consume_body(request, consumed);
    let mut body = Vec::new();
    loop {
        let (status, piece) = stream.read(Vec::with_capacity(16 << 10)).await;
        body.extend_from_slice(&piece);
        let is_end = matches!(status, StreamResult::Dropped | StreamResult::Cancelled);
        if is_end || body.len() > bytes_max {
            return body;
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
