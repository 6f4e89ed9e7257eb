//! Changes and what is left of them as bytes, for journals that write them somewhere.
//!
//! Numbers are little-endian; texts and bytes have their length before them. The first byte is
//! the form's version. What is read is checked, since it may come from a damaged disk.

use super::kept::{Kept, KeptSession, Waiting};
use super::{Change, Delivery, Subscription, Will};
use crate::mqtt::message::{Message, MessageProperties};
use bytes::Bytes;
use std::sync::Arc;

const VERSION: u8 = 1;

/// What is read is not what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("these bytes are no changes of an MQTT broker")]
pub struct FormError;

impl Change {
    /// These changes, one behind the other.
    pub fn encode(changes: &[Change]) -> Vec<u8> {
        let mut out = Out(vec![VERSION]);
        changes.iter().for_each(|change| out.change(change));
        out.0
    }

    /// What [`Change::encode`] has written. Payloads share the given bytes.
    ///
    /// # Errors
    /// They were not written by it.
    pub fn decode(bytes: &Bytes) -> Result<Vec<Change>, FormError> {
        let mut from = In::begin(bytes)?;
        let mut changes = Vec::new();
        while !from.is_over() {
            changes.push(from.change()?);
        }
        Ok(changes)
    }
}

impl Kept {
    /// All of it.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Out(vec![VERSION]);
        out.u32(self.sessions.len() as u32);
        for (client, session) in &self.sessions {
            out.text(client);
            out.session(session);
        }
        out.u32(self.retained.len() as u32);
        self.retained.values().for_each(|message| out.message(message));
        out.0
    }

    /// What [`Kept::encode`] has written. Payloads share the given bytes.
    ///
    /// # Errors
    /// They were not written by it.
    pub fn decode(bytes: &Bytes) -> Result<Kept, FormError> {
        let mut from = In::begin(bytes)?;
        let mut kept = Kept::default();
        for _ in 0..from.u32()? {
            let client = from.text()?.into();
            kept.sessions.insert(client, from.session()?);
        }
        for _ in 0..from.u32()? {
            let message = from.message()?;
            kept.retained.insert(Arc::clone(&message.topic), message);
        }
        if from.is_over() { Ok(kept) } else { Err(FormError) }
    }
}

struct Out(Vec<u8>);

impl Out {
    fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    fn u16(&mut self, value: u16) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    fn u32(&mut self, value: u32) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    fn u64(&mut self, value: u64) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.u32(bytes.len() as u32);
        self.0.extend_from_slice(bytes);
    }

    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    fn option<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        self.u8(u8::from(value.is_some()));
        if let Some(value) = value {
            write(self, value);
        }
    }

    fn message(&mut self, message: &Message) {
        self.text(&message.topic);
        self.bytes(&message.payload);
        self.u8(message.qos | u8::from(message.retain) << 2);
        self.u64(message.received_ms);
        self.option(message.expires_ms, Out::u64);
        self.text(&message.publisher);
        self.option(message.properties.as_deref(), |out, properties| {
            out.option(properties.is_utf8, |out, is| out.u8(u8::from(is)));
            out.option(properties.content_type.as_deref(), Out::text);
            out.option(properties.response_topic.as_deref(), Out::text);
            out.option(properties.correlation_data.as_deref(), Out::bytes);
            out.u32(properties.user.len() as u32);
            for (name, value) in &properties.user {
                out.text(name);
                out.text(value);
            }
        });
    }

    fn delivery(&mut self, delivery: &Delivery) {
        self.u64(delivery.sequence);
        self.u8(delivery.qos | u8::from(delivery.retain) << 2);
        self.u32(delivery.subscriptions.len() as u32);
        delivery.subscriptions.iter().for_each(|&identifier| self.u32(identifier));
    }

    fn subscription(&mut self, options: &Subscription) {
        let flags = u8::from(options.no_local) << 2
            | u8::from(options.retain_as_published) << 3
            | options.retain_handling << 4;
        self.u8(options.qos | flags);
        self.option(options.identifier, Out::u32);
    }

    fn will(&mut self, will: &Will) {
        self.message(&will.message);
        self.option(will.expiry_s, Out::u32);
        self.u32(will.delay_s);
    }

    fn session(&mut self, session: &KeptSession) {
        self.u32(session.expiry_s);
        self.option(session.left_ms, Out::u64);
        self.option(session.will.as_ref(), Out::will);
        self.u32(session.subscriptions.len() as u32);
        for (filter, options) in &session.subscriptions {
            self.text(filter);
            self.subscription(options);
        }
        self.u64(session.first_sequence);
        self.u64(session.next_sequence);
        self.u32(session.owed.len() as u32);
        for (&sequence, waiting) in &session.owed {
            self.u64(sequence);
            match waiting {
                Waiting::Release => self.u8(0),
                Waiting::Message(delivery, message) => {
                    self.u8(1);
                    self.delivery(delivery);
                    self.message(message);
                }
            }
        }
        self.u32(session.received.len() as u32);
        session.received.iter().for_each(|&packet_id| self.u16(packet_id));
    }

    fn change(&mut self, change: &Change) {
        match change {
            Change::Published { message, received, to } => {
                self.u8(1);
                self.message(message);
                self.option(received.as_ref(), |out, (client, packet_id)| {
                    out.text(client);
                    out.u16(*packet_id);
                });
                self.u32(to.len() as u32);
                for (client, delivery) in to {
                    self.text(client);
                    self.delivery(delivery);
                }
            }
            Change::Connected { client, is_new, expiry_s, first_sequence, will } => {
                self.tagged(2, client);
                self.u8(u8::from(*is_new));
                self.u32(*expiry_s);
                self.u64(*first_sequence);
                self.option(will.as_ref(), Out::will);
            }
            Change::Left { client, at_ms, expiry_s, has_will } => {
                self.tagged(3, client);
                self.u64(*at_ms);
                self.u32(*expiry_s);
                self.u8(u8::from(*has_will));
            }
            Change::Ended { client } => self.tagged(4, client),
            Change::WillDone { client } => self.tagged(5, client),
            Change::Subscribed { client, filter, options } => {
                self.tagged(6, client);
                self.text(filter);
                self.subscription(options);
            }
            Change::Unsubscribed { client, filter } => {
                self.tagged(7, client);
                self.text(filter);
            }
            Change::Owed { client, delivery, message } => {
                self.tagged(8, client);
                self.delivery(delivery);
                self.message(message);
            }
            Change::Released { client, sequence } => {
                self.tagged(9, client);
                self.u64(*sequence);
            }
            Change::Done { client, sequence } => {
                self.tagged(10, client);
                self.u64(*sequence);
            }
            Change::Forgotten { client, packet_id } => {
                self.tagged(11, client);
                self.u16(*packet_id);
            }
        }
    }

    fn tagged(&mut self, tag: u8, client: &str) {
        self.u8(tag);
        self.text(client);
    }
}

struct In {
    bytes: Bytes,
}

impl In {
    fn begin(bytes: &Bytes) -> Result<Self, FormError> {
        let mut from = In { bytes: bytes.clone() };
        if from.u8()? == VERSION { Ok(from) } else { Err(FormError) }
    }

    fn is_over(&self) -> bool {
        self.bytes.is_empty()
    }

    fn take(&mut self, count: usize) -> Result<Bytes, FormError> {
        if count > self.bytes.len() {
            return Err(FormError);
        }
        Ok(self.bytes.split_to(count))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], FormError> {
        self.take(N)?.as_ref().try_into().map_err(|_| FormError)
    }

    fn u8(&mut self) -> Result<u8, FormError> {
        self.array().map(|[byte]| byte)
    }

    fn flag(&mut self) -> Result<bool, FormError> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(FormError),
        }
    }

    fn u16(&mut self) -> Result<u16, FormError> {
        self.array().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Result<u32, FormError> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, FormError> {
        self.array().map(u64::from_le_bytes)
    }

    fn blob(&mut self) -> Result<Bytes, FormError> {
        let count = self.u32()?;
        self.take(count as usize)
    }

    fn text(&mut self) -> Result<String, FormError> {
        String::from_utf8(self.blob()?.to_vec()).map_err(|_| FormError)
    }

    fn option<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, FormError>,
    ) -> Result<Option<T>, FormError> {
        if self.flag()? { read(self).map(Some) } else { Ok(None) }
    }

    fn properties(&mut self) -> Result<Box<MessageProperties>, FormError> {
        let mut properties = Box::new(MessageProperties {
            is_utf8: self.option(In::flag)?,
            content_type: self.option(In::text)?,
            response_topic: self.option(In::text)?,
            correlation_data: self.option(In::blob)?,
            user: Vec::new(),
        });
        for _ in 0..self.u32()? {
            properties.user.push((self.text()?, self.text()?));
        }
        Ok(properties)
    }

    fn message(&mut self) -> Result<Arc<Message>, FormError> {
        let topic = self.text()?.into();
        let payload = self.blob()?;
        let flags = self.qos_and_retain()?;
        Ok(Arc::new(Message {
            topic,
            payload,
            qos: flags.0,
            retain: flags.1,
            received_ms: self.u64()?,
            expires_ms: self.option(In::u64)?,
            publisher: self.text()?.into(),
            properties: self.option(In::properties)?,
        }))
    }

    fn qos_and_retain(&mut self) -> Result<(u8, bool), FormError> {
        let flags = self.u8()?;
        let qos = flags & 3;
        if qos == 3 || flags > 7 { Err(FormError) } else { Ok((qos, flags & 4 != 0)) }
    }

    fn delivery(&mut self) -> Result<Delivery, FormError> {
        let sequence = self.u64()?;
        let (qos, retain) = self.qos_and_retain()?;
        let mut subscriptions = Vec::new();
        for _ in 0..self.u32()? {
            subscriptions.push(self.u32()?);
        }
        Ok(Delivery { sequence, qos, retain, subscriptions })
    }

    fn subscription(&mut self) -> Result<Subscription, FormError> {
        let flags = self.u8()?;
        let (qos, retain_handling) = (flags & 3, flags >> 4);
        if qos == 3 || retain_handling > 2 {
            return Err(FormError);
        }
        Ok(Subscription {
            qos,
            no_local: flags & 4 != 0,
            retain_as_published: flags & 8 != 0,
            retain_handling,
            identifier: self.option(In::u32)?,
        })
    }

    fn will(&mut self) -> Result<Will, FormError> {
        let message = self.message()?;
        Ok(Will { message, expiry_s: self.option(In::u32)?, delay_s: self.u32()? })
    }

    fn session(&mut self) -> Result<KeptSession, FormError> {
        let mut session = KeptSession {
            expiry_s: self.u32()?,
            left_ms: self.option(In::u64)?,
            will: self.option(In::will)?,
            ..KeptSession::default()
        };
        for _ in 0..self.u32()? {
            let filter = self.text()?.into();
            session.subscriptions.insert(filter, self.subscription()?);
        }
        session.first_sequence = self.u64()?;
        session.next_sequence = self.u64()?;
        for _ in 0..self.u32()? {
            let sequence = self.u64()?;
            let waiting = if self.flag()? {
                Waiting::Message(self.delivery()?, self.message()?)
            } else {
                Waiting::Release
            };
            session.owed.insert(sequence, waiting);
        }
        for _ in 0..self.u32()? {
            session.received.insert(self.u16()?);
        }
        Ok(session)
    }

    fn change(&mut self) -> Result<Change, FormError> {
        let tag = self.u8()?;
        if tag == 1 {
            let message = self.message()?;
            let received = self.option(|from| Ok((from.text()?.into(), from.u16()?)))?;
            let mut to = Vec::new();
            for _ in 0..self.u32()? {
                to.push((self.text()?.into(), self.delivery()?));
            }
            return Ok(Change::Published { message, received, to });
        }
        let client: Arc<str> = self.text()?.into();
        Ok(match tag {
            2 => Change::Connected {
                client,
                is_new: self.flag()?,
                expiry_s: self.u32()?,
                first_sequence: self.u64()?,
                will: self.option(In::will)?,
            },
            3 => Change::Left {
                client,
                at_ms: self.u64()?,
                expiry_s: self.u32()?,
                has_will: self.flag()?,
            },
            4 => Change::Ended { client },
            5 => Change::WillDone { client },
            6 => Change::Subscribed {
                client,
                filter: self.text()?.into(),
                options: self.subscription()?,
            },
            7 => Change::Unsubscribed { client, filter: self.text()?.into() },
            8 => Change::Owed { client, delivery: self.delivery()?, message: self.message()? },
            9 => Change::Released { client, sequence: self.u64()? },
            10 => Change::Done { client, sequence: self.u64()? },
            11 => Change::Forgotten { client, packet_id: self.u16()? },
            _ => return Err(FormError),
        })
    }
}

#[cfg(test)]
mod tests;
