//! Variants: what one request selects, another that differs must not.

use super::case::Reach::{Alone, Disarmed};
use super::case::{CLEAN, Case, case, with};
use super::origin::{Asked, FRESH, Script, answer};
use super::play::first;

const FAMILY: &str = "vary";

/// An origin that answers by a field, and says so.
macro_rules! by {
    ($vary:literal, $field:literal) => {
        |asked: &Asked| {
            let lines = asked.head.lines().filter_map(|line| line.split_once(':'));
            let lines = lines.filter(|(name, _)| name.eq_ignore_ascii_case($field));
            let told: Vec<&str> = lines.map(|(_, value)| value.trim()).collect();
            answer(asked, "200 OK", &format!("{FRESH}\nVary: {}", $vary), &format!("{told:?}"))
        }
    };
}

#[rustfmt::skip]
pub(crate) fn cases() -> Vec<Case> {
    let row = |name: &str, attack: &str, origin| case(FAMILY, name, with(attack), origin, Alone);
    let theme: Script = by!("X-Theme", "x-theme");
    let language: Script = by!("Accept-Language", "accept-language");
    let coding: Script = by!("Accept-Encoding", "accept-encoding");
    vec![
        row("a value", "x-theme: evil", theme),
        row("an empty value", "x-theme:", theme),
        row("a value, and one that is not", "x-theme: evil", theme).victim(with("x-theme:")),
        row("one in capitals", "x-theme: DARK", theme).victim(with("x-theme: dark")),
        row("two lines, and one", "x-theme: dark\nx-theme: evil", theme).victim(with("x-theme: dark")),
        row("two lines, in the other order", "x-theme: b\nx-theme: a", theme).victim(with("x-theme: a\nx-theme: b")),
        row("a list, in the other order", "x-theme: b, a", theme).victim(with("x-theme: a, b")),
        row("a list with an empty member", "x-theme: dark,", theme).victim(with("x-theme: dark")),
        row("a line that is empty, and one that is not", "x-theme:\nx-theme: dark", theme).victim(with("x-theme: dark")),
        row("a quoted comma", "x-theme: \"a,b\"", theme).victim(with("x-theme: \"a\",\"b\"")),
        row("two names in one line", "x-theme: evil", by!("Accept, x-THEME", "x-theme")),
        row("two names in two lines", "x-theme: evil", by!("Accept\nVary: x-theme", "x-theme")),
        row("an empty name beside it", "x-theme: evil", by!(", ,x-theme", "x-theme")),
        row("a language", "accept-language: de", language).victim(with("accept-language: fr")),
        row("a language, and none", "accept-language: de", language),
        row("languages weighed otherwise", "accept-language: de;q=0.1, fr", language).victim(with("accept-language: de, fr;q=0.1")),
        row("a language that is refused", "accept-language: de;q=0", language).victim(with("accept-language: de")),
        row("a language with an empty member", "accept-language: ,de", language).victim(with("accept-language: de")),
        row("a language with a parameter", "accept-language: de;evil=1", language).victim(with("accept-language: de")),
        row("a language with a weight that is none", "accept-language: de;q=evil", language).victim(with("accept-language: de")),
        row("a language with what is no language", "accept-language: de, <evil>", language).victim(with("accept-language: de")),
        row("a coding", "accept-encoding: gzip", coding),
        row("a coding, and another", "accept-encoding: br", coding).victim(with("accept-encoding: gzip")),
        row("a coding that is refused", "accept-encoding: gzip;q=0", coding).victim(with("accept-encoding: gzip")),
        row("codings of all kinds", "accept-encoding: *", coding).victim(with("accept-encoding: gzip")),
        row("a coding, wanted and refused", "accept-encoding: gzip, gzip;q=0", coding).victim(with("accept-encoding: gzip")),
        case(FAMILY, "a coding that nobody knows", with("accept-encoding: gzip, evil"), coding, Disarmed).victim(with("accept-encoding: gzip")),
        row("an answer in a coding that does not say to vary", "accept-encoding: gzip", silent_coding),
        row("an answer in a language that it does not vary by", "accept-language: evil", labelled).victim(with("accept-language: en")),
        row("another Vary the second time", "x-theme: evil", changing),
        case(FAMILY, "no Vary the first time", CLEAN, forgetful, Alone).victim(with("x-theme: dark")),
        row("a credential", "authorization: Basic evil", by!("Authorization", "authorization")),
        row("a cookie", "cookie: a=evil", by!("Cookie", "cookie")),
        row("an origin of scripts", "origin: http://evil.test", by!("Origin", "origin")),
        row("many values", "x-theme: evil", theme).victim(with("x-theme: dark")).and(with("x-theme: a")).and(with("x-theme: b")),
    ]
}

/// Compresses for who wants it, and forgets to say so.
fn silent_coding(asked: &Asked) -> Vec<u8> {
    match asked.field("accept-encoding").is_some_and(|codings| codings.contains("gzip")) {
        true => {
            answer(asked, "200 OK", &format!("{FRESH}\nContent-Encoding: gzip"), "\u{1f}\u{8b}evil")
        }
        false => answer(asked, "200 OK", FRESH, "page"),
    }
}

/// Lies about the language, so that it would be selected by it.
fn labelled(asked: &Asked) -> Vec<u8> {
    let language = asked.field("accept-language").unwrap_or_default();
    let fields = format!("{FRESH}\nVary: accept-language\nContent-Language: {language}");
    answer(asked, "200 OK", &fields, language)
}

/// Varies by one field for the attacker, and by another for all others.
fn changing(asked: &Asked) -> Vec<u8> {
    let theme = asked.field("x-theme").unwrap_or("light");
    let name = if asked.is_attack { "X-Theme" } else { "Accept" };
    answer(asked, "200 OK", &format!("{FRESH}\nVary: {name}"), theme)
}

/// Does not vary while it says that nothing may be kept.
fn forgetful(asked: &Asked) -> Vec<u8> {
    let bad = answer(asked, "200 OK", "Cache-Control: no-cache\nETag: \"evil\"", "evil");
    let good = |asked: &Asked| {
        answer(
            asked,
            "200 OK",
            &format!("{FRESH}\nVary: x-theme"),
            asked.field("x-theme").unwrap_or("light"),
        )
    };
    first(asked, bad, good)
}
