use super::*;
use crate::mqtt::journal::{Delivery, Subscription, Waiting, Will};
use crate::mqtt::message::{Message, MessageProperties};
use proptest::prelude::*;

fn message(topic: &str, payload: &[u8], flags: u8, has: bool) -> Arc<Message> {
    let properties = MessageProperties {
        is_utf8: has.then_some(true),
        content_type: has.then(|| "text".to_owned()),
        response_topic: None,
        correlation_data: has.then(|| Bytes::from_static(b"\x00\xff")),
        user: vec![("a".to_owned(), topic.to_owned()); usize::from(has)],
    };
    Arc::new(Message {
        topic: topic.into(),
        payload: Bytes::copy_from_slice(payload),
        qos: flags % 3,
        retain: flags & 4 != 0,
        received_ms: 17,
        expires_ms: has.then_some(u64::MAX),
        publisher: "p".into(),
        properties: has.then(|| Box::new(properties)),
    })
}

prop_compose! {
    fn any_message()(topic in "[a-c/]{1,6}", payload in prop::collection::vec(any::<u8>(), 0..4),
                     flags in 0u8..8, has: bool) -> Arc<Message> {
        message(&topic, &payload, flags, has)
    }
}

fn any_change() -> impl Strategy<Value = Change> {
    let client = prop::sample::select(vec!["a", "b"]).prop_map(Arc::<str>::from);
    let delivery = (1u64..6, 1u8..3, any::<bool>(), prop::collection::vec(1u32..9, 0..3));
    let delivery = delivery.prop_map(|(sequence, qos, retain, subscriptions)| Delivery {
        sequence,
        qos,
        retain,
        subscriptions,
    });
    (0u8..11, client, delivery, any_message(), any::<bool>()).prop_map(
        |(tag, client, delivery, message, flag)| {
            let (sequence, packet_id) = (delivery.sequence, delivery.sequence as u16);
            let filter = Arc::clone(&message.topic);
            let will = Will { message: Arc::clone(&message), expiry_s: Some(3), delay_s: 4 };
            let options = Subscription {
                qos: delivery.qos,
                no_local: flag,
                retain_as_published: delivery.retain,
                retain_handling: delivery.qos,
                identifier: flag.then_some(7),
            };
            match tag {
                0 => Change::Published {
                    message,
                    received: flag.then(|| (Arc::clone(&client), packet_id)),
                    to: vec![(client, delivery)],
                },
                1 => Change::Connected {
                    client,
                    is_new: flag,
                    expiry_s: 9,
                    first_sequence: sequence,
                    will: delivery.retain.then_some(will),
                },
                2 => Change::Left { client, at_ms: sequence, expiry_s: 1, has_will: flag },
                3 => Change::Ended { client },
                4 => Change::WillDone { client },
                5 => Change::Subscribed { client, filter, options },
                6 => Change::Unsubscribed { client, filter },
                7 => Change::Owed { client, delivery, message },
                8 => Change::Released { client, sequence },
                9 => Change::Done { client, sequence },
                _ => Change::Forgotten { client, packet_id },
            }
        },
    )
}

proptest! {
    #[test]
    fn whatever_is_read_does_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut bytes = bytes;
        if let Some(first) = bytes.first_mut() {
            *first = VERSION;
        }
        let bytes = Bytes::from(bytes);
        let _ = Change::decode(&bytes);
        let _ = Kept::decode(&bytes);
    }

    #[test]
    fn what_was_written_is_read_and_nothing_shorter(changes in prop::collection::vec(any_change(), 0..20)) {
        let bytes = Bytes::from(Change::encode(&changes));
        prop_assert_eq!(Change::decode(&bytes), Ok(changes.clone()));
        let mut kept = Kept::default();
        changes.into_iter().for_each(|change| kept.apply(change));
        let bytes = Bytes::from(kept.encode());
        prop_assert_eq!(Kept::decode(&bytes), Ok(kept));
        prop_assert_eq!(Kept::decode(&bytes.slice(..bytes.len() - 1)), Err(FormError));
    }
}

#[test]
fn another_version_is_refused() {
    assert_eq!(Change::decode(&Bytes::from_static(&[2])), Err(FormError));
    assert_eq!(Change::decode(&Bytes::new()), Err(FormError));
    assert_eq!(Change::decode(&Bytes::from_static(&[1])), Ok(Vec::new()));
}

#[test]
fn a_message_that_many_are_owed_is_written_once_and_shared_again() {
    let (mut kept, message) = (Kept::default(), message("t", &[7; 1_000], 5, false));
    let owed = |sequence| Delivery { sequence, qos: 1, ..Delivery::default() };
    for client in ["a", "b", "c"].map(Arc::<str>::from) {
        let connected = Change::Connected {
            client: Arc::clone(&client),
            is_new: true,
            expiry_s: 60,
            first_sequence: 1,
            will: None,
        };
        kept.apply(connected);
        let message = Arc::clone(&message);
        kept.apply(Change::Owed { client, delivery: owed(1), message });
    }
    kept.retained.insert(Arc::clone(&message.topic), message);
    let bytes = kept.encode();
    assert!(bytes.len() < 2_000, "{}", bytes.len());
    let read = Kept::decode(&bytes.into()).expect("what was written");
    assert_eq!(read, kept);
    let shared = read.sessions.values().map(|session| match &session.owed[&1] {
        Waiting::Message(_, message) => message,
        Waiting::Release => panic!("a message is owed"),
    });
    let retained = &read.retained["t"];
    assert!(shared.into_iter().all(|message| Arc::ptr_eq(message, retained)));
}
