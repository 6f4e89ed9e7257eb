//! Parts of responses, and parts from whole ones.

use super::cache::reply_with;
use super::{Cache, From, Policy, reply, suite};
use http::HeaderMap;

fn range(value: &str) -> [(&str, &str); 1] {
    [("range", value)]
}

/// What a range of the suite's part gives: it says `bytes 4-9/10` and has five bytes.
fn of_short_part(asked: &str) -> (From, u16, String) {
    let mut cache = Cache::new(suite());
    let fields = [
        ("cache-control", "max-age=3600"),
        ("content-range", "bytes 4-9/10"),
        ("content-length", "5"),
    ];
    let first = cache.get(&range("bytes=-5"), reply_with(206, &fields, "01234"));
    assert_eq!((first.sent("range"), first.status), (Some("bytes=-5"), 206));
    let second = cache.get(&range(asked), reply(200, &[]));
    (second.from, second.status, second.content)
}

#[test]
fn a_part_that_is_shorter_than_it_says() {
    for (name, asked, content) in [
        ("partial-store-partial-reuse-partial", "bytes=-5", "01234"),
        ("partial-store-partial-reuse-partial-byterange", "bytes=6-8", "234"),
        ("partial-store-partial-reuse-partial-absent", "bytes=6-", "234"),
        ("partial-store-partial-reuse-partial-suffix", "bytes=-1", "4"),
    ] {
        assert_eq!(of_short_part(asked), (From::Store, 206, content.to_owned()), "{name}");
    }
    for missing in ["bytes=0-3", "bytes=3-5", "bytes=9-9", "bytes=-6", "bytes=4-5,6-7"] {
        assert_eq!(of_short_part(missing).0, From::Origin, "{missing}");
    }
    assert_eq!(of_short_part("bytes=10-").1, 416);
    let mut careful = Cache::new(Policy::default());
    let fields = [
        ("cache-control", "max-age=3600"),
        ("content-range", "bytes 4-9/10"),
        ("content-length", "5"),
    ];
    careful.get(&range("bytes=-5"), reply_with(206, &fields, "01234"));
    assert_eq!(careful.get(&range("bytes=-5"), reply(200, &[])).from, From::Origin);
}

#[test]
fn a_sound_part_serves_what_it_has() {
    let mut cache = Cache::new(Policy::default());
    let fields = [
        ("cache-control", "max-age=3600"),
        ("content-range", "bytes 4-8/10"),
        ("content-length", "5"),
    ];
    cache.get(&range("bytes=4-8"), reply_with(206, &fields, "45678"));
    for (asked, content, field) in [
        ("bytes=4-8", "45678", "bytes 4-8/10"),
        ("bytes=6-7", "67", "bytes 6-7/10"),
        ("bytes=5-6,6-7", "567", "bytes 5-7/10"),
    ] {
        let part = cache.get(&range(asked), None);
        assert_eq!(
            (part.from, part.status, &*part.content),
            (From::Store, 206, content),
            "{asked}"
        );
        assert_eq!(part.field("content-range"), Some(field));
        assert_eq!(part.field("content-length"), Some(&*content.len().to_string()));
    }
    for missing in ["bytes=3-5", "bytes=-1", "bytes=6-", "bytes=0-0,5-5"] {
        let forwarded = cache.request("GET", "/", &range(missing), |_| None);
        assert_eq!(forwarded.from, From::Nowhere, "{missing}");
    }
    assert_eq!(cache.get(&range("bytes=10-"), None).status, 416);
    assert_eq!(cache.request("HEAD", "/", &[], |_| None).from, From::Nowhere);
}

#[test]
fn a_whole_response_serves_parts() {
    let ranges = |content: &str, asked: &str| {
        let mut cache = Cache::new(suite());
        cache.get(&[], reply_with(200, &[("cache-control", "max-age=3600"), ("a", "1")], content));
        let part = cache.get(&range(asked), None);
        // partial-use-headers, partial-use-stored-headers.
        let a = (part.status != 416).then_some("1");
        assert_eq!((part.from, part.field("a")), (From::Store, a), "{asked}");
        (part.status, part.content)
    };
    for (name, content, asked, part) in [
        ("partial-store-complete-reuse-partial", "01234567890", "bytes=0-1", "01"),
        ("partial-store-complete-reuse-partial-no-last", "01234567890", "bytes=1-", "1234567890"),
        ("partial-store-complete-reuse-partial-suffix", "0123456789A", "bytes=-1", "A"),
    ] {
        assert_eq!(ranges(content, asked), (206, part.to_owned()), "{name}");
    }
    for ignored in ["bytes=x", "items=0-1", "bytes=5-4", "bytes="] {
        assert_eq!(ranges("0123", ignored), (200, "0123".to_owned()), "{ignored}");
    }
    assert_eq!(ranges("0123", "bytes=4-"), (416, String::new()));
    assert_eq!(ranges("", "bytes=0-"), (416, String::new()));
    let (status, content) = ranges("0123456789", "bytes=8-9, 0-1");
    assert_eq!(status, 206);
    let (first, second) = (
        content.find("bytes 8-9/10\r\n\r\n89\r\n--"),
        content.find("bytes 0-1/10\r\n\r\n01\r\n--"),
    );
    assert!(first.is_some() && first < second, "{content}");
}

#[test]
fn if_range() {
    let serves_part = |fields: &[(&str, &str)], condition: &str| {
        let mut cache = Cache::new(suite());
        let mut fields = fields.to_vec();
        fields.push(("cache-control", "max-age=3600"));
        cache.get(&[], reply_with(200, &fields, "0123"));
        let date = super::cache::head(&[("if-range", condition)]);
        let condition = date["if-range"].to_str().unwrap();
        let answer = cache.get(&[("range", "bytes=0-1"), ("if-range", condition)], None);
        assert_eq!(answer.from, From::Store);
        answer.status == 206
    };
    let tagged = [("etag", "\"a\""), ("last-modified", "@-60"), ("date", "@0")];
    assert!(serves_part(&tagged, "\"a\""));
    assert!(serves_part(&tagged, "@-60"));
    for other in ["\"b\"", "W/\"a\"", "@-59", "@0", "nonsense", ""] {
        assert!(!serves_part(&tagged, other), "{other}");
    }
    assert!(!serves_part(&[("etag", "W/\"a\"")], "W/\"a\""));
    assert!(
        !serves_part(&[("last-modified", "@0"), ("date", "@0")], "@0"),
        "may change within the second"
    );
}

/// An origin with the content `0123456789` under one strong tag.
fn origin(sent: &HeaderMap) -> super::Reply {
    let control = ("cache-control", "max-age=3600");
    let tag = ("etag", "\"t\"");
    match sent.get("range").map(|range| range.to_str().unwrap()) {
        None => reply_with(200, &[control, tag], "0123456789"),
        Some("bytes=0-4") => {
            reply_with(206, &[control, tag, ("content-range", "bytes 0-4/10")], "01234")
        }
        Some("bytes=5-") => {
            reply_with(206, &[control, tag, ("content-range", "bytes 5-9/10"), ("a", "2")], "56789")
        }
        Some("bytes=8-") => {
            reply_with(206, &[control, tag, ("content-range", "bytes 8-9/10")], "89")
        }
        Some("bytes=5-7") => {
            reply_with(206, &[control, tag, ("content-range", "bytes 3-7/10")], "34567")
        }
        Some(other) => panic!("unexpected {other}"),
    }
}

#[test]
fn a_part_is_completed() {
    let mut cache = Cache::new(Policy::default());
    cache.request("GET", "/", &range("bytes=0-4"), origin);
    let whole = cache.request("GET", "/", &[], origin);
    assert_eq!((whole.sent("range"), whole.sent("if-range")), (Some("bytes=5-"), Some("\"t\"")));
    assert_eq!((whole.from, whole.status, &*whole.content), (From::Both, 200, "0123456789"));
    assert_eq!((whole.field("content-length"), whole.field("a")), (Some("10"), Some("2")));
    assert_eq!(whole.field("content-range"), None);
    let again = cache.get(&[], None);
    assert_eq!((again.from, &*again.content), (From::Store, "0123456789"));
}

#[test]
fn parts_are_joined_in_any_order_and_what_comes_twice_is_left_out() {
    let mut cache = Cache::new(Policy::default());
    cache.request("GET", "/", &range("bytes=0-4"), origin);
    let end = cache.request("GET", "/", &range("bytes=8-"), origin);
    assert_eq!((end.from, end.status, &*end.content), (From::Both, 206, "89"));
    let start = cache.get(&range("bytes=1-2"), None);
    assert_eq!((start.from, &*start.content), (From::Store, "12"));
    let all = cache.request("GET", "/", &range("bytes=3-8"), origin);
    assert_eq!((all.from, &*all.content), (From::Both, "345678"), "the origin sent 3-7 for 5-7");
    let whole = cache.get(&[], None);
    assert_eq!((whole.from, whole.status, &*whole.content), (From::Store, 200, "0123456789"));
}

#[test]
fn what_does_not_belong_together_is_not_joined() {
    let story = |second: super::Reply| {
        let mut cache = Cache::new(Policy::default());
        cache.request("GET", "/", &range("bytes=0-4"), origin);
        let answer = cache.request("GET", "/", &[], |sent| match sent.contains_key("range") {
            true => second.clone(),
            false => reply_with(200, &[], "asked again"),
        });
        assert_eq!(answer.from, From::Origin);
        (answer.status, answer.content)
    };
    let again = (200, "asked again".to_owned());
    let tag = ("etag", "\"t\"");
    let part = |fields: &[(&str, &str)]| reply_with(206, fields, "56789");
    for mismatch in [
        part(&[("etag", "\"u\""), ("content-range", "bytes 5-9/10")]),
        part(&[("etag", "W/\"t\""), ("content-range", "bytes 5-9/10")]),
        part(&[("content-range", "bytes 5-9/10")]),
        part(&[tag]),
        part(&[tag, ("content-range", "bytes 5-9/11")]),
        part(&[tag, ("content-range", "bytes 5-8/10")]),
        part(&[tag, ("content-range", "bytes 6-9/10")]),
        part(&[tag, ("content-range", "bytes 5-9/10"), ("content-length", "4")]),
        part(&[tag, ("content-range", "bytes 5-9/10"), ("content-encoding", "gzip")]),
        reply(416, &[]),
    ] {
        assert_eq!(story(mismatch.clone()), again, "{mismatch:?}");
    }
    assert_eq!(story(reply_with(200, &[], "new")), (200, "new".to_owned()));
    assert_eq!(story(reply_with(404, &[], "gone")), (404, "gone".to_owned()));
}

#[test]
fn the_rest_of_what_has_no_validator() {
    // partial-store-partial-complete.
    let mut cache = Cache::new(suite());
    let fields = [("cache-control", "max-age=3600"), ("content-range", "bytes 0-4/10")];
    cache.get(&range("bytes=-5"), reply_with(206, &fields, "01234"));
    let whole = cache.get(&[], reply_with(200, &[], "0123456789"));
    assert_eq!((whole.sent("range"), whole.status), (Some("bytes=5-"), 200));
    let mut careful = Cache::new(Policy::default());
    careful.get(&range("bytes=-5"), reply_with(206, &fields, "01234"));
    assert_eq!(careful.get(&[], reply(200, &[])).sent("range"), None);
}
