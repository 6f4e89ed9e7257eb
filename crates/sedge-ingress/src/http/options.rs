//! The bounds of the gateway.

use super::stable_pages::StablePages;
use sedge_model::handler::Forwarding;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// Every bound of the gateway. A node builds it from its configuration.
#[derive(Clone, Debug)]
pub struct GatewayOptions {
    /// Where to listen; port 0 takes a free one, the same for all threads.
    pub listen: SocketAddr,
    /// Threads, each with its own listener, runtime and connections. At least
    /// one.
    pub threads: usize,
    /// Connections that the kernel may keep for each thread until accepted.
    pub backlog: u32,
    /// Connections open at one time, over all threads. One more is told 503
    /// and closed.
    pub connections_max: usize,
    /// Requests in flight at one time. Divided evenly among the threads, so
    /// that no counter is shared between cores; one more is shed with 503.
    pub requests_in_flight_max: usize,
    /// How long a TLS handshake may take.
    pub handshake_timeout: Duration,
    /// TLS handshakes under way at one time. Divided evenly among the threads;
    /// one more is closed.
    pub handshakes_max: usize,
    /// From the first byte of a request's head, or from the accepted
    /// connection, to the head's end.
    pub header_timeout: Duration,
    /// How long a connection may be idle between two requests.
    pub keep_alive_timeout: Duration,
    /// The longest pause in a request's body while a handler waits for it.
    pub body_timeout: Duration,
    /// The longest time in which a client accepts not one byte of an answer
    /// that is ready.
    pub write_timeout: Duration,
    /// The request's target, in bytes as sent; past it 414. At most 65,534.
    pub uri_bytes_max: usize,
    /// Number of header fields of a request; past it 431. More than 100 costs
    /// an allocation for each request.
    pub headers_max: usize,
    /// Names and values of all header fields of a request; past it 431.
    pub header_bytes_max: usize,
    /// What is believed of proxies before this node, and told to servers behind it.
    pub forwarding: Forwarding,
    /// Streams that a client may open at one time on an HTTP/2 connection.
    pub h2_streams_max: u32,
    /// Frames of an HTTP/2 connection that ask for nothing (pings, settings, windows,
    /// priorities, empty ones) that a client may send more than its answers and the
    /// time pay for: each answer's frame pays for four, each second for a tenth.
    pub h2_control_frames_max: u32,
    /// Streams that a client may reset, or make this node reset, more often than
    /// answers come to their end; each second pays for a tenth.
    pub h2_resets_max: u32,
    /// Where bodies may lie that are sent without a copy.
    pub stable_pages: Option<Arc<StablePages>>,
    /// What each thread calls first: where a node says how it is scheduled.
    pub on_thread_start: fn(),
}

impl Default for GatewayOptions {
    fn default() -> Self {
        GatewayOptions {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 3000)),
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            backlog: 1_024,
            connections_max: 10_000,
            requests_in_flight_max: 4_096,
            handshake_timeout: Duration::from_secs(10),
            handshakes_max: 1_024,
            header_timeout: Duration::from_secs(10),
            keep_alive_timeout: Duration::from_secs(75),
            body_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            uri_bytes_max: 8 * 1024,
            headers_max: 100,
            header_bytes_max: 32 * 1024,
            forwarding: Forwarding::default(),
            h2_streams_max: 128,
            h2_control_frames_max: 1_000,
            h2_resets_max: 200,
            stable_pages: None,
            on_thread_start: || {},
        }
    }
}
