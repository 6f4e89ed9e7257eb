//! The server behind: one script at a time, and nothing that it does not tell.

use super::case::bytes;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What an origin answers.
pub(crate) type Script = fn(&Asked) -> Vec<u8>;

/// A request as the origin got it.
pub(crate) struct Asked {
    /// Each byte as one character.
    pub(crate) head: String,
    pub(crate) body: String,
    /// Whether the attacker is at work; a victim that asks for the first time asks then.
    pub(crate) is_attack: bool,
}

impl Asked {
    pub(crate) fn method(&self) -> &str {
        self.head.split(' ').next().unwrap_or_default()
    }

    /// What stands in the request's line.
    pub(crate) fn target(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }

    /// The first line of a field.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    /// The line, all fields but those that no two requests have alike, and the content.
    pub(crate) fn everything(&self) -> String {
        let mut lines = self.head.lines();
        let first = lines.next().unwrap_or_default();
        let mut fields: Vec<String> = lines
            .filter(|line| !line.is_empty() && !line.starts_with("traceparent"))
            .map(|line| {
                let (name, value) = line.split_once(':').unwrap_or((line, ""));
                format!("{}:{value}\n", name.to_ascii_lowercase())
            })
            .collect();
        fields.sort_unstable();
        format!("{first}\n{}\n{}", fields.concat(), self.body)
    }
}

/// An answer that says how long it is, and `fields`, separated by `\n`.
pub(crate) fn answer(asked: &Asked, status: &str, fields: &str, body: &str) -> Vec<u8> {
    let fields: String = fields
        .split('\n')
        .filter(|line| !line.is_empty())
        .map(|line| format!("{line}\r\n"))
        .collect();
    let length = bytes(body).len();
    let head = format!(
        "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n{fields}\r\n"
    );
    let body = if asked.method() == "HEAD" { "" } else { body };
    bytes(&format!("{head}{body}"))
}

/// Fresh for ten minutes.
pub(crate) const FRESH: &str = "Cache-Control: max-age=600";

/// Tells all that it was asked: the origin that takes most attacks.
pub(crate) fn mirror(asked: &Asked) -> Vec<u8> {
    answer(asked, "200 OK", FRESH, &asked.everything())
}

/// What the origin does now, and how often it was asked since it does so.
pub(crate) struct State {
    pub(crate) script: Script,
    pub(crate) is_attack: bool,
    pub(crate) seen: usize,
}

/// A server on loopback. Its threads end with the test's process.
pub(crate) struct Origin {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl Origin {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let state = Arc::new(Mutex::new(State { script: mirror, is_attack: false, seen: 0 }));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || serve(stream, &shared));
            }
        });
        Origin { address, state }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One request, one answer, and the end.
fn serve(mut stream: TcpStream, state: &Mutex<State>) {
    let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
    if let Some(head) = read_head(&mut stream) {
        // Who sends less content than announced has reached this server already.
        let (script, is_attack) = {
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            state.seen += 1;
            (state.script, state.is_attack)
        };
        let body = read_content(&mut stream, &head);
        let asked = Asked { head, body, is_attack };
        let _ = stream.write_all(&script(&asked));
    }
    let _ = stream.shutdown(Shutdown::Write);
    // What is not read would reset the connection before its answer has arrived.
    let _ = stream.set_read_timeout(Some(Duration::from_millis(500)));
    let mut rest = [0; 4096];
    while stream.read(&mut rest).is_ok_and(|count| count > 0) {}
}

/// A head, and as much content as it announces.
pub(crate) fn read_request(stream: &mut TcpStream) -> Option<(String, String)> {
    let head = read_head(stream)?;
    let body = read_content(stream, &head);
    Some((head, body))
}

fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        head.push(byte[0]);
    }
    Some(head.into_iter().map(char::from).collect())
}

/// As much as the head announces, or as much of it as comes.
fn read_content(stream: &mut TcpStream, head: &str) -> String {
    let mut byte = [0];
    let lower = head.to_ascii_lowercase();
    let length = lower.lines().find_map(|line| line.strip_prefix("content-length:"));
    let length = length.and_then(|length| length.trim().parse().ok()).unwrap_or(0);
    let chunked = lower.lines().any(|line| line.starts_with("transfer-encoding:"));
    let mut body = Vec::new();
    // As it is framed: what matters is that it can be told.
    while body.len() < length || (chunked && !body.ends_with(b"0\r\n\r\n")) {
        match stream.read(&mut byte) {
            Ok(1) => body.push(byte[0]),
            Ok(_) | Err(_) => break,
        }
    }
    body.into_iter().map(char::from).collect()
}
