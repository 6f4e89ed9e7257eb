//! What expressions mean, bad ones first, and when they are due on days that are odd.

use super::*;
use jiff::Timestamp;
use jiff::civil::DateTime;
use proptest::prelude::*;

fn cron(text: &str) -> Cron {
    Cron::parse(text).unwrap_or_else(|invalid| panic!("{text}: {invalid}"))
}

fn zone(name: &str) -> Zone {
    Zone::parse(name).expect("a zone")
}

fn ms(text: &str) -> u64 {
    let at: Timestamp = text.parse().expect("a timestamp");
    u64::try_from(at.as_millisecond()).expect("after 1970")
}

fn utc(at_ms: u64) -> String {
    let at = i64::try_from(at_ms).expect("small");
    Timestamp::from_millisecond(at).expect("in range").to_string()
}

/// The next times after `after`, in UTC.
fn due(text: &str, name: &str, after: &str, count: usize) -> Vec<String> {
    let (cron, zone) = (cron(text), zone(name));
    let mut at = ms(after);
    let mut all = Vec::new();
    while all.len() < count {
        let Some(next) = cron.next(&zone, at) else { break };
        assert!(next > at);
        all.push(utc(next));
        at = next;
    }
    all
}

#[test]
fn what_is_no_expression_is_refused_with_what_was_expected() {
    for (text, message, hint) in [
        ("", "has no fields", "minute, hour"),
        ("   ", "has no fields", "minute, hour"),
        ("5", "only one field", "minute, hour"),
        ("* * * *", "has 4 fields", "minute, hour"),
        ("* * * * * * *", "has 7 fields", "a second may"),
        ("60 * * * *", "`60` is not a minute", "0 to 59"),
        ("-1 * * * *", "`-1` is not a minute", "0 to 59"),
        ("1- * * * *", "`1-` is not a minute", "0 to 59"),
        (", * * * *", "`` is not a minute", "0 to 59"),
        ("1,,2 * * * *", "`` is not a minute", "0 to 59"),
        ("+1 * * * *", "`+1` is not a minute", "0 to 59"),
        ("0x1 * * * *", "`0x1` is not a minute", "0 to 59"),
        ("99999999999999999999 * * * *", "is not a minute", "0 to 59"),
        ("* 24 * * *", "`24` is not an hour", "0 to 23"),
        ("60 * * * * *", "`60` is not a second", "0 to 59"),
        ("* * 0 * *", "`0` is not a day of the month", "1 to 31"),
        ("* * 32 * *", "`32` is not a day of the month", "1 to 31"),
        ("* * * 0 *", "`0` is not a month", "1 to 12"),
        ("* * * foo *", "`foo` is not a month", "`JAN`"),
        ("* * * * 8", "`8` is not a day of the week", "0 to 7"),
        ("* * * * L", "`L` is not a day of the week", "`FRIL`"),
        ("* L * * *", "`L` is not an hour", "0 to 23"),
        ("* * 15W * *", "`15W` is not a day of the month", "1 to 31"),
        ("* * * * mon#0", "`0` is no place in a month", "1 to 5"),
        ("* * * * mon#6", "`6` is no place in a month", "1 to 5"),
        ("*/0 * * * *", "`0` is no step of a minute", "1 to 59"),
        ("*/60 * * * *", "`60` is no step of a minute", "1 to 59"),
        ("*/ * * * *", "`` is no step of a minute", "1 to 59"),
        ("*/2/2 * * * *", "`2/2` is no step", "1 to 59"),
        ("30-10 * * * *", "`30-10` ends before it begins", "30-59,0-10"),
        ("* * * * fri-mon", "`fri-mon` ends before it begins", "5-6,0-1"),
        ("* * 30 2 *", "no month has the days", "29 days at most"),
        ("* * 31 2,4,6,9,11 *", "no month has the days", "`L` is the last"),
        ("* * */30 * MON#2", "no month has the days", "both must fit"),
        ("@reboot", "`@reboot` is no time", "known are"),
        ("@hourli", "`@hourli` is no time", "did you mean `@hourly`"),
        ("\u{1b}[31m * * * *", "is not a minute", "0 to 59"),
    ] {
        let invalid = Cron::parse(text).expect_err(text);
        let found = invalid.hint.clone().unwrap_or_default();
        assert!(invalid.message.contains(message), "{text}: {}", invalid.message);
        assert!(found.contains(hint), "{text}: {found}");
    }
    assert!(Cron::parse(&"1,".repeat(200)).is_err());
}

#[test]
fn zones_are_found_by_name_and_others_suggested() {
    for (name, hint) in [
        ("Berlin", "`Europe/Berlin`"),
        ("new york", "`America/New_York`"),
        ("Europe/Berln", "`Europe/Berlin`"),
        ("", "IANA"),
        ("../../etc/passwd", "IANA"),
        ("Etc/Unknown", ""),
        ("CEST-1", ""),
    ] {
        let invalid = Zone::parse(name).expect_err(name);
        assert!(invalid.hint.is_some_and(|found| found.contains(hint)), "{name}");
    }
    assert_eq!(zone("europe/berlin").name(), "Europe/Berlin");
    assert_eq!(zone("UTC"), Zone::utc());
}

#[test]
fn fields_mean_what_crontab_says() {
    let from = "2026-11-28T12:24:30Z";
    for (text, expected) in [
        ("30 2 * * *", "2026-11-29T02:30:00Z"),
        ("*/15 * * * *", "2026-11-28T12:30:00Z"),
        ("24 12 * * *", "2026-11-29T12:24:00Z"),
        ("30 24 12 * * *", "2026-11-29T12:24:30Z"),
        ("31 24 12 * * *", "2026-11-28T12:24:31Z"),
        ("*/10 * * * * *", "2026-11-28T12:24:40Z"),
        ("5/20 * * * *", "2026-11-28T12:25:00Z"),
        ("0 8-17/3 * * mon-fri", "2026-11-30T08:00:00Z"),
        ("0 0 * * 7", "2026-11-29T00:00:00Z"),
        ("0 0 * * SUN", "2026-11-29T00:00:00Z"),
        ("0 0 * * 5-7", "2026-11-29T00:00:00Z"),
        ("0 0 1 jan *", "2027-01-01T00:00:00Z"),
        ("59 23 31 12 *", "2026-12-31T23:59:00Z"),
        ("0 0 L * *", "2026-11-30T00:00:00Z"),
        ("0 0 L 2 ?", "2027-02-28T00:00:00Z"),
        ("0 0 * * FRI#2", "2026-12-11T00:00:00Z"),
        ("0 0 * * 1#5", "2026-11-30T00:00:00Z"),
        ("0 0 * * FRIL", "2026-12-25T00:00:00Z"),
        ("0 0 13 * FRI", "2026-12-04T00:00:00Z"),
        ("0 0 */2 * SAT,SUN", "2026-11-29T00:00:00Z"),
        ("0 0 29 2 *", "2028-02-29T00:00:00Z"),
        ("@hourly", "2026-11-28T13:00:00Z"),
        ("@Daily", "2026-11-29T00:00:00Z"),
        ("@weekly", "2026-11-29T00:00:00Z"),
        ("@monthly", "2026-12-01T00:00:00Z"),
        ("@yearly", "2027-01-01T00:00:00Z"),
    ] {
        assert_eq!(due(text, "UTC", from, 1), [expected], "{text}");
    }
}

#[test]
fn leap_days_come_when_they_come() {
    let leap = due("0 12 29 2 *", "UTC", "2088-02-29T12:00:00Z", 3);
    let expected = ["2092-02-29T12:00:00Z", "2096-02-29T12:00:00Z", "2104-02-29T12:00:00Z"];
    assert_eq!(leap, expected, "2100 has none");
    // A fifth Monday in February is a leap day.
    assert_eq!(due("0 0 * 2 MON#5", "UTC", "2026-01-01T00:00:00Z", 1), ["2044-02-29T00:00:00Z"]);
    let ends = due("0 0 L 2 *", "UTC", "2027-01-01T00:00:00Z", 2);
    assert_eq!(ends, ["2027-02-28T00:00:00Z", "2028-02-29T00:00:00Z"]);
}

#[test]
fn a_time_that_a_day_skips_is_due_when_the_clock_is_put_forward() {
    for (text, name, after, expected) in [
        // 02:00 becomes 03:00 at 01:00 UTC on 29 March 2026.
        (
            "30 2 * * *",
            "Europe/Berlin",
            "2026-03-28T02:00:00Z",
            ["2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"],
        ),
        (
            "0 2,3 * * *",
            "Europe/Berlin",
            "2026-03-28T12:00:00Z",
            ["2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z"],
        ),
        (
            "15,45 2 29 3 *",
            "Europe/Berlin",
            "2026-01-01T00:00:00Z",
            ["2026-03-29T01:00:00Z", "2027-03-29T00:15:00Z"],
        ),
        // At 07:00 UTC on 8 March 2026.
        (
            "30 2 * * *",
            "America/New_York",
            "2026-03-08T00:00:00Z",
            ["2026-03-08T07:00:00Z", "2026-03-09T06:30:00Z"],
        ),
        // By 30 minutes, from 02:00 to 02:30, at 15:30 UTC on 3 October 2026.
        (
            "15 2 * * *",
            "Australia/Lord_Howe",
            "2026-10-03T00:00:00Z",
            ["2026-10-03T15:30:00Z", "2026-10-04T15:15:00Z"],
        ),
        (
            "30 2 * * *",
            "Australia/Lord_Howe",
            "2026-10-03T00:00:00Z",
            ["2026-10-03T15:30:00Z", "2026-10-04T15:30:00Z"],
        ),
        // Samoa had no 30 December 2011.
        (
            "0 9 30 12 *",
            "Pacific/Apia",
            "2011-12-01T00:00:00Z",
            ["2011-12-30T10:00:00Z", "2012-12-29T19:00:00Z"],
        ),
    ] {
        assert_eq!(due(text, name, after, 2), expected, "{text} {name}");
    }
}

#[test]
fn what_is_due_every_so_often_skips_what_the_day_skips() {
    let hourly = due("30 * * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", 3);
    assert_eq!(hourly, ["2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z", "2026-03-29T02:30:00Z"]);
    let quarters = due("*/15 2 * * *", "Europe/Berlin", "2026-03-28T01:50:00Z", 1);
    assert_eq!(quarters, ["2026-03-30T00:00:00Z"], "no such time on the 29th");
    let half = due("*/30 * * * *", "Australia/Lord_Howe", "2026-10-03T15:00:00Z", 2);
    assert_eq!(half, ["2026-10-03T15:30:00Z", "2026-10-03T16:00:00Z"]);
}

#[test]
fn a_time_that_a_day_has_twice_is_due_once_unless_it_is_every_so_often() {
    for (text, name, after, expected) in [
        // 03:00 becomes 02:00 at 01:00 UTC on 25 October 2026.
        (
            "30 2 * * *",
            "Europe/Berlin",
            "2026-10-24T12:00:00Z",
            ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"],
        ),
        (
            "30 2 * * *",
            "Europe/Berlin",
            "2026-10-25T01:10:00Z",
            ["2026-10-26T01:30:00Z", "2026-10-27T01:30:00Z"],
        ),
        (
            "30 * * * *",
            "Europe/Berlin",
            "2026-10-25T00:00:00Z",
            ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"],
        ),
        (
            "*/30 2 * * *",
            "Europe/Berlin",
            "2026-10-25T00:15:00Z",
            ["2026-10-25T00:30:00Z", "2026-10-25T01:00:00Z"],
        ),
        // At 06:00 UTC on 1 November 2026.
        (
            "30 1 * * *",
            "America/New_York",
            "2026-11-01T00:00:00Z",
            ["2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"],
        ),
        // By 30 minutes, from 02:00 to 01:30, at 15:00 UTC on 4 April 2026.
        (
            "45 1 * * *",
            "Australia/Lord_Howe",
            "2026-04-04T00:00:00Z",
            ["2026-04-04T14:45:00Z", "2026-04-05T15:15:00Z"],
        ),
        (
            "45 * * * *",
            "Australia/Lord_Howe",
            "2026-04-04T14:30:00Z",
            ["2026-04-04T14:45:00Z", "2026-04-04T15:15:00Z"],
        ),
    ] {
        assert_eq!(due(text, name, after, 2), expected, "{text} {name}");
    }
}

#[test]
fn the_end_of_time_is_no_time() {
    for text in ["* * * * *", "0 0 1 1 *", "0 0 29 2 *"] {
        for name in ["UTC", "Europe/Berlin"] {
            let (cron, zone) = (cron(text), zone(name));
            assert_eq!(cron.next(&zone, u64::MAX), None);
            assert_eq!(cron.next(&zone, ms("9999-12-30T22:00:00Z") + 10_000_000), None, "{text}");
        }
    }
    assert_eq!(utc(cron("* * * * *").next(&Zone::utc(), 0).expect("soon")), "1970-01-01T00:01:00Z");
}

fn field(min: u32, max: u32) -> impl Strategy<Value = String> {
    let number = min..=max;
    prop_oneof![
        2 => Just("*".to_owned()),
        1 => (1..=max).prop_map(|step| format!("*/{step}")),
        2 => number.clone().prop_map(|number| number.to_string()),
        1 => (number.clone(), number.clone(), 1..=max).prop_map(|(one, other, step)| {
            format!("{}-{}/{step}", one.min(other), one.max(other))
        }),
        1 => (number.clone(), number).prop_map(|(one, other)| format!("{one},{other}")),
    ]
}

fn expression() -> impl Strategy<Value = String> {
    let weekday = prop_oneof![
        4 => field(0, 7),
        1 => (0..7u32, 1..=5u32).prop_map(|(day, nth)| format!("{day}#{nth}")),
        1 => (0..7u32).prop_map(|day| format!("{day}L")),
    ];
    let day = prop_oneof![5 => field(1, 31), 1 => Just("L".to_owned())];
    (field(0, 59), field(0, 23), day, field(1, 12), weekday).prop_map(
        |(minute, hour, day, month, weekday)| format!("{minute} {hour} {day} {month} {weekday}"),
    )
}

/// The numbers that a field means, by looking at each; fields that [`field`] writes.
fn naive(text: &str, min: u32, max: u32) -> Vec<u32> {
    let mut all = Vec::new();
    for part in text.split(',') {
        let (span, step) = part.split_once('/').unwrap_or((part, "1"));
        let (first, last) = match (span, span.split_once('-')) {
            ("*", _) => (min, max),
            (_, Some((first, last))) => (first.parse().expect("a"), last.parse().expect("b")),
            (one, None) => (one.parse().expect("c"), one.parse().expect("d")),
        };
        all.extend((first..=last).step_by(step.parse().expect("a step")));
    }
    all
}

/// Whether a minute of UTC fits, read from the text.
fn naively_fits(text: &str, at: DateTime) -> bool {
    let fields: Vec<&str> = text.split(' ').collect();
    let is = |index: usize, min, max, number: i8| {
        naive(fields[index], min, max).contains(&u32::try_from(number).expect("not negative"))
    };
    let is_last = at.date() == at.date().last_of_month();
    let day = match fields[2] {
        "L" => is_last,
        _ => is(2, 1, 31, at.day()),
    };
    let sunday = at.date().weekday().to_sunday_zero_offset();
    let weekday = if let Some((wanted, nth)) = fields[4].split_once('#') {
        wanted == sunday.to_string() && nth == ((at.day() - 1) / 7 + 1).to_string()
    } else if let Some(wanted) = fields[4].strip_suffix('L') {
        wanted == sunday.to_string() && at.day() + 7 > at.date().days_in_month()
    } else {
        is(4, 0, 6, sunday) || (sunday == 0 && is(4, 0, 6, 7))
    };
    let days = match fields[2].starts_with('*') || fields[4].starts_with('*') {
        true => day && weekday,
        false => day || weekday,
    };
    is(0, 0, 59, at.minute()) && is(1, 0, 23, at.hour()) && is(3, 1, 12, at.month()) && days
}

const ZONES: &[&str] = &[
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "America/St_Johns",
    "Pacific/Apia",
    "Africa/Casablanca",
    "Antarctica/Troll",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn every_text_is_read_or_refused(text in "\\PC{0,60}|[0-9*/,#L@ a-z?-]{0,40}") {
        match Cron::parse(&text) {
            Ok(cron) => {
                prop_assert_eq!(cron.to_string(), text);
                prop_assert!(cron.next(&Zone::utc(), 1_000_000).is_some());
            }
            Err(invalid) => prop_assert!(invalid.hint.is_some() && !invalid.message.is_empty()),
        }
    }

    #[test]
    fn in_utc_the_next_minute_is_the_first_that_fits(
        text in expression(),
        after in 1_577_836_800u64..1_893_456_000,
    ) {
        let Ok(cron) = Cron::parse(&text) else { return Ok(()) };
        let next = cron.next(&Zone::utc(), after * 1_000).expect("some time") / 1_000;
        prop_assert!(next > after && next % 60 == 0);
        // Two days of minutes are looked at, and the one that was found.
        let mut minute = after / 60 + 1;
        while minute * 60 <= next.min(after + 2 * 86_400) {
            let at = Timestamp::from_second(i64::try_from(minute * 60).expect("small"));
            let at = jiff::tz::TimeZone::UTC.to_datetime(at.expect("in range"));
            prop_assert_eq!(naively_fits(&text, at), minute * 60 == next, "{} {}", text, at);
            minute += 1;
        }
        let at = Timestamp::from_second(i64::try_from(next).expect("small")).expect("in range");
        prop_assert!(naively_fits(&text, jiff::tz::TimeZone::UTC.to_datetime(at)), "{}", text);
    }

    #[test]
    fn between_two_times_there_is_none(
        text in expression(),
        name in prop::sample::select(ZONES),
        after in 1_262_304_000u64..1_893_456_000,
        part in 0.0..1.0f64,
    ) {
        let Ok(cron) = Cron::parse(&text) else { return Ok(()) };
        let (zone, after) = (zone(name), after * 1_000);
        let next = cron.next(&zone, after).expect("some time");
        prop_assert!(next > after);
        // From anywhere before it, the same is found.
        let between = after + ((next - after - 1) as f64 * part) as u64;
        prop_assert_eq!(cron.next(&zone, between), Some(next), "{} {}", text, name);
        prop_assert_eq!(cron.next(&zone, next - 1), Some(next));
    }

    #[test]
    fn what_is_often_is_due_whenever_the_clock_shows_it(
        minute in prop::sample::select(vec!["*", "*/7", "*/30"]),
        hour in prop::sample::select(vec!["*", "2", "1-3", "*/2"]),
        name in prop::sample::select(ZONES),
        after in 1_262_304_000u64..1_893_456_000,
    ) {
        let text = format!("{minute} {hour} * * *");
        let (cron, zone) = (cron(&text), zone(name));
        let next = cron.next(&zone, after * 1_000).expect("some time") / 1_000;
        for second in after + 1..=next {
            let at = Timestamp::from_second(i64::try_from(second).expect("small"));
            let shown = zone.zone.to_datetime(at.expect("in range"));
            let fits = shown.second() == 0 && naively_fits(&text, shown);
            prop_assert_eq!(fits, second == next, "{} {}", text, shown);
        }
    }
}
