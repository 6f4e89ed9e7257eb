//! Traces on their way out: spans that have ended are collected by one thread
//! and sent to a collector by OTLP over HTTP
//! (<https://opentelemetry.io/docs/specs/otlp/>). A request never waits for it:
//! what finds no room is dropped and counted.
//!
//! 1. Each thread of a gateway has a [`Tracer`]: the sampler, and a queue of its
//!    own; what messages and the clock start has a [`Recorder`].
//! 2. [`exporter`] empties the queues, batch by batch, and tries again where the
//!    collector asks for it.
//! 3. [`encode`] writes a batch as protobuf, [`protobuf`] its numbers and
//!    lengths.
//! 4. [`client`] sends it; [`answer`] says what the collector's answer means.

pub mod answer;
mod client;
mod counters;
mod encode;
mod exporter;
mod options;
mod protobuf;

pub use client::ClientError;
pub use options::TraceOptions;

use counters::Counters;
use http::Method;
use sedge_model::trace::queue::{self, SpanCounters, SpanQueue, SpanReceiver, Wake};
use sedge_model::trace::sampler::Sampler;
use sedge_model::trace::{ActiveSpan, SpanKind, Spans, TraceContext};
use std::io;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Where the spans of a node go. Cheap to clone.
#[derive(Clone, Default)]
pub struct Traces(Option<Arc<Shared>>);

struct Shared {
    sampler: Sampler,
    queue_spans_max: usize,
    ended: Arc<SpanCounters>,
    sent: Arc<Counters>,
    wake: Arc<Wake>,
    queues: Arc<Mutex<Vec<SpanReceiver>>>,
    stop: watch::Sender<Option<Instant>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// Why spans cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum TracesError {
    /// The client cannot be made.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The system gives no more threads.
    #[error("cannot start the thread that sends traces: {0}")]
    Thread(#[from] io::Error),
}

impl Traces {
    /// No spans are recorded.
    pub fn off() -> Self {
        Traces(None)
    }

    /// Starts the thread that sends them. It ends with [`Traces::shutdown`], or
    /// with the process.
    ///
    /// # Errors
    ///
    /// [`TracesError`], if there is no thread, or a file of trusted authorities
    /// is wrong. A collector that does not answer is no error: it may come.
    pub fn start(options: TraceOptions) -> Result<Self, TracesError> {
        let client = client::Client::new(&options)?;
        let sent = Arc::<Counters>::default();
        let queues = Arc::<Mutex<Vec<SpanReceiver>>>::default();
        let wake = Arc::new(Wake { thread: OnceLock::new(), at: options.batch_spans_max });
        let (stop, stopped) = watch::channel(None);
        let (sampler, queue_spans_max) = (options.sampler, options.queue_spans_max);
        let exporter = exporter::Exporter::new(options, client, sent.clone(), queues.clone())?;
        let thread = std::thread::Builder::new()
            .name("traces".into())
            .spawn(move || exporter.run(stopped))?;
        let _ = wake.thread.set(thread.thread().clone());
        let thread = Mutex::new(Some(thread));
        let ended = Arc::default();
        let shared = Shared { sampler, queue_spans_max, ended, sent, wake, queues, stop, thread };
        Ok(Traces(Some(Arc::new(shared))))
    }

    /// What one of `threads` threads records with; `None` if nothing is.
    pub(crate) fn tracer(&self, threads: usize) -> Option<Tracer> {
        let shared = self.0.as_ref()?;
        let room = shared.queue_spans_max.div_ceil(threads.max(1));
        let (queue, receiver) = queue::queue(room, shared.ended.clone(), shared.wake.clone());
        shared.queues.lock().unwrap_or_else(PoisonError::into_inner).push(receiver);
        Some(Tracer { sampler: shared.sampler, queue: Arc::new(queue) })
    }

    /// What work is recorded with that no request starts.
    pub fn recorder(&self) -> Recorder {
        Recorder(self.tracer(1).map(Arc::new))
    }

    /// Sends what waits, once, within `time`, and ends. Blocks; what could not
    /// be sent is counted as lost.
    pub fn shutdown(&self, time: Duration) {
        let Some(shared) = &self.0 else { return };
        shared.stop.send_replace(Some(Instant::now() + time));
        let thread = shared.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            thread.thread().unpark();
            // A thread that panicked has nothing left to send.
            let _ = thread.join();
        }
    }

    /// What became of spans, as Prometheus reads it; nothing if none are
    /// recorded.
    pub fn render_prometheus(&self, text: &mut String) {
        if let Some(shared) = &self.0 {
            shared.sent.render(&shared.ended, text);
        }
    }
}

/// What one thread records spans with.
pub(crate) struct Tracer {
    pub(crate) sampler: Sampler,
    pub(crate) queue: Arc<SpanQueue>,
}

/// Begins the traces of what no request starts. Cheap to clone.
#[derive(Clone, Default)]
pub struct Recorder(Option<Arc<Tracer>>);

impl Recorder {
    /// The first span of a trace, and where the others go; they hang below
    /// [`ActiveSpan::trace`].
    pub fn begin(&self, kind: SpanKind, name: &'static str) -> (Spans, ActiveSpan) {
        let trace = TraceContext::begin();
        let Some(tracer) = &self.0 else {
            let spans = Spans::default();
            let span = spans.begin_root(trace, kind, name);
            return (spans, span);
        };
        let sampled = tracer.sampler.decide(None, trace.trace_id);
        let spans = if sampled { Spans::to(tracer.queue.clone(), "") } else { Spans::default() };
        let span = spans.begin_root(trace.sampled(sampled), kind, name);
        (spans, span)
    }
}

/// The methods that semantic conventions know. A span's name must be of few
/// different texts, and a client may invent methods.
pub(crate) fn known_method(method: &Method) -> Option<&'static str> {
    Some(match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        "PATCH" => "PATCH",
        "TRACE" => "TRACE",
        "CONNECT" => "CONNECT",
        _ => return None,
    })
}
