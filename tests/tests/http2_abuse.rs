//! What a hostile client of HTTP/2 does to a connection, frame by frame. Each must end
//! as RFC 9113 asks, within bounded memory, be counted, and leave a neighbor alone.

use sedge_tests::h2::{self, H2, block, code, flag, frame, kind, request, settings};
use sedge_tests::neighbor::Neighbor;
use sedge_tests::{Node, Scenario, client, wait_for};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

const MANIFEST: &str = r#"
[app]
name = "app"
[[function]]
name = "probe"
source = "{guests}/probe.wasm"
routes = ["/*"]
[function.limits]
response_body_bytes_max = 2147483648
deadline_ms = 60000
cpu_ms_max = 60000
[[function]]
name = "hello"
source = "{guests}/hello.wasm"
routes = ["/hello"]
"#;

/// What all attacks together may add to a node's memory.
const MEMORY_BYTES_MAX: u64 = 96 << 20;

fn node(ingress: &str) -> Node {
    let config = format!("threads = 1\n[ingress]\n{ingress}");
    Scenario::new().app("app", MANIFEST).config(&config).start()
}

/// Does something while a neighbor asks; the neighbor must not notice, and the node's
/// memory must not grow.
fn beside_a_neighbor(node: &Node, hostile: impl FnOnce()) {
    node.text("/hello");
    let before = node.memory_bytes();
    let neighbor = Neighbor::start(node.listen, "/hello");
    hostile();
    let report = neighbor.stop();
    assert!(report.failures.is_empty(), "the neighbor was hurt: {:?}", report.failures);
    assert!(report.answered > 0, "the neighbor was not asked");
    let grown = node.memory_bytes_peak().saturating_sub(before);
    assert!(grown < MEMORY_BYTES_MAX, "{grown} bytes more");
}

fn goaways(node: &Node, code: &str) -> f64 {
    node.metrics().sum("sedge_http2_goaways_total", &[("code", code)])
}

/// HEADERS of a GET for `/hello` with a block of one's own behind it.
fn with_block(stream: u32, more: &[u8]) -> Vec<u8> {
    let mut all = block(&request("GET", "/hello", &[]));
    all.extend_from_slice(more);
    frame(kind::HEADERS, flag::ALL, stream, all)
}

fn open_post(stream: u32) -> Vec<u8> {
    frame(kind::HEADERS, flag::END_HEADERS, stream, block(&request("POST", "/count", &[])))
}

/// Bytes behind preface and settings that end a connection, and with which codes. Where
/// the standard leaves it open whether a stream or the connection ends, or servers may
/// choose between two codes, both are there. Of fields that cannot be unpacked, and of a
/// window's size in SETTINGS, hyper says `PROTOCOL_ERROR` where the standard names a
/// code of its own: those are there too.
#[rustfmt::skip]
fn connection_errors() -> Vec<(&'static str, Vec<u8>, &'static [u32])> {
    use code::{COMPRESSION_ERROR, FLOW_CONTROL_ERROR, FRAME_SIZE_ERROR, PROTOCOL_ERROR, STREAM_CLOSED};
    let head = |stream| h2::get(stream, "/hello");
    vec![
        ("DATA on stream 0", frame(kind::DATA, 0, 0, b"x"), &[PROTOCOL_ERROR]),
        ("DATA on an idle stream", frame(kind::DATA, 0, 1, b"x"), &[PROTOCOL_ERROR]),
        ("DATA with more padding than payload", [open_post(1), frame(kind::DATA, flag::PADDED, 1, [9, 0])].concat(), &[PROTOCOL_ERROR]),
        ("HEADERS on stream 0", head(0), &[PROTOCOL_ERROR]),
        ("HEADERS on an even stream", head(2), &[PROTOCOL_ERROR]),
        ("HEADERS on a lower stream", [head(5), head(3)].concat(), &[PROTOCOL_ERROR, STREAM_CLOSED]),
        ("HEADERS on the same stream", [head(1), head(1)].concat(), &[PROTOCOL_ERROR, STREAM_CLOSED]),
        ("HEADERS with more padding than payload", frame(kind::HEADERS, flag::ALL | flag::PADDED, 1, [200, 0]), &[PROTOCOL_ERROR]),
        ("HEADERS that end before their CONTINUATION", [frame(kind::HEADERS, flag::END_STREAM, 1, []), frame(kind::PING, 0, 0, [0; 8])].concat(), &[PROTOCOL_ERROR]),
        ("HEADERS of another stream between", [frame(kind::HEADERS, 0, 1, []), head(3)].concat(), &[PROTOCOL_ERROR]),
        ("CONTINUATION without HEADERS", frame(kind::CONTINUATION, flag::END_HEADERS, 1, []), &[PROTOCOL_ERROR]),
        ("CONTINUATION of another stream", [frame(kind::HEADERS, 0, 1, []), frame(kind::CONTINUATION, flag::END_HEADERS, 3, [])].concat(), &[PROTOCOL_ERROR]),
        ("PRIORITY on stream 0", frame(kind::PRIORITY, 0, 0, [0, 0, 0, 3, 0]), &[PROTOCOL_ERROR]),
        ("RST_STREAM on stream 0", frame(kind::RST_STREAM, 0, 0, [0; 4]), &[PROTOCOL_ERROR]),
        ("RST_STREAM on an idle stream", frame(kind::RST_STREAM, 0, 1, [0; 4]), &[PROTOCOL_ERROR]),
        ("RST_STREAM of 3 bytes", [open_post(1), frame(kind::RST_STREAM, 0, 1, [0; 3])].concat(), &[FRAME_SIZE_ERROR]),
        ("SETTINGS on a stream", frame(kind::SETTINGS, 0, 1, []), &[PROTOCOL_ERROR]),
        ("SETTINGS of 5 bytes", frame(kind::SETTINGS, 0, 0, [0; 5]), &[FRAME_SIZE_ERROR]),
        ("SETTINGS that acknowledge with a payload", frame(kind::SETTINGS, flag::ACK, 0, [0; 6]), &[FRAME_SIZE_ERROR]),
        ("SETTINGS: push is neither 0 nor 1", settings(&[(2, 2)]), &[PROTOCOL_ERROR]),
        ("SETTINGS: a window of 2^31", settings(&[(4, 1 << 31)]), &[FLOW_CONTROL_ERROR, PROTOCOL_ERROR]),
        ("SETTINGS: frames too small", settings(&[(5, 16_383)]), &[PROTOCOL_ERROR]),
        ("SETTINGS: frames too large", settings(&[(5, 1 << 24)]), &[PROTOCOL_ERROR]),
        ("PUSH_PROMISE of a client", frame(kind::PUSH_PROMISE, flag::END_HEADERS, 1, [0, 0, 0, 2]), &[PROTOCOL_ERROR]),
        ("PING on a stream", frame(kind::PING, 0, 1, [0; 8]), &[PROTOCOL_ERROR]),
        ("PING of 7 bytes", frame(kind::PING, 0, 0, [0; 7]), &[FRAME_SIZE_ERROR]),
        ("GOAWAY on a stream", frame(kind::GOAWAY, 0, 1, [0; 8]), &[PROTOCOL_ERROR]),
        ("WINDOW_UPDATE of 0", frame(kind::WINDOW_UPDATE, 0, 0, [0; 4]), &[PROTOCOL_ERROR]),
        ("WINDOW_UPDATE past 2^31", frame(kind::WINDOW_UPDATE, 0, 0, [0x7f, 0xff, 0xff, 0xff]), &[FLOW_CONTROL_ERROR]),
        ("WINDOW_UPDATE on an idle stream", frame(kind::WINDOW_UPDATE, 0, 1, [0, 0, 0, 1]), &[PROTOCOL_ERROR]),
        ("WINDOW_UPDATE of 3 bytes", frame(kind::WINDOW_UPDATE, 0, 0, [0; 3]), &[FRAME_SIZE_ERROR]),
        ("a frame larger than allowed", frame(kind::DATA, 0, 1, vec![0; 16_385]), &[FRAME_SIZE_ERROR]),
        ("HEADERS larger than allowed", frame(kind::HEADERS, flag::ALL, 1, vec![0; 16_385]), &[FRAME_SIZE_ERROR]),
        ("fields: index 0", with_block(1, &[0x80]), &[COMPRESSION_ERROR, PROTOCOL_ERROR]),
        ("fields: an index of nothing", with_block(1, &[0xff, 0x7f]), &[COMPRESSION_ERROR, PROTOCOL_ERROR]),
        ("fields: a number without end", with_block(1, &[0xff; 64]), &[COMPRESSION_ERROR, PROTOCOL_ERROR]),
        ("fields: a string longer than its block", with_block(1, &[0, 0x7f, 0xff, 0xff, 0x03, b'a']), &[COMPRESSION_ERROR, PROTOCOL_ERROR]),
        ("fields: Huffman with the end of strings", with_block(1, &[0, 0x84, 0xff, 0xff, 0xff, 0xff, 0]), &[COMPRESSION_ERROR, PROTOCOL_ERROR]),
        ("fields: Huffman with too much padding", with_block(1, &[0, 0x82, 0x1f, 0xff, 0]), &[COMPRESSION_ERROR, PROTOCOL_ERROR]),
        ("fields: a table larger than allowed", frame(kind::HEADERS, flag::ALL, 1, [&[0x3f, 0xff, 0x7f][..], &block(&request("GET", "/hello", &[]))].concat()), &[COMPRESSION_ERROR, PROTOCOL_ERROR]),
        ("fields: a table's size in the middle", with_block(1, &[0x20]), &[COMPRESSION_ERROR, PROTOCOL_ERROR]),
    ]
}

#[test]
fn errors_of_a_connection_end_it_with_their_code() {
    let node = node("");
    beside_a_neighbor(&node, || {
        let mut wrong = Vec::new();
        for (what, bytes, expected) in connection_errors() {
            let mut client = H2::open(node.listen);
            client.send(bytes);
            let got = client.goaway();
            if !got.is_some_and(|code| expected.contains(&code)) {
                wrong.push(format!("{what}: {got:?}, not {expected:?}"));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    });
    let counted: f64 = ["protocol_error", "flow_control_error", "stream_closed"]
        .into_iter()
        .chain(["frame_size_error", "compression_error"])
        .map(|code| goaways(&node, code))
        .sum();
    assert_eq!(counted, connection_errors().len() as f64);
    // Each is in the record of failures too.
    assert!(node.metrics().failures("bad_request") >= counted);
}

#[test]
fn what_is_no_preface_is_refused() {
    let node = node("header_timeout_ms = 500\n");
    beside_a_neighbor(&node, || {
        for bytes in [
            &b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n"[..],
            b"PRI * HTTP/2.0\r\n\r\n",
            b"PRI * HTTP/1.1\r\n\r\nSM\r\n\r\n",
        ] {
            let mut client = client::Connection::open(node.listen);
            client.send(bytes);
            let answer = client.read_answer(false);
            assert!(matches!(answer.status, 400 | 408), "{bytes:?}: {answer:?}");
        }
        // Not SETTINGS first: the word may be left out (RFC 9113 §3.4).
        let mut client = H2::connect(node.listen);
        client.send(h2::PREFACE);
        client.send(frame(kind::PING, 0, 0, [0; 8]));
        assert!(matches!(client.goaway(), Some(code::PROTOCOL_ERROR) | None));
        // Slowly, and never more than that.
        for bytes in [&h2::PREFACE[..10], h2::PREFACE, b""] {
            let mut client = H2::connect(node.listen);
            client.send(bytes);
            client.goaway();
        }
    });
    assert!(node.metrics().sum("sedge_http_server_timeouts_total", &[("phase", "header")]) >= 3.0);
}

/// A flood: what is sent again and again, `step` being a number that grows by one.
struct Flood {
    what: &'static str,
    /// Sent once, before.
    before: fn() -> Vec<u8>,
    bytes: fn(u32) -> Vec<u8>,
    /// The label of `sedge_http2_floods_total`, if it is not hyper that ends it, which
    /// may do so by another code, at the first of them.
    counted: Option<&'static str>,
    /// Whether the client reads nothing meanwhile.
    deaf: bool,
}

const NOTHING: fn() -> Vec<u8> = Vec::new;

fn stream(step: u32) -> u32 {
    2 * step + 1
}

/// A stream that is opened, and what makes the node reset it.
fn provoked(step: u32, frame: Vec<u8>) -> Vec<u8> {
    [open_post(stream(step)), frame].concat()
}

#[rustfmt::skip]
const FLOODS: &[Flood] = &[
    Flood { what: "rapid reset (CVE-2023-44487)", before: NOTHING, bytes: |step| [h2::get(stream(step), "/hello"), frame(kind::RST_STREAM, 0, stream(step), [0, 0, 0, 8])].concat(), counted: None, deaf: false },
    Flood { what: "made you reset (CVE-2025-8671), a window of 0", before: NOTHING, bytes: |step| provoked(step, frame(kind::WINDOW_UPDATE, 0, stream(step), [0; 4])), counted: None, deaf: false },
    Flood { what: "made you reset, a window too large", before: NOTHING, bytes: |step| provoked(step, frame(kind::WINDOW_UPDATE, 0, stream(step), [0x7f, 0xff, 0xff, 0xff])), counted: None, deaf: false },
    Flood { what: "made you reset, DATA behind the end", before: NOTHING, bytes: |step| [h2::get(stream(step), "/sleep?ms=20000"), frame(kind::DATA, 0, stream(step), b"x")].concat(), counted: None, deaf: false },
    Flood { what: "made you reset, a length that is wrong", before: NOTHING, bytes: |step| [frame(kind::HEADERS, flag::END_HEADERS, stream(step), block(&request("POST", "/count", &[("content-length", "1")]))), frame(kind::DATA, 0, stream(step), b"xx")].concat(), counted: None, deaf: false },
    Flood { what: "made you reset, malformed heads", before: NOTHING, bytes: |step| frame(kind::HEADERS, flag::ALL, stream(step), block(&request("GET", "/hello", &[("X-Upper", "1")]))), counted: None, deaf: false },
    Flood { what: "streams without number", before: NOTHING, bytes: |step| frame(kind::HEADERS, flag::END_HEADERS, stream(step), block(&request("POST", "/count", &[]))), counted: Some("rst_stream"), deaf: false },
    Flood { what: "CONTINUATION (CVE-2024-27316)", before: || frame(kind::HEADERS, flag::END_STREAM, 1, block(&request("GET", "/hello", &[]))), bytes: |_| frame(kind::CONTINUATION, 0, 1, block(&[("x", &"y".repeat(1_000))])), counted: None, deaf: false },
    Flood { what: "empty CONTINUATION", before: || frame(kind::HEADERS, flag::END_STREAM, 1, []), bytes: |_| frame(kind::CONTINUATION, 0, 1, []), counted: None, deaf: false },
    Flood { what: "SETTINGS (CVE-2019-9515)", before: NOTHING, bytes: |step| settings(&[(3, step)]), counted: Some("settings"), deaf: false },
    Flood { what: "SETTINGS, unread", before: NOTHING, bytes: |step| settings(&[(3, step)]), counted: Some("settings"), deaf: true },
    Flood { what: "PING (CVE-2019-9512)", before: NOTHING, bytes: |_| frame(kind::PING, 0, 0, [7; 8]), counted: Some("ping"), deaf: false },
    Flood { what: "PING, unread", before: NOTHING, bytes: |_| frame(kind::PING, 0, 0, [7; 8]), counted: Some("ping"), deaf: true },
    Flood { what: "PRIORITY", before: NOTHING, bytes: |step| frame(kind::PRIORITY, 0, stream(step), [0, 0, 0, 0, 9]), counted: Some("priority"), deaf: false },
    Flood { what: "WINDOW_UPDATE", before: NOTHING, bytes: |_| frame(kind::WINDOW_UPDATE, 0, 0, [0, 0, 0, 1]), counted: Some("window_update"), deaf: false },
    Flood { what: "empty DATA (CVE-2019-9518)", before: || open_post(1), bytes: |_| frame(kind::DATA, 0, 1, []), counted: None, deaf: false },
    Flood { what: "DATA of one byte that nobody reads", before: || frame(kind::HEADERS, flag::END_HEADERS, 1, block(&request("POST", "/sleep?ms=20000", &[]))), bytes: |_| frame(kind::DATA, 0, 1, b"x"), counted: None, deaf: false },
    Flood { what: "frames of no type", before: NOTHING, bytes: |_| frame(77, 0, 0, b"?"), counted: Some("unknown"), deaf: false },
];

/// Frames that a flood may have at most before it is ended.
const STEPS_MAX: u32 = 60_000;

/// Sends it until the node ends the connection; how often, and with which code.
fn drown(node: &Node, flood: &Flood) -> (u32, Option<u32>) {
    let mut client = H2::open(node.listen);
    client.send((flood.before)());
    let (mut steps, mut seen) = (0, None);
    while steps < STEPS_MAX {
        let batch: Vec<u8> = (steps..steps + 20).flat_map(flood.bytes).collect();
        if !client.send(batch) {
            break;
        }
        steps += 20;
        let frames =
            if flood.deaf { Vec::new() } else { client.read_for(Duration::from_millis(1)) };
        seen = frames.iter().filter(|frame| frame.kind == kind::GOAWAY).find_map(h2::Frame::code);
        if seen.is_some() {
            break;
        }
    }
    (steps, seen.or_else(|| client.goaway()))
}

#[test]
fn floods_are_ended_and_counted() {
    let node = node("");
    beside_a_neighbor(&node, || {
        let mut wrong = Vec::new();
        for flood in FLOODS {
            let counted = || match flood.counted {
                Some(label) => node.metrics().sum("sedge_http2_floods_total", &[("frame", label)]),
                None => node.metrics().sum("sedge_http2_goaways_total", &[]),
            };
            let before = counted();
            let (steps, code) = drown(&node, flood);
            println!("{}: ended after {steps}, {code:?}", flood.what);
            let is_counted = wait_for(PATIENCE, || counted() > before).is_some();
            let fits = match code {
                // The word is lost if the client's bytes are still on their way.
                Some(code::ENHANCE_YOUR_CALM) | None => true,
                Some(code::PROTOCOL_ERROR) => flood.counted.is_none(),
                Some(_) => false,
            };
            // What a deaf client sends after the end may all fit into the buffers.
            let has_ended = steps < STEPS_MAX || code.is_some();
            if !has_ended || !is_counted || !fits {
                wrong.push(format!("{}: {steps}, {code:?}, counted: {is_counted}", flood.what));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        let active = || node.metrics().sum("sedge_http_server_connections", &[]);
        // The neighbor's.
        assert!(wait_for(PATIENCE, || active() <= 1.0).is_some(), "{}", active());
    });
}

/// A reset that comes when the handler is at work is none that hyper counts.
#[test]
fn a_rapid_reset_of_what_has_begun_is_ended_too() {
    let node = node("");
    beside_a_neighbor(&node, || {
        let mut client = H2::open(node.listen);
        let mut streams = 0;
        while streams < 2_000 {
            let id = stream(streams);
            if !client.send(h2::get(id, "/sleep?ms=20000")) || !client.is_alive() {
                break;
            }
            client.send(frame(kind::RST_STREAM, 0, id, code::CANCEL.to_be_bytes()));
            streams += 1;
        }
        // 200, and what time gives back.
        assert!(streams < 2_000, "{streams}");
        println!("ended after {streams} streams");
    });
    let metrics = node.metrics();
    assert_eq!(metrics.sum("sedge_http2_floods_total", &[("frame", "rst_stream")]), 1.0);
    assert!(metrics.sum("sedge_http2_resets_total", &[("from", "client")]) >= 200.0);
    let idle = || node.metrics().sum("http_server_active_requests", &[]) == 0.0;
    assert!(wait_for(PATIENCE, idle).is_some());
}

#[test]
fn a_gentle_client_never_notices() {
    let node = node("h2_control_frames_max = 100\nh2_resets_max = 20\n");
    let mut client = H2::open(node.listen);
    for step in 0..500 {
        // As much as an answer pays for: a ping, two windows, and a stream that is
        // given up.
        client.send(h2::get(stream(2 * step), "/hello"));
        assert_eq!(client.answer(stream(2 * step)).status, 200, "{step}");
        client.send(frame(kind::WINDOW_UPDATE, 0, 0, [0, 0, 0, 1]));
        client.send(h2::get(stream(2 * step + 1), "/sleep?ms=20000"));
        client.send(frame(kind::RST_STREAM, 0, stream(2 * step + 1), [0, 0, 0, 8]));
        assert!(client.is_alive(), "{step}\n{}", node.log());
    }
    assert_eq!(node.metrics().sum("sedge_http2_floods_total", &[]), 0.0);
}

/// A table entry that is large, and then named again and again: few bytes that mean
/// many.
#[test]
fn a_bomb_of_fields_is_refused_before_it_is_unpacked() {
    let node = node("");
    beside_a_neighbor(&node, || {
        for _ in 0..20 {
            let mut client = H2::open(node.listen);
            let value = "v".repeat(3_900);
            let mut first = block(&request("GET", "/hello", &[]));
            // A literal that goes into the table (RFC 7541 §6.2.1).
            let literal = block(&[("bomb", &value)]);
            first.push(0x40);
            first.extend_from_slice(&literal[1..]);
            client.send(frame(kind::HEADERS, flag::ALL, 1, first));
            assert_eq!(client.answer(1).status, 200);
            // 16,000 times, 62 MB. The connection may end of it, or the stream.
            client.send(with_block(3, &[0xbe; 16_000]));
            let answer = client.answer(3);
            let is_calm = answer.goaway == Some(code::ENHANCE_YOUR_CALM);
            assert!(answer.status == 431 || answer.reset.is_some() || is_calm, "{answer:?}");
        }
    });
    assert_eq!(goaways(&node, "internal_error"), 0.0);
}

#[test]
fn streams_past_the_limit_are_refused_and_the_others_served() {
    let node = node("h2_streams_max = 8\n");
    let mut client = H2::open(node.listen);
    for step in 0..20 {
        client.send(h2::get(stream(step), "/sleep?ms=1000"));
    }
    let frames = client.read_for(Duration::from_secs(3));
    let of = |kind| frames.iter().filter(move |frame| frame.kind == kind);
    let refused: Vec<_> = of(kind::RST_STREAM).map(h2::Frame::code).collect();
    assert_eq!(refused, vec![Some(code::REFUSED_STREAM); 12]);
    assert_eq!(of(kind::HEADERS).count(), 8);
    assert!(client.is_alive());
}

/// Windows of zero, with pings all the while: every stream is dropped in time, and
/// what it has held is free.
#[test]
fn answers_that_nobody_takes_are_dropped_whatever_else_goes_on() {
    let node = node("body_idle_timeout_ms = 1000\nrequests_in_flight_max = 64\n");
    beside_a_neighbor(&node, || {
        let mut client = H2::open_with(node.listen, &[(4, 0)]);
        for step in 0..50 {
            client.send(h2::get(stream(step), "/generate?bytes=1000000000"));
        }
        let active = || node.metrics().sum("http_server_active_requests", &[]);
        assert!(wait_for(PATIENCE, || active() >= 50.0).is_some(), "{}", node.log());
        let dropped = wait_for(PATIENCE, || {
            assert!(client.is_alive(), "{}", node.log());
            active() <= 1.0
        });
        assert!(dropped.is_some(), "{}", node.log());
        let labels = [("phase", "write")];
        let timeouts = || node.metrics().sum("sedge_http_server_timeouts_total", &labels);
        let all = wait_for(PATIENCE, || timeouts() == 50.0);
        assert!(all.is_some(), "{}", timeouts());
        assert!(node.metrics().failures("client_timeout") >= 50.0);
        // Such a connection is none the worse for it.
        client.send(settings(&[(4, 65_535)]));
        client.send(h2::get(1_001, "/hello"));
        let answer = client.answer(1_001);
        assert_eq!((answer.status, answer.text().trim()), (200, "hello, world"));
    });
}

#[test]
fn an_answer_that_is_taken_slowly_is_served_to_its_end() {
    let node = node("body_idle_timeout_ms = 1000\n");
    let mut client = H2::open_with(node.listen, &[(4, 4_096)]);
    client.send(h2::get(1, "/generate?bytes=100000"));
    let (mut received, mut is_over) = (0, false);
    // Longer than the timeout in all, but never still for so long.
    while !is_over {
        std::thread::sleep(Duration::from_millis(60));
        let frame = client.read().expect("it goes on");
        if frame.kind == kind::DATA {
            received += frame.payload.len();
            is_over = frame.flags & flag::END_STREAM != 0;
            let size = (frame.payload.len() as u32).to_be_bytes();
            if !frame.payload.is_empty() {
                client.send(h2::frame(kind::WINDOW_UPDATE, 0, 1, size));
                client.send(h2::frame(kind::WINDOW_UPDATE, 0, 0, size));
            }
        }
        assert_ne!(frame.kind, kind::RST_STREAM, "after {received} bytes");
    }
    assert_eq!(received, 100_000);
}

#[test]
fn heads_and_bodies_that_never_end_are_given_up() {
    let node = node("header_timeout_ms = 500\nbody_idle_timeout_ms = 800\n");
    beside_a_neighbor(&node, || {
        // Half a head, while another request is under way.
        let mut client = H2::open(node.listen);
        client.send(h2::get(1, "/sleep?ms=20000"));
        client.send(frame(kind::HEADERS, flag::END_STREAM, 3, []));
        client.goaway();
        // Heads without a body.
        let mut client = H2::open(node.listen);
        for step in 0..50 {
            client.send(open_post(stream(step)));
        }
        for step in 0..50 {
            // In whatever order: one may have been read while another was waited for.
            if let Some(status) = client.next_status() {
                assert_eq!(status, 408, "{step}");
            }
        }
        let idle = || node.metrics().sum("http_server_active_requests", &[]) <= 1.0;
        assert!(wait_for(PATIENCE, idle).is_some());
    });
    assert!(node.metrics().failures("client_timeout") >= 50.0);
}

#[test]
fn data_past_the_window_and_behind_the_end_is_refused() {
    let node = node("");
    beside_a_neighbor(&node, || {
        // A handler that reads nothing, and a client that does not care.
        let mut client = H2::open(node.listen);
        let head = block(&request("POST", "/sleep?ms=20000", &[]));
        client.send(frame(kind::HEADERS, flag::END_HEADERS, 1, head));
        let data = frame(kind::DATA, 0, 1, vec![0; 16_384]);
        for _ in 0..200 {
            client.send(&data);
        }
        let answer = client.answer(1);
        let codes = [answer.reset, answer.goaway];
        assert!(codes.contains(&Some(code::FLOW_CONTROL_ERROR)), "{answer:?}");
        // Behind the answer's end: thrown away, or refused, and nothing else.
        let mut client = H2::open(node.listen);
        client.send(h2::get(1, "/hello"));
        assert_eq!(client.answer(1).status, 200);
        client.send(frame(kind::DATA, 0, 1, b"late"));
        client.send(h2::get(3, "/hello"));
        let answer = client.answer(3);
        assert!(answer.status == 200 || answer.goaway == Some(code::STREAM_CLOSED), "{answer:?}");
    });
}

#[test]
fn a_client_that_says_that_it_goes_gets_what_it_has_asked_for() {
    let node = node("");
    let mut client = H2::open(node.listen);
    client.send(h2::get(1, "/sleep?ms=300"));
    client.send(frame(kind::GOAWAY, 0, 0, [0; 8]));
    let answer = client.answer(1);
    assert_eq!((answer.status, answer.text().as_str()), (200, "slept\n"));
    client.goaway();
}
