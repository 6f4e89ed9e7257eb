//! What the gateway costs: the same hello from bare hyper and from the gateway.
//!
//! `plain hyper|gateway [PORT]`, one thread, until killed. Pin it to a core and
//! a load generator to another:
//!
//! ```text
//! taskset -c 0 target/release/examples/plain gateway 3000 &
//! taskset -c 1 wrk -t1 -c16 -d5 http://127.0.0.1:3000/
//! ```

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper_util::rt::TokioIo;
use sedge_ingress::http::{AccessLog, Gateway, GatewayOptions, Routes};
use sedge_model::handler::{self, Answer, Context, Handler, Request};
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

const HELLO: &str = "hello, world";

struct Hello;

impl Handler for Hello {
    fn call(&self, _: Request, _: Context) -> Answer<'_> {
        Box::pin(async { Ok(http::Response::new(handler::full(HELLO))) })
    }
}

fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mode = arguments.next().unwrap_or_default();
    let port = arguments.next().and_then(|port| port.parse().ok()).unwrap_or(0);
    let listen = SocketAddr::from(([127, 0, 0, 1], port));
    match mode.as_str() {
        "hyper" => hyper_alone(listen),
        "gateway" => gateway(listen),
        _ => Err(io::Error::other("usage: plain hyper|gateway [PORT]")),
    }
}

fn gateway(listen: SocketAddr) -> io::Result<()> {
    let options = GatewayOptions { listen, threads: 1, ..GatewayOptions::default() };
    let routes = Arc::new(Routes::single(Arc::new(Hello), "hello"));
    let gateway = Gateway::bind(options, routes, AccessLog::off())?;
    eprintln!("gateway on {}", gateway.local_addr());
    loop {
        std::thread::park();
    }
}

fn hyper_alone(listen: SocketAddr) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(listen).await?;
        eprintln!("hyper on {}", listener.local_addr()?);
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let service = hyper::service::service_fn(|_: http::Request<Incoming>| async {
                Ok::<_, Infallible>(http::Response::new(Full::new(Bytes::from_static(
                    HELLO.as_bytes(),
                ))))
            });
            tokio::spawn(
                hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service),
            );
        }
    })
}
