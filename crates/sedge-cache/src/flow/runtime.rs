//! What a cache is handed, because it knows neither a runtime nor a clock.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// Work without an answer.
pub type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Work that may block its thread.
pub type Blocking = Box<dyn FnOnce() + Send>;

/// Tasks, threads and time.
#[derive(Clone)]
pub struct Runtime {
    /// Runs a task beside whoever calls, best on the same thread.
    pub spawn: Arc<dyn Fn(Task) + Send + Sync>,
    /// Runs work that reads files, on a thread that may wait for them.
    pub blocking: Arc<dyn Fn(Blocking) + Send + Sync>,
    /// Ends after this time.
    pub sleep: Arc<dyn Fn(Duration) -> Task + Send + Sync>,
    /// Milliseconds since the Unix epoch.
    pub now_ms: Arc<dyn Fn() -> u64 + Send + Sync>,
}

impl Runtime {
    pub(super) fn now_ms(&self) -> u64 {
        (self.now_ms)()
    }

    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        (self.spawn)(Box::pin(task));
    }

    /// What `work` gives on a thread that may wait; `None` if it was never run to its
    /// end.
    pub(super) async fn block<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let (tell, told) = futures_channel::oneshot::channel();
        (self.blocking)(Box::new(move || drop(tell.send(work()))));
        told.await.ok()
    }

    /// What `future` gives within `time`.
    pub(super) async fn within<F: Future + Unpin>(
        &self,
        time: Duration,
        future: F,
    ) -> Option<F::Output> {
        use futures_util::future::{Either, select};
        match select(future, (self.sleep)(time)).await {
            Either::Left((output, _)) => Some(output),
            Either::Right(_) => None,
        }
    }
}
