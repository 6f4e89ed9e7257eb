//! What servers do wrong. No request is lost that they have not begun with, and
//! no answer looks complete that is not.

use super::frames::{END_HEADERS, END_STREAM, OK, Peer, code, field, kind, listen};
use super::{front, plain, pooled};
use crate::upstream::{Front, retries};
use crate::world::{get, status, until};
use sedge_model::failure::Kind;
use sedge_model::routing::policy::Policy;
use sedge_model::routing::upstream::{Pool, Upstream};
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

const MAX_CONCURRENT_STREAMS: u16 = 3;

fn quick() -> Pool {
    Pool { connect_timeout: Duration::from_millis(150), ..Pool::default() }
}

type Serve = fn(Peer, usize) -> io::Result<()>;

#[test]
fn what_is_no_http2_is_known_before_a_request_is_sent() {
    let cases: [(&str, Serve); 7] = [
        ("HTTP/1.1", |mut peer, _| {
            let _ = peer.0.read(&mut [0; 1024])?;
            peer.0.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        }),
        ("noise", |mut peer, _| {
            peer.0.write_all(&[0xff; 4096])?;
            peer.ignore_all()
        }),
        ("the end after its settings", |mut peer, _| peer.greet(&[])),
        ("a goodbye", |mut peer, _| {
            peer.greet(&[])?;
            peer.go_away(0, code::INTERNAL_ERROR)?;
            peer.ignore_all()
        }),
        ("nothing", |mut peer, _| peer.ignore_all()),
        ("no room for any request", |mut peer, _| {
            peer.greet(&[(MAX_CONCURRENT_STREAMS, 0)])?;
            peer.ignore_all_but_pings()
        }),
        ("settings, and then nothing", |mut peer, _| {
            peer.greet(&[])?;
            peer.ignore_all()
        }),
    ];
    for (what, serve) in cases {
        let (address, _) = listen(serve);
        let front = pooled(address, quick());
        let answer = front.get("/");
        assert!(status(&answer) == 503 && answer.contains("upstream_connect"), "{what}: {answer}");
        assert_eq!(front.metric("sedge_upstream_endpoint_connect_failures_total"), 1, "{what}");
        until("nothing is left open", || front.metric("sedge_upstream_endpoint_connections") == 0);
    }
}

#[test]
fn what_a_server_has_not_begun_with_is_sent_to_its_next_connection() {
    // The second of two requests is beyond what the goodbye takes in.
    static FIRST_HAS_COME: AtomicBool = AtomicBool::new(false);
    let (address, connections) = listen(|mut peer, number| {
        peer.greet(&[])?;
        if number > 0 {
            return peer.answer_all("second");
        }
        let first = peer.request()?;
        FIRST_HAS_COME.store(true, SeqCst);
        peer.request()?;
        peer.go_away(first, code::NO_ERROR)?;
        std::thread::sleep(Duration::from_millis(50));
        peer.answer(first, "first")?;
        peer.ignore_all()
    });
    // One thread, so that both go over one connection.
    let front = Front::with_threads(plain(address), Policy::default(), 1);
    let mut clients = [front.connect(), front.connect()];
    clients[0].write("POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    until("the first is under way", || FIRST_HAS_COME.load(SeqCst));
    clients[1].write("POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let answers = clients.map(|mut client| client.read_to_end());
    assert!(answers[0].contains("first") && answers[1].contains("second"), "{answers:?}");
    assert_eq!(connections.load(SeqCst), 2);
    assert_eq!(front.metric("sedge_upstream_endpoint_reconnects_total"), 1);
}

#[test]
fn a_refused_stream_is_sent_again_and_not_for_ever() {
    let (address, _) = listen(|mut peer, _| {
        peer.greet(&[])?;
        let first = peer.request()?;
        peer.reset(first, code::REFUSED_STREAM)?;
        peer.answer_all("again")
    });
    let answer = front(address).send("POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert!(answer.contains("again"), "{answer}");
    let requests = Arc::<AtomicUsize>::default();
    let counted = Arc::clone(&requests);
    let (address, _) = listen(move |mut peer, _| {
        peer.greet(&[])?;
        loop {
            let stream = peer.request()?;
            counted.fetch_add(1, SeqCst);
            peer.reset(stream, code::REFUSED_STREAM)?;
        }
    });
    let answer = front(address).get("/");
    assert!(status(&answer) == 503 && answer.contains("upstream_refused"), "{answer}");
    assert_eq!(requests.load(SeqCst), 3);
}

#[test]
fn a_refused_body_is_sent_to_another_endpoint_whole() {
    let (refusing, _) = listen(|mut peer, _| {
        peer.greet(&[])?;
        loop {
            let frame = peer.next()?;
            if frame.kind == kind::DATA {
                peer.reset(frame.stream, code::REFUSED_STREAM)?;
            }
        }
    });
    let good = super::origin::Origin::new("good");
    let mut both = plain(refusing);
    both.endpoints.extend(plain(good.address).endpoints);
    let front = Front::new(both, Policy { retries: Some(retries(1)), ..Policy::default() });
    for _ in 0..4 {
        let answer = front.send(
            "POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello",
        );
        assert!(answer.ends_with("hello"), "{answer}");
    }
    assert!(front.metric("sedge_upstream_retries_total") > 0);
}

/// A server that does this with its first request, and answers the others well, over
/// the same connection or a new one.
fn first(act: impl Fn(&mut Peer, u32) -> io::Result<()> + Send + Sync + 'static) -> SocketAddr {
    let has_acted = AtomicBool::new(false);
    let (address, _) = listen(move |mut peer, _| {
        peer.greet(&[])?;
        if !has_acted.load(SeqCst) {
            let stream = peer.request()?;
            has_acted.store(true, SeqCst);
            act(&mut peer, stream)?;
        }
        peer.answer_all("good")
    });
    address
}

#[test]
fn answers_that_are_none_are_failures_of_their_own_kind() {
    let of_connection = [OK, &field("connection", "close")].concat();
    let lengths = [field("content-length", "0"), field("content-length", "6")].concat();
    let lengths = [OK, &lengths].concat();
    let fields: Vec<u8> = (0..90).flat_map(|_| field("x-huge", &"x".repeat(100))).collect();
    let reset = first(|peer, stream| peer.reset(stream, code::INTERNAL_ERROR));
    let of_connection = first(move |peer, stream| peer.head(stream, END_STREAM, &of_connection));
    let lengths = first(move |peer, stream| peer.head(stream, END_STREAM, &lengths));
    let endless = first(|peer, stream| {
        let hints = [&[0x08, 0x03][..], b"103"].concat();
        (0..200).try_for_each(|_| peer.head(stream, 0, &hints))
    });
    let huge = first(move |peer, stream| {
        peer.write(kind::HEADERS, 0, stream, &[OK, &fields].concat())?;
        for _ in 0..10 {
            peer.write(kind::CONTINUATION, 0, stream, &fields)?;
        }
        peer.write(kind::CONTINUATION, END_HEADERS, stream, &fields)
    });
    for (what, address, expected, kind) in [
        ("a reset", reset, 503, Kind::UpstreamReset),
        ("a field of a connection", of_connection, 502, Kind::UpstreamProtocol),
        ("two lengths", lengths, 502, Kind::UpstreamProtocol),
        ("informational answers without end", endless, 502, Kind::UpstreamProtocol),
        ("a huge head", huge, 502, Kind::UpstreamProtocol),
    ] {
        let front = Front::with_threads(plain(address), Policy::default(), 1);
        let answer = front.get("/");
        assert_eq!(status(&answer), expected, "{what}: {answer}");
        assert!(answer.contains(kind.label()), "{what}: {answer}");
        until("it is counted", || front.failures(kind) == 1);
        assert!(front.get("/").contains("good"), "{what}");
    }
}

#[test]
fn an_answer_that_breaks_off_never_looks_complete() {
    let part = |peer: &mut Peer, stream| {
        peer.head(stream, 0, OK)?;
        peer.write(kind::DATA, 0, stream, b"part")
    };
    let reset = first(move |peer, stream| {
        part(peer, stream)?;
        peer.reset(stream, code::INTERNAL_ERROR)
    });
    // Without the end that must come before it (RFC 9113 §8.1).
    let no_error = first(move |peer, stream| {
        part(peer, stream)?;
        peer.reset(stream, code::NO_ERROR)
    });
    let closed = first(move |peer, stream| {
        part(peer, stream)?;
        Err(ErrorKind::ConnectionAborted.into())
    });
    for (what, address) in [("a reset", reset), ("no error", no_error), ("the end", closed)] {
        let front = front(address);
        let answer = front.get("/");
        assert!(answer.contains("part") && !answer.contains("0\r\n\r\n"), "{what}: {answer}");
        until("it is counted", || front.failures(Kind::UpstreamBroken) == 1);
    }
}

#[test]
fn a_client_that_leaves_resets_its_own_stream_and_no_other() {
    let resets = Arc::<AtomicUsize>::default();
    let seen = Arc::clone(&resets);
    let (address, connections) = listen(move |mut peer, _| {
        peer.greet(&[])?;
        let first = peer.request()?;
        loop {
            let frame = peer.next()?;
            match frame.kind {
                kind::RST_STREAM => {
                    assert_eq!(frame.stream, first);
                    assert_eq!(frame.payload, code::CANCEL.to_be_bytes());
                    seen.fetch_add(1, SeqCst);
                }
                kind::HEADERS => peer.answer(frame.stream, "other")?,
                _ => {}
            }
        }
    });
    let front = Front::with_threads(plain(address), Policy::default(), 1);
    let mut client = front.connect();
    client.write(get("/"));
    until("it is under way", || front.metric("sedge_upstream_active_requests") == 1);
    assert!(front.get("/").contains("other"));
    drop(client);
    until("its stream is reset", || resets.load(SeqCst) == 1);
    assert!(front.get("/").contains("other"));
    assert_eq!(connections.load(SeqCst), 1);
}

#[test]
fn a_connection_that_fell_silent_gets_no_more_requests() {
    let (address, connections) = listen(|mut peer, number| {
        peer.greet(&[])?;
        if number > 0 {
            return peer.answer_all("alive");
        }
        let stream = peer.request()?;
        peer.answer(stream, "alive")?;
        peer.ignore_all()
    });
    let policy = Policy { timeout: Some(Duration::from_millis(200)), ..Policy::default() };
    let silent = Upstream { pool: quick(), ..plain(address) };
    let front = Front::with_threads(silent, policy, 1);
    assert!(front.get("/").contains("alive"));
    assert_eq!(status(&front.get("/")), 504);
    // It has not even said that it lives, so it is left.
    assert!(front.get("/").contains("alive"));
    assert_eq!(connections.load(SeqCst), 2);
    until("it is closed", || front.metric("sedge_upstream_endpoint_connections") == 1);
}

#[test]
fn a_slow_answer_does_not_cost_a_connection_that_lives() {
    let (address, connections) = listen(|mut peer, _| {
        peer.greet(&[])?;
        peer.request()?;
        peer.answer_all("alive")
    });
    let policy = Policy { timeout: Some(Duration::from_millis(100)), ..Policy::default() };
    let front = Front::with_threads(plain(address), policy, 1);
    assert_eq!(status(&front.get("/")), 504);
    until("it has shown that it lives", || front.get("/").contains("alive"));
    assert!(connections.load(SeqCst) <= 2);
}

#[test]
fn a_dead_connection_is_noticed_while_requests_wait() {
    let (address, _) = listen(|mut peer, _| {
        peer.greet(&[])?;
        peer.request()?;
        peer.ignore_all()
    });
    let pool = Pool { keep_alive: Duration::from_millis(100), ..quick() };
    let answer = pooled(address, pool).get("/");
    assert!(status(&answer) == 503 && answer.contains("upstream_reset"), "{answer}");
}

#[test]
fn a_server_gets_no_more_at_once_than_it_takes() {
    let most = Arc::<AtomicUsize>::default();
    let noted = Arc::clone(&most);
    let (address, connections) = listen(move |mut peer, _| {
        peer.greet(&[(MAX_CONCURRENT_STREAMS, 2)])?;
        let mut open = Vec::new();
        loop {
            open.push(peer.request()?);
            noted.fetch_max(open.len(), SeqCst);
            if open.len() == 2 {
                std::thread::sleep(Duration::from_millis(20));
                for stream in open.drain(..) {
                    peer.answer(stream, "two")?;
                }
            }
        }
    });
    let front = Front::with_threads(plain(address), Policy::default(), 1);
    let mut clients: Vec<_> = (0..6).map(|_| front.connect()).collect();
    clients.iter_mut().for_each(|client| client.write(get("/")));
    for client in &mut clients {
        assert!(client.read_to_end().contains("two"));
    }
    assert_eq!((most.load(SeqCst), connections.load(SeqCst)), (2, 3));
}

#[test]
fn requests_wait_for_room_when_there_may_be_no_more_connections() {
    let (address, connections) = listen(|mut peer, _| {
        peer.greet(&[])?;
        peer.answer_all("one")
    });
    let pool = Pool { connections_max: 1, streams_max: 1, ..Pool::default() };
    let front = pooled(address, pool);
    let mut clients: Vec<_> = (0..8).map(|_| front.connect()).collect();
    for _ in 0..5 {
        clients.iter_mut().for_each(|client| client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
        for client in &mut clients {
            let answer = client.read_until("0\r\n\r\n");
            assert!(answer.contains("one"), "{answer}");
        }
    }
    assert_eq!(connections.load(SeqCst), 1);
    let (address, _) = listen(|mut peer, _| {
        peer.greet(&[])?;
        peer.ignore_all_but_pings()
    });
    let pool = Pool { connections_max: 1, streams_max: 1, ..quick() };
    let front = pooled(address, pool);
    let mut first = front.connect();
    first.write(get("/"));
    until("it is under way", || front.metric("sedge_upstream_active_requests") == 1);
    std::thread::sleep(Duration::from_millis(20));
    let answer = front.get("/");
    assert!(status(&answer) == 503 && answer.contains("upstream_overflow"), "{answer}");
}
