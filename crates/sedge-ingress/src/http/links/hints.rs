//! Which links of an answer's `Link` fields (RFC 8288) are worth a hint before the next.

use http::HeaderValue;

/// Relations that browsers act on in a 103 (HTML, "Early hints"): something will be
/// needed, or somebody will be asked.
const RELATIONS: [&str; 3] = ["preload", "modulepreload", "preconnect"];

/// Links of one answer that are kept.
const LINKS_MAX: usize = 32;

/// Bytes of them, with the commas in between.
pub const HINT_BYTES_MAX: usize = 2 * 1024;

/// The links of these field values whose relation is a hint, as one value, exactly as they
/// were written; `None` if there are none. What cannot be read, or is about another
/// resource, is left out, and so is what is too much.
pub fn of<'a>(fields: impl Iterator<Item = &'a HeaderValue>) -> Option<HeaderValue> {
    let mut kept: Vec<u8> = Vec::new();
    let mut count = 0;
    for field in fields {
        for link in links(field.as_bytes()) {
            let separator = if kept.is_empty() { 0 } else { 2 };
            let is_room = kept.len() + separator + link.len() <= HINT_BYTES_MAX;
            if count < LINKS_MAX && is_room && is_hint(link) {
                kept.extend_from_slice(if separator > 0 { b", " } else { b"" });
                kept.extend_from_slice(link);
                count += 1;
            }
        }
    }
    // Parts of valid values are valid.
    (count > 0).then(|| HeaderValue::from_bytes(&kept).ok()).flatten()
}

/// The members of a list of links, without the white space around them. Commas within
/// `<…>` and within quoted strings are no separators.
fn links(field: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(field);
    std::iter::from_fn(move || {
        let bytes = rest?;
        let end = end_of(bytes, b',');
        rest = bytes.get(end + 1..);
        Some(bytes[..end].trim_ascii())
    })
    .filter(|link| !link.is_empty())
}

/// Where the first `separator` is that stands by itself, or the end.
fn end_of(bytes: &[u8], separator: u8) -> usize {
    let mut within = Within::default();
    let ends = |byte: &u8| within.stands_alone(*byte) && *byte == separator;
    bytes.iter().position(ends).unwrap_or(bytes.len())
}

/// What the bytes so far have begun.
#[derive(Default)]
struct Within {
    target: bool,
    string: bool,
    escape: bool,
}

impl Within {
    /// Whether this byte, the next one, is neither of a target nor of a quoted string.
    fn stands_alone(&mut self, byte: u8) -> bool {
        match byte {
            _ if self.escape => self.escape = false,
            b'\\' if self.string => self.escape = true,
            b'"' if !self.target => self.string = !self.string,
            _ if self.string => {}
            b'<' => self.target = true,
            b'>' => self.target = false,
            _ => return !self.target,
        }
        false
    }

    /// Whether a link has ended what it has begun: otherwise it would go on in the next.
    fn is_whole(link: &[u8]) -> bool {
        let mut within = Self::default();
        for byte in link {
            within.stands_alone(*byte);
        }
        !within.target && !within.string
    }
}

/// Whether a link is about this page, and of a relation that is a hint.
fn is_hint(link: &[u8]) -> bool {
    if !Within::is_whole(link) {
        return false;
    }
    let Some(end) = link.iter().position(|&byte| byte == b'>') else { return false };
    let (target, mut rest) = (&link[..end], &link[end + 1..]);
    // A target is an address, and an empty one the page itself.
    let is_target = target.len() > 1
        && target[0] == b'<'
        && target[1..].iter().all(|&byte| byte > b' ' && byte < 0x7f && !b"<\"".contains(&byte));
    if !is_target {
        return false;
    }
    let mut relation = None;
    while !rest.trim_ascii().is_empty() {
        // Only parameters follow, each behind its semicolon.
        let Some(behind) = rest.trim_ascii_start().strip_prefix(b";") else { return false };
        let end = end_of(behind, b';');
        let parameter = &behind[..end];
        rest = &behind[end..];
        let equals = parameter.iter().position(|&byte| byte == b'=');
        let (name, value) = match equals {
            Some(equals) => (&parameter[..equals], &parameter[equals + 1..]),
            None => (parameter, &b""[..]),
        };
        match name.trim_ascii() {
            // Another resource's link (RFC 8288 §3.2).
            name if name.eq_ignore_ascii_case(b"anchor") => return false,
            // Only the first counts (§3.3).
            name if name.eq_ignore_ascii_case(b"rel") && relation.is_none() => {
                relation = Some(value.trim_ascii());
            }
            _ => {}
        }
    }
    let relation = relation.unwrap_or_default();
    let relation =
        relation.strip_prefix(b"\"").and_then(|r| r.strip_suffix(b"\"")).unwrap_or(relation);
    let mut types = relation.split(|&byte| byte == b' ');
    types.any(|one| RELATIONS.iter().any(|hint| one.eq_ignore_ascii_case(hint.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hints(fields: &[&str]) -> Option<String> {
        let values: Vec<HeaderValue> =
            fields.iter().map(|field| HeaderValue::from_str(field).expect("a value")).collect();
        of(values.iter()).map(|value| value.to_str().expect("text").to_owned())
    }

    #[test]
    fn what_is_no_hint_is_left_out() {
        for field in [
            "",
            ",",
            ", ,",
            "<",
            ">",
            "</a.css>",
            "</a.css>;",
            "</a.css>; rel",
            "</a.css>; rel=",
            "</a.css>; rel=stylesheet",
            "</a.css>; rel=preloaded",
            "</a.css> rel=preload",
            "/a.css; rel=preload",
            "<>; rel=preload",
            "</a.css; rel=preload",
            "</a b.css>; rel=preload",
            "</<a.css>; rel=preload",
            "x</a.css>; rel=preload",
            "</a.css>; title=\"; rel=preload",
            "</a.css>; title=\"rel=preload\"",
            "</a.css>; rel=next; rel=preload",
            "</a.css>; rel=preload; anchor=\"/other\"",
            "</a.css>; ANCHOR=/other; rel=preload",
            "</a.css>; rel=dns-prefetch",
            "</a.css>; rel=preload; title=\"",
            "</a.css>; rel=preload; a\"",
            "</a.css>; rel=preload; <",
        ] {
            assert_eq!(hints(&[field]), None, "{field}");
        }
    }

    #[test]
    fn hints_are_kept_as_they_were_written() {
        for (fields, kept) in [
            (&["</a.css>; rel=preload; as=style"][..], "</a.css>; rel=preload; as=style"),
            (&["  </a.css> ;rel=\"PreLoad\"  "], "</a.css> ;rel=\"PreLoad\""),
            (&["</a>;rel=\"next preload\""], "</a>;rel=\"next preload\""),
            (&["</a,b;c>; rel=preload"], "</a,b;c>; rel=preload"),
            (&["</a>; title=\"x, \\\"y>\"; rel=preload"], "</a>; title=\"x, \\\"y>\"; rel=preload"),
            (
                &["</n>; rel=next, </a>; rel=preload,, </m>; rel=modulepreload"],
                "</a>; rel=preload, </m>; rel=modulepreload",
            ),
            (
                &["</a>; rel=preload", "<https://cdn.test>; rel=preconnect; crossorigin"],
                "</a>; rel=preload, <https://cdn.test>; rel=preconnect; crossorigin",
            ),
        ] {
            assert_eq!(hints(fields).as_deref(), Some(kept));
        }
    }

    #[test]
    fn there_is_an_end_to_what_is_kept() {
        let many = ["</a>; rel=preload"; 100].join(", ");
        assert_eq!(hints(&[&many]).expect("hints").matches("preload").count(), LINKS_MAX);
        let long = format!("</{}>; rel=preload", "a".repeat(HINT_BYTES_MAX));
        assert_eq!(hints(&[&long]), None);
        assert_eq!(hints(&[&long, "</b>; rel=preload"]).as_deref(), Some("</b>; rel=preload"));
    }

    proptest! {
        #[test]
        fn whatever_is_kept_was_there_and_is_kept_again(field in "[<>;,\"\\\\ =a-c/]{0,40}(rel=preload)?[,;\"]{0,2}") {
            if let Some(kept) = hints(&[&field]) {
                prop_assert!(kept.len() <= HINT_BYTES_MAX);
                for link in kept.split(", ") {
                    prop_assert!(field.contains(link), "{field} {link}");
                }
                prop_assert_eq!(hints(&[&kept]), Some(kept));
            }
        }
    }
}
