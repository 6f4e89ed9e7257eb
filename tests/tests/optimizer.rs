//! The ready-made link `optimizer` before a real origin, over the wire.

#[path = "optimizer/dictionaries.rs"]
mod dictionaries;
#[path = "optimizer/minified.rs"]
mod minified;
#[path = "optimizer/origin.rs"]
mod origin;

use origin::{Answering, Scripted};
use sedge_tests::client::{self, Answer, Connection};
use sedge_tests::{Node, Scenario};
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

/// A node with the link before `origin`; `more` goes into the function's table.
fn manifest(origin: &Scripted, links: &str, more: &str) -> String {
    format!(
        r#"
        [app]
        name = "shop"
        [[function]]
        name = "optimizer"
        source = "{{guests}}/optimizer.wasm"
        {more}
        [[upstream]]
        name = "shop"
        endpoints = ["{}"]
        [[chain]]
        name = "shop"
        links = [{links}]
        upstream = "shop"
        [[route]]
        name = "shop"
        chain = "shop"
        "#,
        origin.address
    )
}

/// One node for all that its defaults do, since compiling the function takes a while.
#[test]
fn the_link_with_its_defaults() {
    let origin = Scripted::start(script);
    let node = Node::start_sharing(&manifest(&origin, "\"optimizer\"", ""));
    // First, because others are asked for what is sent on as it came.
    the_coding_is_negotiated(&origin, &node);
    what_cannot_be_improved_passes_untouched(&node);
    what_lies_about_itself_is_not_made_larger(&node);
    conditions_heads_and_ranges_stay_right(&node);
    early_bytes_are_not_held_and_trailers_pass(&origin, &node);
    what_breaks_off_does_not_end(&node);
    data_is_written_without_blanks_if_it_is_data(&node);
}

fn ask(node: &Node, method: &str, target: &str, fields: &[(&str, &str)]) -> Answer {
    client::call(node.listen, method, target, fields, &[])
}

/// Reads gzip as another program does; what has no end is read as far as it goes.
fn gunzip(bytes: &[u8]) -> Vec<u8> {
    let mut child = Command::new("gzip")
        .arg("-dc")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("gzip");
    let mut stdin = child.stdin.take().expect("a pipe");
    let bytes = bytes.to_vec();
    let writer = std::thread::spawn(move || {
        let _ = stdin.write_all(&bytes);
    });
    let output = child.wait_with_output().expect("its output");
    writer.join().expect("written");
    output.stdout
}

fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 24) as u8
    };
    (0..bytes).map(|_| next()).collect()
}

fn css() -> Vec<u8> {
    (0..4_000).flat_map(|at| format!(".a{at} {{ color: #{at:06x} }}\n").into_bytes()).collect()
}

/// What passes untouched, with its fields, by path.
const UNTOUCHED: [(&str, &str, &str); 8] = [
    ("/picture", "200 OK", "content-type: image/jpeg\r\n"),
    ("/untyped", "200 OK", ""),
    ("/two-types", "200 OK", "content-type: text/css\r\ncontent-type: text/html\r\n"),
    ("/forbidden", "200 OK", "content-type: text/css\r\ncache-control: no-transform\r\n"),
    ("/coded", "200 OK", "content-type: text/css\r\ncontent-encoding: gzip\r\n"),
    ("/digest", "200 OK", "content-type: text/css\r\nrepr-digest: sha-256=:AA==:\r\n"),
    ("/events", "200 OK", "content-type: text/event-stream\r\n"),
    ("/part", "206 Partial Content", "content-type: text/css\r\ncontent-range: bytes 0-1/9\r\n"),
];

/// A page of 12 pictures.
const PAGE: &str = concat!(
    "<!doctype html>\n<html>\n  <head>\n    <title>A  shop</title>\n",
    "    <link rel=stylesheet href=a.css>\n  </head>\n  <body>\n",
    "    <!-- what is to be sold -->\n    <pre>  kept  </pre> <p>caf\u{e9}  au   lait</p>\n",
    "    <img src=a.jpg width=400 height=300 alt=a>\n    <img src=/b/c.png>\n",
    "    <img src=a.jpg width=400 height=300>\n    <img src=a.jpg width=400 height=300>\n",
    "    <script type=application/ld+json>{ \"name\": \"A shop\" }</script>\n",
    "  </body>\n</html>\n"
);
const DATA: &[u8] = &data(b"{ \"a\": [ 1, 2.50 ] },", b' ');
const NO_DATA: &[u8] = &data(b"{  a :  [ 1, 2.50 ]  },", b' ');

/// A list of an item, over and over; then blanks.
const fn data<const N: usize>(item: &[u8; N], blank: u8) -> [u8; 4_000] {
    let mut bytes = [blank; 4_000];
    bytes[0] = b'[';
    let mut at = 1;
    while at + N < 3_900 {
        bytes[at] = item[(at - 1) % N];
        at += 1;
    }
    // The last item is whole, and no comma follows it.
    let end = 1 + (at - 1) / N * N;
    while at > end {
        at -= 1;
        bytes[at] = blank;
    }
    bytes[end - 1] = b']';
    bytes
}

fn script(head: &str, answering: &mut Answering) -> std::io::Result<()> {
    let path = head.split(' ').nth(1).unwrap_or_default();
    let has = |line: &str| head.contains(line);
    if let Some((_, status, fields)) = UNTOUCHED.iter().find(|(own, ..)| *own == path) {
        return answering.whole(status, &format!("{fields}etag: \"t\"\r\n"), &css());
    }
    let css_head = "content-type: text/css\r\netag: \"v1\"\r\naccept-ranges: bytes\r\n";
    match path {
        "/style.css" if has("if-none-match: \"v1\"\r\n") => {
            answering.send("HTTP/1.1 304 Not Modified\r\netag: \"v1\"\r\n\r\n")
        }
        "/style.css" if head.starts_with("head") => answering
            .send(format!("HTTP/1.1 200 OK\r\n{css_head}content-length: {}\r\n\r\n", css().len())),
        "/style.css" if has("range: bytes=0-1\r\n") => {
            let fields = format!("{css_head}content-range: bytes 0-1/9\r\n");
            answering.whole("206 Partial Content", &fields, b".a")
        }
        "/style.css" => answering.whole("200 OK", css_head, &css()),
        "/cached.css" => {
            let fields = "content-type: text/css\r\ncache-control: max-age=600\r\n";
            answering.whole("200 OK", fields, &css())
        }
        "/page/" => {
            let fields = "content-type: text/html; charset=utf-8\r\netag: \"p1\"\r\n\
                          cache-control: max-age=60\r\n";
            answering.whole("200 OK", fields, PAGE.as_bytes())
        }
        "/own/" | "/jis" => {
            let fields = match path {
                "/own/" => "content-type: text/html\r\ncache-control: private\r\n",
                _ => "content-type: text/html; charset=Shift_JIS\r\n",
            };
            answering.whole("200 OK", fields, PAGE.as_bytes())
        }
        "/data" => answering.whole("200 OK", "content-type: application/json\r\n", DATA),
        "/no-data" => answering.whole("200 OK", "content-type: application/json\r\n", NO_DATA),
        "/slow-data" => {
            answering.send("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n")?;
            answering.send(format!("content-length: {}\r\n\r\n", DATA.len()))?;
            answering.send(&DATA[..300])?;
            answering.hold();
            answering.send(&DATA[300..])
        }
        "/put" => answering.whole("200 OK", "", head.as_bytes()),
        "/liar" => answering.whole("200 OK", "content-type: text/plain\r\n", &noise(200_000)),
        "/small-liar" => answering.whole("200 OK", "content-type: text/css\r\n", &noise(999)),
        "/long-line" => {
            let line = b"<p class=x>".repeat(1 << 18);
            answering.whole("200 OK", "content-type: text/html\r\n", &line)
        }
        "/slow" => {
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n\
                        transfer-encoding: chunked\r\ntrailer: x-end\r\n\r\n";
            answering.send(head)?;
            answering.chunk(b"<!doctype html><title>early</title>")?;
            answering.hold();
            answering.chunk(b"<p>late\xff</p>")?;
            answering.send("0\r\nx-end: yes\r\n\r\n")
        }
        "/cut" | "/cut-long" => {
            let bytes = if path == "/cut" { 2_000 } else { 60_000 };
            answering.send("HTTP/1.1 200 OK\r\ncontent-type: text/css\r\n")?;
            answering.send("content-length: 100000\r\n\r\n")?;
            answering.send(&css()[..bytes])?;
            Err(std::io::ErrorKind::ConnectionAborted.into())
        }
        _ => elsewhere(path, answering),
    }
}

fn elsewhere(path: &str, answering: &mut Answering) -> std::io::Result<()> {
    match path {
        _ if path.starts_with("/minified/") => minified::answer(path, answering),
        _ if path.starts_with("/shared/") => dictionaries::answer(path, answering),
        _ => answering.whole("404 Not Found", "content-type: text/plain\r\n", b"none"),
    }
}

#[test]
fn settings_that_are_wrong_are_told_and_nothing_is_done_by_them() {
    let origin = Scripted::start(script);
    let wrong = "environment = { OPTIMIZER_CODINGS = \"deflate\", OPTIMIZER_X = \"1\" }";
    let closed = manifest(&origin, "\"optimizer\"", wrong);
    let node = Scenario::new().share_code().app("app", &closed).allow("optimizer").start();
    assert_eq!(ask(&node, "GET", "/style.css", &[]).status, 502);
    for told in ["deflate is not one of zstd, br, gzip", "no such setting"] {
        node.wait_log(told, Duration::from_secs(20));
    }
    let open = manifest(&origin, "{ function = \"optimizer\", fail = \"open\" }", wrong);
    let node = Scenario::new().share_code().app("app", &open).allow("optimizer").start();
    let answer = ask(&node, "GET", "/style.css", &[("accept-encoding", "gzip")]);
    assert_eq!((answer.status, answer.body), (200, css()));
}

fn what_cannot_be_improved_passes_untouched(node: &Node) {
    for (path, status, fields) in UNTOUCHED {
        let answer = ask(node, "GET", path, &[("accept-encoding", "gzip, br, zstd")]);
        assert_eq!(answer.status.to_string(), status[..3], "{path}");
        assert_eq!(answer.body, css(), "{path}");
        assert_eq!(answer.header("etag"), Some("\"t\""), "{path}");
        assert_eq!(answer.header("server-timing"), None, "{path}");
        for line in fields.lines() {
            let (name, value) = line.split_once(": ").expect("a field");
            let mut all = answer.headers.iter().filter(|(own, _)| own == name);
            assert!(all.any(|(_, own)| own == value), "{path}: {line}");
        }
    }
    for (method, fields) in [("GET", ("cache-control", "no-transform")), ("POST", ("x", "y"))] {
        let answer = ask(node, method, "/style.css", &[("accept-encoding", "gzip"), fields]);
        assert_eq!(answer.header("etag"), Some("\"v1\""), "{method}");
        assert_eq!((answer.status, answer.body), (200, css()), "{method}");
    }
}

fn what_lies_about_itself_is_not_made_larger(node: &Node) {
    for coding in ["gzip", "br", "zstd"] {
        for (path, bytes) in [("/liar", 200_000), ("/small-liar", 999)] {
            let answer = ask(node, "GET", path, &[("accept-encoding", coding)]);
            assert_eq!(answer.body, noise(bytes), "{coding} {path}");
            assert_eq!(answer.header("content-encoding"), None, "{coding} {path}");
            assert_eq!(answer.header("vary"), Some("Accept-Encoding"));
        }
    }
    let line = ask(node, "GET", "/long-line", &[("accept-encoding", "gzip")]);
    assert_eq!(gunzip(&line.body), b"<p class=x>".repeat(1 << 18));
}

fn the_coding_is_negotiated(origin: &Scripted, node: &Node) {
    let cases = [
        ("gzip", Some("gzip")),
        ("gzip, br;q=0.9", Some("gzip")),
        ("br, gzip;q=0.9", Some("br")),
        ("gzip, deflate, br, zstd", Some("br")),
        ("br;q=0, *", Some("zstd")),
        ("deflate", None),
        ("identity;q=0, *;q=0", None),
        ("", None),
    ];
    for (accepts, wanted) in cases {
        let answer = ask(node, "GET", "/style.css", &[("accept-encoding", accepts)]);
        assert_eq!(answer.header("content-encoding"), wanted, "{accepts}");
        assert_eq!(answer.header("vary"), Some("Accept-Encoding"), "{accepts}");
        match wanted {
            Some("gzip") => assert_eq!(gunzip(&answer.body), css()),
            Some("zstd") => assert!(answer.body.starts_with(b"\x28\xb5\x2f\xfd")),
            Some(_) => {}
            None => assert_eq!(answer.body, css()),
        }
        assert!(wanted.is_none() || answer.body.len() < css().len() / 3, "{accepts}");
    }
    let all_identity = |head: &String| {
        !head.contains("accept-encoding") || head.contains("accept-encoding: identity\r\n")
    };
    assert!(origin.heads().iter().all(all_identity), "{:?}", origin.heads());
    // A flood of members, and of lines.
    let member = "x;q=0.5,".repeat(1_000) + "gzip";
    let flood = ask(node, "GET", "/style.css", &[("accept-encoding", &member)]);
    assert_eq!(gunzip(&flood.body), css());
    let lines = [("accept-encoding", "what"); 60];
    assert_eq!(ask(node, "GET", "/style.css", &lines).body, css());
}

fn conditions_heads_and_ranges_stay_right(node: &Node) {
    let gzip = ("accept-encoding", "gzip");
    let first = ask(node, "GET", "/style.css", &[gzip]);
    let tag = first.header("etag").expect("a tag").to_string();
    assert!(tag.starts_with("W/\"v1~"), "{tag}");
    assert_eq!(first.header("accept-ranges"), Some("none"));
    let again = ask(node, "GET", "/style.css", &[gzip, ("if-none-match", &tag)]);
    assert_eq!((again.status, again.header("etag")), (304, Some(tag.as_str())));
    assert_eq!(again.header("vary"), Some("Accept-Encoding"));
    // The variant that it has is not one that it takes.
    let other = [("accept-encoding", "br"), ("if-none-match", tag.as_str())];
    assert_eq!(ask(node, "GET", "/style.css", &other).status, 200);
    let own = ask(node, "GET", "/style.css", &[("if-none-match", "\"v1\"")]);
    assert_eq!((own.status, own.header("etag")), (304, Some("\"v1\"")));
    let head = ask(node, "HEAD", "/style.css", &[gzip]);
    assert_eq!(head.header("content-encoding"), Some("gzip"));
    assert_eq!((head.header("content-length"), head.header("etag")), (None, Some(tag.as_str())));
    let part = ask(node, "GET", "/style.css", &[gzip, ("range", "bytes=0-1")]);
    assert_eq!((part.status, part.text().as_str()), (206, ".a"));
    assert_eq!((part.header("etag"), part.header("content-encoding")), (Some("\"v1\""), None));
    // Who changes what was read names the origin's tag.
    let put = ask(node, "PUT", "/put", &[("if-match", &tag)]);
    assert!(put.text().contains("if-match: \"v1\"\r\n"), "{}", put.text());
}

fn early_bytes_are_not_held_and_trailers_pass(origin: &Scripted, node: &Node) {
    let mut connection = Connection::open(node.listen);
    connection.request("GET", "/slow", &[("accept-encoding", "gzip"), ("te", "trailers")], &[]);
    let mut answer = connection.read_head();
    assert_eq!(answer.header("content-encoding"), Some("gzip"));
    let mut body = Vec::new();
    let mut is_early = false;
    connection.read_body(&mut answer, false, |piece| {
        body.extend_from_slice(piece);
        if !is_early && gunzip(&body) == b"<!doctype html><title>early</title>" {
            is_early = true;
            origin.release();
        }
    });
    assert!(is_early && answer.whole);
    assert_eq!(gunzip(&body), b"<!doctype html><title>early</title><p>late\xff</p>");
    assert_eq!(answer.trailers, [("x-end".to_owned(), "yes".to_owned())]);
}

fn what_breaks_off_does_not_end(node: &Node) {
    for path in ["/cut", "/cut-long"] {
        for accepts in ["gzip", "identity"] {
            let answer = ask(node, "GET", path, &[("accept-encoding", accepts)]);
            assert_eq!(answer.status, 200, "{path} {accepts}");
            assert!(!answer.whole, "{path} {accepts}: {} bytes", answer.body.len());
        }
    }
}

#[test]
fn a_cache_before_it_keeps_each_coding_apart() {
    let origin = Scripted::start(script);
    let node = Node::start_sharing(&manifest(&origin, "{ cache = {} }, \"optimizer\"", ""));
    for _ in 0..2 {
        for coding in ["gzip", "br", "zstd"] {
            let fields = [("accept-encoding", coding), ("host", "shop.example")];
            let answer = ask(&node, "GET", "/cached.css", &fields);
            assert_eq!(answer.header("content-encoding"), Some(coding));
            let timing = answer.header("server-timing").unwrap_or_default();
            assert_eq!(timing, format!("aggressive_compression;desc={coding}"));
        }
    }
    assert_eq!(origin.heads().len(), 3, "one for each coding");
}

fn data_is_written_without_blanks_if_it_is_data(node: &Node) {
    let answer = ask(node, "GET", "/data", &[]);
    assert_eq!(answer.header("server-timing"), Some("json_minification"));
    let value: serde_json::Value = serde_json::from_slice(DATA).expect("JSON");
    assert_eq!(answer.json(), value);
    assert!(!answer.body.contains(&b' ') && answer.text().contains("2.50"));
    assert_eq!(answer.header("content-length"), Some(&*answer.body.len().to_string()));
    let answer = ask(node, "GET", "/no-data", &[]);
    assert_eq!((answer.header("server-timing"), &*answer.body), (None, NO_DATA));
}

#[test]
fn data_that_comes_late_is_not_waited_for_for_ever() {
    let origin = Scripted::start(script);
    let more = "environment = { OPTIMIZER_HOLD_MS = \"50\" }";
    let node = Node::start_sharing(&manifest(&origin, "\"optimizer\"", more));
    let mut connection = Connection::open(node.listen);
    connection.request("GET", "/slow-data", &[("accept-encoding", "gzip")], &[]);
    let mut answer = connection.read_head();
    // It began to stream before it was whole, and so it is only compressed.
    origin.release();
    let mut body = Vec::new();
    connection.read_body(&mut answer, false, |piece| body.extend_from_slice(piece));
    assert_eq!(gunzip(&body), DATA);
}

#[test]
fn markup_is_shortened_and_pictures_are_asked_for_in_fitting_sizes() {
    let origin = Scripted::start(script);
    let more = "environment = { OPTIMIZER_IMAGES = \"/cdn-cgi/image\" }";
    let node = Node::start_sharing(&manifest(&origin, "\"optimizer\"", more));
    let gzip = ("accept-encoding", "gzip");
    let answer = ask(&node, "GET", "/page/", &[gzip]);
    let page = String::from_utf8(gunzip(&answer.body)).expect("UTF-8");
    assert!(!page.contains("to be sold") && page.contains("<pre>  kept  </pre>"), "{page}");
    // A style sheet may give them a meaning.
    assert!(page.contains("caf\u{e9}  au   lait"), "{page}");
    assert!(page.contains("{\"name\":\"A shop\"}"), "{page}");
    let picture =
        "src=\"/cdn-cgi/image/width=400,format=auto,quality=auto,onerror=redirect/page/a.jpg\"";
    assert!(page.contains(picture) && page.contains("800w\""), "{page}");
    assert!(
        page.contains("src=\"/cdn-cgi/image/format=auto,quality=auto,onerror=redirect/b/c.png\""),
        "{page}"
    );
    assert_eq!(page.matches("loading=\"lazy\"").count(), 1, "{page}");
    assert_eq!(answer.header("vary"), Some("Accept-Encoding, Save-Data"));
    let timing = "html_minification, image_variants, aggressive_compression;desc=gzip";
    assert_eq!(answer.header("server-timing"), Some(timing));
    assert!(answer.header("accept-ch").is_some_and(|hints| hints.contains("Save-Data")));
    let saving = ask(&node, "GET", "/page/", &[gzip, ("save-data", "on")]);
    assert!(
        String::from_utf8_lossy(&gunzip(&saving.body))
            .contains("quality=50,onerror=redirect/page/a.jpg")
    );
    assert_ne!(saving.header("etag"), answer.header("etag"));
    // What is for one client is made for its device.
    let phone = [gzip, ("sec-ch-ua-mobile", "?1"), ("ect", "2g")];
    let own = ask(&node, "GET", "/own/", &phone);
    let page = String::from_utf8_lossy(&gunzip(&own.body)).into_owned();
    assert_eq!(page.matches("loading=\"lazy\"").count(), 2, "{page}");
    assert!(page.contains("quality=50"), "{page}");
    assert!(own.header("server-timing").is_some_and(|all| all.contains("mobile_optimization")));
    // Bytes of other charsets may look like markup.
    let jis = ask(&node, "GET", "/jis", &[gzip]);
    assert_eq!(gunzip(&jis.body), PAGE.as_bytes());
    // Without compression it would be larger.
    let plain = ask(&node, "GET", "/page/", &[]);
    assert!(plain.body.len() < PAGE.len() && !plain.text().contains("cdn-cgi"));
}
