use super::*;

fn request(body: &str) -> IngestRequest<'_> {
    IngestRequest {
        device: "pump-7",
        content_type: Some("application/json"),
        content_encoding: None,
        epoch: None,
        sequence: None,
        body: body.as_bytes(),
        received_unix_ns: 1_000,
    }
}

#[track_caller]
fn refused(request: &IngestRequest<'_>, expected: &str) -> Refusal {
    let refusal = ingest(request, &PayloadLimits::default()).expect_err("refused");
    let written = serde_json::to_string(&refusal).expect("written");
    assert_eq!(written, expected);
    refusal
}

fn taken(request: &IngestRequest<'_>) -> Ingest {
    ingest(request, &PayloadLimits::default()).expect("taken")
}

const BODY: &str = r#"[{"a":1,"b":2},{"a":3}]"#;

#[test]
fn devices_without_a_name_are_refused() {
    let long = "x".repeat(257);
    for device in ["", "a/b", "a\nb", &long] {
        refused(
            &IngestRequest { device, ..request(BODY) },
            r#"{"status":400,"title":"the request can not be read","detail":"a device has a name of 1 to 256 bytes without control characters and slashes"}"#,
        );
    }
}

#[test]
fn numbers_that_are_none_are_refused() {
    let said = |detail: &str| {
        format!(r#"{{"status":400,"title":"the request can not be read","detail":"{detail}"}}"#)
    };
    let with = |epoch, sequence| IngestRequest { epoch, sequence, ..request(BODY) };
    refused(&with(Some("1"), None), &said("sedge-epoch is there without sedge-sequence"));
    refused(&with(None, Some("1")), &said("sedge-sequence is there without sedge-epoch"));
    for bad in ["", "-1", "+1", "1.0", "x", "18446744073709551616", "1, 2"] {
        let detail = "is not a decimal number of 64 bits without a sign";
        refused(&with(Some(bad), Some("1")), &said(&format!("sedge-epoch {detail}")));
        refused(&with(Some("1"), Some(bad)), &said(&format!("sedge-sequence {detail}")));
    }
    refused(&with(Some("9223372036854775808"), Some("1")), &said("sedge-epoch is not below 2^63"));
    let detail = "the numbers from sedge-sequence on do not fit in 64 bits";
    refused(&with(Some("1"), Some("18446744073709551614")), &said(detail));
    assert_eq!(taken(&with(Some("1"), Some("18446744073709551613"))).records.len(), 3);
}

#[test]
fn what_is_not_understood_is_told_with_what_is() {
    for content_type in [None, Some("text/plain"), Some("application/json; charset=latin1")] {
        let refusal =
            ingest(&IngestRequest { content_type, ..request(BODY) }, &PayloadLimits::default())
                .expect_err("refused");
        let (name, value) = refusal.header().expect("a field");
        assert_eq!((refusal.status, name), (415, "accept"));
        assert!(value.starts_with("application/senml+json, application/senml+cbor, "), "{value}");
    }
    let refusal = refused(
        &IngestRequest { content_encoding: Some("gzip"), ..request(BODY) },
        r#"{"status":415,"title":"the content coding is not taken","detail":"the content may have no coding"}"#,
    );
    assert_eq!(refusal.header(), Some(("accept-encoding", "identity".to_owned())));
}

#[test]
fn bad_readings_are_refused_with_their_place() {
    refused(
        &request(r#"[{"a":1},{"a":[]}]"#),
        r#"{"status":400,"title":"the readings can not be read","detail":"record 1, field \"a\", byte 14: expected a number, text, bytes, a truth value or null, found an array; what is nested needs names of its own, side by side","record":1,"field":"a","offset":14}"#,
    );
    let table = IngestRequest { content_type: Some("text/csv"), ..request("a,b\n1\n") };
    refused(
        &table,
        r#"{"status":400,"title":"the readings can not be read","detail":"line 2: expected 2 columns, found 1; every row is as the header","record":0,"line":2}"#,
    );
    let limits = PayloadLimits { readings_max: 2, ..PayloadLimits::default() };
    let refusal = ingest(&request(BODY), &limits).expect_err("too many");
    assert_eq!(refusal.status, 413);
    let senml = r#"[{"n":"a","v":1,"t":5}]"#;
    let late = IngestRequest {
        content_type: Some("application/senml+json"),
        received_unix_ns: i64::MAX,
        ..request(senml)
    };
    refused(
        &late,
        r#"{"status":400,"title":"the readings can not be read","detail":"the time is not between the years 1677 and 2262","record":0}"#,
    );
}

#[test]
fn readings_are_numbered_and_have_a_time() {
    let asked = taken(&IngestRequest { epoch: Some("3"), sequence: Some(" 7 "), ..request(BODY) });
    assert_eq!(&*asked.device, "pump-7");
    let seen: Vec<_> = asked
        .records
        .iter()
        .map(|record| (record.number, record.time_unix_ns, &*record.reading.name))
        .collect();
    let number = |sequence| Some(IngestNumber { epoch: 3, sequence });
    assert_eq!(seen, [(number(7), 1_000, "a"), (number(8), 1_000, "b"), (number(9), 1_000, "a")]);
    let senml = IngestRequest {
        content_type: Some("application/senml+json"),
        received_unix_ns: 10_000_000_000,
        content_encoding: Some("identity"),
        ..request(r#"[{"n":"a","v":1,"t":-2.5}]"#)
    };
    let asked = taken(&senml);
    assert_eq!((asked.records[0].number, asked.records[0].time_unix_ns), (None, 7_500_000_000));
}
