//! Fields that frameworks, proxies and storage services believe, and that no key has.

use super::case::Reach::{Alone, Disarmed, Refused};
use super::case::{Case, case, with};
use super::origin::{Asked, FRESH, answer, mirror};

const FAMILY: &str = "unkeyed";

/// Each is sent to an origin that tells all that it was asked.
const DISARMED: &[&str] = &[
    "x-forwarded-host: evil.test",
    "x-forwarded-host: shop.test\nx-forwarded-host: evil.test",
    "x-forwarded-server: evil.test",
    "x-forwarded-proto: evil",
    "x-forwarded-scheme: nothttps",
    "x-forwarded-protocol: nothttps",
    "x-forwarded-port: 31337",
    "x-forwarded-ssl: on",
    "x-forwarded-for: 203.0.113.66",
    "x-forwarded-prefix: /evil",
    "x-forwarded-path: /evil",
    "x-forwarded-uri: /evil",
    "forwarded: for=203.0.113.66;host=evil.test;proto=https",
    "front-end-https: on",
    "x-url-scheme: nothttps",
    "x-scheme: nothttps",
    "x-host: evil.test",
    "x-original-host: evil.test",
    "x-http-host-override: evil.test",
    "x-original-url: /evil",
    "x-original-uri: /evil",
    "x-rewrite-url: /evil",
    "x-http-method: DELETE",
    "x-http-method-override: POST",
    "x-method-override: HEAD",
    "x-real-ip: 203.0.113.66",
    "x-client-ip: 203.0.113.66",
    "true-client-ip: 203.0.113.66",
    "proxy: http://evil.test:80",
    "x-middleware-subrequest: middleware",
    "x-middleware-prefetch: 1",
    "x-invoke-path: /evil",
    "x-matched-path: /evil",
    "x-now-route-matches: 1=evil",
    "x-amz-website-redirect-location: http://evil.test/",
    "x-amz-server-side-encryption: AES256",
    "expect: 100-continue",
    "te: trailers",
    "upgrade: evil",
    "connection: close, x-theme\nx-theme: evil",
    "keep-alive: timeout=1",
    "proxy-connection: evil",
    "content-type: evil",
    "content-length: 0",
    "content-encoding: evil",
    "x_forwarded_host: evil.test",
    "x-forwarded_host: evil.test",
];

pub(crate) fn cases() -> Vec<Case> {
    let known = DISARMED.iter().map(|fields| case(FAMILY, *fields, with(fields), mirror, Disarmed));
    known.chain(others()).chain(malformed()).collect()
}

#[rustfmt::skip]
fn others() -> Vec<Case> {
    let row = |name: &str, fields: &str, origin, reach| case(FAMILY, name, with(fields), origin, reach);
    vec![
        row("a credential", "authorization: Bearer evil", mirror, Alone),
        row("a credential of a proxy", "proxy-authorization: Basic evil", mirror, Disarmed),
        row("an origin that scripts are allowed", "origin: http://evil.test", sharing, Alone),
        row("an origin that scripts are allowed, with Vary for another", "origin: http://evil.test", sharing_varied, Alone),
        row("a field that goes with the connection, and varies", "connection: x-theme\nx-theme: dark", theme, Alone)
            .victim(with("x-theme: dark")),
        row("languages that go with the connection, and vary", "connection: accept-language\naccept-language: de", language, Alone)
            .victim(with("accept-language: de")),
        row("Host that goes with the connection", "connection: host", mirror, Disarmed),
        row("a condition for the origin", "if-match: \"evil\"", failing, Alone),
        row("a date for the origin", "if-unmodified-since: Thu, 01 Jan 1970 00:00:00 GMT", failing, Alone),
        row("a condition for the cache", "if-none-match: *", mirror, Alone),
        row("a date for the cache", "if-modified-since: Thu, 01 Jan 2099 00:00:00 GMT", mirror, Alone),
    ]
}

/// What some readers take for a field, and others for none.
#[rustfmt::skip]
fn malformed() -> Vec<Case> {
    let row = |name: &str, fields: &str| case(FAMILY, name, with(fields), mirror, Refused);
    vec![
        row("a space before the colon", "x-forwarded-host : evil.test"),
        row("a space before the name", "x: y\n x-forwarded-host: evil.test"),
        row("a bare CR", "x: y\rx-forwarded-host: evil.test"),
        row("a NUL in the value", "x-theme: ev\0il"),
    ]
}

/// Behind a proxy whose fields are believed, a client's can be among them.
pub(crate) fn behind_proxy() -> Vec<Case> {
    let behind = with("x-forwarded-for: 198.51.100.7\nx-forwarded-proto: https");
    let cases = [
        ("the scheme", "x-forwarded-for: 198.51.100.7\nx-forwarded-proto: http", Alone),
        ("no scheme", "x-forwarded-for: 198.51.100.7", Alone),
        (
            "two schemes",
            "x-forwarded-for: 198.51.100.7\nx-forwarded-proto: http\nx-forwarded-proto: https",
            Alone,
        ),
        ("a scheme that is none", "x-forwarded-for: 198.51.100.7\nx-forwarded-proto: evil", Alone),
        (
            "the host",
            "x-forwarded-for: 198.51.100.7\nx-forwarded-proto: https\nx-forwarded-host: evil.test",
            Disarmed,
        ),
        (
            "the newer field",
            "x-forwarded-for: 198.51.100.7\nx-forwarded-proto: https\nforwarded: host=evil.test;proto=http",
            Disarmed,
        ),
    ];
    let row =
        |(name, fields, reach)| case("proxy", name, with(fields), mirror, reach).victim(&behind);
    cases.into_iter().map(row).collect()
}

/// Lets the scripts of whoever asks read the answer, and forgets to say that it varies.
fn sharing(asked: &Asked) -> Vec<u8> {
    let origin = asked.field("origin").unwrap_or("https://shop.test");
    let fields = format!("{FRESH}\nAccess-Control-Allow-Origin: {origin}");
    answer(asked, "200 OK", &fields, origin)
}

fn sharing_varied(asked: &Asked) -> Vec<u8> {
    let origin = asked.field("origin").unwrap_or("https://shop.test");
    let fields = format!("{FRESH}\nVary: accept-encoding\nAccess-Control-Allow-Origin: {origin}");
    answer(asked, "200 OK", &fields, origin)
}

fn theme(asked: &Asked) -> Vec<u8> {
    let theme = asked.field("x-theme").unwrap_or("light");
    answer(asked, "200 OK", &format!("{FRESH}\nVary: x-theme"), theme)
}

fn language(asked: &Asked) -> Vec<u8> {
    let language = asked.field("accept-language").unwrap_or("en");
    answer(asked, "200 OK", &format!("{FRESH}\nVary: accept-language"), language)
}

/// Conditions that nobody meets.
fn failing(asked: &Asked) -> Vec<u8> {
    let fails = asked.field("if-match").is_some() || asked.field("if-unmodified-since").is_some();
    let (status, body) =
        if fails { ("412 Precondition Failed", "evil") } else { ("200 OK", "page") };
    answer(asked, status, FRESH, body)
}
