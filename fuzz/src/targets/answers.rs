//! What an upstream answers.

use super::texts;
use sedge_ingress::http::upstream::Upstreams;
use sedge_ingress::http::{AccessLog, Gateway, GatewayOptions, Routes};
use sedge_model::routing::upstream::{Balance, Endpoint, Pool, Protocol, Upstream};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// Words of answers that are not what they seem.
pub(super) const WORDS: &[&str] = &[
    "\r\n",
    "\r\n\r\n",
    "HTTP/1.1 200 OK\r\n",
    "HTTP/1.0 200 OK\r\n",
    "HTTP/1.1 100 Continue\r\n\r\n",
    "HTTP/1.1 101 Switching Protocols\r\n",
    "HTTP/1.1 204 No Content\r\n",
    "HTTP/1.1 304 Not Modified\r\n",
    "content-length: 5\r\n",
    "content-length: +5\r\n",
    "transfer-encoding: chunked\r\n",
    "transfer-encoding: gzip\r\n",
    "connection: close\r\n",
    "connection: keep-alive\r\n",
    "hello",
    "5\r\nhello\r\n",
    "0\r\n\r\n",
    " folded\r\n",
    "\0",
];

pub(super) fn answers() -> Vec<Vec<u8>> {
    texts(&[
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nx: y\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.0 200 OK\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n",
    ])
}

/// What the upstream answers next, instead of what it was asked.
static SCRIPT: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// An upstream that answers `/case` with the script and then closes its half, and
/// everything else with the path.
fn upstream() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || serve(&stream));
        }
    });
    address
}

fn serve(stream: &TcpStream) -> std::io::Result<()> {
    let (mut reader, mut writer) = (BufReader::new(stream), stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head)? == 0 {
                return Ok(());
            }
        }
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        if path == "/case" {
            writer.write_all(&SCRIPT.lock().unwrap_or_else(PoisonError::into_inner))?;
            return stream.shutdown(Shutdown::Write);
        }
        write!(writer, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{path}", path.len())?;
    }
}

fn gateway() -> &'static (Gateway, Upstreams) {
    static GATEWAY: OnceLock<(Gateway, Upstreams)> = OnceLock::new();
    GATEWAY.get_or_init(|| {
        let address = upstream();
        let host = address.ip().to_string();
        let upstream = Upstream {
            name: "back".to_owned(),
            endpoints: vec![Endpoint { host, port: address.port(), weight: 1 }],
            balance: Balance::RoundRobin,
            protocol: Protocol::Auto,
            tls: None,
            pool: Pool { connections_max: 1, ..Pool::default() },
            health: None,
            outliers: None,
        };
        let upstreams = Upstreams::new(&[upstream], None).expect("valid");
        let handler = upstreams.handler("back").expect("it is there");
        let routes = std::sync::Arc::new(Routes::single(handler, "fuzz/back"));
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let options = GatewayOptions { listen, threads: 1, ..GatewayOptions::default() };
        let gateway = Gateway::bind(options, routes, AccessLog::off()).expect("a free port");
        (gateway, upstreams)
    })
}

fn ask(path: &str) -> Vec<u8> {
    let (gateway, _) = gateway();
    let mut stream = TcpStream::connect(gateway.local_addr()).expect("the gateway listens");
    stream.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout");
    let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("the gateway reads");
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
            panic!("the gateway neither answered nor hung up in 5 s")
        }
        _ => answer,
    }
}

/// Bytes that an upstream answers with: the client gets HTTP, and the next client, who
/// shares the connection, its own answer.
pub(super) fn answer(data: &[u8]) {
    *SCRIPT.lock().unwrap_or_else(PoisonError::into_inner) = data.to_vec();
    let answer = ask("/case");
    assert!(answer.starts_with(b"HTTP/1.1 "), "{:?}", String::from_utf8_lossy(&answer));
    let own = ask("/own");
    assert!(own.ends_with(b"\r\n\r\n/own"), "{:?}", String::from_utf8_lossy(&own));
}
