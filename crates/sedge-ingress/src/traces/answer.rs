//! What a collector's answer means (OTLP/HTTP Response).

use super::protobuf::{Reader, Value};
use http::{HeaderMap, StatusCode};
use std::time::Duration;

/// Bytes of an answer that are read.
pub(super) const BYTES_MAX: usize = 64 * 1024;

/// Characters of a collector's message that are logged.
const MESSAGE_CHARS_MAX: usize = 200;

/// The longest wait that a collector may ask for.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(300);

/// What a collector has said to a batch.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It took the batch, all but so many spans of it.
    Accepted {
        /// Spans that it did not take.
        rejected: u64,
        /// Why, or what it warns of; empty for nothing.
        message: String,
    },
    /// Later it may take it.
    Later {
        /// When, if it has said so.
        after: Option<Duration>,
        /// What it is about.
        reason: String,
    },
    /// It will never take it.
    Refused {
        /// What it is about.
        reason: String,
    },
}

/// Reads an answer. Only 429, 502, 503 and 504 are tried again ("Retryable
/// Response Codes").
pub fn judge(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Verdict {
    let reason = format!("the collector answered {status}");
    match status.as_u16() {
        200..=299 => {
            let (rejected, message) = partial_success(body);
            Verdict::Accepted { rejected, message }
        }
        429 | 502 | 503 | 504 => Verdict::Later { after: retry_after(headers), reason },
        _ => Verdict::Refused { reason },
    }
}

/// `ExportTraceServiceResponse.partial_success`: spans that were not taken, and
/// why. What cannot be read says nothing.
fn partial_success(body: &[u8]) -> (u64, String) {
    let (mut rejected, mut message) = (0, String::new());
    for (field, value) in Reader(body) {
        let (1, Value::Bytes(partial)) = (field, value) else { continue };
        for field in Reader(partial) {
            match field {
                // An int64: what is below zero is nonsense.
                (1, Value::Number(count)) if i64::try_from(count).is_ok() => rejected = count,
                (2, Value::Bytes(text)) => message = printable(text),
                _ => {}
            }
        }
    }
    (rejected, message)
}

/// What may be logged of what somebody else has sent.
fn printable(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    text.chars().filter(|c| !c.is_control()).take(MESSAGE_CHARS_MAX).collect()
}

/// Seconds only: a date would need a clock that both sides share.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(http::header::RETRY_AFTER)?.to_str().ok()?;
    let seconds = value.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(RETRY_AFTER_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(status: u16, retry_after: Option<&'static str>, body: &[u8]) -> Verdict {
        let mut headers = HeaderMap::new();
        if let Some(value) = retry_after {
            headers.insert("retry-after", http::HeaderValue::from_static(value));
        }
        judge(StatusCode::from_u16(status).expect("valid"), &headers, body)
    }

    #[test]
    fn only_what_may_help_is_tried_again() {
        for status in [301, 400, 401, 404, 413, 500, 501] {
            assert!(matches!(judged(status, None, b""), Verdict::Refused { .. }), "{status}");
        }
        for (status, after, expected) in [
            (429, Some("7"), Some(7)),
            (503, Some("999999999"), Some(300)),
            (503, Some("-1"), None),
            (502, Some("Wed, 21 Oct 2015 07:28:00 GMT"), None),
            (504, None, None),
        ] {
            let Verdict::Later { after, .. } = judged(status, after, b"") else {
                panic!("{status}")
            };
            assert_eq!(after.map(|after| after.as_secs()), expected, "{status}");
        }
    }

    #[test]
    fn partial_success_is_read_and_nonsense_is_none() {
        let accepted =
            |rejected, message: &str| Verdict::Accepted { rejected, message: message.into() };
        for (body, expected) in [
            (&b""[..], accepted(0, "")),
            (b"not protobuf at all", accepted(0, "")),
            (&[0x0a, 2, 0x08, 5], accepted(5, "")),
            (b"\x0a\x07\x08\x05\x12\x03a\nb", accepted(5, "ab")),
            // -1, and a length beyond the end.
            (&[0x0a, 11, 8, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1], accepted(0, "")),
            (&[0x0a, 200, 0x08, 5], accepted(0, "")),
        ] {
            assert_eq!(judged(200, None, body), expected, "{body:x?}");
        }
    }
}
