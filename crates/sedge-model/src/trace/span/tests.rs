use super::*;
use crate::failure::Kind;
use crate::trace::queue::{SpanCounters, SpanReceiver, Wake, queue};
use std::sync::OnceLock;

fn spans() -> (Spans, SpanReceiver, Arc<SpanCounters>) {
    let counters = Arc::<SpanCounters>::default();
    let wake = Arc::new(Wake { thread: OnceLock::new(), at: usize::MAX });
    let (queue, receiver) = queue(1_000, counters.clone(), wake);
    (Spans::to(Arc::new(queue), "a=b"), receiver, counters)
}

fn root() -> TraceContext {
    TraceContext { trace_id: 7, span_id: 8, flags: 1 }
}

#[test]
fn what_is_not_sampled_is_its_parents_context_and_nothing_else() {
    let spans = Spans::default();
    let mut span = spans.begin(root(), SpanKind::Client, "GET");
    span.set("a", 1u64);
    span.fail(&Failure::new(Kind::Trap, "x"));
    assert!(!span.is_on() && !spans.is_on());
    assert_eq!(span.trace(), root());
}

#[test]
fn a_request_leaves_so_many_spans_and_the_rest_is_counted() {
    let (spans, receiver, counters) = spans();
    for _ in 0..SPANS_PER_REQUEST_MAX + 5 {
        let span = spans.begin(root(), SpanKind::Client, "GET");
        assert!(span.is_on() || span.trace() == root());
    }
    let kept = std::iter::from_fn(|| receiver.take()).count();
    assert_eq!(kept, SPANS_PER_REQUEST_MAX as usize);
    assert_eq!(counters.dropped_request_limit.load(Relaxed), 5);
}

#[test]
fn attributes_and_texts_have_bounds() {
    let (spans, receiver, _) = spans();
    let mut span = spans.begin(root(), SpanKind::Internal, "x");
    span.set("long", "ä".repeat(TEXT_BYTES_MAX));
    span.set("shared", Arc::<str>::from("y".repeat(TEXT_BYTES_MAX + 1)));
    for index in 0..ATTRIBUTES_MAX {
        span.set(Box::leak(format!("a{index}").into_boxed_str()), true);
    }
    drop(span);
    let span = receiver.take().expect("ended");
    assert_eq!(span.attributes.len(), ATTRIBUTES_MAX);
    assert_eq!(span.attributes_dropped, 2);
    assert_eq!(span.attributes[0].1, "ä".repeat(TEXT_BYTES_MAX / 2).into());
    assert_eq!(span.attributes[1].1, "y".repeat(TEXT_BYTES_MAX).into());
}

#[test]
fn steps_hang_below_each_other() {
    let (spans, receiver, _) = spans();
    let remote = TraceContext { span_id: 3, ..root() };
    let server = spans.begin_server(root(), Some(remote), "GET", Instant::now());
    let inner = spans.begin(server.trace(), SpanKind::Internal, "call");
    drop(inner);
    drop(server);
    let (inner, server) = (receiver.take().expect("one"), receiver.take().expect("two"));
    assert_eq!((server.parent_id, server.parent_is_remote, server.trace.span_id), (3, true, 8));
    assert_eq!((inner.parent_id, inner.parent_is_remote), (8, false));
    assert_eq!((inner.trace.trace_id, inner.trace.flags), (7, 1));
    assert!(inner.begin_ns >= server.begin_ns && inner.end_ns <= server.end_ns);
    assert_eq!(&*inner.trace_state, "a=b");
}

#[test]
fn statuses_fail_as_the_conventions_say() {
    let outcome = |kind, status: u16| {
        let (spans, receiver, _) = spans();
        let mut span = spans.begin(root(), kind, "x");
        span.answered(http::StatusCode::from_u16(status).expect("valid"));
        drop(span);
        receiver.take().expect("ended").error.is_some()
    };
    for (kind, status, failed) in [
        (SpanKind::Client, 500, true),
        (SpanKind::Client, 404, true),
        (SpanKind::Client, 399, false),
        (SpanKind::Server, 404, false),
        (SpanKind::Server, 503, true),
    ] {
        assert_eq!(outcome(kind, status), failed, "{kind:?} {status}");
    }
}

#[test]
fn a_failure_is_not_overwritten_by_its_status() {
    let (spans, receiver, _) = spans();
    let mut span = spans.begin(root(), SpanKind::Server, "GET");
    span.fail(&Failure::new(Kind::Trap, "divided by zero"));
    span.answered(http::StatusCode::INTERNAL_SERVER_ERROR);
    drop(span);
    let span = receiver.take().expect("ended");
    assert_eq!(span.error.as_deref(), Some("divided by zero"));
    assert_eq!(
        span.attributes,
        [
            ("error.type", "trap".into()),
            ("sedge.blame", "guest".into()),
            ("http.response.status_code", 500u16.into()),
        ]
    );
}
