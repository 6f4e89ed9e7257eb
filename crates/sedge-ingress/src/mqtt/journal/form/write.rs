//! Writing.

use crate::mqtt::journal::kept::{KeptSession, Waiting};
use crate::mqtt::journal::{Change, Delivery, Subscription, Will};
use crate::mqtt::message::Message;
use std::collections::HashMap;
use std::sync::Arc;

pub(super) struct Out {
    pub(super) bytes: Vec<u8>,
    /// Numbers of the messages that were written, by where they lie in memory. They do, as long
    /// as what is written is borrowed.
    numbers: HashMap<*const Message, u32>,
}

impl Out {
    pub(super) fn new(version: u8) -> Self {
        Out { bytes: vec![version], numbers: HashMap::new() }
    }

    fn u8(&mut self, value: u8) {
        self.bytes.push(value);
    }

    fn u16(&mut self, value: u16) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    pub(super) fn u32(&mut self, value: u32) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    fn u64(&mut self, value: u64) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.u32(bytes.len() as u32);
        self.bytes.extend_from_slice(bytes);
    }

    pub(super) fn text(&mut self, text: &str) {
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

    /// A message that may be owed to many.
    pub(super) fn shared_message(&mut self, message: &Arc<Message>) {
        let next = self.numbers.len() as u32;
        let number = *self.numbers.entry(Arc::as_ptr(message)).or_insert(next);
        self.u32(number);
        if number == next {
            self.message(message);
        }
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

    pub(super) fn session(&mut self, session: &KeptSession) {
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
                    self.shared_message(message);
                }
            }
        }
        self.u32(session.received.len() as u32);
        session.received.iter().for_each(|&packet_id| self.u16(packet_id));
    }

    pub(super) fn change(&mut self, change: &Change) {
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
