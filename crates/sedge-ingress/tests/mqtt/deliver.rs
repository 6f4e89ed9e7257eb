//! Who gets what, and how.

use crate::world::{World, until};
use mqtt5_protocol::packet::pubcomp::PubCompPacket;
use mqtt5_protocol::packet::pubrec::PubRecPacket;
use mqtt5_protocol::packet::pubrel::PubRelPacket;
use mqtt5_protocol::packet::subscribe::RetainHandling;
use mqtt5_protocol::{Packet, PacketType, PropertyId, PropertyValue, ReasonCode, WillMessage};
use std::time::Duration;

fn line(topic: &str, payload: &str, qos: u8, retain: bool) -> (String, String, u8, bool) {
    (topic.to_owned(), payload.to_owned(), qos, retain)
}

#[test]
fn a_message_comes_with_the_lower_qos_and_once() {
    let world = World::new(|_| {});
    let mut client = world.client("c");
    for (filter, qos) in [("a/+", 0), ("a/#", 2), ("+/b", 1)] {
        assert_eq!(client.subscribe(filter, qos), qos);
    }
    let mut publisher = world.client("p");
    assert_eq!(publisher.publish_kept("a/b", "one"), ReasonCode::Success);
    assert_eq!(publisher.publish_kept("b/c", "nobody"), ReasonCode::NoMatchingSubscribers);
    assert_eq!(client.told(), line("a/b", "one", 1, false));
    publisher.publish("a", "zero", 0);
    assert_eq!(client.told(), line("a", "zero", 0, false));
    client.silence();
}

#[test]
fn qos_2_takes_effect_once_whatever_is_said_again() {
    let world = World::new(|_| {});
    let (mut client, _) = world.client_with("c", |packet| {
        packet.properties.set_session_expiry_interval(60);
    });
    client.subscribe("t", 2);
    let mut publisher = world.client("p");
    let id = publisher.publish_with("t", "x", 2, |_| {});
    assert_eq!(publisher.kind(), PacketType::PubRec);
    publisher.publish_with("t", "x", 2, |packet| {
        (packet.packet_id, packet.dup) = (Some(id), true);
    });
    assert_eq!(publisher.kind(), PacketType::PubRec);
    for expected in [ReasonCode::Success, ReasonCode::PacketIdentifierNotFound] {
        publisher.send(&PubRelPacket::new(id));
        match publisher.next() {
            Packet::PubComp(packet) => assert_eq!(packet.reason_code, expected),
            other => panic!("{other:?}"),
        }
    }
    let message = client.message();
    let id = message.packet_id.expect("an identifier");
    for _ in 0..2 {
        client.send(&PubRecPacket::new(id));
        assert_eq!(client.kind(), PacketType::PubRel);
    }
    // Whoever comes back is told the release again, not the message.
    let (mut client, connack) = world.client_with("c", |packet| {
        packet.clean_start = false;
        packet.properties.set_session_expiry_interval(60);
    });
    assert!(connack.session_present);
    assert_eq!(client.kind(), PacketType::PubRel);
    client.send(&PubCompPacket::new(id));
    client.send(&PubRecPacket::new(999));
    match client.next() {
        Packet::PubRel(packet) => {
            assert_eq!(packet.reason_code, ReasonCode::PacketIdentifierNotFound);
        }
        other => panic!("{other:?}"),
    }
    client.silence();
}

#[test]
fn retained_messages_come_as_the_options_say() {
    let world = World::new(|_| {});
    let mut publisher = world.client("p");
    publisher.retain("r/1", "one");
    publisher.retain("r/2", "two");
    publisher.retain("$x/r", "reserved");
    publisher.retain("r/2", "");
    let mut client = world.client("c");
    client.subscribe("#", 1);
    assert_eq!(client.told(), line("r/1", "one", 1, true));
    client.silence();
    let handling = |handling: RetainHandling| {
        move |_: &mut _, one: &mut mqtt5_protocol::packet::subscribe::TopicFilter| {
            one.options.retain_handling = handling;
            one.options.retain_as_published = true;
        }
    };
    client.subscribe_with("r/#", 0, handling(RetainHandling::SendAtSubscribeIfNew));
    assert_eq!(client.told(), line("r/1", "one", 0, true));
    client.subscribe_with("r/#", 0, handling(RetainHandling::SendAtSubscribeIfNew));
    client.subscribe_with("r/+", 0, handling(RetainHandling::DoNotSend));
    client.subscribe_with("$share/g/r/+", 0, handling(RetainHandling::SendAtSubscribe));
    client.silence();
    let mut other = world.client("d");
    other.subscribe("r/3", 1);
    let mut as_published = world.client("e");
    as_published.subscribe_with("r/3", 1, handling(RetainHandling::SendAtSubscribe));
    publisher.retain("r/3", "three");
    assert_eq!(other.told(), line("r/3", "three", 1, false));
    assert_eq!(as_published.told(), line("r/3", "three", 1, true));
}

#[test]
fn options_and_identifiers_go_with_a_message() {
    let world = World::new(|_| {});
    let mut client = world.client("c");
    for (filter, identifier) in [("a/#", 7), ("a/b", 300)] {
        client.subscribe_with(filter, 0, |packet, _| {
            packet.properties.set_subscription_identifier(identifier);
        });
    }
    client.subscribe_with("own", 0, |_, one| one.options.no_local = true);
    client.publish("own", "not for me", 0);
    let mut publisher = world.client("p");
    publisher.publish_with("a/b", "x", 0, |packet| {
        let properties = &mut packet.properties;
        properties.set_content_type("text/plain".to_owned());
        properties.set_response_topic("back".to_owned());
        properties.set_correlation_data(vec![0, 255].into());
        properties.set_payload_format_indicator(true);
        properties.add_user_property("k".to_owned(), "1".to_owned());
        properties.add_user_property("k".to_owned(), "2".to_owned());
    });
    let message = client.message();
    let properties = &message.properties;
    let mut identifiers = properties.subscription_identifiers();
    identifiers.sort_unstable();
    assert_eq!(identifiers, [7, 300]);
    assert_eq!(properties.get_content_type().as_deref(), Some("text/plain"));
    let pair = |value: &str| PropertyValue::Utf8StringPair("k".to_owned(), value.to_owned());
    let user = properties.get_all(PropertyId::UserProperty);
    assert_eq!(user, Some(&[pair("1"), pair("2")][..]));
    let data = Some(&PropertyValue::BinaryData(vec![0, 255].into()));
    assert_eq!(properties.get(PropertyId::CorrelationData), data);
    // A client of MQTT 3.1.1 gets the same without.
    let (mut old, _) = world.client_with("old", |packet| packet.protocol_version = 4);
    old.subscribe("a/b", 1);
    publisher.publish_with("a/b", "y", 0, |packet| {
        packet.properties.set_content_type("text/plain".to_owned());
    });
    assert_eq!(old.told(), line("a/b", "y", 0, false));
}

#[test]
fn topics_are_numbers_both_ways() {
    let world = World::new(|options| {
        (options.topic_aliases_in_max, options.topic_aliases_out_max) = (2, 1);
    });
    let (mut client, connack) = world.client_with("c", |packet| {
        packet.properties.set_topic_alias_maximum(10);
    });
    assert_eq!(connack.properties.get_topic_alias_maximum(), Some(2));
    client.subscribe("#", 0);
    let alias = |alias| {
        move |packet: &mut mqtt5_protocol::packet::publish::PublishPacket| {
            packet.properties.set_topic_alias(alias);
        }
    };
    client.publish_with("long/topic", "1", 0, alias(2));
    client.publish_with("", "2", 0, alias(2));
    client.publish_with("other/topic", "3", 0, alias(2));
    client.publish_with("", "4", 0, alias(2));
    let seen: Vec<_> = (0..4)
        .map(|_| client.message())
        .map(|packet| (packet.properties.get_topic_alias(), packet.topic_name))
        .collect();
    let expected =
        [(Some(1), "long/topic"), (Some(1), ""), (None, "other/topic"), (None, "other/topic")];
    assert_eq!(seen, expected.map(|(alias, topic)| (alias, topic.to_owned())));
    client.publish_with("t", "past the limit", 0, alias(3));
    assert_eq!(client.reason(), Some(ReasonCode::TopicAliasInvalid));
    let mut client = world.client("c");
    client.publish_with("", "unknown", 0, alias(1));
    assert_eq!(client.reason(), Some(ReasonCode::ProtocolError));
}

#[test]
fn time_that_a_message_has_left_is_told_and_ends() {
    let world = World::new(|_| {});
    let kept = |packet: &mut mqtt5_protocol::packet::connect::ConnectPacket| {
        packet.clean_start = false;
        packet.properties.set_session_expiry_interval(60);
    };
    let (mut client, _) = world.client_with("c", kept);
    client.subscribe("t", 1);
    client.disconnect();
    let mut publisher = world.client("p");
    for (payload, seconds) in [("short", 1), ("long", 100)] {
        publisher.publish_with("t", payload, 1, |packet| {
            packet.properties.set_message_expiry_interval(seconds);
            packet.retain = payload == "short";
        });
        publisher.kind();
    }
    std::thread::sleep(Duration::from_millis(1_100));
    let (mut client, _) = world.client_with("c", kept);
    let message = client.message();
    assert_eq!(&message.payload[..], b"long");
    let left = message.properties.get_message_expiry_interval().expect("told");
    assert!((80..100).contains(&left), "{left}");
    client.silence();
    client.subscribe("#", 0);
    client.silence();
}

#[test]
fn a_will_is_published_unless_all_is_well() {
    let world = World::new(|_| {});
    let mut watcher = world.client("w");
    watcher.subscribe("will/#", 1);
    let dying = |id: &str, delay_s: u32, expiry_s: u32| {
        let (client, _) = world.client_with(id, |packet| {
            let mut will = WillMessage::new(format!("will/{id}"), b"gone".to_vec());
            will.qos = mqtt5_protocol::QoS::AtLeastOnce;
            will.retain = true;
            packet.will = Some(will);
            packet.will_properties.set_will_delay_interval(delay_s);
            packet.properties.set_session_expiry_interval(expiry_s);
        });
        client
    };
    dying("well", 0, 0).disconnect();
    drop(dying("dead", 0, 0));
    assert_eq!(watcher.told(), line("will/dead", "gone", 1, false));
    // With the reason 0x04 a will is wanted (MQTT 5.0 §3.14.2.1).
    dying("asked", 0, 0).write(&[0xe0, 1, 4]);
    assert_eq!(watcher.told().0, "will/asked");
    drop(dying("late", 1, 60));
    drop(dying("never", 60, 60));
    drop(dying("with the session", 60, 1));
    let _back = world.client_with("never", |packet| packet.clean_start = false);
    let mut late = [watcher.told().0, watcher.told().0];
    late.sort_unstable();
    assert_eq!(late, ["will/late", "will/with the session"]);
    watcher.silence();
    assert_eq!(world.metrics().usage().retained_messages, 4);
}

#[test]
fn those_who_share_get_one_each_and_the_living_first() {
    let world = World::new(|_| {});
    let kept = |packet: &mut mqtt5_protocol::packet::connect::ConnectPacket| {
        packet.properties.set_session_expiry_interval(60);
    };
    let mut clients: Vec<_> = ["a", "b"].map(|id| world.client_with(id, kept).0).into();
    for client in &mut clients {
        assert_eq!(client.subscribe("$share/g/t/+", 1), 1);
    }
    let mut publisher = world.client("p");
    for _ in 0..4 {
        publisher.publish_kept("t/1", "x");
    }
    for client in &mut clients {
        for _ in 0..2 {
            let message = client.message();
            client.acknowledge(&message);
        }
        client.silence();
    }
    clients.remove(1).disconnect();
    for _ in 0..4 {
        publisher.publish_kept("t/1", "y");
    }
    for _ in 0..4 {
        assert_eq!(clients[0].told().1, "y");
    }
    // If nobody is there, it waits for one of them.
    drop(clients);
    until("both have left", || world.metrics().connections_active() == 1);
    assert_eq!(publisher.publish_kept("t/1", "z"), ReasonCode::Success);
    let back = ["a", "b"].map(|id| {
        let back = world.client_with(id, |packet| {
            packet.clean_start = false;
            kept(packet);
        });
        back.0
    });
    let mut got = 0;
    for mut client in back {
        client.write(&[0xc0, 0]);
        while let Packet::Publish(packet) = client.next() {
            got += usize::from(&packet.payload[..] == b"z");
        }
    }
    assert_eq!(got, 1);
}
