//! The tasks that answer streams. The watch over slow clients sees a connection as a
//! whole: a client that takes one answer, or has its pings answered, could leave all
//! others lying for ever. So each task whose answer is not taken has a timer.

use crate::http::metrics::{Shard, Timeout};
use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep};

thread_local! {
    /// What the answer's body of the task that is being polled was last heard of.
    static HEARD: Cell<Option<Move>> = const { Cell::new(None) };
    /// Whether a task is being dropped because its answer is not taken.
    static STALLED: Cell<bool> = const { Cell::new(false) };
}

/// Whose move it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Move {
    /// The handler has nothing to send yet.
    Handler,
    /// Something is there to be sent.
    Client,
}

impl Move {
    /// A body tells whenever it is asked for more.
    pub(crate) fn note(self) {
        HEARD.set(Some(self));
    }
}

/// Whether the client of the answer that is being dropped has not taken it.
pub(crate) fn is_stalled() -> bool {
    STALLED.get()
}

/// Spawns the tasks of a thread's streams.
#[derive(Clone)]
pub(crate) struct StreamTasks {
    write_timeout: Duration,
    shard: Arc<Shard>,
}

impl StreamTasks {
    pub(super) fn new(write_timeout: Duration, shard: Arc<Shard>) -> Self {
        StreamTasks { write_timeout, shard }
    }
}

impl StreamTasks {
    /// Begins to answer a stream.
    pub(super) fn spawn(&self, stream: impl Future<Output = ()> + Send + 'static) {
        let tasks = self.clone();
        tokio::spawn(StreamTask {
            stream: Some(Box::pin(stream)),
            tasks,
            is_clients: false,
            timer: None,
        });
    }
}

/// One stream's answer.
struct StreamTask<F> {
    /// `None` once it is over.
    stream: Option<Pin<Box<F>>>,
    tasks: StreamTasks,
    /// Whether the next move is the client's.
    is_clients: bool,
    /// Armed only while it is.
    timer: Option<Pin<Box<Sleep>>>,
}

impl<F: Future<Output = ()>> Future for StreamTask<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let me = &mut *self;
        let Some(stream) = &mut me.stream else { return Poll::Ready(()) };
        HEARD.set(None);
        if stream.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        let deadline = || Instant::now() + me.tasks.write_timeout;
        match HEARD.take() {
            // Asked for more, so the client has taken what was there before.
            Some(Move::Client) => {
                me.is_clients = true;
                match &mut me.timer {
                    Some(timer) => timer.as_mut().reset(deadline()),
                    None => me.timer = Some(Box::pin(tokio::time::sleep_until(deadline()))),
                }
            }
            Some(Move::Handler) => me.is_clients = false,
            None => {}
        }
        let timer = me.timer.as_mut().filter(|_| me.is_clients);
        if timer.is_some_and(|timer| timer.as_mut().poll(cx).is_ready()) {
            me.tasks.shard.timeouts[Timeout::Write as usize].add(1);
            STALLED.set(true);
            me.stream = None;
            STALLED.set(false);
            return Poll::Ready(());
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

    struct Dropped(Arc<AtomicBool>, Arc<AtomicBool>);

    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.store(true, SeqCst);
            self.1.store(is_stalled(), SeqCst);
        }
    }

    /// Runs a stream whose body says `heard` at its first poll, or one each 10 ms,
    /// for three times as long as it may wait; whether it was dropped by then, and as
    /// one that stalled.
    async fn run(heard: Option<Move>, repeats: bool) -> (bool, bool) {
        let shard = Arc::<Shard>::default();
        let tasks = StreamTasks::new(Duration::from_secs(1), shard.clone());
        let marks = [(); 2].map(|()| Arc::<AtomicBool>::default());
        let dropped = Dropped(marks[0].clone(), marks[1].clone());
        tasks.spawn(async move {
            let _dropped = dropped;
            let mut ticks = tokio::time::interval(Duration::from_millis(10));
            let mut first = true;
            poll_fn(|cx| {
                let ticked = ticks.poll_tick(cx).is_ready();
                if let Some(heard) = heard
                    && (first || (repeats && ticked))
                {
                    heard.note();
                }
                first = false;
                Poll::<()>::Pending
            })
            .await;
        });
        tokio::time::sleep(Duration::from_secs(3)).await;
        let (dropped, stalled) = (marks[0].load(SeqCst), marks[1].load(SeqCst));
        assert_eq!(shard.timeouts[Timeout::Write as usize].get(), u64::from(stalled));
        (dropped, stalled)
    }

    #[tokio::test]
    async fn an_answer_that_is_not_taken_is_dropped_and_others_are_not() {
        let (not_taken, taken_slowly, not_there, no_answer) = tokio::join!(
            run(Some(Move::Client), false),
            run(Some(Move::Client), true),
            run(Some(Move::Handler), false),
            run(None, false),
        );
        assert_eq!(not_taken, (true, true));
        assert_eq!([taken_slowly, not_there, no_answer], [(false, false); 3]);
    }
}
