//! Who sends, by the path and the head, and where what it sends belongs.

use super::Refusal;
use crate::payload::Reading;
use sedge_model::topic::check_name;
use std::fmt::Write;

/// The device that a path names below a prefix, percent-decoded: `/v1/ingest/pump-7`.
/// `None`: it is not the path of a device.
pub fn device(path: &str, prefix: &str) -> Option<String> {
    let segment = path.strip_prefix(prefix)?.strip_prefix('/')?;
    if segment.is_empty() || segment.contains('/') {
        return None;
    }
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || char::from(rest.next()?).to_digit(16);
        let (high, low) = (digit()?, digit()?);
        bytes.push((high << 4 | low) as u8);
    }
    String::from_utf8(bytes).ok()
}

/// Name and password of a field `Authorization` with the scheme Basic (RFC 7617 §2).
pub fn basic(field: &str) -> Option<(String, String)> {
    let (scheme, text) = field.trim().split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let bytes = crate::mqtt::auth::unbase64(text.trim())?;
    let text = String::from_utf8(bytes).ok()?;
    let (name, password) = text.split_once(':')?;
    Some((name.to_owned(), password.to_owned()))
}

/// The topic of a reading: `ingest/DEVICE/NAME`, or `ingest/DEVICE` if it has no name. `%`,
/// `+` and `#`, and characters that are none, are percent-encoded; `/` in the name separates
/// levels. `index`: its place in the message, from 0.
///
/// # Errors
///
/// The topic would be too long or too deep.
pub fn topic(device: &str, reading: &Reading, index: usize) -> Result<String, Refusal> {
    let mut topic = "ingest/".to_owned();
    escape(device, &mut topic);
    if !(reading.base.is_empty() && reading.name.is_empty()) {
        topic.push('/');
        escape(&reading.base, &mut topic);
        escape(&reading.name, &mut topic);
    }
    check_name(&topic).map_err(|error| Refusal::name(index, &error.to_string()))?;
    Ok(topic)
}

/// Appends a text as it can stand in a topic.
pub(crate) fn escape(text: &str, topic: &mut String) {
    for c in text.chars() {
        if matches!(c, '%' | '+' | '#') || c.is_control() {
            let mut bytes = [0; 4];
            for byte in c.encode_utf8(&mut bytes).bytes() {
                // Writing to a text does not fail.
                let _ = write!(topic, "%{byte:02X}");
            }
        } else {
            topic.push(c);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_path_of_a_device_is_told() {
        for path in [
            "/v1/ingest",
            "/v1/ingest/",
            "/v1/ingest/a/b",
            "/v1/ingestion/a",
            "/v1/ingest/%",
            "/v1/ingest/%4",
            "/v1/ingest/%zz",
            "/v1/ingest/%+1",
            "/v1/ingest/%ff",
            "/other/a",
        ] {
            assert_eq!(device(path, "/v1/ingest"), None, "{path}");
        }
        let decoded = device("/v1/ingest/p%C3%BCmp%2F7", "/v1/ingest");
        assert_eq!(decoded.as_deref(), Some("p\u{fc}mp/7"));
    }

    #[test]
    fn what_is_no_name_with_a_password_is_none() {
        for field in ["", "Basic", "Basic !", "Bearer YTpi", "Basic YWI=", "Basic /w=="] {
            assert_eq!(basic(field), None, "{field}");
        }
        let pair = |a: &str, b: &str| Some((a.to_owned(), b.to_owned()));
        assert_eq!(basic("basic YTpiOmM="), pair("a", "b:c"));
        assert_eq!(basic(" Basic  Og=="), pair("", ""));
    }

    fn reading(name: &str) -> Reading {
        let body = serde_json::json!([{ "n": "x", "v": 1 }]).to_string();
        let limits = crate::payload::PayloadLimits::default();
        let readings =
            crate::payload::decode(crate::payload::Format::SenmlJson, body.as_bytes(), &limits);
        let mut reading = readings.expect("a pack").remove(0);
        reading.name = name.into();
        reading
    }

    #[test]
    fn a_name_that_is_too_deep_for_a_topic_is_refused() {
        let deep = "/".repeat(31);
        let refusal = topic("d", &reading(&deep), 4).expect_err("too deep");
        assert_eq!((refusal.status, refusal.place.record), (400, Some(4)));
        assert!(topic("d", &reading(&"x".repeat(1_024)), 0).is_err());
        assert_eq!(topic("d#", &reading(""), 0).as_deref(), Ok("ingest/d%23"));
        assert_eq!(topic("d", &reading("a/+1%"), 0).as_deref(), Ok("ingest/d/a/%2B1%25"));
    }

    proptest! {
        #[test]
        fn every_name_becomes_a_topic_of_its_own(a in "[a-c/+#%\\x00]{0,6}", b in "[a-c/+#%\\x00]{0,6}") {
            let of = |name: &str| topic("d", &reading(name), 0).expect("short");
            prop_assert_eq!(of(&a) == of(&b), a == b);
        }
    }
}
