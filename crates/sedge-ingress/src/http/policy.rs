//! What guards the way of one rule: a rate and a concurrency limit, faults, the
//! overall timeout, and tries.
//!
//! In this order, cheapest first: `rate` and `concurrency` ([`Guard::enter`]), faults
//! of mode `envoy` ([`Guard::inject`], outside of every clock and before all else
//! that the rule does), then, around whatever answers, the timeout, and inside of it
//! the tries, each with the faults of mode `per-attempt` and its own timeout
//! ([`Guard::call`]).

mod budget;
mod concurrency;
mod faults;
mod kept;
mod rate;
mod retry;
mod timeout;

use budget::RetryBudget;
use concurrency::{Concurrency, Slot};
use http::Response;
use kept::Kept;
use rate::Rates;
use sedge_model::failure::{Failure, Kind};
use sedge_model::handler::{Answer, Body, Context, Handler, Request};
use sedge_model::routing::policy::{FaultMode, Policy, Retries};
use sedge_model::trace::random;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

/// What tries and their upstream know of each other; in the extensions of a request
/// that may be tried another time.
#[derive(Clone)]
pub(crate) struct Tried(pub(crate) Arc<Tries>);

/// What is shared by the tries of one request.
pub(crate) struct Tries {
    /// Whether a try goes to an endpoint that is not in `endpoints`, if there is one.
    pub(crate) elsewhere: bool,
    /// An upstream adds the endpoint that it picks.
    pub(crate) endpoints: Mutex<Vec<usize>>,
    /// Set by an upstream that has no room for a retry under `retries_max`: what it
    /// answered is passed on then, because a refusal would say less.
    pub(crate) has_no_room: AtomicBool,
}

impl Tried {
    fn new(retries: &Retries) -> Self {
        Tried(Arc::new(Tries {
            elsewhere: retries.elsewhere,
            endpoints: Mutex::default(),
            has_no_room: AtomicBool::new(false),
        }))
    }
}

/// In the extensions of a request that is a retry, from 1: it counts against
/// `retries_max` of the upstream.
#[derive(Clone, Copy)]
pub(crate) struct IsRetry(pub(crate) u32);

/// In the extensions of a request whose time is bounded: set before the call is
/// dropped because its time is over, so that an upstream can tell that from a
/// client that has left.
#[derive(Clone, Default)]
pub(crate) struct TimedOut(pub(crate) Arc<AtomicBool>);

/// One rule's policy at work; its state is shared by all threads, and by
/// atomics only.
pub struct Guard {
    policy: Policy,
    rates: Option<Rates>,
    concurrency: Option<Arc<Concurrency>>,
    budget: Option<RetryBudget>,
}

impl Guard {
    /// Begins with full buckets.
    pub fn new(policy: &Policy) -> Self {
        let budget = policy.retries.as_ref().and_then(|retries| retries.budget);
        Guard {
            rates: policy.rate.as_ref().map(Rates::new),
            concurrency: policy.concurrency_max.map(|max| Arc::new(Concurrency::new(max))),
            budget: budget.map(RetryBudget::new),
            policy: policy.clone(),
        }
    }

    /// Lets a request in, if the rate and the concurrency allow one more.
    pub(super) fn enter(
        &self,
        request: &Request,
        context: &Context,
    ) -> Result<Option<Slot>, Failure> {
        if let Some(rates) = &self.rates {
            rates.admit(request, context)?;
        }
        self.concurrency.as_ref().map(Concurrency::enter).transpose()
    }

    /// Faults of mode `envoy`: waits, and gives an answer in the place of whatever
    /// the rule does, each if chance says so.
    pub(super) async fn inject(&self, context: &Context) -> Option<Response<Body>> {
        match self.policy.faults.mode {
            FaultMode::Envoy => faults::inject(&self.policy.faults, context).await,
            FaultMode::PerAttempt => None,
        }
    }

    /// An answer whose request is under way until its last byte.
    pub(super) fn held(response: Response<Body>, slot: Option<Slot>) -> Response<Body> {
        match slot {
            None => response,
            slot => response.map(|body| timeout::bounded(body, None, slot)),
        }
    }

    /// Whether a call passes as if there were no guard.
    fn is_idle(&self) -> bool {
        let policy = &self.policy;
        let is_within = policy.faults.mode == FaultMode::PerAttempt;
        policy.timeout.is_none() && policy.retries.is_none() && !is_within
    }

    /// Sends a request to `to`, within the timeout and the tries. Without them,
    /// nothing is added to the call.
    pub fn call<'a>(
        &'a self,
        to: &'a Arc<dyn Handler>,
        request: Request,
        context: Context,
    ) -> Answer<'a> {
        if self.is_idle() {
            return to.call(request, context);
        }
        Box::pin(self.guard(to, request, context))
    }

    async fn guard(
        &self,
        to: &Arc<dyn Handler>,
        request: Request,
        context: Context,
    ) -> Result<Response<Body>, Failure> {
        let (request, mut deadline) = match self.policy.timeout {
            None => (request, None),
            Some(timeout) => {
                let (request, deadline) = timeout::clock(request, timeout);
                (request, Some(deadline))
            }
        };
        let response = self.in_time(to, request, context, deadline.as_mut()).await?;
        Ok(match deadline {
            None => response,
            deadline => response.map(|body| timeout::bounded(body, deadline, None)),
        })
    }

    /// All tries, until the deadline.
    async fn in_time(
        &self,
        to: &Arc<dyn Handler>,
        mut request: Request,
        context: Context,
        deadline: Option<&mut timeout::Deadline>,
    ) -> Result<Response<Body>, Failure> {
        let Some(deadline) = deadline else { return self.tries(to, request, context).await };
        let timed_out = TimedOut::default();
        request.extensions_mut().insert(timed_out.clone());
        let mut answered = pin!(self.tries(to, request, context));
        tokio::select! {
            biased;
            answer = &mut answered => answer,
            () = deadline => {
                timed_out.0.store(true, Relaxed);
                Err(timeout::over())
            }
        }
    }

    async fn tries(
        &self,
        to: &Arc<dyn Handler>,
        request: Request,
        context: Context,
    ) -> Result<Response<Body>, Failure> {
        if let Some(budget) = &self.budget {
            budget.note_request();
        }
        match &self.policy.retries {
            None => self.once(to, request, context, None).await,
            Some(retries) => self.again_and_again(to, request, context, retries).await,
        }
    }

    /// One try, with its faults and within its time.
    async fn once(
        &self,
        to: &Arc<dyn Handler>,
        mut request: Request,
        context: Context,
        retries: Option<&Retries>,
    ) -> Result<Response<Body>, Failure> {
        let Some(time) = retries.and_then(|retries| retries.per_try_timeout) else {
            return self.attempt(to, request, context).await;
        };
        // The same mark as that of the overall timeout, if there is one.
        let timed_out = request.extensions_mut().get_or_insert_default::<TimedOut>().clone();
        let notes = context.notes.clone();
        let mut answered = pin!(self.attempt(to, request, context));
        tokio::select! {
            biased;
            answer = &mut answered => answer,
            () = tokio::time::sleep(time) => {
                timed_out.0.store(true, Relaxed);
                notes.note(|noted| noted.try_timeouts += 1);
                Err(Failure::new(Kind::UpstreamTryTimeout, "no answer within per_try_timeout"))
            }
        }
    }

    async fn attempt(
        &self,
        to: &Arc<dyn Handler>,
        request: Request,
        context: Context,
    ) -> Result<Response<Body>, Failure> {
        if self.policy.faults.mode == FaultMode::PerAttempt
            && let Some(answer) = faults::inject(&self.policy.faults, &context).await
        {
            return Ok(answer);
        }
        to.call(request, context).await
    }

    async fn again_and_again(
        &self,
        to: &Arc<dyn Handler>,
        request: Request,
        context: Context,
        retries: &Retries,
    ) -> Result<Response<Body>, Failure> {
        let (head, body) = request.into_parts();
        let kept = Kept::new(body, retries.body_bytes_max);
        let tried = Tried::new(retries);
        // What the try before ended with, if that was no answer.
        let mut before = None;
        for retry in 0.. {
            let mut again = head.clone();
            if let Some(TimedOut(timed_out)) = again.extensions.get() {
                timed_out.store(false, Relaxed);
            }
            again.extensions.insert(tried.clone());
            if retry > 0 {
                again.extensions.insert(IsRetry(retry));
            }
            let request = Request::from_parts(again, kept.body());
            let answer = self.once(to, request, context.clone(), Some(retries)).await;
            if let (Err(failure), Some(before)) = (&answer, before.take())
                && failure.kind == Kind::UpstreamOverflow
            {
                // There was no room for this retry: what was known stays known.
                return Err(before);
            }
            let is_wanted = retry < retries.attempts
                && retry::is_wanted(&retries.on, &head.method, &answer)
                && kept.can_replay();
            let has_room = answer.is_err() || !tried.0.has_no_room.load(Relaxed);
            if !is_wanted || !has_room {
                return answer;
            }
            if !self.budget.as_ref().is_none_or(RetryBudget::take) {
                context.notes.note(|noted| noted.retry_refused = true);
                return answer;
            }
            before = answer.err();
            context.notes.note(|noted| noted.retries += 1);
            tokio::time::sleep(retry::backoff(retries, retry, random::nonzero())).await;
        }
        unreachable!("the last try returns")
    }
}

#[cfg(test)]
mod tests;
