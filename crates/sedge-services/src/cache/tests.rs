use super::*;
use futures_util::FutureExt;
use sedge_cache::flow::{Cache, CacheOptions, LinkSettings, Runtime};
use sedge_cache::purge::PurgeTable;
use sedge_cache::rules::Policy;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A cache whose tasks never run and whose clock goes on with each look at it.
fn caches() -> Caches {
    let clock = AtomicU64::new(1_790_000_000_000);
    let runtime = Runtime {
        spawn: Arc::new(drop),
        blocking: Arc::new(|work| work()),
        sleep: Arc::new(|time| match time.is_zero() {
            true => Box::pin(std::future::ready(())),
            false => Box::pin(std::future::pending()),
        }),
        now_ms: Arc::new(move || clock.fetch_add(1, Relaxed)),
    };
    let cache = Cache::new(CacheOptions {
        memory_bytes_max: 8 << 20,
        pages: None,
        disk: None,
        purges: PurgeTable::new(),
        keep_purges: None,
        runtime,
    });
    let scope = |name: &str| {
        let settings = LinkSettings::default();
        Scope::new(cache.clone(), name, Policy::default(), settings, Arc::default())
    };
    Caches::new([("pages".to_owned(), scope("app/pages")), ("b".to_owned(), scope("app/b"))])
}

fn wanted(url: &str) -> Wanted {
    Wanted { url: url.to_owned(), fields: Vec::new() }
}

fn given(body: impl Into<Vec<u8>>) -> Given {
    Given { status: 200, fields: Vec::new(), body: body.into() }
}

fn minute() -> Lifetime {
    Lifetime { fresh: Some(Duration::from_secs(60)), ..Lifetime::default() }
}

fn now<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("waits for nobody")
}

#[test]
fn what_is_not_granted_cannot_be_opened() {
    let caches = caches();
    for name in ["", "a/b", "app/pages", "../pages", "pages\0", "ä", &"x".repeat(64)] {
        assert!(matches!(caches.open(name), Err(CacheError::NoSuchScope)), "{name}");
    }
    for name in ["Pages", "other", "default"] {
        assert!(matches!(caches.open(name), Err(CacheError::AccessDenied)), "{name}");
    }
    assert!(matches!(Caches::default().open("pages"), Err(CacheError::AccessDenied)));
    assert!(caches.open("pages").is_ok());
}

#[test]
fn hostile_requests_and_responses_are_errors() {
    let scope = caches().open("pages").expect("is granted");
    let field = |name: &str, value: &[u8]| vec![(name.to_owned(), value.to_vec())];
    let many: Fields = (0..257).map(|at| (format!("x-{at}"), Vec::new())).collect();
    for fields in [field("", b"1"), field("a b", b"1"), field("x", b"a\r\nb: c"), many] {
        let get = Wanted { fields: fields.clone(), ..wanted("http://a/") };
        assert!(matches!(now(scope.get(get)), Err(CacheError::Field)), "{fields:?}");
        let answer = Given { fields, ..given("x") };
        let put = scope.put(wanted("http://a/"), answer, &minute());
        assert!(matches!(put, Err(CacheError::Field)));
    }
    for status in [0, 99, 1_000, u16::MAX] {
        let put = scope.put(wanted("http://a/"), Given { status, ..given("x") }, &minute());
        assert!(matches!(put, Err(CacheError::Field)), "{status}");
    }
    for url in ["", "a", "http://", "http://a b/", "ftp://a/", "http://a/\n"] {
        assert!(matches!(now(scope.get(wanted(url))), Err(CacheError::Url(_))), "{url:?}");
        assert!(matches!(now(scope.delete(wanted(url))), Err(CacheError::Url(_))), "{url:?}");
    }
    let put = scope.put(wanted("http://a/"), given(vec![0; (1 << 20) + 1]), &minute());
    assert!(matches!(put, Err(CacheError::TooLarge)));
    let put = scope.put(wanted("http://a/"), given("x"), &Lifetime::default());
    assert!(matches!(put, Err(CacheError::NotPut(_))));
    for tag in ["", &"x".repeat(257)] {
        assert!(now(scope.purge_tag(tag, false)).is_err());
    }
    assert_eq!(now(scope.get(wanted("http://a/"))).expect("a request"), None);
}

#[test]
fn what_is_put_in_comes_back_in_its_own_scope() {
    let caches = caches();
    let (pages, other) = (caches.open("pages").expect("is"), caches.open("b").expect("is"));
    let answer = Given { fields: vec![("X-A".to_owned(), vec![0xE4])], ..given("body") };
    pages.put(wanted("http://a/x"), answer, &minute()).expect("is stored");
    let taken = now(pages.get(wanted("http://a/x"))).expect("a request").expect("is stored");
    assert_eq!((taken.status, &taken.body[..]), (200, &b"body"[..]));
    assert!(taken.fields.contains(&("x-a".to_owned(), vec![0xE4])));
    assert!((1..=60_000).contains(&taken.ttl_ms));
    assert!(now(other.get(wanted("http://a/x"))).expect("a request").is_none());
    now(pages.delete(wanted("http://a/x"))).expect("no disk");
    assert!(now(pages.get(wanted("http://a/x"))).expect("a request").is_none());
}

#[test]
fn one_makes_it_and_who_does_not_wait_is_told() {
    let scope = caches().open("pages").expect("is granted");
    let ask = || now(scope.get_or_begin(wanted("http://a/"), Duration::ZERO));
    let Ok(Found::Begin(maker)) = ask() else { panic!("has to make it") };
    assert!(maker.stale().expect("nothing").is_none());
    assert!(matches!(ask(), Err(CacheError::TimedOut)));
    maker.finish(given("made"), &minute()).expect("is stored");
    let Ok(Found::Stored(taken)) = ask() else { panic!("is stored") };
    assert_eq!(taken.body, b"made");
}
