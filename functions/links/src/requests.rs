//! Requests with another head.

use wasip3::http::types::{Fields, Request};
use wasip3::{wit_future, wit_stream};

const FIELD: &str = "x-link";

/// The word for this link, and the request for the next one. Without a word, the
/// request is the one that came.
pub fn take_word(request: Request) -> (String, Request) {
    let received = request.get_headers();
    let words = received.get(FIELD).pop().unwrap_or_default();
    let words = String::from_utf8_lossy(&words).into_owned();
    if words.is_empty() {
        return (words, request);
    }
    let (word, rest) = words.split_once(' ').unwrap_or((&words, ""));
    let word = word.to_owned();
    // A link that fails must not have touched the body before.
    if matches!(&*word, "trap" | "trap-read" | "loop" | "never" | "error" | "memory") {
        return (word, request);
    }
    let fields = received.clone();
    let _ = match rest {
        "" => fields.delete(FIELD),
        rest => fields.set(FIELD, &[rest.as_bytes().to_vec()]),
    };
    drop(received);
    (word, with_fields(request, fields))
}

/// The same request with one more field.
pub fn with_field(request: Request, name: &str, value: &str) -> Request {
    let fields = request.get_headers().clone();
    let _ = fields.append(name, value.as_bytes());
    with_fields(request, fields)
}

/// The same target and method without the body.
pub fn without_body(request: &Request) -> Request {
    let fields = request.get_headers().clone();
    let _ = fields.delete("content-length");
    let (_, trailers) = wit_future::new(|| Ok(None));
    let (_, empty) = wit_stream::new();
    let (again, _sent) = Request::new(fields, Some(empty), trailers, None);
    copy_target(request, &again);
    again
}

fn with_fields(request: Request, fields: Fields) -> Request {
    let (method, scheme) = (request.get_method(), request.get_scheme());
    let (authority, target) = (request.get_authority(), request.get_path_with_query());
    let (_, consumed) = wit_future::new(|| Ok(()));
    let (body, trailers) = Request::consume_body(request, consumed);
    let (again, _sent) = Request::new(fields, Some(body), trailers, None);
    let _ = again.set_method(&method);
    let _ = again.set_scheme(scheme.as_ref());
    let _ = again.set_authority(authority.as_deref());
    let _ = again.set_path_with_query(target.as_deref());
    again
}

fn copy_target(from: &Request, to: &Request) {
    let _ = to.set_method(&from.get_method());
    let _ = to.set_scheme(from.get_scheme().as_ref());
    let _ = to.set_authority(from.get_authority().as_deref());
    let _ = to.set_path_with_query(from.get_path_with_query().as_deref());
}
