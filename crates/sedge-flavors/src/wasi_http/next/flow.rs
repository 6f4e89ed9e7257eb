//! A guest together with what it has asked of the next handler.

use super::body::{self, Pump};
use super::desk::{Asked, Desk};
use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use sedge_engine::call::Call;
use sedge_engine::call::drive::Drive;
use sedge_model::failure::Failure;
use sedge_model::handler::{Body, Handler, Response};
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll, Waker};
use tokio::sync::oneshot;

/// Turns that guest and next handler take before the thread serves others.
const TURNS_MAX: u32 = 32;

/// Drives a guest, and for a link of a chain what stands behind it. Dropping it
/// cancels all of it.
pub(crate) struct Flow {
    drive: Drive,
    behind: Option<Box<Behind>>,
}

/// Whether somebody waits for the next frame of a body.
#[derive(Default)]
pub(crate) struct Waits(AtomicBool);

impl Waits {
    /// For a body that has anything to wait for.
    pub(crate) fn of(body: &Body) -> Option<Arc<Waits>> {
        (!body.is_end_stream()).then(Arc::default)
    }

    pub(crate) fn set(&self, waits: bool) {
        self.0.store(waits, Relaxed);
    }

    fn is_set(this: &Option<Arc<Waits>>) -> bool {
        this.as_ref().is_some_and(|waits| waits.0.load(Relaxed))
    }
}

struct Behind {
    desk: Arc<Desk>,
    waker: Waker,
    next: Arc<dyn Handler>,
    /// Of the guest, for the body that it was called with.
    upload: Option<Arc<Waits>>,
    asked: bool,
    under_way: Vec<UnderWay>,
    pumps: Vec<Pump>,
    /// The last failure behind the guest.
    failure: Option<Failure>,
}

/// A request that the next handler works on.
struct UnderWay {
    /// Of the next handler, for the body that the guest sends it.
    body: Option<Arc<Waits>>,
    answer: Pin<Box<dyn Future<Output = Result<Response, Failure>> + Send>>,
    reply: oneshot::Sender<Result<super::NextResponse, Failure>>,
}

impl Flow {
    /// A guest that nothing stands behind.
    pub(crate) fn alone(drive: Drive) -> Self {
        Flow { drive, behind: None }
    }

    /// A guest whose requests on `desk` are for `next`, and which was called with a
    /// body that `upload` belongs to.
    pub(crate) fn before(
        drive: Drive,
        desk: Arc<Desk>,
        next: Arc<dyn Handler>,
        upload: Option<Arc<Waits>>,
    ) -> Self {
        let waker = Waker::from(desk.clone());
        let behind = Behind {
            desk,
            waker,
            next,
            upload,
            asked: false,
            under_way: Vec::new(),
            pumps: Vec::new(),
            failure: None,
        };
        Flow { drive, behind: Some(Box::new(behind)) }
    }

    /// The call that is driven.
    pub(crate) fn call(&self) -> &Arc<Call> {
        self.drive.call()
    }

    /// Whether the guest's future has ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.drive.has_ended()
    }

    /// Whether the guest has called the next handler.
    pub(crate) fn has_asked(&self) -> bool {
        self.behind.as_ref().is_some_and(|behind| behind.asked)
    }

    /// Why the next handler gave no answer.
    pub(crate) fn failure_behind(&self) -> Option<Failure> {
        self.behind.as_ref()?.failure.clone()
    }

    /// Why a body of the next handler broke.
    pub(crate) fn broken_behind(&self) -> Option<Failure> {
        self.behind.as_ref()?.pumps.iter().find_map(Pump::failure)
    }

    /// Whether there is anything to poll for.
    pub(crate) fn is_busy(&self) -> bool {
        !self.has_ended() || self.behind.as_ref().is_some_and(|behind| !behind.pumps.is_empty())
    }

    /// The guest has produced something: its deadline begins anew.
    pub(crate) fn progress(&mut self) {
        self.drive.progress();
    }

    /// Lets the guest work, and whoever it waits for. Ready when the guest has
    /// ended. Its deadline rests while it waits for the next handler, which has
    /// one of its own; but not while both wait for each other.
    ///
    /// Tokio lets a task look at 128 of its things in one turn, then all of them
    /// say that they are not ready. With a guest, its next handler, and all links
    /// behind it within one task, that would come in the middle of a look, and who
    /// is behind would be told that nothing is there. [`TURNS_MAX`] bounds a turn in
    /// its place.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        let all = std::future::poll_fn(|context| self.poll_all(context));
        pin!(tokio::task::unconstrained(all)).poll(context)
    }

    fn poll_all(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        let Flow { drive, behind } = self;
        let Some(behind) = behind else { return drive.poll(context) };
        behind.desk.begin(context.waker());
        let waker = behind.waker.clone();
        let mut inner = Context::from_waker(&waker);
        for _ in 0..TURNS_MAX {
            if !drive.has_ended()
                && let Poll::Ready(ended) = drive.poll_guest(&mut inner)
            {
                behind.desk.leave();
                behind.under_way.clear();
                return Poll::Ready(ended);
            }
            behind.poll(&mut inner);
            if behind.desk.sleep() {
                if behind.is_waited_for() {
                    drive.progress();
                    return Poll::Pending;
                }
                if drive.has_ended() {
                    return Poll::Pending;
                }
                return drive.poll_deadline(context).map(Err);
            }
        }
        behind.desk.leave();
        context.waker().wake_by_ref();
        Poll::Pending
    }

    /// For a body that has nothing to give. Ready when its guest has ended and nobody
    /// has written of it for as long as a guest may show no progress: an instance that
    /// is kept may hold the writing end for ever. A body of the next handler has a
    /// deadline of its own.
    pub(crate) fn poll_left_open(&mut self, context: &mut Context<'_>) -> Poll<Failure> {
        let waits = self.behind.as_ref().is_some_and(|behind| behind.is_waited_for());
        match waits || !self.has_ended() {
            true => Poll::Pending,
            false => self.drive.poll_deadline(context),
        }
    }

    /// Lets the guest go on without anybody who waits for it. What it has asked of
    /// the next handler goes on with it. `failed` hears of it if that goes wrong.
    pub(crate) fn detach(mut self, failed: impl FnOnce(Failure) + Send + 'static) {
        if self.has_ended() {
            return;
        }
        self.progress();
        let background = self.drive.background().clone();
        background.spawn(async move {
            if let Err(failure) = std::future::poll_fn(|context| self.poll(context)).await {
                failed(failure);
            }
        });
    }
}

impl Behind {
    fn poll(&mut self, context: &mut Context<'_>) {
        for asked in self.desk.take() {
            self.asked = true;
            self.begin(asked);
        }
        let mut index = 0;
        while let Some(one) = self.under_way.get_mut(index) {
            match one.poll(context) {
                Poll::Pending => index += 1,
                Poll::Ready(answer) => {
                    let UnderWay { reply, .. } = self.under_way.swap_remove(index);
                    self.answered(answer, reply);
                }
            }
        }
        self.pumps.retain_mut(|pump| pump.poll(context));
    }

    fn begin(&mut self, asked: Asked) {
        let next = self.next.clone();
        let Asked { mut request, context, reply } = asked;
        let waits = Waits::of(request.body());
        if let Some(waits) = waits.clone() {
            request = request.map(|body| Body::new(Sent { body, waits }));
        }
        let answer = Box::pin(async move { next.call(request, context).await });
        self.under_way.push(UnderWay { body: waits, answer, reply });
    }

    fn answered(
        &mut self,
        answer: Option<Result<Response, Failure>>,
        reply: oneshot::Sender<Result<super::NextResponse, Failure>>,
    ) {
        let Some(answer) = answer else { return };
        let answer = match answer {
            Ok(response) => {
                let (head, body) = response.into_parts();
                let (body, pump) = body::divide(body, self.waker.clone());
                self.pumps.push(pump);
                Ok(http::Response::from_parts(head, body))
            }
            Err(failure) => {
                self.failure = Some(failure.clone());
                Err(failure)
            }
        };
        // A guest that does not wait any more loses its answer, which drops it.
        let _ = reply.send(answer);
    }

    /// Whether the guest waits for the next handler. Not so if that waits for a body
    /// of the guest, unless the guest has it from its client, who is waited for.
    fn is_waited_for(&self) -> bool {
        let works = |one: &UnderWay| !Waits::is_set(&one.body) || Waits::is_set(&self.upload);
        self.under_way.iter().any(works) || self.pumps.iter().any(Pump::is_waiting)
    }
}

/// A body that a guest sends to the next handler.
struct Sent {
    body: Body,
    waits: Arc<Waits>,
}

impl http_body::Body for Sent {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        self.waits.set(frame.is_pending());
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Sent {
    fn drop(&mut self) {
        self.waits.set(false);
    }
}

impl UnderWay {
    /// Ready with `None` when the guest does not wait any more.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Response, Failure>>> {
        if self.reply.poll_closed(context).is_ready() {
            return Poll::Ready(None);
        }
        self.answer.as_mut().poll(context).map(Some)
    }
}
