//! What is committed is all of a step or nothing of it, whichever batch is the last one.

use super::*;
use crate::streams::StreamsOptions;
use sedge_store::log::WhenFull;
use std::path::Path;

const NAME: &str = "a/windows/w";

fn streams(folder: &Path) -> Arc<Streams> {
    let options = StreamsOptions {
        folder: folder.join("streams"),
        bytes_max: 4 << 20,
        age_max: None,
        when_full: WhenFull::Refuse,
        sync: false,
        // Batches of 8 KiB.
        segment_bytes: 64 << 10,
        record_bytes_max: 4 << 10,
    };
    Streams::open_with(&options).expect("opens")
}

/// What a window finds after a kill: its tables have nothing that the log does not.
async fn reopened(folder: &Path, streams: &Arc<Streams>) -> (Kept, Recalled) {
    let store = tempfile::tempdir_in(folder).expect("a folder").keep();
    let store = Store::open(store.join("store")).expect("opens");
    Kept::open(streams, &store, NAME, &Arc::default()).await.expect("opens")
}

fn part(key: usize, value: &str) -> StateChange {
    let value = Some(Bytes::from(value.repeat(100)));
    StateChange { key: format!("k/[\"{key}\"]"), value }
}

fn result(index: usize) -> Incoming {
    Incoming {
        topic: "windows/a/w".to_owned(),
        device: NAME.to_owned(),
        number: None,
        time_ms: index as u64,
        envelope: Envelope::default(),
        payload: format!("{{\"result\":{index}}}").into(),
    }
}

/// What was said, in its order.
fn said(streams: &Streams) -> Vec<u64> {
    let mut reader = streams.log().reader(0);
    let mut said = Vec::new();
    loop {
        let page = reader.read(1 << 20).expect("is read");
        if page.is_empty() {
            return said;
        }
        said.extend(page.into_iter().filter_map(|item| match item {
            Item::Record { record, .. } if record.stream == "windows/a/w" => Some(record.time_ms),
            _ => None,
        }));
    }
}

fn values(recalled: &Recalled) -> Vec<&[u8]> {
    let mut values: Vec<_> = recalled.parts.iter().map(|(_, value)| &value[..3]).collect();
    values.dedup();
    values
}

fn going() -> watch::Receiver<bool> {
    watch::channel(false).1
}

#[tokio::test]
async fn a_small_step_is_one_batch() {
    let folder = tempfile::tempdir().expect("a folder");
    let streams = streams(folder.path());
    let (kept, recalled) = reopened(folder.path(), &streams).await;
    assert!(recalled.parts.is_empty() && recalled.declared.is_none());
    let end = streams.log().usage().end;
    let changes = vec![part(1, "new"), part(2, "new")];
    assert!(kept.commit(changes, vec![result(1)], end, &going()).await.expect("committed"));
    let cursor = streams.log().cursor(NAME).map(|cursor| cursor.position);
    assert_eq!((cursor, said(&streams)), (Some(end), vec![1]));
    let gone = StateChange { key: part(1, "").key, value: None };
    assert!(kept.commit(vec![gone], vec![], end + 1, &going()).await.expect("committed"));
    let (_, recalled) = reopened(folder.path(), &streams).await;
    assert_eq!((recalled.parts.len(), values(&recalled)), (1, vec![&b"new"[..]]));
}

#[tokio::test]
async fn a_transaction_counts_when_its_last_batch_is_there_and_not_before() {
    let folder = tempfile::tempdir().expect("a folder");
    let streams = streams(folder.path());
    let old: Vec<_> = (0..60).map(|key| part(key, "old")).collect();
    let new: Vec<_> = (0..60).map(|key| part(key, "new")).collect();
    let (kept, _) = reopened(folder.path(), &streams).await;
    assert!(kept.commit(old, vec![], 0, &going()).await.expect("committed"));
    let (batches, _) = kept.batches(streams.log().usage().end, &new);
    assert!(batches.len() > 2, "it is in pieces: {}", batches.len());
    for count in 0..=batches.len() {
        let (kept, recalled) = reopened(folder.path(), &streams).await;
        assert_eq!((recalled.parts.len(), values(&recalled)), (60, vec![&b"old"[..]]));
        // Each time it begins anew, it is killed one batch later.
        let (batches, _) = kept.batches(streams.log().usage().end, &new);
        for batch in batches.into_iter().take(count) {
            assert!(kept.submit(batch, None, &going()).await.expect("taken"));
        }
    }
    let (kept, _) = reopened(folder.path(), &streams).await;
    let place = kept.place(7);
    assert!(kept.transaction(&new, place, &going()).await.expect("committed"));
    let (_, recalled) = reopened(folder.path(), &streams).await;
    assert_eq!((recalled.parts.len(), values(&recalled)), (60, vec![&b"new"[..]]));
    assert_eq!(streams.log().cursor(NAME).map(|cursor| cursor.position), Some(7));
}

#[tokio::test]
async fn what_does_not_fit_is_said_once_wherever_it_is_interrupted() {
    let folder = tempfile::tempdir().expect("a folder");
    let streams = streams(folder.path());
    let (kept, _) = reopened(folder.path(), &streams).await;
    // As after a kill when the transaction was there and nothing was said.
    let unsaid: Vec<_> = outbox::keyed((0..90).map(result).collect());
    let changes: Vec<_> = unsaid
        .iter()
        .map(|(key, message)| StateChange {
            key: key.clone(),
            value: Some(outbox::written(message)),
        })
        .collect();
    assert!(kept.transaction(&changes, kept.place(0), &going()).await.expect("committed"));
    let (kept, recalled) = reopened(folder.path(), &streams).await;
    assert_eq!((recalled.unsaid.len(), said(&streams)), (90, vec![]));
    // And as after one in the middle of that.
    let some = recalled.unsaid[..40].to_vec();
    assert!(kept.drain(some, &going()).await.expect("said"));
    let (kept, mut recalled) = reopened(folder.path(), &streams).await;
    assert_eq!(recalled.unsaid.len(), 50);
    assert!(kept.say(&mut recalled, &going()).await.expect("said"));
    assert_eq!(said(&streams), (0..90).collect::<Vec<u64>>());
    let (kept, recalled) = reopened(folder.path(), &streams).await;
    assert!(recalled.unsaid.is_empty() && recalled.parts.is_empty());
    // And so it is without a kill.
    let more = (90..300).map(result).collect();
    assert!(kept.commit(vec![part(1, "new")], more, 1, &going()).await.expect("said"));
    assert_eq!(said(&streams), (0..300).collect::<Vec<u64>>());
}

#[tokio::test]
async fn who_begins_anew_has_nothing_but_its_declaration() {
    let folder = tempfile::tempdir().expect("a folder");
    let streams = streams(folder.path());
    let (kept, mut recalled) = reopened(folder.path(), &streams).await;
    assert!(kept.begin_anew(&mut recalled, "one", &going()).await.expect("begun"));
    let parts: Vec<_> = (0..200).map(|key| part(key, "old")).collect();
    assert!(kept.commit(parts, vec![], 0, &going()).await.expect("committed"));
    let (kept, mut recalled) = reopened(folder.path(), &streams).await;
    assert_eq!((recalled.parts.len(), recalled.declared.as_deref()), (200, Some("one")));
    assert!(kept.begin_anew(&mut recalled, "two", &going()).await.expect("begun"));
    let (_, recalled) = reopened(folder.path(), &streams).await;
    assert_eq!((recalled.parts.len(), recalled.declared.as_deref()), (0, Some("two")));
}

#[test]
fn what_is_no_record_of_a_state_is_refused() {
    let key = Bytes::from_static(b"k/x");
    let envelope = |kind| Envelope { kind, content_type: None, key: key.clone() };
    for bad in [&[][..], &[STAGED], &[STAGED; 9], &[END], &[END; 8], &[END; 10], &[9, 9]] {
        let payload = Bytes::copy_from_slice(bad);
        assert_eq!(read(&envelope(Kind::State), &payload), None, "{bad:?}");
        assert_eq!(read(&envelope(Kind::Message), &payload), None, "{bad:?}");
    }
    let end = Bytes::from_static(&[END, 5, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(read(&envelope(Kind::State), &end), Some(Written::End(5)));
}
