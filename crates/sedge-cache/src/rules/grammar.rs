//! The pieces that fields are written in: lists, tokens, quoted strings, numbers.

use http::header::{AsHeaderName, HeaderMap};

/// The largest number of seconds that is told apart: RFC 9111 §1.2.2 lets a cache take
/// anything larger for this.
pub(crate) const SECONDS_MAX: u64 = 1 << 31;

/// `bytes` without spaces and tabs at either end (OWS, RFC 9110 §5.6.3).
pub(crate) fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = bytes {
        bytes = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

/// Whether `byte` may stand in a token (RFC 9110 §5.6.2).
pub(crate) const fn is_token_char(byte: u8) -> bool {
    matches!(byte,
        b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
        | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z')
}

/// The number that `digits` are, or none if they are anything but digits. What is too
/// large for the type is its largest value.
pub(crate) fn digits(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(digits.iter().fold(0u64, |number, digit| {
        number.saturating_mul(10).saturating_add(u64::from(digit - b'0'))
    }))
}

/// A number of seconds (RFC 9111 §1.2.2), at most [`SECONDS_MAX`].
pub(crate) fn seconds(bytes: &[u8]) -> Option<u64> {
    digits(bytes).map(|seconds| seconds.min(SECONDS_MAX))
}

/// The members of a comma-separated list (RFC 9110 §5.6.1): trimmed, without empty ones.
pub(crate) fn members(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    pieces(list).filter(|piece| !piece.is_empty())
}

/// What stands between the commas of what may be a list: trimmed, one at least.
///
/// A comma within a quoted string does not separate. A quote that nothing closes is an
/// ordinary character: otherwise what follows it, a `no-store` perhaps, would be hidden.
pub(crate) fn pieces(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (mut rest, mut has_quotes) = (Some(list), true);
    std::iter::from_fn(move || {
        let list = rest?;
        let end = member_end(list, &mut has_quotes);
        rest = list.get(end + 1..);
        Some(trim(&list[..end]))
    })
}

/// Once nothing closes a quote, nothing closes a later one either: all that come are
/// escaped, and what is behind them is read as it was before. So `has_quotes` is no longer
/// set then, and a line of such quotes is not read anew for each of them.
fn member_end(list: &[u8], has_quotes: &mut bool) -> usize {
    let mut at = 0;
    while at < list.len() {
        match list[at] {
            b',' => return at,
            b'"' if *has_quotes => match quoted_len(&list[at..]) {
                Some(len) => at += len,
                None => *has_quotes = false,
            },
            _ => at += 1,
        }
    }
    list.len()
}

/// How long the quoted string is that `bytes` begin with, quotes included; none if
/// nothing closes it.
pub(crate) fn quoted_len(bytes: &[u8]) -> Option<usize> {
    let mut at = 1;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    None
}

/// The members of the list that all lines of a field make together.
pub(crate) fn list(headers: &HeaderMap, name: impl AsHeaderName) -> impl Iterator<Item = &[u8]> {
    headers.get_all(name).into_iter().flat_map(|line| members(line.as_bytes()))
}

/// A weight (RFC 9110 §12.4.2) in thousandths, or none if it is not one.
pub(crate) fn weight(bytes: &[u8]) -> Option<u16> {
    let (whole, fraction) = match bytes {
        [whole] => (*whole, &[][..]),
        [whole, b'.', fraction @ ..] if fraction.len() <= 3 => (*whole, fraction),
        _ => return None,
    };
    let mut thousandths = match whole {
        b'0' => 0,
        b'1' => 1000,
        _ => return None,
    };
    for (digit, unit) in fraction.iter().zip([100, 10, 1]) {
        if !digit.is_ascii_digit() {
            return None;
        }
        thousandths += u16::from(digit - b'0') * unit;
    }
    (thousandths <= 1000).then_some(thousandths)
}

/// A member such as `gzip;q=0.5`: what is weighed, and its weight (1000 where none is
/// written, or none that can be read).
pub(crate) fn weighed(member: &[u8]) -> (&[u8], u16) {
    let mut pieces = member.split(|byte| *byte == b';');
    let what = trim(pieces.next().unwrap_or_default());
    let weight = pieces
        .map(trim)
        .find_map(|piece| match piece {
            [b'q' | b'Q', b'=', value @ ..] => Some(weight(value).unwrap_or(1000)),
            _ => None,
        })
        .unwrap_or(1000);
    (what, weight)
}

#[cfg(test)]
mod tests {
    use super::{SECONDS_MAX, digits, members, pieces, seconds, trim, weighed, weight};

    fn split(list: &str) -> Vec<&str> {
        members(list.as_bytes()).map(|member| std::str::from_utf8(member).unwrap()).collect()
    }

    #[test]
    fn an_unclosed_quote_hides_nothing() {
        assert_eq!(split("a=\"b, no-store"), ["a=\"b", "no-store"]);
        assert_eq!(split("a=\"b\\\", no-store"), ["a=\"b\\\"", "no-store"]);
        assert_eq!(split("\""), ["\""]);
        assert_eq!(split("\"\\\"a,b\\\",c\\"), ["\"\\\"a", "b\\\"", "c\\"]);
        // Each quote read to the end would take minutes.
        assert_eq!(members("\"\\".repeat(1_000_000).as_bytes()).count(), 1);
        let many = format!("\"{}", "\\\",".repeat(400_000));
        assert_eq!(members(many.as_bytes()).count(), 400_000);
    }

    #[test]
    fn a_list_is_split_at_commas_outside_quotes() {
        assert_eq!(split(" , a ,,b=\"c, d\" ,\t"), ["a", "b=\"c, d\""]);
        assert_eq!(split("x=\"a\\\",b\",y"), ["x=\"a\\\",b\"", "y"]);
        assert!(split("").is_empty());
        assert_eq!(pieces(b"").collect::<Vec<_>>(), [b""]);
        assert_eq!(pieces(b", a,,").collect::<Vec<_>>(), [&b""[..], b"a", b"", b""]);
        assert_eq!(trim(b" \t "), b"");
    }

    #[test]
    fn numbers_are_digits_and_have_an_end() {
        for bad in ["", "-1", "+1", "1.0", " 1", "1a", "'1'", "0x1"] {
            assert_eq!(digits(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(digits(b"003600"), Some(3600));
        assert_eq!(digits(b"99999999999999999999999"), Some(u64::MAX));
        assert_eq!(seconds(b"99999999999"), Some(SECONDS_MAX));
    }

    #[test]
    fn weights() {
        for bad in ["", "2", "1.1", "0.1234", "0,5", "-0", "0.x", "1.001"] {
            assert_eq!(weight(bad.as_bytes()), None, "{bad}");
        }
        for (text, value) in [("0", 0), ("1", 1000), ("0.5", 500), ("1.000", 1000), ("0.", 0)] {
            assert_eq!(weight(text.as_bytes()), Some(value), "{text}");
        }
        assert_eq!(weighed(b"gzip ; a=b; q=0.2"), (&b"gzip"[..], 200));
        assert_eq!(weighed(b"gzip;q=nonsense"), (&b"gzip"[..], 1000));
    }
}
