//! What bounds a function. Everything has a limit, a default and a test.

use crate::document::quantity;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What bounds a function: what one instance may hold and what one request may
/// use. A number without a unit is in the unit that the key's name ends with; a
/// string carries its own unit (`"128 MiB"`, `"30 s"`).
// Resolved: every field is set. The raw section of the manifest has the same
// shape, because the reader turns strings with units into integers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// All linear memories and tables of an instance together.
    #[schemars(schema_with = "quantity::bytes", range(min = 65_536, max = 4_294_967_296u64))]
    pub memory_bytes_max: u64,
    /// Time on the CPU per request; waiting is free.
    #[schemars(schema_with = "quantity::ms", range(min = 1, max = 3_600_000))]
    pub cpu_ms_max: u64,
    /// Wall time until the response's head, and again until the body's end.
    #[schemars(schema_with = "quantity::ms", range(min = 1, max = 86_400_000))]
    pub deadline_ms: u64,
    /// Stack of the guest.
    #[schemars(schema_with = "quantity::bytes", range(min = 16_384, max = 8_388_608))]
    pub stack_bytes_max: u32,
    /// Host resources (streams, fields, requests, …) held at one time.
    #[schemars(range(min = 16, max = 1_000_000))]
    pub resources_max: u32,
    /// Request body.
    #[schemars(schema_with = "quantity::bytes", range(min = 0, max = 1_099_511_627_776u64))]
    pub request_body_bytes_max: u64,
    /// Response body.
    #[schemars(schema_with = "quantity::bytes", range(min = 1, max = 1_099_511_627_776u64))]
    pub response_body_bytes_max: u64,
    /// Number of header fields in a request or a response.
    #[schemars(range(min = 8, max = 4_096))]
    pub headers_max: u32,
    /// Names and values of all header fields of a message together.
    #[schemars(schema_with = "quantity::bytes", range(min = 1_024, max = 1_048_576))]
    pub header_bytes_max: u32,
    /// Outbound requests per inbound request; 0 forbids them.
    #[schemars(range(min = 0, max = 100_000))]
    pub outbound_requests_max: u32,
    /// Bytes of outbound bodies, both directions, per inbound request.
    #[schemars(schema_with = "quantity::bytes", range(min = 0, max = 1_099_511_627_776u64))]
    pub outbound_bytes_max: u64,
    /// Log output (stdout, stderr, `wasi:logging`) per request; the rest is
    /// dropped and counted.
    #[schemars(schema_with = "quantity::bytes", range(min = 0, max = 67_108_864))]
    pub log_bytes_max: u64,
    /// Requests of this function in flight on one node; more are shed.
    #[schemars(range(min = 1, max = 65_536))]
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
