use crate::{all_keys, frozen, namespace, scratch};
use sedge_store::{Options, Store, Swap};
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

const MS: Duration = Duration::from_millis(1);

#[test]
fn an_expired_key_is_gone_at_once_for_every_operation() {
    let (_folder, path) = scratch();
    let (options, clock) = frozen(1_000);
    let store = Store::open_with(&path, options).expect("open");
    let n = namespace("n");
    store.set(&n, "k", "7", Some(10 * MS)).expect("set");
    store.set(&n, "zero", "0", Some(Duration::ZERO)).expect("set");
    store.set(&n, "ever", "0", Some(Duration::MAX)).expect("set");
    assert_eq!(store.get(&n, "zero"), Ok(None));
    clock.store(1_009, SeqCst);
    assert_eq!(store.get(&n, "k").expect("live").as_deref(), Some(b"7".as_slice()));
    clock.store(1_010, SeqCst);
    assert_eq!(store.get(&n, "k"), Ok(None));
    assert_eq!(store.exists(&n, "k"), Ok(false));
    assert_eq!(store.get_versioned(&n, "k").expect("look").value, None);
    assert_eq!(store.get_many(&n, &["k", "ever"]), Ok(vec![None, Some(b"0".to_vec())]));
    assert_eq!(all_keys(&store, &n, 1), ["ever"]);
    assert_eq!(store.increment(&n, "k", 1), Ok(1));
    clock.store(u64::MAX - 1, SeqCst);
    assert_eq!(store.exists(&n, "k"), Ok(true), "an increment of an absent key lives on");
}

#[test]
fn writing_again_ends_or_renews_the_time_to_live() {
    let (_folder, path) = scratch();
    let (options, clock) = frozen(0);
    let store = Store::open_with(&path, options).expect("open");
    let n = namespace("n");
    for key in ["set", "renewed", "counted", "swapped"] {
        store.set(&n, key, "1", Some(10 * MS)).expect("set");
    }
    clock.store(9, SeqCst);
    store.set(&n, "set", "2", None).expect("set");
    store.set(&n, "renewed", "2", Some(10 * MS)).expect("set");
    store.increment(&n, "counted", 1).expect("increment");
    let version = store.get_versioned(&n, "swapped").expect("look").version;
    let swap = store.compare_and_swap(&n, "swapped", version, "2", Some(5 * MS));
    assert_eq!(swap, Ok(Swap::Swapped));
    clock.store(10, SeqCst);
    assert_eq!(all_keys(&store, &n, 9), ["renewed", "set", "swapped"]);
    clock.store(14, SeqCst);
    assert_eq!(all_keys(&store, &n, 9), ["renewed", "set"]);
    clock.store(19, SeqCst);
    assert_eq!(all_keys(&store, &n, 9), ["set"]);
}

#[test]
fn a_clock_set_back_keeps_longer_and_one_set_forward_ends_earlier() {
    let (_folder, path) = scratch();
    let (options, clock) = frozen(1_000_000);
    let store = Store::open_with(&path, options).expect("open");
    let n = namespace("n");
    store.set(&n, "k", "v", Some(100 * MS)).expect("set");
    clock.store(0, SeqCst);
    assert_eq!(store.exists(&n, "k"), Ok(true), "an hour back, it lives an hour longer");
    clock.store(2_000_000, SeqCst);
    assert_eq!(store.exists(&n, "k"), Ok(false));
    clock.store(1_000_000, SeqCst);
    assert_eq!(store.exists(&n, "k"), Ok(true), "not swept yet, so seen again");
}

#[test]
fn expired_keys_are_swept_in_bounded_batches_also_after_a_restart() {
    let (_folder, path) = scratch();
    let (options, clock) = frozen(0);
    let store = Store::open_with(&path, options.clone()).expect("open");
    let n = namespace("n");
    let entries = (0..100).map(|i| (format!("k{i}"), vec![0; 10])).collect();
    store.set_many(&n, entries, Some(10 * MS)).expect("set");
    store.set(&n, "stays", "", None).expect("set");
    drop(store);

    clock.store(10, SeqCst);
    let options = Options { sweep_interval: MS, sweep_entries_max: 7, ..options };
    let store = Store::open_with(&path, options).expect("reopen");
    let until = Instant::now() + Duration::from_secs(60);
    while store.namespaces().expect("list")[0].keys > 1 {
        assert!(Instant::now() < until, "the sweep does not end");
        std::thread::sleep(MS);
    }
    assert_eq!(store.namespaces().expect("list")[0].bytes, 5);
    clock.store(0, SeqCst);
    assert_eq!(all_keys(&store, &n, 9), ["stays"], "what is swept does not come back");
}
