//! Links of chains that are no functions: changes of header fields, the bounds of a
//! policy, and early hints, at any place of a chain.

use super::policy::Guard;
use super::rule::changes;
use sedge_model::failure::Failure;
use sedge_model::handler::{Answer, Context, Handler, Request, Response};
use sedge_model::routing::policy::Policy;
use sedge_model::routing::rule::Changes;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

mod early_hints;
pub mod hints;
mod memory;
mod metrics;

pub use early_hints::{EarlyHintsLink, HintMetrics, Hints};
pub use metrics::{LinkMetrics, LinkName};

/// Changes of header fields, around what stands behind.
pub struct HeaderLink {
    request: Changes,
    response: Changes,
    metrics: Arc<LinkMetrics>,
    next: Arc<dyn Handler>,
}

impl HeaderLink {
    /// `request` on the way in, `response` on the way out.
    pub fn new(
        request: Changes,
        response: Changes,
        metrics: Arc<LinkMetrics>,
        next: Arc<dyn Handler>,
    ) -> Self {
        HeaderLink { request, response, metrics, next }
    }

    async fn answer(&self, mut request: Request, context: Context) -> Result<Response, Failure> {
        self.metrics.passed.fetch_add(1, Relaxed);
        changes::apply(&self.request, request.headers_mut());
        let mut response = self.next.call(request, context).await?;
        changes::apply(&self.response, response.headers_mut());
        Ok(response)
    }
}

impl Handler for HeaderLink {
    fn call(&self, request: Request, context: Context) -> Answer<'_> {
        Box::pin(self.answer(request, context))
    }
}

/// A bound: what it has counted so far outlives the revision that it stands in.
pub struct Bound {
    guard: Guard,
    metrics: Arc<LinkMetrics>,
}

impl Bound {
    /// Begins with nothing counted against the policy.
    pub fn new(policy: &Policy, metrics: Arc<LinkMetrics>) -> Arc<Self> {
        Arc::new(Bound { guard: Guard::new(policy), metrics })
    }
}

/// A bound, before what stands behind it.
pub struct BoundLink {
    bound: Arc<Bound>,
    next: Arc<dyn Handler>,
}

impl BoundLink {
    /// Lets through to `next` what is within the bound.
    pub fn new(bound: Arc<Bound>, next: Arc<dyn Handler>) -> Self {
        let next = Arc::new(Behind { next });
        BoundLink { bound, next }
    }

    async fn answer(&self, mut request: Request, context: Context) -> Result<Response, Failure> {
        let Bound { guard, metrics } = &*self.bound;
        let slot = match guard.enter(&request, &context) {
            Ok(slot) => slot,
            Err(failure) => {
                metrics.refused.fetch_add(1, Relaxed);
                return Err(failure);
            }
        };
        let answered = Answered::default();
        request.extensions_mut().insert(answered.clone());
        let answer = guard.call(&self.next, request, context).await;
        let counter = match answer.is_err() && !answered.0.load(Relaxed) {
            true => &metrics.timed_out,
            false => &metrics.passed,
        };
        counter.fetch_add(1, Relaxed);
        answer.map(|response| Guard::held(response, slot))
    }
}

impl Handler for BoundLink {
    fn call(&self, request: Request, context: Context) -> Answer<'_> {
        Box::pin(self.answer(request, context))
    }
}

/// Whether what stands behind a bound has answered; in the extensions of a request
/// on its way there.
#[derive(Clone, Default)]
struct Answered(Arc<AtomicBool>);

/// What stands behind a bound. A failure of its kind may come from further behind,
/// so the bound must know whether it was its own.
struct Behind {
    next: Arc<dyn Handler>,
}

impl Behind {
    async fn answer(&self, mut request: Request, context: Context) -> Result<Response, Failure> {
        let answered = request.extensions_mut().remove::<Answered>().unwrap_or_default();
        let answer = self.next.call(request, context).await;
        answered.0.store(true, Relaxed);
        answer
    }
}

impl Handler for Behind {
    fn call(&self, request: Request, context: Context) -> Answer<'_> {
        Box::pin(self.answer(request, context))
    }
}

#[cfg(test)]
mod tests;
