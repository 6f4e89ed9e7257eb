//! The window that is grouped by, and its lengths.

use super::SqlMistake;
use super::columns::{arguments, plain};
use crate::document::quantity::Unit;
use crate::window::{Kind, WINDOW_MS_MAX};
use sqlparser::ast::{DateTimeField, Expr, Function, FunctionArgExpr, Interval, Value};

/// The field of the time, and the kind of the window.
pub(super) fn window(function: &Function) -> Result<(String, Kind), SqlMistake> {
    let name = function.name.to_string().to_uppercase();
    let example = match &*name {
        "TUMBLE" => "TUMBLE(time, '10 s')",
        "HOP" => "HOP(time, '5 s', '30 s'): how far they lie apart, and how long they are",
        "CUMULATE" => "CUMULATE(time, '1 min', '1 h'): the step, and how long the last one is",
        "SESSION" => "SESSION(time, '30 s'): how long nothing may come",
        _ => {
            let hint = "TUMBLE, HOP, CUMULATE or SESSION";
            let message = format!("there is no window `{name}`");
            return Err(SqlMistake::at(function, message).hint(hint));
        }
    };
    let odd = |message: String| SqlMistake::at(function, message).hint(example);
    let mut expressions = Vec::new();
    for argument in arguments(function)? {
        match argument {
            FunctionArgExpr::Expr(expression) => expressions.push(expression),
            other => return Err(odd(format!("`{other}` is no argument of a window"))),
        }
    }
    let Some((time, lengths)) = expressions.split_first() else {
        return Err(odd(format!("`{name}` has no arguments")));
    };
    let time = plain(time).ok_or_else(|| odd(format!("`{time}` is no field")))?.to_owned();
    let lengths: Result<Vec<u64>, _> = lengths.iter().map(|length| ms(length)).collect();
    let kind = match (&*name, &lengths?[..]) {
        ("TUMBLE", [size_ms]) => Kind::Tumble { size_ms: *size_ms, offset_ms: 0 },
        ("TUMBLE", [size_ms, offset_ms]) => {
            Kind::Tumble { size_ms: *size_ms, offset_ms: *offset_ms }
        }
        ("HOP", [slide_ms, size_ms, rest @ ..]) if rest.len() < 2 => {
            let offset_ms = rest.first().copied().unwrap_or(0);
            Kind::Hop { slide_ms: *slide_ms, size_ms: *size_ms, offset_ms }
        }
        ("CUMULATE", [step_ms, size_ms, rest @ ..]) if rest.len() < 2 => {
            let offset_ms = rest.first().copied().unwrap_or(0);
            Kind::Cumulate { step_ms: *step_ms, size_ms: *size_ms, offset_ms }
        }
        ("SESSION", [gap_ms]) => Kind::Session { gap_ms: *gap_ms },
        (_, lengths) => return Err(odd(format!("`{name}` cannot have {} lengths", lengths.len()))),
    };
    Ok((time, kind))
}

/// What does not fit together.
pub(crate) fn check(kind: Kind) -> Result<(), String> {
    let (size_ms, step_ms, every_ms, offset_ms) = match kind {
        Kind::Tumble { size_ms, offset_ms } => (size_ms, size_ms, size_ms, offset_ms),
        Kind::Hop { slide_ms, size_ms, offset_ms } => (size_ms, slide_ms, slide_ms, offset_ms),
        Kind::Cumulate { step_ms, size_ms, offset_ms } => (size_ms, step_ms, size_ms, offset_ms),
        Kind::Session { gap_ms } => (gap_ms, gap_ms, gap_ms, 0),
        Kind::Count { size, slide } => {
            let holds = (1..=size).contains(&slide);
            let message = format!("a window of {size} events cannot come every {slide}");
            return if holds { Ok(()) } else { Err(message) };
        }
    };
    if !(1..=WINDOW_MS_MAX).contains(&size_ms) || step_ms == 0 {
        return Err("a window is 1 ms to 366 days long".to_owned());
    }
    if size_ms % step_ms != 0 {
        return Err(format!("the window of {size_ms} ms is no multiple of {step_ms} ms"));
    }
    if offset_ms > 0 && offset_ms >= every_ms {
        return Err(format!("the offset of {offset_ms} ms is not less than {every_ms} ms"));
    }
    Ok(())
}

/// Milliseconds of `INTERVAL '10' SECOND` or `'10 s'`.
fn ms(expression: &Expr) -> Result<u64, SqlMistake> {
    let hint = "INTERVAL '10' SECOND, or '10 s'";
    let odd = || SqlMistake::at(expression, format!("`{expression}` is no length")).hint(hint);
    match expression {
        Expr::Interval(Interval {
            value,
            leading_field: Some(unit),
            leading_precision: None,
            last_field: None,
            fractional_seconds_precision: None,
        }) => {
            let text = text(value).ok_or_else(odd)?;
            let scale_ms = match unit {
                DateTimeField::Millisecond | DateTimeField::Milliseconds => 1,
                DateTimeField::Second | DateTimeField::Seconds => 1_000,
                DateTimeField::Minute | DateTimeField::Minutes => 60_000,
                DateTimeField::Hour | DateTimeField::Hours => 3_600_000,
                DateTimeField::Day | DateTimeField::Days => 86_400_000,
                _ => return Err(odd()),
            };
            decimal(text, scale_ms).ok_or_else(odd)
        }
        _ => {
            let text = text(expression).ok_or_else(odd)?;
            Unit::Milliseconds.parse(text).map_err(|invalid| {
                let hint = invalid.hint.unwrap_or_else(|| hint.to_owned());
                SqlMistake::at(expression, invalid.message).hint(hint)
            })
        }
    }
}

/// A text that is written out.
fn text(expression: &Expr) -> Option<&str> {
    match expression {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => Some(text),
            _ => None,
        },
        _ => None,
    }
}

/// Digits and perhaps up to three decimals, times the scale; whole milliseconds only.
fn decimal(text: &str, scale_ms: u64) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(part) || part.len() > 3 {
        return None;
    }
    let thousandths: u64 = format!("{part:0<3}").parse().ok()?;
    let whole = whole.parse::<u64>().ok()?.checked_mul(scale_ms)?;
    let part = thousandths * scale_ms;
    if part.is_multiple_of(1_000) { whole.checked_add(part / 1_000) } else { None }
}
