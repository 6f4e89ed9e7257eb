//! hyper, in a thread with a runtime of its own.

use super::{Backend, Kind, Seen};
use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::oneshot;

type Ledger = Arc<Mutex<Vec<Seen>>>;

/// A running server; dropping it ends it and all its connections.
pub(super) struct Server {
    ledger: Ledger,
    _stop: oneshot::Sender<()>,
}

impl Server {
    pub(super) fn seen(&self) -> Vec<Seen> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

pub(super) fn start() -> Backend {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address: SocketAddr = listener.local_addr().expect("bound");
    listener.set_nonblocking(true).expect("a socket");
    let ledger = Ledger::default();
    let (stop, stopped) = oneshot::channel();
    let shared = Arc::clone(&ledger);
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            tokio::select! {
                () = accept(listener, shared) => {}
                _ = stopped => {}
            }
        });
    });
    Backend { name: "hyper", address, kind: Kind::Task(Server { ledger, _stop: stop }) }
}

async fn accept(listener: TcpListener, ledger: Ledger) {
    let listener = tokio::net::TcpListener::from_std(listener).expect("registered");
    while let Ok((stream, _)) = listener.accept().await {
        let ledger = Arc::clone(&ledger);
        tokio::spawn(async move {
            let service = service_fn(|request| answer(request, Arc::clone(&ledger)));
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    ledger: Ledger,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let asked = format!("{} {}", request.method(), request.uri());
    let (status, body) = match request.into_body().collect().await {
        Ok(body) => (200, Some(String::from_utf8_lossy(&body.to_bytes()).into_owned())),
        Err(_) => (400, None),
    };
    let seen = Seen { asked: asked.clone(), status, body };
    ledger.lock().unwrap_or_else(PoisonError::into_inner).push(seen);
    let mut response = Response::new(Full::from("hyper\n"));
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or_default();
    if let Ok(asked) = HeaderValue::from_str(&asked) {
        response.headers_mut().insert("x-asked", asked);
    }
    Ok(response)
}
