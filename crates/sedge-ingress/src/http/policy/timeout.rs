//! What ends with an answer's last byte: the overall timeout, and a slot.

use super::concurrency::Slot;
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use sedge_model::failure::{Failure, Kind};
use sedge_model::handler::{Body, Request};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// Ends when a request's time is over.
pub(super) type Deadline = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The failure of a request whose time is over.
pub(super) fn over() -> Failure {
    Failure::new(Kind::UpstreamTimeout, "no whole answer within the rule's timeout")
}

/// The clock of a request. It stands still while the client is waited for, so
/// that a slow upload does not use up the upstream's time.
pub(super) fn clock(request: Request, timeout: Duration) -> (Request, Deadline) {
    if request.body().is_end_stream() {
        return (request, Box::pin(tokio::time::sleep(timeout)));
    }
    let pauses = Arc::new(Pauses::default());
    let deadline = run(timeout, Arc::clone(&pauses));
    (request.map(|body| Body::new(Upload { body, pauses })), Box::pin(deadline))
}

async fn run(timeout: Duration, pauses: Arc<Pauses>) {
    loop {
        let used = pauses.begin.elapsed().saturating_sub(pauses.total());
        let Some(left) = timeout.checked_sub(used).filter(|left| !left.is_zero()) else { return };
        tokio::time::sleep(left.max(Duration::from_millis(1))).await;
    }
}

/// How long a client was waited for; nanoseconds since the begin.
struct Pauses {
    begin: Instant,
    total_ns: AtomicU64,
    /// 0: it is not waited for.
    since_ns: AtomicU64,
}

impl Default for Pauses {
    fn default() -> Self {
        Pauses { begin: Instant::now(), total_ns: AtomicU64::new(0), since_ns: AtomicU64::new(0) }
    }
}

impl Pauses {
    fn now_ns(&self) -> u64 {
        u64::try_from(self.begin.elapsed().as_nanos()).unwrap_or(u64::MAX).max(1)
    }

    fn total(&self) -> Duration {
        let since = match self.since_ns.load(Relaxed) {
            0 => 0,
            since => self.now_ns().saturating_sub(since),
        };
        Duration::from_nanos(self.total_ns.load(Relaxed).saturating_add(since))
    }

    fn set(&self, waits: bool) {
        let since = self.since_ns.load(Relaxed);
        if waits && since == 0 {
            self.since_ns.store(self.now_ns(), Relaxed);
        } else if !waits && since != 0 {
            self.total_ns.fetch_add(self.now_ns().saturating_sub(since), Relaxed);
            self.since_ns.store(0, Relaxed);
        }
    }
}

/// A request's body that notes how long it is waited for.
struct Upload {
    body: Body,
    pauses: Arc<Pauses>,
}

impl HttpBody for Upload {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        self.pauses.set(frame.is_pending());
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        self.pauses.set(false);
    }
}

/// A body that must end by then, and holds what must live until then.
pub(super) fn bounded(body: Body, deadline: Option<Deadline>, slot: Option<Slot>) -> Body {
    let deadline = deadline.filter(|_| !body.is_end_stream());
    Body::new(Bounded { body, deadline, _slot: slot })
}

struct Bounded {
    body: Body,
    deadline: Option<Deadline>,
    _slot: Option<Slot>,
}

impl HttpBody for Bounded {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        if frame.is_pending()
            && let Some(deadline) = &mut self.deadline
            && deadline.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(Some(Err(over())));
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
