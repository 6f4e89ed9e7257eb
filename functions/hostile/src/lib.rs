//! A guest that does what a node must survive. The path picks the behavior from
//! [`table::BEHAVIORS`]; every behavior has a scenario of the same name.

mod bodies;
mod calls;
mod compute;
mod heads;
mod resources;
mod services;
mod table;

use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{
    Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam,
};

struct Hostile;

wasip2::http::proxy::export!(Hostile);

impl Guest for Hostile {
    fn handle(request: IncomingRequest, outparam: ResponseOutparam) {
        let target = request.path_with_query().unwrap_or_default();
        let path = target.split('?').next().unwrap_or_default();
        let name = path.trim_start_matches('/');
        match table::BEHAVIORS.iter().find(|(known, _)| *known == name) {
            Some((_, behave)) => behave(request, outparam),
            None => answer(outparam, "no such behavior\n"),
        }
    }
}

/// Answers 200 with `text`, for behaviors that are allowed to end.
fn answer(outparam: ResponseOutparam, text: &str) {
    let response = OutgoingResponse::new(Fields::new());
    let Ok(body) = response.body() else { return };
    ResponseOutparam::set(outparam, Ok(response));
    let Ok(stream) = body.write() else { return };
    let written = stream.blocking_write_and_flush(text.as_bytes());
    drop(stream);
    if written.is_ok() {
        let _ = OutgoingBody::finish(body, None);
    }
}
