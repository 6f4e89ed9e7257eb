//! Reading.

use super::FormError;
use crate::mqtt::journal::kept::{KeptSession, Waiting};
use crate::mqtt::journal::{Change, Delivery, Subscription, Will};
use crate::mqtt::message::{Message, MessageProperties};
use bytes::Bytes;
use std::sync::Arc;

pub(super) struct In {
    bytes: Bytes,
    /// Whether payloads are copied, or share the bytes.
    pub(super) copies: bool,
    /// Messages that were read and may be named again, by their numbers.
    messages: Vec<Arc<Message>>,
}

impl In {
    pub(super) fn begin(bytes: &Bytes, version: u8) -> Result<Self, FormError> {
        let mut from = In { bytes: bytes.clone(), copies: false, messages: Vec::new() };
        if from.u8()? == version { Ok(from) } else { Err(FormError) }
    }

    pub(super) fn is_over(&self) -> bool {
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

    pub(super) fn u32(&mut self) -> Result<u32, FormError> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, FormError> {
        self.array().map(u64::from_le_bytes)
    }

    fn blob(&mut self) -> Result<Bytes, FormError> {
        let count = self.u32()?;
        self.take(count as usize)
    }

    pub(super) fn text(&mut self) -> Result<String, FormError> {
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
            correlation_data: self.option(|from| Ok(Bytes::copy_from_slice(&from.blob()?)))?,
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
        let payload = if self.copies { Bytes::copy_from_slice(&payload) } else { payload };
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

    /// A message that may have been there before.
    pub(super) fn shared_message(&mut self) -> Result<Arc<Message>, FormError> {
        let number = self.u32()? as usize;
        if number == self.messages.len() {
            let message = self.message()?;
            self.messages.push(message);
        }
        self.messages.get(number).cloned().ok_or(FormError)
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

    pub(super) fn session(&mut self) -> Result<KeptSession, FormError> {
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
                Waiting::Message(self.delivery()?, self.shared_message()?)
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

    pub(super) fn change(&mut self) -> Result<Change, FormError> {
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
