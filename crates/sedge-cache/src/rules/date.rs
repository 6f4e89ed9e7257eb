//! Dates in fields (RFC 9110 §5.6.7), all three formats.

/// Seconds since the Unix epoch that `bytes` name, or none if they are no date.
///
/// Names of days, of months and of the zone are taken in any case, because senders get
/// that wrong and nobody can mean something else by it. Nothing else is: RFC 9111 §5.3
/// wants a date that is not quite one to be in the past. Whether the day's name is the
/// date's is not asked. `now_s` says which century a year of two digits is in: the last
/// one that is not more than 50 years ahead. A date before 1970 is 1970.
pub(crate) fn parse(bytes: &[u8], now_s: u64) -> Option<u64> {
    match bytes.get(3)? {
        b',' => fixed(bytes),
        b' ' => asctime(bytes),
        _ => rfc850(bytes, now_s),
    }
}

/// How a date is sent: the fixed format.
pub(crate) fn format(unix_s: u64) -> String {
    let limit = 253_402_300_799; // The last second of the year 9999.
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(unix_s.min(limit));
    httpdate::fmt_http_date(time)
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`
fn fixed(bytes: &[u8]) -> Option<u64> {
    if bytes.len() != 29 || bytes[4] != b' ' || bytes[7] != b' ' || bytes[11] != b' ' {
        return None;
    }
    is_day(&bytes[..3], 3)?;
    zone(&bytes[25..])?;
    let year = number(&bytes[12..16])?;
    instant(year, month(&bytes[8..11])?, number(&bytes[5..7])?, &bytes[16..25])
}

/// `Sun Nov  6 08:49:37 1994`
fn asctime(bytes: &[u8]) -> Option<u64> {
    if bytes.len() != 24 || bytes[7] != b' ' || bytes[19] != b' ' {
        return None;
    }
    is_day(&bytes[..3], 3)?;
    let day = match bytes[8] {
        b' ' => number(&bytes[9..10])?,
        _ => number(&bytes[8..10])?,
    };
    instant(number(&bytes[20..])?, month(&bytes[4..7])?, day, &bytes[10..19])
}

/// `Sunday, 06-Nov-94 08:49:37 GMT`
fn rfc850(bytes: &[u8], now_s: u64) -> Option<u64> {
    let comma = bytes.iter().position(|byte| *byte == b',')?;
    is_day(&bytes[..comma], usize::MAX)?;
    let rest = &bytes[comma..];
    if rest.len() != 24 || rest[1] != b' ' || rest[4] != b'-' || rest[8] != b'-' {
        return None;
    }
    zone(&rest[20..])?;
    let now_year = year_of(now_s);
    let mut year = now_year - now_year % 100 + number(&rest[9..11])?;
    if year > now_year + 50 {
        year -= 100;
    }
    instant(year, month(&rest[5..8])?, number(&rest[2..4])?, &rest[11..20])
}

/// The time in ` 08:49:37` on a day.
fn instant(year: u64, month: u64, day: u64, time: &[u8]) -> Option<u64> {
    if time[0] != b' ' || time[3] != b':' || time[6] != b':' {
        return None;
    }
    let (hour, minute, second) = (number(&time[1..3])?, number(&time[4..6])?, number(&time[7..])?);
    // A second may be the sixtieth: a leap second.
    if hour > 23 || minute > 59 || second > 60 || day == 0 || day > days_in(year, month) {
        return None;
    }
    if year < 1970 {
        return Some(0);
    }
    let seconds = hour * 3600 + minute * 60 + second;
    Some((days_before(year, month) + day - 1) * 86_400 + seconds)
}

fn number(digits: &[u8]) -> Option<u64> {
    super::grammar::digits(digits)
}

fn zone(bytes: &[u8]) -> Option<()> {
    bytes.eq_ignore_ascii_case(b" GMT").then_some(())
}

fn is_day(name: &[u8], letters: usize) -> Option<()> {
    const DAYS: [&[u8]; 7] =
        [b"Monday", b"Tuesday", b"Wednesday", b"Thursday", b"Friday", b"Saturday", b"Sunday"];
    let is = |day: &&[u8]| day[..letters.min(day.len())].eq_ignore_ascii_case(name);
    DAYS.iter().any(is).then_some(())
}

fn month(name: &[u8]) -> Option<u64> {
    const MONTHS: [&[u8; 3]; 12] = [
        b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov",
        b"Dec",
    ];
    let at = MONTHS.iter().position(|month| month.eq_ignore_ascii_case(name))?;
    Some(at as u64 + 1)
}

const fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

const fn days_in(year: u64, month: u64) -> u64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from the first of January 1970 to the first of this month; `year` ≥ 1970.
fn days_before(year: u64, month: u64) -> u64 {
    let before = year - 1;
    let leap_days = before / 4 - before / 100 + before / 400 - 477;
    (year - 1970) * 365 + leap_days + (1..month).map(|month| days_in(year, month)).sum::<u64>()
}

/// The year that a second lies in.
fn year_of(unix_s: u64) -> u64 {
    let days = unix_s.min(253_402_300_799) / 86_400;
    let mut year = 1970 + days / 366;
    while days_before(year + 1, 1) <= days {
        year += 1;
    }
    year
}

#[cfg(test)]
mod tests {
    use super::{format, parse, year_of};
    use proptest::prelude::*;

    /// In November 2026.
    const NOW_S: u64 = 1_795_000_000;

    #[test]
    fn what_is_not_quite_a_date_is_none() {
        for bad in [
            "",
            "0",
            "-1",
            "foo",
            "now",
            "Thu",
            "Thu,",
            "Thu ",
            "Thu, 18 Aug 2050 02:01:18 UTC",
            "Thu, 18 Aug 2050 02:01:18 AEST",
            "Thu, 18 Aug 2050 02:01:18",
            "Thu, 18 Aug 50 02:01:18 GMT",
            "Thu 18 Aug 2050 02:01:18 GMT",
            "Thu, 18  Aug  2050 02:01:18 GMT",
            "Thu, 18-Aug-2050 02:01:18 GMT",
            "Thu, 18 Aug 2050 02.01.18 GMT",
            "Thu, 18 Aug 2050 2:01:18 GMT",
            "Thu, 18 Aug 2050 24:01:18 GMT",
            "Thu, 31 Feb 2050 02:01:18 GMT",
            "Thu, 00 Feb 2050 02:01:18 GMT",
            "Thu, 18 Foo 2050 02:01:18 GMT",
            "Foo, 18 Aug 2050 02:01:18 GMT",
            "Thursday, 18 Aug 2050 02:01:18 GMT",
            "Thu Aug 8 02:01:18 2050",
            "Thu Aug  8 02:01:18 2050 GMT",
            "Thursday, 18-Aug-2050 02:01:18 GMT",
            "Someday, 18-Aug-50 02:01:18 GMT",
            "Thu, 18 Aug 2050 02:01:18 GMT, x",
        ] {
            assert_eq!(parse(bad.as_bytes(), NOW_S), None, "{bad}");
        }
    }

    #[test]
    fn three_formats_and_any_case() {
        let second = 784_111_777;
        for good in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "SUN, 06 NOV 1994 08:49:37 gMT",
            "Mon, 06 Nov 1994 08:49:37 GMT",
        ] {
            assert_eq!(parse(good.as_bytes(), NOW_S), Some(second), "{good}");
        }
        assert_eq!(parse(b"Thu, 01 Jan 1970 00:00:00 GMT", NOW_S), Some(0));
        assert_eq!(parse(b"Thu, 01 Jan 1903 00:00:00 GMT", NOW_S), Some(0));
        assert_eq!(parse(b"Sat, 31 Dec 2016 23:59:60 GMT", NOW_S), Some(1_483_228_800));
    }

    #[test]
    fn a_year_of_two_digits_is_at_most_50_ahead() {
        let year = |text: &str| parse(text.as_bytes(), NOW_S).map(year_of);
        assert_eq!(year("Thursday, 18-Aug-50 02:01:18 GMT"), Some(2050));
        assert_eq!(year("Thursday, 18-Aug-76 02:01:18 GMT"), Some(2076));
        assert_eq!(year("Thursday, 18-Aug-77 02:01:18 GMT"), Some(1977));
        assert_eq!(parse(b"Thursday, 18-Aug-50 02:01:18 GMT", 0), Some(0));
    }

    proptest! {
        #[test]
        fn every_second_comes_back(second in 0u64..253_402_300_800) {
            prop_assert_eq!(parse(format(second).as_bytes(), NOW_S), Some(second));
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>, text in "[A-Za-z]{3,9}[, ][ -Z]{20,26}", now: u64) {
            let _ = parse(&bytes, now);
            let _ = parse(text.as_bytes(), now);
        }
    }
}
