//! Answers of the link's own.

use crate::query::Problem;
use wasip3::http::types::{Fields, Response};
use wasip3::{spawn_local, wit_future, wit_stream};

/// An answer that nobody stores.
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) fields: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
}

impl Reply {
    pub(super) fn new(status: u16, media: &str, body: impl Into<Vec<u8>>) -> Self {
        Reply { status, fields: vec![("content-type", media.to_owned())], body: body.into() }
    }

    /// A problem as RFC 9457 has it.
    pub(super) fn problem(problem: &Problem) -> Self {
        let title = serde_json::json!({ "status": problem.status, "detail": problem.reason });
        let mut reply = Reply::new(problem.status, "application/problem+json", title.to_string());
        if let Some(allow) = problem.allow {
            reply.fields.push(("allow", allow.to_owned()));
        }
        if problem.status == 401 {
            for scheme in ["Bearer", "Basic"] {
                reply.fields.push(("www-authenticate", format!("{scheme} realm=\"analytics\"")));
            }
        }
        reply
    }

    pub(super) fn send(self, is_head: bool) -> Response {
        let fields = Fields::new();
        // Names and values are valid, and nobody else holds these fields.
        for (name, value) in &self.fields {
            let _ = fields.append(name, value.as_bytes());
        }
        let _ = fields.append("cache-control", b"no-store");
        let _ = fields.append("x-content-type-options", b"nosniff");
        let _ = fields.append("content-length", self.body.len().to_string().as_bytes());
        let (mut body, contents) = wit_stream::new();
        let (_, trailers) = wit_future::new(|| Ok(None));
        let contents = (!is_head && !self.body.is_empty()).then_some(contents);
        let (response, _sent) = Response::new(fields, contents, trailers);
        let _ = response.set_status_code(self.status);
        if !is_head && !self.body.is_empty() {
            spawn_local(async move {
                // A client that went away leaves a rest; there is nobody to tell.
                let _rest = body.write_all(self.body).await;
            });
        }
        response
    }
}
