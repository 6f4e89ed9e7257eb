//! Upstreams that answer wrongly, byte by byte, behind the real binary. All clients
//! share one connection to the upstream: nothing of a bad answer may reach another
//! client, what breaks off never looks whole, and what makes no sense is a failure of
//! its own kind.

use After::{Close, Open};
use Fate::{Cut, Failure, Passed};
use sedge_tests::client::{Answer, Connection};
use sedge_tests::{Node, Scenario};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What must become of a case.
#[derive(Clone, Copy, Debug)]
enum Fate {
    /// The client gets this status and this kind in a problem document.
    Failure(u16, &'static str),
    /// It gets this status and this body, whole.
    Passed(u16, &'static str),
    /// It gets a head, and sees that the body has broken off.
    Cut,
}

/// What the upstream does when it has answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum After {
    Close,
    /// It waits for the next request.
    Open,
}

/// An answer, and what is behind it.
struct Case {
    name: &'static str,
    method: &'static str,
    fate: Fate,
    after: After,
    answer: fn() -> String,
    /// Sent a while after the answer.
    later: &'static str,
    /// Whether the connection may serve another request.
    may_be_kept: bool,
}

const fn bad(name: &'static str, fate: Fate, after: After, answer: fn() -> String) -> Case {
    Case { name, method: "GET", fate, after, answer, later: "", may_be_kept: false }
}

const fn to(method: &'static str, case: Case) -> Case {
    Case { method, ..case }
}

const fn kept(case: Case) -> Case {
    Case { may_be_kept: true, ..case }
}

const fn late(later: &'static str, case: Case) -> Case {
    Case { later, ..case }
}

/// An answer that nobody has asked for.
const POISON: &str = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison";

fn ok(fields: &str, body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\n{fields}\r\n{body}")
}

const GARBAGE: Fate = Failure(502, "upstream_protocol");
const RESET: Fate = Failure(503, "upstream_reset");
const HELLO: Fate = Passed(200, "hello");

#[rustfmt::skip]
const CASES: &[Case] = &[
    kept(bad("a good one", HELLO, Open, || ok("Content-Length: 5\r\n", "hello"))),
    kept(bad("a good one in chunks", HELLO, Open, || ok("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"))),
    kept(bad("a good one behind early hints", HELLO, Open, || "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n".repeat(5) + &ok("Content-Length: 5\r\n", "hello"))),
    kept(bad("a good one without a reason", HELLO, Open, || "HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello".into())),
    kept(bad("bare line feeds in the head", HELLO, Open, || "HTTP/1.1 200 OK\nContent-Length: 5\n\nhello".into())),

    bad("lengths: different", GARBAGE, Open, || ok("Content-Length: 5\r\nContent-Length: 0\r\n", "hello")),
    bad("lengths: the same", GARBAGE, Open, || ok("Content-Length: 5\r\nContent-Length: 5\r\n", "hello")),
    bad("length: a list", GARBAGE, Open, || ok("Content-Length: 5, 5\r\n", "hello")),
    bad("length: plus", GARBAGE, Open, || ok("Content-Length: +5\r\n", "hello")),
    bad("length: minus", GARBAGE, Open, || ok("Content-Length: -5\r\n", "hello")),
    bad("length: empty", GARBAGE, Open, || ok("Content-Length:\r\n", "hello")),
    bad("length: letters", GARBAGE, Open, || ok("Content-Length: 5a\r\n", "hello")),
    bad("length: overflow", GARBAGE, Open, || ok("Content-Length: 18446744073709551621\r\n", "hello")),
    bad("length and coding", GARBAGE, Open, || ok("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n")),
    bad("coding: unknown", GARBAGE, Close, || ok("Transfer-Encoding: xchunked\r\n", "5\r\nhello\r\n0\r\n\r\n")),
    bad("coding: identity", GARBAGE, Close, || ok("Transfer-Encoding: identity\r\n", "hello")),
    bad("coding: gzip", GARBAGE, Close, || ok("Transfer-Encoding: gzip\r\n", "hello")),
    bad("coding: gzip, chunked", GARBAGE, Open, || ok("Transfer-Encoding: gzip, chunked\r\n", "5\r\nhello\r\n0\r\n\r\n")),
    bad("coding: chunked twice", GARBAGE, Open, || ok("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n")),
    bad("coding: chunked, then identity", GARBAGE, Close, || ok("Transfer-Encoding: chunked, identity\r\n", "5\r\nhello\r\n0\r\n\r\n")),
    bad("coding: in HTTP/1.0", GARBAGE, Close, || "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n".into()),

    bad("head: folded", GARBAGE, Open, || ok("X: a\r\n b\r\nContent-Length: 5\r\n", "hello")),
    bad("head: space before the colon", GARBAGE, Open, || ok("Content-Length : 5\r\n", "hello")),
    bad("head: no colon", GARBAGE, Open, || ok("X\r\nContent-Length: 5\r\n", "hello")),
    bad("head: NUL in a value", GARBAGE, Open, || ok("X: a\0b\r\nContent-Length: 5\r\n", "hello")),
    bad("head: NUL in a name", GARBAGE, Open, || ok("X\0: a\r\nContent-Length: 5\r\n", "hello")),
    bad("head: a field behind a bare CR", GARBAGE, Open, || ok("X: a\rSet-Cookie: b=c\r\nContent-Length: 5\r\n", "hello")),
    bad("head: huge", GARBAGE, Open, || ok(&format!("X-Huge: {}\r\n", "x".repeat(8_000)).repeat(20), "")),
    bad("head: fields without number", GARBAGE, Open, || ok(&"X: y\r\n".repeat(5_000), "")),
    bad("head: one field of 200 kB", GARBAGE, Open, || ok(&format!("X: {}\r\n", "x".repeat(200_000)), "")),
    bad("head: cut off", RESET, Close, || "HTTP/1.1 200 OK\r\nContent-Le".into()),
    bad("nothing", RESET, Close, String::new),

    bad("line: HTTP/0.9", GARBAGE, Close, || "hello".into()),
    bad("line: HTTP/2", GARBAGE, Close, || "HTTP/2.0 200 OK\r\nContent-Length: 5\r\n\r\nhello".into()),
    bad("line: HTTP/1.2", GARBAGE, Close, || "HTTP/1.2 200 OK\r\nContent-Length: 5\r\n\r\nhello".into()),
    bad("line: another protocol", GARBAGE, Close, || "ICY 200 OK\r\nContent-Length: 5\r\n\r\nhello".into()),
    bad("line: two digits", GARBAGE, Close, || "HTTP/1.1 20 OK\r\nContent-Length: 5\r\n\r\nhello".into()),
    bad("line: four digits", GARBAGE, Close, || "HTTP/1.1 2000 OK\r\nContent-Length: 5\r\n\r\nhello".into()),
    bad("line: letters", GARBAGE, Close, || "HTTP/1.1 2xx OK\r\nContent-Length: 5\r\n\r\nhello".into()),
    bad("line: below 100", GARBAGE, Close, || "HTTP/1.1 099 OK\r\nContent-Length: 5\r\n\r\nhello".into()),
    bad("line: a request", GARBAGE, Close, || "GET / HTTP/1.1\r\nHost: a\r\n\r\n".into()),
    bad("line: frames of HTTP/2", GARBAGE, Close, || "\0\0\0\x04\0\0\0\0\0".into()),
    bad("line: space before it", GARBAGE, Close, || " HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello".into()),

    kept(bad("HTTP/1.0, kept", HELLO, Open, || "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello".into())),
    bad("HTTP/1.0", HELLO, Open, || "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello".into()),
    bad("HTTP/1.0 until it closes", HELLO, Close, || "HTTP/1.0 200 OK\r\n\r\nhello".into()),
    bad("until it closes", HELLO, Close, || ok("", "hello")),
    bad("closes, as it says", HELLO, Close, || ok("Connection: close\r\nContent-Length: 5\r\n", "hello")),
    bad("does not close, as it says", HELLO, Open, || ok("Connection: close\r\nContent-Length: 5\r\n", "hello")),

    bad("switches unasked", GARBAGE, Open, || "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n".into()),
    bad("informational answers without end", GARBAGE, Open, || "HTTP/1.1 100 Continue\r\n\r\n".repeat(20_000)),
    bad("early hints without end", GARBAGE, Open, || "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n".repeat(10_000)),

    bad("behind the body: an answer", HELLO, Open, || ok("Content-Length: 5\r\n", "hello") + POISON),
    bad("behind the body: a byte", HELLO, Open, || ok("Content-Length: 5\r\n", "hello!")),
    bad("behind the body: a line end", HELLO, Open, || ok("Content-Length: 5\r\n", "hello\r\n")),
    bad("behind the last chunk: an answer", HELLO, Open, || ok("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n") + POISON),
    late(POISON, bad("a while behind the body: an answer", HELLO, Open, || ok("Content-Length: 5\r\n", "hello"))),
    late("x", bad("a while behind the body: a byte", HELLO, Open, || ok("Content-Length: 5\r\n", "hello"))),
    late("HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", bad("a while behind the body: a timeout", HELLO, Open, || ok("Content-Length: 5\r\n", "hello"))),
    late("HTTP/1.1 100 Continue\r\n\r\n", bad("a while behind the body: go on", HELLO, Open, || ok("Content-Length: 5\r\n", "hello"))),
    bad("no length, and an answer behind", Passed(204, ""), Open, || format!("HTTP/1.1 204 No Content\r\n\r\n{POISON}")),

    bad("204 with a body", Passed(204, ""), Open, || "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello".into()),
    bad("204 with chunks", Passed(204, ""), Open, || "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n".into()),
    bad("304 with a body", Passed(304, ""), Open, || "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nhello".into()),
    kept(bad("304 with the length of another", Passed(304, ""), Open, || "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n".into())),
    to("HEAD", kept(bad("HEAD", Passed(200, ""), Open, || ok("Content-Length: 5\r\n", "")))),
    to("HEAD", bad("HEAD with a body", Passed(200, ""), Open, || ok("Content-Length: 5\r\n", "hello"))),
    to("HEAD", bad("HEAD with chunks", Passed(200, ""), Open, || ok("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"))),
    to("HEAD", bad("HEAD with an answer behind", Passed(200, ""), Open, || ok("Content-Length: 0\r\n", "") + POISON)),
    to("HEAD", bad("HEAD with lengths that differ", GARBAGE, Open, || ok("Content-Length: 5\r\nContent-Length: 0\r\n", ""))),

    bad("body: cut off", Cut, Close, || ok("Content-Length: 10\r\n", "hello")),
    bad("body: none", Cut, Close, || ok("Content-Length: 10\r\n", "")),
    bad("chunks: cut off in one", Cut, Close, || ok("Transfer-Encoding: chunked\r\n", "10\r\nhello")),
    bad("chunks: cut off between", Cut, Close, || ok("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n")),
    bad("chunks: cut off in the last", Cut, Close, || ok("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n")),
    bad("chunks: none", Cut, Close, || ok("Transfer-Encoding: chunked\r\n", "")),
    bad("chunks: not hexadecimal", Cut, Open, || ok("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\nz\r\n")),
    bad("chunks: overflow", Cut, Open, || ok("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n10000000000000005\r\n")),
    bad("chunks: no line end behind the data", Cut, Open, || ok("Transfer-Encoding: chunked\r\n", "5\r\nhello0\r\n\r\n")),
    bad("chunks: a bare line feed", Cut, Open, || ok("Transfer-Encoding: chunked\r\n", "5\r\nhello\n0\r\n\r\n")),
    bad("chunks: a huge extension", Cut, Open, || ok("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n5;") + &"x".repeat(100_000)),
    bad("chunks: huge trailers", Cut, Open, || ok("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n") + &"x: y\r\n".repeat(50_000) + "\r\n"),
    bad("chunks: a trailer without a colon", Cut, Open, || ok("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\nx\r\n\r\n")),
    to("POST", bad("answers before it has read the request", Passed(413, "large"), Open, || "HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\n\r\nlarge".into())),
];

/// What the upstream is to do, and what it was asked, with the number of the connection.
#[derive(Default)]
struct Script {
    case: usize,
    asked: Vec<(usize, String)>,
}

/// A server that answers `/case` as the script's case says, and everything else with
/// what it was asked. Its threads end with the test's process.
fn upstream(script: &Arc<Mutex<Script>>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    let script = Arc::clone(script);
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().map_while(Result::ok).enumerate() {
            let script = Arc::clone(&script);
            std::thread::spawn(move || {
                let _ = serve(&stream, number, &script);
                let _ = stream.shutdown(Shutdown::Both);
            });
        }
    });
    address
}

fn serve(stream: &TcpStream, number: usize, script: &Mutex<Script>) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut reader, mut writer) = (BufReader::new(stream), stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head)? == 0 {
                return Ok(());
            }
        }
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        let case = {
            let mut script = script.lock().unwrap_or_else(PoisonError::into_inner);
            script.asked.push((number, path.clone()));
            &CASES[script.case]
        };
        if path != "/case" {
            write!(writer, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{path}", path.len())?;
            continue;
        }
        writer.write_all((case.answer)().as_bytes())?;
        if !case.later.is_empty() {
            std::thread::sleep(Duration::from_millis(30));
            writer.write_all(case.later.as_bytes())?;
        }
        if case.after == Close {
            // What is unread would make a reset of it.
            stream.shutdown(Shutdown::Write)?;
            reader.read_to_end(&mut Vec::new())?;
            return Ok(());
        }
    }
}

fn front(upstream: SocketAddr) -> Node {
    let manifest = format!(
        "[app]\nname = \"app\"\n\n[[upstream]]\nname = \"back\"\nendpoints = [\"{upstream}\"]\n\
         pool = {{ connections_max = 1 }}\n\n\
         [[route]]\nname = \"all\"\nmatch = [\"/*\"]\nupstream = \"back\"\n"
    );
    Scenario::new().app("app", &manifest).config("threads = 1\n").start()
}

fn ask(node: &Node, case: &Case) -> Answer {
    let mut client = Connection::open(node.listen);
    if case.method == "POST" {
        // More than the upstream ever reads.
        client.send("POST /case HTTP/1.1\r\nHost: test\r\nContent-Length: 1000000\r\n\r\nbegin");
    } else {
        client.request(case.method, "/case", &[("connection", "close")], &[]);
    }
    client.read_answer(case.method == "HEAD")
}

fn fits(case: &Case, answer: &Answer) -> bool {
    match case.fate {
        Failure(status, kind) if case.method == "HEAD" => {
            answer.status == status && !kind.is_empty()
        }
        Failure(status, kind) => answer.status == status && answer.problem().0 == kind,
        Passed(status, body) => answer.status == status && answer.whole && answer.text() == body,
        Cut => answer.status == 200 && !answer.whole,
    }
}

#[test]
fn no_bad_answer_reaches_another_client() {
    let script = Arc::<Mutex<Script>>::default();
    let node = front(upstream(&script));
    let lock = || script.lock().unwrap_or_else(PoisonError::into_inner);
    let mut wrong = Vec::new();
    for (index, case) in CASES.iter().enumerate() {
        *lock() = Script { case: index, asked: Vec::new() };
        let answer = ask(&node, case);
        if !case.later.is_empty() {
            std::thread::sleep(Duration::from_millis(100));
        }
        // Others, who must get their own answers.
        let marks = [format!("/mark-{index}-a"), format!("/mark-{index}-b")];
        let others = marks.each_ref().map(|mark| node.get(mark));
        let are_own = || {
            let mut both = others.iter().zip(&marks);
            both.all(|(other, mark)| other.status == 200 && other.text() == *mark)
        };
        let asked = std::mem::take(&mut lock().asked);
        let on =
            |path: &str| asked.iter().find(|(_, seen)| seen == path).map(|(number, _)| *number);
        let was_kept = on("/case").is_some() && on("/case") == on(&marks[0]);
        let is_poisoned = answer.text().contains("poison");
        if !fits(case, &answer) || !are_own() || was_kept != case.may_be_kept || is_poisoned {
            let text: String = answer.text().chars().take(200).collect();
            let Answer { status, whole, .. } = answer;
            let others = others.map(|other| (other.status, other.text()));
            wrong.push(format!(
                "{}: {:?}: {status} {text:?} whole: {whole}, kept: {was_kept}, {others:?}",
                case.name, case.fate
            ));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), CASES.len(), wrong.join("\n"));
    let metrics = node.metrics();
    let count =
        |kind| CASES.iter().filter(|case| matches!(case.fate, Failure(_, k) if k == kind)).count();
    for kind in ["upstream_protocol", "upstream_reset"] {
        assert_eq!(metrics.failures(kind), count(kind) as f64, "{kind}");
    }
    let cut = CASES.iter().filter(|case| matches!(case.fate, Cut)).count();
    assert_eq!(metrics.failures("upstream_broken"), cut as f64);
}
