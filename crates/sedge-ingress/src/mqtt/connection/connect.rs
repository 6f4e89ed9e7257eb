//! The first packet, and its answer (MQTT 5.0 §3.1, §3.2).

use super::client::{Client, Terms};
use super::{Line, Origin, farewell};
use crate::mqtt::auth::{Access, Credentials, Denied, Identity};
use crate::mqtt::broker::{Broker, Opening};
use crate::mqtt::codec::{self, Fault, Version, Writer};
use crate::mqtt::journal::{Change, JournalError, Will};
use crate::mqtt::message::Message;
use crate::mqtt::metrics::{End, add};
use crate::mqtt::options::MqttOptions;
use crate::mqtt::session::Inbox;
use bytes::{Bytes, BytesMut};
use mqtt5_protocol::packet::connack::ConnAckPacket;
use mqtt5_protocol::packet::connect::ConnectPacket;
use mqtt5_protocol::{FixedHeader, PacketType, Properties, PropertyId, PropertyValue, ReasonCode};
use sedge_model::trace::random;
use std::sync::Arc;
use tokio::io::AsyncReadExt;
use tokio::sync::oneshot;

/// Why a client is not let in: what its CONNACK says.
struct Refusal {
    version: Version,
    fault: Fault,
    end: End,
}

/// Lets a client in, or tells it why not.
pub(super) async fn connect(
    mut line: Box<dyn Line>,
    origin: Origin,
    broker: &Arc<Broker>,
) -> Result<Client, End> {
    let mut read = BytesMut::new();
    let (header, body) = first_packet(&mut line, &mut read, &broker.options).await?;
    if header.packet_type != PacketType::Connect {
        return Err(End::ProtocolError);
    }
    add(&broker.counters.bytes_in, body.len() as u64);
    let mut wishes = Properties::default();
    let admitted = match codec::decode_connect(&header, body, &broker.options) {
        Ok((version, packet)) => {
            wishes.clone_from(&packet.properties);
            admit(version, packet, origin, broker).await
        }
        Err((version, fault)) => Err(Refusal { version, fault, end: End::ProtocolError }),
    };
    match admitted {
        Ok((terms, connack)) => {
            let mut client = Client::new(line, read, terms, Arc::clone(broker));
            client.writer.connack(connack);
            Ok(client)
        }
        Err(Refusal { version, fault, end }) => {
            let mut writer = Writer::new(version);
            writer.agree(&wishes, 0);
            let is_told = version == Version::V5
                || !matches!(fault.reason, ReasonCode::MalformedPacket | ReasonCode::ProtocolError);
            if is_told {
                let mut connack = ConnAckPacket::new(false, fault.reason);
                connack.properties.set_reason_string(fault.text.to_owned());
                writer.connack(connack);
            }
            farewell(line, writer, broker).await;
            Err(end)
        }
    }
}

async fn first_packet(
    line: &mut Box<dyn Line>,
    read: &mut BytesMut,
    options: &MqttOptions,
) -> Result<(FixedHeader, Bytes), End> {
    loop {
        match codec::frame(read, options.packet_bytes_max) {
            Ok(Some(packet)) => return Ok(packet),
            Ok(None) => {}
            Err(_) => return Err(End::ProtocolError),
        }
        // Nothing but a CONNECT may come first, and nobody waits for the rest of another one.
        if read.first().is_some_and(|first| first >> 4 != 1) {
            return Err(End::ProtocolError);
        }
        match line.read_buf(read).await {
            Ok(0) | Err(_) => return Err(End::Closed),
            Ok(_) => {}
        }
    }
}

async fn admit(
    version: Version,
    packet: ConnectPacket,
    origin: Origin,
    broker: &Arc<Broker>,
) -> Result<(Terms, ConnAckPacket), Refusal> {
    let refuse =
        |reason, text| Refusal { version, fault: Fault::new(reason, text), end: End::Refused };
    check_wishes(version, &packet).map_err(|(reason, text)| refuse(reason, text))?;
    let is_assigned = packet.client_id.is_empty();
    let client: Arc<str> =
        if is_assigned { assigned().into() } else { packet.client_id.as_str().into() };
    let identity = authenticate(&client, &packet, &origin, broker).await;
    let identity = identity.map_err(|(reason, text)| refuse(reason, text))?;
    if !may_leave_will(&packet, &client, &identity, broker) {
        return Err(refuse(ReasonCode::NotAuthorized, "the will's topic is not allowed"));
    }
    let options = &broker.options;
    let wanted_s = wanted_expiry_s(version, &packet);
    let expiry_s = wanted_s.min(options.session_expiry_max_s);
    let inbox = Arc::<Inbox>::default();
    let opening = Opening {
        client: Arc::clone(&client),
        inbox: Arc::clone(&inbox),
        clean: packet.clean_start,
        expiry_s,
        will: will(&packet, &client),
    };
    let opened = broker
        .open(opening)
        .map_err(|_| refuse(ReasonCode::QuotaExceeded, "there are as many sessions as may be"))?;
    if let Err(error) = kept(broker, opened.changes).await {
        tracing::debug!(client = &*client, %error, "an MQTT session cannot be kept");
        broker.leave(&opened.session, &inbox, false, Some(0));
        let text = "the session cannot be kept now; hint: try again later";
        return Err(refuse(ReasonCode::ServerUnavailable, text));
    }
    let keep_alive_s = keep_alive_s(version, packet.keep_alive, options);
    let mut connack = ConnAckPacket::new(opened.is_present, ReasonCode::Success);
    if version == Version::V5 {
        let told = &mut connack.properties;
        describe(told, options);
        if expiry_s != wanted_s {
            told.set_session_expiry_interval(expiry_s);
        }
        if is_assigned {
            told.set_assigned_client_identifier(client.to_string());
        }
        if keep_alive_s != packet.keep_alive {
            told.set_server_keep_alive(keep_alive_s);
        }
    }
    let terms = Terms {
        version,
        session: opened.session,
        inbox,
        identity,
        origin,
        keep_alive_s,
        expiry_s,
        properties: packet.properties,
    };
    Ok((terms, connack))
}

/// What no server of this kind can grant.
fn check_wishes(
    version: Version,
    packet: &ConnectPacket,
) -> Result<(), (ReasonCode, &'static str)> {
    if packet.properties.contains(PropertyId::AuthenticationMethod) {
        let text = "there is no enhanced authentication here; hint: name no method";
        return Err((ReasonCode::BadAuthenticationMethod, text));
    }
    if packet.client_id.is_empty() && version == Version::V3 && !packet.clean_start {
        let text = "a session that is kept needs a client identifier";
        return Err((ReasonCode::ClientIdentifierNotValid, text));
    }
    Ok(())
}

/// Whether the client could publish its will itself.
fn may_leave_will(
    packet: &ConnectPacket,
    client: &str,
    identity: &Identity,
    broker: &Broker,
) -> bool {
    let Some(will) = &packet.will else { return true };
    let username = identity.username.as_deref();
    let is_allowed = broker.acl(identity).allows(Access::Write, client, username, &will.topic);
    add(&broker.counters.denied, u64::from(!is_allowed));
    is_allowed
}

/// Waits until changes are durable.
async fn kept(broker: &Broker, changes: Vec<Change>) -> Result<(), JournalError> {
    if changes.is_empty() {
        return Ok(());
    }
    let (sender, receiver) = oneshot::channel();
    let reply = move |result| drop(sender.send(result));
    broker.journal.commit(changes, Box::new(reply));
    receiver.await.unwrap_or_else(|_| Err(JournalError::Failed("it was let go".to_owned())))
}

/// What this server is like, as far as it is not what MQTT 5.0 takes for granted.
fn describe(told: &mut Properties, options: &MqttOptions) {
    told.set_receive_maximum(options.receive_max);
    told.set_maximum_packet_size(u32::try_from(options.packet_bytes_max).unwrap_or(u32::MAX));
    if options.topic_aliases_in_max > 0 {
        told.set_topic_alias_maximum(options.topic_aliases_in_max);
    }
}

async fn authenticate(
    client: &Arc<str>,
    packet: &ConnectPacket,
    origin: &Origin,
    broker: &Arc<Broker>,
) -> Result<Identity, (ReasonCode, &'static str)> {
    let credentials = Credentials {
        client: Arc::clone(client),
        username: packet.username.clone(),
        password: packet.password.clone(),
        certificate: origin.certificate.clone(),
        peer: origin.peer,
        encrypted: origin.encrypted,
    };
    broker.authenticate.authenticate(credentials).await.map_err(|denied| {
        tracing::debug!(client = &**client, peer = %origin.peer, %denied, "an MQTT client is not let in");
        match denied {
            Denied::BadCredentials => {
                (ReasonCode::BadUsernameOrPassword, "the user name or the password is wrong")
            }
            Denied::NotAuthorized => (ReasonCode::NotAuthorized, "this client may not connect"),
            Denied::Unavailable(_) => {
                (ReasonCode::ServerUnavailable, "nobody can tell now who may connect")
            }
        }
    })
}

/// A name that no other client has.
fn assigned() -> String {
    format!("auto-{:016x}{:016x}", random::nonzero(), random::nonzero())
}

fn wanted_expiry_s(version: Version, packet: &ConnectPacket) -> u32 {
    match version {
        Version::V5 => packet.properties.get_session_expiry_interval().unwrap_or(0),
        Version::V3 if packet.clean_start => 0,
        Version::V3 => u32::MAX,
    }
}

/// What holds for the connection; only clients of MQTT 5.0 can be told of something else than
/// they want.
fn keep_alive_s(version: Version, wanted_s: u16, options: &MqttOptions) -> u16 {
    let most = options.keep_alive_max_s;
    match version {
        Version::V5 if most > 0 && (wanted_s == 0 || wanted_s > most) => most,
        _ => wanted_s,
    }
}

fn will(packet: &ConnectPacket, client: &Arc<str>) -> Option<Will> {
    let will = packet.will.as_ref()?;
    let properties = &packet.will_properties;
    let delay_s = match properties.get(PropertyId::WillDelayInterval) {
        Some(PropertyValue::FourByteInteger(delay)) => *delay,
        _ => 0,
    };
    let message = Message {
        topic: will.topic.as_str().into(),
        payload: Bytes::copy_from_slice(&will.payload),
        qos: will.qos.into(),
        retain: will.retain,
        received_ms: 0,
        expires_ms: None,
        publisher: Arc::clone(client),
        properties: super::client::told(properties),
    };
    let expiry_s = properties.get_message_expiry_interval();
    Some(Will { message: Arc::new(message), expiry_s, delay_s })
}
