//! An upstream that switches protocols, well or badly, as its path says. What it
//! speaks afterwards is an echo that says goodbye.

use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

/// Stopped when dropped.
pub(super) struct Peer {
    pub(super) address: SocketAddr,
    seen: Arc<Seen>,
    _stop: oneshot::Sender<()>,
}

#[derive(Default)]
struct Seen {
    connections: AtomicUsize,
    /// Connections that the other side has closed.
    closed: AtomicUsize,
    heads: Mutex<Vec<String>>,
}

impl Peer {
    pub(super) fn new() -> Peer {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a socket");
        let address = listener.local_addr().expect("bound");
        let seen = Arc::<Seen>::default();
        let shared = Arc::clone(&seen);
        let (_stop, stopped) = oneshot::channel::<()>();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async {
                tokio::select! {
                    () = accept(listener, shared) => {}
                    _ = stopped => {}
                }
            });
        });
        Peer { address, seen, _stop }
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

async fn accept(listener: std::net::TcpListener, seen: Arc<Seen>) {
    let listener = TcpListener::from_std(listener).expect("a socket");
    while let Ok((stream, _)) = listener.accept().await {
        seen.connections.fetch_add(1, SeqCst);
        let seen = Arc::clone(&seen);
        tokio::spawn(async move { serve(stream, &seen).await });
    }
}

async fn serve(mut stream: TcpStream, seen: &Seen) -> Option<()> {
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_) => {
                    seen.closed.fetch_add(1, SeqCst);
                    return None;
                }
            }
        }
        let head = String::from_utf8(head).ok()?;
        let path = head.split(' ').nth(1)?.to_owned();
        seen.heads.lock().expect("no panic").push(head.to_ascii_lowercase());
        let answer = answer(&path, &head);
        stream.write_all(answer.as_bytes()).await.ok()?;
        if answer.contains("HTTP/1.1 101") {
            speak(&path, stream, seen).await?;
            return Some(());
        }
        if path == "/never" {
            // Until the other side closes.
            let _ = stream.read_u8().await;
            seen.closed.fetch_add(1, SeqCst);
        }
        if !answer.starts_with("HTTP/1.1 200") {
            return Some(());
        }
    }
}

/// The proof for a request's key.
fn proof(head: &str) -> String {
    let key = head.split("sec-websocket-key: ").nth(1).and_then(|rest| rest.lines().next());
    let text = format!("{}258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key.unwrap_or_default());
    let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes());
    let bits: String = hash.as_ref().iter().map(|byte| format!("{byte:08b}")).collect();
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digit = |six: &[u8]| {
        let value = six.iter().fold(0, |value, &bit| value << 1 | usize::from(bit == b'1'));
        char::from(DIGITS[value << (6 - six.len())])
    };
    bits.as_bytes().chunks(6).map(digit).collect::<String>() + "="
}

/// What the path's answer is; of protocols, the first that is asked for.
fn answer(path: &str, head: &str) -> String {
    let asked = head.split("upgrade: ").nth(1).and_then(|rest| rest.lines().next());
    let asked = asked.unwrap_or("nothing");
    let switch = |fields: &str| format!("HTTP/1.1 101 Switching Protocols\r\n{fields}\r\n");
    let right = format!("Connection: Upgrade\r\nUpgrade: {asked}\r\n");
    match path {
        "/never" => String::new(),
        "/plain" => "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nplain".to_owned(),
        "/required" => "HTTP/1.1 426 Upgrade Required\r\nSec-WebSocket-Version: 13\r\n\
                        Content-Length: 0\r\n\r\n"
            .to_owned(),
        "/other" => switch("Connection: Upgrade\r\nUpgrade: h2c\r\n"),
        "/two" => switch("Connection: Upgrade\r\nUpgrade: echo, h2c\r\n"),
        "/silent" => switch("Upgrade: echo\r\n"),
        "/nameless" => switch("Connection: Upgrade\r\n"),
        "/length" => switch(&format!("{right}Content-Length: 0\r\n")),
        "/chunked" => switch(&format!("{right}Transfer-Encoding: chunked\r\n")),
        "/unproved" => switch(&right),
        "/misproved" => switch(&format!("{right}Sec-WebSocket-Accept: AAAA\r\n")),
        "/hints" => format!("HTTP/1.1 103 Early Hints\r\n\r\n{}", switch(&right)),
        _ if asked == "websocket" => switch(&format!(
            "{right}Sec-WebSocket-Accept: {}\r\nSec-WebSocket-Protocol: chat\r\nX-Hop: 1\r\n",
            proof(head)
        )),
        _ if asked == "nothing" => "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno".to_owned(),
        _ => switch(&right),
    }
}

async fn speak(path: &str, mut stream: TcpStream, seen: &Seen) -> Option<()> {
    match path {
        // Resets the connection: what it was sent is never read.
        "/break" => {
            let _ = stream.read_u8().await;
            tokio::time::sleep(Duration::from_millis(50)).await;
            stream.set_zero_linger().ok()?;
            return Some(());
        }
        "/first" => stream.write_all(b"hello").await.ok()?,
        "/endless" => while stream.write_all(&[b'x'; 64 * 1024]).await.is_ok() {},
        "/deaf" => tokio::time::sleep(Duration::from_secs(60)).await,
        _ => {}
    }
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let bytes = stream.read(&mut buffer).await.unwrap_or(0);
        if bytes == 0 {
            break;
        }
        stream.write_all(&buffer[..bytes]).await.ok()?;
    }
    seen.closed.fetch_add(1, SeqCst);
    stream.write_all(b"bye").await.ok()
}
