//! Regular expressions of conditions and URL targets.
//!
//! They are written for JavaScript and run by the crate `regex`, which takes linear time for
//! any pattern and text. What that cannot do (look-around, back references) is a mistake of
//! the payload, and matches nothing. What both can do and write in different ways is
//! translated: classes such as `\d` are ASCII, and a class has no classes inside.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use regex::{Regex, RegexBuilder};

/// How long a pattern may be.
pub const PATTERN_BYTES_MAX: usize = 1_000;
/// How large a pattern may be when it is compiled: repetitions such as `a{500}` count here.
pub const PATTERN_COMPILED_BYTES_MAX: usize = 64 * 1024;
/// Longer texts match no pattern.
pub const PATTERN_TEXT_BYTES_MAX: usize = 8 * 1024;

const NEST_MAX: u32 = 32;

/// A pattern that texts are searched for.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    source: Box<str>,
    is_folded: bool,
    regex: Regex,
}

/// Two patterns are the same if they are written so.
impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        (&self.source, self.is_folded) == (&other.source, other.is_folded)
    }
}

impl Pattern {
    /// Compiles a pattern; `is_folded`: letters match without regard to case. The error says
    /// what is wrong in a few words.
    pub(super) fn new(source: &str, is_folded: bool) -> Result<Self, String> {
        if source.len() > PATTERN_BYTES_MAX {
            return Err(format!("the pattern has more than {PATTERN_BYTES_MAX} bytes"));
        }
        let regex = RegexBuilder::new(&translated(source))
            .case_insensitive(is_folded)
            .size_limit(PATTERN_COMPILED_BYTES_MAX)
            .nest_limit(NEST_MAX)
            .build()
            .map_err(|error| reason(&error))?;
        Ok(Pattern { source: source.into(), is_folded, regex })
    }

    /// Whether it is found anywhere in a text.
    pub(super) fn is_found(&self, text: &str) -> bool {
        text.len() <= PATTERN_TEXT_BYTES_MAX && self.regex.is_match(text)
    }
}

fn reason(error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(_) => {
            format!("the pattern needs more than {PATTERN_COMPILED_BYTES_MAX} bytes when compiled")
        }
        // The error draws the pattern with a mark below; its last line has the reason.
        regex::Error::Syntax(drawn) => {
            let last = drawn.lines().last().unwrap_or_default();
            format!("the pattern cannot be used: {}", last.trim_start_matches("error: "))
        }
        _ => "the pattern cannot be used".to_owned(),
    }
}

/// The same pattern in the syntax of the crate.
fn translated(source: &str) -> String {
    let mut out = String::with_capacity(source.len() + 16);
    let mut chars = source.chars();
    let mut is_class = false;
    while let Some(char) = chars.next() {
        match char {
            '\\' => match chars.next() {
                Some(escaped) => escape(escaped, is_class, &mut out),
                None => out.push('\\'),
            },
            '[' if is_class => out.push_str("\\["),
            '[' => {
                is_class = true;
                out.push('[');
            }
            ']' => {
                is_class = false;
                out.push(']');
            }
            // In pairs these are operations on classes in the crate. (A `-` alone is a range.)
            '&' | '~' if is_class => {
                out.push('\\');
                out.push(char);
            }
            _ => out.push(char),
        }
    }
    out
}

/// What stands for `\` and this character.
fn escape(escaped: char, is_class: bool, out: &mut String) {
    // Members of the classes; their opposites nest, which the crate allows.
    const DIGIT: &str = "0-9";
    const WORD: &str = "0-9A-Za-z_";
    const BLANK: &str = r"\t\n\x0b\x0c\r \u{a0}\u{1680}\u{2000}-\u{200a}\u{2028}\u{2029}\u{202f}\u{205f}\u{3000}\u{feff}";
    let (members, opposite) = match escaped {
        'd' => (DIGIT, ""),
        'D' => (DIGIT, "^"),
        'w' => (WORD, ""),
        'W' => (WORD, "^"),
        's' => (BLANK, ""),
        'S' => (BLANK, "^"),
        'b' if is_class => return out.push_str("\\x08"),
        'b' => return out.push_str("(?-u:\\b)"),
        'B' if !is_class => return out.push_str("(?-u:\\B)"),
        '0' => return out.push_str("\\x00"),
        // The crate refuses escapes of letters and of what is beyond ASCII; in JavaScript
        // the latter stand for themselves.
        _ if !escaped.is_ascii() => return out.push(escaped),
        _ => {
            out.push('\\');
            return out.push(escaped);
        }
    };
    out.push('[');
    out.push_str(opposite);
    out.push_str(members);
    out.push(']');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(pattern: &str, matching: &[&str], others: &[&str]) {
        let pattern = Pattern::new(pattern, false).expect("a pattern");
        for text in matching {
            assert!(pattern.is_found(text), "{pattern:?} {text:?}");
        }
        for text in others {
            assert!(!pattern.is_found(text), "{pattern:?} {text:?}");
        }
    }

    #[test]
    fn what_cannot_be_used_says_why() {
        let long = "a".repeat(PATTERN_BYTES_MAX + 1);
        let deep = "(".repeat(100) + &")".repeat(100);
        for (pattern, told) in [
            ("(", "unclosed group"),
            ("a(?=b)", "look-around"),
            ("(a)\\1", "backreferences"),
            ("[", "unclosed character class"),
            ("a{9}{9}{9}{9}{9}", "more than 65536 bytes when compiled"),
            (&long, "more than 1000 bytes"),
            (&deep, "nest"),
            ("\\", "incomplete escape"),
        ] {
            let error = Pattern::new(pattern, false).expect_err("unusable");
            assert!(error.contains(told), "{error}");
        }
    }

    #[test]
    fn classes_are_those_of_javascript() {
        check(r"^\d+$", &["12"], &["", "٣", "a"]);
        check(r"^\w+$", &["a_9"], &["é", "-"]);
        check(r"^\W$", &["é", "-"], &["a"]);
        check(r"^\s$", &[" ", "\u{a0}", "\u{feff}"], &["a"]);
        check(r"^[\s\d-]+$", &["1 - 2"], &["a"]);
        check(r"^[^\D]$", &["7"], &["x"]);
        check(r"^[[a&&b~~]+$", &["[", "a", "&", "~"], &["c"]);
        check(r"\bcat\b", &["a cat", "écat"], &["cats"]);
        check(r"^\/a\é$", &["/aé"], &["a"]);
        check("-12-25$", &["1980-12-25"], &["1980-12-25\n"]);
    }

    #[test]
    fn case_is_folded_if_that_is_asked_for() {
        let folded = Pattern::new("(mobile|ÄPFEL)", true).expect("a pattern");
        assert!(folded.is_found("A MOBILE") && folded.is_found("äpfel"));
        assert_ne!(folded, Pattern::new("(mobile|ÄPFEL)", false).expect("a pattern"));
    }

    #[test]
    fn a_text_that_is_too_long_matches_nothing() {
        check(
            "a",
            &[&"a".repeat(PATTERN_TEXT_BYTES_MAX)],
            &[&"a".repeat(PATTERN_TEXT_BYTES_MAX + 1)],
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn nothing_panics(pattern: String, text: String) {
            if let Ok(pattern) = Pattern::new(&pattern, true) {
                pattern.is_found(&text);
            }
        }

        #[test]
        fn letters_mean_themselves(text in "[a-zA-Z0-9 _é/]{1,40}") {
            prop_assert!(Pattern::new(&text, false).expect("a pattern").is_found(&text));
        }
    }
}
