use super::*;
use crate::head::Fields;
use crate::request::{Configured, Intent};

fn asked(pairs: &[(&str, &str)]) -> Asked {
    let pairs = pairs.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()));
    let mut fields = Fields(pairs.collect());
    match Configured::new(Settings::default()).read("GET", &mut fields) {
        Intent::Work(asked) => *asked,
        Intent::Pass => panic!("passes"),
    }
}

fn plan(asking: &[(&str, &str)], status: u16, fields: Fields) -> Plan {
    Plan::of(&Settings::default(), &asked(asking), &Head { status, fields })
}

fn work(asking: &[(&str, &str)], fields: Fields) -> Work {
    match plan(asking, 200, fields) {
        Plan::Work(work) => *work,
        other => panic!("{other:?}"),
    }
}

const GZIP: &[(&str, &str)] = &[("accept-encoding", "gzip")];

#[test]
fn what_cannot_be_improved_passes_untouched() {
    let html = ("content-type", "text/html");
    let cases = [
        (206, Fields::from([html, ("content-range", "bytes 0-9/99")])),
        (200, Fields::from([html, ("content-range", "bytes 0-9/99")])),
        (204, Fields::from([html])),
        (301, Fields::from([html])),
        (304, Fields::from([html, ("etag", "\"a\"")])),
        (500, Fields::from([html])),
        (200, Fields::from([("etag", "\"a\"")])),
        (200, Fields::from([("content-type", "image/jpeg")])),
        (200, Fields::from([("content-type", "text/event-stream")])),
        (200, Fields::from([html, ("content-type", "text/css")])),
        (200, Fields::from([html, ("content-encoding", "gzip")])),
        (200, Fields::from([html, ("content-encoding", "what")])),
        (200, Fields::from([html, ("cache-control", "max-age=9, No-Transform")])),
        (200, Fields::from([html, ("repr-digest", "sha-256=:AA==:")])),
        (200, Fields::from([html, ("content-length", "255")])),
        (200, Fields::from([html, ("content-length", "4194305")])),
    ];
    for (status, fields) in cases {
        let plan = plan(GZIP, status, fields.clone());
        assert!(matches!(plan, Plan::Untouched), "{status} {fields:?}: {plan:?}");
    }
}

#[test]
fn the_head_says_what_was_done() {
    let fields = Fields::from([
        ("content-type", "text/css"),
        ("content-length", "5000"),
        ("etag", "\"abc\""),
        ("vary", "Origin"),
        ("accept-ranges", "bytes"),
    ]);
    let asked = asked(GZIP);
    let work = work(GZIP, fields);
    assert_eq!(work.length, Some(5000));
    let done = Done { coding: Some(Coding::Gzip), length: Some(900), ..Done::default() };
    let head = work.head(&asked, &done);
    let text = |name: &str| head.fields.get(name);
    assert_eq!(text("content-length").as_deref(), Some("900"));
    assert_eq!(text("content-encoding").as_deref(), Some("gzip"));
    assert_eq!(text("vary").as_deref(), Some("Origin, Accept-Encoding"));
    assert_eq!(text("accept-ranges").as_deref(), Some("none"));
    assert_eq!(text("etag"), Some(format!("W/\"abc~s{}\"", asked.mark(Some(Coding::Gzip)))));
    assert_eq!(text("cdn-cache-control").as_deref(), Some("max-age=1800"));
    assert_eq!(text("server-timing").as_deref(), Some("aggressive_compression;desc=gzip"));
    // Nothing was done: as it came, but others may get something else.
    let plain = work.head(&asked, &Done::default());
    assert_eq!(plain.fields.get("etag").as_deref(), Some("\"abc\""));
    assert_eq!(plain.fields.get("content-length").as_deref(), Some("5000"));
    assert_eq!(plain.fields.get("vary").as_deref(), Some("Origin, Accept-Encoding"));
    assert!(!plain.fields.has("cdn-cache-control") && !plain.fields.has("server-timing"));
}

#[test]
fn what_is_in_no_coding_for_who_takes_none_has_a_tag_of_its_own() {
    let fields = Fields::from([("content-type", "text/css"), ("etag", "\"abc\"")]);
    let head = work(&[], fields).head(&asked(&[]), &Done::default());
    let marked = format!("W/\"abc~s{}\"", asked(&[]).mark(None));
    assert_eq!(head.fields.get("etag"), Some(marked));
}

#[test]
fn a_broken_tag_is_not_kept_for_other_bytes() {
    let work = work(GZIP, Fields::from([("content-type", "text/css"), ("etag", "abc")]));
    let done = Done { coding: Some(Coding::Gzip), ..Done::default() };
    assert!(!work.head(&asked(GZIP), &done).fields.has("etag"));
}

#[test]
fn a_lifetime_is_given_only_where_nothing_speaks_against_it() {
    let css = ("content-type", "text/css");
    let done = Done { coding: Some(Coding::Gzip), ..Done::default() };
    let given = |asking: &[(&str, &str)], fields: Fields| {
        work(asking, fields).head(&asked(asking), &done).fields.get("cdn-cache-control")
    };
    assert_eq!(given(GZIP, Fields::from([css])).as_deref(), Some("max-age=1800"));
    for fields in [
        Fields::from([css, ("cache-control", "no-cache")]),
        Fields::from([css, ("expires", "0")]),
        Fields::from([css, ("set-cookie", "a=b")]),
        Fields::from([("content-type", "text/html")]),
        Fields::from([("content-type", "application/json")]),
    ] {
        assert_eq!(given(GZIP, fields.clone()), None, "{fields:?}");
    }
    for field in [("cookie", "a=b"), ("authorization", "Basic eA==")] {
        assert_eq!(given(&[GZIP[0], field], Fields::from([css])), None, "{field:?}");
    }
    let own = given(GZIP, Fields::from([css, ("cdn-cache-control", "max-age=5")]));
    assert_eq!(own.as_deref(), Some("max-age=5"));
}

#[test]
fn levels_by_connection_unless_it_is_stored() {
    let css = ("content-type", "text/css");
    let level = |asking: &[(&str, &str)], fields: Fields| work(asking, fields).level;
    let small = ("content-length", "5000");
    let stored = || Fields::from([css, small, ("cache-control", "max-age=60")]);
    assert_eq!(level(&[("ect", "2g")], stored()), Level::Stored);
    assert_eq!(level(&[("cookie", "a")], stored()), Level::Light);
    for control in ["private, max-age=60", "no-store"] {
        let fields = || Fields::from([css, small, ("cache-control", control)]);
        assert_eq!(level(&[], fields()), Level::Light, "{control}");
        assert_eq!(level(&[("ect", "3g")], fields()), Level::Balanced);
        assert_eq!(level(&[("ect", "2g")], fields()), Level::Aggressive);
        assert_eq!(level(&[("save-data", "on")], fields()), Level::Aggressive);
    }
}

#[test]
fn long_answers_get_less_for_each_byte() {
    let level = |length: &str| {
        let fields = [("content-type", "text/css"), ("expires", "0"), ("content-length", length)];
        work(&[], Fields::from(fields)).level
    };
    assert_eq!(level("1048576"), Level::Stored);
    assert_eq!(level("1048577"), Level::Balanced);
    assert_eq!(level("4194304"), Level::Light);
    let unknown = Fields::from([("content-type", "text/css"), ("expires", "0")]);
    assert_eq!(work(&[], unknown).level, Level::Balanced);
}

#[test]
fn html_asks_for_hints() {
    let head = work(&[], Fields::from([("content-type", "text/html")])).plain();
    assert_eq!(head.fields.get("accept-ch").as_deref(), Some(ACCEPT_CH));
    let own = Fields::from([("content-type", "text/html"), ("accept-ch", "DPR")]);
    assert_eq!(work(&[], own).plain().fields.get("accept-ch").as_deref(), Some("DPR"));
}
