//! Everything that the function `analytics` reads: records, events, questions.

use super::texts;
use ::analytics::counted::Counted;
use ::analytics::query::{Entry, entry, way};
use ::analytics::record::{Event, Record, Request, What};
use ::analytics::routes::Routes;
use ::analytics::{events, person};
use sedge_kit::analytics::AnalyticsOptions;
use sedge_kit::privacy::Pseudonyms;

/// Names and values that mean something.
pub(super) const WORDS: &[&str] = &[
    "userId",
    "eventType",
    "timestamp",
    "data",
    "page_view",
    "errorCount",
    "url",
    "null",
    "[{\"",
    "range=",
    "route=",
    "60m",
    "24h",
    "/analytics",
    "/events",
    "Basic ",
    "Bearer ",
    "sid=",
    "; ",
];

const NOW_MS: i64 = 1_795_867_200_000;

pub(super) fn records() -> Vec<Vec<u8>> {
    let request = Request {
        user: Some(7),
        page: Some(9),
        status: 503,
        latency_us: 1_500,
        size_bytes: Some(9_000),
        route: "shop",
    };
    let event = Event { user: Some(7), page: None, failed: true, ago_ms: -5, name: "buy" };
    let whats = [What::Minute, What::Request(request), What::Event(event)];
    let mut all: Vec<_> = whats.map(|what| Record { clock_ms: NOW_MS, what }.to_bytes()).to_vec();
    // Several, one after the other, each with its length.
    all.push(all.iter().flat_map(|one| [&[one.len() as u8], &one[..]].concat()).collect());
    all
}

/// A record is written as it was read, and whatever comes in whatever order can be counted.
pub(super) fn record(data: &[u8]) {
    if let Some(record) = Record::read(data) {
        assert_eq!(record.to_bytes(), data);
    }
    let mut payloads = vec![data];
    let mut rest = data;
    while let Some((length, more)) = rest.split_first() {
        let (payload, next) = more.split_at(usize::from(*length).min(more.len()));
        payloads.push(payload);
        rest = next;
    }
    let routes = Routes::parse("shop=/shop/*").expect("a class");
    let options = AnalyticsOptions { routes_max: 2, ..AnalyticsOptions::default() };
    let mut counted = Counted::new(options);
    counted.take(NOW_MS, payloads.iter().copied(), &routes);
    let again = Counted::from_bytes(&counted.to_bytes(), options, &routes);
    assert_eq!(again, Ok(counted));
}

pub(super) fn posts() -> Vec<Vec<u8>> {
    texts(&[
        r#"{"userId":"u1","eventType":"buy","timestamp":1795867200000,"data":{"errorCount":1}}"#,
        r#"[{"eventType":"page_view","data":{"url":"https://a.example/b?c"}},{"eventType":"a"}]"#,
        "[]",
        "{}",
    ])
}

/// Events become records, or are refused with a reason.
pub(super) fn event(data: &[u8]) {
    match events::read(data, NOW_MS, &Pseudonyms::new(&[1; 32]), Some(5)) {
        Ok(records) => assert!(records.iter().all(|record| Record::read(record).is_some())),
        Err(refusal) => assert!(refusal.status >= 400 && !refusal.reason.is_empty()),
    }
}

pub(super) fn questions() -> Vec<Vec<u8>> {
    texts(&[
        "/analytics?range=60m&route=shop",
        "/analytics/summary.json?range=24h",
        "Basic YTpzZWNyZXQ=",
        "sid=1; other=2",
        "203.0.113.7",
    ])
}

/// What is asked, by whom, and with which cookie.
pub(super) fn question(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let routes = Routes::parse("shop=/shop/*").expect("a class");
    for method in ["GET", "POST"] {
        let _ = way("/analytics", method, &text, &routes);
    }
    let token = "a token that nobody guesses";
    // Of `Basic` the token is written in another way.
    let is_coded = data.get(..5).is_some_and(|begin| begin.eq_ignore_ascii_case(b"basic"));
    if !is_coded && !text.contains(token) {
        assert_eq!(entry(Some(token), true, Some(data)), Entry::Unknown);
    }
    assert!(person::cookie(data, "sid").is_none_or(|value| !value.is_empty()));
    let _ = person::client(&Pseudonyms::new(&[1; 32]), &text, data);
    if let Ok(classes) = Routes::parse(&text) {
        let class = classes.of(&text);
        assert_eq!(classes.named(class), class);
    }
}
