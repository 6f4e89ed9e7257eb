//! One try: an endpoint, a connection, the answer's head.

use super::balance::{self, Key};
use super::ejection::Verdict;
use super::http2::{Slot, exchange};
use super::outgoing::Outgoing;
use super::passing::{Active, Driver, Passing};
use super::pool::Leased;
use super::switch::Switching;
use super::wired::{Lost, Wired};
use super::{Bound, Service, head, span};
use crate::http::policy::{IsRetry, TimedOut, Tried};
use crate::http::upgrade::Granted;
use http::header::{HeaderValue, SET_COOKIE};
use http::{Response, StatusCode, request};
use http_body::Body as _;
use hyper::body::Incoming;
use sedge_model::failure::{Failure, Kind};
use sedge_model::handler::{Body, Context, Interim, Interims, Request};
use sedge_model::trace::ActiveSpan;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, PoisonError};

/// Passes one request on. Dropping the future, or the answer's body, closes the
/// connection that was used.
pub(super) async fn forward(
    service: &Arc<Service>,
    request: Request,
    mut context: Context,
) -> Result<Response<Body>, Failure> {
    let (mut head, body) = request.into_parts();
    let resend_count = head.extensions.get::<IsRetry>().map_or(0, |&IsRetry(retry)| retry);
    let key = balance::key(&service.settings.balance, &head, &context);
    let active = admit(service, &mut head, &key)?;
    let endpoint = &service.endpoints[active.endpoint];
    endpoint.tries.fetch_add(1, Relaxed);
    context.notes.tried(&service.name, &endpoint.label);
    let span = span::begin(&context, &head, &endpoint.settings, resend_count);
    context.trace = span.trace();
    head::outgoing(&mut head, &context)?;
    head::name_host(&mut head.headers, &endpoint.label);
    let switching = match head.extensions.remove::<Granted>() {
        None => None,
        Some(granted) => Some(Switching::begin(service, granted, &mut head)?),
    };
    let timed_out = head.extensions.remove::<TimedOut>();
    let tried = head.extensions.remove::<Tried>();
    head.extensions.clear();
    let is_sent = Arc::new(AtomicBool::new(body.is_end_stream()));
    let body = match body.is_end_stream() {
        true => Outgoing::Empty,
        false => Outgoing::Stream(body, Arc::clone(&is_sent)),
    };
    let mut try_ = Try { service, endpoint: active.endpoint, timed_out, is_over: false, span };
    let asked = switching.as_ref().map(|switching| &switching.granted);
    let request = request::Request::from_parts(head, body);
    let answered = ask(&active, request, asked, &context.interims).await;
    let mut response = match (try_.judge(answered)?, switching) {
        (Answered::Wired(wired, response), Some(switching))
            if response.status() == StatusCode::SWITCHING_PROTOCOLS =>
        {
            switching.answer(wired, response, active, &context)?
        }
        (Answered::Wired(wired, response), _) => {
            let driver = match is_sent.load(Relaxed) {
                true => Driver::Here(wired),
                false => Driver::Task(tokio::spawn(wired.run())),
            };
            response.map(|body| Body::new(Passing::new(body, driver, active)))
        }
        (Answered::Shared(answered), _) => answered.into_response(active),
    };
    if let Key::Made(_, cookie) = &key
        && let Ok(cookie) = HeaderValue::from_str(cookie)
    {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    if let Some(Tried(tries)) = tried {
        let is_full = service.retrying.load(Relaxed) >= service.settings.pool.retries_max;
        tries.has_no_room.store(is_full, Relaxed);
    }
    Ok(response)
}

/// Counts a request in, and picks its endpoint.
fn admit(service: &Arc<Service>, head: &mut request::Parts, key: &Key) -> Result<Active, Failure> {
    let pool = &service.settings.pool;
    let is_retry = head.extensions.remove::<IsRetry>().is_some();
    service.requests.fetch_add(1, Relaxed);
    if is_retry {
        service.retries.fetch_add(1, Relaxed);
    }
    let endpoint = match head.extensions.get::<Tried>().filter(|Tried(tries)| tries.elsewhere) {
        None => service.choose(key.hash(), &[])?,
        Some(Tried(tries)) => {
            let tried = &mut *tries.endpoints.lock().unwrap_or_else(PoisonError::into_inner);
            let endpoint = service.choose(key.hash(), tried)?;
            tried.push(endpoint);
            endpoint
        }
    };
    service.count(&service.active, pool.requests_max, Bound::Requests)?;
    if is_retry
        && let Err(failure) = service.count(&service.retrying, pool.retries_max, Bound::Retries)
    {
        service.active.fetch_sub(1, Relaxed);
        return Err(failure);
    }
    Ok(Active::begin(service, endpoint, is_retry))
}

/// How often a request is sent where an endpoint says, or a dead connection shows,
/// that it has not begun with it.
const SENT_MAX: usize = 3;

/// The head of an answer, and where its body comes from.
enum Answered {
    Wired(Box<Wired>, Response<Incoming>),
    Shared(exchange::Answered),
}

impl Answered {
    fn status(&self) -> StatusCode {
        match self {
            Answered::Wired(_, response) => response.status(),
            Answered::Shared(answered) => answered.response.status(),
        }
    }
}

/// Sends a request over a kept connection, or a new one. A kept connection that
/// died before a byte of an answer was most likely closed by its server while
/// the request was under way (RFC 9112 §9.3.1): the request is sent once more
/// over a new one, if nothing of it was sent, or if it may be sent twice. So is
/// one that the endpoint has refused before it began (RFC 9113 §8.7).
async fn ask(
    active: &Active,
    mut request: http::Request<Outgoing>,
    asked: Option<&Granted>,
    interims: &Interims,
) -> Result<Answered, Failure> {
    let (service, endpoint) = (&active.service, active.endpoint);
    let (mut anew, mut sent) = (false, 0);
    loop {
        // An upgrade is a matter of HTTP/1.1 (RFC 9113 §8.6).
        let leased = service.lease(endpoint, anew, asked.is_some()).await?;
        if interims.is_open() {
            pass_on_interims(&mut request, interims.clone());
        }
        let answered = match leased {
            Leased::Kept(wired) => ask_wired(wired, true, request, asked).await,
            Leased::New(wired) => ask_wired(wired, false, request, asked).await,
            Leased::Shared(slot) => ask_shared(service, endpoint, slot, request, interims).await,
        };
        sent += 1;
        request = match answered {
            Ok(answered) => return Ok(answered),
            Err((failure, again)) => again.filter(|_| sent < SENT_MAX).ok_or(failure)?,
        };
        service.endpoints[endpoint].reconnects.fetch_add(1, Relaxed);
        anew = true;
    }
}

/// Has what an endpoint with HTTP/1.1 says before its answer told to the client (RFC 9110
/// §15.2). Its 100 is not: of a body this node itself says that it is wanted.
fn pass_on_interims(request: &mut http::Request<Outgoing>, interims: Interims) {
    hyper::ext::on_informational(request, move |early| {
        if early.status() != StatusCode::CONTINUE {
            interims.say(Interim { status: early.status(), fields: early.headers().clone() });
        }
    });
}

/// Why there is no answer, and the request if it may be sent once more.
type NoAnswer = (Failure, Option<http::Request<Outgoing>>);

async fn ask_wired(
    mut wired: Box<Wired>,
    was_kept: bool,
    request: http::Request<Outgoing>,
    asked: Option<&Granted>,
) -> Result<Answered, NoAnswer> {
    let may_repeat = was_kept && may_repeat(&request);
    let spare = may_repeat.then(|| copy(&request));
    match wired.ask(request).await {
        Ok(response) => {
            let (mut head, body) = response.into_parts();
            head::check(&mut head, asked).map_err(|failure| (failure, None))?;
            Ok(Answered::Wired(wired, Response::from_parts(head, body)))
        }
        Err(Lost { failure, unsent, was_silent }) => {
            let is_stale = was_kept && was_silent && failure.kind == Kind::UpstreamReset;
            let again = unsent.or(spare).filter(|_| is_stale);
            Err((failure, again))
        }
    }
}

async fn ask_shared(
    service: &Service,
    endpoint: usize,
    slot: Slot,
    request: http::Request<Outgoing>,
    interims: &Interims,
) -> Result<Answered, NoAnswer> {
    let may_repeat = may_repeat(&request);
    let label = &*service.endpoints[endpoint].label;
    let to = exchange::Target { is_secure: service.secure.is_some(), label };
    match exchange::ask(slot, request, &to, interims).await {
        Ok(mut answered) => {
            let (mut head, body) = answered.response.into_parts();
            head::check(&mut head, None).map_err(|failure| (failure, None))?;
            answered.response = Response::from_parts(head, body);
            Ok(Answered::Shared(answered))
        }
        Err(lost) => {
            let is_refused = lost.failure.kind == Kind::UpstreamRefused;
            let is_stale = lost.was_stale && may_repeat && lost.failure.kind == Kind::UpstreamReset;
            Err((lost.failure, lost.again.filter(|_| is_refused || is_stale)))
        }
    }
}

/// Whether a request may be sent although its endpoint may have begun with it.
fn may_repeat(request: &http::Request<Outgoing>) -> bool {
    matches!(request.body(), Outgoing::Empty) && request.method().is_idempotent()
}

fn copy(request: &http::Request<Outgoing>) -> http::Request<Outgoing> {
    let mut copy = http::Request::new(Outgoing::Empty);
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.headers_mut() = request.headers().clone();
    copy
}

/// Judges the endpoint by what a try ended with, even if that is that nobody
/// waits any longer.
struct Try<'a> {
    service: &'a Service,
    endpoint: usize,
    timed_out: Option<TimedOut>,
    is_over: bool,
    /// Until the answer's head.
    span: ActiveSpan,
}

impl Try<'_> {
    fn judge(&mut self, answered: Result<Answered, Failure>) -> Result<Answered, Failure> {
        self.is_over = true;
        match &answered {
            Ok(answered) => self.span.answered(answered.status()),
            Err(failure) => self.span.fail(failure),
        }
        let verdict = match &answered {
            Ok(answered) => Some(Verdict::Status(answered.status().as_u16())),
            Err(failure) => match failure.kind {
                Kind::UpstreamConnect | Kind::UpstreamTls => Some(Verdict::LocalFailure),
                Kind::UpstreamReset | Kind::UpstreamProtocol | Kind::UpstreamRefused => {
                    self.service.endpoints[self.endpoint].resets.fetch_add(1, Relaxed);
                    Some(Verdict::LocalFailure)
                }
                // The client's fault, or a bound of this node.
                _ => None,
            },
        };
        if let Some(verdict) = verdict {
            self.service.judge(self.endpoint, verdict);
        }
        answered
    }
}

impl Drop for Try<'_> {
    fn drop(&mut self) {
        let timed_out = self.timed_out.as_ref().is_some_and(|TimedOut(mark)| mark.load(Relaxed));
        if !self.is_over && timed_out {
            self.service.endpoints[self.endpoint].timeouts.fetch_add(1, Relaxed);
            self.service.judge(self.endpoint, Verdict::Timeout);
            self.span.error("timeout", "no answer in time");
        } else if !self.is_over {
            self.span.error("canceled", "nobody waits for the answer any longer");
        }
    }
}
