use super::*;
use bytes::Bytes;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn session(set: impl FnOnce(&mut MqttOptions)) -> Session {
    let mut options = MqttOptions::default();
    set(&mut options);
    let shared = Shared {
        options: Arc::new(options),
        queued_bytes: AtomicUsize::new(0),
        timers: Mutex::default(),
    };
    Session::new("c".into(), 1, Arc::new(shared), 1)
}

fn message(payload: &str, qos: u8) -> Arc<Message> {
    Arc::new(Message {
        topic: "t".into(),
        payload: Bytes::copy_from_slice(payload.as_bytes()),
        qos,
        retain: false,
        received_ms: 0,
        expires_ms: None,
        publisher: "p".into(),
        properties: None,
    })
}

fn attach(session: &Session, expiry_s: u32) -> Arc<Inbox> {
    let inbox = Arc::<Inbox>::default();
    session.attach(Attach { inbox: Arc::clone(&inbox), expiry_s, will: None });
    inbox
}

fn owe(session: &Session, payload: &str, qos: u8) -> Option<u64> {
    let message = message(payload, qos);
    let (sequence, _) = session.reserve(&message)?;
    let delivery = Delivery { sequence, qos, ..Delivery::default() };
    assert!(session.deliver(delivery, &message));
    Some(sequence)
}

/// Identifiers and payloads of what is sent; `!` marks what may have been sent before, `R` a
/// release.
fn sent(session: &Session, inbox: &Arc<Inbox>, inflight_max: usize) -> Vec<(u16, String)> {
    let taken = session.take(inbox, inflight_max, 100, 0);
    let text = |packet| match packet {
        Outgoing::Release { packet_id } => (packet_id, "R".to_owned()),
        Outgoing::Publish { packet_id, again, message, .. } => {
            let mark = if again { "!" } else { "" };
            (packet_id, format!("{mark}{}", String::from_utf8_lossy(&message.payload)))
        }
    };
    taken.packets.into_iter().map(text).collect()
}

fn texts(expected: &[(u16, &str)]) -> Vec<(u16, String)> {
    expected.iter().map(|(id, text)| (*id, (*text).to_owned())).collect()
}

#[test]
fn a_full_queue_refuses_by_count_and_by_bytes() {
    let session = session(|options| {
        options.queue_messages_max = 2;
        options.queue_bytes_max = 10;
    });
    attach(&session, 60);
    assert!(owe(&session, "12345678", 1).is_some(), "with its topic, nine bytes");
    assert!(session.reserve(&message("1", 1)).is_none(), "eleven bytes");
    assert!(owe(&session, "", 1).is_some());
    assert!(session.reserve(&message("", 1)).is_none(), "a third message");
    assert!(session.acknowledged(1, 1) == Received::Unknown, "it was not sent");
}

#[test]
fn all_sessions_together_have_a_bound() {
    let first = session(|options| options.queues_bytes_max = 3);
    let second = Session::new("d".into(), 2, Arc::clone(&first.shared), 1);
    assert!(first.reserve(&message("1", 1)).is_some());
    assert!(second.reserve(&message("1", 1)).is_none());
    first.unreserve(1);
    assert!(second.reserve(&message("1", 1)).is_some());
    drop(second.end());
    assert_eq!(first.shared.queued_bytes.load(std::sync::atomic::Ordering::Relaxed), 0);
}

#[test]
fn what_misfits_is_told_and_what_is_unknown_is_let_pass() {
    let session = session(|_| {});
    let inbox = attach(&session, 60);
    owe(&session, "one", 1);
    owe(&session, "two", 2);
    assert_eq!(sent(&session, &inbox, 9), texts(&[(1, "one"), (2, "two")]));
    for (received, expected) in [
        (session.acknowledged(2, 1), Received::Misfits),
        (session.received_by_client(1), Received::Misfits),
        (session.completed(1), Received::Misfits),
        (session.completed(2), Received::Misfits),
        (session.acknowledged(0, 1), Received::Unknown),
        (session.acknowledged(3, 1), Received::Unknown),
        (session.received_by_client(9), Received::Unknown),
    ] {
        assert_eq!(received, expected);
    }
    let client = || Arc::clone(&session.client);
    let done = Received::Fits(Some(Change::Done { client: client(), sequence: 1 }));
    assert_eq!(session.acknowledged(1, 1), done);
    let released = Received::Fits(Some(Change::Released { client: client(), sequence: 2 }));
    assert_eq!(session.received_by_client(2), released);
    assert_eq!(session.received_by_client(2), Received::Again);
    let done = Received::Fits(Some(Change::Done { client: client(), sequence: 2 }));
    assert_eq!(session.completed(2), done);
    assert_eq!(session.completed(2), Received::Unknown);
}

#[test]
fn the_receive_maximum_holds_back_what_it_is_for_and_nothing_else() {
    let session = session(|_| {});
    let inbox = attach(&session, 60);
    for payload in ["a", "b", "c"] {
        owe(&session, payload, 1);
    }
    session.deliver(Delivery::default(), &message("lossy", 0));
    assert_eq!(sent(&session, &inbox, 2), texts(&[(1, "a"), (2, "b"), (0, "lossy")]));
    assert_eq!(sent(&session, &inbox, 2), texts(&[]));
    session.acknowledged(2, 1);
    assert_eq!(sent(&session, &inbox, 2), texts(&[(3, "c")]));
}

#[test]
fn another_connection_is_sent_again_what_was_not_settled() {
    let session = session(|_| {});
    let first = attach(&session, 60);
    owe(&session, "a", 1);
    owe(&session, "b", 2);
    owe(&session, "c", 1);
    assert_eq!(sent(&session, &first, 2), texts(&[(1, "a"), (2, "b")]));
    session.received_by_client(2);
    let second = attach(&session, 60);
    assert_eq!(sent(&session, &first, 9), texts(&[]), "it has the session no more");
    assert_eq!(first.listen(std::task::Waker::noop(), &mut Vec::new()), Some(Order::TakenOver));
    assert_eq!(sent(&session, &second, 9), texts(&[(2, "R"), (1, "!a"), (3, "c")]));
    assert!(session.detach(&first, true, None, 0).is_none());
    assert!(session.detach(&second, true, None, 0).is_some_and(|left| left.stays));
}

#[test]
fn what_is_too_old_is_not_sent_unless_it_was() {
    let session = session(|_| {});
    let inbox = attach(&session, 60);
    let mut old = (*message("old", 1)).clone();
    old.expires_ms = Some(5);
    let old = Arc::new(old);
    for _ in 0..2 {
        let (sequence, _) = session.reserve(&old).expect("room");
        session.deliver(Delivery { sequence, qos: 1, ..Delivery::default() }, &old);
        assert_eq!(session.take(&inbox, 1, 9, 4).packets.len(), usize::from(sequence == 1));
    }
    let inbox = attach(&session, 60);
    let taken = session.take(&inbox, 9, 9, 5);
    assert_eq!((taken.packets.len(), taken.expired), (1, 1), "the first was sent before");
    let client = Arc::clone(&session.client);
    assert_eq!(taken.changes, [Change::Done { client, sequence: 2 }]);
}

#[test]
fn a_will_waits_for_its_delay_and_for_no_more_than_the_session() {
    let will = |delay_s| Some(Will { message: message("w", 0), expiry_s: None, delay_s });
    for (delay_s, expiry_s, due_ms) in [(0, 60, 0), (5, 60, 5_000), (90, 60, 60_000)] {
        let session = session(|_| {});
        let inbox = Arc::<Inbox>::default();
        session.attach(Attach { inbox: Arc::clone(&inbox), expiry_s, will: will(delay_s) });
        assert!(session.tick(1 << 40).0.is_none(), "it is connected");
        session.detach(&inbox, true, None, 0);
        assert!(due_ms == 0 || session.tick(due_ms - 1).0.is_none());
        assert!(session.tick(due_ms).0.is_some(), "{delay_s}");
        assert!(session.tick(due_ms).0.is_none(), "once");
        assert!(!session.tick(59_999).1);
        assert!(session.tick(60_000).1);
    }
    // Whoever is back in time has not died; a clean end leaves no will.
    let session = session(|_| {});
    let attach = |delay_s| Attach { inbox: Arc::default(), expiry_s: 60, will: will(delay_s) };
    session.attach(attach(9));
    assert!(session.attach(attach(0)).is_none());
    assert!(session.attach(attach(0)).is_some());
}

#[test]
fn each_session_has_one_timer_however_often_it_is_left() {
    let session = session(|_| {});
    for now_ms in 0..50 {
        let inbox = attach(&session, 60);
        assert_eq!(session.shared.timers.lock().expect("whole").len(), 0);
        session.detach(&inbox, true, None, now_ms);
        assert_eq!(session.shared.timers.lock().expect("whole").len(), 1);
    }
    drop(session.end());
    assert_eq!(session.shared.timers.lock().expect("whole").len(), 0);
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Owe(u8),
    Take(usize),
    Acknowledge(usize),
    Receive(usize),
    Complete(usize),
    Reconnect,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1u8..3).prop_map(Step::Owe),
        3 => (1usize..5).prop_map(Step::Take),
        3 => (0usize..6).prop_map(Step::Acknowledge),
        3 => (0usize..6).prop_map(Step::Receive),
        2 => (0usize..6).prop_map(Step::Complete),
        1 => Just(Step::Reconnect),
    ]
}

proptest! {
    /// Whatever order acknowledgments come in, and however often the client comes back: a
    /// message of QoS 1 is sent until it is acknowledged, one of QoS 2 is never sent after the
    /// client has said that it has it, and nothing is lost.
    #[test]
    fn a_client_gets_what_it_is_owed(steps in prop::collection::vec(step(), 1..80)) {
        let session = session(|_| {});
        let mut inbox = attach(&session, 60);
        // By identifier: the QoS, and whether the client has it.
        let mut owed: BTreeMap<u16, (u8, bool)> = BTreeMap::new();
        let mut flying: Vec<u16> = Vec::new();
        let nth = |flying: &[u16], n: usize| flying.get(n).copied();
        for step in steps {
            match step {
                Step::Owe(qos) => {
                    let sequence = owe(&session, "x", qos).expect("room");
                    owed.insert(sequence as u16, (qos, false));
                }
                Step::Take(inflight_max) => {
                    for (id, text) in sent(&session, &inbox, inflight_max) {
                        let (_, has_it) = owed[&id];
                        prop_assert_eq!(text == "R", has_it, "{}", id);
                        flying.push(id);
                    }
                }
                Step::Acknowledge(n) => {
                    let Some(id) = nth(&flying, n) else { continue };
                    let fits = matches!(session.acknowledged(id, 1), Received::Fits(_));
                    prop_assert_eq!(fits, owed[&id].0 == 1);
                    if fits {
                        owed.remove(&id);
                        flying.retain(|other| *other != id);
                    }
                }
                Step::Receive(n) => {
                    let Some(id) = nth(&flying, n) else { continue };
                    let received = session.received_by_client(id);
                    let (qos, has_it) = owed[&id];
                    match received {
                        Received::Fits(_) => prop_assert!(qos == 2 && !has_it),
                        Received::Again => prop_assert!(has_it),
                        _ => prop_assert_eq!(qos, 1),
                    }
                    owed.insert(id, (qos, has_it || qos == 2));
                }
                Step::Complete(n) => {
                    let Some(id) = nth(&flying, n) else { continue };
                    let fits = matches!(session.completed(id), Received::Fits(_));
                    prop_assert_eq!(fits, owed[&id].1);
                    if fits {
                        owed.remove(&id);
                        flying.retain(|other| *other != id);
                    }
                }
                Step::Reconnect => {
                    inbox = attach(&session, 60);
                    flying.clear();
                }
            }
        }
        inbox = attach(&session, 60);
        let left: Vec<u16> = sent(&session, &inbox, 999).into_iter().map(|(id, _)| id).collect();
        let mut sorted = left.clone();
        sorted.sort_unstable();
        prop_assert_eq!(sorted, owed.keys().copied().collect::<Vec<_>>());
    }
}
