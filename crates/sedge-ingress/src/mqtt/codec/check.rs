//! What the standard forbids and the library lets pass.

use super::{Fault, Version};
use crate::mqtt::options::MqttOptions;
use crate::mqtt::topic;
use bytes::Bytes;
use mqtt5_protocol::packet::connect::ConnectPacket;
use mqtt5_protocol::packet::publish::PublishPacket;
use mqtt5_protocol::packet::subscribe::SubscribePacket;
use mqtt5_protocol::{
    FixedHeader, Packet, PacketType, Properties, PropertyId, PropertyValue, ReasonCode,
};

/// Which packets a property is for, as far as clients send them (MQTT 5.0 §2.2.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Connect,
    Will,
    Publish,
    Acknowledgment,
    Subscribe,
    Unsubscribe,
    Disconnect,
}

fn is_for(id: PropertyId, place: Place) -> bool {
    use Place::{Acknowledgment, Connect, Disconnect, Publish, Subscribe, Will};
    use PropertyId as Id;
    match id {
        Id::PayloadFormatIndicator
        | Id::MessageExpiryInterval
        | Id::ContentType
        | Id::ResponseTopic
        | Id::CorrelationData => matches!(place, Publish | Will),
        Id::WillDelayInterval => place == Will,
        Id::TopicAlias => place == Publish,
        Id::SubscriptionIdentifier => place == Subscribe,
        Id::SessionExpiryInterval => matches!(place, Connect | Disconnect),
        Id::AuthenticationMethod
        | Id::AuthenticationData
        | Id::RequestProblemInformation
        | Id::RequestResponseInformation
        | Id::ReceiveMaximum
        | Id::TopicAliasMaximum
        | Id::MaximumPacketSize => place == Connect,
        Id::ReasonString => matches!(place, Acknowledgment | Disconnect),
        Id::UserProperty => true,
        // These come from servers.
        _ => false,
    }
}

fn properties(all: &Properties, place: Place, options: &MqttOptions) -> Result<(), Fault> {
    if all.is_empty() {
        return Ok(());
    }
    let mut user = 0;
    for (id, value) in all.iter() {
        if !is_for(id, place) {
            return Err(Fault::protocol("a property does not belong to this packet"));
        }
        user += usize::from(id == PropertyId::UserProperty);
        let is_flag = matches!(
            id,
            PropertyId::PayloadFormatIndicator
                | PropertyId::RequestProblemInformation
                | PropertyId::RequestResponseInformation
        );
        let is_wrong = match value {
            PropertyValue::Byte(byte) => is_flag && *byte > 1,
            PropertyValue::TwoByteInteger(0) => id == PropertyId::ReceiveMaximum,
            PropertyValue::FourByteInteger(0) => id == PropertyId::MaximumPacketSize,
            PropertyValue::VariableByteInteger(0) => true,
            _ => false,
        };
        if is_wrong {
            return Err(Fault::protocol("a property has a value that it cannot have"));
        }
        if let (PropertyId::ResponseTopic, PropertyValue::Utf8String(topic)) = (id, value) {
            topic::check_name(topic, options).map_err(|_| {
                Fault::protocol("the response topic is none that can be published to")
            })?;
        }
    }
    if user > options.user_properties_max {
        let text = "there are more user properties than this server takes";
        return Err(Fault::new(ReasonCode::QuotaExceeded, text));
    }
    let count = |id| all.get_all(id).map_or(0, <[PropertyValue]>::len);
    if count(PropertyId::SubscriptionIdentifier) > 1 {
        return Err(Fault::protocol("a SUBSCRIBE has one subscription identifier at most"));
    }
    Ok(())
}

/// Which version of MQTT a CONNECT says it is; if none of those that are spoken here, the one
/// in which it is told so.
pub(super) fn protocol(body: &Bytes) -> Result<Version, (Version, Fault)> {
    let unsupported =
        |version, text| Err((version, Fault::new(ReasonCode::UnsupportedProtocolVersion, text)));
    match body.get(..7) {
        Some(b"\0\x04MQTT\x04") => Ok(Version::V3),
        Some(b"\0\x04MQTT\x05") => Ok(Version::V5),
        Some([0, 4, b'M', b'Q', b'T', b'T', _]) => {
            unsupported(Version::V5, "this server speaks MQTT 3.1.1 and 5.0")
        }
        _ if body.starts_with(b"\0\x06MQIsdp") => {
            unsupported(Version::V3, "this server speaks MQTT 3.1.1 and 5.0, not 3.1")
        }
        _ => unsupported(Version::V3, "the first packet does not say that it is MQTT"),
    }
}

/// What a CONNECT may not say. `left`: what stands behind it.
pub(super) fn connect(
    connect: ConnectPacket,
    left: &Bytes,
    options: &MqttOptions,
) -> Result<ConnectPacket, Fault> {
    if !left.is_empty() {
        return Err(Fault::malformed("something is left behind the packet's end"));
    }
    properties(&connect.properties, Place::Connect, options)?;
    properties(&connect.will_properties, Place::Will, options)?;
    let has = |id| connect.properties.contains(id);
    if has(PropertyId::AuthenticationData) && !has(PropertyId::AuthenticationMethod) {
        return Err(Fault::protocol("there is authentication data, but no method"));
    }
    if let Some(will) = &connect.will {
        topic::check_name(&will.topic, options)
            .map_err(|_| Fault::new(ReasonCode::TopicNameInvalid, "the will's topic is none"))?;
    }
    if connect.client_id.len() > options.client_id_bytes_max {
        let text = "the client identifier is longer than this server takes";
        return Err(Fault::new(ReasonCode::ClientIdentifierNotValid, text));
    }
    Ok(connect)
}

/// What MQTT 3.1.1 does not have, but the library reads.
pub(super) fn v3_form(header: &FixedHeader, body: &Bytes) -> Result<(), Fault> {
    let length = body.len();
    let is_wrong = match header.packet_type {
        PacketType::Subscribe => return v3_subscribe(body),
        PacketType::Auth => return Err(Fault::malformed("MQTT 3.1.1 has no AUTH")),
        PacketType::Disconnect => length != 0,
        PacketType::PubAck | PacketType::PubRec | PacketType::PubRel | PacketType::PubComp => {
            length != 2
        }
        _ => false,
    };
    if is_wrong {
        Err(Fault::malformed("the packet has another length in MQTT 3.1.1"))
    } else {
        Ok(())
    }
}

/// What a packet from a client may not be, or say.
pub(super) fn packet(packet: &Packet, options: &MqttOptions) -> Result<(), Fault> {
    let acknowledgment = |all: &Properties| properties(all, Place::Acknowledgment, options);
    match packet {
        Packet::Connect(_) => Err(Fault::protocol("a connection has one CONNECT")),
        Packet::Publish(packet) => publish(packet, options),
        Packet::PubAck(packet) => acknowledgment(&packet.properties),
        Packet::PubRec(packet) => acknowledgment(&packet.properties),
        Packet::PubRel(packet) => acknowledgment(&packet.properties),
        Packet::PubComp(packet) => acknowledgment(&packet.properties),
        Packet::Subscribe(packet) => subscribe(packet, options),
        Packet::Unsubscribe(packet) => {
            properties(&packet.properties, Place::Unsubscribe, options)?;
            identifier(packet.packet_id)
        }
        Packet::PingReq => Ok(()),
        Packet::Disconnect(packet) => {
            properties(&packet.properties, Place::Disconnect, options)?;
            let is_server_only = matches!(
                packet.reason_code,
                ReasonCode::NotAuthorized
                    | ReasonCode::ServerBusy
                    | ReasonCode::ServerShuttingDown
                    | ReasonCode::KeepAliveTimeout
                    | ReasonCode::SessionTakenOver
                    | ReasonCode::RetainNotSupported
                    | ReasonCode::QoSNotSupported
                    | ReasonCode::UseAnotherServer
                    | ReasonCode::ServerMoved
                    | ReasonCode::SharedSubscriptionsNotSupported
                    | ReasonCode::ConnectionRateExceeded
                    | ReasonCode::MaximumConnectTime
                    | ReasonCode::SubscriptionIdentifiersNotSupported
                    | ReasonCode::WildcardSubscriptionsNotSupported
            );
            if is_server_only {
                return Err(Fault::protocol("this reason is for servers"));
            }
            Ok(())
        }
        Packet::Auth(_) => Err(Fault::protocol("no authentication method was agreed on")),
        Packet::ConnAck(_) | Packet::SubAck(_) | Packet::UnsubAck(_) | Packet::PingResp => {
            Err(Fault::protocol("this packet is for servers to send"))
        }
    }
}

fn identifier(packet_id: u16) -> Result<(), Fault> {
    match packet_id {
        0 => Err(Fault::protocol("a packet identifier is not 0")),
        _ => Ok(()),
    }
}

fn publish(packet: &PublishPacket, options: &MqttOptions) -> Result<(), Fault> {
    properties(&packet.properties, Place::Publish, options)?;
    packet.packet_id.map_or(Ok(()), identifier)?;
    if packet.properties.get_topic_alias() == Some(0) {
        return Err(Fault::new(ReasonCode::TopicAliasInvalid, "a topic alias is not 0"));
    }
    let has_alias = packet.properties.contains(PropertyId::TopicAlias);
    if packet.topic_name.is_empty() && has_alias {
        return Ok(());
    }
    if packet.topic_name.is_empty() && packet.protocol_version == 5 {
        return Err(Fault::protocol("there is neither a topic nor an alias of one"));
    }
    topic::check_name(&packet.topic_name, options).map_err(|error| {
        let text = match error {
            topic::TopicError::Wildcard => "a topic has no wildcards; hint: those are for filters",
            topic::TopicError::Empty => "the topic is empty",
            _ => "the topic is longer or deeper than this server takes",
        };
        Fault::new(ReasonCode::TopicNameInvalid, text)
    })
}

fn subscribe(packet: &SubscribePacket, options: &MqttOptions) -> Result<(), Fault> {
    properties(&packet.properties, Place::Subscribe, options)?;
    identifier(packet.packet_id)?;
    for one in &packet.filters {
        if one.options.no_local && one.filter.starts_with("$share/") {
            return Err(Fault::protocol("a shared subscription cannot be without what is local"));
        }
    }
    Ok(())
}

/// The options' byte of MQTT 3.1.1 is a QoS and nothing else; the library does not look.
fn v3_subscribe(body: &Bytes) -> Result<(), Fault> {
    let mut rest = body.get(2..).unwrap_or_default();
    while let [high, low, behind @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let Some((options, behind)) = behind.get(length..).and_then(<[u8]>::split_first) else {
            break;
        };
        if *options > 2 {
            return Err(Fault::malformed("a QoS is 0, 1 or 2"));
        }
        rest = behind;
    }
    Ok(())
}
