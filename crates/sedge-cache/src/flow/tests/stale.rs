//! What is stale: validated, served meanwhile, or served in need.

use super::stage::{Client, FRESH, Options, Stage};
use crate::flow::KeepPurges;
use crate::purge::{Purge, PurgeTable};
use sedge_model::failure::Kind;
use std::sync::{Arc, Mutex};

const TAGGED: [(&str, &str); 2] = [FRESH, ("etag", "\"1\"")];

fn stored(fields: &[(&'static str, &str)]) -> Stage {
    let stage = Stage::new();
    stage.fetch("/", fields, "old");
    stage
}

fn status(client: &http::Response<sedge_model::handler::Body>) -> String {
    client.headers()["cache-status"].to_str().expect("ASCII").to_owned()
}

#[test]
fn a_failure_is_passed_on_where_nothing_stale_may_be_served() {
    let stage = stored(&[("cache-control", "max-age=60, must-revalidate"), ("etag", "\"1\"")]);
    stage.advance(61_000);
    let client = stage.get("/");
    stage.asked().fail();
    stage.tasks.run();
    assert_eq!(client.failure(), Kind::UpstreamConnect);
    let client = stage.get("/");
    stage.asked().answer(503, &[], "down");
    stage.tasks.run();
    assert_eq!(client.whole(), (503, "down".to_owned()));
}

#[test]
fn what_is_stale_is_served_when_the_origin_fails_to_all_who_wait() {
    for fails in [true, false] {
        let stage = stored(&TAGGED);
        stage.advance(61_000);
        let clients: Vec<_> = (0..10).map(|_| stage.get("/")).collect();
        assert_eq!(stage.open(), 1);
        match fails {
            true => stage.asked().fail(),
            false => stage.asked().answer(503, &[], "down"),
        }
        assert_eq!(stage.open(), 0);
        for client in clients {
            assert_eq!(client.whole(), (200, "old".to_owned()));
        }
        assert_eq!(stage.outcome("stale"), 10);
    }
}

#[test]
fn one_validation_serves_all_who_wait() {
    let stage = stored(&TAGGED);
    stage.advance(61_000);
    let clients: Vec<_> = (0..1_000).map(|_| stage.get("/")).collect();
    assert_eq!(stage.open(), 1);
    let asked = stage.asked();
    assert_eq!(asked.header("if-none-match"), Some("\"1\""));
    asked.answer(304, &[FRESH, ("etag", "\"1\""), ("x-new", "1")], "");
    stage.tasks.run();
    for client in clients {
        let head = client.head();
        assert_eq!(head.headers()["x-new"], "1");
        assert_eq!(stage.tasks.read(head).take().as_deref(), Some("old"));
    }
    assert_eq!((stage.outcome("revalidated"), stage.outcome("collapsed")), (1, 999));
    assert_eq!(stage.hit("/"), "old");
}

#[test]
fn a_new_response_to_a_validation_takes_the_old_ones_place() {
    let stage = stored(&TAGGED);
    stage.advance(61_000);
    let clients: Vec<_> = (0..5).map(|_| stage.get("/")).collect();
    stage.asked().answer(200, &[FRESH, ("etag", "\"2\"")], "new");
    assert_eq!(stage.open(), 0);
    assert!(clients.into_iter().all(|client| client.whole().1 == "new"));
    assert_eq!(stage.hit("/"), "new");
}

#[test]
fn a_304_for_something_else_is_asked_again_without_conditions() {
    let stage = stored(&TAGGED);
    stage.advance(61_000);
    let client = stage.get("/");
    stage.asked().answer(304, &[FRESH, ("etag", "\"9\"")], "");
    let again = stage.asked();
    assert_eq!(again.header("if-none-match"), None);
    again.answer(200, &[FRESH, ("etag", "\"9\"")], "nine");
    stage.tasks.run();
    assert_eq!(client.whole().1, "nine");
}

#[test]
fn what_is_stale_is_served_while_one_validates_behind() {
    let fields = [("cache-control", "max-age=60, stale-while-revalidate=60"), ("etag", "\"1\"")];
    let stage = stored(&fields);
    stage.advance(61_000);
    let clients: Vec<_> = (0..20).map(|_| stage.get("/")).collect();
    assert!(clients.iter().all(Client::is_answered));
    assert_eq!(stage.open(), 1, "one validates for all");
    assert!(clients.into_iter().all(|client| client.whole().1 == "old"));
    stage.asked().answer(200, &fields, "new");
    stage.tasks.run();
    assert_eq!(stage.hit("/"), "new");
    let background = stage.metrics.background.load(std::sync::atomic::Ordering::Relaxed);
    assert_eq!((stage.outcome("stale"), background), (20, 1));
}

#[test]
fn a_validation_behind_that_fails_leaves_what_is_stale_and_is_tried_again() {
    let fields = [("cache-control", "max-age=60, stale-while-revalidate=60"), ("etag", "\"1\"")];
    let stage = stored(&fields);
    stage.advance(61_000);
    assert_eq!(stage.get("/").whole().1, "old");
    stage.asked().fail();
    stage.tasks.run();
    assert_eq!(stage.get("/").whole().1, "old");
    assert_eq!(stage.open(), 1);
    stage.asked().answer(304, &fields, "");
    stage.tasks.run();
    assert!(status(&stage.get("/").head()).contains("hit"));
    assert_eq!(stage.open(), 0);
}

#[test]
fn what_is_purged_softly_is_validated_and_what_is_purged_hard_is_fetched() {
    let stage = stored(&TAGGED);
    stage.cache.purge_url("a/", Purge::Soft);
    stage.advance(1);
    let client = stage.get("/");
    let asked = stage.asked();
    assert_eq!(asked.header("if-none-match"), Some("\"1\""));
    asked.answer(304, &TAGGED, "");
    stage.tasks.run();
    assert_eq!(client.whole().1, "old");
    assert_eq!(stage.hit("/"), "old");

    stage.cache.purge_url("a/", Purge::Hard);
    stage.advance(1);
    let client = stage.get("/");
    let asked = stage.asked();
    assert_eq!(asked.header("if-none-match"), None);
    asked.answer(200, &TAGGED, "new");
    stage.tasks.run();
    assert_eq!(client.whole().1, "new");
    assert_eq!(stage.hit("/"), "new");
}

#[test]
fn what_is_purged_while_it_arrives_is_not_stored() {
    let stage = Stage::new();
    let client = stage.get("/");
    let writing = stage.asked().begin(200, &[FRESH]);
    stage.tasks.run();
    let mut reading = stage.tasks.read(client.head());
    stage.cache.purge_url("a/", Purge::Hard);
    stage.advance(1);
    let late = stage.get("/");
    stage.asked().answer(200, &[FRESH], "new");
    stage.tasks.run();
    assert_eq!(late.whole().1, "new", "who comes later does not join it");
    writing.write("all");
    drop(writing);
    assert_eq!(reading.take().as_deref(), Some("all"), "who asked for it gets it");
    assert_eq!(stage.hit("/"), "new");
}

#[test]
fn purges_by_tag_by_folder_and_of_all() {
    for (at, purge) in [
        (0, (|stage: &Stage| stage.cache.purge_tag("red", Purge::Hard)) as fn(&Stage)),
        (1, |stage| stage.cache.purge_prefix("a/shop", Purge::Hard)),
        (2, |stage| stage.cache.purge_all(Purge::Hard)),
    ] {
        let stage = Stage::new();
        stage.fetch("/shop/1", &[FRESH, ("surrogate-key", "red green")], "one");
        stage.fetch("/shops", &[FRESH, ("cache-tag", "green, blue")], "two");
        stage.cache.purge_tag("yellow", Purge::Hard);
        assert_eq!((stage.hit("/shop/1"), stage.hit("/shops")), ("one".into(), "two".into()));
        purge(&stage);
        stage.advance(1);
        assert!(stage.is_miss("/shop/1"), "{at}");
        assert_eq!(stage.is_miss("/shops"), at == 2, "{at}");
    }
}

#[test]
fn what_is_purged_is_kept_once_for_several_at_a_time() {
    let kept = Arc::new(Mutex::new(Vec::new()));
    let into = Arc::clone(&kept);
    let keep: KeepPurges = Arc::new(move |table| {
        into.lock().unwrap().push(table);
        Ok(())
    });
    let stage = Stage::with(Options { keep: Some(keep), ..Options::default() });
    stage.cache.purge_tag("red", Purge::Hard);
    stage.cache.purge_all(Purge::Soft);
    stage.tasks.run();
    assert_eq!(kept.lock().unwrap().len(), 1);
    stage.cache.purge_tag("blue", Purge::Hard);
    stage.tasks.run();
    let kept = kept.lock().unwrap();
    let table = PurgeTable::decode(&kept[1]).expect("is one");
    assert_eq!(table.is_purged(&[], "a/", 0), Some(Purge::Soft));
}
