use super::{get, has, head, key, open, put, small};
use crate::full_disk::limit_file_size;
use crate::segments::body;
use sedge_store::segments::{Put, SegmentsError, SegmentsOptions};
use std::path::Path;
use std::process::Command;

/// Tells the child test below which folder to fill.
const PATH: &str = "SEDGE_STORE_SEGMENTS_FULL_PATH";

/// … which one is on a small disk.
const SMALL_PATH: &str = "SEDGE_STORE_SEGMENTS_SMALL_PATH";

fn options() -> SegmentsOptions {
    SegmentsOptions { bytes_max: 8 << 20, segment_bytes: 1 << 20, ..small() }
}

/// The child: meets the end of the disk, played by the limit on a file's size.
#[test]
#[ignore = "runs only as the child of a_full_disk_loses_what_comes_and_nothing_else"]
fn child_fills_the_disk() {
    let Some(path) = std::env::var_os(PATH) else { return };
    let segments = open(Path::new(&path), options());
    put(&segments, 1, 1, 10_000);
    put(&segments, 2, 1, 10_000);
    put(&segments, 3, 1, 10_000);
    limit_file_size(50_000);
    // Part of it fits, and must not be left behind.
    assert_eq!(segments.put(key(1), head(1, 2), vec![body(1, 2, 100_000)]), Put::Queued);
    // What was written before is safe.
    segments.sync_wait().expect("sync");
    assert_eq!(get(&segments, 1), None, "the older one would be out of date");
    assert!(has(&segments, 2, 1, 10_000));
    // What still fits is taken.
    put(&segments, 4, 1, 5_000);
    assert!(has(&segments, 4, 1, 5_000));
    limit_file_size(0);
    let refused = segments.remove_wait(key(3));
    assert!(matches!(refused, Err(SegmentsError::Io { .. })), "{refused:?}");
    assert_eq!(get(&segments, 3), None, "gone as long as the log is open");
    limit_file_size(libc::RLIM_INFINITY);
    segments.remove_wait(key(3)).expect("written now, although it is not known any more");
    put(&segments, 5, 1, 100_000);
    let counters = segments.counters();
    assert_eq!(counters.lost, 1);
    assert!(counters.write_errors >= 2, "{counters:?}");
}

#[test]
fn a_full_disk_loses_what_comes_and_nothing_else() {
    let folder = tempfile::tempdir().expect("folder");
    let output = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "segments::full_disk::child_fills_the_disk", "--ignored", "--nocapture"])
        .env(PATH, folder.path())
        .output()
        .expect("run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let segments = open(folder.path(), options());
    assert_eq!(segments.counters().forgotten, 0);
    assert!(has(&segments, 2, 1, 10_000));
    assert!(has(&segments, 4, 1, 5_000));
    assert!(has(&segments, 5, 1, 100_000));
    assert_eq!(get(&segments, 3), None);
}

/// The folder disappears: what is open goes on, what would be new is lost.
#[test]
fn a_folder_that_is_removed_loses_what_comes() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("log");
    let segments = open(&path, options());
    put(&segments, 1, 1, 10_000);
    std::fs::remove_dir_all(&path).expect("remove");
    assert!(has(&segments, 1, 1, 10_000), "its file is open");
    for i in 2..40 {
        put(&segments, i, 1, 100_000);
    }
    let counters = segments.counters();
    assert!(counters.lost > 0 && counters.write_errors > 0, "{counters:?}");
}

/// A disk that is smaller than the log may be: the oldest segments go instead. It is a
/// file system in memory that only the child sees.
#[test]
fn a_disk_that_is_too_small_costs_the_oldest() {
    const SCRIPT: &str = "mount -t tmpfs -o size=200k none \"$1\" || exit 77; shift; exec \"$@\"";
    let folder = tempfile::tempdir().expect("folder");
    let child = "segments::full_disk::child_fills_a_small_disk";
    let ran = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", SCRIPT, "sh"])
        .arg(folder.path())
        .arg(std::env::current_exe().expect("this program"))
        .args(["--exact", child, "--ignored", "--nocapture"])
        .env(SMALL_PATH, folder.path())
        .output()
        .expect("unshare is part of every Linux");
    let said = [ran.stdout, ran.stderr].map(|said| String::from_utf8_lossy(&said).into_owned());
    if said[1].contains("unshare failed") || ran.status.code() == Some(77) {
        // Containers may forbid it.
        eprintln!("not checked: nobody may mount anything here\n{}", said[1]);
        return;
    }
    assert!(ran.status.success() && said[0].contains("1 passed"), "{}\n{}", said[0], said[1]);
}

#[test]
#[ignore = "runs only as the child of a_disk_that_is_too_small_costs_the_oldest"]
fn child_fills_a_small_disk() {
    let Some(path) = std::env::var_os(SMALL_PATH) else { return };
    let options = SegmentsOptions { bytes_max: 1 << 20, segment_bytes: 16 << 10, ..small() };
    let segments = open(&Path::new(&path).join("log"), options.clone());
    for i in 0..500 {
        put(&segments, i, 1, 2_000);
        assert!(has(&segments, i, 1, 2_000), "{i}");
        segments.remove_wait(key(i / 2)).expect("removed");
    }
    let counters = segments.counters();
    assert_eq!(counters.lost, 0);
    assert!(counters.write_errors > 0 && counters.evicted > 0, "{counters:?}");
    drop(segments);
    let segments = open(&Path::new(&path).join("log"), options);
    assert!(segments.counters().records > 30);
    assert!((0..250).all(|i| get(&segments, i).is_none()));
    assert!((250..500).all(|i| get(&segments, i).is_none() || has(&segments, i, 1, 2_000)));
}
