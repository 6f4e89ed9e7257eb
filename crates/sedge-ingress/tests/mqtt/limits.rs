//! Each limit, at it and past it.

use crate::world::{Client, World, until};
use mqtt5_protocol::packet::connect::ConnectPacket;
use mqtt5_protocol::{Packet, ReasonCode};
use sedge_ingress::mqtt::metrics::{Drop, End};
use std::time::{Duration, Instant};

fn kept(packet: &mut ConnectPacket) {
    packet.clean_start = false;
    packet.properties.set_session_expiry_interval(60);
}

#[test]
fn connections_and_sessions_have_a_number() {
    let world = World::new(|options| (options.connections_max, options.sessions_max) = (3, 2));
    let first = world.client_with("a", kept).0;
    let second = world.client_with("b", kept).0;
    let mut third = world.open();
    let connack = third.connect("c", |_| {});
    assert_eq!(connack.reason_code, ReasonCode::QuotaExceeded, "a third session");
    assert!(third.maybe_next().is_none());
    until("it is gone", || world.metrics().connections_active() == 2);
    let third = world.open();
    until("it is there", || world.metrics().connections_active() == 3);
    assert!(world.open().maybe_next().is_none(), "a fourth connection");
    assert_eq!(world.metrics().ended(End::TooMany), 1);
    drop(third);
    first.disconnect();
    until("they are gone", || world.metrics().connections_active() == 1);
    // The first one's session is there, with or without it.
    let mut third = world.open();
    assert_eq!(third.connect("c", |_| {}).reason_code, ReasonCode::QuotaExceeded);
    drop(second);
}

#[test]
fn a_packet_that_is_too_large_ends_the_connection() {
    let world = World::new(|options| options.packet_bytes_max = 100);
    let (mut client, connack) = world.client_with("c", |_| {});
    assert_eq!(connack.properties.get_maximum_packet_size(), Some(100));
    client.publish("t", &"x".repeat(100 - 2 - 3 - 1), 0);
    client.silence();
    client.publish("t", &"x".repeat(100 - 2 - 3), 0);
    assert_eq!(client.reason(), Some(ReasonCode::PacketTooLarge));
}

#[test]
fn a_client_gets_nothing_larger_than_it_takes() {
    let world = World::new(|_| {});
    let (mut client, _) = world.client_with("c", |packet| {
        packet.properties.set_maximum_packet_size(50);
        packet.properties.set_receive_maximum(1);
    });
    client.subscribe("#", 1);
    let mut publisher = world.client("p");
    publisher.publish_kept("t", &"x".repeat(50));
    publisher.publish_kept("t", &"y".repeat(50 - 2 - 3 - 2 - 1));
    assert_eq!(client.told().1.as_bytes()[0], b'y');
    assert_eq!(world.metrics().dropped(Drop::TooLarge), 1);
}

#[test]
fn subscriptions_topics_and_retained_messages_have_a_number() {
    let world = World::new(|options| {
        (options.subscriptions_max, options.topic_levels_max) = (2, 3);
        (options.retained_messages_max, options.retained_bytes_max) = (2, 100);
    });
    let mut client = world.client("c");
    assert_eq!(client.subscribe("a", 0), 0);
    assert_eq!(client.subscribe("b/c/#", 0), 0);
    assert_eq!(client.subscribe("c", 0), ReasonCode::QuotaExceeded as u8);
    assert_eq!(client.subscribe("a", 1), 1, "it is not one more");
    assert_eq!(client.subscribe("a/b/c/d", 0), ReasonCode::TopicFilterInvalid as u8);
    let none = ReasonCode::NoMatchingSubscribers;
    assert_eq!(client.retain("r/1", &"x".repeat(90)), none);
    assert_eq!(client.retain("r/2", &"x".repeat(90)), ReasonCode::QuotaExceeded);
    assert_eq!(client.retain("r/2", "x"), none);
    assert_eq!(client.retain("r/3", "x"), ReasonCode::QuotaExceeded);
    assert_eq!(client.retain("r/1", ""), none);
    assert_eq!(client.retain("r/3", "x"), none);
    client.publish("a/b/c/d", "too deep", 0);
    assert_eq!(client.reason(), Some(ReasonCode::TopicNameInvalid));
}

#[test]
fn a_queue_that_is_full_loses_what_comes_and_says_so() {
    let world = World::new(|options| options.queue_messages_max = 3);
    let (mut client, _) = world.client_with("c", kept);
    client.subscribe("t", 1);
    client.disconnect();
    let mut publisher = world.client("p");
    for payload in ["1", "2", "3", "4", "5"] {
        publisher.publish_kept("t", payload);
    }
    assert_eq!(world.metrics().dropped(Drop::QueueFull), 2);
    let (mut client, _) = world.client_with("c", kept);
    for expected in ["1", "2", "3"] {
        let message = client.message();
        assert_eq!(&message.payload[..], expected.as_bytes());
        client.acknowledge(&message);
    }
    client.silence();
    publisher.publish_kept("t", "6");
    assert_eq!(client.told().1, "6");
    until("nothing waits", || world.metrics().usage().queued_bytes == 2);
}

#[test]
fn no_more_is_in_flight_than_both_sides_allow() {
    let world = World::new(|options| (options.inflight_max, options.receive_max) = (3, 2));
    let (mut client, connack) = world.client_with("c", |packet| {
        packet.properties.set_receive_maximum(2);
    });
    assert_eq!(connack.properties.get_receive_maximum(), Some(2));
    client.subscribe("t", 1);
    let (mut many, _) = world.client_with("d", |_| {});
    many.subscribe("t", 1);
    let mut publisher = world.client("p");
    for _ in 0..5 {
        publisher.publish_kept("t", "x");
    }
    for (client, inflight) in [(&mut client, 2), (&mut many, 3)] {
        let messages: Vec<_> = (0..inflight).map(|_| client.message()).collect();
        client.silence();
        client.acknowledge(&messages[1]);
        client.message();
        client.silence();
    }
    // Of those that are not completed, a client may have as many as it was told.
    for _ in 0..2 {
        publisher.publish("u", "x", 2);
        publisher.kind();
    }
    publisher.publish("u", "one more", 2);
    assert_eq!(publisher.reason(), Some(ReasonCode::ReceiveMaximumExceeded));
}

#[test]
fn a_client_that_does_not_read_is_let_go_and_holds_nobody_up() {
    let world = World::new(|options| {
        options.write_timeout = Duration::from_millis(300);
        options.queue_bytes_max = 1 << 20;
    });
    let mut slow = world.client("slow");
    slow.subscribe("t", 0);
    let mut publisher = world.client("p");
    let payload = "x".repeat(60_000);
    let start = Instant::now();
    while world.metrics().ended(End::SlowReader) == 0 {
        assert!(start.elapsed() < Duration::from_secs(20), "it is still there");
        publisher.publish("t", &payload, 0);
        publisher.silence();
    }
    assert!(world.metrics().dropped(Drop::QueueFull) > 0);
    assert!(world.metrics().usage().queued_bytes <= 1 << 20);
}

#[test]
fn a_client_is_read_no_faster_than_it_may_send() {
    let world = World::new(|options| options.read_bytes_per_second_max = 50_000);
    let mut client = world.client("c");
    let start = Instant::now();
    let payload = "x".repeat(10_000);
    for _ in 0..10 {
        client.publish("t", &payload, 0);
    }
    client.silence();
    // A second's worth comes at once, the other takes its time.
    assert!(start.elapsed() >= Duration::from_millis(700), "{:?}", start.elapsed());
    let mut text = String::new();
    world.metrics().render_prometheus(&mut text);
    assert!(!text.contains("sedge_mqtt_throttled_total 0\n"), "{text}");
}

#[test]
fn a_flood_of_requests_without_reading_does_not_grow() {
    let world = World::new(|options| options.write_timeout = Duration::from_millis(300));
    let mut client = world.client("c");
    // Answers of two bytes each, until the socket takes no more.
    let pings = [0xc0, 0].repeat(50_000);
    let flood = std::thread::spawn(move || {
        for _ in 0..1_000 {
            if std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| client.write(&pings)))
                .is_err()
            {
                return client;
            }
        }
        client
    });
    until("it is let go", || world.metrics().ended(End::SlowReader) == 1);
    let _: Client = flood.join().expect("it ends");
    let mut other = world.client("d");
    other.silence();
}

#[test]
fn user_properties_have_a_number() {
    let world = World::new(|options| options.user_properties_max = 2);
    let mut client = world.client("c");
    for count in [2, 3] {
        client.publish_with("t", "x", 1, |packet| {
            for _ in 0..count {
                packet.properties.add_user_property("a".to_owned(), "b".to_owned());
            }
        });
    }
    assert!(matches!(client.next(), Packet::PubAck(_)));
    assert_eq!(client.reason(), Some(ReasonCode::QuotaExceeded));
}
