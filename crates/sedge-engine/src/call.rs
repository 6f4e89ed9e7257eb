//! One call of a guest: what it has used, and which thread drives it.
//!
//! A call begins on the thread that received its request, and most end there within
//! microseconds. A guest that uses the CPU for longer than a tick is moved to
//! background threads of lower priority, so that its neighbors on the request threads
//! do not wait for it, and the next calls of its function begin there. So do those of
//! a function that used a quarter of a tick for a request, or failed by its own fault: what a trap
//! or a limit leaves to be done (walking a deep stack, giving back memory) takes
//! longer than most answers. Nothing is spawned for the others: the guest's future is
//! polled by whoever waits for the response's head, then by the response's body, and
//! dropping either cancels the guest.

pub mod background;
pub mod drive;
pub mod lane;

use crate::config::TICK;
use crate::ticker;
use sedge_model::failure::{Blame, Failure};
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, LazyLock, OnceLock};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// Time zero of the process, so that an instant fits into an atomic.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

thread_local! {
    /// Wall clock and CPU clock of this thread, read together a tick ago or
    /// less when a poll began: what tells a poll that worked for long from one
    /// whose thread was preempted.
    static CLOCKS: Cell<(u64, u64)> = const { Cell::new((0, 0)) };
    /// Whether this thread is polling a guest now.
    static IN_GUEST: Cell<bool> = const { Cell::new(false) };
}

/// Whether the calling code runs within a guest's poll. What must not happen
/// there (wasmtime runs no store within another's event loop) can ask.
pub fn in_guest() -> bool {
    IN_GUEST.get()
}

/// What the guest's future, its host functions and its response share.
///
/// All accesses are `Relaxed`: the fields are statistics and one-way flags,
/// and whoever needs order beyond that gets it from the runtime that moves the
/// future between threads.
pub struct Call {
    cpu_limit_ns: u64,
    /// CPU time that makes it heavy.
    heavy_ns: u64,
    /// CPU time of the polls that have ended.
    spent_ns: AtomicU64,
    /// Wall clock at the start of the poll under way.
    poll_started_ns: AtomicU64,
    /// CPU clock of the thread when it was first read during this poll; zero
    /// if it was not. Reading it costs a system call (about 900 ns here,
    /// against 25 ns for the wall clock), so short polls never do.
    thread_cpu_ns: AtomicU64,
    /// CPU time of this poll before `thread_cpu_ns` was read.
    before_ns: AtomicU64,
    /// Whether the thread's clock is read at the beginning and end of every poll.
    measured: AtomicBool,
    hot: AtomicBool,
    failure: OnceLock<Failure>,
}

/// CPU time that makes a call of a request heavy: ten times that of a quick answer. More of
/// it on a request thread 50 times a second would be felt by one in a hundred of its neighbors.
const HEAVY: Duration = Duration::from_micros(250);

/// What a call was like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weight {
    Light,
    /// It took long by the clock on the wall, which also counts what others did
    /// meanwhile.
    Suspect,
    /// It used much CPU time, or failed by its own fault.
    Heavy,
}

/// What to do with a guest that a tick found running.
pub(crate) enum Tick {
    Continue,
    Yield,
    OverCpuLimit,
}

impl Call {
    /// A call that answers a request. It may spend `cpu_limit` on the CPU.
    pub fn new(cpu_limit: Duration) -> Arc<Self> {
        Call::heavy_from(HEAVY, cpu_limit)
    }

    /// A call on a thread that answers no requests. It is heavy only if it is hot: what a
    /// few messages take is no reason to let their actuators wait for background threads.
    pub fn beside_requests(cpu_limit: Duration) -> Arc<Self> {
        Call::heavy_from(TICK, cpu_limit)
    }

    fn heavy_from(heavy: Duration, cpu_limit: Duration) -> Arc<Self> {
        Arc::new(Call {
            cpu_limit_ns: nanos(cpu_limit),
            heavy_ns: nanos(heavy),
            spent_ns: AtomicU64::new(0),
            poll_started_ns: AtomicU64::new(0),
            thread_cpu_ns: AtomicU64::new(0),
            before_ns: AtomicU64::new(0),
            measured: AtomicBool::new(false),
            hot: AtomicBool::new(false),
            failure: OnceLock::new(),
        })
    }

    /// The CPU time that the call may spend.
    pub fn cpu_limit(&self) -> Duration {
        Duration::from_nanos(self.cpu_limit_ns)
    }

    /// The CPU time that ended polls have spent.
    pub fn cpu_spent(&self) -> Duration {
        Duration::from_nanos(self.spent_ns.load(Relaxed))
    }

    /// The CPU time that the call has spent, the poll under way included. Only
    /// for the thread that polls.
    pub fn cpu_spent_so_far(&self) -> Duration {
        Duration::from_nanos(self.spent_ns.load(Relaxed) + self.spent_in_poll())
    }

    /// Whether the guest has kept the CPU for long.
    pub fn is_hot(&self) -> bool {
        self.hot.load(Relaxed)
    }

    /// Records why the call failed; the first reason stays.
    pub fn fail(&self, failure: Failure) {
        let _ = self.failure.set(failure);
    }

    /// Why the call failed, if it did.
    pub fn failure(&self) -> Option<&Failure> {
        self.failure.get()
    }

    /// Has the CPU time read from the thread's clock from now on: exact, for two system
    /// calls in each poll.
    pub(crate) fn measure(&self) {
        self.measured.store(true, Relaxed);
    }

    /// What it was like, for the [`lane::Lane`] of its function.
    pub(crate) fn weight(&self) -> Weight {
        let failed = self.failure().is_some_and(|failure| failure.kind.blame() == Blame::Guest);
        let long = self.spent_ns.load(Relaxed) >= self.heavy_ns;
        match (failed || self.is_hot(), long, self.measured.load(Relaxed)) {
            (true, ..) | (_, true, true) => Weight::Heavy,
            (_, true, false) => Weight::Suspect,
            (_, false, _) => Weight::Light,
        }
    }

    /// Polls a guest's future, and charges the call for it.
    fn poll_charged(&self, work: &mut drive::Work, context: &mut Context<'_>) -> Poll<()> {
        struct Leave(bool);
        impl Drop for Leave {
            fn drop(&mut self) {
                IN_GUEST.set(self.0);
            }
        }
        let _leave = Leave(IN_GUEST.replace(true));
        self.poll_begins();
        let poll = work.as_mut().poll(context);
        self.poll_ends();
        poll
    }

    fn poll_begins(&self) {
        ticker::beat();
        let now = nanos(START.elapsed());
        if now.saturating_sub(CLOCKS.get().0) >= nanos(TICK) {
            CLOCKS.set((now, thread_cpu_ns()));
        }
        self.poll_started_ns.store(now, Relaxed);
        self.before_ns.store(0, Relaxed);
        // A hot guest, and one that is suspected of much, is charged by the thread's own
        // clock from the first instruction; preemption is not its fault.
        let exact = self.is_hot() || self.measured.load(Relaxed);
        let clock = if exact { thread_cpu_ns() } else { 0 };
        self.thread_cpu_ns.store(clock, Relaxed);
    }

    /// Ticks find a guest that computes; one whose host functions work for
    /// long, or that is polled very often, is found here.
    fn poll_ends(&self) {
        let in_poll = self.spent_in_poll();
        let before = self.spent_ns.load(Relaxed);
        self.spent_ns.store(before + in_poll, Relaxed);
        if before + in_poll >= nanos(TICK) {
            self.hot.store(true, Relaxed);
        }
    }

    /// CPU time since the poll began. Until the thread's clock was read in this
    /// poll, wall time stands in for it, or if that is long, what the thread
    /// has worked since its clock was last read: a thread that was preempted
    /// did not run longer.
    fn spent_in_poll(&self) -> u64 {
        let clock = self.thread_cpu_ns.load(Relaxed);
        if clock != 0 {
            return self.before_ns.load(Relaxed) + thread_cpu_ns().saturating_sub(clock);
        }
        let wall = nanos(START.elapsed()).saturating_sub(self.poll_started_ns.load(Relaxed));
        if wall < nanos(TICK) {
            return wall;
        }
        wall.min(thread_cpu_ns().saturating_sub(CLOCKS.get().1))
    }

    /// Called in the guest's thread when an epoch passed while it ran.
    pub(crate) fn tick(&self) -> Tick {
        ticker::beat();
        let in_poll = self.spent_in_poll();
        if self.thread_cpu_ns.load(Relaxed) == 0 {
            self.before_ns.store(in_poll, Relaxed);
            self.thread_cpu_ns.store(thread_cpu_ns().max(1), Relaxed);
        }
        let spent = self.spent_ns.load(Relaxed) + in_poll;
        if spent > self.cpu_limit_ns {
            return Tick::OverCpuLimit;
        }
        if spent < nanos(TICK) {
            return Tick::Continue;
        }
        self.hot.store(true, Relaxed);
        Tick::Yield
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// The time that this thread has spent on the CPU.
fn thread_cpu_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid, writable timespec for the length of the call,
    // and the clock id is a constant that Linux has had since 2.6.12.
    let status = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    debug_assert_eq!(status, 0);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use sedge_model::failure::Kind;

    #[test]
    fn waiting_is_free_and_work_is_charged() {
        let call = Call::new(Duration::from_millis(40));
        call.hot.store(true, Relaxed);
        call.poll_begins();
        std::thread::sleep(Duration::from_millis(60));
        assert!(!matches!(call.tick(), Tick::OverCpuLimit), "sleeping is not CPU time");
        work_for(Duration::from_millis(50));
        assert!(matches!(call.tick(), Tick::OverCpuLimit));
        assert!(call.cpu_spent_so_far() >= Duration::from_millis(50));
        call.poll_ends();
        assert!(call.cpu_spent() >= Duration::from_millis(50));
    }

    fn work_for(duration: Duration) {
        let begin = thread_cpu_ns();
        while thread_cpu_ns() - begin < nanos(duration) {
            std::hint::spin_loop();
        }
    }

    #[test]
    fn a_poll_whose_thread_slept_is_neither_charged_nor_hot() {
        let call = Call::new(Duration::from_secs(1));
        CLOCKS.set((0, 0));
        call.poll_begins();
        std::thread::sleep(Duration::from_millis(20));
        call.poll_ends();
        assert!(call.cpu_spent() < Duration::from_millis(5), "{:?}", call.cpu_spent());
        assert!(!call.is_hot());
    }

    #[test]
    fn a_poll_that_works_without_a_tick_is_charged_and_hot() {
        let call = Call::new(Duration::from_secs(1));
        call.poll_begins();
        work_for(Duration::from_millis(5));
        call.poll_ends();
        assert!(call.cpu_spent() >= Duration::from_millis(5), "{:?}", call.cpu_spent());
        assert!(call.is_hot());
    }

    #[test]
    fn many_short_polls_are_hot_together() {
        let call = Call::new(Duration::from_secs(1));
        for _ in 0..40 {
            assert!(call.cpu_spent() < TICK || call.is_hot());
            call.poll_begins();
            work_for(Duration::from_micros(50));
            call.poll_ends();
        }
        assert!(call.is_hot());
    }

    #[test]
    fn what_only_the_wall_clock_saw_is_suspected_and_then_measured() {
        let weight = |measured: bool, work: fn()| {
            let call = Call::new(Duration::from_secs(1));
            if measured {
                call.measure();
            }
            call.poll_begins();
            work();
            call.poll_ends();
            call.weight()
        };
        let sleeps = || std::thread::sleep(Duration::from_micros(600));
        let works = || work_for(Duration::from_micros(600));
        assert_eq!(weight(true, sleeps), Weight::Light);
        assert_eq!(weight(true, works), Weight::Heavy);
        // Without a measurement, a machine that is busy may make it hot.
        assert_ne!(weight(false, works), Weight::Light);
    }

    #[test]
    fn what_answers_no_request_is_heavy_from_a_tick_on() {
        let weight = |micros: u64| {
            let call = Call::beside_requests(Duration::from_secs(1));
            call.measure();
            call.poll_begins();
            work_for(Duration::from_micros(micros));
            call.poll_ends();
            call.weight()
        };
        assert_eq!((weight(400), weight(1_100)), (Weight::Light, Weight::Heavy));
    }

    #[test]
    fn the_first_failure_stays() {
        let call = Call::new(Duration::from_secs(1));
        call.fail(Failure::new(Kind::CpuLimit, "first"));
        call.fail(Failure::new(Kind::Trap, "second"));
        assert_eq!(call.failure().map(|failure| failure.kind), Some(Kind::CpuLimit));
    }
}
