//! Methods, and content where nobody expects it.

use super::case::Reach::{Alone, Disarmed, Refused};
use super::case::{Case, case, to, with};
use super::origin::{Asked, FRESH, answer, mirror};

const FAMILY: &str = "method";

#[rustfmt::skip]
pub(crate) fn cases() -> Vec<Case> {
    let row = |name: &str, attack: String, reach| case(FAMILY, name, attack, mirror, reach);
    let form = "content-type: application/x-www-form-urlencoded\ncontent-length: 4\n\nevil";
    let chunked = "transfer-encoding: chunked\n\n4\nevil\n0\n\n";
    vec![
        row("GET with content", body("GET", form), Alone),
        row("GET with content in chunks", body("GET", chunked), Alone),
        row("GET with content that is awaited", body("GET", "expect: 100-continue\ncontent-length: 4\n\nevil"), Alone),
        row("GET with no chunks", body("GET", "x-theme: a\ntransfer-encoding: chunked\n\n0\n\n"), Alone),
        row("GET with a length of zero and a type", with("content-length: 0\nx-http-method: evil"), Disarmed),
        row("GET with less content than it says", body("GET", "content-length: 9\n\nevil"), Alone),
        row("GET with two lengths", body("GET", "content-length: 0\ncontent-length: 4\n\nevil"), Refused),
        row("GET with the same length twice", body("GET", "content-length: 4\ncontent-length: 4\n\nevil"), Alone),
        row("GET with a length that is none", body("GET", "content-length: 4x\n\nevil"), Refused),
        row("GET with a length and chunks", body("GET", &format!("content-length: 4\n{chunked}")), Alone),
        row("GET with another coding", body("GET", "transfer-encoding: gzip, chunked\n\n0\n\n"), Refused),
        row("GET with a coding in another spelling", body("GET", "transfer-encoding: xchunked\n\n0\n\n"), Refused),
        row("GET with a coding behind a vertical tab", body("GET", "transfer-encoding: \u{b}chunked\n\n0\n\n"), Refused),
        row("HEAD", to("HEAD", "{p}", "x-forwarded-host: evil"), Alone),
        row("HEAD with content", body("HEAD", form), Alone),
        row("HEAD with another length", to("HEAD", "{p}", "x-theme: evil"), Alone),
        case(FAMILY, "HEAD to an origin that lies about the length", to("HEAD", "{p}", ""), short_head, Alone),
        row("POST", body("POST", form), Alone),
        row("PUT", body("PUT", form), Alone),
        row("DELETE", to("DELETE", "{p}", ""), Alone),
        row("PATCH", body("PATCH", form), Alone),
        row("PROPFIND", to("PROPFIND", "{p}", "depth: 1"), Alone),
        row("QUERY with content", body("QUERY", form), Alone),
        row("PURGE", to("PURGE", "{p}", ""), Alone),
        row("TRACE", to("TRACE", "{p}", "x-theme: evil"), Alone),
        row("OPTIONS", to("OPTIONS", "{p}", "origin: http://evil.test"), Alone),
        case(FAMILY, "POST that says to be of this target, by a field that is believed", body("POST", &format!("x-host: evil.test\n{form}")), own, Alone),
        case(FAMILY, "POST that says to be of another target", body("POST", form), located, Alone),
        case(FAMILY, "POST that says to be of this target, and fails", body("POST", form), failing, Alone),
        case(FAMILY, "POST with a redirect that is fresh", body("POST", form), moved, Alone),
        row("a method in a field", with("x-http-method-override: TRACE"), Disarmed),
        row("a request behind a request", format!("{}{}", body("GET", "content-length: 4\n\nevil"), with("x-host: evil")), Alone),
    ]
}

/// A request with fields, an empty line and content.
fn body(method: &str, rest: &str) -> String {
    format!("{method} {{p}} HTTP/1.1\r\nHost: shop.test\r\n{}", rest.replace('\n', "\r\n"))
}

/// Says of another length in answers to `HEAD`.
fn short_head(asked: &Asked) -> Vec<u8> {
    match asked.method() {
        "HEAD" => answer(asked, "200 OK", FRESH, "e"),
        _ => mirror(asked),
    }
}

/// Says that this is what `GET` would bring.
fn own(asked: &Asked) -> Vec<u8> {
    let fields = format!("{FRESH}\nContent-Location: {}", asked.target());
    answer(asked, "200 OK", &fields, asked.field("x-host").unwrap_or("page"))
}

/// Sends to what was not asked for.
fn located(asked: &Asked) -> Vec<u8> {
    let fields = format!("{FRESH}\nContent-Location: {}", asked.target().replace('b', "c"));
    match asked.method() {
        "POST" => answer(asked, "200 OK", &format!("{fields}x"), "evil"),
        _ => mirror(asked),
    }
}

fn failing(asked: &Asked) -> Vec<u8> {
    let fields = format!("{FRESH}\nContent-Location: {}", asked.target());
    match asked.method() {
        "POST" => answer(asked, "404 Not Found", &fields, "evil"),
        _ => mirror(asked),
    }
}

fn moved(asked: &Asked) -> Vec<u8> {
    let fields = format!("{FRESH}\nContent-Location: {}\nLocation: /evil", asked.target());
    match asked.method() {
        "POST" => answer(asked, "301 Moved Permanently", &fields, "evil"),
        _ => mirror(asked),
    }
}
