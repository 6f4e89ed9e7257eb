//! Answers that are not what they say to be: whoever comes next gets a sound one.

use super::case::Reach::Alone;
use super::case::{CLEAN, Case, bytes, case};
use super::origin::{Asked, FRESH, Script, answer};
use super::play::first;

const FAMILY: &str = "broken";

/// An origin whose first answer, to the attacker, has this head and content.
macro_rules! broken {
    ($head:literal, $body:expr) => {
        |asked: &Asked| {
            let text =
                format!("{}\r\nConnection: close\r\n\r\n{}", $head.replace('\n', "\r\n"), $body);
            first(asked, bytes(&text), page)
        }
    };
}

fn page(asked: &Asked) -> Vec<u8> {
    answer(asked, "200 OK", FRESH, "page of the shop")
}

#[rustfmt::skip]
const BROKEN: &[(&str, Script)] = &[
    ("fewer bytes than announced", broken!("HTTP/1.1 200 OK\nCache-Control: max-age=600\nContent-Length: 100", "evil")),
    ("none of the bytes announced", broken!("HTTP/1.1 200 OK\nCache-Control: max-age=600\nContent-Length: 100", "")),
    ("chunks cut off", broken!("HTTP/1.1 200 OK\nCache-Control: max-age=600\nTransfer-Encoding: chunked", "4\r\nevil\r\n")),
    ("chunks cut off in one", broken!("HTTP/1.1 200 OK\nCache-Control: max-age=600\nTransfer-Encoding: chunked", "40\r\nevil")),
    ("chunks cut off in the trailers", broken!("HTTP/1.1 200 OK\nCache-Control: max-age=600\nTransfer-Encoding: chunked", "4\r\nevil\r\n0\r\nX: y\r\n")),
    ("a chunk's size that is none", broken!("HTTP/1.1 200 OK\nCache-Control: max-age=600\nTransfer-Encoding: chunked", "4\r\nevil\r\nz\r\n")),
    ("a chunk's size that is negative", broken!("HTTP/1.1 200 OK\nCache-Control: max-age=600\nTransfer-Encoding: chunked", "-4\r\nevil\r\n0\r\n\r\n")),
    ("a chunk's size that is too large", broken!("HTTP/1.1 200 OK\nCache-Control: max-age=600\nTransfer-Encoding: chunked", "fffffffffffffffff\r\nevil\r\n0\r\n\r\n")),
    ("a chunk longer than its size", broken!("HTTP/1.1 200 OK\nCache-Control: max-age=600\nTransfer-Encoding: chunked", "3\r\nevil\r\n0\r\n\r\n")),
    ("two lengths", broken!("HTTP/1.1 200 OK\nCache-Control: max-age=600\nContent-Length: 4\nContent-Length: 9", "evil")),
    ("a list of lengths", broken!("HTTP/1.1 200 OK\nCache-Control: max-age=600\nContent-Length: 4, 9", "evil")),
    ("a negative length", broken!("HTTP/1.1 200 OK\nCache-Control: max-age=600\nContent-Length: -4", "evil")),
    ("a length of too many digits", broken!("HTTP/1.1 200 OK\nCache-Control: max-age=600\nContent-Length: 99999999999999999999999", "evil")),
    ("a length and chunks", broken!("HTTP/1.1 200 OK\nCache-Control: max-age=600\nContent-Length: 4\nTransfer-Encoding: chunked", "4\r\nevil\r\n0\r\n\r\n")),
    ("another coding", broken!("HTTP/1.1 200 OK\nCache-Control: max-age=600\nTransfer-Encoding: gzip", "evil")),
    ("chunks of HTTP/1.0", broken!("HTTP/1.0 200 OK\nCache-Control: max-age=600\nTransfer-Encoding: chunked", "4\r\nevil\r\n0\r\n\r\n")),
    ("NUL in a field", broken!("HTTP/1.1 200 OK\nCache-Control: max-age=600\nX: e\0vil\nContent-Length: 4", "evil")),
    ("a bare CR in a field", broken!("HTTP/1.1 200 OK\nCache-Control: max-age=600\nX: e\rvil: 1\nContent-Length: 4", "evil")),
    ("a folded field", broken!("HTTP/1.1 200 OK\nCache-Control: max-age=600,\n no-store\nContent-Length: 4", "evil")),
    ("a space before a colon", broken!("HTTP/1.1 200 OK\nCache-Control : max-age=600\nContent-Length: 4", "evil")),
    ("no-store beside max-age", broken!("HTTP/1.1 200 OK\nCache-Control: max-age=600, no-store\nContent-Length: 4", "evil")),
    ("no-store in another line", broken!("HTTP/1.1 200 OK\nCache-Control: max-age=600\nCache-Control: no-store\nContent-Length: 4", "evil")),
    ("no-store in capitals", broken!("HTTP/1.1 200 OK\nCache-Control: MAX-AGE=600, NO-STORE\nContent-Length: 4", "evil")),
    ("no-store with a value", broken!("HTTP/1.1 200 OK\nCache-Control: max-age=600, no-store=\"x\"\nContent-Length: 4", "evil")),
    ("no-store behind a quotation that never ends", broken!("HTTP/1.1 200 OK\nCache-Control: max-age=600, x=\"y, no-store\nContent-Length: 4", "evil")),
    ("no-store behind empty members", broken!("HTTP/1.1 200 OK\nCache-Control: ,, ,max-age=600,,no-store,\nContent-Length: 4", "evil")),
    ("no-store behind a semicolon", broken!("HTTP/1.1 200 OK\nCache-Control: max-age=600; no-store\nContent-Length: 4", "evil")),
    ("private", broken!("HTTP/1.1 200 OK\nCache-Control: max-age=600, private\nContent-Length: 4", "evil")),
    ("private beside public", broken!("HTTP/1.1 200 OK\nCache-Control: public, private, s-maxage=600\nContent-Length: 4", "evil")),
    ("private, for a field that is not there", broken!("HTTP/1.1 200 OK\nCache-Control: max-age=600, private=\nContent-Length: 4", "evil")),
    ("no-cache", broken!("HTTP/1.1 200 OK\nCache-Control: max-age=600, no-cache\nContent-Length: 4", "evil")),
    ("two lifetimes, one of them none", broken!("HTTP/1.1 200 OK\nCache-Control: max-age=600, max-age=0\nContent-Length: 4", "evil")),
    ("a lifetime for shared caches of zero", broken!("HTTP/1.1 200 OK\nCache-Control: max-age=600, s-maxage=0\nContent-Length: 4", "evil")),
    ("a lifetime that is none", broken!("HTTP/1.1 200 OK\nCache-Control: max-age=evil\nContent-Length: 4", "evil")),
    ("a negative lifetime", broken!("HTTP/1.1 200 OK\nCache-Control: max-age=-600\nContent-Length: 4", "evil")),
    ("a lifetime in quotes that do not end", broken!("HTTP/1.1 200 OK\nCache-Control: max-age=\"600\nContent-Length: 4", "evil")),
    ("a date of expiry that is none", broken!("HTTP/1.1 200 OK\nExpires: 0\nContent-Length: 4", "evil")),
    ("two dates of expiry", broken!("HTTP/1.1 200 OK\nExpires: Thu, 01 Jan 1970 00:00:00 GMT\nExpires: Thu, 01 Jan 2099 00:00:00 GMT\nContent-Length: 4", "evil")),
    ("older than it may be", broken!("HTTP/1.1 200 OK\nCache-Control: max-age=600\nAge: 601\nContent-Length: 4", "evil")),
    ("older than can be counted", broken!("HTTP/1.1 200 OK\nCache-Control: max-age=600\nAge: 99999999999999999999\nContent-Length: 4", "evil")),
    ("dated long ago", broken!("HTTP/1.1 200 OK\nCache-Control: max-age=600\nDate: Thu, 01 Jan 1970 00:00:00 GMT\nContent-Length: 4", "evil")),
    ("not said to be fresh", broken!("HTTP/1.1 200 OK\nContent-Length: 4", "evil")),
    ("modified in the future", broken!("HTTP/1.1 200 OK\nLast-Modified: Thu, 01 Jan 2099 00:00:00 GMT\nContent-Length: 4", "evil")),
    ("sets a cookie", broken!("HTTP/1.1 200 OK\nCache-Control: max-age=600\nSet-Cookie: session=evil\nContent-Length: 4", "evil")),
    ("varies by everything", broken!("HTTP/1.1 200 OK\nCache-Control: max-age=600\nVary: *\nContent-Length: 4", "evil")),
    ("varies by everything, among others", broken!("HTTP/1.1 200 OK\nCache-Control: max-age=600\nVary: accept-encoding, *\nContent-Length: 4", "evil")),
    ("varies by everything, in another line", broken!("HTTP/1.1 200 OK\nCache-Control: max-age=600\nVary: accept\nVary: *\nContent-Length: 4", "evil")),
    ("varies by what is no field", broken!("HTTP/1.1 200 OK\nCache-Control: max-age=600\nVary: x y\nContent-Length: 4", "evil")),
    ("varies by too much", broken!("HTTP/1.1 200 OK\nCache-Control: max-age=600\nVary: a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t,u,v,w,x,y,z,aa,ab,ac,ad,ae,af,ag,ah\nContent-Length: 4", "evil")),
    ("a part that was not asked for", broken!("HTTP/1.1 206 Partial Content\nCache-Control: max-age=600\nContent-Range: bytes 0-3/4\nContent-Length: 4", "evil")),
    ("parts that were not asked for", broken!("HTTP/1.1 206 Partial Content\nCache-Control: max-age=600\nContent-Type: multipart/byteranges; boundary=x\nContent-Length: 4", "evil")),
    ("not modified, unasked", broken!("HTTP/1.1 304 Not Modified\nCache-Control: max-age=600\nETag: \"evil\"", "")),
    ("a status that must be understood", broken!("HTTP/1.1 299 Evil\nCache-Control: max-age=600, must-understand, no-store\nContent-Length: 4", "evil")),
    ("a coding that was not asked for", broken!("HTTP/1.1 200 OK\nCache-Control: max-age=600, no-store\nContent-Encoding: evil\nContent-Length: 4", "evil")),
    ("hints before it", broken!("HTTP/1.1 103 Early Hints\nLink: </evil>\n\nHTTP/1.1 200 OK\nCache-Control: no-store\nContent-Length: 4", "evil")),
];

pub(crate) fn cases() -> Vec<Case> {
    let rows = BROKEN.iter().map(|(name, origin)| case(FAMILY, *name, CLEAN, *origin, Alone));
    let mut cases: Vec<Case> = rows.collect();
    cases.extend([
        case(FAMILY, "another answer behind it", CLEAN, trailing, Alone),
        case(FAMILY, "a page of the account under a name as of a file", CLEAN, account, Alone),
        case(FAMILY, "a page of the account, with a cookie", CLEAN, session, Alone),
    ]);
    cases
}

/// The first answer is for nobody else, and one more lies behind it.
fn trailing(asked: &Asked) -> Vec<u8> {
    let mut bad = answer(asked, "200 OK", "Cache-Control: no-store", "mine");
    bad.extend(answer(asked, "200 OK", FRESH, "evil"));
    first(asked, bad, page)
}

/// Web cache deception: what is private is so under every name.
fn account(asked: &Asked) -> Vec<u8> {
    let fields = "Cache-Control: private, max-age=600\nContent-Type: text/css";
    first(asked, answer(asked, "200 OK", fields, "evil"), page)
}

fn session(asked: &Asked) -> Vec<u8> {
    let fields = format!("{FRESH}\nSet-Cookie: session=evil; HttpOnly");
    first(asked, answer(asked, "200 OK", &fields, "evil"), page)
}
