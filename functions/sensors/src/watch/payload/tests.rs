use super::*;
use proptest::prelude::*;

const NOW_S: f64 = 1_700_000_000.0;

fn of(payload: &str, media: Option<&str>, fields: &Fields) -> Result<Vec<Sample>, String> {
    read(payload.as_bytes(), media, fields, NOW_S)
}

/// Name, value and time of each.
fn short(payload: &str, media: Option<&str>, fields: &Fields) -> Vec<(String, f64, Option<f64>)> {
    let samples = of(payload, media, fields).unwrap_or_else(|error| panic!("{payload}: {error}"));
    let name = |sample: &Sample| sample.name.clone().unwrap_or_default();
    samples.iter().map(|sample| (name(sample), sample.value, sample.time_s)).collect()
}

#[test]
fn payloads_that_are_refused() {
    let long = format!(r#"{{"value": "{}"}}"#, "x".repeat(PAYLOAD_BYTES_MAX));
    let many = format!("[{}1]", "1,".repeat(SAMPLES_MAX));
    let deep = "[".repeat(100_000);
    let name = format!(r#"[{{"n":"{}","v":1}}]"#, "n".repeat(257));
    for (payload, media, word) in [
        ("", None, "not a number"),
        ("21.5 C", None, "without its unit"),
        ("21,5", None, "not a number"),
        ("0x10", None, "not a number"),
        ("{", None, "not JSON"),
        ("21.5", Some("text/csv"), "is not read"),
        ("x", Some("application/json"), "not JSON"),
        ("{}", None, "no field temperature, temp, value"),
        (r#"{"value": true}"#, None, "a boolean"),
        (r#"{"value": [1]}"#, None, "a list"),
        (r#"{"value": {}}"#, None, "without `value`"),
        (
            r#"{"value": {"value": {"value": {"value": {"value": {"value": 1}}}}}}"#,
            None,
            "not a number",
        ),
        (r#"{"value": "21.5 C"}"#, None, "\"value\": \"21.5 C\" is not a number"),
        ("[[1]]", None, "a list"),
        (&long, None, "more than 262144 bytes"),
        (&many, None, "more than 500 readings"),
        (&deep, None, "recursion"),
        ("{}", Some("application/senml+json"), "an array of records"),
        ("[1]", Some("application/senml+json"), "record 0: must be an object"),
        (r#"[{"n":"a","v":"1"}]"#, None, "record 0: `v` must be a number"),
        (r#"[{"n":1,"v":1}]"#, None, "`n` must be text"),
        (r#"[{"n":"a","v":1},{"n":"b","x_":1}]"#, None, "record 1: the field \"x_\""),
        (&name, None, "more than 256 bytes"),
    ] {
        let error = of(payload, media, &Fields::Usual).unwrap_err();
        assert!(error.contains(word), "{}: {error}", shown(payload));
    }
    assert!(read(&[0xff, 0xfe], None, &Fields::Usual, NOW_S).unwrap_err().contains("not text"));
    let fields = Fields::Named(vec!["rpm".to_owned()]);
    assert!(of(r#"{"value": 1}"#, None, &fields).unwrap_err().contains("no field rpm"));
    assert!(of(r#"{"a": "x"}"#, None, &Fields::All).unwrap_err().contains("that is a number"));
}

#[test]
fn what_a_sensor_did_not_measure_is_a_gap() {
    for payload in [
        "NaN",
        "inf",
        "-inf",
        "1e999",
        "null",
        " null\n",
        r#"{"value": null}"#,
        r#"{"value": "nan"}"#,
    ] {
        let samples = of(payload, None, &Fields::Usual).unwrap();
        assert!(samples.len() == 1 && samples[0].value.is_nan(), "{payload}");
    }
}

#[test]
fn the_ways_to_say_a_number() {
    let usual = Fields::Usual;
    let said = |name: &str, value: f64, time_s| vec![(name.to_owned(), value, time_s)];
    for (payload, media, want) in [
        ("21.5", None, said("", 21.5, None)),
        (" -3e2\n", Some("text/plain; charset=utf-8"), said("", -300.0, None)),
        ("7", Some("application/json"), said("", 7.0, None)),
        (r#"{"temp": 1, "humidity": 2}"#, None, said("temp", 1.0, None)),
        (
            r#"{"value": {"value": "2"}, "ts": "2023-11-14T22:13:20Z"}"#,
            None,
            said("value", 2.0, Some(NOW_S)),
        ),
        (r#"{"value": 2, "time": 1700000000000}"#, None, said("value", 2.0, Some(NOW_S))),
        (r#"[{"n":"t","u":"Cel","t":1700000000,"v":3}]"#, None, said("t", 3.0, Some(NOW_S))),
        (r#"[{"v":3}]"#, Some("application/senml+json"), said("", 3.0, Some(NOW_S))),
        (r#"[{"n":"mode","vs":"on"},{"n":"x","vb":true}]"#, None, vec![]),
        ("[]", None, vec![]),
    ] {
        assert_eq!(short(payload, media, &usual), want, "{payload}");
    }
    let fields = Fields::Named(vec!["a".to_owned(), "b".to_owned()]);
    assert_eq!(short(r#"{"b": 2, "c": 3}"#, None, &fields), said("b", 2.0, None));
    let all =
        short(r#"{"time": 5, "a": 1, "b": {"value": 2}, "c": "x", "d": {}}"#, None, &Fields::All);
    assert_eq!(all, [said("a", 1.0, Some(5.0)), said("b", 2.0, Some(5.0))].concat());
}

#[test]
fn packs_are_resolved() {
    let pack = r#"[{"bn":"dev/","bt":1700000100,"bv":20,"n":"a","v":1},{"n":"b","t":-60},
        {"bn":"","bt":-5,"n":"c","v":2}]"#;
    let all = short(pack, None, &Fields::Usual);
    assert_eq!(
        all,
        [
            ("dev/a".to_owned(), 21.0, Some(NOW_S + 100.0)),
            ("dev/b".to_owned(), 20.0, Some(NOW_S + 40.0)),
            ("c".to_owned(), 22.0, Some(NOW_S - 5.0)),
        ]
    );
}

proptest! {
    #[test]
    fn any_bytes_are_survived(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        shaped in "(\\{|\\}|\\[|\\]|\"n\"|\"v\"|\"bt\"|\"value\"|:|,|[0-9.e-]{1,4}|null|\"| ){0,60}",
    ) {
        for payload in [&bytes[..], shaped.as_bytes()] {
            for media in [None, Some("application/senml+json"), Some("application/json")] {
                for fields in [Fields::Usual, Fields::All] {
                    if let Ok(samples) = read(payload, media, &fields, NOW_S) {
                        prop_assert!(samples.len() <= SAMPLES_MAX);
                    }
                }
            }
        }
    }
}
