//! Links of chains that are no functions: changes of header fields, and the bounds
//! of a policy, at any place of a chain.

use super::policy::Guard;
use super::rule::changes;
use sedge_model::failure::Failure;
use sedge_model::handler::{Answer, Context, Handler, Request, Response};
use sedge_model::routing::policy::Policy;
use sedge_model::routing::rule::Changes;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

mod metrics;

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
        let steps = Steps::default();
        request.extensions_mut().insert(steps.clone());
        let answer = self.bound.guard.call(&self.next, request, context).await;
        let metrics = &self.bound.metrics;
        let (is_passed, is_answered) = (steps.is_passed(), steps.is_answered());
        let counter = match (is_passed, is_answered) {
            (false, _) => &metrics.refused,
            (true, false) if answer.is_err() => &metrics.timed_out,
            (true, _) => &metrics.passed,
        };
        counter.fetch_add(1, Relaxed);
        answer
    }
}

impl Handler for BoundLink {
    fn call(&self, request: Request, context: Context) -> Answer<'_> {
        Box::pin(self.answer(request, context))
    }
}

/// How far a request came behind a bound; in its extensions on the way from the one
/// to the other.
#[derive(Clone, Default)]
struct Steps(Arc<(AtomicBool, AtomicBool)>);

impl Steps {
    fn is_passed(&self) -> bool {
        self.0.0.load(Relaxed)
    }

    fn is_answered(&self) -> bool {
        self.0.1.load(Relaxed)
    }
}

/// What stands behind a bound. A failure of its kind may come from further behind,
/// so the bound must know whether it was its own.
struct Behind {
    next: Arc<dyn Handler>,
}

impl Behind {
    async fn answer(&self, mut request: Request, context: Context) -> Result<Response, Failure> {
        let steps = request.extensions_mut().remove::<Steps>().unwrap_or_default();
        steps.0.0.store(true, Relaxed);
        let answer = self.next.call(request, context).await;
        steps.0.1.store(true, Relaxed);
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
