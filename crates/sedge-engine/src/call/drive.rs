//! Drives a guest's future: in place while it is quick, in the background when
//! it is not, and never beyond its deadline.

use super::lane::Lane;
use super::{Call, Weight};
use sedge_model::failure::{Failure, Kind};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::Sleep;

/// A guest's work, from instantiation to the end of its call.
///
/// It records a failure in its [`Call`] *before* it drops the store, because
/// the store's end of a body channel then closes, which must not look like the
/// end of a complete body.
pub type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A guest's future together with the thread that drives it.
///
/// Dropping it cancels the guest, wherever it runs.
pub struct Drive {
    call: Arc<Call>,
    place: Place,
    lane: Arc<Lane>,
    deadline: Duration,
    /// Armed only when the guest first waits, so that the many calls that
    /// never do pay for no timer.
    timer: Option<Pin<Box<Sleep>>>,
}

enum Place {
    /// On the thread that polls.
    Here(Work),
    /// In the background; the handle aborts when dropped.
    Background(AbortOnDrop),
    Ended,
}

impl Place {
    fn background(lane: &Lane, call: &Arc<Call>, work: Work) -> Self {
        let metered = Metered { call: call.clone(), work };
        Place::Background(AbortOnDrop(lane.background().spawn(metered)))
    }
}

struct AbortOnDrop(JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Drive {
    /// Takes charge of `work`, which begins in the background if calls of its function
    /// were heavy, or failed, more often than now and then. `deadline` is wall time between
    /// two signs of progress (see [`Drive::progress`]).
    pub fn new(call: Arc<Call>, work: Work, lane: Arc<Lane>, deadline: Duration) -> Self {
        if lane.is_doubtful() {
            call.measure();
        }
        let place = match lane.is_heavy() {
            true => Place::background(&lane, &call, work),
            false => Place::Here(work),
        };
        Drive { call, place, lane, deadline, timer: None }
    }

    /// The call that is driven.
    pub fn call(&self) -> &Arc<Call> {
        &self.call
    }

    /// Whether the guest's future has ended.
    pub fn has_ended(&self) -> bool {
        matches!(self.place, Place::Ended)
    }

    /// The guest has produced something: its deadline begins anew.
    pub fn progress(&mut self) {
        self.timer = None;
    }

    /// Lets the guest work. Ready when its future has ended: with the failure
    /// that it recorded, if any; or when it has shown no progress for too long.
    pub fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        match self.poll_guest(context) {
            Poll::Pending => self.poll_deadline(context).map(Err),
            ended => ended,
        }
    }

    /// Like [`Drive::poll`], without a look at the clock: for a guest that waits
    /// for somebody who has a deadline of their own.
    pub fn poll_guest(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        ready!(self.poll_place(context));
        self.place = Place::Ended;
        self.lane.record(self.call.weight());
        Poll::Ready(match self.call.failure() {
            Some(failure) => Err(failure.clone()),
            None => Ok(()),
        })
    }

    /// Ready when the guest has shown no progress for too long; it is ended then.
    pub fn poll_deadline(&mut self, context: &mut Context<'_>) -> Poll<Failure> {
        let deadline = self.deadline;
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(deadline)));
        ready!(timer.as_mut().poll(context));
        let failure = Failure::new(
            Kind::Deadline,
            format!("no sign of progress within {} ms", deadline.as_millis()),
        );
        self.call.fail(failure.clone());
        self.place = Place::Ended;
        Poll::Ready(failure)
    }

    fn poll_place(&mut self, context: &mut Context<'_>) -> Poll<()> {
        match &mut self.place {
            Place::Ended => Poll::Ready(()),
            Place::Background(handle) => poll_join(handle, &self.call, context),
            Place::Here(work) => {
                let poll = self.call.poll_charged(work, context);
                if poll.is_ready() || !self.call.is_hot() {
                    return poll;
                }
                self.lane.record(Weight::Heavy);
                let Place::Here(work) = std::mem::replace(&mut self.place, Place::Ended) else {
                    unreachable!("matched above");
                };
                self.place = Place::background(&self.lane, &self.call, work);
                self.poll_place(context)
            }
        }
    }

    /// Where a guest may go on that nobody waits for.
    pub fn background(&self) -> &Handle {
        self.lane.background()
    }
}

fn poll_join(handle: &mut AbortOnDrop, call: &Call, context: &mut Context<'_>) -> Poll<()> {
    if let Err(error) = ready!(Pin::new(&mut handle.0).poll(context)) {
        call.fail(Failure::new(Kind::Internal, format!("background call ended early: {error}")));
    }
    Poll::Ready(())
}

/// Charges the polls of a future to its call.
struct Metered {
    call: Arc<Call>,
    work: Work,
}

impl Future for Metered {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let Metered { call, work } = &mut *self;
        call.poll_charged(work, context)
    }
}

#[cfg(test)]
mod tests {
    use super::super::background::Background;
    use super::*;
    use std::sync::atomic::Ordering::Relaxed;

    fn lane(background: &Background) -> Arc<Lane> {
        Arc::new(Lane::new(background.handle()))
    }

    async fn finish(mut drive: Drive) -> Result<(), Failure> {
        std::future::poll_fn(|context| drive.poll(context)).await
    }

    #[tokio::test]
    async fn a_guest_that_waits_forever_ends_at_its_deadline() {
        let background = Background::start(1).expect("threads");
        let call = Call::new(Duration::from_secs(1));
        let work: Work = Box::pin(std::future::pending());
        let drive = Drive::new(call.clone(), work, lane(&background), Duration::from_millis(20));
        let failure = finish(drive).await.expect_err("deadline");
        assert_eq!(failure.kind, Kind::Deadline);
        assert_eq!(call.failure().map(|failure| failure.kind), Some(Kind::Deadline));
    }

    #[tokio::test]
    async fn a_hot_guest_moves_and_dropping_the_drive_stops_it() {
        let background = Background::start(1).expect("threads");
        let call = Call::new(Duration::from_secs(1));
        let (dropped, mut gone) = tokio::sync::oneshot::channel::<()>();
        let marked = call.clone();
        let work: Work = Box::pin(async move {
            let _alive = dropped;
            let here = std::thread::current().id();
            marked.hot.store(true, Relaxed);
            tokio::task::yield_now().await;
            assert_ne!(here, std::thread::current().id(), "moved to the background");
            std::future::pending::<()>().await;
        });
        let mut drive = Drive::new(call, work, lane(&background), Duration::from_secs(60));
        tokio::time::timeout(
            Duration::from_millis(50),
            std::future::poll_fn(|context| drive.poll(context)),
        )
        .await
        .expect_err("still pending");
        assert!(gone.try_recv().is_err());
        drop(drive);
        tokio::time::timeout(Duration::from_secs(5), gone)
            .await
            .expect("bounded")
            .expect_err("dropped");
    }

    #[tokio::test]
    async fn after_hot_calls_the_next_begins_in_the_background() {
        let background = Background::start(1).expect("threads");
        let lane = lane(&background);
        for heavy in [false, false, true] {
            let call = Call::new(Duration::from_secs(1));
            let (marked, here) = (call.clone(), std::thread::current().id());
            let work: Work = Box::pin(async move {
                let there = std::thread::current().id();
                assert_eq!(there != here, heavy);
                marked.hot.store(true, Relaxed);
            });
            assert_eq!(lane.is_heavy(), heavy);
            let drive = Drive::new(call, work, lane.clone(), Duration::from_secs(60));
            tokio::time::timeout(Duration::from_secs(20), finish(drive))
                .await
                .expect("bounded")
                .expect("no failure");
        }
    }

    #[tokio::test]
    async fn after_failures_of_its_own_the_next_call_begins_in_the_background() {
        let background = Background::start(1).expect("threads");
        for (kind, heavy) in [(Kind::ClientGone, false), (Kind::StackLimit, true)] {
            let lane = lane(&background);
            for _ in 0..2 {
                let call = Call::new(Duration::from_secs(1));
                let inner = call.clone();
                let work: Work = Box::pin(async move { inner.fail(Failure::new(kind, "failed")) });
                let drive = Drive::new(call, work, lane.clone(), Duration::from_secs(1));
                finish(drive).await.expect_err("failed");
            }
            assert_eq!(lane.is_heavy(), heavy, "{kind:?}");
        }
    }

    #[tokio::test]
    async fn a_failure_recorded_by_the_guest_is_returned() {
        let background = Background::start(1).expect("threads");
        let call = Call::new(Duration::from_secs(1));
        let inner = call.clone();
        let work: Work = Box::pin(async move { inner.fail(Failure::new(Kind::Trap, "boom")) });
        let drive = Drive::new(call, work, lane(&background), Duration::from_secs(1));
        assert_eq!(finish(drive).await.expect_err("trap").kind, Kind::Trap);
    }
}
