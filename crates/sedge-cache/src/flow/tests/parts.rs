//! HEAD, ranges and conditions, from what is stored or arrives.

use super::stage::{FRESH, Stage};
use sedge_model::failure::Kind;

const BODY: &str = "0123456789";

fn range(value: &str) -> [(&'static str, &str); 1] {
    [("range", value)]
}

#[test]
fn ranges_of_what_is_stored() {
    let stage = Stage::new();
    stage.fetch("/", &[FRESH, ("etag", "\"1\"")], BODY);
    assert_eq!(stage.ask("GET", "/", &range("bytes=20-")).head().status(), 416);
    let client = stage.ask("GET", "/", &range("bytes=2-4"));
    assert_eq!(client.whole(), (206, "234".to_owned()));
    let head = stage.ask("GET", "/", &range("bytes=0-1,8-")).head();
    let length: usize = head.headers()["content-length"].to_str().unwrap().parse().unwrap();
    let body = stage.tasks.read(head).take().expect("is whole");
    assert_eq!(body.len(), length);
    assert!(body.contains("\r\n\r\n01\r\n--") && body.contains("\r\n\r\n89\r\n--"), "{body}");
    assert_eq!(stage.open(), 0);
    // The second half was not read from the store, but its bytes are counted.
    let served = stage.metrics.bytes_served.load(std::sync::atomic::Ordering::Relaxed);
    assert_eq!(served, 7);
}

#[test]
fn head_and_conditions_are_answered_from_what_is_stored() {
    let stage = Stage::new();
    stage.fetch("/", &[FRESH, ("etag", "\"1\"")], BODY);
    let head = stage.ask("HEAD", "/", &[]).head();
    assert_eq!(head.status(), 200);
    assert_eq!(stage.tasks.read(head).take().as_deref(), Some(""));
    let same = stage.ask("GET", "/", &[("if-none-match", "\"1\"")]);
    assert_eq!(same.whole(), (304, String::new()));
    let other = stage.ask("GET", "/", &[("if-none-match", "\"2\"")]);
    assert_eq!(other.whole(), (200, BODY.to_owned()));
    assert_eq!(stage.open(), 0);
}

#[test]
fn a_head_that_is_not_stored_goes_on_and_others_do_not_wait_for_it() {
    let stage = Stage::new();
    let head = stage.ask("HEAD", "/", &[]);
    let get = stage.get("/");
    assert_eq!(stage.open(), 2);
    stage.asked().answer(200, &[FRESH], "");
    stage.asked().answer(200, &[FRESH], BODY);
    stage.tasks.run();
    assert_eq!(head.whole().0, 200);
    assert_eq!(get.whole().1, BODY);
    assert_eq!(stage.hit("/"), BODY);
}

#[test]
fn a_condition_that_holds_ends_in_304_though_the_response_is_fetched_whole() {
    let stage = Stage::new();
    let client = stage.ask("GET", "/", &[("if-none-match", "\"1\"")]);
    let asked = stage.asked();
    assert_eq!(asked.header("if-none-match"), None);
    asked.answer(200, &[FRESH, ("etag", "\"1\"")], BODY);
    stage.tasks.run();
    assert_eq!(client.whole(), (304, String::new()));
    assert_eq!(stage.hit("/"), BODY, "nobody read it, and it is stored");
}

#[test]
fn a_range_is_read_while_the_whole_arrives() {
    let stage = Stage::new();
    let client = stage.get("/");
    let writing = stage.asked().begin(200, &[FRESH, ("content-length", "10")]);
    writing.write("0123");
    stage.tasks.run();
    let early = stage.ask("GET", "/", &range("bytes=1-2"));
    assert_eq!(early.whole(), (206, "12".to_owned()), "it is there already");
    let late = stage.ask("GET", "/", &range("bytes=3-6")).head();
    assert_eq!((late.status().as_u16(), stage.open()), (206, 0));
    let mut late = stage.tasks.read(late);
    assert_eq!(late.so_far(), "3");
    writing.write("456789");
    assert_eq!(late.take().as_deref(), Some("3456"));
    drop(writing);
    assert_eq!(client.whole().1, BODY);
}

#[test]
fn a_range_that_is_far_from_what_has_arrived_is_fetched_apart() {
    let stage = Stage::with(super::stage::Options {
        memory_bytes_max: 64 << 20,
        ..super::stage::Options::default()
    });
    let _client = stage.get("/");
    let length = (4 << 20).to_string();
    let writing = stage.asked().begin(200, &[FRESH, ("content-length", &length)]);
    writing.write("0123");
    stage.tasks.run();
    let near = stage.ask("GET", "/", &range("bytes=1000-1001"));
    assert!(near.is_answered());
    let _far = stage.ask("GET", "/", &range("bytes=3000000-3000001"));
    let asked = stage.asked();
    assert_eq!(asked.header("range"), Some("bytes=3000000-3000001"));
}

#[test]
fn a_range_of_a_body_that_breaks_off_fails() {
    let stage = Stage::new();
    let _client = stage.get("/");
    let writing = stage.asked().begin(200, &[FRESH, ("content-length", "10")]);
    writing.write("0123");
    stage.tasks.run();
    let reading = stage.tasks.read(stage.ask("GET", "/", &range("bytes=2-8")).head());
    writing.fail();
    assert_eq!(
        (reading.so_far(), reading.failure()),
        ("23".to_owned(), Some(Kind::UpstreamBroken))
    );
}

#[test]
fn parts_are_stored_and_completed() {
    let stage = Stage::new();
    let first = stage.ask("GET", "/", &range("bytes=0-3"));
    let asked = stage.asked();
    assert_eq!(asked.header("range"), Some("bytes=0-3"));
    let part = |range| [FRESH, ("etag", "\"1\""), ("content-range", range)];
    asked.answer(206, &part("bytes 0-3/10"), "0123");
    stage.tasks.run();
    assert_eq!(first.whole(), (206, "0123".to_owned()));
    let again = stage.ask("GET", "/", &range("bytes=1-2"));
    assert_eq!((again.whole(), stage.open()), ((206, "12".to_owned()), 0));

    let whole = stage.get("/");
    let asked = stage.asked();
    assert_eq!(asked.header("range"), Some("bytes=4-"));
    asked.answer(206, &part("bytes 4-9/10"), "456789");
    stage.tasks.run();
    assert_eq!(whole.whole(), (200, BODY.to_owned()));
    assert_eq!(stage.hit("/"), BODY);
}

#[test]
fn a_rest_that_is_of_something_else_is_not_joined() {
    let stage = Stage::new();
    let first = stage.ask("GET", "/", &range("bytes=0-3"));
    stage.asked().answer(
        206,
        &[FRESH, ("etag", "\"1\""), ("content-range", "bytes 0-3/10")],
        "0123",
    );
    stage.tasks.run();
    assert_eq!(first.whole().1, "0123");
    let whole = stage.get("/");
    let other = [FRESH, ("etag", "\"2\""), ("content-range", "bytes 4-9/10")];
    stage.asked().answer(206, &other, "efghij");
    let again = stage.asked();
    assert_eq!(again.header("range"), None);
    again.answer(200, &[FRESH, ("etag", "\"2\"")], "abcdefghij");
    stage.tasks.run();
    assert_eq!(whole.whole().1, "abcdefghij");
    assert_eq!(stage.hit("/"), "abcdefghij");
}
