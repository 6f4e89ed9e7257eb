//! Lists in header fields (RFC 9110 §5.6.1).

/// The members of a list, trimmed, without empty ones. A separator within a quoted
/// string (RFC 9110 §5.6.4) separates nothing. A flood of members costs as much as
/// reading it once.
pub(crate) fn members(text: &str) -> impl Iterator<Item = &str> {
    split_quoted(text, b',').filter(|member| !member.is_empty())
}

/// A member's name and its parameters, each as name and value; a parameter without
/// a value has an empty one.
pub(super) fn parameters(member: &str) -> (&str, impl Iterator<Item = (&str, &str)>) {
    let mut parts = split_quoted(member, b';');
    let name = parts.next().unwrap_or_default();
    let pairs = parts.filter(|part| !part.is_empty()).map(|part| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        (trim(name), trim(value))
    });
    (name, pairs)
}

/// Whitespace as header fields have it.
pub(crate) fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// The inside of a quoted string, or the text itself. Escapes stay as they are:
/// nothing that is compared has any.
pub(crate) fn unquoted(text: &str) -> &str {
    text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text)
}

/// Splits at `separator` outside of quoted strings (RFC 9110 §5.6.4), trimmed.
pub(crate) fn split_quoted(text: &str, separator: u8) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    core::iter::from_fn(move || {
        let text = rest?;
        let (mut is_quoted, mut is_escaped) = (false, false);
        let end = text.bytes().position(|byte| {
            match byte {
                _ if is_escaped => is_escaped = false,
                b'\\' if is_quoted => is_escaped = true,
                b'"' => is_quoted = !is_quoted,
                _ => {}
            }
            byte == separator && !is_quoted
        });
        rest = end.map(|end| &text[end + 1..]);
        Some(trim(&text[..end.unwrap_or(text.len())]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn what_is_quoted_is_not_split() {
        assert_eq!(members("a, \"b,c\" ,,d").collect::<Vec<_>>(), ["a", "\"b,c\"", "d"]);
        assert_eq!(members("\"a\\\",b").collect::<Vec<_>>(), ["\"a\\\",b"], "unterminated");
        assert_eq!(members(",".repeat(9).as_str()).count(), 0);
        let (name, pairs) = parameters("text/html; charset=\"utf-8\" ;q");
        assert_eq!(name, "text/html");
        assert_eq!(pairs.collect::<Vec<_>>(), [("charset", "\"utf-8\""), ("q", "")]);
        assert_eq!((unquoted("\"a\""), unquoted("a\""), unquoted("\"")), ("a", "a\"", "\""));
    }
}
