//! Listeners of MQTT clients, and what they share. Nothing is read from disk here: whoever
//! loads the files reports what is wrong with them.

use super::address;
use super::tls::{CertificateFiles, ClientAuth, ClientMode, RawCertificate, TlsListener};
use crate::document::{Draft, Invalid, quantity};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// One address where MQTT clients arrive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MqttListener {
    /// Where it listens.
    pub listen: SocketAddr,
    /// The path at which WebSocket is asked for; `None`: MQTT without it.
    pub websocket: Option<String>,
    /// What it shows to clients; `None`: connections are not encrypted.
    pub tls: Option<TlsListener>,
}

impl MqttListener {
    /// Whether no client gets in without a valid certificate.
    pub fn requires_certificates(&self) -> bool {
        let client = self.tls.as_ref().and_then(|tls| tls.client.as_ref());
        client.is_some_and(|client| client.mode == ClientMode::Required)
    }
}

/// Where sessions, and what clients are owed, are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum JournalIn {
    /// In the data folder: nothing is acknowledged before it is there.
    #[default]
    Disk,
    /// In memory: all is gone when the node ends.
    Memory,
}

/// What the listeners of `[[mqtt]]` share: who clients are, what they may do, what is kept,
/// and bounds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BrokerConfig {
    /// File, relative to this file, with names and hashes of passwords, as
    /// `sedge mqtt password` and `mosquitto_passwd` write it. Read again when it
    /// changes.
    #[schemars(length(min = 1, max = 4_096), example = &"mqtt-passwords")]
    pub passwords: Option<PathBuf>,
    /// Function, as `app/function`, that is asked who a client is and what it may do,
    /// in place of `passwords` and of the names in certificates.
    #[schemars(length(min = 3, max = 256), example = &"site/doorman")]
    pub authenticate: Option<String>,
    /// File, relative to this file, with rules of who may publish and subscribe
    /// what, in the form of mosquitto's `acl_file`; without it, who is let in may do
    /// everything. Read again when it changes.
    #[schemars(length(min = 1, max = 4_096), example = &"mqtt-acl")]
    pub acl: Option<PathBuf>,
    /// Whether clients are let in that show no certificate and give no user name.
    /// For rules they have no name.
    pub anonymous: bool,
    /// Where sessions, retained messages and what clients are owed are kept: on
    /// the disk, before anything is acknowledged, or in memory alone.
    pub journal: JournalIn,
    /// The log of changes in the data folder. Snapshots come besides. When it is full
    /// and nothing of it can go, messages are refused.
    #[schemars(
        schema_with = "quantity::bytes",
        range(min = 67_108_864, max = 1_099_511_627_776_u64)
    )]
    pub journal_bytes_max: u64,
    /// Changes that wait for the disk; what comes on top is refused.
    #[schemars(schema_with = "quantity::bytes", range(min = 1_048_576, max = 17_179_869_184_u64))]
    pub waiting_bytes_max: u64,
    /// Open connections; one more is closed.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub connections_max: u32,
    /// Time from the accepted connection to the end of its CONNECT, handshakes
    /// included.
    #[schemars(schema_with = "quantity::ms", range(min = 1, max = 600_000))]
    pub connect_timeout_ms: u64,
    /// Time in which a client accepts not one byte of what is ready for it.
    #[schemars(schema_with = "quantity::ms", range(min = 1, max = 3_600_000))]
    pub write_timeout_ms: u64,
    /// The keep alive that clients of MQTT 5.0 are told if they ask for none or a
    /// longer one.
    #[schemars(schema_with = "quantity::seconds", range(min = 1, max = 65_535))]
    pub keep_alive_s_max: u16,
    /// Bytes that a connection may send per second; past it, it is read no faster.
    #[schemars(schema_with = "quantity::bytes", range(min = 1_024, max = 1_099_511_627_776_u64))]
    pub read_bytes_per_second_max: u64,
    /// A whole packet from a client.
    #[schemars(schema_with = "quantity::bytes", range(min = 1_024, max = 268_435_455))]
    pub packet_bytes_max: u32,
    /// A topic or a topic filter.
    #[schemars(schema_with = "quantity::bytes", range(min = 16, max = 65_535))]
    pub topic_bytes_max: u32,
    /// Levels of a topic or a topic filter, which `/` separates.
    #[schemars(range(min = 1, max = 1_024))]
    pub topic_levels_max: u32,
    /// A client identifier.
    #[schemars(schema_with = "quantity::bytes", range(min = 23, max = 1_024))]
    pub client_id_bytes_max: u32,
    /// User properties of one packet.
    #[schemars(range(min = 0, max = 4_096))]
    pub user_properties_max: u32,
    /// Topics that a client may have named by a number at one time.
    #[schemars(range(min = 0, max = 65_535))]
    pub topic_aliases_max: u16,
    /// Messages of QoS 1 and 2 that a client may send before the first is
    /// acknowledged.
    #[schemars(range(min = 1, max = 65_535))]
    pub receive_max: u16,
    /// Messages of QoS 1 and 2 that a client is sent before it has acknowledged the
    /// first.
    #[schemars(range(min = 1, max = 65_535))]
    pub inflight_max: u16,
    /// Messages that wait for one session's client; one more is dropped and counted.
    #[schemars(range(min = 1, max = 60_000))]
    pub queue_messages_max: u32,
    /// Topics and payloads of what waits for one session's client.
    #[schemars(schema_with = "quantity::bytes", range(min = 1_024, max = 17_179_869_184_u64))]
    pub queue_bytes_max: u64,
    /// The same for the clients of all sessions together.
    #[schemars(schema_with = "quantity::bytes", range(min = 1_024, max = 17_179_869_184_u64))]
    pub queues_bytes_max: u64,
    /// Subscriptions of one session.
    #[schemars(range(min = 1, max = 100_000))]
    pub subscriptions_max: u32,
    /// Sessions, with or without a connection; one more is refused.
    #[schemars(range(min = 1, max = 10_000_000))]
    pub sessions_max: u32,
    /// How long a session is kept without a connection; who asks for longer gets
    /// this.
    #[schemars(schema_with = "quantity::seconds", range(min = 0, max = 4_294_967_295_u32))]
    pub session_expiry_s_max: u32,
    /// Topics with a retained message; one more is refused.
    #[schemars(range(min = 0, max = 10_000_000))]
    pub retained_messages_max: u32,
    /// Topics and payloads of retained messages.
    #[schemars(schema_with = "quantity::bytes", range(min = 0, max = 17_179_869_184_u64))]
    pub retained_bytes_max: u64,
    /// Checks of a password, or questions to the function of `authenticate`, at one
    /// time; one more waits.
    #[schemars(range(min = 1, max = 1_024))]
    pub password_checks_max: u32,
}

impl Default for BrokerConfig {
    fn default() -> Self {
        BrokerConfig {
            passwords: None,
            authenticate: None,
            acl: None,
            anonymous: false,
            journal: JournalIn::Disk,
            journal_bytes_max: 1 << 30,
            waiting_bytes_max: 64 << 20,
            connections_max: 20_000,
            connect_timeout_ms: 10_000,
            write_timeout_ms: 30_000,
            keep_alive_s_max: 3_600,
            read_bytes_per_second_max: 64 << 20,
            packet_bytes_max: 1 << 20,
            topic_bytes_max: 1_024,
            topic_levels_max: 32,
            client_id_bytes_max: 256,
            user_properties_max: 64,
            topic_aliases_max: 64,
            receive_max: 1_024,
            inflight_max: 1_024,
            queue_messages_max: 10_000,
            queue_bytes_max: 16 << 20,
            queues_bytes_max: 1 << 30,
            subscriptions_max: 1_000,
            sessions_max: 100_000,
            session_expiry_s_max: 30 * 24 * 3_600,
            retained_messages_max: 100_000,
            retained_bytes_max: 256 << 20,
            password_checks_max: 64,
        }
    }
}

impl BrokerConfig {
    /// The least `journal_bytes_max` for packets of this size: a segment is a quarter of the
    /// log at most, what waits for the disk an eighth of a segment, and a packet must fit into
    /// that with all that is said of who gets it.
    pub fn journal_bytes_min(&self) -> u64 {
        4 * 8 * (u64::from(self.packet_bytes_max) + (1 << 20))
    }
}

/// A listener of MQTT clients (3.1.1 and 5.0); write one `[[mqtt]]` for each.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["listen"]))]
pub(super) struct RawMqtt {
    /// Address and port where clients arrive; port 0 takes a free one.
    #[schemars(length(max = 64), example = &"0.0.0.0:8883")]
    pub(super) listen: String,
    /// The path at which clients ask for WebSocket with the subprotocol `mqtt`;
    /// without it they speak MQTT at once.
    #[schemars(length(min = 1, max = 1_024), example = &"/mqtt")]
    pub(super) websocket: Option<String>,
    /// Certificates; with one, connections are encrypted. A client gets the first
    /// that is for the host that it asks for, or the first of all.
    #[schemars(length(max = 16_384))]
    pub(super) certificate: Vec<RawCertificate>,
    /// PEM file, relative to this file, of the authorities that vouch for clients:
    /// a client with a certificate of theirs is known by its common name, without a
    /// password.
    #[schemars(length(min = 1, max = 4_096), example = &"devices.pem")]
    pub(super) client_ca: Option<PathBuf>,
    /// Whether a client must show a certificate; `required` if absent. Needs
    /// `client_ca`.
    pub(super) client_auth: Option<ClientMode>,
}

/// Checks what can be checked without the files, and resolves paths against `folder`. `taken`
/// are the addresses of the other listeners, by key.
pub(super) fn resolve(
    draft: &mut Draft,
    raw: Vec<RawMqtt>,
    folder: &Path,
    mut taken: Vec<(String, SocketAddr)>,
) -> Vec<MqttListener> {
    let mut listeners = Vec::new();
    for (index, raw) in raw.into_iter().enumerate() {
        let at = format!("/mqtt/{index}");
        let listen_at = format!("{at}/listen");
        // What is refused keeps its place, so that pointers stay right.
        let listen = address(draft, &listen_at, &raw.listen).unwrap_or(([0, 0, 0, 0], 0).into());
        let other = taken.iter().find(|(_, one)| *one == listen && listen.port() != 0);
        if let Some((key, _)) = other {
            let message = format!("`{key}` listens on {listen} already");
            draft.reject(&listen_at, Invalid::new(message, "give this listener a port of its own"));
        }
        taken.push((format!("mqtt[{index}].listen"), listen));
        if let Some(path) = &raw.websocket {
            let is_part = |byte: u8| byte.is_ascii_graphic() && !b"?#".contains(&byte);
            if !path.starts_with('/') || !path.bytes().all(is_part) {
                let message = format!("`{}` is not a path", path.escape_debug());
                let hint = "write a path without a query, for example \"/mqtt\"";
                draft.reject(&format!("{at}/websocket"), Invalid::new(message, hint));
            }
        }
        let tls = tls(draft, &at, listen, &raw, folder);
        listeners.push(MqttListener { listen, websocket: raw.websocket, tls });
    }
    listeners
}

fn tls(
    draft: &mut Draft,
    at: &str,
    listen: SocketAddr,
    raw: &RawMqtt,
    folder: &Path,
) -> Option<TlsListener> {
    if raw.client_ca.is_none() && raw.client_auth.is_some() {
        let hint = "write client_ca, the file of the authorities that vouch for clients";
        let invalid = Invalid::new("`client_auth` needs `client_ca`", hint);
        draft.reject(&format!("{at}/client_auth"), invalid);
    }
    if raw.client_ca.is_some() && raw.certificate.is_empty() {
        let hint = "write [[mqtt.certificate]] with the files of the listener's own certificate";
        let invalid = Invalid::new("`client_ca` needs a listener with TLS", hint);
        draft.reject(&format!("{at}/client_ca"), invalid);
    }
    if raw.certificate.is_empty() {
        return None;
    }
    let certificates = raw.certificate.iter().map(|files| CertificateFiles {
        certificate: folder.join(&files.certificate),
        key: folder.join(&files.key),
        name: files.name.clone(),
    });
    let mode = raw.client_auth.unwrap_or_default();
    let client = raw.client_ca.as_ref().map(|ca| ClientAuth { ca: folder.join(ca), mode });
    Some(TlsListener { listen, certificates: certificates.collect(), client, acme: None })
}

/// Checks what listeners share, and resolves its paths.
pub(super) fn resolve_broker(
    draft: &mut Draft,
    mut broker: BrokerConfig,
    listeners: &[MqttListener],
    folder: &Path,
) -> BrokerConfig {
    let is_told = broker.passwords.is_some() || broker.authenticate.is_some() || broker.anonymous;
    check_authenticate(draft, &broker);
    if !is_told {
        for (index, _) in
            listeners.iter().enumerate().filter(|(_, one)| !one.requires_certificates())
        {
            let message = "nobody could connect here: there are no passwords, and nobody must \
                           show a certificate";
            let hint = "write [broker] with passwords = \"FILE\", authenticate = \
                        \"APP/FUNCTION\", or anonymous = true to let everybody in";
            draft.reject(&format!("/mqtt/{index}/listen"), Invalid::new(message, hint));
        }
    }
    let least = broker.journal_bytes_min();
    if broker.journal_bytes_max < least {
        let mib = least.div_ceil(1 << 20);
        let message = format!(
            "`journal_bytes_max` is too small for packets of {} bytes",
            broker.packet_bytes_max
        );
        let hint = format!("write at least \"{mib} MiB\", or a smaller packet_bytes_max");
        let key = "/broker/journal_bytes_max";
        let at = if draft.has(key) { key } else { "/broker/packet_bytes_max" };
        draft.reject(at, Invalid::new(message, hint));
    }
    broker.passwords = broker.passwords.map(|path| folder.join(path));
    broker.acl = broker.acl.map(|path| folder.join(path));
    broker
}

/// One says who clients are: a function, or what it would replace.
fn check_authenticate(draft: &mut Draft, broker: &BrokerConfig) {
    let Some(function) = &broker.authenticate else { return };
    let at = "/broker/authenticate";
    let is_name = |name: &str| !name.is_empty() && !name.contains(['/', ' ']);
    if !function.split_once('/').is_some_and(|(app, name)| is_name(app) && is_name(name)) {
        let message = format!("`{}` names no function", function.escape_debug());
        draft.reject(
            at,
            Invalid::new(
                message,
                "write app/function: the names of an app and of a function of it",
            ),
        );
    }
    if broker.passwords.is_some() {
        let message = "both a function and a file of passwords would say who clients are";
        draft.reject(at, Invalid::new(message, "remove `passwords` or `authenticate`"));
    }
    if broker.anonymous {
        let message = "the function says who clients without a name are, too";
        draft.reject(at, Invalid::new(message, "remove `anonymous` or `authenticate`"));
    }
}
