use super::*;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use sedge_model::handler::Said;
use std::io::IoSlice;
use std::sync::Arc;

/// Takes so many bytes at a time, and is full every other time.
struct Narrow {
    width: usize,
    is_full: bool,
    taken: Vec<u8>,
    flushes: usize,
}

impl Write for Narrow {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.is_full = !self.is_full;
        if self.is_full {
            return Poll::Pending;
        }
        let count = self.width.min(bytes.len());
        self.taken.extend_from_slice(&bytes[..count]);
        Poll::Ready(Ok(count))
    }

    fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.flushes += 1;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn narrow(width: usize) -> Narrow {
    Narrow { width, is_full: false, taken: Vec::new(), flushes: 0 }
}

fn interim(status: u16, fields: &[(&'static str, &'static str)]) -> Interim {
    let fields = fields
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
    let status = StatusCode::from_u16(status).expect("a status");
    Interim { status, fields: HeaderMap::from_iter(fields) }
}

fn cx() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

/// Writes all of it, as hyper does: until nothing is left, then a flush.
fn write(socket: &mut Interject<'_, Narrow>, mut bytes: &[u8], vectored: bool) {
    for _ in 0..100_000 {
        if bytes.is_empty() {
            return;
        }
        let polled = match vectored {
            true => {
                let parts = [IoSlice::new(&bytes[..1]), IoSlice::new(&bytes[1..])];
                Pin::new(&mut *socket).poll_write_vectored(&mut cx(), &parts)
            }
            false => Pin::new(&mut *socket).poll_write(&mut cx(), bytes),
        };
        if let Poll::Ready(count) = polled {
            bytes = &bytes[count.expect("written")..];
        }
    }
    panic!("the socket took nothing");
}

fn flush(socket: &mut Interject<'_, Narrow>) -> bool {
    Pin::new(socket).poll_flush(&mut cx()).is_ready()
}

const EARLY: &str = "HTTP/1.1 103 Early Hints\r\nlink: </a.css>; rel=preload\r\n\r\n\
                     HTTP/1.1 102 Processing\r\n\r\n";
const BEFORE: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nbefore";
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi";

#[test]
fn wherever_a_socket_stops_nothing_is_mixed() {
    let all = [BEFORE, EARLY.as_bytes(), ANSWER].concat();
    for width in 1..=all.len() {
        for vectored in [false, true] {
            for flushes in 0..3 {
                let early = Early::default();
                let mut socket = Interject::new(narrow(width), &early);
                let line = early.begin(false).opened(&Arc::default());
                // It is said while what came before is being written.
                write(&mut socket, &BEFORE[..7], vectored);
                line.say(interim(103, &[("link", "</a.css>; rel=preload")]));
                line.say(interim(102, &[]));
                write(&mut socket, &BEFORE[7..], vectored);
                assert_eq!(socket.socket.taken, BEFORE);
                // One flush takes it, and what is not written by that, writing the answer
                // writes first.
                for _ in 0..=flushes {
                    flush(&mut socket);
                }
                assert!(line.poll_end(&mut cx()).is_ready());
                early.end();
                write(&mut socket, ANSWER, vectored);
                assert_eq!(socket.socket.taken, all, "{width} {vectored} {flushes}");
                assert!(socket.into_socket().is_some());
            }
        }
    }
}

#[test]
fn what_is_not_written_yet_holds_up_the_flush_and_the_end() {
    let early = Early::default();
    let mut socket = Interject::new(narrow(5), &early);
    early.begin(false).opened(&Arc::default()).say(interim(102, &[]));
    assert!(!flush(&mut socket));
    assert_eq!(socket.socket.flushes, 0);
    let mut polls = 0;
    while !flush(&mut socket) {
        polls += 1;
        assert!(polls < 1_000);
    }
    assert_eq!(socket.socket.taken, b"HTTP/1.1 102 Processing\r\n\r\n");
    early.begin(false).opened(&Arc::default()).say(interim(102, &[]));
    assert!(!flush(&mut socket));
    assert!(socket.into_socket().is_none());
}

#[test]
fn without_a_line_nothing_is_looked_for() {
    let early = Early::default();
    let mut socket = Interject::new(narrow(9), &early);
    assert!(flush(&mut socket) && socket.socket.taken.is_empty());
    let line = early.begin(false).opened(&Arc::default());
    early.end();
    assert_eq!(line.say(interim(103, &[])), Said::Taken);
    assert!(flush(&mut socket) && socket.socket.taken.is_empty());
}

#[test]
fn fields_that_are_none_of_an_interim_response_stay_behind() {
    let mut all = interim(
        103,
        &[
            ("connection", "x-hop"),
            ("x-hop", "1"),
            ("transfer-encoding", "chunked"),
            ("content-length", "5"),
            ("set-cookie", "a=1"),
            ("trailer", "x"),
            ("upgrade", "h2c"),
            ("link", "</a>; rel=preload"),
            ("x-kept", "1"),
        ],
    );
    fit(&mut all);
    assert_eq!(all, interim(103, &[("link", "</a>; rel=preload"), ("x-kept", "1")]));
}
