//! What an operator sees and takes out.

use super::stage::{FRESH, Options, Stage};
use crate::flow::{BadUrl, KeepPurges, Purging, Shown};
use crate::purge::{Purge, PurgeTable};
use http::HeaderMap;
use sedge_store::segments::{Segments, SegmentsOptions};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

fn show(stage: &Stage, url: &str, fields: &[(&'static str, &str)]) -> Result<Vec<Shown>, BadUrl> {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(*name, value.parse().expect("a value"));
    }
    let (link, url) = (stage.link.clone(), url.to_owned());
    stage.work(async move { link.show(&url, &headers).await })
}

/// All pages of at most `max`; bounded, so that a walk without end fails.
fn list(stage: &Stage, max: usize) -> Vec<Shown> {
    let (mut all, mut after) = (Vec::new(), None);
    for _ in 0..10_000 {
        let cache = Arc::clone(&stage.cache);
        let page = stage.work(async move { cache.list(after.as_deref(), max).await });
        let page = page.expect("is a page");
        assert!(page.objects.len() <= max);
        all.extend(page.objects);
        after = page.next;
        if after.is_none() {
            return all;
        }
    }
    panic!("a walk without end")
}

#[test]
fn what_is_no_address_or_no_page_is_refused() {
    let stage = Stage::new();
    let long = format!("http://a/{}", "x".repeat(9_000));
    for url in
        ["", "/", "a/b", "ftp://a/", "http://", "http:///a", "http://u@a/", "http://a b/", &long]
    {
        assert_eq!(show(&stage, url, &[]).map(|all| all.len()), Err(BadUrl), "{url}");
    }
    for page in ["", "x", "m-1", "mzz", "m1.", "mé", "d1.2.3", "dffffffffffffffffff"] {
        let (cache, after) = (Arc::clone(&stage.cache), page.to_owned());
        let listed = stage.work(async move { cache.list(Some(&after), 10).await });
        assert!(listed.is_none(), "{page}");
    }
    // A shard that there is not.
    let cache = Arc::clone(&stage.cache);
    let listed = stage.work(async move { cache.list(Some("mffff"), 10).await }).expect("empty");
    assert!(listed.objects.is_empty() && listed.next.is_none());
}

#[test]
fn one_address_is_shown_with_its_variants_and_its_scheme() {
    let stage = Stage::new();
    assert!(show(&stage, "http://a/x", &[]).expect("an address").is_empty());
    let fields = [FRESH, ("surrogate-key", "red blue"), ("etag", "\"1\"")];
    stage.fetch("/x?b=1", &fields, "body");
    stage.advance(2_000);
    assert!(show(&stage, "https://a/x?b=1", &[]).expect("an address").is_empty());
    let all = show(&stage, "HTTP://A:80/%78?b=1", &[]).expect("an address");
    let [one] = &all[..] else { panic!("one, not {all:?}") };
    assert_eq!((one.url.as_str(), one.body_bytes), ("a/x?b=1", 4));
    assert_eq!((one.age_ms, one.ttl_ms), (2_000, 58_000));
    assert_eq!(one.head.tags.iter().map(|tag| &*tag.name).collect::<Vec<_>>(), ["red", "blue"]);
    assert!(one.is_in_memory && !one.is_on_disk && stage.link.owns(one));

    for language in ["de", "en"] {
        let client = stage.ask("GET", "/v", &[("accept-language", language)]);
        stage.asked().answer(200, &[FRESH, ("vary", "accept-language")], language);
        stage.tasks.run();
        client.whole();
    }
    let all = show(&stage, "http://a/v", &[]).expect("an address");
    assert_eq!(all.len(), 2);
    assert!(all.iter().all(|one| stage.link.owns(one)));
    assert_eq!(all[0].head.vary.len(), 1);
}

#[test]
fn all_are_listed_page_by_page_whichever_tier_they_lie_in() {
    let folder = tempfile::tempdir().expect("a folder");
    let disk = Segments::open(folder.path(), SegmentsOptions::default()).expect("opens");
    let stage = Stage::with(Options { disk: Some(disk), ..Options::default() });
    assert!(list(&stage, 3).is_empty());
    let large = "large ".repeat(15_000);
    for path in ["/1", "/2", "/3", "/4"] {
        stage.fetch(path, &[FRESH], if path == "/1" { &large } else { "small" });
        (0..4).for_each(|_| drop(stage.hit(path)));
    }
    stage.cache.push_out();
    stage.fetch("/5", &[FRESH], "5");
    stage.hit("/2");
    for max in [1, 3, 100] {
        let mut all = list(&stage, max);
        all.sort_by(|one, other| one.url.cmp(&other.url));
        let seen: Vec<_> =
            all.iter().map(|one| (&*one.url, one.is_in_memory, one.is_on_disk)).collect();
        let expected = [
            ("a/1", false, true),
            ("a/2", true, true),
            ("a/3", false, true),
            ("a/4", false, true),
            ("a/5", true, false),
        ];
        assert_eq!(seen, expected, "{max} a page");
        assert_eq!(all[0].body_bytes, large.len() as u64);
    }
    assert!(show(&stage, "http://a/1", &[]).expect("an address")[0].is_on_disk);
    stage.purge(Purging::Url("a/3".to_owned()), Purge::Hard).expect("is kept");
    stage.purge(Purging::Url("a/4".to_owned()), Purge::Soft).expect("is kept");
    let mut all = list(&stage, 2);
    all.sort_by(|one, other| one.url.cmp(&other.url));
    assert_eq!(all.iter().map(|one| &*one.url).collect::<Vec<_>>(), ["a/1", "a/2", "a/4", "a/5"]);
    assert_eq!(all[2].ttl_ms, 0);
    assert!(show(&stage, "http://a/3", &[]).expect("an address").is_empty());
}

#[test]
fn a_purge_that_cannot_be_kept_says_so_and_holds_nevertheless() {
    let is_full = Arc::new(AtomicBool::new(true));
    let (tables, full) = (Arc::<Mutex<Vec<Vec<u8>>>>::default(), Arc::clone(&is_full));
    let into = Arc::clone(&tables);
    let keep: KeepPurges = Arc::new(move |table| {
        into.lock().unwrap().push(table);
        if full.load(SeqCst) { Err(io::Error::other("no space left")) } else { Ok(()) }
    });
    let stage = Stage::with(Options { keep: Some(keep), ..Options::default() });
    stage.fetch("/a/1", &[FRESH], "1");
    let error = stage.purge(Purging::Prefix("a/a".to_owned()), Purge::Hard).expect_err("full");
    assert!(error.to_string().contains("no space left"), "{error}");
    assert!(stage.is_miss("/a/1"));
    is_full.store(false, SeqCst);
    stage.purge(Purging::Tag("red".to_owned()), Purge::Hard).expect("is kept");
    let tables = tables.lock().unwrap();
    let table = PurgeTable::decode(tables.last().expect("was kept")).expect("is one");
    assert_eq!(table.is_purged(&[], "a/a/b", 0), Some(Purge::Hard));
}

#[test]
fn what_is_asked_for_after_a_purge_is_not_concerned() {
    let stage = Stage::new();
    for what in [
        Purging::All,
        Purging::Tag("red".to_owned()),
        Purging::Url("a/p".to_owned()),
        Purging::Prefix("a".to_owned()),
    ] {
        stage.fetch("/p", &[FRESH, ("cache-tag", "red")], "old");
        stage.purge(what.clone(), Purge::Hard).expect("nothing to be kept");
        assert_eq!(stage.fetch("/p", &[FRESH, ("cache-tag", "red")], "new").1, "new", "{what:?}");
        assert_eq!(stage.hit("/p"), "new", "{what:?}");
        stage.purge(Purging::All, Purge::Hard).expect("nothing to be kept");
    }
}
