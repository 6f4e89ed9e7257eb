//! A link of a chain that filters: what the field `x-filter` asks of it, well or badly. The
//! handler behind its filter tells that it was called.

use bindings::exports::sedge::link::filter::{
    self, Answer, Changes, Outcome, Pass, Request, Response,
};
use std::cell::{Cell, RefCell};
use wasip3::exports::http::handler;
use wasip3::http::types as host;

/// Bindings to what is exported beside `wasi:http`.
#[allow(missing_docs)]
mod bindings {
    wasip3::wit_bindgen::generate!({
        path: "../../wit",
        inline: "
            package sedge:filters;
            world filters {
                import sedge:client/connection@0.1.0;
                export sedge:link/filter@0.1.0;
            }
        ",
        world: "sedge:filters/filters",
        runtime_path: "wasip3::wit_bindgen::rt",
        generate_all,
    });
}

struct Filters;

wasip3::http::service::export!(Filters);

bindings::export!(Filters with_types_in bindings);

thread_local! {
    /// How often this instance was called.
    static CALLS: Cell<u32> = const { Cell::new(0) };
    /// What is to be done with the answer to the request that passed last.
    static AFTERWARDS: RefCell<String> = const { RefCell::new(String::new()) };
}

impl handler::Guest for Filters {
    async fn handle(request: host::Request) -> Result<host::Response, host::ErrorCode> {
        let word = word(&request.get_headers().copy_all());
        if word == "defer-trap" {
            panic!("on purpose");
        }
        let response = next::handle(request).await?;
        let status = response.get_status_code();
        let fields = response.get_headers().clone();
        let _ = fields.append("x-handled", CALLS.get().to_string().as_bytes());
        let (_, consumed) = wasip3::wit_future::new(|| Ok(()));
        let (body, trailers) = host::Response::consume_body(response, consumed);
        let (again, _sent) = host::Response::new(fields, Some(body), trailers);
        let _ = again.set_status_code(status);
        Ok(again)
    }
}

type Fields = Vec<(String, Vec<u8>)>;

fn word(fields: &Fields) -> String {
    let value = fields.iter().find(|(name, _)| name == "x-filter").map(|(_, value)| value);
    String::from_utf8_lossy(value.map_or(b"", |value| value)).into_owned()
}

fn fields(pairs: &[(&str, &str)]) -> Fields {
    pairs.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect()
}

fn none() -> Changes {
    Changes { remove: Vec::new(), add: Vec::new() }
}

fn adding(name: &str, value: &str) -> Changes {
    Changes { add: fields(&[(name, value)]), ..none() }
}

fn pass(changes: Changes) -> Outcome {
    let (authority, path_with_query) = (None, None);
    Outcome::Pass(Pass { changes, authority, path_with_query, wants_response: false })
}

fn answer(status: u16, pairs: &[(&str, &str)], body: &str) -> Outcome {
    Outcome::Answer(Answer { status, fields: fields(pairs), body: body.into() })
}

/// Everything that a filter is told of a request.
fn told(request: &Request) -> String {
    let mut lines: Vec<String> = request
        .fields
        .iter()
        .map(|(name, value)| format!("{name}: {}\n", String::from_utf8_lossy(value)))
        .collect();
    lines.sort();
    let Request { method, is_secure, authority, path_with_query, client, .. } = request;
    let address = bindings::sedge::client::connection::address();
    let same = if address == *client { "" } else { " (and not as the host says)" };
    format!(
        "{method} {is_secure} {authority:?} {path_with_query} {client:?}{same}\n{}",
        lines.concat()
    )
}

/// Uses all that there is of something.
fn exhaust(what: &str) -> ! {
    match what {
        "loop" => loop {
            std::hint::black_box(());
        },
        "memory" => {
            let mut all = Vec::new();
            loop {
                all.push(std::hint::black_box(vec![1u8; 1 << 20]));
            }
        }
        _ => panic!("on purpose"),
    }
}

impl filter::Guest for Filters {
    fn on_request(request: Request) -> Outcome {
        CALLS.set(CALLS.get() + 1);
        let word = word(&request.fields);
        let (word, rest) = word.split_once(' ').unwrap_or((&word, ""));
        match word {
            "defer" | "defer-trap" => Outcome::Defer,
            "answer" => answer(418, &[("x-a", "1"), ("x-a", "2")], "the filter\n"),
            "tell" => answer(200, &[], &told(&request)),
            "calls" => answer(200, &[], &CALLS.get().to_string()),
            "request" => pass(Changes {
                remove: vec!["x-gone".to_owned()],
                add: fields(&[("x-added", "by the filter")]),
            }),
            "elsewhere" => Outcome::Pass(Pass {
                changes: none(),
                authority: Some("elsewhere.test".to_owned()),
                path_with_query: Some("/headers?x=1".to_owned()),
                wants_response: false,
            }),
            // What is to be done with the answer: the rest.
            "response" => {
                AFTERWARDS.set(rest.to_owned());
                Outcome::Pass(Pass {
                    changes: none(),
                    authority: None,
                    path_with_query: None,
                    wants_response: true,
                })
            }
            "trap" | "loop" | "memory" => exhaust(word),
            "bad-name" => pass(adding("a b", "1")),
            "bad-value" => pass(adding("x-a", "1\r\nx-b: 2")),
            "bad-host" => pass(adding("host", "other.test")),
            "bad-length" => pass(adding("content-length", "1")),
            "bad-hop" => pass(adding("transfer-encoding", "chunked")),
            "bad-removal" => pass(Changes { remove: vec!["connection".to_owned()], ..none() }),
            "bad-target" => Outcome::Pass(Pass {
                changes: none(),
                authority: None,
                path_with_query: Some("http://other.test/".to_owned()),
                wants_response: false,
            }),
            "many" => {
                pass(Changes { add: vec![("x-a".to_owned(), b"1".to_vec()); 100_000], ..none() })
            }
            "large" => pass(adding("x-a", &"x".repeat(1 << 20))),
            "huge" => answer(200, &[], &"x".repeat(27 << 20)),
            "status-101" => answer(101, &[], ""),
            "status-0" => answer(0, &[], ""),
            _ => pass(none()),
        }
    }

    fn on_response(response: Response) -> Changes {
        let afterwards = AFTERWARDS.take();
        match &*afterwards {
            "tell" => {
                let Response { status, is_failed, latency_us, fields } = response;
                let quick = if latency_us < 10_000_000 { "soon" } else { "late" };
                eprintln!("seen {status} {is_failed} {quick}");
                adding("x-seen", &format!("{status} {}", fields.len()))
            }
            "remove" => Changes { remove: vec!["content-type".to_owned()], ..none() },
            "trap" | "loop" | "memory" => exhaust(&afterwards),
            "bad-length" => adding("content-length", "1"),
            "bad-value" => adding("x-a", "\0"),
            "large" => adding("x-a", &"x".repeat(1 << 20)),
            _ => none(),
        }
    }
}
