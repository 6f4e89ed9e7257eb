use super::*;
use proptest::prelude::*;

/// A packet's first byte and what follows its length.
fn parse(version: Version, packet: &[u8]) -> Result<(), ReasonCode> {
    let mut bytes = BytesMut::from(&[packet[0], (packet.len() - 1) as u8][..]);
    bytes.extend_from_slice(&packet[1..]);
    read(version, &mut bytes).map_err(|fault| fault.reason)
}

fn read(version: Version, bytes: &mut BytesMut) -> Result<(), Fault> {
    let options = MqttOptions { user_properties_max: 1, ..MqttOptions::default() };
    let Some((header, body)) = frame(bytes, 1_000)? else { return Ok(()) };
    if header.packet_type == PacketType::Connect {
        let connect = decode_connect(&header, body, &options);
        return connect.map(drop).map_err(|(_, fault)| fault);
    }
    decode(&header, body, version, &options).map(drop)
}

/// Everything here is a client's mistake; most of it the library lets pass.
const BAD: &[(&str, Version, &[u8], ReasonCode)] = {
    use ReasonCode::{
        MalformedPacket as Malformed, ProtocolError as Protocol, QuotaExceeded as Quota,
        TopicAliasInvalid as Alias, TopicNameInvalid as Topic, UnsupportedProtocolVersion as Old,
    };
    use Version::{V3, V5};
    &[
        ("version 6", V5, b"\x10\0\x04MQTT\x06\x02\0\0\0\0\x03abc", Old),
        ("version 3.1", V5, b"\x10\0\x06MQIsdp\x03\x02\0\0\0\x03abc", Old),
        ("another protocol", V5, b"\x10\0\x04HTTP\x05\x02\0\0\0\0\x03abc", Old),
        ("CONNECT with a rest", V5, b"\x10\0\x04MQTT\x05\x02\0\0\0\0\x03abcX", Malformed),
        ("CONNECT with the reserved flag", V5, b"\x10\0\x04MQTT\x05\x03\0\0\0\0\x03abc", Malformed),
        ("CONNECT with flags in its type", V5, b"\x11\0\x04MQTT\x05\x02\0\0\0\0\x03abc", Malformed),
        ("receive maximum 0", V5, b"\x10\0\x04MQTT\x05\x02\0\0\x03\x21\0\0\0\x03abc", Protocol),
        ("packet size 0", V5, b"\x10\0\x04MQTT\x05\x02\0\0\x05\x27\0\0\0\0\0\x03abc", Protocol),
        ("alias in CONNECT", V5, b"\x10\0\x04MQTT\x05\x02\0\0\x03\x23\0\x01\0\x03abc", Protocol),
        (
            "data without method",
            V5,
            b"\x10\0\x04MQTT\x05\x02\0\0\x04\x16\0\x01x\0\x03abc",
            Protocol,
        ),
        ("flag 2", V5, b"\x10\0\x04MQTT\x05\x02\0\0\x02\x17\x02\0\x03abc", Protocol),
        ("will without topic", V5, b"\x10\0\x04MQTT\x05\x06\0\0\0\0\x03abc\0\0\0\0\0", Topic),
        (
            "password alone, not whole",
            V5,
            b"\x10\0\x04MQTT\x05\x42\0\0\0\0\x03abc\0\x03pw",
            Malformed,
        ),
        ("password alone, a rest", V5, b"\x10\0\x04MQTT\x05\x42\0\0\0\0\x03abc\0\x01pw", Malformed),
        ("password alone", V3, b"\x10\0\x04MQTT\x04\x42\0\0\0\x03abc\0\x02pw", Malformed),
        ("identifier 0", V5, b"\x32\0\x01a\0\0\0hi", Protocol),
        ("QoS 3", V5, b"\x36\0\x01a\0\x01\0hi", Malformed),
        ("again with QoS 0", V5, b"\x38\0\x01a\0hi", Malformed),
        ("again with QoS 0", V3, b"\x38\0\x01ahi", Malformed),
        ("wildcard", V5, b"\x30\0\x03a/#\0hi", Topic),
        ("no topic", V5, b"\x30\0\0\0hi", Protocol),
        ("no topic", V3, b"\x30\0\0hi", Topic),
        ("alias 0", V5, b"\x30\0\x01a\x03\x23\0\0hi", Alias),
        ("U+0000", V5, b"\x30\0\x03a\0b\0hi", Malformed),
        ("bad UTF-8", V5, b"\x30\0\x02\xc3\x28\0hi", Malformed),
        ("surrogates", V5, b"\x30\0\x03\xed\xa0\x80\0hi", Malformed),
        ("subscription identifier in PUBLISH", V5, b"\x30\0\x01a\x02\x0b\x01hi", Protocol),
        ("format 2", V5, b"\x30\0\x01a\x02\x01\x02hi", Protocol),
        ("receive maximum in PUBLISH", V5, b"\x30\0\x01a\x03\x21\0\x01hi", Protocol),
        ("response topic with wildcard", V5, b"\x30\0\x01a\x04\x08\0\x01#hi", Protocol),
        ("a property twice", V5, b"\x30\0\x01a\x04\x01\x01\x01\x01hi", Protocol),
        ("no such property", V5, b"\x30\0\x01a\x02\x7f\x01hi", Malformed),
        (
            "two user properties of one",
            V5,
            b"\x30\0\x01a\x0e\x26\0\x01a\0\x01b\x26\0\x01a\0\x01b",
            Quota,
        ),
        ("SUBSCRIBE 0", V5, b"\x82\0\0\0\0\x01a\x01", Protocol),
        ("SUBSCRIBE of nothing", V5, b"\x82\0\x01\0", Malformed),
        ("SUBSCRIBE with flags 0", V5, b"\x80\0\x01\0\0\x01a\x01", Malformed),
        ("subscription identifier 0", V5, b"\x82\0\x01\x02\x0b\0\0\x01a\x01", Protocol),
        ("two of them", V5, b"\x82\0\x01\x04\x0b\x01\x0b\x02\0\x01a\x01", Protocol),
        ("shared and not local", V5, b"\x82\0\x01\0\0\x0a$share/g/a\x05", Protocol),
        ("reserved options", V5, b"\x82\0\x01\0\0\x01a\x40", Malformed),
        ("retain handling 3", V5, b"\x82\0\x01\0\0\x01a\x30", Malformed),
        ("reserved options", V3, b"\x82\0\x01\0\x01a\x05", Malformed),
        ("QoS 3", V3, b"\x82\0\x01\0\x01a\x01\0\x01b\x03", Malformed),
        ("UNSUBSCRIBE of nothing", V5, b"\xa2\0\x01\0", Malformed),
        ("UNSUBSCRIBE 0", V5, b"\xa2\0\0\0\0\x01a", Protocol),
        ("PINGREQ with something", V5, b"\xc0\x01", Malformed),
        ("DISCONNECT with a rest", V5, b"\xe0\0\0X", Malformed),
        ("DISCONNECT with a reason", V3, b"\xe0\0", Malformed),
        ("a server's reason", V5, b"\xe0\x8b\0", Protocol),
        ("PUBACK with a rest", V5, b"\x40\0\x01\0\0X", Malformed),
        ("PUBACK with a reason", V3, b"\x40\0\x01\0", Malformed),
        ("PUBACK with one of DISCONNECT", V5, b"\x40\0\x01\x8e\0", Malformed),
        ("CONNACK", V5, b"\x20\0\0\0", Protocol),
        ("SUBACK", V5, b"\x90\0\x01\0\0", Protocol),
        ("PINGRESP", V5, b"\xd0", Protocol),
        ("AUTH", V5, b"\xf0\0\0", Protocol),
        ("AUTH", V3, b"\xf0\0\0", Malformed),
        ("type 0", V5, b"\0\0\x01", Malformed),
    ]
};

#[test]
fn what_a_client_may_not_say_has_its_reason() {
    for (name, version, packet, reason) in BAD {
        assert_eq!(parse(*version, packet), Err(*reason), "{name}, {version:?}");
    }
}

#[test]
fn what_a_client_may_say_is_read() {
    for (version, packet) in [
        (Version::V5, &b"\x10\0\x04MQTT\x05\x02\0\0\0\0\x03abc"[..]),
        (Version::V5, b"\x10\0\x04MQTT\x05\x42\0\0\0\0\x03abc\0\x02pw"),
        (Version::V3, b"\x10\0\x04MQTT\x04\x02\0\0\0\x03abc"),
        (Version::V5, b"\x32\0\x01a\0\x01\0hi"),
        (Version::V5, b"\x30\0\0\x03\x23\0\x01hi"),
        (Version::V3, b"\x32\0\x01a\0\x01hi"),
        (Version::V5, b"\x82\0\x01\0\0\x0a$share/g/a\x01"),
        (Version::V3, b"\x82\0\x01\0\x01a\x02"),
        (Version::V5, b"\x40\0\x01"),
        (Version::V5, b"\xe0"),
        (Version::V5, b"\xe0\x04"),
        (Version::V3, b"\xc0"),
    ] {
        assert_eq!(parse(version, packet), Ok(()), "{packet:?}");
    }
}

#[test]
fn a_packet_ends_at_its_limit_and_its_length_at_four_bytes() {
    let publish = |length: usize| {
        let mut bytes = BytesMut::from(&b"\x30"[..]);
        bytes.extend_from_slice(&[(length & 0x7f) as u8 | 0x80, (length >> 7) as u8]);
        bytes.extend_from_slice(b"\0\x01a\0");
        bytes.resize(3 + length, b'x');
        bytes
    };
    assert_eq!(read(Version::V5, &mut publish(997)), Ok(()));
    let fault = read(Version::V5, &mut publish(998)).expect_err("too large");
    assert_eq!(fault.reason, ReasonCode::PacketTooLarge);
    // It is refused by its head, before anything of it is kept.
    let mut head = publish(998);
    head.truncate(3);
    assert!(read(Version::V5, &mut head).is_err());
    for length in 0..5 {
        let mut bytes = BytesMut::from(&b"\x30\xff\xff\xff\xff"[..length]);
        assert_eq!(frame(&mut bytes, 1_000), Ok(None), "{length}");
    }
    assert!(frame(&mut BytesMut::from(&b"\x30\xff\xff\xff\xff"[..]), 1_000).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_do_harm(
        start in prop::sample::select(BAD),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0u8..3), 0..5),
    ) {
        let (_, version, packet, _) = start;
        let mut packet = packet.to_vec();
        for (at, byte, how) in changes {
            let at = at.index(packet.len());
            match how {
                0 => packet[at] = byte,
                1 => packet.insert(at, byte),
                _ if packet.len() > 2 => drop(packet.remove(at)),
                _ => {}
            }
        }
        let _ = parse(version, &packet);
        let _ = read(version, &mut BytesMut::from(&packet[..]));
    }
}
