//! Fields `Link`, of which hints are learned.

use http::HeaderValue;
use sedge_ingress::http::links::hints;

pub(super) const WORDS: &[&str] =
    &["rel=", "preload", "preconnect", "anchor=", "<", ">", ";", ",", "\"", "\\"];

pub(super) fn fields() -> Vec<Vec<u8>> {
    [
        "</a.css>; rel=preload; as=style",
        "</n>; rel=next, </a,b>; title=\"x, \\\"y\"; rel=\"next preload\"",
        "<https://cdn.test>; rel=preconnect; crossorigin\n</b>; anchor=\"/c\"; rel=preload",
    ]
    .map(|field| field.as_bytes().to_vec())
    .to_vec()
}

/// Whatever is kept of fields was there, is not too much, and is kept again as it is.
pub(super) fn links(data: &[u8]) {
    let lines = data.split(|&byte| byte == b'\n');
    let fields: Vec<HeaderValue> =
        lines.filter_map(|line| HeaderValue::from_bytes(line).ok()).collect();
    let Some(kept) = hints::of(fields.iter()) else { return };
    assert!(kept.len() <= hints::HINT_BYTES_MAX, "{} bytes", kept.len());
    let is_there = |link: &[u8]| {
        fields.iter().any(|field| field.as_bytes().windows(link.len()).any(|part| part == link))
    };
    let parts: Vec<&[u8]> = kept.as_bytes().split(|&byte| byte == b',').collect();
    assert!(parts.iter().all(|part| part.trim_ascii().is_empty() || is_there(part.trim_ascii())));
    assert_eq!(hints::of([&kept].into_iter()), Some(kept.clone()));
}
