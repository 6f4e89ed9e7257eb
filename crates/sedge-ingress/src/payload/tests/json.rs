use super::*;
use proptest::prelude::*;

fn bad(body: impl AsRef<[u8]>, said: &str) {
    refused(Format::Json, body, &limits(), said);
}

#[test]
fn what_is_not_json_is_told_with_its_byte() {
    bad("", "byte 0: not JSON: eof while parsing a value");
    bad(r#"{"a":1"#, "byte 5: not JSON: eof while parsing an object");
    bad("{\"a\":1,\n \"b\":nul}", "byte 16: not JSON: expected ident");
    bad(r#"{"a":NaN}"#, "byte 5: not JSON: expected value");
    bad(r#"{"a":1} {}"#, "byte 8: not JSON: trailing characters");
    bad(r#"{"a":01}"#, "byte 6: not JSON: invalid number");
    bad(b"{\"a\":\"\xff\"}", "byte 6: not UTF-8");
    bad(
        r#"{"a":"\ud800"}"#,
        "record 0, field \"a\", byte 5: not JSON: unexpected end of hex escape",
    );
    bad(r#"{"\udc00":1}"#, "byte 0: not JSON: lone leading surrogate in hex escape");
}

#[test]
fn what_is_json_but_no_readings_is_told() {
    for (body, found) in
        [("1", "a number"), ("null", "null"), ("\"a\"", "text"), ("true", "a truth value")]
    {
        bad(body, &format!("byte 0: expected an object or an array of objects, found {found}"));
    }
    bad("[1]", "record 0, byte 1: expected an object, found a number");
    bad("[{\"a\":1}, []]", "record 1, byte 10: expected an object, found an array");
    let nothing = "there is no reading in it; an object has readings by their names";
    bad("{}", &format!("record 0, byte 0: {nothing}"));
    bad(r#"[{"a":1},{"time":5}]"#, &format!("record 1, byte 9: {nothing}"));
    bad(
        r#"{"a":{"b":1}}"#,
        "record 0, field \"a\", byte 5: expected a number, text, bytes, a truth value or null, \
         found an object; what is nested needs names of its own, side by side",
    );
    let name = "expected a name of one character or more, none of them a control character";
    bad(r#"{"":1}"#, &format!("record 0, field \"\", byte 4: {name}"));
    bad(r#"{"a\n":1}"#, &format!("record 0, field \"a\\n\", byte 7: {name}"));
}

#[test]
fn a_name_that_is_there_twice_is_told() {
    bad(r#"{"a":1,"b":2,"a":1}"#, "record 0, field \"a\", byte 17: the field is there twice");
    bad(r#"{"a":1,"\u0061":2}"#, "record 0, field \"a\", byte 16: the field is there twice");
    bad(
        r#"{"time":1,"time":2,"a":1}"#,
        "record 0, field \"time\", byte 17: the field is there twice",
    );
}

#[test]
fn numbers_are_not_rounded_silently() {
    let hint = "send it as text, or null for no value";
    bad(
        r#"{"a":18446744073709551616}"#,
        &format!(
            "record 0, field \"a\", byte 5: the integer has more than 64 bits, so it would be \
             rounded; {hint}"
        ),
    );
    bad(
        r#"{"a":1e999}"#,
        &format!(
            "record 0, field \"a\", byte 5: the number is too large for a float of 64 bits; {hint}"
        ),
    );
}

#[test]
fn times_that_are_none_are_told_and_others_not_judged() {
    let expected = "expected a time: a number since 1970, or text as in 2026-11-28T09:00:00Z";
    for time in ["null", "true", "[]", "\"yesterday\"", "\"2026-02-30T00:00:00Z\""] {
        let body = format!(r#"{{"time":{time},"a":1}}"#);
        bad(&body, &format!("record 0, field \"time\", byte 8: {expected}"));
    }
    let range = "record 0, field \"time\", byte 8: the time is not between the years 1677 and 2262";
    bad(r#"{"time":1e300,"a":1}"#, range);
    bad(r#"{"time":"2500-01-01T00:00:00Z","a":1}"#, range);
    for time in ["-62135596", "0", "9223372036"] {
        assert_eq!(taken(Format::Json, format!(r#"{{"time":{time},"a":1}}"#)).len(), 1);
    }
}

#[test]
fn everything_has_a_bound() {
    let small = PayloadLimits {
        readings_max: 2,
        fields_max: 3,
        name_bytes_max: 3,
        value_bytes_max: 4,
        depth_max: 4,
        ..limits()
    };
    let bad = |body: &str, said: &str| refused(Format::Json, body, &small, said);
    bad(r#"[{"a":1},{"a":1},{"a":1}]"#, "record 2, byte 17: more records than 2");
    bad(r#"{"a":1,"b":1,"c":1}"#, "record 0, field \"c\", byte 17: more readings than 2");
    bad(r#"{"a":1,"b":1,"c":1,"d":1}"#, "record 0, byte 0: more fields than 3");
    bad(r#"{"abcd":1}"#, "record 0, field \"abcd\", byte 8: more bytes of a name than 3");
    bad(r#"{"a":"12345"}"#, "record 0, field \"a\", byte 5: more bytes of a text than 4");
    bad(
        r#"{"a":[[["]"]]]}"#,
        "record 0, field \"a\", byte 5: more values within each other than 4",
    );
    let deep = format!("{}1{}", "[".repeat(400_000), "]".repeat(400_000));
    refused(Format::Json, &deep, &limits(), "record 0, byte 1: expected an object, found an array");
    let deep = format!(r#"{{"a":{deep}}}"#);
    let said = "record 0, field \"a\", byte 5: more values within each other than 16";
    refused(Format::Json, &deep, &limits(), said);
    let long = format!(r#"{{"{}":[]}}"#, "é".repeat(200));
    let error = decode(Format::Json, long.as_bytes(), &limits()).expect_err("bad");
    assert_eq!(error.place.field.map(|field| field.chars().count()), Some(65));
}

#[test]
fn readings_in_their_order() {
    let body = r#" [ {"time": "2026-11-28T09:00:00.5Z", "temp": 21.5, "count": 9007199254740993,
        "big": 18446744073709551615, "on": true, "mode": "a\u0075to", "none": null},
        {"\u0074emp": -3e1} ] "#;
    let time = 1_795_856_400_500_000_000;
    assert_eq!(
        taken(Format::Json, body),
        [
            at(time, named("temp", float(21.5))),
            at(time, named("count", int(9_007_199_254_740_993))),
            at(time, named("big", Some(Value::Number(Number::Uint(u64::MAX))))),
            at(time, named("on", Some(Value::Bool(true)))),
            at(time, named("mode", text("auto"))),
            at(time, named("none", None)),
            named("temp", float(-30.0)),
        ]
    );
    assert_eq!(taken(Format::Json, r#"{"a":1}"#), [named("a", int(1))]);
}

/// A value, and what it must become.
fn values() -> impl Strategy<Value = (serde_json::Value, Option<Value>)> {
    prop_oneof![
        Just((serde_json::Value::Null, None)),
        any::<bool>().prop_map(|b| (b.into(), Some(Value::Bool(b)))),
        any::<i64>().prop_map(|i| (i.into(), int(i))),
        (1u64 << 63..).prop_map(|i| (i.into(), Some(Value::Number(Number::Uint(i))))),
        any::<f64>().prop_filter("finite", |f| f.is_finite()).prop_map(|f| (f.into(), float(f))),
        any::<String>().prop_map(|s| (s.as_str().into(), text(&s))),
    ]
}

proptest! {
    #[test]
    fn what_serde_json_writes_comes_back(
        objects in proptest::collection::vec(
            proptest::collection::btree_map("[a-z.\"\\\\ü]{1,8}", values(), 1..6), 1..6),
        pretty in any::<bool>(),
    ) {
        let (mut written, mut expected) = (Vec::new(), Vec::new());
        for object in objects {
            let object: Vec<_> = object.into_iter().filter(|(name, _)| name != "time").collect();
            prop_assume!(!object.is_empty());
            let map: serde_json::Map<String, serde_json::Value> =
                object.iter().map(|(name, (value, _))| (name.clone(), value.clone())).collect();
            expected.extend(object.iter().map(|(name, (_, value))| named(name, value.clone())));
            written.push(serde_json::Value::Object(map));
        }
        let body = match pretty {
            true => serde_json::to_vec_pretty(&written),
            false => serde_json::to_vec(&written),
        };
        let mut readings = taken(Format::Json, body.expect("written"));
        // Maps of serde_json may have an order of their own.
        let key = |r: &Reading| r.name.clone();
        readings.sort_by_key(key);
        expected.sort_by_key(key);
        prop_assert_eq!(readings, expected);
    }

    #[test]
    fn nothing_panics(body in "[\\[{\"a:,1e.\\-\\\\u0ntrf }\\]]{0,60}", bytes in any::<Vec<u8>>()) {
        for format in [Format::Json, Format::SenmlJson] {
            let _ = (decode(format, body.as_bytes(), &limits()), decode(format, &bytes, &limits()));
        }
    }
}
