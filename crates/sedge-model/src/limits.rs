//! What bounds a function. Everything has a limit, a default and a test.

use std::time::Duration;

/// Limits of one function, resolved: every field is set.
///
/// All sizes are bytes, all times are wall or CPU milliseconds as named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// All linear memories and tables of an instance together.
    pub memory_bytes_max: u64,
    /// Time on the CPU per request; waiting is free.
    pub cpu_ms_max: u64,
    /// Wall time until the response's head, and again until the body's end.
    pub deadline_ms: u64,
    /// Stack of the guest.
    pub stack_bytes_max: u32,
    /// Host resources (streams, fields, requests, …) held at one time.
    pub resources_max: u32,
    /// Request body.
    pub request_body_bytes_max: u64,
    /// Response body.
    pub response_body_bytes_max: u64,
    /// Number of header fields in a request or a response.
    pub headers_max: u32,
    /// Names and values of all header fields of a message together.
    pub header_bytes_max: u32,
    /// Outbound requests per inbound request.
    pub outbound_requests_max: u32,
    /// Bytes of outbound bodies, both directions, per inbound request.
    pub outbound_bytes_max: u64,
    /// Log output (stdout, stderr, `wasi:logging`) per request; the rest is
    /// dropped and counted.
    pub log_bytes_max: u64,
    /// Requests of this function in flight on one node; more are shed.
    pub concurrency_max: u32,
}

impl Limits {
    /// CPU time per request.
    pub fn cpu(&self) -> Duration {
        Duration::from_millis(self.cpu_ms_max)
    }

    /// Wall time per request.
    pub fn deadline(&self) -> Duration {
        Duration::from_millis(self.deadline_ms)
    }
}

impl Default for Limits {
    fn default() -> Self {
        const KIB: u64 = 1024;
        const MIB: u64 = 1024 * KIB;
        Limits {
            memory_bytes_max: 128 * MIB,
            cpu_ms_max: 1_000,
            deadline_ms: 30_000,
            stack_bytes_max: 512 * KIB as u32,
            resources_max: 1_024,
            request_body_bytes_max: 16 * MIB,
            response_body_bytes_max: 64 * MIB,
            headers_max: 128,
            header_bytes_max: 32 * KIB as u32,
            outbound_requests_max: 32,
            outbound_bytes_max: 64 * MIB,
            log_bytes_max: 64 * KIB,
            concurrency_max: 1_024,
        }
    }
}
