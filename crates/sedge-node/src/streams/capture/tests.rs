use super::*;
use bytes::Bytes;
use sedge_ingress::mqtt::journal::Delivery;
use sedge_model::node_config::NodeConfig;
use sedge_store::log::Item;
use std::sync::mpsc;

/// Keeps what it was told, and answers when it is told to.
#[derive(Default)]
struct Slow {
    changes: Mutex<Vec<Change>>,
    replies: Mutex<Vec<Reply>>,
}

impl Slow {
    fn answer(&self, result: Result) {
        let replies = std::mem::take(&mut *self.replies.lock().expect("whole"));
        replies.into_iter().for_each(|reply| reply(result.clone()));
    }

    fn told(&self) -> Vec<Change> {
        self.changes.lock().expect("whole").clone()
    }
}

impl Journal for Slow {
    fn commit(&self, changes: Vec<Change>, reply: Reply) {
        self.changes.lock().expect("whole").extend(changes);
        self.replies.lock().expect("whole").push(reply);
    }

    fn notice(&self, _: &Arc<Message>) {}

    fn load(&self) -> std::result::Result<Kept, JournalError> {
        Ok(Kept::default())
    }
}

struct World {
    _folder: tempfile::TempDir,
    handle: Arc<StreamsHandle>,
    journal: Arc<Slow>,
    capture: Capture,
}

fn world(bytes_max: u64) -> World {
    let folder = tempfile::tempdir().expect("a folder");
    let mut config = NodeConfig { data: folder.path().to_owned(), ..NodeConfig::default() };
    config.streams.topics = vec!["kept/#".to_owned()];
    (config.streams.bytes_max, config.streams.record_bytes_max) = (bytes_max, 8 << 10);
    let handle = StreamsHandle::new(&config);
    handle.start().expect("opens");
    let journal = Arc::new(Slow::default());
    let capture = Capture::new(Arc::clone(&journal) as _, Arc::clone(&handle));
    World { _folder: folder, handle, journal, capture }
}

fn published(topic: &str, publisher: &str, user: &[(&str, &str)]) -> Change {
    let user = user.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    let message = Message {
        topic: topic.into(),
        payload: Bytes::from_static(b"21.5"),
        qos: 1,
        retain: false,
        received_ms: 7,
        expires_ms: None,
        publisher: publisher.into(),
        properties: Some(Box::new(MessageProperties {
            content_type: Some("text/plain".to_owned()),
            user: user.collect(),
            ..MessageProperties::default()
        })),
    };
    let delivery = Delivery { sequence: 3, qos: 1, ..Delivery::default() };
    Change::Published {
        message: Arc::new(message),
        received: Some(("c".into(), 5)),
        to: vec![("s".into(), delivery)],
    }
}

impl World {
    fn commit(&self, change: Option<Change>) -> mpsc::Receiver<Result> {
        let (sender, receiver) = mpsc::channel();
        let reply: Reply = Box::new(move |result| drop(sender.send(result)));
        self.capture.commit(change.into_iter().collect(), reply);
        receiver
    }

    /// Topics and numbers in the log.
    fn kept(&self) -> Vec<(String, u64)> {
        let mut reader = self.handle.get().expect("open").log().reader(0);
        let mut kept = Vec::new();
        loop {
            let items = reader.read(1 << 20).expect("is read");
            if items.is_empty() {
                return kept;
            }
            for item in items {
                let Item::Record { record, .. } = item else { panic!("{item:?}") };
                kept.push((record.stream, record.number.sequence));
            }
        }
    }
}

#[test]
fn numbers_that_are_none_refuse_the_message() {
    let world = world(1 << 20);
    for user in [
        &[(EPOCH, "1")][..],
        &[(SEQUENCE, "1")],
        &[(EPOCH, "x"), (SEQUENCE, "1")],
        &[(EPOCH, "+1"), (SEQUENCE, "1")],
        &[(EPOCH, ""), (SEQUENCE, "1")],
        &[(EPOCH, "9223372036854775808"), (SEQUENCE, "1")],
        &[(EPOCH, "1"), (SEQUENCE, "99999999999999999999")],
    ] {
        let refused = world.commit(Some(published("kept/a", "d", user))).recv().expect("told");
        assert!(matches!(refused, Err(JournalError::Failed(_))), "{user:?}");
    }
    assert_eq!((world.journal.told(), world.kept()), (vec![], vec![]));
}

#[test]
fn a_message_is_acknowledged_when_both_have_it() {
    let world = world(1 << 20);
    let told = world.commit(Some(published("kept/a", "d", &[(EPOCH, "1"), (SEQUENCE, "9")])));
    // The log has it, and the journal has not answered.
    let log = world.handle.get().expect("open");
    log.log().wait(0, std::time::Duration::from_secs(60));
    assert!(told.try_recv().is_err());
    world.journal.answer(Ok(()));
    assert_eq!(told.recv(), Ok(Ok(())));
    assert_eq!(world.kept(), [("kept/a".to_owned(), 9)]);
}

#[test]
fn what_nobody_wants_and_what_the_node_says_goes_to_the_journal_alone() {
    let world = world(1 << 20);
    for change in [published("other/a", "d", &[]), published("kept/a", "", &[])] {
        let told = world.commit(Some(change));
        world.journal.answer(Ok(()));
        assert_eq!(told.recv(), Ok(Ok(())));
    }
    assert_eq!((world.journal.told().len(), world.kept()), (2, vec![]));
}

#[test]
fn what_the_journal_refuses_is_refused() {
    let world = world(1 << 20);
    let told = world.commit(Some(published("kept/a", "d", &[])));
    world.journal.answer(Err(JournalError::Full));
    assert_eq!(told.recv(), Ok(Err(JournalError::Full)));
}

#[test]
fn what_a_full_log_refuses_is_taken_back_from_the_journal() {
    let world = world(1 << 20);
    let streams = world.handle.get().expect("open");
    let filler = |index: u64| Incoming {
        topic: "kept/a".to_owned(),
        device: "f".to_owned(),
        number: Some(Number { epoch: 1, sequence: index }),
        time_ms: 0,
        envelope: Envelope::default(),
        payload: vec![0; 8 << 10].into(),
    };
    let full = (0..1_000).find(|index| {
        let (sender, receiver) = mpsc::channel();
        let reply = Box::new(move |result| drop(sender.send(result)));
        streams.submit(vec![filler(*index)], None, reply);
        receiver.recv().expect("told") == Err(LogError::Full)
    });
    assert!(full.is_some());
    // Small ones may find room in what is left.
    let change = || {
        let mut change = published("kept/a", "d", &[]);
        let Change::Published { message, .. } = &mut change else { unreachable!() };
        Arc::make_mut(message).payload = vec![0; 8 << 10].into();
        change
    };
    let told = world.commit(Some(change()));
    while world.journal.told().is_empty() {
        std::thread::yield_now();
    }
    world.journal.answer(Ok(()));
    assert_eq!(told.recv(), Ok(Err(JournalError::Full)));
    let undone = vec![
        Change::Done { client: "s".into(), sequence: 3 },
        Change::Forgotten { client: "c".into(), packet_id: 5 },
    ];
    assert_eq!(world.journal.told()[1..], undone);
    // Others are not concerned.
    let told = world.commit(Some(published("other/a", "d", &[])));
    world.journal.answer(Ok(()));
    assert_eq!(told.recv(), Ok(Ok(())));
}

#[test]
fn a_log_that_is_not_open_refuses() {
    let world = world(1 << 20);
    world.handle.close();
    let told = world.commit(Some(published("kept/a", "d", &[])));
    assert!(matches!(told.recv(), Ok(Err(JournalError::Failed(_)))));
    assert_eq!(world.journal.told(), []);
}

#[test]
fn who_waits_for_all_before_waits_for_the_log_too() {
    let world = world(1 << 20);
    let (sender, receiver) = mpsc::channel();
    for index in 0..200 {
        let change = match index % 3 {
            0 => Some(published("kept/a", "d", &[])),
            1 => Some(published("other/a", "d", &[])),
            _ => None,
        };
        let sender = sender.clone();
        let reply: Reply = Box::new(move |result| drop(sender.send((index, result))));
        world.capture.commit(change.into_iter().collect(), reply);
        world.journal.answer(Ok(()));
    }
    for index in 0..200 {
        assert_eq!(receiver.recv(), Ok((index, Ok(()))));
    }
}

#[test]
fn a_message_of_qos_0_is_kept_without_anybody_waiting() {
    let world = world(1 << 20);
    let Change::Published { message, .. } = published("kept/a", "d", &[]) else { unreachable!() };
    world.capture.notice(&message);
    let log = world.handle.get().expect("open");
    assert_eq!(log.log().wait(0, std::time::Duration::from_secs(60)), 1);
    let long = Message { publisher: "x".repeat(300).into(), ..(*message).clone() };
    world.capture.notice(&Arc::new(long));
    assert_eq!(log.figures().unkept.load(SeqCst), 1);
}
