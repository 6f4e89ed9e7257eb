use super::*;
use crate::encoder::tests::{CODINGS, decode, noise};
use crate::head::{Fields, Head};
use crate::plan::Plan;
use crate::request::{Configured, Intent};
use crate::settings::Settings;
use sedge_kit::content::coding::Coding;

fn work(accepts: &str, media: &str) -> Work {
    let mut asking = Fields::from([("accept-encoding", accepts)]);
    let settings = Settings::default();
    let Intent::Work(asked) = Configured::new(settings.clone()).read("GET", &mut asking) else {
        panic!("passes")
    };
    let head = Head { status: 200, fields: Fields::from([("content-type", media)]) };
    match Plan::of(&settings, &asked, &head) {
        Plan::Work(work) => *work,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_does_not_become_smaller_stays() {
    for coding in CODINGS {
        let work = work(coding.token(), "text/plain");
        for body in [Vec::new(), b"x".to_vec(), noise(5_000)] {
            let kept = whole(&work, body.clone()).expect("encoded");
            assert_eq!(kept, Whole { body, done: Done::default() }, "{coding:?}");
        }
        let begun = begin(&work, noise(LOOK_BYTES)).expect("begun");
        assert!(begun.pipeline.is_none() && begun.done == Done::default(), "{coding:?}");
        assert_eq!(begun.first, noise(LOOK_BYTES));
    }
    let work = work("", "text/plain");
    assert_eq!(whole(&work, b"<p>".repeat(999)).expect("kept").done, Done::default());
    assert!(begin(&work, b"<p>".repeat(9_999)).expect("begun").pipeline.is_none());
}

#[test]
fn what_becomes_smaller_is_sent_so() {
    let body = b"all work and no play ".repeat(100);
    for coding in CODINGS {
        let work = work(coding.token(), "text/plain");
        let made = whole(&work, body.clone()).expect("encoded");
        assert_eq!(made.done.coding, Some(coding));
        assert_eq!(made.done.length, Some(made.body.len() as u64));
        assert_eq!(decode(coding, &made.body), body);
    }
}

#[test]
fn the_first_bytes_can_be_read_at_once() {
    for coding in CODINGS {
        let work = work(coding.token(), "text/html");
        let begun = begin(&work, b"<!doctype html><title>early</title>".to_vec()).expect("begun");
        assert_eq!(begun.done.coding, Some(coding));
        assert_eq!(decode(coding, &begun.first), b"<!doctype html><title>early</title>");
    }
    assert!(work("gzip", "text/html").coding == Some(Coding::Gzip));
}

#[test]
fn json_loses_its_blanks_if_it_is_json() {
    let plain = work("", "application/json");
    let made = whole(&plain, b"{ \"a\": [ 1, 2 ] }".to_vec()).expect("made");
    assert_eq!(made.body, b"{\"a\":[1,2]}");
    assert_eq!(made.done.names, ["json_minification"]);
    assert_eq!((made.done.coding, made.done.length), (None, Some(11)));
    for body in [&b"{ a: 1 }"[..], b"[1, \xff]", b"\xef\xbb\xbf[1, 2]", b"[1, 2"] {
        let kept = whole(&plain, body.to_vec()).expect("kept");
        assert_eq!(kept, Whole { body: body.to_vec(), done: Done::default() });
    }
    let latin = work("", "application/json; charset=iso-8859-1");
    assert_eq!(whole(&latin, b"[1, 2]".to_vec()).expect("kept").done, Done::default());
}

#[test]
fn markup_is_shortened_whole_or_as_it_streams() {
    let html = b"<p>a   b</p>  <!-- two words -->".repeat(999);
    let wanted = b"<p>a b</p> ".repeat(999);
    for accepts in ["", "gzip"] {
        let work = work(accepts, "text/html; charset=utf-8");
        let made = whole(&work, html.clone()).expect("made");
        assert_eq!(made.done.names, ["html_minification"]);
        let begun = begin(&work, html.clone()).expect("begun");
        assert_eq!(begun.done.names, ["html_minification"]);
        let mut sent = begun.first;
        sent.extend(begun.pipeline.expect("steps").finish().expect("an end"));
        if accepts.is_empty() {
            assert_eq!(made.body, wanted);
            assert_eq!(sent, wanted);
        } else {
            assert_eq!(decode(Coding::Gzip, &made.body), wanted);
            assert_eq!(decode(Coding::Gzip, &sent), wanted);
        }
    }
    let other = work("", "text/html; charset=shift_jis");
    assert_eq!(whole(&other, html.clone()).expect("kept").body, html);
}
