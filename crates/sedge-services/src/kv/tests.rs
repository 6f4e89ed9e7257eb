use super::*;
use futures_util::future::join_all;
use sedge_store::Options;
use std::future::Future;
use std::sync::mpsc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;
use tempfile::TempDir;

/// Wakes a thread that waits in [`block_on`].
struct Signal(mpsc::SyncSender<()>);

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        // A signal that is already waiting is enough.
        self.0.try_send(()).unwrap_or_default();
    }
}

/// A runtime for one future: the service needs none of its own.
fn block_on<F: Future>(future: F) -> F::Output {
    let (sender, signals) = mpsc::sync_channel(1);
    let waker = Waker::from(Arc::new(Signal(sender)));
    let mut future = std::pin::pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        signals.recv_timeout(Duration::from_secs(60)).expect("woken");
    }
}

fn store() -> (TempDir, Store) {
    store_with(Options::default())
}

fn store_with(options: Options) -> (TempDir, Store) {
    let folder = tempfile::tempdir().expect("folder");
    let store = Store::open_with(folder.path().join("store"), options).expect("open");
    (folder, store)
}

fn kv(store: &Store, app: &str, granted: &[&str]) -> Kv {
    let granted: Vec<_> = granted.iter().map(|&name| name.to_owned()).collect();
    Kv::new(store, app, &granted).expect("names")
}

#[test]
fn opens_what_is_granted_and_nothing_else() {
    let (_folder, store) = store();
    let granted = kv(&store, "shop", &["default", "carts"]);
    for (name, error) in [
        ("other", KvError::AccessDenied),
        ("Default", KvError::AccessDenied),
        ("shop/default", KvError::AccessDenied),
        ("../other/default", KvError::NoSuchStore),
        ("a b", KvError::NoSuchStore),
        ("a\0", KvError::NoSuchStore),
    ] {
        assert_eq!(granted.open(name).err(), Some(error), "{name}");
    }
    assert_eq!(kv(&store, "shop", &["carts"]).open("").err(), Some(KvError::AccessDenied));
    assert!(granted.open("carts").is_ok());
    assert!(granted.open("").is_ok(), "no name means the default namespace");
}

#[test]
fn names_that_no_namespace_can_have_are_refused_all_at_once() {
    let (_folder, store) = store();
    let granted = ["ok", "", "a b"].map(str::to_owned);
    let errors = Kv::new(&store, "shop", &granted).err().expect("two are bad");
    assert_eq!(errors.len(), 2);
    assert!(Kv::new(&store, "other/shop", &granted[..1]).is_err(), "an app has no slash");
}

#[test]
fn apps_with_the_same_namespace_name_do_not_meet() {
    let (_folder, store) = store();
    let [one, two] = ["one", "two"].map(|app| kv(&store, app, &["default"]).open("").expect(app));
    block_on(async {
        one.set("k", b"1".to_vec(), None).await.expect("set");
        assert_eq!(two.get("k").await, Ok(None));
        assert_eq!(two.list_keys(None).await.expect("page").keys, Vec::<String>::new());
        two.set("k", b"22".to_vec(), None).await.expect("set");
        assert_eq!(one.get("k").await, Ok(Some(b"1".to_vec())));
    });
    let seen = namespaces(&store).expect("list");
    let seen: Vec<_> = seen.iter().map(|n| (n.app.as_str(), n.name.as_str(), n.bytes)).collect();
    assert_eq!(seen, [("one", "default", 2), ("two", "default", 3)]);
    let bucket = admin_bucket(&store, "two", "default").expect("open");
    assert_eq!(block_on(bucket.get("k")), Ok(Some(b"22".to_vec())));
    assert!(admin_bucket(&store, "two/default", "x").is_err());
}

#[test]
fn every_operation_works_without_a_runtime() {
    let (_folder, store) = store();
    let bucket = kv(&store, "a", &["n"]).open("n").expect("open");
    block_on(async {
        bucket.set("k", b"v".to_vec(), Some(Duration::from_secs(3_600))).await.expect("set");
        assert_eq!(bucket.exists("k").await, Ok(true));
        bucket.delete("k").await.expect("delete");
        bucket.delete("k").await.expect("deleting again is no error");
        assert_eq!(bucket.exists("k").await, Ok(false));

        let entries = ["a", "b"].map(|key| (key.to_owned(), key.into())).to_vec();
        bucket.set_many(entries, None).await.expect("set");
        let keys = ["b", "x", "a"].map(str::to_owned);
        let values = bucket.get_many(&keys).await.expect("get");
        assert_eq!(values, [Some(b"b".to_vec()), None, Some(b"a".to_vec())]);
        bucket.delete_many(keys.to_vec()).await.expect("delete");
        assert_eq!(bucket.list_keys(None).await.expect("page").keys, Vec::<String>::new());

        let sums = join_all((0..100).map(|_| bucket.increment("count", 1))).await;
        assert!(sums.iter().all(Result::is_ok));
        assert_eq!(bucket.increment("count", 0).await, Ok(100));
    });
}

#[test]
fn a_stale_handle_fails_with_one_that_has_seen_the_change() {
    let (_folder, store) = store();
    let bucket = kv(&store, "a", &["n"]).open("n").expect("open");
    block_on(async {
        let first = Cas::new(&bucket, "k").await.expect("look");
        assert_eq!(first.current(), None);
        bucket.set("k", b"theirs".to_vec(), None).await.expect("set");
        let Err(CasError::Stale(second)) = first.swap(b"mine".to_vec()).await else {
            panic!("the key was written meanwhile");
        };
        assert_eq!(second.current(), Some(b"theirs".as_slice()));
        second.swap(b"mine".to_vec()).await.expect("nobody else wrote");
        assert_eq!(bucket.get("k").await, Ok(Some(b"mine".to_vec())));
    });
}

#[test]
fn guests_are_told_their_mistakes_but_nothing_of_the_node() {
    let (folder, store) = store_with(Options { value_bytes_max: 10, ..Options::default() });
    let bucket = kv(&store, "a", &["n"]).open("n").expect("open");
    let error = block_on(bucket.set("k", vec![0; 11], None)).expect_err("too large");
    assert_eq!(error.to_string(), "a value has 11 bytes, but may have 10");
    assert!(!error.is_platform());
    let path = folder.path().to_owned();
    for cause in [
        StoreError::DiskFull { path: path.clone() },
        StoreError::Io { path: path.clone(), detail: "secret detail".into() },
        StoreError::Corrupt { path: path.clone(), detail: "secret detail".into() },
    ] {
        let error = KvError::Other(cause);
        assert_eq!(error.to_string(), "the store failed");
        assert!(error.is_platform());
    }
    assert_eq!(KvError::Other(StoreError::Busy).to_string(), "the store is overloaded");
}

#[test]
fn futures_may_move_between_threads() {
    fn check<F: Future + Send>(future: F) {
        drop(future);
    }
    let (_folder, store) = store();
    let bucket = kv(&store, "a", &["n"]).open("n").expect("open");
    check(bucket.get("k"));
    check(bucket.set("k", Vec::new(), None));
    check(bucket.get_many(&[]));
    check(bucket.increment("k", 1));
    check(block_on(Cas::new(&bucket, "k")).expect("look").swap(Vec::new()));
}

#[test]
fn a_dropped_future_harms_nobody() {
    let (_folder, store) = store();
    let bucket = kv(&store, "a", &["n"]).open("n").expect("open");
    let mut dropped = Box::pin(bucket.increment("k", 1));
    let pending = dropped.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending();
    drop(dropped);
    let sum = block_on(bucket.increment("k", 1)).expect("sum");
    assert_eq!(sum, if pending { 2 } else { 1 }, "what was submitted happens");
}
