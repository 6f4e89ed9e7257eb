//! One step of a request: when, below what, with which outcome.
//!
//! Names and attributes are those of OpenTelemetry's semantic conventions
//! (<https://opentelemetry.io/docs/specs/semconv/http/http-spans/>) where there
//! are any; others begin with `sedge.`.

use super::queue::SpanQueue;
use super::{TraceContext, random};
use crate::failure::Failure;
use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Spans that one request may leave; the rest is dropped and counted. A guest
/// that calls out a thousand times must not crowd out its neighbors' spans.
pub const SPANS_PER_REQUEST_MAX: u32 = 128;

/// Attributes of one span; more are not kept.
pub const ATTRIBUTES_MAX: usize = 64;

/// Bytes of one text in a span; more are cut off, at the end of a character.
pub const TEXT_BYTES_MAX: usize = 1_024;

/// How a span stands to others (`Span.SpanKind` of OTLP, and its numbers).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanKind {
    /// A step inside of this node.
    Internal = 1,
    /// Answers somebody's request.
    Server = 2,
    /// Sends a request and waits for its answer.
    Client = 3,
    /// Deals with messages of somebody who does not wait for it.
    Consumer = 5,
}

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A text that may be shared.
    Text(Cow<'static, str>),
    /// A text that is shared.
    Shared(Arc<str>),
    /// A number.
    Integer(i64),
    /// A truth.
    Bool(bool),
}

/// A span that has ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    /// Its own identity.
    pub trace: TraceContext,
    /// The span above it; 0 for none.
    pub parent_id: u64,
    /// Whether the span above it is of another process.
    pub parent_is_remote: bool,
    /// `tracestate` as the client sent it; empty for none.
    pub trace_state: Arc<str>,
    /// How it stands to others.
    pub kind: SpanKind,
    /// What it is, of few different texts.
    pub name: Cow<'static, str>,
    /// Nanoseconds since 1970.
    pub begin_ns: u64,
    /// Nanoseconds since 1970; never before it began.
    pub end_ns: u64,
    /// Names are unique.
    pub attributes: Vec<(&'static str, Value)>,
    /// Attributes beyond [`ATTRIBUTES_MAX`].
    pub attributes_dropped: u32,
    /// Why it failed, if it did.
    pub error: Option<Cow<'static, str>>,
}

/// Where the spans of one request go: nowhere, unless it is sampled. Cheap to
/// clone.
#[derive(Clone, Debug, Default)]
pub struct Spans(Option<Arc<Recording>>);

#[derive(Debug)]
struct Recording {
    queue: Arc<SpanQueue>,
    trace_state: Arc<str>,
    begun: AtomicU32,
}

impl Spans {
    /// Spans that go to a queue; `trace_state` is the client's.
    pub fn to(queue: Arc<SpanQueue>, trace_state: &str) -> Self {
        let (trace_state, begun) = (Arc::from(trace_state), AtomicU32::new(0));
        Spans(Some(Arc::new(Recording { queue, trace_state, begun })))
    }

    /// Whether anything is recorded.
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Begins a step below `parent`, which is of this node. It ends when it is
    /// dropped.
    pub fn begin(
        &self,
        parent: TraceContext,
        kind: SpanKind,
        name: impl Into<Cow<'static, str>>,
    ) -> ActiveSpan {
        match &self.0 {
            None => ActiveSpan { trace: parent, open: None },
            Some(recording) => {
                let trace = parent.child(random::nonzero());
                recording.open(trace, parent.span_id, false, kind, name.into(), Instant::now())
            }
        }
    }

    /// The span of work that nobody has asked for from outside: its trace begins here.
    pub fn begin_root(
        &self,
        trace: TraceContext,
        kind: SpanKind,
        name: impl Into<Cow<'static, str>>,
    ) -> ActiveSpan {
        match &self.0 {
            None => ActiveSpan { trace, open: None },
            Some(recording) => recording.open(trace, 0, false, kind, name.into(), Instant::now()),
        }
    }

    /// The node's own span of a request that began at `begin`, with the parent
    /// that came with it, if any did.
    pub fn begin_server(
        &self,
        trace: TraceContext,
        parent: Option<TraceContext>,
        name: impl Into<Cow<'static, str>>,
        begin: Instant,
    ) -> ActiveSpan {
        match &self.0 {
            None => ActiveSpan { trace, open: None },
            Some(recording) => {
                let parent_id = parent.map_or(0, |parent| parent.span_id);
                let (remote, kind) = (parent.is_some(), SpanKind::Server);
                recording.open(trace, parent_id, remote, kind, name.into(), begin)
            }
        }
    }
}

impl Recording {
    fn open(
        self: &Arc<Self>,
        trace: TraceContext,
        parent_id: u64,
        parent_is_remote: bool,
        kind: SpanKind,
        name: Cow<'static, str>,
        begin: Instant,
    ) -> ActiveSpan {
        if self.begun.fetch_add(1, Relaxed) >= SPANS_PER_REQUEST_MAX {
            self.queue.counters().dropped_request_limit.fetch_add(1, Relaxed);
            // What is below it hangs below its parent.
            let trace = TraceContext { span_id: parent_id, ..trace };
            return ActiveSpan { trace, open: None };
        }
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let begin_ns = since.saturating_sub(begin.elapsed()).as_nanos();
        let span = Span {
            trace,
            parent_id,
            parent_is_remote,
            trace_state: self.trace_state.clone(),
            kind,
            name,
            begin_ns: u64::try_from(begin_ns).unwrap_or(u64::MAX),
            end_ns: 0,
            attributes: Vec::new(),
            attributes_dropped: 0,
            error: None,
        };
        let recording = self.clone();
        ActiveSpan { trace, open: Some(Box::new(Open { span, begin, recording })) }
    }
}

/// A step that has begun. Dropping it ends it. Of a request that is not sampled
/// it is nothing but its parent's context.
#[derive(Debug)]
pub struct ActiveSpan {
    trace: TraceContext,
    open: Option<Box<Open>>,
}

#[derive(Debug)]
struct Open {
    span: Span,
    begin: Instant,
    recording: Arc<Recording>,
}

impl ActiveSpan {
    /// What the next step hangs below: this span, or its parent if it is not
    /// recorded.
    pub fn trace(&self) -> TraceContext {
        self.trace
    }

    /// Whether it is recorded: if not, what is costly to find out need not be.
    pub fn is_on(&self) -> bool {
        self.open.is_some()
    }

    /// Gives it another name.
    pub fn rename(&mut self, name: impl Into<Cow<'static, str>>) {
        if let Some(open) = &mut self.open {
            open.span.name = name.into();
        }
    }

    /// Sets an attribute; a later value takes the place of an earlier one.
    pub fn set(&mut self, name: &'static str, value: impl Into<Value>) {
        let Some(open) = &mut self.open else { return };
        let attributes = &mut open.span.attributes;
        let value = value.into().cut();
        if let Some(known) = attributes.iter_mut().find(|(known, _)| *known == name) {
            known.1 = value;
        } else if attributes.len() < ATTRIBUTES_MAX {
            attributes.push((name, value));
        } else {
            open.span.attributes_dropped += 1;
        }
    }

    /// Sets an attribute, if there is a value.
    pub fn set_some(&mut self, name: &'static str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.set(name, value);
        }
    }

    /// Says that the step failed: `error.type`, and who is to blame.
    pub fn fail(&mut self, failure: &Failure) {
        let (kind, detail) = (failure.kind, &failure.detail);
        self.error(kind.label(), detail.clone());
        self.set("sedge.blame", kind.blame().as_str());
    }

    /// Says that the step failed in a way that is no [`Failure`]: `error_type`
    /// is of few different texts, `detail` is for people.
    pub fn error(&mut self, error_type: impl Into<Value>, detail: impl Into<Cow<'static, str>>) {
        self.set("error.type", error_type);
        if let Some(open) = &mut self.open {
            open.span.error = Some(cut(detail.into()));
        }
    }

    /// Notes the status of an answer, and says that the step failed if that
    /// means so (HTTP spans, "Status"): from 500, or from 400 where this node is
    /// the client.
    pub fn answered(&mut self, status: http::StatusCode) {
        let Some(open) = &self.open else { return };
        let from = if open.span.kind == SpanKind::Client { 400 } else { 500 };
        self.set("http.response.status_code", i64::from(status.as_u16()));
        if status.as_u16() >= from && self.get("error.type").is_none() {
            // The status says it all: no description.
            self.error(status.as_str().to_owned(), "");
        }
    }

    fn get(&self, name: &str) -> Option<&Value> {
        let attributes = &self.open.as_ref()?.span.attributes;
        attributes.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }
}

impl Drop for ActiveSpan {
    fn drop(&mut self) {
        if let Some(open) = self.open.take() {
            let Open { mut span, begin, recording } = *open;
            let took = u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX);
            span.end_ns = span.begin_ns.saturating_add(took);
            recording.queue.push(Box::new(span));
        }
    }
}

impl Value {
    fn cut(self) -> Self {
        match self {
            Value::Text(text) => Value::Text(cut(text)),
            Value::Shared(text) if text.len() > TEXT_BYTES_MAX => {
                Value::Text(cut(text.to_string().into()))
            }
            other => other,
        }
    }
}

fn cut(text: Cow<'static, str>) -> Cow<'static, str> {
    if text.len() <= TEXT_BYTES_MAX {
        return text;
    }
    Cow::Owned(text[..text.floor_char_boundary(TEXT_BYTES_MAX)].to_owned())
}

impl From<&'static str> for Value {
    fn from(text: &'static str) -> Self {
        Value::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::Text(Cow::Owned(text))
    }
}

impl From<Arc<str>> for Value {
    fn from(text: Arc<str>) -> Self {
        Value::Shared(text)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Value::Integer(number)
    }
}

impl From<u64> for Value {
    /// OTLP has no larger integers than these; more is the largest of them.
    fn from(number: u64) -> Self {
        Value::Integer(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Value::Integer(number.into())
    }
}

impl From<u16> for Value {
    fn from(number: u16) -> Self {
        Value::Integer(number.into())
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Value::Bool(truth)
    }
}

#[cfg(test)]
mod tests;
