use super::{body, get, head, key, open};
use sedge_store::segments::SegmentsOptions;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Tells the child test below which folder to write to.
const PATH: &str = "SEDGE_STORE_SEGMENTS_CRASH_PATH";

/// Keys that each thread of the child uses.
const KEYS: u64 = 50;

fn options() -> SegmentsOptions {
    SegmentsOptions {
        bytes_max: 4 << 20,
        segment_bytes: 256 << 10,
        sync_interval: Duration::from_millis(50),
        ..SegmentsOptions::default()
    }
}

/// Bytes of a record's body, from none to several blocks.
fn bytes_of(i: u64, version: u64) -> usize {
    ((i * 7 + version * 13) % 40 * 3_000) as usize
}

/// The child: puts and removes without end from four threads, and names each removal on
/// its standard output once the log has answered it. Versions only grow.
#[test]
#[ignore = "runs only as the child of what_was_removed_stays_removed_after_a_kill"]
fn child_writes_until_killed() {
    let Some(path) = std::env::var_os(PATH) else { return };
    let segments = open(Path::new(&path), options());
    let round = u64::from(std::process::id()) << 32;
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let segments = &segments;
            scope.spawn(move || {
                // Bounded, should the parent die before it kills.
                for step in 0..200_000_u64 {
                    let (i, version) = (thread * KEYS + step % KEYS, round + step);
                    let body = body(i, version, bytes_of(i, version));
                    let _ = segments.put(key(i), head(i, version), vec![body]);
                    drop(get(segments, i));
                    if step % 3 == 0 {
                        let i = thread * KEYS + step * 7 % KEYS;
                        segments.remove_wait(key(i)).expect("removed");
                        let line = format!("removed {i} {version}\n");
                        std::io::stdout().lock().write_all(line.as_bytes()).expect("parent reads");
                    }
                }
            });
        }
    });
}

/// Runs the child until it has removed some, kills it, and notes the version up to which
/// each key was removed.
fn run_and_kill(path: &Path, kill_after: usize) -> BTreeMap<u64, u64> {
    let mut child = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "segments::crash::child_writes_until_killed", "--ignored", "--nocapture"])
        .env(PATH, path)
        .stdout(Stdio::piped())
        .spawn()
        .expect("spawn");
    let mut output = BufReader::new(child.stdout.take().expect("piped"));
    let (mut removed, mut line, mut seen) = (BTreeMap::new(), String::new(), 0);
    loop {
        line.clear();
        let length = output.read_line(&mut line).expect("read");
        // A line that was cut by the kill does not count.
        let told = line.strip_prefix("removed ").and_then(|rest| rest.strip_suffix('\n'));
        if let Some((i, version)) = told.and_then(|rest| rest.split_once(' ')) {
            removed.insert(i.parse().expect("key"), version.parse().expect("version"));
            seen += 1;
        }
        if seen == kill_after {
            child.kill().expect("kill");
            seen += 1;
        }
        if length == 0 {
            break;
        }
    }
    assert!(!child.wait().expect("wait").success());
    assert!(seen > kill_after, "the child ended by itself");
    removed
}

#[test]
fn what_was_removed_stays_removed_after_a_kill() {
    let folder = tempfile::tempdir().expect("folder");
    for kill_after in [200, 333, 1_000, 2_500] {
        let removed = run_and_kill(folder.path(), kill_after);
        let segments = open(folder.path(), options());
        let counters = segments.counters();
        assert!(counters.records > 0 && counters.forgotten == 0, "{counters:?}");
        for i in 0..4 * KEYS {
            let Some((head, found)) = get(&segments, i) else { continue };
            let version = head.rsplit(' ').next().and_then(|version| version.parse().ok());
            let version: u64 = version.expect("a whole head");
            assert_eq!(head, format!("{i} in version {version}"));
            assert_eq!(found, body(i, version, bytes_of(i, version)), "{i} is torn");
            let gone = removed.get(&i).copied().unwrap_or(0);
            assert!(version > gone, "{i} in version {version} was removed at {gone}");
        }
        assert_eq!(segments.counters().damaged, 0);
    }
}
