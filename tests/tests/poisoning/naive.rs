//! A cache that does all that a cache must not: it stores whatever comes under the path,
//! as a careless reader understands it, and gives it to whoever asks. What does not
//! poison this one is no attack, and its row in the table proves nothing.

use super::case::bytes;
use super::origin::read_request;
use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

type Stored = Mutex<HashMap<String, Vec<u8>>>;

/// Starts it before `origin`. Its threads end with the test's process.
pub(crate) fn start(origin: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    let stored = Arc::new(Stored::default());
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let stored = Arc::clone(&stored);
            std::thread::spawn(move || serve(stream, origin, &stored));
        }
    });
    address
}

fn serve(mut client: TcpStream, origin: SocketAddr, stored: &Stored) {
    let _ = client.set_read_timeout(Some(Duration::from_millis(500)));
    let Some((head, body)) = read_request(&mut client) else { return };
    let key = key(&head);
    let found = stored.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
    let answer = match found {
        Some(answer) => answer,
        None => {
            let answer =
                fetch(origin, &bytes(&format!("{}{body}", forwarded(&head)))).unwrap_or_default();
            stored.lock().unwrap_or_else(PoisonError::into_inner).insert(key, answer.clone());
            answer
        }
    };
    let _ = client.write_all(&answer);
    let _ = client.shutdown(Shutdown::Both);
}

fn fetch(origin: SocketAddr, request: &[u8]) -> Option<Vec<u8>> {
    let mut stream = TcpStream::connect(origin).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    stream.write_all(request).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    Some(answer)
}

/// Without what `Connection` names, as any proxy does it.
fn forwarded(head: &str) -> String {
    let named = head.lines().filter_map(|line| line.strip_prefix("connection:"));
    let named: Vec<&str> = named.flat_map(|names| names.split(',')).map(str::trim).collect();
    let is_named = |line: &&str| line.split(':').next().is_some_and(|name| named.contains(&name));
    head.split_inclusive("\r\n").filter(|line| !is_named(line)).collect()
}

/// The first segment that is one, in small letters.
fn key(head: &str) -> String {
    let head = head.to_ascii_lowercase().replace("%25", "%").replace("%70", "p");
    let begin = head.find("/p0").map_or("", |at| &head[at + 1..]);
    let end = begin.find(|character: char| !character.is_ascii_alphanumeric());
    begin[..end.unwrap_or(begin.len())].to_owned()
}
