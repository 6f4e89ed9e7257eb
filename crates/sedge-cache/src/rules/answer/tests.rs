use super::{AnswerBody, MultipartPiece, answer};
use crate::rules::{Ask, Policy, StoredHead, Target, Times, storable};
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use proptest::prelude::*;

const BEGIN_MS: u64 = 1_795_000_000_000;

fn head(fields: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    headers
}

fn stored(status: u16, fields: &[(&str, &str)]) -> StoredHead {
    let policy = Policy::default();
    let request = HeaderMap::new();
    let ask = Ask::new(&Method::GET, &request, false, &policy);
    let target = Target::new("https", "example.org", "/", &policy);
    let times = Times { request_ms: BEGIN_MS, response_ms: BEGIN_MS };
    let fields = head(&[&[("cache-control", "max-age=60")][..], fields].concat());
    storable(&ask, &target, StatusCode::from_u16(status).unwrap(), &fields, times, &policy).unwrap()
}

#[test]
fn conditions_and_ranges_are_about_successes() {
    let policy = Policy::default();
    let request = head(&[("if-none-match", "*"), ("range", "bytes=0-0")]);
    let ask = Ask::new(&Method::GET, &request, false, &policy);
    for status in [301, 404, 410] {
        let answer = answer(&ask, &stored(status, &[("etag", "\"a\"")]), Some(9), BEGIN_MS);
        assert_eq!((answer.status.as_u16(), answer.body), (status, AnswerBody::Whole));
    }
}

#[test]
fn while_content_arrives_ranges_need_its_length() {
    let policy = Policy::default();
    let request = head(&[("range", "bytes=-2")]);
    let ask = Ask::new(&Method::GET, &request, false, &policy);
    let unknown = answer(&ask, &stored(200, &[]), None, BEGIN_MS);
    assert_eq!((unknown.status, unknown.body), (StatusCode::OK, AnswerBody::Whole));
    assert!(!unknown.headers.contains_key("content-length"));
    let known = answer(&ask, &stored(200, &[("content-length", "10")]), None, BEGIN_MS);
    assert_eq!(known.body, AnswerBody::Slice { offset: 8, len: 2 });
    assert_eq!(known.headers["content-range"], "bytes 8-9/10");
}

#[test]
fn no_content_is_none() {
    let policy = Policy::default();
    let request = HeaderMap::new();
    let ask = Ask::new(&Method::GET, &request, false, &policy);
    let answer = answer(&ask, &stored(204, &[]), Some(0), BEGIN_MS);
    assert_eq!(answer.body, AnswerBody::Empty);
    assert!(!answer.headers.contains_key("content-length"));
}

#[test]
fn several_ranges() {
    let policy = Policy::default();
    let request = head(&[("range", "bytes=0-1,4-5")]);
    let ask = Ask::new(&Method::GET, &request, false, &policy);
    let stored = stored(200, &[("content-type", "text/x")]);
    let one = answer(&ask, &stored, Some(10), BEGIN_MS);
    let other = answer(&ask, &stored, Some(10), BEGIN_MS);
    let content_type = one.headers["content-type"].to_str().unwrap();
    let boundary = content_type.strip_prefix("multipart/byteranges; boundary=").unwrap();
    assert_ne!(one.headers["content-type"], other.headers["content-type"]);
    assert!(!one.headers.contains_key("content-range"));
    let AnswerBody::Multipart(multipart) = one.body else { panic!("not multipart") };
    assert_eq!(one.headers["content-length"], multipart.bytes().to_string());
    let text = |range: &str| {
        let head =
            format!("\r\n--{boundary}\r\nContent-Type: text/x\r\nContent-Range: {range}\r\n\r\n");
        MultipartPiece::Text(head.into())
    };
    let wanted = [
        text("bytes 0-1/10"),
        MultipartPiece::Slice { offset: 0, len: 2 },
        text("bytes 4-5/10"),
        MultipartPiece::Slice { offset: 4, len: 2 },
        MultipartPiece::Text(format!("\r\n--{boundary}--\r\n").into()),
    ];
    assert_eq!(multipart.into_pieces(), wanted);
}

proptest! {
    #[test]
    fn no_slice_leaves_the_content(range in "bytes=[0-9,-]{1,20}", len in 0u64..200) {
        let policy = Policy::default();
        let request = head(&[("range", &range)]);
        let ask = Ask::new(&Method::GET, &request, false, &policy);
        let within = |offset: u64, slice: u64| slice > 0 && offset + slice <= len;
        match answer(&ask, &stored(200, &[]), Some(len), BEGIN_MS).body {
            AnswerBody::Slice { offset, len } => prop_assert!(within(offset, len)),
            AnswerBody::Multipart(multipart) => for piece in multipart.into_pieces() {
                if let MultipartPiece::Slice { offset, len } = piece {
                    prop_assert!(within(offset, len));
                }
            },
            AnswerBody::Empty | AnswerBody::Whole => {}
        }
    }
}
