//! The bounds of the MQTT front.

use crate::http::tls::TlsServer;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// One address where clients arrive.
#[derive(Clone)]
pub struct MqttListener {
    /// Where it listens; port 0 takes a free one, the same for all threads.
    pub listen: SocketAddr,
    /// What carries MQTT there.
    pub transport: Transport,
    /// With it, connections are encrypted.
    pub tls: Option<Arc<TlsServer>>,
}

/// What carries MQTT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transport {
    /// The bytes as they are.
    Tcp,
    /// Binary messages of WebSocket with the subprotocol `mqtt` (MQTT 5.0 §6), asked for at
    /// this path.
    WebSocket {
        /// Such as `/mqtt`.
        path: String,
    },
}

/// Every bound of the MQTT front. A node builds it from its configuration.
#[derive(Clone, Debug)]
pub struct MqttOptions {
    /// Threads, each with its own listeners, runtime and connections. At least one.
    pub threads: usize,
    /// Connections that the kernel may keep for each thread until accepted.
    pub backlog: u32,
    /// Connections open at one time, over all threads; one more is closed.
    pub connections_max: usize,
    /// From the accepted connection to the end of its CONNECT, handshakes included.
    pub connect_timeout: Duration,
    /// The longest time in which a client accepts not one byte of what is ready for it.
    pub write_timeout: Duration,
    /// The keep alive that clients of MQTT 5.0 are told if they ask for none or a longer one,
    /// seconds. Clients of 3.1.1 cannot be told.
    pub keep_alive_max_s: u16,
    /// Bytes that a connection may send per second; past it, it is read no faster. A second's
    /// worth may come at once.
    pub read_bytes_per_second_max: u64,
    /// A whole packet from a client; past it the connection ends with 0x95.
    pub packet_bytes_max: usize,
    /// A topic or a topic filter.
    pub topic_bytes_max: usize,
    /// Levels of a topic or a topic filter, which `/` separates.
    pub topic_levels_max: usize,
    /// A client identifier.
    pub client_id_bytes_max: usize,
    /// User properties of one packet.
    pub user_properties_max: usize,
    /// Topics that a client may have named by a number at one time (MQTT 5.0 §3.3.2.3.4).
    pub topic_aliases_in_max: u16,
    /// Topics that are named by a number to a client that allows it.
    pub topic_aliases_out_max: u16,
    /// Messages of QoS 1 and 2 that a client may send before the first is acknowledged: the
    /// receive maximum that it is told.
    pub receive_max: u16,
    /// Messages of QoS 1 and 2 that a client is sent before it has acknowledged the first, even
    /// if it would take more.
    pub inflight_max: u16,
    /// Messages that wait for a session's client, or for its acknowledgment; one more is
    /// dropped and counted. At most 60,000.
    pub queue_messages_max: usize,
    /// Bytes of their topics and payloads.
    pub queue_bytes_max: usize,
    /// Bytes that wait for the clients of all sessions together; one more message is dropped
    /// and counted.
    pub queues_bytes_max: usize,
    /// Subscriptions of one session.
    pub subscriptions_max: usize,
    /// Sessions, with or without a connection; one more is refused with 0x97.
    pub sessions_max: usize,
    /// How long a session is kept without a connection. Who asks for longer gets this.
    pub session_expiry_max_s: u32,
    /// Topics with a retained message; one more is refused with 0x97.
    pub retained_messages_max: usize,
    /// Bytes of their topics and payloads.
    pub retained_bytes_max: usize,
    /// Checks of a password at one time; one more waits.
    pub password_checks_max: usize,
    /// What each thread calls first: where a node says how it is scheduled.
    pub on_thread_start: fn(),
}

impl Default for MqttOptions {
    fn default() -> Self {
        MqttOptions {
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            backlog: 1_024,
            connections_max: 20_000,
            connect_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(30),
            keep_alive_max_s: 3_600,
            read_bytes_per_second_max: 64 << 20,
            packet_bytes_max: 1 << 20,
            topic_bytes_max: 1_024,
            topic_levels_max: 32,
            client_id_bytes_max: 256,
            user_properties_max: 64,
            topic_aliases_in_max: 64,
            topic_aliases_out_max: 64,
            receive_max: 1_024,
            inflight_max: 1_024,
            queue_messages_max: 10_000,
            queue_bytes_max: 16 << 20,
            queues_bytes_max: 1 << 30,
            subscriptions_max: 1_000,
            sessions_max: 100_000,
            session_expiry_max_s: 30 * 24 * 3_600,
            retained_messages_max: 100_000,
            retained_bytes_max: 256 << 20,
            password_checks_max: 64,
            on_thread_start: || {},
        }
    }
}
