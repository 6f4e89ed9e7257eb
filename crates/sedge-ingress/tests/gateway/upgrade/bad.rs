//! Requests for an upgrade that are none, and answers to them that are none.

use super::{Front, KEY, PROOF, Peer, Settings, asking, websocket};
use crate::world::{status, until};
use sedge_model::failure::Kind;
use sedge_model::routing::rule::Upgrades;

#[test]
fn a_request_that_asks_wrongly_is_refused_and_goes_nowhere() {
    let peer = Peer::new();
    let front = Front::plain(&peer);
    let key = format!("Sec-WebSocket-Key: {KEY}\r\n");
    for (name, text) in [
        ("no key", websocket("/", "")),
        ("two keys", websocket("/", &format!("{key}{key}"))),
        ("a short key", websocket("/", "Sec-WebSocket-Key: AAAA\r\n")),
        ("a method", websocket("/", &key).replace("GET", "PUT")),
        ("a body", websocket("/", &format!("{key}Content-Length: 5\r\n")) + "hello"),
        ("chunks", websocket("/", &format!("{key}Transfer-Encoding: chunked\r\n")) + "0\r\n\r\n"),
        (
            "a body for another",
            asking("/", "echo").replace("\r\n\r\n", "\r\nContent-Length: 1\r\n\r\nx"),
        ),
    ] {
        let mut client = front.connect();
        client.write(text);
        let answer = client.read_until("}");
        assert_eq!(status(&answer), 400, "{name}: {answer}");
    }
    assert_eq!(peer.connections(), 0, "nothing reached the upstream");
}

#[test]
fn what_is_not_granted_passes_as_if_it_had_not_been_asked_for() {
    let peer = Peer::new();
    let front = Front::plain(&peer);
    let off = Front::new(&peer, Settings { upgrades: Upgrades(Vec::new()), ..Settings::default() });
    let key = format!("Sec-WebSocket-Key: {KEY}\r\n");
    for (front, text) in [
        (
            &front,
            asking("/", "h2c").replace(
                "Upgrade\r\n",
                "Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n",
            ),
        ),
        (&front, asking("/", "h2c, tls/1.0")),
        (&front, asking("/", "unknown")),
        // Without the word in Connection.
        (&front, asking("/", "echo").replace(", Upgrade", "")),
        (&front, asking("/", "echo").replace("HTTP/1.1", "HTTP/1.0").replace(", Upgrade", "")),
        (&off, websocket("/", &key)),
    ] {
        let mut client = front.connect();
        client.write(&text);
        assert_eq!(status(&client.read_until("no")), 200, "{text}");
        let head = peer.heads().pop().expect("it came");
        for field in ["upgrade", "connection", "http2-settings"] {
            assert!(!head.contains(&format!("\r\n{field}:")), "{field} in {head}");
        }
    }
    // Of two fields, one name goes on.
    let mut client = front.connect();
    client.write(asking("/", "h2c\r\nUpgrade: Echo"));
    assert_eq!(status(&client.read_until("\r\n\r\n")), 101);
    let head = peer.heads().pop().expect("it came");
    assert!(head.contains("\r\nupgrade: echo\r\n") && !head.contains("h2c"), "{head}");
}

#[test]
fn an_answer_that_switches_to_something_else_is_a_failure() {
    let peer = Peer::new();
    let front = Front::plain(&peer);
    let key = format!("Sec-WebSocket-Key: {KEY}\r\n");
    let paths = ["/other", "/two", "/silent", "/nameless", "/length", "/chunked"];
    let echo = paths.map(|path| asking(path, "echo"));
    let proofs = ["/unproved", "/misproved"].map(|path| websocket(path, &key));
    for (count, text) in echo.iter().chain(&proofs).enumerate() {
        let mut client = front.connect();
        client.write(text);
        let answer = client.read_until("}");
        assert_eq!(status(&answer), 502, "{text}: {answer}");
        assert!(answer.contains("upstream_protocol"), "{answer}");
        until("the upstream is left", || peer.closed() == count + 1);
    }
    front.wait_unused();
    assert_eq!(front.failures(Kind::UpstreamProtocol), 8);
    assert_eq!(front.gateway.metrics().upgrades(), 0);
}

#[test]
fn an_upstream_that_goes_on_with_http_is_answered_for_as_such() {
    let peer = Peer::new();
    let front = Front::plain(&peer);
    let mut client = front.connect();
    // What a client takes for bytes of another protocol is a request to the node.
    client.write(asking("/plain", "echo") + "GET /smuggled HTTP/1.1\r\nHost: test\r\n\r\n");
    let answer = client.read_until("no");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("plain"), "{answer}");
    let heads = peer.heads();
    assert_eq!(heads.len(), 2, "{heads:?}");
    assert!(heads[1].starts_with("get /smuggled ") && heads[1].contains("x-forwarded-for"));
    client.write(asking("/required", "echo"));
    let answer = client.read_until("\r\n\r\n");
    assert!(status(&answer) == 426 && answer.contains("sec-websocket-version: 13"), "{answer}");
    front.wait_unused();
}

#[test]
fn a_client_that_leaves_before_the_answer_takes_the_upstream_along() {
    let peer = Peer::new();
    let front = Front::plain(&peer);
    let mut client = front.connect();
    client.write(asking("/never", "echo"));
    until("the upstream has it", || peer.heads().len() == 1);
    drop(client);
    until("the upstream is left", || peer.closed() == 1);
    front.wait_unused();
    until("it is recorded", || front.failures(Kind::ClientGone) == 1);
}

#[test]
fn a_side_that_breaks_ends_the_other_and_has_the_blame() {
    let peer = Peer::new();
    let front = Front::plain(&peer);
    let mut client = front.switched("/break");
    client.write("x");
    assert_eq!(client.read_to_end(), "");
    until("the upstream is blamed", || front.failures(Kind::UpstreamBroken) == 1);
    let client = front.switched("/endless");
    drop(client);
    until("the client is blamed", || front.failures(Kind::ClientGone) == 1);
    front.wait_unused();
}

#[test]
fn a_function_sees_no_upgrade() {
    let peer = Peer::new();
    let front = Front::plain(&peer);
    let mut client = front.connect();
    client.write(websocket("/function", &format!("Sec-WebSocket-Key: {KEY}\r\n")));
    let answer = client.read_until("sec-websocket-key");
    assert!(status(&answer) == 200 && !answer.contains(PROOF), "{answer}");
    assert_eq!(front.gateway.metrics().upgrades(), 0);
}
