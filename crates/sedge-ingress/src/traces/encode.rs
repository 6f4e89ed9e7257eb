//! A batch of spans as `ExportTraceServiceRequest`
//! (<https://github.com/open-telemetry/opentelemetry-proto>, version 1). The
//! numbers of fields below are those of its `.proto` files.

use super::protobuf::Writer;
use sedge_model::trace::span::{Span, Value};

/// `SpanFlags`: whether the parent is of another process is known, and is so.
const HAS_IS_REMOTE: u32 = 0x100;
const IS_REMOTE: u32 = 0x200;

/// `Status.StatusCode.STATUS_CODE_ERROR`.
const STATUS_ERROR: u64 = 2;

/// Writes a batch; `resource` is what is known of the node.
pub(super) fn request(resource: &[(String, String)], spans: &[Box<Span>]) -> Vec<u8> {
    let mut request = Writer::default();
    request.message(1, |resource_spans| {
        resource_spans.message(1, |written| {
            for (name, value) in resource {
                attribute(written, 1, name, &Value::Text(value.clone().into()));
            }
        });
        resource_spans.message(2, |scope_spans| {
            scope_spans.message(1, |scope| {
                scope.bytes(1, b"sedge");
                scope.bytes(2, env!("CARGO_PKG_VERSION").as_bytes());
            });
            for one in spans {
                scope_spans.message(2, |written| span(written, one));
            }
        });
    });
    request.into_bytes()
}

fn span(written: &mut Writer, span: &Span) {
    written.bytes(1, &span.trace.trace_id.to_be_bytes());
    written.bytes(2, &span.trace.span_id.to_be_bytes());
    written.bytes(3, span.trace_state.as_bytes());
    if span.parent_id != 0 {
        written.bytes(4, &span.parent_id.to_be_bytes());
    }
    written.bytes(5, span.name.as_bytes());
    written.number(6, span.kind as u64);
    written.fixed64(7, span.begin_ns);
    written.fixed64(8, span.end_ns);
    for (name, value) in &span.attributes {
        attribute(written, 9, name, value);
    }
    written.number(10, span.attributes_dropped.into());
    if let Some(error) = &span.error {
        written.message(15, |status| {
            status.bytes(2, error.as_bytes());
            status.number(3, STATUS_ERROR);
        });
    }
    let remote = if span.parent_is_remote { IS_REMOTE } else { 0 };
    written.fixed32(16, u32::from(span.trace.flags) | HAS_IS_REMOTE | remote);
}

/// `KeyValue`, and its `AnyValue`.
fn attribute(written: &mut Writer, field: u32, name: &str, value: &Value) {
    written.message(field, |pair| {
        pair.bytes(1, name.as_bytes());
        pair.message(2, |any| match value {
            Value::Text(text) => any.bytes_always(1, text.as_bytes()),
            Value::Shared(text) => any.bytes_always(1, text.as_bytes()),
            Value::Bool(truth) => any.number_always(2, u64::from(*truth)),
            // Two's complement, as protobuf's int64 has it.
            Value::Integer(number) => any.number_always(3, *number as u64),
        });
    });
}
