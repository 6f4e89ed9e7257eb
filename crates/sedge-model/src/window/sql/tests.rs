use super::*;
use crate::window::Measure;
use expect_test::{Expect, expect};
use proptest::prelude::*;

fn check(text: &str, want: Expect) {
    let said = match read(text) {
        Ok(query) => format!("{query:?}"),
        Err(SqlMistake { place, message, hint }) => {
            let place = place.map_or("-".to_owned(), |(line, column)| format!("{line}:{column}"));
            let hint = hint.map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
            format!("{place}: {message}{hint}")
        }
    };
    want.assert_eq(&said);
}

fn windows(groups: &str) -> Result<Kind, SqlMistake> {
    read(&format!("SELECT COUNT(*) FROM t GROUP BY {groups}")).map(|query| query.kind)
}

#[test]
fn a_query_is_read_as_what_it_says() {
    let query = read(
        "SELECT device, window_start AS begin, window_end, COUNT(*), AVG(temperature) AS mean,
            APPROX_PERCENTILE(temperature, 0.95), `the speed`, MAX(\"the speed\")
         FROM \"plant/+/climate\"
         GROUP BY device, `the speed`, TUMBLE(time, INTERVAL '1.5' SECOND);",
    )
    .unwrap();
    assert_eq!(query.from, ["plant/+/climate"]);
    assert_eq!(query.key, ["device", "the speed"]);
    assert_eq!((&*query.time, query.kind), ("time", Kind::Tumble { size_ms: 1_500, offset_ms: 0 }));
    let of =
        |measure, field: &str| ColumnValue::Aggregate { measure, field: Some(field.to_owned()) };
    let names: Vec<&str> = query.columns.iter().map(|column| &*column.name).collect();
    let want = [
        "device",
        "begin",
        "window_end",
        "count",
        "mean",
        "approx_percentile_temperature",
        "the speed",
        "max_the speed",
    ];
    assert_eq!(names, want);
    let values: Vec<ColumnValue> = query.columns.into_iter().map(|column| column.value).collect();
    let want = [
        ColumnValue::Key(0),
        ColumnValue::Start,
        ColumnValue::End,
        ColumnValue::Aggregate { measure: Measure::Count, field: None },
        of(Measure::Mean, "temperature"),
        of(Measure::Quantile(0.95), "temperature"),
        ColumnValue::Key(1),
        of(Measure::Max, "the speed"),
    ];
    assert_eq!(values, want);
}

#[test]
fn every_window_of_flink_is_known() {
    for (groups, want) in [
        ("TUMBLE(ts, '10 s')", Kind::Tumble { size_ms: 10_000, offset_ms: 0 }),
        ("tumble(ts, '1h', '15 min')", Kind::Tumble { size_ms: 3_600_000, offset_ms: 900_000 }),
        (
            "HOP(ts, INTERVAL '5' SECOND, INTERVAL '1' MINUTE)",
            Kind::Hop { slide_ms: 5_000, size_ms: 60_000, offset_ms: 0 },
        ),
        (
            "CUMULATE(ts, INTERVAL '1' HOUR, INTERVAL '1' DAY, INTERVAL '2' HOUR)",
            Kind::Cumulate { step_ms: 3_600_000, size_ms: 86_400_000, offset_ms: 7_200_000 },
        ),
        ("SESSION(ts, '250 ms')", Kind::Session { gap_ms: 250 }),
    ] {
        assert_eq!(windows(groups), Ok(want), "{groups}");
    }
}

#[test]
fn lengths_that_cannot_be_are_told() {
    for groups in [
        "TUMBLE(ts, '0 s')",
        "TUMBLE(ts, '367000 h')",
        "TUMBLE(ts, '99999999999999999999 s')",
        "TUMBLE(ts, 10)",
        "TUMBLE(ts, INTERVAL '-1' SECOND)",
        "TUMBLE(ts, INTERVAL '1.2345' SECOND)",
        "TUMBLE(ts, INTERVAL '0.0005' SECOND)",
        "TUMBLE(ts, INTERVAL '1' MONTH)",
        "TUMBLE(ts, INTERVAL '99999999999999999999' DAY)",
        "TUMBLE(ts, INTERVAL '9999999999999999' DAY)",
        "TUMBLE(ts, '1 s', '1 s')",
        "HOP(ts, '7 s', '30 s')",
        "HOP(ts, '0 s', '30 s')",
        "HOP(ts, '30 s', '5 s')",
        "HOP(ts, '5 s')",
        "CUMULATE(ts, '7 s', '30 s')",
        "SESSION(ts)",
        "SESSION(ts, '1 s', '1 s')",
        "TUMBLE()",
        "TUMBLE('10 s')",
        "TUMBLE(ts, *)",
        "TUMBLE(ts, '1 s'), TUMBLE(ts, '1 s')",
        "TUMBLE(ts, size => '1 s')",
        "a, a, TUMBLE(ts, '1 s')",
        "a, b, c, d, e, TUMBLE(ts, '1 s')",
        "a + 1, TUMBLE(ts, '1 s')",
        "OTHER(ts, '1 s')",
        "device",
        "()",
    ] {
        assert!(windows(groups).is_err(), "{groups}");
    }
}

#[test]
fn what_is_outside_is_told_with_its_place() {
    check(
        "",
        expect![[r#"
        -: the query is empty
        hint: SELECT device, AVG(v) FROM "a/+" GROUP BY device, TUMBLE(time, '10 s')"#]],
    );
    check(
        "SELECT",
        expect![[r#"
        1:1: the query is not of one stream
        hint: FROM "plant/+/climate""#]],
    );
    check("SELECT 'a", expect!["1:8: unterminated string literal"]);
    check(
        "DELETE FROM t",
        expect![[r#"
        1:1: the query is no SELECT
        hint: write one SELECT of one stream"#]],
    );
    check(
        "SELECT device, AVG(v)\nFROM t WHERE v > 3 GROUP BY device, TUMBLE(ts, '1 s')",
        expect![[r#"
            2:14: a window has no WHERE
            hint: choose by topic, or let a function write what is to be counted to another one"#]],
    );
    check(
        "SELECT *, COUNT(*) FROM t GROUP BY TUMBLE(ts, '1 s')",
        expect![[r#"
        1:8: `*` is no column
        hint: name the columns: SELECT device, window_start, COUNT(*)"#]],
    );
}

#[test]
fn what_cannot_be_computed_is_told_with_its_place() {
    check(
        "SELECT MEDIAN(v) FROM t GROUP BY TUMBLE(ts, '1 s')",
        expect![[r#"
        1:8: there is no aggregate `MEDIAN`
        hint: COUNT, SUM, AVG, VAR_SAMP, VARIANCE, VAR_POP, STDDEV_SAMP, STDDEV_POP, MIN, MAX, FIRST_VALUE, LAST_VALUE, APPROX_COUNT_DISTINCT, RATE or APPROX_PERCENTILE"#]],
    );
    check(
        "SELECT COUNT(DISTINCT v) FROM t GROUP BY TUMBLE(ts, '1 s')",
        expect![[r#"
        1:8: `COUNT(DISTINCT v)` says more than a window can do
        hint: APPROX_COUNT_DISTINCT(field) counts different values"#]],
    );
    check(
        "SELECT v, COUNT(*) FROM t GROUP BY TUMBLE(ts, '1 s')",
        expect![[r#"
        1:8: `v` is not grouped by
        hint: LAST_VALUE(v), say, or GROUP BY v"#]],
    );
    check(
        "SELECT COUNT(*) FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' SECOND))",
        expect!["1:41: expected: ), found: t"],
    );
    check(
        "SELECT COUNT(*) FROM `a/#/b` GROUP BY TUMBLE(ts, '1 s')",
        expect![[r#"
        1:22: the topic filter `a/#/b` has a wildcard that is not a whole level
        hint: `+` is one whole level and `#` all that are left, for example "plant/+/pressure" or "plant/#""#]],
    );
    check(
        "SELECT COUNT(*) FROM t GROUP BY TUMBLE(ts, '1 parsec')",
        expect![[r#"
        1:44: `1 parsec` is not a duration
        hint: write whole milliseconds, or a whole number with one of ms, s, min, h, for example "30 s""#]],
    );
    check(
        "SELECT a FROM t GROUP BY a, TUMBLE(ts, '1 s')",
        expect![[r#"
        1:1: the query computes nothing
        hint: add COUNT(*), AVG(field) or another one"#]],
    );
    check(
        "SELECT COUNT(*) FROM t GROUP BY TUMBLE(ts, '1 s'); DROP TABLE t",
        expect![[r#"
        1:52: `DROP` is not expected here
        hint: the query ends before it"#]],
    );
}

#[test]
fn nothing_of_sql_is_passed_over() {
    let good = "SELECT a, COUNT(*) FROM t GROUP BY a, TUMBLE(ts, '1 s')";
    assert!(read(good).is_ok());
    for more in [
        " HAVING COUNT(*) > 1",
        " ORDER BY a",
        " LIMIT 1",
        " OFFSET 1",
        " FETCH FIRST 1 ROW ONLY",
        " UNION SELECT 1",
        " WITH ROLLUP",
        " FOR UPDATE",
        " QUALIFY a > 1",
        " WINDOW w AS (PARTITION BY a)",
        " SETTINGS a = 1",
        " FORMAT JSON",
        ", b AS c",
    ] {
        let text = format!("{good}{more}");
        assert!(read(&text).is_err(), "{text}");
    }
    for (part, other) in [
        ("SELECT a", "SELECT DISTINCT a"),
        ("SELECT a", "SELECT TOP 5 a"),
        ("SELECT a", "WITH t AS (SELECT 1) SELECT a"),
        ("COUNT(*)", "COUNT(*) FILTER (WHERE a > 1)"),
        ("COUNT(*)", "COUNT(*) OVER ()"),
        ("COUNT(*)", "COUNT(*) + 1"),
        ("COUNT(*)", "SUM(*)"),
        ("COUNT(*)", "SUM(a + 1)"),
        ("COUNT(*)", "SUM(t.a)"),
        ("COUNT(*)", "COUNT(*), COUNT(*)"),
        ("COUNT(*)", "APPROX_PERCENTILE(a, 95)"),
        ("COUNT(*)", "APPROX_PERCENTILE(a, '0.5')"),
        ("COUNT(*)", "(SELECT 1)"),
        ("FROM t", "FROM t, u"),
        ("FROM t", "FROM t JOIN u"),
        ("FROM t", "FROM t AS u"),
        ("FROM t", "FROM a.t"),
        ("FROM t", "FROM \"$SYS/x\""),
        ("FROM t", "FROM (SELECT 1)"),
        ("FROM t", "FROM t TABLESAMPLE (10 PERCENT)"),
        ("FROM t", ""),
        ("GROUP BY a", "GROUP BY ALL"),
        ("GROUP BY a", "GROUP BY ROLLUP (a)"),
        ("GROUP BY a", "GROUP BY (a)"),
    ] {
        let text = good.replacen(part, other, 1);
        assert_ne!(text, good);
        assert!(read(&text).is_err(), "{text}");
    }
}

#[test]
fn the_longest_and_the_deepest_are_refused() {
    let long = format!("SELECT {} FROM t GROUP BY TUMBLE(ts, '1 s')", "COUNT(*), ".repeat(9_000));
    assert!(read(&long).unwrap_err().message.contains("longer than"));
    for deep in ["(".repeat(8_000), "a + ".repeat(4_000), "NOT ".repeat(4_000), "[".repeat(9_000)] {
        assert!(read(&format!("SELECT {deep}")).is_err());
        assert!(read(&format!("SELECT {deep} a FROM t GROUP BY TUMBLE(ts, '1 s')")).is_err());
    }
}

proptest! {
    #[test]
    fn no_text_panics(
        words in proptest::collection::vec(
            prop_oneof![
                Just("SELECT".to_owned()), Just("FROM".to_owned()), Just("GROUP BY".to_owned()),
                Just("TUMBLE(".to_owned()), Just("COUNT(*)".to_owned()), Just(",".to_owned()),
                Just("'1 s'".to_owned()), Just(")".to_owned()), Just("a".to_owned()),
                Just("INTERVAL".to_owned()), Just("AS".to_owned()), "\\PC{0,6}",
            ],
            0..24,
        ),
    ) {
        let text = words.join(" ");
        if let Ok(query) = read(&text) {
            prop_assert!(!query.columns.is_empty() && !query.time.is_empty(), "{}", text);
        }
    }
}
