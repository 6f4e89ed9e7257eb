//! The list of behaviors. `tests/build.rs` reads this file: one entry per line,
//! the name first.

use crate::{bodies, calls, compute, heads, resources, services};
use wasip2::http::types::{IncomingRequest, ResponseOutparam};

/// What a behavior is: it takes the request and may or may not answer.
pub type Behavior = fn(IncomingRequest, ResponseOutparam);

/// Every behavior by the path that picks it.
#[rustfmt::skip]
pub const BEHAVIORS: &[(&str, Behavior)] = &[
    ("endless-loop", compute::endless_loop),
    ("deep-recursion", compute::deep_recursion),
    ("host-call-loop", compute::host_call_loop),
    ("memory-bomb", compute::memory_bomb),
    ("trap", compute::trap),
    ("loop-after-response", compute::loop_after_response),
    ("headers-without-end", heads::headers_without_end),
    ("huge-header", heads::huge_header),
    ("forbidden-headers", heads::forbidden_headers),
    ("conflicting-lengths", heads::conflicting_lengths),
    ("invalid-status", heads::invalid_status),
    ("error-response", heads::error_response),
    ("no-response", heads::no_response),
    ("never-responds", heads::never_responds),
    ("double-set", heads::double_set),
    ("body-without-end", bodies::body_without_end),
    ("body-that-stalls", bodies::body_that_stalls),
    ("body-not-finished", bodies::body_not_finished),
    ("body-left-open", bodies::body_left_open),
    ("body-shorter-than-declared", bodies::body_shorter_than_declared),
    ("body-longer-than-declared", bodies::body_longer_than_declared),
    ("trap-after-headers", bodies::trap_after_headers),
    ("trap-in-body", bodies::trap_in_body),
    ("thousand-leaked-resources", resources::thousand_leaked_resources),
    ("million-leaked-resources", resources::million_leaked_resources),
    ("million-timers", resources::million_timers),
    ("poll-nothing", resources::poll_nothing),
    ("random-flood", resources::random_flood),
    ("forged-handle", resources::forged_handle),
    ("log-flood", services::log_flood),
    ("huge-log-line", services::huge_log_line),
    ("kv-flood", services::kv_flood),
    ("kv-huge-value", services::kv_huge_value),
    ("cache-flood", services::cache_flood),
    ("cache-hold", services::cache_hold),
    ("codec-hold", services::codec_hold),
    ("codec-flood", services::codec_flood),
    ("outbound-metadata", calls::outbound_metadata),
    ("outbound-loopback-name", calls::outbound_loopback_name),
    ("outbound-disguised-loopback", calls::outbound_disguised_loopback),
    ("outbound-flood", calls::outbound_flood),
];
