//! What a client says, packet by packet.

mod answers;
mod subscriptions;

use super::pending::{Answer, Pending};
use super::throttle::Throttle;
use super::{Ending, Line, Origin};
use crate::mqtt::auth::{Access, Identity};
use crate::mqtt::broker::{Broker, Published};
use crate::mqtt::codec::{Fault, Version, Writer};
use crate::mqtt::journal::Change;
use crate::mqtt::message::{Message, MessageProperties, after_s};
use crate::mqtt::metrics::{End, add};
use crate::mqtt::session::{Inbox, Received, Session};
use bytes::{Bytes, BytesMut};
use mqtt5_protocol::packet::disconnect::DisconnectPacket;
use mqtt5_protocol::packet::publish::PublishPacket;
use mqtt5_protocol::packet::pubrec::PubRecPacket;
use mqtt5_protocol::{Packet, Properties, PropertyId, PropertyValue, QoS, ReasonCode};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What a client and this server have agreed on.
pub(super) struct Terms {
    pub(super) version: Version,
    pub(super) session: Arc<Session>,
    pub(super) inbox: Arc<Inbox>,
    pub(super) identity: Identity,
    pub(super) origin: Origin,
    pub(super) keep_alive_s: u16,
    pub(super) expiry_s: u32,
    /// Of the CONNECT.
    pub(super) properties: Properties,
}

/// A client that is let in.
pub(super) struct Client {
    pub(super) broker: Arc<Broker>,
    pub(super) line: Box<dyn Line>,
    pub(super) read: BytesMut,
    pub(super) writer: Writer,
    pub(super) session: Arc<Session>,
    pub(super) inbox: Arc<Inbox>,
    pub(super) identity: Identity,
    pub(super) origin: Origin,
    pub(super) pending: Pending,
    /// Changes that nobody waits for, until the next commit.
    pub(super) changes: Vec<Change>,
    /// How long it may be silent: one and a half times its keep alive (MQTT 5.0 §3.1.2.10).
    pub(super) silence: Option<Duration>,
    pub(super) throttle: Throttle,
    pub(super) inflight_max: usize,
    pub(super) since: Instant,
    pub(super) packets_in: u64,
    pub(super) packets_out: u64,
    version: Version,
    expiry_s: u32,
    /// Messages of QoS 1 that are not acknowledged yet.
    unacknowledged: usize,
    /// Identifiers of messages of QoS 2 that are not completed yet.
    incomplete: HashSet<u16>,
    aliases: HashMap<u16, Arc<str>>,
}

impl Client {
    pub(super) fn new(
        line: Box<dyn Line>,
        read: BytesMut,
        terms: Terms,
        broker: Arc<Broker>,
    ) -> Self {
        let Terms { version, session, inbox, identity, origin, .. } = terms;
        let options = &broker.options;
        let mut writer = Writer::new(version);
        writer.agree(&terms.properties, options.topic_aliases_out_max);
        let receive_max = terms.properties.get_receive_maximum().unwrap_or(u16::MAX);
        let keep_alive = Duration::from_secs(terms.keep_alive_s.into());
        let now = Instant::now();
        Client {
            line,
            read,
            writer,
            session,
            inbox,
            identity,
            origin,
            pending: Pending::default(),
            changes: Vec::new(),
            silence: (terms.keep_alive_s > 0).then(|| keep_alive + keep_alive / 2),
            throttle: Throttle::new(options.read_bytes_per_second_max, now),
            inflight_max: options.inflight_max.min(receive_max).into(),
            since: now,
            packets_in: 0,
            packets_out: 0,
            version,
            expiry_s: terms.expiry_s,
            unacknowledged: 0,
            incomplete: HashSet::new(),
            aliases: HashMap::new(),
            broker,
        }
    }

    /// Does what a packet asks for.
    pub(super) fn hear(&mut self, packet: Packet) -> Result<(), Ending> {
        self.packets_in += 1;
        match packet {
            Packet::Publish(packet) => self.publish(packet),
            Packet::PubAck(packet) => {
                let received = self.session.acknowledged(packet.packet_id, 1);
                self.note(received)
            }
            Packet::PubRec(packet) => self.received(&packet),
            Packet::PubRel(packet) => {
                self.release(packet.packet_id);
                Ok(())
            }
            Packet::PubComp(packet) => {
                let received = self.session.completed(packet.packet_id);
                self.note(received)
            }
            Packet::Subscribe(packet) => {
                self.subscribe(packet);
                Ok(())
            }
            Packet::Unsubscribe(packet) => {
                self.unsubscribe(packet);
                Ok(())
            }
            Packet::PingReq => {
                self.writer.pingresp();
                Ok(())
            }
            Packet::Disconnect(packet) => Err(self.disconnect(&packet)),
            // They are refused when they are read.
            _ => Err(Fault::protocol("this packet is not expected here").into()),
        }
    }

    fn publish(&mut self, packet: PublishPacket) -> Result<(), Ending> {
        let qos = u8::from(packet.qos);
        add(&self.broker.counters.received[usize::from(qos)], 1);
        let topic = self.topic(&packet)?;
        let packet_id = packet.packet_id.unwrap_or(0);
        self.check_receive_maximum(packet.qos, packet_id)?;
        if qos == 2 && !self.session.remember(packet_id) {
            self.answer_again(packet_id);
            return Ok(());
        }
        if let Err((reason, text)) = self.check_publish(&topic, &packet) {
            add(&self.broker.counters.denied, 1);
            return self.refuse(packet.qos, packet_id, reason, text);
        }
        let now_ms = self.broker.now_ms();
        let expiry_s = packet.properties.get_message_expiry_interval();
        let message = Message {
            topic,
            // It must not keep all that was read with it from being let go.
            payload: Bytes::copy_from_slice(&packet.payload),
            qos,
            retain: packet.retain,
            received_ms: now_ms,
            expires_ms: expiry_s.map(|expiry_s| after_s(now_ms, expiry_s)),
            publisher: Arc::clone(&self.session.client),
            properties: told(&packet.properties),
        };
        self.pass_on(message, packet_id);
        Ok(())
    }

    /// Hands a message over; it is acknowledged once it is durable.
    fn pass_on(&mut self, message: Message, packet_id: u16) {
        let qos = message.qos;
        if qos == 0 {
            return self.broker.publish_at_most_once(message);
        }
        let ticket = self.pending.next_ticket();
        let inbox = Arc::clone(&self.inbox);
        self.flush_changes();
        let received = (qos == 2).then_some((&self.session, packet_id));
        let settled = move |result| inbox.settle(ticket, result);
        let reason = match self.broker.publish(message, received, settled) {
            Published::Matched => ReasonCode::Success,
            Published::Unmatched => ReasonCode::NoMatchingSubscribers,
        };
        let answer = if qos == 1 {
            Answer::PubAck { packet_id, reason, text: "" }
        } else {
            Answer::PubRec { packet_id, reason, text: "", is_first: true }
        };
        self.pending.wait(answer);
    }

    fn topic(&mut self, packet: &PublishPacket) -> Result<Arc<str>, Fault> {
        let Some(alias) = packet.properties.get_topic_alias() else {
            return Ok(packet.topic_name.as_str().into());
        };
        if alias > self.broker.options.topic_aliases_in_max {
            let text = "the topic alias is above Topic Alias Maximum";
            return Err(Fault::new(ReasonCode::TopicAliasInvalid, text));
        }
        if packet.topic_name.is_empty() {
            let text = "the topic alias stands for nothing yet; hint: send the topic with it first";
            let topic = self.aliases.get(&alias).cloned();
            return topic.ok_or(Fault::protocol(text));
        }
        let topic: Arc<str> = packet.topic_name.as_str().into();
        self.aliases.insert(alias, Arc::clone(&topic));
        Ok(topic)
    }

    /// A client of MQTT 5.0 was told how much it may send; one of 3.1.1 is read no faster.
    fn check_receive_maximum(&mut self, qos: QoS, packet_id: u16) -> Result<(), Fault> {
        match qos {
            QoS::AtMostOnce => return Ok(()),
            QoS::AtLeastOnce => self.unacknowledged += 1,
            QoS::ExactlyOnce => {
                self.incomplete.insert(packet_id);
            }
        }
        let open = self.unacknowledged + self.incomplete.len();
        if self.version == Version::V5 && open > self.broker.options.receive_max.into() {
            let text = "more messages are not acknowledged than Receive Maximum allows";
            return Err(Fault::new(ReasonCode::ReceiveMaximumExceeded, text));
        }
        Ok(())
    }

    fn check_publish(
        &self,
        topic: &Arc<str>,
        packet: &PublishPacket,
    ) -> Result<(), (ReasonCode, &'static str)> {
        let acl = self.broker.acl(&self.identity);
        let username = self.identity.username.as_deref();
        let is_allowed = !topic.starts_with("$SYS")
            && !topic.starts_with("$share/")
            && acl.allows(Access::Write, &self.session.client, username, topic);
        if !is_allowed {
            return Err((ReasonCode::NotAuthorized, "this client may not publish there"));
        }
        if packet.retain && !packet.payload.is_empty() {
            // Only the sizes are looked at.
            let size = Message {
                topic: Arc::clone(topic),
                payload: packet.payload.clone(),
                qos: 0,
                retain: true,
                received_ms: 0,
                expires_ms: None,
                publisher: Arc::clone(&self.session.client),
                properties: told(&packet.properties),
            };
            if !self.broker.can_retain(&size) {
                return Err((ReasonCode::QuotaExceeded, "no more retained messages have room"));
            }
        }
        Ok(())
    }

    /// Tells a client that its message was not taken; one of MQTT 3.1.1 cannot be told but by
    /// the end (MQTT 3.1.1 §3.3.5).
    fn refuse(
        &mut self,
        qos: QoS,
        packet_id: u16,
        reason: ReasonCode,
        text: &'static str,
    ) -> Result<(), Ending> {
        if qos == QoS::AtMostOnce {
            return Ok(());
        }
        if qos == QoS::ExactlyOnce {
            self.session.forget(packet_id);
        }
        if self.version == Version::V3 {
            return Err(Ending::told(End::ProtocolError, reason, text));
        }
        self.pending.ready(match qos {
            QoS::ExactlyOnce => Answer::PubRec { packet_id, reason, text, is_first: true },
            _ => Answer::PubAck { packet_id, reason, text },
        });
        Ok(())
    }

    /// A message of QoS 2 that has come before is not passed on again; that it has come may
    /// not be durable yet.
    fn answer_again(&mut self, packet_id: u16) {
        let reason = ReasonCode::Success;
        let answer = Answer::PubRec { packet_id, reason, text: "", is_first: false };
        self.commit(Vec::new(), answer);
    }

    /// Answers once these changes, and all before them, are durable.
    fn commit(&mut self, mut changes: Vec<Change>, answer: Answer) {
        let ticket = self.pending.next_ticket();
        let inbox = Arc::clone(&self.inbox);
        let mut all = std::mem::take(&mut self.changes);
        all.append(&mut changes);
        let reply = move |result| inbox.settle(ticket, result);
        self.broker.journal.commit(all, Box::new(reply));
        self.pending.wait(answer);
    }

    /// Tells the journal what nobody waits for.
    pub(super) fn flush_changes(&mut self) {
        if !self.changes.is_empty() {
            self.broker.commit(std::mem::take(&mut self.changes));
        }
    }

    /// Takes note of an answer of the client that needs none.
    fn note(&mut self, received: Received) -> Result<(), Ending> {
        match received {
            Received::Fits(change) => self.changes.extend(change),
            // It may be of an earlier connection.
            Received::Unknown | Received::Again => {}
            Received::Misfits => {
                let text = "this is not what a message of this QoS is answered with";
                return Err(Fault::protocol(text).into());
            }
        }
        Ok(())
    }

    fn received(&mut self, packet: &PubRecPacket) -> Result<(), Ending> {
        let packet_id = packet.packet_id;
        if packet.reason_code.is_error() {
            let received = self.session.acknowledged(packet_id, 2);
            return self.note(received);
        }
        let mut reason = ReasonCode::Success;
        match self.session.received_by_client(packet_id) {
            Received::Fits(Some(change)) => {
                // Sent before it is durable, the message could come again after a restart.
                self.commit(vec![change], Answer::PubRel { packet_id, reason });
                return Ok(());
            }
            Received::Fits(None) | Received::Again => {}
            Received::Unknown => reason = ReasonCode::PacketIdentifierNotFound,
            misfits @ Received::Misfits => return self.note(misfits),
        }
        self.pending.ready(Answer::PubRel { packet_id, reason });
        Ok(())
    }

    fn release(&mut self, packet_id: u16) {
        let (was_known, change) = self.session.forget(packet_id);
        let reason = match was_known {
            true => ReasonCode::Success,
            false => ReasonCode::PacketIdentifierNotFound,
        };
        let answer = Answer::PubComp { packet_id, reason };
        match change {
            // Told before it is durable, a new message with this identifier could be taken for
            // the old one after a restart.
            Some(change) => self.commit(vec![change], answer),
            None => self.pending.ready(answer),
        }
    }

    fn disconnect(&self, packet: &DisconnectPacket) -> Ending {
        let expiry_s = packet.properties.get_session_expiry_interval();
        if self.expiry_s == 0 && expiry_s.is_some_and(|expiry_s| expiry_s > 0) {
            let text = "a session that ends with its connection cannot be kept at last";
            return Fault::protocol(text).into();
        }
        let most = self.broker.options.session_expiry_max_s;
        Ending {
            end: End::Disconnected,
            fault: None,
            keeps_will: packet.reason_code != ReasonCode::Success,
            expiry_s: expiry_s.map(|expiry_s| expiry_s.min(most)),
        }
    }
}

/// What is passed on as it is.
pub(super) fn told(properties: &Properties) -> Option<Box<MessageProperties>> {
    if properties.is_empty() {
        return None;
    }
    let mut told = MessageProperties::default();
    for (id, value) in properties.iter() {
        match (id, value) {
            (PropertyId::PayloadFormatIndicator, PropertyValue::Byte(is_utf8)) => {
                told.is_utf8 = Some(*is_utf8 == 1);
            }
            (PropertyId::ContentType, PropertyValue::Utf8String(text)) => {
                told.content_type = Some(text.clone());
            }
            (PropertyId::ResponseTopic, PropertyValue::Utf8String(topic)) => {
                told.response_topic = Some(topic.clone());
            }
            (PropertyId::CorrelationData, PropertyValue::BinaryData(data)) => {
                told.correlation_data = Some(Bytes::copy_from_slice(data));
            }
            (PropertyId::UserProperty, PropertyValue::Utf8StringPair(name, value)) => {
                told.user.push((name.clone(), value.clone()));
            }
            _ => {}
        }
    }
    (told != MessageProperties::default()).then(|| Box::new(told))
}
