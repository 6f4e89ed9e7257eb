//! The trace that an instance works for.

use http::{HeaderMap, HeaderName, HeaderValue, Request};
use sedge_model::handler::Context;
use sedge_model::trace::{ActiveSpan, SpanKind, Spans, TraceContext, random};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// What a request's trace is to its guest: the span that its work hangs below,
/// and what the client's `tracestate` says.
pub(crate) struct Trace {
    above: TraceContext,
    spans: Spans,
    state: Option<HeaderValue>,
}

impl Trace {
    /// Of a request with these fields.
    pub(crate) fn of(context: &Context, fields: &HeaderMap) -> Self {
        let (above, spans) = (context.trace, context.spans.clone());
        // Without its `traceparent`, a `tracestate` means nothing (W3C Trace
        // Context §3.3): the trace begins here then.
        let belongs = fields.contains_key(TRACEPARENT);
        let state = fields.get(TRACESTATE).filter(|_| belongs).cloned();
        Trace { above, spans, state }
    }

    /// Of work that hangs below this span.
    pub(crate) fn below(above: TraceContext, spans: Spans) -> Self {
        Trace { above, spans, state: None }
    }

    /// Of no request.
    pub(crate) fn none() -> Self {
        Trace { above: TraceContext::begin(), spans: Spans::default(), state: None }
    }

    /// The span that the work hangs below.
    pub(crate) fn context(&self) -> TraceContext {
        self.above
    }

    /// The trace's identity.
    pub(crate) fn id(&self) -> u128 {
        self.above.trace_id
    }

    /// Begins a step of the instance's work.
    pub(crate) fn begin(&self, kind: SpanKind, name: &'static str) -> ActiveSpan {
        self.spans.begin(self.above, kind, name)
    }

    /// Begins an outbound request, and tells the other side of it, unless the
    /// guest traces it itself: its own `traceparent` is left as it is.
    pub(super) fn outbound<B>(&self, request: &mut Request<B>) -> ActiveSpan {
        let mut span = self.begin(SpanKind::Client, "HTTP");
        if span.is_on() {
            describe(&mut span, request);
        }
        if request.headers().contains_key(TRACEPARENT) {
            return span;
        }
        let told = match span.is_on() {
            true => span.trace(),
            false => self.above.child(random::nonzero()),
        };
        if let Ok(value) = HeaderValue::from_bytes(&told.encode()) {
            request.headers_mut().insert(TRACEPARENT, value);
            if let Some(state) = &self.state {
                request.headers_mut().insert(TRACESTATE, state.clone());
            }
        }
        span
    }
}

/// HTTP client spans of the semantic conventions. The query is left out: it may
/// be a secret.
fn describe<B>(span: &mut ActiveSpan, request: &Request<B>) {
    let method = match request.method().as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        "PATCH" => "PATCH",
        _ => "_OTHER",
    };
    span.rename(if method == "_OTHER" { "HTTP" } else { method });
    span.set("http.request.method", method);
    let uri = request.uri();
    let (scheme, host) = (uri.scheme_str().unwrap_or("https"), uri.host().unwrap_or_default());
    span.set("server.address", host.to_owned());
    let default = if scheme == "http" { 80 } else { 443 };
    let port = uri.port_u16();
    span.set("server.port", port.unwrap_or(default));
    let port = port.map(|port| format!(":{port}")).unwrap_or_default();
    span.set("url.full", format!("{scheme}://{host}{port}{}", uri.path()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use sedge_model::trace::queue::{Wake, queue};
    use std::sync::{Arc, OnceLock};

    fn request(traceparent: Option<&'static str>) -> Request<()> {
        let mut request = Request::new(());
        *request.uri_mut() = "http://other.test:81/a?secret=1".parse().expect("an address");
        if let Some(value) = traceparent {
            request.headers_mut().insert(TRACEPARENT, HeaderValue::from_static(value));
        }
        request
    }

    fn trace(spans: Spans) -> Trace {
        let above = TraceContext { trace_id: 1, span_id: 2, flags: 1 };
        Trace { above, spans, state: Some(HeaderValue::from_static("a=b")) }
    }

    #[test]
    fn a_guest_that_traces_itself_is_let_be() {
        let own = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
        let mut request = request(Some(own));
        drop(trace(Spans::default()).outbound(&mut request));
        assert_eq!(request.headers()[TRACEPARENT], own);
        assert!(!request.headers().contains_key(TRACESTATE));
    }

    #[test]
    fn the_other_side_hangs_below_the_request_that_was_sent() {
        let wake = Arc::new(Wake { thread: OnceLock::new(), at: usize::MAX });
        let (queue, receiver) = queue(8, Arc::default(), wake);
        let mut request = request(None);
        drop(trace(Spans::to(Arc::new(queue), "a=b")).outbound(&mut request));
        let span = receiver.take().expect("it has ended");
        assert_eq!(span.parent_id, 2);
        assert_eq!(request.headers()[TRACEPARENT], span.trace.to_string().as_str());
        assert_eq!(request.headers()[TRACESTATE], "a=b");
        assert!(
            span.attributes.contains(&("url.full", "http://other.test:81/a".to_owned().into()))
        );
    }

    #[test]
    fn what_is_not_recorded_is_told_apart_all_the_same() {
        let mut request = request(None);
        drop(trace(Spans::default()).outbound(&mut request));
        let told = request.headers()[TRACEPARENT].to_str().expect("ASCII");
        let told = TraceContext::parse(told).expect("valid");
        assert_eq!((told.trace_id, told.flags), (1, 1));
        assert_ne!(told.span_id, 2);
    }
}
