use super::message::{Metric, MetricValue, Payload};
use super::testing::{by_alias, metric, payload, with_alias};
use super::*;
use crate::payload::{Number, Time, Value};
use proptest::prelude::*;
use prost::Message as _;

mod limits;
mod others;

/// The topic of a message of `group`'s node `node`, or of its device `pump`.
fn topic(kind: &str) -> String {
    let device = if kind.starts_with('D') { "/pump" } else { "" };
    format!("spBv1.0/group/{kind}/node{device}")
}

fn session(number: u64) -> Metric {
    metric("bdSeq", 4, MetricValue::Long(number))
}

/// A host that knows the node with the alias 1 (`a`, Int32) and its device with 2 (`b`,
/// Double); the next number is 2.
fn host() -> Host {
    let mut host = Host::new(PayloadLimits::default());
    let a = with_alias(1, metric("a", 3, MetricValue::Int(0)));
    let b = with_alias(2, metric("b", 10, MetricValue::Double(0.0)));
    message(&mut host, "NBIRTH", payload(Some(0), &[session(7), a]));
    message(&mut host, "DBIRTH", payload(Some(1), &[b]));
    host
}

fn message(host: &mut Host, kind: &str, payload: Bytes) -> NodeMessage {
    match host.receive(&topic(kind), payload) {
        Ok(Received::Message(message)) => message,
        other => panic!("{other:?}"),
    }
}

fn refused(host: &mut Host, kind: &str, payload: Bytes, said: &str) {
    let error = host.receive(&topic(kind), payload).expect_err("refused");
    assert_eq!(error.to_string(), said);
}

fn int(value: i64) -> Option<Value> {
    Some(Value::Number(Number::Int(value)))
}

#[test]
fn what_is_no_payload_is_refused() {
    let said = "not a payload of Sparkplug B: protobuf that does not fit";
    let mut host = host();
    for bad in [
        &b"\x08"[..],
        b"\x12\x05\x0a",
        b"\x0a\x01a",
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        b"\x22\x01\xff",
    ] {
        refused(&mut host, "NDATA", Bytes::copy_from_slice(bad), said);
    }
    let bad = Bytes::from_static(b"\x08\x01\x18\x02\x12\x02\x10\x01\x12\x02\x0a\x05");
    refused(&mut host, "NDATA", bad, "record 1, byte 10: not a metric: protobuf that does not fit");
    // Nothing of this has counted.
    let read = message(&mut host, "NDATA", payload(Some(2), &[by_alias(1, MetricValue::Int(5))]));
    assert_eq!((read.readings[0].value.clone(), read.rebirth_needed), (int(5), None));
}

#[test]
fn what_was_not_born_is_not_understood() {
    let mut host = Host::new(PayloadLimits::default());
    let data = payload(Some(0), &[by_alias(1, MetricValue::Int(5))]);
    let ask = "ask the edge node to be born again";
    for kind in ["NDATA", "DDATA", "DBIRTH", "DDEATH"] {
        let said = format!("there is no birth certificate of this edge node; {ask}");
        refused(&mut host, kind, data.clone(), &said);
    }
    message(&mut host, "NBIRTH", payload(Some(255), &[metric("a", 3, MetricValue::Int(0))]));
    let said = format!("there is no birth certificate of this device; {ask}");
    refused(&mut host, "DDATA", data.clone(), &said);
    let said = format!("record 0, byte 5: no birth certificate declares the alias 1; {ask}");
    refused(&mut host, "NDATA", data, &said);
    let nameless =
        payload(Some(0), &[Metric { datatype: None, ..metric("x", 3, MetricValue::Int(1)) }]);
    let said = "record 0, field \"x\", byte 5: no birth certificate says the type of \"x\"";
    refused(&mut host, "NDATA", nameless, said);
    let known =
        payload(Some(0), &[Metric { datatype: None, ..metric("a", 3, MetricValue::Int(1)) }]);
    assert_eq!(message(&mut host, "NDATA", known).readings.len(), 1);
}

#[test]
fn an_alias_is_of_the_device_that_declared_it() {
    let mut host = host();
    let ask = "ask the edge node to be born again";
    let said =
        |alias| format!("record 0, byte 5: no birth certificate declares the alias {alias}; {ask}");
    let data = |alias| payload(Some(2), &[by_alias(alias, MetricValue::Double(1.0))]);
    refused(&mut host, "NDATA", data(2), &said(2));
    refused(&mut host, "DDATA", data(1), &said(1));
    let read = message(&mut host, "DDATA", data(2));
    assert_eq!(read.readings[0].full_name(), "group/node/pump/b");
    let clash = payload(Some(3), &[with_alias(1, metric("c", 3, MetricValue::Int(1)))]);
    let said =
        "record 0, field \"c\", byte 5: expected an alias of its own, not 1, which is another's";
    refused(&mut host, "DBIRTH", clash, said);
    // The device is as it was.
    let data = payload(Some(3), &[by_alias(2, MetricValue::Double(1.0))]);
    assert_eq!(message(&mut host, "DDATA", data).readings.len(), 1);
}

#[test]
fn births_declare_names_and_types() {
    let mut host = Host::new(PayloadLimits::default());
    let said = "record 0, field \"\", byte 5: expected a name of one character or more, none of \
                them a control character";
    refused(&mut host, "NBIRTH", payload(Some(0), &[by_alias(1, MetricValue::Int(1))]), said);
    let typeless = Metric { datatype: None, ..metric("a", 3, MetricValue::Int(1)) };
    let said = "record 0, field \"a\", byte 5: expected a data type";
    refused(&mut host, "NBIRTH", payload(Some(0), &[typeless]), said);
    let (a, b) = (metric("a", 3, MetricValue::Int(1)), metric("a", 4, MetricValue::Long(1)));
    let said = "record 1, field \"a\", byte 14: the field is there twice";
    refused(&mut host, "NBIRTH", payload(Some(0), &[a.clone(), b]), said);
    assert_eq!(host.nodes(), 0);
    // With a value of the past beside it.
    let past = Metric { is_historical: Some(true), timestamp: Some(5), ..a.clone() };
    let read = message(&mut host, "NBIRTH", payload(Some(0), &[a, past]));
    let seen: Vec<_> = read.readings.iter().map(|r| (r.historical, r.time)).collect();
    let ms = |ms: i64| Some(Time::Unix(ms * 1_000_000));
    assert_eq!(seen, [(false, ms(1_000)), (true, ms(5))]);
}

#[test]
fn numbers_that_are_none_are_told() {
    let mut host = host();
    let said = "field \"seq\": expected a sequence number from 0 to 255";
    for seq in [None, Some(256), Some(u64::MAX)] {
        for kind in ["NBIRTH", "DBIRTH", "NDATA", "DDATA", "DDEATH"] {
            refused(&mut host, kind, payload(seq, &[]), said);
        }
    }
}

#[test]
fn a_gap_is_told_until_the_node_is_born_again() {
    let mut host = host();
    let data = |seq| payload(Some(seq), &[by_alias(1, MetricValue::Int(5))]);
    assert_eq!(message(&mut host, "NDATA", data(2)).rebirth_needed, None);
    let read = message(&mut host, "NDATA", data(5));
    let gap = Some(Gap { expected: 3, found: 5 });
    assert_eq!((read.rebirth_needed, read.readings.len()), (gap, 1));
    assert_eq!(message(&mut host, "DDEATH", payload(Some(6), &[])).rebirth_needed, gap);
    assert_eq!(message(&mut host, "DBIRTH", payload(Some(7), &[])).rebirth_needed, gap);
    let read = message(&mut host, "NBIRTH", payload(Some(255), &[session(8)]));
    assert_eq!(read.rebirth_needed, None);
    // Round and round.
    assert_eq!(message(&mut host, "NDATA", payload(Some(0), &[])).rebirth_needed, None);
    // The same number again is a gap, too.
    let read = message(&mut host, "NDATA", payload(Some(0), &[]));
    assert_eq!(read.rebirth_needed, Some(Gap { expected: 1, found: 0 }));
}

#[test]
fn a_death_ends_the_session_that_it_names() {
    let mut host = host();
    assert!(message(&mut host, "NDEATH", payload(None, &[session(6)])).stale);
    assert_eq!(host.nodes(), 1);
    assert!(!message(&mut host, "NDEATH", payload(None, &[session(7)])).stale);
    assert_eq!((host.nodes(), host.declared_bytes), (0, 0));
    assert!(message(&mut host, "NDEATH", payload(None, &[session(7)])).stale);
}

#[test]
fn a_device_that_died_is_not_understood_until_it_is_born() {
    let mut host = host();
    let before = host.declared_bytes;
    message(&mut host, "DDEATH", payload(Some(2), &[]));
    assert!(host.declared_bytes < before);
    let data = payload(Some(3), &[by_alias(2, MetricValue::Double(1.0))]);
    let said = "there is no birth certificate of this device; ask the edge node to be born again";
    refused(&mut host, "DDATA", data, said);
    let born = payload(Some(3), &[with_alias(2, metric("b", 10, MetricValue::Double(0.0)))]);
    message(&mut host, "DBIRTH", born);
    assert_eq!(host.declared_bytes, before);
}

#[test]
fn values_of_other_types_are_told_and_what_is_no_scalar_is_skipped() {
    let mut host = host();
    let data = |metric: Metric| payload(Some(2), &[metric]);
    let said = "record 0, field \"a\", byte 5: expected an integer, found text";
    refused(&mut host, "NDATA", data(by_alias(1, MetricValue::String("1".into()))), said);
    let nothing = Metric { alias: Some(1), ..Metric::default() };
    let said = "record 0, field \"a\", byte 5: expected a value, or `is_null`";
    refused(&mut host, "NDATA", data(nothing.clone()), said);
    let late = Metric { timestamp: Some(u64::MAX), ..by_alias(1, MetricValue::Int(1)) };
    let said = "record 0, field \"a\", byte 5: the time is not between the years 1677 and 2262";
    refused(&mut host, "NDATA", data(late), said);
    let null = Metric { is_null: Some(true), ..nothing };
    assert_eq!(message(&mut host, "NDATA", data(null)).readings[0].value, None);
    for datatype in [0, 16, 19, 20, 22, 34, 35, u32::MAX] {
        let mut host = self::host();
        let read = message(&mut host, "NCMD", data(metric("x", datatype, MetricValue::Int(1))));
        let skipped = Skipped { name: "x".into(), datatype };
        assert_eq!((read.readings, read.skipped), (Vec::new(), vec![skipped]));
    }
}

#[test]
fn commands_have_no_number() {
    let mut host = Host::new(PayloadLimits::default());
    let rebirth = metric("Node Control/Rebirth", 11, MetricValue::Boolean(true));
    let read = message(&mut host, "NCMD", payload(None, &[rebirth]));
    assert_eq!(read.kind, Kind::NodeCommand);
    assert_eq!(read.readings[0].full_name(), "group/node/Node Control/Rebirth");
    let mut host = self::host();
    let read = message(&mut host, "DCMD", payload(None, &[by_alias(2, MetricValue::Double(5.0))]));
    assert_eq!(read.readings[0].full_name(), "group/node/pump/b");
}

#[test]
fn the_state_of_a_host_application() {
    let mut host = Host::new(PayloadLimits::default());
    let mut state = |body: &str| host.receive("spBv1.0/STATE/scada", body.to_owned().into());
    for bad in [
        "",
        "ONLINE",
        "{}",
        r#"{"online":1,"timestamp":5}"#,
        r#"{"online":true}"#,
        r#"{"online":true,"timestamp":1.5}"#,
    ] {
        assert!(state(bad).is_err(), "{bad}");
    }
    let expected = Received::Host { online: true, timestamp_ms: 5 };
    assert_eq!(state(r#"{"online":true,"timestamp":5}"#), Ok(expected));
}
