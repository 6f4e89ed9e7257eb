//! Traces, as a collector receives them.

use crate::collector::{OK, collector};
use crate::world::{PATIENCE, World, get, until};
use sedge_ingress::traces::{TraceOptions, Traces};
use sedge_model::trace::sampler::Sampler;
use std::net::TcpListener;
use std::time::{Duration, Instant};

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const UNSAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

fn options(port: u16) -> TraceOptions {
    let endpoint = format!("http://127.0.0.1:{port}/v1/traces").parse().expect("an address");
    let mut options = TraceOptions::new(endpoint);
    options.delay = Duration::from_millis(20);
    options.resource = vec![("service.name".into(), "shop".into())];
    options
}

fn world(options: TraceOptions) -> (World, Traces) {
    let traces = Traces::start(options).expect("starts");
    (World::traced(traces.clone()), traces)
}

fn traced(path: &str, parent: &str) -> String {
    let fields = format!("\r\ntraceparent: {parent}\r\ntracestate: vendor=1\r\n");
    get(path).replacen("\r\n", &fields, 1)
}

fn counted(traces: &Traces, outcome: &str) -> u64 {
    let mut text = String::new();
    traces.render_prometheus(&mut text);
    let line = format!("sedge_traces_spans_total{{outcome=\"{outcome}\"}} ");
    let line = text.lines().find_map(|one| one.strip_prefix(&line)).expect("the counter");
    line.parse().expect("a number")
}

#[test]
fn the_spans_of_a_request_hang_together() {
    let (port, received) = collector(&[OK]);
    let (world, traces) = world(options(port));
    let answer = world.send(traced("/step?token=secret", PARENT));
    let passed_on = answer.rsplit("\r\n").next().expect("a body").to_owned();
    world.send(traced("/trap", PARENT));
    world.gateway.shutdown(PATIENCE);
    traces.shutdown(PATIENCE);

    let spans = received.spans();
    assert_eq!(spans.len(), 3, "{spans:#?}");
    let step = spans.iter().find(|span| span.kind == 3).expect("a client span");
    let by_path = |path: &str| {
        let found = spans.iter().find(|span| span.attributes.get("url.path") == Some(&path.into()));
        found.unwrap_or_else(|| panic!("{path} in {spans:#?}"))
    };
    let (server, failed) = (by_path("/step"), by_path("/trap"));
    assert_eq!(passed_on, format!("00-{}-{}-01", step.trace_id, step.span_id));
    assert_eq!(step.parent_id, server.span_id);
    assert_eq!(server.parent_id, "00f067aa0ba902b7");
    assert!(spans.iter().all(|span| span.trace_id == "4bf92f3577b34da6a3ce929d0e0e4736"));
    assert!(spans.iter().all(|span| span.state == "vendor=1" && span.begin <= span.end));
    assert_eq!((server.kind, server.name.as_str(), server.status), (2, "GET", 0));
    assert_eq!((server.flags, step.flags), (0x301, 0x101));
    assert!(server.begin <= step.begin && step.end <= server.end);
    for (name, value) in [
        ("http.request.method", "GET"),
        ("http.response.status_code", "200"),
        ("url.scheme", "http"),
        ("server.address", "test"),
        ("network.protocol.version", "1.1"),
        ("client.address", "127.0.0.1"),
        ("sedge.route", "test/paths"),
    ] {
        assert_eq!(server.attributes.get(name).map(String::as_str), Some(value), "{name}");
    }
    assert!(!format!("{spans:?}").contains("secret"), "a query may be a secret");
    assert_eq!(failed.status, 2);
    assert_eq!(failed.attributes["error.type"], "trap");
    assert_eq!(failed.attributes["sedge.blame"], "guest");
    assert_eq!(received.resource()["service.name"], "shop");
    assert_eq!(counted(&traces, "exported"), 3);
    let head = received.heads()[0].to_lowercase();
    assert!(head.starts_with("post /v1/traces http/1.1\r\n"), "{head}");
    assert!(head.contains("\r\ncontent-type: application/x-protobuf\r\n"), "{head}");
}

#[test]
fn what_the_client_does_not_want_recorded_is_not_and_is_passed_on_so() {
    let (port, received) = collector(&[OK]);
    let (world, traces) = world(options(port));
    let answer = world.send(traced("/step", UNSAMPLED));
    assert!(answer.ends_with("-00"), "{answer}");
    world.gateway.shutdown(PATIENCE);
    traces.shutdown(PATIENCE);
    assert_eq!(received.heads().len(), 0);
}

#[test]
fn a_node_may_decide_by_itself() {
    let (port, received) = collector(&[OK]);
    let mut options = options(port);
    options.sampler = Sampler { per_million: 0, parent_based: false };
    let (world, traces) = world(options);
    let answer = world.send(traced("/trace", PARENT));
    assert!(answer.ends_with("-00"), "the flag is as it was decided here: {answer}");
    world.gateway.shutdown(PATIENCE);
    traces.shutdown(PATIENCE);
    assert_eq!(received.heads().len(), 0);
}

#[test]
fn a_collector_that_asks_for_it_gets_the_batch_again() {
    const BUSY: &str = "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 0\r\n\
        Content-Length: 0\r\n\r\n";
    let (port, received) = collector(&[BUSY, BUSY, OK]);
    let (world, traces) = world(options(port));
    world.send(traced("/hello", PARENT));
    until("it took the span", || received.spans().len() == 1);
    until("it is counted", || counted(&traces, "exported") == 1);
    assert_eq!(received.heads().len(), 3);
}

#[test]
fn what_a_collector_refuses_is_lost_and_counted_and_the_next_batch_is_sent() {
    const PARTIAL: &str = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n\x0a\x07\x08\x01\x12\x03why";
    let bad = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
    let (port, received) = collector(Box::leak(Box::new([bad, PARTIAL])));
    let (world, traces) = world(options(port));
    world.send(traced("/hello", PARENT));
    until("it is refused", || counted(&traces, "failed") == 1);
    world.send(traced("/hello", PARENT));
    until("it is rejected", || counted(&traces, "rejected") == 1);
    assert_eq!(received.heads().len(), 2);
}

/// What a collector may be, and what it must not do to requests.
#[test]
fn no_collector_harms_a_request() {
    let closed = TcpListener::bind("127.0.0.1:0").expect("a port");
    let closed_port = closed.local_addr().expect("bound").port();
    drop(closed);
    // Accepts by its queue, and never says a word.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let silent_port = silent.local_addr().expect("bound").port();
    let (hostile_port, _) = collector(&["HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\n"]);
    let (nonsense_port, _) = collector(&["\x00\x01\x02 nonsense\r\n\r\n"]);
    let (broken_port, _) = collector(&["HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"]);
    for port in [closed_port, silent_port, hostile_port, nonsense_port, broken_port] {
        let mut options = options(port);
        options.timeout = Duration::from_millis(100);
        options.retry_max = Duration::from_millis(200);
        options.queue_spans_max = 8;
        options.batch_spans_max = 4;
        let (world, traces) = world(options);
        for _ in 0..60 {
            assert!(world.send(traced("/hello", PARENT)).ends_with("hello"), "{port}");
        }
        world.gateway.shutdown(PATIENCE);
        let begin = Instant::now();
        traces.shutdown(Duration::from_secs(2));
        assert!(begin.elapsed() < PATIENCE / 2, "a dead collector keeps nobody");
        let (failed, dropped) = (counted(&traces, "failed"), counted(&traces, "queue_full"));
        assert_eq!(failed + dropped, 60, "{port}: {failed} failed, {dropped} dropped");
        assert_eq!(counted(&traces, "exported"), 0);
    }
}
