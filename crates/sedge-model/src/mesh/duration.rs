//! Durations as Go writes them: `5s`, `1.5s`, `1h30m`, `100ms`.

use crate::document::Invalid;
use std::time::Duration;

/// Nobody waits longer.
const MAX: Duration = Duration::from_secs(365 * 24 * 3_600);

const UNITS: [(&str, f64); 7] = [
    ("ns", 1e-9),
    ("us", 1e-6),
    ("µs", 1e-6),
    ("ms", 1e-3),
    ("s", 1.0),
    ("m", 60.0),
    ("h", 3_600.0),
];

/// Reads a duration of Istio: a sequence of decimal numbers, each with a unit.
pub(super) fn go(text: &str) -> Result<Duration, Invalid> {
    let wrong = || {
        let message = format!("`{text}` is not a duration");
        Invalid::new(message, "write a number with one of ms, s, m, h, for example 5s or 100ms")
    };
    let mut rest = text;
    let mut seconds = 0.0;
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(wrong)?;
        let number: f64 = rest[..digits].parse().map_err(|_| wrong())?;
        rest = &rest[digits..];
        let letters = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        let (_, scale) =
            UNITS.iter().find(|(unit, _)| *unit == &rest[..letters]).ok_or_else(wrong)?;
        seconds += number * scale;
        rest = &rest[letters..];
    }
    let duration = Duration::try_from_secs_f64(seconds).map_err(|_| wrong())?;
    if duration > MAX {
        return Err(Invalid::new(
            format!("`{text}` is longer than a year"),
            "write a shorter time",
        ));
    }
    // Nothing here is finer than a millisecond, and sums of fractions are not
    // exact.
    Ok(Duration::from_micros((duration.as_nanos() as f64 / 1e3).round() as u64))
}

/// Reads a duration of the Gateway API (GEP-2257): whole numbers of at most
/// five digits with h, m, s or ms, at most four of them.
pub(super) fn gep_2257(text: &str) -> Result<Duration, Invalid> {
    let groups = text.chars().filter(char::is_ascii_alphabetic).count();
    if text.contains('.')
        || text.contains("us")
        || text.contains("ns")
        || text.contains('µ')
        || groups > 8
    {
        let message = format!("`{text}` is not a duration of the Gateway API");
        return Err(Invalid::new(
            message,
            "write whole numbers with h, m, s or ms, for example 10s",
        ));
    }
    go(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in ["", "5", "s", "5 s", "-5s", "5x", "1..5s", "1e3s", "9999999999h", "5s5", ".s"]
        {
            assert!(go(text).is_err(), "{text:?}");
        }
        for text in ["1.5s", "5us", "1h1m1s1ms1h1m1s1ms1h"] {
            assert!(gep_2257(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn durations_are_sums() {
        for (text, ms) in [
            ("0s", 0),
            ("100ms", 100),
            ("0.1s", 100),
            ("1.5s", 1_500),
            ("1h30m", 5_400_000),
            ("2m0.5s", 120_500),
        ] {
            assert_eq!(go(text).expect(text), Duration::from_millis(ms), "{text}");
        }
        assert_eq!(gep_2257("1m30s").expect("valid"), Duration::from_secs(90));
    }
}
