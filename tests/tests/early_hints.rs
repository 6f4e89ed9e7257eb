//! Interim responses over the wire: what servers say before their answers, and what pages
//! said that they need when they were last asked for (RFC 8297).

#[path = "early_hints/origin.rs"]
mod origin;

use sedge_tests::client::{Answer, Connection};
use sedge_tests::h2::{H2, kind};
use sedge_tests::tls::curl;
use sedge_tests::{Node, Scenario};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// A node before the server: hints for all, hints for HTTP/2 only, and none.
fn node() -> Node {
    let manifest = format!(
        r#"
[app]
name = "hints"

[[upstream]]
name = "back"
endpoints = ["{}"]

[[chain]]
name = "hinted"
links = [{{ early_hints = {{ http1 = true }} }}]
upstream = "back"

[[chain]]
name = "browsers"
links = [{{ early_hints = {{}} }}]
upstream = "back"

[[chain]]
name = "guarded"
links = [{{ rate = {{ requests = 2, per_ms = "1 h", burst = 2 }} }}, {{ early_hints = {{ http1 = true }} }}]
upstream = "back"

[[chain]]
name = "cached"
links = [{{ early_hints = {{ http1 = true }} }}, {{ cache = {{}} }}]
upstream = "back"

[[route]]
name = "hints"
hosts = ["hints.local"]
chain = "hinted"

[[route]]
name = "browsers"
hosts = ["browsers.local"]
chain = "browsers"

[[route]]
name = "guarded"
hosts = ["guarded.local"]
chain = "guarded"

[[route]]
name = "cached"
hosts = ["cached.local"]
chain = "cached"

[[route]]
name = "plain"
hosts = ["plain.local"]
upstream = "back"
"#,
        origin::start()
    );
    Scenario::new().app("hints", &manifest).start()
}

fn get(host: &str, path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: {host}\r\naccept: text/html\r\n\r\n")
}

/// Statuses and the links of what comes before an answer, and the answer.
fn read(connection: &mut Connection, is_head: bool) -> (Vec<String>, Answer) {
    let mut early = Vec::new();
    loop {
        let mut answer = connection.read_head();
        if (100..200).contains(&answer.status) {
            let link = answer.header("link").unwrap_or_default();
            early.push(format!("{} {link}", answer.status).trim_end().to_owned());
            assert!(early.len() <= 1_000);
            continue;
        }
        let mut body = Vec::new();
        connection.read_body(&mut answer, is_head, |part| body.extend_from_slice(part));
        assert!(answer.whole, "{answer:?}");
        answer.body = body;
        return (early, answer);
    }
}

fn ask(connection: &mut Connection, host: &str, path: &str) -> (Vec<String>, Answer) {
    assert!(connection.send(get(host, path)));
    read(connection, false)
}

fn count(node: &Node, chain: &str, outcome: &str) -> f64 {
    let labels = [("chain", chain), ("outcome", outcome)];
    node.metrics().sum("sedge_chain_early_hints_total", &labels)
}

#[test]
fn what_a_server_says_too_much_or_wrong_is_not_passed_on_and_the_connection_lives() {
    let node = node();
    let mut connection = Connection::open(node.listen);
    let (early, answer) = ask(&mut connection, "hints.local", "/thousand");
    assert_eq!((early.len(), answer.status), (16, 200));
    let (early, answer) = ask(&mut connection, "hints.local", "/huge");
    assert_eq!((early.len(), answer.status), (0, 200));
    let (early, answer) = ask(&mut connection, "hints.local", "/endless");
    assert_eq!((early.len(), answer.status), (16, 502));
    let (early, answer) = ask(&mut connection, "hints.local", "/switch");
    assert_eq!((early.len(), answer.status), (0, 502));
    assert!(count(&node, "hinted", "refused") >= 984.0 + 1.0);
    // And nothing of all that is left for the next.
    let (early, answer) = ask(&mut connection, "hints.local", "/hi");
    assert_eq!((early.len(), answer.status, answer.text()), (0, 200, "/hi".to_owned()));
}

#[test]
fn what_a_server_says_is_passed_on_where_a_link_says_so() {
    let node = node();
    let mut connection = Connection::open(node.listen);
    let told = vec!["103 </early.css>; rel=preload".to_owned()];
    for _ in 0..3 {
        let (early, answer) = ask(&mut connection, "hints.local", "/early");
        assert_eq!((early, answer.text()), (told.clone(), "/early".to_owned()));
    }
    let (early, _) = ask(&mut connection, "hints.local", "/several");
    assert_eq!(early, ["102", "103 </several.css>; rel=preload", "199"]);
    for host in ["browsers.local", "plain.local"] {
        let (early, answer) = ask(&mut connection, host, "/early");
        assert_eq!((early.len(), answer.text()), (0, "/early".to_owned()), "{host}");
    }
    // Nor to a client that knows only HTTP/1.0, and to HEAD there is no body after it.
    assert!(connection.send("HEAD /early HTTP/1.1\r\nhost: hints.local\r\n\r\n"));
    let (early, answer) = read(&mut connection, true);
    assert_eq!((early, answer.header("content-length")), (told, Some("6")));
    assert!(connection.send("GET /early HTTP/1.0\r\nhost: hints.local\r\n\r\n"));
    let (early, answer) = read(&mut connection, false);
    assert_eq!((early.len(), answer.text()), (0, "/early".to_owned()));
}

#[test]
fn fields_of_the_connection_and_cookies_stay_behind() {
    let node = node();
    let mut connection = Connection::open(node.listen);
    assert!(connection.send(get("hints.local", "/several")));
    let heads: Vec<Answer> = (0..3).map(|_| connection.read_head()).collect();
    let names = |head: &Answer| head.headers.iter().map(|(name, _)| name.clone()).collect();
    let names: Vec<Vec<String>> = heads.iter().map(names).collect();
    assert_eq!(names, [vec!["x-a"], vec!["link"], vec![]]);
    read(&mut connection, false);
}

#[test]
fn pipelined_requests_have_each_their_own() {
    let node = node();
    let mut connection = Connection::open(node.listen);
    for _ in 0..2 {
        let paths = ["/early/a", "/hi", "/early/slow", "/page/slow", "/early/b", "/early/c"];
        let all: String = paths.iter().map(|path| get("hints.local", path)).collect();
        assert!(connection.send(&all));
        for path in paths {
            let (early, answer) = read(&mut connection, false);
            assert_eq!(answer.text(), path);
            if path.starts_with("/early") {
                assert_eq!(early, [format!("103 <{path}.css>; rel=preload")]);
            }
        }
    }
    assert_eq!(count(&node, "hinted", "sent"), 1.0);
}

#[test]
fn a_page_hints_at_what_it_said_when_it_was_last_asked_for() {
    let node = node();
    let mut connection = Connection::open(node.listen);
    let hint = ["103 </page/slow.css>; rel=preload; as=style"];
    assert!(ask(&mut connection, "hints.local", "/page/slow").0.is_empty());
    for _ in 0..2 {
        let (early, answer) = ask(&mut connection, "hints.local", "/page/slow");
        assert_eq!((&early[..], answer.text()), (&hint.map(String::from)[..], "/page/slow".into()));
    }
    // Another address, another host, no page, and what is for one client only.
    for (host, path) in [
        ("hints.local", "/page/slow?a"),
        ("browsers.local", "/page/slow"),
        ("hints.local", "/slow"),
        ("hints.local", "/private/slow"),
        ("hints.local", "/private/slow"),
    ] {
        assert!(ask(&mut connection, host, path).0.is_empty(), "{host} {path}");
    }
    assert!(connection.send("GET /page/slow HTTP/1.1\r\nhost: hints.local\r\n\r\n"));
    assert!(read(&mut connection, false).0.is_empty(), "it does not go to the page");
    assert_eq!(["learned", "sent"].map(|what| count(&node, "hinted", what)), [2.0, 2.0]);
}

#[test]
fn who_is_refused_before_the_link_hears_nothing() {
    let node = node();
    let mut connection = Connection::open(node.listen);
    for (early, status) in [(0, 200), (1, 200), (0, 429)] {
        let (said, answer) = ask(&mut connection, "guarded.local", "/page/slow");
        assert_eq!((said.len(), answer.status), (early, status));
    }
}

#[test]
fn a_large_answer_behind_it_is_unharmed() {
    let node = node();
    let large = origin::large();
    let mut connection = Connection::open(node.listen);
    // The second comes out of the cache, whose pages are lent to the socket.
    for early in [1, 0, 0] {
        let (said, answer) = ask(&mut connection, "cached.local", "/early/large");
        assert_eq!((said.len(), answer.status), (early, 200));
        assert!(answer.body == large, "{} bytes", answer.body.len());
    }
}

#[test]
fn a_real_client_of_either_protocol_shows_it() {
    let node = node();
    for (index, option) in ["--http1.1", "--http2-prior-knowledge"].into_iter().enumerate() {
        let path = format!("/page/slow/{index}");
        let url = format!("http://{}{path}", node.listen);
        let arguments = [option, "-i", "-H", "host: hints.local", "-H", "accept: text/html", &url];
        let asked = || {
            let output = curl(node.folder(), &arguments);
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8_lossy(&output.stdout).to_lowercase()
        };
        assert!(!asked().contains("103"));
        let answer = asked();
        let version = if index == 0 { "http/1.1 103 early hints" } else { "http/2 103" };
        let hint = format!("link: <{path}.css>; rel=preload; as=style\r\n\r\nhttp/");
        assert!(answer.contains(version) && answer.contains(&hint), "{answer}");
        assert!(answer.ends_with(&path), "{answer}");
    }
}

#[test]
fn streams_at_the_same_time_have_each_their_own() {
    let node = node();
    let mut paths: Vec<String> = (0..40).map(|index| format!("/page/slow/{index}")).collect();
    paths.extend((0..40).map(|index| format!("/early/{index}")));
    paths.extend((0..20).map(|index| format!("/hi/{index}")));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/early_hints/streams.js");
    let asked = || {
        let port = node.listen.port().to_string();
        let output = Command::new("node").arg(&script).arg(port).args(&paths).output();
        let output = output.expect("node is installed");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    for round in 0..3 {
        let expected = paths.iter().map(|path| {
            let said = match () {
                () if path.starts_with("/early") => format!("103 <{path}.css>; rel=preload"),
                () if path.starts_with("/page") && round > 0 => {
                    format!("103 <{path}.css>; rel=preload; as=style")
                }
                () => String::new(),
            };
            format!("{path} {said} 200 {path}")
        });
        let mut expected: Vec<String> = expected.collect();
        expected.sort();
        assert_eq!(asked(), expected, "round {round}");
    }
    assert_eq!(count(&node, "hinted", "sent"), 80.0);
}

#[test]
fn a_stream_that_is_reset_hears_nothing_more() {
    let node = node();
    let mut h2 = H2::open(node.listen);
    let fields = |path| {
        [
            (":method", "GET"),
            (":scheme", "http"),
            (":authority", "hints.local"),
            (":path", path),
            ("accept", "text/html"),
        ]
    };
    let ask = |stream: u32, path| {
        sedge_tests::h2::frame(kind::HEADERS, 5, stream, sedge_tests::h2::block(&fields(path)))
    };
    h2.send(ask(1, "/page/slow"));
    assert_eq!(h2.answer(1).status, 200);
    let reset = sedge_tests::h2::frame(kind::RST_STREAM, 0, 3, 8u32.to_be_bytes());
    h2.send([ask(3, "/page/slow"), reset, ask(5, "/hi")].concat());
    let frames = h2.read_for(Duration::from_millis(500));
    let heads =
        |stream| frames.iter().filter(move |f| f.kind == kind::HEADERS && f.stream == stream);
    assert_eq!((heads(3).count(), heads(5).count()), (0, 1), "{frames:?}");
    assert!(h2.is_alive());
}
