//! What is not MQTT, or past a limit, ends its connection and harms nobody else.

use crate::open;
use sedge_tests::mqtt::Paho;
use serde_json::json;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// CONNECT of MQTT 5.0 with the client identifier `m`.
const CONNECT: &[u8] = b"\x10\x0e\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x01m";

/// Sends bytes, and gives what comes until the server closes.
fn talk(at: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(at).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
    // The server may have closed before all is written.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let mut buffer = [0; 4_096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return answer,
            Ok(count) => answer.extend_from_slice(&buffer[..count]),
            Err(error) => {
                let closed = error.kind() == std::io::ErrorKind::ConnectionReset;
                assert!(closed, "{error} after {bytes:x?}: {answer:x?}");
                return answer;
            }
        }
    }
}

#[test]
fn bytes_that_are_not_mqtt_end_their_connection_alone() {
    let mut node = open("packet_bytes_max = \"64 KiB\"\nconnect_timeout_ms = 2_000").start();
    let at = node.mqtt[0];
    let mut witness = Paho::connected(at, "witness", json!({}));
    witness.subscribe("#", 2);
    let after_connect = |bytes: &[u8]| [CONNECT, bytes].concat();
    for (bytes, reason) in [
        (b"GET / HTTP/1.1\r\nhost: a\r\n\r\n".to_vec(), None),
        (b"\x16\x03\x01\x02\x00\x01\x00".to_vec(), None),
        (vec![0xff; 64], None),
        (vec![0; 64], None),
        // A length that does not end, one that is too large, and one that promises too much.
        (b"\x10\xff\xff\xff\xff\xff".to_vec(), None),
        (after_connect(b"\x30\xff\xff\xff\x7f"), Some(0x95)),
        (after_connect(b"\x30\x80\x80\x80\x80\x01"), Some(0x81)),
        // A topic with a wildcard, one that is not UTF-8, and QoS 3.
        (after_connect(b"\x30\x05\x00\x01#\x00x"), Some(0x90)),
        (after_connect(b"\x30\x05\x00\x01\xff\x00x"), Some(0x81)),
        (after_connect(b"\x36\x07\x00\x01a\x00\x01\x00x"), Some(0x81)),
        // A second CONNECT, a packet of servers, and an identifier of 0.
        (after_connect(CONNECT), Some(0x82)),
        (after_connect(b"\x20\x03\x00\x00\x00"), Some(0x82)),
        (after_connect(b"\x32\x07\x00\x01a\x00\x00\x00x"), Some(0x82)),
        // No filter at all, and an acknowledgment that is cut.
        (after_connect(b"\x82\x03\x00\x01\x00"), Some(0x82)),
        (after_connect(b"\x40\x01\x00"), Some(0x81)),
    ] {
        let answer = talk(at, &bytes);
        let Some(reason) = reason else { continue };
        // CONNACK, and then DISCONNECT with a reason.
        assert_eq!(answer.first(), Some(&0x20), "{bytes:x?}: {answer:x?}");
        let rest = &answer[2 + usize::from(answer[1])..];
        assert_eq!(rest.first(), Some(&0xe0), "{bytes:x?}: {answer:x?}");
        let is_malformed = [0x81, 0x82];
        let fits =
            rest[2] == reason || is_malformed.contains(&rest[2]) && is_malformed.contains(&reason);
        assert!(fits, "{:#x} instead of {reason:#x} to {bytes:x?}", rest[2]);
    }
    // Who says nothing is not waited for.
    assert_eq!(talk(at, b""), b"");
    assert_eq!(talk(at, &CONNECT[..7]), b"");
    // A frame of WebSocket that is not masked, and a request that asks for nothing.
    assert!(
        talk(node.mqtt[1], b"GET /mqtt HTTP/1.1\r\nhost: a\r\n\r\n").starts_with(b"HTTP/1.1 4")
    );
    assert!(node.is_up());
    let mut other = Paho::connected(at, "other", json!({}));
    assert_eq!(other.publish("a", "well", 2), 0);
    assert_eq!(witness.payload(), "well");
    let ended = "sedge_mqtt_connections_ended_total";
    assert!(node.metrics().sum(ended, &[("reason", "protocol_error")]) >= 10.0);
    assert!(node.metrics().sum(ended, &[("reason", "connect_timeout")]) >= 2.0);
}
