use super::snapshot::{self, Unusable};
use super::*;
use bytes::Bytes;
use sedge_ingress::mqtt::journal::{Delivery, KeptSession, Subscription};
use sedge_store::log::{Files, Media, MediaFile, SyncPoint};
use std::fs;
use std::io;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use tempfile::TempDir;

mod damage;
mod room;

fn options(folder: &Path) -> JournalOptions {
    JournalOptions {
        folder: folder.to_owned(),
        bytes_max: 4 * 8 * PACKET_MARGIN_BYTES,
        waiting_bytes_max: 8 << 20,
        packet_bytes_max: 0,
    }
}

fn open(folder: &Path) -> DiskJournal {
    DiskJournal::open(&options(folder)).expect("a journal")
}

/// Commits and waits for the answer.
fn commit(journal: &DiskJournal, changes: Vec<Change>) -> Result<(), JournalError> {
    let (sender, receiver) = mpsc::sync_channel(1);
    journal.commit(changes, Box::new(move |result| sender.send(result).expect("it is waited for")));
    receiver.recv_timeout(Duration::from_secs(60)).expect("an answer")
}

fn connected(client: &str) -> Change {
    let client = client.into();
    Change::Connected { client, is_new: true, expiry_s: 60, first_sequence: 1, will: None }
}

fn message(topic: &str, payload: usize) -> Arc<Message> {
    Arc::new(Message {
        topic: topic.into(),
        payload: vec![b'x'; payload].into(),
        qos: 1,
        retain: false,
        received_ms: 1,
        expires_ms: None,
        publisher: "p".into(),
        properties: None,
    })
}

/// A message that a client is owed, as it is published.
fn owed(client: &str, sequence: u64, payload: usize) -> Change {
    let delivery = Delivery { sequence, qos: 1, ..Delivery::default() };
    let message = message("t", payload);
    Change::Published { message, received: None, to: vec![(client.into(), delivery)] }
}

fn done(client: &str, sequence: u64) -> Change {
    Change::Done { client: client.into(), sequence }
}

fn sequences(kept: &Kept, client: &str) -> Vec<u64> {
    let session = kept.sessions.get(client);
    session.map_or(Vec::new(), |session| session.owed.keys().copied().collect())
}

/// A log that fails to sync when it is told to.
struct Faulty {
    files: Files,
    fails: Arc<AtomicBool>,
}

struct FaultyFile {
    file: Arc<dyn MediaFile>,
    fails: Arc<AtomicBool>,
}

impl Faulty {
    fn wrap(&self, file: Arc<dyn MediaFile>) -> Arc<dyn MediaFile> {
        Arc::new(FaultyFile { file, fails: Arc::clone(&self.fails) })
    }
}

impl Media for Faulty {
    fn list(&self) -> io::Result<Vec<String>> {
        self.files.list()
    }
    fn create(&self, name: &str) -> io::Result<Arc<dyn MediaFile>> {
        Ok(self.wrap(self.files.create(name)?))
    }
    fn open(&self, name: &str) -> io::Result<Arc<dyn MediaFile>> {
        Ok(self.wrap(self.files.open(name)?))
    }
    fn remove(&self, name: &str) -> io::Result<()> {
        self.files.remove(name)
    }
    fn sync_folder(&self, point: SyncPoint) -> io::Result<()> {
        self.files.sync_folder(point)
    }
}

impl MediaFile for FaultyFile {
    fn bytes(&self) -> io::Result<u64> {
        self.file.bytes()
    }
    fn read_at(&self, at: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.file.read_at(at, buffer)
    }
    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.write_at(at, bytes)
    }
    fn allocate(&self, bytes: u64) -> io::Result<()> {
        self.file.allocate(bytes)
    }
    fn set_bytes(&self, bytes: u64) -> io::Result<()> {
        self.file.set_bytes(bytes)
    }
    fn sync(&self, point: SyncPoint) -> io::Result<()> {
        match self.fails.load(Relaxed) && point == SyncPoint::Commit {
            true => Err(io::Error::other("the disk is broken")),
            false => self.file.sync(point),
        }
    }
}

#[test]
fn after_a_failed_sync_nothing_is_acknowledged_until_it_is_opened_again() {
    let folder = TempDir::new().expect("a folder");
    let fails = Arc::new(AtomicBool::new(false));
    let files = Files::open(folder.path().join("log")).expect("files");
    let media = Arc::new(Faulty { files, fails: Arc::clone(&fails) });
    let journal = DiskJournal::open_on(media, &options(folder.path())).expect("a journal");
    commit(&journal, vec![connected("c"), owed("c", 1, 10)]).expect("kept");
    fails.store(true, Relaxed);
    for _ in 0..2 {
        let result = commit(&journal, vec![owed("c", 2, 10)]);
        assert!(matches!(result, Err(JournalError::Failed(_))), "{result:?}");
    }
    // A disk that seems well again is not believed.
    fails.store(false, Relaxed);
    for changes in [vec![owed("c", 3, 10)], Vec::new()] {
        let result = commit(&journal, changes);
        assert!(matches!(result, Err(JournalError::Failed(_))), "{result:?}");
    }
    drop(journal);
    let journal = open(folder.path());
    let kept = journal.load().expect("kept");
    // What failed may be there or not; what came after is not.
    let there = sequences(&kept, "c");
    assert!(there == [1] || there == [1, 2], "{there:?}");
    commit(&journal, vec![owed("c", 4, 10)]).expect("kept");
}

#[test]
fn what_is_larger_than_a_record_is_refused_and_the_rest_goes_on() {
    let folder = TempDir::new().expect("a folder");
    let journal = open(folder.path());
    let bytes = journal.shared.record_bytes_max;
    let result = commit(&journal, vec![owed("c", 1, bytes)]);
    assert!(matches!(result, Err(JournalError::Failed(_))), "{result:?}");
    commit(&journal, vec![connected("c"), owed("c", 1, bytes - 1_000)]).expect("kept");
}

#[test]
fn a_weight_is_no_less_than_what_is_written() {
    let will = Will { message: message("w", 3), expiry_s: Some(1), delay_s: 2 };
    let client = || Arc::<str>::from("c");
    let many =
        (0..50).map(|index| Delivery { subscriptions: vec![1; index], ..Delivery::default() });
    let mut with_properties = (*message("t", 0)).clone();
    with_properties.properties = Some(Box::new(sedge_ingress::mqtt::MessageProperties {
        is_utf8: Some(true),
        content_type: Some("a".to_owned()),
        response_topic: Some("b".to_owned()),
        correlation_data: Some(Bytes::from_static(b"c")),
        user: vec![(String::new(), String::new()); 100],
    }));
    for change in [
        Change::Published {
            message: Arc::new(with_properties),
            received: Some((client(), 7)),
            to: many.map(|delivery| (client(), delivery)).collect(),
        },
        Change::Connected {
            client: client(),
            is_new: true,
            expiry_s: 1,
            first_sequence: 1,
            will: Some(will),
        },
        Change::Left { client: client(), at_ms: 1, expiry_s: 1, has_will: true },
        Change::Ended { client: client() },
        Change::Subscribed {
            client: client(),
            filter: client(),
            options: Subscription { identifier: Some(1), ..Subscription::default() },
        },
        Change::Owed { client: client(), delivery: Delivery::default(), message: message("t", 1) },
        done("c", 1),
    ] {
        let bytes = Change::encode([&change]).len();
        assert!(bytes <= weight(&change), "{bytes} > {} of {change:?}", weight(&change));
    }
}

#[test]
fn many_at_once_share_syncs_and_are_all_there_afterwards() {
    let folder = TempDir::new().expect("a folder");
    let journal = Arc::new(open(folder.path()));
    journal.load().expect("nothing");
    assert!(journal.load().is_err(), "only once");
    let threads: Vec<_> = (0..8)
        .map(|thread| {
            let journal = Arc::clone(&journal);
            std::thread::spawn(move || {
                let client = format!("c{thread}");
                commit(&journal, vec![connected(&client)]).expect("kept");
                let order = Arc::new(Mutex::new(Vec::new()));
                for sequence in 1..=200 {
                    let told = Arc::clone(&order);
                    let reply = move |result: Result<(), JournalError>| {
                        result.expect("kept");
                        told.lock().expect("not poisoned").push(sequence);
                    };
                    journal.commit(vec![owed(&client, sequence, 100)], Box::new(reply));
                }
                // Told when all before it is.
                commit(&journal, Vec::new()).expect("all is durable");
                let order = order.lock().expect("not poisoned");
                assert_eq!(*order, (1..=200).collect::<Vec<u64>>());
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
    let records = journal.log().usage().end;
    assert!(records < 8 * 201, "{records} records of the log");
    drop(journal);
    let kept = open(folder.path()).load().expect("kept");
    for thread in 0..8 {
        assert_eq!(sequences(&kept, &format!("c{thread}")), (1..=200).collect::<Vec<u64>>());
    }
}

#[test]
fn a_closed_journal_is_opened_from_its_snapshot_alone() {
    let folder = TempDir::new().expect("a folder");
    let mut expected = Kept::default();
    for life in 0..4u64 {
        let journal = open(folder.path());
        assert_eq!(journal.load().expect("kept"), expected);
        assert_eq!(
            journal.shared.gathered.lock().expect("fine").next.epoch,
            journal.log().usage().end
        );
        let mut changes = vec![owed("c", life + 1, 10)];
        if life == 0 {
            changes.insert(0, connected("c"));
        }
        changes.iter().for_each(|change| expected.apply(change.clone()));
        commit(&journal, changes).expect("kept");
        if life % 2 == 1 {
            journal.close();
            assert_eq!(journal.figures().snapshots.load(Relaxed), 1);
            // Nothing new: none is written.
            journal.close();
            assert_eq!(journal.figures().snapshots.load(Relaxed), 1);
        }
    }
    assert_eq!(snapshot::list(folder.path()).expect("files").len(), 2);
    let journal = open(folder.path());
    assert_eq!(journal.load().expect("kept"), expected);
    assert_eq!(journal.figures().lost.load(Relaxed), 0);
    let session: &KeptSession = &expected.sessions["c"];
    assert_eq!(session.owed.len(), 4);
}
