//! A server that says something before its answers: what, its paths tell.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

/// Bytes of the answer to `/large`.
pub(crate) const LARGE_BYTES: usize = 3_000_000;

/// Starts it; its threads end with the test's process.
pub(crate) fn start() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || serve(stream));
        }
    });
    address
}

fn serve(stream: TcpStream) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(60))).ok()?;
    let mut writer = stream.try_clone().ok()?;
    let mut reader = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).ok()? == 0 {
                return None;
            }
        }
        let mut words = head.split(' ');
        let (method, path) = (words.next()?, words.next()?);
        let before = before(path);
        if !before.is_empty() {
            writer.write_all(before.as_bytes()).ok()?;
        }
        if path.contains("slow") {
            std::thread::sleep(Duration::from_millis(150));
        }
        writer.write_all(&answer(method, path)).ok()?;
    }
}

/// What comes before the answer.
fn before(path: &str) -> String {
    let early = |more: &str| format!("HTTP/1.1 103 Early Hints\r\n{more}\r\n");
    let link = format!("Link: <{path}.css>; rel=preload\r\n");
    match path.split('/').nth(1).unwrap_or_default() {
        "early" => early(&link),
        "several" => format!(
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\nX-A: b\r\n\r\n{}\
             HTTP/1.1 199 Own\r\nSet-Cookie: a=1\r\nConnection: x-hop\r\nX-Hop: 1\r\n\r\n",
            early(&link)
        ),
        "thousand" => early("").repeat(1_000),
        "huge" => early(&format!("Link: </{}>; rel=preload\r\n", "a".repeat(20_000))),
        "endless" => early(&format!("X-A: {}\r\n", "a".repeat(1_000))).repeat(400),
        "switch" => "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: \
                     websocket\r\n\r\n"
            .to_owned(),
        _ => String::new(),
    }
}

fn answer(method: &str, path: &str) -> Vec<u8> {
    let (fields, body) = match path.split('/').nth(1).unwrap_or_default() {
        "page" => (
            format!(
                "Content-Type: text/html\r\nLink: <{path}.css>; rel=preload; as=style, </next>; \
                 rel=next\r\nCache-Control: max-age=0\r\n"
            ),
            path.as_bytes().to_vec(),
        ),
        "private" => (
            "Content-Type: text/html\r\nLink: </mine.css>; rel=preload\r\nCache-Control: \
             private\r\n"
                .to_owned(),
            path.as_bytes().to_vec(),
        ),
        "early" if path.contains("large") => ("Cache-Control: max-age=600\r\n".to_owned(), large()),
        _ => (String::new(), path.as_bytes().to_vec()),
    };
    let length = body.len();
    let mut bytes =
        format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n{fields}\r\n").into_bytes();
    if method != "HEAD" {
        bytes.extend(body);
    }
    bytes
}

/// A body whose every part can be told from the others.
pub(crate) fn large() -> Vec<u8> {
    (0..LARGE_BYTES as u32 / 4).flat_map(u32::to_le_bytes).collect()
}
