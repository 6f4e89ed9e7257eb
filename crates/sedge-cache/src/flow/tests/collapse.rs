//! Many requests for the same, one fetch.

use super::stage::{Client, FRESH, Options, Stage};
use crate::flow::LinkSettings;
use sedge_model::failure::Kind;
use std::time::Duration;

fn many(stage: &Stage, count: usize, fields: &[(&'static str, &str)]) -> Vec<Client> {
    (0..count).map(|_| stage.ask("GET", "/", fields)).collect()
}

#[test]
fn when_the_fetch_fails_everybody_is_told_and_one_tries_anew() {
    let stage = Stage::new();
    let clients = many(&stage, 100, &[]);
    assert_eq!(stage.open(), 1);
    stage.asked().fail();
    stage.tasks.run();
    for client in clients {
        assert_eq!(client.failure(), Kind::UpstreamConnect);
    }
    assert_eq!((stage.open(), stage.outcome("failed")), (0, 100));
    let _clients = many(&stage, 100, &[]);
    assert_eq!(stage.open(), 1);
}

#[test]
fn when_the_body_breaks_off_so_do_all_who_read_it_and_nothing_is_stored() {
    let stage = Stage::new();
    let clients = many(&stage, 10, &[]);
    let writing = stage.asked().begin(200, &[FRESH]);
    writing.write("half");
    stage.tasks.run();
    let readings: Vec<_> =
        clients.into_iter().map(|client| stage.tasks.read(client.head())).collect();
    // Who comes now reads along, too.
    let late = stage.tasks.read(stage.get("/").head());
    writing.fail();
    for reading in readings.iter().chain([&late]) {
        assert_eq!(reading.failure(), Some(Kind::UpstreamBroken));
        assert_eq!(reading.so_far(), "half");
    }
    assert!(stage.is_miss("/"));
    assert_eq!((stage.not_stored("broken"), stage.cache.figures().arriving_bytes), (1, 0));
}

#[test]
fn a_body_of_another_length_than_announced_fails_and_is_not_stored() {
    for (body, kind) in [("short", Kind::UpstreamBroken), ("too long", Kind::UpstreamProtocol)] {
        let stage = Stage::new();
        let client = stage.get("/");
        let writing = stage.asked().begin(200, &[FRESH, ("content-length", "6")]);
        stage.tasks.run();
        let reading = stage.tasks.read(client.head());
        writing.write(body);
        drop(writing);
        assert_eq!(reading.failure(), Some(kind), "{body}");
        assert!(stage.is_miss("/"), "{body}");
    }
}

#[test]
fn a_thousand_requests_are_one_fetch_and_each_reads_while_it_arrives() {
    let stage = Stage::new();
    let clients = many(&stage, 1_000, &[]);
    assert_eq!((stage.open(), stage.cache.figures().flights), (1, 1));
    let writing = stage.asked().begin(200, &[FRESH]);
    writing.write("a");
    stage.tasks.run();
    let heads: Vec<_> = clients.into_iter().map(Client::head).collect();
    let status =
        |head: &http::Response<_>| head.headers()["cache-status"].to_str().ok().map(str::to_owned);
    let collapsed =
        heads.iter().filter(|head| status(head).is_some_and(|status| status.contains("collapsed")));
    assert_eq!(collapsed.count(), 999);
    let mut readings: Vec<_> = heads.into_iter().map(|head| stage.tasks.read(head)).collect();
    assert!(readings.iter().all(|reading| reading.so_far() == "a"));
    writing.write("b");
    drop(writing);
    assert!(readings.iter_mut().all(|reading| reading.take().as_deref() == Some("ab")));
    assert_eq!(stage.hit("/"), "ab");
    assert_eq!((stage.open(), stage.cache.figures().flights), (0, 0));
    assert_eq!((stage.outcome("miss"), stage.outcome("collapsed")), (1, 999));
}

#[test]
fn the_client_that_began_the_fetch_may_leave() {
    let stage = Stage::new();
    let first = stage.get("/");
    let second = stage.get("/");
    first.leave();
    assert_eq!(stage.open(), 1);
    let writing = stage.asked().begin(200, &[FRESH]);
    writing.write("all");
    stage.tasks.run();
    let mut reading = stage.tasks.read(second.head());
    drop(writing);
    assert_eq!(reading.take().as_deref(), Some("all"));
    assert_eq!(stage.hit("/"), "all");
}

#[test]
fn what_is_small_is_stored_although_everybody_has_left_and_what_is_endless_is_not() {
    let stage = Stage::with(Options { memory_bytes_max: 256 << 20, ..Options::default() });
    stage.get("/").leave();
    stage.asked().answer(200, &[FRESH], "small");
    stage.tasks.run();
    assert_eq!(stage.hit("/"), "small");

    let client = stage.get("/endless");
    let writing = stage.asked().begin(200, &[FRESH]);
    stage.tasks.run();
    stage.tasks.read(client.head()).leave();
    for _ in 0..9 {
        writing.write(vec![b'a'; 1 << 20]);
        stage.tasks.run();
    }
    assert!(writing.is_dropped());
    assert_eq!(stage.not_stored("abandoned"), 1);
    assert!(stage.is_miss("/endless"));
}

#[test]
fn nobody_waits_for_a_response_that_is_for_another_only() {
    let stage = Stage::new();
    let clients = many(&stage, 50, &[]);
    assert_eq!(stage.open(), 1, "it could be for all");
    stage.asked().answer(200, &[("cache-control", "private")], "mine");
    assert_eq!(stage.open(), 49, "it was not, and now each goes alone");
    for _ in 0..49 {
        stage.asked().answer(200, &[("cache-control", "private")], "mine");
    }
    stage.tasks.run();
    assert!(clients.into_iter().all(|client| client.whole() == (200, "mine".to_owned())));
    // The next ones do not even wait for the first.
    let clients = many(&stage, 50, &[]);
    assert_eq!(stage.open(), 50);
    drop(clients);
    for _ in 0..50 {
        stage.asked().fail();
    }
    stage.advance(30_000);
    let _clients = many(&stage, 50, &[]);
    assert_eq!(stage.open(), 1, "after some time it is tried again");
    assert_eq!(stage.not_stored("private"), 50);
}

#[test]
fn a_response_that_may_be_stored_ends_the_going_alone() {
    let stage = Stage::new();
    let client = stage.get("/");
    stage.asked().answer(200, &[("cache-control", "no-store")], "once");
    stage.tasks.run();
    assert_eq!(client.whole().1, "once");
    assert_eq!(stage.fetch("/", &[FRESH], "for all").1, "for all");
    assert_eq!(stage.hit("/"), "for all");
}

#[test]
fn after_an_error_that_is_not_stored_it_is_soon_tried_together_again() {
    let stage = Stage::new();
    let client = stage.get("/");
    stage.asked().answer(503, &[], "down");
    stage.tasks.run();
    assert_eq!(client.whole(), (503, "down".to_owned()));
    stage.advance(1_000);
    let _clients = many(&stage, 10, &[]);
    assert_eq!(stage.open(), 1);
}

#[test]
fn who_varies_is_fetched_for_by_kind() {
    let stage = Stage::new();
    let kinds = ["a", "b", "c"];
    let clients: Vec<_> = (0..30)
        .map(|at| (kinds[at % 3], stage.ask("GET", "/", &[("x-kind", kinds[at % 3])])))
        .collect();
    assert_eq!(stage.open(), 1, "nobody knows yet that it varies");
    let vary = [FRESH, ("vary", "x-kind")];
    let first = stage.asked();
    assert_eq!(first.header("x-kind"), Some("a"));
    first.answer(200, &vary, "a");
    assert_eq!(stage.open(), 2, "one for each other kind");
    for _ in 0..2 {
        let asked = stage.asked();
        let kind = asked.header("x-kind").expect("sent").to_owned();
        asked.answer(200, &vary, &kind);
    }
    stage.tasks.run();
    for (kind, client) in clients {
        assert_eq!(client.whole().1, kind);
    }
    for kind in kinds {
        assert_eq!(stage.ask("GET", "/", &[("x-kind", kind)]).whole().1, kind);
    }
    let _clients = many(&stage, 5, &[("x-kind", "d")]);
    assert_eq!(stage.open(), 1, "now it is known");
}

#[test]
fn somebody_in_particular_does_not_fetch_for_others_but_reads_what_is_for_all() {
    let stage = Stage::new();
    let token = [("authorization", "Basic eA==")];
    let _one = stage.ask("GET", "/", &token);
    let _other = stage.ask("GET", "/", &token);
    let _third = stage.get("/");
    assert_eq!(stage.open(), 3);
    for _ in 0..2 {
        stage.asked().answer(200, &[FRESH], "mine");
    }
    stage.asked().answer(200, &[FRESH], "for all");
    assert_eq!(stage.hit("/"), "for all");
    assert_eq!(stage.ask("GET", "/", &token).whole().1, "for all");
}

#[test]
fn waiting_has_an_end() {
    let settings =
        LinkSettings { collapse_wait: Duration::from_millis(500), ..LinkSettings::default() };
    let stage = Stage::with(Options { settings, ..Options::default() });
    let first = stage.get("/");
    let second = stage.get("/");
    stage.advance(499);
    assert!(!second.is_answered());
    stage.advance(1);
    assert_eq!(second.failure(), Kind::UpstreamTimeout);
    assert!(!first.is_answered());
    stage.asked().answer(200, &[FRESH], "late");
    stage.tasks.run();
    assert_eq!(first.whole().1, "late");
    assert_eq!(stage.outcome("timed_out"), 1);
}

#[test]
fn a_fetch_that_takes_too_long_holds_nobody_up_and_ends_with_its_client() {
    let stage = Stage::new();
    let first = stage.get("/");
    stage.advance(30_000);
    assert!(!first.is_answered());
    let second = stage.get("/");
    assert_eq!(stage.open(), 2, "it is tried anew");
    let (slow, next) = (stage.asked(), stage.asked());
    assert!(!slow.is_forgotten());
    first.leave();
    assert!(slow.is_forgotten());
    next.answer(200, &[FRESH], "at last");
    stage.tasks.run();
    assert_eq!(second.whole().1, "at last");
}

#[test]
fn a_body_that_nobody_reads_and_that_does_not_go_on_ends() {
    let stage = Stage::new();
    let client = stage.get("/");
    let writing = stage.asked().begin(200, &[FRESH]);
    stage.tasks.run();
    let reading = stage.tasks.read(client.head());
    stage.advance(60_000);
    assert!(!writing.is_dropped(), "somebody reads it");
    reading.leave();
    stage.advance(29_999);
    writing.write("more");
    stage.tasks.run();
    stage.advance(29_999);
    assert!(!writing.is_dropped());
    stage.advance(1);
    assert!(writing.is_dropped());
    assert_eq!((stage.not_stored("abandoned"), stage.cache.figures().flights), (1, 0));
}

#[test]
fn those_who_want_the_same_part_wait_for_one_another() {
    let stage = Stage::new();
    let range = [("range", "bytes=0-3")];
    let clients = many(&stage, 20, &range);
    let _other = stage.ask("GET", "/", &[("range", "bytes=4-5")]);
    let _whole = stage.get("/");
    assert_eq!(stage.open(), 3);
    let part = [FRESH, ("etag", "\"1\""), ("content-range", "bytes 0-3/10")];
    stage.asked().answer(206, &part, "0123");
    assert_eq!(stage.open(), 2);
    assert!(clients.into_iter().all(|client| client.whole() == (206, "0123".to_owned())));
}

#[test]
fn what_must_be_validated_each_time_is_not_shared_with_who_waits() {
    let stage = Stage::new();
    let clients = many(&stage, 3, &[]);
    let fields = [("cache-control", "no-cache"), ("etag", "\"1\"")];
    stage.asked().answer(200, &fields, "one");
    assert_eq!(stage.open(), 2);
    for _ in 0..2 {
        let asked = stage.asked();
        match asked.header("if-none-match") {
            Some(_) => asked.answer(304, &fields, ""),
            None => asked.answer(200, &fields, "one"),
        }
    }
    stage.tasks.run();
    assert!(clients.into_iter().all(|client| client.whole().1 == "one"));
}
