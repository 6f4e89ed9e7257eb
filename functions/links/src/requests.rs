//! Requests with another head.

use wasip3::http::types::{ErrorCode, Fields, Method, Request, Scheme};
use wasip3::wit_bindgen::{FutureReader, StreamReader};
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
    let head = Head::of(request);
    let _ = head.fields.delete("content-length");
    let (_, trailers) = wit_future::new(|| Ok(None));
    let (_, empty) = wit_stream::new();
    head.with_body(empty, trailers)
}

fn with_fields(request: Request, fields: Fields) -> Request {
    let head = Head { fields, ..Head::of(&request) };
    let (_, consumed) = wit_future::new(|| Ok(()));
    let (body, trailers) = Request::consume_body(request, consumed);
    head.with_body(body, trailers)
}

/// What a request says besides its body.
pub struct Head {
    fields: Fields,
    method: Method,
    scheme: Option<Scheme>,
    authority: Option<String>,
    target: Option<String>,
}

type Trailers = FutureReader<Result<Option<Fields>, ErrorCode>>;

impl Head {
    pub fn of(request: &Request) -> Self {
        Head {
            fields: request.get_headers().clone(),
            method: request.get_method(),
            scheme: request.get_scheme(),
            authority: request.get_authority(),
            target: request.get_path_with_query(),
        }
    }

    pub fn with_body(self, body: StreamReader<u8>, trailers: Trailers) -> Request {
        let (request, _sent) = Request::new(self.fields, Some(body), trailers, None);
        let _ = request.set_method(&self.method);
        let _ = request.set_scheme(self.scheme.as_ref());
        let _ = request.set_authority(self.authority.as_deref());
        let _ = request.set_path_with_query(self.target.as_deref());
        request
    }
}
