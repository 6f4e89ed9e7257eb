//! Those who put in and take out by themselves, beside a link with the same scope.

use super::stage::{FRESH, Options, Stage};
use crate::flow::{BadUrl, Fill, Filled, KeepPurges, Lifetime, NotPut, Purging, Scope, Stored};
use crate::purge::Purge;
use bytes::Bytes;
use http::{HeaderMap, Response};
use std::io;
use std::sync::Arc;
use std::time::Duration;

const URL: &str = "http://a/x";
const WAIT: Duration = Duration::from_secs(5);

fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(*name, value.parse().expect("a value"));
    }
    headers
}

fn response(status: u16, fields: &[(&'static str, &str)], body: &str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::copy_from_slice(body.as_bytes()));
    *response.status_mut() = status.try_into().expect("a status");
    *response.headers_mut() = headers(fields);
    response
}

fn for_a_minute() -> Lifetime {
    Lifetime { fresh: Some(Duration::from_secs(60)), ..Lifetime::default() }
}

fn get(stage: &Stage, url: &str, fields: &[(&'static str, &str)]) -> Option<Stored> {
    let (scope, url, fields) = (stage.scope(), url.to_owned(), headers(fields));
    stage.work(async move { scope.get(&url, fields).await }).expect("an address")
}

fn text(stored: &Stored) -> String {
    String::from_utf8(stored.body.concat()).expect("text")
}

fn put(stage: &Stage, url: &str, body: &str) {
    let put = stage.scope().put(url, HeaderMap::new(), response(200, &[], body), &for_a_minute());
    put.expect("an address").expect("is stored");
}

async fn filled(scope: Scope, wait: Duration) -> Filled {
    scope.get_or_begin(URL, HeaderMap::new(), wait).await.expect("an address")
}

fn begun(stage: &Stage) -> Fill {
    match stage.work(filled(stage.scope(), WAIT)) {
        Filled::Begin(fill) => fill,
        Filled::Stored(stored) => panic!("is stored: {stored:?}"),
        Filled::TimedOut => panic!("waited"),
    }
}

#[test]
fn what_cannot_be_stored_is_refused_with_the_reason() {
    let stage = Stage::new();
    let scope = stage.scope();
    let refused = |status, fields: &[(&'static str, &str)], lifetime: &Lifetime| {
        let put = scope.put(URL, HeaderMap::new(), response(status, fields, "body"), lifetime);
        put.expect("an address").expect_err("is refused").to_string()
    };
    let minute = for_a_minute();
    for (status, fields, why) in [
        (200, ("cache-control", "no-store"), "no-store"),
        (200, ("cache-control", "private"), "private"),
        (200, ("set-cookie", "session=1"), "set-cookie"),
        (200, ("vary", "*"), "vary-star"),
        (200, ("content-length", "5"), "Content-Length"),
        (200, ("content-length", "4, 4"), "Content-Length"),
        (206, ("content-range", "bytes 0-3/9"), "status"),
        (304, ("etag", "\"1\""), "status"),
        (101, ("upgrade", "x"), "status"),
    ] {
        let error = refused(status, &[fields], &minute);
        assert!(error.contains(why), "{status} {fields:?}: {error}");
    }
    assert!(refused(200, &[], &Lifetime::default()).contains("no-freshness"));
    let long = "x".repeat(129);
    for tag in ["", "a,b", "a b", "ä", "a\nb", &long] {
        let lifetime = Lifetime { tags: vec![tag.to_owned()], ..minute.clone() };
        assert!(refused(200, &[], &lifetime).contains("tags"), "{tag:?}");
    }
    let lifetime = Lifetime { tags: vec!["a".to_owned(); 65], ..minute.clone() };
    assert!(refused(200, &[], &lifetime).contains("tags"));
    for url in ["", "x", "/x", "http://", "http://u:p@a/", "file:///etc/passwd"] {
        let put = scope.put(url, HeaderMap::new(), response(200, &[], ""), &minute);
        assert_eq!(put, Err(BadUrl), "{url}");
    }
    assert!(get(&stage, URL, &[]).is_none());
}

#[test]
fn as_many_bytes_as_an_object_may_have_and_not_one_more() {
    let stage = Stage::new();
    let scope = stage.scope();
    let bytes_max = scope.object_bytes_max();
    assert_eq!(bytes_max, 1 << 20);
    let put = |bytes: u64| {
        let body = "x".repeat(bytes as usize);
        scope.put(URL, HeaderMap::new(), response(200, &[], &body), &for_a_minute())
    };
    assert_eq!(put(bytes_max + 1), Ok(Err(NotPut::TooLarge { bytes_max })));
    assert_eq!(put(bytes_max), Ok(Ok(())));
    // With what the tier adds for its head.
    assert_eq!(put(bytes_max - 4_096), Ok(Ok(())));
    assert_eq!(get(&stage, URL, &[]).map(|stored| stored.body_bytes), Some(bytes_max - 4_096));
}

#[test]
fn a_link_serves_what_was_put_in_and_the_other_way_round() {
    let stage = Stage::new();
    put(&stage, "http://a/x?q=1", "mine");
    assert_eq!(stage.hit("/x?q=1"), "mine");
    let client = stage.ask("GET", "/x?q=1", &[("range", "bytes=1-2")]);
    assert_eq!(client.whole(), (206, "in".to_owned()));

    stage.fetch("/theirs", &[FRESH, ("x-name", "value")], "theirs");
    stage.advance(10_000);
    let stored = get(&stage, "http://a/theirs", &[("range", "bytes=0-1")]).expect("is stored");
    assert_eq!((stored.status.as_u16(), text(&stored).as_str()), (200, "theirs"));
    assert_eq!((stored.age_ms, stored.ttl_ms), (10_000, 50_000));
    assert_eq!(stored.headers["x-name"], "value");
    assert!(get(&stage, "https://a/theirs", &[]).is_none());
    assert!(get(&stage, "http://b/theirs", &[]).is_none());
    stage.advance(60_000);
    assert!(get(&stage, "http://a/theirs", &[]).is_none());
}

#[test]
fn what_varies_is_told_apart_by_the_fields_that_are_given() {
    let stage = Stage::new();
    for format in ["image/avif", "image/webp"] {
        let fields = headers(&[("accept", format)]);
        let answer = response(200, &[("vary", "accept")], format);
        let put = stage.scope().put(URL, fields, answer, &for_a_minute());
        put.expect("an address").expect("is stored");
    }
    for format in ["image/avif", "image/webp"] {
        let stored = get(&stage, URL, &[("accept", format)]).expect("is stored");
        assert_eq!(text(&stored), format);
        let client = stage.ask("GET", "/x", &[("accept", format)]);
        assert_eq!(client.whole().1, format);
    }
    assert!(get(&stage, URL, &[("accept", "image/png")]).is_none());
}

#[test]
fn tags_are_purged_within_the_scope_and_by_the_operator() {
    let stage = Stage::new();
    let tagged = Lifetime { tags: vec!["red".to_owned(), "blue".to_owned()], ..for_a_minute() };
    let scope_of = |name: &str| {
        let (cache, metrics) = (Arc::clone(&stage.cache), Arc::clone(&stage.metrics));
        Scope::new(cache, name, Default::default(), Default::default(), metrics)
    };
    let (one, other) = (scope_of("test"), scope_of("other"));
    let put = |scope: &Scope| {
        let put = scope.put(URL, HeaderMap::new(), response(200, &[], "tagged"), &tagged);
        put.expect("an address").expect("is stored");
    };
    let is_there = |scope: &Scope| {
        let scope = scope.clone();
        stage.work(async move { scope.get(URL, HeaderMap::new()).await }).expect("url").is_some()
    };
    let purge = |scope: &Scope, tag: &'static str, purge| {
        let scope = scope.clone();
        let work = stage.begin(async move { scope.purge_tag(tag, purge).await });
        stage.advance(1);
        work.take().expect("ends").expect("nothing to be kept");
    };
    put(&one);
    put(&other);
    purge(&one, "green", Purge::Hard);
    assert!(is_there(&one) && is_there(&other));
    purge(&one, "red", Purge::Hard);
    assert!(!is_there(&one) && is_there(&other));
    put(&one);
    assert!(is_there(&one));
    purge(&one, "blue", Purge::Soft);
    assert!(!is_there(&one) && is_there(&other));
    // What a link has fetched is purged as well.
    stage.fetch("/y", &[FRESH, ("cache-tag", "red")], "fetched");
    purge(&other, "red", Purge::Hard);
    assert_eq!(stage.hit("/y"), "fetched");
    purge(&one, "red", Purge::Hard);
    assert!(stage.is_miss("/y"));
    put(&one);
    put(&other);
    stage.purge(Purging::Tag("red".to_owned()), Purge::Hard).expect("nothing to be kept");
    assert!(!is_there(&one) && !is_there(&other));
}

#[test]
fn what_is_deleted_is_gone_for_links_and_what_is_on_its_way_is_not_stored() {
    let stage = Stage::new();
    put(&stage, URL, "mine");
    let client = stage.get("/y");
    let delete = |url: &'static str| {
        let scope = stage.scope();
        let work = stage.work(async move { scope.delete(url, HeaderMap::new()).await });
        work.expect("an address").expect("no disk");
    };
    delete(URL);
    delete("http://a/y");
    stage.asked().answer(200, &[FRESH], "old");
    stage.tasks.run();
    assert_eq!(client.whole().1, "old");
    assert!(get(&stage, URL, &[]).is_none() && get(&stage, "http://a/y", &[]).is_none());
}

#[test]
fn a_purge_that_cannot_be_kept_is_told() {
    let keep: KeepPurges = Arc::new(|_| Err(io::Error::other("no space left")));
    let stage = Stage::with(Options { keep: Some(keep), ..Options::default() });
    let scope = stage.scope();
    let work = stage.begin(async move { scope.purge_tag("red", Purge::Hard).await });
    stage.advance(1);
    assert!(work.take().expect("ends").is_err());
}

#[test]
fn of_a_hundred_who_want_it_one_makes_it() {
    let stage = Stage::new();
    let fill = begun(&stage);
    let waiting: Vec<_> = (0..99).map(|_| stage.begin(filled(stage.scope(), WAIT))).collect();
    assert!(waiting.iter().all(|work| work.take().is_none()));
    fill.finish(response(200, &[], "made"), &for_a_minute()).expect("is stored");
    for work in waiting {
        let Some(Filled::Stored(stored)) = work.take() else { panic!("is not answered") };
        assert_eq!(text(&stored), "made");
    }
    assert_eq!((stage.outcome("miss"), stage.outcome("collapsed")), (1, 99));
    assert_eq!(stage.hit("/x"), "made");
    assert!(matches!(stage.work(filled(stage.scope(), WAIT)), Filled::Stored(_)));
}

#[test]
fn who_gives_up_or_makes_what_cannot_be_stored_lets_the_next_make_it() {
    let stage = Stage::new();
    let fill = begun(&stage);
    let (second, third) =
        (stage.begin(filled(stage.scope(), WAIT)), stage.begin(filled(stage.scope(), WAIT)));
    drop(fill);
    let Some(Filled::Begin(fill)) = second.take() else { panic!("has to make it") };
    assert!(third.take().is_none());
    let answer = response(200, &[("cache-control", "no-store")], "secret");
    fill.finish(answer, &for_a_minute()).expect_err("is not stored");
    let Some(Filled::Begin(fill)) = third.take() else { panic!("has to make it") };
    fill.finish(response(200, &[], "made"), &for_a_minute()).expect("is stored");
    assert!(get(&stage, URL, &[]).is_some());
}

#[test]
fn nobody_waits_longer_than_he_wants_or_than_links_wait() {
    let stage = Stage::new();
    let fill = begun(&stage);
    let impatient = stage.begin(filled(stage.scope(), WAIT));
    let patient = stage.begin(filled(stage.scope(), Duration::from_secs(600)));
    stage.advance(5_000);
    assert!(matches!(impatient.take(), Some(Filled::TimedOut)));
    assert!(patient.take().is_none());
    assert!(matches!(stage.work(filled(stage.scope(), Duration::ZERO)), Filled::TimedOut));
    stage.advance(25_000);
    let Some(Filled::Begin(next)) = patient.take() else { panic!("has to make it") };
    // What comes late is stored nevertheless.
    fill.finish(response(200, &[], "late"), &for_a_minute()).expect("is stored");
    assert!(get(&stage, URL, &[]).is_some());
    drop(next);
}

#[test]
fn who_leaves_while_waiting_is_no_bother() {
    let stage = Stage::new();
    let fill = begun(&stage);
    stage.begin(filled(stage.scope(), WAIT)).leave();
    fill.finish(response(200, &[], "made"), &for_a_minute()).expect("is stored");
    assert!(matches!(stage.work(filled(stage.scope(), WAIT)), Filled::Stored(_)));
}

#[test]
fn what_is_stale_is_used_while_one_makes_it_anew() {
    let stage = Stage::new();
    let lifetime =
        Lifetime { stale_while_revalidate: Some(Duration::from_secs(60)), ..for_a_minute() };
    let put = stage.scope().put(URL, HeaderMap::new(), response(200, &[], "old"), &lifetime);
    put.expect("an address").expect("is stored");
    stage.advance(61_000);
    let fill = begun(&stage);
    assert_eq!(fill.stale().map(|stored| text(&stored)).as_deref(), Some("old"));
    let Filled::Stored(stored) = stage.work(filled(stage.scope(), WAIT)) else {
        panic!("does not wait")
    };
    assert!(text(&stored) == "old" && stored.ttl_ms <= 0);
    fill.finish(response(200, &[], "new"), &for_a_minute()).expect("is stored");
    assert_eq!(get(&stage, URL, &[]).map(|stored| text(&stored)).as_deref(), Some("new"));
    stage.advance(200_000);
    assert!(begun(&stage).stale().is_none());
}

#[test]
fn what_was_purged_while_it_was_made_is_made_again() {
    let stage = Stage::new();
    let fill = begun(&stage);
    let waiting = stage.begin(filled(stage.scope(), WAIT));
    stage.purge(Purging::All, Purge::Hard).expect("nothing to be kept");
    fill.finish(response(200, &[], "old"), &for_a_minute()).expect("can be stored");
    assert!(matches!(waiting.take(), Some(Filled::Begin(_))));
    assert!(get(&stage, URL, &[]).is_none());
}

#[test]
fn a_link_does_not_wait_for_what_is_made_by_others() {
    let stage = Stage::new();
    let fill = begun(&stage);
    // A function behind the link holds the fill: waiting for it would be for ever.
    let client = stage.get("/x");
    stage.asked().answer(200, &[FRESH], "fetched");
    stage.tasks.run();
    assert_eq!(client.whole().1, "fetched");
    drop(fill);
    let Filled::Stored(stored) = stage.work(filled(stage.scope(), WAIT)) else {
        panic!("is stored")
    };
    assert_eq!(text(&stored), "fetched");
}
