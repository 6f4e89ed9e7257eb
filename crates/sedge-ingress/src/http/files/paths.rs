//! From the path of a request to the name of a file.
//!
//! The gateway has refused dot segments and control characters before
//! (`validate`), but a rule's rewrite or a link of a chain may have made another
//! path since. So everything is looked at again here, and this is the first of two
//! walls: the second is the kernel's, which opens nothing outside of the folder
//! (`beneath`).

/// Segments of a path; no folder of files is as deep.
const SEGMENTS_MAX: usize = 64;

/// The longest name of a file (Linux `NAME_MAX`).
const NAME_BYTES_MAX: usize = 255;

/// The longest path (Linux `PATH_MAX`, with room for what is appended).
const PATH_BYTES_MAX: usize = 4_000;

/// The folder that may be served although its name begins with a dot (RFC 8615).
const WELL_KNOWN: &[u8] = b".well-known";

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Segments joined by `/`, decoded, without one at the begin or the end: empty
    /// for the folder itself. No segment is empty, `.` or `..`, none contains `/`
    /// or NUL.
    pub name: Vec<u8>,
    /// Whether the path ended with a slash: only a folder is meant.
    pub is_folder: bool,
}

/// Reads the path of a request, percent-encoded as it was sent. `None` for what
/// can be no file: every byte is decoded once (RFC 3986 §2.4), and a separator
/// that was encoded is a part of no name.
pub fn wanted(path: &str, hidden: bool) -> Option<Wanted> {
    let rest = path.strip_prefix('/')?;
    if rest.len() > PATH_BYTES_MAX {
        return None;
    }
    let (rest, is_folder) = match rest.strip_suffix('/') {
        Some(rest) => (rest, true),
        None => (rest, rest.is_empty()),
    };
    let mut name = Vec::with_capacity(rest.len());
    if rest.is_empty() {
        // `//` has an empty segment; `/` has none.
        return (path.len() == 1).then_some(Wanted { name, is_folder });
    }
    for (index, segment) in rest.split('/').enumerate() {
        if index >= SEGMENTS_MAX {
            return None;
        }
        let segment = decoded(segment)?;
        if !is_name(&segment) || is_hidden(&segment, index, hidden) {
            return None;
        }
        if index > 0 {
            name.push(b'/');
        }
        name.extend_from_slice(&segment);
    }
    Some(Wanted { name, is_folder })
}

/// `None` where a percent sign is not followed by two digits (RFC 3986 §2.1).
fn decoded(segment: &str) -> Option<Vec<u8>> {
    let mut bytes = segment.bytes();
    let mut name = Vec::with_capacity(segment.len());
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            name.push(byte);
            continue;
        }
        let mut digit = || char::from(bytes.next()?).to_digit(16);
        let (high, low) = (digit()?, digit()?);
        name.push((high * 16 + low) as u8);
    }
    Some(name)
}

/// Backslashes are refused although they may be parts of names here: they are
/// separators elsewhere, and nobody misses them.
fn is_name(segment: &[u8]) -> bool {
    let is_bad = |byte: &u8| matches!(byte, b'/' | b'\\' | 0..=0x1f | 0x7f);
    !matches!(segment, b"" | b"." | b"..")
        && segment.len() <= NAME_BYTES_MAX
        && !segment.iter().any(is_bad)
}

fn is_hidden(segment: &[u8], index: usize, allowed: bool) -> bool {
    segment.starts_with(b".") && !allowed && !(index == 0 && segment == WELL_KNOWN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_no_file_is_refused() {
        let long = format!("/{}", "a".repeat(256));
        let deep = "/a".repeat(65);
        let vast = "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa".repeat(63);
        for path in [
            "",
            "*",
            "a",
            "..",
            "/..",
            "/.",
            "/./",
            "/../",
            "/a/..",
            "/a/../b",
            "/a/./b",
            "//",
            "///",
            "//a",
            "/a//b",
            "/a//",
            "/%2e",
            "/%2e%2e",
            "/%2E%2E/",
            "/.%2e/a",
            "/%2e./a",
            "/a%2fb",
            "/a%2Fb",
            "/%2f",
            "/%2fetc%2fpasswd",
            "/..%2f..%2fetc",
            "/a%5cb",
            "/..%5c..",
            "/a\\b",
            "/%00",
            "/a%00.html",
            "/a%0a",
            "/a%0d%0a",
            "/a%1f",
            "/a%7f",
            "/%",
            "/a%2",
            "/a%zz",
            "/%%32e",
            "/a%+1",
            "/.git",
            "/.git/config",
            "/a/.env",
            "/%2egit",
            "/a/.well-known/x",
            "/.well-known/.hidden",
            "/..a",
            "/...",
            &long,
            &deep,
            &vast,
        ] {
            assert_eq!(wanted(path, false), None, "{path}");
        }
        for path in ["/..", "/.", "/a/../b", "/%2e%2e/", "/a%2f..", "/a%00", "//a"] {
            assert_eq!(wanted(path, true), None, "{path}, hidden ones allowed");
        }
    }

    #[test]
    fn bytes_are_decoded_once() {
        for (path, name, is_folder) in [
            ("/", "", true),
            ("/a", "a", false),
            ("/a/", "a", true),
            ("/a/b.css", "a/b.css", false),
            ("/%61%2Ecss", "a.css", false),
            ("/a%20b", "a b", false),
            ("/%2525", "%25", false),
            ("/%252e%252e/x", "%2e%2e/x", false),
            ("/%C3%A4", "ä", false),
            ("/a..b/c.", "a..b/c.", false),
            ("/a+b;c=d", "a+b;c=d", false),
            ("/.well-known/security.txt", ".well-known/security.txt", false),
        ] {
            let expected = Some(Wanted { name: name.as_bytes().to_vec(), is_folder });
            assert_eq!(wanted(path, false), expected, "{path}");
        }
        let hidden = wanted("/.git/config", true).map(|one| one.name);
        assert_eq!(hidden.as_deref(), Some(&b".git/config"[..]));
        let odd = wanted("/%ff", false).map(|one| one.name);
        assert_eq!(odd.as_deref(), Some(&b"\xff"[..]), "names are bytes");
    }
}
