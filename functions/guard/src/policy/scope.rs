//! How deep texts nest, looked at before a recursive parser does: in WebAssembly a stack that
//! overflows cannot be caught.

/// How deep parentheses, brackets and braces may lie in each other, and how many `!` or `-`
/// may follow each other.
pub(super) const DEPTH_MAX: usize = 48;

/// Whether a text in Cedar's language is flat enough to be parsed.
pub(super) fn check(text: &str) -> Result<(), String> {
    let (mut depth, mut signs) = (0_usize, 0_usize);
    let mut bytes = text.bytes().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            b'"' => skip_string(&mut bytes),
            b'/' if bytes.peek() == Some(&b'/') => {
                bytes.by_ref().take_while(|byte| *byte != b'\n').for_each(drop);
            }
            _ => {}
        }
        signs = match byte {
            b'!' | b'-' => signs + 1,
            b' ' | b'\t' | b'\r' | b'\n' => signs,
            _ => 0,
        };
        if depth > DEPTH_MAX || signs > DEPTH_MAX {
            return Err(format!("nested deeper than {DEPTH_MAX}"));
        }
    }
    Ok(())
}

fn skip_string(bytes: &mut impl Iterator<Item = u8>) {
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => drop(bytes.next()),
            b'"' => return,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_counts_and_what_is_quoted_does_not() {
        let nested = |depth: usize| format!("{}1{}", "(".repeat(depth), ")".repeat(depth));
        assert!(check(&nested(DEPTH_MAX)).is_ok());
        assert!(check(&nested(DEPTH_MAX + 1)).is_err());
        assert!(check(&"[{(".repeat(17)).is_err());
        assert!(check(&"! ".repeat(DEPTH_MAX + 1)).is_err());
        let quoted =
            format!("\"{}\\\"{}\" // {}\n()", "(".repeat(99), "[".repeat(99), "{".repeat(99));
        assert!(check(&quoted).is_ok());
        assert!(check("\"\\").is_ok() && check("//").is_ok() && check(&")".repeat(99)).is_ok());
    }
}
