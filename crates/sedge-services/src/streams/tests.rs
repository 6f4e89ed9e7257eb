use super::*;
use sedge_store::{Options, Store, StoreError};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

fn filters(texts: &[&str]) -> Vec<TopicFilter> {
    texts.iter().map(|text| TopicFilter::parse(text).expect("a filter")).collect()
}

fn granted(state: bool) -> Arc<Topics> {
    Arc::new(Topics { emit: filters(&["alerts/#"]), publish: filters(&["valves/+/set"]), state })
}

fn store(options: Options) -> (TempDir, Store) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open_with(folder.path().join("store"), options).expect("opened");
    (folder, store)
}

fn emitted(topic: &str, payload: usize) -> Emitted {
    let payload = Bytes::from(vec![0; payload]);
    Emitted { topic: topic.to_owned(), key: Bytes::new(), content_type: None, payload }
}

fn published(topic: &str) -> Published {
    Published { topic: topic.to_owned(), payload: "on".into(), retain: false }
}

type Told = Arc<Mutex<Vec<String>>>;

fn at_once() -> (Told, AtOnce) {
    let told = Told::default();
    let teller = told.clone();
    let at_once = move |topic: &str, _: Bytes, _: bool| {
        teller.lock().expect("not poisoned").push(topic.to_owned());
    };
    (told, Arc::new(at_once))
}

#[test]
fn what_is_not_granted_or_cannot_be_is_refused_with_a_hint() {
    let (told, at_once) = at_once();
    let mut call = Transaction::begin(&granted(false), None, Some(at_once));
    for topic in ["", "alerts/+", "alerts/#", "a\0", &"a/".repeat(40)] {
        let error = call.emit(emitted(topic, 1)).expect_err(topic);
        assert!(matches!(error, StreamError::Invalid(_)), "{topic:?}: {error}");
    }
    let denied = call.emit(emitted("valves/1/set", 1)).expect_err("denied").to_string();
    assert!(denied.ends_with("hint: capabilities.emit = [\"valves/1/set\"]"), "{denied}");
    for topic in ["$SYS/x", "alerts/x", "valves/1/2/set"] {
        let error = call.publish_at_once(published(topic)).expect_err(topic);
        assert!(matches!(error, StreamError::AccessDenied(_)), "{topic:?}: {error}");
    }
    let odd = Emitted { content_type: Some("a\nb".to_owned()), ..emitted("alerts/1", 1) };
    assert!(matches!(call.emit(odd), Err(StreamError::Invalid(_))));
    let denied = call.get("k").expect_err("denied").to_string();
    assert!(denied.ends_with("hint: capabilities.state = true"), "{denied}");
    assert!(told.lock().expect("not poisoned").is_empty());
    assert!(call.end().is_empty());
    let mut alone = Transaction::begin(&granted(false), None, None);
    assert!(matches!(alone.publish(published("valves/1/set")), Err(StreamError::Other(_))));
}

#[test]
fn one_call_brings_about_so_much_and_no_more() {
    let mut call = Transaction::begin(&granted(false), None, None);
    assert!(matches!(call.emit(emitted("alerts/1", 1 << 21)), Err(StreamError::TooLarge(_))));
    let key = Emitted { key: vec![0; 513].into(), ..emitted("alerts/1", 1) };
    assert!(matches!(call.emit(key), Err(StreamError::TooLarge(_))));
    for _ in 0..CALL_EFFECTS_MAX {
        call.emit(emitted("alerts/1", 1)).expect("room");
    }
    assert!(matches!(call.emit(emitted("alerts/1", 1)), Err(StreamError::TooLarge(_))));
    assert_eq!(call.end().emitted.len(), CALL_EFFECTS_MAX);
    let mut call = Transaction::begin(&granted(false), None, None);
    call.emit(emitted("alerts/1", PAYLOAD_BYTES_MAX)).expect("room");
    assert!(matches!(
        call.emit(emitted("alerts/1", PAYLOAD_BYTES_MAX)),
        Err(StreamError::TooLarge(_))
    ));
}

#[test]
fn a_call_sees_its_own_changes_and_one_of_two_that_meet_is_outdated() {
    let (_folder, store) = store(Options::default());
    let state = KeyedState::new(&store, "app", "function").expect("a state");
    let begin = || Transaction::begin(&granted(true), Some(&state), None);
    let (mut one, mut other, mut apart) = (begin(), begin(), begin());
    for key in ["", "$sedge", "$"] {
        assert!(matches!(one.get(key), Err(StreamError::Invalid(_))), "{key:?}");
        assert!(matches!(one.set(key, None), Err(StreamError::Invalid(_))), "{key:?}");
    }
    assert!(matches!(one.set(&"k".repeat(513), None), Err(StreamError::TooLarge(_))));
    assert_eq!(one.get("k"), Ok(None));
    one.set("k", Some("1".into())).expect("set");
    assert_eq!(one.get("k"), Ok(Some("1".into())));
    assert_eq!(other.get("k"), Ok(None));
    apart.set("l", Some("2".into())).expect("set");
    assert!(!one.is_outdated());
    state.accept(&one.end().state);
    assert!(other.is_outdated() && !apart.is_outdated());
    assert_eq!(begin().get("k"), Ok(Some("1".into())));
    assert!(!begin().is_outdated());
    state.forget_before(state.version());
    assert!(!begin().is_outdated());
}

fn set(key: &str, value: Option<&str>) -> StateChange {
    let value = value.map(|value| Bytes::copy_from_slice(value.as_bytes()));
    StateChange { key: key.to_owned(), value }
}

fn flush(state: &KeyedState) {
    let done = |_: &u32| !state.is_flushing() && state.flush();
    let found = (0..10_000).find(|round| {
        std::thread::sleep(std::time::Duration::from_millis(u64::from(*round > 0)));
        done(round)
    });
    assert!(found.is_some(), "the tables took it");
}

#[test]
fn what_is_committed_is_written_and_what_is_not_is_only_seen() {
    let (_folder, store) = store(Options::default());
    let open = || KeyedState::new(&store, "app", "function").expect("a state");
    let state = open();
    let first = [set("a", Some("1")), set("b", Some("2"))];
    let version = state.accept(&first);
    flush(&state);
    assert_eq!((state.get("a"), open().get("a")), (Ok(Some("1".into())), Ok(None)));
    state.commit(&first, version);
    let second = [set("a", None), set("b", Some("3"))];
    let later = state.accept(&second);
    flush(&state);
    assert_eq!((open().get("a"), open().get("b")), (Ok(Some("1".into())), Ok(Some("2".into()))));
    assert_eq!((state.get("a"), state.get("b")), (Ok(None), Ok(Some("3".into()))));
    state.commit(&second, later);
    flush(&state);
    assert_eq!((open().get("a"), open().get("b")), (Ok(None), Ok(Some("3".into()))));
    assert_eq!(state.unwritten_bytes(), 0);
    let other = KeyedState::new(&store, "app", "other").expect("a state");
    assert_eq!(other.get("b"), Ok(None));
}

#[test]
fn what_the_tables_do_not_take_stays_in_memory_and_is_told() {
    let options = Options { namespace_bytes_max: Some(10), ..Options::default() };
    let (_folder, store) = store(options);
    let state = KeyedState::new(&store, "app", "function").expect("a state");
    let value = "v".repeat(100);
    let changes = [set("k", Some(&value))];
    state.commit(&changes, state.accept(&changes));
    assert!(!state.flush());
    (0..10_000).take_while(|_| state.is_flushing()).for_each(|_| {
        std::thread::sleep(std::time::Duration::from_millis(1));
    });
    assert!(matches!(state.failure(), Some(StoreError::QuotaExceeded { .. })));
    assert_eq!((state.get("k"), state.unwritten_bytes()), (Ok(Some(value.into())), 101));
    assert_eq!(state.flush_errors(), 1);
}

#[test]
fn what_answers_a_request_says_things_and_has_no_state() {
    type Appended = Arc<Mutex<Vec<Effects>>>;
    let appended = Appended::default();
    let keep = appended.clone();
    let append = Arc::new(move |effects| keep.lock().expect("not poisoned").push(effects));
    let topics = Topics { emit: filters(&["alerts/#"]), publish: vec![], state: true };
    let output = Output::new(topics, None, append.clone());
    let mut call = output.begin().expect("it may say something");
    assert_eq!(call.get("k"), Err(StreamError::NoHandler));
    assert_eq!(call.set("k", None), Err(StreamError::NoHandler));
    call.emit(emitted("valves/1", 1)).expect_err("is not granted");
    output.end(call);
    assert!(appended.lock().expect("not poisoned").is_empty(), "it has said nothing");
    let mut call = output.begin().expect("it may say something");
    call.emit(emitted("alerts/1", 1)).expect("is granted");
    drop(call);
    assert!(appended.lock().expect("not poisoned").is_empty(), "it has not ended well");
    let mut call = output.begin().expect("it may say something");
    call.emit(emitted("alerts/1", 1)).expect("is granted");
    output.end(call);
    assert_eq!(appended.lock().expect("not poisoned").len(), 1);
    assert!(Output::default().begin().is_none());
    assert!(Output::new(Topics::default(), None, append).begin().is_none());
}

#[test]
fn entries_are_those_of_the_tables_under_what_is_newer() {
    let (_folder, store) = store(Options::default());
    let state = KeyedState::new(&store, "a", "f").expect("a state");
    assert_eq!(state.entries().expect("read"), []);
    let change = |key: &str, value: Option<&'static str>| StateChange {
        key: key.to_owned(),
        value: value.map(|value| Bytes::from_static(value.as_bytes())),
    };
    let many: Vec<_> = (0..2_500).map(|key| change(&format!("k{key:04}"), Some("old"))).collect();
    state.commit(&many, state.accept(&many));
    while !state.flush() || state.is_flushing() {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    assert_eq!(state.unwritten_bytes(), 0, "all of it is in the tables");
    let newer = [change("k0001", Some("new")), change("k0002", None), change("z", Some("new"))];
    state.commit(&newer, state.accept(&newer));
    let mut entries = state.entries().expect("read");
    entries.sort();
    assert_eq!(entries.len(), 2_500);
    let found = |key: &str| entries.iter().find(|(one, _)| one == key).map(|(_, value)| &**value);
    assert_eq!((found("k0000"), found("k0001")), (Some(&b"old"[..]), Some(&b"new"[..])));
    assert_eq!((found("k0002"), found("z")), (None, Some(&b"new"[..])));
}
