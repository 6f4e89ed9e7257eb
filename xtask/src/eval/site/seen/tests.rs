use super::*;
use serde_json::json;

fn look(text: &str, boxes: Value, picture: &str) -> Value {
    json!({ "text": text, "boxes": boxes, "pictures": [
        { "source": picture, "box": [1, 2, 30, 40] }, { "source": picture, "box": [0, 0, 0, 0] },
    ] })
}

fn visit(look: &Value, clicked: &Value, errors: &[&str]) -> Value {
    let times =
        [5, 9, 4].map(|ms| json!({ "times": { "load": ms, "largest": 1 }, "requests": [] }));
    json!({
        "page": "shop", "viewport": "phone", "mode": "before", "look": look, "errors": errors,
        "hints": 0, "first": { "failed": [], "meanwhile": 2 }, "tiles": [{ "file": "a.png", "top": 0 }],
        "uses": [{ "name": "menu", "before": look, "after": clicked }],
        "requests": [
            { "url": "https://a/", "kind": "Document", "bytes": 100, "status": 200 },
            { "url": "https://a/b", "kind": "Image", "bytes": 7, "status": 404 },
            { "url": "https://a/c", "kind": "Ping", "bytes": 0, "failed": "net::ERR_FAILED" },
        ],
        "timed": times,
    })
}

fn seen(look: &Value, clicked: &Value, errors: &[&str]) -> Seen {
    Seen::read(&visit(look, clicked, errors)).expect("valid")
}

impl Seen {
    fn difference_to(&self, before: &Seen) -> Difference {
        self.difference([before, before])
    }
}

#[test]
fn what_lacks_something_is_an_error() {
    let good = look("a", json!([["p", 0, 0, 9, 9]]), "a.jpg");
    for key in ["page", "look", "tiles", "uses", "requests", "timed", "errors", "hints", "first"] {
        let mut visit = visit(&good, &good, &[]);
        visit[key] = Value::Null;
        assert!(Seen::read(&visit).is_err(), "{key}");
    }
    for boxes in [json!([[]]), json!([["p", 1, 2, 3]]), json!([["p", 1, 2, 3, "4"]]), json!([1])] {
        assert!(Look::read(&look("a", boxes.clone(), "a.jpg")).is_err(), "{boxes}");
    }
}

#[test]
fn a_hundredth_of_a_pixel_is_a_move() {
    let before = look("a", json!([["p", 0, 0, 9, 9], ["b", 0, 0, 1, 1]]), "a.jpg");
    let after = look("a", json!([["p", 0, 0.01, 9, 9], ["b", 0, 0, 1, 1]]), "a.jpg");
    let clicked = look("b", json!([]), "a.jpg");
    let difference = seen(&after, &clicked, &[]).difference_to(&seen(&before, &clicked, &[]));
    assert_eq!(difference, Difference { moved: 1, ..Difference::default() });
}

#[test]
fn other_elements_are_all_moved() {
    let before = look("a", json!([["p", 0, 0, 9, 9], ["b", 0, 0, 1, 1]]), "a.jpg");
    let after = look("a b", json!([["p", 0, 0, 9, 9]]), "a.jpg");
    let clicked = look("b", json!([]), "a.jpg");
    let difference = seen(&after, &clicked, &[]).difference_to(&seen(&before, &clicked, &[]));
    assert_eq!(difference, Difference { moved: 2, texts: 1, ..Difference::default() });
}

#[test]
fn a_click_that_does_nothing_or_something_else_is_told() {
    let (closed, open) = (look("a", json!([]), "a.jpg"), look("a menu", json!([]), "a.jpg"));
    let works = seen(&closed, &open, &[]);
    for broken in [seen(&closed, &closed, &[]), seen(&closed, &look("x", json!([]), "a"), &[])] {
        assert_eq!(broken.difference_to(&works).uses, ["menu"]);
    }
    assert_eq!(works.difference_to(&works), Difference::default());
}

#[test]
fn what_was_so_once_is_no_difference() {
    let at = |left| look("a", json!([["p", left, 0, 9, 9], ["b", 0, 0, 1, 1]]), "a.jpg");
    let other = look("b", json!([["p", 0, 0, 9, 9]]), "a.jpg");
    let visit = |look: &Value, errors: &[&str]| seen(look, &at(7), errors);
    let (before, again) = (visit(&at(0), &["x"]), visit(&at(1), &["y"]));
    let after = visit(&at(1), &["x", "y", "z"]);
    let errors = vec!["z".to_owned()];
    let wanted = Difference { errors, ..Difference::default() };
    assert_eq!(after.difference([&before, &again]), wanted);
    let moved = visit(&at(2), &[]).difference([&before, &again]);
    assert_eq!(moved, Difference { moved: 1, ..Difference::default() });
    // Where one of them has other elements, the other one counts.
    let strange = visit(&other, &[]);
    assert_eq!(visit(&at(1), &[]).difference([&strange, &again]), Difference::default());
}

#[test]
fn an_error_that_comes_twice_is_new_once() {
    let look = look("a", json!([]), "a.jpg");
    let (before, after) = (seen(&look, &look, &["x"]), seen(&look, &look, &["x", "y", "x"]));
    assert_eq!(after.difference_to(&before).errors, ["y", "x"]);
}

#[test]
fn only_pictures_that_show_and_are_others_are_left_out() {
    let (before, after) = (look("a", json!([]), "a.jpg"), look("a", json!([]), "/cdn/a.jpg"));
    let (before, after) = (seen(&before, &before, &[]), seen(&after, &after, &[]));
    assert_eq!(after.pictures(&before), [[1.0, 2.0, 31.0, 42.0]]);
    assert_eq!(before.pictures(&before), Vec::<[f64; 4]>::new());
}

#[test]
fn bytes_count_by_kind_and_failures_are_named() {
    let look = look("a", json!([]), "a.jpg");
    let seen = seen(&look, &look, &[]);
    assert_eq!((seen.whole.requests, seen.whole.total()), (3.0, 107.0));
    assert_eq!((seen.whole.bytes["document"], seen.whole.bytes["image"]), (100.0, 7.0));
    assert_eq!(seen.whole.failed, ["/b", "/c"]);
    assert_eq!(seen.load_ms, 5.0);
}
