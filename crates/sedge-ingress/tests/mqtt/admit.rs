//! Who is let in, and how a connection ends.

use crate::world::{World, until};
use mqtt5_protocol::{Packet, PropertyId, PropertyValue, ReasonCode};
use sedge_ingress::mqtt::auth::{Acl, PasswordFile};
use sedge_ingress::mqtt::metrics::End;
use std::sync::Arc;
use std::time::Duration;

#[test]
fn what_is_no_connect_ends_without_a_word() {
    let world = World::new(|options| options.connect_timeout = Duration::from_millis(200));
    for bytes in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        b"\xc0\0",
        b"\x30\x05\0\x01a\0x",
        b"\x10\xff\xff\xff\xff",
        b"\x10\xff\xff\xff\x7f",
        b"\x10\x02\0\x04",
        b"",
        b"\x10",
    ] {
        let mut client = world.open();
        client.write(bytes);
        if let Some(packet) = client.maybe_next() {
            let Packet::ConnAck(packet) = packet else { panic!("{packet:?}") };
            assert!(packet.reason_code.is_error());
            assert!(client.maybe_next().is_none());
        }
    }
    until("all have ended", || world.metrics().connections_active() == 0);
    assert_eq!(world.metrics().ended(End::ConnectTimeout), 2);
}

#[test]
fn refusals_have_their_codes() {
    let world = World::with(|parts| {
        let line = PasswordFile::line("ann", b"secret").expect("a line");
        parts.authenticate = Arc::new(PasswordFile::parse(&line, 2).expect("a file"));
        parts.acl = Acl::parse("user ann\ntopic a/#").expect("rules");
        parts.options.client_id_bytes_max = 8;
    });
    let refused = |id: &str, set: &dyn Fn(&mut mqtt5_protocol::packet::connect::ConnectPacket)| {
        let mut client = world.open();
        let connack = client.connect(id, |packet| {
            packet.username = Some("ann".to_owned());
            packet.password = Some(b"secret".to_vec());
            set(packet);
        });
        (connack.reason_code, connack.session_present)
    };
    assert_eq!(refused("c", &|_| {}), (ReasonCode::Success, false));
    assert_eq!(refused("12345678", &|_| {}), (ReasonCode::Success, false));
    let too_long = (ReasonCode::ClientIdentifierNotValid, false);
    assert_eq!(refused("123456789", &|_| {}), too_long);
    let wrong = |packet: &mut mqtt5_protocol::packet::connect::ConnectPacket| {
        packet.password = Some(b"wrong".to_vec());
    };
    assert_eq!(refused("c", &wrong).0, ReasonCode::BadUsernameOrPassword);
    let method = |packet: &mut mqtt5_protocol::packet::connect::ConnectPacket| {
        packet.properties.set_authentication_method("SCRAM-SHA-256".to_owned());
    };
    assert_eq!(refused("c", &method).0, ReasonCode::BadAuthenticationMethod);
    for (topic, expected) in [("a/w", ReasonCode::Success), ("b", ReasonCode::NotAuthorized)] {
        let will = |packet: &mut mqtt5_protocol::packet::connect::ConnectPacket| {
            packet.will = Some(mqtt5_protocol::WillMessage::new(topic, b"gone".to_vec()));
        };
        assert_eq!(refused("c", &will).0, expected, "{topic}");
    }
    // In MQTT 3.1.1 a session that is kept has a name.
    let mut client = world.open();
    let connack = client.connect("", |packet| {
        (packet.protocol_version, packet.clean_start) = (4, false);
    });
    assert_eq!(connack.reason_code, ReasonCode::ClientIdentifierNotValid);
}

#[test]
fn what_may_not_be_published_or_subscribed_is_refused() {
    let world = World::with(|parts| {
        parts.acl = Acl::parse("topic read up/#\npattern write down/%c").expect("rules");
    });
    let mut client = world.client("c");
    assert_eq!(client.subscribe("up/#", 1), 1);
    assert_eq!(client.subscribe("#", 1), ReasonCode::NotAuthorized as u8);
    assert_eq!(client.subscribe("$share/g/other", 1), ReasonCode::NotAuthorized as u8);
    assert_eq!(client.subscribe("up/#/x", 1), ReasonCode::TopicFilterInvalid as u8);
    assert_eq!(client.publish_kept("down/c", "x"), ReasonCode::NoMatchingSubscribers);
    assert_eq!(client.publish_kept("down/d", "x"), ReasonCode::NotAuthorized);
    client.publish("up/x", "not allowed, not told", 0);
    client.publish("up/x", "not allowed", 2);
    match client.next() {
        Packet::PubRec(packet) => assert_eq!(packet.reason_code, ReasonCode::NotAuthorized),
        other => panic!("{other:?}"),
    }
    client.silence();
    // MQTT 3.1.1 cannot say so, and must not pretend.
    let (mut old, _) = world.client_with("old", |packet| packet.protocol_version = 4);
    assert_eq!(old.subscribe("#", 1), 0x80);
    old.publish("up/x", "not allowed", 1);
    assert!(old.maybe_next().is_none());
}

#[test]
fn a_second_connect_and_what_is_for_servers_end_a_connection() {
    let world = World::new(|_| {});
    for bytes in [&b"\x10\x10\0\x04MQTT\x05\x02\0\0\0\0\x03abc"[..], b"\x20\x03\0\0\0", b"\xf0\0"] {
        let mut client = world.client("c");
        client.write(bytes);
        assert_eq!(client.reason(), Some(ReasonCode::ProtocolError), "{bytes:?}");
    }
}

#[test]
fn a_silent_client_is_noticed_and_one_with_pings_is_not() {
    let world = World::new(|options| options.keep_alive_max_s = 1);
    let (mut client, connack) = world.client_with("c", |packet| packet.keep_alive = 0);
    assert_eq!(connack.properties.get_server_keep_alive(), Some(1));
    let (mut pinging, _) = world.client_with("d", |_| {});
    for _ in 0..8 {
        std::thread::sleep(Duration::from_millis(250));
        pinging.silence();
    }
    assert_eq!(client.reason(), Some(ReasonCode::KeepAliveTimeout));
    drop(client);
    until("it is counted", || world.metrics().ended(End::KeepAlive) == 1);
}

#[test]
fn another_connection_takes_the_session_over() {
    let world = World::new(|_| {});
    let keep = |packet: &mut mqtt5_protocol::packet::connect::ConnectPacket| {
        packet.clean_start = false;
        let value = PropertyValue::FourByteInteger(60);
        packet.properties.add(PropertyId::SessionExpiryInterval, value).expect("a property");
    };
    let (mut first, connack) = world.client_with("c", keep);
    assert!(!connack.session_present);
    assert_eq!(first.subscribe("t", 1), 1);
    let (mut second, connack) = world.client_with("c", keep);
    assert!(connack.session_present);
    assert_eq!(first.reason(), Some(ReasonCode::SessionTakenOver));
    second.publish("t", "still subscribed", 0);
    assert_eq!(second.told().1, "still subscribed");
    // A session that ends with its connection is not taken over, but begun anew.
    let mut third = world.client("c");
    assert_eq!(second.reason(), Some(ReasonCode::SessionTakenOver));
    third.publish("t", "nobody", 0);
    third.silence();
    let fourth = world.client_with("c", |packet| packet.clean_start = false);
    assert!(!fourth.1.session_present);
}

#[test]
fn a_name_is_given_to_who_has_none() {
    let world = World::new(|_| {});
    let (_first, one) = world.client_with("", |_| {});
    let (_second, other) = world.client_with("", |_| {});
    let name = |connack: &mqtt5_protocol::packet::connack::ConnAckPacket| {
        connack.properties.get(PropertyId::AssignedClientIdentifier).cloned()
    };
    assert!(name(&one).is_some());
    assert_ne!(name(&one), name(&other));
}

#[test]
fn a_server_that_stops_says_so() {
    let world = World::new(|_| {});
    let mut client = world.client("c");
    let half = world.open();
    assert!(world.broker.disconnect("c") && !world.broker.disconnect("nobody"));
    assert_eq!(client.reason(), Some(ReasonCode::AdministrativeAction));
    let mut client = world.client("c");
    let World { gateway, .. } = world;
    let stopping = std::thread::spawn(move || gateway.shutdown(Duration::from_secs(10)));
    assert_eq!(client.reason(), Some(ReasonCode::ServerShuttingDown));
    drop((client, half));
    assert_eq!(stopping.join().expect("it stops"), 0);
}
