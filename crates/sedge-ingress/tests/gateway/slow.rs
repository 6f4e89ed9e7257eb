//! Clients that take their time.

use crate::world::{World, get, status, until};
use sedge_ingress::http::GatewayOptions;
use sedge_model::failure::Kind;
use std::io::Write;
use std::time::Duration;

/// Long enough for a busy machine to answer an honest client.
const TIMEOUT: Duration = Duration::from_millis(400);

fn impatient(options: &mut GatewayOptions) {
    options.header_timeout = TIMEOUT;
    options.body_timeout = TIMEOUT;
    options.write_timeout = TIMEOUT;
    options.keep_alive_timeout = TIMEOUT;
}

#[test]
fn a_silent_connection_is_closed() {
    let world = World::new(impatient);
    assert_eq!(world.connect().read_to_end(), "");
    until("it is counted", || world.gateway.metrics().timeouts() == 1);
}

#[test]
fn an_idle_connection_is_closed_after_its_answer() {
    let world = World::new(impatient);
    let answer = world.send(get("/hello").replace("Connection: close\r\n", ""));
    assert!(answer.ends_with("\r\n\r\nhello"), "{answer}");
}

#[test]
fn a_dribbled_head_is_answered_408() {
    let world = World::new(impatient);
    let mut client = world.connect();
    let mut taken = 0;
    for byte in get(&format!("/{}", "a".repeat(400))).bytes() {
        if client.0.write_all(&[byte]).is_err() {
            break;
        }
        taken += 1;
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(taken < 400, "the gateway read it all");
    let answer = client.read_to_end();
    // A byte on its way when the connection was closed resets it.
    assert!(answer.is_empty() || status(&answer) == 408, "{answer}");
    assert_eq!(world.begun(), 0);
    until("it is recorded", || world.gateway.metrics().failures(Kind::ClientTimeout) == 1);
}

#[test]
fn a_body_that_stalls_is_answered_408() {
    let world = World::new(impatient);
    let mut client = world.connect();
    client.write("POST /count HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\nhello");
    assert_eq!(status(&client.read_to_end()), 408);
    until("it is counted", || world.gateway.metrics().failures(Kind::ClientTimeout) == 1);
}

#[test]
fn an_answer_that_nobody_reads_is_cut() {
    let world = World::new(impatient);
    let mut client = world.connect();
    client.write(get("/endless"));
    client.read_until("x");
    until("it is cut", || world.gateway.metrics().connections_active() == 0);
    assert_eq!(world.gateway.metrics().failures(Kind::ClientTimeout), 1);
}

#[test]
fn a_slow_handler_is_not_cut() {
    let world = World::new(|options| {
        impatient(options);
        options.header_timeout = Duration::from_millis(50);
        options.keep_alive_timeout = Duration::from_millis(50);
        options.write_timeout = Duration::from_millis(50);
    });
    let mut client = world.connect();
    client.write(get("/nap"));
    assert!(client.read_to_end().ends_with("rested"));
}
