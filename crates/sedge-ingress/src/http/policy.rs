//! What guards the way of one rule, around whatever answers: a rate and a
//! concurrency limit, faults, the overall timeout, and tries.
//!
//! In this order, cheapest first: `rate`, `concurrency`, faults of mode `envoy`
//! (outside of every clock), then the timeout, and inside of it the tries, each
//! with the faults of mode `per-attempt` and its own timeout.

mod budget;
mod concurrency;
mod faults;
mod kept;
mod rate;
mod retry;
mod timeout;

use budget::RetryBudget;
use concurrency::Concurrency;
use http::Response;
use kept::Kept;
use rate::Rates;
use sedge_model::failure::{Failure, Kind};
use sedge_model::handler::{Answer, Body, Context, Handler, Request};
use sedge_model::routing::policy::{FaultMode, Policy, Retries};
use sedge_model::trace::random;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// What a try must not be sent to again; in the extensions of a request that is
/// tried another time. An upstream adds the endpoint that it picks.
#[derive(Clone, Default)]
pub(crate) struct Tried(pub(crate) Arc<std::sync::Mutex<Vec<usize>>>);

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

    /// Whether requests pass as if there were no guard.
    fn is_idle(&self) -> bool {
        self.policy == Policy::default()
    }

    /// Sends a request to `to`, within the policy. Without one, nothing is added
    /// to the call.
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
        if let Some(rates) = &self.rates {
            rates.admit(&request, &context)?;
        }
        let slot = match &self.concurrency {
            Some(concurrency) => Some(concurrency.enter()?),
            None => None,
        };
        if self.policy.faults.mode == FaultMode::Envoy
            && let Some(answer) = faults::inject(&self.policy.faults, &context).await
        {
            return Ok(answer);
        }
        let (request, mut deadline) = match self.policy.timeout {
            None => (request, None),
            Some(timeout) => {
                let (request, deadline) = timeout::clock(request, timeout);
                (request, Some(deadline))
            }
        };
        let response = self.in_time(to, request, context, deadline.as_mut()).await?;
        Ok(match (deadline, slot) {
            (None, None) => response,
            (deadline, slot) => response.map(|body| timeout::bounded(body, deadline, slot)),
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
        let tried = Tried::default();
        for retry in 0.. {
            let mut again = head.clone();
            if let Some(TimedOut(timed_out)) = again.extensions.get() {
                timed_out.store(false, Relaxed);
            }
            if retries.elsewhere {
                again.extensions.insert(tried.clone());
            }
            if retry > 0 {
                again.extensions.insert(IsRetry(retry));
            }
            let request = Request::from_parts(again, kept.body());
            let answer = self.once(to, request, context.clone(), Some(retries)).await;
            let is_wanted = retry < retries.attempts
                && retry::is_wanted(&retries.on, &head.method, &answer)
                && kept.can_replay();
            if !is_wanted {
                return answer;
            }
            if !self.budget.as_ref().is_none_or(RetryBudget::take) {
                context.notes.note(|noted| noted.retry_refused = true);
                return answer;
            }
            drop(answer);
            context.notes.note(|noted| noted.retries += 1);
            tokio::time::sleep(retry::backoff(retries, retry, random::nonzero())).await;
        }
        unreachable!("the last try returns")
    }
}

#[cfg(test)]
mod tests;
