//! Where a guest leaves requests for the next handler, and what wakes whoever
//! drives both.

use super::NextResponse;
use sedge_model::failure::Failure;
use sedge_model::handler::{Context, Request};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};
use tokio::sync::oneshot;

/// What becomes of a request on the desk.
pub(crate) type Reply = oneshot::Receiver<Result<NextResponse, Failure>>;

/// A request that nobody has taken up yet.
pub(crate) struct Asked {
    pub(crate) request: Request,
    pub(crate) context: Context,
    pub(crate) reply: oneshot::Sender<Result<NextResponse, Failure>>,
}

/// Shared by a guest, which may run in the background, and its driver.
///
/// It is also the waker of both: what is woken while the driver looks after them
/// is looked at again before it goes to sleep, without a turn of the runtime.
#[derive(Default)]
pub(crate) struct Desk(Mutex<State>);

#[derive(Default)]
struct State {
    asked: Vec<Asked>,
    driver: Option<Waker>,
    awake: bool,
    woken: bool,
}

impl Desk {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leaves a request for the driver.
    pub(crate) fn ask(self: &Arc<Self>, request: Request, context: Context) -> Reply {
        let (reply, receiver) = oneshot::channel();
        self.lock().asked.push(Asked { request, context, reply });
        self.wake_by_ref();
        receiver
    }

    /// The driver begins to look after guest and next handler.
    pub(crate) fn begin(&self, driver: &Waker) {
        let mut state = self.lock();
        state.awake = true;
        state.woken = false;
        if !state.driver.as_ref().is_some_and(|known| known.will_wake(driver)) {
            state.driver = Some(driver.clone());
        }
    }

    /// What was left since the last look.
    pub(crate) fn take(&self) -> Vec<Asked> {
        std::mem::take(&mut self.lock().asked)
    }

    /// The driver wants to sleep. Whether it may: nothing was woken meanwhile.
    pub(crate) fn sleep(&self) -> bool {
        let mut state = self.lock();
        if std::mem::take(&mut state.woken) {
            return false;
        }
        state.awake = false;
        true
    }

    /// The driver leaves, whatever was woken.
    pub(crate) fn leave(&self) {
        self.lock().awake = false;
    }
}

impl Wake for Desk {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let driver = {
            let mut state = self.lock();
            if state.awake {
                state.woken = true;
                return;
            }
            state.driver.clone()
        };
        if let Some(driver) = driver {
            driver.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

    struct Count(AtomicU32);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Relaxed);
        }
    }

    #[test]
    fn only_a_driver_that_sleeps_is_woken() {
        let desk = Arc::new(Desk::default());
        let count = Arc::new(Count(AtomicU32::new(0)));
        desk.wake_by_ref();
        desk.begin(&Waker::from(count.clone()));
        desk.wake_by_ref();
        assert_eq!(count.0.load(Relaxed), 0);
        assert!(!desk.sleep(), "something was woken");
        assert!(desk.sleep(), "and has been looked at");
        desk.wake_by_ref();
        assert_eq!(count.0.load(Relaxed), 1);
    }
}
