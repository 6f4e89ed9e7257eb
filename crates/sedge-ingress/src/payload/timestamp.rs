//! Times of the plain formats.

use super::decimal;
use super::record::{Scalar, out_of_time};
use super::{Number, Problem};

const EXPECTED: &str = "a time: a number since 1970, or text as in 2026-11-28T09:00:00Z";

/// Nanoseconds since 1970 of a time in a plain format: a number, or text by RFC 3339.
///
/// The unit of a number is told by its size, as each is usual somewhere: seconds below
/// 1e11 (they would lie past the year 5138), milliseconds below 1e14, microseconds below
/// 1e17, and nanoseconds.
pub(super) fn unix_ns(scalar: &Scalar<'_>) -> Result<i64, Problem> {
    match scalar {
        Scalar::Time(ns) => return Ok(*ns),
        Scalar::Text(text) => return rfc3339_ns(text),
        _ => {}
    }
    let Ok(number) = scalar.number() else {
        return Err(match scalar {
            Scalar::Int(_) | Scalar::Float(_) | Scalar::Decimal(_) => out_of_time(),
            _ => Problem::expected(EXPECTED),
        });
    };
    let size = number.as_f64().abs();
    let power = match () {
        () if size < 1e11 => 9,
        () if size < 1e14 => 6,
        () if size < 1e17 => 3,
        () => 0,
    };
    let ns = match (scalar, number) {
        (Scalar::Decimal(text), _) => decimal::scaled(text, power),
        (_, Number::Int(int)) => i128::from(int).checked_mul(10i128.pow(power as u32)),
        (_, Number::Uint(int)) => i128::from(int).checked_mul(10i128.pow(power as u32)),
        (_, Number::Float(float)) => decimal::scaled(&float.to_string(), power),
    };
    ns.and_then(|ns| i64::try_from(ns).ok()).ok_or_else(out_of_time)
}

/// Nanoseconds since 1970 of a time by RFC 3339 §5.6, where a blank may stand for the `T`.
/// What is finer than a nanosecond is cut off. A leap second is the second after it.
pub(super) fn rfc3339_ns(text: &str) -> Result<i64, Problem> {
    let ns = parse(text.as_bytes()).ok_or_else(|| Problem::expected(EXPECTED))?;
    i64::try_from(ns).map_err(|_| out_of_time())
}

fn parse(mut rest: &[u8]) -> Option<i128> {
    let rest = &mut rest;
    let year = digits(rest, 4)?;
    byte(rest, b"-")?;
    let month = digits(rest, 2)?;
    byte(rest, b"-")?;
    let day = digits(rest, 2)?;
    byte(rest, b"Tt ")?;
    let hour = digits(rest, 2)?;
    byte(rest, b":")?;
    let minute = digits(rest, 2)?;
    byte(rest, b":")?;
    let second = digits(rest, 2)?;
    let mut ns = 0;
    if rest.first() == Some(&b'.') {
        *rest = &rest[1..];
        ns = fraction(rest)?;
    }
    let offset_s = match byte(rest, b"Zz+-")? {
        b'Z' | b'z' => 0,
        sign => {
            let hours = digits(rest, 2).filter(|&hours| hours < 24)?;
            byte(rest, b":")?;
            let minutes = digits(rest, 2).filter(|&minutes| minutes < 60)?;
            let offset = hours * 3_600 + minutes * 60;
            if sign == b'-' { -offset } else { offset }
        }
    };
    let in_range = hour < 24 && minute < 60 && second <= 60 && rest.is_empty();
    let days = in_range.then(|| days_since_1970(year, month, day)).flatten()?;
    let seconds = days * 86_400 + hour * 3_600 + minute * 60 + second - offset_s;
    Some(i128::from(seconds) * 1_000_000_000 + i128::from(ns))
}

/// One of these bytes.
fn byte(rest: &mut &[u8], allowed: &[u8]) -> Option<u8> {
    let (first, after) = rest.split_first()?;
    *rest = after;
    allowed.contains(first).then_some(*first)
}

/// Exactly as many digits, at most four.
fn digits(rest: &mut &[u8], count: usize) -> Option<i64> {
    let (head, after) = rest.split_at_checked(count)?;
    *rest = after;
    head.iter().try_fold(0, |value, byte| {
        byte.is_ascii_digit().then(|| value * 10 + i64::from(byte - b'0'))
    })
}

/// The digits after a point, as nanoseconds.
fn fraction(rest: &mut &[u8]) -> Option<i64> {
    let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (head, after) = rest.split_at_checked(count).filter(|_| count > 0)?;
    *rest = after;
    let digits = head.iter().copied().chain(std::iter::repeat(b'0')).take(9);
    Some(digits.fold(0, |ns, byte| ns * 10 + i64::from(byte - b'0')))
}

/// Days from 1970-01-01 to a date of the Gregorian calendar; `None` if there is no such
/// date. Years begin in March here, so that the leap day is the last of them.
fn days_since_1970(year: i64, month: i64, day: i64) -> Option<i64> {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days_of_month = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if is_leap => 29,
        2 => 28,
        _ => return None,
    };
    if !(1..=days_of_month).contains(&day) {
        return None;
    }
    let (year, month) = if month < 3 { (year - 1, month + 9) } else { (year, month - 3) };
    // Months from March on have 31, 30, 31, 30, 31 days, twice, and so on.
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    // The first of March of the year 0 is 719,468 days before 1970.
    Some(year * 365 + leap_days + day_of_year - 719_468)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::borrow::Cow;

    #[test]
    fn what_is_no_time_is_refused() {
        for bad in [
            "",
            "now",
            "2026-11-28",
            "2026-11-28T09:00:00",
            "2026-11-28T09:00Z",
            "2026-11-28T24:00:00Z",
            "2026-11-28T09:60:00Z",
            "2026-11-28T09:00:61Z",
            "2026-02-29T09:00:00Z",
            "2100-02-29T09:00:00Z",
            "2026-13-01T09:00:00Z",
            "2026-00-01T09:00:00Z",
            "2026-01-00T09:00:00Z",
            "2026-11-28T09:00:00.Z",
            "2026-11-28T09:00:00Z ",
            "2026-11-28T09:00:00+1:00",
            "2026-11-28T09:00:00+24:00",
            "+026-11-28T09:00:00Z",
            "2026-11-28T09:00:00\u{661}Z",
        ] {
            assert!(matches!(rfc3339_ns(bad), Err(Problem::Expected(_))), "{bad:?}");
        }
        for bad in ["0000-01-01T00:00:00Z", "1677-01-01T00:00:00Z", "9999-12-31T23:59:59Z"] {
            assert!(matches!(rfc3339_ns(bad), Err(Problem::Range(_))), "{bad:?}");
        }
    }

    #[test]
    fn times_by_rfc_3339() {
        let at = |text| rfc3339_ns(text).expect("a time");
        assert_eq!(at("1970-01-01T00:00:00Z"), 0);
        assert_eq!(at("1985-04-12T23:20:50.52Z"), 482_196_050_520_000_000);
        assert_eq!(at("1996-12-19T16:39:57-08:00"), at("1996-12-20T00:39:57Z"));
        assert_eq!(at("1990-12-31T23:59:60Z"), at("1991-01-01T00:00:00Z"));
        assert_eq!(at("2000-02-29 12:00:00z"), 951_825_600_000_000_000);
        assert_eq!(at("1969-12-31T23:59:59.9999999999Z"), -1);
    }

    #[test]
    fn the_unit_of_a_number_is_told_by_its_size() {
        let at = |text: &'static str| unix_ns(&Scalar::Decimal(Cow::Borrowed(text)));
        for same in ["1700000000", "1700000000000", "1700000000000000", "1700000000000000000"] {
            assert_eq!(at(same), Ok(1_700_000_000_000_000_000), "{same}");
        }
        assert_eq!(at("1700000000.25"), Ok(1_700_000_000_250_000_000));
        assert_eq!(at("-1"), Ok(-1_000_000_000));
        assert_eq!(unix_ns(&Scalar::Float(1.5)), Ok(1_500_000_000));
        // Milliseconds of January 1973 are a far future in seconds.
        assert!(matches!(at("94700000000"), Err(Problem::Range(_))));
        for bad in ["1e30", "-1e30", "99999999999999999999", "9223372036854775808"] {
            assert!(matches!(at(bad), Err(Problem::Range(_))), "{bad}");
        }
        assert!(matches!(unix_ns(&Scalar::Float(f64::NAN)), Err(Problem::Range(_))));
        assert!(matches!(unix_ns(&Scalar::Null), Err(Problem::Expected(_))));
    }

    proptest! {
        #[test]
        fn days_follow_each_other(days in -100_000i64..100_000) {
            // The date by walking over the years, as far as that takes.
            let (mut year, mut left) = (1970, days);
            let length = |year: i64| if days_since_1970(year, 2, 29).is_some() { 366 } else { 365 };
            while left < 0 { year -= 1; left += length(year); }
            while left >= length(year) { left -= length(year); year += 1; }
            let mut month = 1;
            let of_month = |month| (28..=31).rev().find(|&day| days_since_1970(year, month, day).is_some()).expect("a month");
            while left >= of_month(month) { left -= of_month(month); month += 1; }
            prop_assert_eq!(days_since_1970(year, month, left + 1), Some(days));
        }

        #[test]
        fn nothing_panics(text in "\\PC{0,40}", near in "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[.]?[0-9]{0,12}[Z+-]?[0-9:]{0,5}") {
            let _ = (rfc3339_ns(&text), rfc3339_ns(&near));
        }
    }
}
