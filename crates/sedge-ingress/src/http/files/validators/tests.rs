use super::*;
use http::HeaderName;

/// 2026-11-25 12:00:00.
const NOON_S: u64 = 1_795_608_000;
const NOON: &str = "Wed, 25 Nov 2026 12:00:00 GMT";
const BEFORE: &str = "Wed, 25 Nov 2026 11:59:59 GMT";
const AFTER: &str = "Wed, 25 Nov 2026 12:00:01 GMT";

fn settled() -> Validators {
    let modified = UNIX_EPOCH + Duration::from_secs(NOON_S);
    Validators { opaque: "\"a\"".to_owned(), is_weak: false, modified }
}

fn fresh() -> Validators {
    Validators { is_weak: true, ..settled() }
}

fn fields(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let pair = |(name, value): &(&'static str, &str)| {
        (HeaderName::from_static(name), HeaderValue::from_str(value).expect("a value"))
    };
    pairs.iter().map(pair).collect()
}

#[test]
fn lists_of_tags_that_are_none_name_nothing() {
    for list in [
        "",
        ",",
        "a",
        "\"a",
        "a\"",
        "W\"a\"",
        "w/\"a\"",
        "W/a",
        "'a'",
        "**",
        "\"b\"\"a\"",
        "x, \"a\"",
    ] {
        let headers = fields(&[("if-none-match", list)]);
        assert_eq!(settled().judge(&headers), Verdict::Send, "{list}");
        let headers = fields(&[("if-match", list)]);
        assert_eq!(settled().judge(&headers), Verdict::Failed, "{list}");
    }
}

#[test]
fn dates_that_are_none_are_not_there() {
    for date in ["", "0", "yesterday", "2026-11-25T12:00:00Z", "Wed, 31 Feb 2026 12:00:00 GMT"] {
        for name in ["if-modified-since", "if-unmodified-since"] {
            assert_eq!(settled().judge(&fields(&[(name, date)])), Verdict::Send, "{name}: {date}");
        }
    }
    let twice = fields(&[("if-modified-since", AFTER), ("if-modified-since", AFTER)]);
    assert_eq!(settled().judge(&twice), Verdict::Send);
}

#[test]
fn conditions_are_judged_in_their_order() {
    use Verdict::{Failed, NotModified, Send};
    for (pairs, expected) in [
        (&[("if-match", "\"a\"")][..], Send),
        (&[("if-match", "*")], Send),
        (&[("if-match", "\"b\", \"a\"")], Send),
        (&[("if-match", "\"b\"")], Failed),
        (&[("if-match", "W/\"a\"")], Failed),
        (&[("if-match", "\"b\""), ("if-match", "\"a\"")], Send),
        // The date counts only without tags.
        (&[("if-match", "\"a\""), ("if-unmodified-since", BEFORE)], Send),
        (&[("if-unmodified-since", BEFORE)], Failed),
        (&[("if-unmodified-since", NOON)], Send),
        (&[("if-none-match", "\"a\"")], NotModified),
        (&[("if-none-match", "W/\"a\"")], NotModified),
        (&[("if-none-match", "\"x,\" , W/\"y\" ,\"a\"")], NotModified),
        (&[("if-none-match", "*")], NotModified),
        (&[("if-none-match", "\"b\"")], Send),
        (&[("if-none-match", "\"b\""), ("if-modified-since", AFTER)], Send),
        (&[("if-modified-since", BEFORE)], Send),
        (&[("if-modified-since", NOON)], NotModified),
        (&[("if-modified-since", "Wednesday, 25-Nov-26 12:00:00 GMT")], NotModified),
        (&[("if-modified-since", "Wed Nov 25 12:00:00 2026")], NotModified),
        (&[("if-match", "\"b\""), ("if-none-match", "\"a\"")], Failed),
        (&[("if-match", "\"a\""), ("if-none-match", "\"a\"")], NotModified),
    ] {
        assert_eq!(settled().judge(&fields(pairs)), expected, "{pairs:?}");
    }
    assert_eq!(fresh().judge(&fields(&[("if-match", "\"a\"")])), Failed, "a weak tag");
    assert_eq!(fresh().judge(&fields(&[("if-match", "*")])), Send);
    assert_eq!(fresh().judge(&fields(&[("if-none-match", "\"a\"")])), NotModified);
}

#[test]
fn parts_need_a_strong_validator() {
    for (value, expected) in [
        ("\"a\"", true),
        ("\"b\"", false),
        ("W/\"a\"", false),
        (NOON, true),
        (BEFORE, false),
        (AFTER, false),
        ("nonsense", false),
        ("", false),
    ] {
        let headers = fields(&[("if-range", value)]);
        assert_eq!(settled().allows_parts(&headers), expected, "{value}");
        assert!(!fresh().allows_parts(&headers), "{value}");
    }
    let twice = fields(&[("if-range", "\"a\""), ("if-range", "\"a\"")]);
    assert!(!settled().allows_parts(&twice));
    assert!(settled().allows_parts(&HeaderMap::new()) && fresh().allows_parts(&HeaderMap::new()));
}

#[test]
fn a_change_is_another_tag_and_a_new_file_has_a_weak_one() {
    let scratch = tempfile::tempdir().expect("a folder");
    let path = scratch.path().join("a");
    let of = |now| Validators::of(&std::fs::metadata(&path).expect("is there"), now);
    std::fs::write(&path, "one").expect("written");
    let now = SystemTime::now();
    let first = of(now);
    assert!(first.is_weak && first.modified <= now);
    let later = of(now + Duration::from_secs(4));
    assert!(!later.is_weak);
    assert_eq!(later.opaque, first.opaque);
    // The same name, size and time, as an archive would leave them.
    let modified = std::fs::metadata(&path).and_then(|data| data.modified()).expect("a time");
    std::fs::write(scratch.path().join("b"), "two").expect("written");
    std::fs::rename(scratch.path().join("b"), &path).expect("moved");
    let file = std::fs::File::options().write(true).open(&path).expect("is there");
    file.set_modified(modified).expect("set");
    assert_ne!(of(now).opaque, first.opaque);
    // From the future, and from before there was time.
    file.set_modified(now + Duration::from_secs(1_000)).expect("set");
    assert!(of(now).modified <= now);
    file.set_modified(UNIX_EPOCH).expect("set");
    assert_eq!(of(now).last_modified().expect("a date"), "Thu, 01 Jan 1970 00:00:00 GMT");
}
