use super::*;
use crate::payload::sparkplug::testing::{by_alias, metric, payload, with_alias};
use proptest::prelude::*;

fn nodes() -> EdgeNodes {
    EdgeNodes::new(PayloadLimits::default())
}

/// A node with a metric `temp` (alias 1, Double), and its device `pump` with `on` (alias 2).
fn born() -> EdgeNodes {
    let mut nodes = nodes();
    let session = metric("bdSeq", 4, 7_u64.into());
    let temp = with_alias(1, metric("temp", 10, 20.5.into()));
    let read = nodes.receive("spBv1.0/g/NBIRTH/n", payload(Some(0), &[session, temp]), 5_000);
    assert_eq!(read.outcome, EdgeOutcome::Read);
    let on = with_alias(2, metric("on", 11, true.into()));
    let read = nodes.receive("spBv1.0/g/DBIRTH/n/pump", payload(Some(1), &[on]), 5_000);
    assert_eq!(read.outcome, EdgeOutcome::Read);
    nodes
}

fn shown(understood: &Understood) -> Vec<(&str, &str, Option<Value>)> {
    let records = understood.records.iter();
    records.map(|one| (&*one.topic, &*one.device, one.reading.value.clone())).collect()
}

#[test]
fn what_is_not_sparkplug_is_malformed_and_asks_for_nothing() {
    for (topic, bytes) in [
        ("spBv1.0/g", &b""[..]),
        ("spBv1.0/g/XDATA/n", b""),
        ("spBv1.0/g/NDATA", b""),
        ("spBv1.0/g/DDATA/n", b""),
        ("spBv1.0/g/NBIRTH/n", b"\xff\xff"),
        ("spBv1.0/STATE/h", b"{}"),
    ] {
        let read = nodes().receive(topic, Bytes::from_static(bytes), 1);
        assert!(matches!(read.outcome, EdgeOutcome::Malformed(_)), "{topic}: {read:?}");
        assert!(read.records.is_empty() && read.rebirth.is_none(), "{topic}");
    }
}

#[test]
fn births_data_and_deaths_become_records() {
    let mut nodes = born();
    let data = payload(Some(2), &[by_alias(2, false.into())]);
    let read = nodes.receive("spBv1.0/g/DDATA/n/pump", data, 5_000);
    let value = Some(Value::Bool(false));
    assert_eq!(shown(&read), [("sparkplug/data/g/n/pump/on", "spBv1.0/g/n/pump", value.clone())]);
    // The time of the message, which says 1,000 ms.
    assert_eq!(read.records[0].time_unix_ns, 1_000_000_000);
    assert_eq!(read.rebirth, None);
    // With the node its devices are gone; that it has died is noted when it is told.
    let death = payload(None, &[metric("bdSeq", 4, 7_u64.into())]);
    let read = nodes.receive("spBv1.0/g/NDEATH/n", death.clone(), 6_000);
    assert_eq!(
        shown(&read),
        [
            ("sparkplug/state/g/n/pump", "spBv1.0/g/n/pump", value.clone()),
            ("sparkplug/state/g/n", "spBv1.0/g/n", value),
        ]
    );
    assert_eq!(read.records[0].time_unix_ns, 6_000_000_000);
    assert_eq!(nodes.alive(), 0);
    let read = nodes.receive("spBv1.0/g/NDEATH/n", death, 7_000);
    assert_eq!((read.outcome, read.records.len()), (EdgeOutcome::Stale, 0));
}

#[test]
fn commands_and_hosts_are_not_about_measuring() {
    let mut nodes = born();
    let command = payload(None, &[metric("temp", 10, 99.0.into())]);
    for (topic, bytes) in [
        ("spBv1.0/g/NCMD/n", command.clone()),
        ("spBv1.0/g/DCMD/n/pump", command),
        ("spBv1.0/STATE/h", Bytes::from_static(b"{\"online\":true,\"timestamp\":1}")),
    ] {
        let read = nodes.receive(topic, bytes, 5_000);
        assert_eq!((read.outcome, read.records.len()), (EdgeOutcome::Other, 0), "{topic}");
    }
}

#[test]
fn who_is_not_born_is_asked_once_in_a_while() {
    let mut nodes = nodes();
    let data = || payload(Some(3), &[by_alias(1, 1.0.into())]);
    let ask = |nodes: &mut EdgeNodes, now_ms| {
        let read = nodes.receive("spBv1.0/g/NDATA/n", data(), now_ms);
        assert!(matches!(read.outcome, EdgeOutcome::Unborn(_)), "{read:?}");
        read.rebirth
    };
    let rebirth = ask(&mut nodes, 100_000).expect("it is asked");
    assert_eq!(rebirth.topic, "spBv1.0/g/NCMD/n");
    assert_eq!(rebirth.payload, sparkplug::rebirth(100_000));
    assert_eq!(ask(&mut nodes, 109_999), None);
    assert!(ask(&mut nodes, 110_000).is_some());
    // A clock that was set back by an hour.
    assert!(ask(&mut nodes, 50_000).is_some());
    // Its birth is the answer: the next gap is another matter.
    let birth = payload(Some(0), &[with_alias(1, metric("temp", 10, 1.0.into()))]);
    nodes.receive("spBv1.0/g/NBIRTH/n", birth, 50_001);
    let gap = nodes.receive("spBv1.0/g/NDATA/n", data(), 50_002);
    assert_eq!((gap.records.len(), gap.rebirth.is_some()), (1, true));
}

#[test]
fn who_was_asked_is_remembered_within_a_bound() {
    let mut nodes = nodes();
    for index in 0..=ASKED_MAX {
        let data = payload(Some(0), &[by_alias(1, 1.0.into())]);
        let read = nodes.receive(&format!("spBv1.0/g/NDATA/{index}"), data, 1_000_000);
        assert_eq!(read.rebirth.is_some(), index < ASKED_MAX, "{index}");
    }
    let data = payload(Some(0), &[by_alias(1, 1.0.into())]);
    assert!(nodes.receive("spBv1.0/g/NDATA/late", data, 2_000_000).rebirth.is_some());
    assert_eq!(nodes.asked_ms.len(), 1);
}

#[test]
fn names_that_can_be_no_topic_are_skipped_and_wildcards_escaped() {
    let mut nodes = nodes();
    let deep = "a/".repeat(40) + "b";
    let metrics = [metric(&deep, 11, true.into()), metric("50%+#", 11, true.into())];
    let read = nodes.receive("spBv1.0/g/NBIRTH/n", payload(Some(0), &metrics), 1);
    assert_eq!(read.skipped, 1);
    let topics: Vec<&str> = read.records.iter().map(|one| &*one.topic).collect();
    assert_eq!(topics, ["sparkplug/state/g/n", "sparkplug/data/g/n/50%25%2B%23"]);
    let long = "n".repeat(DEVICE_BYTES_MAX);
    let read = nodes.receive(&format!("spBv1.0/g/NBIRTH/{long}"), payload(Some(0), &[]), 1);
    assert_eq!((read.records.len(), read.skipped), (0, 1));
}

proptest! {
    #[test]
    fn any_bytes_are_taken_without_panic(
        kind in prop::sample::select(vec!["NBIRTH", "DBIRTH", "NDATA", "DDATA", "NDEATH", "DDEATH"]),
        bytes in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut nodes = born();
        let device = if kind.starts_with('D') { "/pump" } else { "" };
        let read = nodes.receive(&format!("spBv1.0/g/{kind}/n{device}"), bytes.into(), 9);
        let is_read = read.outcome == EdgeOutcome::Read;
        prop_assert!(is_read || read.records.is_empty());
    }
}
