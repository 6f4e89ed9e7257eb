//! Outbound requests to where a function must not go.

use crate::answer;
use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    ErrorCode, Fields, FutureIncomingResponse, IncomingRequest, OutgoingRequest, ResponseOutparam,
    Scheme,
};

fn start(authority: &str) -> Result<FutureIncomingResponse, ErrorCode> {
    let request = OutgoingRequest::new(Fields::new());
    let invalid = |()| ErrorCode::HttpRequestUriInvalid;
    request.set_scheme(Some(&Scheme::Http)).map_err(invalid)?;
    request.set_authority(Some(authority)).map_err(invalid)?;
    request.set_path_with_query(Some("/")).map_err(invalid)?;
    outgoing_handler::handle(request, None)
}

fn fetch(authority: &str) -> Result<u16, ErrorCode> {
    let future = start(authority)?;
    loop {
        match future.get() {
            Some(Ok(result)) => return Ok(result?.status()),
            Some(Err(())) => return Err(ErrorCode::InternalError(None)),
            None => future.subscribe().block(),
        }
    }
}

/// One line per authority: the status that came, or the error.
fn report(authorities: &[&str], outparam: ResponseOutparam) {
    let lines: String = authorities
        .iter()
        .map(|authority| match fetch(authority) {
            Ok(status) => format!("{authority} reached {status}\n"),
            Err(error) => format!("{authority} refused {error:?}\n"),
        })
        .collect();
    answer(outparam, &lines);
}

/// The address where clouds keep the credentials of a machine.
pub fn outbound_metadata(_: IncomingRequest, outparam: ResponseOutparam) {
    report(&["169.254.169.254", "[fe80::1]"], outparam);
}

/// Names that resolve to this machine. The port is the query.
pub fn outbound_loopback_name(request: IncomingRequest, outparam: ResponseOutparam) {
    let target = request.path_with_query().unwrap_or_default();
    let port = target.split_once('?').map_or("80", |(_, port)| port);
    let names = ["localhost", "localhost.", "LOCALHOST", "127.0.0.1"];
    let authorities = names.map(|name| format!("{name}:{port}"));
    report(&authorities.each_ref().map(String::as_str), outparam);
}

/// This machine, the private networks and the link, spelled unusually. The
/// port is the query.
pub fn outbound_disguised_loopback(request: IncomingRequest, outparam: ResponseOutparam) {
    let target = request.path_with_query().unwrap_or_default();
    let port = target.split_once('?').map_or("80", |(_, port)| port);
    let names = [
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::]",
        "[64:ff9b::7f00:1]",
        "0.0.0.0",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.0.0.1.",
        "user@127.0.0.1",
    ];
    let authorities = names.map(|name| format!("{name}:{port}"));
    report(&authorities.each_ref().map(String::as_str), outparam);
}

/// Starts requests without end and waits for none of them.
pub fn outbound_flood(request: IncomingRequest, outparam: ResponseOutparam) {
    let target = request.path_with_query().unwrap_or_default();
    let port = target.split_once('?').map_or("80", |(_, port)| port);
    let authority = format!("127.0.0.1:{port}");
    let mut held = Vec::new();
    while held.len() < 100_000 {
        match start(&authority) {
            Ok(future) => held.push(future),
            Err(_) => break,
        }
    }
    answer(outparam, &format!("{}\n", held.len()));
}
