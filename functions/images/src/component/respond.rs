//! Writes the answer.

use std::io::Write;

use wasip2::http::types::{Fields, OutgoingBody, OutgoingResponse, ResponseOutparam};

use super::Answer;
use crate::problem::{Origin, Problem};

pub(super) fn image(out: ResponseOutparam, answer: Answer, is_head: bool) {
    let mut fields = answer.caching;
    fields.push(("etag".into(), answer.prepared.etag.into_bytes()));
    if answer.is_negotiated {
        fields.push(("vary".into(), b"Accept".to_vec()));
    }
    match answer.body {
        None => send(out, 304, fields, &[]),
        Some(body) => {
            let media_type = answer.prepared.format.media_type().into();
            fields.push(("content-type".into(), media_type));
            fields.push(("content-length".into(), body.len().to_string().into_bytes()));
            // Bytes that a stranger chose must not be taken for a script.
            fields.push(("x-content-type-options".into(), b"nosniff".to_vec()));
            send(out, 200, fields, if is_head { &[] } else { &body });
        }
    }
}

pub(super) fn problem(out: ResponseOutparam, problem: &Problem, origin: Origin, is_head: bool) {
    let body = problem.to_json(origin);
    let mut fields = vec![
        ("content-type".to_owned(), b"application/problem+json".to_vec()),
        ("content-length".to_owned(), body.len().to_string().into_bytes()),
        ("cache-control".to_owned(), b"no-store".to_vec()),
    ];
    match problem {
        Problem::Method => fields.push(("allow".into(), b"GET, HEAD, POST".to_vec())),
        Problem::EncodersBusy => fields.push(("retry-after".into(), b"1".to_vec())),
        Problem::NotAcceptable => fields.push(("vary".into(), b"Accept".to_vec())),
        _ => {}
    }
    send(out, problem.status(origin), fields, if is_head { &[] } else { body.as_bytes() });
}

/// Sends the client to the source itself. `path` is on the own origin: it
/// starts with one slash, and has no backslash.
pub(super) fn redirect(out: ResponseOutparam, path: &str) {
    let fields = vec![
        ("location".to_owned(), path.as_bytes().to_vec()),
        ("cache-control".to_owned(), b"no-store".to_vec()),
        ("content-length".to_owned(), b"0".to_vec()),
    ];
    send(out, 307, fields, &[]);
}

/// A host that refuses a part of the answer, or a client that is gone, leaves
/// nothing to be done: the node accounts for it.
fn send(out: ResponseOutparam, status: u16, fields: Vec<(String, Vec<u8>)>, body: &[u8]) {
    let headers = Fields::new();
    for (name, value) in fields {
        let _ = headers.append(&name, &value);
    }
    let response = OutgoingResponse::new(headers);
    let _ = response.set_status_code(status);
    let Ok(outgoing) = response.body() else { return };
    ResponseOutparam::set(out, Ok(response));
    if !body.is_empty() && write(&outgoing, body).is_err() {
        return;
    }
    let _ = OutgoingBody::finish(outgoing, None);
}

fn write(outgoing: &OutgoingBody, body: &[u8]) -> std::io::Result<()> {
    let Ok(mut stream) = outgoing.write() else { return Ok(()) };
    stream.write_all(body)?;
    Write::flush(&mut stream)
}
