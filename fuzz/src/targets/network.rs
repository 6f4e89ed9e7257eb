//! What comes over the network, or names something on it.

use super::texts;
use http::{HeaderMap, HeaderValue, StatusCode};
use sedge_ingress::http::{AccessLog, Gateway, GatewayOptions, RouteTable, Routes};
use sedge_ingress::traces::answer::{Verdict, judge};
use sedge_model::capability::OutboundGrant;
use sedge_model::handler::{Answer, Context, Handler, Request, Response, full};
use sedge_model::trace::TraceContext;
use sedge_services::outbound::{AddressClass, Host, Policy, classify};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Spellings of hosts that are not what they seem.
pub(super) const HOSTS: &[&str] = &[
    "127.0.0.1",
    "127.1",
    "0x7f000001",
    "017700000001",
    "2130706433",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "169.254.169.254",
    "localhost",
    "example.org",
    "*.",
    "..",
    "xn--",
    "%00",
    "@",
    ":80",
    "://",
    "fe80::1%eth0",
];

pub(super) fn hosts() -> Vec<Vec<u8>> {
    HOSTS.iter().map(|host| host.as_bytes().to_vec()).collect()
}

/// The host of an outbound request: one spelling, and never an address that is
/// not global without a private grant.
pub(super) fn outbound_host(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(host) = Host::parse(text) else { return };
    if let Host::Name(name) = &host {
        assert_eq!(Host::parse(name).as_ref(), Ok(&host), "{text:?} is not stable");
        assert!(name.parse::<std::net::IpAddr>().is_err(), "{text:?} is an address");
    }
    let grant =
        |private| OutboundGrant { scheme: "http".into(), host: text.into(), port: None, private };
    let Ok(policy) = Policy::new(&[grant(false)]) else { return };
    if let (Ok(found), Host::Address(address)) = (policy.check_request("http", text, None), &host) {
        let reached = Policy::check_address(found, text, *address).is_ok();
        assert!(
            !reached || classify(*address) == AddressClass::Global,
            "{text:?} reached {address}"
        );
    }
}

pub(super) fn traceparents() -> Vec<Vec<u8>> {
    texts(&[
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
        "00-00000000000000000000000000000000-0000000000000000-00",
    ])
}

/// A `traceparent`: what is passed on is what came.
pub(super) fn traceparent(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Some(trace) = TraceContext::parse(text) {
        assert!(trace.trace_id != 0 && trace.span_id != 0);
        assert_eq!(TraceContext::parse(&trace.to_string()), Some(trace));
    }
}

/// Answers of a collector: a status, what `Retry-After` says, and the body.
pub(super) fn collector_answers() -> Vec<Vec<u8>> {
    let answer = |status: u16, after: &str, body: &[u8]| {
        [&status.to_be_bytes()[..], after.as_bytes(), b"\n", body].concat()
    };
    vec![
        answer(200, "", b""),
        answer(200, "", b"\x0a\x07\x08\x05\x12\x03why"),
        answer(200, "", &[0x0a, 11, 8, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1]),
        answer(429, "120", b""),
        answer(503, "Wed, 21 Oct 2015 07:28:00 GMT", b"busy"),
        answer(400, "1", b"no"),
    ]
}

/// A collector's answer: whatever it says, a wait is bounded, a count is one that
/// can be counted, and a message may be logged.
pub(super) fn collector_answer(data: &[u8]) {
    let [high, low, rest @ ..] = data else { return };
    let Ok(status) = StatusCode::from_u16(u16::from_be_bytes([*high, *low])) else { return };
    let line = rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len());
    let (after, body) = (&rest[..line], rest.get(line + 1..).unwrap_or_default());
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_bytes(after) {
        headers.insert("retry-after", value);
    }
    match judge(status, &headers, body) {
        Verdict::Accepted { rejected, message } => {
            assert!(status.is_success() && i64::try_from(rejected).is_ok());
            assert!(message.chars().count() <= 200 && !message.contains(char::is_control));
        }
        Verdict::Later { after, .. } => {
            assert!(matches!(status.as_u16(), 429 | 502 | 503 | 504));
            assert!(after.is_none_or(|after| after.as_secs() <= 300));
        }
        Verdict::Refused { .. } => {
            assert!(!status.is_success() && !matches!(status.as_u16(), 429 | 502 | 503 | 504));
        }
    }
}

/// Words of HTTP/1.1 that requests are smuggled with.
pub(super) const FIELDS: &[&str] = &[
    "\r\n",
    "\r\n\r\n",
    "GET / HTTP/1.1\r\n",
    "HTTP/1.0\r\n",
    "host: a\r\n",
    "content-length: 5\r\n",
    "content-length: +5\r\n",
    "transfer-encoding: chunked\r\n",
    "transfer-encoding: xchunked\r\n",
    "0\r\n\r\n",
    "5\r\nhello\r\n",
    "expect: 100-continue\r\n",
    "connection: close\r\n",
    "upgrade: h2c\r\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "http://a@b/",
    "//",
    "/../",
    "%2e",
    "\0",
];

pub(super) fn requests() -> Vec<Vec<u8>> {
    texts(&[
        "GET / HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET /a?b=c HTTP/1.1\r\nHost: a.example:80\r\nAccept: */*\r\nConnection: close\r\n\r\n",
        "POST /a HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello",
        "POST /a HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nt: u\r\n\r\n",
        "GET http://a/b HTTP/1.1\r\nhost: c\r\n\r\nGET /second HTTP/1.1\r\nhost: a\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    ])
}

/// Answers with what it was asked, so that what passed the gateway is seen.
struct Echo;

impl Handler for Echo {
    fn call(&self, request: Request, _: Context) -> Answer<'_> {
        Box::pin(async move {
            let seen = format!("{} {}", request.method(), request.uri().path());
            Ok(Response::new(full(seen)))
        })
    }
}

/// Bytes on a socket of the whole gateway: it answers or hangs up, in time, and
/// whatever it sends first is HTTP.
pub(super) fn gateway(data: &[u8]) {
    static GATEWAY: OnceLock<(Gateway, SocketAddr)> = OnceLock::new();
    let (_, address) = GATEWAY.get_or_init(|| {
        let options = GatewayOptions {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            threads: 1,
            header_timeout: Duration::from_millis(300),
            body_timeout: Duration::from_millis(300),
            ..GatewayOptions::default()
        };
        let handler: Arc<dyn Handler> = Arc::new(Echo);
        let routes = sedge_model::route::Route::parse("/*").ok();
        let table = RouteTable::new(routes.map(|route| (route, handler, Arc::from("fuzz"))));
        let gateway = Gateway::bind(options, Arc::new(Routes::new(table)), AccessLog::off())
            .expect("a free port");
        let address = gateway.local_addr();
        (gateway, address)
    });
    let mut stream = TcpStream::connect(address).expect("the gateway still listens");
    stream.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout");
    // The gateway may hang up before it has read everything.
    let _ = stream.write_all(data);
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
            panic!("the gateway neither answered nor hung up in 5 s")
        }
        _ => {}
    }
    let is_h2 = data.starts_with(b"PRI * HTTP/2.0");
    assert!(
        answer.is_empty() || is_h2 || answer.starts_with(b"HTTP/1."),
        "{:?}",
        String::from_utf8_lossy(&answer)
    );
}
