//! The span of a request that this node answers (HTTP server spans of the
//! semantic conventions), from what the access record says too. What a query
//! says is left out of both: it may be a secret.

use super::super::connection::Connection;
use super::super::validate;
use crate::traces::known_method;
use http::header::USER_AGENT;
use http::{StatusCode, Version, request};
use sedge_model::failure::Failure;
use sedge_model::handler::Noted;
use sedge_model::trace::{ActiveSpan, Spans, TraceContext};
use std::net::IpAddr;
use std::time::Instant;

/// Decides whether a request is recorded, and begins its span.
pub(super) fn begin(
    connection: &Connection,
    head: &request::Parts,
    client: IpAddr,
    started: Instant,
) -> (Spans, ActiveSpan) {
    let parent = parent(head);
    let trace = parent.map_or_else(TraceContext::begin, |parent| {
        parent.child(sedge_model::trace::random::nonzero())
    });
    let Some(tracer) = &connection.core.tracer else {
        let spans = Spans::default();
        let span = spans.begin_server(trace, parent, "", started);
        return (spans, span);
    };
    let sampled = tracer.sampler.decide(parent, trace.trace_id);
    let trace = trace.sampled(sampled);
    let state = head.headers.get("tracestate").filter(|_| parent.is_some());
    let state = state.and_then(|state| state.to_str().ok()).unwrap_or_default();
    let spans = if sampled { Spans::to(tracer.queue.clone(), state) } else { Spans::default() };
    let name = known_method(&head.method).unwrap_or("HTTP");
    let mut span = spans.begin_server(trace, parent, name, started);
    if span.is_on() {
        describe(&mut span, connection, head, client);
    }
    (spans, span)
}

/// What `traceparent` says. Two different fields are none (W3C Trace Context
/// §3.2.2.5 leaves it to us).
fn parent(head: &request::Parts) -> Option<TraceContext> {
    let mut values = head.headers.get_all("traceparent").iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok().and_then(TraceContext::parse),
        _ => None,
    }
}

fn describe(span: &mut ActiveSpan, connection: &Connection, head: &request::Parts, client: IpAddr) {
    match known_method(&head.method) {
        None => {
            span.set("http.request.method", "_OTHER");
            span.set("http.request.method_original", head.method.as_str().to_owned());
        }
        Some(known) => span.set("http.request.method", known),
    }
    span.set("url.scheme", if connection.tls { "https" } else { "http" });
    span.set("url.path", head.uri.path().to_owned());
    let host = validate::host_of(head);
    if !host.is_empty() {
        span.set("server.address", host.to_owned());
    }
    let version = match head.version {
        Version::HTTP_10 => "1.0",
        Version::HTTP_2 => "2",
        _ => "1.1",
    };
    span.set("network.protocol.version", version);
    span.set("client.address", client.to_string());
    if client == connection.peer.ip() {
        span.set("client.port", connection.peer.port());
    } else {
        span.set("network.peer.address", connection.peer.ip().to_string());
        span.set("network.peer.port", connection.peer.port());
    }
    let agent = head.headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok());
    span.set_some("user_agent.original", agent.map(str::to_owned));
}

/// What is known when a request has ended.
pub(super) struct End<'a> {
    pub(super) status: u16,
    pub(super) bytes_in: u64,
    pub(super) bytes_out: u64,
    pub(super) failure: Option<&'a Failure>,
    pub(super) noted: Noted,
}

/// Completes the span; it ends when it is dropped.
pub(super) fn end(span: &mut ActiveSpan, end: End<'_>) {
    span.set("http.request.body.size", end.bytes_in);
    span.set("http.response.body.size", end.bytes_out);
    if let Some(failure) = end.failure {
        span.fail(failure);
    }
    if let Ok(status) = StatusCode::from_u16(end.status) {
        span.answered(status);
    }
    let noted = end.noted;
    span.set_some("sedge.target", noted.target);
    span.set_some("sedge.upstream", noted.upstream);
    span.set_some("sedge.endpoint", noted.endpoint);
    if noted.tries > 0 {
        span.set("sedge.tries", noted.tries);
    }
    let delay = noted.delay.map(|delay| delay.as_millis() as u64);
    span.set_some("sedge.fault.delay_ms", delay);
    span.set_some("sedge.fault.abort_status", noted.abort.map(|status| status.as_u16()));
    span.set_some("sedge.upgrade", noted.upgrade);
    if noted.mirrored > 0 {
        span.set("sedge.mirrored", noted.mirrored);
    }
}
