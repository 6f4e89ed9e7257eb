//! Mistakes in a configuration file, printed the way a compiler prints them.

use super::Found;
use serde::Serialize;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// More problems than this are counted, not kept: nobody reads on, and the work
/// for a broken file stays bounded.
const KEPT_MAX: usize = 100;

/// Characters of a line that a snippet shows.
const SNIPPET_CHARS_MAX: usize = 120;

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Bytes of the text that are wrong.
    pub span: Range<usize>,
    /// What is wrong: lower case, no full stop.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// Every mistake of one file (of very many, the first hundred), in the order of
/// its text; at least one.
///
/// `Display` prints all of them with their lines; the program that prints it
/// adds nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Problems {
    /// The mistakes.
    pub list: Vec<Problem>,
    /// The file as the reader was told its name.
    pub file: PathBuf,
    /// Mistakes beyond those in the list.
    pub more: usize,
    /// `error`, or `warning` where the file was taken nevertheless.
    word: &'static str,
    text: String,
}

impl Problems {
    pub(crate) fn new(text: &str, file: &Path, mut found: Vec<Found>) -> Self {
        found.sort_by_key(|found| (found.span.start, found.span.end));
        let more = found.len().saturating_sub(KEPT_MAX);
        let list = found.into_iter().take(KEPT_MAX).map(|found| {
            let (line, column) = line_column(text, found.span.start);
            let (message, hint) = (visible(&found.message), found.hint.as_deref().map(visible));
            Problem { line, column, span: found.span, message, hint }
        });
        Problems {
            list: list.collect(),
            file: file.to_owned(),
            more,
            word: "error",
            text: text.to_owned(),
        }
    }

    /// The same, printed as warnings.
    pub(crate) fn into_warnings(self) -> Self {
        Problems { word: "warning", ..self }
    }

    fn print(&self, f: &mut fmt::Formatter<'_>, problem: &Problem) -> fmt::Result {
        let Problem { line, column, message, .. } = problem;
        let margin = " ".repeat(line.to_string().len());
        writeln!(f, "{}: {message}", self.word)?;
        writeln!(f, "{margin}--> {}:{line}:{column}", self.file.display())?;
        if let Some((snippet, carets)) = snippet(&self.text, &problem.span) {
            writeln!(f, "{margin} |")?;
            writeln!(f, "{line} | {snippet}")?;
            writeln!(f, "{margin} | {carets}")?;
        }
        match &problem.hint {
            Some(hint) => writeln!(f, "{margin} = hint: {hint}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.list.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            self.print(f, problem)?;
        }
        match self.more {
            0 => Ok(()),
            more => writeln!(f, "\n… and {more} more"),
        }
    }
}

impl fmt::Debug for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Problems {}

/// Line and column of a byte offset, both from 1. An offset within a character
/// counts as its beginning.
pub(super) fn line_column(text: &str, offset: usize) -> (usize, usize) {
    let before = &text[..text.floor_char_boundary(offset)];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

/// The text with every control character replaced, so that a file cannot speak
/// to the terminal.
fn visible(text: &str) -> String {
    let replaced = |c: char| match c {
        '\t' | '\n' => ' ',
        c if c.is_control() => '\u{fffd}',
        c => c,
    };
    text.chars().map(replaced).collect()
}

/// The first line of a span, and a line with carets below the span.
fn snippet(text: &str, span: &Range<usize>) -> Option<(String, String)> {
    let start = text.floor_char_boundary(span.start);
    let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
    let line = text[line_start..].split('\n').next()?.trim_end_matches('\r');
    if line.trim().is_empty() {
        return None;
    }
    let left = text[line_start..start].chars().count();
    let end = text.floor_char_boundary(span.end.min(line_start + line.len()));
    let width = text.get(start..end).map_or(0, |marked| marked.chars().count()).max(1);
    // A window around the mistake, so that a minified line stays readable.
    let skipped = if left + width > SNIPPET_CHARS_MAX { left.saturating_sub(20) } else { 0 };
    let shown = line.chars().skip(skipped).take(SNIPPET_CHARS_MAX);
    let shown = visible(&shown.collect::<String>());
    let carets = width.min(SNIPPET_CHARS_MAX.saturating_sub(left - skipped)).max(1);
    let below = " ".repeat(left - skipped) + &"^".repeat(carets);
    Some((shown.trim_end().to_owned(), below))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(span: Range<usize>) -> Found {
        Found { span, message: "wrong".to_owned(), hint: None }
    }

    #[test]
    fn every_span_of_every_text_can_be_printed() {
        for text in ["", "\n", "ä\tö\r\nü", "\u{1b}[31mred\n", "x"] {
            for start in 0..text.len() + 2 {
                for end in start..text.len() + 2 {
                    let problems = Problems::new(text, Path::new("f"), vec![found(start..end)]);
                    assert!(!problems.to_string().contains('\u{1b}'), "{text:?} {start}..{end}");
                }
            }
        }
    }

    #[test]
    fn what_a_message_quotes_cannot_speak_to_the_terminal() {
        let hint = Some("write \u{1b}]0;title\u{7} or\tthat".to_owned());
        let found = Found { span: 0..1, message: "`a\u{9b}31m` is wrong".to_owned(), hint };
        let printed = Problems::new("x", Path::new("f"), vec![found]).to_string();
        assert!(!printed.contains(|c: char| c.is_control() && c != '\n'), "{printed:?}");
        assert!(printed.contains("write \u{fffd}]0;title\u{fffd} or that"), "{printed:?}");
    }

    #[test]
    fn lines_and_columns_count_characters_from_one() {
        assert_eq!(line_column("", 0), (1, 1));
        assert_eq!(line_column("äb\ncd", 2), (1, 2));
        assert_eq!(line_column("äb\ncd", 4), (2, 1));
    }

    #[test]
    fn long_lines_and_many_problems_are_cut() {
        let text = "x".repeat(10_000);
        let problems = (0..200).map(|_| found(9_000..9_010)).collect();
        let printed = Problems::new(&text, Path::new("f"), problems).to_string();
        assert!(printed.lines().all(|line| line.chars().count() < 160));
        assert!(printed.ends_with("… and 100 more\n"), "{printed}");
    }
}
