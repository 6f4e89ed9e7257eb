//! JSON (RFC 8259) without the blanks between its parts. Nothing else is changed:
//! numbers, escapes, the order of names and names that are there twice stay as they
//! were written.

use alloc::string::String;

/// The text without blanks outside of strings. It is not checked: what is not JSON
/// loses them, too.
pub fn without_blanks(text: &str) -> String {
    let mut short = String::with_capacity(text.len());
    let (mut is_string, mut is_escaped) = (false, false);
    let mut kept = 0;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_string => is_escaped = true,
            b'"' => is_string = !is_string,
            b' ' | b'\t' | b'\n' | b'\r' if !is_string => {
                short.push_str(&text[kept..at]);
                kept = at + 1;
            }
            _ => {}
        }
    }
    short.push_str(&text[kept..]);
    short
}

#[cfg(test)]
mod tests {
    use super::without_blanks;

    #[test]
    fn strings_are_kept() {
        assert_eq!(without_blanks(" \" a"), "\" a", "unterminated");
        assert_eq!(without_blanks("\"\\\\\" \"\\\" \" é "), "\"\\\\\"\"\\\" \"é");
        assert_eq!(without_blanks("\\\" a"), "\\\" a", "no escape outside");
    }
}
