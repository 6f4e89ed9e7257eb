//! HTTP/2 in front, HTTP/1.1 behind: requests that would be two, or others, if they
//! were written down as they are. Each is followed by a marked request on the same
//! connection, and by one on another; all go through one connection to the server
//! behind, which must see what the node has accepted, and only that.

use Fate::{Broken, Hasty, Refused, Served};
use sedge_tests::backends::{Backend, Seen};
use sedge_tests::h2::{self, Answer, H2, block, flag, frame, kind};
use sedge_tests::{Node, Scenario, wait_for};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

type Fields = &'static [(&'static str, &'static str)];

/// What must become of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// Nothing is passed on: a status from 400, a stream that is reset, or a connection
    /// that is ended.
    Refused,
    /// The same, but the server behind may have seen its beginning.
    Broken,
    /// The same, but its head has said that there is no body, so it was passed on at
    /// once, without one.
    Hasty,
    /// The server sees this method, `/first`, and this body.
    Served(&'static str, &'static str),
}

/// A request, field by field.
struct Case {
    name: &'static str,
    fate: Fate,
    fields: Fields,
    /// Sent as one DATA frame each.
    data: &'static [&'static str],
    trailers: Fields,
}

const fn bare(name: &'static str, fate: Fate, fields: Fields) -> Case {
    Case { name, fate, fields, data: &[], trailers: &[] }
}

const fn with(
    name: &'static str,
    fate: Fate,
    fields: Fields,
    data: &'static [&'static str],
    trailers: Fields,
) -> Case {
    Case { name, fate, fields, data, trailers }
}

const M: (&str, &str) = (":method", "GET");
const P: (&str, &str) = (":method", "POST");
const S: (&str, &str) = (":scheme", "http");
const A: (&str, &str) = (":authority", "test");
const T: (&str, &str) = (":path", "/first");

const GET: Fate = Served("GET", "");
const HELLO: Fate = Served("POST", "hello");
const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: test\r\n\r\n";

#[rustfmt::skip]
const CASES: &[Case] = &[
    bare("plain", GET, &[M, S, A, T]),
    bare("TLS as the scheme", GET, &[M, (":scheme", "https"), A, T]),
    bare("Host alone", GET, &[M, S, T, ("host", "test")]),
    bare("Host is the same", GET, &[M, S, A, T, ("host", "test")]),
    bare("cookies in crumbs", GET, &[M, S, A, T, ("cookie", "a=1"), ("cookie", "b=2")]),
    bare("TE: trailers", GET, &[M, S, A, T, ("te", "trailers")]),
    bare("a fragment", GET, &[M, S, A, (":path", "/first#x")]),
    with("a body", HELLO, &[P, S, A, T], &["hello"], &[]),
    with("a body in pieces", HELLO, &[P, S, A, T], &["he", "", "llo"], &[]),
    with("a body with a length", HELLO, &[P, S, A, T, ("content-length", "5")], &["hello"], &[]),
    with("a body of GET", Served("GET", "hello"), &[M, S, A, T], &["hello"], &[]),
    with("a body of HEAD", Served("HEAD", "hello"), &[(":method", "HEAD"), S, A, T], &["hello"], &[]),
    with("a body that is a request", Served("POST", SMUGGLED), &[P, S, A, T], &[SMUGGLED], &[]),
    with("a body that looks like chunks", Served("POST", "0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n"), &[P, S, A, T], &["0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n"], &[]),
    with("trailers", HELLO, &[P, S, A, T], &["hello"], &[("x-sum", "5")]),
    with("trailers that frame", HELLO, &[P, S, A, T, ("trailer", "content-length, transfer-encoding")], &["hello"], &[("content-length", "50")]),
    with("Expect", HELLO, &[P, S, A, T, ("expect", "100-continue")], &["hello"], &[]),

    with("length: more than the body", Broken, &[P, S, A, T, ("content-length", "6")], &["hello"], &[]),
    with("length: less than the body", Broken, &[P, S, A, T, ("content-length", "4")], &["hello"], &[]),
    with("length: zero, and a body", Hasty, &[P, S, A, T, ("content-length", "0")], &[SMUGGLED], &[]),
    with("length: zero, and a body of GET", Hasty, &[M, S, A, T, ("content-length", "0")], &[SMUGGLED], &[]),
    bare("length: and no body", Broken, &[P, S, A, T, ("content-length", "38")]),
    bare("length: and no body of GET", Broken, &[M, S, A, T, ("content-length", "38")]),
    with("length: and an empty body", Broken, &[P, S, A, T, ("content-length", "38")], &[""], &[]),
    with("length: twice, different", Broken, &[P, S, A, T, ("content-length", "5"), ("content-length", "0")], &["hello"], &[]),
    with("length: twice, the same", Refused, &[P, S, A, T, ("content-length", "5"), ("content-length", "5")], &["hello"], &[]),
    with("length: a list", Refused, &[P, S, A, T, ("content-length", "5, 5")], &["hello"], &[]),
    with("length: plus", Refused, &[P, S, A, T, ("content-length", "+5")], &["hello"], &[]),
    with("length: space", Refused, &[P, S, A, T, ("content-length", "5 0")], &["hello"], &[]),
    with("length: hexadecimal", Refused, &[P, S, A, T, ("content-length", "0x5")], &["hello"], &[]),
    with("length: empty", Refused, &[P, S, A, T, ("content-length", "")], &["hello"], &[]),
    with("length: overflow", Refused, &[P, S, A, T, ("content-length", "18446744073709551621")], &["hello"], &[]),
    with("length: cut by a line end", Refused, &[P, S, A, T, ("content-length", "5\r\nx: y")], &["hello"], &[]),

    with("coding: chunked", Refused, &[P, S, A, T, ("transfer-encoding", "chunked")], &["0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: test\r\n\r\n"], &[]),
    with("coding: identity", Refused, &[P, S, A, T, ("transfer-encoding", "identity")], &["hello"], &[]),
    with("coding: with a length", Refused, &[P, S, A, T, ("content-length", "5"), ("transfer-encoding", "chunked")], &["hello"], &[]),
    with("coding: in a value", Refused, &[P, S, A, T, ("x", "y\r\ntransfer-encoding: chunked")], &["0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n"], &[]),
    with("coding: in a name", Refused, &[P, S, A, T, ("x: y\r\ntransfer-encoding", "chunked")], &["0\r\n\r\n"], &[]),
    bare("connection: close", Refused, &[M, S, A, T, ("connection", "close")]),
    bare("connection: names another", Refused, &[M, S, A, T, ("connection", "x-forwarded-for")]),
    bare("connection: keep-alive", Refused, &[M, S, A, T, ("keep-alive", "timeout=5")]),
    bare("connection: of a proxy", Refused, &[M, S, A, T, ("proxy-connection", "keep-alive")]),
    bare("connection: an upgrade", Refused, &[M, S, A, T, ("upgrade", "h2c")]),
    bare("connection: a WebSocket", Refused, &[M, S, A, T, ("connection", "upgrade"), ("upgrade", "websocket")]),
    bare("TE: not trailers", Refused, &[M, S, A, T, ("te", "gzip")]),

    bare("value: line end", Refused, &[M, S, A, T, ("x", "y\r\nz: 1")]),
    bare("value: a whole request", Refused, &[M, S, A, T, ("x", "y\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: test")]),
    bare("value: LF", Refused, &[M, S, A, T, ("x", "y\nz: 1")]),
    bare("value: CR", Refused, &[M, S, A, T, ("x", "y\rz: 1")]),
    bare("value: NUL", Refused, &[M, S, A, T, ("x", "y\0z")]),
    bare("value: DEL", Refused, &[M, S, A, T, ("x", "y\u{7f}")]),
    bare("name: line end", Refused, &[M, S, A, T, ("x\r\nz", "1")]),
    bare("name: colon", Refused, &[M, S, A, T, ("x:y", "1")]),
    bare("name: colon and a value", Refused, &[M, S, A, T, ("transfer-encoding: chunked\r\nx", "1")]),
    bare("name: space", Refused, &[M, S, A, T, ("x y", "1")]),
    bare("name: space at its end", Refused, &[M, S, A, T, ("content-length ", "5")]),
    bare("name: upper case", Refused, &[M, S, A, T, ("X-Upper", "1")]),
    bare("name: upper case of a length", Refused, &[M, S, A, T, ("Content-Length", "5")]),
    bare("name: empty", Refused, &[M, S, A, T, ("", "1")]),
    bare("name: NUL", Refused, &[M, S, A, T, ("x\0", "1")]),
    bare("name: 8 bits", Refused, &[M, S, A, T, ("\u{e9}", "1")]),

    bare("path: absent", Refused, &[M, S, A]),
    bare("path: empty", Refused, &[M, S, A, (":path", "")]),
    bare("path: twice", Refused, &[M, S, A, T, (":path", "/smuggled")]),
    bare("path: relative", Refused, &[M, S, A, (":path", "first")]),
    bare("path: asterisk", Refused, &[M, S, A, (":path", "*")]),
    bare("path: absolute", Refused, &[M, S, A, (":path", "http://test/first")]),
    bare("path: absolute, another host", Refused, &[M, S, A, (":path", "http://other/first")]),
    bare("path: two slashes", Refused, &[M, S, A, (":path", "//other/first")]),
    bare("path: space and a version", Refused, &[M, S, A, (":path", "/first HTTP/1.1\r\nHost: other\r\n\r\nGET /smuggled")]),
    bare("path: space", Refused, &[M, S, A, (":path", "/first x")]),
    bare("path: tab", Refused, &[M, S, A, (":path", "/first\tx")]),
    bare("path: line end", Refused, &[M, S, A, (":path", "/first\r\nx: y")]),
    bare("path: LF", Refused, &[M, S, A, (":path", "/first\nx: y")]),
    bare("path: NUL", Refused, &[M, S, A, (":path", "/first\0")]),
    bare("path: encoded line end", Refused, &[M, S, A, (":path", "/first%0d%0ax")]),
    bare("path: line end in the query", Refused, &[M, S, A, (":path", "/first?a\r\nx: y")]),
    bare("path: space in the query", Refused, &[M, S, A, (":path", "/first?a HTTP/1.1")]),
    bare("path: dot segments", Refused, &[M, S, A, (":path", "/a/../first")]),
    bare("path: backslash", Refused, &[M, S, A, (":path", "/\\first")]),

    bare("method: absent", Refused, &[S, A, T]),
    bare("method: empty", Refused, &[(":method", ""), S, A, T]),
    bare("method: twice", Refused, &[M, P, S, A, T]),
    bare("method: a request line", Refused, &[(":method", "GET /smuggled HTTP/1.1\r\nHost: test\r\n\r\nGET"), S, A, T]),
    bare("method: space", Refused, &[(":method", "GET /smuggled"), S, A, T]),
    bare("method: space at its end", Refused, &[(":method", "GET "), S, A, T]),
    bare("method: line end", Refused, &[(":method", "GET\r\nx: y"), S, A, T]),
    bare("method: CONNECT", Refused, &[(":method", "CONNECT"), A]),
    bare("method: CONNECT with a path", Refused, &[(":method", "CONNECT"), S, A, T]),
    bare("method: CONNECT of a protocol that is not passed on", Refused, &[(":method", "CONNECT"), (":protocol", "smuggle"), S, A, T]),
    bare("pseudo: a protocol without CONNECT", Refused, &[M, (":protocol", "websocket"), S, A, T]),

    bare("scheme: absent", Refused, &[M, A, T]),
    bare("scheme: empty", Refused, &[M, (":scheme", ""), A, T]),
    bare("scheme: twice", Refused, &[M, S, (":scheme", "https"), A, T]),
    bare("scheme: another", Refused, &[M, (":scheme", "ftp"), A, T]),
    bare("scheme: an address", Refused, &[M, (":scheme", "http://other/smuggled?"), A, T]),
    bare("scheme: line end", Refused, &[M, (":scheme", "http\r\nx: y"), A, T]),

    bare("authority: and Host absent", Refused, &[M, S, T]),
    bare("authority: empty", Refused, &[M, S, (":authority", ""), T]),
    bare("authority: twice", Refused, &[M, S, A, (":authority", "other"), T]),
    bare("authority: not Host", Refused, &[M, S, A, T, ("host", "other")]),
    bare("authority: and Host twice", Refused, &[M, S, A, T, ("host", "test"), ("host", "test")]),
    bare("authority: user", Refused, &[M, S, (":authority", "user@test"), T]),
    bare("authority: list", Refused, &[M, S, (":authority", "test, other"), T]),
    bare("authority: space", Refused, &[M, S, (":authority", "te st"), T]),
    bare("authority: path", Refused, &[M, S, (":authority", "test/smuggled"), T]),
    bare("authority: query", Refused, &[M, S, (":authority", "test?x"), T]),
    bare("authority: fragment", Refused, &[M, S, (":authority", "test#x"), T]),
    bare("authority: port is no number", Refused, &[M, S, (":authority", "test:x"), T]),
    bare("authority: line end", Refused, &[M, S, (":authority", "test\r\nx: y"), T]),
    bare("Host: line end", Refused, &[M, S, T, ("host", "test\r\nx: y")]),

    bare("pseudo: unknown", Refused, &[M, S, A, T, (":x", "1")]),
    bare("pseudo: of answers", Refused, &[M, S, A, T, (":status", "200")]),
    bare("pseudo: behind a field", Refused, &[M, S, A, ("x", "1"), T]),
    bare("pseudo: upper case", Refused, &[M, S, A, (":Path", "/first")]),
    // hyper throws them away; they are never passed on.
    with("trailers: pseudo", HELLO, &[P, S, A, T], &["hello"], &[(":path", "/smuggled")]),
    with("trailers: upper case", Broken, &[P, S, A, T], &["hello"], &[("X-Sum", "5")]),
    with("trailers: line end", Broken, &[P, S, A, T], &["hello"], &[("x", "y\r\n\r\nGET /smuggled HTTP/1.1")]),
    with("trailers: of a connection", Broken, &[P, S, A, T], &["hello"], &[("transfer-encoding", "chunked")]),
];

fn front(backend: &Backend) -> Node {
    let manifest = format!(
        "[app]\nname = \"app\"\n\n[[upstream]]\nname = \"back\"\nendpoints = [\"{}\"]\n\
         pool = {{ connections_max = 1 }}\n\n\
         [[route]]\nname = \"all\"\nmatch = [\"/*\"]\nupstream = \"back\"\n",
        backend.address
    );
    let config = "threads = 1\n[ingress]\nbody_idle_timeout_ms = 500\n";
    Scenario::new().app("app", &manifest).config(config).start()
}

/// Sends a case as stream 1 of a new connection; what came of it, and of a marked
/// request behind it if the connection lives.
fn run(node: &Node, index: usize, case: &Case) -> (Answer, Option<u16>) {
    let (first, smuggled) = (format!("/f{index:04}"), format!("/smug{index:04}"));
    let mark = |text: &str| text.replace("/first", &first).replace("/smuggled", &smuggled);
    let fields = |fields: Fields| {
        let marked: Vec<(String, String)> =
            fields.iter().map(|(name, value)| (mark(name), mark(value))).collect();
        let all: Vec<(&str, &str)> =
            marked.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        block(&all)
    };
    let has_more = !case.data.is_empty() || !case.trailers.is_empty();
    let end = |is_last: bool| if is_last { flag::END_STREAM } else { 0 };
    let flags = flag::END_HEADERS | end(!has_more);
    let mut bytes = frame(kind::HEADERS, flags, 1, fields(case.fields));
    for (at, data) in case.data.iter().enumerate() {
        let is_last = at + 1 == case.data.len() && case.trailers.is_empty();
        bytes.extend(frame(kind::DATA, end(is_last), 1, mark(data)));
    }
    if !case.trailers.is_empty() {
        bytes.extend(frame(kind::HEADERS, flag::ALL, 1, fields(case.trailers)));
    }
    let mut client = H2::open(node.listen);
    client.send(bytes);
    let answer = client.answer(1);
    if answer.goaway.is_some() {
        return (answer, None);
    }
    client.send(h2::get(3, &format!("/s{index:04}")));
    let second = client.answer(3);
    let is_over = second.goaway.is_some() && second.status == 0;
    (answer, (!is_over).then_some(second.status))
}

/// What is wrong with a case, if anything.
fn judge(index: usize, case: &Case, got: &(Answer, Option<u16>), seen: &[Seen]) -> Option<String> {
    let (answer, second) = got;
    let (first, smuggled) = (format!("/f{index:04}"), format!("/smug{index:04}"));
    let of = |path: &str| -> Vec<&Seen> {
        seen.iter().filter(|one| one.asked.ends_with(path) && one.is_whole()).collect()
    };
    let begun = seen.iter().any(|one| one.asked.contains(&first));
    let is_error = answer.status >= 400 || answer.reset.is_some() || answer.goaway.is_some();
    let fits = match case.fate {
        Refused => is_error && !begun,
        Broken => is_error && of(&first).is_empty(),
        Hasty => is_error && of(&first).iter().all(|one| one.body.as_deref() == Some("")),
        Served(method, body) => {
            let body = body.replace("/smuggled", &smuggled);
            let is_it = |one: &&Seen| {
                one.asked == format!("{method} {first}") && one.body.as_ref() == Some(&body)
            };
            answer.status == 200 && answer.whole && matches!(of(&first)[..], [one] if is_it(&one))
        }
    };
    let seconds = of(&format!("/s{index:04}")).len();
    let goes_on = match second {
        Some(status) => *status == 200 && seconds == 1,
        None => seconds == 0 && !matches!(case.fate, Served(..)),
    };
    let others = of(&format!("/o{index:04}")).len();
    let fits = fits && goes_on && others == 1 && of(&smuggled).is_empty();
    (!fits).then(|| {
        let Case { name, fate, .. } = case;
        let mine: Vec<_> = seen.iter().filter(|one| one.asked.contains(&first)).collect();
        format!("{name}: {fate:?}: {answer:?} {second:?} {mine:?} {seconds} {others}")
    })
}

fn no_case_is_another_behind(backend: &Backend) {
    let node = front(backend);
    let mut got = Vec::new();
    for (index, case) in CASES.iter().enumerate() {
        got.push(run(&node, index, case));
        // Another client, who must find nothing of it.
        assert_eq!(node.get(&format!("/o{index:04}")).status, 200, "after {}", case.name);
    }
    let last = format!("/o{:04}", CASES.len() - 1);
    let has_last = || backend.seen().iter().any(|one| one.asked.ends_with(&last));
    assert!(wait_for(PATIENCE, has_last).is_some(), "{}", node.log());
    let seen = backend.seen();
    let cases = CASES.iter().zip(&got).enumerate();
    let wrong: Vec<String> =
        cases.filter_map(|(index, (case, got))| judge(index, case, got, &seen)).collect();
    let name = backend.name;
    assert!(wrong.is_empty(), "{name}: {} of {}:\n{}", wrong.len(), CASES.len(), wrong.join("\n"));
    println!("{name}: {} cases, {} requests", CASES.len(), seen.len());
}

#[test]
fn no_case_is_another_behind_nginx() {
    no_case_is_another_behind(&Backend::nginx());
}

#[test]
fn no_case_is_another_behind_apache() {
    no_case_is_another_behind(&Backend::apache());
}

#[test]
fn no_case_is_another_behind_hyper() {
    no_case_is_another_behind(&Backend::hyper());
}

/// As it stands on the wire behind.
#[test]
fn crumbs_are_joined_and_the_host_is_named() {
    let origin = sedge_tests::origin::Origin::start();
    let manifest = format!(
        "[app]\nname = \"app\"\n\n[[upstream]]\nname = \"back\"\nendpoints = [\"{}\"]\n\n\
         [[route]]\nname = \"all\"\nmatch = [\"/*\"]\nupstream = \"back\"\n",
        origin.address
    );
    let node = Node::start(&manifest);
    let mut client = H2::open(node.listen);
    let crumbs = [("cookie", "a=1"), ("x", "y"), ("cookie", "b=2"), ("cookie", "c=3")];
    client.send(frame(kind::HEADERS, flag::ALL, 1, block(&h2::request("GET", "/", &crumbs))));
    assert_eq!(client.answer(1).status, 200);
    let head = &origin.heads()[0];
    assert!(head.starts_with("GET / HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("\r\ncookie: a=1; b=2; c=3\r\n"), "{head}");
    assert_eq!(head.matches("cookie").count(), 1, "{head}");
    assert_eq!(head.matches("\r\nhost: test\r\n").count(), 1, "{head}");
    assert!(!head.contains("\r\n:"), "{head}");
}
