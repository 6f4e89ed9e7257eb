//! A request and its answer's head, on one stream.

use super::Slot;
use super::pump::Pump;
use super::received::{Received, Sending};
use crate::http::upstream::outgoing::Outgoing;
use crate::http::upstream::passing::Active;
use h2::client::ResponseFuture;
use h2::{Reason, RecvStream};
use http::header::{CONTENT_LENGTH, HOST, TE};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Request, Response, StatusCode, Uri, Version, request};
use http_body::Body as _;
use sedge_model::failure::{Failure, Kind};
use sedge_model::handler::{Body, Interim, Interims};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::task::{Context, Poll};

/// Informational answers (RFC 9110 §15.2) before an answer. What sends more never
/// answers.
const INFORMATIONAL_MAX: usize = 100;

/// An answer's head, and what its body needs.
pub(in crate::http::upstream) struct Answered {
    pub(in crate::http::upstream) response: Response<RecvStream>,
    slot: Slot,
    /// What is left of the request.
    pump: Option<Pump>,
}

/// Why there is no answer.
pub(in crate::http::upstream) struct Lost {
    pub(in crate::http::upstream) failure: Failure,
    /// The request, if it may be sent again as it is: the endpoint has not begun
    /// with it (RFC 9113 §8.7), and nothing of its body was read.
    pub(in crate::http::upstream) again: Option<Request<Outgoing>>,
    /// Whether the connection is older than the request, and has received
    /// nothing since: its server had closed it already.
    pub(in crate::http::upstream) was_stale: bool,
}

impl Answered {
    /// Reads the answer to its end, but no further than so many bytes.
    pub(in crate::http::upstream) async fn read(self, bytes_max: usize) -> Result<(), h2::Error> {
        let Answered { response, slot: _slot, pump: _ } = self;
        let (mut body, mut bytes) = (response.into_body(), 0);
        while let Some(data) = body.data().await {
            bytes += data?.len();
            if bytes > bytes_max {
                break;
            }
        }
        Ok(())
    }

    /// The whole answer. What is left of the request is sent by a task: it must
    /// be, even if the client does not read the answer meanwhile.
    pub(in crate::http::upstream) fn into_response(self, active: Active) -> Response<Body> {
        let Answered { response, slot, pump } = self;
        let sending = pump.map(|pump| Sending(tokio::spawn(async move { drop(pump.await) })));
        let bytes = length(&response);
        response.map(|stream| Body::new(Received::new(stream, sending, bytes, slot, active)))
    }
}

/// Sends a request on a connection, and waits for its answer's head. Dropping the
/// future resets the stream.
pub(in crate::http::upstream) async fn ask(
    slot: Slot,
    request: Request<Outgoing>,
    to: &Target<'_>,
    interims: &Interims,
) -> Result<Answered, Lost> {
    let (head, body) = request.into_parts();
    let lost = |failure, again| Lost { failure, again, was_stale: false };
    let sent = match stream_head(&head, to) {
        Ok(sent) => sent,
        Err(failure) => return Err(lost(failure, None)),
    };
    let is_empty = body.is_end_stream();
    let begun = slot.sender().map(|mut sender| sender.send_request(sent, is_empty));
    let (response, stream) = match begun {
        Some(Ok(begun)) => begun,
        begun => {
            // The connection has ended since it was chosen: nothing was sent.
            slot.retire();
            let why = begun.and_then(Result::err).map(|error| error.to_string());
            let failure = Failure::new(Kind::UpstreamRefused, why.unwrap_or_default());
            return Err(lost(failure, Some(Request::from_parts(head, body))));
        }
    };
    let (pump, is_sent) = match body {
        Outgoing::Stream(body, is_sent) if !is_empty => {
            (Some(Pump::new(body, stream)), Some(is_sent))
        }
        // Its sending half is closed already.
        _ => (None, None),
    };
    let (slot, informational) = (Some(slot), 0);
    let mut waiting = Waiting { slot, response, pump, is_sent, informational, interims };
    match poll_fn(|cx| waiting.poll(cx)).await {
        Ok(response) => {
            let pump = waiting.pump.take();
            let slot = waiting.slot.take();
            let gone = || lost(Failure::new(Kind::UpstreamReset, "no connection"), None);
            Ok(Answered { response, slot: slot.ok_or_else(gone)?, pump })
        }
        Err(ended) => Err(waiting.lost(ended, head)),
    }
}

/// Where a stream leads.
pub(in crate::http::upstream) struct Target<'a> {
    pub(in crate::http::upstream) is_secure: bool,
    /// The authority of a request that names none, as HTTP/1.0 allows.
    pub(in crate::http::upstream) label: &'a str,
}

/// What a stream waits with.
struct Waiting<'a> {
    /// `None` once there is an answer, or the lack of one was looked at.
    slot: Option<Slot>,
    response: ResponseFuture,
    pump: Option<Pump>,
    /// What tells that the body is sent, where there is one.
    is_sent: Option<Arc<AtomicBool>>,
    informational: usize,
    /// Where they are passed on.
    interims: &'a Interims,
}

/// Why a stream ended without an answer.
enum Ended {
    /// The request's body broke off, or what came is no answer.
    Failed(Failure),
    Http2(h2::Error),
}

impl Waiting<'_> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Response<RecvStream>, Ended>> {
        if let Some(pump) = &mut self.pump
            && let Poll::Ready(sent) = Pin::new(pump).poll(cx)
        {
            self.pump = None;
            if let Err(failure) = sent {
                return Poll::Ready(Err(Ended::Failed(failure)));
            }
        }
        while let Poll::Ready(Some(early)) = self.response.poll_informational(cx) {
            self.informational += 1;
            if early.is_ok() && self.informational > INFORMATIONAL_MAX {
                let failure = Failure::new(Kind::UpstreamProtocol, "upstream's head has no end");
                return Poll::Ready(Err(Ended::Failed(failure)));
            }
            let Ok(early) = early else { break };
            if self.interims.is_open() && early.status() != StatusCode::CONTINUE {
                let (head, ()) = early.into_parts();
                self.interims.say(Interim { status: head.status, fields: head.headers });
            }
        }
        Pin::new(&mut self.response).poll(cx).map_err(Ended::Http2)
    }

    fn lost(mut self, ended: Ended, head: request::Parts) -> Lost {
        let slot = self.slot.take();
        let error = match ended {
            Ended::Failed(failure) => return Lost { failure, again: None, was_stale: false },
            Ended::Http2(error) => error,
        };
        let failure = classify(&error);
        let body = match (self.is_sent.take(), self.pump.take()) {
            (None, _) => Some(Outgoing::Empty),
            (Some(is_sent), Some(pump)) => {
                pump.into_untouched().map(|body| Outgoing::Stream(body, is_sent))
            }
            (Some(_), None) => None,
        };
        if let Some(slot) = slot.as_ref().filter(|_| error.is_go_away() || error.is_io()) {
            slot.retire();
        }
        Lost {
            again: body.map(|body| Request::from_parts(head, body)),
            was_stale: slot.is_some_and(|slot| !slot.is_first && slot.was_silent()),
            failure,
        }
    }
}

impl Drop for Waiting<'_> {
    /// Nobody waits any longer.
    fn drop(&mut self) {
        if let Some(slot) = &self.slot {
            slot.give_up();
        }
    }
}

/// What a client may be told of an error before an answer.
fn classify(error: &h2::Error) -> Failure {
    let refused = error.is_go_away() || error.reason() == Some(Reason::REFUSED_STREAM);
    let kind = match () {
        // Of the other side's `GOAWAY` only those streams hear that it has not
        // begun with (RFC 9113 §6.8); of its other mistakes, all.
        () if refused && error.is_remote() => Kind::UpstreamRefused,
        () if error.is_library() => Kind::UpstreamProtocol,
        () => Kind::UpstreamReset,
    };
    Failure::new(kind, format!("before an answer: {error}"))
}

/// The head of a stream: `:scheme` and `:authority` in the place of `Host` (RFC
/// 9113 §8.3.1). Fields about a connection have stayed behind already (§8.2.2);
/// `TE` may say that trailers are welcome, and they pass.
fn stream_head(head: &request::Parts, to: &Target<'_>) -> Result<Request<()>, Failure> {
    let bad = || Failure::new(Kind::BadRequest, "Host cannot be an authority");
    let host = head.headers.get(HOST).map_or(to.label.as_bytes(), HeaderValue::as_bytes);
    let authority = Authority::try_from(host).map_err(|_| bad())?;
    let mut uri = http::uri::Parts::default();
    uri.scheme = Some(if to.is_secure { Scheme::HTTPS } else { Scheme::HTTP });
    uri.authority = Some(authority);
    let path = head.uri.path_and_query().cloned();
    uri.path_and_query = Some(path.unwrap_or_else(|| PathAndQuery::from_static("/")));
    let mut sent = Request::new(());
    *sent.method_mut() = head.method.clone();
    *sent.uri_mut() = Uri::from_parts(uri).map_err(|_| bad())?;
    *sent.version_mut() = Version::HTTP_2;
    *sent.headers_mut() = head.headers.clone();
    sent.headers_mut().remove(HOST);
    sent.headers_mut().insert(TE, HeaderValue::from_static("trailers"));
    Ok(sent)
}

/// The length of a body, from its head.
fn length(response: &Response<RecvStream>) -> Option<u64> {
    response.headers().get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
