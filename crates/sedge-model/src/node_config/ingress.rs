//! `[ingress]`: bounds of the listeners, and what upstreams are told.

use crate::document::quantity;
use crate::handler::Forwarding;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Bounds of the listeners. What exceeds them is refused with an error of its
/// own, never queued without end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct IngressConfig {
    /// Time from a request's first byte to the end of its header section.
    #[schemars(schema_with = "quantity::ms", range(min = 1, max = 600_000))]
    pub header_timeout_ms: u64,
    /// Time without one byte of a body arriving or leaving.
    #[schemars(schema_with = "quantity::ms", range(min = 1, max = 3_600_000))]
    pub body_idle_timeout_ms: u64,
    /// Time that a connection may wait for its next request.
    #[schemars(schema_with = "quantity::ms", range(min = 1, max = 3_600_000))]
    pub keep_alive_ms: u64,
    /// Time that a TLS handshake may take.
    #[schemars(schema_with = "quantity::ms", range(min = 1, max = 600_000))]
    pub handshake_timeout_ms: u64,
    /// TLS handshakes under way; one more is closed.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub handshakes_max: u32,
    /// Open connections; one more is told 503 and closed.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub connections_max: u32,
    /// Requests in flight on the node; one more is shed with 503 and
    /// `Retry-After`.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub requests_in_flight_max: u32,
    /// Requests that one HTTP/2 connection may have in flight.
    #[schemars(range(min = 1, max = 10_000))]
    pub h2_streams_max: u32,
    /// Frames that ask for nothing (pings, settings, windows, priorities, empty ones)
    /// that a client of HTTP/2 may send more than answers and time pay for: a frame of
    /// an answer pays for four, a second for a tenth. Past it the connection ends.
    #[schemars(range(min = 10, max = 1_000_000))]
    pub h2_control_frames_max: u32,
    /// Streams that a client of HTTP/2 may reset, or make this node reset, more often
    /// than answers come to their end; a second pays for a tenth. Past it the
    /// connection ends.
    #[schemars(range(min = 10, max = 1_000_000))]
    pub h2_resets_max: u32,
    /// Files that are looked up or read from disk at one time; more wait.
    #[schemars(range(min = 1, max = 512))]
    pub file_reads_max: u32,
    /// Time that requests in flight have to finish when the node stops.
    #[schemars(schema_with = "quantity::ms", range(min = 0, max = 3_600_000))]
    pub drain_ms: u64,
    /// Length of a request's target.
    #[schemars(schema_with = "quantity::bytes", range(min = 64, max = 65_534))]
    pub uri_bytes_max: u32,
    /// Header fields of a request.
    #[schemars(range(min = 8, max = 4_096))]
    pub headers_max: u32,
    /// Names and values of a request's header fields together.
    #[schemars(schema_with = "quantity::bytes", range(min = 1_024, max = 1_048_576))]
    pub header_bytes_max: u32,
    /// Proxies before this node that add themselves to `X-Forwarded-For`, and are
    /// believed: the address that so many of them back stands there is the client's.
    /// With 0, what a client sends of `X-Forwarded-…` and `Forwarded` is thrown away.
    #[schemars(range(min = 0, max = 16))]
    pub trusted_hops: u8,
    /// What upstreams are told of the client and of this node.
    #[schemars(length(max = 3))]
    pub forward: Vec<ForwardField>,
}

/// What upstreams are told of the client and of this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ForwardField {
    /// `X-Forwarded-For`, `-Proto`, and `-Host` where the host is rewritten.
    XForwarded,
    /// `Forwarded` (RFC 7239).
    Forwarded,
    /// `Via` (RFC 9110 §7.6.3).
    Via,
}

impl IngressConfig {
    /// How requests are passed on in the name of their clients.
    pub fn forwarding(&self) -> Forwarding {
        let has = |field| self.forward.contains(&field);
        Forwarding {
            trusted_hops: self.trusted_hops,
            x_forwarded: has(ForwardField::XForwarded),
            forwarded: has(ForwardField::Forwarded),
            via: has(ForwardField::Via),
        }
    }
}

impl Default for IngressConfig {
    fn default() -> Self {
        IngressConfig {
            header_timeout_ms: 10_000,
            body_idle_timeout_ms: 30_000,
            keep_alive_ms: 75_000,
            handshake_timeout_ms: 10_000,
            handshakes_max: 1_024,
            connections_max: 10_000,
            requests_in_flight_max: 4_096,
            h2_streams_max: 128,
            h2_control_frames_max: 1_000,
            h2_resets_max: 200,
            file_reads_max: 32,
            drain_ms: 30_000,
            uri_bytes_max: 8_192,
            headers_max: 100,
            header_bytes_max: 32_768,
            trusted_hops: 0,
            forward: vec![ForwardField::XForwarded, ForwardField::Via],
        }
    }
}
