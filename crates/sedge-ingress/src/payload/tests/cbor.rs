use super::senml::check_currents;
use super::*;
use minicbor::Encoder;
use minicbor::data::Tag;
use proptest::prelude::*;

fn bad(hex: &str, said: &str) {
    refused(Format::Cbor, bytes_of_hex(hex), &limits(), said);
}

#[test]
fn what_ends_too_early_is_told() {
    let said = "not CBOR: the message ends within an item";
    bad("", &format!("byte 0: {said}"));
    bad("a1", &format!("record 0, byte 1: {said}"));
    bad("a16161", &format!("record 0, field \"a\", byte 3: {said}"));
    bad("82a1616101", &format!("record 1, byte 5: {said}"));
    bad("bf616101", &format!("record 0, byte 4: {said}"));
    bad("9fa1616101", &format!("byte 5: {said}"));
    bad("a161611a0102", &format!("record 0, field \"a\", byte 6: {said}"));
    bad("a16161f93c", &format!("record 0, field \"a\", byte 5: {said}"));
    bad("a161617f6162", &format!("record 0, field \"a\", byte 6: {said}"));
    bad("a1616163ff", &format!("record 0, field \"a\", byte 5: {said}"));
    let whole = bytes_of_hex(PLAIN);
    for end in 0..whole.len() {
        assert!(decode(Format::Cbor, &whole[..end], &limits()).is_err(), "{end}");
    }
}

#[test]
fn what_is_claimed_is_not_believed() {
    bad("9bffffffffffffffff", "record 10000, byte 0: more records than 10000");
    bad("bbffffffffffffffff", "record 0, byte 0: more fields than 1024");
    let said = "not CBOR: the message ends within an item";
    bad("a161615bffffffffffffffff", &format!("record 0, field \"a\", byte 12: {said}"));
    bad("a161617b7fffffffffffffff61", &format!("record 0, field \"a\", byte 13: {said}"));
    bad("a161619bffffffffffffffff", &format!("record 0, field \"a\", byte 12: {said}"));
    bad("a16161bbffffffffffffffff", &format!("record 0, field \"a\", byte 12: {said}"));
}

#[test]
fn what_is_not_well_formed_is_told() {
    let begin = "not CBOR: an item can not begin like this";
    bad("a16161ff", &format!("record 0, field \"a\", byte 3: {begin}"));
    bad("a161611c", &format!("record 0, field \"a\", byte 3: {begin}"));
    bad("a161613f", &format!("record 0, field \"a\", byte 3: {begin}"));
    bad("a16161fc", &format!("record 0, field \"a\", byte 3: {begin}"));
    bad("a16161df01", &format!("record 0, field \"a\", byte 3: {begin}"));
    bad("a1ff01", &format!("record 0, byte 1: {begin}"));
    bad("bf6161ff", &format!("record 0, field \"a\", byte 3: {begin}"));
    // Within what is skipped, too.
    bad("a1616182ff01", &format!("record 0, field \"a\", byte 4: {begin}"));
    bad("a16161bf01ff", &format!("record 0, field \"a\", byte 5: {begin}"));
    bad("a16161d906ffff", &format!("record 0, field \"a\", byte 6: {begin}"));
    let simple = "not CBOR: a simple value in the wrong form";
    bad("a1616181f818", &format!("record 0, field \"a\", byte 4: {simple}"));
    let other = "not CBOR: an item of another kind must be here";
    bad("a1616161ff", &format!("record 0, field \"a\", byte 3: {other}"));
    // Pieces of a string have lengths of their own and are of its kind (RFC 8949 §3.2.3).
    bad("a161617f7f6161ffff", &format!("record 0, field \"a\", byte 4: {other}"));
    bad("a161617f4161ff", &format!("record 0, field \"a\", byte 4: {other}"));
    bad("a161617f61c361a4ff", &format!("record 0, field \"a\", byte 4: {other}"));
    bad("a161610100", "byte 4: expected the end of the message");
}

#[test]
fn what_is_well_formed_but_no_readings_is_told() {
    bad("01", "byte 0: expected a map or an array of maps, found a number");
    bad("d9d9f7f6", "byte 3: expected a map or an array of maps, found null");
    bad("82a161610180", "record 1, byte 5: expected a map, found an array");
    bad("a2616101616102", "record 0, field \"a\", byte 6: the field is there twice");
    bad("a10001", "record 0, field \"0\", byte 2: expected text as a name, found a number");
    let name = "expected text or an integer as the name of a field, found";
    bad("a1416101", &format!("record 0, byte 1: {name} bytes"));
    bad("a1f401", &format!("record 0, byte 1: {name} a truth value"));
    let wanted = "expected a number, text, bytes, a truth value or null, found";
    let hint = "what is nested needs names of its own, side by side";
    bad("a1616181f8ff", &format!("record 0, field \"a\", byte 3: {wanted} an array; {hint}"));
    bad(
        "a16161c249010000000000000000",
        &format!("record 0, field \"a\", byte 3: {wanted} an integer of more than 64 bits; {hint}"),
    );
    bad("a16161f0", &format!("record 0, field \"a\", byte 3: {wanted} a simple value; {hint}"));
    bad("a16161c11a6b0a9810", &format!("record 0, field \"a\", byte 3: {wanted} a time; {hint}"));
    let hint = "send it as text, or null for no value";
    for float in ["f97e00", "f97c00", "fa7f800000", "fbfff0000000000000"] {
        bad(
            &format!("a16161{float}"),
            &format!("record 0, field \"a\", byte 3: not a finite number; {hint}"),
        );
    }
    let range = "the integer has more than 64 bits, so it would be rounded";
    bad("a161613bffffffffffffffff", &format!("record 0, field \"a\", byte 3: {range}; {hint}"));
}

#[test]
fn tags_that_do_not_fit_are_told() {
    let two = "expected two integers of 64 bits behind the tag 4";
    for fraction in
        ["c48101", "c4830102 03", "c482f501", "c48201c24101", "c4821bffffffffffffffff01"]
    {
        bad(&format!("a16161{fraction}"), &format!("record 0, field \"a\", byte 3: {two}"));
    }
    let time = "expected a time: a number since 1970, or text as in 2026-11-28T09:00:00Z";
    bad("a16474696d65c0626e6f", &format!("record 0, field \"time\", byte 6: {time}"));
    let string = "expected a number behind the tag 1, found a string";
    bad("a16474696d65c1626e6f", &format!("record 0, field \"time\", byte 6: {string}"));
    let seconds = "expected a number of seconds, found an array";
    bad("a16474696d65c180", &format!("record 0, field \"time\", byte 6: {seconds}"));
    let range = "the time is not between the years 1677 and 2262";
    for time in ["c1f97e00", "c1fb7fefffffffffffff", "c11bffffffffffffffff"] {
        bad(&format!("a16474696d65{time}"), &format!("record 0, field \"time\", byte 6: {range}"));
    }
}

#[test]
fn everything_has_a_bound() {
    let small = PayloadLimits {
        readings_max: 1,
        fields_max: 2,
        value_bytes_max: 4,
        depth_max: 4,
        ..limits()
    };
    let bad = |hex: &str, said: &str| refused(Format::Cbor, bytes_of_hex(hex), &small, said);
    bad("9fa1616101a1616101ff", "record 1, byte 0: more records than 1");
    bad("82a1616101a1616101", "record 1, byte 0: more records than 1");
    bad("bf616101616201616301ff", "record 0, byte 7: more fields than 2");
    let deep = "record 0, field \"a\", byte";
    bad("a161618181818101", &format!("{deep} 6: more items within each other than 4"));
    bad("a16161c5c5c5c501", &format!("{deep} 6: more items within each other than 4"));
    bad("a16161bf01bf01bf01bf", &format!("{deep} 9: more items within each other than 4"));
    let long = "more bytes of a text or bytes than 4";
    bad("a161616568656c6c6f", &format!("{deep} 3: {long}"));
    bad("a161615f430102034203 04ff", &format!("{deep} 3: {long}"));
    for nest in [0x81, 0xc6, 0x9f, 0xa1] {
        let mut body = bytes_of_hex("a16161");
        body.extend(std::iter::repeat_n(nest, 1_000_000));
        let error = decode(Format::Cbor, &body, &limits()).expect_err("deep");
        assert!(error.is_too_large(), "{nest:x}: {error}");
    }
}

/// By the Python package cbor2 6.3, of a date, a decimal and what is plain.
const PLAIN: &str = "a96474696d65c0781b323032362d31312d32385430393a30303a30302e3530303030305a6474656d70fb403580000000000065636f756e741bffffffffffffffff636c6f773b7fffffffffffffff626f6bf5646d6f6465646175746f63726177420102646e6f6e65f663646563c48221196ab3";

#[test]
fn what_another_encoder_wrote() {
    let time = 1_795_856_400_500_000_000;
    let expected = [
        ("temp", float(21.5)),
        ("count", Some(Value::Number(Number::Uint(u64::MAX)))),
        ("low", int(i64::MIN)),
        ("ok", Some(Value::Bool(true))),
        ("mode", text("auto")),
        ("raw", Some(Value::Bytes([1, 2].into()))),
        ("none", None),
        ("dec", float(273.15)),
    ]
    .map(|(name, value)| at(time, named(name, value)));
    assert_eq!(taken(Format::Cbor, bytes_of_hex(PLAIN)), expected);
    // Times as numbers; a record without.
    let hex = "82a26474696d65c11a6b0a98106161fb3ff199999999999aa16161fb40f86a0000000000";
    let expected =
        [at(1_795_856_400_000_000_000, named("a", float(1.1))), named("a", float(100_000.0))];
    assert_eq!(taken(Format::Cbor, bytes_of_hex(hex)), expected);
    // Canonical: floats of 16 bits.
    let hex = "a46161f93e006162f980006163f900016164f97bff";
    let readings = taken(Format::Cbor, bytes_of_hex(hex));
    let values: Vec<_> = readings.into_iter().map(|reading| reading.value).collect();
    assert_eq!(values, [float(1.5), float(-0.0), float(2f64.powi(-24)), float(65_504.0)]);
    assert!(matches!(values[1], Some(Value::Number(Number::Float(z))) if z.is_sign_negative()));
}

#[test]
fn strings_and_arrays_of_no_stated_length() {
    let hex = "d9d9f79fbf61617f6268656161ff61625f410a41ffff61637f7f";
    assert!(decode(Format::Cbor, &bytes_of_hex(hex), &limits()).is_err());
    let hex = "d9d9f79fbf61617f626865616cff61625f410a41ffffffff";
    let expected = [named("a", text("hel")), named("b", Some(Value::Bytes([10, 255].into())))];
    assert_eq!(taken(Format::Cbor, bytes_of_hex(hex)), expected);
}

/// RFC 8428 §6 has this example; here by the Python package cbor2 6.3.
const SENML: &str = "a721781b75726e3a6465763a6f773a3130653230373361303130383030363a22fb41d303a15b00106223614120050067766f6c7461676501615602fb405e066666666666a3006763757272656e74062402fb3ff3333333333333a3006763757272656e74062302fb3ff4cccccccccccda3006763757272656e74062202fb3ff6666666666666a3006763757272656e74062102fb3ff8000000000000a3006763757272656e74062002fb3ff999999999999aa3006763757272656e74060002fb3ffb333333333333";

#[test]
fn senml_with_numbers_as_labels() {
    let bad =
        |hex: &str, said: &str| refused(Format::SenmlCbor, bytes_of_hex(hex), &limits(), said);
    bad("a1", "byte 0: expected an array of maps, found a map");
    bad("81a2616e61610201", "record 0, field \"n\", byte 4: expected the integer 0 as the label");
    bad(
        "81a3006161 0201 62785f f6",
        "record 0, field \"x_\", byte 10: the field must be understood, and is not",
    );
    bad("81a20061610861 61", "record 0, field \"8\", byte 6: expected bytes, found text");
    bad("81a200616104f6", "record 0, field \"4\", byte 6: expected true or false, found null");
    bad("81a2006161 02f97e00", "record 0, field \"2\", byte 6: not a finite number");
    bad("81a3006161 02f93c00 0201", "record 0, field \"2\", byte 10: the field is there twice");
    check_currents(&taken(Format::SenmlCbor, bytes_of_hex(&format!("87{SENML}"))));
    // As a stream that is over.
    check_currents(&taken(Format::SenmlCbor, bytes_of_hex(&format!("9f{SENML}ff"))));
    // A decimal fraction, unknown labels, and bytes.
    let hex = "81a5006161 02c48221196ab3 1864f6 0500 06c4822018ff".to_owned();
    let readings = taken(Format::SenmlCbor, bytes_of_hex(&hex));
    assert_eq!(readings[0].value, float(273.15));
    assert_eq!(readings[0].time, Some(Time::SinceReceipt(25_500_000_000)));
    let readings = taken(Format::SenmlCbor, bytes_of_hex("81a20061610842ff00"));
    assert_eq!(readings[0].value, Some(Value::Bytes([255, 0].into())));
}

/// Writes a value as CBOR.
type Write = Box<dyn Fn(&mut Encoder<Vec<u8>>)>;

fn writes(write: impl Fn(&mut Encoder<Vec<u8>>) -> bool + 'static) -> Write {
    Box::new(move |encoder| assert!(write(encoder)))
}

fn values() -> impl Strategy<Value = (String, Option<Value>)> {
    let value = prop_oneof![
        Just(None),
        any::<bool>().prop_map(|b| Some(Value::Bool(b))),
        any::<i64>().prop_map(int),
        (1u64 << 63..).prop_map(|i| Some(Value::Number(Number::Uint(i)))),
        any::<f64>().prop_filter("finite", |f| f.is_finite()).prop_map(float),
        any::<String>().prop_map(|s| text(&s)),
        any::<Vec<u8>>().prop_map(|b| Some(Value::Bytes(b.into()))),
    ];
    ("[a-z]{5,9}", value)
}

fn written(value: Option<Value>) -> Write {
    match value {
        None => writes(|e| e.null().is_ok()),
        Some(Value::Bool(b)) => writes(move |e| e.bool(b).is_ok()),
        Some(Value::Number(Number::Int(i))) => writes(move |e| e.i64(i).is_ok()),
        Some(Value::Number(Number::Uint(i))) => writes(move |e| e.u64(i).is_ok()),
        Some(Value::Number(Number::Float(f))) => writes(move |e| e.f64(f).is_ok()),
        Some(Value::Text(text)) => writes(move |e| e.str(&text).is_ok()),
        Some(Value::Bytes(bytes)) => writes(move |e| e.bytes(&bytes).is_ok()),
    }
}

proptest! {
    #[test]
    fn what_minicbor_writes_comes_back(
        records in proptest::collection::vec(proptest::collection::vec(values(), 1..6), 1..6),
        indefinite in any::<bool>(),
        time_s in proptest::option::of(-1_000_000_000i64..9_000_000_000),
    ) {
        let mut encoder = Encoder::new(Vec::new());
        let mut expected = Vec::new();
        if indefinite { encoder.begin_array() } else { encoder.array(records.len() as u64) }.expect("written");
        for mut record in records {
            record.sort_by(|a, b| a.0.cmp(&b.0));
            record.dedup_by(|a, b| a.0 == b.0);
            let count = record.len() + usize::from(time_s.is_some());
            if indefinite { encoder.begin_map() } else { encoder.map(count as u64) }.expect("written");
            for (name, value) in record {
                encoder.str(&name).expect("written");
                written(value.clone())(&mut encoder);
                let reading = named(&name, value);
                expected.push(match time_s { Some(s) => at(s * 1_000_000_000, reading), None => reading });
            }
            if let Some(s) = time_s {
                encoder.str("time").expect("written").tag(Tag::new(1)).expect("written").i64(s).expect("written");
            }
            if indefinite { encoder.end().expect("written"); }
        }
        if indefinite { encoder.end().expect("written"); }
        prop_assert_eq!(taken(Format::Cbor, encoder.into_writer()), expected);
    }

    #[test]
    fn halves_are_what_they_are_by_the_standard(bits in any::<u16>()) {
        // As floats of 32 bits: the exponent's bias differs by 112, the fraction by 13 bits.
        let (exponent, fraction) = (u32::from(bits >> 10 & 0x1f), u32::from(bits & 0x3ff));
        let expected = match exponent {
            0 => fraction as f32 / (1 << 24) as f32,
            31 => f32::INFINITY,
            _ => f32::from_bits((exponent + 112) << 23 | fraction << 13),
        };
        let body = [&[0xa1, 0x61, b'a', 0xf9][..], &bits.to_be_bytes()].concat();
        match decode(Format::Cbor, &body, &limits()) {
            Err(_) => prop_assert_eq!(exponent, 31),
            Ok(readings) => {
                let sign = if bits >> 15 == 0 { 1.0 } else { -1.0 };
                prop_assert_eq!(&readings[0].value, &float(sign * f64::from(expected)));
            }
        }
    }

    #[test]
    fn nothing_panics(body in proptest::collection::vec(prop_oneof![any::<u8>(), Just(0xa1), Just(0x61), Just(0x81), Just(0xc4), Just(0xff), Just(0x7f)], 0..60)) {
        for format in [Format::Cbor, Format::SenmlCbor] {
            let _ = decode(format, &body, &limits());
        }
    }
}
