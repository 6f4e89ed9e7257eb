//! `hello, world` over `wasi:http` 0.2: what the benches measure, so it does
//! nothing that a real function would not have to do as well.

use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{
    Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam,
};

struct Hello;

wasip2::http::proxy::export!(Hello);

impl Guest for Hello {
    fn handle(_request: IncomingRequest, outparam: ResponseOutparam) {
        let headers = Fields::new();
        // The name and value are valid, and nobody else holds these fields.
        let _ = headers.append("content-type", b"text/plain");
        let response = OutgoingResponse::new(headers);
        let Ok(body) = response.body() else { return };
        ResponseOutparam::set(outparam, Ok(response));
        let Ok(stream) = body.write() else { return };
        // A client that went away ends the write; there is nobody to tell.
        let written = stream.blocking_write_and_flush(b"hello, world\n");
        drop(stream);
        if written.is_ok() {
            let _ = OutgoingBody::finish(body, None);
        }
    }
}
