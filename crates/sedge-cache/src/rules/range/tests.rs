use super::{ContentRange, RANGES_MAX, Span, Wanted, wanted};
use http::HeaderValue;
use proptest::prelude::*;

fn read(field: &str) -> Option<Vec<Wanted>> {
    wanted(&HeaderValue::from_str(field).unwrap())
}

#[test]
fn ranges_to_be_ignored() {
    for bad in [
        "",
        "bytes",
        "bytes=",
        "bytes=,",
        "bytes=-",
        "bytes=a-b",
        "bytes=1",
        "bytes=5-4",
        "items=0-1",
        "bytes=0-1,x",
        "bytes 0-1",
        "bytes=0-1;2-3",
        "bytes=--1",
        "bytes=1--2",
        "bytes= =0-1",
    ] {
        assert_eq!(read(bad), None, "{bad}");
    }
    let many = format!("bytes={}", vec!["0-0"; RANGES_MAX + 1].join(","));
    assert_eq!(read(&many), None);
    assert!(read(&many[..many.len() - 4]).is_some());
}

#[test]
fn ranges() {
    assert_eq!(read("bytes=0-1"), Some(vec![Wanted::From(0, Some(1))]));
    assert_eq!(read("BYTES=5-"), Some(vec![Wanted::From(5, None)]));
    let three = vec![Wanted::Suffix(5), Wanted::From(0, Some(0)), Wanted::From(7, None)];
    assert_eq!(read("bytes=-5, 0-0 ,,7-"), Some(three));
    assert_eq!(read("bytes=0-99999999999999999999"), Some(vec![Wanted::From(0, Some(u64::MAX))]));
}

#[test]
fn ranges_of_so_many_bytes() {
    let span = |first, last| Some(Span { first, last });
    assert_eq!(Wanted::From(0, None).within(0), None);
    assert_eq!(Wanted::Suffix(1).within(0), None);
    assert_eq!(Wanted::Suffix(0).within(10), None);
    assert_eq!(Wanted::From(10, None).within(10), None);
    assert_eq!(Wanted::From(9, Some(100)).within(10), span(9, 9));
    assert_eq!(Wanted::Suffix(100).within(10), span(0, 9));
    assert_eq!(Wanted::Suffix(3).within(10), span(7, 9));
    assert_eq!(Wanted::From(0, Some(u64::MAX)).within(u64::MAX), span(0, u64::MAX - 1));
}

#[test]
fn content_ranges() {
    let read = |field: &str| ContentRange::parse(&HeaderValue::from_str(field).unwrap());
    for bad in [
        "",
        "bytes",
        "bytes */10",
        "bytes 0-9/9",
        "bytes 0-9/18446744073709551615",
        "bytes 0-9/99999999999999999999999",
        "bytes 5-4/10",
        "items 0-1/2",
        "bytes 0-/10",
        "bytes -1/10",
        "bytes 0-1",
        "bytes 0-1/x",
        "bytes=0-1/2",
        "bytes 0-99999999999999999999/*",
        "abcdef",
    ] {
        assert_eq!(read(bad), None, "{bad}");
    }
    let range = ContentRange { span: Span { first: 4, last: 9 }, total: Some(10) };
    assert_eq!(read("bytes 4-9/10"), Some(range));
    assert_eq!(range.to_value(), "bytes 4-9/10");
    let open = read("bytes 4-9/*").unwrap();
    assert_eq!(open.total, None);
    assert_eq!(open.to_value(), "bytes 4-9/*");
    assert_eq!(range.span.bytes(), 6);
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes: Vec<u8>, text in "(bytes)?[= ][0-9,*/ -]{0,30}", total: u64) {
        for input in [bytes.as_slice(), text.as_bytes()] {
            let Ok(field) = HeaderValue::from_bytes(input) else { continue };
            let _ = ContentRange::parse(&field).map(ContentRange::to_value);
            for one in wanted(&field).unwrap_or_default() {
                if let Some(span) = one.within(total) {
                    prop_assert!(span.first <= span.last && span.last < total);
                }
            }
        }
    }
}
