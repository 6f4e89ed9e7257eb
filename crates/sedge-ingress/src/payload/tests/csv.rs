use super::*;
use proptest::prelude::*;

fn bad(body: impl AsRef<[u8]>, said: &str) {
    refused(Format::Csv, body, &limits(), said);
}

#[test]
fn rows_that_do_not_fit_are_told_with_their_line() {
    let hint = "every row is as the header";
    bad("time,a\n1,2\n\n1\n", &format!("line 4: expected 2 columns, found 1; {hint}"));
    bad("time,a\r\n1,2,3\r\n", &format!("line 2: expected 2 columns, found 3; {hint}"));
    bad("time,a\r1,2\r1,2,3", &format!("line 3: expected 2 columns, found 3; {hint}"));
    bad("a,b\n\"x\ny\",2\n1\n", &format!("line 4: expected 2 columns, found 1; {hint}"));
    let error = decode(Format::Csv, b"a\n1\n2\n3,4\n", &limits()).expect_err("bad");
    assert_eq!((error.place.line, error.place.record), (Some(4), Some(2)));
    let nothing = "there is no reading in it; leave the row out";
    bad("time,a,b\n5,,\n", &format!("line 2: {nothing}"));
}

#[test]
fn quotes_that_do_not_fit_are_told() {
    let hint = "a cell with quotes begins and ends with one, and has two for each in it";
    bad("a,b\n1,\"2\n3,4\n", &format!("line 2, byte 6: a quote that does not end; {hint}"));
    bad("a\nx\"y\n", &format!("line 2, byte 3: a quote within a cell that has none; {hint}"));
    bad("a\n\"x\"y\n", &format!("line 2, byte 5: more in a cell after its quotes; {hint}"));
    bad("a\n\"x\" ,\n", &format!("line 2, byte 5: more in a cell after its quotes; {hint}"));
}

#[test]
fn headers_that_are_none_are_told() {
    let name = "expected a name of one character or more, none of them a control character";
    bad("a,,b\n1,2,3\n", &format!("line 1, field \"\": {name}"));
    bad("a,b,a\n1,2,3\n", "line 1, field \"a\": the field is there twice");
    bad("time;a\n1;2\n", "line 1, field \"time;a\": expected commas between the columns");
    bad(
        "name,value,where\nx,1,here\n",
        "line 1, field \"where\": expected no columns but `name`, `value`, `time` and `unit`",
    );
    bad(b"a\nb\xe4r\n", "line 2, byte 3: not UTF-8");
}

#[test]
fn cells_that_are_none_are_told() {
    let range = "the integer has more than 64 bits, so it would be rounded";
    bad("a\n1\n18446744073709551616\n", &format!("line 3, field \"a\": {range}"));
    let finite = "not a finite number; leave the cell empty";
    for cell in ["NaN", "inf", "-Inf"] {
        bad(format!("a\n{cell}\n"), &format!("line 2, field \"a\": {finite}"));
    }
    let time = "expected a time: a number since 1970, or text as in 2026-11-28T09:00:00Z";
    bad("time,a\nnoon,1\n", &format!("line 2, field \"time\": {time}"));
    bad("name,value\nx,\n", "line 2, field \"value\": expected a value; leave the row out");
    let small = PayloadLimits {
        fields_max: 2,
        readings_max: 3,
        name_bytes_max: 4,
        value_bytes_max: 3,
        ..limits()
    };
    let bad = |body: &str, said: &str| refused(Format::Csv, body, &small, said);
    bad("a,b,c\n1,2,3\n", "line 1: more columns than 2");
    bad("a,b\n1,2\n3,4\n", "line 3: more readings than 3");
    bad("abcde\n1\n", "line 1, field \"abcde\": more bytes of a name than 4");
    bad("a\nabcd\n", "line 2, field \"a\": more bytes of a text than 3");
}

#[test]
fn a_wide_table() {
    let body = "\u{feff}time, temp ,mode,on\r\n2026-11-28T09:00:00Z,21.5,\"a, \"\"b\"\"\r\nc\",true\r\n\
                1795856401,,007,\r\n,-4,,false";
    let time = 1_795_856_400_000_000_000;
    assert_eq!(
        taken(Format::Csv, body),
        [
            at(time, named("temp", float(21.5))),
            at(time, named("mode", text("a, \"b\"\r\nc"))),
            at(time, named("on", Some(Value::Bool(true)))),
            at(time + 1_000_000_000, named("mode", text("007"))),
            named("temp", int(-4)),
            named("on", Some(Value::Bool(false))),
        ]
    );
}

#[test]
fn a_long_table() {
    let body = "unit,name,value,time\nCel,temp,1,0.5\n,mode,auto,\n";
    let first = Reading { unit: Some(Arc::from("Cel")), ..at(500_000_000, named("temp", int(1))) };
    assert_eq!(taken(Format::Csv, body), [first, named("mode", text("auto"))]);
    assert_eq!(taken(Format::Csv, "value,name\n1,a").len(), 1);
    // A column may be called so in a wide table, if the other is not there.
    assert_eq!(taken(Format::Csv, "value,time\n1,5"), [at(5_000_000_000, named("value", int(1)))]);
}

proptest! {
    #[test]
    fn what_the_library_writes_comes_back(
        names in proptest::collection::btree_set("[a-z]{5}", 1..5),
        rows in proptest::collection::vec(proptest::collection::vec("[xyz\",\r\n ü;]{1,9}x", 5), 1..8),
        terminator in 0u8..3,
    ) {
        let mut writer = ::csv::WriterBuilder::new()
            .terminator([::csv::Terminator::CRLF, ::csv::Terminator::Any(b'\n'), ::csv::Terminator::Any(b'\r')][usize::from(terminator)])
            .from_writer(Vec::new());
        writer.write_record(&names).expect("written");
        let mut expected = Vec::new();
        for row in &rows {
            let cells = &row[..names.len()];
            writer.write_record(cells).expect("written");
            expected.extend(names.iter().zip(cells).map(|(name, cell)| named(name, text(cell))));
        }
        let body = writer.into_inner().expect("written");
        prop_assert_eq!(taken(Format::Csv, body), expected);
    }

    #[test]
    fn nothing_panics(body in "[a,\"\r\n1.-]{0,60}", bytes in any::<Vec<u8>>()) {
        let _ = (decode(Format::Csv, body.as_bytes(), &limits()), decode(Format::Csv, &bytes, &limits()));
    }
}
