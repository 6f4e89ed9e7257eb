//! Timestamps as sensors and spreadsheets write them.

use std::fmt::Write as _;

/// Numbers above this are milliseconds: as seconds they lie past the year 5100.
const SECONDS_MAX: f64 = 1e11;

/// Seconds since 1970 of a timestamp given as a number: seconds, or
/// milliseconds if it is too large for that.
pub fn from_number(number: f64) -> Option<f64> {
    if !number.is_finite() {
        return None;
    }
    Some(if number.abs() > SECONDS_MAX { number / 1000.0 } else { number })
}

/// Seconds since 1970 of a timestamp given as text.
///
/// RFC 3339 and what is close to it: `2010-03-14T02:00:00Z`, `… 02:00`,
/// `2010/03/14 02:00:00.5`, `2010-03-14`, `2010-03`, `20100314`, offsets as
/// `Z`, `+01:00`, `-0800`; a plain number as in [`from_number`]. Without an
/// offset the time is taken as it stands: only differences matter here.
pub fn parse(text: &str) -> Option<f64> {
    let text = text.trim();
    let bytes = text.as_bytes();
    if bytes.iter().all(u8::is_ascii_digit) && bytes.len() == 8 {
        return seconds(&[digits(&bytes[..4])?, digits(&bytes[4..6])?, digits(&bytes[6..])?], 0.0);
    }
    if let Ok(number) = text.parse() {
        return from_number(number);
    }
    let mut rest = bytes;
    let mut date = [1.0; 3];
    for (index, part) in date.iter_mut().enumerate() {
        *part = take_digits(&mut rest, if index == 0 { 4..=4 } else { 1..=2 })?;
        match rest.split_first() {
            Some((b'-' | b'/', after)) if index < 2 => rest = after,
            None if index > 0 => return seconds(&date, 0.0),
            Some(_) if index == 2 => {}
            _ => return None,
        }
    }
    let Some((b'T' | b't' | b' ', after)) = rest.split_first() else { return None };
    rest = after;
    let mut clock = [0.0; 3];
    for (index, (part, below)) in clock.iter_mut().zip([24.0, 60.0, 61.0]).enumerate() {
        *part = take_digits(&mut rest, 1..=2)?;
        if *part >= below {
            return None;
        }
        match rest.split_first() {
            Some((b':', after)) if index < 2 => rest = after,
            _ => break,
        }
    }
    let mut time_s = clock[0] * 3600.0 + clock[1] * 60.0 + clock[2];
    if let Some((b'.' | b',', after)) = rest.split_first() {
        rest = after;
        let before = rest.len();
        let fraction = take_digits(&mut rest, 1..=9)?;
        time_s += fraction / 10f64.powi((before - rest.len()) as i32);
    }
    seconds(&date, time_s - offset(rest)?)
}

/// Seconds east of UTC; none at all counts as zero.
fn offset(rest: &[u8]) -> Option<f64> {
    let rest = rest.trim_ascii_start();
    let (sign, mut rest) = match rest.split_first() {
        None | Some((b'Z' | b'z', [])) => return Some(0.0),
        Some((b'+', after)) => (1.0, after),
        Some((b'-', after)) => (-1.0, after),
        _ => return None,
    };
    let hours = take_digits(&mut rest, 2..=2)?;
    if let Some((b':', after)) = rest.split_first() {
        rest = after;
    }
    let minutes = if rest.is_empty() { 0.0 } else { take_digits(&mut rest, 2..=2)? };
    rest.is_empty().then_some(sign * (hours * 3600.0 + minutes * 60.0))
}

fn take_digits(rest: &mut &[u8], count: std::ops::RangeInclusive<usize>) -> Option<f64> {
    let found = rest.iter().take(*count.end()).take_while(|byte| byte.is_ascii_digit()).count();
    let (head, tail) = rest.split_at(found);
    *rest = tail;
    if count.contains(&found) { digits(head) } else { None }
}

fn digits(bytes: &[u8]) -> Option<f64> {
    std::str::from_utf8(bytes).ok()?.parse::<u32>().ok().map(f64::from)
}

/// Seconds since 1970 of a date in the Gregorian calendar: Hinnant,
/// *chrono-Compatible Low-Level Date Algorithms*, `days_from_civil`.
fn seconds(date: &[f64; 3], time_s: f64) -> Option<f64> {
    let [year, month, day] = date.map(|part| part as i64);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some((era * 146_097 + day_of_era - 719_468) as f64 * 86_400.0 + time_s)
}

/// `time_s` as `2010-03-14T02:00:00`, `None` for years outside 0 to 9999.
pub fn format(time_s: f64) -> Option<String> {
    if !(-62_167_219_200.0..253_402_300_800.0).contains(&time_s) {
        return None;
    }
    let whole = time_s.floor();
    let (days, rest) = ((whole / 86_400.0).floor() as i64, whole.rem_euclid(86_400.0) as i64);
    // `civil_from_days` of the same source.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let mut text = String::with_capacity(19);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    write!(text, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}").ok()?;
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_time() {
        for text in [
            "",
            "x",
            "2010",
            "2010-",
            "2010-13-01",
            "2010-00-01",
            "2010-01-32",
            "2010-01-01T",
            "2010-01-01 24:00",
            "2010-01-01 00:60",
            "2010-01-01 00:00 PM",
            "10-01-01",
            "2010-01-01T00:00+1",
            "2010-01-01T00:00+01:00x",
            "nan",
            "inf",
            "٢٠١٠-01-01",
        ] {
            // "2010" is a number: 2010 seconds.
            let expected = if text == "2010" { Some(2010.0) } else { None };
            assert_eq!(parse(text), expected, "{text:?}");
        }
    }

    #[test]
    fn the_ways_to_write_a_time() {
        for (text, expected) in [
            ("1970-01-01", 0.0),
            ("1970-01-01T00:00:00Z", 0.0),
            ("1969-12-31 23:59:59", -1.0),
            ("2000-02-29T12:00:00Z", 951_825_600.0),
            (" 2010/03/14 02:00 ", 1_268_532_000.0),
            ("2010/03/14 02:00:00", 1_268_532_000.0),
            ("2010-03-14T02:00:00.25-0800", 1_268_560_800.25),
            ("2010-03-14T02:00+01:00", 1_268_528_400.0),
            ("2010-3-4 2:05", 1_267_668_300.0),
            ("19580329", -371_174_400.0),
            ("1958-03", -373_593_600.0),
            ("1268532000", 1_268_532_000.0),
            ("1268532000000", 1_268_532_000.0),
            ("12.5", 12.5),
        ] {
            assert_eq!(parse(text), Some(expected), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "\\PC{0,40}", date in "[0-9:/T +.Z-]{0,30}") {
            let _ = (parse(&text), parse(&date));
        }

        #[test]
        fn formatted_times_are_read_back(time_s in -62_167_219_200i64..253_402_300_800) {
            let text = format(time_s as f64).unwrap();
            prop_assert_eq!(parse(&text), Some(time_s as f64), "{}", text);
        }
    }

    #[test]
    fn times_that_have_no_date() {
        for time_s in [f64::NAN, f64::INFINITY, 1e300, -1e300] {
            assert_eq!(format(time_s), None);
        }
    }
}
