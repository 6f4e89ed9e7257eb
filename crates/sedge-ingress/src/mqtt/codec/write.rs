//! Packets for a client, in its version and no larger than it takes.

use super::Version;
use crate::mqtt::journal::Delivery;
use crate::mqtt::message::Message;
use bytes::BytesMut;
use mqtt5_protocol::ReasonCode;
use mqtt5_protocol::packet::MqttPacket;
use mqtt5_protocol::packet::connack::ConnAckPacket;
use mqtt5_protocol::packet::disconnect::DisconnectPacket;
use mqtt5_protocol::packet::puback::PubAckPacket;
use mqtt5_protocol::packet::pubcomp::PubCompPacket;
use mqtt5_protocol::packet::publish::PublishPacket;
use mqtt5_protocol::packet::pubrec::PubRecPacket;
use mqtt5_protocol::packet::pubrel::PubRelPacket;
use mqtt5_protocol::packet::suback::{SubAckPacket, SubAckReasonCode};
use mqtt5_protocol::packet::unsuback::{UnsubAckPacket, UnsubAckReasonCode};
use mqtt5_protocol::{FixedHeader, PacketType, Properties, PropertyId, PropertyValue, QoS};
use std::collections::HashMap;
use std::sync::Arc;

/// Writes packets to a buffer.
pub(crate) struct Writer {
    pub(crate) out: BytesMut,
    version: Version,
    /// The largest packet that the client takes.
    packet_bytes_max: usize,
    /// Whether it wants to know why something has failed (MQTT 5.0 §3.1.2.11.7).
    explains: bool,
    aliases: HashMap<Arc<str>, u16>,
    aliases_max: u16,
}

/// The packet is larger than the client takes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLarge;

/// A topic with fewer bytes is not worth a number, which takes three.
const ALIASED_BYTES_MIN: usize = 4;

impl Writer {
    /// For a client of which nothing but the version is known.
    pub(crate) fn new(version: Version) -> Self {
        Writer {
            out: BytesMut::new(),
            version,
            packet_bytes_max: usize::MAX,
            explains: true,
            aliases: HashMap::new(),
            aliases_max: 0,
        }
    }

    /// What a client of MQTT 5.0 has said in its CONNECT.
    pub(crate) fn agree(&mut self, properties: &Properties, aliases_max: u16) {
        let most = properties.get_maximum_packet_size();
        self.packet_bytes_max = most.map_or(usize::MAX, |most| most as usize);
        self.explains = properties.get_request_problem_information().unwrap_or(true);
        self.aliases_max = properties.get_topic_alias_maximum().unwrap_or(0).min(aliases_max);
    }

    /// Whether anything has been named by a number, or may be.
    pub(crate) fn version(&self) -> Version {
        self.version
    }

    /// Writes a packet; what is too large for the client is left out.
    fn write(&mut self, packet: &impl MqttPacket) -> Result<(), TooLarge> {
        let before = self.out.len();
        // What is written here has no text or list that the library refuses: if it does all
        // the same, nothing is sent.
        let is_written = packet.encode(&mut self.out).is_ok();
        if is_written && self.out.len() - before <= self.packet_bytes_max {
            return Ok(());
        }
        self.out.truncate(before);
        Err(TooLarge)
    }

    /// A packet with a reason in words, or without if that would be too large.
    fn explain<P: MqttPacket>(&mut self, text: &str, build: impl Fn(Option<String>) -> P) {
        let text = (self.version == Version::V5 && !text.is_empty()).then(|| text.to_owned());
        if text.is_none() || self.write(&build(text)).is_err() {
            let _ = self.write(&build(None));
        }
    }

    pub(crate) fn connack(&mut self, mut packet: ConnAckPacket) {
        packet.protocol_version = self.version.number();
        if self.version == Version::V3 {
            packet.properties = Properties::default();
        }
        if self.write(&packet).is_err() {
            packet.properties.remove_reason_string();
            let _ = self.write(&packet);
        }
    }

    pub(crate) fn puback(&mut self, packet_id: u16, reason: ReasonCode, text: &str) {
        let text = if self.explains { text } else { "" };
        let reason = self.reason(reason);
        self.explain(text, |text| {
            let mut packet = PubAckPacket::new_with_reason(packet_id, reason);
            say(&mut packet.properties, text);
            packet
        });
    }

    pub(crate) fn pubrec(&mut self, packet_id: u16, reason: ReasonCode, text: &str) {
        let text = if self.explains { text } else { "" };
        let reason = self.reason(reason);
        self.explain(text, |text| {
            let mut packet = PubRecPacket::new_with_reason(packet_id, reason);
            say(&mut packet.properties, text);
            packet
        });
    }

    pub(crate) fn pubrel(&mut self, packet_id: u16, reason: ReasonCode) {
        let reason = self.reason(reason);
        let _ = self.write(&PubRelPacket::new_with_reason(packet_id, reason));
    }

    pub(crate) fn pubcomp(&mut self, packet_id: u16, reason: ReasonCode) {
        let reason = self.reason(reason);
        let _ = self.write(&PubCompPacket::new_with_reason(packet_id, reason));
    }

    /// MQTT 3.1.1 has no reasons there.
    fn reason(&self, reason: ReasonCode) -> ReasonCode {
        if self.version == Version::V3 { ReasonCode::Success } else { reason }
    }

    pub(crate) fn suback(&mut self, packet_id: u16, codes: Vec<SubAckReasonCode>, text: &str) {
        let version = self.version;
        let text = if self.explains { text } else { "" };
        self.explain(text, |text| {
            let mut packet = SubAckPacket::new(packet_id);
            packet.protocol_version = version.number();
            packet.reason_codes.clone_from(&codes);
            say(&mut packet.properties, text);
            packet
        });
    }

    pub(crate) fn unsuback(&mut self, packet_id: u16, codes: Vec<UnsubAckReasonCode>) {
        let mut packet = UnsubAckPacket::new(packet_id);
        packet.protocol_version = self.version.number();
        packet.reason_codes = codes;
        let _ = self.write(&packet);
    }

    pub(crate) fn pingresp(&mut self) {
        let header = FixedHeader::new(PacketType::PingResp, 0, 0);
        let _ = header.encode(&mut self.out);
    }

    /// MQTT 3.1.1 has none from servers.
    pub(crate) fn disconnect(&mut self, reason: ReasonCode, text: &str) {
        if self.version == Version::V5 {
            self.explain(text, |text| {
                let mut packet = DisconnectPacket::new(reason);
                say(&mut packet.properties, text);
                packet
            });
        }
    }

    /// A message. `packet_id` is 0 with QoS 0.
    pub(crate) fn publish(
        &mut self,
        packet_id: u16,
        again: bool,
        delivery: &Delivery,
        message: &Message,
        now_ms: u64,
    ) -> Result<(), TooLarge> {
        let mut packet = PublishPacket {
            topic_name: String::new(),
            packet_id: (packet_id != 0).then_some(packet_id),
            payload: message.payload.clone(),
            qos: QoS::from(delivery.qos),
            retain: delivery.retain,
            dup: again && delivery.qos > 0,
            properties: Properties::default(),
            protocol_version: self.version.number(),
            stream_id: None,
        };
        if self.version == Version::V5 {
            packet.properties = properties(delivery, message, now_ms);
        }
        let alias = self.alias(&message.topic);
        if let Some((alias, _)) = alias {
            packet.properties.set_topic_alias(alias);
        }
        if alias.is_none_or(|(_, is_new)| is_new) {
            message.topic.as_ref().clone_into(&mut packet.topic_name);
        }
        let is_written = self.write_publish(&packet);
        // What was not sent has told the client no number.
        if let (Err(TooLarge), Some((_, true))) = (&is_written, alias) {
            self.aliases.remove(&message.topic);
        }
        is_written
    }

    fn write_publish(&mut self, packet: &PublishPacket) -> Result<(), TooLarge> {
        let length = u32::try_from(packet.body_encoded_size()).map_err(|_| TooLarge)?;
        let header = FixedHeader::new(PacketType::Publish, packet.flags(), length);
        if header.encoded_len() + length as usize > self.packet_bytes_max {
            return Err(TooLarge);
        }
        let before = self.out.len();
        let is_written = header.encode(&mut self.out).is_ok()
            && packet.encode_body_direct(&mut self.out).is_ok();
        if !is_written {
            self.out.truncate(before);
            return Err(TooLarge);
        }
        Ok(())
    }

    /// The number of a topic, and whether the client has to be told it; first come, first
    /// served.
    fn alias(&mut self, topic: &Arc<str>) -> Option<(u16, bool)> {
        if self.aliases_max == 0 || topic.len() < ALIASED_BYTES_MIN {
            return None;
        }
        if let Some(&alias) = self.aliases.get(topic) {
            return Some((alias, false));
        }
        let next = u16::try_from(self.aliases.len() + 1).ok()?;
        if next > self.aliases_max {
            return None;
        }
        self.aliases.insert(Arc::clone(topic), next);
        Some((next, true))
    }
}

fn say(properties: &mut Properties, text: Option<String>) {
    if let Some(text) = text {
        properties.set_reason_string(text);
    }
}

fn properties(delivery: &Delivery, message: &Message, now_ms: u64) -> Properties {
    let mut all = Properties::default();
    if let Some(left) = message.expires_in_s(now_ms) {
        all.set_message_expiry_interval(left);
    }
    for &identifier in &delivery.subscriptions {
        let value = PropertyValue::VariableByteInteger(identifier);
        // It may stand there more than once, and is of its type.
        let _ = all.add(PropertyId::SubscriptionIdentifier, value);
    }
    let Some(told) = &message.properties else { return all };
    if let Some(is_utf8) = told.is_utf8 {
        all.set_payload_format_indicator(is_utf8);
    }
    if let Some(content_type) = &told.content_type {
        all.set_content_type(content_type.clone());
    }
    if let Some(topic) = &told.response_topic {
        all.set_response_topic(topic.clone());
    }
    if let Some(data) = &told.correlation_data {
        all.set_correlation_data(data.clone());
    }
    for (name, value) in &told.user {
        all.add_user_property(name.clone(), value.clone());
    }
    all
}
