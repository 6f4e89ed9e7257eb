//! Logs and disks that are full.

use super::*;

/// Bytes of each message: the log is full after some hundred of them.
const BYTES: usize = 64 << 10;

#[test]
fn a_journal_lets_go_of_what_is_settled_and_never_grows_beyond_its_bound() {
    let folder = TempDir::new().expect("a folder");
    let journal = open(folder.path());
    let options = options(folder.path());
    commit(&journal, vec![connected("c")]).expect("kept");
    let rounds = 4 * options.bytes_max / BYTES as u64;
    let mut refused = 0;
    for sequence in 1..=rounds {
        let mut changes = vec![owed("c", sequence, BYTES)];
        if sequence > 3 {
            changes.push(done("c", sequence - 3));
        }
        while let Err(error) = commit(&journal, changes.clone()) {
            assert_eq!(error, JournalError::Full);
            refused += 1;
            assert!(refused < 10_000, "there is room in the end");
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(journal.log().usage().bytes <= options.bytes_max);
    }
    assert!(journal.figures().snapshots.load(Relaxed) > 3);
    drop(journal);
    let kept = open(folder.path()).load().expect("kept");
    assert_eq!(sequences(&kept, "c"), [rounds - 2, rounds - 1, rounds]);
}

#[test]
fn without_room_for_a_snapshot_changes_are_refused_and_later_it_goes_on() {
    let folder = TempDir::new().expect("a folder");
    let journal = open(folder.path());
    commit(&journal, vec![connected("c")]).expect("kept");
    // Nothing can be written under this name now.
    let obstacle = folder.path().join("snapshot.new");
    fs::create_dir(&obstacle).expect("made");
    let rounds = 2 * options(folder.path()).bytes_max / BYTES as u64;
    let last = (1..=rounds).find(|sequence| {
        match commit(&journal, vec![owed("c", *sequence, BYTES), done("c", sequence - 1)]) {
            Ok(()) => false,
            Err(error) => {
                assert_eq!(error, JournalError::Full);
                true
            }
        }
    });
    let last = last.expect("it is full") - 1;
    assert!(journal.figures().snapshot_failures.load(Relaxed) > 0);
    assert_eq!(commit(&journal, vec![owed("c", last + 1, BYTES)]), Err(JournalError::Full));
    fs::remove_dir(&obstacle).expect("removed");
    // Without waiting for the pause between two attempts.
    journal.close();
    let mut tries = 0;
    while commit(&journal, vec![owed("c", last + 1, BYTES)]).is_err() {
        tries += 1;
        assert!(tries < 1_000, "there is room in the end");
        std::thread::sleep(Duration::from_millis(1));
    }
    drop(journal);
    assert_eq!(sequences(&open(folder.path()).load().expect("kept"), "c"), [last, last + 1]);
}

#[test]
fn who_tells_more_than_may_wait_is_refused_and_can_tell_it_again() {
    let folder = TempDir::new().expect("a folder");
    let options = JournalOptions { waiting_bytes_max: 10_000, ..options(folder.path()) };
    let journal = DiskJournal::open(&options).expect("a journal");
    commit(&journal, vec![connected("c")]).expect("kept");
    let (sender, receiver) = mpsc::channel();
    for sequence in 1..=1_000 {
        let sender = sender.clone();
        let reply = move |result| sender.send((sequence, result)).expect("it is waited for");
        journal.commit(vec![owed("c", sequence, 1_000)], Box::new(reply));
    }
    drop(sender);
    let (mut kept, mut busy) = (Vec::new(), 0);
    for (sequence, result) in receiver {
        match result {
            Ok(()) => kept.push(sequence),
            Err(error) => {
                assert_eq!(error, JournalError::Busy);
                busy += 1;
            }
        }
    }
    assert!(busy > 0 && !kept.is_empty(), "{busy} of 1000 were refused");
    drop(journal);
    assert_eq!(sequences(&open(folder.path()).load().expect("kept"), "c"), kept);
}
