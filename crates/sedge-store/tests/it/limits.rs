use crate::{all_keys, frozen, namespace, scratch};
use sedge_store::{Options, Store, StoreError, Swap};
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

fn small() -> Options {
    Options {
        key_bytes_max: 8,
        value_bytes_max: 100,
        namespace_bytes_max: Some(210),
        batch_entries_max: 3,
        queue_bytes_max: 250,
        ..Options::default()
    }
}

#[test]
fn each_limit_holds_at_and_past_it() {
    let (_folder, path) = scratch();
    let store = Store::open_with(&path, small()).expect("open");
    let n = namespace("n");
    for key in ["", "123456789", "ääääx"] {
        let refused = StoreError::InvalidKey { bytes: key.len(), bytes_max: 8 };
        assert_eq!(store.set(&n, key, "", None), Err(refused.clone()));
        assert_eq!(store.get(&n, key), Err(refused.clone()));
        assert_eq!(store.exists(&n, key), Err(refused.clone()));
        assert_eq!(store.delete(&n, key), Err(refused.clone()));
        assert_eq!(store.increment(&n, key, 1), Err(refused.clone()));
        assert_eq!(store.get_many(&n, &[key]), Err(refused));
    }
    let refused = StoreError::ValueTooLarge { bytes: 101, bytes_max: 100 };
    assert_eq!(store.set(&n, "k", vec![0; 101], None), Err(refused.clone()));
    let absent = store.get_versioned(&n, "k").expect("look").version;
    assert_eq!(store.compare_and_swap(&n, "k", absent, vec![0; 101], None), Err(refused));
    let entry = |key: &str, bytes| (key.to_owned(), vec![0; bytes]);
    let four = ["a", "b", "c", "d"].map(|key| entry(key, 0)).to_vec();
    assert!(matches!(
        store.set_many(&n, four, None),
        Err(StoreError::BatchTooLarge { entries: 4, .. })
    ));
    let heavy = ["a", "b", "c"].map(|key| entry(key, 83)).to_vec();
    assert!(matches!(
        store.set_many(&n, heavy, None),
        Err(StoreError::BatchTooLarge { bytes: 252, .. })
    ));
    assert_eq!(store.namespaces().expect("list"), []);

    store.set(&n, "12345678", vec![0; 100], None).expect("at the limits");
    assert_eq!(all_keys(&store, &n, 1), ["12345678"]);
}

#[test]
fn the_quota_counts_what_is_replaced_and_lets_a_full_namespace_shrink() {
    let (_folder, path) = scratch();
    let store = Store::open_with(&path, small()).expect("open");
    let n = namespace("n");
    store.set(&n, "a", vec![0; 100], None).expect("101");
    store.set(&n, "b", vec![0; 100], None).expect("202");
    let refused = StoreError::QuotaExceeded { namespace: "n".into(), bytes: 213, bytes_max: 210 };
    assert_eq!(store.set(&n, "c", vec![0; 10], None), Err(refused));
    assert!(matches!(store.increment(&n, "1234567", 10), Err(StoreError::QuotaExceeded { .. })));
    assert_eq!(store.get(&n, "1234567"), Ok(None));
    let both = vec![("a".to_owned(), vec![0; 90]), ("a".to_owned(), vec![0; 95])];
    store.set_many(&n, both, None).expect("the last of two counts");
    assert_eq!(store.get(&n, "a").expect("get"), Some(vec![0; 95]));
    // Another namespace has a quota of its own.
    store.set(&namespace("m"), "c", vec![0; 100], None).expect("other namespace");
    store.delete(&n, "b").expect("delete");
    store.set(&n, "c", vec![0; 10], None).expect("room again");

    drop(store);
    let options = Options { namespace_bytes_max: Some(10), ..small() };
    let store = Store::open_with(&path, options).expect("with a smaller quota");
    store.set(&n, "a", vec![0; 90], None).expect("shrinking is always possible");
    assert!(store.set(&n, "a", vec![0; 91], None).is_err());
}

#[test]
fn pages_end_and_hold_every_key_once_whatever_their_size() {
    let (_folder, path) = scratch();
    let store = Store::open(&path).expect("open");
    // Neighbors in the order of bytes must not leak into one another.
    let (n, near) = (namespace("n"), [namespace("n-"), namespace("n/x"), namespace("m")]);
    let mut keys: Vec<String> = (0..25).map(|i| format!("k{i:02}")).collect();
    keys.extend(["a\0b".to_owned(), "a".to_owned(), "ü".to_owned(), "\u{10ffff}".to_owned()]);
    keys.sort();
    let entries = |value: u8| keys.iter().map(|key| (key.clone(), vec![value])).collect();
    store.set_many(&n, entries(1), None).expect("set");
    for other in &near {
        store.set_many(other, entries(2), None).expect("set");
    }
    for limit in [0, 1, 2, 7, 28, 29, 30, 1_000] {
        assert_eq!(all_keys(&store, &n, limit), keys, "{limit}");
    }
    assert_eq!(store.keys(&n, Some("~"), 10).expect("page").keys, ["ü", "\u{10ffff}"]);
    assert_eq!(store.keys(&n, None, 29).expect("page").cursor, None);
    assert_eq!(all_keys(&store, &namespace("empty"), 10), Vec::<String>::new());
}

#[test]
fn large_values_make_pages_short_but_lose_no_key() {
    let (_folder, path) = scratch();
    let store = Store::open(&path).expect("open");
    let n = namespace("n");
    for key in ["a", "b", "c", "d", "e"] {
        store.set(&n, key, vec![0; 2 << 20], None).expect("set");
    }
    let page = store.keys(&n, None, 1_000).expect("page");
    assert_eq!((page.keys.len(), page.cursor.as_deref()), (2, Some("b")));
    assert_eq!(all_keys(&store, &n, 1_000), ["a", "b", "c", "d", "e"]);
}

#[test]
fn increments_refuse_what_is_no_number_and_leave_it() {
    let (_folder, path) = scratch();
    let store = Store::open(&path).expect("open");
    let n = namespace("n");
    store.set(&n, "text", "1.5", None).expect("set");
    assert_eq!(store.increment(&n, "text", 1), Err(StoreError::NotANumber));
    assert_eq!(store.get(&n, "text").expect("get").as_deref(), Some(b"1.5".as_slice()));
    assert_eq!(store.increment(&n, "max", i64::MAX), Ok(i64::MAX));
    assert_eq!(store.increment(&n, "max", 1), Err(StoreError::Overflow));
    assert_eq!(store.increment(&n, "max", i64::MIN), Ok(-1));
    assert_eq!(store.get(&n, "max").expect("get").as_deref(), Some(b"-1".as_slice()));
}

#[test]
fn a_swap_notices_every_write_even_of_the_same_value() {
    let (_folder, path) = scratch();
    let store = Store::open(&path).expect("open");
    let n = namespace("n");
    let absent = store.get_versioned(&n, "k").expect("look");
    assert_eq!(absent.value, None);
    let swap =
        |version, value: &str| store.compare_and_swap(&n, "k", version, value, None).expect("swap");
    assert_eq!(swap(absent.version, "a"), Swap::Swapped);
    let seen = store.get_versioned(&n, "k").expect("look");
    store.set(&n, "k", "b", None).expect("set");
    store.set(&n, "k", "a", None).expect("set back");
    let Swap::Stale { version, value } = swap(seen.version, "c") else { panic!("was written") };
    assert_eq!(value.as_deref(), Some(b"a".as_slice()));
    assert_eq!(swap(version, "c"), Swap::Swapped);

    // Versions go on after a restart, so that none is given out twice.
    drop(store);
    let store = Store::open(&path).expect("reopen");
    let before = store.get_versioned(&n, "k").expect("look").version;
    store.delete(&n, "k").expect("delete");
    store.set(&n, "k", "c", None).expect("set");
    assert_ne!(store.get_versioned(&n, "k").expect("look").version, before);
}

#[test]
fn a_swap_notices_a_key_that_came_and_went() {
    let (_folder, path) = scratch();
    let (options, clock) = frozen(0);
    let options = Options { sweep_interval: Duration::from_millis(1), ..options };
    let store = Store::open_with(&path, options.clone()).expect("open");
    let n = namespace("n");
    let look = |store: &Store| store.get_versioned(&n, "k").expect("look").version;
    let swap = |store: &Store, version| {
        store.compare_and_swap(&n, "k", version, "mine", None).expect("swap")
    };
    for key in ["old", "older"] {
        store.set(&n, key, "", None).expect("set");
    }

    let seen = look(&store);
    store.set(&n, "k", "theirs", None).expect("set");
    store.delete(&n, "k").expect("delete");
    let Swap::Stale { version, value: None } = swap(&store, seen) else {
        panic!("it came and went")
    };

    // What is told with a refusal is good for another attempt, whatever is
    // deleted that was there before.
    store.delete(&n, "old").expect("delete");
    assert_eq!(swap(&store, version), Swap::Swapped);
    store.delete(&n, "k").expect("delete");

    // The same when it expires: before it is swept, and after.
    for swept in [false, true] {
        let seen = look(&store);
        store.set(&n, "k", "theirs", Some(Duration::from_millis(5))).expect("set");
        clock.fetch_add(5, SeqCst);
        until(swept, || store.namespaces().expect("list")[0].keys == 1);
        assert!(matches!(swap(&store, seen), Swap::Stale { value: None, .. }), "{swept}");
    }

    // What was removed is known after a restart too.
    let seen = look(&store);
    store.set(&n, "k", "theirs", None).expect("set");
    store.delete(&n, "k").expect("delete");
    drop(store);
    let store = Store::open_with(&path, options).expect("reopen");
    assert!(matches!(swap(&store, seen), Swap::Stale { value: None, .. }));
    assert_eq!(swap(&store, look(&store)), Swap::Swapped);
}

/// Waits, if `wanted`, until `check` holds.
fn until(wanted: bool, check: impl Fn() -> bool) {
    let begin = Instant::now();
    while wanted && !check() {
        assert!(begin.elapsed() < Duration::from_secs(10), "it does not happen");
        std::thread::sleep(Duration::from_millis(1));
    }
}
