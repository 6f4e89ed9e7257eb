//! A function that greets. `handle` speaks HTTP, `greeting` decides what to
//! say and can be tested without a server: `cargo test`.

use std::io::Write;
use wasip2::http::types::{
    Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam,
};

struct Function;

wasip2::http::proxy::export!(Function);

impl wasip2::exports::http::incoming_handler::Guest for Function {
    fn handle(request: IncomingRequest, answer: ResponseOutparam) {
        let target = request.path_with_query().unwrap_or_default();
        let (status, text) = greeting(&target);
        send(answer, status, text.as_bytes());
    }
}

/// The status and the text for a request's path and query.
fn greeting(target: &str) -> (u16, String) {
    let path = target.split('?').next().unwrap_or_default();
    match path.trim_matches('/') {
        "" => (200, "hello from {{name}}\n".to_owned()),
        who if !who.contains('/') => (200, format!("hello, {who}\n")),
        _ => (404, "nothing here\n".to_owned()),
    }
}

fn send(answer: ResponseOutparam, status: u16, body: &[u8]) {
    let headers = Fields::new();
    let _ = headers.set("content-type", &[b"text/plain; charset=utf-8".to_vec()]);
    let response = OutgoingResponse::new(headers);
    let _ = response.set_status_code(status);
    let Ok(outgoing) = response.body() else { return };
    ResponseOutparam::set(answer, Ok(response));
    // A client that goes away makes the writes fail; there is nobody to tell.
    if let Ok(mut stream) = outgoing.write() {
        let _ = stream.write_all(body);
        let _ = stream.flush();
    }
    let _ = OutgoingBody::finish(outgoing, None);
}

#[cfg(test)]
mod tests {
    use super::greeting;

    #[test]
    fn greets_whoever_the_path_names() {
        assert_eq!(greeting("/").0, 200);
        assert_eq!(greeting("/Ada?x=1"), (200, "hello, Ada\n".to_owned()));
        assert_eq!(greeting("/a/b").0, 404);
    }
}
