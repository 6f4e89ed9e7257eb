use crate::{namespace, scratch};
use sedge_store::{Applied, Change, Options, Store, StoreError, Swap, Write};
use std::sync::mpsc;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);

fn set(key: &str) -> Write {
    let change = Change::Set { entries: vec![(key.into(), b"v".to_vec())], ttl: None };
    Write { namespace: namespace("n"), change }
}

#[test]
fn increments_from_eight_threads_sum_up() {
    let (_folder, path) = scratch();
    let store = Store::open(&path).expect("open");
    let n = namespace("n");
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..50 {
                    store.increment(&n, "k", 3).expect("sum");
                }
            });
        }
    });
    assert_eq!(store.increment(&n, "k", 0), Ok(8 * 50 * 3));
}

#[test]
fn swaps_from_four_threads_lose_nothing() {
    let (_folder, path) = scratch();
    let store = Store::open(&path).expect("open");
    let n = namespace("n");
    let add_one = || {
        for _ in 0..1_000 {
            let seen = store.get_versioned(&n, "k").expect("look");
            let length = seen.value.map_or(0, |value| value.len());
            let longer = vec![0; length + 1];
            let swap = store.compare_and_swap(&n, "k", seen.version, longer, None);
            if swap.expect("swap") == Swap::Swapped {
                return;
            }
        }
        panic!("never won");
    };
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..10).for_each(|_| add_one()));
        }
    });
    assert_eq!(store.get(&n, "k").expect("get").map(|value| value.len()), Some(40));
}

#[test]
fn a_full_queue_refuses_at_once_and_loses_nothing_it_took() {
    let (_folder, path) = scratch();
    let options = Options { queue_writes_max: 2, ..Options::default() };
    let store = Store::open_with(&path, options).expect("open");
    let (in_reply, wait_reply) = mpsc::channel();
    let (go_on, held) = mpsc::channel::<()>();
    // The writer is held inside this reply, so that the queue fills behind it.
    store.submit(
        set("first"),
        Box::new(move |outcome| {
            in_reply.send(outcome).expect("told");
            held.recv_timeout(PATIENCE).expect("released");
        }),
    );
    assert_eq!(wait_reply.recv_timeout(PATIENCE), Ok(Ok(Applied::Done)));
    let (sender, outcomes) = mpsc::channel();
    for key in ["second", "third", "fourth"] {
        let sender = sender.clone();
        store.submit(set(key), Box::new(move |outcome| sender.send((key, outcome)).expect("told")));
    }
    assert_eq!(outcomes.recv_timeout(PATIENCE), Ok(("fourth", Err(StoreError::Busy))));
    go_on.send(()).expect("released");
    for key in ["second", "third"] {
        assert_eq!(outcomes.recv_timeout(PATIENCE), Ok((key, Ok(Applied::Done))));
    }
    assert_eq!(store.get(&namespace("n"), "fourth"), Ok(None));
}

#[test]
fn one_bad_write_does_not_fail_its_neighbors_in_the_transaction() {
    let (_folder, path) = scratch();
    let store = Store::open(&path).expect("open");
    let n = namespace("n");
    store.set(&n, "text", "x", None).expect("set");
    let (sender, outcomes) = mpsc::channel();
    let bad = Change::Increment { key: "text".into(), delta: 1 };
    let bad = Write { namespace: n.clone(), change: bad };
    for write in [set("a"), bad, set("b")] {
        let sender = sender.clone();
        store.submit(write, Box::new(move |outcome| sender.send(outcome).expect("told")));
    }
    let outcomes: Vec<_> =
        (0..3).map(|_| outcomes.recv_timeout(PATIENCE).expect("outcome")).collect();
    assert_eq!(outcomes, [Ok(Applied::Done), Err(StoreError::NotANumber), Ok(Applied::Done)]);
    assert!(store.exists(&n, "b").expect("look"));
}

#[test]
fn a_reply_that_panics_does_not_stop_the_writer() {
    let (_folder, path) = scratch();
    let store = Store::open(&path).expect("open");
    store.submit(set("a"), Box::new(|_| panic!("a defect in a reply, on purpose")));
    store.set(&namespace("n"), "b", "v", None).expect("still writing");
    assert_eq!(store.exists(&namespace("n"), "a"), Ok(true));
}

#[test]
fn the_last_handle_finishes_what_waits_even_from_within_a_reply() {
    let (_folder, path) = scratch();
    let store = Store::open(&path).expect("open");
    let (sender, outcome) = mpsc::channel();
    let held = store.clone();
    store.submit(
        set("k"),
        Box::new(move |result| {
            drop(held);
            sender.send(result).expect("told");
        }),
    );
    drop(store);
    assert_eq!(outcome.recv_timeout(PATIENCE), Ok(Ok(Applied::Done)));
    let store = open_patiently(&path);
    assert_eq!(store.exists(&namespace("n"), "k"), Ok(true));
}

/// The file is closed by the writer's thread, moments after its last reply.
fn open_patiently(path: &std::path::Path) -> Store {
    for _ in 0..6_000 {
        match Store::open(path) {
            Err(StoreError::InUse { .. }) => std::thread::sleep(Duration::from_millis(10)),
            other => return other.expect("open"),
        }
    }
    panic!("the file stays in use");
}
