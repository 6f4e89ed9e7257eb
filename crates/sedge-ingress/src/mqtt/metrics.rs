//! What the MQTT front counts.

use crate::http::metrics::family;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Why a message did not reach somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drop {
    /// The session's queue, or all queues together, were full; with QoS 0 a slow reader.
    QueueFull,
    /// Its time was over.
    Expired,
    /// It is larger than the client takes.
    TooLarge,
    /// It could not be kept.
    Journal,
}

impl Drop {
    const ALL: [Drop; 4] = [Drop::QueueFull, Drop::Expired, Drop::TooLarge, Drop::Journal];

    fn label(self) -> &'static str {
        match self {
            Drop::QueueFull => "queue_full",
            Drop::Expired => "expired",
            Drop::TooLarge => "too_large",
            Drop::Journal => "journal",
        }
    }
}

/// Why a connection came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The client has said so.
    Disconnected,
    /// The client has closed it, or the network did.
    Closed,
    /// It was not let in.
    Refused,
    /// No CONNECT, or no handshake, in time.
    ConnectTimeout,
    /// Nothing came for longer than its keep alive allows.
    KeepAlive,
    /// It did not read.
    SlowReader,
    /// What it has sent is not MQTT, or past a limit.
    ProtocolError,
    /// Another connection has its session.
    TakenOver,
    /// The node stops, or an operator has said so.
    Stopped,
    /// What it has sent could not be kept.
    Journal,
    /// One more than `connections_max`.
    TooMany,
}

impl End {
    const ALL: [End; 11] = [
        End::Disconnected,
        End::Closed,
        End::Refused,
        End::ConnectTimeout,
        End::KeepAlive,
        End::SlowReader,
        End::ProtocolError,
        End::TakenOver,
        End::Stopped,
        End::Journal,
        End::TooMany,
    ];

    /// For metrics and records.
    pub fn label(self) -> &'static str {
        match self {
            End::Disconnected => "disconnected",
            End::Closed => "closed",
            End::Refused => "refused",
            End::ConnectTimeout => "connect_timeout",
            End::KeepAlive => "keep_alive",
            End::SlowReader => "slow_reader",
            End::ProtocolError => "protocol_error",
            End::TakenOver => "taken_over",
            End::Stopped => "stopped",
            End::Journal => "journal",
            End::TooMany => "too_many",
        }
    }
}

#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) connections_accepted: AtomicU64,
    pub(crate) connections_active: AtomicU64,
    ends: [AtomicU64; End::ALL.len()],
    pub(crate) received: [AtomicU64; 3],
    pub(crate) sent: [AtomicU64; 3],
    drops: [AtomicU64; Drop::ALL.len()],
    pub(crate) bytes_in: AtomicU64,
    pub(crate) bytes_out: AtomicU64,
    pub(crate) denied: AtomicU64,
    pub(crate) wills: AtomicU64,
    pub(crate) sessions_expired: AtomicU64,
    pub(crate) journal_errors: AtomicU64,
    pub(crate) throttled: AtomicU64,
}

impl Counters {
    pub(crate) fn ended(&self, end: End) {
        add(&self.ends[end as usize], 1);
    }

    pub(crate) fn dropped(&self, drop: Drop, count: u64) {
        add(&self.drops[drop as usize], count);
    }
}

pub(crate) fn add(counter: &AtomicU64, amount: u64) {
    counter.fetch_add(amount, Relaxed);
}

/// How much there is of what is bounded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MqttUsage {
    /// Sessions, with or without a connection.
    pub sessions: usize,
    /// Subscriptions of all sessions.
    pub subscriptions: usize,
    /// Topics with a retained message.
    pub retained_messages: usize,
    /// Bytes of their topics and payloads.
    pub retained_bytes: usize,
    /// Bytes that wait for clients.
    pub queued_bytes: usize,
}

/// The counters of the MQTT front; cheap to clone and to share.
#[derive(Clone)]
pub struct MqttMetrics {
    pub(crate) counters: Arc<Counters>,
    pub(crate) usage: Arc<dyn Fn() -> MqttUsage + Send + Sync>,
}

impl MqttMetrics {
    /// Connections open now.
    pub fn connections_active(&self) -> u64 {
        self.counters.connections_active.load(Relaxed)
    }

    /// Connections that came to this end.
    pub fn ended(&self, end: End) -> u64 {
        self.counters.ends[end as usize].load(Relaxed)
    }

    /// Messages received from clients, by QoS.
    pub fn received(&self, qos: usize) -> u64 {
        self.counters.received[qos].load(Relaxed)
    }

    /// Messages sent to clients, by QoS.
    pub fn sent(&self, qos: usize) -> u64 {
        self.counters.sent[qos].load(Relaxed)
    }

    /// Messages that did not reach somebody.
    pub fn dropped(&self, drop: Drop) -> u64 {
        self.counters.drops[drop as usize].load(Relaxed)
    }

    /// How much there is of what is bounded.
    pub fn usage(&self) -> MqttUsage {
        (self.usage)()
    }

    /// Appends all counters in Prometheus' text format, version 0.0.4.
    pub fn render_prometheus(&self, out: &mut String) {
        let counters = &self.counters;
        let one = |counter: &AtomicU64| [("", counter.load(Relaxed))];
        let active = one(&counters.connections_active);
        family(out, "sedge_mqtt_connections", "gauge", "Connections open.", active);
        let accepted = one(&counters.connections_accepted);
        let name = "sedge_mqtt_connections_total";
        family(out, name, "counter", "Connections accepted.", accepted);
        let ends = End::ALL.iter().map(|&end| (label("reason", end.label()), self.ended(end)));
        let help = "Connections that have ended, by reason.";
        family(out, "sedge_mqtt_connections_ended_total", "counter", help, ends);
        for (name, help, by_qos) in [
            ("sedge_mqtt_messages_received_total", "Messages from clients.", &counters.received),
            ("sedge_mqtt_messages_sent_total", "Messages to clients.", &counters.sent),
        ] {
            let values = by_qos.iter().enumerate();
            let values =
                values.map(|(qos, count)| (format!("{{qos=\"{qos}\"}}"), count.load(Relaxed)));
            family(out, name, "counter", help, values);
        }
        let drops =
            Drop::ALL.iter().map(|&drop| (label("reason", drop.label()), self.dropped(drop)));
        let help = "Messages that did not reach a client, by reason.";
        family(out, "sedge_mqtt_messages_dropped_total", "counter", help, drops);
        let bytes = [
            (label("direction", "in"), counters.bytes_in.load(Relaxed)),
            (label("direction", "out"), counters.bytes_out.load(Relaxed)),
        ];
        family(out, "sedge_mqtt_bytes_total", "counter", "Bytes of MQTT packets.", bytes);
        for (name, help, counter) in [
            (
                "sedge_mqtt_denied_total",
                "Publications and subscriptions not allowed.",
                &counters.denied,
            ),
            ("sedge_mqtt_wills_total", "Wills published.", &counters.wills),
            (
                "sedge_mqtt_sessions_expired_total",
                "Sessions whose time was over.",
                &counters.sessions_expired,
            ),
            (
                "sedge_mqtt_journal_errors_total",
                "Changes that could not be kept.",
                &counters.journal_errors,
            ),
            (
                "sedge_mqtt_throttled_total",
                "Times that a connection was read no faster.",
                &counters.throttled,
            ),
        ] {
            family(out, name, "counter", help, one(counter));
        }
        self.render_usage(out);
    }

    fn render_usage(&self, out: &mut String) {
        let usage = self.usage();
        for (name, help, value) in [
            ("sedge_mqtt_sessions", "Sessions.", usage.sessions),
            ("sedge_mqtt_subscriptions", "Subscriptions.", usage.subscriptions),
            (
                "sedge_mqtt_retained_messages",
                "Topics with a retained message.",
                usage.retained_messages,
            ),
            ("sedge_mqtt_retained_bytes", "Bytes of retained messages.", usage.retained_bytes),
            ("sedge_mqtt_queued_bytes", "Bytes that wait for clients.", usage.queued_bytes),
        ] {
            family(out, name, "gauge", help, [("", value as u64)]);
        }
    }
}

fn label(name: &str, value: &str) -> String {
    format!("{{{name}=\"{value}\"}}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_end_and_each_drop_has_a_line() {
        let counters = Arc::<Counters>::default();
        counters.ended(End::SlowReader);
        counters.dropped(Drop::Expired, 3);
        add(&counters.received[2], 5);
        let usage = Arc::new(|| MqttUsage { sessions: 7, ..MqttUsage::default() });
        let metrics = MqttMetrics { counters, usage };
        let mut text = String::new();
        metrics.render_prometheus(&mut text);
        for line in [
            "sedge_mqtt_connections_ended_total{reason=\"slow_reader\"} 1\n",
            "sedge_mqtt_connections_ended_total{reason=\"too_many\"} 0\n",
            "sedge_mqtt_messages_dropped_total{reason=\"expired\"} 3\n",
            "sedge_mqtt_messages_received_total{qos=\"2\"} 5\n",
            "sedge_mqtt_sessions 7\n",
        ] {
            assert!(text.contains(line), "{line} in\n{text}");
        }
    }
}
