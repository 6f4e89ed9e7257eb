//! Heads as values, messages with other heads, and bodies that are read.

use crate::decide::{self, Decision};
use crate::head::Fields;
use crate::settings::Settings;
use crate::visitor::Request as Asked;
use wasip3::http::types::{Fields as HostFields, Method, Request, Response, Scheme};
use wasip3::wit_bindgen::StreamResult;
use wasip3::wit_future;

/// Bytes that one read moves.
const PIECE_BYTES: usize = 16 << 10;

/// The head of a request.
pub(super) struct Head {
    pub(super) method: String,
    pub(super) is_secure: bool,
    pub(super) authority: String,
    pub(super) target: String,
    pub(super) fields: Fields,
    /// What those behind are told.
    pub(super) told: String,
}

impl Head {
    pub(super) fn of(request: &Request) -> Self {
        Head {
            method: method_name(request.get_method()),
            is_secure: matches!(request.get_scheme(), Some(Scheme::Https)),
            authority: request.get_authority().unwrap_or_default(),
            target: request.get_path_with_query().unwrap_or_default(),
            fields: Fields(request.get_headers().copy_all()),
            told: String::new(),
        }
    }

    pub(super) fn asked(&self) -> Asked<'_> {
        Asked {
            method: &self.method,
            is_secure: self.is_secure,
            authority: &self.authority,
            target: &self.target,
            fields: &self.fields,
        }
    }

    /// The request with this target, and with what those behind are told; its body does not
    /// pass through here.
    pub(super) fn with_body_of(&self, request: Request, settings: &Settings) -> Request {
        let fields = request.get_headers().clone();
        for (name, _) in &self.fields.0 {
            if decide::is_own(settings, name) {
                let _ = fields.delete(name);
            }
        }
        if !self.told.is_empty() {
            let _ = fields.append(&settings.field, self.told.as_bytes());
        }
        let method = request.get_method();
        let scheme = request.get_scheme();
        let options = request.get_options();
        let (_, consumed) = wit_future::new(|| Ok(()));
        let (body, trailers) = Request::consume_body(request, consumed);
        let (again, _sent) = Request::new(fields, Some(body), trailers, options);
        // They are the request's own, or were checked with the settings.
        let _ = again.set_method(&method);
        let _ = again.set_scheme(scheme.as_ref());
        let some = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        let _ = again.set_authority(some(&self.authority).as_deref());
        let _ = again.set_path_with_query(some(&self.target).as_deref());
        again
    }
}

/// The answer to a visitor. Fields that do not matter stay with the host, and an answer that
/// stays as it is does not pass through here.
pub(super) fn with_decision(
    response: Response,
    settings: &Settings,
    decision: &Decision,
) -> Response {
    let received = response.get_headers();
    let changed = decide::answered(|name| received.get(name), settings, decision);
    let Some(fields) = changed else { return response };
    let again = received.clone();
    drop(received);
    for name in decide::ANSWERED {
        let _ = again.delete(name);
    }
    for (name, value) in &fields.0 {
        let _ = again.append(name, value);
    }
    let status = response.get_status_code();
    let (_, consumed) = wit_future::new(|| Ok(()));
    let (body, trailers) = Response::consume_body(response, consumed);
    let (again, _sent) = Response::new(again, Some(body), trailers);
    let _ = again.set_status_code(status);
    again
}

/// What the host has given is valid; a field that was made here and is not is left out rather
/// than the answer lost.
pub(super) fn to_host(fields: &Fields) -> HostFields {
    HostFields::from_list(&fields.0).unwrap_or_else(|_| {
        let kept = HostFields::new();
        for (name, value) in &fields.0 {
            let _ = kept.append(name, value);
        }
        kept
    })
}

/// A body that was read.
pub(super) enum Read {
    Whole(Vec<u8>),
    TooLarge,
    Broken,
}

/// Reads a body of at most so many bytes.
pub(super) async fn read(request: Request, bytes_max: usize) -> Read {
    let (_, consumed) = wit_future::new(|| Ok(()));
    let (mut body, trailers) = Request::consume_body(request, consumed);
    let mut bytes = Vec::new();
    loop {
        let (status, piece) = body.read(Vec::with_capacity(PIECE_BYTES)).await;
        bytes.extend_from_slice(&piece);
        if bytes.len() > bytes_max {
            return Read::TooLarge;
        }
        if matches!(status, StreamResult::Dropped) {
            break;
        }
    }
    match trailers.await {
        Ok(_) => Read::Whole(bytes),
        Err(_) => Read::Broken,
    }
}

fn method_name(method: Method) -> String {
    let name = match method {
        Method::Get => "GET",
        Method::Head => "HEAD",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Delete => "DELETE",
        Method::Connect => "CONNECT",
        Method::Options => "OPTIONS",
        Method::Trace => "TRACE",
        Method::Patch => "PATCH",
        Method::Other(name) => return name,
    };
    name.to_owned()
}
