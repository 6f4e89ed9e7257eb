//! Routes swapped under the gateway's feet.

use crate::world::{World, get, status, until};
use http::Method;
use sedge_ingress::http::{AccessLog, RouteTable};
use sedge_model::handler::{self, Answer, Context, Handler, Request};
use sedge_model::route::{Path, Route};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

/// One revision of an app: answers its number.
struct Revision(usize);

impl Handler for Revision {
    fn call(&self, _: Request, _: Context) -> Answer<'_> {
        Box::pin(async { Ok(http::Response::new(handler::full(self.0.to_string()))) })
    }
}

fn table(revision: usize) -> (RouteTable, std::sync::Weak<Revision>) {
    let handler = Arc::new(Revision(revision));
    let weak = Arc::downgrade(&handler);
    let path = Path::Prefix("/app".into());
    let route = Route { host: None, path, methods: vec![Method::GET, Method::PUT] };
    (RouteTable::new([(route, handler as Arc<dyn Handler>, "app/one".into())]), weak)
}

#[test]
fn a_request_keeps_its_revision_and_the_last_one_lets_go_of_it() {
    let world = World::logged(|_| {}, AccessLog::off());
    let mut client = world.connect();
    client.write(get("/nap"));
    until("it is in flight", || world.begun() == 1);
    let (first, first_alive) = table(1);
    drop(world.routes.swap(first));
    // The old handler is out of every table, and still answers what it began.
    assert_eq!(status(&world.send(get("/nap"))), 404);
    assert_eq!(Arc::strong_count(&world.seen), 2);
    assert!(client.read_to_end().ends_with("rested"));
    until("the old handler is gone", || Arc::strong_count(&world.seen) == 1);

    assert!(world.send(get("/app/x")).ends_with("\r\n\r\n1"));
    let answer = world.send(get("/app/x").replace("GET", "POST"));
    assert!(status(&answer) == 405 && answer.contains("allow: GET, HEAD, PUT\r\n"), "{answer}");
    // No request comes: the threads let go by themselves.
    drop(world.routes.swap(RouteTable::default()));
    until("the revision is gone", || first_alive.strong_count() == 0);
}

#[test]
fn a_hundred_reloads_under_load_fail_not_one_request() {
    let world = World::new(|_| {});
    drop(world.routes.swap(table(0).0));
    let done = AtomicBool::new(false);
    let answered = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let (mut count, mut last) = (0, 0);
                    while !done.load(SeqCst) {
                        let answer = world.send(get("/app"));
                        assert_eq!(status(&answer), 200, "{answer}");
                        let body = answer.rsplit("\r\n").next().unwrap_or_default();
                        let revision: usize = body.parse().expect("a number");
                        assert!(revision >= last, "an older revision answered");
                        (count, last) = (count + 1, revision);
                    }
                    count
                })
            })
            .collect();
        for revision in 1..=100 {
            drop(world.routes.swap(table(revision).0));
            assert!(world.send(get("/app")).ends_with(&format!("\r\n\r\n{revision}")));
        }
        done.store(true, SeqCst);
        clients.into_iter().map(|client| client.join().expect("no failure")).sum::<usize>()
    });
    assert!(answered > 0);
    let metrics = world.gateway.metrics();
    until("all are counted", || metrics.responses(2) == answered as u64 + 100);
}
