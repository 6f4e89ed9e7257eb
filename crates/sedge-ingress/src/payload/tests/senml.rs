use super::*;
use proptest::prelude::*;

fn bad(body: &str, said: &str) {
    refused(Format::SenmlJson, body, &limits(), said);
}

#[test]
fn what_is_no_pack_is_refused() {
    bad(r#"{"n":"a","v":1}"#, "byte 0: expected an array of objects, found an object");
    bad("[1]", "record 0, byte 1: expected an object, found a number");
    let value = "expected a value or a sum; a record has one of `v`, `vs`, `vb` and `vd`, or `s`";
    bad(r#"[{"n":"a"}]"#, &format!("record 0, byte 1: {value}"));
    bad(r#"[{"n":"a","v":1},{"bn":"b","bu":"A"}]"#, &format!("record 1, byte 17: {value}"));
    bad(
        r#"[{"n":"a","v":1,"vs":"b"}]"#,
        "record 0, field \"vs\", byte 21: expected no second value in one record",
    );
}

#[test]
fn fields_of_other_types_are_refused() {
    for (field, said) in [
        (r#""v":"1""#, "field \"v\", byte 14: expected a number, found text"),
        (r#""v":null"#, "field \"v\", byte 14: expected a number, found null"),
        (r#""v":1e400"#, "field \"v\", byte 14: the number is too large for a float of 64 bits"),
        (r#""vs":1"#, "field \"vs\", byte 15: expected text, found a number"),
        (r#""vb":"true""#, "field \"vb\", byte 15: expected true or false, found text"),
        (r#""vd":"a*""#, "field \"vd\", byte 15: expected base64url (RFC 4648 §5)"),
        (r#""vd":"a+/b""#, "field \"vd\", byte 15: expected base64url (RFC 4648 §5)"),
        (r#""vd":7"#, "field \"vd\", byte 15: expected base64url as text, found a number"),
        (r#""t":"1","v":1"#, "field \"t\", byte 14: expected a number of seconds, found text"),
        (r#""u":1,"v":1"#, "field \"u\", byte 14: expected text, found a number"),
        (r#""bv":[],"v":1"#, "field \"bv\", byte 15: expected a number, found an array"),
        (
            r#""u":"a\u0007","v":1"#,
            "field \"u\", byte 14: expected a unit without control characters",
        ),
        (r#""v":1,"v":1"#, "field \"v\", byte 20: the field is there twice"),
    ] {
        bad(&format!(r#"[{{"n":"a",{field}}}]"#), &format!("record 0, {said}"));
    }
}

#[test]
fn a_version_that_is_not_known_is_not_read() {
    let with = |version: &str| format!(r#"[{{"bver":{version},"n":"a","v":1}}]"#);
    for version in ["11", "25", "27", "1000000000000"] {
        let said = format!("expected a version of at most 10, not {version}");
        bad(&with(version), &format!("record 0, field \"bver\", byte 9: {said}"));
    }
    for version in ["0", "-1", "1.5", "10.0"] {
        let said = "expected a positive integer as the version";
        bad(&with(version), &format!("record 0, field \"bver\", byte 9: {said}"));
    }
    let second = |first: &str| format!(r#"[{{{first}"n":"a","v":1}},{{"bver":5,"n":"a","v":1}}]"#);
    bad(
        &second(""),
        "record 1, field \"bver\", byte 25: expected the version 10 of the records before",
    );
    bad(
        &second("\"bver\":7,"),
        "record 1, field \"bver\", byte 34: expected the version 7 of the records before",
    );
    for version in ["1", "5", "10", "26"] {
        assert_eq!(taken(Format::SenmlJson, with(version)).len(), 1);
    }
    assert_eq!(taken(Format::SenmlJson, second("\"bver\":5,")).len(), 2);
}

#[test]
fn what_must_be_understood_is_and_other_fields_are_ignored() {
    bad(
        r#"[{"n":"a","v":1,"x_":null}]"#,
        "record 0, field \"x_\", byte 21: the field must be understood, and is not",
    );
    let body = r#"[{"n":"a","v":1,"x":{"y":[1e999,{"z_":1}]},"_x":5}]"#;
    assert_eq!(taken(Format::SenmlJson, body), [named("a", int(1))]);
}

#[test]
fn a_name_must_be_one_when_it_is_resolved() {
    let said = "expected base name and name that begin with a letter or digit and go on with \
                those and `-:./_`";
    for (record, place) in [
        (r#"{"v":1}"#, "byte 1"),
        (r#"{"n":"","v":1}"#, "field \"n\", byte 6"),
        (r#"{"n":"-a","v":1}"#, "field \"n\", byte 6"),
        (r#"{"n":"a b","v":1}"#, "field \"n\", byte 6"),
        (r#"{"n":"ä","v":1}"#, "field \"n\", byte 6"),
        (r#"{"bn":"_","n":"a","v":1}"#, "field \"n\", byte 15"),
    ] {
        bad(&format!("[{record}]"), &format!("record 0, {place}: {said}"));
    }
    let readings = taken(Format::SenmlJson, r#"[{"bn":"A","n":"_-:./9","v":1},{"v":2}]"#);
    let names: Vec<_> = readings.iter().map(Reading::full_name).collect();
    assert_eq!(names, ["A_-:./9", "A"]);
}

#[test]
fn everything_has_a_bound() {
    let small =
        PayloadLimits { name_bytes_max: 4, value_bytes_max: 8, readings_max: 1, ..limits() };
    for (body, said) in [
        (
            r#"[{"bn":"abc","n":"de","v":1}]"#,
            "field \"n\", byte 17: more bytes of base name and name than 4",
        ),
        (r#"[{"bn":"abcde","v":1}]"#, "byte 1: more bytes of base name and name than 4"),
        (r#"[{"n":"a","u":"abcde","v":1}]"#, "field \"u\", byte 14: more bytes of a unit than 4"),
        (r#"[{"n":"a","vs":"abcdefghi"}]"#, "field \"vs\", byte 15: more bytes of a text than 8"),
    ] {
        refused(Format::SenmlJson, body, &small, &format!("record 0, {said}"));
    }
    let two = r#"[{"n":"a","v":1},{"n":"a","v":1}]"#;
    refused(Format::SenmlJson, two, &small, "record 1, byte 17: more records than 1");
    bad(
        r#"[{"bt":9e9,"t":9e9,"n":"a","v":1}]"#,
        "record 0, field \"t\", byte 15: the time is not between the years 1677 and 2262",
    );
    bad(
        r#"[{"n":"a","bv":1e308,"v":1.7e308}]"#,
        "record 0, field \"v\", byte 25: with its base it is too large for a float of 64 bits",
    );
}

/// Name, unit, time and value.
type Seen<'r> = (String, Option<&'r str>, Option<Time>, Option<Value>);

fn seen(readings: &[Reading]) -> Vec<Seen<'_>> {
    readings
        .iter()
        .map(|reading| {
            let unit = reading.unit.as_deref();
            (reading.full_name(), unit, reading.time, reading.value.clone())
        })
        .collect()
}

#[test]
fn rfc_8428_5_1_1_and_5_1_2() {
    let one =
        taken(Format::SenmlJson, r#"[{"n":"urn:dev:ow:10e2073a01080063","u":"Cel","v":23.1}]"#);
    let name = "urn:dev:ow:10e2073a01080063".to_owned();
    assert_eq!(seen(&one), [(name, Some("Cel"), None, float(23.1))]);
    let two = taken(
        Format::SenmlJson,
        r#"[{"bn":"urn:dev:ow:10e2073a01080063:","n":"voltage","u":"V","v":120.1},
            {"n":"current","u":"A","v":1.2}]"#,
    );
    let name = |name: &str| format!("urn:dev:ow:10e2073a01080063:{name}");
    assert_eq!(
        seen(&two),
        [
            (name("voltage"), Some("V"), None, float(120.1)),
            (name("current"), Some("A"), None, float(1.2))
        ]
    );
}

#[test]
fn rfc_8428_5_1_2_with_a_base_time() {
    let readings = taken(
        Format::SenmlJson,
        r#"[{"bn":"urn:dev:ow:10e2073a0108006:","bt":1.276020076001e+09,"bu":"A","bver":5,
             "n":"voltage","u":"V","v":120.1},
            {"n":"current","t":-5,"v":1.2},{"n":"current","t":-4,"v":1.3},
            {"n":"current","t":-3,"v":1.4},{"n":"current","t":-2,"v":1.5},
            {"n":"current","t":-1,"v":1.6},{"n":"current","v":1.7}]"#,
    );
    check_currents(&readings);
}

/// What that example says, in whichever encoding.
pub(super) fn check_currents(readings: &[Reading]) {
    let at = |s: i64| Some(Time::Unix(1_276_020_076_001_000_000 + s * 1_000_000_000));
    let name = |name: &str| format!("urn:dev:ow:10e2073a0108006:{name}");
    let mut expected = vec![(name("voltage"), Some("V"), at(0), float(120.1))];
    for (t, v) in [(-5, 1.2), (-4, 1.3), (-3, 1.4), (-2, 1.5), (-1, 1.6), (0, 1.7)] {
        expected.push((name("current"), Some("A"), at(t), float(v)));
    }
    assert_eq!(seen(readings), expected);
}

#[test]
fn rfc_8428_5_1_3_to_5_1_7() {
    let readings = taken(
        Format::SenmlJson,
        r#"[{"bn":"urn:dev:ow:10e2073a01080063","bt":1.320067464e+09,"bu":"%RH","v":20},
            {"u":"lon","v":24.30621},{"u":"lat","v":60.07965},{"t":60,"v":20.3}]"#,
    );
    let name = "urn:dev:ow:10e2073a01080063".to_owned();
    let at = |s: i64| Some(Time::Unix((1_320_067_464 + s) * 1_000_000_000));
    assert_eq!(
        seen(&readings),
        [
            (name.clone(), Some("%RH"), at(0), int(20)),
            (name.clone(), Some("lon"), at(0), float(24.30621)),
            (name.clone(), Some("lat"), at(0), float(60.07965)),
            (name, Some("%RH"), at(60), float(20.3)),
        ]
    );
    let readings = taken(
        Format::SenmlJson,
        r#"[{"bn":"urn:dev:ow:10e2073a01080063:","n":"temp","u":"Cel","v":23.1},
            {"n":"label","vs":"Machine Room"},{"n":"open","vb":false},
            {"n":"nfc-reader","vd":"aGkgCg"}]"#,
    );
    let values: Vec<_> = readings.into_iter().map(|reading| reading.value).collect();
    let bytes = Some(Value::Bytes(b"hi \n"[..].into()));
    assert_eq!(values, [float(23.1), text("Machine Room"), Some(Value::Bool(false)), bytes]);
    let actuation = taken(
        Format::SenmlJson,
        r#"[{"bn":"urn:dev:ow:10e2073a01080063:","n":"temp","v":23.1},{"n":"humidity","v":20}]"#,
    );
    assert_eq!(actuation.len(), 2);
}

#[test]
fn times_below_two_to_the_28_count_from_receipt() {
    let time = |fields: &str| {
        let body = format!(r#"[{{"n":"a","v":1{fields}}}]"#);
        taken(Format::SenmlJson, body)[0].time
    };
    let s = 1_000_000_000;
    assert_eq!(time(""), None);
    assert_eq!(time(r#","t":0"#), Some(Time::SinceReceipt(0)));
    assert_eq!(time(r#","t":-1.5"#), Some(Time::SinceReceipt(-1_500_000_000)));
    assert_eq!(time(r#","bt":-10,"t":3"#), Some(Time::SinceReceipt(-7 * s)));
    assert_eq!(time(r#","t":268435455.9"#), Some(Time::SinceReceipt(268_435_455_900_000_000)));
    assert_eq!(time(r#","t":268435456"#), Some(Time::Unix(268_435_456 * s)));
    assert_eq!(time(r#","bt":268435450,"t":6"#), Some(Time::Unix(268_435_456 * s)));
}

#[test]
fn sums_and_base_values() {
    let read = |body| taken(Format::SenmlJson, body);
    let only = read(r#"[{"n":"a","s":12.5,"ut":60}]"#);
    assert_eq!((only[0].value.clone(), only[0].sum), (None, Some(Number::Float(12.5))));
    assert_eq!(only[0].update_time_ns, Some(60_000_000_000));
    // What is missing counts as zero (§4.5.4); integers stay integers.
    let based = read(
        r#"[{"bn":"a","bv":9007199254740993,"bs":1,"v":1},{"s":2,"vb":true},{"n":"b"},
            {"bv":0.5,"v":1}]"#,
    );
    let values: Vec<_> = based.iter().map(|reading| reading.value.clone()).collect();
    let base = 9_007_199_254_740_993;
    assert_eq!(values, [int(base + 1), Some(Value::Bool(true)), int(base), float(1.5)]);
    let sums: Vec<_> = based.iter().map(|reading| reading.sum).collect();
    assert_eq!(sums, [1, 3, 1, 1].map(|sum| Some(Number::Int(sum))));
}

#[test]
fn what_another_encoder_wrote() {
    // By the Python package senml 0.1.
    let body = r#"[{"bn": "urn:dev:ow:10e2073a01080063:", "bt": 1320067464, "n": "temperature",
        "u": "Cel", "t": -10, "v": 23.5}, {"n": "label", "vs": "Machine Room"},
        {"n": "open", "vb": false}]"#;
    let readings = taken(Format::SenmlJson, body);
    assert_eq!(readings[0].time, Some(Time::Unix(1_320_067_454_000_000_000)));
    assert_eq!(readings[1].value, text("Machine Room"));
}

proptest! {
    #[test]
    fn resolving_does_not_depend_on_how_a_pack_is_based(
        base_time in 268_435_456i64..4_000_000_000,
        records in proptest::collection::vec((0i64..1000, any::<i32>(), any::<i32>()), 1..20),
    ) {
        // Once with base fields, once with every record by itself.
        let (mut based, mut alone) = (Vec::new(), Vec::new());
        for (index, (t, v, bv)) in records.into_iter().enumerate() {
            let mut record = serde_json::json!({"n": format!("n{index}"), "t": t, "v": v, "bv": bv});
            if index == 0 {
                record["bn"] = "dev:".into();
                record["bt"] = base_time.into();
                record["bu"] = "A".into();
            }
            based.push(record);
            let v = i64::from(v) + i64::from(bv);
            alone.push(serde_json::json!({"n": format!("dev:n{index}"), "t": base_time + t, "u": "A", "v": v}));
        }
        let read = |pack: &Vec<_>| {
            let readings = taken(Format::SenmlJson, serde_json::to_vec(pack).expect("written"));
            let seen: Vec<_> = seen(&readings).into_iter().map(|(n, u, t, v)| (n, u.map(str::to_owned), t, v)).collect();
            seen
        };
        prop_assert_eq!(read(&based), read(&alone));
    }
}
