//! One try: an endpoint, a connection, the answer's head.

use super::balance::{self, Key};
use super::ejection::Verdict;
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
use sedge_model::handler::{Body, Context, Request};
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
    head.extensions.clear();
    let is_sent = Arc::new(AtomicBool::new(body.is_end_stream()));
    let body = match body.is_end_stream() {
        true => Outgoing::Empty,
        false => Outgoing::Stream(body, Arc::clone(&is_sent)),
    };
    let mut try_ = Try { service, endpoint: active.endpoint, timed_out, is_over: false, span };
    let asked = switching.as_ref().map(|switching| &switching.granted);
    let answered = ask(&active, request::Request::from_parts(head, body), asked).await;
    let (wired, response) = try_.judge(answered)?;
    let mut response = match switching {
        Some(switching) if response.status() == StatusCode::SWITCHING_PROTOCOLS => {
            switching.answer(wired, response, active, &context)?
        }
        _ => {
            let driver = match is_sent.load(Relaxed) {
                true => Driver::Here(wired),
                false => Driver::Task(tokio::spawn(wired.run())),
            };
            response.map(|body| Body::new(Passing::new(body, driver, active)))
        }
    };
    if let Key::Made(_, cookie) = &key
        && let Ok(cookie) = HeaderValue::from_str(cookie)
    {
        response.headers_mut().append(SET_COOKIE, cookie);
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
    let tried = head.extensions.remove::<Tried>();
    let endpoint = match &tried {
        None => service.choose(key.hash(), &[])?,
        Some(Tried(tried)) => {
            let tried = &mut *tried.lock().unwrap_or_else(PoisonError::into_inner);
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

/// Sends a request over a kept connection, or a new one. A kept connection that
/// died before a byte of an answer was most likely closed by its server while
/// the request was under way (RFC 9112 §9.3.1): the request is sent once more
/// over a new one, if nothing of it was sent, or if it may be sent twice.
async fn ask(
    active: &Active,
    mut request: http::Request<Outgoing>,
    asked: Option<&Granted>,
) -> Result<(Box<Wired>, Response<Incoming>), Failure> {
    let (service, endpoint) = (&active.service, active.endpoint);
    let mut anew = false;
    loop {
        let (mut wired, was_kept) = match service.lease(endpoint, anew).await? {
            Leased::Kept(wired) => (wired, true),
            Leased::New(wired) => (wired, false),
        };
        let may_repeat = was_kept
            && matches!(request.body(), Outgoing::Empty)
            && request.method().is_idempotent();
        let spare = may_repeat.then(|| copy(&request));
        match wired.ask(request).await {
            Ok(response) => {
                let (mut head, body) = response.into_parts();
                head::check(&mut head, asked)?;
                return Ok((wired, Response::from_parts(head, body)));
            }
            Err(Lost { failure, unsent, was_silent }) => {
                let is_stale = was_kept && was_silent && failure.kind == Kind::UpstreamReset;
                let again = unsent.or(spare).filter(|_| is_stale);
                request = again.ok_or(failure)?;
                service.endpoints[endpoint].reconnects.fetch_add(1, Relaxed);
                anew = true;
            }
        }
    }
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
    fn judge(
        &mut self,
        answered: Result<(Box<Wired>, Response<Incoming>), Failure>,
    ) -> Result<(Box<Wired>, Response<Incoming>), Failure> {
        self.is_over = true;
        match &answered {
            Ok((_, response)) => self.span.answered(response.status()),
            Err(failure) => self.span.fail(failure),
        }
        let verdict = match &answered {
            Ok((_, response)) => Some(Verdict::Status(response.status().as_u16())),
            Err(failure) => match failure.kind {
                Kind::UpstreamConnect => Some(Verdict::LocalFailure),
                Kind::UpstreamReset | Kind::UpstreamProtocol => {
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
