//! The records of a node on standard error, written by a thread of its own.
//!
//! A request never waits for whoever reads the log: a pipe that nobody empties,
//! or a disk that is slow, costs records, which are counted, and no answers. What
//! guests write may fill half of the queue, so that the node's own records have
//! room while one floods it.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tracing::Metadata;
use tracing_subscriber::fmt::MakeWriter;

/// Bytes that may wait to be written.
const QUEUE_BYTES_MAX: usize = 1 << 20;
/// Bytes beyond which records of guests are dropped.
const GUEST_BYTES_MAX: usize = QUEUE_BYTES_MAX / 2;
/// How long the writer gathers before it writes: a flood costs a few large
/// writes then, and a request's record seldom has to wake the writer.
const GATHER: Duration = Duration::from_millis(5);
/// Bytes of one write. A kernel that is not preemptible keeps the core until it has
/// copied them: this many cost a waiting request thread some microseconds.
const WRITE_BYTES_MAX: usize = 16 << 10;
/// How long the end of the process waits for whoever reads.
const FLUSH_MAX: Duration = Duration::from_secs(1);

/// Where records go. Cheap to clone.
#[derive(Clone)]
pub(crate) struct NodeLog(Arc<Shared>);

struct Shared {
    queue: Mutex<Queue>,
    /// There is something to write, or somebody waits for the end.
    filled: Condvar,
    /// Everything was written.
    emptied: Condvar,
    /// Records that were dropped since the start.
    dropped: Arc<AtomicU64>,
}

#[derive(Default)]
struct Queue {
    lines: Vec<u8>,
    /// The writer has taken lines that have not left the process.
    is_writing: bool,
    /// The writer waits for a first line.
    is_idle: bool,
    /// Somebody waits for the end.
    hurry: bool,
}

/// Writes what is left when it is dropped.
pub(crate) struct FlushAtEnd(NodeLog);

impl Drop for FlushAtEnd {
    fn drop(&mut self) {
        self.0.flush(FLUSH_MAX);
    }
}

impl NodeLog {
    /// Starts a writer to standard error.
    ///
    /// # Errors
    ///
    /// When the system refuses a thread.
    pub(crate) fn stderr() -> io::Result<Self> {
        NodeLog::start(io::stderr())
    }

    fn start(out: impl Write + Send + 'static) -> io::Result<Self> {
        let log = NodeLog(Arc::new(Shared {
            queue: Mutex::default(),
            filled: Condvar::new(),
            emptied: Condvar::new(),
            dropped: Arc::default(),
        }));
        let shared = log.0.clone();
        std::thread::Builder::new().name("node-log".into()).spawn(move || {
            sedge_node::lower_priority();
            shared.write_all(out);
        })?;
        Ok(log)
    }

    /// Counts records that nobody read in time.
    pub(crate) fn dropped(&self) -> Arc<AtomicU64> {
        self.0.dropped.clone()
    }

    /// Waits, but not longer than this, until everything has left the process.
    pub(crate) fn flush(&self, at_most: Duration) {
        let end = Instant::now() + at_most;
        let mut queue = self.0.lock();
        queue.hurry = true;
        self.0.filled.notify_one();
        while !queue.lines.is_empty() || queue.is_writing {
            let Some(left) = end.checked_duration_since(Instant::now()) else { break };
            let waited = self.0.emptied.wait_timeout(queue, left);
            queue = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        queue.hurry = false;
    }

    /// Flushes when it is dropped.
    pub(crate) fn flush_at_end(&self) -> FlushAtEnd {
        FlushAtEnd(self.clone())
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, record: &[u8], bytes_max: usize) {
        let mut queue = self.lock();
        if queue.lines.len() + record.len() > bytes_max {
            drop(queue);
            self.dropped.fetch_add(1, Relaxed);
            return;
        }
        queue.lines.extend_from_slice(record);
        let wake = std::mem::take(&mut queue.is_idle);
        drop(queue);
        if wake {
            self.filled.notify_one();
        }
    }

    fn write_all(&self, mut out: impl Write) {
        let mut lines = Vec::new();
        let mut told = 0;
        loop {
            self.take(&mut lines);
            // Nobody is left to tell of a standard error that cannot be written.
            let mut pieces = lines.chunks(WRITE_BYTES_MAX);
            let _ = pieces.try_for_each(|piece| out.write_all(piece)).and_then(|()| out.flush());
            lines.clear();
            lines.shrink_to(GUEST_BYTES_MAX);
            let mut queue = self.lock();
            queue.is_writing = false;
            if queue.lines.is_empty() {
                self.emptied.notify_all();
            }
            drop(queue);
            let dropped = self.dropped.load(Relaxed);
            if dropped > told {
                tracing::warn!(
                    dropped = dropped - told,
                    "log records were dropped: they came faster than they were read"
                );
                told = dropped;
            }
        }
    }

    /// Waits for lines, lets them gather, and takes them all.
    fn take(&self, lines: &mut Vec<u8>) {
        let mut queue = self.lock();
        while queue.lines.is_empty() {
            queue.is_idle = true;
            queue = self.filled.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        if !queue.hurry {
            // Ends at once if somebody waits for the end.
            let waited = self.filled.wait_timeout_while(queue, GATHER, |queue| !queue.hurry);
            queue = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        queue.is_idle = false;
        queue.is_writing = true;
        std::mem::swap(lines, &mut queue.lines);
    }
}

impl<'a> MakeWriter<'a> for NodeLog {
    type Writer = RecordWriter<'a>;

    fn make_writer(&'a self) -> Self::Writer {
        RecordWriter { shared: &self.0, bytes_max: QUEUE_BYTES_MAX }
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> Self::Writer {
        let is_guest = metadata.target() == "guest";
        let bytes_max = if is_guest { GUEST_BYTES_MAX } else { QUEUE_BYTES_MAX };
        RecordWriter { shared: &self.0, bytes_max }
    }
}

/// Takes one record, which the subscriber writes with one call.
pub(crate) struct RecordWriter<'a> {
    shared: &'a Shared,
    bytes_max: usize,
}

impl Write for RecordWriter<'_> {
    fn write(&mut self, record: &[u8]) -> io::Result<usize> {
        self.shared.push(record, self.bytes_max);
        Ok(record.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
