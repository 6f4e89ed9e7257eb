//! Requests for files: their paths, their ranges, and a whole folder.

use super::texts;
use sedge_ingress::http::files::paths::wanted;
use sedge_ingress::http::files::ranges::{Asked, RANGES_MAX, asked};
use sedge_ingress::http::files::{Disk, FileServer};
use sedge_ingress::http::{AccessLog, Gateway, GatewayOptions, RouteTable, Routes};
use sedge_model::handler::Handler;
use sedge_model::routing::rule::Files;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Words of paths that lead elsewhere.
pub(super) const STEPS: &[&str] = &[
    "/",
    "//",
    "..",
    "/../",
    "/./",
    "%2e",
    "%2E%2e",
    "%2f",
    "%5c",
    "\\",
    "%00",
    "%",
    "%25",
    "%c0%af",
    ".well-known",
    "/.git/",
    "a.txt",
    "docs/",
    "out",
    "%ff",
];

/// Words of fields that are about files.
pub(super) const FIELDS: &[&str] = &[
    "bytes=",
    "0-0",
    "-1",
    "9-",
    ",",
    "18446744073709551615",
    "range: ",
    "if-range: ",
    "if-none-match: ",
    "if-match: ",
    "if-modified-since: ",
    "accept-encoding: ",
    "gzip;q=0.5",
    "\"",
    "W/",
    "*",
    "\r\n",
    "Thu, 01 Jan 1970 00:00:00 GMT",
    "/a.txt",
    "/out",
    "..",
];

pub(super) fn paths() -> Vec<Vec<u8>> {
    texts(&["/", "/a.txt", "/docs/", "/%2e%2e/secret", "/.well-known/x", "/a%20b/%C3%A4"])
}

/// The path of a request: what comes out is a name that stays where it is put.
pub(super) fn path(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for hidden in [false, true] {
        let Some(wanted) = wanted(text, hidden) else { continue };
        assert!(text.starts_with('/') && wanted.is_folder == text.ends_with('/'), "{text:?}");
        if wanted.name.is_empty() {
            assert_eq!(text, "/");
            continue;
        }
        for segment in wanted.name.split(|byte| *byte == b'/') {
            assert!(!matches!(segment, b"" | b"." | b".."), "{text:?}");
            assert!(!segment.contains(&0) && segment.len() <= 255, "{text:?}");
            assert!(hidden || !segment.starts_with(b".") || segment == b".well-known", "{text:?}");
        }
    }
}

pub(super) fn ranges() -> Vec<Vec<u8>> {
    texts(&["bytes=0-0", "bytes=-1", "bytes=5-,0-1", "bytes=0-1, 3-4 ,,-2", "items=0-1"])
}

/// A `Range` field: parts lie in the file, are few, and are not more than it.
pub(super) fn range(data: &[u8]) {
    for length in [0, 1, 10, u64::MAX] {
        let Asked::Parts(parts) = asked(data, length) else { continue };
        assert!((1..=RANGES_MAX).contains(&parts.len()));
        assert!(parts.iter().all(|part| part.begin < part.end && part.end <= length));
        let total: u128 = parts.iter().map(|part| u128::from(part.length())).sum();
        assert!(total <= u128::from(length), "{total} of {length}");
    }
}

pub(super) fn requests() -> Vec<Vec<u8>> {
    texts(&[
        "/a.txt",
        "/a.txt\r\nrange: bytes=0-1,3-4",
        "/docs",
        "/out\r\naccept-encoding: gzip, br",
        "/../secret.txt",
        "/a.txt\r\nif-none-match: W/\"a\", \"b\"\r\nif-modified-since: Thu, 01 Jan 1970 00:00:00 GMT",
        "/a.txt\r\nif-range: \"a\"\r\nrange: bytes=-3",
    ])
}

/// What lies beside the folder that is served.
const SECRET: &[u8] = b"the secret beside the folder";

/// A folder with a link out of it, and a secret beside it.
fn site() -> PathBuf {
    let scratch = std::env::temp_dir().join(format!("sedge-fuzz-{}", std::process::id()));
    let root = scratch.join("root");
    std::fs::create_dir_all(root.join("docs")).expect("a folder");
    std::fs::write(scratch.join("secret.txt"), SECRET).expect("written");
    std::fs::write(root.join("a.txt"), "0123456789").expect("written");
    std::fs::write(root.join("a.txt.gz"), "gzip").expect("written");
    std::fs::write(root.join("docs/index.html"), "docs").expect("written");
    let _ = std::os::unix::fs::symlink("../secret.txt", root.join("out"));
    root
}

fn start() -> (Gateway, SocketAddr) {
    let files = Files {
        folder: site(),
        index: Some("index.html".to_owned()),
        fallback: None,
        not_found: None,
        cache_control: None,
        precompressed: true,
        hidden: true,
    };
    let handler: Arc<dyn Handler> = Arc::new(FileServer::new(files, Disk::new(4)));
    let options = GatewayOptions {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        threads: 1,
        header_timeout: Duration::from_millis(300),
        ..GatewayOptions::default()
    };
    let routes = sedge_model::route::Route::parse("/*").ok();
    let table = RouteTable::new(routes.map(|route| (route, handler, Arc::from("fuzz"))));
    let routes = Arc::new(Routes::new(table));
    let gateway = Gateway::bind(options, routes, AccessLog::off()).expect("a free port");
    let address = gateway.local_addr();
    (gateway, address)
}

/// A path and fields, sent to a folder: nothing beside it is ever sent, and nothing
/// fails on the node's side.
pub(super) fn folder(data: &[u8]) {
    static SITE: OnceLock<(Gateway, SocketAddr)> = OnceLock::new();
    let (_, address) = SITE.get_or_init(start);
    let mut stream = TcpStream::connect(address).expect("the gateway still listens");
    stream.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout");
    let (path, fields) = match data.windows(2).position(|pair| pair == b"\r\n") {
        Some(end) => (&data[..end], &data[end..]),
        None => (data, &b""[..]),
    };
    let end = b"\r\nhost: a\r\nconnection: close\r\n\r\n";
    let request = [b"GET ", path, b" HTTP/1.1", fields, end].concat();
    let _ = stream.write_all(&request);
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
            panic!("the gateway neither answered nor hung up in 5 s")
        }
        _ => {}
    }
    let seen = String::from_utf8_lossy(&answer);
    assert!(!answer.windows(SECRET.len()).any(|window| window == SECRET), "{seen}");
    assert!(!answer.starts_with(b"HTTP/1.1 5"), "{seen}");
}
