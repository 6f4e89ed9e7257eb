//! Readings as comma-separated values (RFC 4180, and what sensors make of it).
//!
//! The first line that is neither blank nor a comment (`#`) is the header. The
//! separator is whichever of comma, semicolon and tab the header has most of;
//! a file of one column may do without a header. Lines end with LF or CRLF,
//! always: a quoted field can not span lines, so a quote left open spoils one
//! row and not the rest of the file. A row that can not be read is counted and
//! described, and its place kept.

use std::borrow::Cow;

use crate::problem::Problem;
use crate::readings::{Readings, TIME_NAMES, VALUE_NAMES};
use crate::timestamp;

/// More columns than this are not looked at.
const COLUMNS_MAX: usize = 256;

/// Reads a CSV body. `field` names the column of values; without it the first
/// of `temperature`, `temp` and `value` is taken, or else the first column
/// that starts with a number and is not the time.
///
/// Fails if there is no header, no such column, or too many rows.
pub fn parse_csv(body: &[u8], field: Option<&str>) -> Result<Readings, Problem> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let mut lines = lines(body).peekable();
    let Some(&(header_line, header)) = lines.peek() else {
        return Err(Problem::body("the body has no line that is neither blank nor a comment"));
    };
    let separator = separator_of(header);
    let names: Vec<String> = cells(header, separator)
        .map(|cell| cell.text().map(|text| text.trim().to_owned()).unwrap_or_default())
        .collect();

    let has_header = names.iter().all(|name| name.parse::<f64>().is_err());
    let columns = if has_header {
        lines.next();
        let first_row = lines.peek().map(|(_, row)| *row);
        Columns::named(&names, field, first_row, separator)
            .map_err(|detail| Problem::body(detail).at_line(header_line))?
    } else if names.len() == 1 && field.is_none() {
        Columns { value: 0, time: None }
    } else {
        let detail = "the first line has a number where the header should name a column";
        return Err(Problem::body(detail).at_line(header_line));
    };

    let field = if has_header { names[columns.value].clone() } else { "temperature".to_owned() };
    let mut readings = Readings { field, ..Readings::default() };
    for (line, row) in lines {
        let (time_s, value) = columns.read(row, separator);
        readings.push(time_s, value, line)?;
    }
    Ok(readings)
}

/// Which columns matter.
struct Columns {
    value: usize,
    time: Option<usize>,
}

impl Columns {
    fn named(
        names: &[String],
        field: Option<&str>,
        first_row: Option<&[u8]>,
        separator: u8,
    ) -> Result<Columns, String> {
        let find = |wanted: &str| names.iter().position(|name| name.eq_ignore_ascii_case(wanted));
        let time = TIME_NAMES.iter().find_map(|name| find(name));
        let value = match field {
            Some(field) => find(field),
            None => VALUE_NAMES.iter().find_map(|name| find(name)).or_else(|| {
                let row = first_row?;
                cells(row, separator).enumerate().position(|(index, cell)| {
                    Some(index) != time
                        && index < names.len()
                        && cell.text().is_ok_and(|text| text.trim().parse::<f64>().is_ok())
                })
            }),
        };
        let listed = || names.join(", ").chars().take(200).collect::<String>();
        match (value, field) {
            (Some(value), _) => Ok(Columns { value, time: time.filter(|time| *time != value) }),
            (None, Some(field)) => {
                Err(format!("the header has no column {field:?}; its columns are {}", listed()))
            }
            (None, None) => Err(format!(
                "no column holds numbers: name one temperature, temp or value, or say \
                 which by ?field=NAME; the columns are {}",
                listed()
            )),
        }
    }

    fn read(&self, row: &[u8], separator: u8) -> (Option<f64>, Result<f64, String>) {
        let mut time_s = None;
        let mut value = Err("the row has too few columns".to_owned());
        for (index, cell) in cells(row, separator).enumerate() {
            if Some(index) == self.time {
                time_s = cell.text().ok().and_then(|text| timestamp::parse(&text));
            } else if index == self.value {
                value = cell.text().and_then(|text| number(&text));
            }
        }
        (time_s, value)
    }
}

fn number(text: &str) -> Result<f64, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("the value is missing".to_owned());
    }
    text.parse().map_err(|_| {
        let shown: String = text.chars().take(40).collect();
        format!("{shown:?} is not a number")
    })
}

/// The lines that are neither blank nor comments, with their numbers from 1.
fn lines(body: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let numbered = body.split(|byte| *byte == b'\n').enumerate();
    numbered.map(|(index, line)| (index + 1, line.trim_ascii_end())).filter(|(_, line)| {
        let start = line.trim_ascii_start();
        !start.is_empty() && start[0] != b'#'
    })
}

fn separator_of(header: &[u8]) -> u8 {
    let count = |separator: u8| header.iter().filter(|byte| **byte == separator).count();
    // The last of equal maxima wins, so the comma stands last.
    [b'\t', b';', b','].into_iter().max_by_key(|separator| count(*separator)).unwrap_or(b',')
}

/// One field of a row, as it stands between the separators.
struct Cell<'a> {
    raw: &'a [u8],
    quoted: Quoted,
}

#[derive(Clone, Copy, PartialEq)]
enum Quoted {
    No,
    Closed,
    Open,
}

impl<'a> Cell<'a> {
    /// The text without its quotes.
    fn text(&self) -> Result<Cow<'a, str>, String> {
        let text = std::str::from_utf8(self.raw).map_err(|_| "the field is not UTF-8")?;
        match self.quoted {
            Quoted::Open => Err("a quote is not closed on its line".to_owned()),
            Quoted::Closed if text.contains("\"\"") => Ok(text.replace("\"\"", "\"").into()),
            _ => Ok(text.into()),
        }
    }
}

fn cells(row: &[u8], separator: u8) -> impl Iterator<Item = Cell<'_>> {
    let mut rest = Some(row);
    let next = move || {
        let row = rest?;
        let (cell, after) = split_cell(row, separator);
        rest = after;
        Some(cell)
    };
    std::iter::from_fn(next).take(COLUMNS_MAX)
}

/// The first cell, and what follows its separator, if there is one.
fn split_cell(row: &[u8], separator: u8) -> (Cell<'_>, Option<&[u8]>) {
    let find = |from: usize| {
        row[from..].iter().position(|byte| *byte == separator).map(|index| from + index)
    };
    let start = row.iter().take_while(|byte| **byte == b' ').count();
    if row.get(start) != Some(&b'"') {
        let end = find(0);
        let raw = &row[..end.unwrap_or(row.len())];
        return (Cell { raw, quoted: Quoted::No }, end.map(|end| &row[end + 1..]));
    }
    let mut close = start + 1;
    loop {
        match row[close..].iter().position(|byte| *byte == b'"') {
            None => return (Cell { raw: &row[start + 1..], quoted: Quoted::Open }, None),
            // A doubled quote stands for one inside the field.
            Some(index) if row.get(close + index + 1) == Some(&b'"') => close += index + 2,
            Some(index) => {
                close += index;
                break;
            }
        }
    }
    let raw = &row[start + 1..close];
    (Cell { raw, quoted: Quoted::Closed }, find(close).map(|end| &row[end + 1..]))
}

#[cfg(test)]
mod tests;
