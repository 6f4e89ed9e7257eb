//! What functions log.
//!
//! A guest's text is hostile input to whoever reads logs: control characters
//! are escaped, so that it can neither forge records nor drive a terminal, and
//! each request may log only so many bytes.

mod stream;

pub use stream::LogStream;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Bytes that a record costs besides its text, so that empty ones are not free.
pub const RECORD_BYTES: u64 = 32;

/// How serious a record is, least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// The flow of control and the values in it.
    Trace,
    /// For whoever looks for a defect.
    Debug,
    /// For whoever watches the program.
    Info,
    /// Something that may become a problem.
    Warn,
    /// Something that failed.
    Error,
    /// The program cannot go on.
    Critical,
}

/// Where the log of one function goes: to `tracing`, with the target `guest`.
/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct LogSink {
    app: Arc<str>,
    function: Arc<str>,
    bytes_max: u64,
}

impl LogSink {
    /// The sink of a function whose requests may log `bytes_max` each.
    pub fn new(app: &str, function: &str, bytes_max: u64) -> Self {
        LogSink { app: app.into(), function: function.into(), bytes_max }
    }

    /// Begins the log of one request, with a fresh budget.
    pub fn begin(&self) -> RequestLog {
        let (left, dropped) = (AtomicU64::new(self.bytes_max), AtomicU64::new(0));
        RequestLog { sink: self.clone(), left, dropped }
    }
}

/// The log of one request: `wasi:logging`, stdout and stderr share its budget.
#[derive(Debug)]
pub struct RequestLog {
    sink: LogSink,
    left: AtomicU64,
    dropped: AtomicU64,
}

impl RequestLog {
    /// Writes one record. What exceeds the budget is cut off and counted.
    pub fn log(&self, level: Level, context: &str, message: &str) {
        if let Some((context, message)) = self.admit(context, message) {
            emit(&self.sink, level, &context, &message);
        }
    }

    /// Bytes that were dropped so far, the cost of whole records included.
    pub fn dropped_bytes(&self) -> u64 {
        self.dropped.load(Relaxed)
    }

    /// What may be written of a record, escaped; `None` if nothing.
    fn admit(&self, context: &str, message: &str) -> Option<(String, String)> {
        let wanted = RECORD_BYTES + (context.len() + message.len()) as u64;
        let before = self
            .left
            .fetch_update(Relaxed, Relaxed, |left| Some(left.saturating_sub(wanted)))
            .unwrap_or_else(|left| left);
        if before >= wanted {
            return Some((escape(context), escape(message)));
        }
        let text_left = usize::try_from(before.saturating_sub(RECORD_BYTES)).unwrap_or(usize::MAX);
        let context_kept = &context[..context.floor_char_boundary(text_left)];
        let message_left = text_left - context_kept.len();
        let message_kept = &message[..message.floor_char_boundary(message_left)];
        let kept = (context_kept.len() + message_kept.len()) as u64;
        if kept == 0 {
            self.dropped.fetch_add(wanted, Relaxed);
            return None;
        }
        self.dropped.fetch_add(wanted - RECORD_BYTES - kept, Relaxed);
        Some((escape(context_kept), escape(message_kept)))
    }
}

/// Replaces what could break a line or change how text is shown: control
/// characters, line and paragraph separators, and the marks that reorder text.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            // Escaped too, so that no text looks like an escape that is none.
            '\\' => escaped.push_str("\\\\"),
            char if char.is_control() || reorders(char) => {
                escaped.extend(char.escape_unicode());
            }
            char => escaped.push(char),
        }
    }
    escaped
}

fn reorders(char: char) -> bool {
    matches!(char,
        '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Hands a record to `tracing`, whose levels must be known when compiling. It
/// has no critical; and its finest level is compiled out of releases, which a
/// guest's records must not be.
fn emit(sink: &LogSink, level: Level, context: &str, message: &str) {
    let (app, function) = (&*sink.app, &*sink.function);
    macro_rules! event {
        ($level:ident) => {
            tracing::event!(target: "guest", tracing::Level::$level, app, function, context, "{message}")
        };
    }
    match level {
        Level::Trace | Level::Debug => event!(DEBUG),
        Level::Info => event!(INFO),
        Level::Warn => event!(WARN),
        Level::Error | Level::Critical => event!(ERROR),
    }
}

#[cfg(test)]
mod tests;
