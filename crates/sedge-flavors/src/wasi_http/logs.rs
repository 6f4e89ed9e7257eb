//! stdout, stderr and `wasi:logging` of an instance, bounded for each request.

use super::function::FunctionSpec;
use bytes::Bytes;
use sedge_services::logging::{Level, LogSink, LogStream, RequestLog};
use std::io;
use std::pin::Pin;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

/// Most bytes that one write may hand over.
const WRITE_BYTES_MAX: usize = 64 << 10;

/// The log of an instance. The log of a request begins when its guest first
/// writes: most never do.
pub(super) struct Logs {
    shared: Arc<Shared>,
}

struct Shared {
    sink: LogSink,
    metrics: Arc<sedge_model::metrics::FunctionMetrics>,
    request: Mutex<Option<Arc<RequestLog>>>,
}

impl Shared {
    fn request(&self) -> Arc<RequestLog> {
        let mut request = self.request.lock().unwrap_or_else(PoisonError::into_inner);
        request.get_or_insert_with(|| Arc::new(self.sink.begin())).clone()
    }

    fn end(&self) {
        let ended = self.request.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(request) = ended {
            self.metrics.log_bytes_dropped.fetch_add(request.dropped_bytes(), Relaxed);
        }
    }
}

impl Logs {
    pub(super) fn new(spec: &FunctionSpec) -> Self {
        let shared = Shared {
            sink: spec.services.log.clone(),
            metrics: spec.metrics.clone(),
            request: Mutex::new(None),
        };
        Logs { shared: Arc::new(shared) }
    }

    /// Ends the log of one request, with its budget.
    pub(super) fn renew(&self) {
        self.shared.end();
    }

    /// One message of `wasi:logging`.
    pub(super) fn log(&self, level: Level, context: &str, message: &str) {
        self.shared.request().log(level, context, message);
    }

    /// One of the standard streams, by its name.
    pub(super) fn stream(&self, name: &'static str) -> Stream {
        Stream { shared: self.shared.clone(), name }
    }
}

impl Drop for Logs {
    fn drop(&mut self) {
        self.shared.end();
    }
}

/// A standard stream that a guest may open.
pub(super) struct Stream {
    shared: Arc<Shared>,
    name: &'static str,
}

impl Stream {
    fn open(&self) -> OpenStream {
        let level = if self.name == "stderr" { Level::Warn } else { Level::Info };
        OpenStream(LogStream::new(self.shared.request(), level, self.name))
    }
}

impl IsTerminal for Stream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Stream {
    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.open())
    }

    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.open())
    }
}

/// A stream that never blocks: beyond the budget, bytes are dropped and
/// counted.
struct OpenStream(LogStream);

#[async_trait::async_trait]
impl Pollable for OpenStream {
    async fn ready(&mut self) {}
}

impl OutputStream for OpenStream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.0.write(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE_BYTES_MAX)
    }
}

impl AsyncWrite for OpenStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.0.write(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
