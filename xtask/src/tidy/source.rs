//! Just enough of Rust's grammar to measure it.

/// A function with a body.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Function {
    pub name: String,
    /// Line of its `fn`, from 1.
    pub line: usize,
    /// Lines from its `fn` to its closing brace.
    pub lines: usize,
}

/// The source with every byte of comments and literals replaced by a space;
/// line breaks and offsets are kept.
pub(super) fn mask(source: &str) -> String {
    let bytes = source.as_bytes();
    let mut masked = Vec::with_capacity(bytes.len());
    while masked.len() < bytes.len() {
        let at = masked.len();
        let length = hidden(bytes, at);
        if length == 0 {
            masked.push(if bytes[at].is_ascii() { bytes[at] } else { b' ' });
        } else {
            let end = (at + length).min(bytes.len());
            masked.extend(bytes[at..end].iter().map(|&b| if b == b'\n' { b } else { b' ' }));
        }
    }
    String::from_utf8_lossy(&masked).into_owned()
}

/// Length of the comment or literal that begins here; 0 if none does.
fn hidden(bytes: &[u8], at: usize) -> usize {
    let rest = &bytes[at..];
    match rest[0] {
        b'/' if rest.starts_with(b"//") => {
            rest.iter().position(|&b| b == b'\n').unwrap_or(rest.len())
        }
        b'/' if rest.starts_with(b"/*") => block_comment(rest),
        b'"' => quoted(rest),
        b'\'' => character(rest),
        b'r' if at == 0 || !is_word(bytes[at - 1]) || bytes[at - 1] == b'b' => raw_string(rest),
        _ => 0,
    }
}

/// Block comments nest.
fn block_comment(rest: &[u8]) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    at
}

fn quoted(rest: &[u8]) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != b'"' {
        at += if rest[at] == b'\\' { 2 } else { 1 };
    }
    at + 1
}

/// A character literal; 0 for a lifetime.
fn character(rest: &[u8]) -> usize {
    match rest.get(1) {
        Some(b'\\') => rest[3.min(rest.len())..]
            .iter()
            .position(|&b| b == b'\'')
            .map_or(0, |position| position + 4),
        Some(_) => {
            let text = std::str::from_utf8(&rest[1..rest.len().min(6)]);
            let valid = text.map_or_else(|e| e.valid_up_to(), str::len);
            let width = std::str::from_utf8(&rest[1..1 + valid])
                .ok()
                .and_then(|text| text.chars().next())
                .map_or(0, char::len_utf8);
            if width > 0 && rest.get(1 + width) == Some(&b'\'') { width + 2 } else { 0 }
        }
        None => 0,
    }
}

/// `r"…"`, `r#"…"#`, …; 0 for a word that begins with r, or `r#word`.
fn raw_string(rest: &[u8]) -> usize {
    let hashes = rest[1..].iter().take_while(|&&b| b == b'#').count();
    if rest.get(1 + hashes) != Some(&b'"') {
        return 0;
    }
    let end = [b"\"".as_slice(), &b"#".repeat(hashes)].concat();
    let body = &rest[2 + hashes..];
    let length = body.windows(end.len()).position(|window| window == end);
    length.map_or(rest.len(), |length| 2 + hashes + length + end.len())
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// All functions with a body in masked source.
pub(super) fn functions(masked: &str) -> Vec<Function> {
    let mut functions = Vec::new();
    let bytes = masked.as_bytes();
    for (at, _) in masked.match_indices("fn ") {
        if at > 0 && is_word(bytes[at - 1]) {
            continue;
        }
        let rest = masked[at + 3..].trim_start();
        let name: String = rest.chars().take_while(|&c| c.is_alphanumeric() || c == '_').collect();
        if name.is_empty() {
            continue;
        }
        if let Some(end) = body_start(bytes, at).and_then(|start| block_end(bytes, start)) {
            let line = line_of(bytes, at);
            functions.push(Function { name, line, lines: line_of(bytes, end) - line + 1 });
        }
    }
    functions
}

/// Where a function's body begins; `None` if it is only declared.
fn body_start(bytes: &[u8], from: usize) -> Option<usize> {
    let mut depth = 0;
    for (offset, byte) in bytes[from..].iter().enumerate() {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth -= 1,
            b'{' if depth == 0 => return Some(from + offset),
            b';' if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

/// Where the block that begins at `start` ends.
fn block_end(bytes: &[u8], start: usize) -> Option<usize> {
    let mut depth = 0;
    for (offset, byte) in bytes[start..].iter().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(start + offset);
        }
    }
    None
}

fn line_of(bytes: &[u8], at: usize) -> usize {
    bytes[..at].iter().filter(|&&b| b == b'\n').count() + 1
}

/// Lines of modules under `#[cfg(test)]` in masked source.
pub(super) fn test_lines(masked: &str) -> usize {
    let bytes = masked.as_bytes();
    masked
        .match_indices("#[cfg(test)]")
        .filter_map(|(at, _)| {
            let end = block_end(bytes, body_start(bytes, at)?)?;
            Some(line_of(bytes, end) - line_of(bytes, at) + 1)
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_masked_and_nothing_else() {
        for (source, expected) in [
            ("a // {\nb", "a     \nb"),
            ("a /* { /* } */ */ b", "a                 b"),
            (r#"a("{\"}", b)"#, "a(      , b)"),
            (r##"a(r#"{"}"#, br"{")"##, "a(        , b    )"),
            ("r#type", "r#type"),
            ("a('{', '\\'', '\\u{7d}', 'é')", "a(   ,     ,         ,     )"),
            ("fn f<'a>(x: &'a str) {}", "fn f<'a>(x: &'a str) {}"),
            ("\"open", "     "),
            ("/* open", "       "),
        ] {
            assert_eq!(mask(source), expected, "{source}");
        }
    }

    #[test]
    fn a_function_ends_where_its_brace_does() {
        let source = "\
trait T { fn declared(&self) -> [u8; 4]; }
type F = fn (u8) -> u8;
pub async fn first<'a>(x: [u8; 3]) -> u8 {
    let s = \"}\"; // }
    match x { _ => '}' as u8 }
}
impl T for U { fn one_line(&self) -> u8 { 1 } }
";
        let found: Vec<_> =
            functions(&mask(source)).into_iter().map(|f| (f.name, f.line, f.lines)).collect();
        assert_eq!(found, [("first".to_owned(), 3, 4), ("one_line".to_owned(), 7, 1)]);
    }

    #[test]
    fn only_modules_under_cfg_test_count_as_tests() {
        let source =
            "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\n#[cfg(test)]\nmod more;\n";
        assert_eq!(test_lines(&mask(source)), 4);
        assert_eq!(test_lines("fn a() {}"), 0);
    }
}
