//! The writers' threads run what they were given before anything else.

use crate::{log, namespace, scratch};
use sedge_store::log::LogOptions;
use sedge_store::{Options, Store};
use std::sync::Mutex;

/// The threads that were begun, by their names.
static BEGUN: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn begin() {
    let name = std::thread::current().name().unwrap_or_default().to_owned();
    BEGUN.lock().expect("no panic").push(name);
}

#[test]
fn each_writer_begins_with_what_it_was_given() {
    let (folder, path) = scratch();
    let options = Options { on_thread_start: begin, ..Options::default() };
    let store = Store::open_with(&path, options).expect("store");
    // A writer that has answered has begun.
    store.set(&namespace("n"), "k", "", None).expect("set");
    let options = LogOptions { on_thread_start: begin, ..LogOptions::default() };
    let log = log::open(&folder.path().join("log"), options);
    log.append(log::one("a", 1, 1)).expect("append");
    assert_eq!(*BEGUN.lock().expect("no panic"), ["sedge-store", "sedge-log"]);
}
