//! What passes, what is stored, and what makes it invalid.

use super::stage::{FRESH, Options, Stage, request};
use crate::rules::Policy;
use sedge_model::handler;

#[test]
fn a_request_with_a_body_passes_and_is_answered_by_the_origin_alone() {
    let stage = Stage::new();
    stage.fetch("/", &[FRESH], "stored");
    let client = stage.send(request("GET", "/", &[], handler::full("what?")));
    stage.asked().answer(200, &[FRESH], "poison");
    stage.tasks.run();
    let head = client.head();
    assert!(head.headers()["cache-status"].to_str().unwrap().contains("fwd=bypass"));
    assert_eq!(stage.tasks.read(head).take().as_deref(), Some("poison"));
    assert_eq!(stage.hit("/"), "stored");
    assert_eq!(stage.outcome("passed"), 1);
}

#[test]
fn fields_that_no_key_has_do_not_reach_the_origin() {
    let stage = Stage::new();
    let fields = [("x-forwarded-host", "evil"), ("x-original-url", "/admin"), ("accept", "a/b")];
    let client = stage.ask("GET", "/", &fields);
    let asked = stage.asked();
    assert_eq!((asked.header("x-forwarded-host"), asked.header("x-original-url")), (None, None));
    assert_eq!(asked.header("accept"), Some("a/b"));
    asked.answer(200, &[FRESH], "all");
    stage.tasks.run();
    assert_eq!(client.whole().1, "all");
}

#[test]
fn what_the_key_leaves_out_is_not_sent() {
    let policy =
        Policy { query_ignored: vec!["utm_*".into()], query_sorted: true, ..Policy::default() };
    let stage = Stage::with(Options { policy, ..Options::default() });
    let client = stage.get("/?b=2&utm_source=x&a=1");
    let asked = stage.asked();
    assert_eq!(asked.path, "/?a=1&b=2");
    asked.answer(200, &[FRESH], "all");
    stage.tasks.run();
    assert_eq!(client.whole().1, "all");
    assert_eq!(stage.hit("/?a=1&b=2&utm_medium=y"), "all");
}

#[test]
fn only_if_cached_asks_nobody() {
    let stage = Stage::new();
    let fields = [("cache-control", "only-if-cached")];
    assert_eq!(stage.ask("GET", "/", &fields).whole().0, 504);
    stage.fetch("/", &[FRESH], "all");
    assert_eq!(stage.ask("GET", "/", &fields).whole(), (200, "all".to_owned()));
    stage.advance(61_000);
    assert_eq!(stage.ask("GET", "/", &fields).whole().0, 504);
    assert_eq!((stage.open(), stage.outcome("refused")), (0, 2));
}

#[test]
fn what_is_larger_than_an_object_may_be_is_passed_on_and_not_waited_for() {
    let stage = Stage::with(Options { memory_bytes_max: 1 << 20, ..Options::default() });
    let first = stage.get("/");
    let second = stage.get("/");
    let writing = stage.asked().begin(200, &[FRESH]);
    stage.tasks.run();
    let (mut first, mut second) = (stage.tasks.read(first.head()), stage.tasks.read(second.head()));
    for _ in 0..40 {
        writing.write(vec![b'a'; 10_000]);
        stage.tasks.run();
    }
    let third = stage.get("/");
    assert_eq!(stage.open(), 1, "what was there is gone");
    third.leave();
    stage.asked().fail();
    drop(writing);
    assert_eq!(first.take().map(|body| body.len()), Some(400_000));
    assert_eq!(second.take().map(|body| body.len()), Some(400_000));
    assert_eq!((stage.not_stored("too_large"), stage.cache.figures().arriving_bytes), (1, 0));
    let (_one, _other) = (stage.get("/"), stage.get("/"));
    assert_eq!(stage.open(), 2, "now nobody waits for another");
}

#[test]
fn an_unsafe_request_that_succeeds_makes_what_is_stored_invalid() {
    let stage = Stage::new();
    stage.fetch("/", &[FRESH, ("vary", "x-a")], "stored");
    let fails = stage.ask("PUT", "/", &[]);
    stage.asked().answer(500, &[], "");
    stage.tasks.run();
    assert_eq!(fails.whole().0, 500);
    assert_eq!(stage.hit("/"), "stored");
    for method in ["POST", "DELETE", "PATCH", "ODD"] {
        let client = stage.ask(method, "/", &[]);
        stage.asked().answer(200, &[], "done");
        stage.tasks.run();
        assert_eq!(client.whole().1, "done");
        assert!(stage.is_miss("/"), "{method}");
        stage.fetch("/", &[FRESH, ("vary", "x-a")], "again");
    }
}

#[test]
fn what_was_asked_for_before_it_became_invalid_is_not_stored() {
    let stage = Stage::new();
    let old = stage.get("/");
    let writing = stage.asked().begin(200, &[FRESH]);
    writing.write("old");
    stage.tasks.run();
    let change = stage.ask("POST", "/", &[]);
    stage.asked().answer(204, &[], "");
    stage.tasks.run();
    assert_eq!(change.whole().0, 204);
    drop(writing);
    assert_eq!(old.whole().1, "old");
    assert!(stage.is_miss("/"));
}

#[test]
fn who_comes_after_a_change_does_not_wait_for_what_was_asked_for_before_it() {
    let stage = Stage::new();
    for begins in [false, true] {
        let old = stage.get("/");
        let before = stage.asked();
        let change = stage.ask("POST", "/", &[]);
        stage.asked().answer(204, &[], "");
        let writing = begins.then_some(before);
        stage.tasks.run();
        assert_eq!(change.whole().0, 204);
        let new = stage.get("/");
        let after = stage.asked();
        if let Some(before) = writing {
            let writing = before.begin(200, &[FRESH]);
            writing.write("old");
            stage.tasks.run();
            let also_new = stage.get("/");
            assert_eq!(stage.open(), 0, "it waits for the new one");
            after.answer(200, &[FRESH], "new");
            stage.tasks.run();
            assert_eq!((new.whole().1, also_new.whole().1), ("new".into(), "new".into()));
            drop(writing);
            assert_eq!(old.whole().1, "old");
            assert_eq!(stage.hit("/"), "new");
        } else {
            after.answer(200, &[("cache-control", "max-age=1")], "new");
            stage.tasks.run();
            assert_eq!(new.whole().1, "new");
            assert_eq!(old.failure(), sedge_model::failure::Kind::UpstreamReset);
            stage.advance(2_000);
            stage.cache.clear();
        }
    }
}

#[test]
fn groups_go_together() {
    let stage = Stage::new();
    let grouped = [FRESH, ("cache-groups", "\"shop\"")];
    stage.fetch("/one", &grouped, "one");
    stage.fetch("/two", &grouped, "two");
    stage.fetch("/other", &[FRESH], "other");
    stage.advance(1);
    let client = stage.ask("POST", "/one", &[]);
    stage.asked().answer(200, &[], "");
    stage.tasks.run();
    assert_eq!(client.whole().0, 200);
    assert!(stage.is_miss("/one") && stage.is_miss("/two"));
    assert_eq!(stage.hit("/other"), "other");
}

#[test]
fn a_post_may_bring_what_a_get_is_answered_with() {
    let stage = Stage::new();
    let client = stage.ask("POST", "/", &[]);
    stage.asked().answer(200, &[FRESH, ("content-location", "/")], "made");
    stage.tasks.run();
    assert_eq!(client.whole().1, "made");
    assert_eq!(stage.hit("/"), "made");
}

#[test]
fn variants_are_told_by_their_tags() {
    let stage = Stage::new();
    let fields = [FRESH, ("vary", "x-kind"), ("etag", "\"1\"")];
    let client = stage.ask("GET", "/", &[("x-kind", "a")]);
    stage.asked().answer(200, &fields, "one for both");
    stage.tasks.run();
    assert_eq!(client.whole().1, "one for both");
    let client = stage.ask("GET", "/", &[("x-kind", "b")]);
    let asked = stage.asked();
    assert_eq!(asked.header("if-none-match"), Some("\"1\""));
    asked.answer(304, &fields, "");
    stage.tasks.run();
    assert_eq!(client.whole().1, "one for both");
}

#[test]
fn a_head_that_tells_of_something_newer_makes_what_is_stored_stale() {
    let stage = Stage::new();
    stage.fetch("/", &[FRESH, ("etag", "\"1\"")], "old");
    stage.advance(61_000);
    let client = stage.ask("HEAD", "/", &[]);
    let asked = stage.asked();
    assert_eq!(asked.method, http::Method::HEAD);
    asked.answer(200, &[FRESH, ("etag", "\"2\"")], "");
    stage.tasks.run();
    assert_eq!(client.whole().0, 200);
    let _client = stage.get("/");
    assert_eq!(stage.asked().header("if-none-match"), Some("\"1\""));
}

#[test]
fn all_can_be_forgotten() {
    let stage = Stage::new();
    stage.fetch("/", &[FRESH], "all");
    let late = stage.get("/late");
    let asked = stage.asked();
    stage.cache.clear();
    asked.answer(200, &[FRESH], "late");
    stage.tasks.run();
    assert_eq!(late.whole().1, "late");
    assert!(stage.is_miss("/") && stage.is_miss("/late"));
}
