//! What other encoders write, and what comes back of ours.

use super::*;

fn hex(text: &str) -> Bytes {
    let digits: Vec<u32> = text.chars().filter_map(|digit| digit.to_digit(16)).collect();
    digits.chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect::<Vec<_>>().into()
}

/// By Google's protobuf 7.36 for Python from Eclipse Tahu's `sparkplug_b.proto`: a metric
/// of each type that is a scalar, a data set, a template, properties, and a null.
const NBIRTH: &str = "0880909282e73312120a0562645365711880909282e7332004580712210a144e6f646520436f6e74726f6c2f526562697274681880909282e733200b7000121c0a0a74656d702f696e6c657410011880909282e7332009650000ac4112150a05737465707310021880909282e733200150ff0112190a066f666673657410031880909282e73320035090ddfbff0f121d0a05746f74616c10041880909282e733200858ffffffffffffffffff01121d0a0564656c746110051880909282e733200458fbffffffffffffffff0112190a0573696e636510061880909282e733200d58ff8f9282e73312180a0673657269616c10071880909282e733200c7a03412d3112220a057461626c6510081880909282e73320108a010d0801120163180322040a020803121f0a046b696e6410091880909282e733201392010b12070a017820035001280112320a087072657373757265100a1880909282e733200a4a120a07656e67556e69741207080c42036261726983c0caa14536f03f12160a04626c6f62100b1880909282e733201182010200ff12120a036f6666100c1880909282e733200238011800";
/// Two metrics by their aliases, one of them of the past and without a time.
const NDATA: &str =
    "08e8979282e733120e100118e7979282e733650000b241120f1005280158faffffffffffffffff011801";
/// The same with Python's `gzip`, and with its `zlib` and no algorithm named.
const GZIP: &str = "12130a09616c676f726974686d200c7a04475a49501801221253504256312e305f434f4d505245535345442a361f8b0800000000000203e378317d52d37363213e014689e760662a03c32647217e01560dc6885fffa1805182110057c352f22a000000";
const DEFLATE: &str = "1801221253504256312e305f434f4d505245535345442a2a789ce378317d52d37363213e014689e760662a03c32647217e01560dc6885fffa180518211006f9012c6";
const NDEATH: &str = "0880909282e73312120a0562645365711880909282e73320045807";
/// When the birth certificate was sent.
const SENT_MS: i64 = 1_780_000_000_000;

#[test]
fn a_session_of_another_implementation() {
    let mut host = Host::new(PayloadLimits::default());
    let born = message(&mut host, "NBIRTH", hex(NBIRTH));
    let values: Vec<_> = born.readings.iter().map(|r| (&*r.name, r.value.clone())).collect();
    let text = |text: &str| Some(Value::Text(text.into()));
    let number = |number| Some(Value::Number(number));
    assert_eq!(
        values,
        [
            ("bdSeq", int(7)),
            ("Node Control/Rebirth", Some(Value::Bool(false))),
            ("temp/inlet", number(Number::Float(21.5))),
            ("steps", int(-1)),
            ("offset", int(-70_000)),
            ("total", number(Number::Uint(u64::MAX))),
            ("delta", int(-5)),
            ("since", int(SENT_MS - 1)),
            ("serial", text("A-1")),
            ("pressure", number(Number::Float(1.01325))),
            ("blob", Some(Value::Bytes([0, 255].into()))),
            ("off", None),
        ]
    );
    assert!(born.readings.iter().all(|r| r.time == Some(Time::Unix(SENT_MS * 1_000_000))));
    assert_eq!(born.readings[7].unit.as_deref(), Some("ms"));
    let skipped = |name: &str, datatype| Skipped { name: name.into(), datatype };
    assert_eq!(born.skipped, [skipped("table", 16), skipped("kind", 19)]);

    for data in [NDATA, GZIP, DEFLATE] {
        message(&mut host, "NBIRTH", hex(NBIRTH));
        let read = message(&mut host, "NDATA", hex(data));
        assert_eq!(read.rebirth_needed, None);
        let seen: Vec<_> = read
            .readings
            .iter()
            .map(|r| (r.full_name(), r.time, r.value.clone(), r.historical))
            .collect();
        let ms = |ms: i64| Some(Time::Unix((SENT_MS + ms) * 1_000_000));
        assert_eq!(
            seen,
            [
                ("group/node/temp/inlet".to_owned(), ms(999), number(Number::Float(22.25)), false),
                ("group/node/delta".to_owned(), ms(1_000), int(-6), true),
            ]
        );
    }
    assert!(!message(&mut host, "NDEATH", hex(NDEATH)).stale);
}

#[test]
fn what_ends_too_early_is_never_taken_for_something_else() {
    let whole = hex(NBIRTH);
    for end in 0..whole.len() {
        // Protobuf may end after any field; then there is no sequence number.
        let mut host = Host::new(PayloadLimits::default());
        assert!(host.receive(&topic("NBIRTH"), whole.slice(..end)).is_err(), "{end}");
        assert_eq!((host.nodes(), host.declared_bytes), (0, 0));
    }
}

/// A type, a value on the wire, and what it must become.
fn values() -> impl Strategy<Value = (u32, MetricValue, Value)> {
    let number = |number| Value::Number(number);
    prop_oneof![
        any::<i8>().prop_map(move |v| (
            1,
            MetricValue::Int(v as u8 as u32),
            number(Number::Int(v.into()))
        )),
        any::<i16>().prop_map(move |v| (
            2,
            MetricValue::Int(v as u32),
            number(Number::Int(v.into()))
        )),
        any::<i32>().prop_map(move |v| (
            3,
            MetricValue::Int(v as u32),
            number(Number::Int(v.into()))
        )),
        any::<i64>().prop_map(move |v| (4, MetricValue::Long(v as u64), number(Number::Int(v)))),
        any::<u32>().prop_map(move |v| (7, MetricValue::Int(v), number(Number::Int(v.into())))),
        any::<u32>().prop_map(move |v| (
            7,
            MetricValue::Long(v.into()),
            number(Number::Int(v.into()))
        )),
        (1u64 << 63..).prop_map(move |v| (8, MetricValue::Long(v), number(Number::Uint(v)))),
        any::<f32>().prop_filter("finite", |v| v.is_finite()).prop_map(move |v| (
            9,
            MetricValue::Float(v),
            number(Number::Float(v.into()))
        )),
        any::<f64>().prop_filter("finite", |v| v.is_finite()).prop_map(move |v| (
            10,
            MetricValue::Double(v),
            number(Number::Float(v))
        )),
        any::<bool>().prop_map(|v| (11, MetricValue::Boolean(v), Value::Bool(v))),
        any::<String>().prop_map(|v| (12, MetricValue::String(v.clone()), Value::Text(v.into()))),
        any::<Vec<u8>>().prop_map(|v| (
            17,
            MetricValue::Bytes(v.clone().into()),
            Value::Bytes(v.into())
        )),
    ]
}

proptest! {
    #[test]
    fn what_prost_writes_comes_back_by_name_and_by_alias(metrics in proptest::collection::vec(values(), 0..20)) {
        let mut host = Host::new(PayloadLimits::default());
        let born: Vec<Metric> = metrics.iter().enumerate()
            .map(|(index, (datatype, value, _))| with_alias(index as u64, metric(&format!("m{index}"), *datatype, value.clone())))
            .collect();
        let data: Vec<Metric> = metrics.iter().enumerate()
            .map(|(index, (_, value, _))| by_alias(index as u64, value.clone()))
            .collect();
        let expected: Vec<_> = metrics.into_iter().enumerate()
            .map(|(index, (_, _, value))| (format!("group/node/m{index}"), Some(value)))
            .collect();
        let first = message(&mut host, "NBIRTH", payload(Some(0), &born)).readings;
        let second = message(&mut host, "NDATA", payload(Some(1), &data)).readings;
        for readings in [first, second] {
            let seen: Vec<_> = readings.into_iter().map(|r| (r.full_name(), r.value)).collect();
            prop_assert_eq!(&seen, &expected);
        }
    }

    #[test]
    fn nothing_panics(kind in 0usize..8, bytes in any::<Vec<u8>>(), at in any::<prop::sample::Index>(), flip in any::<u8>()) {
        let kinds = ["NBIRTH", "NDATA", "NDEATH", "NCMD", "DBIRTH", "DDATA", "DDEATH", "DCMD"];
        let mut host = host();
        let _ = host.receive(&topic(kinds[kind]), bytes.into());
        let mut damaged = hex(NBIRTH).to_vec();
        let at = at.index(damaged.len());
        damaged[at] ^= flip;
        let _ = host.receive(&topic(kinds[kind]), damaged.into());
    }
}
