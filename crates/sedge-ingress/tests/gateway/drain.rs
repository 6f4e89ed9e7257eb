//! Stopping without losing anything.

use crate::world::{Client, PATIENCE, World, get, status, until};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

#[test]
fn what_does_not_end_is_cut_and_counted() {
    let world = World::new(|_| {});
    let mut client = world.connect();
    client.write(get("/forever"));
    until("it is in flight", || world.begun() == 1);
    let seen = Arc::clone(&world.seen);
    assert_eq!(world.gateway.shutdown(Duration::from_millis(300)), 1);
    assert_eq!(client.read_to_end(), "");
    assert_eq!(seen.cancelled.load(SeqCst), 1);
}

#[test]
fn idle_connections_do_not_hold_a_drain_up() {
    let world = World::new(|_| {});
    let mut idle = world.connect();
    idle.write(get("/hello").replace("Connection: close\r\n", ""));
    idle.read_until("hello");
    let silent = world.connect();
    until("both are open", || world.gateway.metrics().connections_active() == 2);
    let start = Instant::now();
    assert_eq!(world.gateway.shutdown(PATIENCE), 0);
    assert!(start.elapsed() < PATIENCE);
    drop(silent);
}

#[test]
fn a_request_in_flight_is_answered_and_the_client_told_to_go() {
    let world = World::new(|_| {});
    let address = world.gateway.local_addr();
    let mut client = world.connect();
    client.write(get("/nap").replace("Connection: close\r\n", ""));
    until("it is in flight", || world.begun() == 1);
    assert_eq!(world.gateway.shutdown(PATIENCE), 0);
    let answer = client.read_to_end();
    assert!(answer.contains("connection: close\r\n") && answer.ends_with("rested"), "{answer}");
    assert!(TcpStream::connect(address).is_err(), "still listening");
}

#[test]
fn connections_in_the_accept_queue_are_served() {
    let world = World::new(|_| {});
    let address = world.gateway.local_addr();
    // Connected, and the request sent, at about the time the drain begins.
    let clients: Vec<_> = (0..64)
        .map(|_| {
            let mut client = Client::connect(address);
            client.write(get("/hello"));
            client
        })
        .collect();
    assert_eq!(world.gateway.shutdown(PATIENCE), 0);
    for mut client in clients {
        assert!(client.read_to_end().ends_with("hello"));
    }
}

/// Sends one request after the other, on connections that it keeps as long as
/// it may, until nobody listens. A request without an answer panics, unless it
/// is the first on its connection: one that is reset before it was accepted was
/// never served, and the kernel closes that gap for nobody (see `Core::close`).
fn hammer(address: SocketAddr, answered: &AtomicUsize) {
    let request = get("/hello").replace("Connection: close\r\n", "");
    let start = Instant::now();
    while let Ok(mut stream) = TcpStream::connect(address) {
        assert!(start.elapsed() < PATIENCE, "the drain never began");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        for requests in 0.. {
            let sent = stream.write_all(request.as_bytes());
            let answer = sent.and_then(|()| read_answer(&mut stream));
            let text = match answer {
                Ok(text) => text,
                Err(_) if requests == 0 => return,
                Err(error) => panic!("no answer to request {requests}: {error}"),
            };
            assert_eq!(status(&text), 200);
            answered.fetch_add(1, SeqCst);
            if text.contains("connection: close") {
                break;
            }
        }
    }
}

fn read_answer(stream: &mut TcpStream) -> io::Result<String> {
    let (mut answer, mut buffer) = (Vec::new(), [0; 1024]);
    while !answer.ends_with(b"hello") {
        match stream.read(&mut buffer)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => answer.extend_from_slice(&buffer[..count]),
        }
    }
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[test]
fn a_drain_under_load_loses_nothing() {
    let world = World::new(|_| {});
    let address = world.gateway.local_addr();
    let answered = Arc::<AtomicUsize>::default();
    let clients: Vec<_> = (0..8)
        .map(|_| {
            let answered = Arc::clone(&answered);
            std::thread::spawn(move || hammer(address, &answered))
        })
        .collect();
    until("all are at work", || answered.load(SeqCst) > 500);
    let metrics = world.gateway.metrics();
    assert_eq!(world.gateway.shutdown(PATIENCE), 0);
    for client in clients {
        client.join().expect("every request was answered");
    }
    assert_eq!(metrics.responses(2), answered.load(SeqCst) as u64);
}
