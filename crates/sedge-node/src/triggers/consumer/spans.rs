//! What traces say of a call: one span for each batch and each tick, with which a trace begins
//! (OpenTelemetry's semantic conventions for messaging and for functions).

use super::Parts;
use sedge_flavors::wasi_http::Below;
use sedge_model::failure::Failure;
use sedge_model::trace::{ActiveSpan, SpanKind};
use sedge_services::streams::{Message, Tick};
use std::sync::Arc;

/// Of messages that are handed over together.
pub(super) fn of_batch(parts: &Parts, batch: &[Arc<Message>]) -> (Below, ActiveSpan) {
    let (below, mut span) = begin(parts, SpanKind::Consumer, "process", "pubsub");
    if span.is_on() {
        span.set("messaging.system", "sedge");
        span.set("messaging.operation.type", "process");
        span.set("messaging.operation.name", "process");
        span.set("messaging.consumer.group.name", parts.name.clone());
        span.set("messaging.batch.message_count", batch.len() as i64);
        // With several topics there is no one that could be named.
        let first = batch.first().map(|message| &message.topic);
        let is_one = batch.iter().all(|message| Some(&message.topic) == first);
        span.set_some("messaging.destination.name", first.filter(|_| is_one).cloned());
        if let [message] = batch {
            span.set("messaging.message.id", message.position.to_string());
            span.set("messaging.client.id", message.device.clone());
        }
    }
    (below, span)
}

/// Of a time that is due.
pub(super) fn of_tick(parts: &Parts, tick: &Tick) -> (Below, ActiveSpan) {
    let (below, mut span) = begin(parts, SpanKind::Internal, "tick", "timer");
    if span.is_on() {
        span.set("sedge.schedule", tick.name.clone());
        span.set("sedge.schedule.due_ms", i64::try_from(tick.due_ms).unwrap_or(i64::MAX));
    }
    (below, span)
}

fn begin(
    parts: &Parts,
    kind: SpanKind,
    name: &'static str,
    trigger: &'static str,
) -> (Below, ActiveSpan) {
    let (spans, mut span) = parts.recorder.begin(kind, name);
    if span.is_on() {
        span.set("faas.name", parts.name.clone());
        span.set("faas.trigger", trigger);
    }
    (Below { above: span.trace(), spans }, span)
}

/// The call has ended. That a function has not handled a message is its answer, and no
/// failure of the call.
pub(super) fn end<T>(mut span: ActiveSpan, result: &Result<T, Failure>) {
    if let Err(failure) = result {
        span.fail(failure);
    }
}
