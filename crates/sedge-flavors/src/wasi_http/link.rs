//! A function that is a link of a chain.

use super::function::WasiHttpFunction;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use sedge_model::failure::{Blame, Failure};
use sedge_model::handler::{Answer, Body, Context, Handler, Request, Response};
use sedge_model::routing::rule::Fail;
use std::pin::Pin;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{self, Poll};

/// A middleware together with what stands behind it.
pub struct Link {
    function: WasiHttpFunction,
    next: Arc<dyn Handler>,
    fail: Fail,
}

impl Link {
    /// Puts `function`, which must be a middleware, before `next`.
    ///
    /// With [`Fail::Open`], a request passes on as it came if the function fails
    /// (not: refuses what the client sent) before it has called the next handler,
    /// has read any of the request's body, or has answered. A body half read, or
    /// a next handler that may have acted, cannot be undone: then the request
    /// fails as with [`Fail::Closed`].
    pub fn new(function: WasiHttpFunction, next: Arc<dyn Handler>, fail: Fail) -> Self {
        Link { function, next, fail }
    }
}

impl Link {
    async fn closed(&self, request: Request, context: Context) -> Result<Response, Failure> {
        let answer = self.function.answer(request, context, Some(&self.next)).await;
        answer.map_err(|failed| failed.failure)
    }

    async fn open(&self, request: Request, context: Context) -> Result<Response, Failure> {
        let (head, body) = request.into_parts();
        let (kept, lent) = Kept::lend(body);
        let tried = Request::from_parts(head.clone(), lent);
        let failed = match self.function.answer(tried, context.clone(), Some(&self.next)).await {
            Ok(response) => return Ok(response),
            Err(failed) => failed,
        };
        let is_links = failed.failure.kind.blame() != Blame::Client;
        match kept.take_whole() {
            Some(body) if is_links && !failed.asked => {
                self.function.metrics().passed_open.fetch_add(1, Relaxed);
                self.next.call(Request::from_parts(head, body), context).await
            }
            _ => Err(failed.failure),
        }
    }
}

impl Handler for Link {
    fn call(&self, request: Request, context: Context) -> Answer<'_> {
        match self.fail {
            Fail::Closed => Box::pin(self.closed(request, context)),
            Fail::Open => Box::pin(self.open(request, context)),
        }
    }
}

/// A body that comes back if nobody has read of it.
struct Kept(Arc<Mutex<Lent>>);

struct Lent {
    body: Option<Body>,
    read: bool,
}

struct LentBody(Arc<Mutex<Lent>>);

fn lock(lent: &Mutex<Lent>) -> MutexGuard<'_, Lent> {
    lent.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Kept {
    fn lend(body: Body) -> (Kept, Body) {
        let lent = Arc::new(Mutex::new(Lent { body: Some(body), read: false }));
        (Kept(lent.clone()), Body::new(LentBody(lent)))
    }

    fn take_whole(&self) -> Option<Body> {
        let mut lent = lock(&self.0);
        if lent.read { None } else { lent.body.take() }
    }
}

impl http_body::Body for LentBody {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut task::Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let mut lent = lock(&self.0);
        lent.read = true;
        match &mut lent.body {
            Some(body) => Pin::new(body).poll_frame(context),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        lock(&self.0).body.as_ref().is_none_or(|body| body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        lock(&self.0).body.as_ref().map_or_else(SizeHint::default, |body| body.size_hint())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;
    use sedge_model::handler::full;

    #[tokio::test]
    async fn only_an_unread_body_comes_back() {
        let (kept, lent) = Kept::lend(full("whole"));
        drop(lent);
        let body = kept.take_whole().expect("unread");
        assert_eq!(body.collect().await.expect("whole").to_bytes(), "whole");

        let (kept, mut lent) = Kept::lend(full("half"));
        lent.frame().await.expect("a frame").expect("data");
        assert!(kept.take_whole().is_none());
    }
}
