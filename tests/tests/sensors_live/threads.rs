//! Who waits for whom on the way from a reading to its actuator.

use super::{Plant, device, send};
use std::collections::BTreeMap;
use std::fs;

/// Nanoseconds; the shortest that Linux has.
const SHORT: &str = "100000";

/// The slices of a process's threads, by their names; empty on a kernel that tells none.
fn slices(process: u32) -> BTreeMap<String, String> {
    let threads = fs::read_dir(format!("/proc/{process}/task")).expect("its threads");
    let slices = threads.filter_map(|thread| {
        let path = thread.ok()?.path();
        let name = fs::read_to_string(path.join("comm")).ok()?;
        let facts = fs::read_to_string(path.join("sched")).ok()?;
        let line = facts.lines().find(|line| line.starts_with("se.slice"))?;
        Some((name.trim().to_owned(), line.rsplit(':').next()?.trim().to_owned()))
    });
    slices.collect()
}

#[test]
fn nobody_on_the_way_of_a_reading_waits_for_a_slice_to_end() {
    let node = Plant { watch: "plant/+/temperature", ..Plant::default() }.start();
    send(&mut device(&node, "oven"), "plant/oven/temperature", [20.0, 20.5]);
    let slices = slices(node.id());
    if slices.is_empty() {
        eprintln!("this kernel tells no slices");
        return;
    }
    for name in ["mqtt-0", "sedge-log", "streams", "sedge-messages-"] {
        assert_eq!(slices.get(name).map(String::as_str), Some(SHORT), "{name} of {slices:?}");
    }
    // What has time has no such slice.
    assert_ne!(slices.get("outlet").map(String::as_str), Some(SHORT), "{slices:?}");
}
