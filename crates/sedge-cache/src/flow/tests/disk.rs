//! The tier on the disk.

use super::stage::{FRESH, Options, Stage};
use sedge_store::segments::{Segments, SegmentsOptions};
use std::path::Path;

fn stage(folder: &Path) -> Stage {
    let disk = Segments::open(folder, SegmentsOptions::default()).expect("opens");
    Stage::with(Options { memory_bytes_max: 1 << 20, disk: Some(disk), ..Options::default() })
}

#[test]
fn what_leaves_the_memory_comes_back_from_the_disk() {
    let folder = tempfile::tempdir().expect("a folder");
    let stage = stage(folder.path());
    let large = "large ".repeat(15_000);
    stage.fetch("/small", &[FRESH, ("etag", "\"1\"")], "small");
    stage.fetch("/large", &[FRESH], &large);
    stage.fetch("/kinds", &[FRESH, ("vary", "x-kind")], "kind");
    for _ in 0..4 {
        assert_eq!(stage.hit("/small"), "small");
        assert_eq!(stage.hit("/large").len(), large.len());
        assert_eq!(stage.hit("/kinds"), "kind");
    }
    stage.cache.push_out();
    assert_eq!(stage.hit("/small"), "small");
    assert_eq!(stage.hit("/large"), large);
    assert_eq!(stage.hit("/kinds"), "kind");
    let client = stage.ask("GET", "/large", &[("range", "bytes=0-4")]);
    assert_eq!(client.whole(), (206, "large".to_owned()));
}

#[test]
fn what_is_invalid_or_cleared_does_not_come_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let stage = stage(folder.path());
    for path in ["/one", "/two"] {
        stage.fetch(path, &[FRESH], "old");
        for _ in 0..4 {
            stage.hit(path);
        }
    }
    stage.cache.push_out();
    let client = stage.ask("DELETE", "/one", &[]);
    stage.asked().answer(204, &[], "");
    stage.tasks.run();
    assert_eq!(client.whole().0, 204);
    assert!(stage.is_miss("/one"));
    assert_eq!(stage.hit("/two"), "old");
    stage.cache.clear();
    assert!(stage.is_miss("/two"));
}

#[test]
fn many_who_want_what_is_on_the_disk_read_it_once_and_what_is_stale_is_validated() {
    let folder = tempfile::tempdir().expect("a folder");
    let stage = stage(folder.path());
    let large = "large ".repeat(15_000);
    stage.fetch("/", &[FRESH, ("etag", "\"1\"")], &large);
    for _ in 0..4 {
        stage.hit("/");
    }
    stage.cache.push_out();
    stage.advance(61_000);
    let clients: Vec<_> = (0..10).map(|_| stage.get("/")).collect();
    assert_eq!(stage.open(), 1);
    let asked = stage.asked();
    assert_eq!(asked.header("if-none-match"), Some("\"1\""));
    asked.answer(304, &[FRESH, ("etag", "\"1\"")], "");
    stage.tasks.run();
    for client in clients {
        let (status, body) = client.whole();
        assert_eq!((status, body.len()), (200, large.len()));
    }
}
