//! From the text of an expression to its sets.

use super::{CRON_BYTES_MAX, Cron, Days, Weekdays, at_least};
use crate::document::Invalid;
use crate::document::suggest;

/// What one field may hold.
struct Field {
    /// In a sentence, with its article.
    noun: &'static str,
    /// What a right one looks like.
    example: &'static str,
    min: u32,
    max: u32,
    /// Names of numbers, from `min` on.
    names: &'static [&'static str],
}

const MONTHS: &[&str] =
    &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: &[&str] = &["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

const SECOND: Field =
    Field { noun: "a second", example: "`0`, `*/10` or `0,30`", min: 0, max: 59, names: &[] };
const MINUTE: Field = Field {
    noun: "a minute",
    example: "`30`, `*/5`, `0-29` or `0,30`",
    min: 0,
    max: 59,
    names: &[],
};
const HOUR: Field =
    Field { noun: "an hour", example: "`2`, `*/6`, `8-17` or `0,12`", min: 0, max: 23, names: &[] };
const DAY: Field = Field {
    noun: "a day of the month",
    example: "`1`, `1,15` or `L`",
    min: 1,
    max: 31,
    names: &[],
};
const MONTH: Field = Field {
    noun: "a month",
    example: "`1`, `JAN`, `*/3` or `6-8`",
    min: 1,
    max: 12,
    names: MONTHS,
};
/// Sunday is 0, and 7.
const WEEKDAY: Field = Field {
    noun: "a day of the week",
    example: "`1`, `MON-FRI`, `FRI#2` or `FRIL`",
    min: 0,
    max: 7,
    names: WEEKDAYS,
};

/// Names of usual expressions (crontab(5)).
const ALIASES: &[(&str, &str)] = &[
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
];

pub(super) fn expression(text: &str) -> Result<Cron, Invalid> {
    if text.len() > CRON_BYTES_MAX {
        let message = format!("the expression is longer than {CRON_BYTES_MAX} bytes");
        return Err(Invalid::new(message, "write ranges instead of lists, or several schedules"));
    }
    let fields = if text.starts_with('@') { alias(text)? } else { text };
    let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
    let [second, minute, hour, day, month, weekday] = match fields[..] {
        [minute, hour, day, month, weekday] => ["0", minute, hour, day, month, weekday],
        [second, minute, hour, day, month, weekday] => [second, minute, hour, day, month, weekday],
        _ => return Err(wrong_count(fields.len())),
    };
    let cron = Cron {
        text: text.into(),
        seconds: plain(&SECOND, second)?,
        minutes: plain(&MINUTE, minute)?,
        hours: plain(&HOUR, hour)?,
        days: days(day)?,
        months: plain(&MONTH, month)?,
        weekdays: weekdays(weekday)?,
        often: minute.starts_with('*') || hour.starts_with('*'),
    };
    if cron.is_possible() {
        return Ok(cron);
    }
    let message = format!("no month has the days that `{}` asks for", text.escape_debug());
    let is_late = at_least(cron.days.set, 1).is_some_and(|first| first > 29);
    let hint = match is_late {
        true => "February has 29 days at most, and four months have 30; `L` is the last day",
        false => "where one of the fields of days begins with `*`, both must fit",
    };
    Err(Invalid::new(message, hint))
}

fn alias(text: &str) -> Result<&'static str, Invalid> {
    let lower = text.to_ascii_lowercase();
    if let Some((_, fields)) = ALIASES.iter().find(|(name, _)| *name == lower) {
        return Ok(fields);
    }
    let names = || ALIASES.iter().map(|(name, _)| *name);
    let hint = match suggest::nearest(text, names()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("known are {}", suggest::list(names(), "and")),
    };
    Err(Invalid::new(format!("`{}` is no time", text.escape_debug()), hint))
}

fn wrong_count(count: usize) -> Invalid {
    let message = match count {
        0 => "the expression has no fields".to_owned(),
        1 => "the expression has only one field".to_owned(),
        count => format!("the expression has {count} fields"),
    };
    let hint = "write minute, hour, day of the month, month and day of the week, for example \
                \"30 2 * * *\"; a second may stand before them";
    Invalid::new(message, hint)
}

/// What is wrong with a part of a field.
fn wrong(field: &Field, part: &str) -> Invalid {
    let message = format!("`{}` is not {}", part.escape_debug(), field.noun);
    let Field { noun, example, min, max, .. } = field;
    Invalid::new(message, format!("{noun} is {min} to {max}, `*`, or such as {example}"))
}

/// A field without anything of its own.
fn plain(field: &Field, text: &str) -> Result<u64, Invalid> {
    let mut set = 0;
    for part in text.split(',') {
        set |= range(field, part)?;
    }
    Ok(set)
}

/// `*`, a number, `a-b`, each perhaps with `/step`.
fn range(field: &Field, part: &str) -> Result<u64, Invalid> {
    let (span, step) = match part.split_once('/') {
        Some((span, step)) => (span, Some(step)),
        None => (part, None),
    };
    // Sunday's second number is for who writes it.
    let end = if field.max == 7 { 6 } else { field.max };
    let (first, last) = match span.split_once('-') {
        _ if span == "*" => (field.min, end),
        Some((first, last)) => (number(field, first, part)?, number(field, last, part)?),
        // `5/10` begins at 5 and ends with the field.
        None if step.is_some() => {
            let first = number(field, span, part)?;
            (first, end.max(first))
        }
        None => (number(field, span, part)?, number(field, span, part)?),
    };
    if first > last {
        let message = format!("`{}` ends before it begins", span.escape_debug());
        let hint = format!("write two parts, such as `{first}-{end},{}-{last}`", field.min);
        return Err(Invalid::new(message, hint));
    }
    let step = match step {
        None => 1,
        Some(step) => {
            digits(step).filter(|step| (1..=field.max).contains(step)).ok_or_else(|| {
                let message = format!("`{}` is no step of {}", step.escape_debug(), field.noun);
                let hint =
                    format!("write 1 to {}; steps are counted anew from the first", field.max);
                Invalid::new(message, hint)
            })?
        }
    };
    let mut set = 0;
    let mut next = first;
    while next <= last {
        set |= 1 << if field.max == 7 && next == 7 { 0 } else { next };
        next += step;
    }
    Ok(set)
}

/// A number or a name of a field; `part` is what it is a part of.
fn number(field: &Field, text: &str, part: &str) -> Result<u32, Invalid> {
    let lower = text.to_ascii_lowercase();
    let named = field.names.iter().position(|name| *name == lower);
    let named = named.and_then(|index| u32::try_from(index).ok()).map(|index| field.min + index);
    let number = named.or_else(|| digits(text));
    number
        .filter(|number| (field.min..=field.max).contains(number))
        .ok_or_else(|| wrong(field, if text.is_empty() { part } else { text }))
}

/// One to three digits.
fn digits(text: &str) -> Option<u32> {
    let right = (1..=3).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if right { text.parse().ok() } else { None }
}

fn days(text: &str) -> Result<Days, Invalid> {
    let text = if text == "?" { "*" } else { text };
    let mut days = Days { star: text.starts_with('*'), ..Days::default() };
    for part in text.split(',') {
        match part {
            "L" | "l" => days.last = true,
            part => days.set |= range(&DAY, part)?,
        }
    }
    Ok(days)
}

fn weekdays(text: &str) -> Result<Weekdays, Invalid> {
    let text = if text == "?" { "*" } else { text };
    let mut days = Weekdays { star: text.starts_with('*'), ..Weekdays::default() };
    for part in text.split(',') {
        if let Some((day, nth)) = part.split_once('#') {
            let set = one_weekday(day, part)?;
            let place = digits(nth).and_then(|nth| usize::try_from(nth.checked_sub(1)?).ok());
            match place.and_then(|place| days.nth.get_mut(place)) {
                Some(place) => *place |= set,
                None => {
                    let message = format!("`{}` is no place in a month", nth.escape_debug());
                    let hint = "write 1 to 5, such as `FRI#2` for the second Friday, or `FRIL` \
                                for the last";
                    return Err(Invalid::new(message, hint));
                }
            }
        } else if let Some(day) = part.strip_suffix(['L', 'l']).filter(|day| !day.is_empty()) {
            days.last |= one_weekday(day, part)?;
        } else {
            days.set |= range(&WEEKDAY, part)?;
        }
    }
    Ok(days)
}

fn one_weekday(day: &str, part: &str) -> Result<u64, Invalid> {
    Ok(1 << (number(&WEEKDAY, day, part)? % 7))
}
