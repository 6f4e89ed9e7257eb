//! What a client wants to hear of.

use super::Client;
use crate::mqtt::auth::Access;
use crate::mqtt::broker::{SubscribeRefused, Subscribing};
use crate::mqtt::connection::pending::Answer;
use crate::mqtt::journal::Subscription;
use crate::mqtt::metrics::add;
use mqtt5_protocol::packet::suback::SubAckReasonCode;
use mqtt5_protocol::packet::subscribe::{SubscribePacket, TopicFilter};
use mqtt5_protocol::packet::unsuback::UnsubAckReasonCode;
use mqtt5_protocol::packet::unsubscribe::UnsubscribePacket;
use std::sync::Arc;

impl Client {
    pub(super) fn subscribe(&mut self, packet: SubscribePacket) {
        let identifier = packet.properties.get_subscription_identifier();
        let mut subscribing = Subscribing::default();
        let mut text = "";
        let codes = packet.filters.iter().map(|one| {
            self.subscribe_one(one, identifier, &mut subscribing).unwrap_or_else(|(code, why)| {
                text = why;
                code
            })
        });
        let codes = codes.collect();
        let ticket = self.pending.next_ticket();
        let inbox = Arc::clone(&self.inbox);
        self.flush_changes();
        let settled = move |result| inbox.settle(ticket, result);
        self.broker.commit_subscriptions(&self.session, subscribing, settled);
        self.pending.wait(Answer::SubAck { packet_id: packet.packet_id, codes, text });
    }

    fn subscribe_one(
        &self,
        one: &TopicFilter,
        identifier: Option<u32>,
        subscribing: &mut Subscribing,
    ) -> Result<SubAckReasonCode, (SubAckReasonCode, &'static str)> {
        let acl = self.broker.acl(&self.identity);
        let username = self.identity.username.as_deref();
        // Whoever shares a subscription sees the topics of its filter.
        let shared = one.filter.strip_prefix("$share/").and_then(|rest| rest.split_once('/'));
        let topics = shared.map_or(one.filter.as_str(), |(_, filter)| filter);
        if !acl.allows(Access::Read, &self.session.client, username, topics) {
            add(&self.broker.counters.denied, 1);
            return Err((SubAckReasonCode::NotAuthorized, "this client may not subscribe to it"));
        }
        let options = Subscription {
            qos: one.options.qos.into(),
            no_local: one.options.no_local,
            retain_as_published: one.options.retain_as_published,
            retain_handling: one.options.retain_handling as u8,
            identifier,
        };
        match self.broker.subscribe(&self.session, &one.filter, options, subscribing) {
            Ok(()) => Ok(SubAckReasonCode::from_qos(one.options.qos)),
            Err(SubscribeRefused::Invalid(error)) => {
                tracing::debug!(client = &*self.session.client, %error, "no topic filter");
                let text = "the filter is none, or longer or deeper than this server takes";
                Err((SubAckReasonCode::TopicFilterInvalid, text))
            }
            Err(SubscribeRefused::TooMany) => {
                let text = "the session has as many subscriptions as it may";
                Err((SubAckReasonCode::QuotaExceeded, text))
            }
        }
    }

    pub(super) fn unsubscribe(&mut self, packet: UnsubscribePacket) {
        let mut subscribing = Subscribing::default();
        let codes = packet.filters.iter().map(|filter| {
            match self.broker.unsubscribe(&self.session, filter, &mut subscribing) {
                true => UnsubAckReasonCode::Success,
                false => UnsubAckReasonCode::NoSubscriptionExisted,
            }
        });
        let codes = codes.collect();
        let ticket = self.pending.next_ticket();
        let inbox = Arc::clone(&self.inbox);
        self.flush_changes();
        let settled = move |result| inbox.settle(ticket, result);
        self.broker.commit_subscriptions(&self.session, subscribing, settled);
        self.pending.wait(Answer::UnsubAck { packet_id: packet.packet_id, codes });
    }
}
