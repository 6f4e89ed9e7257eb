//! Parts: they are of what they say, and are never joined to those of something else.

use super::case::Reach::Alone;
use super::case::{Case, bytes, case, with};
use super::origin::{Asked, FRESH, Script, answer};

const FAMILY: &str = "part";
const PAGE: &str = "0123456789";

/// A part of what an attacker would like the rest to be joined to.
fn part(range: &str, tag: &str, body: &str) -> Vec<u8> {
    bytes(&format!(
        "HTTP/1.1 206 Partial Content\r\nConnection: close\r\n{FRESH}\r\n{tag}\
         Content-Range: {range}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    ))
}

/// What the origin has: a page with a strong tag, of which parts can be had.
fn page(asked: &Asked, tag: &str) -> Vec<u8> {
    let fields = format!("{FRESH}\n{tag}");
    let applies = asked.field("if-range").is_none_or(|named| tag.contains(named));
    let range = asked.field("range").filter(|_| applies);
    let span = range.and_then(|range| range.strip_prefix("bytes=")?.split_once('-'));
    let Some((first, last)) = span else { return answer(asked, "200 OK", &fields, PAGE) };
    let (first, last): (usize, usize) = match first.parse() {
        Ok(first) => (first, last.parse().unwrap_or(9).min(9)),
        Err(_) => (10_usize.saturating_sub(last.parse().unwrap_or(1)), 9),
    };
    part(&format!("bytes {first}-{last}/10"), &format!("{tag}\r\n"), &PAGE[first..=last])
}

/// An origin that answers the attacker with a part, and all others rightly.
macro_rules! part {
    ($range:literal, $tag:literal, $body:literal) => {
        |asked: &Asked| match asked.is_attack {
            true => part($range, $tag, $body),
            false => page(asked, "ETag: \"good\""),
        }
    };
}

/// One that does not let go: whatever is asked for from the rest is as it is asked.
macro_rules! rest {
    ($range:literal, $tag:literal, $body:literal) => {
        |asked: &Asked| {
            let is_rest = asked.field("range").is_some_and(|range| range.starts_with("bytes=4-"));
            match (asked.is_attack, is_rest) {
                (true, _) => part("bytes 0-3/10", "ETag: \"good\"\r\n", "0123"),
                (false, true) => part($range, $tag, $body),
                (false, false) => page(asked, "ETag: \"good\""),
            }
        }
    };
}

#[rustfmt::skip]
const PARTS: &[(&str, Script)] = &[
    ("of something with another tag", part!("bytes 0-3/10", "ETag: \"evil\"\r\n", "evil")),
    ("of something with a weak tag", part!("bytes 0-3/10", "ETag: W/\"good\"\r\n", "evil")),
    ("of something with two tags", part!("bytes 0-3/10", "ETag: \"good\"\r\nETag: \"evil\"\r\n", "evil")),
    ("of something without a tag", part!("bytes 0-3/10", "", "evil")),
    ("of something with a date only", part!("bytes 0-3/10", "Last-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\n", "evil")),
    ("of something longer", part!("bytes 0-3/99", "ETag: \"evil\"\r\n", "evil")),
    ("of something as short as it", part!("bytes 0-3/4", "ETag: \"evil\"\r\n", "evil")),
    ("of unknown length", part!("bytes 0-3/*", "ETag: \"evil\"\r\n", "evil")),
    ("longer than it says", part!("bytes 0-1/10", "ETag: \"good\"\r\n", "evil")),
    ("shorter than it says", part!("bytes 0-7/10", "ETag: \"good\"\r\n", "evil")),
    ("behind the end", part!("bytes 8-11/10", "ETag: \"good\"\r\n", "evil")),
    ("backwards", part!("bytes 3-0/10", "ETag: \"good\"\r\n", "evil")),
    ("in another unit", part!("evils 0-3/10", "ETag: \"good\"\r\n", "evil")),
    ("in two lines", part!("bytes 0-3/10\r\nContent-Range: bytes 4-7/10", "ETag: \"evil\"\r\n", "evil")),
    ("in numbers too large", part!("bytes 0-3/99999999999999999999999", "ETag: \"evil\"\r\n", "evil")),
    ("of nothing", part!("bytes */10", "ETag: \"evil\"\r\n", "evil")),
];

#[rustfmt::skip]
const RESTS: &[(&str, Script)] = &[
    ("then another tag", rest!("bytes 4-9/10", "ETag: \"evil\"\r\n", "evilev")),
    ("then no tag", rest!("bytes 4-9/10", "", "evilev")),
    ("then a weak tag", rest!("bytes 4-9/10", "ETag: W/\"good\"\r\n", "evilev")),
    ("then another length", rest!("bytes 4-9/12", "ETag: \"good\"\r\n", "evilev")),
    ("then another stretch", rest!("bytes 5-9/10", "ETag: \"good\"\r\n", "evile")),
    ("then fewer bytes than the stretch has", rest!("bytes 4-9/10", "ETag: \"good\"\r\n", "evil")),
    ("then more bytes than the stretch has", rest!("bytes 4-9/10", "ETag: \"good\"\r\n", "evilevil")),
    ("then a stretch that is none", rest!("bytes evil", "ETag: \"good\"\r\n", "evilev")),
    ("then in another coding", rest!("bytes 4-9/10", "ETag: \"good\"\r\nContent-Encoding: evil\r\n", "evilev")),
];

#[rustfmt::skip]
pub(crate) fn cases() -> Vec<Case> {
    let attack = with("range: bytes=0-3");
    let parts = PARTS.iter().map(|(name, origin)| case(FAMILY, *name, &*attack, *origin, Alone));
    let rests = RESTS.iter().map(|(name, origin)| case(FAMILY, *name, &*attack, *origin, Alone));
    let mut cases: Vec<Case> = parts.chain(rests).collect();
    let row = |name: &str, attack: &str, origin| case(FAMILY, name, attack, origin, Alone);
    cases.extend([
        row("asked for, and then the whole", &attack, good),
        row("asked for under another tag", &with("range: bytes=0-3\nif-range: \"evil\""), good).victim(with("range: bytes=2-3")),
        row("two parts in turn", &with("range: bytes=0-1"), good).and(with("range: bytes=8-9")),
        row("two parts in turn, and then one over both", &with("range: bytes=0-1"), good).and(with("range: bytes=4-5")).victim(with("range: bytes=0-5")),
        row("many parts at once", &with("range: bytes=0-0,2-2,4-4,0-9,0-9"), good),
        row("the end of it", &with("range: bytes=-3"), good),
        row("the end of it, larger than it is", &with("range: bytes=-99"), good).victim(with("range: bytes=-3")),
        row("two fields", &with("range: bytes=0-3\nrange: bytes=4-5"), good),
        row("an error that is fresh instead", &attack, error),
        row("a redirect that is fresh instead", &attack, moved),
    ]);
    cases
}

fn good(asked: &Asked) -> Vec<u8> {
    page(asked, "ETag: \"good\"")
}

fn error(asked: &Asked) -> Vec<u8> {
    match asked.field("range") {
        Some(_) => answer(asked, "404 Not Found", FRESH, "evil"),
        None => good(asked),
    }
}

fn moved(asked: &Asked) -> Vec<u8> {
    match asked.field("range") {
        Some(_) => answer(asked, "302 Found", &format!("{FRESH}\nLocation: /evil"), "evil"),
        None => good(asked),
    }
}
