//! Windows: what is wrong with them first.

use super::*;
use crate::window::{ColumnValue, Emit, Kind, Measure, Scope};

/// An app with these windows alone.
fn windows(text: &str) -> String {
    format!("app.name = \"a\"\n{text}")
}

/// The messages of all that is wrong.
fn messages(text: &str) -> Vec<String> {
    let problems = read(&windows(text), Path::new("sedge.toml")).err();
    problems.into_iter().flat_map(|all| all.list).map(|one| one.message).collect()
}

const KEYS: &str = "[[window]]\nname = \"w\"\nfrom = [\"in/#\"]\nkey = [\"device\"]\n\
                    tumble.size_ms = \"10 s\"\naggregates = [{ compute = \"avg\", field = \"v\", \
                    name = \"mean\" }]\n";

#[test]
fn what_is_missing_is_told_with_what_to_write() {
    check(
        &windows(
            "[[window]]\nname = \"w\"\n[[window]]\nname = \"w\"\nfrom = [\"a\"]\n[[window]]\nname \
             = \"x\"\nfrom = [\"a\"]\nhop = { size_ms = 3 }\naggregates = [{ compute = \"avg\" }, \
             {}]\n",
        ),
        expect![[r#"
            error: the window has neither `sql` nor `from`
             --> sedge.toml:2:1
              |
            2 | [[window]]
              | ^^^^^^^^^^
              = hint: write sql = "SELECT …", or from = ["plant/+/climate"] with a kind and aggregates

            error: it is not said which events are one window
             --> sedge.toml:4:1
              |
            4 | [[window]]
              | ^^^^^^^^^^
              = hint: write tumble = { size_ms = "10 s" }, or one of hop, cumulate, session and count

            error: the window computes nothing
             --> sedge.toml:4:1
              |
            4 | [[window]]
              | ^^^^^^^^^^
              = hint: aggregates = [{ compute = "avg", field = "temperature" }]

            error: two windows have the name `w`
             --> sedge.toml:5:8
              |
            5 | name = "w"
              |        ^^^
              = hint: the first is on line 3

            error: missing key `slide_ms`
              --> sedge.toml:10:7
               |
            10 | hop = { size_ms = 3 }
               |       ^^^^^^^^^^^^^^^
               = hint: for example slide_ms = 5000

            error: `avg` is of a field
              --> sedge.toml:11:15
               |
            11 | aggregates = [{ compute = "avg" }, {}]
               |               ^^^^^^^^^^^^^^^^^^^
               = hint: field = "temperature"

            error: missing key `compute`
              --> sedge.toml:11:36
               |
            11 | aggregates = [{ compute = "avg" }, {}]
               |                                    ^^
               = hint: for example compute = "avg"
        "#]],
    );
}

#[test]
fn every_mistake_of_a_window_is_told() {
    for (more, wanted) in [
        ("hop = { slide_ms = 1, size_ms = 2 }", "there are two kinds of windows"),
        ("sql = \"SELECT\"", "`from` has no meaning beside `sql`"),
        ("to = \"in/x\"", "the window would be fed with its own results"),
        ("late = \"in/x\"", "the window would be fed with its own late events"),
        ("to = \"x\"\nlate = \"x\"", "results and what is in no window go to the same topic"),
        ("to = \"a/+\"", "the topic `a/+` is a filter, not a topic"),
        ("late = \"$SYS\"", "the topic `$SYS` begins with `$`"),
        ("emit = {}", "it is not said which results are told"),
        (
            "emit = { change = \"mean\", anomaly = \"mean\" }",
            "results are told on a change or on an anomaly, not on both",
        ),
        ("emit = { change = \"device\" }", "no aggregate has the name `device`"),
        (
            "emit = { change = \"mean\", score_min = 0.5 }",
            "`score_min` has no meaning without `anomaly`",
        ),
        (
            "emit = { anomaly = \"mean\", score_min = 1.5 }",
            "`score_min` is 1.5, which is out of range",
        ),
        ("keys_max = 0", "`keys_max` is 0, which is too small"),
        ("idle_ms = 0", "`idle_ms` is 0, which is too small"),
        ("scope = \"device\"", "`device`"),
    ] {
        let found = messages(&format!("{KEYS}{more}\n"));
        assert!(found.iter().any(|one| one.contains(wanted)), "{more}: {found:?}");
    }
    for (old, new, wanted) in [
        ("\"10 s\"", "\"400 h\"", ""),
        ("\"10 s\"", "0", "`size_ms` is 0, which is too small"),
        ("[\"in/#\"]", "[\"in/#/x\"]", "the topic filter `in/#/x` has a wildcard"),
        ("[\"in/#\"]", "[]", "the window has neither `sql` nor `from`"),
        ("[\"device\"]", "[\"a\", \"a\"]", "the field `a` is named twice"),
        ("\"mean\"", "\"late\"", "a column has the name `late`"),
        ("\"mean\"", "\"device\"", "two columns have the name `device`"),
        ("field = \"v\"", "share = 0.5", "`avg` is of a field"),
        ("\"avg\"", "\"approx_percentile\"", "a percentile is of a share"),
        ("\"avg\"", "\"mean\"", "`mean`"),
        ("field = \"v\"", "field = \"v\", share = 0.5", "`share` has no meaning for `avg`"),
    ] {
        let found = messages(&KEYS.replace(old, new));
        match wanted {
            "" => assert_eq!(found, Vec::<String>::new(), "{new}"),
            _ => assert!(found.iter().any(|one| one.contains(wanted)), "{new}: {found:?}"),
        }
    }
}

#[test]
fn a_query_is_told_where_it_is_wrong() {
    check(
        &windows(
            "[[window]]\nname = \"w\"\nsql = \"SELECT a FROM t GROUP BY a, TUMBLE(time, '1 y')\"\n",
        ),
        expect![[r#"
            error: `1 y` is not a duration (line 1, column 42)
             --> sedge.toml:4:7
              |
            4 | sql = "SELECT a FROM t GROUP BY a, TUMBLE(time, '1 y')"
              |       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
              = hint: write whole milliseconds, or a whole number with one of ms, s, min, h, for example "30 s"
        "#]],
    );
}

#[test]
fn windows_that_feed_each_other_are_refused() {
    let one = |name: &str, from: &str, to: &str| {
        format!(
            "[[window]]\nname = \"{name}\"\nfrom = [\"{from}\"]\nto = \"{to}\"\ntumble.size_ms = \
             1\naggregates = [{{ compute = \"count\" }}]\n"
        )
    };
    let chain = one("a", "in", "x") + &one("b", "x", "y") + &one("c", "y", "out");
    assert_eq!(messages(&chain), Vec::<String>::new());
    let round = one("a", "+", "x/1") + &one("b", "x/#", "y") + &one("c", "y", "out");
    let wanted = [
        "the window `a` feeds itself over others",
        "the window `b` feeds itself over \
                                                             others",
    ];
    assert_eq!(messages(&round)[..2], wanted);
    // Its late events come back.
    let late = one("a", "in", "x") + &one("b", "late/a/a", "in");
    assert_eq!(messages(&late).len(), 2);
}

#[test]
fn sql_and_keys_say_the_same() {
    let keys = read(&windows(KEYS), Path::new("sedge.toml")).expect("valid");
    let sql = "[[window]]\nname = \"w\"\nsql = \"SELECT device, window_start, window_end, AVG(v) \
               AS mean FROM \\\"in/#\\\" GROUP BY device, TUMBLE(time, '10 s')\"\n";
    let sql = read(&windows(sql), Path::new("sedge.toml")).expect("valid");
    assert_eq!(keys, sql);
    let (_, window) = &keys.windows[0];
    assert_eq!((&*window.to, &*window.late), ("windows/a/w", "late/a/w"));
    assert_eq!((window.emit, window.scope), (Emit::Close, Scope::Key));
    assert_eq!(window.query.kind, Kind::Tumble { size_ms: 10_000, offset_ms: 0 });
    let value = ColumnValue::Aggregate { measure: Measure::Mean, field: Some("v".to_owned()) };
    assert_eq!(window.query.columns[3].value, value);
}
