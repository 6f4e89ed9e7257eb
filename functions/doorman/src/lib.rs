//! Says who MQTT clients are: a name is let in with the password `open`, and gets rights of
//! its own. Some names have it fail in one of the ways in which such a function can.

use serde_json::{Value, json};
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{
    Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam,
};

struct Doorman;

wasip2::http::proxy::export!(Doorman);

impl Guest for Doorman {
    fn handle(request: IncomingRequest, outparam: ResponseOutparam) {
        let asked = read(&request).and_then(|body| serde_json::from_slice(&body).ok());
        let is_question = request.path_with_query().as_deref() == Some("/mqtt/authenticate");
        let (status, body) = match asked.filter(|_| is_question) {
            Some(asked) => decide(&asked),
            None => (400, String::new()),
        };
        answer(outparam, status, &body);
    }
}

fn decide(asked: &Value) -> (u16, String) {
    if let Some(name) = asked["certificate"]["common_name"].as_str() {
        return (200, json!({ "username": name }).to_string());
    }
    match asked["username"].as_str() {
        Some("trap") => panic!("this name has the function trap"),
        Some("loop") => loop {
            std::hint::black_box(());
        },
        Some("garbled") => (200, "yes".to_owned()),
        Some("huge") => (200, " ".repeat(100_000)),
        Some("banned") => (403, String::new()),
        Some(name) if asked["password"] == "open" => {
            let rights = json!({
                "username": format!("{name}-known"),
                "read": ["cmd/%u/#"],
                "write": ["up/%c/#"],
                "deny": ["cmd/+/secret"],
            });
            (200, rights.to_string())
        }
        _ => (401, String::new()),
    }
}

fn read(request: &IncomingRequest) -> Option<Vec<u8>> {
    let body = request.consume().ok()?;
    let stream = body.stream().ok()?;
    let mut read = Vec::new();
    // The stream ends with an error that says so.
    while let Ok(part) = stream.blocking_read(64 << 10) {
        read.extend(part);
    }
    Some(read)
}

fn answer(outparam: ResponseOutparam, status: u16, text: &str) {
    let response = OutgoingResponse::new(Fields::new());
    if response.set_status_code(status).is_err() {
        return;
    }
    let Ok(body) = response.body() else { return };
    ResponseOutparam::set(outparam, Ok(response));
    let Ok(stream) = body.write() else { return };
    for part in text.as_bytes().chunks(4_096) {
        // Whoever does not want more ends the write.
        if stream.blocking_write_and_flush(part).is_err() {
            return;
        }
    }
    drop(stream);
    let _ = OutgoingBody::finish(body, None);
}
