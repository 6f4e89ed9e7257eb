//! Cache poisoning: what an attacker sends must not change what a victim gets.
//!
//! Each row of a table is played with the real node before an origin that tells all it
//! was asked. First a victim asks alone; then, under another path, the attacker sends
//! what he sends and the victim asks, twice. It must get the same both times. That an
//! attack is one is shown by a cache that is not careful (`poisoning/naive.rs`): each row
//! must poison it.

#[path = "poisoning/broken.rs"]
mod broken;
#[path = "poisoning/case.rs"]
mod case;
#[path = "poisoning/disk.rs"]
mod disk;
#[path = "poisoning/errors.rs"]
mod errors;
#[path = "poisoning/methods.rs"]
mod methods;
#[path = "poisoning/naive.rs"]
mod naive;
#[path = "poisoning/origin.rs"]
mod origin;
#[path = "poisoning/play.rs"]
mod play;
#[path = "poisoning/ranges.rs"]
mod ranges;
#[path = "poisoning/request_line.rs"]
mod request_line;
#[path = "poisoning/unkeyed.rs"]
mod unkeyed;
#[path = "poisoning/vary.rs"]
mod vary;
#[path = "poisoning/waiting.rs"]
mod waiting;

use case::{Case, Reach, case, with};
use origin::{FRESH, answer, mirror};
use play::{Stage, table};

#[test]
fn fields_that_no_key_has() {
    table(unkeyed::cases());
}

#[test]
fn a_proxy_that_is_believed_passes_on_what_clients_say() {
    play::table_behind_proxy(unkeyed::behind_proxy());
}

#[test]
fn targets_and_hosts() {
    table(request_line::cases());
}

#[test]
fn a_link_that_makes_one_of_queries() {
    play::table_with_queries(request_line::queries());
}

#[test]
fn methods_and_contents() {
    table(methods::cases());
}

#[test]
fn errors_on_demand() {
    table(errors::cases());
}

#[test]
fn answers_that_are_broken() {
    table(broken::cases());
}

#[test]
fn parts() {
    table(ranges::cases());
}

#[test]
fn variants() {
    table(vary::cases());
}

/// Rows that do poison, because the origin does what no cache can know of: the harness
/// has to see each of them.
#[test]
fn what_an_origin_must_say_itself_is_seen_to_poison() {
    let controls: Vec<Case> = [
        ("a field of the application's own", "x-theme: evil"),
        ("User-Agent", "user-agent: evil"),
        ("Cookie", "cookie: theme=evil"),
        ("Referer", "referer: http://evil.test/"),
        ("Via", "via: 1.1 evil"),
        ("Cache-Control", "cache-control: no-transform, evil"),
    ]
    .into_iter()
    .map(|(name, fields)| case("control", name, with(fields), mirror, Reach::Alone))
    .collect();
    let stage = Stage::start(play::PLAIN, "");
    for (at, control) in controls.iter().enumerate() {
        let played = stage.play(at, control);
        assert!(played.poisoned, "{} has poisoned nobody: {played:?}", control.name);
        assert_eq!(played.reach, Reach::Alone, "{}: {played:?}", control.name);
    }
}

/// The same fields, named by the origin or by the operator.
#[test]
fn what_is_named_tells_answers_apart() {
    let varying = |asked: &origin::Asked| {
        let fields = format!("{FRESH}\nVary: X-Theme, User-Agent, Cookie, Referer");
        answer(asked, "200 OK", &fields, &asked.everything())
    };
    let fields = ["x-theme: evil", "user-agent: evil", "cookie: theme=evil", "referer: evil"];
    let cases = fields.map(|fields| case("vary", fields, with(fields), varying, Reach::Alone));
    table(cases.into());
    let cases = fields[..2].iter();
    let cases = cases.map(|&fields| case("key", fields, with(fields), mirror, Reach::Alone));
    play::table_with_keys(cases.collect());
}
