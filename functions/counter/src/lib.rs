//! Counts requests, one counter per path, in the key-value namespace `default`:
//! the smallest function that keeps something.
//!
//! The count is increased in one atomic step, which is on disk before the
//! answer is sent: no two requests get the same number, and a node that is
//! killed goes on where it was.

use keyvalue::wasi::keyvalue::{atomics, store};
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{
    Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam,
};

/// Bindings to the two interfaces that this function imports.
#[allow(missing_docs)]
mod keyvalue {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "
            package sedge:counter;
            world counter {
                import wasi:keyvalue/store@0.2.0-draft2;
                import wasi:keyvalue/atomics@0.2.0-draft2;
            }
        ",
        generate_all,
    });
}

struct Counter;

wasip2::http::proxy::export!(Counter);

impl Guest for Counter {
    fn handle(request: IncomingRequest, outparam: ResponseOutparam) {
        let target = request.path_with_query().unwrap_or_default();
        let path = target.split('?').next().unwrap_or_default();
        match increase(path) {
            Ok(count) => answer(outparam, 200, &format!("{{\"count\":{count}}}\n")),
            Err(error) => {
                eprintln!("the counter of {path} could not be increased: {error:?}");
                answer(outparam, 500, "{\"error\":\"the counter cannot be reached\"}\n");
            }
        }
    }
}

fn increase(path: &str) -> Result<i64, store::Error> {
    let bucket = store::open("default")?;
    atomics::increment(&bucket, &format!("count {path}"), 1)
}

fn answer(outparam: ResponseOutparam, status: u16, json: &str) {
    let headers = Fields::new();
    // The name and value are valid, and nobody else holds these fields.
    let _ = headers.append("content-type", b"application/json");
    let response = OutgoingResponse::new(headers);
    if response.set_status_code(status).is_err() {
        return;
    }
    let Ok(body) = response.body() else { return };
    ResponseOutparam::set(outparam, Ok(response));
    let Ok(stream) = body.write() else { return };
    // A client that went away ends the write; there is nobody to tell.
    let written = stream.blocking_write_and_flush(json.as_bytes());
    drop(stream);
    if written.is_ok() {
        let _ = OutgoingBody::finish(body, None);
    }
}
