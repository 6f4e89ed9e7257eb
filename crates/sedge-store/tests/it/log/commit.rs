use super::{number, one, open, read, record, records, small};
use sedge_store::log::{
    Batch, Files, Log, LogError, LogOptions, Media, MediaFile, Outcome, SyncPoint,
};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// Files that count commits, hold them, and fail.
struct Watched {
    files: Files,
    watch: Arc<Watch>,
}

#[derive(Default)]
struct Watch {
    commits: AtomicU64,
    fails: AtomicBool,
    is_held: Mutex<bool>,
    moved: Condvar,
}

impl Watch {
    fn hold(&self, is_held: bool) {
        *self.is_held.lock().expect("whole") = is_held;
        self.moved.notify_all();
    }

    fn commit(&self) -> io::Result<()> {
        self.commits.fetch_add(1, SeqCst);
        let held = self.is_held.lock().expect("whole");
        let patience = Duration::from_secs(60);
        drop(self.moved.wait_timeout_while(held, patience, |held| *held).expect("whole"));
        match self.fails.load(SeqCst) {
            true => Err(io::Error::other("the disk has failed")),
            false => Ok(()),
        }
    }
}

impl Media for Watched {
    fn list(&self) -> io::Result<Vec<String>> {
        self.files.list()
    }
    fn create(&self, name: &str) -> io::Result<Arc<dyn MediaFile>> {
        let (file, watch) = (self.files.create(name)?, self.watch.clone());
        Ok(Arc::new(WatchedFile { file, watch }))
    }
    fn open(&self, name: &str) -> io::Result<Arc<dyn MediaFile>> {
        self.files.open(name)
    }
    fn remove(&self, name: &str) -> io::Result<()> {
        self.files.remove(name)
    }
    fn sync_folder(&self, point: SyncPoint) -> io::Result<()> {
        self.files.sync_folder(point)
    }
}

struct WatchedFile {
    file: Arc<dyn MediaFile>,
    watch: Arc<Watch>,
}

impl MediaFile for WatchedFile {
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
        if point == SyncPoint::Commit {
            self.watch.commit()?;
        }
        self.file.sync(point)
    }
}

fn watched(folder: &Path, options: LogOptions) -> (Log, Arc<Watch>) {
    let watch = Arc::new(Watch::default());
    let files = Files::open(folder).expect("folder");
    let media = Watched { files, watch: watch.clone() };
    (Log::open_on(Arc::new(media), options).expect("open"), watch)
}

/// Waits until the writer is at the disk for the nth time.
fn wait_for_commit(watch: &Watch, count: u64) {
    for _ in 0..10_000 {
        if watch.commits.load(SeqCst) >= count {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("no commit {count}");
}

#[test]
fn a_failed_sync_ends_acknowledgments_until_the_log_is_opened_again() {
    let folder = tempfile::tempdir().expect("folder");
    let (log, watch) = watched(folder.path(), small());
    log.append(one("a", 1, 0)).expect("append");
    watch.fails.store(true, SeqCst);
    assert!(matches!(log.append(one("a", 1, 1)), Err(LogError::Io { .. })));
    watch.fails.store(false, SeqCst);
    for sequence in [0, 1, 2] {
        let refused = log.append(one("a", 1, sequence));
        assert!(matches!(refused, Err(LogError::Poisoned { .. })), "{refused:?}");
    }
    assert!(log.failure().is_some());
    // What was acknowledged can be read; nobody is told of the rest.
    assert_eq!(records(&read(&log, 0)), [("a".to_owned(), number(1, 0))]);
    drop(log);
    let log = open(folder.path(), small());
    assert_eq!(log.append(one("a", 1, 0)), Ok(vec![Outcome::Duplicate]));
    // Whether it was stored was unknown, and is not any more.
    log.append(one("a", 1, 1)).expect("append");
    assert_eq!(records(&read(&log, 0)).len(), 2);
}

#[test]
fn whoever_comes_while_the_disk_is_busy_shares_the_next_sync() {
    let folder = tempfile::tempdir().expect("folder");
    let (log, watch) = watched(folder.path(), LogOptions::default());
    watch.hold(true);
    let answered = Arc::new(AtomicU64::new(0));
    let submit = |device: &str, sequence| {
        let answered = answered.clone();
        let reply = Box::new(move |result: Result<Vec<Outcome>, LogError>| {
            result.expect("stored");
            answered.fetch_add(1, SeqCst);
        });
        log.submit(one(device, 1, sequence), reply);
    };
    submit("first", 0);
    wait_for_commit(&watch, 1);
    for sequence in 0..100 {
        ["a", "b", "c"].into_iter().for_each(|device| submit(device, sequence));
    }
    assert_eq!(answered.load(SeqCst), 0, "nothing is acknowledged before it is on the disk");
    assert_eq!(read(&log, 0), [], "and nothing can be read");
    watch.hold(false);
    assert_eq!(log.wait(300, Duration::from_secs(60)), 301);
    drop(log);
    assert_eq!(answered.load(SeqCst), 301);
    assert_eq!(watch.commits.load(SeqCst), 2);
}

#[test]
fn a_batch_is_stored_as_a_whole_or_not_at_all() {
    let folder = tempfile::tempdir().expect("folder");
    let log = open(folder.path(), small());
    // The second record of `old` makes the first ones so old that nobody can tell.
    for i in 0..40 {
        log.append(one("old", 1, 10 + 2 * i)).expect("append");
    }
    let batch = Batch { records: vec![record("new", 1, 0), record("old", 1, 1)], cursor: None };
    assert_eq!(log.append(batch), Err(LogError::TooOld { device: "old".to_owned() }));
    let batch = Batch {
        records: vec![record("new", 1, 0), record("new", 1, 1), record("new", 1, 0)],
        cursor: None,
    };
    let outcomes = log.append(batch).expect("append");
    assert_eq!(outcomes, [Outcome::Stored(40), Outcome::Stored(41), Outcome::Duplicate]);
}

#[test]
fn duplicates_are_known_after_a_restart_and_epochs_are_apart() {
    let folder = tempfile::tempdir().expect("folder");
    let log = open(folder.path(), small());
    for sequence in [0, 1, 5] {
        log.append(one("a", 1, sequence)).expect("append");
    }
    drop(log);
    let log = open(folder.path(), small());
    assert_eq!(log.recovered().scanned, 0, "it was closed");
    for sequence in [0, 1, 5] {
        assert_eq!(log.append(one("a", 1, sequence)), Ok(vec![Outcome::Duplicate]));
    }
    assert_eq!(log.append(one("a", 1, 3)), Ok(vec![Outcome::Stored(3)]), "late, but new");
    assert_eq!(log.append(one("a", 2, 0)), Ok(vec![Outcome::Stored(4)]));
    assert_eq!(log.append(one("b", 1, 0)), Ok(vec![Outcome::Stored(5)]));
}
