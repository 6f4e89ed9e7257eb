//! What MQTT clients send, and what a node keeps of it on its disk.

use bytes::Bytes;
use sedge_ingress::mqtt::journal::{Change, Delivery, Kept, Subscription, Will};
use sedge_ingress::mqtt::{Message, MqttOptions, read_packets};
use std::sync::Arc;

/// Texts that packets are made of.
pub(super) const WORDS: &[&str] =
    &["\0\x04MQTT\x05", "\0\x04MQTT\x04", "\0\x01#", "$share/", "\x26"];

/// A client of each version: CONNECT, SUBSCRIBE, PUBLISH, PUBREL, DISCONNECT.
pub(super) fn conversations() -> Vec<Vec<u8>> {
    vec![
        b"\x10\x10\0\x04MQTT\x05\x02\0\x3c\0\0\x03abc\x82\x0c\0\x01\0\0\x06a/+/#a\x01\
          \x32\x0d\0\x01a\0\x02\x05\x26\0\0\0\0hi\x62\x02\0\x02\xe0\0"
            .to_vec(),
        b"\x10\x0f\0\x04MQTT\x04\x02\0\x3c\0\x03abc\x82\x06\0\x01\0\x01a\x02\
          \x34\x07\0\x01a\0\x02hi\xc0\0\xe0\0"
            .to_vec(),
        b"\x10\x14\0\x04MQTT\x05\x42\0\0\0\0\x03abc\0\x02pw".to_vec(),
    ]
}

/// Reads them: what is refused has a reason of a fault, and what came before that is read in
/// the same way if the rest has not arrived yet.
pub(super) fn conversation(data: &[u8]) {
    let options = MqttOptions { packet_bytes_max: 1 << 16, ..MqttOptions::default() };
    let (count, refused) = read_packets(data, &options);
    assert!(refused.is_none_or(|reason| reason >= 0x80), "{refused:?}");
    for end in [data.len() / 2, data.len().saturating_sub(1)] {
        let (fewer, refused_before) = read_packets(&data[..end], &options);
        assert!(fewer <= count);
        if refused_before.is_some() {
            assert_eq!((fewer, refused_before), (count, refused));
        }
    }
}

fn message() -> Arc<Message> {
    Arc::new(Message {
        topic: "t".into(),
        payload: Bytes::from_static(b"payload"),
        qos: 1,
        retain: true,
        received_ms: 1,
        expires_ms: Some(2),
        publisher: "p".into(),
        properties: None,
    })
}

/// A session that is owed a message and has a will.
fn story() -> Vec<Change> {
    let client: Arc<str> = "c".into();
    let options = Subscription { qos: 2, identifier: Some(7), ..Subscription::default() };
    let will = Will { message: message(), expiry_s: Some(1), delay_s: 2 };
    let delivery = |sequence| Delivery { sequence, qos: 1, ..Delivery::default() };
    let owed = |sequence| (Arc::clone(&client), delivery(sequence));
    vec![
        Change::Connected {
            client: Arc::clone(&client),
            is_new: true,
            expiry_s: 60,
            first_sequence: 1,
            will: Some(will),
        },
        Change::Subscribed { client: Arc::clone(&client), filter: "t/#".into(), options },
        Change::Published {
            message: message(),
            received: Some((Arc::clone(&client), 9)),
            to: vec![owed(1), owed(2)],
        },
        Change::Released { client: Arc::clone(&client), sequence: 1 },
        Change::Left { client: Arc::clone(&client), at_ms: 5, expiry_s: 60, has_will: true },
    ]
}

fn applied(changes: Vec<Change>) -> Kept {
    let mut kept = Kept::default();
    changes.into_iter().for_each(|change| kept.apply(change));
    kept
}

/// Changes one behind the other, and what is left of them.
pub(super) fn journals() -> Vec<Vec<u8>> {
    vec![Change::encode(&story()), applied(story()).encode()]
}

/// Reads the bytes as either: what is read is written as it was read, and what is left of
/// changes can be written and read.
pub(super) fn journal(data: &[u8]) {
    let bytes = Bytes::copy_from_slice(data);
    if let Ok(changes) = Change::decode(&bytes) {
        let again = Bytes::from(Change::encode(&changes));
        assert_eq!(Change::decode(&again).as_ref(), Ok(&changes));
        let kept = applied(changes);
        assert_eq!(Kept::decode(&kept.encode().into()), Ok(kept));
    }
    if let Ok(kept) = Kept::decode(&bytes) {
        assert_eq!(Kept::decode(&kept.encode().into()), Ok(kept));
    }
}
