//! Traces from end to end: a client's `traceparent`, the node's spans at a collector,
//! and what the server at the end was sent.

use sedge_tests::client::{self, encode};
use sedge_tests::collector::{OK, Received, Seen, collector};
use sedge_tests::mqtt::{PATIENCE, publish};
use sedge_tests::origin::Origin;
use sedge_tests::{Node, Scenario, wait_for};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CLIENT: &str = "00f067aa0ba902b7";

fn config(port: u16) -> String {
    format!("[otlp]\nendpoint = \"http://127.0.0.1:{port}\"\ndelay_ms = 20\n")
}

fn ask(node: &Node, target: &str) -> u16 {
    let parent = format!("00-{TRACE}-{CLIENT}-01");
    let fields = [("traceparent", parent.as_str()), ("tracestate", "vendor=1")];
    client::call(node.listen, "GET", target, &fields, b"").status
}

/// All spans, once the node has sent what it had.
fn spans(mut node: Node, received: &Arc<Received>) -> Vec<Seen> {
    assert!(node.stop().success(), "{}", node.log());
    received.spans()
}

fn only<'a>(spans: &'a [Seen], what: &str, fits: impl Fn(&Seen) -> bool) -> &'a Seen {
    let mut found = spans.iter().filter(|span| fits(span));
    let first = found.next().unwrap_or_else(|| panic!("no span of {what} in {spans:#?}"));
    assert!(found.next().is_none(), "two spans of {what} in {spans:#?}");
    first
}

fn is(span: &Seen, name: &str, value: &str) -> bool {
    span.attributes.get(name).is_some_and(|known| known == value)
}

/// The field of this name in each of the heads, in their order.
fn sent(origin: &Origin, name: &str) -> Vec<String> {
    let prefix = format!("{name}: ");
    let of = |head: &String| {
        let line = head.lines().find_map(|line| line.strip_prefix(&prefix));
        line.unwrap_or_default().to_owned()
    };
    origin.heads().iter().map(of).collect()
}

#[test]
fn from_a_client_through_links_and_a_function_to_a_server() {
    let (port, received) = collector(&[OK]);
    let origin = Origin::start();
    let manifest = format!(
        "[app]\nname = \"app\"\n\n\
         [[function]]\nname = \"pass\"\nsource = \"{{guests}}/pass.wasm\"\n\n\
         [[function]]\nname = \"probe\"\nsource = \"{{guests}}/probe.wasm\"\n\
         [function.capabilities]\noutbound = [{{ to = \"{}\", private = true }}]\n\n\
         [[chain]]\nname = \"chain\"\nlinks = [\"pass\"]\nfunction = \"probe\"\n\n\
         [[route]]\nname = \"all\"\nchain = \"chain\"\n",
        origin.url("")
    );
    let node = Scenario::new().config(&config(port)).app("app", &manifest).start();
    let target = format!("/trace?url={}", encode(&origin.url("/end?token=secret")));
    assert_eq!(ask(&node, &target), 200);
    let spans = spans(node, &received);
    let server = only(&spans, "the node", |span| span.kind == 2);
    let link = only(&spans, "the link", |span| is(span, "faas.name", "app/pass"));
    let probe = only(&spans, "the function", |span| is(span, "faas.name", "app/probe"));
    let out = only(&spans, "the request that goes out", |span| span.kind == 3);
    assert_eq!(server.parent_id, CLIENT);
    assert_eq!(link.parent_id, server.span_id, "{spans:#?}");
    assert_eq!(probe.parent_id, link.span_id, "{spans:#?}");
    assert_eq!(out.parent_id, probe.span_id, "{spans:#?}");
    for (outer, inner) in [(server, link), (link, probe), (probe, out)] {
        assert!(outer.begin <= inner.begin && inner.begin <= inner.end, "{outer:?} {inner:?}");
    }
    assert!(is(out, "server.address", "127.0.0.1"), "{out:?}");
    assert!(is(out, "http.response.status_code", "200"), "{out:?}");
    assert!(is(server, "sedge.route", "app/all") && is(server, "sedge.target", "chain"));
    assert!(spans.iter().all(|span| span.trace_id == TRACE && span.state == "vendor=1"));
    assert_eq!(sent(&origin, "traceparent"), [format!("00-{TRACE}-{}-01", out.span_id)]);
    assert_eq!(sent(&origin, "tracestate"), ["vendor=1"]);
    assert!(!format!("{spans:?}").contains("secret"), "a query may be a secret");
}

/// An address that nobody listens on.
fn nobody() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("bound")
}

#[test]
fn each_try_has_a_span_and_a_copy_has_none_of_them() {
    let (port, received) = collector(&[OK]);
    let (origin, shadow, dead) = (Origin::start(), Origin::start(), nobody());
    let manifest = format!(
        "[app]\nname = \"app\"\n\n\
         [[upstream]]\nname = \"back\"\nendpoints = [\"{dead}\", \"{}\"]\n\n\
         [[upstream]]\nname = \"shadow\"\nendpoints = [\"{}\"]\n\n\
         [[route]]\nname = \"all\"\nupstream = \"back\"\nmirror = [{{ upstream = \"shadow\" }}]\n\
         retries = {{ attempts = 1, on = [\"connect-failure\", \"gateway-error\"] }}\n",
        origin.address, shadow.address
    );
    let node = Scenario::new().config(&config(port)).app("app", &manifest).start();
    for _ in 0..4 {
        assert_eq!(ask(&node, "/"), 200);
    }
    let copied =
        sedge_tests::wait_for(std::time::Duration::from_secs(10), || shadow.heads().len() == 4);
    assert!(copied.is_some(), "{} copies", shadow.heads().len());
    let spans = spans(node, &received);
    let servers: Vec<&Seen> = spans.iter().filter(|span| span.kind == 2).collect();
    assert_eq!(servers.len(), 4, "{spans:#?}");
    let (mut passed_on, mut again) = (Vec::new(), 0);
    for server in servers {
        let tries = spans.iter().filter(|span| span.kind == 3);
        let mut tries: Vec<&Seen> = tries.filter(|one| one.parent_id == server.span_id).collect();
        tries.sort_by_key(|one| one.begin);
        let last = tries.pop().expect("a try");
        assert!(is(last, "server.address", "127.0.0.1"), "{last:?}");
        assert!(is(last, "server.port", &origin.address.port().to_string()), "{last:?}");
        assert!(is(last, "http.request.method", "GET"), "{last:?}");
        assert!(is(last, "http.response.status_code", "200"), "{last:?}");
        passed_on.push(format!("00-{TRACE}-{}-01", last.span_id));
        let Some(first) = tries.pop() else {
            assert!(!last.attributes.contains_key("http.request.resend_count"), "{last:?}");
            continue;
        };
        again += 1;
        assert!(is(last, "http.request.resend_count", "1"), "{last:?}");
        assert!(is(first, "server.port", &dead.port().to_string()), "{first:?}");
        assert!(is(first, "error.type", "upstream_connect") && first.status == 2, "{first:?}");
        assert!(first.end <= last.begin && tries.is_empty(), "{spans:#?}");
        assert!(is(server, "sedge.tries", "2") && is(server, "sedge.mirrored", "1"));
    }
    assert!(again > 0, "no request met the dead endpoint first");
    let mut seen = sent(&origin, "traceparent");
    seen.sort();
    passed_on.sort();
    assert_eq!(seen, passed_on);
    for parent in sent(&shadow, "traceparent") {
        assert!(!parent.contains(TRACE) && parent.ends_with("-00"), "{parent}");
    }
    assert!(sent(&shadow, "tracestate").iter().all(String::is_empty));
}

#[test]
fn each_batch_of_messages_has_a_trace_of_its_own() {
    let (port, received) = collector(&[OK]);
    let manifest = "[app]\nname = \"plant\"\n[[function]]\nname = \"tally\"\n\
                    source = \"{guests}/tally.wasm\"\n[function.capabilities]\n\
                    emit = [\"tally/#\"]\nstate = true\n[function.trigger.message]\n\
                    topics = [\"jobs/#\"]\nretries_max = 0\n[[function.trigger.schedule]]\n\
                    name = \"often\"\ncron = \"* * * * * *\"\n";
    let config =
        format!("{}[[mqtt]]\nlisten = \"127.0.0.1:0\"\n[broker]\nanonymous = true\n", config(port));
    let scenario = Scenario::new().config(&config).app("plant", manifest);
    let node = scenario.allow("a message was given up").allow(" guest: ").start();
    for payload in ["count", "trap"] {
        let words = ["-q", "1", "-i", "d", "-t", "jobs/a", "-m", payload];
        assert!(publish(node.mqtt[0], &words).status.success());
    }
    wait_for(PATIENCE, || {
        let metrics = node.metrics();
        metrics.sum("sedge_trigger_messages_total", &[("outcome", "dead")]) >= 1.0
            && metrics.sum("sedge_trigger_ticks_total", &[]) >= 1.0
    })
    .unwrap_or_else(|| panic!("{}", node.log()));
    let spans = spans(node, &received);
    let process: Vec<&Seen> = spans.iter().filter(|span| span.name == "process").collect();
    assert_eq!(process.len(), 2, "{spans:#?}");
    for span in &process {
        assert!(span.kind == 5 && span.parent_id.is_empty(), "{span:#?}");
        assert!(is(span, "messaging.destination.name", "jobs/a"), "{span:#?}");
        assert!(is(span, "faas.name", "plant/tally") && is(span, "faas.trigger", "pubsub"));
    }
    assert_ne!(process[0].trace_id, process[1].trace_id);
    let failed: Vec<_> = process.iter().filter(|span| is(span, "error.type", "trap")).collect();
    assert!(failed.len() == 1 && failed[0].status == 2, "{process:#?}");
    let tick = spans.iter().find(|span| span.name == "tick").expect("a tick");
    assert!(is(tick, "sedge.schedule", "often") && is(tick, "faas.trigger", "timer"), "{tick:#?}");
}
