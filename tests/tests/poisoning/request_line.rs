//! Targets and hosts: two that one reader takes for the same and another does not.

use super::case::Reach::{Alone, Disarmed, Refused};
use super::case::{Case, at, case, to};
use super::origin::{Asked, FRESH, answer, mirror};

const FAMILY: &str = "target";

#[rustfmt::skip]
pub(crate) fn cases() -> Vec<Case> {
    let row = |name: &str, attack: String, reach| case(FAMILY, name, attack, mirror, reach);
    let mut cases = vec![
        row("absolute form, as it should be", at("http://shop.test{p}"), Disarmed),
        row("absolute form, another authority", at("http://evil.test{p}"), Refused),
        row("absolute form, a user", at("http://evil@shop.test{p}"), Refused),
        row("absolute form, another port", at("http://shop.test:81{p}"), Refused),
        row("absolute form, another scheme", at("https://shop.test{p}"), Disarmed),
        row("absolute form, no web address", at("ftp://shop.test{p}"), Refused),
        row("absolute form, in capitals", at("HTTP://SHOP.TEST{p}"), Disarmed),
        row("two slashes before it", at("/{p}"), Refused),
        row("two slashes with an authority", at("//evil.test{p}"), Refused),
        row("two slashes within", at("{p}//evil"), Alone),
        row("a slash behind", at("{p}/"), Alone),
        row("a dot segment", at("/.{p}"), Refused),
        row("two dots", at("/evil/..{p}"), Refused),
        row("two dots, encoded", at("/evil/%2e%2e{p}"), Refused),
        row("two dots, half encoded", at("/evil/.%2E{p}"), Refused),
        row("two dots behind an encoded slash", at("/evil%2f..{p}"), Refused),
        row("two dots behind a backslash", at("/evil\\..{p}"), Refused),
        row("two dots behind an encoded backslash", at("/evil%5c..{p}"), Refused),
        row("a slash, encoded", at("{p}%2Fevil"), Alone),
        row("two dots, encoded twice", at("/evil/%252e%252e{p}"), Alone),
        row("a letter, encoded", at("/%70{q}"), Disarmed),
        row("a letter, encoded twice", at("/%2570{q}"), Alone),
        row("in capitals", at("/P{q}"), Alone),
        row("a backslash", at("{p}\\evil"), Refused),
        row("a fragment", at("{p}#evil"), Disarmed),
        row("a fragment before a query", at("{p}#evil?evil"), Disarmed),
        row("a fragment, encoded", at("{p}%23evil"), Alone),
        row("an empty query", at("{p}?"), Alone),
        row("a query, encoded", at("{p}%3fevil"), Alone),
        row("a question mark in the query", at("{p}?a=b?evil"), Alone),
        row("a parameter of the path", at("{p};evil"), Alone),
        row("an empty parameter of the path", at("{p};"), Alone),
        row("NUL, encoded", at("{p}%00evil"), Refused),
        row("a line end, encoded", at("{p}%0d%0aevil"), Refused),
        row("a line end, encoded, in the query", at("{p}?%0d%0aevil"), Alone),
        row("NUL", at("{p}\0evil"), Refused),
        row("a tab", at("{p}\tevil"), Refused),
        row("a space", at("{p} evil"), Refused),
        row("bytes that are no ASCII", at("{p}\u{e9}"), Refused),
        row("bytes that are no ASCII, encoded", at("{p}%e9"), Alone),
        row("a soft hyphen", at("{p}%C2%AD"), Alone),
        row("a dot behind", at("{p}."), Alone),
        row("a name as of a file", at("{p}/evil.css"), Alone),
        row("braces", at("{p}{evil}"), Alone),
        row("a quotation mark", at("{p}\"evil"), Alone),
        row("very long", at(&format!("{{p}}?{}", "e".repeat(60_000))), Refused),
        row("a method in small letters", to("get", "{p}", ""), Alone),
        row("a method that nobody knows", to("EVIL", "{p}", ""), Alone),
        row("a method that ends like GET", to("FORGET", "{p}", ""), Alone),
        row("a line of HTTP/1.2", "GET {p} HTTP/1.2\r\nHost: shop.test\r\n\r\n".into(), Refused),
        row("a line of HTTP/0.9", "GET {p}\r\n\r\n".into(), Refused),
        row("a line with a tab", "GET\t{p}\tHTTP/1.1\r\nHost: shop.test\r\n\r\n".into(), Refused),
        row("an empty line before it", "\r\nGET {p} HTTP/1.1\r\nHost: shop.test\r\nx-host: evil\r\n\r\n".into(), Disarmed),
    ];
    cases.extend(hosts());
    cases
}

#[rustfmt::skip]
fn hosts() -> Vec<Case> {
    let host = |name: &str, hosts: &str, reach| {
        let attack = format!("GET {{p}} HTTP/1.1\r\n{hosts}\r\n");
        case("host", name, attack, mirror, reach)
    };
    vec![
        host("another", "Host: evil.test\r\n", Alone),
        host("two", "Host: shop.test\r\nHost: evil.test\r\n", Refused),
        host("two, in the other order", "Host: evil.test\r\nHost: shop.test\r\n", Refused),
        host("a list", "Host: shop.test, evil.test\r\n", Refused),
        host("none", "", Refused),
        host("empty", "Host:\r\n", Refused),
        host("in capitals", "Host: SHOP.test\r\n", Disarmed),
        host("the default port", "Host: shop.test:80\r\n", Disarmed),
        host("an empty port", "Host: shop.test:\r\n", Alone),
        host("another port", "Host: shop.test:31337\r\n", Alone),
        host("a port with zeros", "Host: shop.test:0080\r\n", Alone),
        host("a port that is none", "Host: shop.test:evil\r\n", Refused),
        host("a port that is too large", "Host: shop.test:65616\r\n", Refused),
        host("a dot behind", "Host: shop.test.\r\n", Alone),
        host("a user", "Host: evil@shop.test\r\n", Refused),
        host("a path", "Host: shop.test/evil\r\n", Refused),
        host("a query", "Host: shop.test?evil\r\n", Refused),
        host("a fragment", "Host: shop.test#evil\r\n", Refused),
        host("a quotation mark", "Host: shop.test\"evil\r\n", Refused),
        host("a space", "Host: shop.test evil\r\n", Refused),
        host("a tab before it", "Host:\tshop.test\r\nx-host: evil\r\n", Disarmed),
        host("NUL", "Host: shop.test\0evil\r\n", Refused),
        host("no ASCII", "Host: shop.test\u{e9}\r\n", Refused),
        host("percent-encoded", "Host: shop%2etest\r\n", Refused),
        host("folded", "Host: shop.test\r\n evil\r\n", Refused),
        host("a space before it", " Host: shop.test\r\n", Refused),
        host("none, of HTTP/1.0", "", Alone).http_1_0(),
        host("another, of HTTP/1.0", "Host: evil.test\r\n", Alone).http_1_0(),
        case("host", "redirects to where it was asked for", "GET {p} HTTP/1.1\r\nHost: shop.test:31337\r\n\r\n", redirect, Alone),
        case("host", "redirects to a name in capitals", "GET {p} HTTP/1.1\r\nHost: Shop.Test\r\n\r\n", redirect, Disarmed),
    ]
}

impl Case {
    fn http_1_0(mut self) -> Self {
        for attack in &mut self.attack {
            *attack = attack.replace("HTTP/1.1", "HTTP/1.0");
        }
        self
    }
}

fn redirect(asked: &Asked) -> Vec<u8> {
    let host = asked.field("host").unwrap_or_default();
    let fields = format!("{FRESH}\nLocation: http://{host}/login");
    answer(asked, "301 Moved Permanently", &fields, host)
}

/// A link that leaves parameters out of the key must leave them out of the request.
#[rustfmt::skip]
pub(crate) fn queries() -> Vec<Case> {
    let row = |name: &str, attack: &str, victim: &str, reach| {
        case("query", name, at(attack), mirror, reach).victim(at(victim))
    };
    vec![
        row("one that does not count", "{p}?utm_source=evil", "{p}", Disarmed),
        row("one that does not count, beside another", "{p}?a=1&utm_content=evil", "{p}?a=1", Disarmed),
        row("its name encoded", "{p}?%75tm_source=evil", "{p}", Disarmed),
        row("its name partly encoded, twice", "{p}?%2575tm_source=evil", "{p}", Alone),
        row("a name that begins otherwise", "{p}?xutm_source=evil", "{p}", Alone),
        row("in capitals", "{p}?UTM_source=evil", "{p}", Alone),
        row("another behind a semicolon", "{p}?a=1&utm_content=x;a=evil", "{p}?a=1", Disarmed),
        row("another behind an encoded ampersand", "{p}?a=1&utm_content=x%26a=evil", "{p}?a=1", Disarmed),
        row("another behind a question mark", "{p}?a=1&utm_content=x?a=evil", "{p}?a=1", Disarmed),
        row("another behind a second question mark", "{p}?a=1?utm_content=x&a=evil", "{p}?a=1", Alone),
        row("without a value", "{p}?fbclid", "{p}", Disarmed),
        row("with brackets", "{p}?fbclid[]=evil", "{p}", Alone),
        row("a semicolon in its name", "{p}?fbclid;a=evil", "{p}", Alone),
        row("twice", "{p}?a=1&a=evil", "{p}?a=1", Alone),
        row("twice, in the other order", "{p}?a=evil&a=1", "{p}?a=1&a=evil", Alone),
        row("in another order", "{p}?b=2&a=1", "{p}?a=1&b=2", Disarmed),
        row("nothing between ampersands", "{p}?a=1&&", "{p}?a=1", Alone),
        row("a fragment", "{p}?a=1#utm_content=x", "{p}?a=1", Disarmed),
        row("a plus for a space", "{p}?a=x+y", "{p}?a=x%20y", Alone),
        row("an encoded equals sign", "{p}?fbclid%3dx=evil", "{p}", Alone),
    ]
}
