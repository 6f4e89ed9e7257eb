//! Style sheets, parsed and written again in the shortest form of each value.
//!
//! No declaration is left out or joined with another: that a property is declared twice
//! is how style sheets speak to browsers that know less. A sheet in which anything is not
//! understood stays as it is, because browsers may take it otherwise.

mod numbers;
mod scan;

use lightningcss::printer::PrinterOptions;
use lightningcss::stylesheet::{ParserOptions, StyleSheet};
use lightningcss::targets::{Features, Targets};
use numbers::StandIns;
use scan::{Seen, scan};

/// How deep brackets may nest. With the default `stack_bytes_max`, 512 KiB, what takes the
/// most of the stack ends the guest at ten times as much.
pub const DEPTH_MAX: usize = 32;

/// A rule that says what the charset is; it only counts as the very first bytes.
const CHARSET: &str = "@charset \"utf-8\";";

/// The style sheet in fewer bytes that shows the same; `None`: it stays as it is. With
/// `charset_is_open`, whoever reads it may take it for another charset than UTF-8.
pub fn shorter(text: &str, charset_is_open: bool) -> Option<String> {
    let (mark, rest) = match text.strip_prefix('\u{feff}') {
        Some(rest) => ("\u{feff}", rest),
        None => ("", text),
    };
    let (charset, code) = charset(rest)?;
    let seen = scan(code, DEPTH_MAX)?;
    // They would have to be written in one of two ways, both of which not every browser
    // knows.
    if seen.has_ranges && seen.has_prefixes {
        return None;
    }
    let stand_ins = StandIns::of(code, &seen)?;
    let written = stand_ins.undo(&write(&stand_ins.instead(code, &seen), &seen)?)?;
    let wide = |text: &str| text.chars().filter(|letter| !letter.is_ascii()).count();
    let is_told = !charset_is_open || !mark.is_empty() || !charset.is_empty();
    // Escapes are written as the characters that they stand for.
    let charset = match written.is_ascii() || is_told {
        true => charset,
        false if code.is_ascii() => CHARSET,
        false
            if wide(&written)
                <= seen.wide + seen.legal.iter().map(|own| wide(own)).sum::<usize>() =>
        {
            ""
        }
        false => return None,
    };
    // What is written must be understood again: where a printer has a mistake, it shows.
    write(&written, &seen)?;
    let short = format!("{mark}{charset}{written}");
    (short.len() < text.len()).then_some(short)
}

/// What it says of its charset, and the rest; `None`: it is another than UTF-8.
fn charset(text: &str) -> Option<(&'static str, &str)> {
    let begins = text.get(..8).is_some_and(|start| start.eq_ignore_ascii_case("@charset"));
    if !begins {
        return Some(("", text));
    }
    let (start, rest) = text.split_at_checked(CHARSET.len())?;
    start.eq_ignore_ascii_case(CHARSET).then_some((CHARSET, rest))
}

fn write(code: &str, seen: &Seen<'_>) -> Option<String> {
    let sheet = StyleSheet::parse(code, ParserOptions::default()).ok()?;
    // What older browsers know, where there are two ways to write the same.
    let ranges = match seen.has_ranges {
        true => Features::empty(),
        false => Features::MediaRangeSyntax | Features::MediaIntervalSyntax,
    };
    let include = ranges
        | Features::HexAlphaColors
        | Features::SpaceSeparatedColorNotation
        | Features::DoublePositionGradients;
    let targets = Targets { include, ..Targets::default() };
    let options = PrinterOptions { minify: true, targets, ..PrinterOptions::default() };
    let mut written = sheet.to_css(options).ok()?.code;
    // Those behind the first rule are not written where they stood.
    for comment in &seen.legal {
        if !written.contains(comment) {
            written.push('\n');
            written.push_str(comment);
        }
    }
    Some(written)
}

#[cfg(test)]
mod tests;
