//! Media types, as far as they say what can be done with an answer.

use super::list::{parameters, unquoted};

/// What kind of content it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `text/html`. XHTML is none: it is read by other rules.
    Html,
    /// `text/css`.
    Css,
    /// JavaScript by any of its names (RFC 9239).
    Script,
    /// `application/json` and what is written in it (`+json`, RFC 6839).
    Json,
    /// Other text, and binary forms that are known to become smaller.
    Compressible,
    /// Everything else: compressed already, a stream of events, or not known.
    Opaque,
}

/// A media type's kind and its charset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Media {
    /// The kind.
    pub kind: Kind,
    /// What the charset is.
    pub charset: Charset,
}

/// As far as charsets matter to whoever changes markup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    /// None is named.
    Unnamed,
    /// UTF-8, or ASCII.
    Utf8,
    /// One byte for each character, ASCII among them.
    SingleByte,
    /// Any other: bytes that look like ASCII may be parts of characters.
    Other,
}

/// Names of scripts' media types, RFC 9239 §6 without those that nobody sends.
const SCRIPTS: [&str; 5] = [
    "text/javascript",
    "application/javascript",
    "application/x-javascript",
    "text/ecmascript",
    "application/ecmascript",
];
/// Without `text/…`, `…+json` and `…+xml`.
const COMPRESSIBLE: [&str; 12] = [
    "application/xml",
    "application/wasm",
    "application/x-ndjson",
    "application/rtf",
    "application/vnd.ms-fontobject",
    "application/x-sh",
    "application/graphql",
    "application/toml",
    "application/yaml",
    "font/ttf",
    "font/otf",
    "image/bmp",
];

impl Media {
    /// Reads a `Content-Type`. One that is not well-formed is opaque.
    pub fn parse(value: &str) -> Self {
        let (essence, pairs) = parameters(value);
        let charset = pairs
            .filter(|(name, _)| name.eq_ignore_ascii_case("charset"))
            .map(|(_, value)| Charset::of_label(unquoted(value)))
            .next();
        Media { kind: kind(essence), charset: charset.unwrap_or(Charset::Unnamed) }
    }
}

impl Charset {
    /// The charset of a label (WHATWG Encoding §4.2, those that matter).
    pub fn of_label(label: &str) -> Self {
        let is = |other: &str| label.eq_ignore_ascii_case(other);
        let begins = |begin: &str| {
            label.get(..begin.len()).is_some_and(|start| start.eq_ignore_ascii_case(begin))
        };
        if is("utf-8") || is("utf8") || is("us-ascii") || is("ascii") {
            Charset::Utf8
        } else if (begins("iso-8859-") || begins("windows-125") || begins("koi8-"))
            && label.len() < 16
        {
            Charset::SingleByte
        } else {
            Charset::Other
        }
    }
}

fn kind(essence: &str) -> Kind {
    let is = |other: &str| essence.eq_ignore_ascii_case(other);
    let Some((class, subtype)) = essence.split_once('/') else { return Kind::Opaque };
    // Several types in one field are none.
    if !subtype.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&byte)) {
        return Kind::Opaque;
    }
    let ends = |end: &str| {
        let at = subtype.len().checked_sub(end.len());
        at.and_then(|at| subtype.get(at..)).is_some_and(|tail| tail.eq_ignore_ascii_case(end))
    };
    if is("text/html") {
        Kind::Html
    } else if is("text/css") {
        Kind::Css
    } else if SCRIPTS.into_iter().any(is) {
        Kind::Script
    } else if is("application/json") || ends("+json") {
        Kind::Json
    } else if is("text/event-stream") || subtype.is_empty() {
        Kind::Opaque
    } else if class.eq_ignore_ascii_case("text") || ends("+xml") || COMPRESSIBLE.into_iter().any(is)
    {
        Kind::Compressible
    } else {
        Kind::Opaque
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_opaque() {
        for value in [
            "",
            "html",
            "text/",
            "image/jpeg",
            "text/event-stream",
            "a/b",
            "/",
            "é/é+json",
            "text/html, text/css",
        ] {
            assert_eq!(Media::parse(value).kind, Kind::Opaque, "{value:?}");
        }
    }

    #[test]
    fn kinds_and_charsets() {
        let cases = [
            ("text/html", Kind::Html, Charset::Unnamed),
            ("Text/HTML;Charset=\"UTF-8\"", Kind::Html, Charset::Utf8),
            ("text/html; charset=shift_jis", Kind::Html, Charset::Other),
            ("text/html; charset=iso-8859-1", Kind::Html, Charset::SingleByte),
            ("text/html; charset=", Kind::Html, Charset::Other),
            ("application/xhtml+xml", Kind::Compressible, Charset::Unnamed),
            ("application/javascript", Kind::Script, Charset::Unnamed),
            ("application/ld+json", Kind::Json, Charset::Unnamed),
            ("image/svg+xml", Kind::Compressible, Charset::Unnamed),
            ("text/plain", Kind::Compressible, Charset::Unnamed),
        ];
        for (value, kind, charset) in cases {
            assert_eq!(Media::parse(value), Media { kind, charset }, "{value}");
        }
    }
}
