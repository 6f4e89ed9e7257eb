use super::*;
use std::sync::Arc;

mod cbor;
mod csv;
mod json;
mod senml;

fn limits() -> PayloadLimits {
    PayloadLimits::default()
}

/// The message must be refused, and by these words.
fn refused(format: Format, body: impl AsRef<[u8]>, limits: &PayloadLimits, said: &str) {
    match decode(format, body.as_ref(), limits) {
        Ok(readings) => panic!("taken, but for {said:?}: {readings:?}"),
        Err(error) => assert_eq!(error.to_string(), said),
    }
}

fn taken(format: Format, body: impl AsRef<[u8]>) -> Vec<Reading> {
    decode(format, body.as_ref(), &limits()).unwrap_or_else(|error| panic!("{error}"))
}

fn int(value: i64) -> Option<Value> {
    Some(Value::Number(Number::Int(value)))
}

fn float(value: f64) -> Option<Value> {
    Some(Value::Number(Number::Float(value)))
}

fn text(value: &str) -> Option<Value> {
    Some(Value::Text(value.into()))
}

fn named(name: &str, value: Option<Value>) -> Reading {
    Reading::new(name, value)
}

fn at(ns: i64, reading: Reading) -> Reading {
    Reading { time: Some(Time::Unix(ns)), ..reading }
}

fn bytes_of_hex(hex: &str) -> Vec<u8> {
    let digits: Vec<u32> = hex.chars().filter_map(|digit| digit.to_digit(16)).collect();
    digits.chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()
}

#[test]
fn every_format_refuses_what_is_too_long_or_has_nothing_in_it() {
    let small = PayloadLimits { body_bytes_max: 10, ..limits() };
    for format in [Format::SenmlJson, Format::SenmlCbor, Format::Json, Format::Cbor, Format::Csv] {
        let said = "more bytes of the message than 10; send it in parts";
        refused(format, [b' '; 11], &small, said);
        let error = decode(format, &[b' '; 11], &small).expect_err("too long");
        assert!(error.is_too_large());
        assert!(decode(format, b"", &limits()).is_err(), "{format:?}");
    }
    refused(Format::Json, "[]", &limits(), "there is no reading in it");
    refused(Format::SenmlJson, "[ ]", &limits(), "there is no reading in it");
    refused(Format::Cbor, [0x80], &limits(), "there is no reading in it");
    refused(Format::Csv, "time,a\n", &limits(), "there is no reading in it");
}

#[test]
fn a_batch_is_refused_as_a_whole_with_the_index_of_its_first_bad_record() {
    let body = r#"[{"a":1},{"a":2},{"a":[]},{"a":{}}]"#;
    let error = decode(Format::Json, body.as_bytes(), &limits()).expect_err("bad");
    assert_eq!(error.place.record, Some(2));
    assert_eq!(error.place.offset, Some(body.find("[]").expect("there")));
}

#[test]
fn a_time_after_receipt_becomes_one_of_the_receiver() {
    assert_eq!(Time::SinceReceipt(-5).unix_ns(100), Some(95));
    assert_eq!(Time::Unix(7).unix_ns(100), Some(7));
    assert_eq!(Time::SinceReceipt(1).unix_ns(i64::MAX), None);
}

#[test]
fn base_and_name_are_one_name() {
    let reading = Reading { base: Arc::from("urn:dev:1:"), ..named("temp", None) };
    assert_eq!(reading.full_name(), "urn:dev:1:temp");
}
