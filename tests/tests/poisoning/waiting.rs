//! Requests that wait for an attacker's: each gets what is for it.

use super::case::{at, bytes, to, with};
use super::origin::{Asked, FRESH, Script, answer};
use super::play::{PLAIN, Stage, ask};
use sedge_tests::client::{Answer, Connection};
use sedge_tests::wait_for;
use std::time::Duration;

/// Victims that ask while the origin still answers the attacker.
const VICTIMS: usize = 4;

/// The field by which the origin knows the attacker, where a row needs that.
const EVIL: &str = "x-theme: evil";

struct Row {
    name: &'static str,
    attack: String,
    victim: String,
    origin: Script,
    /// What a victim may get.
    is_right: fn(&Answer) -> bool,
    /// Whether the attacker leaves once the origin has his request.
    leaves: bool,
}

fn is_page(answer: &Answer) -> bool {
    answer.status == 200 && answer.text() == "page" && answer.whole
}

/// What was answered, or visibly not all of it, or a failure of the node's own.
fn is_not_whole(answer: &Answer) -> bool {
    is_page(answer) || !answer.whole || answer.status >= 500
}

#[rustfmt::skip]
fn rows() -> Vec<Row> {
    let row = |name, attack: String, origin| Row {
        name, attack, victim: at("{p}"), origin, is_right: is_page, leaves: false,
    };
    vec![
        row("another variant", with(EVIL), varying),
        Row { victim: with("x-theme: page"), ..row("another variant of the same field", with(EVIL), echoing) },
        row("for one only", with(EVIL), private),
        row("not to be stored", with(EVIL), no_store),
        row("with a cookie", with(EVIL), cookie),
        row("varies by everything", with(EVIL), star),
        row("an error", with(EVIL), error),
        row("a redirect for one only", with(EVIL), redirect),
        row("a credential", with("authorization: Basic evil"), credential),
        row("a range", with("range: bytes=0-1"), ranged),
        row("content", "GET {p} HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 4\r\n\r\nevil".into(), content),
        row("HEAD", to("HEAD", "{p}", EVIL), head),
        row("a request that is not to be stored", with(&format!("cache-control: no-store\n{EVIL}")), reflecting),
        row("a condition", with("if-none-match: \"evil\""), conditional),
        row("a precondition", with("if-match: \"evil\""), reflecting),
        row("fields that no key has", with("x-forwarded-host: evil.test"), reflecting),
        Row { is_right: is_not_whole, ..row("an answer that breaks off", with(EVIL), cut) },
        Row { is_right: is_not_whole, ..row("an answer that breaks off in its chunks", with(EVIL), cut_chunks) },
        Row { is_right: is_not_whole, ..row("no answer at all", with(EVIL), nothing) },
        Row { is_right: is_not_whole, ..row("no HTTP", with(EVIL), garbage) },
        Row { leaves: true, ..row("an attacker who leaves", at("{p}"), page) },
        Row { leaves: true, ..row("an attacker who leaves, another variant", with(EVIL), varying) },
        Row { leaves: true, ..row("an attacker who leaves, for one only", with(EVIL), private) },
    ]
}

#[test]
fn who_waits_for_an_attacker_gets_nothing_of_his() {
    let stage = Stage::start(PLAIN, "");
    let rows = rows();
    let mut wrong = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        if !row.leaves && !poisons_careless(&stage, row, &format!("/p0{at:03}c")) {
            wrong.push(format!("{}: is no attack", row.name));
        }
        for round in ['a', 'b'] {
            let path = format!("/p0{at:03}{round}");
            let got = meet(&stage, row, &path);
            let bad = got.iter().filter(|answer| !(row.is_right)(answer));
            let bad: Vec<_> = bad.map(|answer| (answer.status, answer.text())).collect();
            if !bad.is_empty() {
                wrong.push(format!("{}: {bad:?}", row.name));
            }
        }
        // What is asked for afterwards is right in any case.
        stage.origin.state().is_attack = false;
        let last = ask(stage.node.listen, &row.victim.replace("{p}", &format!("/p0{at:03}a")));
        if !is_page(&last) {
            wrong.push(format!("{}, afterwards: {} {}", row.name, last.status, last.text()));
        }
    }
    let count = rows.len();
    assert!(wrong.is_empty(), "{} of {count} rows:\n{}", wrong.len(), wrong.join("\n"));
}

/// Whether a cache that is not careful gives the victim what the attacker was given.
fn poisons_careless(stage: &Stage, row: &Row, path: &str) -> bool {
    {
        let mut state = stage.origin.state();
        (state.script, state.is_attack, state.seen) = (row.origin, true, 0);
    }
    ask(stage.careless, &row.attack.replace("{p}", path));
    stage.origin.state().is_attack = false;
    !is_page(&ask(stage.careless, &row.victim.replace("{p}", path)))
}

/// The attacker asks, and the victims as soon as the origin has his request.
fn meet(stage: &Stage, row: &Row, path: &str) -> Vec<Answer> {
    {
        let mut state = stage.origin.state();
        (state.script, state.is_attack, state.seen) = (row.origin, true, 0);
    }
    let listen = stage.node.listen;
    let mut attacker = Connection::open(listen);
    attacker.send(bytes(&row.attack.replace("{p}", path)));
    let heard = || stage.origin.state().seen > 0;
    wait_for(Duration::from_secs(20), heard).expect("the origin hears of it");
    stage.origin.state().is_attack = false;
    let request = row.victim.replace("{p}", path);
    let victims: Vec<_> = (0..VICTIMS)
        .map(|_| {
            let request = request.clone();
            std::thread::spawn(move || ask(listen, &request))
        })
        .collect();
    if row.leaves {
        drop(attacker);
    } else {
        attacker.read_answer(row.attack.starts_with("HEAD"));
    }
    victims.into_iter().map(|victim| victim.join().expect("no panic")).collect()
}

/// Long enough for the victims to come; what is right does not depend on it.
fn slowly(asked: &Asked) {
    if asked.is_attack {
        std::thread::sleep(Duration::from_millis(150));
    }
}

/// For the attacker, what he is to get with these fields; a page for all others.
fn mine(asked: &Asked, status: &str, fields: &str) -> Vec<u8> {
    slowly(asked);
    match asked.is_attack {
        true => answer(asked, status, fields, "evil"),
        false => answer(asked, "200 OK", FRESH, "page"),
    }
}

fn varying(asked: &Asked) -> Vec<u8> {
    slowly(asked);
    let theme = asked.field("x-theme").unwrap_or("page");
    answer(asked, "200 OK", &format!("{FRESH}\nVary: X-Theme"), theme)
}

fn echoing(asked: &Asked) -> Vec<u8> {
    varying(asked)
}

fn private(asked: &Asked) -> Vec<u8> {
    mine(asked, "200 OK", "Cache-Control: private, max-age=600")
}

fn no_store(asked: &Asked) -> Vec<u8> {
    mine(asked, "200 OK", "Cache-Control: no-store")
}

fn cookie(asked: &Asked) -> Vec<u8> {
    mine(asked, "200 OK", &format!("{FRESH}\nSet-Cookie: session=evil"))
}

fn star(asked: &Asked) -> Vec<u8> {
    mine(asked, "200 OK", &format!("{FRESH}\nVary: *"))
}

fn error(asked: &Asked) -> Vec<u8> {
    mine(asked, "400 Bad Request", FRESH)
}

fn redirect(asked: &Asked) -> Vec<u8> {
    mine(asked, "302 Found", "Location: /evil")
}

fn credential(asked: &Asked) -> Vec<u8> {
    mine(asked, "200 OK", FRESH)
}

fn ranged(asked: &Asked) -> Vec<u8> {
    slowly(asked);
    match asked.field("range") {
        Some(_) => bytes(
            "HTTP/1.1 206 Partial Content\r\nConnection: close\r\nCache-Control: max-age=600\r\n\
             ETag: \"evil\"\r\nContent-Range: bytes 0-1/4\r\nContent-Length: 2\r\n\r\nev",
        ),
        None => answer(asked, "200 OK", &format!("{FRESH}\nETag: \"page\""), "page"),
    }
}

fn content(asked: &Asked) -> Vec<u8> {
    slowly(asked);
    let body = if asked.body.is_empty() { "page" } else { &asked.body };
    answer(asked, "200 OK", FRESH, body)
}

fn head(asked: &Asked) -> Vec<u8> {
    mine(asked, "200 OK", FRESH)
}

/// All of what only the attacker has said.
fn reflecting(asked: &Asked) -> Vec<u8> {
    slowly(asked);
    let evil = asked.head.contains("evil");
    answer(asked, "200 OK", FRESH, if evil { "evil" } else { "page" })
}

fn conditional(asked: &Asked) -> Vec<u8> {
    slowly(asked);
    match asked.field("if-none-match") {
        Some(_) => answer(asked, "304 Not Modified", "ETag: \"evil\"", ""),
        None => answer(asked, "200 OK", FRESH, "page"),
    }
}

fn cut(asked: &Asked) -> Vec<u8> {
    slowly(asked);
    match asked.is_attack {
        true => {
            bytes("HTTP/1.1 200 OK\r\nCache-Control: max-age=600\r\nContent-Length: 9\r\n\r\nevil")
        }
        false => page(asked),
    }
}

fn cut_chunks(asked: &Asked) -> Vec<u8> {
    slowly(asked);
    let head =
        "HTTP/1.1 200 OK\r\nCache-Control: max-age=600\r\nTransfer-Encoding: chunked\r\n\r\n";
    match asked.is_attack {
        true => bytes(&format!("{head}4\r\nevil\r\n")),
        false => page(asked),
    }
}

fn nothing(asked: &Asked) -> Vec<u8> {
    slowly(asked);
    if asked.is_attack { Vec::new() } else { page(asked) }
}

fn garbage(asked: &Asked) -> Vec<u8> {
    slowly(asked);
    if asked.is_attack { b"evil\r\n\r\n".to_vec() } else { page(asked) }
}

fn page(asked: &Asked) -> Vec<u8> {
    slowly(asked);
    answer(asked, "200 OK", FRESH, "page")
}
