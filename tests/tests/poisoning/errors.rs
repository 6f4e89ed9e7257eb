//! Errors that an attacker can provoke, and that the origin calls fresh.

use super::case::Reach::{Alone, Disarmed, Refused};
use super::case::{Case, case, with};
use super::origin::{Asked, FRESH, Script, answer};

const FAMILY: &str = "error";

/// An origin that answers a field of its application with a status.
macro_rules! provoked {
    ($status:literal) => {
        |asked: &Asked| {
            let is_bad = asked.field("x-theme").is_some() || asked.field("cookie").is_some();
            let (status, body) = if is_bad { ($status, "evil") } else { ("200 OK", "page") };
            answer(asked, status, &format!("{FRESH}\nETag: \"{}\"", body), body)
        }
    };
}

/// Statuses that say something of how was asked, or of how the origin feels.
#[rustfmt::skip]
const PROVOKED: &[(&str, Script)] = &[
    ("400", provoked!("400 Bad Request")),
    ("401", provoked!("401 Unauthorized")),
    ("402", provoked!("402 Payment Required")),
    ("403", provoked!("403 Forbidden")),
    ("405", provoked!("405 Method Not Allowed")),
    ("406", provoked!("406 Not Acceptable")),
    ("407", provoked!("407 Proxy Authentication Required")),
    ("408", provoked!("408 Request Timeout")),
    ("409", provoked!("409 Conflict")),
    ("411", provoked!("411 Length Required")),
    ("412", provoked!("412 Precondition Failed")),
    ("413", provoked!("413 Content Too Large")),
    ("415", provoked!("415 Unsupported Media Type")),
    ("416", provoked!("416 Range Not Satisfiable")),
    ("417", provoked!("417 Expectation Failed")),
    ("421", provoked!("421 Misdirected Request")),
    ("422", provoked!("422 Unprocessable Content")),
    ("425", provoked!("425 Too Early")),
    ("426", provoked!("426 Upgrade Required")),
    ("428", provoked!("428 Precondition Required")),
    ("429", provoked!("429 Too Many Requests")),
    ("431", provoked!("431 Request Header Fields Too Large")),
    ("451", provoked!("451 Unavailable For Legal Reasons")),
    ("499", provoked!("499 Evil")),
    ("500", provoked!("500 Internal Server Error")),
    ("501", provoked!("501 Not Implemented")),
    ("502", provoked!("502 Bad Gateway")),
    ("503", provoked!("503 Service Unavailable")),
    ("504", provoked!("504 Gateway Timeout")),
    ("505", provoked!("505 HTTP Version Not Supported")),
    ("508", provoked!("508 Loop Detected")),
    ("599", provoked!("599 Evil")),
    ("206 for no range", provoked!("206 Partial Content")),
    ("304 for no condition", provoked!("304 Not Modified")),
];

#[rustfmt::skip]
pub(crate) fn cases() -> Vec<Case> {
    let provoked = PROVOKED.iter();
    let provoked = provoked.map(|(name, origin)| case(FAMILY, *name, with("x-theme: evil"), *origin, Alone));
    let mut cases: Vec<Case> = provoked.collect();
    let row = |name: &str, attack: String, reach| case(FAMILY, name, attack, strict, reach);
    cases.extend([
        row("a field that is too large for the origin", with(&format!("x-theme: {}", "e".repeat(9_000))), Alone),
        row("a cookie that is too large for the origin", with(&format!("cookie: a={}", "e".repeat(9_000))), Alone),
        row("many fields", with(&"x-theme: evil\n".repeat(90)), Alone),
        row("more fields than the node takes", with(&"x-theme: evil\n".repeat(5_000)), Refused),
        row("a field larger than the node takes", with(&format!("x-theme: {}", "e".repeat(900_000))), Refused),
        row("a control character in a value", with("x-theme: e\u{7}vil"), Refused),
        row("bytes that are no ASCII in a value", with("x-theme: e\u{ff}vil"), Alone),
        row("a range that nothing satisfies", with("range: bytes=99999-"), Alone),
        row("a range that is none", with("range: evil=1"), Alone),
        row("a range of ten thousand parts", with(&format!("range: bytes=0-{}", ",0-".repeat(5_000))), Alone),
        row("an expectation that nobody has", with("expect: evil"), Disarmed),
        row("a method that the origin does not have", with("x-http-method-override: EVIL"), Disarmed),
        row("an upgrade that the origin refuses", with("upgrade: evil"), Disarmed),
        row("a language that the origin refuses", with("accept-language: evil"), Alone),
        row("a type that the origin refuses", with("accept: evil/evil"), Alone),
        case(FAMILY, "an origin that says nothing", with("x-theme: evil"), silent, Alone),
        case(FAMILY, "an origin that is not HTTP", with("x-theme: evil"), garbage, Alone),
        case(FAMILY, "a head that is too large for the node", with("x-theme: evil"), huge, Alone),
        case(FAMILY, "hints without end", with("x-theme: evil"), hints, Alone),
        case(FAMILY, "another protocol, unasked", with("x-theme: evil"), switching, Alone),
        case(FAMILY, "an error with a tag, validated", with("x-theme: evil"), tagged, Alone),
    ]);
    cases
}

/// An origin that is easily upset.
fn strict(asked: &Asked) -> Vec<u8> {
    let has = |name: &str| asked.field(name).is_some();
    let status = if asked.head.len() > 8_000 {
        "431 Request Header Fields Too Large"
    } else if has("x-http-method-override") {
        "405 Method Not Allowed"
    } else if has("upgrade") {
        "426 Upgrade Required"
    } else if has("expect") {
        "417 Expectation Failed"
    } else if has("accept-language") || has("accept") {
        "406 Not Acceptable"
    } else if has("range") {
        "416 Range Not Satisfiable"
    } else if has("x-theme") || has("x-forwarded-scheme") {
        "400 Bad Request"
    } else {
        "200 OK"
    };
    answer(asked, status, FRESH, status)
}

fn page(asked: &Asked) -> Vec<u8> {
    answer(asked, "200 OK", FRESH, "page")
}

fn silent(asked: &Asked) -> Vec<u8> {
    super::play::first(asked, Vec::new(), page)
}

fn garbage(asked: &Asked) -> Vec<u8> {
    super::play::first(asked, b"this is not HTTP\r\n\r\n".to_vec(), page)
}

fn huge(asked: &Asked) -> Vec<u8> {
    let field = format!("X-Huge: {}\n", "x".repeat(8_000));
    super::play::first(
        asked,
        answer(asked, "200 OK", &format!("{FRESH}\n{}", field.repeat(40)), "evil"),
        page,
    )
}

fn hints(asked: &Asked) -> Vec<u8> {
    let hint = b"HTTP/1.1 103 Early Hints\r\nLink: </evil>\r\n\r\n";
    super::play::first(asked, hint.repeat(10_000), page)
}

fn switching(asked: &Asked) -> Vec<u8> {
    let switch =
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: evil\r\n\r\n";
    super::play::first(asked, switch.to_vec(), page)
}

/// An error that asks to be asked for again.
fn tagged(asked: &Asked) -> Vec<u8> {
    if asked.field("if-none-match") == Some("\"evil\"") {
        return answer(asked, "304 Not Modified", "ETag: \"evil\"", "");
    }
    let bad = answer(
        asked,
        "500 Internal Server Error",
        "Cache-Control: no-cache\nETag: \"evil\"",
        "evil",
    );
    super::play::first(asked, bad, page)
}
