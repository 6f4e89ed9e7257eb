//! More work than the gateway takes.

use crate::world::{World, get, status, until};

#[test]
fn requests_past_the_limit_are_shed_at_once() {
    let world = World::new(|options| {
        options.threads = 1;
        options.requests_in_flight_max = 3;
    });
    let mut busy: Vec<_> = (0..3).map(|_| world.connect()).collect();
    busy.iter_mut().for_each(|client| client.write(get("/forever")));
    until("three are in flight", || world.begun() == 3);
    let answer = world.send(get("/hello"));
    assert_eq!(status(&answer), 503);
    assert!(answer.contains("retry-after: 1\r\n"), "{answer}");
    assert!(answer.contains(r#""kind":"overloaded""#), "{answer}");
    assert_eq!(world.gateway.metrics().shed(), 1);
    // What is malformed is not to be tried again.
    assert_eq!(status(&world.send(get("/a/../hello"))), 400);

    drop(busy.pop());
    until("one has left", || world.cancelled() == 1);
    assert_eq!(status(&world.send(get("/hello"))), 200);
}

#[test]
fn connections_past_the_limit_are_refused() {
    let world = World::new(|options| options.connections_max = 2);
    let held = [world.connect(), world.connect()];
    until("two are open", || world.gateway.metrics().connections_active() == 2);
    let answer = world.connect().read_to_end();
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("Retry-After: 1"), "{answer}");
    assert_eq!(world.gateway.metrics().connections_refused(), 1);
    drop(held);
    until("two have left", || world.gateway.metrics().connections_active() == 0);
    assert_eq!(status(&world.send(get("/hello"))), 200);
}

#[test]
fn connections_are_spread_over_the_threads() {
    let world = World::new(|options| {
        options.threads = 2;
        // Two for each thread: one more on a thread is shed.
        options.requests_in_flight_max = 4;
    });
    let mut clients = Vec::new();
    for count in 1..=4 {
        let mut client = world.connect();
        client.write(get("/forever"));
        clients.push(client);
        until("it is in flight", || world.begun() == count);
    }
    assert_eq!(world.gateway.metrics().shed(), 0);
}
