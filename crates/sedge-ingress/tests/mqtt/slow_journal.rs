//! Nothing is acknowledged before it is durable.

use crate::world::World;
use mqtt5_protocol::{Packet, PacketType, ReasonCode};
use sedge_ingress::mqtt::Message;
use sedge_ingress::mqtt::journal::{Change, Journal, JournalError, Kept, MemoryJournal, Reply};
use std::sync::{Arc, Mutex};

type Waiting = Vec<(Vec<Change>, Reply)>;

/// Says nothing until it is told what to say.
#[derive(Default)]
struct Held {
    inner: MemoryJournal,
    waiting: Mutex<Option<Waiting>>,
}

impl Journal for Held {
    fn commit(&self, changes: Vec<Change>, reply: Reply) {
        match &mut *self.waiting.lock().expect("whole") {
            Some(waiting) => waiting.push((changes, reply)),
            None => self.inner.commit(changes, reply),
        }
    }

    fn notice(&self, _: &Arc<Message>) {}

    fn load(&self) -> Result<Kept, JournalError> {
        self.inner.load()
    }
}

impl Held {
    fn hold(&self) {
        self.waiting.lock().expect("whole").get_or_insert_default();
    }

    fn release(&self, error: Option<JournalError>) -> usize {
        let waiting = self.waiting.lock().expect("whole").take().unwrap_or_default();
        let count = waiting.len();
        for (changes, reply) in waiting {
            match &error {
                Some(error) => reply(Err(error.clone())),
                None => self.inner.commit(changes, reply),
            }
        }
        count
    }
}

fn world() -> (World, Arc<Held>) {
    let journal = Arc::<Held>::default();
    let held = Arc::clone(&journal);
    (World::with(move |parts| parts.journal = journal), held)
}

#[test]
fn no_acknowledgment_and_no_message_leaves_before_it_is_durable() {
    let (world, journal) = world();
    let mut client = world.client("c");
    client.subscribe("t", 2);
    let mut publisher = world.client("p");
    journal.hold();
    publisher.publish("t", "one", 1);
    publisher.publish("t", "two", 2);
    publisher.silence();
    client.silence();
    assert_eq!(journal.release(None), 2);
    assert_eq!(publisher.kind(), PacketType::PubAck);
    assert_eq!(publisher.kind(), PacketType::PubRec);
    assert_eq!(client.told().1, "one");
    assert_eq!(client.told().1, "two");
}

#[test]
fn who_has_left_meanwhile_has_published_all_the_same() {
    let (world, journal) = world();
    let mut client = world.client("c");
    client.subscribe("t", 1);
    let mut publisher = world.client("p");
    journal.hold();
    publisher.publish("t", "last words", 1);
    publisher.silence();
    publisher.disconnect();
    journal.release(None);
    assert_eq!(client.told().1, "last words");
}

#[test]
fn what_cannot_be_kept_is_refused_and_goes_nowhere() {
    let (world, journal) = world();
    let mut client = world.client("c");
    client.subscribe("t", 1);
    let mut publisher = world.client("p");
    journal.hold();
    publisher.publish("t", "one", 1);
    let id = publisher.publish_with("t", "two", 2, |_| {});
    publisher.silence();
    journal.release(Some(JournalError::Full));
    for _ in 0..2 {
        let reason = match publisher.next() {
            Packet::PubAck(packet) => packet.reason_code,
            Packet::PubRec(packet) => packet.reason_code,
            other => panic!("{other:?}"),
        };
        assert_eq!(reason, ReasonCode::QuotaExceeded);
    }
    client.silence();
    assert_eq!(world.metrics().usage().queued_bytes, 0);
    // The identifier is free again: what is sent with it is new.
    publisher.publish_with("t", "two, again", 2, |packet| packet.packet_id = Some(id));
    assert_eq!(publisher.kind(), PacketType::PubRec);
    assert_eq!(client.told().1, "two, again");
    // MQTT 3.1.1 has no way to say so but the end.
    let (mut old, _) = world.client_with("old", |packet| packet.protocol_version = 4);
    journal.hold();
    old.publish("t", "three", 1);
    old.silence();
    journal.release(Some(JournalError::Failed("the disk".to_owned())));
    assert!(old.maybe_next().is_none());
}

#[test]
fn a_session_that_cannot_be_kept_is_not_begun() {
    let (world, journal) = world();
    journal.hold();
    let mut client = world.open();
    let packet = {
        let mut packet = crate::world::connect("c");
        packet.properties.set_session_expiry_interval(60);
        packet
    };
    client.send(&packet);
    while journal.waiting.lock().expect("whole").as_ref().is_none_or(Vec::is_empty) {
        std::thread::yield_now();
    }
    journal.release(Some(JournalError::Full));
    match client.next() {
        Packet::ConnAck(packet) => assert_eq!(packet.reason_code, ReasonCode::ServerUnavailable),
        other => panic!("{other:?}"),
    }
    assert_eq!(world.metrics().usage().sessions, 0);
}
