//! A gateway with handlers that behave well and badly, and a client that writes
//! exactly what it is told.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use sedge_ingress::http::tls::TlsServer;
use sedge_ingress::http::{AccessLog, Gateway, GatewayOptions, Routes};
use sedge_ingress::traces::Traces;
use sedge_model::failure::{Failure, Kind};
use sedge_model::handler::{self, Answer, Body, Context, Handler, Request};
use sedge_model::trace::SpanKind;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{self, Poll};
use std::time::{Duration, Instant};

/// Longer than anything here takes; no wait is without it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// What the handlers have done.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) begun: AtomicUsize,
    /// Calls whose future was dropped before it was done.
    pub(crate) cancelled: AtomicUsize,
}

/// Answers by path.
struct Paths(Arc<Seen>);

impl Handler for Paths {
    fn call(&self, request: Request, context: Context) -> Answer<'_> {
        self.0.begun.fetch_add(1, SeqCst);
        Box::pin(async move {
            let cancelled = Cancelled(&self.0.cancelled);
            let answer = answer(request, context).await;
            std::mem::forget(cancelled);
            answer
        })
    }
}

struct Cancelled<'a>(&'a AtomicUsize);

impl Drop for Cancelled<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

async fn answer(request: Request, context: Context) -> Result<Response<Body>, Failure> {
    let path = request.uri().path().to_owned();
    let body = match path.as_str() {
        "/hello" => handler::full("hello"),
        "/echo" => request.into_body(),
        "/fields" => handler::full(fields(&request, &context)),
        "/trace" => handler::full(context.trace.to_string()),
        "/step" => {
            let mut step = context.spans.begin(context.trace, SpanKind::Client, "GET");
            step.set("server.address", "upstream.test");
            context.notes.tried(&"shop".into(), &"upstream.test:80".into());
            handler::full(step.trace().to_string())
        }
        "/ignore" => handler::full("ignored"),
        "/forever" => std::future::pending().await,
        "/nap" => {
            tokio::time::sleep(Duration::from_millis(100)).await;
            handler::full("rested")
        }
        "/count" => {
            let body = request.into_body().collect().await?.to_bytes();
            handler::full(body.len().to_string())
        }
        "/trailers" => trailers(),
        "/trap" => return Err(Failure::new(Kind::Trap, "secret detail")),
        "/midway" => pieces(vec![Ok("first"), Err(Failure::new(Kind::Trap, "midway"))]),
        "/short" => return Ok(with_length("10", pieces(vec![Ok("hello")]))),
        "/long" => return Ok(with_length("3", pieces(vec![Ok("hel"), Ok("lo")]))),
        "/endless" => Body::new(Endless),
        "/nothing" => {
            let mut response = Response::new(handler::full("must not be sent"));
            *response.status_mut() = http::StatusCode::NO_CONTENT;
            return Ok(response);
        }
        "/hop" => {
            let mut response = with_length("5", handler::full("hello"));
            response.headers_mut().insert("connection", HeaderValue::from_static("x-hop"));
            response.headers_mut().insert("x-hop", HeaderValue::from_static("1"));
            response.headers_mut().insert("keep-alive", HeaderValue::from_static("max=1"));
            return Ok(response);
        }
        _ => return Err(Failure::new(Kind::NoRoute, "no such path in the test")),
    };
    Ok(Response::new(body))
}

/// The scheme and all fields, one per line.
fn fields(request: &Request, context: &Context) -> String {
    let scheme = if context.tls { "https" } else { "http" };
    let fields = request.headers().iter();
    let lines = fields.map(|(name, value)| format!("\n{name}: {}", value.to_str().unwrap_or("?")));
    scheme.to_owned() + &lines.collect::<String>()
}

fn with_length(length: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    response.headers_mut().insert("content-length", HeaderValue::from_static(length));
    response
}

fn pieces(pieces: Vec<Result<&'static str, Failure>>) -> Body {
    let frames = pieces.into_iter().map(|piece| piece.map(|text| Frame::data(Bytes::from(text))));
    Body::new(StreamBody::new(Iter(frames.collect::<Vec<_>>().into_iter())))
}

fn trailers() -> Body {
    let mut fields = HeaderMap::new();
    fields.insert("x-sum", HeaderValue::from_static("5"));
    let frames = vec![Ok(Frame::data(Bytes::from("hello"))), Ok(Frame::trailers(fields))];
    Body::new(StreamBody::new(Iter(frames.into_iter())))
}

/// A stream of what is there already.
struct Iter<T>(std::vec::IntoIter<T>);

impl<T> futures_util::Stream for Iter<T>
where
    Iter<T>: Unpin,
{
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut task::Context<'_>) -> Poll<Option<T>> {
        Poll::Ready(self.0.next())
    }
}

/// A body that is always ready and never ends.
struct Endless;

impl http_body::Body for Endless {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut task::Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[b'x'; 16 * 1024])))))
    }
}

/// A gateway in this process; dropped at the test's end.
pub(crate) struct World {
    pub(crate) gateway: Gateway,
    pub(crate) routes: Arc<Routes>,
    pub(crate) seen: Arc<Seen>,
}

impl World {
    pub(crate) fn new(set: impl FnOnce(&mut GatewayOptions)) -> World {
        World::logged(set, AccessLog::off())
    }

    pub(crate) fn logged(set: impl FnOnce(&mut GatewayOptions), access: AccessLog) -> World {
        World::with_tls(set, Vec::new(), access)
    }

    pub(crate) fn with_tls(
        set: impl FnOnce(&mut GatewayOptions),
        servers: Vec<Arc<TlsServer>>,
        access: AccessLog,
    ) -> World {
        World::with(set, servers, access, Traces::off())
    }

    pub(crate) fn traced(traces: Traces) -> World {
        World::with(|_| {}, Vec::new(), AccessLog::off(), traces)
    }

    fn with(
        set: impl FnOnce(&mut GatewayOptions),
        servers: Vec<Arc<TlsServer>>,
        access: AccessLog,
        traces: Traces,
    ) -> World {
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut options = GatewayOptions { listen, threads: 2, ..GatewayOptions::default() };
        set(&mut options);
        let seen = Arc::<Seen>::default();
        let routes = Routes::single(Arc::new(Paths(Arc::clone(&seen))), "test/paths");
        let routes = Arc::new(routes);
        let gateway = Gateway::bind_with_tls(options, servers, Arc::clone(&routes), access, traces);
        let gateway = gateway.expect("a free port");
        World { gateway, routes, seen }
    }

    pub(crate) fn connect(&self) -> Client {
        Client::connect(self.gateway.local_addr())
    }

    /// Sends bytes on a new connection, and reads until the gateway closes it.
    pub(crate) fn send(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut client = self.connect();
        client.write(bytes);
        client.read_to_end()
    }

    pub(crate) fn cancelled(&self) -> usize {
        self.seen.cancelled.load(SeqCst)
    }

    pub(crate) fn begun(&self) -> usize {
        self.seen.begun.load(SeqCst)
    }
}

/// Waits until something holds.
pub(crate) fn until(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A request that the gateway answers and then closes the connection.
pub(crate) fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
}

/// A client that knows no HTTP.
pub(crate) struct Client(pub(crate) TcpStream);

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Client {
        let stream = TcpStream::connect(address).expect("gateway listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        stream.set_write_timeout(Some(PATIENCE)).expect("a socket");
        Client(stream)
    }

    /// Writes what the gateway takes; it may close the connection meanwhile.
    pub(crate) fn write(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.0.write_all(bytes.as_ref());
    }

    /// Reads until the connection is closed or reset.
    pub(crate) fn read_to_end(&mut self) -> String {
        self.read_while(|_| true)
    }

    /// Reads until the text so far ends with this.
    pub(crate) fn read_until(&mut self, end: &str) -> String {
        let text = self.read_while(|text| !text.ends_with(end));
        assert!(text.ends_with(end), "closed before {end:?}: {text:?}");
        text
    }

    /// Reads until the text so far ends with one of these.
    pub(crate) fn read_until_any(&mut self, ends: &[&str]) -> String {
        let text = self.read_while(|text| !ends.iter().any(|end| text.ends_with(end)));
        assert!(ends.iter().any(|end| text.ends_with(end)), "closed too early: {text:?}");
        text
    }

    fn read_while(&mut self, goes_on: impl Fn(&str) -> bool) -> String {
        let (mut text, mut buffer) = (String::new(), [0; 16 * 1024]);
        while goes_on(&text) {
            match self.0.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => text.push_str(&String::from_utf8_lossy(&buffer[..count])),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
                Err(error) => panic!("{error} after {text:?}"),
            }
        }
        text
    }
}

/// The status of the first answer in a text.
pub(crate) fn status(text: &str) -> u16 {
    let line = text.strip_prefix("HTTP/1.1 ").or(text.strip_prefix("HTTP/1.0 "));
    line.and_then(|line| line.get(..3)?.parse().ok()).unwrap_or_else(|| panic!("{text:?}"))
}
