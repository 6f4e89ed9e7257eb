//! A small HTTP server for functions to call.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A server on loopback that answers by path and remembers what it was asked.
/// Its threads end with the test's process.
pub struct Origin {
    /// Where it listens.
    pub address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Origin {
    /// Starts it.
    ///
    /// # Panics
    ///
    /// If loopback has no free port.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let heads = Arc::new(Mutex::new(Vec::new()));
        let seen = heads.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let seen = seen.clone();
                std::thread::spawn(move || serve(stream, &seen));
            }
        });
        Origin { address, heads }
    }

    /// `http://127.0.0.1:<port><target>`.
    pub fn url(&self, target: &str) -> String {
        format!("http://{}{target}", self.address)
    }

    /// The heads of all requests so far, in lower case.
    pub fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn serve(stream: TcpStream, seen: &Mutex<Vec<String>>) {
    let _ = stream.set_read_timeout(Some(Duration::from_secs(60)));
    let Ok(mut writer) = stream.try_clone() else { return };
    let mut reader = BufReader::new(stream);
    while let Some((head, target, body)) = read_request(&mut reader) {
        seen.lock().unwrap_or_else(PoisonError::into_inner).push(head);
        if answer(&mut writer, &target, &body).is_err() {
            return;
        }
    }
}

fn read_request(reader: &mut BufReader<TcpStream>) -> Option<(String, String, Vec<u8>)> {
    let mut head = String::new();
    let mut length = 0;
    let mut chunked = false;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line == "\r\n" {
            break;
        }
        let line = if head.is_empty() { line } else { line.to_ascii_lowercase() };
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        chunked |= line.starts_with("transfer-encoding:") && line.contains("chunked");
        head.push_str(&line);
    }
    let target = head.split(' ').nth(1)?.to_string();
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    while chunked {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let size = usize::from_str_radix(line.trim(), 16).ok()?;
        let start = body.len();
        body.resize(start + size, 0);
        reader.read_exact(&mut body[start..]).ok()?;
        reader.read_line(&mut line).ok()?;
        chunked = size > 0;
    }
    Some((head, target, body))
}

fn answer(writer: &mut TcpStream, target: &str, body: &[u8]) -> std::io::Result<()> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    match path {
        "/redirect" => {
            let head =
                format!("HTTP/1.1 302 Found\r\nlocation: {query}\r\ncontent-length: 0\r\n\r\n");
            writer.write_all(head.as_bytes())
        }
        "/stream" => {
            let bytes: usize = query.parse().unwrap_or(0);
            write!(writer, "HTTP/1.1 200 OK\r\ncontent-length: {bytes}\r\n\r\n")?;
            let chunk = [b's'; 64 * 1024];
            let mut left = bytes;
            while left > 0 {
                let size = left.min(chunk.len());
                writer.write_all(&chunk[..size])?;
                left -= size;
            }
            Ok(())
        }
        "/numbers" => whole(writer, &numbers(query.parse().unwrap_or(0))),
        "/slow" => {
            std::thread::sleep(Duration::from_millis(query.parse().unwrap_or(1_000)));
            whole(writer, b"slow\n")
        }
        "/cut" => {
            writer.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\npart")?;
            Err(std::io::ErrorKind::ConnectionAborted.into())
        }
        "/garbage" => {
            writer.write_all(b"this is not HTTP\r\n\r\n")?;
            Err(std::io::ErrorKind::ConnectionAborted.into())
        }
        "/echo" => whole(writer, body),
        "/rocket.jpg" => {
            let example =
                Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/images/rocket.jpg");
            whole(writer, &std::fs::read(example)?)
        }
        _ => whole(writer, b"origin\n"),
    }
}

/// What `/numbers?COUNT` answers: so many bytes, of which no two counts in a row have one
/// alike in the same place.
pub fn numbers(count: usize) -> Vec<u8> {
    (0..count).map(|at| ((7 * at + count) % 251) as u8).collect()
}

fn whole(writer: &mut TcpStream, body: &[u8]) -> std::io::Result<()> {
    write!(writer, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len())?;
    writer.write_all(body)
}
