//! How results and errors reach a person: errors once, with their causes and
//! a hint; times and sizes with three digits that mean something.

use sedge_model::manifest::Problems;
use sedge_model::mesh::Mistakes;
use sedge_node::hint;
use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};
use std::time::Duration;

/// Prints an error on standard error.
pub(crate) fn error(error: &anyhow::Error) {
    eprint!("{}", error_on_stderr(error));
}

/// An error as it is printed on standard error: `error: …`, one `  because …`
/// for each cause, and `hint: …` if there is one.
pub(crate) fn error_on_stderr(error: &anyhow::Error) -> String {
    let color = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    error_text(error, color)
}

fn error_text(error: &anyhow::Error, color: bool) -> String {
    let (red, cyan, plain) =
        if color { ("\x1b[1;31m", "\x1b[1;36m", "\x1b[0m") } else { ("", "", "") };
    let mut text = String::new();
    let mut last = String::new();
    for (depth, cause) in error.chain().enumerate() {
        let message = cause.to_string();
        // The mistakes of a file are printed as a compiler prints them.
        if cause.is::<Problems>() || cause.is::<Mistakes>() {
            text += &message;
            return text;
        }
        // Wrappers that show their cause in their own message would say it
        // twice.
        if depth == 0 {
            let _ = writeln!(text, "{red}error:{plain} {message}");
        } else if !last.contains(&message) {
            let _ = writeln!(text, "  because {}", message.replace('\n', "\n  "));
        }
        last = message;
    }
    if let Some(hint) = hint::of(error) {
        let _ = writeln!(text, "{cyan}hint:{plain} {hint}");
    }
    text
}

/// Writes data to stdout. A reader that went away is no error: `sedge … | head`.
pub(crate) fn data(bytes: &[u8]) {
    let mut stdout = std::io::stdout().lock();
    let _ = stdout.write_all(bytes).and_then(|()| stdout.flush());
}

/// Writes a line to stdout.
pub(crate) fn line(text: impl std::fmt::Display) {
    data(format!("{text}\n").as_bytes());
}

/// `1.23 ms`, `45.6 s`: three digits, in the unit that suits.
pub(crate) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    let (value, unit) = match seconds {
        s if s >= 1.0 => (s, "s"),
        s if s >= 1e-3 => (s * 1e3, "ms"),
        s => (s * 1e6, "µs"),
    };
    format!("{} {unit}", three_digits(value))
}

/// The day of a time, seconds since 1970: `2026-11-28` (UTC).
pub(crate) fn day(unix_s: u64) -> String {
    // Days are counted from 0000-03-01, so that a leap day ends its year; 400 years have
    // 146,097 of them (Hinnant, "chrono-compatible low-level date algorithms").
    let days = (unix_s / 86_400).min(400 * 366 * 20) + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (year, month) = (era * 400 + year, if month < 10 { month + 3 } else { month - 9 });
    format!("{:04}-{month:02}-{day:02}", year + u64::from(month <= 2))
}

/// `72.1 kB`, `1.50 MB`: three digits, powers of 1000.
pub(crate) fn bytes(bytes: u64) -> String {
    let value = bytes as f64;
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{} kB", three_digits(value / 1e3)),
        1_000_000..1_000_000_000 => format!("{} MB", three_digits(value / 1e6)),
        _ => format!("{} GB", three_digits(value / 1e9)),
    }
}

fn three_digits(value: f64) -> String {
    let digits = match value {
        v if v >= 99.95 => 0,
        v if v >= 9.995 => 1,
        _ => 2,
    };
    format!("{value:.digits$}")
}

/// Aligns the columns of a table, two spaces apart; nothing trails.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|column| {
            rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
        })
        .map(Option::unwrap_or_default)
        .collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            let _ = write!(line, "{cell:<width$}  ");
        }
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_their_dates() {
        for (unix_s, date) in [
            (0, "1970-01-01"),
            (951_782_400, "2000-02-29"),
            (951_868_800, "2000-03-01"),
            (1_795_910_399, "2026-11-28"),
            (4_107_542_400, "2100-03-01"),
        ] {
            assert_eq!(day(unix_s), date);
        }
        assert!(!day(u64::MAX).is_empty(), "whatever a file says of itself");
    }
    use anyhow::Context;
    use sedge_node::hint::WithHint;

    #[test]
    fn an_error_is_printed_once_with_causes_and_hint() {
        let inner = WithHint::new(anyhow::anyhow!("no such file"), "write it first");
        let error = Err::<(), _>(inner).context("read sedge.toml").context("no such file: outer");
        let text = error_text(&error.expect_err("an error"), false);
        assert_eq!(
            text,
            "error: no such file: outer\n  because read sedge.toml\n  because no such file\n\
             hint: write it first\n"
        );
    }

    #[test]
    fn three_digits_in_a_suitable_unit() {
        for (nanos, text) in [
            (0, "0.00 µs"),
            (999, "1.00 µs"),
            (12_345, "12.3 µs"),
            (1_234_567, "1.23 ms"),
            (99_960_000, "100 ms"),
            (61_000_000_000, "61.0 s"),
        ] {
            assert_eq!(duration(Duration::from_nanos(nanos)), text);
        }
        for (size, text) in
            [(0, "0 B"), (999, "999 B"), (72_100, "72.1 kB"), (1_500_000, "1.50 MB")]
        {
            assert_eq!(bytes(size), text);
        }
    }

    #[test]
    fn a_table_is_aligned_and_nothing_trails() {
        let rows = [vec!["a".to_owned(), "b".into()], vec!["long".into(), String::new()]];
        assert_eq!(table(&rows), "a     b\nlong\n");
        assert_eq!(table(&[]), "");
    }
}
