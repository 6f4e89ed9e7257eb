//! stdout and stderr of a guest, cut into records at line feeds.

use super::{Level, RequestLog};
use std::sync::Arc;

/// Longest line; more is written as several records.
const LINE_BYTES_MAX: usize = 4 * 1024;

/// A byte stream into a request's log. A last line without a line feed is
/// written when the stream is dropped.
pub struct LogStream {
    log: Arc<RequestLog>,
    level: Level,
    context: &'static str,
    line: Vec<u8>,
}

impl LogStream {
    /// A stream whose lines have this level and context (`stdout`, `stderr`).
    pub fn new(log: Arc<RequestLog>, level: Level, context: &'static str) -> Self {
        LogStream { log, level, context, line: Vec::new() }
    }

    /// Takes bytes; what is not UTF-8 is replaced.
    pub fn write(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = LINE_BYTES_MAX - self.line.len();
            let window = &bytes[..bytes.len().min(room)];
            let end = window.iter().position(|&byte| byte == b'\n');
            let taken = end.unwrap_or(window.len());
            self.line.extend_from_slice(&bytes[..taken]);
            bytes = &bytes[taken + usize::from(end.is_some())..];
            if end.is_some() || self.line.len() == LINE_BYTES_MAX {
                self.flush();
            }
        }
    }

    /// Writes what there is of the current line, if anything.
    pub fn flush(&mut self) {
        if !self.line.is_empty() {
            self.log.log(self.level, self.context, &String::from_utf8_lossy(&self.line));
            self.line.clear();
        }
    }
}

impl Drop for LogStream {
    fn drop(&mut self) {
        self.flush();
    }
}
