use proptest::prelude::*;

use super::*;
use crate::readings::{FAULTS_MAX, READINGS_MAX};

fn values(body: &str) -> Vec<f64> {
    let readings = parse_csv(body.as_bytes(), None).unwrap();
    readings.rows.iter().map(|row| row.value).collect()
}

#[test]
fn bodies_that_are_refused() {
    for (body, field, line, word) in [
        ("", None, None, "no line"),
        ("\n  \r\n# only a comment\n", None, None, "no line"),
        ("1,2\n3,4\n", None, Some(1), "header"),
        ("# note\n\n1\n2\n", Some("temp"), Some(3), "header"),
        ("when,what\nnow,nothing\n", None, Some(1), "no column holds numbers"),
        ("date,temp\n", Some("humidity"), Some(1), "date, temp"),
        ("date\n2010-01-01\n", None, Some(1), "no column holds numbers"),
    ] {
        let problem = parse_csv(body.as_bytes(), field).unwrap_err();
        assert_eq!((problem.status, problem.line), (400, line), "{body:?}: {problem:?}");
        assert!(problem.detail.contains(word), "{body:?}: {problem:?}");
    }
}

#[test]
fn too_many_rows_are_refused() {
    let mut body = String::from("temp\n");
    body.push_str(&"1\n".repeat(READINGS_MAX));
    assert_eq!(parse_csv(body.as_bytes(), None).unwrap().rows.len(), READINGS_MAX);
    body.push_str("1\n");
    let problem = parse_csv(body.as_bytes(), None).unwrap_err();
    assert_eq!((problem.status, problem.row), (413, Some(READINGS_MAX + 1)));
}

#[test]
fn bad_rows_are_counted_described_and_keep_their_place() {
    let body = b"date,temp\n\
        2010-01-01 00:00,1\n\
        2010-01-01 01:00,NA\n\
        2010-01-01 02:00\n\
        \n\
        # service\n\
        2010-01-01 03:00,\"4\n\
        2010-01-01 04:00,\xff\n\
        2010-01-01 05:00,inf\n\
        2010-01-01 06:00,\n\
        2010-01-01 07:00,8\n";
    let readings = parse_csv(body, None).unwrap();
    assert_eq!((readings.used(), readings.dropped(), readings.rows.len()), (2, 6, 8));
    let faults: Vec<_> =
        readings.faults.iter().map(|f| (f.row, f.line.unwrap(), f.detail.as_str())).collect();
    assert_eq!(
        faults,
        [
            (2, 3, "\"NA\" is not a number"),
            (3, 4, "the row has too few columns"),
            (4, 7, "a quote is not closed on its line"),
            (5, 8, "the field is not UTF-8"),
            (6, 9, "inf is not finite"),
            (7, 10, "the value is missing"),
        ]
    );
    assert_eq!(readings.rows[7].line, 11);
    assert_eq!(readings.rows[7].time_s - readings.rows[1].time_s, 6.0 * 3600.0);

    let many = "temp\n".to_owned() + &"x\n".repeat(FAULTS_MAX + 5);
    let readings = parse_csv(many.as_bytes(), None).unwrap();
    assert_eq!((readings.faults.len(), readings.dropped()), (FAULTS_MAX, FAULTS_MAX + 5));
}

#[test]
fn the_shapes_that_files_come_in() {
    for body in [
        "date,temp\n2010/01/01 00:00,39.4\n2010/01/01 01:00,39.2\n",
        "temp,date\r\n39.4,2010/01/01 00:00:00\r\n39.2,2010/01/01 01:00:00\r\n",
        "\u{feff}\"Date\" , \"Temp\"\n\"2010-01-01\" , \"39.4\"\n2010-01-02,39.2",
        "# station 7\n\ntimestamp;note;temperature\n1;\"a;b\";39.4\n2;\"say \"\"x\"\"\";39.2\n",
        "date\tco2\n19580329\t39.4\n19580405\t39.2\n",
        "id,VALUE\n7,39.4\n7,39.2\n",
        "39.4\n39.2\n",
        "value\n 39.4 \n+39.2\n",
        "note,ppm\nfirst,3.94e1\nsecond,0.392E2\n",
    ] {
        assert_eq!(values(body), [39.4, 39.2], "{body:?}");
    }
}

#[test]
fn the_column_asked_for_is_taken() {
    let body = b"timestamp,temperature,humidity\n1,20,55\n2,21,56\n";
    let readings = parse_csv(body, Some("Humidity")).unwrap();
    assert_eq!((readings.rows[1].value, readings.rows[1].time_s), (56.0, 2.0));
    assert!(!readings.are_temperatures());
    assert!(parse_csv(body, None).unwrap().are_temperatures());
}

#[test]
fn the_example_series_are_read_whole() {
    for (name, rows, last) in [("seattle-temps", 2159, 45.0), ("sf-temps", 168, 48.6)] {
        let path = format!("{}/../../examples/sensors/{name}.csv", env!("CARGO_MANIFEST_DIR"));
        let readings = parse_csv(&std::fs::read(path).unwrap(), None).unwrap();
        assert_eq!((readings.used(), readings.dropped()), (rows, 0), "{name}");
        assert_eq!(readings.rows[rows - 1].value, last, "{name}");
        assert!(readings.rows.iter().all(|row| row.time_s.is_finite()), "{name}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_survived(
        body in prop::collection::vec(any::<u8>(), 0..400),
        shaped in "(date|temp|\"|,|;|\n|\r\n|#|[0-9.]{1,4}|nan| ){0,80}",
        field in prop::option::of("[a-z]{0,5}"),
    ) {
        for body in [&body[..], shaped.as_bytes()] {
            if let Ok(readings) = parse_csv(body, field.as_deref()) {
                prop_assert_eq!(readings.used() + readings.dropped(), readings.rows.len());
                prop_assert!(readings.faults.len() <= FAULTS_MAX);
            }
        }
    }

    #[test]
    fn what_was_written_is_read(numbers in prop::collection::vec(-1e6..1e6, 1..50)) {
        let mut body = String::from("time,temp\r\n");
        for (second, number) in numbers.iter().enumerate() {
            body.push_str(&format!("{second},\"{number}\"\r\n"));
        }
        prop_assert_eq!(values(&body), numbers);
    }
}
