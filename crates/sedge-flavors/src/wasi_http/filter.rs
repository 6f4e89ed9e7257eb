//! The quick way through a link of a chain: `sedge:link/filter`.
//!
//! A guest that exports it is shown the head of a request as one value, and says in one value
//! what becomes of it. Between it and the handler behind there is no stream, no handle and no
//! task of the guest: the request passes on in the host, its body untouched. An instance that
//! wants to see the head of the answer is held for that, and serves others otherwise. What the
//! guest would rather do by `wasi:http/handler` it leaves to that.
//!
//! What guests say is checked in [`changes`]; the limits of bodies hold in [`bounded`].

mod bounded;
mod changes;

use super::failures::Failures;
use super::function::{Failed, Flight, Inner, Place};
use super::idle::{Home, IdleInstance};
use super::instance::Face;
use super::loading::Loaded;
use super::next;
use super::next::flow::Flow;
use super::request::{TRACEPARENT, check_fields};
use super::services::filtering::Filtering;
use super::services::filtering::exports::sedge::link::filter as words;
use super::state::State;
use crate::outbound::Trace;
use bounded::bounded;
use http::header::HOST;
use http::uri::{Authority, PathAndQuery};
use http::{HeaderMap, HeaderValue, request, response};
use http_body::Body as _;
use sedge_engine::call::Call;
use sedge_model::failure::{Failure, Kind};
use sedge_model::handler::{Body, Context, Handler, Request, Response, full};
use std::future::poll_fn;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use wasmtime::Store;

/// What a guest is asked, with the head that it is asked about.
enum Question {
    Request { head: request::Parts, tls: bool },
    Response { told: Told },
}

/// What came of a request that passed.
struct Told {
    /// `None` where the handler behind has failed.
    head: Option<response::Parts>,
    status: u16,
    latency: Duration,
}

/// What it says to that, and the head that it was asked about.
enum Said {
    Request { head: request::Parts, outcome: words::Outcome },
    Response { told: Told, changes: words::Changes },
}

/// What a filter's two calls for one request have in common.
struct Round {
    loaded: Arc<Loaded>,
    /// Time on the CPU that is left for them.
    cpu_left: Duration,
    failures: Failures,
}

/// A guest's answer with its instance, if that will be called again for the same request.
type Back = oneshot::Sender<(Said, Option<IdleInstance>)>;

impl Inner {
    /// Answers a request as the guest's filter says, or by its handler if that is what it says.
    pub(super) async fn filter(
        self: &Arc<Self>,
        loaded: Arc<Loaded>,
        (request, context): (Request, Context),
        next: &Arc<dyn Handler>,
        flight: Flight,
        failures: Failures,
    ) -> Result<Response, Failed> {
        let limits = &self.spec.limits;
        let mut round = Round { loaded, cpu_left: limits.cpu(), failures };
        let (mut head, body) = request.into_parts();
        let trace = Trace::of(&context, &head.headers);
        // The guest's work hangs below its own span, whatever the client says.
        if let Ok(value) = HeaderValue::from_bytes(&context.trace.encode()) {
            head.headers.insert(TRACEPARENT, value);
        }
        let question = Question::Request { head, tls: context.tls };
        let (said, held) = self.ask(&mut round, question, context.client, trace, None).await?;
        let Said::Request { mut head, outcome } = said else { return Err(mixed_up().into()) };
        match outcome {
            words::Outcome::Defer => {
                let request = Request::from_parts(head, body);
                let Round { loaded, failures, .. } = round;
                let place = Place { loaded, home: Home::here(), held };
                let begun = self.begin(place, request, context, Some(next), flight);
                self.answered(begun, failures).await
            }
            words::Outcome::Answer(answer) => {
                let answer = changes::answer(answer, limits)?;
                self.spec.metrics.filtered.fetch_add(1, Relaxed);
                Ok(answer.map(full))
            }
            words::Outcome::Pass(pass) => {
                changes::pass(&mut head, pass, limits)?;
                self.spec.metrics.filtered.fetch_add(1, Relaxed);
                let (bytes_max, failures) = (limits.request_body_bytes_max, round.failures.clone());
                let failed = move |failure: &Failure| failures.record(failure);
                let body = bounded(body, bytes_max, Kind::RequestBodyLimit, failed);
                let request = Request::from_parts(head, body);
                self.passed(round, (request, context), next, held).await
            }
        }
    }

    /// Sends a request on, and shows its answer's head to the guest if that is held for it.
    async fn passed(
        self: &Arc<Self>,
        mut round: Round,
        (request, context): (Request, Context),
        next: &Arc<dyn Handler>,
        held: Option<IdleInstance>,
    ) -> Result<Response, Failed> {
        let failed = |failure| Failed { failure, behind: false, asked: true };
        let (client, trace) = (context.client, context.trace);
        let trace = Trace::below(trace, context.spans.clone());
        let behind = Context { trace: next::span(&context, &request), ..context };
        let begin = Instant::now();
        let answer = next.call(request, behind).await;
        let latency = begin.elapsed();
        let (status, head, rest) = match answer {
            Ok(response) => {
                let (mut head, body) = response.into_parts();
                changes::strip(&mut head.headers);
                (head.status.as_u16(), Some(head), Ok(body))
            }
            Err(failure) => (failure.kind.status(), None, Err(failure)),
        };
        let mut told = Told { head, status, latency };
        if held.is_some() {
            let question = Question::Response { told };
            let asked = self.ask(&mut round, question, client, trace, held).await;
            let (Said::Response { told: shown, changes }, _) = asked.map_err(failed)? else {
                return Err(failed(mixed_up()));
            };
            told = shown;
            if let Some(head) = &mut told.head {
                changes::response(head, changes, &self.spec.limits).map_err(failed)?;
            }
        }
        let body = rest.map_err(|failure| Failed { failure, behind: true, asked: true })?;
        let head = told.head.ok_or_else(|| failed(mixed_up()))?;
        self.sent_back(head, body, round.failures).map_err(failed)
    }

    /// An answer within this function's limits, as if its handler had passed it on.
    fn sent_back(
        &self,
        head: response::Parts,
        body: Body,
        failures: Failures,
    ) -> Result<Response, Failure> {
        let limits = &self.spec.limits;
        check_fields(&head.headers, limits, Kind::ResponseHeaderLimit)?;
        let bytes_max = limits.response_body_bytes_max;
        if body.size_hint().lower() > bytes_max {
            return Err(bounded::too_large(Kind::ResponseBodyLimit, bytes_max));
        }
        let failed = move |failure: &Failure| failures.record(failure);
        let body = bounded(body, bytes_max, Kind::ResponseBodyLimit, failed);
        Ok(Response::from_parts(head, body))
    }

    /// Calls the guest.
    async fn ask(
        self: &Arc<Self>,
        round: &mut Round,
        question: Question,
        client: IpAddr,
        trace: Trace,
        held: Option<IdleInstance>,
    ) -> Result<(Said, Option<IdleInstance>), Failure> {
        let (back, mut said) = oneshot::channel();
        let place = Place { loaded: round.loaded.clone(), home: Home::here(), held };
        let call = Call::new(round.cpu_left);
        let work = self.clone().consider(place, call.clone(), question, (client, trace), back);
        let mut flow = Flow::alone(self.drive(call.clone(), Box::pin(work)));
        poll_fn(|context| flow.poll(context)).await?;
        round.cpu_left = round.cpu_left.saturating_sub(call.cpu_spent());
        // A call that has ended has sent what it ever will.
        said.try_recv().map_err(|_| mixed_up())
    }

    /// Everything that a guest does for one question.
    async fn consider(
        self: Arc<Self>,
        mut place: Place,
        call: Arc<Call>,
        question: Question,
        (client, trace): (IpAddr, Trace),
        back: Back,
    ) {
        let mut idle = match self.instance(Face::Http, &mut place, &call, trace).await {
            Ok(idle) => idle,
            Err(failure) => return call.fail(failure),
        };
        self.enter(&mut idle, client);
        let is_granted = self.spec.services.client.is_granted();
        let client = is_granted.then(|| client.to_string());
        let said = match idle.instance.filter() {
            Ok(filter) => answer(filter, &mut idle.store, question, client.as_deref()).await,
            Err(error) => Err(error),
        };
        let transaction = self.leave(&call, &mut idle);
        let said = match said {
            Ok(said) => said,
            // Before the store is dropped: see `sedge_engine::call::drive::Work`.
            Err(error) => return call.fail(self.classify(&error, &mut idle.store)),
        };
        transaction.into_iter().for_each(|said| self.spec.services.output.end(said));
        let held = match said.is_to_be_continued() {
            true => Some(idle),
            false => {
                self.keep(Face::Http, place.home, idle);
                None
            }
        };
        // Who has gone away does not want it.
        let _ = back.send((said, held));
    }
}

impl Said {
    /// Whether the guest will be called again for the same request.
    fn is_to_be_continued(&self) -> bool {
        match self {
            Said::Request { outcome: words::Outcome::Defer, .. } => true,
            Said::Request { outcome: words::Outcome::Pass(pass), .. } => pass.wants_response,
            Said::Request { outcome: words::Outcome::Answer(_), .. } | Said::Response { .. } => {
                false
            }
        }
    }
}

/// Puts a question to a guest.
async fn answer(
    filter: &Filtering,
    store: &mut Store<State>,
    question: Question,
    client: Option<&str>,
) -> wasmtime::Result<Said> {
    let filter = filter.sedge_link_filter();
    match question {
        Question::Request { head, tls } => {
            let host = || head.headers.get(HOST)?.to_str().ok();
            let request = words::Request {
                method: head.method.as_str(),
                is_secure: tls,
                authority: head.uri.authority().map(Authority::as_str).or_else(host),
                path_with_query: head.uri.path_and_query().map_or("/", PathAndQuery::as_str),
                fields: &changes::shown(&head.headers),
                client,
            };
            let outcome = filter.call_on_request(store, request).await?;
            Ok(Said::Request { head, outcome })
        }
        Question::Response { told } => {
            let none = HeaderMap::new();
            let fields = told.head.as_ref().map_or(&none, |head| &head.headers);
            let response = words::Response {
                status: told.status,
                is_failed: told.head.is_none(),
                fields: &changes::shown(fields),
                latency_us: u64::try_from(told.latency.as_micros()).unwrap_or(u64::MAX),
            };
            let changes = filter.call_on_response(store, response).await?;
            Ok(Said::Response { told, changes })
        }
    }
}

/// A defect of the node.
fn mixed_up() -> Failure {
    Failure::new(Kind::Internal, "a filter's call left nothing behind, or what was not asked")
}
