//! A server that does what its path says, byte by byte.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

/// A server; stopped when dropped.
pub(super) struct Origin {
    pub(super) address: SocketAddr,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    stopped: AtomicBool,
    connections: AtomicUsize,
    /// Connections that the other side has closed.
    closed: AtomicUsize,
    /// Whether `/health` says that it is not well.
    is_ill: AtomicBool,
    heads: Mutex<Vec<String>>,
    streams: Mutex<Vec<TcpStream>>,
}

impl Origin {
    pub(super) fn new(name: &'static str) -> Origin {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let seen = Arc::<Seen>::default();
        let shared = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if shared.stopped.load(SeqCst) {
                    return;
                }
                shared.connections.fetch_add(1, SeqCst);
                shared.streams.lock().expect("no panic").extend(stream.try_clone());
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || {
                    let _ = serve(&stream, &shared, name);
                    let _ = stream.shutdown(Shutdown::Both);
                });
            }
        });
        Origin { address, seen }
    }

    /// Stops listening, and breaks all connections.
    pub(super) fn kill(&self) {
        if !self.seen.stopped.swap(true, SeqCst) {
            // Wakes the accept loop, which then drops its listener.
            drop(TcpStream::connect(self.address));
        }
        for stream in self.seen.streams.lock().expect("no panic").drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// What `/health` says from now on.
    pub(super) fn set_well(&self, is_well: bool) {
        self.seen.is_ill.store(!is_well, SeqCst);
    }

    pub(super) fn connections(&self) -> usize {
        self.seen.connections.load(SeqCst)
    }

    pub(super) fn closed(&self) -> usize {
        self.seen.closed.load(SeqCst)
    }

    /// The heads of all requests, in lower case.
    pub(super) fn heads(&self) -> Vec<String> {
        self.seen.heads.lock().expect("no panic").clone()
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.kill();
    }
}

fn serve(stream: &TcpStream, seen: &Seen, name: &str) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head)? == 0 {
                seen.closed.fetch_add(1, SeqCst);
                return Ok(());
            }
        }
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        let head = head.to_ascii_lowercase();
        seen.heads.lock().expect("no panic").push(head.clone());
        if !answer(&path, &head, &mut reader, stream, name, seen)? {
            return Ok(());
        }
    }
}

/// A whole answer with this content.
fn whole(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// Whether the connection goes on.
fn answer(
    path: &str,
    head: &str,
    reader: &mut BufReader<&TcpStream>,
    mut stream: &TcpStream,
    name: &str,
    seen: &Seen,
) -> std::io::Result<bool> {
    let mut say = |text: &str| stream.write_all(text.as_bytes());
    match path {
        "/flood" => loop {
            say(&"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n".repeat(100))?;
        },
        "/never" => {
            // Until the other side closes.
            let _ = reader.read(&mut [0; 1]);
            seen.closed.fetch_add(1, SeqCst);
            return Ok(false);
        }
        "/echo" => say(&whole(&body(head, reader)?))?,
        "/health" if seen.is_ill.load(SeqCst) => say(&good("/busy", head, name))?,
        _ => match bad(path) {
            Some(answer) => {
                say(&answer)?;
                return Ok(false);
            }
            None => say(&good(path, head, name))?,
        },
    }
    Ok(path != "/then-close")
}

/// Answers after which the connection is closed.
fn bad(path: &str) -> Option<String> {
    let head = |fields: &str| format!("HTTP/1.1 200 OK\r\n{fields}\r\n");
    Some(match path {
        "/reset" => String::new(),
        "/midway" => head("Content-Length: 10\r\n") + "hello",
        "/chunks-midway" => head("Transfer-Encoding: chunked\r\n") + "5\r\nhello\r\n",
        "/garbage" => "garbage\r\n\r\n".to_owned(),
        "/lengths" => head("Content-Length: 5\r\nContent-Length: 5\r\n") + "hello",
        "/differing" => head("Content-Length: 5\r\nContent-Length: 4\r\n") + "hello",
        "/both" => head("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n") + "0\r\n\r\n",
        "/switch" => "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\
                      Connection: upgrade\r\n\r\n"
            .to_owned(),
        "/huge" => head(&format!("X-Huge: {}\r\n", "x".repeat(8_000)).repeat(40)),
        "/early" => "HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\n\
                     Connection: close\r\n\r\nlarge"
            .to_owned(),
        _ => return None,
    })
}

/// Answers after which the connection serves on.
fn good(path: &str, head: &str, name: &str) -> String {
    match path {
        "/continue" => {
            let before = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n";
            before.to_owned() + &whole(name)
        }
        "/trailers" => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum\r\n\r\n\
                        5\r\nhello\r\n0\r\nX-Sum: 5\r\n\r\n"
            .to_owned(),
        "/nothing" => "HTTP/1.1 204 No Content\r\n\r\n".to_owned(),
        path if path.starts_with("/busy") => {
            "HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy".to_owned()
        }
        "/hop" => "HTTP/1.1 200 OK\r\nConnection: x-hop\r\nX-Hop: 1\r\nKeep-Alive: max=1\r\n\
                   X-Kept: 1\r\nContent-Length: 5\r\n\r\nhello"
            .to_owned(),
        _ if head.starts_with("head ") => {
            "HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n".to_owned()
        }
        _ => whole(name),
    }
}

/// A body by its length, or in chunks.
fn body(head: &str, reader: &mut impl BufRead) -> std::io::Result<String> {
    let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
    let mut body = Vec::new();
    if let Some(length) = length.and_then(|length| length.parse().ok()) {
        reader.take(length).read_to_end(&mut body)?;
    } else if head.contains("transfer-encoding: chunked") {
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let size = u64::from_str_radix(line.trim(), 16).unwrap_or(0);
            reader.by_ref().take(size).read_to_end(&mut body)?;
            reader.read_line(&mut String::new())?;
            if size == 0 {
                break;
            }
        }
    }
    Ok(String::from_utf8_lossy(&body).into_owned())
}
