use crate::{namespace, scratch};
use sedge_store::{Store, StoreError};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

/// Tells the child test below which file to write to.
const PATH: &str = "SEDGE_STORE_CRASH_PATH";

/// The child: writes without end from four threads and names each key on its
/// standard output once the store has acknowledged it.
#[test]
#[ignore = "runs only as the child of a_killed_process_loses_nothing_acknowledged"]
fn child_writes_until_killed() {
    let Some(path) = std::env::var_os(PATH) else { return };
    let store = Store::open(path).expect("open");
    let (n, round) = (namespace("n"), std::process::id());
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (store, n) = (&store, &n);
            scope.spawn(move || {
                // Bounded, should the parent die before it kills.
                for i in 0..100_000 {
                    let key = format!("{round}-{thread}-{i}");
                    let value = key.repeat(1 + i % 200);
                    store.set(n, &key, value, None).expect("set");
                    store.increment(n, "count", 1).expect("increment");
                    let pair = ["left", "right"]
                        .map(|side| (format!("{side}-{thread}"), key.clone().into()));
                    store.set_many(n, pair.to_vec(), None).expect("set both");
                    let line = format!("ack {key}\n");
                    std::io::stdout().lock().write_all(line.as_bytes()).expect("parent reads");
                }
            });
        }
    });
}

/// Runs the child until it has acknowledged some writes, kills it, and adds
/// what it acknowledged.
fn run_and_kill(path: &Path, acknowledged: &mut BTreeSet<String>) {
    let mut child = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "crash::child_writes_until_killed", "--ignored", "--nocapture"])
        .env(PATH, path)
        .stdout(Stdio::piped())
        .spawn()
        .expect("spawn");
    let mut output = BufReader::new(child.stdout.take().expect("piped"));
    let (mut line, mut seen) = (String::new(), 0);
    loop {
        line.clear();
        let length = output.read_line(&mut line).expect("read");
        // A line that was cut by the kill does not count.
        if let Some(key) = line.strip_prefix("ack ").and_then(|rest| rest.strip_suffix('\n')) {
            acknowledged.insert(key.to_owned());
            seen += 1;
        }
        if seen == 150 {
            child.kill().expect("kill");
            seen += 1;
        }
        if length == 0 {
            break;
        }
    }
    assert!(!child.wait().expect("wait").success());
    assert!(seen > 150, "the child ended by itself");
}

#[test]
fn a_killed_process_loses_nothing_acknowledged() {
    let (_folder, path) = scratch();
    let mut acknowledged = BTreeSet::new();
    let n = namespace("n");
    for _ in 0..3 {
        run_and_kill(&path, &mut acknowledged);
        let store = Store::open(&path).expect("reopen after the kill");
        for key in &acknowledged {
            let value = store.get(&n, key).expect("get").unwrap_or_default();
            assert!(!value.is_empty(), "{key} was acknowledged and is gone");
            assert!(value.chunks(key.len()).all(|part| part == key.as_bytes()), "{key} is torn");
        }
        for thread in 0..4 {
            let sides = ["left", "right"].map(|side| store.get(&n, &format!("{side}-{thread}")));
            assert_eq!(sides[0], sides[1], "a batch is whole or absent");
        }
        let count = store.increment(&n, "count", 0).expect("count");
        assert!(count >= acknowledged.len() as i64, "{count} of {}", acknowledged.len());
        let usage = &store.namespaces().expect("list")[0];
        assert_eq!(usage.keys, crate::all_keys(&store, &n, 1_000).len() as u64);
    }
}

#[test]
fn a_second_process_is_told_who_is_in_the_way() {
    let (_folder, path) = scratch();
    let first = Store::open(&path).expect("open");
    let error = Store::open(&path).err().expect("in use");
    assert_eq!(error, StoreError::InUse { path: path.clone() });
    assert!(error.hint().is_some_and(|hint| hint.contains("--data")));
    drop(first);
    Store::open(&path).expect("free again");
}
