//! The span of one try (HTTP client spans of the semantic conventions). What a query
//! says is left out: it may be a secret.

use crate::traces::known_method;
use http::request;
use sedge_model::handler::Context;
use sedge_model::routing::upstream::Endpoint;
use sedge_model::trace::{ActiveSpan, SpanKind};

/// Begins it. `resend_count`: how often the request was sent before.
pub(super) fn begin(
    context: &Context,
    head: &request::Parts,
    endpoint: &Endpoint,
    resend_count: u32,
) -> ActiveSpan {
    let method = known_method(&head.method);
    let mut span = context.spans.begin(context.trace, SpanKind::Client, method.unwrap_or("HTTP"));
    if span.is_on() {
        span.set("http.request.method", method.unwrap_or("_OTHER"));
        span.set("url.path", head.uri.path().to_owned());
        span.set("server.address", endpoint.host.clone());
        span.set("server.port", endpoint.port);
        if resend_count > 0 {
            span.set("http.request.resend_count", resend_count);
        }
    }
    span
}
