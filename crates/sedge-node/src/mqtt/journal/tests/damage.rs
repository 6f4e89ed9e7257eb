//! Files that are not what was written.

use super::*;

/// A journal of two lives, each closed: two snapshots, and a log. The client is owed 1, 2, 3.
fn written() -> TempDir {
    let folder = TempDir::new().expect("a folder");
    let journal = open(folder.path());
    commit(&journal, vec![connected("c"), owed("c", 1, 10)]).expect("kept");
    journal.close();
    commit(&journal, vec![owed("c", 2, 10)]).expect("kept");
    journal.close();
    commit(&journal, vec![owed("c", 3, 10)]).expect("kept");
    folder
}

fn newest(folder: &TempDir) -> std::path::PathBuf {
    snapshot::list(folder.path()).expect("files")[0].1.clone()
}

/// Opens it, and gives what the client is owed and how much was lost.
fn found(folder: &TempDir) -> (Vec<u64>, u64) {
    let journal = open(folder.path());
    let kept = journal.load().expect("kept");
    (sequences(&kept, "c"), journal.figures().lost.load(Relaxed))
}

#[test]
fn a_snapshot_that_is_cut_or_flipped_anywhere_is_damaged() {
    let folder = written();
    let path = newest(&folder);
    let whole = fs::read(&path).expect("a snapshot");
    assert!(snapshot::read(&path).is_ok());
    let other = folder.path().join("other");
    let is_damaged = |bytes: &[u8]| {
        fs::write(&other, bytes).expect("written");
        matches!(snapshot::read(&other), Err(Unusable::Damaged))
    };
    for cut in 0..whole.len() {
        assert!(is_damaged(&whole[..cut]), "cut at {cut}");
    }
    for at in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[at] ^= 1 << (at % 8);
        assert!(is_damaged(&flipped), "flipped at {at}");
    }
    let longer = [whole.as_slice(), b"x"].concat();
    assert!(is_damaged(&longer));
}

#[test]
fn a_snapshot_that_was_being_written_is_nothing() {
    let folder = written();
    let whole = fs::read(newest(&folder)).expect("a snapshot");
    fs::write(folder.path().join("snapshot.new"), &whole[..whole.len() / 2]).expect("written");
    assert_eq!(found(&folder), (vec![1, 2, 3], 0));
}

#[test]
fn behind_a_damaged_snapshot_stand_the_one_before_and_the_log() {
    let folder = written();
    fs::write(newest(&folder), b"torn").expect("written");
    assert_eq!(found(&folder), (vec![1, 2, 3], 1), "it is told");
    assert_eq!(found(&folder), (vec![1, 2, 3], 0), "and mended");
}

#[test]
fn without_any_snapshot_there_is_what_the_log_has() {
    let folder = written();
    for (_, path) in snapshot::list(folder.path()).expect("files") {
        fs::write(path, b"").expect("written");
    }
    // So little was written that nothing of the log is gone.
    assert_eq!(found(&folder), (vec![1, 2, 3], 2));
    assert_eq!(found(&folder), (vec![1, 2, 3], 0));
}

#[test]
fn a_snapshot_from_the_future_is_believed_and_goes_on_from_where_the_log_is() {
    let folder = written();
    let journal = open(folder.path());
    journal.close();
    drop(journal);
    for entry in fs::read_dir(folder.path().join("log")).expect("a folder") {
        fs::remove_file(entry.expect("an entry").path()).expect("removed");
    }
    let journal = open(folder.path());
    assert_eq!(sequences(&journal.load().expect("kept"), "c"), [1, 2, 3]);
    assert_eq!(journal.figures().lost.load(Relaxed), 1);
    // The positions that the old snapshot named come again, and are not taken for old.
    commit(&journal, vec![owed("c", 4, 10), done("c", 1)]).expect("kept");
    drop(journal);
    assert_eq!(found(&folder), (vec![2, 3, 4], 0));
}

#[test]
fn what_a_newer_version_has_written_is_not_passed_over() {
    let folder = written();
    let path = newest(&folder);
    let mut bytes = fs::read(&path).expect("a snapshot");
    let content = bytes.len() - 40;
    // The form of the file, and the form of what is in it.
    for at in [8, 32] {
        let mut newer = bytes.clone();
        newer[at] += 1;
        let hash = blake3::hash(&newer[..content + 8]);
        newer[content + 8..].copy_from_slice(hash.as_bytes());
        fs::write(&path, &newer).expect("written");
        let error = DiskJournal::open(&options(folder.path())).err().expect("it is refused");
        assert!(error.to_string().contains("newer version"), "{error}");
        assert!(crate::hint::of(&error).is_some());
    }
    bytes.truncate(bytes.len());
    fs::write(&path, &bytes).expect("written");
    assert_eq!(found(&folder), (vec![1, 2, 3], 0));
}

#[test]
fn a_record_of_a_newer_version_is_not_passed_over() {
    let folder = TempDir::new().expect("a folder");
    let journal = open(folder.path());
    commit(&journal, vec![connected("c")]).expect("kept");
    let number = Number { epoch: 9, sequence: 0 };
    let batch = Batch { records: vec![record(number, vec![2, 1, 1])], cursor: None };
    journal.log().append(batch).expect("stored");
    drop(journal);
    let error = DiskJournal::open(&options(folder.path())).err().expect("it is refused");
    assert!(error.to_string().contains("at 1"), "{error}");
}

#[test]
fn a_damaged_record_costs_its_changes_and_is_told() {
    let folder = TempDir::new().expect("a folder");
    let journal = open(folder.path());
    commit(&journal, vec![connected("c")]).expect("kept");
    for sequence in 1..=9 {
        commit(&journal, vec![owed("c", sequence, 500)]).expect("kept");
    }
    drop(journal);
    let log = fs::read_dir(folder.path().join("log")).expect("a folder");
    let segment = log.map(|entry| entry.expect("an entry").path());
    let segment = segment.max_by_key(|path| fs::metadata(path).map_or(0, |data| data.len()));
    let segment = segment.expect("a segment");
    let mut bytes = fs::read(&segment).expect("read");
    // In the fifth payload.
    let payloads: Vec<usize> = bytes
        .windows(500)
        .enumerate()
        .filter(|(_, x)| x.iter().all(|x| *x == b'x'))
        .map(|(at, _)| at)
        .collect();
    assert_eq!(payloads.len(), 9);
    bytes[payloads[4] + 250] ^= 4;
    fs::write(&segment, bytes).expect("written");
    assert_eq!(found(&folder), (vec![1, 2, 3, 4, 6, 7, 8, 9], 1));
    assert_eq!(found(&folder).1, 0, "it is told once");
}
