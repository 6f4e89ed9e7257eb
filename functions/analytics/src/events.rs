//! Events that an app or a page posts: who did what, as JSON.
//!
//! The shape is that of the seed of this platform:
//! `{"userId": "u1", "eventType": "purchase", "timestamp": 1700000000000, "data": {…}}`, one or
//! an array of them. Of `data` only `url` (of a view), `error` and `errorCount` mean something,
//! and none of it is kept.

use sedge_kit::privacy::Pseudonyms;
use serde::Deserialize;
use serde_json::value::Value;

use crate::counted::PAGE_VIEW;
use crate::person::{account, page};
use crate::record::{Event, NAME_BYTES_MAX, Record, What};

/// Bytes of a body.
pub const BODY_BYTES_MAX: usize = 64 << 10;
/// Events of one request.
pub const EVENTS_MAX: usize = 100;
/// Bytes of `userId`.
const USER_BYTES_MAX: usize = 256;
/// How old an event may be: as old as the oldest window.
const AGE_MS_MAX: i64 = 86_400_000;
/// How far ahead a client's clock may be.
const AHEAD_MS_MAX: i64 = 60_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Posted {
    user_id: Option<String>,
    event_type: String,
    timestamp: Option<i64>,
    #[serde(default)]
    data: Value,
}

/// Why events were not taken, for the client; its status is 400, or 422 where it is JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The status code.
    pub status: u16,
    /// What is wrong.
    pub reason: String,
}

/// The records of events that were posted at `now_ms`; `user` is who posts, for events that do
/// not say who did it.
///
/// # Errors
/// One of them cannot be taken; then none is.
pub fn read(
    body: &[u8],
    now_ms: i64,
    names: &Pseudonyms,
    user: Option<u64>,
) -> Result<Vec<Vec<u8>>, Refusal> {
    let begins = body.trim_ascii_start().first();
    let refused = |error: serde_json::Error| {
        let status = if error.is_data() { 422 } else { 400 };
        Refusal { status, reason: error.to_string() }
    };
    let posted: Vec<Posted> = match begins {
        Some(b'[') => serde_json::from_slice(body).map_err(refused)?,
        _ => vec![serde_json::from_slice(body).map_err(refused)?],
    };
    if posted.len() > EVENTS_MAX {
        let reason = format!("there are {} events, but may be {EVENTS_MAX}", posted.len());
        return Err(Refusal { status: 422, reason });
    }
    let records = posted.iter().enumerate().map(|(at, posted)| {
        record(posted, now_ms, names, user).map_err(|reason| {
            let reason = if posted_many(begins) { format!("event {at}: {reason}") } else { reason };
            Refusal { status: 422, reason }
        })
    });
    records.collect()
}

fn posted_many(begins: Option<&u8>) -> bool {
    begins == Some(&b'[')
}

fn record(
    posted: &Posted,
    now_ms: i64,
    names: &Pseudonyms,
    user: Option<u64>,
) -> Result<Vec<u8>, String> {
    let user = match posted.user_id.as_deref() {
        None => user,
        Some(id) if (1..=USER_BYTES_MAX).contains(&id.len()) => Some(account(names, id.as_bytes())),
        Some(_) => return Err(format!("userId has 1 to {USER_BYTES_MAX} bytes")),
    };
    let user = user.ok_or("userId is missing, and nothing else says who it was")?;
    let name = posted.event_type.as_str();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.:/".contains(&byte);
    if !(1..=NAME_BYTES_MAX).contains(&name.len()) || !name.bytes().all(is_plain) {
        return Err(format!(
            "eventType has 1 to {NAME_BYTES_MAX} letters, digits, `_`, `-`, `.`, `:` and `/`"
        ));
    }
    let time_ms = posted.timestamp.unwrap_or(now_ms);
    let ago_ms = now_ms.saturating_sub(time_ms);
    if !(-AHEAD_MS_MAX..=AGE_MS_MAX).contains(&ago_ms) {
        return Err("timestamp is in milliseconds since 1970, of the last day".to_owned());
    }
    let data = match &posted.data {
        Value::Null => None,
        Value::Object(data) => Some(data),
        _ => return Err("data is an object".to_owned()),
    };
    let of = |key: &str| data.and_then(|data| data.get(key));
    let failed = of("error")
        .is_some_and(|error| !matches!(error, Value::Null | Value::Bool(false)))
        || of("errorCount").and_then(Value::as_f64).is_some_and(|count| count > 0.0);
    let url = of("url").and_then(Value::as_str).filter(|_| name == PAGE_VIEW);
    let page = url.map(|url| page(names, path_of(url)));
    let event = Event { user: Some(user), page, failed, ago_ms, name };
    Ok(Record { clock_ms: now_ms, what: What::Event(event) }.to_bytes())
}

/// The path of a whole address, so that it is the same page as that of its request.
fn path_of(url: &str) -> &str {
    match url.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |at| &rest[at..]),
        None => url,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW_MS: i64 = 1_795_850_000_000;

    fn names() -> Pseudonyms {
        Pseudonyms::new(&[7; 32])
    }

    fn refusal(body: &str, user: Option<u64>) -> (u16, String) {
        let refusal = read(body.as_bytes(), NOW_MS, &names(), user).expect_err(body);
        (refusal.status, refusal.reason)
    }

    #[test]
    fn what_cannot_be_taken_is_told() {
        let long = format!(r#"{{"userId":"{}","eventType":"a"}}"#, "x".repeat(257));
        let many = format!("[{}]", [r#"{"userId":"a","eventType":"a"}"#; 101].join(","));
        for (body, status, reason) in [
            ("", 400, "EOF"),
            ("{", 400, "EOF"),
            ("nul", 400, "EOF"),
            ("\u{FEFF}{}", 400, "expected value"),
            ("[[", 400, "EOF"),
            ("[[]]", 422, "invalid length"),
            ("{}", 422, "missing field `eventType`"),
            ("7", 422, "invalid type"),
            (r#"{"eventType":"a"}"#, 422, "userId is missing"),
            (r#"{"eventType":7,"userId":"a"}"#, 422, "invalid type"),
            (r#"{"eventType":"a","userId":""}"#, 422, "userId has"),
            (&long, 422, "userId has"),
            (r#"{"eventType":"","userId":"a"}"#, 422, "eventType has"),
            (r#"{"eventType":"a b","userId":"a"}"#, 422, "eventType has"),
            (r#"{"eventType":"a<script>","userId":"a"}"#, 422, "eventType has"),
            (r#"{"eventType":"a","userId":"a","timestamp":1.5}"#, 422, "invalid type"),
            (r#"{"eventType":"a","userId":"a","timestamp":1795850000}"#, 422, "timestamp is"),
            (r#"{"eventType":"a","userId":"a","timestamp":1795850060001}"#, 422, "timestamp is"),
            (
                r#"{"eventType":"a","userId":"a","timestamp":-9223372036854775808}"#,
                422,
                "timestamp is",
            ),
            (r#"{"eventType":"a","userId":"a","data":[]}"#, 422, "data is an object"),
            (r#"{"eventType":"a","userId":"a","more":1}"#, 422, "unknown field `more`"),
            (
                r#"[{"eventType":"a","userId":"a"},{"eventType":"?","userId":"a"}]"#,
                422,
                "event 1: ",
            ),
            (&many, 422, "there are 101 events"),
        ] {
            let (got, told) = refusal(body, None);
            assert!(got == status && told.contains(reason), "{body}: {got} {told}");
        }
        let nested = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
        assert!(refusal(&nested, None).0 >= 400);
    }

    #[test]
    fn events_are_taken_for_what_they_are() {
        let names = names();
        let of = |body: &str, user| {
            let records = read(body.as_bytes(), NOW_MS, &names, user).expect(body);
            assert_eq!(records.len(), 1);
            let record = Record::read(&records[0]).expect("a record");
            let What::Event(event) = record.what else { panic!("an event") };
            assert_eq!(record.clock_ms, NOW_MS);
            (event.user, event.page, event.failed, event.ago_ms, event.name.to_owned())
        };
        let user = Some(account(&names, b"alice"));
        let body = r#"{"userId":"alice","eventType":"buy","timestamp":1795849999000,
                       "data":{"url":"/a","errorCount":2}}"#;
        assert_eq!(of(body, None), (user, None, true, 1_000, "buy".into()));
        let url = Some(page(&names, "/a"));
        for address in ["https://shop.example/a?b#c", "/a", "//x/../a?"] {
            let body = format!(r#"{{"eventType":"page_view","data":{{"url":"{address}"}}}}"#);
            let event = of(&body, Some(5));
            assert_eq!((event.0, event.2, event.3), (Some(5), false, 0));
            assert_eq!(event.1 == url, !address.starts_with("//"), "{address}");
        }
        let body = r#" {"userId":null,"eventType":"a","timestamp":null,"data":{"error":"x"}}"#;
        assert_eq!(of(body, Some(5)), (Some(5), None, true, 0, "a".into()));
        assert_eq!(read(b"[]", NOW_MS, &names, None), Ok(vec![]));
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken_or_refused(body in "[\\[\\]{}\":,a-zA-Z0-9 ]{0,60}", raw: Vec<u8>) {
            for body in [body.as_bytes(), &raw] {
                if let Ok(records) = read(body, NOW_MS, &names(), Some(1)) {
                    prop_assert!(records.iter().all(|record| Record::read(record).is_some()));
                }
            }
        }
    }
}
