//! A server by hyper that speaks HTTP/2 well.

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;

/// A server; all its connections break when it is dropped.
pub(in crate::upstream) struct Origin {
    pub(in crate::upstream) address: SocketAddr,
    seen: Arc<Seen>,
    stop: Arc<Notify>,
}

#[derive(Default)]
struct Seen {
    connections: AtomicUsize,
    /// Of each request: method, target, authority, and fields.
    requests: Mutex<Vec<String>>,
}

impl Origin {
    pub(in crate::upstream) fn new(name: &'static str) -> Origin {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        listener.set_nonblocking(true).expect("a socket");
        let (seen, stop) = (Arc::<Seen>::default(), Arc::<Notify>::default());
        let (shared, stopped) = (Arc::clone(&seen), Arc::clone(&stop));
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async {
                tokio::select! {
                    () = stopped.notified() => {}
                    () = accept(listener, shared, name) => {}
                }
            });
        });
        Origin { address, seen, stop }
    }

    pub(super) fn kill(&self) {
        self.stop.notify_one();
    }

    pub(super) fn connections(&self) -> usize {
        self.seen.connections.load(SeqCst)
    }

    pub(super) fn requests(&self) -> Vec<String> {
        self.seen.requests.lock().expect("no panic").clone()
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.kill();
    }
}

async fn accept(listener: TcpListener, seen: Arc<Seen>, name: &'static str) {
    let listener = tokio::net::TcpListener::from_std(listener).expect("a socket");
    while let Ok((stream, _)) = listener.accept().await {
        seen.connections.fetch_add(1, SeqCst);
        let seen = Arc::clone(&seen);
        let service = service_fn(move |request| answer(request, Arc::clone(&seen), name));
        let serving = http2::Builder::new(TokioExecutor::new())
            .serve_connection(TokioIo::new(stream), service);
        tokio::spawn(serving);
    }
}

type Answer = Response<BoxBody<Bytes, hyper::Error>>;

async fn answer(
    request: Request<Incoming>,
    seen: Arc<Seen>,
    name: &'static str,
) -> Result<Answer, Infallible> {
    let fields: String = request
        .headers()
        .iter()
        .map(|(name, value)| format!("\n{name}: {}", value.to_str().unwrap_or("?")))
        .collect();
    let line = format!("{} {}{fields}", request.method(), request.uri());
    seen.requests.lock().expect("no panic").push(line);
    let whole = |text: &str| {
        Response::new(Full::new(Bytes::from(text.to_owned())).map_err(|e| match e {}).boxed())
    };
    Ok(match request.uri().path() {
        "/echo" => Response::new(request.into_body().boxed()),
        "/early" => {
            // The rest of the request is not read.
            let mut answer = whole("large");
            *answer.status_mut() = http::StatusCode::PAYLOAD_TOO_LARGE;
            answer
        }
        "/nothing" => {
            let mut answer = whole("");
            *answer.status_mut() = http::StatusCode::NO_CONTENT;
            answer
        }
        "/trailers" => {
            let mut fields = HeaderMap::new();
            fields.insert("x-sum", http::HeaderValue::from_static("5"));
            let frames = [Ok(Frame::data(Bytes::from("hello"))), Ok(Frame::trailers(fields))];
            Response::new(BodyExt::boxed(StreamBody::new(futures_util::stream::iter(frames))))
        }
        "/nap" => {
            tokio::time::sleep(std::time::Duration::from_millis(30)).await;
            whole(name)
        }
        _ => whole(name),
    })
}
