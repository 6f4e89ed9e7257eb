//! What a cache reads: heads of requests and responses, and what lies on its disk.

use super::texts;
use http::header::{CACHE_CONTROL, VARY};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use sedge_cache::purge::{Purge, PurgeTable};
use sedge_cache::rules::{self, AnswerBody, Ask, Policy, Reuse, StoredHead, Target, Times};

/// Words that mean something to a cache.
pub(super) const WORDS: &[&str] = &[
    "\n",
    "\n\n",
    "cache-control: ",
    "max-age=60",
    "s-maxage=1",
    "no-store",
    "private",
    "no-cache=\"x\"",
    "stale-while-revalidate=9",
    "must-understand",
    "cdn-cache-control: max-age=5",
    "expires: 0",
    "age: 99999999999999999999",
    "date: Thu, 01 Jan 1970 00:00:01 GMT",
    "vary: *",
    "vary: accept-encoding, x",
    "accept-encoding: gzip;q=0",
    "etag: \"a\"",
    "etag: W/\"a\"",
    "if-none-match: *",
    "range: bytes=0-0,2-",
    "content-range: bytes 1-2/9",
    "content-length: 3",
    "cache-groups: \"a\"",
    "connection: vary",
    "set-cookie: a=b",
];

pub(super) fn exchanges() -> Vec<Vec<u8>> {
    texts(&[
        "\n\ncache-control: max-age=60",
        "range: bytes=1-2\n\ncache-control: public, max-age=60\netag: \"a\"\ncontent-length: 10",
        "accept-encoding: br\n\nvary: accept-encoding\nexpires: Thu, 01 Jan 2032 00:00:00 GMT",
        "if-none-match: \"a\", W/\"b\"\n\ncache-control: s-maxage=1, stale-if-error=9\netag: W/\"b\"",
        "authorization: x\n\ncache-control: must-revalidate, max-age=1\nsurrogate-key: a b",
        "\n\ncdn-cache-control: max-age=5\ncache-control: no-store\ncache-groups: \"a\", \"b\"",
        "cache-control: only-if-cached, max-stale\n\nlast-modified: Thu, 01 Jan 2026 00:00:00 GMT",
        "range: bytes=1-2\n\ncache-control: max-age=9\ncontent-range: bytes 1-2/9\netag: \"a\"\n206",
    ])
}

/// When the response of an exchange came.
const NOW_MS: u64 = 1_800_000_000_000;
/// Bytes of its content.
const BODY_BYTES: u64 = 10;

/// A request's fields, an empty line, a response's fields: what must not be stored is not,
/// what is stored comes back from its bytes as it was, and no answer reaches beyond it.
pub(super) fn exchange(data: &[u8]) {
    let Some(middle) = data.windows(2).position(|two| two == b"\n\n") else { return };
    let (request, _) = fields(&data[..middle]);
    let (response, status) = fields(&data[middle + 2..]);
    let policy = Policy::default();
    let ask = Ask::new(&Method::GET, &request, false, &policy);
    let target = Target::new("http", "example.org", "/a?b", &policy);
    let times = Times { request_ms: NOW_MS - 10, response_ms: NOW_MS };
    let Ok(head) = rules::storable(&ask, &target, status, &response, times, &policy) else {
        return;
    };
    let says = |name: &HeaderName, word: &[u8]| {
        response.get_all(name).iter().any(|value| value.as_bytes().eq_ignore_ascii_case(word))
    };
    assert!(!says(&VARY, b"*"), "{response:?}");
    if !response.contains_key("cdn-cache-control") {
        assert!(!says(&CACHE_CONTROL, b"private"), "{response:?}");
        assert!(!says(&CACHE_CONTROL, b"no-store"), "{response:?}");
    }
    assert!(head.matches(&request, &policy), "{request:?} has brought {head:?}");
    let mut bytes = Vec::new();
    head.encode(&mut bytes);
    assert_eq!(StoredHead::decode(&bytes).as_ref(), Ok(&head));
    let body_bytes = head.part.as_ref().map_or(BODY_BYTES, |part| part.bytes());
    for later_ms in [0, 1_000, 86_400_000] {
        let now_ms = NOW_MS + later_ms;
        let verdict = rules::reuse(&ask, &head, Some(body_bytes), now_ms, &policy);
        if verdict.reuse == Reuse::Fresh {
            assert!(head.ttl_ms(now_ms) > 0 || head.lifetime_ms == 0, "{verdict:?} of {head:?}");
        }
        match rules::answer(&ask, &head, Some(body_bytes), now_ms).body {
            AnswerBody::Slice { offset, len } => {
                assert!(offset.checked_add(len).is_some_and(|end| end <= body_bytes), "{head:?}");
            }
            AnswerBody::Empty | AnswerBody::Whole | AnswerBody::Multipart(_) => {}
        }
    }
}

/// Lines of `name: value`; a line of three digits is a status.
fn fields(text: &[u8]) -> (HeaderMap, StatusCode) {
    let (mut fields, mut status) = (HeaderMap::new(), StatusCode::OK);
    for line in text.split(|byte| *byte == b'\n') {
        if let Ok(code) = StatusCode::from_bytes(line) {
            status = code;
            continue;
        }
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let name = HeaderName::from_bytes(&line[..colon]);
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            fields.append(name, value);
        }
    }
    (fields, status)
}

pub(super) fn heads() -> Vec<Vec<u8>> {
    let stored = |exchange: Vec<u8>| {
        let middle = exchange.windows(2).position(|two| two == b"\n\n")?;
        let (request, _) = fields(&exchange[..middle]);
        let (response, status) = fields(&exchange[middle + 2..]);
        let policy = Policy::default();
        let ask = Ask::new(&Method::GET, &request, false, &policy);
        let target = Target::new("http", "example.org", "/", &policy);
        let times = Times { request_ms: NOW_MS, response_ms: NOW_MS };
        let head = rules::storable(&ask, &target, status, &response, times, &policy).ok()?;
        let mut bytes = Vec::new();
        head.encode(&mut bytes);
        Some(bytes)
    };
    exchanges().into_iter().filter_map(stored).collect()
}

/// A stored head from a disk: what is read is what would be written.
pub(super) fn head(data: &[u8]) {
    let Ok(head) = StoredHead::decode(data) else { return };
    let mut bytes = Vec::new();
    head.encode(&mut bytes);
    assert_eq!(StoredHead::decode(&bytes), Ok(head));
}

pub(super) fn purges() -> Vec<Vec<u8>> {
    let table = PurgeTable::new();
    let empty = table.encode();
    table.purge_tag(7, Purge::Soft, 1);
    table.purge_url("example.org/a?b", Purge::Hard, 2);
    table.purge_prefix("example.org/a", Purge::Hard, 3);
    table.purge_all(Purge::Soft, 4);
    vec![empty, table.encode()]
}

/// Purges from a disk, as they are, and with the check that they should have: what is read
/// is what would be written.
pub(super) fn purge(data: &[u8]) {
    read_purges(data);
    let content = data.len().saturating_sub(16);
    let mut checked = data[..content].to_vec();
    let check = blake3::hash(&checked);
    checked.extend_from_slice(&check.as_bytes()[..16]);
    read_purges(&checked);
}

fn read_purges(data: &[u8]) {
    let Ok(table) = PurgeTable::decode(data) else { return };
    let again = PurgeTable::decode(&table.encode()).expect("what was written");
    for asked_at_ms in [0, 2, u64::MAX] {
        for url in ["example.org/a?b", "example.org/a/c", "example.org", ""] {
            let purged = table.is_purged(&[7], url, asked_at_ms);
            assert_eq!(purged, again.is_purged(&[7], url, asked_at_ms), "{url}");
        }
    }
}
