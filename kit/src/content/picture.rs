//! Where a picture is: the reference of a document, as a path on the same origin.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// Bytes of an address; longer ones stay as they are.
const BYTES_MAX: usize = 2048;
/// What the pictures' function reads, and what is worth it. GIF may be animated, and
/// SVG has no size.
const ENDINGS: [&str; 5] = [".jpg", ".jpeg", ".png", ".webp", ".avif"];

/// The absolute path, with its query, of a picture on the same origin that a reference
/// (RFC 3986 §4.2) in a document at `base` leads to; `None` for all other references,
/// and for those that are not spelled plainly.
pub fn on_origin(base: &str, reference: &str) -> Option<String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/%!$&()*+;=:@?".contains(&byte);
    if reference.len() > BYTES_MAX || base.len() > BYTES_MAX || !reference.bytes().all(plain) {
        return None;
    }
    let (path, query) = match reference.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (reference, None),
    };
    let lower = path.to_ascii_lowercase();
    let first = path.split('/').next().unwrap_or_default();
    // A scheme, another host, or an encoded dot segment, which others read differently.
    if !ENDINGS.iter().any(|end| lower.ends_with(end))
        || first.contains(':')
        || path.starts_with("//")
        || lower.contains("%2e")
        || lower.contains("%2f")
        || query.is_some_and(|query| query.contains('?'))
    {
        return None;
    }
    let base = base.split(['?', '#']).next().unwrap_or_default();
    let folder = match (path.starts_with('/'), base.rfind('/')) {
        (true, _) => "",
        (false, Some(at)) if base.starts_with('/') => &base[..at],
        (false, _) => return None,
    };
    let mut segments: Vec<&str> = Vec::new();
    for segment in folder.split('/').chain(path.split('/')) {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            segment => segments.push(segment),
        }
    }
    let query = query.map_or_else(String::new, |query| format!("?{query}"));
    Some(format!("/{}{query}", segments.join("/")))
}

#[cfg(test)]
mod tests {
    use super::on_origin;
    use alloc::format;

    #[test]
    fn what_is_elsewhere_or_not_plain_stays() {
        for reference in [
            "",
            "/",
            "#a.jpg",
            "//cdn.example/a.jpg",
            "https://a.example/b.jpg",
            "data:image/png;,x.png",
            "a.gif",
            "a.svg",
            "a",
            "javascript:x.jpg",
            "a b.jpg",
            "a\".jpg",
            "a\n.jpg",
            "é.jpg",
            "\\a.jpg",
            "%2e%2e/a.jpg",
            "a%2Fb.jpg",
            "a.jpg?b?c",
            "a.php?x=.jpg",
            "a,b.jpg",
            "<.jpg",
        ] {
            assert_eq!(on_origin("/shop/", reference), None, "{reference:?}");
        }
        assert_eq!(on_origin("/", &format!("/{}.jpg", "a".repeat(3000))), None);
        assert_eq!(on_origin("*", "a.jpg"), None);
    }

    #[test]
    fn references_are_resolved() {
        let cases = [
            ("/", "a.jpg", "/a.jpg"),
            ("/shop/cart?x=/y/", "img/a.JPG", "/shop/img/a.JPG"),
            ("/shop/", "../a.png?v=2", "/a.png?v=2"),
            ("/shop/", "../../../a.png", "/a.png"),
            ("/shop/", "/img/./b/../a.webp", "/img/a.webp"),
            ("/shop/", "./a.avif", "/shop/a.avif"),
            ("//h/../x/", "a.png", "/x/a.png"),
        ];
        for (base, reference, wanted) in cases {
            assert_eq!(on_origin(base, reference).as_deref(), Some(wanted), "{base} {reference}");
        }
    }
}
