//! What passes, and what is told of it.

use super::{Front, KEY, PROOF, Peer, Settings, asking, websocket};
use crate::secure::{Authority, listener, server, trust};
use crate::world::{PATIENCE, status, until};
use sedge_ingress::http::AccessLog;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

#[test]
fn a_websocket_is_proved_to_both_sides() {
    let peer = Peer::new();
    let front = Front::plain(&peer);
    let fields = format!(
        "Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: chat\r\n"
    );
    let mut client = front.connect();
    client.write(websocket("/chat?room=1", &fields));
    let answer = client.read_until("\r\n\r\n");
    assert_eq!(status(&answer), 101, "{answer}");
    for field in [
        "connection: upgrade",
        "upgrade: websocket",
        &format!("sec-websocket-accept: {PROOF}"),
        "sec-websocket-protocol: chat",
    ] {
        assert!(answer.contains(&format!("\r\n{field}\r\n")), "{field} in {answer}");
    }
    let head = peer.heads().pop().expect("it came");
    assert!(head.starts_with("get /chat?room=1 http/1.1\r\n"), "{head}");
    for field in ["connection: upgrade", "upgrade: websocket", "sec-websocket-version: 13"] {
        assert!(head.contains(&format!("\r\n{field}\r\n")), "{field} in {head}");
    }
    client.write("ping");
    client.read_until("ping");
}

#[test]
fn bytes_that_come_early_are_not_lost() {
    let peer = Peer::new();
    let front = Front::plain(&peer);
    let mut client = front.connect();
    // Behind the request, and behind the answer's head.
    client.write(asking("/first", "echo") + "early");
    let answer = client.read_until("early");
    assert!(answer.ends_with("\r\n\r\nhelloearly"), "{answer}");
    let mut client = front.connect();
    client.write(asking("/hints", "echo"));
    client.read_until("\r\n\r\n");
    client.write("after a hint");
    client.read_until("after a hint");
}

#[test]
fn a_side_that_is_done_still_hears_the_other() {
    let peer = Peer::new();
    let front = Front::plain(&peer);
    let mut client = front.switched("/");
    client.write("last words");
    client.0.shutdown(Shutdown::Write).expect("half of it");
    assert_eq!(client.read_to_end(), "last wordsbye");
    front.wait_unused();
    let metrics = front.gateway.metrics();
    until("it has ended", || metrics.requests() == 1);
    assert_eq!((metrics.responses(1), metrics.upgrades()), (1, 1));
}

/// Sends many megabytes through an echo, and reads them from a second thread.
fn flood(stream: TcpStream, total: usize) -> std::io::Result<()> {
    let mut reader = stream.try_clone()?;
    let reading = std::thread::spawn(move || {
        let (mut seen, mut buffer) = (0usize, vec![0; 256 * 1024]);
        loop {
            let bytes = reader.read(&mut buffer)?;
            if bytes == 0 {
                return std::io::Result::Ok(seen);
            }
            for (index, &byte) in buffer[..bytes].iter().enumerate() {
                let at = seen + index;
                assert!(at >= total || byte == (at % 251) as u8, "byte {at}");
            }
            seen += bytes;
        }
    });
    let mut sent = 0;
    while sent < total {
        let piece: Vec<u8> = (sent..total.min(sent + 100_000)).map(|at| (at % 251) as u8).collect();
        (&stream).write_all(&piece)?;
        sent += piece.len();
    }
    stream.shutdown(Shutdown::Write)?;
    let read = reading.join().expect("no panic")?;
    assert_eq!(read, total + "bye".len());
    Ok(())
}

#[test]
fn huge_messages_pass_both_ways_in_order() {
    let peer = Peer::new();
    let front = Front::plain(&peer);
    let client = front.switched("/");
    flood(client.0, 48_000_000).expect("all of it");
    front.wait_unused();
}

#[test]
fn an_encrypted_client_is_switched_like_any_other() {
    let authority = Authority::new();
    let settings = listener(vec![authority.issue("site", &["localhost"])]);
    let peer = Peer::new();
    let front =
        Front::new(&peer, Settings { servers: vec![server(&settings)], ..Settings::default() });
    let name = "localhost".try_into().expect("a name");
    let config = trust(authority.root(), &["http/1.1"]).config();
    let mut session = rustls::ClientConnection::new(config, name).expect("a client");
    let mut stream = TcpStream::connect(front.gateway.tls_addrs()[0]).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
    let mut client = rustls::Stream::new(&mut session, &mut stream);
    client.write_all(asking("/first", "echo").as_bytes()).expect("sent");
    let (mut text, mut buffer) = (String::new(), [0; 1024]);
    while !text.ends_with("hello") {
        let bytes = client.read(&mut buffer).expect("an answer");
        assert!(bytes > 0, "{text}");
        text += std::str::from_utf8(&buffer[..bytes]).expect("text");
    }
    assert_eq!(status(&text), 101);
    client.write_all(&[b'z'; 100_000]).expect("sent");
    let mut back = vec![0; 100_000];
    client.read_exact(&mut back).expect("an echo");
    assert!(back.iter().all(|&byte| byte == b'z'));
    client.conn.send_close_notify();
    client.flush().expect("sent");
    text.clear();
    client.read_to_string(&mut text).expect("a proper end");
    assert_eq!(text, "bye");
    front.wait_unused();
}

#[test]
fn it_is_recorded_when_it_ends_with_what_passed() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("access.log");
    let access = AccessLog::file(&path).expect("a file");
    let peer = Peer::new();
    let front = Front::new(&peer, Settings { access, ..Settings::default() });
    let mut client = front.switched("/");
    client.write("12345");
    client.read_until("12345");
    assert_eq!(std::fs::read_to_string(&path).expect("the log"), "", "it has not ended");
    client.0.shutdown(Shutdown::Write).expect("half of it");
    client.read_to_end();
    assert_eq!(front.gateway.shutdown(PATIENCE), 0);
    let text = std::fs::read_to_string(&path).expect("the log");
    let record: serde_json::Value = serde_json::from_str(&text).expect("one record");
    for (name, value) in [
        ("http.response.status_code", "101"),
        ("http.request.body.size", "5"),
        ("http.response.body.size", "8"),
        ("upgrade", "\"echo\""),
        ("upstream", "\"origin\""),
        ("tries", "1"),
        ("blame", "null"),
    ] {
        assert_eq!(record[name].to_string(), value, "{name}");
    }
}
