//! What is there after a restart.

use crate::world::{Client, World};
use mqtt5_protocol::packet::connect::ConnectPacket;
use mqtt5_protocol::packet::pubcomp::PubCompPacket;
use mqtt5_protocol::packet::pubrec::PubRecPacket;
use mqtt5_protocol::packet::pubrel::PubRelPacket;
use mqtt5_protocol::{Packet, PacketType, QoS, ReasonCode, WillMessage};
use sedge_ingress::mqtt::journal::{Journal, MemoryJournal};
use std::sync::Arc;

fn kept(packet: &mut ConnectPacket) {
    packet.clean_start = false;
    packet.properties.set_session_expiry_interval(60);
}

fn world(journal: &Arc<MemoryJournal>) -> World {
    let journal = Arc::clone(journal);
    World::with(move |parts| parts.journal = journal)
}

fn back(world: &World, id: &str) -> Client {
    let (client, connack) = world.client_with(id, kept);
    assert!(connack.session_present, "{id}");
    client
}

#[test]
fn sessions_messages_and_identifiers_survive() {
    let journal = Arc::new(MemoryJournal::new());
    let before = world(&journal);
    let (mut client, _) = before.client_with("c", kept);
    client.subscribe("t/#", 2);
    client.subscribe_with("s", 1, |packet, one| {
        packet.properties.set_subscription_identifier(9);
        one.options.retain_as_published = true;
    });
    let (mut publisher, _) = before.client_with("p", kept);
    publisher.retain("t/r", "retained");
    let message = client.message();
    client.acknowledge(&message);
    publisher.publish("t/1", "released", 2);
    publisher.kind();
    let released = client.message().packet_id.expect("an identifier");
    client.send(&PubRecPacket::new(released));
    assert_eq!(client.kind(), PacketType::PubRel);
    let unreleased = publisher.publish_with("t/2", "unacknowledged", 2, |_| {});
    publisher.kind();
    let unacknowledged = client.message().packet_id.expect("an identifier");
    drop((client, before));

    let after = world(&journal);
    let mut client = back(&after, "c");
    assert_eq!(client.kind(), PacketType::PubRel, "of `released`");
    client.send(&PubCompPacket::new(released));
    let message = client.message();
    assert!(message.dup && &message.payload[..] == b"unacknowledged");
    assert_eq!(message.packet_id, Some(unacknowledged), "so that the client knows it");
    client.silence();
    // The publisher sends again what it has not released, and it is not new.
    let mut publisher = back(&after, "p");
    publisher.publish_with("t/2", "unacknowledged", 2, |packet| {
        (packet.packet_id, packet.dup) = (Some(unreleased), true);
    });
    assert_eq!(publisher.kind(), PacketType::PubRec);
    publisher.send(&PubRelPacket::new(unreleased));
    assert_eq!(publisher.kind(), PacketType::PubComp);
    publisher.retain("s", "subscribed");
    let message = client.message();
    assert_eq!(message.properties.subscription_identifiers(), [9]);
    assert!(message.retain);
    let mut other = after.client("other");
    other.subscribe("t/#", 0);
    assert_eq!(other.told().1, "retained");
}

#[test]
fn what_is_settled_or_ended_is_forgotten() {
    let journal = Arc::new(MemoryJournal::new());
    let before = world(&journal);
    let (mut client, _) = before.client_with("c", kept);
    client.subscribe("t", 1);
    client.subscribe("u", 1);
    let mut publisher = before.client("p");
    publisher.publish_kept("t", "settled");
    let message = client.message();
    client.acknowledge(&message);
    client.write(b"\xa2\x06\0\x09\0\0\x01u");
    assert!(matches!(client.next(), Packet::UnsubAck(_)));
    before.client_with("gone", kept).0.disconnect();
    drop(before.client("gone"));
    publisher.retain("r", "x");
    publisher.retain("r", "");
    drop((client, publisher, before));
    let kept = journal.load().expect("memory");
    let sessions: Vec<_> = kept.sessions.keys().map(|client| &**client).collect();
    assert_eq!(sessions, ["c"]);
    let session = &kept.sessions["c"];
    assert!(session.owed.is_empty() && kept.retained.is_empty());
    assert_eq!(session.subscriptions.len(), 1);
}

#[test]
fn a_will_that_waited_is_published_after_all() {
    let journal = Arc::new(MemoryJournal::new());
    let before = world(&journal);
    let (client, _) = before.client_with("c", |packet| {
        kept(packet);
        let mut will = WillMessage::new("will", b"gone".to_vec());
        will.qos = QoS::AtLeastOnce;
        packet.will = Some(will);
        packet.will_properties.set_will_delay_interval(1);
    });
    let (mut watcher, _) = before.client_with("w", kept);
    watcher.subscribe("will", 1);
    // Both connections are there when the node ends.
    let World { gateway, .. } = before;
    std::mem::forget((client, watcher));
    drop(gateway);
    let after = world(&journal);
    let mut watcher = back(&after, "w");
    assert_eq!(watcher.told().1, "gone");
    assert_eq!(watcher_reason(&after), ReasonCode::NoMatchingSubscribers);
}

/// The session of the will's client is still there.
fn watcher_reason(world: &World) -> ReasonCode {
    back(world, "c").publish_kept("nobody", "x")
}
