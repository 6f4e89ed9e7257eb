//! The path of one request, in order.
//!
//! Before it: the listener has accepted the connection within
//! `connections_max`, `connection` has told the protocol, hyper has read a head
//! within its size, and the watch cuts a client that is slow at any of this.

use super::body::{Broken, RequestBody, ResponseBody};
use super::connection::Connection;
use super::early::Early;
use super::equivalent;
use super::exchange::Exchange;
use super::forwarded;
use super::response;
use super::routes::{Asked, Lookup, RouteTable, Target};
use super::socket::Protocol;
use super::tls::facts;
use super::upgrade::{self, Extended, Slot};
use super::validate;
use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode, Version, request};
use http_body::Body as HttpBody;
use sedge_model::failure::{Failure, Kind};
use sedge_model::handler::{self, Body, Interims};
use std::convert::Infallible;
use std::future::poll_fn;
use std::sync::Arc;

/// What of its connection, or its stream, an answer needs beside itself.
#[derive(Clone, Copy)]
pub(crate) struct Outlet<'a> {
    /// HTTP/1.1: where it leaves what the connection becomes.
    pub(crate) slot: Option<&'a Slot>,
    /// What is sent before it.
    pub(crate) early: &'a Early,
}

/// Answers one request. A failure is an answer too, so nothing fails here.
pub(crate) async fn serve<B>(
    connection: Arc<Connection>,
    request: Request<B>,
    outlet: Outlet<'_>,
) -> Result<Response<ResponseBody>, Infallible>
where
    B: HttpBody<Data = Bytes, Error: Broken> + Unpin + Send + 'static,
{
    let (mut head, incoming) = request.into_parts();
    // 1. From here the request is counted and will be recorded, and it has its
    //    trace. What is refused below must appear in the log as well.
    let mut exchange = Exchange::begin(connection, &head);

    let extended = Extended::of(&mut head);
    let method = head.method.clone();

    // 2. The routes as they are now; the request keeps them to its end.
    let table = exchange.connection.core.table();

    // 3. Refuse, or find who answers. What routes compare must be what everybody
    //    behind them reads.
    equivalent::decode(&mut head);
    response::strip_nominated(&mut head.headers);
    let answer = match admit(&exchange, &head, &table.routes) {
        Err(failure) => Err(failure),
        Ok(Admitted::Challenge(answer)) => Ok(answer),
        Ok(Admitted::To(target)) if extended.is_some() && !target.may_upgrade => {
            exchange.routed_to(target);
            Err(upgrade::not_here())
        }
        Ok(Admitted::To(target)) => {
            exchange.routed_to(target);
            let body = request_body(incoming, &mut exchange);
            let mut context = exchange.context();
            // A client of HTTP/1.0 knows no interim responses (RFC 9110 §15.2).
            let interims = match target.may_interim && head.version >= Version::HTTP_11 {
                true => outlet.early.begin(head.version == Version::HTTP_2),
                false => Interims::none(),
            };
            context.interims = interims.clone();
            // What only the node may say of the client, the client must not.
            forwarded::entrance(&mut head.headers, context.forwarding);
            facts::replace(&mut head.headers, exchange.connection.facts().map(Arc::as_ref));
            // 4. The handler. hyper drops this future if the client leaves.
            let answer = target.handler.call(Request::from_parts(head, body), context).await;
            if interims.has_line() {
                // What was said before the answer goes before it.
                poll_fn(|cx| interims.poll_end(cx)).await;
                outlet.early.end();
                exchange.said_before(interims.count());
            }
            answer
        }
    };

    // 5. The answer's head.
    let answer = answer.and_then(|response| upgrade::must_switch(response, extended.is_some()));
    let (response, promised) = finish_head(answer, &method, &mut exchange);

    // 6. The body streams; the request ends when it is dropped. Or the connection,
    //    or the stream, is another protocol's from here.
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return Ok(upgrade::hand_over(response, exchange, table, extended, outlet.slot));
    }
    Ok(response.map(|body| ResponseBody::new(body, exchange, table, promised)))
}

/// Who answers a request that is not refused.
enum Admitted<'a> {
    /// This node itself, for an authority that looks whether a host is ours.
    Challenge(Response<Body>),
    To(&'a Target),
}

/// The answer to an authority that validates `host`, on a connection without TLS;
/// before the routes, and only while an order for that host is under way.
fn challenge(exchange: &Exchange, head: &request::Parts, host: &str) -> Option<Response<Body>> {
    const FOLDER: &str = "/.well-known/acme-challenge/";
    let token = head.uri.path().strip_prefix(FOLDER)?;
    if exchange.connection.tls || !matches!(head.method, Method::GET | Method::HEAD) {
        return None;
    }
    let text = exchange.connection.core.challenge(host, token)?;
    let mut response = Response::new(handler::full(text));
    let plain = HeaderValue::from_static("application/octet-stream");
    response.headers_mut().insert(CONTENT_TYPE, plain);
    Some(response)
}

/// Everything that can refuse a request, cheapest first.
fn admit<'a>(
    exchange: &Exchange,
    head: &request::Parts,
    routes: &'a RouteTable,
) -> Result<Admitted<'a>, Failure> {
    // A malformed request is refused even under overload: the client must not
    // be told to try it again.
    let host = validate::head(head, &exchange.connection.core.options)?;
    if exchange.connection.is_last() {
        return Err(Failure::new(Kind::BadRequest, "behind a request with trailers"));
    }

    // An authority asks seldom, and must find out even under overload: else the
    // certificate ends while the load goes on.
    if let Some(answer) = challenge(exchange, head, host) {
        return Ok(Admitted::Challenge(answer));
    }

    // Before any work: a queue would only make every answer late.
    if exchange.is_too_many() {
        return Err(Failure::new(Kind::Overloaded, "requests_in_flight_max reached"));
    }

    let asked = Asked {
        host,
        authority: validate::authority_of(head),
        path: head.uri.path(),
        query: head.uri.query(),
        method: &head.method,
        headers: &head.headers,
        tls: exchange.connection.tls,
        port: exchange.connection.port,
    };
    match routes.find(&asked) {
        Lookup::Found(target) => Ok(Admitted::To(target)),
        Lookup::Nothing => Err(Failure::new(Kind::NoRoute, "no route matches")),
        Lookup::OtherMethods(methods) => {
            Err(Failure::other_method("routes match for other methods only", methods))
        }
    }
}

/// Most requests have no body; those cost nothing.
fn request_body<B>(incoming: B, exchange: &mut Exchange) -> Body
where
    B: HttpBody<Data = Bytes, Error: Broken> + Unpin + Send + 'static,
{
    if incoming.is_end_stream() {
        return handler::empty();
    }
    let bytes = exchange.count_bytes_in();
    Body::new(RequestBody::new(incoming, Arc::clone(&exchange.connection), bytes))
}

/// Makes the head that is sent, from an answer or from a failure. An answer
/// that cannot be sent becomes a failure.
fn finish_head(
    answer: Result<Response<Body>, Failure>,
    method: &Method,
    exchange: &mut Exchange,
) -> (Response<Body>, Option<u64>) {
    let fitted = answer.and_then(|mut response| {
        let promised = response::fit(&mut response, method)?;
        Ok((response, promised))
    });
    let (mut response, promised) = fitted.unwrap_or_else(|failure| {
        let mut response = response::problem(&failure, exchange.trace);
        exchange.fail(failure);
        // A problem document always fits.
        let promised = response::fit(&mut response, method).unwrap_or_default();
        (response, promised)
    });
    exchange.answered(response.status().as_u16());
    // The client of a draining node is told to go, so that it does not send its
    // next request to a connection that is being closed.
    let connection = &exchange.connection;
    let is_over = connection.is_last() || connection.core.is_draining();
    let is_last = is_over && connection.protocol() == Some(Protocol::Http1);
    if is_last && response.status() != StatusCode::SWITCHING_PROTOCOLS {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    (response, promised)
}
