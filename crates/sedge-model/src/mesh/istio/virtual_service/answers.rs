//! What a route answers itself: a redirect, or a fixed answer.

use super::super::policy::status_code;
use crate::document::Invalid;
use crate::mesh::Notes;
use crate::mesh::fields::At;
use crate::mesh::values::path;
use crate::routing::rule::{FixedAnswer, PathRewrite, Redirect, RedirectPort};
use http::header::{CONTENT_TYPE, HeaderValue};

/// A redirect, and whether it leads to the port that the gateway declares.
pub(super) fn redirect(at: &At<'_>, notes: &mut Notes) -> Option<(Redirect, bool)> {
    const DERIVED: [(&str, bool); 2] =
        [("FROM_PROTOCOL_DEFAULT", false), ("FROM_REQUEST_PORT", true)];
    const CODES: [i64; 5] = [301, 302, 303, 307, 308];
    let mut fields = at.fields(notes)?;
    let path = fields.take("uri").and_then(|at| at.parse(notes, path)).map(PathRewrite::Full);
    let authority = fields.take("authority").and_then(|at| at.name(notes));
    let port = fields.take("port").and_then(|at| at.port(notes));
    let derived = fields.take("derivePort").and_then(|at| at.one_of(&DERIVED, notes));
    let scheme = fields
        .take("scheme")
        .and_then(|at| at.one_of(&[("http", "http"), ("https", "https")], notes));
    let status = match fields.take("redirectCode") {
        None => Some(301),
        Some(code) => code.integer(300..=399, notes).filter(|number| {
            let known = CODES.contains(number);
            if !known {
                let message = format!("`{}` is {number}", code.path);
                notes.wrong(&code.spot(), Invalid::new(message, "write 301, 302, 303, 307 or 308"));
            }
            known
        }),
    };
    fields.finish(notes);
    // The port that the scheme has anyway says nothing (RFC 9110 §4.2).
    let default = if scheme == Some("https") { 443 } else { 80 };
    let port = port.filter(|&port| port != default);
    let host = authority.map(|text| match port {
        // The port that is said takes the place of the host's.
        Some(_) => text.rsplit_once(':').map_or(text, |(host, _)| host),
        None => text,
    });
    let redirect = Redirect {
        status: status_code(status?)?,
        scheme: scheme.map(str::to_owned),
        host: host.map(str::to_owned),
        port: port.map_or(RedirectPort::AsSent, RedirectPort::Is),
        path,
    };
    Some((redirect, derived == Some(true)))
}

pub(super) fn answer(at: &At<'_>, notes: &mut Notes) -> Option<FixedAnswer> {
    const BODY_BYTES_MAX: usize = 1 << 20;
    let mut fields = at.fields(notes)?;
    let status = fields.need("status", notes).and_then(|at| at.integer(200..=599, notes));
    let mut body = Vec::new();
    if let Some(at) = fields.take("body")
        && let Some(mut fields) = at.fields(notes)
    {
        body = fields
            .take("string")
            .and_then(|at| at.text(notes))
            .unwrap_or_default()
            .as_bytes()
            .to_vec();
        fields.unsupported(&[("bytes", "write string")], notes);
        fields.finish(notes);
        if body.len() > BODY_BYTES_MAX {
            let message = format!("`{}` is longer than {BODY_BYTES_MAX} bytes", at.path);
            notes.wrong(&at.spot(), Invalid { message, hint: None });
        }
    }
    fields.finish(notes);
    // What Envoy says of a body, unless the route says it.
    let text = (CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    let headers = if body.is_empty() { Vec::new() } else { vec![text] };
    Some(FixedAnswer { status: status_code(status?)?, headers, body })
}
