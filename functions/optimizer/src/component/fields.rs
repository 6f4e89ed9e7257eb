//! Heads as values, and messages with other heads. A body that stays as it is does
//! not pass through the guest.

use crate::head::{Fields, Head};
use wasip3::http::types::{Fields as HostFields, Request, Response};
use wasip3::wit_future;

pub(super) fn of_request(request: &Request) -> Fields {
    Fields(request.get_headers().copy_all())
}

pub(super) fn of_response(response: &Response) -> Head {
    Head { status: response.get_status_code(), fields: Fields(response.get_headers().copy_all()) }
}

/// What the host has given is valid, and so is what was made here; a field that is
/// not is left out rather than the answer lost.
pub(super) fn to_host(fields: &Fields) -> HostFields {
    HostFields::from_list(&fields.0).unwrap_or_else(|_| {
        let kept = HostFields::new();
        for (name, value) in &fields.0 {
            let _ = kept.append(name, value);
        }
        kept
    })
}

pub(super) fn with_request(request: Request, fields: &Fields) -> Request {
    let method = request.get_method();
    let scheme = request.get_scheme();
    let authority = request.get_authority();
    let target = request.get_path_with_query();
    let options = request.get_options();
    let (_, consumed) = wit_future::new(|| Ok(()));
    let (body, trailers) = Request::consume_body(request, consumed);
    let (again, _sent) = Request::new(to_host(fields), Some(body), trailers, options);
    // They are the request's own, and so they are valid.
    let _ = again.set_method(&method);
    let _ = again.set_scheme(scheme.as_ref());
    let _ = again.set_authority(authority.as_deref());
    let _ = again.set_path_with_query(target.as_deref());
    again
}

pub(super) fn with_response(response: Response, head: &Head) -> Response {
    let (_, consumed) = wit_future::new(|| Ok(()));
    let (body, trailers) = Response::consume_body(response, consumed);
    let (again, _sent) = Response::new(to_host(&head.fields), Some(body), trailers);
    let _ = again.set_status_code(head.status);
    again
}
