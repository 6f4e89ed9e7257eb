use super::*;
use sedge_store::log::{Item, Outcome};
use std::sync::mpsc;

fn options(folder: &Path) -> StreamsOptions {
    StreamsOptions {
        folder: folder.join("streams"),
        bytes_max: 256 << 10,
        age_max: None,
        when_full: WhenFull::Refuse,
        sync: true,
        segment_bytes: 64 << 10,
        record_bytes_max: 4 << 10,
    }
}

fn message(device: &str, text: &str) -> Incoming {
    Incoming {
        topic: "a/b".to_owned(),
        device: device.to_owned(),
        number: None,
        time_ms: 7,
        envelope: Envelope::default(),
        payload: Bytes::copy_from_slice(text.as_bytes()),
    }
}

fn submit(streams: &Streams, messages: Vec<Incoming>) -> Result<Vec<Outcome>, LogError> {
    let (sender, receiver) = mpsc::channel();
    streams.submit(messages, None, Box::new(move |result| drop(sender.send(result))));
    receiver.recv().expect("an answer")
}

fn records(streams: &Streams) -> Vec<Record> {
    let mut reader = streams.log().reader(0);
    let mut records = Vec::new();
    loop {
        let items = reader.read(1 << 20).expect("is read");
        if items.is_empty() {
            return records;
        }
        for item in items {
            let Item::Record { record, .. } = item else { panic!("{item:?}") };
            records.push(record);
        }
    }
}

#[test]
fn what_has_too_long_a_key_is_refused_and_nothing_of_its_batch_is_stored() {
    let folder = tempfile::tempdir().expect("a folder");
    let streams = Streams::open_with(&options(folder.path())).expect("opens");
    let mut long = message("d", "x");
    long.envelope.key = vec![0; envelope::KEY_BYTES_MAX + 1].into();
    let refused = submit(&streams, vec![message("d", "y"), long]);
    assert!(matches!(refused, Err(LogError::InvalidName { what: "key", .. })), "{refused:?}");
    let large = Incoming { payload: vec![0; 5 << 10].into(), ..message("d", "") };
    assert!(matches!(submit(&streams, vec![large]), Err(LogError::TooLarge { .. })));
    let nameless = submit(&streams, vec![message("", "x")]);
    assert!(matches!(nameless, Err(LogError::InvalidName { .. })));
    assert_eq!(records(&streams), []);
    // One was of a batch of two.
    assert_eq!(streams.figures().refused[5].load(std::sync::atomic::Ordering::Relaxed), 4);
}

#[test]
fn what_has_no_number_is_numbered_by_device_and_higher_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    for life in 0..3 {
        let streams = Streams::open_with(&options(folder.path())).expect("opens");
        let batch = ["a", "a", "b"].map(|device| message(device, &life.to_string()));
        assert_eq!(submit(&streams, batch.to_vec()).expect("stored").len(), 3);
    }
    let streams = Streams::open_with(&options(folder.path())).expect("opens");
    let records = records(&streams);
    let numbers: Vec<(&str, u64)> =
        records.iter().map(|record| (record.device.as_str(), record.number.sequence)).collect();
    assert_eq!(numbers, [("a", 0), ("a", 1), ("b", 0)].repeat(3));
    let epochs: Vec<u64> = records.iter().map(|record| record.number.epoch).collect();
    assert!(epochs.iter().all(|epoch| *epoch >= numbering::OWN_EPOCHS));
    assert!(epochs.chunks(3).map(|life| life[0]).is_sorted_by(|one, next| one < next));
}

#[test]
fn a_number_that_comes_again_is_stored_once_after_a_restart_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let numbered = |sequence| {
        let number = Some(Number { epoch: 3, sequence });
        Incoming { number, ..message("d", "x") }
    };
    let streams = Streams::open_with(&options(folder.path())).expect("opens");
    assert_eq!(submit(&streams, vec![numbered(1)]), Ok(vec![Outcome::Stored(0)]));
    drop(streams);
    let streams = Streams::open_with(&options(folder.path())).expect("opens");
    let outcomes = submit(&streams, vec![numbered(1), numbered(2)]).expect("taken");
    assert!(matches!(outcomes[..], [Outcome::Duplicate, Outcome::Stored(_)]), "{outcomes:?}");
    assert_eq!(records(&streams).len(), 2);
}

#[test]
fn a_full_log_refuses_and_keeps_what_it_has() {
    let folder = tempfile::tempdir().expect("a folder");
    let streams = Streams::open_with(&options(folder.path())).expect("opens");
    let text = "x".repeat(2 << 10);
    let mut stored = 0;
    let error = loop {
        match submit(&streams, vec![message("d", &text)]) {
            Ok(_) => stored += 1,
            Err(error) => break error,
        }
        assert!(stored < 1_000, "it has a bound");
    };
    assert_eq!(error, LogError::Full);
    assert_eq!(records(&streams).len(), stored);
}

#[test]
fn a_log_that_may_drop_its_oldest_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let options =
        StreamsOptions { when_full: WhenFull::DropOldest, sync: false, ..options(folder.path()) };
    let streams = Streams::open_with(&options).expect("opens");
    let text = "x".repeat(2 << 10);
    for _ in 0..200 {
        submit(&streams, vec![message("d", &text)]).expect("stored");
    }
    let usage = streams.log().usage();
    assert!(usage.oldest > 0 && usage.gap_records > 0, "{usage:?}");
    assert!(usage.bytes <= options.bytes_max, "{usage:?}");
    drop(streams);
    // What was not synced is there for the next process all the same.
    let streams = Streams::open_with(&options).expect("opens");
    assert!(streams.log().usage().end >= 200);
}

#[test]
fn who_waits_is_told_of_what_is_committed() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let folder = tempfile::tempdir().expect("a folder");
    let streams = Streams::open_with(&options(folder.path())).expect("opens");
    let mut committed = streams.committed();
    assert_eq!(*committed.borrow_and_update(), 0);
    submit(&streams, vec![message("d", "x"), message("d", "y")]).expect("stored");
    runtime.block_on(committed.changed()).expect("is told");
    assert_eq!(*committed.borrow(), 2);
    drop(streams);
    assert!(runtime.block_on(committed.changed()).is_err(), "nothing comes any more");
}

#[test]
fn who_is_refused_may_come_back_with_more_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let streams = Streams::open_with(&options(folder.path())).expect("opens");
    let (sender, receiver) = mpsc::channel();
    let again = Arc::clone(&streams);
    let large = Incoming { payload: vec![0; 5 << 10].into(), ..message("d", "") };
    let reply: Reply = Box::new(move |first| {
        let told = sender.clone();
        assert!(matches!(first, Err(LogError::TooLarge { .. })));
        again.submit(
            vec![message("d", "x")],
            None,
            Box::new(move |result| drop(told.send(result))),
        );
    });
    streams.submit(vec![large], None, reply);
    assert_eq!(receiver.recv().expect("an answer").map(|outcomes| outcomes.len()), Ok(1));
}

#[test]
fn nothing_is_made_before_it_is_needed() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = NodeConfig { data: folder.path().to_owned(), ..NodeConfig::default() };
    let handle = StreamsHandle::new(&config);
    handle.start().expect("nothing to do");
    handle.set_filters(vec!["a/+".to_owned(), "no/#/filter".to_owned()]);
    assert!(handle.keeps("a/b") && !handle.keeps("a/b/c") && !handle.keeps("no/x/filter"));
    assert!(handle.get().is_none());
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0);

    handle.get_or_open().expect("opens");
    assert!(Arc::ptr_eq(&handle.get().expect("open"), &handle.get_or_open().expect("open")));
    handle.close();
    // What an earlier life has left is opened without being asked for.
    let next = StreamsHandle::new(&config);
    next.start().expect("opens");
    assert!(next.get().is_some());
    next.close();

    let mut config = config;
    config.streams.topics = vec!["kept/#".to_owned()];
    let handle = StreamsHandle::new(&config);
    handle.start().expect("opens");
    handle.set_filters(vec!["a".to_owned()]);
    handle.set_filters(Vec::new());
    assert!(handle.get().is_some() && handle.keeps("kept/x") && !handle.keeps("a"));
}

#[test]
fn every_configuration_fits_into_its_segments() {
    for (bytes_max, record_bytes_max) in
        [(1 << 20, 1 << 10), (4 << 30, 1 << 20), (4 << 30, 64 << 20)]
    {
        let mut config = NodeConfig::default();
        (config.streams.bytes_max, config.streams.record_bytes_max) = (bytes_max, record_bytes_max);
        assert!(config.streams.bytes_min() <= bytes_max);
        let options = StreamsOptions::of(&config);
        assert!(options.segment_bytes <= bytes_max / 4);
        assert!(options.segment_bytes / 8 > record_bytes_max, "{options:?}");
    }
}
